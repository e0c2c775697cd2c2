/*
 * kept.h - changes that the server has taken, kept until a backup of the server has them; private to client/replica
 *
 * A server that is restored from a backup has lost what came after that (a new epoch). What is kept here of an earlier epoch is then queued again, at the
 * place that it had, with the name that it had: what the restored server has after all, it does not do twice. At most KEPT_US.
 */
#ifndef CRM_REPLICA_KEPT_H
#define CRM_REPLICA_KEPT_H

#include "client/replica/outbox.h"

#define KEPT_US (30 * INT64_C(86400000000))

/* All within a write run. */

/* Keep an item that is being taken out of the outbox; taken_… are set. */
enum crm_status kept_put(struct store_txn *txn, const struct outbox_item *item, struct arena *arena) MUST_CHECK;
/*
 * A sync has come to its end: let go what a backup has (backed_up_seq, 0: not known, in this epoch), and what is too old; and of records that are not here any
 * more how they looked.
 */
enum crm_status kept_prune(struct store_txn *txn, uint32_t epoch, uint64_t backed_up_seq, int64_t now_us) MUST_CHECK;
/*
 * The server is in this epoch: queue again what it took in another one, also those of which it took a part and that are in the outbox still.
 * *out_n: how many.
 */
enum crm_status kept_return(struct store_txn *txn, uint32_t epoch, size_t *out_n) MUST_CHECK;

/* Within any run: is there something that another epoch's server has taken? */
enum crm_status kept_is_other(struct store_txn *txn, uint32_t epoch, bool *out_is) MUST_CHECK;

#endif
