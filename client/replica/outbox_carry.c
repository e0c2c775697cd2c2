/*
 * outbox_carry.c - the waiting changes on top of what the server tells, anew: after a sync, and when one is given up, altered or tried again
 *
 * Called by sync.c and by crm outbox; single-threaded. Everything is in one write run; memory is that of a few changes.
 */
#include "client/replica/outbox.h"

#include "client/replica/outbox_fold.h"
#include "client/replica/pending.h"

#define CARRY_BUDGET ((size_t)64 << 20)
#define CARRY_ITEMS  64 /* read at a time */
#define STRIP_ROWS   256

struct carry {
    struct replica *replica;
    int64_t now_us;
    struct failure *failure;
    struct arena arena;   /* the items */
    struct arena scratch; /* of one of them */
    struct store_txn *txn;
    struct rows rows;
    struct pending pending;
    uint64_t fresh;       /* a place: whose author sees what is shown now, and hears why it is refused; 0: nobody */
    size_t n;
    enum crm_status status;
};

static enum crm_status begin_rows(struct carry *carry, struct failure *failure)
{
    enum crm_status status = rows_init(&carry->rows, carry->txn, replica_state(carry->replica)->schema, &carry->scratch);

    pending_begin(&carry->pending, &carry->rows, carry->replica, carry->now_us, failure);
    return status;
}

/* --- the server's state */

static bool strip(void *arg, struct slice key, struct slice value)
{
    struct carry *carry = arg;
    struct uuid id;
    enum kind kind;

    (void)value;
    carry->status = record_key_parse(key, &kind, &id) ? rows_unchange(&carry->rows, kind, &id) : CRM_CORRUPT;
    return ++carry->n < STRIP_ROWS && carry->status == CRM_OK;
}

/* What was stripped is in REPLICA_BASE no more: each look begins at its first. */
static enum crm_status strip_all(struct carry *carry)
{
    enum crm_status status = CRM_OK;

    do {
        arena_reset(&carry->scratch);
        carry->n = 0;
        carry->status = CRM_OK;
        status = begin_rows(carry, carry->failure);
        if (status == CRM_OK)
            status = store_scan(carry->txn, (enum store_db)REPLICA_BASE, &(struct store_range){ 0 }, strip, carry);
        if (status == CRM_OK)
            status = carry->status;
        if (status == CRM_OK)
            status = rows_apply(&carry->rows);
    } while (status == CRM_OK && carry->n == STRIP_ROWS);
    return status;
}

/* --- the changes on top */

static enum crm_status show_parts(struct carry *carry, const struct outbox_item *item)
{
    bool is_fresh = item->place == carry->fresh;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < outbox_mutations(item->queued) && status == CRM_OK; i++) {
        const struct outbox_part part = outbox_part(item->queued, i);

        status = pending_show(&carry->pending, part.mutation, part.local_number);
        if (status == CRM_OK && is_fresh)
            status = pending_note_seen(&carry->pending, part.mutation);
    }
    return status == CRM_OK && is_fresh ? outbox_put(carry->txn, item, &carry->scratch) : status;
}

static bool is_ours(enum crm_status status)
{
    return status == CRM_NO_MEMORY || status == CRM_CORRUPT || status == CRM_IO || status == CRM_FULL;
}

/* What the rules refuse by now is not shown, nothing of a group: the server will say why. */
static enum crm_status show_again(struct carry *carry, const struct outbox_item *item)
{
    bool is_fresh = item->place == carry->fresh;
    struct failure refused = { 0 };
    enum crm_status status;

    arena_reset(&carry->scratch);
    status = begin_rows(carry, is_fresh ? carry->failure : &refused);
    if (status == CRM_OK)
        status = show_parts(carry, item);
    if (status == CRM_OK)
        return rows_apply(&carry->rows);
    return is_ours(status) || is_fresh ? status : CRM_OK;
}

static enum crm_status show_all(struct carry *carry)
{
    struct outbox_list list;
    uint64_t from = 0;
    enum crm_status status;

