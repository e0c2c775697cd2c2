/*
 * call.c - a call from its start to its end
 *
 * The public functions are the user's; channel.c sends, loses and expires calls. What the server says about one is
 * call_frame.c's.
 */
#include "client/lib/call.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "proto/codec.h"

#define REQUEST_MAX (FRAME_MAX - 64) /* packed, without the meta that call_send adds */

/* --- the end of a call */

static void detach_stream(struct crm_call *call)
{
    struct stream *stream = call->state == CALL_SENT ? channel_stream(&call->client->channel, call->stream) : NULL;

    if (stream)
        stream->call = NULL;
    call->stream = 0;
}

static void unlist(struct crm_call *call)
{
    if (!call->is_listed)
        return;
    if (call->state == CALL_DONE)
        TAILQ_REMOVE(&call->client->finished, call, entry);
    else
        TAILQ_REMOVE(&call->client->open, call, entry);
    call->is_listed = false;
}

void call_finish(struct crm_call *call)
{
    detach_stream(call);
    unlist(call);
    call->state = CALL_DONE;
    if (call->options.on_done) {
        TAILQ_INSERT_TAIL(&call->client->finished, call, entry);
        call->is_listed = true;
    }
}

void call_fail(struct crm_call *call, const struct failure *failure)
{
    if (call->effect.changes && call->sends > 0) {
        call->failure = (struct failure){ 0 };
        fail(&call->failure, CRM_UNKNOWN, NULL, "%.180s; the change may or may not have been made", failure->text);
    } else {
        call->failure = *failure;
    }
    error_from_failure(&call->error, &call->failure);
    call->reply = NULL;
    call_finish(call);
}

static void fail_with(struct crm_call *call, enum crm_status status, const char *text)
{
    struct failure failure = { 0 };

    fail(&failure, status, NULL, "%s", text);
    call_fail(call, &failure);
}

void call_deliver(struct crm_client *client)
{
    struct crm_call *call;

    while ((call = TAILQ_FIRST(&client->finished)) != NULL) {
        unlist(call);
        call->options.on_done(call->options.arg, call); /* may destroy it */
    }
}

/* --- sending */

struct crm_call *call_next_queued(const struct crm_client *client)
{
    struct crm_call *call;

    TAILQ_FOREACH(call, &client->open, entry)
    if (call->state == CALL_QUEUED)
        return call;
    return NULL;
}

/*
 * The server gets a little less time than the caller has: then its definite "too late, not done" arrives before the
 * caller stops waiting and has to call the outcome unknown.
 */
static uint32_t deadline_for_server(const struct crm_call *call, int64_t now_us)
{
    int64_t left_ms;

    if (call->deadline_us == INT64_MAX)
        return UINT32_MAX;
    left_ms = (call->deadline_us - now_us) / 1000;
    left_ms -= left_ms / 8;
    return left_ms < 1 ? 1 : left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
}

static void add_stream(struct crm_call *call)
{
    struct channel *channel = &call->client->channel;

    call->state = CALL_SENT;
    call->stream = channel->next_stream++;
    call->sends++;
    call->consumed = call->ahead = 0;
    call->is_taken = false;
    call->send_credit = 0;
    channel->streams[channel->n_streams++] = (struct stream){ .id = call->stream, .call = call, .op = call->op };
}

/* Every request begins with its meta, which is made at the last moment; a ping request has nothing else, so it carries
 * the packed rest of any. */
