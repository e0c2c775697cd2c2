/*
 * op_job.c - jobs as such: begin one or find it again, show, list, cancel, and what of it was refused
 *
 * Writer thread where a row changes, else where requests are answered.
 */
#include <inttypes.h>

#include "common/base/text.h"
#include "proto/codec.h"
#include "server/engine/undo.h"
#include "server/ops/op.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define TITLE_MAX     400
#define INPUT_MAX     64
#define UNDO_DEPTH_MAX 64 /* jobs that have taken each other back in turn */

static enum crm_status cannot_read(struct op_ctx *ctx, enum crm_status status)
{
    return op_fail(ctx, status, "the jobs cannot be read: %s", crm_status_info((int)status)->sentence);
}

static enum crm_status out_of_memory(struct op_ctx *ctx)
{
    return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
}

/* Which one a request means: by its name or its id. Everybody's with the right, else one's own. */
static enum crm_status load(struct op_ctx *ctx, Crm__Job **out_job)
{
    const Crm__JobRequest *request = ctx->request;
    bool is_manager = ctx->session->rights & (1u << CRM__RIGHT__RIGHT_MANAGE_USERS);
    struct uuid id;
    enum crm_status status = CRM_OK;

    if (request->name)
        status = job_find(ctx->view, &ctx->session->user, request->name, &id);
    else if (!uuid_from_slice(slice_of(request->id.data, request->id.len), &id))
        return op_fail_field(ctx, CRM_INVALID, "id", "a job's id has 16 bytes");
    if (status == CRM_OK)
        status = job_load(ctx->view, &id, is_manager ? NULL : &ctx->session->user, ctx->arena, out_job);
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, status, "there is no such job");
    return status == CRM_OK ? CRM_OK : cannot_read(ctx, status);
}

static enum crm_status answer_one(struct op_ctx *ctx, Crm__Job *job)
{
    Crm__JobReply *reply = ctx->reply;

    reply->jobs = arena_memdup(ctx->arena, &job, sizeof job);
    if (!reply->jobs)
        return out_of_memory(ctx);
    reply->n_jobs = 1;
    return CRM_OK;
}

/* --- begin */

static enum crm_status check_begin(struct op_ctx *ctx)
{
    const Crm__JobRequest *request = ctx->request;
    struct uuid id;

    if (!uuid_from_slice(slice_of(request->id.data, request->id.len), &id) || uuid_is_nil(&id))
        return op_fail_field(ctx, CRM_INVALID, "id", "a job's id has 16 bytes");
    if (request->name && (!*request->name || strlen(request->name) > JOB_NAME_MAX))
        return op_fail_field(ctx, CRM_INVALID, "name", "a job's name has 1 to %d bytes", JOB_NAME_MAX);
    if (request->title && strlen(request->title) > TITLE_MAX)
        return op_fail_field(ctx, CRM_INVALID, "title", "a job's title has at most %d bytes", TITLE_MAX);
    if (request->input.len > INPUT_MAX)
        return op_fail_field(ctx, CRM_INVALID, "input", "at most %d bytes say what a job is made of", INPUT_MAX);
    if (request->has_undoes && request->undoes.len != UUID_SIZE)
        return op_fail_field(ctx, CRM_INVALID, "undoes", "a job's id has 16 bytes");
    if (request->has_undoes && request->has_undoes_seq)
        return op_fail_field(ctx, CRM_INVALID, "undoes_seq", "a job or a change can be taken back, not both");
    return CRM_OK;
}

/* The one that is there already, where it is the same. */
static enum crm_status go_on(struct op_ctx *ctx, Crm__Job *job)
{
    const Crm__JobRequest *request = ctx->request;

    if (!slice_equal(slice_of(job->input.data, job->input.len), slice_of(request->input.data, request->input.len)))
        return op_fail_field(ctx, CRM_EXISTS, request->name ? "name" : "id", "there is a job of this name with other input");
    return answer_one(ctx, job);
}

/* What is to be taken back must have come to its end: whoever feeds it would go on. */
static enum crm_status check_undone(struct op_ctx *ctx, const Crm__JobRequest *request)
{
    struct uuid id;
    Crm__Job *undone;
    enum crm_status status;

    if (!request->has_undoes)
        return CRM_OK;
    memcpy(id.bytes, request->undoes.data, UUID_SIZE);
    status = job_load(ctx->view, &id, &ctx->session->user, ctx->arena, &undone);
    if (status == CRM_OK && undone->state == CRM__JOB_STATE__JOB_STATE_OPEN)
        return op_fail_field(ctx, CRM_IN_USE, "undoes", "this job is still open: let it end, or cancel it first");
    return status;
}

