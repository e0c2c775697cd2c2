/*
 * plan_scope.c - the ways to a list's records that the reader's scope opens
 *
 * Called by the planner. Of what some owners have there are ranges in the order of every sortable
 * index. Of teams, and of children whose parents decide, there are none in order: they are walked
 * one range after the other and sorted, where they are few. The view's guard is asked about every
 * record anyway, so that a scope may be too large but never too small.
 */
#include "common/engine/plan_inside.h"

#include <stdio.h>

#include "common/engine/list_scope.h"

/* Unless it is there already. */
static void owner_add(struct planner *planner, const struct uuid *owner)
{
    for (size_t i = 0; i < planner->n_owners; i++) {
        if (uuid_equal(&planner->owners[i], owner))
            return;
    }
    planner->owners[planner->n_owners++] = *owner;
}

static bool names_owner(const struct filter_node *named, const struct uuid *owner)
{
    for (size_t i = 0; i < named->n_values; i++) {
        if (uuid_equal(&named->values[i].ref, owner))
            return true;
    }
    return false;
}

/* Those of the kind; what is shared may be of any. */
static void load_shared(struct planner *planner)
{
    const struct list_scope *scope = planner->query->scope;

    planner->shared = arena_alloc(planner->arena, (scope->n_shared + 1) * sizeof *planner->shared);
    if (!planner->shared)
        planner->status = CRM_NO_MEMORY;
    for (size_t i = 0; i < scope->n_shared && planner->status == CRM_OK; i++) {
        enum crm_status status =
            view_record(planner->view, planner->query->kind->kind, &scope->shared[i],
                        &planner->shared[planner->n_shared]);

        if (status == CRM_OK)
            planner->n_shared++;
        else if (status != CRM_NOT_FOUND)
            planner->status = status;
    }
}

void plan_find_owners(struct planner *planner)
{
    const struct kind_def *kind = planner->query->kind;
    const struct list_scope *scope = planner->query->scope;
    const struct bounds *bounds = plan_bounds_of(planner, kind_field(kind, HEADER_OWNER));
    const struct filter_node *named = bounds ? bounds->equal : NULL;

    planner->is_scope = scope && scope->n_teams == 0 && scope->n_owners <= LIST_MERGE_MAX &&
                        scope->n_shared <= LIST_SCOPE_MAX && !kind_parent_field(kind);
    planner->by_owner = planner->is_scope || (named && named->n_values <= LIST_MERGE_MAX);
    if (planner->is_scope) {
        for (size_t i = 0; i < scope->n_owners; i++) {
            if (!named || names_owner(named, &scope->owners[i]))
                owner_add(planner, &scope->owners[i]);
        }
        load_shared(planner);
    } else if (planner->by_owner) {
        for (size_t i = 0; i < named->n_values; i++)
            owner_add(planner, &named->values[i].ref);
    }
}

void plan_add_scope(struct planner *planner)
{
    const struct kind_def *kind = planner->query->kind;
    const struct field_def *parent = kind_parent_field(kind);
    const struct list_scope *scope = planner->query->scope;
    struct scope_ranges ranges;
    struct plan_source *sources;
    struct candidate *candidate;
    char what[64], parents[64] = "";
    enum crm_status status;

    if (!scope)
        return;
    status = scope_ranges_find(planner->view, kind, scope, planner->arena, &ranges);
    if (status != CRM_OK && status != CRM_TOO_LARGE)
        planner->status = status;
    if (status != CRM_OK)
        return;
    sources = plan_sources_alloc(planner, ranges.n);
    if (!sources)
        return;
    for (size_t i = 0; i < ranges.n; i++) {
        struct key prefix = { .size = 0 };

        key_bytes(&prefix, ranges.ranges[i].prefix.data, ranges.ranges[i].prefix.size);
        sources[i] = plan_source_whole(planner, ranges.ranges[i].db, &prefix, (uint32_t)i);
        /* A whole key may be the prefix: what leads on must hold the id. */
        sources[i].prefix_size = 1;
    }
    candidate = plan_candidate_add(planner, sources, ranges.n);
    candidate->plan.may_repeat = ranges.n > 1;
    scope_describe(scope, what, sizeof what);
    if (parent)
        snprintf(parents, sizeof parents, ", children of %zu %s", ranges.n_roots,
                 kind_def((unsigned)parent->ref_kind)->plural);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "scope %s%s", what, parents);
}
