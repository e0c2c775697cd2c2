/*
 * channel_frame.c - what the server says about the connection itself: ping, goaway, its reason for closing
 *
 * Called by channel.c with each whole frame. Frames of a stream go on to call_frame.c, the hello to greeting.c; what
 * does not belong there ends the connection.
 */
#include "client/lib/channel_frame.h"

#include "client/lib/greeting.h"
#include "proto/codec.h"

static bool is_on_stream(unsigned type)
{
    return type == FRAME_REPLY || type == FRAME_CHUNK || type == FRAME_END || type == FRAME_EVENT ||
           type == FRAME_CREDIT;
}

static bool take_ping(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    const struct frame_header header = { .type = FRAME_PONG };
    const void *ping;

    return codec_unpack(frame, &crm__ping__descriptor, FRAME_MAX_BEFORE_LOGIN, &client->scratch, &ping, failure) ==
               CRM_OK &&
           channel_send(client, &header, ping, false) == CRM_OK;
}

/* Streams after last_stream were not looked at: they go to the next connection as if they had never been sent. */
static bool take_goaway(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    struct channel *channel = &client->channel;
    const Crm__Goaway *goaway;
    const void *message;
    size_t kept = 0;

    if (codec_unpack(frame, &crm__goaway__descriptor, FRAME_MAX_BEFORE_LOGIN, &client->scratch, &message, failure))
        return false;
    goaway = message;
    channel->state = CHANNEL_DRAINING;
    channel->retry_after_ms = goaway->retry_after_ms;
    for (size_t i = 0; i < channel->n_streams; i++) {
        struct stream *stream = &channel->streams[i];

        if (!goaway->has_last_stream || stream->id <= goaway->last_stream)
            channel->streams[kept++] = *stream;
        else if (stream->call)
            call_not_looked_at(stream->call);
    }
    channel->n_streams = kept;
    return true;
}

/* The server's reason for closing. */
static bool take_error(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    const Crm__Error *error;
    const void *message;

    if (codec_unpack(frame, &crm__error__descriptor, FRAME_MAX_BEFORE_LOGIN, &client->scratch, &message, failure))
        return false;
    error = message;
    client->channel.retry_after_ms = error->retry_after_ms;
    client->must_wipe = client->must_wipe || error->wipe;
    fail(failure, crm_status_info((int)frame->header.code)->status, NULL, "the server closed the connection: %s",
         error->text ? error->text : "no reason given");
    if (failure->status == CRM_OK)
        failure->status = CRM_PROTOCOL;
    return false;
}

static bool broken(struct failure *failure, const struct frame *frame)
{
    fail(failure, CRM_PROTOCOL, NULL, "the server sent a frame (%s) that does not belong there",
         frame_type_name(frame->header.type));
    return false;
}

static bool take_frame(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    struct channel *channel = &client->channel;
    unsigned type = frame->header.type;
    bool is_stream = frame->header.stream != 0;

    if ((frame->header.flags & FRAME_ZSTD) && !(channel->features & FEATURE_ZSTD))
        return broken(failure, frame);
    if (type == FRAME_ERROR)
        return is_stream ? channel->state != CHANNEL_HELLO ? call_frame(client, frame, failure) : broken(failure, frame)
                         : take_error(client, frame, failure);
    if (is_stream != is_on_stream(type))
        return broken(failure, frame);
    if (channel->state == CHANNEL_HELLO)
        return type == FRAME_HELLO ? greeting_take(client, frame, failure) : broken(failure, frame);
    if (is_stream)
        return call_frame(client, frame, failure);

    switch (type) {
    case FRAME_PING:
        return take_ping(client, frame, failure);
    case FRAME_PONG:
        channel->pinged_us = 0;
        return true;
    case FRAME_GOAWAY:
        return take_goaway(client, frame, failure);
    default:
        return broken(failure, frame);
    }
}

bool channel_take_frame(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    bool goes_on = take_frame(client, frame, failure);

    arena_reset(&client->scratch);
    /* A body that cannot be read, on a stream that is nobody's, is the server's fault and not a value's. */
    if (!goes_on && (failure->status == CRM_OK || failure->status == CRM_INVALID || failure->status == CRM_TOO_LARGE))
        failure->status = CRM_PROTOCOL;
    return goes_on;
}