static enum crm_status begin_new(struct op_ctx *ctx, const char *name)
{
    const Crm__JobRequest *request = ctx->request;
    const struct uuid *user = &ctx->session->user;
    Crm__Job *job = arena_alloc(ctx->arena, sizeof *job);
    enum crm_status status;

    if (!job)
        return out_of_memory(ctx);
    crm__job__init(job);
    job->has_id = job->has_user = job->has_state = job->has_position = job->has_begun_at = job->has_touched_at = true;
    job->id = request->id;
    job->name = (char *)(uintptr_t)name;
    job->title = request->title;
    job->user = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)user->bytes, .len = UUID_SIZE };
    job->state = CRM__JOB_STATE__JOB_STATE_OPEN;
    job->has_input = request->has_input;
    job->input = request->input;
    job->has_undoes = request->has_undoes;
    job->undoes = request->undoes;
    job->begun_at = job->touched_at = ctx->group->now_us;
    status = request->has_undoes_seq ? undo_find(ctx->view, request->undoes_seq, ctx->arena, job) : check_undone(ctx, request);
    if (status == CRM_NOT_FOUND)
        return op_fail_field(ctx, CRM_NOT_FOUND, request->has_undoes_seq ? "undoes_seq" : "undoes", "there is no such %s",
                             request->has_undoes_seq ? "change" : "job");
    if (status == CRM_OK)
        status = job_begin(ctx->group, job);
    return status == CRM_OK ? answer_one(ctx, job) : op_fail(ctx, status, "the job cannot be kept");
}

/* An undo that comes without a name is found again by what it takes back. */
static const char *undo_name(struct op_ctx *ctx, const struct uuid *undone)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(undone, text);
    return arena_printf(ctx->arena, "undo %s", text);
}

static const char *name_of(struct op_ctx *ctx)
{
    const Crm__JobRequest *request = ctx->request;
    struct uuid undone;

    if (request->name || !uuid_from_slice(slice_of(request->undoes.data, request->undoes.len), &undone))
        return request->name;
    return undo_name(ctx, &undone);
}

/* Has a job come to its end, and has nothing taken it back since? Undone, redone, undone again: the last one counts. */
static bool is_in_force(struct op_ctx *ctx, const Crm__Job *job)
{
    bool is = true;

    for (int depth = 0; depth < UNDO_DEPTH_MAX && job->state != CRM__JOB_STATE__JOB_STATE_OPEN; depth++) {
        struct uuid id;
        const char *name;
        Crm__Job *undo;

        memcpy(id.bytes, job->id.data, UUID_SIZE);
        name = undo_name(ctx, &id);
        if (!name || job_find(ctx->view, &ctx->session->user, name, &id) != CRM_OK ||
            job_load(ctx->view, &id, &ctx->session->user, ctx->arena, &undo) != CRM_OK || undo->state != CRM__JOB_STATE__JOB_STATE_DONE)
            break;
        is = !is;
        job = undo;
    }
    return is;
}

/* What was taken back, and back again, is taken back once more. */
static bool is_spent_undo(struct op_ctx *ctx, const Crm__Job *job)
{
    const Crm__JobRequest *request = ctx->request;

    return job->has_undoes && job->state != CRM__JOB_STATE__JOB_STATE_OPEN && memcmp(job->id.data, request->id.data, UUID_SIZE) != 0 &&
           (job->state == CRM__JOB_STATE__JOB_STATE_CANCELLED || !is_in_force(ctx, job));
}

static enum crm_status begin(struct op_ctx *ctx)
{
    const Crm__JobRequest *request = ctx->request;
    const char *name;
    struct uuid id;
    Crm__Job *job;
    enum crm_status status = check_begin(ctx);

    if (status != CRM_OK)
        return status;
    name = name_of(ctx);
    status = name ? job_find(ctx->view, &ctx->session->user, name, &id) : CRM_NOT_FOUND;
    if (status == CRM_NOT_FOUND) {
        memcpy(id.bytes, request->id.data, UUID_SIZE);
        status = CRM_OK;
    }
    if (status == CRM_OK)
        status = job_load(ctx->view, &id, NULL, ctx->arena, &job);
    if (status == CRM_NOT_FOUND)
        return begin_new(ctx, name);
    if (status != CRM_OK)
        return cannot_read(ctx, status);
    if (!slice_equal(slice_of(job->user.data, job->user.len), uuid_slice(&ctx->session->user)))
        return op_fail_field(ctx, CRM_EXISTS, "id", "there is a job with this id");
    return is_spent_undo(ctx, job) ? begin_new(ctx, name) : go_on(ctx, job);
}

