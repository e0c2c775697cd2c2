/*
 * view.h - the state that a piece of work sees: the store's snapshot, below the group's write set, below its own
 *
 * Reads only: nothing here writes. Server and replica use the same.
 */
#ifndef CRM_ENGINE_VIEW_H
#define CRM_ENGINE_VIEW_H

#include "common/engine/writeset.h"
#include "common/model/record.h"
#include "common/model/schema.h"
#include "common/model/value.h"

struct view {
    struct store_txn *txn;
    const struct writeset *group; /* or NULL */
    const struct writeset *own;   /* or NULL; on top */
    const struct schema *schema;
};

/* As store_get: CRM_OK or CRM_NOT_FOUND … Borrowed until the transaction or the write sets change. */
enum crm_status view_get(const struct view *view, enum store_db db, struct slice key, struct slice *out_value) MUST_CHECK;
/* As store_get_many: many keys at once, data NULL where there is none. */
enum crm_status view_get_many(const struct view *view, enum store_db db, const struct slice *keys, size_t n, struct slice *out_values) MUST_CHECK;
/* The first (with reverse the last) pair of a range that is not deleted. */
enum crm_status view_seek(const struct view *view, enum store_db db, const struct store_range *range, struct slice *out_key, struct slice *out_value) MUST_CHECK;
/* Visit a range in order. Plain store_scan where there is no write set. */
enum crm_status view_scan(const struct view *view, enum store_db db, const struct store_range *range, store_visit *visit, void *arg) MUST_CHECK;

/* A live record: CRM_NOT_FOUND, CRM_CORRUPT. */
enum crm_status view_record(const struct view *view, enum kind kind, const struct uuid *id, struct record *out_record) MUST_CHECK;
/* The first live record of a kind by id: of a kind with one record, that one. CRM_NOT_FOUND. */
enum crm_status view_first(const struct view *view, enum kind kind, struct record *out_record) MUST_CHECK;
/* One in the recycle bin. */
enum crm_status view_deleted(const struct view *view, enum kind kind, const struct uuid *id, struct record *out_record) MUST_CHECK;
/* The id that holds a unique value (folded here). */
enum crm_status view_unique(const struct view *view, enum kind kind, const struct field_def *field, const struct value *value, struct uuid *out_id) MUST_CHECK;
/* By human number. */
enum crm_status view_number(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id) MUST_CHECK;

#endif
