/*
 * access.c - asking a compiled access: for a record, a range, a total, a field
 *
 * access_compile.c makes what is asked here. Any thread; reads the root's header and grants past the guard, in the view it is given.
 */
#include "server/engine/access_inside.h"

#include "common/base/clock.h"
#include "server/engine/grants.h"

int uuid_set_compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE);
}

bool uuid_set_has(const struct uuid_set *set, const struct uuid *id)
{
    return set->n > 0 && bsearch(id, set->ids, set->n, sizeof *set->ids, uuid_set_compare);
}

struct access *access_ref(struct access *access)
{
    if (access)
        atomic_fetch_add_explicit(&access->refs, 1, memory_order_relaxed);
    return access;
}

void access_unref(struct access *access)
{
    if (!access || atomic_fetch_sub_explicit(&access->refs, 1, memory_order_acq_rel) > 1)
        return;
    arena_fini(&access->arena);
    free(access);
}

bool access_equal(const struct access *a, const struct access *b)
{
    return a == b || (a && b && digest_equal(a->fingerprint, b->fingerprint, SHA256_SIZE));
}

const uint8_t *access_fingerprint(const struct access *access)
{
    return access->fingerprint;
}

const struct uuid *access_user(const struct access *access)
{
    return &access->user;
}

uint32_t access_rights(const struct access *access)
{
    return access->rights;
}

bool access_sees_all(const struct access *access)
{
    return access->sees_all;
}

static Crm__Scope scope_of(const struct access *access, enum kind kind, enum access_verb verb)
{
    const struct kind_access *row = &access->kinds[kind];

    return verb == ACCESS_READ ? row->read : row->write;
}

/* By which rule a scope holds for an owner and a team; ACCESS_NO_RULE: it does not. */
static enum access_rule scope_rule(const struct access *access, Crm__Scope scope, const struct uuid *owner, const struct uuid *team)
{
    switch (scope) {
    case CRM__SCOPE__SCOPE_ALL:
        return ACCESS_ALL;
    case CRM__SCOPE__SCOPE_BRANCH:
    case CRM__SCOPE__SCOPE_TEAM:
    case CRM__SCOPE__SCOPE_OWN:
        if (uuid_equal(owner, &access->user))
            return ACCESS_OWNER;
        if (scope != CRM__SCOPE__SCOPE_OWN && uuid_set_has(&access->teams, team))
            return ACCESS_TEAM;
        if (scope == CRM__SCOPE__SCOPE_BRANCH && uuid_set_has(&access->branch, team))
            return ACCESS_BRANCH;
        return ACCESS_NO_RULE;
    default:
        return ACCESS_OUT_OF_SCOPE;
    }
}

bool access_covers(const struct access *access, enum kind kind, enum access_verb verb, const struct uuid *owner, const struct uuid *team)
{
    enum access_rule rule = scope_rule(access, scope_of(access, kind, verb), owner, team);

    return rule != ACCESS_OUT_OF_SCOPE && rule != ACCESS_NO_RULE;
}

bool access_covers_others(const struct access *access, enum kind kind, enum access_verb verb)
{
    return scope_of(access, kind, verb) > CRM__SCOPE__SCOPE_OWN;
}

bool access_covers_kind(const struct access *access, enum kind kind, enum access_verb verb)
{
    return scope_of(access, kind, verb) == CRM__SCOPE__SCOPE_ALL && access->kinds[kind].hidden.n == 0;
}

bool access_opens(const struct access *access, enum kind kind)
{
    return scope_of(access, kind, ACCESS_READ) > CRM__SCOPE__SCOPE_NONE;
}

bool access_is_team(const struct access *access, const struct uuid *team)
{
    return uuid_set_has(&access->teams, team);
}

/* --- the root and its grants */

/* Owner and team of the record that decides: the record itself, or its root, live or in the recycle bin. */
static enum crm_status load_root(const struct view *view, const struct record_header *header, struct record_header *out_root)
{
    const struct kind_def *kind = kind_def(header->kind);
    const struct field_def *parent = kind_parent_field(kind);
    struct view plain = view_unguarded(view);
    struct record record;
    enum crm_status status;

    if (uuid_equal(&header->root, &header->id)) {
        *out_root = *header;
        return CRM_OK;
    }
    if (!parent)
        return CRM_CORRUPT;
    status = view_record(&plain, parent->ref_kind, &header->root, &record);
    if (status == CRM_NOT_FOUND)
        status = view_deleted(&plain, parent->ref_kind, &header->root, &record);
    if (status == CRM_OK)
        *out_root = record.header;
    return status;
}

