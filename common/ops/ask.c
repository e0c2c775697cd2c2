/*
 * ask.c - what a request asks for, read and checked: which record, filter and sort
 *
 * Any thread with a view.
 */
#include "common/ops/ask.h"

#define NAMES_MAX 100 /* of records in a filter: each is looked for in several indexes, on the io thread */

/* Names of records in a filter. */
struct naming {
    struct ask *ask;
    size_t n;
};

static enum crm_status resolve(void *arg, enum kind kind, struct slice text, struct uuid *out_id, struct failure *failure)
{
    struct naming *naming = arg;
    struct ask *ask = naming->ask;
    const char *selector = arena_strndup(ask->arena, text.data, text.size);
    enum kind found;

    (void)failure; /* ask_select fills the request's own, which is the same one */
    if (++naming->n > NAMES_MAX)
        return ask_fail_field(ask, CRM_TOO_LARGE, "filter", "a filter names at most %d records: give their ids", NAMES_MAX);
    return selector ? ask_select(ask, kind, selector, false, out_id, &found) : CRM_NO_MEMORY;
}

enum crm_status ask_filter(struct ask *ask, const struct kind_def *kind, size_t n, Crm__FilterNode *const *nodes, struct filter *out_filter)
{
    struct naming naming = { .ask = ask };
    enum crm_status status = filter_from_wire(ask->schema, kind, n, nodes, ask->arena, out_filter, ask->failure);

    if (status == CRM_OK)
        status = filter_bind(out_filter, resolve, &naming, ask->user, ask->team, ask->failure);
    return status;
}

enum crm_status ask_sort(struct ask *ask, const struct kind_def *kind, size_t n, Crm__Sort *const *wire, struct list_query *query)
{
    if (n > SORT_KEYS_MAX)
        return ask_fail_field(ask, CRM_INVALID, "sort", "a list is sorted by at most %d fields", SORT_KEYS_MAX);
    for (size_t i = 0; i < n; i++) {
        query->sort[i].field = schema_field(ask->schema, kind, wire[i]->field);
        query->sort[i].descending = wire[i]->descending;
        if (!query->sort[i].field || query->sort[i].field->type == FIELD_GROUP)
            return ask_fail_field(ask, CRM_INVALID, "sort", "%s cannot be sorted by field number %u", kind->name, wire[i]->field);
    }
    query->n_sort = n;
    return CRM_OK;
}

/* The kind of a request, as the beginning of a query. */
static enum crm_status begin_query(struct ask *ask, uint32_t number, const struct filter *filter, struct list_query *out_query)
{
    const struct kind_def *kind = kind_def(number);

    if (!kind)
        return ask_fail_field(ask, CRM_INVALID, "kind", "there is no kind number %u", number);
    *out_query = (struct list_query){ .kind = kind, .filter = filter };
    return CRM_OK;
}

enum crm_status ask_list(struct ask *ask, const Crm__ListRequest *request, struct filter *filter, struct list_query *out_query)
{
    enum crm_status status = begin_query(ask, request->kind, filter, out_query);

    if (status == CRM_OK)
        status = ask_filter(ask, out_query->kind, request->n_filter, request->filter, filter);
    if (status == CRM_OK)
        status = ask_sort(ask, out_query->kind, request->n_sort, request->sort, out_query);
    if (status == CRM_OK && request->has_parent && !uuid_from_slice(slice_of(request->parent.data, request->parent.len), &out_query->parent))
        status = ask_fail_field(ask, CRM_INVALID, "parent", "an id has 16 bytes");
    out_query->limit = request->limit;
    out_query->deleted = request->deleted;
    return status;
}

enum crm_status ask_count(struct ask *ask, const Crm__CountRequest *request, struct filter *filter, struct list_query *out_query)
{
    enum crm_status status = begin_query(ask, request->kind, filter, out_query);

    if (status == CRM_OK)
        status = ask_filter(ask, out_query->kind, request->n_filter, request->filter, filter);
    out_query->deleted = request->deleted;
    out_query->any_order = !request->group && !request->sum; /* groups and sums stand in the order in which they are met */
    return status;
}

enum crm_status ask_get(struct ask *ask, const Crm__GetRequest *request, struct uuid *out_id, enum kind *out_kind)
{
    if (request->selector && !request->has_id)
        return ask_select(ask, request->kind, request->selector, true, out_id, out_kind);
    *out_kind = (enum kind)request->kind;
    if (!kind_def(request->kind))
        return ask_fail_field(ask, CRM_INVALID, "kind", "there is no kind number %u", request->kind);
    if (!uuid_from_slice(slice_of(request->id.data, request->id.len), out_id))
        return ask_fail_field(ask, CRM_INVALID, "id", "an id has 16 bytes");
    return CRM_OK;
}
