/*
 * frame.c - the fixed header of a frame: put, parsed, checked
 *
 * Called by both ends on whichever thread owns the connection. Pure: what a frame of this type may do on this stream is the business of
 * the link (server) and the transport (client).
 */
#include "proto/frame.h"

#define KNOWN_FLAGS ((uint16_t)FRAME_ZSTD)

static const char *const type_names[] = {
    [FRAME_HELLO] = "hello",   [FRAME_REQUEST] = "request", [FRAME_REPLY] = "reply", [FRAME_CHUNK] = "chunk",
    [FRAME_END] = "end",       [FRAME_ERROR] = "error",     [FRAME_CANCEL] = "cancel", [FRAME_CREDIT] = "credit",
    [FRAME_PING] = "ping",     [FRAME_PONG] = "pong",       [FRAME_EVENT] = "event", [FRAME_GOAWAY] = "goaway",
};

/* Byte by byte, so that it works at any alignment and on any machine; compilers make one instruction of it. */
static void put_u16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *out, uint32_t value)
{
    put_u16(out, (uint16_t)value);
    put_u16(out + 2, (uint16_t)(value >> 16));
}

static uint16_t get_u16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)get_u16(in) | (uint32_t)get_u16(in + 2) << 16;
}

static bool type_is_known(unsigned type)
{
    return type < ARRAY_LEN(type_names) && type_names[type];
}

static enum frame_progress broken(struct failure *failure, enum crm_status status, const char *what, uint32_t value)
{
    fail(failure, status, NULL, "%s %u in a frame's header", what, value);
    return FRAME_BROKEN;
}

void frame_put_header(uint8_t out[FRAME_HEADER_SIZE], const struct frame_header *header)
{
    put_u32(out, header->length);
    out[4] = FRAME_VERSION;
    out[5] = header->type;
    put_u16(out + 6, header->flags);
    put_u32(out + 8, header->code);
    put_u32(out + 12, header->stream);
}

enum frame_progress frame_parse(struct slice input, uint32_t max_body, struct frame *out_frame, size_t *out_consumed,
                                struct failure *failure)
{
    const uint8_t *in = input.data;
    struct frame_header header;

    if (input.size < FRAME_HEADER_SIZE)
        return FRAME_NEEDS_MORE;

    header = (struct frame_header){
        .length = get_u32(in),
        .type = in[5],
        .flags = get_u16(in + 6),
        .code = get_u32(in + 8),
        .stream = get_u32(in + 12),
    };
    if (in[4] != FRAME_VERSION)
        return broken(failure, CRM_PROTOCOL, "unknown version", in[4]);
    if (!type_is_known(header.type))
        return broken(failure, CRM_PROTOCOL, "unknown type", header.type);
    if (header.flags & (uint16_t)~KNOWN_FLAGS)
        return broken(failure, CRM_PROTOCOL, "unknown flags", header.flags);
    if (header.length > max_body)
        return broken(failure, CRM_TOO_LARGE, "length", header.length);

    if (input.size - FRAME_HEADER_SIZE < header.length)
        return FRAME_NEEDS_MORE;
    out_frame->header = header;
    out_frame->body = slice_of(in + FRAME_HEADER_SIZE, header.length);
    *out_consumed = FRAME_HEADER_SIZE + header.length;
    return FRAME_WHOLE;
}

const char *frame_type_name(unsigned type)
{
    return type_is_known(type) ? type_names[type] : "unknown";
}
