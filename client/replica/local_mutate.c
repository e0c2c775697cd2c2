/*
 * local_mutate.c - record.mutate asked of a replica: queued, and shown at once
 *
 * Called by local.c within a write run. A request of which one change is refused queues nothing when it is atomic, else the others.
 */
#include "client/replica/local_op.h"
#include "client/replica/outbox.h"
#include "common/base/clock.h"
#include "proto/codec.h"

/* A refusal in the place of a result. */
static enum crm_status refuse(struct local_call *call, enum crm_status status, const struct failure *failure, Crm__MutateResult *result)
{
    Crm__Error *error = arena_alloc(&call->arena, sizeof *error);

    if (!error)
        return fail(&call->failure, CRM_NO_MEMORY, NULL, "out of memory");
    crm__error__init(error);
    error->has_status = result->has_status = result->has_outcome = true;
    error->status = result->status = (uint32_t)status;
    result->outcome = CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED;
    result->error = error;
    error->text = arena_strdup(&call->arena, failure->text);
    error->field = failure->field[0] ? arena_strdup(&call->arena, failure->field) : NULL;
    return CRM_OK;
}

/* An atomic request is one change here too: with more than one the outbox could not keep them together. */
static enum crm_status check_request(struct local_call *call, const Crm__MutateRequest *request)
{
    if (request->has_upload)
        return fail(&call->failure, CRM_UNREACHABLE, NULL, "an upload needs the server");
    if (request->atomic && request->n_mutations > 1)
        return fail(&call->failure, CRM_UNREACHABLE, NULL, "several changes at once, all or none, need the server: make them one by one");
    if (!replica_is_writable(call->replica))
        return fail(&call->failure, CRM_BUSY, NULL, "the replica is open for reading only");
    return CRM_OK;
}

enum crm_status local_mutate(struct local_call *call, const struct view *view)
{
    const Crm__MutateRequest *request = call->request;
    const struct outbox_add add = {
        .replica = call->replica, .txn = view->txn, .arena = &call->arena, .now_us = clock_now_us(), .keep = !request->dry_run,
    };
    Crm__MutateReply reply = CRM__MUTATE_REPLY__INIT;
    Crm__MutateResult *results = arena_alloc(&call->arena, request->n_mutations * sizeof *results + 1);
    enum crm_status status = check_request(call, request);

    reply.results = arena_alloc(&call->arena, request->n_mutations * sizeof(void *) + 1);
    if (status == CRM_OK && (!reply.results || !results))
        return fail(&call->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < request->n_mutations && status == CRM_OK; i++) {
        struct failure failure = { 0 };
        enum crm_status one;

        crm__mutate_result__init(&results[i]);
        reply.results[reply.n_results++] = &results[i];
        one = outbox_add(&add, request->mutations[i], &results[i], &failure);
        if (one == CRM_NO_MEMORY || one == CRM_CORRUPT || one == CRM_IO || one == CRM_FULL) {
            call->failure = failure; /* the run is taken back, all of it */
            return one;
        }
        if (one != CRM_OK)
            status = refuse(call, one, &failure, &results[i]);
    }
    if (status != CRM_OK)
        return status;
    call->is_done = true;
    return codec_pack(&reply.base, &call->arena, &call->reply) == CRM_OK ? CRM_OK : fail(&call->failure, CRM_NO_MEMORY, NULL, "out of memory");
}
