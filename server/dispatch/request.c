/*
 * request.c - the life of a request between threads
 */
#include "server/dispatch/request.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/codec.h"
#include "server/dispatch/trail.h"

#define FAST_BUDGET (8u << 20)

/* A session that a login has opened, once its link has a copy, or there is none any more. */
static void drop_opened(struct request *request)
{
    if (request->ctx.opened)
        session_fini(request->ctx.opened);
    request->ctx.opened = NULL;
}

struct request *request_create(struct dispatch_thread *thread)
{
    struct request *request = calloc(1, sizeof *request);

    if (!request)
        return NULL;
    request->thread = thread;
    arena_init_shared(&request->arena, REQUEST_BUDGET, &thread->dispatch->memory);
    arena_init_shared(&request->scratch, FAST_BUDGET, &thread->dispatch->memory);
    return request;
}

void request_reset(struct request *request)
{
    schema_unref(request->schema);
    request->schema = NULL;
    arena_reset(&request->arena);
    arena_reset(&request->scratch);
    session_fini(&request->session);
    request->is_prepared = false;
    request->status = CRM_OK;
    atomic_store_explicit(&request->cancelled, false, memory_order_relaxed);
}

void request_destroy(struct request *request)
{
    if (!request)
        return;
    schema_unref(request->schema);
    throttle_settle(request->thread->dispatch->throttle, &request->ctx.ticket, THROTTLE_CANCELLED, clock_monotonic_us());
    session_fini(&request->session);
    drop_opened(request);
    arena_fini(&request->arena);
    arena_fini(&request->scratch);
    free(request);
}

void *message_create(const ProtobufCMessageDescriptor *descriptor, struct arena *arena)
{
    void *message = arena_alloc(arena, descriptor->sizeof_message);

    if (message)
        descriptor->message_init(message);
    return message;
}

static void come_back(struct mail *mail, void *arg)
{
    struct request *request = (struct request *)mail;
    struct dispatch_thread *thread = arg;
    struct link *link = thread_link(thread, request->link_id);

    if (link)
        link_answer(link, request);
    else
        request_destroy(request);
}

static void post_back(struct request *request)
{
    request->mail.run = come_back;
    mailbox_post(request->thread->mailbox, &request->mail);
}

void request_set_view(struct request *request, const struct view *view)
{
    const struct session *session = request->ctx.session;

    request->guarded = *view;
    /* A login looks for another user than the one who is there. */
    if (session && !(request->op->flags & OP_NO_LOGIN) && !access_sees_all(session->access)) {
        request->guard = access_guard(session->access);
        request->guarded.guard = &request->guard;
        request->guarded.arena = &request->scratch;
    }
    request->ctx.view = &request->guarded;
}

enum crm_status request_still_wanted(struct op_ctx *ctx)
{
    struct request *request = (struct request *)((char *)ctx - offsetof(struct request, ctx));

    if (atomic_load(&request->cancelled))
        return fail(&ctx->failure, CRM_CANCELLED, NULL, "it was cancelled");
    if (clock_monotonic_us() > request->deadline_us)
        return fail(&ctx->failure, CRM_DEADLINE, NULL, "the time allowed ran out");
    return CRM_OK;
}

void request_make_trace(struct request *request)
{
    audit_make_trace(request->trace);
}

enum crm_status request_bound_body(struct request *request, size_t size)
{
    return size <= FRAME_MAX ? CRM_OK
                             : fail(&request->ctx.failure, CRM_TOO_LARGE, NULL, "the answer is larger than %u bytes: ask for less", FRAME_MAX);
}

static enum crm_status pack_reply(struct request *request)
{
    enum crm_status status = request->ctx.packed.data ? CRM_OK : codec_pack(request->ctx.reply, &request->arena, &request->ctx.packed);

    if (status != CRM_OK)
        return fail(&request->ctx.failure, status, NULL, "out of memory");
    return request_bound_body(request, request->ctx.packed.size);
}

/*
 * Who asks may have lost rights since the request was taken: in a commit that this thread has made since, or in this very group. Looked at again inside the
 * commit, so that nothing is written with rights that are gone.
 */
static enum crm_status renew_session(struct request *request, const struct change_group *group, const struct view *view)
{
    uint64_t identities = atomic_load(&request->thread->dispatch->identities);
    bool is_looked_at = request->identities == identities && !group->identities_changed, changed;
    enum crm_status status;

