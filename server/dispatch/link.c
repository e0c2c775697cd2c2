/*
 * link.c - frames in, frames out: hello, gates, streams, credit
 *
 * All on the link's io thread. What has no answer yet is an entry in streams[]; requests that are away come back through the thread's
 * mailbox and find their entry by its stream id, or nobody. gate.c decides whether a request may run at all.
 */
#include "server/dispatch/link_inside.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/codec.h"

#define US_PER_HOUR INT64_C(3600000000)
#include "server/dispatch/trail.h"

struct link *link_create(struct dispatch_thread *thread, const struct link_carrier *carrier, const char *peer)
{
    struct link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->thread = thread;
    link->carrier = *carrier;
    snprintf(link->peer, sizeof link->peer, "%s", peer);
    link->since_us = link->active_us = clock_monotonic_us();
    link->id = thread_add_link(thread, link);
    if (!link->id) {
        free(link);
        return NULL;
    }
    log_debug("link.open", "link=%" PRIx64 " peer=%s", link->id, link->peer);
    return link;
}

static void leave_place(struct link *link)
{
    if (link->has_place)
        crowd_leave(link->thread->dispatch->crowd, &link->place);
    link->has_place = false;
}

enum crm_status link_take_place(struct link *link, const struct uuid *user)
{
    if (link->has_place && uuid_equal(&link->place, user))
        return CRM_OK;
    if (!crowd_enter(link->thread->dispatch->crowd, user))
        return CRM_BUSY;
    leave_place(link);
    link->place = *user;
    link->has_place = true;
    return CRM_OK;
}

void link_destroy(struct link *link)
{
    if (!link)
        return;
    thread_remove_link(link->thread, link->id);
    leave_place(link);
    for (unsigned i = 0; i < link->n_streams; i++) {
        struct request *request = link->streams[i].request;

        if (!request)
            continue;
        if (link->streams[i].is_away)
            atomic_store(&request->cancelled, true); /* it comes back to nobody and is freed there */
        else
            request_destroy(request);
    }
    log_debug("link.close", "link=%" PRIx64, link->id);
    session_fini(&link->session);
    free(link);
}

bool link_is_logged_in(const struct link *link)
{
    return link->has_session;
}

bool link_is_idle(const struct link *link)
{
    unsigned waiting = 0;

    for (unsigned i = 0; i < link->n_streams; i++)
        waiting += !link->streams[i].is_watching;
    return waiting == 0 && link->carrier.out->size == 0;
}

/* --- sending */

enum crm_status link_send(struct link *link, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message, bool compress)
{
    const struct frame_header header = { .type = (uint8_t)type, .code = code, .stream = stream };
    enum crm_status status = codec_append(link->carrier.out, &header, message, compress && (link->features & FEATURE_ZSTD));

    if (status == CRM_OK)
        link->carrier.want_flush(link->carrier.conn);
    else
        link_close(link, "output refused");
    return status;
}

static enum crm_status send_packed(struct link *link, enum frame_type type, uint32_t stream, struct slice body, bool compress)
{
    const struct frame_header header = { .type = (uint8_t)type, .stream = stream };
    enum crm_status status = codec_append_packed(link->carrier.out, &header, body, compress && (link->features & FEATURE_ZSTD));

    if (status == CRM_OK)
        link->carrier.want_flush(link->carrier.conn);
    else
        link_close(link, "output refused");
    return status;
}

void link_close(struct link *link, const char *why)
{
    if (link->is_closing)
        return;
    log_debug("link.closing", "link=%" PRIx64 " why=\"%s\"", link->id, why);
    link->is_closing = true;
    link->carrier.want_close(link->carrier.conn);
}

void link_send_error(struct link *link, uint32_t stream, enum crm_status status, const struct failure *failure, Crm__Error *details,
                     const uint8_t trace[16])
{
    const struct crm_status_info *info = crm_status_info((int)status);
    Crm__Error error = CRM__ERROR__INIT;

    if (details)
        error = *details;
    error.has_status = error.has_retry = error.has_outcome = true;
    error.status = (uint32_t)status;
    error.name = (char *)info->name;
    error.retry = (uint32_t)info->retry;
    error.outcome = (uint32_t)info->outcome;
    error.text = (char *)(failure && failure->text[0] ? failure->text : info->sentence);
    if (failure && failure->field[0])
        error.field = (char *)failure->field;
    if (failure && failure->position > 0) {
        error.has_position = true;
        error.position = failure->position;
    }
    error.has_wipe = error.wipe = failure && failure->wipe;
    if (info->retry == CRM_RETRY_AFTER) {
        error.has_retry_after_ms = true;
        error.retry_after_ms = failure && failure->retry_after_ms ? failure->retry_after_ms : 1000;
    }
    if (trace) {
        error.has_trace = true;
        error.trace = (ProtobufCBinaryData){ .data = (uint8_t *)trace, .len = 16 };
    }
    (void)link_send(link, FRAME_ERROR, (uint32_t)status, stream, &error.base, false);
}

