/*
 * rights.c - see rights.h
 *
 * Called by pending.c; single-threaded.
 */
#include "client/replica/rights.h"

static const Crm__KindPermission *row_of(const struct rights *rights, enum kind kind)
{
    for (size_t i = 0; i < rights->may->n_kinds; i++)
        if (rights->may->kinds[i]->kind == (uint32_t)kind)
            return rights->may->kinds[i];
    return NULL;
}

/* Who owns the record that decides? false: it is not here. */
static bool find_owner(const struct view *view, const struct record_header *header, struct uuid *out_owner)
{
    const struct field_def *parent = kind_parent_field(kind_def(header->kind));
    struct record root;

    if (!parent || uuid_is_nil(&header->root) || uuid_equal(&header->root, &header->id)) {
        *out_owner = header->owner;
        return true;
    }
    if (view_record(view, parent->ref_kind, &header->root, &root) != CRM_OK)
        return false;
    *out_owner = root.header.owner;
    return true;
}

/* Of teams only the server knows who belongs to which. */
static bool is_in_reach(const struct rights *rights, const struct view *view, const struct record_header *header)
{
    const Crm__KindPermission *row = rights->may ? row_of(rights, header->kind) : NULL;
    struct uuid owner;

    if (!rights->may)
        return true;
    switch (row ? row->write : rights->may->write) {
    case CRM__SCOPE__SCOPE_UNSET:
    case CRM__SCOPE__SCOPE_NONE:
        return false;
    case CRM__SCOPE__SCOPE_OWN:
        return (row && row->shared) || !find_owner(view, header, &owner) || uuid_equal(&owner, &rights->user);
    default:
        return true;
    }
}

enum crm_status rights_may_change(const struct rights *rights, const struct evolve *evolve, const struct record_header *header)
{
    if (is_in_reach(rights, evolve->view, header))
        return CRM_OK;
    return fail(evolve->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow changing this %s", evolve->kind->name);
}

static enum crm_status may_set_field(void *arg, struct evolve *evolve, uint32_t ref)
{
    const struct rights *rights = arg;
    const Crm__KindPermission *row = rights->may ? row_of(rights, evolve->kind->kind) : NULL;
    const struct field_def *field;

    for (size_t i = 0; row && i < row->n_fixed; i++) {
        if (row->fixed[i] != ref)
            continue;
        field = schema_field(evolve->view->schema, evolve->kind, ref);
        return fail(evolve->failure, CRM_NOT_ALLOWED, field ? field->name : NULL, "your role does not allow changing this field");
    }
    return CRM_OK;
}

static enum crm_status may_put(void *arg, struct evolve *evolve)
{
    if (is_in_reach(arg, evolve->view, &evolve->after.header))
        return CRM_OK;
    return fail(evolve->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow %s %s here or for them", evolve->has_before ? "moving a" : "adding a",
                evolve->kind->name);
}

static bool has_right(void *arg, Crm__Right right)
{
    return rights_has(arg, right);
}

bool rights_has(const struct rights *rights, Crm__Right right)
{
    return !rights->may || rights->may->rights >> right & 1;
}

void rights_init(struct rights *rights, const Crm__LoginReply *session)
{
    *rights = (struct rights){ .may = session ? session->may : NULL };
    rights->gate = (struct evolve_gate){ .field = may_set_field, .place = may_put, .has_right = has_right, .arg = rights };
    if (session)
        uuid_from_slice(slice_of(session->user.data, session->user.len), &rights->user);
}
