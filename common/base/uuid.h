/*
 * uuid.h - record ids: UUIDv7 (RFC 9562 section 5.7), made by whoever creates the record; they never order anything
 */
#ifndef CRM_BASE_UUID_H
#define CRM_BASE_UUID_H

#include "common/base/slice.h"

#define UUID_SIZE      16
#define UUID_TEXT_SIZE 37 /* with the NUL */

struct uuid {
    uint8_t bytes[UUID_SIZE];
};

/* A new id from the clock and random source of clock.h; ids made by one process in one millisecond still ascend. Thread-safe. */
struct uuid uuid_create(void);
bool uuid_is_nil(const struct uuid *id);
static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, UUID_SIZE) == 0;
}
static inline struct slice uuid_slice(const struct uuid *id)
{
    return slice_of(id->bytes, UUID_SIZE);
}
/* 8-4-4-4-12 lower-case hex into text[UUID_TEXT_SIZE]. */
void uuid_format(const struct uuid *id, char text[UUID_TEXT_SIZE]);
/* Accepts 32 hex digits with or without the hyphens. */
bool uuid_parse(const char *text, struct uuid *out_id) MUST_CHECK;
/* The 16 bytes of a wire or store value; false, and nil, for any other size. */
bool uuid_from_slice(struct slice bytes, struct uuid *out_id);

#endif
