/*
 * link_input.c - frames from the client: hello, the gates before every request, credit, cancel, ping
 *
 * gate_request is the one place that decides whether a request may run: read it to review who can reach what.
 */
#include "server/dispatch/link_inside.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/model/body.h"
#include "common/model/validate.h"
#include "proto/codec.h"
#include "server/dispatch/trail.h"
#include "server/engine/mutate.h"
#include "server/ops/op_session.h"

/* --- hello */

static void fill_limits(const struct link *link, Crm__Limits *limits)
{
    const struct settings *settings = &link->thread->dispatch->core->settings;

    crm__limits__init(limits);
    limits->has_frame_bytes = limits->has_frame_bytes_before_login = limits->has_chunk_bytes = limits->has_streams = true;
    limits->has_stream_credit = limits->has_batch = limits->has_record_bytes = limits->has_text_bytes = true;
    limits->has_ping_interval_ms = limits->has_idle_ms = true;
    limits->frame_bytes = FRAME_MAX;
    limits->frame_bytes_before_login = FRAME_MAX_BEFORE_LOGIN;
    limits->chunk_bytes = FRAME_CHUNK_MAX;
    limits->streams = STREAMS_MAX;
    limits->stream_credit = STREAM_CREDIT;
    limits->batch = MUTATIONS_MAX;
    limits->record_bytes = RECORD_SIZE_MAX;
    limits->text_bytes = TEXT_LONG_MAX;
    limits->ping_interval_ms = PING_INTERVAL_MS;
    limits->idle_ms = (uint32_t)(settings->idle_minutes * 60000);
}

/* A token in the hello resumes its session, so that the first request can come in the same flight. */
static enum crm_status resume_session(struct link *link, const Crm__Hello *hello, struct arena *arena, Crm__LoginReply **out_reply)
{
    uint64_t identities = atomic_load(&link->thread->dispatch->identities);
    const struct view *view;
    enum crm_status status;

    dispatch_thread_end_turn(link->thread); /* a snapshot that this turn has may be older than a change of rights */
    status = thread_view(link->thread, thread_schema(link->thread), &view);
    session_fini(&link->session);
    if (status == CRM_OK)
        status = session_resume(view, slice_of(hello->session_token.data, hello->session_token.len), clock_now_us(), &link->session);
    if (status == CRM_OK)
        status = device_admits(view, &link->session.user, link->carrier.claim);
    if (status == CRM_OK && link_take_place(link, &link->session.user) != CRM_OK) {
        session_fini(&link->session);
        status = CRM_BUSY;
    }
    if (status == CRM_OK) {
        if (link->session.how != SESSION_BY_TOKEN)
            password_know_place(link->thread->dispatch->throttle, link->session.login, link->peer, link->has_installation ? link->installation : NULL, arena);
        link_set_session(link, &link->session, identities);
        *out_reply = login_reply_create(view, &link->session, NULL, arena);
    }
    return status;
}

static void answer_hello(struct link *link, const Crm__Hello *hello, struct arena *arena)
{
    struct core *core = link->thread->dispatch->core;
    Crm__Hello answer = CRM__HELLO__INIT;
    Crm__Limits limits;
    Crm__Error error = CRM__ERROR__INIT;

    fill_limits(link, &limits);
    answer.has_version_max = answer.has_version_min = answer.has_features = answer.has_database = answer.has_epoch = true;
    answer.version_min = answer.version_max = FRAME_VERSION;
    answer.features = link->features;
    answer.software = (char *)"crmd/" CRM_VERSION;
    answer.limits = &limits;
    answer.database = (ProtobufCBinaryData){ .data = core->database, .len = UUID_SIZE };
    answer.epoch = core->epoch;
    if (hello->has_session_token) {
        enum crm_status status = resume_session(link, hello, arena, &answer.session);

        link->lost = status;
        if (status != CRM_OK) {
            const struct crm_status_info *info = crm_status_info((int)status);

            error.has_status = error.has_retry = error.has_outcome = true;
            error.status = (uint32_t)status;
            error.name = (char *)info->name;
            error.retry = (uint32_t)info->retry;
            error.outcome = (uint32_t)info->outcome;
            error.text = (char *)info->sentence;
            error.has_wipe = error.wipe = status == CRM_REVOKED;
            answer.session_error = &error;
        }
    }
    (void)link_send(link, FRAME_HELLO, 0, 0, &answer.base, false);
}

