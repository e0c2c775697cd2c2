/*
 * evolve_late.c - mutations that come late: made of a record that others have changed since
 *
 * Called by evolve.c, and by what stores its results.
 */
#include "common/model/merge.h"
#include "common/ops/evolve.h"
#include "proto/check.h"

bool evolve_is_late(const struct evolve *evolve, const Crm__Mutation *mutation)
{
    return mutation->has_old && (!mutation->has_base_rev || mutation->base_rev != evolve->before.header.rev);
}

static struct slice keep_one(struct arena *arena, struct slice body, uint32_t ref, enum crm_status *status)
{
    const struct field_set set = { .refs = &ref, .n = 1 };
    struct slice kept = { 0 };

    if (*status == CRM_OK)
        *status = body_keep(arena, body, &set, &kept);
    return kept;
}

/* How the author saw the fields. It is compared only, so that what was valid then need not be now. */
enum crm_status evolve_read_old(struct evolve *evolve, const Crm__Mutation *mutation)
{
    const struct slice old = slice_of(mutation->old.data, mutation->old.len);
    const struct check_limits limits = check_limits_for(old.size);
    struct failure failure = { 0 };
    enum crm_status status = check_body(evolve->kind->descriptor, old, &limits, &failure);

    if (status == CRM_OK)
        status = body_canonical(evolve->arena, old, &evolve->late.base, &failure);
    uuid_from_slice(slice_of(mutation->old_owner.data, mutation->old_owner.len), &evolve->late.old_owner);
    uuid_from_slice(slice_of(mutation->old_team.data, mutation->old_team.len), &evolve->late.old_team);
    return status == CRM_OK ? CRM_OK : fail(evolve->failure, status, "old", "%s", failure.text);
}

static enum crm_status set_create(struct arena *arena, size_t n, struct field_set *out_set)
{
    *out_set = (struct field_set){ .refs = arena_alloc(arena, (n + 1) * sizeof *out_set->refs) };
    return out_set->refs ? CRM_OK : CRM_NO_MEMORY;
}

static void set_append(struct field_set *set, uint32_t ref)
{
    set->refs[set->n++] = ref;
}

/* The fields of a set and those of the header, in order. */
static enum crm_status set_with_header(struct arena *arena, const struct field_set *set, bool owner, bool team, struct field_set *out_set)
{
    size_t i = 0;
    enum crm_status status = set_create(arena, set->n + 2, out_set);

    if (status != CRM_OK)
        return status;
    for (; i < set->n && set->refs[i] < FIELD_REF_HEADER; i++)
        set_append(out_set, set->refs[i]);
    if (owner)
        set_append(out_set, HEADER_OWNER);
    if (team)
        set_append(out_set, HEADER_TEAM);
    for (; i < set->n; i++)
        set_append(out_set, set->refs[i]);
    return CRM_OK;
}

/* Of what was wanted and of what was seen only the fields that it is about. */
static enum crm_status keep_touched(struct evolve *evolve, struct slice wanted)
{
    struct evolve_late *late = &evolve->late;
    enum crm_status status = body_keep(evolve->arena, wanted, &late->touched, &late->mine);

    return status == CRM_OK ? body_keep(evolve->arena, late->base, &late->touched, &late->base) : status;
}

static void whole(struct evolve *evolve)
{
    struct evolve_late *late = &evolve->late;

    late->is_whole = true;
    late->conflicts = late->touched;
    late->merged = (struct field_set){ 0 };
    evolve->after = evolve->before;
    evolve->changed = (struct field_set){ 0 };
    evolve->grants = NULL;
    evolve->more = NULL;
    evolve->settled = NULL;
}

/* Who is wanted is neither who it was nor who it is: owners and teams do not merge. */
static bool is_moved(const struct uuid *wanted, const struct uuid *old, const struct uuid *now)
{
    return !uuid_equal(wanted, now) && !uuid_equal(old, now);
}

enum crm_status evolve_merge(struct evolve *evolve, const Crm__Mutation *mutation, struct body_patch *patch)
{
    struct evolve_late *late = &evolve->late;
    const struct record_header *now = &evolve->before.header;
    struct merge_result result = { 0 };
    struct slice wanted = { 0 };
    bool owner, team;
    enum crm_status status = evolve_read_old(evolve, mutation);
    const struct merge_input input = {
        .schema = evolve->view->schema, .kind = evolve->kind, .base = late->base, .patch = patch, .now = evolve->before.body,
    };