/* The other side broke the rules: say so and close. */
void link_break_for(struct link *link, const struct failure *failure)
{
    log_info("link.broken", "link=%" PRIx64 " peer=%s text=\"%s\"", link->id, link->peer, failure->text);
    link_send_error(link, 0, failure->status, failure, NULL, NULL);
    link_close(link, failure->text);
}

void link_break(struct link *link, enum crm_status status, const char *text)
{
    struct failure failure = { 0 };

    fail(&failure, status, NULL, "%s", text);
    link_break_for(link, &failure);
}

void link_goaway(struct link *link, enum crm_status why)
{
    Crm__Goaway goaway = CRM__GOAWAY__INIT;
    const struct crm_status_info *info = crm_status_info((int)why);

    if (link->is_draining)
        return;
    link->is_draining = true;
    goaway.has_status = goaway.has_last_stream = goaway.has_retry_after_ms = true;
    goaway.status = (uint32_t)why;
    goaway.text = (char *)info->sentence;
    goaway.retry_after_ms = 1000;
    goaway.last_stream = link->last_stream;
    (void)link_send(link, FRAME_GOAWAY, 0, 0, &goaway.base, false);
}

void link_set_session(struct link *link, const struct session *session, uint64_t identities)
{
    if (session != &link->session) {
        link->access_changes += !access_equal(link->session.access, session->access);
        session_fini(&link->session);
        session_copy(&link->session, session);
    }
    link->expires_us = clock_monotonic_us() + (session->expires_us - clock_now_us());
    link->touch_due_us = clock_monotonic_us() + (session->used_us + SESSION_TOUCH_US - clock_now_us());
    link->has_session = link->was_known = true;
    link->identities = identities;
}

void link_touch_session(struct link *link, int64_t now_us)
{
    struct session *session = &link->session;
    int64_t wall_us, idle_us = link->thread->dispatch->core->settings.idle_hours * US_PER_HOUR;

    if (!link->has_session || now_us < link->touch_due_us)
        return;
    wall_us = clock_now_us();
    session->used_us = wall_us;
    if (session->how != SESSION_BY_TOKEN)
        session->expires_us = session->latest_us < wall_us + idle_us ? session->latest_us : wall_us + idle_us;
    link->expires_us = now_us + (session->expires_us - wall_us);
    link->touch_due_us = now_us + SESSION_TOUCH_US;
    session_job_touch(link->thread->dispatch, session);
}

/* --- streams */

struct stream *link_stream(struct link *link, uint32_t id)
{
    for (unsigned i = 0; i < link->n_streams; i++)
        if (link->streams[i].id == id)
            return &link->streams[i];
    return NULL;
}

struct stream *link_open_stream(struct link *link, uint32_t id)
{
    struct stream *stream = &link->streams[link->n_streams++];

    *stream = (struct stream){ .id = id, .credit = STREAM_CREDIT };
    return stream;
}

void link_close_stream(struct link *link, struct stream *stream)
{
    if (stream->is_watching)
        push_unsubscribe(link->thread, link->id, stream->id);
    if (stream->is_away) /* an upload's frame has failed while its beginning is with the writer */
        atomic_store(&stream->request->cancelled, true); /* it comes back to nobody and is freed there */
    else
        request_destroy(stream->request);
    *stream = link->streams[--link->n_streams];
}

/*
 * What reads here has seen with eyes that it no longer has: it ends. What is with a worker is asked to, and not answered (link_answer); what is with the
 * writer is looked at there. The table of streams is another afterwards.
 */
static void end_streams(struct link *link, enum crm_status why)
{
    const struct failure reason = { .wipe = why == CRM_REVOKED };

    link->access_changes++;
    for (unsigned i = link->n_streams; i-- > 0;) { /* from the end: one that takes the place of another has been looked at */
        struct stream *stream = &link->streams[i];

        if (stream->is_away && !(stream->request->flags & OP_WRITES))
            atomic_store(&stream->request->cancelled, true);
        if (stream->is_away)
            continue;
        link_send_error(link, stream->id, why, &reason, NULL, NULL);
        link_close_stream(link, stream);
    }
}

