/*
 * job_step.c - see job_step.h
 *
 * Writer thread. What a role may do at once is counted over the whole job: cutting the input into small pieces does not help.
 */
#include "server/ops/job_step.h"

#include "common/base/log.h"
#include "server/engine/job.h"
#include "server/engine/mutate.h"
#include "server/engine/undo.h"

static enum crm_status check_step(struct op_ctx *ctx, const Crm__MutateRequest *request)
{
    const Crm__JobStep *step = request->job;

    if (request->has_client || request->has_number)
        return op_fail_field(ctx, CRM_INVALID, "client", "a job's place says what was done: its steps have no number");
    if (step->to < step->from)
        return op_fail_field(ctx, CRM_INVALID, "to", "a step ends at or behind its beginning");
    if (step->n_lines && step->n_lines != request->n_mutations)
        return op_fail_field(ctx, CRM_INVALID, "lines", "there are %zu lines for %zu mutations", step->n_lines, request->n_mutations);
    if (step->n_refused > MUTATIONS_MAX)
        return op_fail_field(ctx, CRM_TOO_LARGE, "refused", "a step has at most %d refusals", MUTATIONS_MAX);
    return CRM_OK;
}

static enum crm_status check_rights(struct op_ctx *ctx, const struct change_actor *actor, const Crm__Job *job, const Crm__MutateRequest *request)
{
    uint64_t changes = job->updated + job->deleted, deletions = job->deleted;

    for (size_t i = 0; i < request->n_mutations; i++) {
        changes += request->mutations[i]->verb != CRM__VERB__VERB_CREATE;
        deletions += request->mutations[i]->verb == CRM__VERB__VERB_DELETE;
    }
    if (changes > CHANGES_WITHOUT_RIGHT && !actor_has_right(actor, CRM__RIGHT__RIGHT_BULK_CHANGE))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow more than %d changes at once", CHANGES_WITHOUT_RIGHT);
    if (deletions > DELETIONS_UNCONFIRMED && !actor->is_confirmed)
        return op_fail(ctx, CRM_CONFIRM, "%s", crm_status_info(CRM_CONFIRM)->sentence);
    return CRM_OK;
}

static enum crm_status load(struct op_ctx *ctx, const Crm__JobStep *step, struct uuid *out_id, Crm__Job **out_job)
{
    const struct view view = { .txn = ctx->group->txn, .group = ctx->group->set, .schema = ctx->schema };
    enum crm_status status;

    if (!uuid_from_slice(slice_of(step->job.data, step->job.len), out_id))
        return op_fail_field(ctx, CRM_INVALID, "job", "a job's id has 16 bytes");
    status = job_load(&view, out_id, &ctx->session->user, ctx->arena, out_job);
    if (status == CRM_NOT_FOUND)
        return op_fail_field(ctx, status, "job", "there is no such job");
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the job cannot be read");
}

/* Who may change so much at once, and has said that it is meant: it deletes and changes as much as the job did. */
static enum crm_status undo(struct op_ctx *ctx, const struct change_actor *actor, Crm__Job *job, const Crm__MutateRequest *request)
{
    if (request->n_mutations > 0)
        return op_fail_field(ctx, CRM_INVALID, "mutations", "a job that takes another back has none");
    if (job->updated > CHANGES_WITHOUT_RIGHT && !actor_has_right(actor, CRM__RIGHT__RIGHT_BULK_CHANGE))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow more than %d changes at once", CHANGES_WITHOUT_RIGHT);
    return undo_step(ctx->group, actor, job, ctx->reply, &ctx->failure);
}

enum crm_status job_step_run(struct op_ctx *ctx, struct change_actor *actor, const Crm__MutateRequest *request)
{
    const Crm__JobStep *step = request->job;
    uint64_t seq = ctx->group->head.seq;
    Crm__MutateReply *reply = ctx->reply;
    Crm__Job *job;
    enum crm_status status = check_step(ctx, request);

    if (status == CRM_OK)
        status = load(ctx, step, &actor->job, &job);
    if (status != CRM_OK)
        return status;
    reply->job = job;
    if (job->state != CRM__JOB_STATE__JOB_STATE_OPEN || job->position != step->from)
        return CRM_OK;
    if (job->has_undoes)
        return undo(ctx, actor, job, request);
    status = check_rights(ctx, actor, job, request);
    if (request->has_upload)
        log_info("job.whole", "changes=%zu user=%s", request->n_mutations, ctx->session->login);
    if (status == CRM_OK && request->n_mutations > 0)
        status = mutate_run(ctx->group, actor, request, reply, &ctx->failure);
    if (status == CRM_OK)
        status = job_advance(ctx->group, job, step, request, reply, seq);
    if (request->has_upload)
        reply->n_results = 0; /* more than a frame holds: the counts must do */
    return status;
}

enum crm_status job_step_tell(struct op_ctx *ctx, const Crm__MutateRequest *request)
{
    Crm__MutateReply *reply = ctx->reply;
    Crm__Job *job = arena_alloc(ctx->arena, sizeof *job);

    if (!job)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    crm__job__init(job);
    job->has_refused = true;
    for (size_t i = 0; i < reply->n_results; i++) {
        if (reply->results[i]->error)
            job->refused++;
        else
            job_count(job, request->mutations[i], reply->results[i]);
    }
    reply->job = job;
    if (request->has_upload)
        reply->n_results = 0;
    return CRM_OK;
}
