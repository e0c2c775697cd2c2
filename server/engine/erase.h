/*
 * erase.h - taking a person's data out of every place that can hold it, for good: a record, its past, and what hangs on it
 *
 * What stays: that there was a record with this id, when it was changed and by whom (the log's metadata), and a FORGET, an entry LOG_ERASE that tells
 * whoever has a copy. The chains of log and audit trail do not see the difference. The list of places is a table (erase_place): every database stands in
 * it, and a test looks for a planted value in what is left of the file.
 *
 * What a deal has added to totals goes out of them too: they would otherwise not be what the log adds up to.
 */
#ifndef CRM_SERVER_ENGINE_ERASE_H
#define CRM_SERVER_ENGINE_ERASE_H

#include "server/engine/change.h"

/* A record by name, in a list. */
struct erase_item {
    struct erase_item *next;
    enum kind kind;
    struct uuid id;
    uint64_t number;
};

/* An entry of the audit trail that names the person, in a list. */
struct erase_entry {
    struct erase_entry *next;
    uint64_t number;
};

/* What is found by looking through whole databases: done before, on a worker, and brought up to date in the group. */
struct erase_found {
    struct erase_item *binned;      /* deleted records that hung on it */
    struct erase_entry *entries;
    uint64_t seq, audit;            /* looked at up to here */
};

/* What was done. */
struct erase_result {
    unsigned records;
    unsigned rows[STORE_DB_COUNT];  /* removed or emptied, by database */
    struct erase_item *left;        /* hung on it and is still there, perhaps in the recycle bin */
};

/* May records of this kind be erased? Not what others stand on: teams, roles, settings. */
bool erase_may(const struct kind_def *kind);

/* Any thread with a view; takes as long as bin and audit trail are large. Everything in the arena. */
enum crm_status erase_look(const struct view *view, enum kind kind, const struct uuid *id, struct arena *arena, struct erase_found *out_found) MUST_CHECK;

/*
 * Erase a record, live or in the bin, with_children also what hangs on it. The failure is in the change: CRM_NOT_FOUND; CRM_IN_USE where something refers to it
 * that must not lose it. Asks for a compaction (ERASE_COMPACT in meta).
 */
enum crm_status erase_record(struct change *change, enum kind kind, const struct uuid *id, bool with_children, const struct erase_found *found,
                             struct erase_result *out_result) MUST_CHECK;

/* The row of meta that asks for the file to be written anew: the instant at which it was asked for. */
#define ERASE_COMPACT "compact"

/* The databases that erase_record goes through, in its order. false behind the last. */
bool erase_place(size_t n, enum store_db *out_db);

#endif
