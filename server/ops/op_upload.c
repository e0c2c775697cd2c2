/*
 * op_upload.c - taking an upload in, chunk by chunk
 *
 * Each stage runs in the writer's group, on the bulk queue, so that people at work are not kept waiting.
 */
#include "common/base/clock.h"
#include "common/engine/index.h"
#include "proto/frame.h"
#include "common/base/sealed.h"
#include "server/ops/op.h"
#include "server/ops/upload.h"

#define ROW_SIZE  40 /* user, started, received, complete */

struct upload_row {
    struct uuid user;
    int64_t started_us;
    uint64_t received;
    uint64_t complete;
};

static void upload_key(struct key *key, const struct uuid *id)
{
    key->size = 0;
    key_u8(key, 'u');
    key_bytes(key, id->bytes, UUID_SIZE);
}

static enum crm_status load_row(const struct view *view, const struct uuid *id, struct upload_row *out_row)
{
    struct slice value, content;
    struct key key;
    enum crm_status status;

    upload_key(&key, id);
    status = view_get(view, STORE_JOB, key_slice(&key), &value);
    if (status == CRM_OK)
        status = sealed_open(value, ROW_SIZE, &content);
    if (status != CRM_OK)
        return status;
    memcpy(out_row->user.bytes, content.data, UUID_SIZE);
    memcpy(&out_row->started_us, content.data + 16, 8);
    memcpy(&out_row->received, content.data + 24, 8);
    memcpy(&out_row->complete, content.data + 32, 8);
    return CRM_OK;
}

static enum crm_status put_row(struct change_group *group, const struct uuid *id, const struct upload_row *row)
{
    uint8_t *content, *value = sealed_alloc(group->arena, ROW_SIZE, &content);
    struct key key;

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, row->user.bytes, UUID_SIZE);
    memcpy(content + 16, &row->started_us, 8);
    memcpy(content + 24, &row->received, 8);
    memcpy(content + 32, &row->complete, 8);
    upload_key(&key, id);
    return writeset_put(group->set, STORE_JOB, key_slice(&key), sealed_close(value, ROW_SIZE));
}

/* The user's own unfinished upload. */
static enum crm_status own_row(struct op_ctx *ctx, const struct uuid *id, struct upload_row *out_row)
{
    enum crm_status status = load_row(ctx->view, id, out_row);

    if (status == CRM_NOT_FOUND || (status == CRM_OK && !uuid_equal(&out_row->user, &ctx->session->user)))
        return op_fail_field(ctx, CRM_NOT_FOUND, "upload", "there is no such upload");
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the upload cannot be read");
}

static enum crm_status begin(struct op_ctx *ctx)
{
    const Crm__UploadRequest *request = ctx->request;
    struct upload_row row = { .user = ctx->session->user, .started_us = ctx->group->now_us };

    if (request->size > UPLOAD_MAX)
        return op_fail_field(ctx, CRM_TOO_LARGE, "size", "an upload has at most %u bytes", UPLOAD_MAX);
    if (!request->has_upload)
        *ctx->upload_id = uuid_create();
    else if (!uuid_from_slice(slice_of(request->upload.data, request->upload.len), ctx->upload_id))
        return op_fail_field(ctx, CRM_INVALID, "upload", "an upload's id has 16 bytes");
    else if (load_row(ctx->view, ctx->upload_id, &row) != CRM_NOT_FOUND)
        return own_row(ctx, ctx->upload_id, &row); /* cut off before: it goes on */
    return put_row(ctx->group, ctx->upload_id, &row);
}

static enum crm_status add_chunk(struct op_ctx *ctx)
{
    const Crm__UploadChunk *chunk = ctx->upload_message;
    struct upload_row row;
    struct key key;
    uint8_t *content, *value;
    enum crm_status status = own_row(ctx, ctx->upload_id, &row);

    if (status != CRM_OK)
        return status;
    if (row.complete || chunk->offset != row.received)
        return op_fail_field(ctx, CRM_INVALID, "offset", "the upload goes on at byte %llu", (unsigned long long)row.received);
    if (chunk->data.len == 0 || chunk->data.len > FRAME_CHUNK_MAX - 64 || row.received + chunk->data.len > UPLOAD_MAX)
        return op_fail_field(ctx, CRM_TOO_LARGE, "data", "a chunk has 1 to %d bytes, an upload at most %u", FRAME_CHUNK_MAX - 64, UPLOAD_MAX);
    upload_key(&key, ctx->upload_id);
    key_u64(&key, row.received);
    value = sealed_alloc(ctx->group->arena, chunk->data.len, &content);
    if (!value)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    memcpy(content, chunk->data.data, chunk->data.len);
    status = writeset_put(ctx->group->set, STORE_JOB, key_slice(&key), sealed_close(value, chunk->data.len));
    row.received += chunk->data.len;
    return status == CRM_OK ? put_row(ctx->group, ctx->upload_id, &row) : status;
}

