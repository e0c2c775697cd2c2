/*
 * grants.c - reading and writing shares
 *
 * Reading: any thread. Writing: inside a change (change.c), which logs it.
 */
#include "server/engine/grants.h"

#include "common/base/sealed.h"

enum crm_status grant_load(const struct view *view, const struct uuid *root, const struct grant *wanted, struct grant *out_grant)
{
    struct key key;
    struct slice value;
    enum crm_status status;

    grant_key(&key, root, wanted);
    status = view_get(view, STORE_GRANT, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND) {
        *out_grant = (struct grant){ .sort = wanted->sort, .principal = wanted->principal };
        return CRM_OK;
    }
    return status == CRM_OK ? grant_decode(key_slice(&key), value, out_grant) : status;
}

void grant_shared_key(struct key *key, enum kind root_kind, const struct uuid *root, const struct grant *grant)
{
    key->size = 0;
    shared_prefix(key, &grant->principal, root_kind, grant->sort);
    key_bytes(key, root->bytes, UUID_SIZE);
}

void grant_due_key(struct key *key, const struct uuid *root, const struct grant *grant)
{
    struct key own;

    grant_key(&own, root, grant);
    key->size = 0;
    key_i64(key, grant->until_us);
    key_u8(key, DUE_GRANT);
    key_bytes(key, own.data, own.size);
}

struct slice grant_due_value(enum kind root_kind, struct arena *arena)
{
    uint8_t *content, *value = sealed_alloc(arena, 1, &content);

    if (!value)
        return (struct slice){ 0 };
    content[0] = (uint8_t)root_kind;
    return sealed_close(value, 1);
}

/* The row of a grant's end, where it has one: the old one goes, the new one comes. */
static enum crm_status store_due(struct writeset *set, enum kind root_kind, const struct uuid *root, const struct grant *old,
                                 const struct grant *grant, struct arena *arena)
{
    struct key key;
    struct slice value;
    enum crm_status status = CRM_OK;

    if (old->until_us) {
        grant_due_key(&key, root, old);
        status = writeset_delete(set, STORE_DUE, key_slice(&key));
    }
    if (status != CRM_OK || grant->rights == GRANT_NONE || !grant->until_us)
        return status;
    grant_due_key(&key, root, grant);
    value = grant_due_value(root_kind, arena);
    return value.data ? writeset_put(set, STORE_DUE, key_slice(&key), value) : CRM_NO_MEMORY;
}

enum crm_status grant_store(struct writeset *set, enum kind root_kind, const struct uuid *root, const struct grant *old, const struct grant *grant,
                            struct arena *arena)
{
    uint8_t *content, *value = sealed_alloc(arena, GRANT_VALUE_SIZE, &content);
    struct key key, shared;
    enum crm_status status;

    if (!value)
        return CRM_NO_MEMORY;
    status = store_due(set, root_kind, root, old, grant, arena);
    if (status != CRM_OK)
        return status;
    grant_key(&key, root, grant);
    grant_shared_key(&shared, root_kind, root, grant);
    if (grant->rights == GRANT_NONE) {
        status = writeset_delete(set, STORE_GRANT, key_slice(&key));
        return status == CRM_OK ? writeset_delete(set, STORE_CHILD, key_slice(&shared)) : status;
    }
    content[0] = (uint8_t)grant->rights;
    memcpy(content + 1, &grant->until_us, sizeof grant->until_us);
    status = writeset_put(set, STORE_GRANT, key_slice(&key), sealed_close(value, GRANT_VALUE_SIZE));
    return status == CRM_OK ? writeset_put(set, STORE_CHILD, key_slice(&shared), slice_of("", 0)) : status;
}

struct grant_collect {
    struct grant *grants;
    size_t n, max;
    enum crm_status status;
};

static bool collect(void *arg, struct slice key, struct slice value)
{
    struct grant_collect *collect = arg;

    if (collect->n == collect->max)
        collect->status = CRM_TOO_LARGE;
    else
        collect->status = grant_decode(key, value, &collect->grants[collect->n++]);
    return collect->status == CRM_OK;
}

enum crm_status grant_list(const struct view *view, const struct uuid *root, size_t max, struct arena *arena, struct grant **out_grants, size_t *out_n)
{
    struct grant_collect all = { .grants = arena_alloc(arena, max * sizeof *all.grants), .max = max, .status = CRM_OK };
    struct key from = { 0 }, to;
    enum crm_status status;

    if (!all.grants)
        return CRM_NO_MEMORY;
    key_bytes(&from, root->bytes, UUID_SIZE);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    status = view_scan(view, STORE_GRANT, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, collect, &all);
    *out_grants = all.grants;
    *out_n = all.n;
    return status == CRM_OK ? all.status : status;
}

enum kind grant_principal_kind(enum grant_sort sort)
{
    return sort == GRANT_TEAM || sort == GRANT_TEAM_AND_BELOW ? KIND_TEAM : KIND_USER;
}

enum kind root_kind_of(const struct record_header *header)
{
    const struct field_def *parent = kind_parent_field(kind_def(header->kind));

    return uuid_equal(&header->root, &header->id) || !parent ? header->kind : parent->ref_kind;
}
