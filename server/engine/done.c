/*
 * done.c - see done.h
 *
 * Writer thread only. Old rows are swept by housekeeping.
 */
#include "server/engine/done.h"

#include "common/base/sealed.h"

#define DONE_FIXED 24 /* time, hash */

static void done_row(struct key *key, const struct done_key *done)
{
    key->size = 0;
    key_bytes(key, DONE_PREFIX, 1);
    key_bytes(key, done->user.bytes, UUID_SIZE);
    key_bytes(key, done->change.bytes, UUID_SIZE);
}

enum crm_status done_find(const struct change_group *group, const struct done_key *key, struct slice *out_reply, struct failure *failure)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct slice value, content;
    struct key row;
    enum crm_status status;

    *out_reply = (struct slice){ 0 };
    done_row(&row, key);
    status = view_get(&view, STORE_JOB, key_slice(&row), &value);
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status == CRM_OK)
        status = sealed_open(value, DONE_FIXED, &content);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "what was done before cannot be read");
    if (memcmp(content.data + 8, key->hash, sizeof key->hash) != 0)
        return fail(failure, CRM_KEY_REUSED, "change", "another change had this name");
    *out_reply = slice_of(content.data + DONE_FIXED, content.size - DONE_FIXED);
    return CRM_OK;
}

enum crm_status done_keep(struct change_group *group, const struct done_key *key, struct slice reply)
{
    uint8_t *content, *value = sealed_alloc(group->arena, DONE_FIXED + reply.size, &content);
    struct key row;

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, &group->now_us, 8);
    memcpy(content + 8, key->hash, sizeof key->hash);
    if (reply.size)
        memcpy(content + DONE_FIXED, reply.data, reply.size);
    done_row(&row, key);
    return writeset_put(group->set, STORE_JOB, key_slice(&row), sealed_close(value, DONE_FIXED + reply.size));
}
