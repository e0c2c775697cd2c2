/*
 * outbox_carry.h - showing the waiting changes anew, for what changes one of them; private to client/replica
 */
#ifndef CRM_REPLICA_OUTBOX_CARRY_H
#define CRM_REPLICA_OUTBOX_CARRY_H

#include "client/replica/outbox.h"
#include "client/replica/pending.h"

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
    bool is_refused;      /* the fresh one was */
    /* inside */
    uint64_t from, at;    /* the place that is next, and the one that was tried last */
    size_t most;          /* items of a run */
    size_t n;
    enum crm_status status;
};

void carry_init(struct carry *carry, struct replica *replica, int64_t now_us, struct failure *failure);
/* Let go of its memory, and say in its failure what a status means, if nobody has. */
enum crm_status carry_fini(struct carry *carry, enum crm_status status) MUST_CHECK;

/* All within a write run. CRM_TOO_LARGE: then in pieces; what the fresh one is refused with. */
enum crm_status carry_in(struct carry *carry, struct store_txn *txn) MUST_CHECK;
/*
 * In several runs. Until the last is through, some of what waits is not shown: carry_is_open says so in the replica, within a write run, before the first,
 * and outbox_mend goes on where somebody was stopped.
 */
enum crm_status carry_is_open(struct store_txn *txn) MUST_CHECK;
enum crm_status carry_in_pieces(struct carry *carry) MUST_CHECK;

/* Within a write run: an empty set of rows for carry->txn, and who changes them. */
enum crm_status carry_begin_rows(struct carry *carry, struct failure *failure) MUST_CHECK;

#endif
