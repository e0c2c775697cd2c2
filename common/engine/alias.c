/*
 * alias.c - see alias.h
 *
 * Reads through any view; writes in the write set of a change.
 */
#include "common/engine/alias.h"

#include "common/base/sealed.h"
#include "common/store/key.h"

static void number_key(struct key *key, enum kind kind, uint64_t number)
{
    key->size = 0;
    key_u32(key, (uint32_t)kind);
    key_u64(key, number);
}

static void merged_key(struct key *key, const struct uuid *id, const struct uuid *merged)
{
    key->size = 0;
    key_bytes(key, id->bytes, UUID_SIZE);
    key_bytes(key, merged->bytes, UUID_SIZE);
}

static enum crm_status find(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id)
{
    struct slice value, content;
    struct key key;
    enum crm_status status;

    number_key(&key, kind, number);
    status = view_get(view, STORE_ALIAS, key_slice(&key), &value);
    if (status == CRM_OK)
        status = sealed_open(value, UUID_SIZE, &content);
    if (status == CRM_OK)
        memcpy(out_id->bytes, content.data, UUID_SIZE);
    return status;
}

enum crm_status alias_follow(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id)
{
    const struct view all = view_unguarded(view);
    struct record record;
    enum crm_status status = CRM_OK;

    for (int hops = 0; hops < ALIAS_HOPS_MAX && status == CRM_OK; hops++) {
        status = find(&all, kind, number, out_id);
        if (status != CRM_OK || view_record(&all, kind, out_id, &record) == CRM_OK)
            return status;
        status = view_deleted(&all, kind, out_id, &record);
        number = record.header.number;
    }
    return status == CRM_OK ? CRM_NOT_FOUND : status;
}

static enum crm_status put(struct writeset *set, const struct key *key, const void *bytes, size_t size, struct arena *arena)
{
    uint8_t *content, *value = sealed_alloc(arena, size, &content);

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, bytes, size);
    return writeset_put(set, STORE_ALIAS, key_slice(key), sealed_close(value, size));
}

enum crm_status alias_put(struct writeset *set, const struct record_header *merged, const struct uuid *into, struct arena *arena)
{
    uint32_t kind = (uint32_t)merged->kind;
    struct key key;
    enum crm_status status;

    merged_key(&key, into, &merged->id);
    status = put(set, &key, &kind, sizeof kind, arena);
    if (status != CRM_OK || merged->number == 0)
        return status;
    number_key(&key, merged->kind, merged->number);
    return put(set, &key, into->bytes, UUID_SIZE, arena);
}

enum crm_status alias_drop(const struct view *view, struct writeset *set, const struct record_header *restored)
{
    struct uuid into;
    struct key key;
    enum crm_status status = restored->number ? find(view, restored->kind, restored->number, &into) : CRM_NOT_FOUND;

    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    number_key(&key, restored->kind, restored->number);
    status = writeset_delete(set, STORE_ALIAS, key_slice(&key));
    merged_key(&key, &into, &restored->id);
    return status == CRM_OK ? writeset_delete(set, STORE_ALIAS, key_slice(&key)) : status;
}

struct each {
    alias_visit *visit;
    void *arg;
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    const struct each *each = arg;
    struct uuid merged;

    (void)value;
    if (key.size != 2 * UUID_SIZE)
        return true;
    memcpy(merged.bytes, key.data + UUID_SIZE, UUID_SIZE);
    return each->visit(each->arg, &merged);
}

enum crm_status alias_each(const struct view *view, const struct uuid *id, alias_visit *visit, void *arg)
{
    struct each each = { .visit = visit, .arg = arg };
    struct key from = { 0 }, to;
    struct store_range range;

    key_bytes(&from, id->bytes, UUID_SIZE);
    range = (struct store_range){ .from = key_slice(&from) };
    if (key_after_prefix(&from, &to))
        range.to = key_slice(&to);
    return view_scan(view, STORE_ALIAS, &range, visit_row, &each);
}
