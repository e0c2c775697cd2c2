/*
 * late.c - see late.h
 *
 * Writer thread, or a worker in a dry run.
 */
#include "server/engine/late.h"

#include "common/ops/conflicts.h"
#include "server/engine/access.h"

bool late_is_conflict(const struct evolve_late *late)
{
    return late->is_whole || late->conflicts.n > 0;
}

/* All fields in conflict, without theirs. */
static enum crm_status list_conflicts(const struct evolve *evolve, size_t *out_n, Crm__FieldConflict ***out_list)
{
    const struct evolve_late *late = &evolve->late;
    const struct record mine = { .header = { .owner = late->owner, .team = late->team }, .body = late->mine };
    const struct record before = { .header = { .owner = late->old_owner, .team = late->old_team }, .body = late->base };
    size_t n = late->conflicts.n;
    Crm__FieldConflict **list = arena_alloc(evolve->arena, (n + 1) * sizeof *list), *rows = arena_alloc(evolve->arena, (n + 1) * sizeof *rows);
    enum crm_status status = list && rows ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        uint32_t ref = late->conflicts.refs[i];

        crm__field_conflict__init(&rows[i]);
        list[i] = &rows[i];
        rows[i].has_field = rows[i].has_mine = rows[i].has_before = true;
        rows[i].field = ref;
        status = conflict_value(&mine, ref, evolve->arena, &rows[i].mine);
        if (status == CRM_OK)
            status = conflict_value(&before, ref, evolve->arena, &rows[i].before);
    }
    *out_n = n;
    *out_list = list;
    return status;
}

static Crm__MutateOutcome outcome_of(const struct evolve_late *late)
{
    if (late_is_conflict(late))
        return CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT;
    return late->merged.n > 0 ? CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_MERGED : CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_APPLIED;
}

enum crm_status late_answer(const struct evolve *evolve, const struct change_actor *actor, Crm__MutateResult *result)
{
    const struct evolve_late *late = &evolve->late;
    enum crm_status status = list_conflicts(evolve, &result->n_conflicts, &result->conflicts);

    for (size_t i = 0; i < result->n_conflicts && status == CRM_OK; i++)
        if (!actor->access || !access_hides(actor->access, evolve->kind->kind, result->conflicts[i]->field)) {
            result->conflicts[i]->has_theirs = true; /* unless it is hidden */
            status = conflict_value(&evolve->before, result->conflicts[i]->field, evolve->arena, &result->conflicts[i]->theirs);
        }
    if (status != CRM_OK)
        return status;
    result->has_outcome = true;
    result->outcome = outcome_of(late);
    result->merged = late->merged.refs;
    result->n_merged = late->merged.n;
    result->has_deleted = result->deleted = late->is_whole && (evolve->before.header.flags & RECORD_DELETED) != 0;
    return CRM_OK;
}

static enum crm_status check_room(struct change *change, const struct uuid *record)
{
    struct key at = { 0 };
    Crm__Conflict *conflict;
    enum crm_status status = CRM_OK;

    for (size_t n = 0; n < CONFLICTS_MAX; n++) {
        status = conflict_next(&change->view, &change->actor->user, record, &at, change->group->arena, &conflict);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : fail(&change->failure, status, NULL, "the conflicts cannot be read");
    }
    return fail(&change->failure, CRM_TOO_LARGE, NULL, "%d conflicts of yours are open on this record: resolve them first", CONFLICTS_MAX);
}

