/*
 * grants.c - reading and writing shares
 *
 * Reading: any thread. Writing: inside a change (change.c), which logs it.
 */
#include "server/engine/grants.h"

#include "server/engine/sealed.h"

enum crm_status grant_decode(struct slice key, struct slice value, struct grant *out_grant)
{
    struct slice content;
    struct grant grant;
    enum crm_status status = sealed_open(value, GRANT_VALUE_SIZE, &content);

    if (status != CRM_OK || key.size != 2 * UUID_SIZE + 1)
        return CRM_CORRUPT;
    grant.sort = (enum grant_sort)key.data[UUID_SIZE];
    memcpy(grant.principal.bytes, key.data + UUID_SIZE + 1, UUID_SIZE);
    grant.rights = (enum grant_rights)content.data[0];
    memcpy(&grant.until_us, content.data + 1, sizeof grant.until_us);
    *out_grant = grant;
    return CRM_OK;
}

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

enum crm_status grant_store(struct writeset *set, enum kind root_kind, const struct uuid *root, const struct grant *grant, struct arena *arena)
{
    uint8_t *content, *value = sealed_alloc(arena, GRANT_VALUE_SIZE, &content);
    struct key key, shared = { 0 };
    enum crm_status status;

    if (!value)
        return CRM_NO_MEMORY;
    grant_key(&key, root, grant);
    shared_prefix(&shared, &grant->principal, root_kind, grant->sort);
    key_bytes(&shared, root->bytes, UUID_SIZE);
    if (grant->rights == GRANT_NONE) {
        status = writeset_delete(set, STORE_GRANT, key_slice(&key));
        return status == CRM_OK ? writeset_delete(set, STORE_CHILD, key_slice(&shared)) : status;
    }
    content[0] = (uint8_t)grant->rights;
    memcpy(content + 1, &grant->until_us, sizeof grant->until_us);
    status = writeset_put(set, STORE_GRANT, key_slice(&key), sealed_close(value, GRANT_VALUE_SIZE));
    return status == CRM_OK ? writeset_put(set, STORE_CHILD, key_slice(&shared), slice_of("", 0)) : status;
}

enum kind root_kind_of(const struct record_header *header)
{
    const struct field_def *parent = kind_parent_field(kind_def(header->kind));

    return uuid_equal(&header->root, &header->id) || !parent ? header->kind : parent->ref_kind;
}
