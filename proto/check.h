/*
 * check.h - walks a body on the wire, before protobuf-c unpacks it, and refuses what would hurt
 *
 * protobuf-c turns 1 MiB of empty sub-messages into 113 MB, accepts NUL and bad UTF-8 in strings and any number in an enum, and
 * recurses without limit (PITFALLS 1.3). The walk costs one pass over the bytes and allocates nothing. Stricter than protobuf: a message field
 * that is not repeated may be there once (merging two is quadratic).
 */
#ifndef CRM_PROTO_CHECK_H
#define CRM_PROTO_CHECK_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/failure.h"
#include "common/base/slice.h"

struct check_limits {
    size_t memory;             /* bytes that unpacking may take */
    unsigned elements;         /* of one repeated field */
    unsigned unknown_fields;   /* in one message, nested ones counted by themselves */
    unsigned depth;            /* of nested messages */
};

/* 64 KiB + 64 x body size (at most 16 MiB), 5,000 elements, 16 unknown fields, depth 8. */
struct check_limits check_limits_for(size_t body_size);

/*
 * CRM_OK: unpacking body as descriptor will succeed within limits->memory and every known string is UTF-8 without NUL, every known enum in
 * its range, every wire type as declared (packed or not). Otherwise CRM_INVALID or CRM_TOO_LARGE; failure->field is the path of the
 * field at fault ("mutations.set").
 */
enum crm_status check_body(const ProtobufCMessageDescriptor *descriptor, struct slice body, const struct check_limits *limits,
                           struct failure *failure) MUST_CHECK;

#endif