static void end_session(struct link *link, enum crm_status why)
{
    link->has_session = false;
    link->lost = why;
    if (uuid_equal(&link->place, &link->session.user)) /* a login of another has taken the other's */
        leave_place(link);
    session_fini(&link->session);
    end_streams(link, why);
}

enum crm_status link_why_out(const struct link *link)
{
    return link_may_be_told(link->lost) ? link->lost : CRM_NOT_LOGGED_IN;
}

bool link_may_be_told(enum crm_status status)
{
    return status == CRM_SESSION_EXPIRED || status == CRM_DEVICE_NEEDED || status == CRM_REVOKED;
}

bool link_check_session(struct link *link, int64_t now_us)
{
    uint64_t identities = atomic_load(&link->thread->dispatch->identities);
    const struct view *view;
    bool changed = false;
    enum crm_status status = CRM_OK;

    if (!link->has_session)
        return false;
    if (now_us > link->expires_us) {
        status = CRM_SESSION_EXPIRED;
    } else if (link->identities != identities) {
        dispatch_thread_end_turn(link->thread); /* a snapshot that this turn has may be older than the change */
        status = thread_view(link->thread, thread_schema(link->thread), &view);
        if (status == CRM_OK)
            status = session_refresh(view, clock_now_us(), &link->session, &changed);
        if (status == CRM_OK)
            status = device_admits(view, &link->session.user, link->carrier.claim);
        link->identities = identities;
    }
    if (status != CRM_OK)
        end_session(link, link_may_be_told(status) ? status : CRM_NOT_LOGGED_IN);
    else if (changed)
        end_streams(link, CRM_ACCESS_CHANGED);
    return link->has_session;
}

void link_renew_session(struct link *link)
{
    if (link->has_session && link->identities != atomic_load(&link->thread->dispatch->identities))
        (void)link_check_session(link, clock_monotonic_us());
}

const struct session *link_session(const struct link *link)
{
    return link->has_session ? &link->session : NULL;
}

/* --- what a request came to */

/* A login that has ended another's session, or a logout. Streams may be closed by it. */
static void finish_login(struct link *link, const struct request *request)
{
    const struct session *opened = request->ctx.opened;

    if (link->has_session && (request->ctx.close_session || (opened && !uuid_equal(&opened->user, &link->session.user))))
        end_session(link, CRM_NOT_LOGGED_IN);
    if (opened)
        link_set_session(link, opened, request->identities);
}

/* What is the server's own fault, and not the client's. Not what a client can bring about again and again: full, out of memory. */
static bool is_fault(enum crm_status status)
{
    return status == CRM_FAILED || status == CRM_CORRUPT || status == CRM_IO;
}

static void log_request(const struct link *link, const struct request *request, enum crm_status status)
{
    enum log_level level = is_fault(status) ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG;
    char trace[2 * sizeof request->trace + 1];

    if (!log_enabled(level))
        return;
    hex_format(request->trace, sizeof request->trace, trace);
    log_write(level, "request", "link=%" PRIx64 " stream=%u op=%s status=%s us=%" PRId64 " trace=%s", link->id, request->stream, request->op->name,
              crm_status_info((int)status)->name, clock_monotonic_us() - request->started_us, trace);
}

void link_fail_request(struct link *link, struct request *request, enum crm_status status)
{
    request_make_trace(request);
    log_request(link, request, status);
    trail_refused(request, status);
    link_send_error(link, request->stream, status, &request->ctx.failure, request->ctx.error, request->trace);
}

void link_reply(struct link *link, struct request *request)
{
    struct op_ctx *ctx = &request->ctx;
    bool compress = !(request->flags & OP_SECRET), streams = request->flags & OP_STREAMS;
    bool is_packed = !streams && ctx->packed.data;

    if (request_bound_body(request, is_packed ? ctx->packed.size : protobuf_c_message_get_packed_size(ctx->reply)) != CRM_OK) {
        link_fail_request(link, request, CRM_TOO_LARGE);
        return;
    }
    log_request(link, request, CRM_OK);
    if (is_packed)
        (void)send_packed(link, FRAME_REPLY, request->stream, ctx->packed, compress);
    else
        (void)link_send(link, streams ? FRAME_END : FRAME_REPLY, 0, request->stream, ctx->reply, compress);
}

