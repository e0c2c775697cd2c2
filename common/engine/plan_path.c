/*
 * plan_path.c - the ways to a list's records that its conditions open
 *
 * Called by the planner: records that are named, children of a record, ranges of an index, and the
 * way of last resort.
 */
#include "common/engine/plan_inside.h"

#include <stdio.h>

#include "common/engine/list_scope.h"

bool plan_can_walk_index(const struct planner *planner, const struct field_def *field)
{
    /* What is hidden orders nothing: its index would tell. */
    if (view_hides(planner->view, planner->query->kind->kind, field->ref))
        return false;
    if (field->flags & FIELD_HEADER)
        return field_is_indexed(field);
    return (field->flags & (FIELD_INDEXED | FIELD_SORTABLE)) &&
           schema_index_is_ready(planner->view->schema, planner->query->kind, field);
}

bool plan_can_walk_sorted(const struct planner *planner)
{
    const struct field_def *field = planner->sort[0].field;

    return field_is_sortable(field) && !(field->flags & FIELD_REPEATED) &&
           plan_can_walk_index(planner, field);
}

static void describe_index(const struct planner *planner, struct candidate *candidate,
                           const struct field_def *field, bool by_owner)
{
    char owners[48] = "", scope[64] = "";
    bool is_scope = by_owner && planner->is_scope;

    if (by_owner && planner->n_owners == 1)
        snprintf(owners, sizeof owners, ", owner's range");
    else if (by_owner && planner->n_owners > 1)
        snprintf(owners, sizeof owners, ", merge of %zu owners' ranges", planner->n_owners);
    if (is_scope)
        scope_describe(planner->query->scope, scope, sizeof scope);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "index %s%s%s%s%s", field->name,
             candidate->plan.reverse ? " desc" : "", owners, is_scope ? ", scope " : "", scope);
}

/* The place of one record in an index: the scope names it, so that it is in no owner's range. */
static struct plan_source source_of_shared(struct planner *planner, const struct field_def *field,
                                           const struct record *record)
{
    struct key prefix = { .size = 0 };
    struct span span = { .from = { .size = 0 } };
    struct value value;

    index_prefix(&prefix, planner->query->kind->kind, field->ref, INDEX_GLOBAL, NULL);
    index_first_value(field, record, &value);
    if (!index_value(&span.from, field, &value, planner->arena)) {
        planner->status = CRM_NO_MEMORY;
        return (struct plan_source){ .db = STORE_INDEX };
    }
    span.segment = (uint32_t)(span.from.data[0] - INDEX_PRESENT);
    key_bytes(&span.from, record->header.id.bytes, UUID_SIZE);
    span.to = plan_key_behind(&span.from);
    return plan_source_of(planner, STORE_INDEX, &prefix, &span);
}

void plan_add_index(struct planner *planner, const struct field_def *field)
{
    const struct bounds *bounds = plan_bounds_of(planner, field);
    bool by_owner = field_is_sortable(field) && planner->by_owner;
    struct span spans[VALUES_MAX];
    size_t n_spans = plan_spans(planner, bounds, spans);
    size_t n_prefixes, n = 0;
    struct plan_source *sources;
    struct candidate *candidate;
    bool is_sort = field->ref == planner->sort[0].field->ref && !(field->flags & FIELD_REPEATED);

    if (n_spans == 0)
        return;
    if (planner->n_owners * n_spans > LIST_MERGE_MAX * PLAN_INDEX_SEGMENTS)
        by_owner = false;
    n_prefixes = by_owner ? planner->n_owners : 1;
    sources =
        plan_sources_alloc(planner, n_prefixes * n_spans + (by_owner ? planner->n_shared : 0));
    if (!sources)
        return;
    for (size_t p = 0; p < n_prefixes; p++) {
        struct key prefix = { .size = 0 };

        index_prefix(&prefix, planner->query->kind->kind, field->ref,
                     by_owner ? INDEX_OWNER : INDEX_GLOBAL, by_owner ? &planner->owners[p] : NULL);
        for (size_t s = 0; s < n_spans; s++)
            sources[n++] = plan_source_of(planner, STORE_INDEX, &prefix, &spans[s]);
    }
    for (size_t i = 0; by_owner && i < planner->n_shared; i++)
        sources[n++] = source_of_shared(planner, field, &planner->shared[i]);
    candidate = plan_candidate_add(planner, sources, n);
    candidate->plan.ordered = is_sort && planner->n_sort == 1;
    candidate->plan.leading = is_sort && planner->n_sort > 1;
    candidate->plan.reverse = is_sort && planner->sort[0].descending;
    candidate->plan.may_repeat =
        (field->flags & FIELD_REPEATED) && !(bounds && bounds->equal && n_spans == 1);
    describe_index(planner, candidate, field, by_owner);
}

