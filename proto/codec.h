/*
 * codec.h - between frames in a buffer and messages in an arena
 */
#ifndef CRM_PROTO_CODEC_H
#define CRM_PROTO_CODEC_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/failure.h"
#include "proto/check.h"
#include "proto/frame.h"

/*
 * The message of a frame: decompressed where its flag says so (declared size at most max_body and 8 x the compressed size + 64 KiB),
 * checked, unpacked into arena. *out_message lives as long as the arena. CRM_INVALID, CRM_TOO_LARGE, CRM_NO_MEMORY.
 */
enum crm_status codec_unpack(const struct frame *frame, const ProtobufCMessageDescriptor *descriptor, size_t max_body,
                             struct arena *arena, const void **out_message, struct failure *failure) MUST_CHECK;

/* The same from plain bytes: check and unpack. */
enum crm_status codec_unpack_body(struct slice body, const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
                                  const void **out_message, struct failure *failure) MUST_CHECK;
/* The same within other limits than a body's own: what was staged in parts is larger than a frame. */
enum crm_status codec_unpack_within(struct slice body, const ProtobufCMessageDescriptor *descriptor, const struct check_limits *limits,
                                    struct arena *arena, const void **out_message, struct failure *failure) MUST_CHECK;

/*
 * Append one frame. message may be NULL for an empty body. compress: use zstd where the body is over COMPRESS_FROM and gets smaller; never set it for
 * a message with a secret. The header's length and FRAME_ZSTD are filled in here. On failure out is as before.
 */
enum crm_status codec_append(struct buf *out, const struct frame_header *header, const ProtobufCMessage *message, bool compress) MUST_CHECK;

/* The same from a body that is packed already. */
enum crm_status codec_append_packed(struct buf *out, const struct frame_header *header, struct slice body, bool compress) MUST_CHECK;

/* Packed bytes in the arena. */
enum crm_status codec_pack(const ProtobufCMessage *message, struct arena *arena, struct slice *out_bytes) MUST_CHECK;

#endif
