/*
 * body_write.h - appending to a packed message (private to common/model)
 *
 * A writer takes its memory from an arena, grows by doubling and remembers that it failed, so that
 * only the end is checked.
 */
#ifndef CRM_MODEL_BODY_WRITE_H
#define CRM_MODEL_BODY_WRITE_H

#include "common/base/arena.h"
#include "common/base/status.h"

#define VARINT_MAX 10 /* bytes of one */

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct body_writer {
    struct arena *arena;
    uint8_t *data;
    size_t size, capacity;
    bool is_spent; /* memory ran out: what was appended since is lost */
};

/* Room for expected bytes from the start. */
void body_writer_init(struct body_writer *writer, struct arena *arena, size_t expected);
/* Bytes as they are: fields that are packed already. */
void body_write_raw(struct body_writer *writer, struct slice raw);
/* A field: key and number. */
void body_write_varint(struct body_writer *writer, uint32_t tag, uint64_t number);
/* A field: key, length, content. */
void body_write_bytes(struct body_writer *writer, uint32_t tag, struct slice bytes);
/* CRM_OK or CRM_NO_MEMORY. */
enum crm_status body_writer_finish(const struct body_writer *writer,
                                   struct slice *out_body) MUST_CHECK;

/* Zigzag, the other way round than body_zigzag. */
static inline uint64_t body_unzigzag(int64_t n)
{
    return ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0);
}

#endif
