/*
 * local_mutate.c - record.mutate asked of a replica: queued, and shown at once
 *
 * Called by local.c within a write run. A request of which one change is refused queues nothing when it is atomic, else the others.
 */
#include "client/replica/asked.h"
#include "client/replica/local_op.h"
#include "client/replica/outbox.h"
#include "client/replica/rights.h"
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

/* As the server does; more than it takes without asking for the password once more is only for where it can be asked. */
static enum crm_status check_sizes(struct local_call *call, const Crm__MutateRequest *request)
{
    struct rights rights;
    size_t changes = 0, deletions = 0;

    rights_init(&rights, replica_state(call->replica)->session);
    for (size_t i = 0; i < request->n_mutations; i++) {
        changes += request->mutations[i]->verb != CRM__VERB__VERB_CREATE;
        deletions += request->mutations[i]->verb == CRM__VERB__VERB_DELETE;
    }
    if (changes > CHANGES_WITHOUT_RIGHT && !rights_has(&rights, CRM__RIGHT__RIGHT_BULK_CHANGE))
        return fail(&call->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow more than %d changes at once", CHANGES_WITHOUT_RIGHT);
    if (deletions > DELETIONS_UNCONFIRMED)
        return fail(&call->failure, CRM_UNREACHABLE, NULL, "deleting more than %d records at once needs the server", DELETIONS_UNCONFIRMED);
    return CRM_OK;
}

static enum crm_status check_request(struct local_call *call, const Crm__MutateRequest *request)
{
    if (request->has_upload)
        return fail(&call->failure, CRM_UNREACHABLE, NULL, "an upload needs the server");
    if (request->n_mutations == 0)
        return fail(&call->failure, CRM_INVALID, "mutations", "there is nothing to do");
    if (!replica_is_writable(call->replica))
        return fail(&call->failure, CRM_BUSY, NULL, "the replica is open for reading only");
    return check_sizes(call, request);
}

/* Does a status end the whole request? Then the run is taken back, all of it. */
static bool is_fatal(enum crm_status status)
{
    return status == CRM_NO_MEMORY || status == CRM_CORRUPT || status == CRM_IO || status == CRM_FULL;
}

/* All or none; also a single one, whose refusal is the request's. */
static enum crm_status add_whole(struct local_call *call, const struct outbox_add *add, const Crm__MutateRequest *request, Crm__MutateReply *reply)
{
    size_t at;
    enum crm_status status = outbox_add_group(add, request->mutations, request->n_mutations, reply->results, &at, &call->failure);

    if (status != CRM_OK && request->n_mutations > 1)
        call->failure.position = (int)at + 1;
    return status;
}

static enum crm_status add_each(struct local_call *call, const struct outbox_add *add, const Crm__MutateRequest *request, Crm__MutateReply *reply)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < request->n_mutations && status == CRM_OK; i++) {
        struct failure failure = { 0 };

        status = outbox_add(add, request->mutations[i], reply->results[i], &failure);
        if (is_fatal(status))
            call->failure = failure;
        else if (status != CRM_OK)
            status = refuse(call, status, &failure, reply->results[i]);
    }
    return status;
}

static enum crm_status make_results(struct local_call *call, size_t n, Crm__MutateReply *reply)
{
    Crm__MutateResult *results = arena_alloc(&call->arena, n * sizeof *results + 1);

    reply->results = arena_alloc(&call->arena, n * sizeof *reply->results + 1);
    if (!reply->results || !results)
        return fail(&call->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        crm__mutate_result__init(&results[i]);
        reply->results[reply->n_results++] = &results[i];
    }
    return CRM_OK;
}

static enum crm_status queue(struct local_call *call, struct store_txn *txn)
{
    const Crm__MutateRequest *request = call->request;
    const struct outbox_add add = {
        .replica = call->replica, .txn = txn, .arena = &call->arena, .now_us = clock_now_us(), .keep = !request->dry_run,
    };
    Crm__MutateReply reply = CRM__MUTATE_REPLY__INIT;
    enum crm_status status = make_results(call, request->n_mutations, &reply);

    if (status == CRM_OK)
        status = (request->atomic || request->n_mutations == 1 ? add_whole : add_each)(call, &add, request, &reply);
    if (status == CRM_OK && codec_pack(&reply.base, &call->arena, &call->reply) != CRM_OK)
        status = CRM_NO_MEMORY;
    if (status == CRM_OK && !request->dry_run)
        status = asked_put(txn, request, call->reply, add.now_us, &call->arena);
    return status == CRM_OK ? CRM_OK : fail(&call->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
}

/* What was answered under this key, with the mark that it was before. */
static enum crm_status answer_again(struct local_call *call, struct slice packed)
{
    Crm__MutateReply *reply = crm__mutate_reply__unpack(&call->arena.protobuf, packed.size, packed.data);

    if (!reply)
        return fail(&call->failure, CRM_CORRUPT, NULL, "the kept answer is damaged");
    reply->has_duplicate = reply->duplicate = true;
    return codec_pack(&reply->base, &call->arena, &call->reply) == CRM_OK ? CRM_OK : fail(&call->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status local_mutate(struct local_call *call, const struct view *view)
{
    const Crm__MutateRequest *request = call->request;
    struct slice packed;
    enum crm_status status = check_request(call, request);

    if (status != CRM_OK)
        return status;
    status = request->dry_run ? CRM_NOT_FOUND : asked_find(view->txn, request, &call->arena, &packed, &call->failure);
    if (status == CRM_OK)
        status = answer_again(call, packed);
    else if (status == CRM_NOT_FOUND)
        status = queue(call, view->txn);
    call->is_done = status == CRM_OK;
    return status;
}
