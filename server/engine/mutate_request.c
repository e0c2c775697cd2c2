/*
 * mutate_request.c - a request of one or many mutations: each whole or not at all, or all or none, and a result for each
 *
 * Writer thread, or a worker in a dry run.
 */
#include "server/engine/late.h"
#include "server/engine/mutate_inside.h"

struct request_run {
    struct change_group *group;
    const struct change_actor *actor;
    const Crm__MutateRequest *request;
    Crm__MutateReply *reply;
    struct failure *failure;
};

static bool set_error(struct change_group *group, Crm__MutateResult *result, enum crm_status status, const struct failure *failure)
{
    const struct crm_status_info *info = crm_status_info((int)status);
    Crm__Error *error = arena_alloc(group->arena, sizeof *error);

    if (!error)
        return false;
    crm__error__init(error);
    error->has_status = result->has_status = true;
    error->status = result->status = (uint32_t)status;
    error->name = (char *)info->name;
    error->has_retry = true;
    error->retry = (uint32_t)info->retry;
    error->has_outcome = true;
    error->outcome = (uint32_t)info->outcome;
    error->field = failure->field[0] ? arena_strdup(group->arena, failure->field) : NULL;
    error->text = arena_strdup(group->arena, failure->text[0] ? failure->text : info->sentence);
    result->error = error;
    return true;
}

bool mutate_set_rejected(struct change_group *group, Crm__MutateResult *result, enum crm_status status, const struct failure *failure)
{
    crm__mutate_result__init(result);
    result->has_outcome = true;
    result->outcome = CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED;
    return set_error(group, result, status, failure);
}

bool mutate_set_result(struct change_group *group, Crm__MutateResult *result, const struct record_header *header)
{
    uint8_t *id = arena_memdup(group->arena, header->id.bytes, UUID_SIZE);

    if (!id)
        return false;
    result->has_id = result->has_rev = result->has_seq = true;
    result->id = (ProtobufCBinaryData){ .data = id, .len = UUID_SIZE };
    result->rev = header->rev;
    result->seq = header->seq;
    result->has_number = header->number != 0;
    result->number = header->number;
    return true;
}

/* What a job counts; nothing was written to the log for what was so already. */
static void say_what(const struct work *work, bool is_unchanged, Crm__MutateResult *result)
{
    result->has_unchanged = result->unchanged = is_unchanged;
    result->has_created = result->created = work->mutation->verb == CRM__VERB__VERB_UPSERT && !work->evolve.has_before;
}

bool mutate_is_fatal(enum crm_status status)
{
    return status == CRM_NO_MEMORY || status == CRM_IO || status == CRM_FULL;
}

/* A late mutation says what became of it. In a group nothing of it will stand, so nothing is kept either. */
static enum crm_status answer_conflict(struct request_run *run, struct work *work, size_t i, const struct failure *why, bool is_group)
{
    Crm__MutateResult *result = run->reply->results[i];
    const struct evolve *evolve = &work->evolve;
    bool is_part = !evolve->late.is_whole && !is_group;
    struct failure text = *why;
    const ProtobufCBinaryData client = run->request->client;
    enum crm_status status = is_group ? CRM_OK : late_keep(work->change, evolve, work->mutation, client, why->text, result);

    if (status != CRM_OK)
        return status;
    if (!text.text[0])
        (void)fail(&text, CRM_CONFLICT, NULL, "%s", result->deleted ? "it has been deleted meanwhile"
                                             : is_part              ? "others have changed some of it meanwhile"
                                                                    : crm_status_info(CRM_CONFLICT)->sentence);
    return set_error(run->group, result, is_part ? CRM_PARTIAL : CRM_CONFLICT, &text) ? CRM_OK : CRM_NO_MEMORY;
}

/*
 * Run the nth mutation in a change, with its result. What the rules refuse of a late one is a conflict of the whole: then the change begins anew, unless it
 * is a group's, of which nothing will stand anyway. *out_conflict: not all of it is done.
 */
static enum crm_status run_nth(struct request_run *run, struct change *change, size_t i, bool is_group, bool *out_conflict)
{
    Crm__MutateResult *result = run->reply->results[i];
    struct record_header header;
    struct failure why = { 0 };
    struct work work;
    uint64_t seq = change->head.seq;
    enum crm_status status;

    change->wanted = i < run->request->n_numbers ? run->request->numbers[i] : 0;
    status = work_run(&work, change, run->request->mutations[i], &header);

    if (status != CRM_OK && evolve_give_up(&work.evolve, status)) {
        why = change->failure;
        header = work.evolve.before.header;
        status = is_group ? CRM_OK : change_begin(change, run->group, run->actor);
    }
    if (status == CRM_OK && !mutate_set_result(run->group, result, &header))
        status = CRM_NO_MEMORY;
    if (status == CRM_OK)
        say_what(&work, change->head.seq == seq, result);
    if (status == CRM_OK)
        status = late_answer(&work.evolve, run->actor, result);
    *out_conflict = status == CRM_OK && late_is_conflict(&work.evolve.late);
    return *out_conflict ? answer_conflict(run, &work, i, &why, is_group) : status;
}

/* One of a group is in conflict: all are told that nothing is done, and which it was. */
static enum crm_status tell_group(struct request_run *run, size_t at)
{
    struct failure failure = { 0 };
    bool is_told = true;