void call_send(struct crm_call *call, int64_t now_us)
{
    struct channel *channel = &call->client->channel;
    const struct frame_header header = { .type = FRAME_REQUEST,
                                         .code = call->operation,
                                         .stream = channel->next_stream };
    Crm__PingRequest carrier = CRM__PING_REQUEST__INIT;
    Crm__Meta meta = CRM__META__INIT;
    size_t size;

    meta.has_deadline_ms = true;
    meta.deadline_ms = deadline_for_server(call, now_us);
    meta.has_trace = call->has_trace;
    meta.trace = (ProtobufCBinaryData){ .len = sizeof(call->trace), .data = call->trace };
    carrier.meta = &meta;
    carrier.base.n_unknown_fields = call->has_body;
    carrier.base.unknown_fields = &call->body;

    size = protobuf_c_message_get_packed_size(&carrier.base);
    if (!channel->has_session && size > FRAME_MAX_BEFORE_LOGIN) {
        fail_with(call, CRM_NOT_LOGGED_IN, "log in first");
        return;
    }
    if (size > channel->frame_max) {
        fail_with(call, CRM_TOO_LARGE, "the request is larger than the server takes");
        return;
    }
    if (channel_send(call->client, &header, &carrier.base, !(call->op->flags & OP_FLAG_SECRET))) {
        fail_with(call, CRM_NO_MEMORY, "no memory to send the request");
        return;
    }
    add_stream(call);
}

/* Without memory for it the server's answer finds nobody, which does no harm. */
static void send_cancel(struct crm_call *call)
{
    const struct frame_header header = { .type = FRAME_CANCEL, .stream = call->stream };

    if (!call->is_cancelled && channel_send(call->client, &header, NULL, false) == CRM_OK)
        call->is_cancelled = true;
}

void call_abandon(struct crm_call *call, enum crm_status status, const char *text)
{
    if (call->state == CALL_SENT)
        send_cancel(call);
    fail_with(call, status, text);
}

/* --- what happens to the connection */

void call_lost(struct crm_call *call, const struct failure *failure)
{
    if (!call->effect.may_repeat || call->part_seen || call->is_cancelled || call->sends >= SENDS_MAX) {
        call_fail(call, failure);
        return;
    }
    detach_stream(call);
    call->state = CALL_QUEUED;
}

void call_not_looked_at(struct crm_call *call)
{
    detach_stream(call);
    call->state = CALL_QUEUED;
    call->sends--;
    if (call->is_cancelled)
        fail_with(call, CRM_CANCELLED, "it was cancelled");
}

void call_expire(struct crm_client *client, int64_t now_us)
{
    struct crm_call *next;

    if (now_us < client->next_deadline_us)
        return;
    client->next_deadline_us = INT64_MAX;
    for (struct crm_call *call = TAILQ_FIRST(&client->open); call; call = next) {
        next = TAILQ_NEXT(call, entry);
        if (call->deadline_us <= now_us)
            call_abandon(call, CRM_DEADLINE, "there was no answer within the time allowed");
        else if (call->deadline_us < client->next_deadline_us)
            client->next_deadline_us = call->deadline_us;
    }
}

/* --- starting */

/* The meta that the caller put into the request itself. */
static const Crm__Meta *meta_of(const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(request->descriptor, 1);

    return *(Crm__Meta *const *)((const uint8_t *)request + field->offset);
}

/* The request without its meta, packed and cut behind its first key, as protobuf-c keeps an unknown field. */
static enum crm_status pack_request(struct crm_call *call, const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(request->descriptor, 1);
    ProtobufCMessage *bare = arena_memdup(&call->arena, request, request->descriptor->sizeof_message);
    struct slice packed;
    uint32_t key = 0;
    size_t n = 0;

    if (!bare)
        return CRM_NO_MEMORY;
    *(Crm__Meta **)((uint8_t *)bare + field->offset) = NULL;
    if (protobuf_c_message_get_packed_size(bare) > REQUEST_MAX)
        return CRM_TOO_LARGE;
    if (codec_pack(bare, &call->arena, &packed))
        return CRM_NO_MEMORY;
    call->has_body = packed.size > 0;
    if (!call->has_body)
        return CRM_OK;
    do
        key |= (uint32_t)(packed.data[n] & 0x7f) << (7 * n);
    while (packed.data[n++] & 0x80);
    call->body = (ProtobufCMessageUnknownField){
        .tag = key >> 3,
        .wire_type = (ProtobufCWireType)(key & 7),
        .len = packed.size - n,
        .data = (uint8_t *)packed.data + n,
    };
    return CRM_OK;
}

