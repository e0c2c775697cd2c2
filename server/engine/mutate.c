/*
 * mutate.c - from a mutation to a stored record: load, let it evolve (common/ops/evolve.h), store, and what the rules ask for beside it
 *
 * Writer thread, or a worker in a dry run. Access is mutate_access.c's, requests of many are mutate_request.c's. Holds no business: that is in common/rules.
 */
#include <inttypes.h>

#include "common/model/merge.h"
#include "common/engine/alias.h"
#include "common/rules/rule.h"
#include "server/engine/late.h"
#include "server/engine/mutate_inside.h"
#include "server/engine/number.h"

#define OWN_CHANGES_MAX 64 /* that are looked back at */

static struct failure *failure_of(struct work *work)
{
    return &work->change->failure;
}

void work_begin(struct work *work, struct change *change, const Crm__Mutation *mutation, const struct kind_def *kind, int64_t happened_us)
{
    const struct change_group *group = change->group;

    *work = (struct work){ .change = change, .mutation = mutation };
    work->evolve = (struct evolve){
        .view = &change->view, .seen = &change->view, .arena = group->arena, .failure = &change->failure, .kind = kind,
        .actor = change->actor->user, .actor_team = change->actor->team, .now_us = group->now_us, .today = group->today,
        .is_asked = mutation, .may_derive = change->actor->is_system, .happened_us = happened_us,
    };
    if (mutation)
        work_guard(work);
}

static enum crm_status load_before(struct work *work, const struct uuid *id, bool also_deleted)
{
    struct evolve *evolve = &work->evolve;
    enum crm_status status = view_record(evolve->view, evolve->kind->kind, id, &evolve->before);

    if (status == CRM_NOT_FOUND && also_deleted)
        status = view_deleted(evolve->view, evolve->kind->kind, id, &evolve->before);
    if (status == CRM_OK)
        status = work_may_change(work, &evolve->before.header);
    if (status == CRM_NOT_FOUND)
        return fail(failure_of(work), CRM_NOT_FOUND, NULL, "there is no such %s", evolve->kind->name);
    if (status != CRM_OK)
        return fail(failure_of(work), status, NULL, "the stored %s cannot be read", evolve->kind->name);
    evolve->has_before = true;
    evolve->after = evolve->before;
    return CRM_OK;
}

static bool is_stale(const struct work *work)
{
    const Crm__Mutation *mutation = work->mutation;

    return mutation->has_base_rev && mutation->base_rev != 0 && mutation->base_rev != work->evolve.before.header.rev;
}

/* Who does not say what they saw is refused. */
static enum crm_status check_rev(struct work *work)
{
    if (!is_stale(work) || work->mutation->has_old)
        return CRM_OK;
    return fail(failure_of(work), CRM_CONFLICT, "rev", "the record is at revision %" PRIu64 ", not %" PRIu64, work->evolve.before.header.rev,
                (uint64_t)work->mutation->base_rev);
}

enum crm_status ask_guard(struct change *change, const struct record *before, bool is_restore)
{
    struct work work;

    work_begin(&work, change, NULL, kind_def(before->header.kind), change->group->now_us);
    work.evolve.has_before = true;
    work.evolve.before = *before;
    return evolve_guard(&work.evolve, is_restore);
}

static enum crm_status run_more(struct change *change, struct rule_more *more, int64_t happened_us);

/* An entry of the log tells of one share: each but the first is a change of its own. */
static enum crm_status put_grants(struct work *work, const struct rule_grant *grants)
{
    const struct field_set nothing = { 0 };
    struct evolve *evolve = &work->evolve;
    enum crm_status status = CRM_OK;

    for (; grants && status == CRM_OK; grants = grants->next) {
        struct record before = evolve->after;
        struct change_record record = {
            .verb = LOG_PATCH, .kind = evolve->kind, .before = &before, .after = &evolve->after, .changed = &nothing, .action = "share",
            .happened_us = evolve->happened_us, .grant = &grants->grant,
        };

        status = change_put(work->change, &record);
    }
    return status;
}

