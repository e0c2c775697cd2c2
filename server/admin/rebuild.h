/*
 * rebuild.h - derived data recomputed from what it derives from: rollups from the log; for check,
 * which compares, and upgrade, which writes
 *
 * The recomputed cells go into a store of their own (the map), by the same function that writes
 * them in daily work.
 */
#ifndef CRM_SERVER_ADMIN_REBUILD_H
#define CRM_SERVER_ADMIN_REBUILD_H

#include "common/engine/view.h"

/* Does the history of this kind add up to rollups? */
bool rebuild_counts(enum kind kind);

/* Walk a record's whole history, live or deleted, and add what each change added to the cells in
 * into. CRM_GONE, CRM_CORRUPT: it cannot be walked. */
enum crm_status rebuild_record_rollups(const struct view *view, struct store *into,
                                       const struct record *record) MUST_CHECK;
/* The same for all records. */
enum crm_status rebuild_rollups(const struct view *view, struct store *into) MUST_CHECK;

/* Called with each cell that is not the same: stored.data NULL where it is missing, right.data NULL
 * where there should be none. false stops. */
typedef bool rebuild_difference(void *arg, struct slice key, struct slice stored,
                                struct slice right);
enum crm_status rebuild_compare(struct store_txn *stored, struct store_txn *right,
                                rebuild_difference *visit, void *arg) MUST_CHECK;

#endif