/* --- list */

struct gather {
    struct op_ctx *ctx;
    Crm__Job **jobs; /* newest first */
    size_t n, max;
    int64_t before_us;  /* of a page: begun before this, */
    struct uuid before; /* or with it and with a lesser id */
    bool has_before, is_all;
    enum crm_status status;
};

static bool is_older(const Crm__Job *job, int64_t begun_us, const struct uuid *id)
{
    return job->begun_at != begun_us ? job->begun_at < begun_us : memcmp(job->id.data, id->bytes, UUID_SIZE) < 0;
}

/* Into its place among those that are kept; the oldest falls out. */
static void insert(struct gather *gather, Crm__Job *job)
{
    struct uuid id;
    size_t at = gather->n;

    memcpy(id.bytes, job->id.data, UUID_SIZE);
    while (at > 0 && is_older(gather->jobs[at - 1], job->begun_at, &id))
        at--;
    if (at == gather->max)
        return;
    if (gather->n < gather->max)
        gather->n++;
    memmove(gather->jobs + at + 1, gather->jobs + at, (gather->n - at - 1) * sizeof *gather->jobs);
    gather->jobs[at] = job;
}

static bool gather_job(void *arg, const struct uuid *id, struct slice packed)
{
    struct gather *gather = arg;
    struct op_ctx *ctx = gather->ctx;
    const void *message;
    Crm__Job *job;

    (void)id;
    gather->status = codec_unpack_body(packed, &crm__job__descriptor, ctx->arena, &message, &ctx->failure);
    if (gather->status != CRM_OK)
        return false;
    job = (Crm__Job *)(uintptr_t)message; /* in the request's arena */
    if (!gather->is_all && !slice_equal(slice_of(job->user.data, job->user.len), uuid_slice(&ctx->session->user)))
        return true;
    if (!gather->has_before || is_older(job, gather->before_us, &gather->before))
        insert(gather, job);
    return true;
}

static enum crm_status read_limit(struct op_ctx *ctx, size_t *out_limit)
{
    const Crm__JobRequest *request = ctx->request;

    if (request->limit > LIMIT_MAX)
        return op_fail_field(ctx, CRM_TOO_LARGE, "limit", "a page has at most %d rows", LIMIT_MAX);
    *out_limit = request->limit ? request->limit : LIMIT_DEFAULT;
    return CRM_OK;
}

/* Where a page has ended: when its last job was begun, and its id. */
static enum crm_status read_after(struct op_ctx *ctx, struct gather *gather)
{
    const Crm__JobRequest *request = ctx->request;

    gather->has_before = request->has_after;
    if (!request->has_after)
        return CRM_OK;
    if (request->after.len != 8 + UUID_SIZE)
        return op_fail_field(ctx, CRM_INVALID, "after", "it is not where a page has ended");
    memcpy(&gather->before_us, request->after.data, 8);
    memcpy(gather->before.bytes, request->after.data + 8, UUID_SIZE);
    return CRM_OK;
}

static enum crm_status say_next(struct op_ctx *ctx, const Crm__Job *last)
{
    Crm__JobReply *reply = ctx->reply;
    uint8_t *next = arena_alloc(ctx->arena, 8 + UUID_SIZE);

    if (!next)
        return out_of_memory(ctx);
    memcpy(next, &last->begun_at, 8);
    memcpy(next + 8, last->id.data, UUID_SIZE);
    reply->has_next = true;
    reply->next = (ProtobufCBinaryData){ .data = next, .len = 8 + UUID_SIZE };
    return CRM_OK;
}

static enum crm_status list(struct op_ctx *ctx)
{
    const Crm__JobRequest *request = ctx->request;
    Crm__JobReply *reply = ctx->reply;
    struct gather gather = { .ctx = ctx, .is_all = request->all, .status = CRM_OK };
    size_t limit = 0;
    enum crm_status status = read_limit(ctx, &limit);

