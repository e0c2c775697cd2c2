/*
 * session.c - who a user is, and sessions as rows
 *
 * Reading: any thread, in its snapshot. Writing: the writer, in a group. Tokens leave this file once and are never stored.
 *
 * A row's content; a row of another format counts as none (who had it logs in again):
 *     0  u8      format
 *     1  u8      enum session_how
 *     2  u8[6]   0
 *     8  u8[16]  user
 *    24  i64     expires: idle or absolute, whichever is earlier (housekeeping sweeps by it)
 *    32  i64     latest: expires, however much it is used
 *    40  i64     created
 *    48  i64     used, about
 *    56  i64     confirmed until
 *    64  u8[16]  id
 *    80  device name, from, name of the token: each u8 length ‖ text
 */
#include "server/session/session.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/engine/index.h"
#include "common/base/sealed.h"
#include "server/session/api_token.h"
#include "server/session/factor.h"

#define ROW_FORMAT  2
#define ROW_FIXED   80
#define ROW_TEXTS   3
#define TEXT_MAX    128 /* bytes of each */

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

void session_copy(struct session *to, const struct session *from)
{
    *to = *from;
    access_ref(to->access);
}

void session_fini(struct session *session)
{
    access_unref(session->access);
    secret_wipe(session, sizeof *session);
}

enum crm_status session_needs_factor(const struct view *view, const struct uuid *user, bool *out_needs)
{
    struct record record;
    struct value value;
    enum crm_status status = view_record(view, KIND_USER, user, &record);

    *out_needs = false;
    if (status == CRM_OK && get_field(&record, "role", &value))
        status = view_record(view, KIND_ROLE, &value.ref, &record);
    else
        return status;
    if (status == CRM_OK && get_field(&record, "second_factor", &value))
        *out_needs = value.integer != 0;
    return status == CRM_NOT_FOUND ? CRM_OK : status; /* a role that is gone gives nothing, and asks for nothing */
}

/* What has to be done before anything else is answered. */
static enum crm_status find_must(const struct view *view, const struct uuid *user, enum crm_status *out_must)
{
    struct factor factor = { .in_force = false };
    bool must_change, needs_factor = false;
    enum crm_status status = credential_must_change(view, user, &must_change);

    if (status == CRM_OK)
        status = session_needs_factor(view, user, &needs_factor);
    if (status == CRM_OK && needs_factor)
        status = factor_look(view, user, &factor);
    if (status != CRM_OK)
        return status;
    *out_must = must_change ? CRM_CHANGE_PASSWORD : needs_factor && !factor.in_force ? CRM_ENROL_FACTOR : CRM_OK;
    return CRM_OK;
}

/* narrowed_to: NULL, or the role of an API token. */
static enum crm_status load_user(const struct view *view, const struct uuid *user, const struct uuid *narrowed_to, struct session *out_session)
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
        if (get_field(&record, "name", &value))
            copy_text(out_session->role, sizeof out_session->role, value.text);
        out_session->offline_encrypted = get_field(&record, "offline_encrypted", &value) && value.integer;
    }
    status = access_create(view, user, narrowed_to, &out_session->access);
    if (status == CRM_OK)
        out_session->rights = access_rights(out_session->access);
    return status;
}

enum crm_status session_load(const struct view *view, const struct uuid *user, struct session *out_session)
{
    enum crm_status must = CRM_OK, status = load_user(view, user, NULL, out_session);

    if (status != CRM_OK)
        return status;
    status = find_must(view, user, &must);
    out_session->must = must;
    if (status != CRM_OK)
        session_fini(out_session);
    return status;
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

/* --- rows */

static bool take_text(struct slice *rest, struct slice *out)
{
    size_t size = rest->size > 0 ? rest->data[0] : 0;

    if (rest->size < 1 + size)
        return false;
    *out = slice_of(rest->data + 1, size);
    *rest = slice_of(rest->data + 1 + size, rest->size - 1 - size);
    return true;
}

/* CRM_NOT_LOGGED_IN: of another format. Texts borrow the row. */
static enum crm_status decode_row(struct slice value, struct session_info *out_info)
{
    struct slice content, rest;
    enum crm_status status = sealed_open(value, 1, &content);

    if (status != CRM_OK)
        return status;
    if (content.data[0] != ROW_FORMAT)
        return CRM_NOT_LOGGED_IN;
    if (content.size < ROW_FIXED)
        return CRM_CORRUPT;
    out_info->how = (enum session_how)content.data[1];
    memcpy(out_info->user.bytes, content.data + 8, UUID_SIZE);
    memcpy(&out_info->expires_us, content.data + 24, 8);
    memcpy(&out_info->latest_us, content.data + 32, 8);
    memcpy(&out_info->created_us, content.data + 40, 8);
    memcpy(&out_info->used_us, content.data + 48, 8);
    memcpy(&out_info->confirmed_until_us, content.data + 56, 8);
    memcpy(out_info->id.bytes, content.data + 64, UUID_SIZE);
    rest = slice_of(content.data + ROW_FIXED, content.size - ROW_FIXED);
    return take_text(&rest, &out_info->device_name) && take_text(&rest, &out_info->from) && take_text(&rest, &out_info->name) ? CRM_OK : CRM_CORRUPT;
}

static enum crm_status put_row(struct change_group *group, const uint8_t hash[SHA256_SIZE], const struct session_info *info)
{
    const struct slice *texts[ROW_TEXTS] = { &info->device_name, &info->from, &info->name };
    size_t sizes[ROW_TEXTS], size = ROW_FIXED;
    uint8_t *content, *value, *at;

