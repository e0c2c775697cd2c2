/*
 * fuzz_frame.c - any bytes as a stream of frames: whole or one byte at a time, the same frames come out
 */
#include <stdlib.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The frame at the front of input as it shows while the bytes come one by one. */
static enum frame_progress parse_slowly(struct slice input, struct frame *out_frame, size_t *out_consumed)
{
    for (size_t n = 0; n <= input.size; n++) {
        enum frame_progress progress = frame_parse(slice_of(input.data, n), FRAME_MAX, out_frame, out_consumed, NULL);

        if (progress != FRAME_NEEDS_MORE)
            return progress;
    }
    return FRAME_NEEDS_MORE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);

    for (;;) {
        uint8_t header[FRAME_HEADER_SIZE];
        struct failure failure = { 0 };
        struct frame frame, slow;
        size_t consumed, slow_consumed;
        enum frame_progress progress = frame_parse(rest, FRAME_MAX, &frame, &consumed, &failure);

        if (progress != parse_slowly(rest, &slow, &slow_consumed))
            abort();
        if (progress == FRAME_BROKEN && failure.status == CRM_OK)
            abort();
        if (progress != FRAME_WHOLE)
            return 0;
        if (consumed != slow_consumed || consumed > rest.size || frame.body.size != frame.header.length)
            abort();
        frame_put_header(header, &frame.header);
        if (memcmp(header, rest.data, sizeof(header)) != 0)
            abort();
        rest = slice_of(rest.data + consumed, rest.size - consumed);
    }
}
