/*
 * bucket.c - places, sums and marks of a comparison, as bytes
 *
 * Called by the server's feed and by the replica. Pure.
 */
#include "common/model/bucket.h"

#include <string.h>

#include "common/base/digest.h"

const struct bucket_place bucket_start = { 0 };
const struct bucket_place bucket_end = {
    .kind = UINT32_MAX,
    .id = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } },
};

int bucket_place_compare(const struct bucket_place *a, const struct bucket_place *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return memcmp(a->id.bytes, b->id.bytes, UUID_SIZE);
}

void bucket_write_u32(uint8_t out[4], uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

uint32_t bucket_read_u32(const uint8_t bytes[4])
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)bytes[i] << (8 * i);
    return value;
}

void bucket_place_write(const struct bucket_place *place, uint8_t out[BUCKET_PLACE_SIZE])
{
    bucket_write_u32(out, place->kind);
    memcpy(out + 4, place->id.bytes, UUID_SIZE);
}

struct bucket_place bucket_place_read(const uint8_t bytes[BUCKET_PLACE_SIZE])
{
    struct bucket_place place = { .kind = bucket_read_u32(bytes) };

    memcpy(place.id.bytes, bytes + 4, UUID_SIZE);
    return place;
}

struct record_sum bucket_mark(uint32_t kind, const struct uuid *id, uint64_t rev, int64_t updated_us, struct slice body)
{
    uint8_t head[BUCKET_PLACE_SIZE + 16] = { 0 }, digest[SHA256_SIZE];
    const struct bucket_place place = { .kind = kind, .id = *id };
    struct slice parts[2] = { { 0 }, body };

    bucket_place_write(&place, head);
    bucket_write_u32(head + BUCKET_PLACE_SIZE, (uint32_t)rev);
    bucket_write_u32(head + BUCKET_PLACE_SIZE + 4, (uint32_t)(rev >> 32));
    bucket_write_u32(head + BUCKET_PLACE_SIZE + 8, (uint32_t)updated_us);
    bucket_write_u32(head + BUCKET_PLACE_SIZE + 12, (uint32_t)((uint64_t)updated_us >> 32));
    parts[0] = slice_of(head, sizeof head);
    sha256(parts, body.size ? 2 : 1, digest);
    return record_sum_of(digest);
}

uint32_t bucket_mark_short(const struct record_sum *mark)
{
    return (uint32_t)mark->part[0];
}
