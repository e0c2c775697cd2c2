/*
 * frame.h - the fixed 16-byte header of every frame and the limits of the protocol
 *
 *     0  u32  length of the body that follows, little-endian as all of it
 *     4  u8   version, 1
 *     5  u8   type
 *     6  u16  flags
 *     8  u32  code: the operation in a request, the status in an error, else 0
 *    12  u32  stream: 0 for the connection, else chosen by the client, rising
 *
 * Pure functions: no I/O, no allocation.
 */
#ifndef CRM_PROTO_FRAME_H
#define CRM_PROTO_FRAME_H

#include "common/base/failure.h"
#include "common/base/slice.h"

#define FRAME_HEADER_SIZE      16
#define FRAME_VERSION          1
#define FRAME_MAX_BEFORE_LOGIN 4096
#define FRAME_MAX              (1u << 20)
#define FRAME_CHUNK_MAX        65536
#define STREAMS_MAX            100
#define STREAM_CREDIT          (256u * 1024)
#define COMPRESS_FROM          1024 /* bodies larger than this are worth compressing */

enum frame_type {
    FRAME_HELLO = 1,   /* both sides once, first */
    FRAME_REQUEST = 2, /* client: opens a stream */
    FRAME_REPLY = 3,   /* server: the one answer, closes the stream */
    FRAME_CHUNK = 4,   /* part of a stream, needs credit */
    FRAME_END = 5,     /* the sender's direction of the stream is complete */
    FRAME_ERROR = 6,   /* server: closes the stream; on stream 0 the connection */
    FRAME_CANCEL = 7,  /* client: the answer is no longer wanted */
    FRAME_CREDIT = 8,  /* the receiver of chunks allows more */
    FRAME_PING = 9,
    FRAME_PONG = 10,
    FRAME_EVENT = 11,  /* server: something happened that a subscription waits for */
    FRAME_GOAWAY = 12, /* no new streams; those under way are finished */
};

enum frame_flag {
    FRAME_ZSTD = 1, /* the body is one zstd frame with its content size */
};

/* Feature bits of Hello.features. */
enum frame_feature {
    FEATURE_ZSTD = 1,
};

struct frame_header {
    uint32_t length;
    uint8_t type;
    uint16_t flags;
    uint32_t code;
    uint32_t stream;
};

/* One whole frame; body is borrowed from the input. */
struct frame {
    struct frame_header header;
    struct slice body;
};

void frame_put_header(uint8_t out[FRAME_HEADER_SIZE], const struct frame_header *header);

enum frame_progress {
    FRAME_NEEDS_MORE, /* not yet whole */
    FRAME_WHOLE,      /* *out_frame is set and *out_consumed bytes belong to it */
    FRAME_BROKEN,     /* wrong version, unknown type or flag, or longer than max_body: failure says which; close the connection */
};

/* Look at the front of input. max_body is checked as soon as the header is there, before anything is allocated for it. */
enum frame_progress frame_parse(struct slice input, uint32_t max_body, struct frame *out_frame, size_t *out_consumed,
                                struct failure *failure) MUST_CHECK;

/* "request", for logs; "unknown" for a number that is none. */
const char *frame_type_name(unsigned type);

#endif
