/*
 * asked.h - what was asked of the replica under a key, and its answer: asked again it is not done again; private to client/replica
 *
 * Kept for ASKED_US beside the outbox, also when the change has long been sent. The key stays here: the server knows a change by a name of its own
 * (MutateRequest.change). Asked of the server later, under the same key, a create meets its own record: its id is made of the key.
 */
#ifndef CRM_REPLICA_ASKED_H
#define CRM_REPLICA_ASKED_H

#include "client/replica/replica.h"
#include "common/base/arena.h"

#define ASKED_US (30 * INT64_C(86400000000))

/* Within a run. CRM_NOT_FOUND: nothing was, or the request has no key; CRM_KEY_REUSED: something else was; CRM_INVALID. out_reply borrows the store. */
enum crm_status asked_find(struct store_txn *txn, const Crm__MutateRequest *request, struct arena *arena, struct slice *out_reply,
                           struct failure *failure) MUST_CHECK;
/* Within a write run. */
enum crm_status asked_put(struct store_txn *txn, const Crm__MutateRequest *request, struct slice reply, int64_t now_us, struct arena *arena) MUST_CHECK;

#endif
