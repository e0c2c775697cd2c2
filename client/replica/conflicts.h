/*
 * conflicts.h - what the server has not taken of the user's changes, in the replica too: looked at and resolved offline, on each of the user's machines
 *
 * A sync brings all of them (they are few); kept as on the server, in the same database with the same keys, so that the action resolve finds them here. They
 * stay the server's: what a waiting resolution settles is only left out of the list.
 */
#ifndef CRM_REPLICA_CONFLICTS_H
#define CRM_REPLICA_CONFLICTS_H

#include "client/include/crm.h"
#include "client/replica/replica.h"
#include "common/ops/ask.h"

/* Ask for them, beside what else is under way on the connection. *out_call is NULL after a failure. */
enum crm_status conflicts_ask(struct crm_client *client, struct crm_call **out_call) MUST_CHECK;
/*
 * Wait for the answer and take it over, with the pages behind it; what the outbox has kept for a conflict that is open no more goes. call may be NULL: then
 * they are asked for here. The replica is open for writing and of the user that the client is logged in as. A server that does not know them changes nothing.
 */
enum crm_status conflicts_take(struct replica *replica, struct crm_client *client, struct crm_call *take_call, struct failure *failure) MUST_CHECK;

/* What the outbox has kept for conflicts that waiting resolutions settle goes: they have been answered. */
enum crm_status conflicts_prune(struct replica *replica, struct failure *failure) MUST_CHECK;

/* The local answer to sync.conflicts: as the server's, without what waiting resolutions settle. */
enum crm_status conflicts_tell(struct ask *ask, const Crm__ConflictsRequest *request, Crm__ConflictsReply *reply) MUST_CHECK;

/* How many are open here, less what waiting resolutions settle. */
enum crm_status conflicts_count(struct replica *replica, uint64_t *out_n, struct failure *failure) MUST_CHECK;

/* --- private to client/replica */

/* Whose they are; nil before the first sync. */
struct uuid conflicts_user(const struct replica *replica);
/* Within a write run. epoch: of the server that has just told which are open, so that what is not among them is so no more; NULL: none has told. */
enum crm_status conflicts_prune_run(struct store_txn *txn, const struct replica *replica, struct arena *arena, const uint32_t *epoch) MUST_CHECK;

#endif