    do {
        arena_reset(&carry->arena);
        status = outbox_read_some(carry->txn, from, CARRY_ITEMS, &carry->arena, &list);
        for (size_t i = 0; status == CRM_OK && i < list.n; i++) {
            from = list.items[i].place + 1;
            if (outbox_waits(list.items[i].queued))
                status = show_again(carry, &list.items[i]);
        }
    } while (status == CRM_OK && list.n == CARRY_ITEMS);
    return status;
}

static enum crm_status carry_in(struct carry *carry, struct store_txn *txn)
{
    enum crm_status status;

    carry->txn = txn;
    status = strip_all(carry);
    return status == CRM_OK ? show_all(carry) : status;
}

static void carry_init(struct carry *carry, struct replica *replica, int64_t now_us, struct failure *failure)
{
    *carry = (struct carry){ .replica = replica, .now_us = now_us, .failure = failure };
    arena_init(&carry->arena, CARRY_BUDGET);
    arena_init(&carry->scratch, CARRY_BUDGET);
}

static enum crm_status carry_fini(struct carry *carry, enum crm_status status)
{
    arena_fini(&carry->scratch);
    arena_fini(&carry->arena);
    if (status == CRM_OK)
        return CRM_OK;
    return fail(carry->failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

static enum crm_status run_carry(struct store_txn *txn, void *arg)
{
    return carry_in(arg, txn);
}

enum crm_status outbox_carry(struct replica *replica, int64_t now_us, struct failure *failure)
{
    struct carry carry;

    carry_init(&carry, replica, now_us, failure);
    return carry_fini(&carry, store_write_run(replica_store(replica), run_carry, &carry));
}

/* --- one of them: given up, altered, tried again */

struct one {
    struct carry carry;
    uint64_t place;
    const Crm__Mutation *edit; /* or NULL */
};

/* Only what cannot have reached the server. */
static enum crm_status find_own(struct one *one, struct store_txn *txn, struct outbox_item *out_item)
{
    struct failure *failure = one->carry.failure;
    enum crm_status status = outbox_find(txn, one->place, &one->carry.arena, out_item);

    *failure = (struct failure){ 0 }; /* a write run may come again */
    one->carry.txn = txn;
    if (status == CRM_NOT_FOUND || (status == CRM_OK && !out_item->queued->answer && out_item->queued->has_taken_seq))
        return fail(failure, CRM_NOT_FOUND, NULL, "there is no such change in the outbox");
    if (status == CRM_OK && out_item->queued->has_number && !out_item->queued->answer)
        return fail(failure, CRM_BUSY, NULL, "the change may have reached the server: crm sync tells");
    return status;
}

static enum crm_status run_drop(struct store_txn *txn, void *arg)
{
    struct one *one = arg;
    struct outbox_item item;
    enum crm_status status = find_own(one, txn, &item);

    if (status == CRM_OK)
        status = outbox_take(txn, one->place);
    return status == CRM_OK ? carry_in(&one->carry, txn) : status;
}

enum crm_status outbox_drop(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure)
{
    struct one one = { .place = place };

    carry_init(&one.carry, replica, now_us, failure);
    return carry_fini(&one.carry, store_write_run(replica_store(replica), run_drop, &one));
}

static bool same_record(const Crm__Mutation *a, const Crm__Mutation *b)
{
    return a->kind == b->kind && slice_equal(slice_of(a->id.data, a->id.len), slice_of(b->id.data, b->id.len));
}

static bool is_patchable(const Crm__Mutation *mutation)
{
    return mutation->verb == CRM__VERB__VERB_CREATE || mutation->verb == CRM__VERB__VERB_PATCH;
}

/* What it said of what its author saw is made anew. */
static void forget_seen(Crm__Mutation *mutation)
{
    mutation->has_base_rev = mutation->has_old = mutation->has_old_owner = mutation->has_old_team = false;
    mutation->old = mutation->old_owner = mutation->old_team = (ProtobufCBinaryData){ 0 };
    mutation->n_seen = 0;
}

static enum crm_status alter(struct one *one, Crm__Mutation *mutation)
{
    const Crm__Mutation *edit = one->edit;
    struct failure *failure = one->carry.failure;
    struct evolve *evolve = &one->carry.pending.evolve;
    enum crm_status status = begin_rows(&one->carry, failure);

    if (status != CRM_OK)
        return status;
    if (edit->verb == CRM__VERB__VERB_PATCH) {
        pending_read(&one->carry.pending, mutation);
        return outbox_fold(evolve, mutation, edit);
    }
    mutation->has_argument = edit->has_argument;
    mutation->argument = edit->argument;
    return CRM_OK;
}

/* The mutation of an item that an edit is about. NULL: none of them. */
static Crm__Mutation *find_edited(const struct outbox_item *item, const Crm__Mutation *edit)
{
    for (size_t i = outbox_mutations(item->queued); i-- > 0;) {
        Crm__Mutation *mutation = outbox_part(item->queued, i).mutation;
        bool fits = edit->verb == CRM__VERB__VERB_PATCH ? is_patchable(mutation)
                                                        : edit->verb == CRM__VERB__VERB_ACTION && mutation->verb == edit->verb && mutation->action &&
                                                              edit->action && strcmp(mutation->action, edit->action) == 0;

        if (fits && same_record(mutation, edit))
            return mutation;
    }
    return NULL;
}

/* As if it were made now: what it was called, when it was sent and what came of that is of the one before. */
static enum crm_status renew(struct one *one, struct outbox_item *item)
{
    Crm__QueuedMutation *queued = item->queued;
    struct uuid change = uuid_create();

    queued->has_change = true;
    queued->change = (ProtobufCBinaryData){ .data = arena_memdup(&one->carry.arena, change.bytes, UUID_SIZE), .len = UUID_SIZE };
    if (!queued->change.data)
        return CRM_NO_MEMORY;
    queued->has_number = queued->has_again = queued->has_wanted = queued->has_taken_seq = queued->has_taken_at = queued->has_taken_epoch = false;
    queued->number = 0;
    queued->answer = NULL;
    for (size_t i = 0; i < queued->n_parts; i++) {
        queued->parts[i]->answer = NULL;
        queued->parts[i]->has_wanted = false;
    }
    for (size_t i = 0; i < outbox_mutations(queued); i++)
        forget_seen(outbox_part(queued, i).mutation);
    return outbox_put(one->carry.txn, item, &one->carry.arena);
}

static enum crm_status run_again(struct store_txn *txn, void *arg)
{
    struct one *one = arg;
    struct outbox_item item;
    Crm__Mutation *edited = NULL;
    enum crm_status status = find_own(one, txn, &item);

    if (status == CRM_OK && !one->edit && !item.queued->answer)
        return CRM_OK; /* it waits */
    if (status == CRM_OK && one->edit && !(edited = find_edited(&item, one->edit)))
        return fail(one->carry.failure, CRM_INVALID, NULL, "this is a change of another sort: drop it, and make the one that is meant");
    if (status == CRM_OK && edited)
        status = alter(one, edited);
    if (status == CRM_OK)
        status = renew(one, &item);
    one->carry.fresh = one->place;
    return status == CRM_OK ? carry_in(&one->carry, txn) : status;
}

enum crm_status outbox_edit(struct replica *replica, uint64_t place, const Crm__Mutation *edit, int64_t now_us, struct failure *failure)
{
    struct one one = { .place = place, .edit = edit };

    carry_init(&one.carry, replica, now_us, failure);
    return carry_fini(&one.carry, store_write_run(replica_store(replica), run_again, &one));
}

enum crm_status outbox_retry(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure)
{
    struct one one = { .place = place };

    carry_init(&one.carry, replica, now_us, failure);
    return carry_fini(&one.carry, store_write_run(replica_store(replica), run_again, &one));
}