/* "C-12", or the end of the id where the record may not be seen. */
static void label_of(const struct planner *planner, enum kind kind, const struct uuid *id,
                     char text[RECORD_LABEL_SIZE])
{
    struct record record;

    if (kind == KIND_NONE || view_record(planner->view, kind, id, &record) != CRM_OK)
        record = (struct record){ .header = { .id = *id, .kind = kind } };
    record_label(&record.header, text);
}

/* The records that refer by one field to any of a few. */
static void add_children_candidate(struct planner *planner, const struct filter_node *node)
{
    const struct kind_def *kind = planner->query->kind;
    struct plan_source *sources;
    struct candidate *candidate;
    char label[RECORD_LABEL_SIZE];

    if (node->n_values > LIST_MERGE_MAX)
        return;
    sources = plan_sources_alloc(planner, node->n_values);
    if (!sources)
        return;
    for (size_t i = 0; i < node->n_values; i++) {
        struct key prefix = { .size = 0 };

        child_prefix(&prefix, &node->values[i].ref, kind->kind, node->field->ref);
        sources[i] = plan_source_whole(planner, STORE_CHILD, &prefix, 0);
    }
    candidate = plan_candidate_add(planner, sources, node->n_values);
    if (node->n_values == 1)
        label_of(planner, node->field->ref_kind, &node->values[0].ref, label);
    else
        snprintf(label, sizeof label, "%zu records", node->n_values);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "children of %s by %s.%s", label,
             kind->name, node->field->name);
}

/* The records that refer by any field to the parent: one range a field, since a record may refer to
 * it by several. */
static void add_parent_candidate(struct planner *planner)
{
    const struct kind_def *kind = planner->query->kind;
    const struct field_def *field;
    struct plan_source *sources;
    struct candidate *candidate;
    enum kind parent_kind = KIND_NONE;
    char label[RECORD_LABEL_SIZE];
    size_t n_fields = 0, n = 0;

    while (schema_field_at(planner->view->schema, kind, n_fields))
        n_fields++;
    sources = plan_sources_alloc(planner, n_fields);
    for (size_t i = 0; sources && i < n_fields; i++) {
        struct key prefix = { .size = 0 };

        field = schema_field_at(planner->view->schema, kind, i);
        if ((field->flags & FIELD_HEADER) ||
            !(field->type == FIELD_REFERENCE || field->type == FIELD_GROUP) ||
            view_hides(planner->view, kind->kind, field->ref))
            continue;
        child_prefix(&prefix, &planner->query->parent, kind->kind, field->ref);
        sources[n] = plan_source_whole(planner, STORE_CHILD, &prefix, 0);
        if (field->type == FIELD_REFERENCE && parent_kind == KIND_NONE) {
            struct record record;

            if (view_record(planner->view, field->ref_kind, &planner->query->parent, &record) ==
                CRM_OK)
                parent_kind = field->ref_kind;
        }
        n++;
    }
    if (!sources)
        return;
    candidate = plan_candidate_add(planner, sources, n);
    candidate->plan.parent_settled = true;
    label_of(planner, parent_kind, &planner->query->parent, label);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "children of %s", label);
}