/* Looks for a grant among those of a root. */
struct grant_look {
    const struct access *access;
    enum grant_rights wanted;
    int64_t now_us;
    struct grant found; /* rights GRANT_NONE: none yet */
    enum crm_status status;
};

bool access_is_principal(const struct access *access, enum grant_sort sort, const struct uuid *principal)
{
    switch (sort) {
    case GRANT_USER:
    case GRANT_MEMBER:
        return uuid_equal(principal, &access->user);
    case GRANT_TEAM:
        return uuid_set_has(&access->teams, principal);
    case GRANT_TEAM_AND_BELOW:
        return uuid_set_has(&access->above, principal);
    }
    return false;
}

static bool look_at_grant(void *arg, struct slice key, struct slice value)
{
    struct grant_look *look = arg;
    struct grant grant;

    look->status = grant_decode(key, value, &grant);
    if (look->status != CRM_OK)
        return false;
    if (grant.rights < look->wanted || (grant.until_us && grant.until_us <= look->now_us) ||
        !access_is_principal(look->access, grant.sort, &grant.principal))
        return true;
    look->found = grant;
    return false;
}

static enum crm_status find_grant(const struct access *access, const struct view *view, enum access_verb verb, const struct uuid *root,
                                  struct grant *out_grant)
{
    struct grant_look look = { .access = access, .wanted = verb == ACCESS_READ ? GRANT_READ : GRANT_WRITE, .now_us = clock_now_us() };
    struct key from = { 0 }, to;
    enum crm_status status;

    key_bytes(&from, root->bytes, UUID_SIZE);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    status = view_scan(view, STORE_GRANT, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, look_at_grant, &look);
    *out_grant = look.found;
    return status == CRM_OK ? look.status : status;
}

static enum crm_status decide(const struct access *access, const struct view *view, enum access_verb verb, const struct record_header *header,
                              struct access_reason *reason)
{
    Crm__Scope scope = scope_of(access, header->kind, verb);
    struct record_header root;
    enum crm_status status;

    reason->root = header->root;
    reason->rule = scope == CRM__SCOPE__SCOPE_ALL ? ACCESS_ALL : ACCESS_OUT_OF_SCOPE;
    if (scope == CRM__SCOPE__SCOPE_ALL)
        return CRM_OK;
    if (scope <= CRM__SCOPE__SCOPE_NONE)
        return CRM_NOT_FOUND;
    status = load_root(view, header, &root);
    if (status == CRM_OK) {
        reason->rule = scope_rule(access, scope, &root.owner, &root.team);
        if (reason->rule != ACCESS_NO_RULE)
            return CRM_OK;
        status = find_grant(access, view, verb, &root.id, &reason->grant);
    }
    if (status != CRM_OK) {
        reason->rule = ACCESS_BROKEN;
        return status;
    }
    if (!reason->grant.rights)
        return CRM_NOT_FOUND;
    reason->rule = ACCESS_GRANT;
    return CRM_OK;
}

enum crm_status access_may(const struct access *access, const struct view *view, enum access_verb verb, const struct record_header *header,
                           struct access_reason *out_reason)
{
    struct access_reason reason = { .rule = ACCESS_BROKEN };
    enum crm_status status;

    if (header->kind <= KIND_NONE || header->kind > KIND_MAX)
        return CRM_NOT_FOUND;
    /* Who may change without seeing could find out by changing. */
    status = verb == ACCESS_WRITE ? decide(access, view, ACCESS_READ, header, &reason) : CRM_OK;
    if (status == CRM_OK)
        status = decide(access, view, verb, header, &reason);
    if (out_reason)
        *out_reason = reason;
    return status;
}

/* --- fields and views */

bool access_hides(const struct access *access, enum kind kind, uint32_t field)
{
    return access->kinds[kind].hidden.n > 0 && field_set_has(&access->kinds[kind].hidden, field);
}

bool access_keeps(const struct access *access, enum kind kind, uint32_t field)
{
    return access_hides(access, kind, field) || (access->kinds[kind].kept.n > 0 && field_set_has(&access->kinds[kind].kept, field));
}

static enum crm_status guard_admit(const struct view_guard *guard, const struct view *view, const struct record_header *header)
{
    return access_may(guard->arg, view, ACCESS_READ, header, NULL);
}