struct collect {
    struct arena *arena;
    uint8_t *bytes;
    size_t size, capacity;
    enum crm_status status;
};

static bool collect_chunk(void *arg, struct slice key, struct slice value)
{
    struct collect *collect = arg;
    struct slice content;

    (void)key;
    collect->status = sealed_open(value, 0, &content);
    if (collect->status == CRM_OK && content.size > collect->capacity - collect->size)
        collect->status = CRM_CORRUPT;
    if (collect->status != CRM_OK)
        return false;
    memcpy(collect->bytes + collect->size, content.data, content.size);
    collect->size += content.size;
    return true;
}

static enum crm_status load_bytes(const struct view *view, const struct uuid *id, const struct upload_row *row, struct arena *arena,
                                  struct slice *out_bytes)
{
    struct collect collect = { .arena = arena, .capacity = row->received, .status = CRM_OK };
    struct key from, end;
    enum crm_status status;

    collect.bytes = arena_alloc(arena, row->received + 1);
    if (!collect.bytes)
        return CRM_NO_MEMORY;
    upload_key(&from, id);
    key_after_prefix(&from, &end);
    key_u64(&from, 0);
    status = view_scan(view, STORE_JOB, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, collect_chunk, &collect);
    if (status == CRM_OK)
        status = collect.status;
    *out_bytes = slice_of(collect.bytes, collect.size);
    return status == CRM_OK && collect.size != row->received ? CRM_CORRUPT : status;
}

static enum crm_status finish(struct op_ctx *ctx)
{
    const Crm__UploadEnd *end = ctx->upload_message;
    Crm__UploadReply *reply = ctx->reply;
    uint8_t hash[SHA256_SIZE];
    struct upload_row row;
    struct slice bytes;
    enum crm_status status = own_row(ctx, ctx->upload_id, &row);

    if (status == CRM_OK)
        status = load_bytes(ctx->view, ctx->upload_id, &row, ctx->arena, &bytes);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the upload cannot be read");
    sha256(&bytes, 1, hash);
    if (end->sha256.len != SHA256_SIZE || memcmp(end->sha256.data, hash, SHA256_SIZE) != 0)
        return op_fail_field(ctx, CRM_INVALID, "sha256", "what arrived has another hash: send it again");
    row.complete = 1;
    reply->has_upload = reply->has_received = reply->has_complete = true;
    reply->upload = (ProtobufCBinaryData){ .data = ctx->upload_id->bytes, .len = UUID_SIZE };
    reply->received = row.received;
    reply->complete = true;
    return put_row(ctx->group, ctx->upload_id, &row);
}

static enum crm_status run_upload(struct op_ctx *ctx)
{
    if (ctx->stage != OP_END && store_is_short(ctx->core->store))
        return op_fail(ctx, CRM_FULL, "the server's disk is nearly full: nothing is taken in");
    switch (ctx->stage) {
    case OP_BEGIN:
        return begin(ctx);
    case OP_CHUNK:
        return add_chunk(ctx);
    default:
        return finish(ctx);
    }
}

const struct op_def op_upload = {
    .code = OP_UPLOAD, .name = "upload", .flags = OP_WRITES | OP_UPLOADS, .request = &crm__upload_request__descriptor,
    .reply = &crm__upload_reply__descriptor, .chunk = &crm__upload_chunk__descriptor, .run = run_upload,
};

enum crm_status upload_load(const struct view *view, struct slice id, const struct uuid *user, struct arena *arena, struct slice *out_bytes,
                            struct failure *failure)
{
    struct upload_row row;
    struct uuid uuid;
    enum crm_status status = uuid_from_slice(id, &uuid) ? load_row(view, &uuid, &row) : CRM_NOT_FOUND;

    if (status == CRM_NOT_FOUND || (status == CRM_OK && (!uuid_equal(&row.user, user) || !row.complete)))
        return fail(failure, CRM_NOT_FOUND, "upload", "there is no such upload");
    if (status == CRM_OK)
        status = load_bytes(view, &uuid, &row, arena, out_bytes);
    return status == CRM_OK ? CRM_OK : fail(failure, status, "upload", "the upload cannot be read");
}
