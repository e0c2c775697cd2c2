/*
 * api_token.c - API tokens as rows
 *
 * Reading: any thread, in its snapshot. Writing: the writer, in a group. A token leaves this file once and is never stored.
 *
 * A row's content:
 *     0  i64     expires (housekeeping sweeps by it)
 *     8  i64     created
 *    16  i64     used, about
 *    24  u8[16]  id
 *    40  u8[16]  user
 *    56  u8[16]  role
 *    72  name
 */
#include "server/session/api_token.h"

#include "common/base/clock.h"
#include "common/store/key.h"
#include "common/base/sealed.h"

#define ROW_FIXED 72

static struct slice row_key(struct key *key, const uint8_t hash[SHA256_SIZE])
{
    key->size = 0;
    key_u8(key, 'a');
    key_bytes(key, hash, SHA256_SIZE);
    return key_slice(key);
}

static enum crm_status decode_row(struct slice key, struct slice value, struct api_token *out_token)
{
    struct slice content;
    enum crm_status status = sealed_open(value, ROW_FIXED, &content);
    size_t name_size;

    if (status != CRM_OK)
        return status;
    name_size = content.size - ROW_FIXED;
    if (key.size != 1 + SHA256_SIZE || name_size > API_TOKEN_NAME_MAX)
        return CRM_CORRUPT;
    memcpy(&out_token->expires_us, content.data, 8);
    memcpy(&out_token->created_us, content.data + 8, 8);
    memcpy(&out_token->used_us, content.data + 16, 8);
    memcpy(out_token->id.bytes, content.data + 24, UUID_SIZE);
    memcpy(out_token->user.bytes, content.data + 40, UUID_SIZE);
    memcpy(out_token->role.bytes, content.data + 56, UUID_SIZE);
    memcpy(out_token->name, content.data + ROW_FIXED, name_size);
    out_token->name[name_size] = '\0';
    memcpy(out_token->hash, key.data + 1, SHA256_SIZE);
    return CRM_OK;
}

static enum crm_status store_row(struct change_group *group, const struct api_token *token)
{
    size_t name_size = strlen(token->name);
    uint8_t *content, *value = sealed_alloc(group->arena, ROW_FIXED + name_size, &content);
    struct key key;
    enum crm_status status = CRM_NO_MEMORY;

    if (value) {
        memcpy(content, &token->expires_us, 8);
        memcpy(content + 8, &token->created_us, 8);
        memcpy(content + 16, &token->used_us, 8);
        memcpy(content + 24, token->id.bytes, UUID_SIZE);
        memcpy(content + 40, token->user.bytes, UUID_SIZE);
        memcpy(content + 56, token->role.bytes, UUID_SIZE);
        memcpy(content + ROW_FIXED, token->name, name_size);
        status = writeset_put(group->set, STORE_CREDENTIAL, row_key(&key, token->hash), sealed_close(value, ROW_FIXED + name_size));
    }
    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

static enum crm_status load_row(const struct view *view, const uint8_t hash[SHA256_SIZE], struct api_token *out_token)
{
    struct slice value;
    struct key key;
    enum crm_status status = view_get(view, STORE_CREDENTIAL, row_key(&key, hash), &value);

    return status == CRM_OK ? decode_row(key_slice(&key), value, out_token) : status;
}

enum crm_status api_token_find(const struct view *view, const uint8_t hash[SHA256_SIZE], int64_t now_us, struct api_token *out_token)
{
    struct api_token token;
    enum crm_status status = load_row(view, hash, &token);

    if (status == CRM_NOT_FOUND)
        return CRM_NOT_LOGGED_IN;
    if (status != CRM_OK)
        return status;
    if (token.expires_us <= now_us)
        return CRM_SESSION_EXPIRED;
    *out_token = token;
    return CRM_OK;
}

struct walk {
    const struct uuid *user; /* NULL: all */
    api_token_visit *visit;
    void *arg;
    enum crm_status status;
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct api_token token;

    walk->status = decode_row(key, value, &token);
    if (walk->status != CRM_OK)
        return false;
    return (walk->user && !uuid_equal(walk->user, &token.user)) || walk->visit(walk->arg, &token);
}

enum crm_status api_token_each(const struct view *view, const struct uuid *user, api_token_visit *visit, void *arg)
{
    static const uint8_t first = 'a', behind = 'a' + 1;
    const struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1) };
    struct walk walk = { .user = user, .visit = visit, .arg = arg, .status = CRM_OK };
    enum crm_status status = view_scan(view, STORE_CREDENTIAL, &range, visit_row, &walk);

    return status == CRM_OK ? walk.status : status;
}

/* What stands in the way of a new one. */
struct census {
    const struct api_token *wanted;
    int64_t now_us;
    unsigned n;
    bool is_taken;
};

static bool count_token(void *arg, const struct api_token *token)
{
    struct census *census = arg;

    if (token->expires_us <= census->now_us)
        return true;
    census->n++;
    census->is_taken = census->is_taken || strcmp(token->name, census->wanted->name) == 0;
    return true;
}

enum crm_status api_token_create(struct change_group *group, struct api_token *token, char out_text[API_TOKEN_TEXT_SIZE])
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct census census = { .wanted = token, .now_us = group->now_us };
    uint8_t random[API_TOKEN_RANDOM];
    struct slice text;
    enum crm_status status = api_token_each(&view, &token->user, count_token, &census);

    if (status != CRM_OK)
        return status;
    if (census.is_taken || census.n >= API_TOKENS_MAX)
        return census.is_taken ? CRM_EXISTS : CRM_TOO_LARGE;
    random_bytes(random, sizeof random);
    api_token_format(random, out_text);
    secret_wipe(random, sizeof random);
    text = slice_text(out_text);
    sha256(&text, 1, token->hash);
    token->id = uuid_create();
    token->created_us = group->now_us;
    token->used_us = 0;
    return store_row(group, token);
}

enum crm_status api_token_touch(struct change_group *group, const uint8_t hash[SHA256_SIZE])
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct api_token token;
    enum crm_status status = api_token_find(&view, hash, group->now_us, &token);

    if (status != CRM_OK)
        return status;
    token.used_us = group->now_us;
    return store_row(group, &token);
}

enum crm_status api_token_revoke(struct change_group *group, const struct api_token *token)
{
    struct key key;
    enum crm_status status = writeset_delete(group->set, STORE_CREDENTIAL, row_key(&key, token->hash));

    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}