/* A chunk of an upload has been stored, or the upload has begun: the client may send as much again. */
static void grant_upload(struct link *link, struct stream *stream, const struct request *request)
{
    Crm__Credit credit = CRM__CREDIT__INIT;

    stream->upload_id = request->upload_id;
    credit.has_bytes = true;
    credit.bytes = request->ctx.stage == OP_BEGIN ? STREAM_CREDIT : request->upload_bytes;
    stream->upload_credit += credit.bytes;
    if (credit.bytes > 0)
        (void)link_send(link, FRAME_CREDIT, 0, stream->id, &credit.base, false);
}

/* A login has succeeded: if there is no place for one more connection of its user, nobody gets the session. */
static enum crm_status admit_opened(struct link *link, struct request *request)
{
    if (link_take_place(link, &request->ctx.opened->user) == CRM_OK)
        return CRM_OK;
    session_job_close(link->thread->dispatch, request->ctx.opened);
    return fail(&request->ctx.failure, CRM_BUSY, NULL, "this user has %" PRId64 " connections open: close one",
                link->thread->dispatch->core->settings.connections_per_user);
}

static bool step_stream(struct link *link, struct stream *stream);
static bool can_step(const struct stream *stream);

/*
 * A worker has found what is now told in chunks. As far as credit and output let it at once: nothing else would call for this link's next turn. From there on the
 * output that drains and the credit that comes do.
 */
static void start_telling(struct link *link, struct stream *stream, struct request *take_request)
{
    uint32_t id = stream->id;

    stream->request = take_request;
    stream->is_streaming = true;
    while ((stream = link_stream(link, id)) && can_step(stream) && link->carrier.out->size <= OUTPUT_HIGH && !link->is_closing)
        step_stream(link, stream);
}

void link_answer(struct link *link, struct request *take_request)
{
    struct stream *stream;
    bool writes = take_request->flags & OP_WRITES;
    bool goes_on = (take_request->flags & OP_UPLOADS) && take_request->ctx.stage != OP_END;

    /* What was read is told only to who may still read it. A write is done, and was looked at inside its commit. */
    if (!writes)
        link_renew_session(link);
    stream = link_stream(link, take_request->stream);
    if (stream && stream->request == take_request) {
        stream->request = NULL;
        stream->is_away = false;
    }
    /* What was written is told although nobody waits for it: the change is done. */
    if (take_request->status == CRM_OK && atomic_load(&take_request->cancelled) && !writes)
        take_request->status = CRM_CANCELLED;
    if (!writes && take_request->ctx.session && take_request->access_changes != link->access_changes)
        take_request->status = link->has_session ? CRM_ACCESS_CHANGED : link_why_out(link);
    if (take_request->status == CRM_OK && goes_on && !link->has_session) /* nobody is there to go on with it */
        take_request->status = link_why_out(link);
    if (take_request->status == CRM_OK && take_request->ctx.opened)
        take_request->status = admit_opened(link, take_request);
    if (stream && take_request->status == CRM_OK && (take_request->flags & OP_WORKS) && (take_request->flags & OP_STREAMS)) {
        start_telling(link, stream, take_request);
        return;
    }
    if (stream && take_request->status != CRM_OK)
        link_fail_request(link, take_request, take_request->status);
    else if (stream && goes_on)
        grant_upload(link, stream, take_request);
    else if (stream)
        link_reply(link, take_request);
    if (stream && (take_request->status != CRM_OK || !goes_on))
        link_close_stream(link, stream);
    if (take_request->status == CRM_OK)
        finish_login(link, take_request);
    request_destroy(take_request);
}

enum crm_status link_event(struct link *link, uint32_t stream, const Crm__Event *event)
{
    if (link->carrier.out->size > OUTPUT_HIGH || link->is_closing) {
        link->has_missed = true;
        return CRM_BUSY;
    }
    return link_send(link, FRAME_EVENT, 0, stream, &event->base, true);
}

/* --- streaming, in turns */

