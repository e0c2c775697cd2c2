/*
 * local.c - the transport whose other end is the replica
 *
 * Called by libcrm on the client's thread: what it writes is read here frame by frame, what it reads is made here, a part at a time, so that memory stays
 * bounded however long a list is. Each part has a snapshot of its own, as on the server. Owns requests and buffers; the replica is the caller's.
 */
#include "client/replica/local.h"

#include <stdlib.h>

#include "client/lib/client.h"
#include "client/replica/local_op.h"
#include "client/replica/outbox.h"
#include "common/base/clock.h"
#include "common/engine/view.h"
#include "proto/codec.h"

#define CALL_BUDGET ((size_t)128 << 20)
#define INPUT_MAX   (FRAME_HEADER_SIZE + FRAME_MAX + 65536)
#define OUTPUT_STOP FRAME_CHUNK_MAX /* with so much unread no further part is made */
#define OUTPUT_LIMIT (4u << 20)

struct local {
    struct transport base;
    struct replica *replica;
    struct buf in, out;
    TAILQ_HEAD(, local_call) calls; /* in the order in which they came; the first is being answered */
};

/* --- output */

static enum crm_status send(struct local *local, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    const struct frame_header header = { .type = (uint8_t)type, .code = code, .stream = stream };

    return codec_append(&local->out, &header, message, false);
}

static enum crm_status send_packed(struct local *local, enum frame_type type, uint32_t stream, struct slice body)
{
    const struct frame_header header = { .type = (uint8_t)type, .stream = stream };

    return codec_append_packed(&local->out, &header, body, false);
}

static enum crm_status send_error(struct local *local, uint32_t stream, enum crm_status status, const struct failure *failure, const Crm__Error *more)
{
    const struct crm_status_info *info = crm_status_info((int)status);
    Crm__Error error = CRM__ERROR__INIT;

    if (more)
        error = *more;
    error.has_status = error.has_retry = error.has_outcome = true;
    error.status = (uint32_t)status;
    error.name = (char *)(uintptr_t)info->name;
    error.retry = info->retry;
    error.outcome = CRM_OUTCOME_NOT_DONE;
    error.text = (char *)(uintptr_t)(failure->text[0] ? failure->text : info->sentence);
    if (failure->field[0])
        error.field = (char *)(uintptr_t)failure->field;
    error.has_position = failure->position > 0;
    error.position = failure->position;
    return send(local, FRAME_ERROR, (uint32_t)status, stream, &error.base);
}

/* --- calls */

static void call_end(struct local *local, struct local_call *call)
{
    TAILQ_REMOVE(&local->calls, call, entry);
    arena_fini(&call->arena);
    arena_fini(&call->scratch);
    free(call);
}

static struct local_call *call_add(struct local *local, uint32_t stream)
{
    struct local_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->stream = stream;
    call->replica = local->replica;
    arena_init(&call->arena, CALL_BUDGET);
    arena_init(&call->scratch, CALL_BUDGET);
    TAILQ_INSERT_TAIL(&local->calls, call, entry);
    return call;
}

static enum crm_status run_turn(struct store_txn *txn, void *arg)
{
    struct local_call *call = arg;
    const struct view view = { .txn = txn, .schema = replica_state(call->replica)->schema };

    return call->op->run(call, &view);
}

/* Writing goes on from what waits, all of it. */
static enum crm_status take_turn(struct local_call *call)
{
    struct store *store = replica_store(call->replica);
    enum crm_status status;

    if (!call->op->writes || !replica_is_writable(call->replica))
        return store_read_run(store, run_turn, call);
    status = outbox_mend(call->replica, clock_now_us(), &call->failure);
    return status == CRM_OK ? store_write_run(store, run_turn, call) : status;
}

/* One part of a call's answer. Failing to tell it is the connection's failure. */
static enum crm_status answer(struct local *local, struct local_call *call)
{
    enum crm_status status, told = CRM_OK;

    arena_reset(&call->scratch);
    call->part = slice_of(NULL, 0);
    status = take_turn(call);
    if (status != CRM_OK) {
        told = send_error(local, call->stream, status, &call->failure, call->error);
        call_end(local, call);
        return told;
    }
    if (call->part.size > 0)
        told = send_packed(local, FRAME_CHUNK, call->stream, call->part);
    if (told == CRM_OK && call->is_done)
        told = send_packed(local, call->op->is_stream ? FRAME_END : FRAME_REPLY, call->stream, call->reply);
    if (call->is_done)
        call_end(local, call);
    return told;
}

/* --- input */

static enum crm_status greet(struct local *local, struct failure *failure)
{
    const struct replica_state *state;
    Crm__Hello hello = CRM__HELLO__INIT;
    Crm__Limits limits = CRM__LIMITS__INIT;
    enum crm_status status = replica_load(local->replica, failure);

    if (status != CRM_OK)
        return status;
    state = replica_state(local->replica);
    limits.has_streams = limits.has_frame_bytes = limits.has_chunk_bytes = true;
    limits.streams = STREAMS_MAX;
    limits.frame_bytes = FRAME_MAX;
    limits.chunk_bytes = FRAME_CHUNK_MAX;
    hello.limits = &limits;
    hello.has_version_min = hello.has_version_max = true;
    hello.version_min = hello.version_max = FRAME_VERSION;
    hello.software = (char *)(uintptr_t)"crm-replica/" CRM_VERSION;
    hello.has_database = hello.has_epoch = true;
    hello.database = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)state->database.bytes, .len = UUID_SIZE };
    hello.epoch = state->epoch;
    hello.session = (Crm__LoginReply *)(uintptr_t)state->session;
    return send(local, FRAME_HELLO, 0, 0, &hello.base);
}

