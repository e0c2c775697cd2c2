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

/*
 * What a mutation makes of the replica's state: into its rows with keep, and as a new item of the outbox; else only into out_result. Within a write run;
 * what it refuses it leaves as it was. CRM_UNREACHABLE: only the server can do this.
 */
struct outbox_add {
    struct replica *replica;
    struct store_txn *txn;
    struct arena *arena;
    int64_t now_us;
    bool keep;
};
enum crm_status outbox_add(const struct outbox_add *add, const Crm__Mutation *mutation, Crm__MutateResult *out_result, struct failure *failure) MUST_CHECK;

/* Change an item; within a write run. */
enum crm_status outbox_put(struct store_txn *txn, const struct outbox_item *item, struct arena *arena) MUST_CHECK;
/* Take an item out. What it shows stays shown until the next outbox_carry. */
enum crm_status outbox_take(struct store_txn *txn, uint64_t place) MUST_CHECK;

/* Show the server's state with the waiting changes on top, as both are now. */
enum crm_status outbox_carry(struct replica *replica, int64_t now_us, struct failure *failure) MUST_CHECK;
/* Give up one change. CRM_NOT_FOUND; CRM_BUSY: it may have reached the server, the next sync tells. */
enum crm_status outbox_drop(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure) MUST_CHECK;

/* The record that had this number here (RECORD_NUMBER_LOCAL), also when the server has given it another. */
enum crm_status outbox_alias(struct store_txn *txn, enum kind kind, uint64_t number, struct uuid *out_id) MUST_CHECK;

#endif