static void on_hello(struct link *link, const struct frame *frame)
{
    struct request *fast = link->thread->fast;
    struct failure failure = { 0 };
    const void *message;

    request_reset(fast);
    if (link->has_hello || frame->header.stream != 0) {
        link_break(link, CRM_PROTOCOL, "one hello, on stream 0");
        return;
    }
    if (codec_unpack(frame, &crm__hello__descriptor, FRAME_MAX_BEFORE_LOGIN, &fast->arena, &message, &failure) != CRM_OK) {
        link_break(link, CRM_PROTOCOL, failure.text);
        return;
    }
    const Crm__Hello *hello = message;

    if (hello->version_min > FRAME_VERSION || (hello->has_version_max && hello->version_max < FRAME_VERSION)) {
        link_break(link, CRM_PROTOCOL, "this server speaks protocol version 1");
        return;
    }
    link->has_hello = true;
    link->features = hello->features & FEATURE_ZSTD;
    link->has_installation = hello->device.len == sizeof link->installation;
    if (link->has_installation)
        memcpy(link->installation, hello->device.data, sizeof link->installation);
    snprintf(link->software, sizeof link->software, "%.60s", hello->software ? hello->software : "");
    if (!link_check_device(link))
        return;
    answer_hello(link, hello, &fast->arena);
}

/* --- requests */

/* Who has no session is told why the last one is none any more. */
static enum crm_status refuse_stranger(const struct link *link, struct failure *failure)
{
    failure->wipe = link->lost == CRM_REVOKED;
    if (link_may_be_told(link->lost))
        return fail(failure, link->lost, NULL, "%s", crm_status_info((int)link->lost)->sentence);
    return fail(failure, CRM_NOT_LOGGED_IN, NULL, "log in first");
}

/* Everything that must hold before a handler runs, in this order. */
static enum crm_status gate_request(struct link *link, const struct frame_header *header, const struct op_def *op, struct failure *failure)
{
    if (link->is_draining)
        return fail(failure, CRM_SHUTTING_DOWN, NULL, "the server is shutting down, connect again");
    if (!op)
        return fail(failure, CRM_UNKNOWN_OPERATION, NULL, "there is no operation number %u", header->code);
    if (!link_check_session(link, link->active_us) && !(op->flags & OP_NO_LOGIN))
        return refuse_stranger(link, failure);
    if (link->has_session && link->session.must && !(op->flags & (OP_ALWAYS | OP_NO_LOGIN)))
        return fail(failure, link->session.must, NULL, "%s", crm_status_info((int)link->session.must)->sentence);
    if ((op->flags & OP_PERSON) && link->session.how == SESSION_BY_TOKEN)
        return fail(failure, CRM_NOT_ALLOWED, NULL, "an API token cannot do this: log in");
    if (op->right && !(link->session.rights & (1u << op->right)))
        return fail(failure, CRM_NOT_ALLOWED, NULL, "your role does not allow this");
    if ((op->flags & OP_CONFIRMED) && !session_is_confirmed(&link->session, clock_now_us()))
        return fail(failure, CRM_CONFIRM, NULL, "%s", crm_status_info(CRM_CONFIRM)->sentence);
    if (!link->has_session && link->n_streams > 0) /* a password costs a worker's time and 19 MiB */
        return fail(failure, CRM_BUSY, NULL, "one request at a time before login");
    if (link->n_streams == STREAMS_MAX)
        return fail(failure, CRM_BUSY, NULL, "at most %d requests may be under way on one connection", STREAMS_MAX);
    return CRM_OK;
}

/* Field 1 of every request, found without knowing its message. */
static void read_meta(struct request *request, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message->descriptor, 1);
    const Crm__Meta *meta = field ? *(Crm__Meta *const *)(const void *)((const char *)message + field->offset) : NULL;
    uint32_t deadline = meta && meta->deadline_ms ? meta->deadline_ms : DEADLINE_DEFAULT;

    if (deadline > DEADLINE_MAX)
        deadline = DEADLINE_MAX;
    request->deadline_us = request->started_us + (int64_t)deadline * 1000;
    if (meta && meta->has_trace && meta->trace.len == sizeof request->trace)
        memcpy(request->trace, meta->trace.data, sizeof request->trace);
}

/* Who asks, as log and history name it. A request that may be away when its link ends has its own copies. */
static enum crm_status read_origin(const struct link *link, struct request *request)
{
    struct op_ctx *ctx = &request->ctx;

