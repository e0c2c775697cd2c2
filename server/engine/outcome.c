/*
 * outcome.c - the client table: low marks and kept answers
 *
 * Writer thread only.
 */
#include "server/engine/outcome.h"

#include "common/base/sealed.h"

#define CLIENT_ROW_SIZE  32 /* user, low mark, last use */
#define OUTCOME_FIXED    24 /* time, hash */

static void client_key(struct key *key, const uint8_t client[CLIENT_SIZE])
{
    key->size = 0;
    key_bytes(key, client, CLIENT_SIZE);
}

static void number_key(struct key *key, const uint8_t client[CLIENT_SIZE], uint64_t number)
{
    client_key(key, client);
    key_u64(key, number);
}

/* The client's row; all zero where there is none yet. */
static enum crm_status load_client(const struct change_group *group, const uint8_t client[CLIENT_SIZE], struct uuid *out_user,
                                   uint64_t *out_low_mark)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct slice value, content;
    struct key key;
    enum crm_status status;

    *out_user = (struct uuid){ 0 };
    *out_low_mark = 0;
    client_key(&key, client);
    status = view_get(&view, STORE_CLIENT, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status == CRM_OK)
        status = sealed_open(value, CLIENT_ROW_SIZE, &content);
    if (status != CRM_OK)
        return status;
    memcpy(out_user->bytes, content.data, UUID_SIZE);
    memcpy(out_low_mark, content.data + UUID_SIZE, 8);
    return CRM_OK;
}

/* The mark as the request moves it: below the request itself, and never back. */
static uint64_t moved_mark(const struct outcome_key *key, uint64_t low_mark)
{
    uint64_t mark = key->low_mark < key->number ? key->low_mark : key->number - 1;

    return mark > low_mark ? mark : low_mark;
}

enum crm_status outcome_find(const struct change_group *group, const struct outcome_key *key, const struct uuid *user,
                             struct slice *out_reply, struct failure *failure)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct slice value, content;
    struct key row;
    struct uuid owner;
    uint64_t low_mark;
    enum crm_status status = load_client(group, key->client, &owner, &low_mark);

    *out_reply = (struct slice){ 0 };
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the client's row cannot be read");
    if (!uuid_is_nil(&owner) && !uuid_equal(&owner, user))
        return fail(failure, CRM_NOT_ALLOWED, "client", "this key belongs to somebody else");
    if (key->number == 0 || key->number <= low_mark)
        return fail(failure, CRM_KEY_REUSED, "number", "this number was answered and forgotten");
    number_key(&row, key->client, key->number);
    status = view_get(&view, STORE_CLIENT, key_slice(&row), &value);
    if (status == CRM_NOT_FOUND)
        return key->number - moved_mark(key, low_mark) > OUTCOMES_OPEN
                   ? fail(failure, CRM_BUSY, "number", "at most %d numbers may be open", OUTCOMES_OPEN)
                   : CRM_OK;
    if (status == CRM_OK)
        status = sealed_open(value, OUTCOME_FIXED, &content);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the kept answer cannot be read");
    if (memcmp(content.data + 8, key->hash, sizeof key->hash) != 0)
        return fail(failure, CRM_KEY_REUSED, "number", "this key was used for another request");
    *out_reply = slice_of(content.data + OUTCOME_FIXED, content.size - OUTCOME_FIXED);
    return CRM_OK;
}

static enum crm_status put_client(struct change_group *group, const uint8_t client[CLIENT_SIZE], const struct uuid *user, uint64_t low_mark)
{
    uint8_t *content, *value = sealed_alloc(group->arena, CLIENT_ROW_SIZE, &content);
    struct key key;

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, user->bytes, UUID_SIZE);
    memcpy(content + UUID_SIZE, &low_mark, 8);
    memcpy(content + UUID_SIZE + 8, &group->now_us, 8);
    client_key(&key, client);
    return writeset_put(group->set, STORE_CLIENT, key_slice(&key), sealed_close(value, CLIENT_ROW_SIZE));
}

/* Rows up to the mark that the request names go; they are few, whatever the numbers are. */
static enum crm_status forget_answered(struct change_group *group, const struct outcome_key *key, uint64_t *low_mark)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    uint64_t mark = moved_mark(key, *low_mark);
    struct key from, to;
    struct slice row, value;
    enum crm_status status = CRM_OK;

    if (mark == *low_mark)
        return CRM_OK;
    number_key(&from, key->client, *low_mark + 1);
    number_key(&to, key->client, mark + 1);
    while (status == CRM_OK &&
           (status = view_seek(&view, STORE_CLIENT, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, &row, &value)) ==
               CRM_OK)
        status = writeset_delete(group->set, STORE_CLIENT, row);
    if (status != CRM_NOT_FOUND)
        return status;
    *low_mark = mark;
    return CRM_OK;
}

static enum crm_status keep(struct change_group *group, const struct outcome_key *key, const struct uuid *user, struct slice reply)
{
    uint8_t *content, *value = sealed_alloc(group->arena, OUTCOME_FIXED + reply.size, &content);
    struct key row;
    struct uuid owner;
    uint64_t low_mark;
    enum crm_status status = load_client(group, key->client, &owner, &low_mark);

    if (!value)
        return CRM_NO_MEMORY;
    if (status != CRM_OK)
        return status;
    memcpy(content, &group->now_us, 8);
    memcpy(content + 8, key->hash, sizeof key->hash);
    if (reply.size)
        memcpy(content + OUTCOME_FIXED, reply.data, reply.size);
    number_key(&row, key->client, key->number);
    status = writeset_put(group->set, STORE_CLIENT, key_slice(&row), sealed_close(value, OUTCOME_FIXED + reply.size));
    if (status == CRM_OK)
        status = forget_answered(group, key, &low_mark);
    return status == CRM_OK ? put_client(group, key->client, user, low_mark) : status;
}

enum crm_status outcome_keep(struct change_group *group, const struct outcome_key *key, const struct uuid *user, struct slice reply)
{
    enum crm_status status = keep(group, key, user, reply);

    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

struct sweep {
    struct change_group *group;
    int64_t before_us;
    unsigned left;
    bool is_old; /* the client whose rows follow */
    enum crm_status status;
};

static bool sweep_row(void *arg, struct slice key, struct slice value)
{
    struct sweep *sweep = arg;
    struct slice content;
    int64_t last_use;

    if (key.size == CLIENT_SIZE) {
        sweep->status = sealed_open(value, CLIENT_ROW_SIZE, &content);
        if (sweep->status != CRM_OK || sweep->left == 0)
            return false;
        memcpy(&last_use, content.data + UUID_SIZE + 8, 8);
        sweep->is_old = last_use < sweep->before_us;
        sweep->left -= sweep->is_old;
    }
    if (sweep->is_old)
        sweep->status = writeset_delete(sweep->group->set, STORE_CLIENT, key);
    return sweep->status == CRM_OK;
}

enum crm_status outcome_sweep(struct change_group *group, int64_t before_us, unsigned max)
{
    struct sweep sweep = { .group = group, .before_us = before_us, .left = max, .status = CRM_OK };
    enum crm_status status = store_scan(group->txn, STORE_CLIENT, &(struct store_range){ 0 }, sweep_row, &sweep);

    return status == CRM_OK ? sweep.status : status;
}
