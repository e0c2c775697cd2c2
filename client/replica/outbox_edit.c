/*
 * outbox_edit.c - one change that waits, or was not taken: given up, altered, tried again
 *
 * Called by crm outbox; single-threaded. It is done, and all that waits is shown anew, in one write run. Where that is more than a run can put, the change comes
 * first, and is taken back if it is refused then.
 */
#include "client/replica/kept.h"
#include "client/replica/outbox_carry.h"
#include "client/replica/outbox_fold.h"
#include "common/store/key.h"
#include "proto/codec.h"

#define ONE_BUDGET ((size_t)4 << 20)

struct one {
    struct carry carry;
    struct arena arena;  /* of the item */
    uint64_t place;
    const Crm__Mutation *edit; /* or NULL */
    enum crm_status (*alter)(struct one *one, struct outbox_item *item);
    bool is_done;        /* nothing is to be shown anew */
    struct slice before; /* as it was stored */
};

/* Only what cannot have reached the server. */
static enum crm_status find_own(struct one *one, struct outbox_item *out_item)
{
    struct failure *failure = one->carry.failure;
    enum crm_status status = outbox_find(one->carry.txn, one->place, &one->arena, out_item);

    if (status == CRM_NOT_FOUND || (status == CRM_OK && !out_item->queued->answer && out_item->queued->has_taken_seq))
        return fail(failure, CRM_NOT_FOUND, NULL, "there is no such change in the outbox");
    if (status == CRM_OK && out_item->queued->has_number && !out_item->queued->answer)
        return fail(failure, CRM_BUSY, NULL, "the change may have reached the server: crm sync tells");
    return status == CRM_OK ? codec_pack(&out_item->queued->base, &one->arena, &one->before) : status;
}

/* What the server has taken of it is kept as if it had taken it all. */
static enum crm_status drop(struct one *one, struct outbox_item *item)
{
    const Crm__QueuedMutation *queued = item->queued;
    bool is_part = queued->has_taken_epoch && queued->answer && queued->answer->status == CRM_PARTIAL;
    enum crm_status status = is_part ? kept_put(one->carry.txn, item, &one->arena) : CRM_OK;

    return status == CRM_OK ? outbox_take(one->carry.txn, item->place) : status;
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
    enum crm_status status = carry_begin_rows(&one->carry, failure);

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
    queued->change = (ProtobufCBinaryData){ .data = arena_memdup(&one->arena, change.bytes, UUID_SIZE), .len = UUID_SIZE };
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
    return outbox_put(one->carry.txn, item, &one->arena);
}

static enum crm_status again(struct one *one, struct outbox_item *item)
{
    Crm__Mutation *edited = NULL;
    enum crm_status status = CRM_OK;

    if (item->queued->again && !item->queued->answer)
        return fail(one->carry.failure, CRM_BUSY, NULL, "the server had this change before it was restored: crm sync tells whether it has it still");
    one->is_done = !one->edit && !item->queued->answer; /* it waits */
    if (one->is_done)
        return CRM_OK;
    if (one->edit && !(edited = find_edited(item, one->edit)))
        return fail(one->carry.failure, CRM_INVALID, NULL, "this is a change of another sort: drop it, and make the one that is meant");
    if (edited)
        status = alter(one, edited);
    one->carry.fresh = one->place;
    return status == CRM_OK ? renew(one, item) : status;
}

/* --- in one run, or first this and then the rest */

static enum crm_status run_first(struct store_txn *txn, void *arg)
{
    struct one *one = arg;
    struct outbox_item item;
    enum crm_status status;

    arena_reset(&one->arena);
    arena_reset(&one->carry.scratch);
    *one->carry.failure = (struct failure){ 0 }; /* a write run may come again */
    one->carry.txn = txn;
    status = find_own(one, &item);
    return status == CRM_OK ? one->alter(one, &item) : status;
}

static enum crm_status run_whole(struct store_txn *txn, void *arg)
{
    struct one *one = arg;
    enum crm_status status = run_first(txn, arg);

    return status == CRM_OK && !one->is_done ? carry_in(&one->carry, txn) : status;
}

static enum crm_status run_open(struct store_txn *txn, void *arg)
{
    enum crm_status status = run_first(txn, arg);

    return status == CRM_OK ? carry_is_open(txn) : status;
}

static enum crm_status run_undo(struct store_txn *txn, void *arg)
{
    const struct one *one = arg;
    struct outbox_item item;
    struct key key = { .size = 0 };
    enum crm_status status;

    key_u64(&key, one->place);
    status = outbox_open(key_slice(&key), one->before, (struct arena *)(uintptr_t)&one->arena, &item);
    return status == CRM_OK ? outbox_put(txn, &item, (struct arena *)(uintptr_t)&one->arena) : status;
}

/* What is refused is as it was; what remains to be shown then is no failure of the change. */
static enum crm_status run_in_pieces(struct one *one)
{
    struct store *store = replica_store(one->carry.replica);
    struct failure why;
    enum crm_status status = store_write_run(store, run_open, one), undone;

    if (status == CRM_OK)
        status = carry_in_pieces(&one->carry);
    if (status == CRM_OK || !one->carry.is_refused)
        return status;
    why = *one->carry.failure;
    one->carry.fresh = 0;
    undone = store_write_run(store, run_undo, one);
    if (undone == CRM_OK)
        undone = carry_in_pieces(&one->carry);
    if (undone != CRM_OK)
        return undone;
    *one->carry.failure = why;
    return status;
}

static enum crm_status run(struct one *one, struct replica *replica, int64_t now_us, struct failure *failure)
{
    enum crm_status status;

    carry_init(&one->carry, replica, now_us, failure);
    arena_init(&one->arena, ONE_BUDGET);
    status = store_write_run(replica_store(replica), run_whole, one);
    if (status == CRM_TOO_LARGE && !one->carry.is_refused)
        status = run_in_pieces(one);
    arena_fini(&one->arena);
    return carry_fini(&one->carry, status);
}

enum crm_status outbox_drop(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure)
{
    struct one one = { .place = place, .alter = drop };

    return run(&one, replica, now_us, failure);
}

enum crm_status outbox_edit(struct replica *replica, uint64_t place, const Crm__Mutation *edit, int64_t now_us, struct failure *failure)
{
    struct one one = { .place = place, .edit = edit, .alter = again };

    return run(&one, replica, now_us, failure);
}

enum crm_status outbox_retry(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure)
{
    struct one one = { .place = place, .alter = again };

    return run(&one, replica, now_us, failure);
}