enum crm_status late_keep(struct change *change, const struct evolve *evolve, const Crm__Mutation *mutation, ProtobufCBinaryData client,
                          const char *why, Crm__MutateResult *result)
{
    struct arena *arena = change->group->arena;
    struct uuid record = evolve->before.header.id, id = uuid_create();
    uint8_t *kept_as = arena_memdup(arena, id.bytes, UUID_SIZE);
    Crm__Conflict conflict = CRM__CONFLICT__INIT;
    enum crm_status status;

    if (mutation->verb == CRM__VERB__VERB_DELETE)
        return CRM_OK;
    status = check_room(change, &record);
    if (status == CRM_OK)
        status = list_conflicts(evolve, &conflict.n_fields, &conflict.fields);
    if (status != CRM_OK || !kept_as)
        return status != CRM_OK ? status : CRM_NO_MEMORY;
    conflict.has_kind = conflict.has_base_rev = conflict.has_verb = conflict.has_recorded_at = conflict.has_happened_at = true;
    conflict.kind = evolve->kind->kind;
    conflict.base_rev = mutation->base_rev;
    conflict.verb = mutation->verb;
    conflict.action = mutation->action;
    conflict.has_argument = mutation->has_argument;
    conflict.argument = mutation->argument;
    conflict.why = why[0] ? (char *)(uintptr_t)why : NULL;
    conflict.recorded_at = change->group->now_us;
    conflict.happened_at = evolve->happened_us;
    conflict.has_client = client.len > 0;
    conflict.client = client;
    conflict.from = (char *)(uintptr_t)change->actor->from;
    status = conflict_put(change->own, &change->actor->user, &record, &id, &conflict, arena);
    if (status != CRM_OK)
        return fail(&change->failure, status, NULL, "what is in conflict is too much to be kept");
    result->has_conflict = true;
    result->conflict = (ProtobufCBinaryData){ .data = kept_as, .len = UUID_SIZE };
    return CRM_OK;
}

/* --- kept answers */

static Crm__MutateResult *without_values(const Crm__MutateResult *result, struct arena *arena)
{
    Crm__MutateResult *copy = arena_memdup(arena, result, sizeof *result);

    if (!copy || copy->n_conflicts == 0)
        return copy;
    copy->conflicts = arena_alloc(arena, copy->n_conflicts * sizeof *copy->conflicts);
    for (size_t i = 0; copy->conflicts && i < copy->n_conflicts; i++) {
        Crm__FieldConflict *field = copy->conflicts[i] = arena_alloc(arena, sizeof *field);

        if (!field)
            return NULL;
        crm__field_conflict__init(field);
        field->has_field = true;
        field->field = result->conflicts[i]->field;
    }
    return copy->conflicts ? copy : NULL;
}

enum crm_status late_take_values(Crm__MutateReply *reply, struct arena *arena)
{
    Crm__MutateResult **results = arena_alloc(arena, (reply->n_results + 1) * sizeof *results);

    for (size_t i = 0; results && i < reply->n_results; i++) {
        results[i] = without_values(reply->results[i], arena);
        if (!results[i])
            return CRM_NO_MEMORY;
    }
    reply->results = results;
    return results ? CRM_OK : CRM_NO_MEMORY;
}

/* The values of one result, as far as its conflict is open. */
static enum crm_status fill_result(const struct view *seen, const struct uuid *user, Crm__MutateResult *result, struct arena *arena)
{
    Crm__Conflict *conflict;
    struct uuid record, id;
    struct slice value;
    struct key key;
    enum crm_status status;

    if (!uuid_from_slice(slice_of(result->id.data, result->id.len), &record) ||
        !uuid_from_slice(slice_of(result->conflict.data, result->conflict.len), &id))
        return CRM_OK;
    conflict_key(&key, user, &record, &id);
    status = view_get(seen, STORE_CONFLICT, key_slice(&key), &value);
    if (status == CRM_OK)
        status = conflict_read(value, arena, &conflict);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    conflict->id = result->id;
    status = conflict_complete(seen, conflict, arena);
    for (size_t i = 0; i < result->n_conflicts && status == CRM_OK; i++)
        for (size_t j = 0; j < conflict->n_fields; j++)
            if (conflict->fields[j]->field == result->conflicts[i]->field)
                result->conflicts[i] = conflict->fields[j];
    return status;
}

enum crm_status late_fill_values(const struct view *view, const struct change_actor *actor, Crm__MutateReply *reply, struct arena *arena)
{
    struct view_guard guard;
    struct view seen = *view;
    enum crm_status status = CRM_OK;

    if (actor->access && !access_sees_all(actor->access)) {
        guard = access_guard(actor->access);
        seen.guard = &guard;
        seen.arena = arena;
    }
    for (size_t i = 0; i < reply->n_results && status == CRM_OK; i++)
        if (reply->results[i]->n_conflicts > 0)
            status = fill_result(&seen, &actor->user, reply->results[i], arena);
    return status;
}