static enum crm_status take_request(struct local *local, const struct frame *frame)
{
    const struct op_info *info = op_info(frame->header.code);
    const struct local_op *op = local_op_find(frame->header.code);
    struct failure failure = { 0 };
    struct local_call *call;
    enum crm_status status;

    if (!op) {
        fail(&failure, CRM_UNREACHABLE, NULL, "this needs the server");
        return send_error(local, frame->header.stream, CRM_UNREACHABLE, &failure, NULL);
    }
    call = call_add(local, frame->header.stream);
    if (!call)
        return CRM_NO_MEMORY;
    call->op = op;
    status = codec_unpack(frame, info->request, FRAME_MAX, &call->arena, &call->request, &call->failure);
    if (status == CRM_OK)
        return CRM_OK;
    failure = call->failure;
    call_end(local, call);
    return send_error(local, frame->header.stream, status, &failure, NULL);
}

static enum crm_status take_cancel(struct local *local, uint32_t stream)
{
    const struct failure failure = { .status = CRM_CANCELLED, .text = "it was cancelled" };
    struct local_call *call;

    TAILQ_FOREACH(call, &local->calls, entry)
    if (call->stream == stream) {
        call_end(local, call);
        return send_error(local, stream, CRM_CANCELLED, &failure, NULL);
    }
    return CRM_OK;
}

static enum crm_status take_frame(struct local *local, const struct frame *frame, struct failure *failure)
{
    switch (frame->header.type) {
    case FRAME_HELLO:
        return greet(local, failure);
    case FRAME_REQUEST:
        return take_request(local, frame);
    case FRAME_CANCEL:
        return take_cancel(local, frame->header.stream);
    case FRAME_PING:
        return send_packed(local, FRAME_PONG, 0, frame->body);
    default:
        return CRM_OK; /* credit: what is read makes room by itself; uploads were refused */
    }
}

/* --- the transport */

static enum transport_result local_connect(struct transport *transport, struct failure *failure)
{
    (void)transport;
    (void)failure;
    return TRANSPORT_DONE;
}

static enum transport_result broken(struct failure *failure, enum crm_status status)
{
    fail(failure, status, NULL, "the replica cannot answer: %s", crm_status_info((int)status)->sentence);
    return TRANSPORT_BROKEN;
}

static enum transport_result local_write(struct transport *transport, const void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct local *local = (struct local *)transport;
    struct frame frame;
    size_t consumed;
    enum frame_progress progress;
    enum crm_status status = buf_append(&local->in, data, size);

    while (status == CRM_OK && (progress = frame_parse(buf_slice(&local->in), FRAME_MAX, &frame, &consumed, failure)) != FRAME_NEEDS_MORE) {
        if (progress == FRAME_BROKEN)
            return TRANSPORT_BROKEN;
        status = take_frame(local, &frame, failure);
        buf_consume(&local->in, consumed);
    }
    if (status != CRM_OK)
        return broken(failure, status);
    *out_n = size;
    return TRANSPORT_DONE;
}

static enum transport_result local_read(struct transport *transport, void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct local *local = (struct local *)transport;
    struct slice bytes;

    while (local->out.size < OUTPUT_STOP && !TAILQ_EMPTY(&local->calls)) {
        enum crm_status status = answer(local, TAILQ_FIRST(&local->calls));

        if (status != CRM_OK)
            return broken(failure, status);
    }
    bytes = buf_slice(&local->out);
    if (bytes.size == 0)
        return TRANSPORT_WANT_READ;
    *out_n = bytes.size < size ? bytes.size : size;
    memcpy(data, bytes.data, *out_n);
    buf_consume(&local->out, *out_n);
    return TRANSPORT_DONE;
}

static void local_destroy(struct transport *transport)
{
    struct local *local = (struct local *)transport;

    while (!TAILQ_EMPTY(&local->calls))
        call_end(local, TAILQ_FIRST(&local->calls));
    buf_fini(&local->in);
    buf_fini(&local->out);
    free(local);
}

static const struct transport_ops local_ops = { .connect = local_connect, .read = local_read, .write = local_write, .destroy = local_destroy };

static enum crm_status local_open(void *arg, int64_t until_us, struct transport **out_transport, struct failure *failure)
{
    struct local *local = calloc(1, sizeof *local);

    (void)until_us;
    if (!local)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    local->base = (struct transport){ .ops = &local_ops, .fd = -1, .is_ready = true };
    local->replica = arg;
    buf_init(&local->in, INPUT_MAX);
    buf_init(&local->out, OUTPUT_LIMIT);
    TAILQ_INIT(&local->calls);
    *out_transport = &local->base;
    return CRM_OK;
}

enum crm_status local_client_create(struct replica *replica, struct crm_client **out_client)
{
    const struct connector connector = { .open = local_open, .arg = replica };
    const struct crm_options options = { .host = "replica", .software = "crm/" CRM_VERSION, .reconnect_attempts = CRM_NO_RECONNECT };

    return client_create(&options, &connector, out_client);
}