    (void)fail(&failure, CRM_CONFLICT, NULL, "change %zu of this request is in conflict: none of them is done", at + 1);
    for (size_t i = 0; i < run->request->n_mutations; i++)
        if (i != at)
            is_told = mutate_set_rejected(run->group, run->reply->results[i], CRM_CONFLICT, &failure) && is_told;
    return is_told ? CRM_OK : CRM_NO_MEMORY;
}

/* All or none; also a single one, whose refusal is the request's. */
static enum crm_status run_whole(struct request_run *run)
{
    size_t n = run->request->n_mutations;
    struct change change;
    bool is_conflict = false;
    enum crm_status status = change_begin(&change, run->group, run->actor);

    if (status == CRM_OK && n > 1 && uuid_is_nil(&change.job))
        change.job = uuid_create();
    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        status = run_nth(run, &change, i, run->request->atomic, &is_conflict);
        if (status == CRM_OK && is_conflict && run->request->atomic)
            return tell_group(run, i);
        if (status != CRM_OK) {
            *run->failure = change.failure;
            fail(run->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
            if (n > 1)
                run->failure->position = (int)i + 1; /* which of them it was */
            return status;
        }
    }
    return status == CRM_OK ? change_accept(&change) : status;
}

static enum crm_status run_in_turn(struct request_run *run)
{
    for (size_t i = 0; i < run->request->n_mutations; i++) {
        struct change change;
        bool is_conflict;
        enum crm_status status = change_begin(&change, run->group, run->actor);

        if (status == CRM_OK)
            status = run_nth(run, &change, i, false, &is_conflict);
        if (status == CRM_OK)
            status = change_accept(&change);
        if (mutate_is_fatal(status)) {
            *run->failure = change.failure;
            return fail(run->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
        }
        if (status != CRM_OK && !mutate_set_rejected(run->group, run->reply->results[i], status, &change.failure))
            return fail(run->failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    return CRM_OK;
}

/* What ends the request takes back what it had accepted by then: the answer says that nothing was done. */
static enum crm_status run_each(struct request_run *run)
{
    uint64_t seq = run->group->head.seq;
    bool has_kept = false;
    enum crm_status status = run_in_turn(run);

    for (size_t i = 0; i < run->request->n_mutations; i++)
        has_kept |= run->reply->results[i]->has_conflict;
    if (status != CRM_OK && (has_kept || run->group->head.seq != seq))
        change_group_spoil(run->group);
    return status;
}

/* Who may do it at all is asked for the password once more: a session that was left open must not be enough. */
static bool is_sensitive(const struct change_actor *actor, const Crm__MutateRequest *request)
{
    unsigned deletions = 0;

    for (size_t i = 0; i < request->n_mutations; i++) {
        const Crm__Mutation *mutation = request->mutations[i];
        const struct kind_def *kind = kind_def(mutation->kind);

        if (kind && kind_decides_access(kind->kind) && actor_has_right(actor, kind->write_right))
            return true;
        deletions += mutation->verb == CRM__VERB__VERB_DELETE;
    }
    return deletions > DELETIONS_UNCONFIRMED;
}

static bool is_bulk_change(const Crm__MutateRequest *request)
{
    unsigned changes = 0;

    for (size_t i = 0; i < request->n_mutations; i++)
        changes += request->mutations[i]->verb != CRM__VERB__VERB_CREATE;
    return changes > CHANGES_WITHOUT_RIGHT;
}

enum crm_status mutate_run(struct change_group *group, const struct change_actor *actor, const Crm__MutateRequest *request,
                           Crm__MutateReply *reply, struct failure *failure)
{
    struct request_run run = { .group = group, .actor = actor, .request = request, .reply = reply, .failure = failure };
    size_t most = request->atomic && request->has_upload ? ATOMIC_MAX : MUTATIONS_MAX;
    Crm__MutateResult *results;
    enum crm_status status;

    if (request->n_mutations == 0)
        return fail(failure, CRM_INVALID, "mutations", "there is nothing to do");
    if (request->n_mutations > most)
        return fail(failure, CRM_TOO_LARGE, "mutations", "a request has at most %zu mutations", most);
    if (is_bulk_change(request) && !actor_has_right(actor, CRM__RIGHT__RIGHT_BULK_CHANGE))
        return fail(failure, CRM_NOT_ALLOWED, NULL, "your role does not allow more than %d changes at once", CHANGES_WITHOUT_RIGHT);
    if (!actor->is_confirmed && !actor->is_system && is_sensitive(actor, request))
        return fail(failure, CRM_CONFIRM, NULL, "%s", crm_status_info(CRM_CONFIRM)->sentence);
    reply->results = arena_alloc(group->arena, request->n_mutations * sizeof *reply->results);
    results = arena_alloc(group->arena, request->n_mutations * sizeof *results);
    if (!reply->results || !results)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    reply->n_results = request->n_mutations;
    for (size_t i = 0; i < request->n_mutations; i++) {
        crm__mutate_result__init(&results[i]);
        reply->results[i] = &results[i];
    }
    /* A single mutation is atomic anyway: its error is the request's, so that a plain client need not look into results. A job goes on behind it. */
    status = (request->atomic || (request->n_mutations == 1 && !request->job) ? run_whole : run_each)(&run);
    reply->has_seq = true;
    reply->seq = group->head.seq;
    return status;
}
