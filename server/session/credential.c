/*
 * credential.c - passwords and invitations as rows
 *
 * Reading: any thread, in its snapshot. Writing: the writer, in a group. Codes leave this file once and are never stored.
 */
#include "server/session/session.h"

#include "common/base/clock.h"
#include "common/base/sealed.h"

#define INVITE_SIZE 24 /* user, expires */

/* Rows go into the group as they come, several for a login: where one fails the group holds a part of it. */
static enum crm_status settle(struct change_group *group, enum crm_status status)
{
    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

static void credential_key(struct key *key, char sort, const void *bytes, size_t size)
{
    key->size = 0;
    key_u8(key, (uint8_t)sort);
    key_bytes(key, bytes, size);
}

enum crm_status credential_load(const struct view *view, const struct uuid *user, struct arena *arena, const char **out_encoded)
{
    struct slice value, content;
    struct key key;
    enum crm_status status;

    credential_key(&key, 'p', user->bytes, UUID_SIZE);
    status = view_get(view, STORE_CREDENTIAL, key_slice(&key), &value);
    if (status == CRM_OK)
        status = sealed_open(value, 1, &content);
    if (status != CRM_OK)
        return status;
    *out_encoded = arena_strndup(arena, content.data, content.size);
    return *out_encoded ? CRM_OK : CRM_NO_MEMORY;
}

enum crm_status credential_store(struct change_group *group, const struct uuid *user, const char *encoded)
{
    size_t size = strlen(encoded);
    uint8_t *content, *value = sealed_alloc(group->arena, size, &content);
    struct key key;

    if (!value)
        return settle(group, CRM_NO_MEMORY);
    memcpy(content, encoded, size);
    credential_key(&key, 'p', user->bytes, UUID_SIZE);
    return settle(group, writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), sealed_close(value, size)));
}

enum crm_status credential_require_change(struct change_group *group, const struct uuid *user, bool is_required)
{
    uint8_t *content, *value = sealed_alloc(group->arena, 0, &content);
    struct key key;

    if (!value)
        return settle(group, CRM_NO_MEMORY);
    credential_key(&key, 'm', user->bytes, UUID_SIZE);
    return settle(group, is_required ? writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), sealed_close(value, 0))
                                     : writeset_delete(group->set, STORE_CREDENTIAL, key_slice(&key)));
}

enum crm_status credential_must_change(const struct view *view, const struct uuid *user, bool *out_must)
{
    struct slice value;
    struct key key;
    enum crm_status status;

    credential_key(&key, 'm', user->bytes, UUID_SIZE);
    status = view_get(view, STORE_CREDENTIAL, key_slice(&key), &value);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    *out_must = status == CRM_OK;
    return CRM_OK;
}

static void invite_key(struct key *key, const char *code)
{
    const struct slice text = slice_text(code);
    uint8_t hash[SHA256_SIZE];

    sha256(&text, 1, hash);
    credential_key(key, 'i', hash, sizeof hash);
}

enum crm_status invite_create(struct change_group *group, const struct uuid *user, int64_t expires_us, char out_code[INVITE_CODE_SIZE])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none that is mistaken for another */
    uint8_t random[INVITE_CODE_SIZE - 1];
    uint8_t *content, *value = sealed_alloc(group->arena, INVITE_SIZE, &content);
    struct key key;

    if (!value)
        return settle(group, CRM_NO_MEMORY);
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        out_code[i] = letters[random[i] % 32];
    out_code[sizeof random] = '\0';
    memcpy(content, user->bytes, UUID_SIZE);
    memcpy(content + 16, &expires_us, 8);
    invite_key(&key, out_code);
    return settle(group, writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), sealed_close(value, INVITE_SIZE)));
}

enum crm_status invite_find(const struct view *view, const char *code, int64_t now_us, struct uuid *out_user)
{
    struct slice value, content;
    struct key key;
    int64_t expires_us;
    enum crm_status status;

    invite_key(&key, code);
    status = view_get(view, STORE_CREDENTIAL, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND)
        return CRM_BAD_CREDENTIALS;
    if (status == CRM_OK)
        status = sealed_open(value, INVITE_SIZE, &content);
    if (status != CRM_OK)
        return status;
    memcpy(&expires_us, content.data + 16, 8);
    memcpy(out_user->bytes, content.data, UUID_SIZE);
    return expires_us > now_us ? CRM_OK : CRM_BAD_CREDENTIALS;
}

enum crm_status invite_use(struct change_group *group, const char *code)
{
    struct key key;

    invite_key(&key, code);
    return settle(group, writeset_delete(group->set, STORE_CREDENTIAL, key_slice(&key)));
}
