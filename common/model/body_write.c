/*
 * body_write.c - appending to a packed message
 *
 * Called by body*.c, reflect.c and validate.c on the thread that owns the arena. No state of its
 * own.
 */
#include "common/model/body_write.h"

static bool reserve(struct body_writer *writer, size_t more)
{
    size_t capacity = writer->capacity ? writer->capacity : 64;
    uint8_t *data;

    if (writer->is_spent)
        return false;
    if (more <= writer->capacity - writer->size)
        return true;
    while (capacity - writer->size < more)
        capacity *= 2;
    data = arena_alloc(writer->arena, capacity);
    if (!data) {
        writer->is_spent = true;
        return false;
    }
    if (writer->size)
        memcpy(data, writer->data, writer->size);
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

static size_t put_varint(uint8_t *out, uint64_t n)
{
    size_t size = 0;

    for (; n >= 0x80; n >>= 7)
        out[size++] = (uint8_t)(n | 0x80);
    out[size++] = (uint8_t)n;
    return size;
}

void body_writer_init(struct body_writer *writer, struct arena *arena, size_t expected)
{
    *writer = (struct body_writer){ .arena = arena };
    if (expected)
        (void)reserve(writer, expected);
}

void body_write_raw(struct body_writer *writer, struct slice raw)
{
    if (raw.size == 0 || !reserve(writer, raw.size))
        return;
    memcpy(writer->data + writer->size, raw.data, raw.size);
    writer->size += raw.size;
}

void body_write_varint(struct body_writer *writer, uint32_t tag, uint64_t number)
{
    if (!reserve(writer, 2 * VARINT_MAX))
        return;
    writer->size += put_varint(writer->data + writer->size, (uint64_t)tag << 3 | WIRE_VARINT);
    writer->size += put_varint(writer->data + writer->size, number);
}

void body_write_bytes(struct body_writer *writer, uint32_t tag, struct slice bytes)
{
    if (!reserve(writer, 2 * VARINT_MAX + bytes.size))
        return;
    writer->size += put_varint(writer->data + writer->size, (uint64_t)tag << 3 | WIRE_BYTES);
    writer->size += put_varint(writer->data + writer->size, bytes.size);
    body_write_raw(writer, bytes);
}

enum crm_status body_writer_finish(const struct body_writer *writer, struct slice *out_body)
{
    if (writer->is_spent)
        return CRM_NO_MEMORY;
    *out_body = slice_of(writer->data, writer->size);
    return CRM_OK;
}