static enum crm_status put_record(struct work *work)
{
    struct change *change = work->change;
    struct evolve *evolve = &work->evolve;
    struct change_record record = {
        .verb = evolve->has_before ? LOG_PATCH : LOG_CREATE, .kind = evolve->kind, .before = evolve->has_before ? &evolve->before : NULL,
        .after = &evolve->after, .changed = &evolve->changed, .action = evolve->action, .happened_us = evolve->happened_us,
        .grant = evolve->grants ? &evolve->grants->grant : NULL, .reason = evolve->reason,
    };
    enum crm_status status;

    if (!evolve->has_before && !(evolve->kind->flags & KIND_NO_NUMBER)) {
        status = number_next(change, evolve->kind, work->mutation ? change->wanted : 0, &evolve->after.header.number);
        if (status != CRM_OK)
            return fail(failure_of(work), status, NULL, "the counter of numbers cannot be read");
    }
    if (evolve->more && uuid_is_nil(&change->job))
        change->job = uuid_create();
    status = change_put(change, &record);
    if (status == CRM_OK && evolve->grants)
        status = put_grants(work, evolve->grants->next);
    if (status == CRM_OK)
        status = conflict_settle(&change->view, change->own, &change->actor->user, &evolve->after.header.id, evolve->settled, change->group->arena);
    return status;
}

/* Store what has come of it, and then what the rules want besides. */
static enum crm_status store(struct work *work, struct record_header *out_header)
{
    struct evolve *evolve = &work->evolve;
    bool is_unchanged = evolve->has_before && evolve->changed.n == 0 && !evolve->grants && !evolve->settled;
    enum crm_status status = is_unchanged ? CRM_OK : put_record(work);

    *out_header = is_unchanged ? evolve->before.header : evolve->after.header;
    return status == CRM_OK ? run_more(work->change, evolve->more, evolve->happened_us) : status;
}

static enum crm_status remove_into(struct work *work, const struct rule_more *more, struct record_header *out_header)
{
    struct change *change = work->change;
    const struct record *before = &work->evolve.before;
    enum crm_status status = remove_record(change, work->evolve.kind, before, work->evolve.happened_us, out_header);

    if (status != CRM_OK || uuid_is_nil(&more->into))
        return status;
    return alias_put(change->own, &before->header, &more->into, change->group->arena);
}

/* A rule's or a deletion's change of another record, which may also hand it over. */
enum crm_status mutate_more(struct change *change, const struct rule_more *more, int64_t happened_us, struct record_header *out_header)
{
    struct work work;
    enum crm_status status = CRM_OK;

    work_begin(&work, change, NULL, kind_def(more->kind), happened_us);
    if (more->verb != RULE_CREATE)
        status = load_before(&work, &more->id, false);
    if (status == CRM_OK && more->verb == RULE_DELETE)
        return remove_into(&work, more, out_header);
    if (status == CRM_OK)
        status = evolve_more(&work.evolve, more);
    return status == CRM_OK ? store(&work, out_header) : status;
}

/* A rule's further changes, inside the same unit; bounded so that rules cannot chase each other. */
static enum crm_status run_more(struct change *change, struct rule_more *more, int64_t happened_us)
{
    struct record_header header;
    enum crm_status status = CRM_OK;

