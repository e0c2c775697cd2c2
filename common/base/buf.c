/*
 * buf.c - a growing byte buffer with a maximum
 *
 * Called by connections, codecs and writers of text, on the thread that owns the buffer. Owns its
 * allocation. One byte more than the content is always allocated, so that buf_printf has room for
 * the NUL that vsnprintf insists on.
 */
#include "common/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_LEAST ((size_t)256)

/* What capacity to grow to for need bytes: at least doubled, but not much past the maximum. */
static size_t next_capacity(const struct buf *buf, size_t need)
{
    size_t capacity = buf->capacity < SIZE_MAX / 2 ? buf->capacity * 2 : SIZE_MAX;

    if (capacity > buf->max)
        capacity = buf->max + 1;
    if (capacity < need)
        capacity = need;
    return capacity < CAPACITY_LEAST ? CAPACITY_LEAST : capacity;
}

/* Room for more bytes and one behind them. */
static bool make_room(struct buf *buf, size_t more)
{
    size_t need = buf->size + more + 1;
    size_t capacity;
    uint8_t *data;

    if (need <= buf->capacity - buf->start)
        return true;
    /* Moving down is cheap where as much was consumed as is left; without that condition a slow
     * reader costs n². */
    if (need <= buf->capacity && (buf->start >= buf->size || buf->capacity > buf->max)) {
        memmove(buf->data, buf->data + buf->start, buf->size);
        buf->start = 0;
        return true;
    }

    capacity = next_capacity(buf, need);
    data = malloc(capacity);
    if (!data)
        return false;
    if (buf->size)
        memcpy(data, buf->data + buf->start, buf->size);
    free(buf->data);
    buf->data = data;
    buf->start = 0;
    buf->capacity = capacity;
    return true;
}

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){ .max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2 };
}

void buf_fini(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    *buf = (struct buf){ .max = buf->max };
}

uint8_t *buf_reserve(struct buf *buf, size_t more)
{
    if (more > buf->max - buf->size || !make_room(buf, more))
        return NULL;
    return buf->data + buf->start + buf->size;
}

void buf_commit(struct buf *buf, size_t n)
{
    assert(n <= buf->max - buf->size && n <= buf->capacity - buf->start - buf->size);
    buf->size += n;
}

enum crm_status buf_append(struct buf *buf, const void *data, size_t size)
{
    uint8_t *room;

    if (size == 0)
        return CRM_OK;
    if (size > buf->max - buf->size)
        return CRM_TOO_LARGE;
    room = buf_reserve(buf, size);
    if (!room)
        return CRM_NO_MEMORY;
    memcpy(room, data, size);
    buf->size += size;
    return CRM_OK;
}

enum crm_status buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

enum crm_status buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size > buf->max - buf->size)
        return CRM_TOO_LARGE;
    if (!make_room(buf, (size_t)size))
        return CRM_NO_MEMORY;

    va_start(arguments, format);
    vsnprintf((char *)buf->data + buf->start + buf->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)size;
    return CRM_OK;
}

void buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->size);
    buf->size -= n;
    buf->start = buf->size ? buf->start + n : 0;
}

void buf_truncate(struct buf *buf, size_t size)
{
    assert(size <= buf->size);
    buf->size = size;
    if (size == 0)
        buf->start = 0;
}

void buf_trim(struct buf *buf, size_t keep)
{
    if (buf->size == 0 && buf->capacity > keep)
        buf_fini(buf);
}