static int64_t deadline_of(const struct crm_call *call, const Crm__Meta *meta)
{
    uint32_t ms = call->options.deadline_ms;

    if (ms == 0 && meta)
        ms = meta->deadline_ms;
    if (ms == 0)
        ms = call->op->flags & OP_FLAG_SUBSCRIBE ? CRM_NO_DEADLINE : call->client->options.request_timeout_ms;
    return ms == CRM_NO_DEADLINE ? INT64_MAX : clock_monotonic_us() + (int64_t)ms * 1000;
}

static enum crm_status call_fill(struct crm_call *call, const ProtobufCMessage *request)
{
    const Crm__Meta *meta = meta_of(request);

    call->effect = op_effect(call->operation, request);
    call->deadline_us = deadline_of(call, meta);
    call->has_trace = meta && meta->has_trace && meta->trace.len == sizeof(call->trace);
    if (call->has_trace)
        memcpy(call->trace, meta->trace.data, sizeof(call->trace));
    error_from_failure(&call->error, &call->failure);
    return pack_request(call, request);
}

enum crm_status crm_call_start(struct crm_client *client, enum operation operation, const ProtobufCMessage *request,
                               const struct crm_call_options *options, struct crm_call **out_call)
{
    const struct op_info *op = op_info((unsigned)operation);
    struct crm_call *call;
    enum crm_status status;

    if (!op || !request || request->descriptor != op->request)
        return CRM_USAGE;
    call = calloc(1, sizeof(*call));
    if (!call)
        return CRM_NO_MEMORY;
    call->client = client;
    call->op = op;
    call->operation = (uint32_t)operation;
    if (options)
        call->options = *options;
    arena_init(&call->arena, CALL_MEMORY_MAX);
    status = call_fill(call, request);
    if (status) {
        arena_fini(&call->arena);
        free(call);
        return status;
    }
    TAILQ_INSERT_TAIL(&client->open, call, entry);
    TAILQ_INSERT_TAIL(&client->calls, call, sibling);
    call->is_listed = true;
    if (call->deadline_us < client->next_deadline_us)
        client->next_deadline_us = call->deadline_us;
    *out_call = call;
    return CRM_OK;
}

/* --- waiting and asking */

enum crm_status crm_call_wait(struct crm_call *call)
{
    struct crm_client *client = call->client;

    if (client->is_busy)
        return CRM_USAGE;
    while (call->state != CALL_DONE || call->is_listed)
        (void)crm_client_wait(client, -1);
    return call->error.status;
}

bool crm_call_is_done(const struct crm_call *call)
{
    return call->state == CALL_DONE;
}

const ProtobufCMessage *crm_call_reply(const struct crm_call *call)
{
    return call->reply;
}

const struct crm_error *crm_call_error(const struct crm_call *call)
{
    static const struct crm_error no_call = {
        .status = CRM_NO_MEMORY,
        .retry = CRM_RETRY_AFTER,
        .outcome = CRM_OUTCOME_NOT_DONE,
        .field = "",
        .text = "the request could not be made: it is too large, of the wrong type, or memory is spent",
        .position = -1,
    };

    return call ? &call->error : &no_call;
}

void crm_call_cancel(struct crm_call *call)
{
    if (call->state == CALL_DONE)
        return;
    if (call->state == CALL_SENT && call->effect.changes)
        send_cancel(call);
    else
        call_abandon(call, CRM_CANCELLED, "it was cancelled");
}

void crm_call_destroy(struct crm_call *call)
{
    if (!call)
        return;
    if (call->state == CALL_SENT) {
        send_cancel(call);
        detach_stream(call);
    }
    unlist(call);
    TAILQ_REMOVE(&call->client->calls, call, sibling);
    arena_fini(&call->arena);
    free(call);
}
