/*
 * fuzz_check.c - any bytes as the body of a message: what the check lets pass is unpacked within the memory that it allows
 *
 * The first byte chooses the message, the second whether the rest is compressed.
 */
#include <stdlib.h>

#include "proto/check.h"
#include "proto/codec.h"
#include "proto/wire.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const messages[] = {
    &crm__hello__descriptor,          &crm__login_request__descriptor,  &crm__get_request__descriptor,
    &crm__list_request__descriptor,   &crm__mutate_request__descriptor, &crm__history_chunk__descriptor,
    &crm__describe_reply__descriptor, &crm__report_reply__descriptor,   &crm__upload_chunk__descriptor,
    &crm__customer__descriptor,       &crm__deal__descriptor,
};

static void unpack_plain(struct slice body, const ProtobufCMessageDescriptor *descriptor)
{
    struct check_limits limits = check_limits_for(body.size);
    ProtobufCMessage *message;
    struct arena arena;
    uint8_t *again;
    size_t size;

    if (check_body(descriptor, body, &limits, NULL) != CRM_OK)
        return;
    arena_init(&arena, limits.memory);
    message = protobuf_c_message_unpack(descriptor, &arena.protobuf, body.size, body.data);
    if (!message)
        abort();

    /* Packed again it passes again. */
    size = protobuf_c_message_get_packed_size(message);
    again = malloc(size + 1);
    if (again) {
        protobuf_c_message_pack(message, again);
        limits = check_limits_for(SIZE_MAX);
        if (check_body(descriptor, slice_of(again, size), &limits, NULL) != CRM_OK)
            abort();
    }
    free(again);
    arena_fini(&arena);
}

static void unpack_compressed(struct slice body, const ProtobufCMessageDescriptor *descriptor)
{
    struct frame frame = {
        .header = { .length = (uint32_t)body.size, .type = FRAME_REQUEST, .flags = FRAME_ZSTD }, .body = body
    };
    const void *message;
    struct arena arena;

    arena_init(&arena, 32u << 20);
    if (codec_unpack(&frame, descriptor, FRAME_MAX, &arena, &message, NULL) == CRM_NO_MEMORY)
        abort();
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *descriptor;
    struct slice body;

    if (size < 2 || size > FRAME_MAX)
        return 0;
    descriptor = messages[data[0] % ARRAY_LEN(messages)];
    body = slice_of(data + 2, size - 2);
    if (data[1] & 1)
        unpack_compressed(body, descriptor);
    else
        unpack_plain(body, descriptor);
    return 0;
}
