/*
 * outbox.h - changes made without the server: shown at once, queued, carried over to what the server tells; private to client/replica, but for reading
 *
 * A change keeps what its author saw (Mutation.base_rev, old), so that the server can merge it. What is shown of a record is always its server's state with
 * the waiting changes evolved on top, by the code that the server uses. Once sent a change has a number and is sent again as it is; until the answer it
 * waits. What was not taken stays, with the answer, and is not shown.
 */
#ifndef CRM_REPLICA_OUTBOX_H
#define CRM_REPLICA_OUTBOX_H

#include "client/replica/replica.h"
#include "common/base/arena.h"

/* One that is queued. */
struct outbox_item {
    uint64_t place; /* in the order of making; names it */
    Crm__QueuedMutation *queued;
};

struct outbox_list {
    struct outbox_item *items; /* in order */
    size_t n;
};

/* All of it, in the arena. */
enum crm_status outbox_read(struct store_txn *txn, struct arena *arena, struct outbox_list *out_list) MUST_CHECK;
/* The same, in a run of its own. */
enum crm_status outbox_load(struct replica *replica, struct arena *arena, struct outbox_list *out_list, struct failure *failure) MUST_CHECK;

/* So much may wait; more is CRM_FULL: the next sync makes room. It is sent, and held against itself, in memory. */
#define OUTBOX_ITEMS_MAX 10000
#define OUTBOX_BYTES_MAX ((uint64_t)32 << 20)

/*
 * What mutations make of the replica's state: into its rows with keep, and as a new item of the outbox; else only into out_results. Several are a group: all
 * or none, here and at the server. Within a write run; what it refuses it leaves as it was, *out_at says at which. A patch of a record whose last waiting change
 * has no number yet becomes a part of that one, where nothing that lies between could tell the difference. CRM_UNREACHABLE: only the server can do this;
 * CRM_NOT_ALLOWED: the role does not let its user do it, as far as is known here; CRM_FULL.
 */
struct outbox_add {
    struct replica *replica;
    struct store_txn *txn;
    struct arena *arena;
    int64_t now_us;
    bool keep;
};
enum crm_status outbox_add(const struct outbox_add *add, const Crm__Mutation *mutation, Crm__MutateResult *out_result, struct failure *failure) MUST_CHECK;
enum crm_status outbox_add_group(const struct outbox_add *add, Crm__Mutation *const *mutations, size_t n, Crm__MutateResult *const *out_results,
                                 size_t *out_at, struct failure *failure) MUST_CHECK;

/* Is it still to be sent, or under way? Else it was answered; what the server has taken may be kept for a while. */
bool outbox_waits(const Crm__QueuedMutation *queued);
/* A mutation of an item: most have one, a group has several. */
size_t outbox_mutations(const Crm__QueuedMutation *queued);
struct outbox_part {
    Crm__Mutation *mutation;
    uint64_t local_number;     /* of a create; 0: none */
    Crm__MutateResult *answer; /* or NULL */
};
struct outbox_part outbox_part(const Crm__QueuedMutation *queued, size_t n);

/* --- rows, within a run. Writing: within a write run. */

/* A key and value of REPLICA_OUTBOX. CRM_CORRUPT. */
enum crm_status outbox_open(struct slice key, struct slice value, struct arena *arena, struct outbox_item *out_item) MUST_CHECK;
/* As outbox_read, from a place on, at most so many; most 0: all. */
enum crm_status outbox_read_some(struct store_txn *txn, uint64_t from, size_t most, struct arena *arena, struct outbox_list *out_list) MUST_CHECK;
/* CRM_NOT_FOUND. */
enum crm_status outbox_find(struct store_txn *txn, uint64_t place, struct arena *arena, struct outbox_item *out_item) MUST_CHECK;
/* The last place that is taken, here or by what is kept (kept.h); 0: none. */
enum crm_status outbox_last(struct store_txn *txn, uint64_t *out_place) MUST_CHECK;
/* Change an item. */
enum crm_status outbox_put(struct store_txn *txn, const struct outbox_item *item, struct arena *arena) MUST_CHECK;
/* Take an item out. What it shows stays shown until the next outbox_carry. */
enum crm_status outbox_take(struct store_txn *txn, uint64_t place) MUST_CHECK;

/* Show the server's state with the waiting changes on top, as both are now. */
enum crm_status outbox_carry(struct replica *replica, int64_t now_us, struct failure *failure) MUST_CHECK;
/* Go on with an outbox_carry that was stopped in the middle. To be called before what waits is relied upon. */
enum crm_status outbox_mend(struct replica *replica, int64_t now_us, struct failure *failure) MUST_CHECK;
/* Give up one change, a group as a whole. CRM_NOT_FOUND; CRM_BUSY: it may have reached the server, the next sync tells. */
enum crm_status outbox_drop(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure) MUST_CHECK;
/*
 * Change one that has no number yet, or was not taken; of what was not taken it makes a new try (outbox_retry). Of a patch or a create edit is a patch of the
 * same record, applied on top; of an action the same action with another argument. Refused as outbox_add; CRM_NOT_FOUND, CRM_BUSY.
 */
enum crm_status outbox_edit(struct replica *replica, uint64_t place, const Crm__Mutation *edit, int64_t now_us, struct failure *failure) MUST_CHECK;
/*
 * Send one that was not taken again, in its place and under a new number: as if its author had just made it, seeing what the record holds by now, so that
 * what was in conflict wins. Refused as outbox_add, when it would be again. CRM_OK also for one that waits.
 */
enum crm_status outbox_retry(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure) MUST_CHECK;

/* Remember that a record that is made here has this number. */
enum crm_status outbox_put_alias(struct store_txn *txn, enum kind kind, uint64_t number, const struct uuid *id) MUST_CHECK;
/* The record that had this number here (RECORD_NUMBER_LOCAL), also when the server has given it another. */
enum crm_status outbox_alias(struct store_txn *txn, enum kind kind, uint64_t number, struct uuid *out_id) MUST_CHECK;

#endif
