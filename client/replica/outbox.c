/*
 * outbox.c - the rows of the outbox: changes in order, and the numbers that records made here have
 *
 * Called by all that adds, shows, sends and lists changes; single-threaded.
 */
#include "client/replica/outbox.h"

#include "common/model/record.h"
#include "common/store/key.h"
#include "proto/codec.h"

struct reading {
    struct arena *arena;
    struct outbox_list list;
    size_t room, most;
    enum crm_status status;
};

static enum crm_status make_room(struct reading *reading)
{
    struct outbox_list *list = &reading->list;
    size_t room = reading->room ? 2 * reading->room : 16;
    struct outbox_item *items;

    if (list->n < reading->room)
        return CRM_OK;
    items = arena_alloc(reading->arena, room * sizeof *items);
    if (!items)
        return CRM_NO_MEMORY;
    if (list->n)
        memcpy(items, list->items, list->n * sizeof *items);
    list->items = items;
    reading->room = room;
    return CRM_OK;
}

enum crm_status outbox_open(struct slice key, struct slice value, struct arena *arena, struct outbox_item *out_item)
{
    const void *message;
    enum crm_status status =
        key.size == 8 ? codec_unpack_body(value, &crm__queued_mutation__descriptor, arena, &message, NULL) : CRM_CORRUPT;

    if (status != CRM_OK)
        return status;
    *out_item = (struct outbox_item){ .place = key_read_u64(key.data), .queued = (Crm__QueuedMutation *)(uintptr_t)message };
    for (size_t i = 0; i < outbox_mutations(out_item->queued); i++)
        if (!outbox_part(out_item->queued, i).mutation)
            return CRM_CORRUPT;
    return CRM_OK;
}

static bool read_item(void *arg, struct slice key, struct slice value)
{
    struct reading *reading = arg;
    struct outbox_list *list = &reading->list;

    if (reading->most && list->n == reading->most)
        return false;
    reading->status = make_room(reading);
    if (reading->status == CRM_OK)
        reading->status = outbox_open(key, value, reading->arena, &list->items[list->n]);
    if (reading->status != CRM_OK)
        return false;
    list->n++;
    return true;
}

enum crm_status outbox_read_some(struct store_txn *txn, uint64_t from, size_t most, struct arena *arena, struct outbox_list *out_list)
{
    struct reading reading = { .arena = arena, .most = most };
    struct key key = { .size = 0 };
    enum crm_status status;

    key_u64(&key, from);
    status = store_scan(txn, (enum store_db)REPLICA_OUTBOX, &(struct store_range){ .from = key_slice(&key) }, read_item, &reading);
    if (status == CRM_OK)
        status = reading.status;
    if (status == CRM_OK)
        *out_list = reading.list;
    return status;
}

enum crm_status outbox_read(struct store_txn *txn, struct arena *arena, struct outbox_list *out_list)
{
    return outbox_read_some(txn, 0, 0, arena, out_list);
}

struct load_run {
    struct arena *arena;
    struct outbox_list *list;
};

static enum crm_status load_items(struct store_txn *txn, void *arg)
{
    const struct load_run *run = arg;

    return outbox_read(txn, run->arena, run->list);
}

enum crm_status outbox_load(struct replica *replica, struct arena *arena, struct outbox_list *out_list, struct failure *failure)
{
    struct load_run run = { .arena = arena, .list = out_list };
    enum crm_status status = store_read_run(replica_store(replica), load_items, &run);

    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "the outbox cannot be read: %s", crm_status_info((int)status)->sentence);
}

enum crm_status outbox_put(struct store_txn *txn, const struct outbox_item *item, struct arena *arena)
{
    struct key key = { .size = 0 };
    struct slice packed;
    enum crm_status status = codec_pack(&item->queued->base, arena, &packed);

    key_u64(&key, item->place);
    if (status == CRM_OK && packed.size > STORE_VALUE_MAX)
        return CRM_TOO_LARGE;
    return status == CRM_OK ? store_put(txn, (enum store_db)REPLICA_OUTBOX, key_slice(&key), packed) : status;
}

enum crm_status outbox_take(struct store_txn *txn, uint64_t place)
{
    struct key key = { .size = 0 };

    key_u64(&key, place);
    return store_delete(txn, (enum store_db)REPLICA_OUTBOX, key_slice(&key));
}

static enum crm_status last_place(struct store_txn *txn, enum replica_db db, uint64_t *last)
{
    struct slice key, value;
    enum crm_status status = store_seek(txn, (enum store_db)db, &(struct store_range){ .reverse = true }, &key, &value);

    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    if (key.size != 8)
        return CRM_CORRUPT;
    if (key_read_u64(key.data) > *last)
        *last = key_read_u64(key.data);
    return CRM_OK;
}

enum crm_status outbox_last(struct store_txn *txn, uint64_t *out_place)
{
    enum crm_status status;

    *out_place = 0;
    status = last_place(txn, REPLICA_OUTBOX, out_place);
    return status == CRM_OK ? last_place(txn, REPLICA_KEPT, out_place) : status; /* which may come back to its place */
}

enum crm_status outbox_find(struct store_txn *txn, uint64_t place, struct arena *arena, struct outbox_item *out_item)
{
    struct key key = { .size = 0 };
    struct slice value;
    enum crm_status status;

    key_u64(&key, place);
    status = store_get(txn, (enum store_db)REPLICA_OUTBOX, key_slice(&key), &value);
    return status == CRM_OK ? outbox_open(key_slice(&key), value, arena, out_item) : status;
}

/* --- an item */

bool outbox_waits(const Crm__QueuedMutation *queued)
{
    return !queued->answer && !queued->has_taken_seq;
}

size_t outbox_mutations(const Crm__QueuedMutation *queued)
{
    return 1 + queued->n_parts;
}

struct outbox_part outbox_part(const Crm__QueuedMutation *queued, size_t n)
{
    const Crm__QueuedPart *part;

    if (n == 0)
        return (struct outbox_part){ .mutation = queued->mutation, .local_number = queued->local_number, .answer = queued->answer };
    part = queued->parts[n - 1];
    return (struct outbox_part){ .mutation = part->mutation, .local_number = part->local_number, .answer = part->answer };
}

/* --- numbers */

static void alias_key(enum kind kind, uint64_t number, struct key *key)
{
    key->size = 0;
    key_u32(key, (uint32_t)kind);
    key_u64(key, number);
}

enum crm_status outbox_put_alias(struct store_txn *txn, enum kind kind, uint64_t number, const struct uuid *id)
{
    struct key key;

    alias_key(kind, RECORD_NUMBER_LOCAL | number, &key);
    return store_put(txn, (enum store_db)REPLICA_ALIAS, key_slice(&key), uuid_slice(id));
}

enum crm_status outbox_alias(struct store_txn *txn, enum kind kind, uint64_t number, struct uuid *out_id)
{
    struct slice value;
    struct key key;
    enum crm_status status;

    alias_key(kind, number, &key);
    status = store_get(txn, (enum store_db)REPLICA_ALIAS, key_slice(&key), &value);
    if (status != CRM_OK)
        return status;
    return uuid_from_slice(value, out_id) ? CRM_OK : CRM_CORRUPT;
}