    request->identities = identities; /* rises on this thread only: a login's session is as of now */
    if (!request->ctx.session || is_looked_at || request->op->flags & OP_NO_LOGIN)
        return CRM_OK;
    status = session_refresh(view, clock_now_us(), &request->session, &changed);
    if (status == CRM_OK)
        status = device_admits(view, &request->session.user, request->ctx.claim);
    if (status == CRM_OK && !(request->op->flags & OP_ALWAYS))
        status = request->session.must;
    if (status != CRM_OK)
        return fail(&request->ctx.failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    if (request->op->right && !(request->session.rights & (1u << request->op->right)))
        return fail(&request->ctx.failure, CRM_NOT_ALLOWED, NULL, "your role does not allow this");
    return CRM_OK;
}

static enum crm_status apply_write(struct write_job *job, struct change_group *group)
{
    struct request *request = (struct request *)((char *)job - offsetof(struct request, write));
    struct op_ctx *ctx = &request->ctx;
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    enum crm_status status;

    memset(&ctx->failure, 0, sizeof ctx->failure);
    ctx->packed = (struct slice){ 0 };
    request->op->reply->message_init(ctx->reply); /* the group may be run again */
    drop_opened(request);
    status = request_still_wanted(ctx);
    if (status == CRM_OK)
        status = renew_session(request, group, &view);
    if (status == CRM_OK) {
        ctx->group = group;
        request_set_view(request, &view);
        ctx->schema = group->schema;
        status = request->op->run(ctx);
    }
    if (status == CRM_OK)
        group->identities_changed |= ctx->ends_sessions; /* who comes behind it in this group is looked at again */
    if (status == CRM_OK)
        status = trail_append(request, group);
    if (status == CRM_OK) {
        status = pack_reply(request);
        if (status != CRM_OK)
            change_group_spoil(group); /* what cannot be told must not be done */
    }
    ctx->group = NULL;
    ctx->view = NULL;
    return status;
}

static void write_done(struct write_job *job, enum crm_status status)
{
    struct request *request = (struct request *)((char *)job - offsetof(struct request, write));

    request->status = status;
    if (status == CRM_OK && request->ctx.ends_sessions)
        atomic_fetch_add(&request->thread->dispatch->identities, 1);
    post_back(request);
}

struct worker_run {
    struct request *request;
    enum crm_status (*fn)(struct op_ctx *ctx);
};

static enum crm_status run_in_snapshot(struct store_txn *txn, void *arg)
{
    struct worker_run *run = arg;
    struct op_ctx *ctx = &run->request->ctx;
    struct view view = { .txn = txn, .schema = run->request->schema };
    enum crm_status status;

    request_set_view(run->request, &view);
    ctx->schema = view.schema;
    status = run->fn(ctx);
    if (status == CRM_OK && run->fn == run->request->op->run && !(run->request->flags & OP_STREAMS)) /* a stream's reply is its end */
        status = pack_reply(run->request);
    ctx->view = NULL;
    return status;
}

static void work_run(struct work_job *job)
{
    struct request *request = (struct request *)((char *)job - offsetof(struct request, work));
    bool prepares = request->op->prepare && !request->is_prepared;
    struct worker_run run = { .request = request, .fn = prepares ? request->op->prepare : request->op->run };

    request->status = request_still_wanted(&request->ctx);
    if (request->status == CRM_OK)
        request->status = store_read_run(request->ctx.core->store, run_in_snapshot, &run);
    request->is_prepared = true;
    if (request->status == CRM_OK && prepares && (request->flags & OP_WRITES)) {
        enum crm_status status = request_send_away(request);

        if (status == CRM_OK)
            return; /* the writer's from here on */
        request->status = fail(&request->ctx.failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    } else if (request->status == CRM_OK && !prepares && trail_is_due(request)) {
        enum crm_status status = trail_submit(request, write_done);

        if (status == CRM_OK)
            return; /* likewise: nothing is told that is not in the trail */
        request->status = fail(&request->ctx.failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    }
    post_back(request);
}

static enum work_line line_of(const struct request *request)
{
    if (!(request->flags & OP_HASHES))
        return WORK_OTHER;
    return request->ctx.ticket.is_known ? WORK_KNOWN_PASSWORD : WORK_PASSWORD;
}

enum crm_status request_send_away(struct request *request)
{
    struct dispatch *dispatch = request->thread->dispatch;
    bool to_worker = (request->op->prepare && !request->is_prepared) || (request->flags & OP_WORKS);

    if (to_worker) {
        request->work.run = work_run;
        return worker_submit(dispatch->workers, &request->work, line_of(request));
    }
    request->write.is_bulk |= (request->flags & OP_BULK) != 0;
    request->write.apply = apply_write;
    request->write.done = write_done;
    return writer_submit(dispatch->writer, &request->write);
}
