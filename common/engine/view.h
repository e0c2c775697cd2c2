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

struct view;

/*
 * Who reads, where not everybody may read everything. Through a view with a guard nobody can reach a record past it: every function below that gives a
 * record asks it. Plain data, copied with the view.
 */
struct view_guard {
    /* May this reader know of a record with this header, as it is now? CRM_NOT_FOUND: for this reader there is none. Anything else is an error, and means
     * no. */
    enum crm_status (*admit)(const struct view_guard *guard, const struct view *view, const struct record_header *header);
    /* Take out what is hidden of it; a changed body lives in arena. */
    enum crm_status (*mask)(const struct view_guard *guard, struct arena *arena, struct record *record);
    /* Is the field hidden from this reader? Then it is in no record that is read, and nothing may be found or ordered by it. */
    bool (*hides)(const struct view_guard *guard, enum kind kind, uint32_t field);
    const void *arg;
};

struct view {
    struct store_txn *txn;
    const struct writeset *group; /* or NULL */
    const struct writeset *own;   /* or NULL; on top */
    const struct schema *schema;
    const struct view_guard *guard; /* NULL: the reader sees all (the server itself, a replica) */
    struct arena *arena;            /* with a guard: for bodies of which something is hidden; reset by whoever set it */
};

/* As store_get: CRM_OK or CRM_NOT_FOUND … Borrowed until the transaction or the write sets change. */
enum crm_status view_get(const struct view *view, enum store_db db, struct slice key, struct slice *out_value) MUST_CHECK;
/* As store_get_many: many keys at once, data NULL where there is none. */
enum crm_status view_get_many(const struct view *view, enum store_db db, const struct slice *keys, size_t n, struct slice *out_values) MUST_CHECK;
/* The first (with reverse the last) pair of a range that is not deleted. */
enum crm_status view_seek(const struct view *view, enum store_db db, const struct store_range *range, struct slice *out_key, struct slice *out_value) MUST_CHECK;
/* Visit a range in order. Plain store_scan where there is no write set. */
enum crm_status view_scan(const struct view *view, enum store_db db, const struct store_range *range, store_visit *visit, void *arg) MUST_CHECK;

/* A stored value (of `record` or `deleted`) as a record that this reader may see: what a scan has found goes through here. CRM_NOT_FOUND, CRM_CORRUPT. */
enum crm_status view_open(const struct view *view, enum kind kind, const struct uuid *id, struct slice value, struct record *out_record) MUST_CHECK;
/* Take out what is hidden, once more: of a record that was taken back to a past state. Whether it may be seen at all its present state has decided. */
enum crm_status view_mask(const struct view *view, struct record *record) MUST_CHECK;
bool view_hides(const struct view *view, enum kind kind, uint32_t field);
/* The same state without the guard: for what the server itself needs to know. */
struct view view_unguarded(const struct view *view);

/* A live record: CRM_NOT_FOUND, CRM_CORRUPT. */
enum crm_status view_record(const struct view *view, enum kind kind, const struct uuid *id, struct record *out_record) MUST_CHECK;
/* The first live record of a kind by id: of a kind with one record, that one. CRM_NOT_FOUND. */
enum crm_status view_first(const struct view *view, enum kind kind, struct record *out_record) MUST_CHECK;
/* One in the recycle bin. */
enum crm_status view_deleted(const struct view *view, enum kind kind, const struct uuid *id, struct record *out_record) MUST_CHECK;
/* The id that holds a unique value (folded here). With a guard, here and below: of a record that the reader may see, and not by a hidden field. */
enum crm_status view_unique(const struct view *view, enum kind kind, const struct field_def *field, const struct value *value, struct uuid *out_id) MUST_CHECK;
/* By human number. */
enum crm_status view_number(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id) MUST_CHECK;

#endif
