/*
 * erase_inside.h - what the files of the erasure share; only erase*.c include it
 */
#ifndef CRM_SERVER_ENGINE_ERASE_INSIDE_H
#define CRM_SERVER_ENGINE_ERASE_INSIDE_H

#include "server/engine/erase.h"

/* One erasure under way. */
struct erasing {
    struct change *change;
    struct arena *arena;
    const struct erase_found *found;
    enum kind kind;     /* of what was asked for */
    struct uuid target; /* and its id: the audit trail is looked through for this one */
    bool with_children;
    struct uuid *ids;   /* of what is gone by now, the target among them */
    size_t n_ids, ids_capacity;
    struct erase_result *result;
};

/* erase_places.c: the places let go of a record that is in the bin by now; each counts what it has removed. */
enum crm_status erase_from_each(struct erasing *erasing, const struct record *record) MUST_CHECK;
/* The places that are looked through once, for all that is gone. */
enum crm_status erase_from_rest(struct erasing *erasing) MUST_CHECK;
/* Remove a row, and count it. */
enum crm_status erase_drop(struct erasing *erasing, enum store_db db, struct slice key) MUST_CHECK;

/* erase_scans.c: what erase_from_rest asks, when the ids are sorted. */
void erase_sort_ids(struct erasing *erasing);
enum crm_status erase_from_due(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_client(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_alias(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_conflict(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_job(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_credential(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_session(struct erasing *erasing) MUST_CHECK;
enum crm_status erase_from_audit(struct erasing *erasing) MUST_CHECK;

/* Of a live record: what its deletion will take out of index, term, child and unique. */
enum crm_status erase_count_entries(struct erasing *erasing, const struct record *record) MUST_CHECK;

#endif