    if (status == CRM_OK)
        status = merge_patch(evolve->arena, &input, &result);
    if (status == CRM_OK)
        status = body_apply(evolve->kind, evolve->arena, late->base, patch, &wanted, evolve->failure);
    if (status != CRM_OK)
        return fail(evolve->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    uuid_from_slice(slice_of(mutation->owner.data, mutation->owner.len), &late->owner);
    uuid_from_slice(slice_of(mutation->team.data, mutation->team.len), &late->team);
    owner = mutation->has_owner && is_moved(&late->owner, &late->old_owner, &now->owner);
    team = mutation->has_team && is_moved(&late->team, &late->old_team, &now->team);
    status = set_with_header(evolve->arena, &result.touched, mutation->has_owner, mutation->has_team, &late->touched);
    if (status == CRM_OK)
        status = set_with_header(evolve->arena, &result.conflicts, owner, team, &late->conflicts);
    if (status == CRM_OK)
        status = keep_touched(evolve, wanted);
    if (status != CRM_OK)
        return status;
    late->is_late = true;
    late->merged = result.merged;
    *patch = result.patch;
    if (late->conflicts.n > 0 && late->conflicts.n == late->touched.n)
        whole(evolve);
    return CRM_OK;
}

static bool names_field(const Crm__Mutation *mutation, uint32_t ref)
{
    for (size_t i = 0; i < mutation->n_seen; i++)
        if (mutation->seen[i] == ref)
            return true;
    return false;
}

/* Is a field that the action has changed by now another one than its author saw? */
static bool has_moved(struct evolve *evolve, uint32_t ref, enum crm_status *status)
{
    const struct evolve_late *late = &evolve->late;
    const struct record_header *now = &evolve->before.header;

    if (ref == HEADER_OWNER || ref == HEADER_TEAM)
        return ref == HEADER_OWNER ? !uuid_equal(&late->old_owner, &now->owner) : !uuid_equal(&late->old_team, &now->team);
    return !merge_same(schema_field(evolve->view->schema, evolve->kind, ref), keep_one(evolve->arena, late->base, ref, status),
                       keep_one(evolve->arena, evolve->before.body, ref, status));
}

enum crm_status evolve_settle_action(struct evolve *evolve, const Crm__Mutation *mutation)
{
    struct evolve_late *late = &evolve->late;
    bool is_conflict = false;
    enum crm_status status = set_create(evolve->arena, evolve->changed.n, &late->touched);

    for (size_t i = 0; i < evolve->changed.n && status == CRM_OK; i++) {
        uint32_t ref = evolve->changed.refs[i];
        const struct field_def *field = schema_field(evolve->view->schema, evolve->kind, ref);

        if (!names_field(mutation, ref) || (field && (field->flags & FIELD_DERIVED) && !(field->flags & FIELD_HEADER)))
            continue; /* it follows from the others */
        set_append(&late->touched, ref);
        is_conflict |= has_moved(evolve, ref, &status);
    }
    if (status == CRM_OK)
        status = keep_touched(evolve, evolve->after.body);
    if (status != CRM_OK)
        return status;
    late->owner = evolve->after.header.owner;
    late->team = evolve->after.header.team;
    if (is_conflict)
        whole(evolve);
    return CRM_OK;
}

bool evolve_give_up(struct evolve *evolve, enum crm_status status)
{
    if (!evolve->late.is_late || (status != CRM_INVALID && status != CRM_EXISTS && status != CRM_IN_USE && status != CRM_TOO_LARGE))
        return false;
    whole(evolve);
    return true;
}

enum crm_status evolve_outlive(struct evolve *evolve, const Crm__Mutation *mutation)
{
    struct body_patch patch = { 0 };
    enum crm_status status = mutation->verb == CRM__VERB__VERB_PATCH ? evolve_read_patch(evolve, mutation, &patch) : CRM_OK;

    if (status == CRM_OK)
        status = evolve_merge(evolve, mutation, &patch);
    if (status == CRM_OK)
        whole(evolve);
    return status;
}