    if (more && change->depth == MUTATION_DEPTH_MAX)
        return fail(&change->failure, CRM_FAILED, NULL, "rules ask for more than %d changes of each other", MUTATION_DEPTH_MAX);
    change->depth++;
    for (; more && status == CRM_OK; more = more->next) {
        if (change->records >= MUTATION_RECORDS_MAX)
            status = fail(&change->failure, CRM_TOO_LARGE, NULL, "it would change more than %d records", MUTATION_RECORDS_MAX);
        else if (more->must_be_allowed && !work_may_change_too(change, more))
            status = fail(&change->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow changing all of these %s", kind_def((unsigned)more->kind)->plural);
        else if (more->verb == RULE_CREATE || !more->is_asked || work_may_change_too(change, more))
            status = mutate_more(change, more, happened_us, &header);
    }
    change->depth--;
    return status;
}

enum crm_status mutate_patch(struct change *change, const struct kind_def *kind, const struct uuid *id, const struct body_patch *patch,
                             int64_t happened_us, struct record_header *out_header)
{
    const struct rule_more more = {
        .verb = RULE_PATCH, .kind = kind->kind, .id = *id, .set = patch->set, .add = patch->add, .remove = patch->remove,
        .clear = patch->clear, .n_clear = patch->n_clear,
    };

    return mutate_more(change, &more, happened_us, out_header);
}

static bool is_deleted(const struct work *work)
{
    return work->evolve.before.header.flags & RECORD_DELETED;
}

/* Has the body a value in each of these fields? */
static bool has_all(struct arena *arena, struct slice body, const struct field_set *fields)
{
    struct field_set there;

    if (body_diff(arena, slice_of("", 0), body, &there) != CRM_OK)
        return false;
    for (size_t i = 0; i < fields->n; i++)
        if (!field_set_has(&there, fields->refs[i]))
            return false;
    return true;
}

/*
 * Was it created already, by the same author with the same content? Who makes the id sends the creation again where the answer was lost, for example with a
 * replica's older copy. A copy to which something was added is another creation.
 */
static bool is_there(struct work *work, const struct uuid *id)
{
    const struct evolve *evolve = &work->evolve;
    const Crm__Mutation *mutation = work->mutation;
    struct record *before = &work->evolve.before;
    struct merge_result result;
    struct body_patch patch;
    struct merge_input input = { .schema = evolve->view->schema, .kind = evolve->kind, .patch = &patch };

    if (view_record(evolve->seen, evolve->kind->kind, id, before) != CRM_OK || !uuid_equal(&before->header.created_by, &evolve->actor) ||
        (mutation->has_owner && !slice_equal(slice_of(mutation->owner.data, mutation->owner.len), uuid_slice(&before->header.owner))) ||
        (mutation->has_team && !slice_equal(slice_of(mutation->team.data, mutation->team.len), uuid_slice(&before->header.team))) ||
        evolve_read_patch(&work->evolve, mutation, &patch) != CRM_OK)
        return false;
    input.now = before->body;
    return merge_patch(evolve->arena, &input, &result) == CRM_OK && result.merged.n == 0 && result.conflicts.n == 0 &&
           has_all(evolve->arena, before->body, &result.touched);
}

static enum crm_status create(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    enum crm_status status = evolve_create(&work->evolve, work->mutation, id);

    if (status == CRM_EXISTS && is_there(work, id)) {
        *failure_of(work) = (struct failure){ 0 };
        *out_header = work->evolve.before.header;
        return CRM_OK;
    }
    return status == CRM_OK ? store(work, out_header) : status;
}

static enum crm_status patch(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    enum crm_status status = load_before(work, id, work->mutation->has_old);

    if (status == CRM_OK)
        status = check_rev(work);
    if (status == CRM_OK)
        status = is_deleted(work) ? evolve_outlive(&work->evolve, work->mutation) : evolve_patch(&work->evolve, work->mutation);
    return status == CRM_OK ? store(work, out_header) : status;
}

static enum crm_status act(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    const struct action_def *action;
    const void *argument;
    enum crm_status status = evolve_read_action(&work->evolve, work->mutation, &action, &argument);

    if (status == CRM_OK)
        status = load_before(work, id, true);
    if (status == CRM_OK)
        status = check_rev(work);
    if (status != CRM_OK)
        return status;
    status = evolve_act(&work->evolve, work->mutation, action, argument);
    if (status == CRM_OK && work->evolve.verb == RULE_RESTORE)
        return restore_record(work->change, work->evolve.kind, &work->evolve.before, work->evolve.happened_us, out_header);
    if (status == CRM_NOT_FOUND && is_deleted(work) && work->mutation->has_old) {
        *failure_of(work) = (struct failure){ 0 };
        status = evolve_outlive(&work->evolve, work->mutation);
    }
    return status == CRM_OK ? store(work, out_header) : status;
}

/* Has anybody else changed it since its author saw it? What came of earlier changes of one's own they know. */
static bool others_have_changed(struct work *work)
{
    const struct change *change = work->change;
    const uint64_t seen = work->mutation->base_rev;
    uint64_t seq = work->evolve.before.header.seq;
    struct log_entry entry;

    for (unsigned steps = 0; steps < OWN_CHANGES_MAX; steps++) {
        if (log_read(&change->view, seq, change->group->arena, &entry) != CRM_OK || !uuid_equal(&entry.by, &change->actor->user))
            return true;
        if (entry.rev <= seen + 1)
            return entry.rev != seen + 1;
        seq = entry.before;
    }
    return true;
}

/* What others have changed meanwhile is not deleted unseen; what they have deleted is gone as was wanted. */
static enum crm_status delete_record(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    const Crm__Mutation *mutation = work->mutation;
    struct evolve *evolve = &work->evolve;
    enum crm_status status = load_before(work, id, mutation->has_old);

    if (status == CRM_OK)
        status = check_rev(work);
    if (status == CRM_OK && !actor_has_right(work->change->actor, CRM__RIGHT__RIGHT_DELETE))
        status = fail(failure_of(work), CRM_NOT_ALLOWED, NULL, "your role does not allow deleting");
    if (status != CRM_OK)
        return status;
    evolve->late.is_late = evolve->late.is_whole = !is_deleted(work) && mutation->has_old && is_stale(work) && others_have_changed(work);
    *out_header = evolve->before.header;
    if (is_deleted(work) || evolve->late.is_whole)
        return CRM_OK;
    return remove_record(work->change, evolve->kind, &evolve->before, evolve->happened_us, out_header);
}

/* The id that it names; made here for a record to be created that has none, nil for one that is named otherwise. */
static enum crm_status read_id(struct change *change, const Crm__Mutation *mutation, struct uuid *out_id)
{
    bool may_create = mutation->verb == CRM__VERB__VERB_CREATE || mutation->verb == CRM__VERB__VERB_UPSERT;

