/*
 * outbox_fold.h - two changes of one record become one, while the first has not been sent; private to client/replica
 */
#ifndef CRM_REPLICA_OUTBOX_FOLD_H
#define CRM_REPLICA_OUTBOX_FOLD_H

#include "client/replica/outbox.h"
#include "common/ops/evolve.h"

/*
 * The item that a patch can become a part of: the record's last one, if it is a create or a patch that waits and has no number, and nothing lies behind it that
 * could tell the difference. CRM_NOT_FOUND: it is queued for itself. touched: the fields that the patch is about.
 */
enum crm_status outbox_fold_target(struct store_txn *txn, struct arena *arena, const struct evolve *evolve, const Crm__Mutation *patch,
                                   const struct field_set *touched, struct outbox_item *out_item) MUST_CHECK;
/* Put a patch on top of a create or a patch, into that. evolve reads the bodies; what has_old says both must say, or neither. */
enum crm_status outbox_fold(struct evolve *evolve, Crm__Mutation *into, const Crm__Mutation *patch) MUST_CHECK;

#endif