static enum crm_status guard_mask(const struct view_guard *guard, struct arena *arena, struct record *record)
{
    const struct access *access = guard->arg;
    const struct field_set *hidden = &access->kinds[record->header.kind].hidden;

    return hidden->n ? body_drop(arena, record->body, hidden, &record->body) : CRM_OK;
}

static bool guard_hides(const struct view_guard *guard, enum kind kind, uint32_t field)
{
    return access_hides(guard->arg, kind, field);
}

struct view_guard access_guard(const struct access *access)
{
    return (struct view_guard){ .admit = guard_admit, .mask = guard_mask, .hides = guard_hides, .arg = access };
}

/* --- ranges */

/* Collects what is shared with one principal. */
struct shared_look {
    struct uuid *ids;
    size_t n;
    bool is_full; /* more than a scope can name */
};

static bool take_shared(void *arg, struct slice key, struct slice value)
{
    struct shared_look *look = arg;
    struct uuid id;

    (void)value;
    if (!index_key_id(key, &id))
        return true;
    for (size_t i = 0; i < look->n; i++)
        if (uuid_equal(&look->ids[i], &id))
            return true;
    look->is_full = look->n == LIST_SCOPE_MAX;
    if (!look->is_full)
        look->ids[look->n++] = id;
    return !look->is_full;
}

static enum crm_status add_shared(const struct view *view, enum kind kind, enum grant_sort sort, const struct uuid *principal,
                                  struct shared_look *look)
{
    struct key from = { 0 }, to;

    shared_prefix(&from, principal, kind, sort);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    return view_scan(view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, take_shared, look);
}

/* Roots of a kind that are shared with the user, however. */
static enum crm_status find_shared(const struct access *access, const struct view *view, enum kind kind, struct shared_look *look)
{
    enum crm_status status = add_shared(view, kind, GRANT_USER, &access->user, look);

    if (status == CRM_OK && !look->is_full)
        status = add_shared(view, kind, GRANT_MEMBER, &access->user, look);
    for (size_t i = 0; i < access->teams.n && status == CRM_OK && !look->is_full; i++)
        status = add_shared(view, kind, GRANT_TEAM, &access->teams.ids[i], look);
    for (size_t i = 0; i < access->above.n && status == CRM_OK && !look->is_full; i++)
        status = add_shared(view, kind, GRANT_TEAM_AND_BELOW, &access->above.ids[i], look);
    return status;
}

enum crm_status access_scope_within(const struct access *access, const struct view *view, enum kind kind, Crm__Scope reach, struct arena *arena,
                                    const struct list_scope **out_scope)
{
    const struct field_def *parent = kind_parent_field(kind_def(kind));
    Crm__Scope role = access->kinds[kind].read, read = role < reach ? role : reach;
    const struct uuid_set *teams = read == CRM__SCOPE__SCOPE_TEAM ? &access->teams : &access->branch;
    struct list_scope *scope;
    struct shared_look look = { 0 };
    enum crm_status status;

    *out_scope = NULL;
    if (read == CRM__SCOPE__SCOPE_ALL || (read >= CRM__SCOPE__SCOPE_TEAM && teams->n > LIST_SCOPE_MAX))
        return CRM_OK;
    scope = arena_zalloc(arena, sizeof *scope);
    look.ids = arena_alloc(arena, LIST_SCOPE_MAX * sizeof *look.ids);
    if (!scope || !look.ids)
        return CRM_NO_MEMORY;
    if (read <= CRM__SCOPE__SCOPE_NONE) {
        *out_scope = scope; /* nowhere */
        return CRM_OK;
    }
    status = find_shared(access, view, kind, &look);
    if (status == CRM_OK && parent && !look.is_full)
        status = find_shared(access, view, parent->ref_kind, &look);
    if (status != CRM_OK || look.is_full)
        return status;
    scope->owners = &access->user;
    scope->n_owners = 1;
    if (read >= CRM__SCOPE__SCOPE_TEAM) {
        scope->teams = teams->ids;
        scope->n_teams = teams->n;
    }
    scope->shared = look.ids;
    scope->n_shared = look.n;
    *out_scope = scope;
    return CRM_OK;
}

enum crm_status access_scope(const struct access *access, const struct view *view, enum kind kind, struct arena *arena,
                             const struct list_scope **out_scope)
{
    return access_scope_within(access, view, kind, CRM__SCOPE__SCOPE_ALL, arena, out_scope);
}