    for (size_t i = 0; i < ROW_TEXTS; i++) {
        sizes[i] = text_prefix_size(*texts[i], TEXT_MAX);
        size += 1 + sizes[i];
    }
    value = sealed_alloc(group->arena, size, &content);
    if (!value)
        return settle(group, CRM_NO_MEMORY);
    memset(content, 0, 8);
    content[0] = ROW_FORMAT;
    content[1] = (uint8_t)info->how;
    memcpy(content + 8, info->user.bytes, UUID_SIZE);
    memcpy(content + 24, &info->expires_us, 8);
    memcpy(content + 32, &info->latest_us, 8);
    memcpy(content + 40, &info->created_us, 8);
    memcpy(content + 48, &info->used_us, 8);
    memcpy(content + 56, &info->confirmed_until_us, 8);
    memcpy(content + 64, info->id.bytes, UUID_SIZE);
    at = content + ROW_FIXED;
    for (size_t i = 0; i < ROW_TEXTS; i++) {
        *at++ = (uint8_t)sizes[i];
        if (sizes[i] > 0)
            memcpy(at, texts[i]->data, sizes[i]);
        at += sizes[i];
    }
    return settle(group, writeset_put(group->set, STORE_SESSION, slice_of(hash, SHA256_SIZE), sealed_close(value, size)));
}

static enum crm_status load_row(const struct view *view, const uint8_t hash[SHA256_SIZE], struct session_info *out_info)
{
    struct slice value;
    enum crm_status status = view_get(view, STORE_SESSION, slice_of(hash, SHA256_SIZE), &value);

    if (status == CRM_NOT_FOUND)
        return CRM_NOT_LOGGED_IN;
    return status == CRM_OK ? decode_row(value, out_info) : status;
}

static void take_info(struct session *session, const struct session_info *info)
{
    session->id = info->id;
    session->how = info->how;
    session->used_us = info->used_us;
    session->expires_us = info->expires_us;
    session->latest_us = info->latest_us;
    session->confirmed_until_us = info->confirmed_until_us;
}

/* --- one session */

static enum crm_status load_by_hash(const struct view *view, const uint8_t hash[SHA256_SIZE], int64_t now_us, struct session *out_session)
{
    struct session_info info;
    enum crm_status status = load_row(view, hash, &info);

    if (status != CRM_OK)
        return status;
    /* Also by what has ended: who was away for long learns it, too. */
    status = session_load(view, &info.user, out_session);
    if (status != CRM_OK)
        return status == CRM_BAD_CREDENTIALS ? CRM_REVOKED : status;
    if (info.expires_us <= now_us) {
        session_fini(out_session);
        return CRM_SESSION_EXPIRED;
    }
    take_info(out_session, &info);
    memcpy(out_session->token_hash, hash, SHA256_SIZE);
    return CRM_OK;
}

/* A script has neither a password to change nor an authenticator: what its user must do first is not asked of it. */
static enum crm_status load_by_api_token(const struct view *view, const uint8_t hash[SHA256_SIZE], int64_t now_us, struct session *out_session)
{
    struct api_token token;
    enum crm_status status = api_token_find(view, hash, now_us, &token);

    if (status == CRM_OK)
        status = load_user(view, &token.user, &token.role, out_session);
    if (status != CRM_OK)
        return status == CRM_BAD_CREDENTIALS ? CRM_NOT_LOGGED_IN : status;
    out_session->id = token.id;
    out_session->how = SESSION_BY_TOKEN;
    out_session->used_us = token.used_us;
    out_session->expires_us = out_session->latest_us = token.expires_us;
    memcpy(out_session->token_hash, hash, SHA256_SIZE);
    return CRM_OK;
}

enum crm_status session_resume(const struct view *view, struct slice token, int64_t now_us, struct session *out_session)
{
    uint8_t hash[SHA256_SIZE];

    hash_secret(token, hash);
    if (api_token_is_one(token))
        return api_token_is_whole(token) ? load_by_api_token(view, hash, now_us, out_session) : CRM_NOT_LOGGED_IN;
    return load_by_hash(view, hash, now_us, out_session);
}

enum crm_status session_refresh(const struct view *view, int64_t now_us, struct session *session, bool *out_changed)
{
    struct session fresh;
    enum crm_status status = session->how == SESSION_BY_TOKEN ? load_by_api_token(view, session->token_hash, now_us, &fresh)
                                                              : load_by_hash(view, session->token_hash, now_us, &fresh);

