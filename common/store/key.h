/*
 * key.h - building store keys: a fixed buffer and order-preserving parts (header only)
 *
 * Integers are big-endian so that memcmp orders them; signed ones have their sign bit turned.
 */
#ifndef CRM_STORE_KEY_H
#define CRM_STORE_KEY_H

#include <assert.h>

#include "common/store/store.h"

struct key {
    uint8_t data[STORE_KEY_MAX];
    uint16_t size;
};

static inline struct slice key_slice(const struct key *key)
{
    return slice_of(key->data, key->size);
}

/* Append bytes. What may be long (text) is cut by the caller first; running over is our own mistake. */
static inline void key_bytes(struct key *key, const void *bytes, size_t size)
{
    assert(size <= sizeof key->data - key->size);
    if (size)
        memcpy(key->data + key->size, bytes, size);
    key->size = (uint16_t)(key->size + size);
}

static inline void key_u8(struct key *key, uint8_t value)
{
    key_bytes(key, &value, 1);
}

static inline void key_u16(struct key *key, uint16_t value)
{
    uint8_t b[2] = { (uint8_t)(value >> 8), (uint8_t)value };

    key_bytes(key, b, sizeof b);
}

static inline void key_u32(struct key *key, uint32_t value)
{
    uint8_t b[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };

    key_bytes(key, b, sizeof b);
}

static inline void key_u64(struct key *key, uint64_t value)
{
    key_u32(key, (uint32_t)(value >> 32));
    key_u32(key, (uint32_t)value);
}

static inline void key_i64(struct key *key, int64_t value)
{
    key_u64(key, (uint64_t)value ^ (UINT64_C(1) << 63));
}

static inline void key_i32(struct key *key, int32_t value)
{
    key_u32(key, (uint32_t)value ^ (UINT32_C(1) << 31));
}

static inline uint16_t key_read_u16(const uint8_t *b)
{
    return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t key_read_u32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t key_read_u64(const uint8_t *b)
{
    return (uint64_t)key_read_u32(b) << 32 | key_read_u32(b + 4);
}

static inline int64_t key_read_i64(const uint8_t *b)
{
    return (int64_t)(key_read_u64(b) ^ (UINT64_C(1) << 63));
}

static inline int32_t key_read_i32(const uint8_t *b)
{
    return (int32_t)(key_read_u32(b) ^ (UINT32_C(1) << 31));
}

/* The least key above all that begin with this one; false (and an empty slice-size) when there is none (all 0xff): then the range has no end. */
static inline bool key_after_prefix(const struct key *prefix, struct key *out_end)
{
    *out_end = *prefix;
    while (out_end->size > 0 && out_end->data[out_end->size - 1] == 0xff)
        out_end->size--;
    if (out_end->size == 0)
        return false;
    out_end->data[out_end->size - 1]++;
    return true;
}

#endif
