/*
 * session.c - sessions, credentials and invitations as rows
 *
 * Reading: any thread, in its snapshot. Writing: the writer, in a group. Tokens and codes leave this file once and are never stored.
 */
#include "server/session/session.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/engine/index.h"
#include "server/engine/sealed.h"

#define SESSION_FIXED 32 /* user, created, expires */
#define INVITE_SIZE   24 /* user, expires */

/* Rows go into the group as they come, several for a login: where one fails the group holds a part of it. */
static enum crm_status settle(struct change_group *group, enum crm_status status)
{
    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

static void copy_text(char *out, size_t size, struct slice text)
{
    size_t n = text_prefix_size(text, size - 1);

    if (n)
        memcpy(out, text.data, n);
    out[n] = '\0';
}

static bool get_field(const struct record *record, const char *name, struct value *out_value)
{
    return reflect_get(kind_field_by_name(kind_def(record->header.kind), name), record, out_value);
}

static void add_right(struct session *session, const struct value *right)
{
    if (right->integer > 0 && right->integer < 32)
        session->rights |= 1u << right->integer;
}

static bool visit_right(void *arg, const struct value *value)
{
    add_right(arg, value);
    return true;
}

enum crm_status session_load(const struct view *view, const struct uuid *user, struct session *out_session)
{
    struct record record;
    struct value value;
    enum crm_status status = view_record(view, KIND_USER, user, &record);

    if (status == CRM_NOT_FOUND)
        return CRM_BAD_CREDENTIALS;
    if (status != CRM_OK)
        return status;
    if (get_field(&record, "active", &value) && !value.integer)
        return CRM_BAD_CREDENTIALS;
    *out_session = (struct session){ .user = *user };
    if (get_field(&record, "login", &value))
        copy_text(out_session->login, sizeof out_session->login, value.text);
    if (get_field(&record, "name", &value))
        copy_text(out_session->name, sizeof out_session->name, value.text);
    if (get_field(&record, "team", &value))
        out_session->team = value.ref;
    if (get_field(&record, "role", &value) && view_record(view, KIND_ROLE, &value.ref, &record) == CRM_OK) {
        reflect_each(kind_field_by_name(kind_def(KIND_ROLE), "rights"), &record, visit_right, out_session);
        if (get_field(&record, "name", &value))
            copy_text(out_session->role, sizeof out_session->role, value.text);
    }
    return CRM_OK;
}

enum crm_status session_find_login(const struct view *view, struct slice login, struct arena *arena, struct uuid *out_user)
{
    const struct field_def *field = kind_field_by_name(kind_def(KIND_USER), "login");
    struct key key = { 0 };
    struct slice value;
    enum crm_status status;

    if (!unique_key(&key, KIND_USER, field, &(struct value){ .type = FIELD_TEXT, .text = login }, arena))
        return CRM_NO_MEMORY;
    status = view_get(view, STORE_UNIQUE, key_slice(&key), &value);
    if (status != CRM_OK)
        return status;
    return uuid_from_slice(value, out_user) ? CRM_OK : CRM_CORRUPT;
}

static void hash_secret(struct slice secret, uint8_t out[SHA256_SIZE])
{
    sha256(&secret, 1, out);
}

static enum crm_status load_by_hash(const struct view *view, const uint8_t hash[SHA256_SIZE], int64_t now_us, struct session *out_session)
{
    struct slice value, content;
    struct uuid user;
    int64_t expires_us;
    enum crm_status status = view_get(view, STORE_SESSION, slice_of(hash, SHA256_SIZE), &value);

    if (status == CRM_NOT_FOUND)
        return CRM_NOT_LOGGED_IN;
    if (status == CRM_OK)
        status = sealed_open(value, SESSION_FIXED, &content);
    if (status != CRM_OK)
        return status;
    memcpy(user.bytes, content.data, UUID_SIZE);
    memcpy(&expires_us, content.data + 24, 8);
    if (expires_us <= now_us)
        return CRM_SESSION_EXPIRED;
    status = session_load(view, &user, out_session);
    if (status != CRM_OK)
        return status == CRM_BAD_CREDENTIALS ? CRM_NOT_LOGGED_IN : status;
    out_session->expires_us = expires_us;
    memcpy(out_session->token_hash, hash, SHA256_SIZE);
    return CRM_OK;
}

enum crm_status session_resume(const struct view *view, struct slice token, int64_t now_us, struct session *out_session)
{
    uint8_t hash[SHA256_SIZE];