/* One turn of one stream: at most one chunk. false: it has nothing to do now. */
static bool step_stream(struct link *link, struct stream *stream)
{
    struct request *request = stream->request;
    struct op_ctx *ctx = &request->ctx;
    bool more = false;
    size_t before = link->carrier.out->size;
    uint64_t access_changes = link->access_changes;
    const struct view *view;
    enum crm_status status = thread_view(link->thread, request->schema, &view);

    arena_reset(&request->scratch);
    if (status == CRM_OK)
        request_set_view(request, view);
    ctx->scratch = &request->scratch;
    ctx->chunk_budget = FRAME_CHUNK_MAX;
    ctx->packed = (struct slice){ 0 };
    ctx->chunk = message_create(request->op->chunk, &request->scratch);
    if (status == CRM_OK && !ctx->chunk)
        status = fail(&ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (status == CRM_OK && clock_monotonic_us() > request->deadline_us)
        status = fail(&ctx->failure, CRM_DEADLINE, NULL, "the time allowed ran out");
    if (status == CRM_OK)
        status = request->op->step(ctx, &more);
    if (status == CRM_OK && !ctx->packed.data && codec_pack(ctx->chunk, &request->scratch, &ctx->packed) != CRM_OK)
        status = fail(&ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (status == CRM_OK)
        status = request_bound_body(request, ctx->packed.size);
    /* A change of rights may have been committed, and acknowledged, while this was read. */
    link_renew_session(link);
    if (link->access_changes != access_changes)
        return true; /* the stream has ended, and its request with it */
    if (status != CRM_OK) {
        link_fail_request(link, request, status);
        link_close_stream(link, stream);
        return true;
    }
    if (ctx->packed.size > 0) {
        (void)send_packed(link, FRAME_CHUNK, stream->id, ctx->packed, true);
        stream->credit -= (int64_t)(link->carrier.out->size - before) - FRAME_HEADER_SIZE;
    }
    if (!more) {
        link_reply(link, request);
        link_close_stream(link, stream);
    }
    return true;
}

static bool can_step(const struct stream *stream)
{
    return stream->request && stream->is_streaming && stream->credit > 0;
}

bool link_resume(struct link *link)
{
    unsigned n;

    link_renew_session(link);
    n = link->n_streams;
    if (link->has_missed && link_wants_input(link)) {
        link->has_missed = false;
        push_catch_up(link->thread, link, link->id);
    }
    /* Each stream gets one turn; the round begins behind the one that was last. */
    for (unsigned i = 0; i < n && link->n_streams > 0; i++) {
        struct stream *stream = &link->streams[(link->round + i) % link->n_streams];

        if (link->carrier.out->size > OUTPUT_HIGH || link->is_closing)
            return false;
        if (can_step(stream)) {
            link->round = (link->round + i + 1) % STREAMS_MAX;
            step_stream(link, stream);
            break;
        }
    }
    for (unsigned i = 0; i < link->n_streams; i++)
        if (can_step(&link->streams[i]))
            return link->carrier.out->size <= OUTPUT_HIGH && !link->is_closing;
    return false;
}

bool link_wants_input(const struct link *link)
{
    return !link->is_closing && link->carrier.out->size <= OUTPUT_HIGH;
}

/* --- time */

static void tick_requests(struct link *link, int64_t now_us)
{
    for (unsigned i = 0; i < link->n_streams; i++) {
        struct stream *stream = &link->streams[i];

        /* A stream that its reader starves of credit must not live for ever. */
        if (stream->is_streaming && stream->request && now_us > stream->request->deadline_us) {
            fail(&stream->request->ctx.failure, CRM_DEADLINE, NULL, "the time allowed ran out");
            link_fail_request(link, stream->request, CRM_DEADLINE);
            link_close_stream(link, stream);
            i--;
        } else if (stream->is_uploading && !stream->is_away && now_us > stream->upload_due_us) {
            link_send_error(link, stream->id, CRM_DEADLINE, NULL, NULL, NULL);
            link_close_stream(link, stream);
            i--;
        }
    }
}

void link_tick(struct link *link, int64_t now_us)
{
    int64_t idle_us = link->thread->dispatch->core->settings.idle_minutes * 60 * 1000000;

    if (link->is_closing || (link->has_hello && !link_check_device(link)))
        return;
    /* Subscriptions ask for nothing: they must not go on behind its end, and are a use of it. */
    if (link_check_session(link, now_us) && link->n_streams > 0)
        link_touch_session(link, now_us);
    if (!link->has_hello && now_us - link->since_us > HELLO_US)
        link_break(link, CRM_PROTOCOL, "no hello in time");
    else if (!link->was_known && now_us - link->since_us > LOGIN_US)
        link_break(link, CRM_NOT_LOGGED_IN, "no login in time");
    else if (link->n_streams == 0 && now_us - link->active_us > idle_us)
        link_break(link, CRM_BUSY, "the connection was idle for too long");
    else
        tick_requests(link, now_us);
}