    if (status != CRM_OK)
        return status;
    *out_changed = !access_equal(session->access, fresh.access);
    session_fini(session);
    *session = fresh;
    return CRM_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum crm_status session_open(struct change_group *group, struct session *session, const struct session_opening *opening, uint8_t out_token[TOKEN_SIZE])
{
    struct session_info info = {
        .id = uuid_create(), .user = session->user, .how = opening->how, .created_us = group->now_us, .used_us = group->now_us,
        .latest_us = group->now_us + opening->lasts_us, .confirmed_until_us = group->now_us + opening->confirmed_us,
        .device_name = slice_text(opening->device_name), .from = slice_text(opening->from), .name = slice_text(opening->name),
    };

    info.expires_us = earlier(info.latest_us, group->now_us + opening->idle_us);
    random_bytes(out_token, TOKEN_SIZE);
    hash_secret(slice_of(out_token, TOKEN_SIZE), session->token_hash);
    take_info(session, &info);
    return put_row(group, session->token_hash, &info);
}

static struct view view_of(const struct change_group *group)
{
    return (struct view){ .txn = group->txn, .group = group->set, .schema = group->schema };
}

enum crm_status session_touch(struct change_group *group, const uint8_t token_hash[SHA256_SIZE], int64_t at_us, int64_t idle_us)
{
    struct view view = view_of(group);
    struct session_info info;
    enum crm_status status = load_row(&view, token_hash, &info);

    if (status == CRM_OK && info.expires_us <= at_us)
        status = CRM_SESSION_EXPIRED;
    if (status != CRM_OK)
        return status;
    info.used_us = at_us;
    info.expires_us = earlier(info.latest_us, at_us + idle_us);
    return put_row(group, token_hash, &info);
}

enum crm_status session_confirm(struct change_group *group, const uint8_t token_hash[SHA256_SIZE], int64_t until_us)
{
    struct view view = view_of(group);
    struct session_info info;
    enum crm_status status = load_row(&view, token_hash, &info);

    if (status != CRM_OK)
        return status;
    info.confirmed_until_us = until_us;
    return put_row(group, token_hash, &info);
}

bool session_is_confirmed(const struct session *session, int64_t now_us)
{
    return session->confirmed_until_us > now_us;
}

enum crm_status session_close(struct change_group *group, const uint8_t token_hash[SHA256_SIZE])
{
    return settle(group, writeset_delete(group->set, STORE_SESSION, slice_of(token_hash, SHA256_SIZE)));
}

/* --- many */

struct walk {
    session_visit *visit;
    void *arg;
    enum crm_status status;
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct session_info info;

    if (key.size != SHA256_SIZE)
        return true;
    walk->status = decode_row(value, &info);
    if (walk->status == CRM_NOT_LOGGED_IN) {
        walk->status = CRM_OK;
        return true;
    }
    return walk->status == CRM_OK && walk->visit(walk->arg, key.data, &info);
}

enum crm_status session_each(const struct view *view, session_visit *visit, void *arg)
{
    struct walk walk = { .visit = visit, .arg = arg, .status = CRM_OK };
    enum crm_status status = view_scan(view, STORE_SESSION, &(struct store_range){ 0 }, visit_row, &walk);

    return status == CRM_OK ? walk.status : status;
}

/* A session to be closed; they are found first, since a scan does not bear changes. */
struct closing {
    struct closing *next;
    uint8_t hash[SHA256_SIZE];
};

struct closing_scan {
    struct arena *arena;
    const struct session_choice *choice;
    struct closing *found;
    bool is_spent;
};

static bool is_chosen(const struct session_choice *choice, const uint8_t *hash, const struct session_info *info)
{
    if (choice->kept && memcmp(hash, choice->kept, SHA256_SIZE) == 0)
        return false;
    return (!choice->user || uuid_equal(choice->user, &info->user)) && (!choice->id || uuid_equal(choice->id, &info->id));
}

static bool find_chosen(void *arg, const uint8_t *hash, const struct session_info *info)
{
    struct closing_scan *scan = arg;
    struct closing *closing;

    if (!is_chosen(scan->choice, hash, info))
        return true;
    closing = arena_alloc(scan->arena, sizeof *closing);
    if (!closing) {
        scan->is_spent = true;
        return false;
    }
    memcpy(closing->hash, hash, SHA256_SIZE);
    closing->next = scan->found;
    scan->found = closing;
    return true;
}

enum crm_status session_close_chosen(struct change_group *group, const struct session_choice *choice, unsigned *out_closed)
{
    struct view view = view_of(group);
    struct closing_scan scan = { .arena = group->arena, .choice = choice };
    enum crm_status status = session_each(&view, find_chosen, &scan);
    unsigned closed = 0;

    if (status == CRM_OK && scan.is_spent)
        status = CRM_NO_MEMORY;
    for (const struct closing *closing = scan.found; closing && status == CRM_OK; closing = closing->next, closed++)
        status = writeset_delete(group->set, STORE_SESSION, slice_of(closing->hash, SHA256_SIZE));
    if (status == CRM_OK)
        *out_closed = closed;
    return settle(group, status);
}