    hash_secret(token, hash);
    return load_by_hash(view, hash, now_us, out_session);
}

enum crm_status session_refresh(const struct view *view, int64_t now_us, struct session *session)
{
    struct session fresh;
    enum crm_status status = load_by_hash(view, session->token_hash, now_us, &fresh);

    if (status == CRM_OK)
        *session = fresh;
    return status;
}

enum crm_status session_open(struct change_group *group, struct session *session, const char *device_name, int64_t expires_us,
                             uint8_t out_token[TOKEN_SIZE])
{
    size_t name_size = device_name ? text_prefix_size(slice_text(device_name), 128) : 0;
    uint8_t *content, *value = sealed_alloc(group->arena, SESSION_FIXED + name_size, &content);

    if (!value)
        return settle(group, CRM_NO_MEMORY);
    random_bytes(out_token, TOKEN_SIZE);
    hash_secret(slice_of(out_token, TOKEN_SIZE), session->token_hash);
    session->expires_us = expires_us;
    memcpy(content, session->user.bytes, UUID_SIZE);
    memcpy(content + 16, &group->now_us, 8);
    memcpy(content + 24, &expires_us, 8);
    if (name_size)
        memcpy(content + SESSION_FIXED, device_name, name_size);
    return settle(group, writeset_put(group->set, STORE_SESSION, slice_of(session->token_hash, SHA256_SIZE),
                                      sealed_close(value, SESSION_FIXED + name_size)));
}

enum crm_status session_close(struct change_group *group, const struct session *session)
{
    return settle(group, writeset_delete(group->set, STORE_SESSION, slice_of(session->token_hash, SHA256_SIZE)));
}

/* A session to be closed; they are found first, since a scan does not bear changes. */
struct closing {
    struct closing *next;
    uint8_t hash[SHA256_SIZE];
};

struct closing_scan {
    struct arena *arena;
    const struct uuid *user;
    const uint8_t *kept; /* token_hash, or NULL */
    struct closing *found;
    enum crm_status status;
};

static bool find_other(void *arg, struct slice key, struct slice value)
{
    struct closing_scan *scan = arg;
    struct closing *closing;
    struct slice content;

    scan->status = sealed_open(value, SESSION_FIXED, &content);
    if (scan->status != CRM_OK || key.size != SHA256_SIZE || memcmp(content.data, scan->user->bytes, UUID_SIZE) != 0 ||
        (scan->kept && memcmp(key.data, scan->kept, SHA256_SIZE) == 0))
        return scan->status == CRM_OK;
    closing = arena_alloc(scan->arena, sizeof *closing);
    if (!closing) {
        scan->status = CRM_NO_MEMORY;
        return false;
    }
    memcpy(closing->hash, key.data, SHA256_SIZE);
    closing->next = scan->found;
    scan->found = closing;
    return true;
}

enum crm_status session_close_others(struct change_group *group, const struct uuid *user, const uint8_t *token_hash)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct closing_scan scan = { .arena = group->arena, .user = user, .kept = token_hash, .status = CRM_OK };
    enum crm_status status = view_scan(&view, STORE_SESSION, &(struct store_range){ 0 }, find_other, &scan);

    if (status == CRM_OK)
        status = scan.status;
    for (const struct closing *closing = scan.found; closing && status == CRM_OK; closing = closing->next)
        status = writeset_delete(group->set, STORE_SESSION, slice_of(closing->hash, SHA256_SIZE));
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

static void invite_key(struct key *key, const char *code)
{
    uint8_t hash[SHA256_SIZE];

    hash_secret(slice_text(code), hash);
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