    if (status == CRM_OK && request->all && !(ctx->session->rights & (1u << CRM__RIGHT__RIGHT_MANAGE_USERS)))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow looking at others' jobs");
    if (status == CRM_OK)
        status = read_after(ctx, &gather);
    if (status != CRM_OK)
        return status;
    gather.max = limit + 1;
    gather.jobs = arena_alloc(ctx->arena, gather.max * sizeof(Crm__Job *));
    if (!gather.jobs)
        return out_of_memory(ctx);
    status = job_each(ctx->view, gather_job, &gather);
    if (status == CRM_OK)
        status = gather.status;
    if (status != CRM_OK)
        return cannot_read(ctx, status);
    reply->n_jobs = gather.n < limit ? gather.n : limit;
    reply->jobs = gather.jobs;
    return gather.n > limit ? say_next(ctx, gather.jobs[limit - 1]) : CRM_OK;
}

/* --- refusals */

struct told {
    struct op_ctx *ctx;
    size_t max;
    enum crm_status status;
};

static bool tell_refusal(void *arg, uint64_t line, struct slice packed)
{
    struct told *told = arg;
    Crm__JobReply *reply = told->ctx->reply;
    const void *message;

    (void)line;
    if (reply->n_refused == told->max) {
        reply->has_more = reply->more = true;
        return false;
    }
    told->status = codec_unpack_body(packed, &crm__job_refusal__descriptor, told->ctx->arena, &message, &told->ctx->failure);
    if (told->status == CRM_OK)
        reply->refused[reply->n_refused++] = (Crm__JobRefusal *)(uintptr_t)message; /* in the request's arena */
    return told->status == CRM_OK;
}

static enum crm_status refusals(struct op_ctx *ctx)
{
    const Crm__JobRequest *request = ctx->request;
    Crm__JobReply *reply = ctx->reply;
    struct told told = { .ctx = ctx, .status = CRM_OK };
    Crm__Job *job;
    struct uuid id;
    enum crm_status status = read_limit(ctx, &told.max);

    if (status == CRM_OK)
        status = load(ctx, &job);
    if (status != CRM_OK)
        return status;
    memcpy(id.bytes, job->id.data, UUID_SIZE);
    reply->refused = arena_alloc(ctx->arena, told.max * sizeof *reply->refused);
    if (!reply->refused)
        return out_of_memory(ctx);
    status = job_refusals(ctx->view, &id, request->after_line, tell_refusal, &told);
    if (status == CRM_OK)
        status = told.status;
    return status == CRM_OK ? answer_one(ctx, job) : cannot_read(ctx, status);
}

/* --- show, cancel */

static enum crm_status show(struct op_ctx *ctx)
{
    Crm__Job *job;
    enum crm_status status = load(ctx, &job);

    return status == CRM_OK ? answer_one(ctx, job) : status;
}

static enum crm_status cancel(struct op_ctx *ctx)
{
    Crm__Job *job;
    enum crm_status status = load(ctx, &job);

    if (status != CRM_OK)
        return status;
    if (job->state == CRM__JOB_STATE__JOB_STATE_OPEN) {
        job->state = CRM__JOB_STATE__JOB_STATE_CANCELLED;
        job->touched_at = ctx->group->now_us;
        status = job_put(ctx->group, job);
        if (status != CRM_OK)
            return op_fail(ctx, status, "the job cannot be kept");
    }
    return answer_one(ctx, job);
}

static enum crm_status run_job(struct op_ctx *ctx)
{
    const Crm__JobRequest *request = ctx->request;

    switch (request->verb) {
    case CRM__JOB_VERB__JOB_VERB_BEGIN:
        return begin(ctx);
    case CRM__JOB_VERB__JOB_VERB_SHOW:
        return show(ctx);
    case CRM__JOB_VERB__JOB_VERB_LIST:
        return list(ctx);
    case CRM__JOB_VERB__JOB_VERB_CANCEL:
        return cancel(ctx);
    case CRM__JOB_VERB__JOB_VERB_REFUSALS:
        return refusals(ctx);
    default:
        return op_fail_field(ctx, CRM_INVALID, "verb", "begin, show, list, cancel or refusals?");
    }
}

static unsigned place(const void *message, unsigned flags)
{
    const Crm__JobRequest *request = message;
    bool writes = request->verb == CRM__JOB_VERB__JOB_VERB_BEGIN || request->verb == CRM__JOB_VERB__JOB_VERB_CANCEL;

    return writes ? flags | OP_WRITES : flags;
}

const struct op_def op_job = {
    .code = OP_JOB, .name = "job", .request = &crm__job_request__descriptor, .reply = &crm__job_reply__descriptor, .run = run_job,
    .place = place,
};
