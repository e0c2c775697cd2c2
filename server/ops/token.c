/*
 * token.c - sealing and opening page tokens
 */
#include "server/ops/token.h"

#include "common/base/clock.h"

#define TOKEN_VERSION 1
#define FIXED_SIZE    17
#define MAC_SIZE      16

static void mac(struct op_ctx *ctx, struct slice query, struct slice content, uint8_t out[SHA256_SIZE])
{
    const struct slice parts[] = { uuid_slice(&ctx->session->user), slice_of(ctx->core->database, UUID_SIZE), content, query };

    hmac_sha256(slice_of(ctx->core->token_key, sizeof ctx->core->token_key), parts, ARRAY_LEN(parts), out);
}

enum crm_status token_make(struct op_ctx *ctx, struct slice query, struct slice position, uint64_t seq, ProtobufCBinaryData *out_token)
{
    size_t size = FIXED_SIZE + position.size;
    uint8_t *token = arena_alloc(ctx->arena, size + MAC_SIZE), digest[SHA256_SIZE];
    int64_t expires_us = clock_now_us() + TOKEN_KEPT_US;

    if (!token)
        return CRM_NO_MEMORY;
    token[0] = TOKEN_VERSION;
    memcpy(token + 1, &expires_us, 8);
    memcpy(token + 9, &seq, 8);
    if (position.size)
        memcpy(token + FIXED_SIZE, position.data, position.size);
    mac(ctx, query, slice_of(token, size), digest);
    memcpy(token + size, digest, MAC_SIZE);
    *out_token = (ProtobufCBinaryData){ .data = token, .len = size + MAC_SIZE };
    return CRM_OK;
}

enum crm_status token_open(struct op_ctx *ctx, struct slice query, struct slice token, struct slice *out_position, uint64_t *out_seq)
{
    uint8_t digest[SHA256_SIZE];
    int64_t expires_us;
    size_t size;

    if (token.size < FIXED_SIZE + MAC_SIZE || token.data[0] != TOKEN_VERSION)
        return op_fail_field(ctx, CRM_INVALID, "token", "this is no page token");
    size = token.size - MAC_SIZE;
    mac(ctx, query, slice_of(token.data, size), digest);
    if (!digest_equal(digest, token.data + size, MAC_SIZE))
        return op_fail_field(ctx, CRM_INVALID, "token", "the token does not belong to this list");
    memcpy(&expires_us, token.data + 1, 8);
    memcpy(out_seq, token.data + 9, 8);
    if (expires_us < clock_now_us())
        return op_fail_field(ctx, CRM_GONE, "token", "the token is too old: begin the list anew");
    *out_position = slice_of(token.data + FIXED_SIZE, size - FIXED_SIZE);
    return CRM_OK;
}
