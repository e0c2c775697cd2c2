/*
 * record_sum.c - adding records up
 *
 * The server does so while it tells a replica, and the replica while it listens. Pure.
 */
#include "common/model/record_sum.h"

#include "common/base/digest.h"

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void put_u64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

void record_sum_add(struct record_sum *sum, unsigned kind, const struct uuid *id, uint64_t rev)
{
    uint8_t kind_byte = (uint8_t)kind, rev_bytes[8], digest[SHA256_SIZE];
    const struct slice parts[] = { slice_of(&kind_byte, 1), uuid_slice(id), slice_of(rev_bytes, sizeof rev_bytes) };

    put_u64(rev_bytes, rev);
    sha256(parts, ARRAY_LEN(parts), digest);
    *sum = record_sum_join(*sum, record_sum_of(digest));
}

struct record_sum record_sum_of(const uint8_t bytes[RECORD_SUM_SIZE])
{
    return (struct record_sum){ { get_u64(bytes), get_u64(bytes + 8) } };
}

struct record_sum record_sum_join(struct record_sum a, struct record_sum b)
{
    return (struct record_sum){ { a.part[0] + b.part[0], a.part[1] + b.part[1] } };
}

bool record_sum_equal(const struct record_sum *a, const struct record_sum *b)
{
    return a->part[0] == b->part[0] && a->part[1] == b->part[1];
}

void record_sum_write(const struct record_sum *sum, uint8_t out[RECORD_SUM_SIZE])
{
    put_u64(out, sum->part[0]);
    put_u64(out + 8, sum->part[1]);
}

bool record_sum_read(struct slice bytes, struct record_sum *out_sum)
{
    if (bytes.size != 0 && bytes.size != RECORD_SUM_SIZE)
        return false;
    *out_sum = (struct record_sum){ { 0 } };
    if (bytes.size)
        *out_sum = record_sum_of(bytes.data);
    return true;
}
