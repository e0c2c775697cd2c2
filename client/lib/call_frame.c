/*
 * call_frame.c - what the server says about a call: chunks, events, credit, the reply, an error
 *
 * Called by channel.c for every frame that has a stream. The user's callbacks run here, and may destroy any call: what
 * comes after one finds the call by its stream again.
 */
#include "client/lib/call.h"

#include <stdio.h>

#include "proto/codec.h"

#define CREDIT_MAX (16u << 20)     /* however much a server grants */
#define GRANT_FROM FRAME_CHUNK_MAX /* consumed bytes that are worth a frame */
#define AHEAD_MAX  (2u << 20)      /* beyond the credit that a stream begins with: 600 ms at 30 Mbit/s are on their way then */

static void remove_stream(struct channel *channel, const struct stream *stream)
{
    size_t at = (size_t)(stream - channel->streams);

    memmove(&channel->streams[at], &channel->streams[at + 1], (channel->n_streams - at - 1) * sizeof(*stream));
    channel->n_streams--;
}

/* May the server say this about a call of this kind? */
static bool belongs(const struct op_info *op, unsigned type)
{
    bool is_upload = (op->flags & OP_FLAG_UPLOAD) != 0;

    switch (type) {
    case FRAME_CHUNK:
        return op->chunk && !is_upload;
    case FRAME_CREDIT:
        return is_upload;
    case FRAME_EVENT:
        return (op->flags & OP_FLAG_SUBSCRIBE) != 0;
    default:
        return true;
    }
}

static bool closes(const struct op_info *op, unsigned type)
{
    return type == FRAME_END || type == FRAME_ERROR || (type == FRAME_REPLY && !(op->flags & OP_FLAG_SUBSCRIBE));
}

/* The answer is there but cannot be read: this call's misfortune, not the connection's. */
static void unreadable(struct crm_call *call, const struct failure *why)
{
    char text[160];

    snprintf(text, sizeof(text), "the server's answer cannot be read: %.100s", why->text);
    call_abandon(call, why->status == CRM_NO_MEMORY ? CRM_NO_MEMORY : CRM_PROTOCOL, text);
}

/* --- parts */

/* The credit grows while it is used up, as TCP's window does: what it begins with would be less than a long line holds. */
static uint32_t growth(const struct crm_call *call)
{
    return call->consumed < AHEAD_MAX - call->ahead ? call->consumed : AHEAD_MAX - call->ahead;
}

/* The callback has returned, so the server may send as much again, and more. */
static void grant(struct crm_client *client, uint32_t stream_id, uint32_t bytes)
{
    const struct frame_header header = { .type = FRAME_CREDIT, .stream = stream_id };
    struct stream *stream = channel_stream(&client->channel, stream_id);
    struct crm_call *call = stream ? stream->call : NULL;
    Crm__Credit credit = CRM__CREDIT__INIT;

    if (!call)
        return;
    call->consumed += bytes;
    if (call->consumed < GRANT_FROM)
        return;
    credit.has_bytes = true;
    credit.bytes = call->consumed + growth(call);
    if (channel_send(client, &header, &credit.base, false) != CRM_OK)
        return; /* the next chunk tries again */
    call->ahead += growth(call);
    call->consumed = 0;
}

static void take_part(struct crm_client *client, struct crm_call *call, const struct frame *frame)
{
    bool is_chunk = frame->header.type == FRAME_CHUNK;
    crm_message_fn *callback = is_chunk ? call->options.on_chunk : call->options.on_event;
    const void *message;
    struct failure failure = { 0 };

    if (codec_unpack(frame, is_chunk ? call->op->chunk : &crm__event__descriptor, FRAME_MAX, &client->scratch, &message,
                     &failure)) {
        unreadable(call, &failure);
        return;
    }
    call->part_seen = true;
    if (callback)
        callback(call->options.arg, message); /* call may be gone after it */
    if (is_chunk)
        grant(client, frame->header.stream, frame->header.length);
}

static void take_credit(struct crm_client *client, struct crm_call *call, const struct frame *frame)
{
    const Crm__Credit *credit;
    const void *message;
    struct failure failure = { 0 };

    if (codec_unpack(frame, &crm__credit__descriptor, FRAME_MAX, &client->scratch, &message, &failure)) {
        unreadable(call, &failure);
        return;
    }
    credit = message;
    call->is_taken = true;
    call->send_credit = credit->bytes < CREDIT_MAX - call->send_credit ? call->send_credit + credit->bytes : CREDIT_MAX;
}

/* --- ends */

static void forget_session(struct crm_client *client)
{
    client->channel.has_session = false;
    client_set_token(client, NULL, 0);
}

