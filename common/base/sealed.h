/*
 * sealed.h - what small stored values begin with: format version and CRC32C (header only)
 *
 *     0  u8   version
 *     1  u8[3] reserved, 0
 *     4  u32  CRC32C of all that follows
 *     8  …    content
 */
#ifndef CRM_BASE_SEALED_H
#define CRM_BASE_SEALED_H

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/status.h"

#define SEALED_VERSION     1
#define SEALED_HEADER_SIZE 8

/* Room for content of size bytes in the arena; the caller fills *out_content, then seals. NULL when memory is spent. */
static inline uint8_t *sealed_alloc(struct arena *arena, size_t size, uint8_t **out_content)
{
    uint8_t *value = arena_alloc(arena, SEALED_HEADER_SIZE + size);

    if (value) {
        memset(value, 0, SEALED_HEADER_SIZE);
        *out_content = value + SEALED_HEADER_SIZE;
    }
    return value;
}

static inline struct slice sealed_close(uint8_t *value, size_t size)
{
    uint32_t crc = crc32c(0, value + SEALED_HEADER_SIZE, size);

    value[0] = SEALED_VERSION;
    memcpy(value + 4, &crc, sizeof crc);
    return slice_of(value, SEALED_HEADER_SIZE + size);
}

/* The content of a stored value; CRM_CORRUPT when version or checksum are wrong or it is shorter than least. */
static inline enum crm_status sealed_open(struct slice value, size_t least, struct slice *out_content)
{
    uint32_t crc;

    if (value.size < SEALED_HEADER_SIZE + least || value.data[0] != SEALED_VERSION)
        return CRM_CORRUPT;
    memcpy(&crc, value.data + 4, sizeof crc);
    if (crc != crc32c(0, value.data + SEALED_HEADER_SIZE, value.size - SEALED_HEADER_SIZE))
        return CRM_CORRUPT;
    *out_content = slice_of(value.data + SEALED_HEADER_SIZE, value.size - SEALED_HEADER_SIZE);
    return CRM_OK;
}

#endif
