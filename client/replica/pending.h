/*
 * pending.h - what a waiting change makes of what is shown: by the rules that the server goes by; private to client/replica
 */
#ifndef CRM_REPLICA_PENDING_H
#define CRM_REPLICA_PENDING_H

#include "client/replica/replica.h"
#include "client/replica/rights.h"
#include "client/replica/rows.h"

/* Not moved once begun: evolve and the gate point into it. */
struct pending {
    struct rows *rows;
    struct rights rights;
    struct evolve evolve; /* of the mutation that was shown last: before, changed, late */
    int64_t now_us;
    struct failure *failure;
    unsigned depth, records; /* of what a deletion takes along */
};

void pending_begin(struct pending *pending, struct rows *rows, const struct replica *replica, int64_t now_us, struct failure *failure);
/*
 * Show a mutation, on top of what rows has: only with rows_apply does it stay. local_number: of a create, the one that its record has here. After a failure
 * rows may hold a part of it: throw them away. CRM_UNREACHABLE: only the server can do this.
 */
enum crm_status pending_show(struct pending *pending, const Crm__Mutation *mutation, uint64_t local_number) MUST_CHECK;
/* Have evolve read a mutation's body parts, without looking at the record. Its kind is known. */
void pending_read(struct pending *pending, const Crm__Mutation *mutation);
/* Say in it what its author sees, as pending_show has just found it: with that the server merges. In the rows' arena. */
enum crm_status pending_note_seen(struct pending *pending, Crm__Mutation *mutation) MUST_CHECK;

#endif