    ctx->peer = request->is_pooled ? link->peer : arena_strdup(&request->arena, link->peer);
    ctx->software = request->is_pooled ? link->software : arena_strdup(&request->arena, link->software);
    return ctx->peer && ctx->software ? CRM_OK : fail(&ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

static enum crm_status prepare(struct link *link, struct request *request, const struct op_def *op, const struct frame *frame)
{
    struct op_ctx *ctx = &request->ctx;
    enum crm_status status;

    request->link_id = link->id;
    request->stream = frame->header.stream;
    request->op = op;
    request->flags = op->flags;
    request->started_us = link->active_us;
    request->deadline_us = link->active_us + DEADLINE_DEFAULT * INT64_C(1000);
    request->schema = request->is_pooled ? NULL : schema_ref(thread_schema(link->thread));
    memset(request->trace, 0, sizeof request->trace);
    *ctx = (struct op_ctx){
        .core = link->thread->dispatch->core, .schema = thread_schema(link->thread), .arena = &request->arena, .scratch = &request->scratch,
        .upload_id = &request->upload_id, .still_wanted = request_still_wanted, .trace = request->trace,
    };
    ctx->throttle = link->thread->dispatch->throttle;
    if (link->has_installation) {
        memcpy(request->installation, link->installation, sizeof request->installation);
        ctx->installation = request->installation;
    }
    request->identities = link->identities;
    request->access_changes = link->access_changes;
    if (link->has_session && request->is_pooled) {
        ctx->session = &link->session;
    } else if (link->has_session) {
        session_copy(&request->session, &link->session);
        ctx->session = &request->session;
    }
    if (link->carrier.claim && link->carrier.claim->is_given) {
        request->claim = *link->carrier.claim;
        ctx->claim = &request->claim;
    }
    status = read_origin(link, request);
    if (status == CRM_OK)
        status = codec_unpack(frame, op->request, FRAME_MAX, &request->arena, &ctx->request, &ctx->failure);
    if (status != CRM_OK)
        return status;
    read_meta(request, ctx->request);
    if (op->place)
        request->flags = op->place(ctx->request, op->flags);
    ctx->reply = message_create(op->reply, &request->arena);
    return ctx->reply ? CRM_OK : fail(&ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

static void run_stream(struct link *link, const struct op_def *op, const struct frame *frame);

/* What is answered within this turn: no stream entry, no heap. Unless it turns out to take long. */
static void run_at_once(struct link *link, const struct op_def *op, const struct frame *frame)
{
    struct request *request = link->thread->fast;
    const struct view *view;
    enum crm_status status;

    request_reset(request);
    status = prepare(link, request, op, frame);
    if (status == CRM_OK && request->flags != op->flags) {
        run_stream(link, op, frame);
        return;
    }
    if (status == CRM_OK)
        status = thread_view(link->thread, request->ctx.schema, &view);
    if (status == CRM_OK) {
        request_set_view(request, view);
        status = op->run(&request->ctx);
    }
    /* A change of rights may have been committed, and acknowledged, while this was read. */
    link_renew_session(link);
    if (request->ctx.session && request->access_changes != link->access_changes)
        status = link->has_session ? CRM_ACCESS_CHANGED : link_why_out(link);
    if (status == CRM_OK)
        link_reply(link, request);
    else
        link_fail_request(link, request, status);
}

static bool is_answered_at_once(const struct op_def *op)
{
    return !(op->flags & (OP_WRITES | OP_WORKS | OP_STREAMS | OP_UPLOADS | OP_WATCHES)) && !op->prepare;
}

/* Registered first, then answered: no commit falls between the two. */
static void start_watch(struct link *link, struct stream *stream, struct request *request)
{
    bool more;

    if (push_subscribe(link->thread, link->id, request->stream, request->ctx.watch) != CRM_OK) {
        link_fail_request(link, request, fail(&request->ctx.failure, CRM_NO_MEMORY, NULL, "out of memory"));
        link_close_stream(link, stream);
        return;
    }
    stream->is_watching = true;
    if (request->op->step(&request->ctx, &more) == CRM_OK)
        link_reply(link, request);
    push_catch_up(link->thread, link, link->id);
}

static void run_stream(struct link *link, const struct op_def *op, const struct frame *frame)
{
    struct request *request = request_create(link->thread);
    struct failure failure = { 0 };
    struct op_watch watch = { 0 };
    const struct view *view;
    enum crm_status status;
    struct stream *stream;

    if (!request) {
        link_send_error(link, frame->header.stream, fail(&failure, CRM_NO_MEMORY, NULL, "out of memory"), &failure, NULL, NULL);
        return;
    }
    status = prepare(link, request, op, frame);
    request->ctx.watch = &watch;
    if (status == CRM_OK && !(request->flags & (OP_WRITES | OP_WORKS | OP_UPLOADS)) && !op->prepare) {
        status = thread_view(link->thread, request->schema, &view);
        if (status == CRM_OK) {
            request_set_view(request, view);
            status = op->run(&request->ctx);
        }
    } else if (status == CRM_OK) {
        status = op->admit ? op->admit(&request->ctx) : CRM_OK;
        if (status == CRM_OK)
            status = request_send_away(request);
        if (status == CRM_OK) {
            stream = link_open_stream(link, request->stream);
            stream->request = request;
            stream->is_away = true;
            stream->is_uploading = (op->flags & OP_UPLOADS) != 0;
            stream->upload_due_us = link->active_us + UPLOAD_PAUSE_US;
            return;
        }
    }
    if (status != CRM_OK) {
        link_fail_request(link, request, status);
        request_destroy(request);
        return;
    }
    stream = link_open_stream(link, request->stream);
    if (request->flags & OP_WATCHES) {
        start_watch(link, stream, request);
        request_destroy(request);
        return;
    }
    stream->request = request;
    stream->is_streaming = true;
}

static void on_request(struct link *link, const struct frame *frame)
{
    const struct op_def *op = op_find(frame->header.code);
    struct failure failure = { 0 };
    enum crm_status status;

    if (frame->header.stream == 0 || frame->header.stream <= link->last_stream) {
        link_break(link, CRM_PROTOCOL, "stream ids rise from 1");
        return;
    }
    link->last_stream = frame->header.stream;
    if (!link_check_device(link))
        return;
    status = gate_request(link, &frame->header, op, &failure);
    if (status != CRM_OK) {
        trail_refused_at_gate(link->thread->dispatch->core, link_session(link), op, link->peer, status);
        link_send_error(link, frame->header.stream, status, &failure, NULL, NULL);
        return;
    }
    link_touch_session(link, link->active_us);
    if (is_answered_at_once(op))
        run_at_once(link, op, frame);
    else
        run_stream(link, op, frame);
}

/* --- the rest */

static void on_cancel(struct link *link, uint32_t id, int64_t now_us)
{
    struct stream *stream = link_stream(link, id);

    if (now_us - link->cancel_window_us > CANCEL_WINDOW_US) {
        link->cancel_window_us = now_us;
        link->cancels = 0;
    }
    if (++link->cancels > CANCELS_MAX) {
        link_break(link, CRM_BUSY, "too many cancels");
        return;
    }
    if (!stream)
        return; /* it was answered in the meantime */
    if (stream->is_away) {
        atomic_store(&stream->request->cancelled, true); /* its place stays taken until its work has ended */
        return;
    }
    link_send_error(link, id, CRM_CANCELLED, NULL, NULL, stream->request ? stream->request->trace : NULL);
    link_close_stream(link, stream);
}

static void on_credit(struct link *link, const struct frame *frame)
{
    struct request *fast = link->thread->fast;
    struct stream *stream = link_stream(link, frame->header.stream);
    const void *message;

    request_reset(fast);
    if (codec_unpack(frame, &crm__credit__descriptor, FRAME_MAX_BEFORE_LOGIN, &fast->arena, &message, NULL) != CRM_OK) {
        link_break(link, CRM_PROTOCOL, "credit is not well-formed");
        return;
    }
    if (!stream)
        return;
    stream->credit += ((const Crm__Credit *)message)->bytes;
    if (stream->credit > INT32_MAX)
        link_break(link, CRM_PROTOCOL, "more credit than 2^31");
}

static void on_ping(struct link *link, const struct frame *frame, int64_t now_us)
{
    struct request *fast = link->thread->fast;
    const void *message;

    if (now_us - link->ping_window_us > PING_INTERVAL_MS * INT64_C(10000)) {
        link->ping_window_us = now_us;
        link->pings = 0;
    }
    request_reset(fast);
    if (++link->pings > 20 ||
        codec_unpack(frame, &crm__ping__descriptor, FRAME_MAX_BEFORE_LOGIN, &fast->arena, &message, NULL) != CRM_OK) {
        link_break(link, CRM_PROTOCOL, "too many pings, or not well-formed");
        return;
    }
    (void)link_send(link, FRAME_PONG, 0, 0, message, false);
}

/* A chunk or the end of an upload: a request of its own to the writer, under the same stream. */
static struct request *upload_request(struct link *link, const struct stream *stream, const struct frame *frame, enum op_stage stage)
{
    struct request *request = request_create(link->thread);

    if (!request)
        return NULL;
    request->link_id = link->id;
    request->stream = stream->id;
    request->op = op_find(OP_UPLOAD);
    request->flags = request->op->flags;
    request->started_us = link->active_us;
    request->deadline_us = link->active_us + DEADLINE_MAX * INT64_C(1000);
    request->upload_id = stream->upload_id;
    request->upload_bytes = frame->header.length;
    session_copy(&request->session, &link->session);
    request->claim = link->carrier.claim ? *link->carrier.claim : (struct device_claim){ .is_given = false };
    request->identities = link->identities;
    request->schema = schema_ref(thread_schema(link->thread));
    request->write.is_bulk = true;
    request->ctx = (struct op_ctx){
        .core = link->thread->dispatch->core, .session = &request->session, .schema = request->schema, .arena = &request->arena,
        .scratch = &request->scratch, .upload_id = &request->upload_id, .still_wanted = request_still_wanted, .stage = stage,
        .claim = request->claim.is_given ? &request->claim : NULL,
    };
    request->ctx.reply = message_create(request->op->reply, &request->arena);
    if (!request->ctx.reply || read_origin(link, request) != CRM_OK) {
        request_destroy(request);
        return NULL;
    }
    return request;
}

static void on_upload(struct link *link, const struct frame *frame, enum op_stage stage)
{
    bool is_there = link_check_session(link, link->active_us); /* first: it may end streams */
    struct stream *stream = link_stream(link, frame->header.stream);
    struct request *request;
    enum crm_status status;

    if (!stream && frame->header.stream != 0 && frame->header.stream <= link->last_stream)
        return; /* it was refused while the client was sending */
    if (stream && !is_there)
        return; /* its beginning is with the writer, and is refused when it comes back */
    if (!stream || !stream->is_uploading || (stage == OP_CHUNK && stream->upload_credit <= 0)) {
        link_break(link, CRM_PROTOCOL, "a chunk that no stream takes, or more than credit allows");
        return;
    }
    stream->upload_due_us = link->active_us + UPLOAD_PAUSE_US;
    if (stage == OP_CHUNK)
        stream->upload_credit -= frame->header.length;
    else
        stream->is_uploading = false; /* nothing comes behind the end */
    request = upload_request(link, stream, frame, stage);
    if (!request) {
        link_break(link, CRM_NO_MEMORY, "out of memory");
        return;
    }
    status = codec_unpack(frame, stage == OP_CHUNK ? &crm__upload_chunk__descriptor : &crm__upload_end__descriptor, FRAME_MAX,
                          &request->arena, &request->ctx.upload_message, &request->ctx.failure);
    if (status == CRM_OK)
        status = request_send_away(request);
    if (status != CRM_OK) {
        link_fail_request(link, request, status);
        request_destroy(request);
        link_close_stream(link, stream);
    }
}

static void on_frame(struct link *link, const struct frame *frame)
{
    const struct frame_header *header = &frame->header;

    if (!link->has_hello && header->type != FRAME_HELLO) {
        link_break(link, CRM_PROTOCOL, "hello comes first");
        return;
    }
    switch (header->type) {
    case FRAME_HELLO:
        on_hello(link, frame);
        break;
    case FRAME_REQUEST:
        on_request(link, frame);
        break;
    case FRAME_CHUNK:
        on_upload(link, frame, OP_CHUNK);
        break;
    case FRAME_END:
        on_upload(link, frame, OP_END);
        break;
    case FRAME_CANCEL:
        on_cancel(link, header->stream, link->active_us);
        break;
    case FRAME_CREDIT:
        on_credit(link, frame);
        break;
    case FRAME_PING:
        on_ping(link, frame, link->active_us);
        break;
    case FRAME_GOAWAY:
        link_close(link, "the client goes");
        break;
    default:
        link_break(link, CRM_PROTOCOL, "a frame that only the server sends");
    }
}

bool link_input(struct link *link, struct slice input, size_t *out_consumed)
{
    size_t consumed = 0;

    link->active_us = clock_monotonic_us();
    for (int n = 0; n < FRAMES_PER_TURN && link_wants_input(link); n++) {
        struct failure failure = { 0 };
        struct frame frame;
        size_t size;
        enum frame_progress progress = frame_parse(slice_of(input.data + consumed, input.size - consumed),
                                                   link->was_known ? FRAME_MAX : FRAME_MAX_BEFORE_LOGIN, &frame, &size, &failure);

        if (progress == FRAME_NEEDS_MORE)
            break;
        if (progress == FRAME_BROKEN) {
            link_break(link, CRM_PROTOCOL, failure.text);
            break;
        }
        on_frame(link, &frame);
        consumed += size;
        if (n % FRAMES_PER_CLOCK == 0 && clock_monotonic_us() - link->active_us >= TURN_US)
            break;
    }
    *out_consumed = consumed;
    return !link->is_closing;
}
