/*
 * token_text.c - API tokens to text and back
 *
 * Pure. Any thread, both ends.
 */
#include "proto/token_text.h"

#include "common/base/digest.h"
#include "common/base/encode.h"

#define CHECK_SIZE 4 /* CRC32C, little-endian */

static void write_check(const uint8_t *random, uint8_t out[CHECK_SIZE])
{
    uint32_t crc = crc32c(0, random, API_TOKEN_RANDOM);

    for (unsigned i = 0; i < CHECK_SIZE; i++)
        out[i] = (uint8_t)(crc >> 8 * i);
}

void api_token_format(const uint8_t random[API_TOKEN_RANDOM], char text[API_TOKEN_TEXT_SIZE])
{
    uint8_t bytes[API_TOKEN_RANDOM + CHECK_SIZE];
    const size_t prefix = strlen(API_TOKEN_PREFIX);

    memcpy(bytes, random, API_TOKEN_RANDOM);
    write_check(random, bytes + API_TOKEN_RANDOM);
    memcpy(text, API_TOKEN_PREFIX, prefix);
    base64url_format(bytes, sizeof bytes, text + prefix);
    secret_wipe(bytes, sizeof bytes);
}

bool api_token_is_one(struct slice text)
{
    return text.size != 32 && slice_has_prefix(text, slice_text(API_TOKEN_PREFIX));
}

bool api_token_is_whole(struct slice text)
{
    uint8_t bytes[API_TOKEN_RANDOM + CHECK_SIZE], check[CHECK_SIZE];
    const size_t prefix = strlen(API_TOKEN_PREFIX);
    bool is_whole;

    if (text.size != API_TOKEN_TEXT_SIZE - 1 || !api_token_is_one(text) ||
        !base64url_parse(slice_of(text.data + prefix, text.size - prefix), bytes, sizeof bytes))
        return false;
    write_check(bytes, check);
    is_whole = digest_equal(check, bytes + API_TOKEN_RANDOM, CHECK_SIZE);
    secret_wipe(bytes, sizeof bytes);
    return is_whole;
}
