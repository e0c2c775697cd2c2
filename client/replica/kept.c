/*
 * kept.c - see kept.h
 *
 * Called by push.c and pull.c. Goes from row to row, so that it takes no more memory than one.
 */
#include "client/replica/kept.h"

#include "common/model/record.h"
#include "common/store/key.h"
#include "proto/codec.h"

#define ROW_BUDGET ((size_t)4 << 20)

static void place_key(struct key *key, uint64_t place)
{
    key->size = 0;
    key_u64(key, place);
}

enum crm_status kept_put(struct store_txn *txn, const struct outbox_item *item, struct arena *arena)
{
    struct slice packed;
    struct key key;
    enum crm_status status = codec_pack(&item->queued->base, arena, &packed);

    place_key(&key, item->place);
    return status == CRM_OK ? store_put(txn, (enum store_db)REPLICA_KEPT, key_slice(&key), packed) : status;
}

/* The first row of a database from a place on. CRM_NOT_FOUND: there is none. */
static enum crm_status next_row(struct store_txn *txn, enum replica_db db, uint64_t from, struct arena *arena, struct outbox_item *out_item)
{
    struct slice row, value;
    const void *message;
    struct key key;
    enum crm_status status;

    place_key(&key, from);
    arena_reset(arena);
    status = store_seek(txn, (enum store_db)db, &(struct store_range){ .from = key_slice(&key) }, &row, &value);
    if (status == CRM_OK)
        status = row.size == 8 ? codec_unpack_body(value, &crm__queued_mutation__descriptor, arena, &message, NULL) : CRM_CORRUPT;
    if (status != CRM_OK)
        return status;
    *out_item = (struct outbox_item){ .place = key_read_u64(row.data), .queued = (Crm__QueuedMutation *)(uintptr_t)message };
    return out_item->queued->mutation ? CRM_OK : CRM_CORRUPT;
}

/* Do it for each row, in order. fn may take the row out. */
typedef enum crm_status row_fn(struct store_txn *txn, struct outbox_item *item, struct arena *arena, void *arg);

static enum crm_status each_row(struct store_txn *txn, enum replica_db db, row_fn *fn, void *arg)
{
    struct outbox_item item = { 0 };
    struct arena arena;
    enum crm_status status;

    arena_init(&arena, ROW_BUDGET);
    while ((status = next_row(txn, db, item.place + 1, &arena, &item)) == CRM_OK && (status = fn(txn, &item, &arena, arg)) == CRM_OK)
        continue;
    arena_fini(&arena);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static enum crm_status take_out(struct store_txn *txn, uint64_t place)
{
    struct key key;

    place_key(&key, place);
    return store_delete(txn, (enum store_db)REPLICA_KEPT, key_slice(&key));
}

struct bounds {
    uint32_t epoch;
    uint64_t backed_up_seq;
    int64_t before_us;
    size_t n;
    bool is_other;
};

/*
 * What its author saw of a record that is not here any more goes with the record; what they typed stays. Sent again without it, it is in conflict at worst, for
 * its author to choose. *is_altered: there was something.
 */
static enum crm_status forget_seen(struct store_txn *txn, Crm__Mutation *mutation, bool *is_altered)
{
    const struct kind_def *kind = kind_def(mutation->kind);
    struct slice value;
    struct uuid id;
    uint8_t key[RECORD_KEY_SIZE];
    enum crm_status status;

    if (mutation->old.len == 0 || !kind || !uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &id))
        return CRM_OK;
    record_key(kind->kind, &id, key);
    status = store_get(txn, STORE_RECORD, slice_of(key, sizeof key), &value);
    if (status != CRM_NOT_FOUND)
        return status;
    mutation->old.len = 0;
    *is_altered = true;
    return CRM_OK;
}

static enum crm_status prune_row(struct store_txn *txn, struct outbox_item *item, struct arena *arena, void *arg)
{
    const Crm__QueuedMutation *queued = item->queued;
    const struct bounds *bounds = arg;
    bool is_safe = queued->taken_epoch == bounds->epoch && queued->taken_seq <= bounds->backed_up_seq, is_altered = false;
    enum crm_status status = CRM_OK;

