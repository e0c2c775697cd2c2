/*
 * conflict.c - see conflict.h
 */
#include "common/engine/conflict.h"

#include "common/base/sealed.h"

void conflict_key(struct key *key, const struct uuid *user, const struct uuid *record, const struct uuid *id)
{
    key->size = 0;
    key_bytes(key, user->bytes, UUID_SIZE);
    key_bytes(key, record->bytes, UUID_SIZE);
    key_bytes(key, id->bytes, UUID_SIZE);
}

enum crm_status conflict_put(struct writeset *set, const struct uuid *user, const struct uuid *record, const struct uuid *id,
                             const Crm__Conflict *conflict, struct arena *arena)
{
    size_t size = crm__conflict__get_packed_size(conflict);
    uint8_t *content, *value;
    struct key key;

    if (size > STORE_VALUE_MAX - SEALED_HEADER_SIZE)
        return CRM_TOO_LARGE;
    value = sealed_alloc(arena, size, &content);
    if (!value)
        return CRM_NO_MEMORY;
    crm__conflict__pack(conflict, content);
    conflict_key(&key, user, record, id);
    return writeset_put(set, STORE_CONFLICT, key_slice(&key), sealed_close(value, size));
}

enum crm_status conflict_read(struct slice value, struct arena *arena, Crm__Conflict **out_conflict)
{
    struct slice content;
    enum crm_status status = sealed_open(value, 0, &content);

    if (status != CRM_OK)
        return status;
    *out_conflict = crm__conflict__unpack(&arena->protobuf, content.size, content.data);
    if (*out_conflict)
        return CRM_OK;
    return arena->is_spent ? CRM_NO_MEMORY : CRM_CORRUPT;
}

enum crm_status conflict_next(const struct view *view, const struct uuid *user, const struct uuid *record, struct key *after, struct arena *arena,
                              Crm__Conflict **out_conflict)
{
    struct key prefix = { 0 }, from, end;
    struct store_range range;
    struct slice key, value;
    enum crm_status status;

    key_bytes(&prefix, user->bytes, UUID_SIZE);
    if (record)
        key_bytes(&prefix, record->bytes, UUID_SIZE);
    from = after->size ? *after : prefix;
    if (after->size)
        key_u8(&from, 0);
    range.from = key_slice(&from);
    range.to = key_after_prefix(&prefix, &end) ? key_slice(&end) : (struct slice){ 0 };
    range.reverse = false;
    status = view_seek(view, STORE_CONFLICT, &range, &key, &value);
    if (status != CRM_OK)
        return status;
    if (key.size != CONFLICT_KEY_SIZE)
        return CRM_CORRUPT;
    after->size = 0;
    key_bytes(after, key.data, key.size);
    return conflict_read(value, arena, out_conflict);
}

/* One field of one row. */
static enum crm_status settle_one(const struct view *view, struct writeset *set, const struct uuid *user, const struct uuid *record,
                                  const struct conflict_settled *settled, struct arena *arena)
{
    Crm__Conflict *conflict;
    struct slice value;
    struct key key;
    size_t n = 0;
    enum crm_status status;

    conflict_key(&key, user, record, &settled->id);
    status = view_get(view, STORE_CONFLICT, key_slice(&key), &value);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    status = conflict_read(value, arena, &conflict);
    if (status != CRM_OK)
        return status;
    for (size_t i = 0; i < conflict->n_fields; i++)
        if (settled->field != 0 && conflict->fields[i]->field != settled->field)
            conflict->fields[n++] = conflict->fields[i];
    conflict->n_fields = n;
    return n > 0 ? conflict_put(set, user, record, &settled->id, conflict, arena) : writeset_delete(set, STORE_CONFLICT, key_slice(&key));
}

enum crm_status conflict_settle(const struct view *view, struct writeset *set, const struct uuid *user, const struct uuid *record,
                                const struct conflict_settled *settled, struct arena *arena)
{
    enum crm_status status = CRM_OK;

    for (; settled && status == CRM_OK; settled = settled->next)
        status = settle_one(view, set, user, record, settled, arena);
    return status;
}
