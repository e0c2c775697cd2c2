/*
 * greeting.c - the hellos of both sides
 *
 * Called by channel.c. What the server announces is taken with a pinch of salt: limits that make no sense become the
 * protocol's own.
 */
#include "client/lib/greeting.h"

#include "proto/codec.h"

#define FEATURES_OFFERED  ((uint64_t)FEATURE_ZSTD)
#define REQUEST_META_SIZE 64 /* room for what call_send adds to a request */

enum crm_status greeting_send(struct crm_client *client)
{
    const struct frame_header header = { .type = FRAME_HELLO };
    const struct crm_options *options = &client->options;
    Crm__Hello hello = CRM__HELLO__INIT;

    hello.has_version_min = hello.has_version_max = true;
    hello.version_min = hello.version_max = FRAME_VERSION;
    hello.has_features = true;
    hello.features = FEATURES_OFFERED & ~options->without_features;
    hello.software = (char *)options->software;
    hello.locale = (char *)options->locale;
    if (options->device) {
        hello.has_device = true;
        hello.device = (ProtobufCBinaryData){ .len = CRM_KEY_SIZE, .data = (uint8_t *)options->device };
    }
    if (client->token) {
        hello.has_session_token = true;
        hello.session_token = (ProtobufCBinaryData){ .len = client->token_size, .data = client->token };
    }
    return channel_send(client, &header, &hello.base, false); /* holds a secret: never compressed */
}

bool greeting_may_go_along(const struct crm_client *client, const struct crm_call *call)
{
    bool is_known = client->token || call->operation == OP_LOGIN || call->operation == OP_ENROL;
    bool is_small = call->body.len + REQUEST_META_SIZE <= FRAME_MAX_BEFORE_LOGIN;

    return is_known && is_small && !(call->op->flags & OP_FLAG_UPLOAD);
}

/* A limit of the server's, kept within what the protocol knows; 0 or none: the most. */
static uint32_t limit_of(uint32_t announced, uint32_t most)
{
    return announced > 0 && announced < most ? announced : most;
}

static void take_limits(struct channel *channel, const Crm__Limits *limits)
{
    static const Crm__Limits none = CRM__LIMITS__INIT;

    if (!limits)
        limits = &none;
    channel->streams_max = limits->streams > 0 ? limit_of(limits->streams, STREAMS_TABLE_MAX) : STREAMS_MAX;
    channel->chunk_max = limit_of(limits->chunk_bytes, FRAME_CHUNK_MAX);
    channel->frame_max = limit_of(limits->frame_bytes, FRAME_MAX);
}

bool greeting_take(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    struct channel *channel = &client->channel;
    const void *message;

    channel->hello = NULL;
    arena_reset(&channel->hello_arena);
    if (codec_unpack(frame, &crm__hello__descriptor, FRAME_MAX_BEFORE_LOGIN, &channel->hello_arena, &message, failure))
        return false;
    channel->hello = message;
    channel->features = channel->hello->features & FEATURES_OFFERED & ~client->options.without_features;
    take_limits(channel, channel->hello->limits);
    channel->has_session = channel->hello->session != NULL;
    if (channel->hello->session_error) {
        client->must_wipe = client->must_wipe || channel->hello->session_error->wipe;
        client_set_token(client, NULL, 0);
    }
    channel->state = CHANNEL_READY;
    channel->attempts = 0;
    channel->was_connected = true;
    return true;
}