/* A login's token is the client's from now on. */
static void learn(struct crm_client *client, const struct crm_call *call)
{
    if (call->operation == OP_LOGIN) {
        const Crm__LoginReply *login = (const Crm__LoginReply *)call->reply;

        client->channel.has_session = true;
        if (login->has_token)
            client_set_token(client, login->token.data, login->token.len);
    } else if (call->operation == OP_LOGOUT) {
        forget_session(client);
    }
}

static void take_reply(struct crm_client *client, struct crm_call *call, const struct frame *frame)
{
    bool is_last = closes(call->op, frame->header.type);
    const void *message;
    struct failure failure = { 0 };

    if (is_last && call->reply) { /* the end of a subscription */
        call_finish(call);
        return;
    }
    if (codec_unpack(frame, call->op->reply, FRAME_MAX, &call->arena, &message, &failure)) {
        unreadable(call, &failure);
        return;
    }
    call->reply = message;
    call->part_seen = true;
    learn(client, call);
    if (is_last)
        call_finish(call);
}

/* The server's word, where it is one that exists, else what the status table says. */
static void read_error(struct crm_error *error, uint32_t code, const Crm__Error *wire)
{
    const struct crm_status_info *info = crm_status_info((int)code);

    *error = (struct crm_error){
        .status = info->status,
        .retry = wire->has_retry && wire->retry <= CRM_RETRY_RESYNC ? (enum crm_retry)wire->retry : info->retry,
        .outcome = wire->has_outcome ? CRM_OUTCOME_UNKNOWN : info->outcome,
        .retry_after_ms = wire->retry_after_ms,
        .field = wire->field ? wire->field : "",
        .text = wire->text && wire->text[0] ? wire->text : info->sentence,
        .position = wire->has_position ? wire->position : -1,
        .wire = wire,
    };
    if (wire->has_outcome && wire->outcome <= CRM_OUTCOME_UNKNOWN)
        error->outcome = (enum crm_outcome)wire->outcome;
}

/*
 * A refusal of the second sending says nothing about the first, whose answer was lost, unless the server has looked the
 * key up: a busy server, a session that has ended and a deadline come before that.
 */
static bool leaves_doubt(const struct crm_call *call)
{
    return call->effect.changes && call->sends > 1 && call->error.retry != CRM_RETRY_NEVER;
}

static void take_error(struct crm_client *client, struct crm_call *call, const struct frame *frame)
{
    const void *message;
    struct failure failure = { 0 };

    if (codec_unpack(frame, &crm__error__descriptor, FRAME_MAX, &call->arena, &message, &failure)) {
        unreadable(call, &failure);
        return;
    }
    if (frame->header.code == CRM_OK) {
        call_abandon(call, CRM_PROTOCOL, "the server sent an error that is none");
        return;
    }
    call->reply = NULL;
    read_error(&call->error, frame->header.code, message);
    client->must_wipe = client->must_wipe || call->error.wire->wipe;
    if (call->error.status == CRM_SESSION_EXPIRED || call->error.status == CRM_NOT_LOGGED_IN)
        forget_session(client);
    if (leaves_doubt(call)) {
        call->error.status = CRM_UNKNOWN;
        call->error.retry = CRM_RETRY_SAME_KEY;
        call->error.outcome = CRM_OUTCOME_UNKNOWN;
    }
    call_finish(call);
}

bool call_frame(struct crm_client *client, const struct frame *frame, struct failure *failure)
{
    struct channel *channel = &client->channel;
    struct stream *stream = channel_stream(channel, frame->header.stream);
    unsigned type = frame->header.type;
    struct crm_call *call;

    /* A request that crossed a goaway is refused by a server that does not know that we have taken it back. */
    if (!stream && channel->state == CHANNEL_DRAINING && frame->header.stream < channel->next_stream)
        return true;
    if (!stream || !belongs(stream->op, type)) {
        fail(failure, CRM_PROTOCOL, NULL, "the server sent a frame (%s) for a stream that %s", frame_type_name(type),
             stream ? "has none" : "is not open");
        return false;
    }
    call = stream->call;
    if (closes(stream->op, type))
        remove_stream(channel, stream);
    if (!call)
        return true;

    switch (type) {
    case FRAME_CHUNK:
    case FRAME_EVENT:
        take_part(client, call, frame);
        break;
    case FRAME_CREDIT:
        take_credit(client, call, frame);
        break;
    case FRAME_ERROR:
        take_error(client, call, frame);
        break;
    default:
        take_reply(client, call, frame);
        break;
    }
    return true;
}
