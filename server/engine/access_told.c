/*
 * access_told.c - what a client is told of its user's access: enough to refuse at once, away from the server, what would be refused anyway
 *
 * Any thread. Called when a session begins or is resumed.
 */
#include "server/engine/access_inside.h"

#define SCOPES (CRM__SCOPE__SCOPE_ALL + 1)

static bool is_told(const struct kind_def *kind)
{
    return !(kind->flags & KIND_ADMINISTRATION);
}

/* The scope that most kinds have. */
static Crm__Scope usual_scope(const struct access *access)
{
    const struct kind_def *kind;
    unsigned counts[SCOPES] = { 0 }, best = CRM__SCOPE__SCOPE_NONE;

    for (size_t i = 0; (kind = kind_at(i)); i++)
        if (is_told(kind))
            counts[access->kinds[kind->kind].write]++;
    for (unsigned scope = 0; scope < SCOPES; scope++)
        if (counts[scope] > counts[best])
            best = scope;
    return (Crm__Scope)best;
}

static enum crm_status is_shared(const struct access *access, const struct view *view, enum kind kind, struct arena *arena, bool *out_shared)
{
    const Crm__Scope write = access->kinds[kind].write;
    const struct list_scope *scope;
    enum crm_status status;

    *out_shared = false;
    if (write == CRM__SCOPE__SCOPE_ALL || write <= CRM__SCOPE__SCOPE_NONE)
        return CRM_OK;
    status = access_scope_within(access, view, kind, CRM__SCOPE__SCOPE_OWN, arena, &scope);
    if (status == CRM_OK)
        *out_shared = !scope || scope->n_shared > 0;
    return status;
}

static enum crm_status tell_kind(const struct access *access, enum kind kind, struct arena *arena, Crm__KindPermission *told)
{
    const struct kind_access *row = &access->kinds[kind];

    crm__kind_permission__init(told);
    told->has_kind = told->has_write = true;
    told->kind = (uint32_t)kind;
    told->write = row->write;
    told->fixed = arena_alloc(arena, (row->hidden.n + row->kept.n + 1) * sizeof *told->fixed);
    if (!told->fixed)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < row->hidden.n; i++)
        told->fixed[told->n_fixed++] = row->hidden.refs[i];
    for (size_t i = 0; i < row->kept.n; i++)
        told->fixed[told->n_fixed++] = row->kept.refs[i];
    return CRM_OK;
}

enum crm_status access_tell(const struct access *access, const struct view *view, struct arena *arena, Crm__Permissions *out_told)
{
    Crm__KindPermission *rows = arena_alloc(arena, (KIND_MAX + 1) * sizeof *rows);
    Crm__KindPermission **list = arena_alloc(arena, (KIND_MAX + 1) * sizeof *list);
    const struct kind_def *kind;
    enum crm_status status = rows && list ? CRM_OK : CRM_NO_MEMORY;
    size_t n = 0;

    crm__permissions__init(out_told);
    out_told->has_rights = out_told->has_write = true;
    out_told->rights = access->rights;
    out_told->write = usual_scope(access);
    out_told->kinds = list;
    for (size_t i = 0; status == CRM_OK && (kind = kind_at(i)); i++) {
        bool shared;

        if (!is_told(kind))
            continue;
        status = is_shared(access, view, kind->kind, arena, &shared);
        if (status == CRM_OK)
            status = tell_kind(access, kind->kind, arena, &rows[n]);
        if (status != CRM_OK || (rows[n].write == out_told->write && rows[n].n_fixed == 0 && !shared))
            continue;
        rows[n].has_shared = rows[n].shared = shared;
        list[out_told->n_kinds++] = &rows[n++];
    }
    return status;
}