/* Records that are named: by id, or by a unique value. Such a path is taken at once. */
static bool add_named_candidate(struct planner *planner, const struct filter_node *node)
{
    const struct kind_def *kind = planner->query->kind;
    bool by_id = node->field->type == FIELD_ID;
    struct plan_source *sources;
    struct candidate *candidate;
    size_t n = 0;

    if (node->n_values > LIST_MERGE_MAX || !(by_id || (node->field->flags & FIELD_UNIQUE)))
        return false;
    sources = plan_sources_alloc(planner, node->n_values);
    for (size_t i = 0; sources && i < node->n_values; i++) {
        struct uuid id = node->values[i].ref;
        enum crm_status status =
            by_id ? CRM_OK
                  : view_unique(planner->view, kind->kind, node->field, &node->values[i], &id);

        if (status == CRM_NOT_FOUND)
            continue;
        if (status != CRM_OK)
            planner->status = status;
        sources[n++] = plan_source_record(planner, &id, 0);
    }
    if (!sources)
        return false;
    candidate = plan_candidate_add(planner, sources, n);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "unique %s", node->field->name);
    return true;
}

void plan_add_scan(struct planner *planner)
{
    const struct list_query *query = planner->query;
    struct key prefix = { .size = 0 };
    struct plan_source *sources = plan_sources_alloc(planner, 2);
    struct candidate *candidate;
    size_t n = 0;

    if (!sources)
        return;
    key_u8(&prefix, (uint8_t)query->kind->kind);
    if (!query->deleted || query->rewind)
        sources[n++] = plan_source_whole(planner, STORE_RECORD, &prefix, 0);
    if (query->deleted || query->rewind)
        sources[n++] = plan_source_whole(planner, STORE_DELETED, &prefix, 0);
    candidate = plan_candidate_add(planner, sources, n);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "%s",
             query->rewind    ? "all records, live and deleted, as of then"
             : query->deleted ? "recycle bin"
                              : "all records");
}

/* What is hidden is empty, so that a comparison with it holds for nothing: no range is looked at,
 * and neither time nor counts tell anything. */
static bool add_hidden_candidate(struct planner *planner)
{
    for (size_t i = 0; i < planner->n_bounds; i++) {
        const struct bounds *bounds = &planner->bounds[i];
        struct plan_source *sources;

        if (!(bounds->equal || bounds->low.size || bounds->high.size) ||
            !view_hides(planner->view, planner->query->kind->kind, bounds->field->ref))
            continue;
        sources = plan_sources_alloc(planner, 0);
        if (sources)
            snprintf(plan_candidate_add(planner, sources, 0)->plan.text,
                     sizeof(struct plan){ 0 }.text, "nothing, %s is hidden", bounds->field->name);
        return true;
    }
    return false;
}

bool plan_add_paths(struct planner *planner)
{
    const struct field_def *sort_field = planner->sort[0].field;
    bool owner_is_used = false;

    if (add_hidden_candidate(planner))
        return true;
    for (size_t i = 0; i < planner->n_bounds; i++) {
        if (planner->bounds[i].equal && add_named_candidate(planner, planner->bounds[i].equal))
            return true;
    }
    if (!index_is_kept(planner->view)) {
        plan_add_scan(planner);
        return true;
    }
    plan_find_owners(planner);
    if (!uuid_is_nil(&planner->query->parent))
        add_parent_candidate(planner);
    for (size_t i = 0; i < planner->n_bounds; i++) {
        const struct bounds *bounds = &planner->bounds[i];

        if (bounds->field->type == FIELD_REFERENCE && !(bounds->field->flags & FIELD_HEADER) &&
            bounds->equal) {
            add_children_candidate(planner, bounds->equal);
        } else if (bounds->field->ref == HEADER_OWNER && planner->by_owner) {
            continue; /* the owners' ranges of the index that is walked will do, in order */
        } else if (plan_can_walk_index(planner, bounds->field)) {
            owner_is_used = owner_is_used || bounds->field->ref == sort_field->ref;
            plan_add_index(planner, bounds->field);
        }
    }
    if (planner->by_owner && !owner_is_used)
        plan_add_index(planner, plan_can_walk_sorted(planner)
                                    ? sort_field
                                    : kind_field(planner->query->kind, HEADER_NUMBER));
    if (!planner->by_owner && uuid_is_nil(&planner->query->parent))
        plan_add_scope(planner);
    return false;
}
