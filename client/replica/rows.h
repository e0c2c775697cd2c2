/*
 * rows.h - the server's state of a record as rows: the one way in which it gets into the replica and out of it; private to client/replica
 */
#ifndef CRM_REPLICA_ROWS_H
#define CRM_REPLICA_ROWS_H

#include "client/replica/replica.h"
#include "common/engine/view.h"

/* So many forgotten records are worth it to write the replica anew. */
#define ROWS_MANY 500

/* What a transaction adds up before it puts. */
struct rows {
    struct view view; /* its own write set on top of the transaction */
    struct writeset *set;
    struct arena *arena;
    uint64_t n_forgotten; /* of which something may be left in the file: see replica_compact */
};

enum crm_status rows_init(struct rows *rows, struct store_txn *txn, const struct schema *schema, struct arena *arena) MUST_CHECK;
/* Take a record over, of a kind that this build knows or not. Nothing is written where it is there already. CRM_INVALID: it has no kind or no id. */
enum crm_status rows_take(struct rows *rows, const Crm__Record *wire, struct failure *failure) MUST_CHECK;
/* Add the keys of a record that is there, from its stored value. */
enum crm_status rows_index(struct rows *rows, enum kind kind, const struct uuid *id, struct slice value) MUST_CHECK;
/* Forget a record, with all keys that lead to it; one with pending changes is shown until they are carried over. CRM_OK also where there is none. */
enum crm_status rows_forget(struct rows *rows, uint32_t kind, const struct uuid *id) MUST_CHECK;
/* Show a record with a change that the server does not have yet. What the server has of it is kept beside it, and follows what it tells. */
enum crm_status rows_change(struct rows *rows, const struct record *record) MUST_CHECK;
/* Show that a record is deleted: it lies in the bin of the replica, which holds nothing else. with: NULL, or the deleted record that it goes along with. */
enum crm_status rows_put_away(struct rows *rows, const struct record *record, const struct uuid *with) MUST_CHECK;
/* It is back, as this. */
enum crm_status rows_put_back(struct rows *rows, const struct record *record, const struct uuid *with) MUST_CHECK;
/* Show what the server has of it again. */
enum crm_status rows_unchange(struct rows *rows, enum kind kind, const struct uuid *id) MUST_CHECK;
/* No byte of what this run forgets may stay in the file: it counts as many. */
void rows_leave_no_trace(struct rows *rows);
/* Put everything. */
enum crm_status rows_apply(struct rows *rows) MUST_CHECK;

/* The key of REPLICA_RAW and REPLICA_NAMED. */
void rows_raw_key(uint32_t kind, const struct uuid *id, uint8_t out[REPLICA_RAW_KEY_SIZE]);
/* false if key is not one. */
bool rows_raw_key_parse(struct slice key, uint32_t *out_kind, struct uuid *out_id);

#endif
