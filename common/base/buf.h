/*
 * buf.h - a byte buffer that grows up to a stated maximum and is consumed from its front
 */
#ifndef CRM_BASE_BUF_H
#define CRM_BASE_BUF_H

#include "common/base/slice.h"
#include "common/base/status.h"

struct buf {
    uint8_t *data;   /* allocation; the content is data[start .. start+size) */
    size_t start;
    size_t size;
    size_t capacity;
    size_t max;      /* size never passes it */
};

void buf_init(struct buf *buf, size_t max);
/* Accepts NULL and an all-zero buf. */
void buf_fini(struct buf *buf);

/* Room for more bytes behind the content: a pointer to it, or NULL when max or the heap is spent (nothing changes). */
uint8_t *buf_reserve(struct buf *buf, size_t more) MUST_CHECK;
/* The first n bytes of the room that was reserved are content now. */
void buf_commit(struct buf *buf, size_t n);
/* CRM_OK, CRM_TOO_LARGE or CRM_NO_MEMORY; on failure nothing is appended. */
enum crm_status buf_append(struct buf *buf, const void *data, size_t size) MUST_CHECK;
enum crm_status buf_append_text(struct buf *buf, const char *text) MUST_CHECK;
enum crm_status buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
/* Drop n (at most size) bytes from the front. */
void buf_consume(struct buf *buf, size_t n);
/* Cut the content to its first size bytes. */
void buf_truncate(struct buf *buf, size_t size);
/* Give the allocation back when it is empty and larger than keep bytes: idle connections cost little. */
void buf_trim(struct buf *buf, size_t keep);

static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data ? buf->data + buf->start : NULL, buf->size);
}

#endif