    if (is_safe || queued->taken_at < bounds->before_us)
        return take_out(txn, item->place);
    for (size_t i = 0; i < outbox_mutations(queued) && status == CRM_OK; i++)
        status = forget_seen(txn, outbox_part(queued, i).mutation, &is_altered);
    return status == CRM_OK && is_altered ? kept_put(txn, item, arena) : status;
}

enum crm_status kept_prune(struct store_txn *txn, uint32_t epoch, uint64_t backed_up_seq, int64_t now_us)
{
    struct bounds bounds = { .epoch = epoch, .backed_up_seq = backed_up_seq, .before_us = now_us - KEPT_US };

    return each_row(txn, REPLICA_KEPT, prune_row, &bounds);
}

/* As it was before it was sent, but for the numbers that its records have had since. */
static void start_again(Crm__QueuedMutation *queued)
{
    if (queued->answer && queued->answer->number) {
        queued->has_wanted = queued->mutation->verb == CRM__VERB__VERB_CREATE;
        queued->wanted = queued->answer->number;
    }
    for (size_t i = 0; i < queued->n_parts; i++) {
        Crm__QueuedPart *part = queued->parts[i];

        if (part->answer && part->answer->number) {
            part->has_wanted = part->mutation && part->mutation->verb == CRM__VERB__VERB_CREATE;
            part->wanted = part->answer->number;
        }
        part->answer = NULL;
    }
    queued->answer = NULL;
    queued->has_number = queued->has_taken_seq = queued->has_taken_at = queued->has_taken_epoch = false;
    queued->number = queued->taken_seq = 0;
    queued->has_again = queued->again = true;
}

static enum crm_status return_kept(struct store_txn *txn, struct outbox_item *item, struct arena *arena, void *arg)
{
    struct bounds *bounds = arg;
    enum crm_status status;

    if (item->queued->taken_epoch == bounds->epoch)
        return CRM_OK;
    start_again(item->queued);
    bounds->n++;
    status = outbox_put(txn, item, arena);
    return status == CRM_OK ? take_out(txn, item->place) : status;
}

/* Of these the server has taken a part, and keeps the other for its author: both may be lost. */
static enum crm_status return_answered(struct store_txn *txn, struct outbox_item *item, struct arena *arena, void *arg)
{
    struct bounds *bounds = arg;

    if (!item->queued->answer || !item->queued->has_taken_epoch || item->queued->taken_epoch == bounds->epoch)
        return CRM_OK;
    start_again(item->queued);
    bounds->n++;
    return outbox_put(txn, item, arena);
}

enum crm_status kept_return(struct store_txn *txn, uint32_t epoch, size_t *out_n)
{
    struct bounds bounds = { .epoch = epoch };
    enum crm_status status = each_row(txn, REPLICA_OUTBOX, return_answered, &bounds);

    if (status == CRM_OK)
        status = each_row(txn, REPLICA_KEPT, return_kept, &bounds);
    *out_n = bounds.n;
    return status;
}

static enum crm_status look_at_row(struct store_txn *txn, struct outbox_item *item, struct arena *arena, void *arg)
{
    struct bounds *bounds = arg;

    (void)txn;
    (void)arena;
    bounds->is_other |= item->queued->has_taken_epoch && item->queued->taken_epoch != bounds->epoch;
    return bounds->is_other ? CRM_NOT_FOUND : CRM_OK;
}

enum crm_status kept_is_other(struct store_txn *txn, uint32_t epoch, bool *out_is)
{
    struct bounds bounds = { .epoch = epoch };
    enum crm_status status = each_row(txn, REPLICA_KEPT, look_at_row, &bounds);

    if (status == CRM_OK && !bounds.is_other)
        status = each_row(txn, REPLICA_OUTBOX, look_at_row, &bounds);
    *out_is = bounds.is_other;
    return status;
}