    if (uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), out_id) && !uuid_is_nil(out_id))
        return CRM_OK;
    if (mutation->has_id || !(may_create || mutation->has_record_number))
        return fail(&change->failure, CRM_INVALID, "id", "an id has 16 bytes");
    *out_id = uuid_create();
    return CRM_OK;
}

static bool exists(const struct work *work, const struct uuid *id)
{
    struct record record;

    return view_record(work->evolve.seen, work->evolve.kind->kind, id, &record) == CRM_OK;
}

static enum crm_status run(struct work *work, struct change *change, const Crm__Mutation *mutation, struct record_header *out_header)
{
    const struct kind_def *kind = kind_def(mutation->kind);
    struct uuid id;
    bool is_found;
    enum crm_status status;

    work_begin(work, change, mutation, kind, evolve_happened(mutation, change->group->now_us));
    if (!kind)
        return fail(&change->failure, CRM_INVALID, "kind", "there is no kind number %u", mutation->kind);
    if ((kind->flags & KIND_ADMINISTRATION) && !actor_has_right(change->actor, kind->write_right))
        return fail(&change->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow changing %s", kind->plural);
    status = read_id(change, mutation, &id);
    if (status == CRM_OK)
        status = work_find(work, &id, &is_found);
    if (status != CRM_OK)
        return status;
    switch (mutation->verb) {
    case CRM__VERB__VERB_CREATE:
        return create(work, &id, out_header);
    case CRM__VERB__VERB_PATCH:
        return patch(work, &id, out_header);
    case CRM__VERB__VERB_UPSERT:
        return is_found || exists(work, &id) ? patch(work, &id, out_header) : create(work, &id, out_header);
    case CRM__VERB__VERB_DELETE:
        return delete_record(work, &id, out_header);
    case CRM__VERB__VERB_ACTION:
        return act(work, &id, out_header);
    default:
        return fail(&change->failure, CRM_INVALID, "verb", "create, patch, upsert, delete or action?");
    }
}

/* Whatever a rule has made of what memory could not hold: it has not been asked whole. */
enum crm_status work_run(struct work *work, struct change *change, const Crm__Mutation *mutation, struct record_header *out_header)
{
    struct arena *arena = change->group->arena;
    enum crm_status status;

    arena->is_spent = false;
    status = run(work, change, mutation, out_header);
    if (!arena->is_spent)
        return status;
    change->failure = (struct failure){ 0 };
    return fail(&change->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status mutate_one(struct change *change, const Crm__Mutation *mutation, struct record_header *out_header)
{
    struct work work;
    enum crm_status status = work_run(&work, change, mutation, out_header);

    if (status != CRM_OK || !late_is_conflict(&work.evolve.late))
        return status;
    return fail(&change->failure, CRM_CONFLICT, NULL, "others have changed the same");
}
