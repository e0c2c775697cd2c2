/*
 * check_inside.h - what the files of the check share; only check*.c include it
 */
#ifndef CRM_SERVER_ADMIN_CHECK_INSIDE_H
#define CRM_SERVER_ADMIN_CHECK_INSIDE_H

#include "common/engine/index.h"
#include "server/admin/check.h"
#include "server/engine/change.h"

struct check {
    struct view view;
    FILE *out;
    const struct check_kept *kept;
    struct check_result result;
    struct arena arena;               /* one record's */
    struct arena entry_arena;         /* one log entry's */
    struct arena history_arena;       /* one entry's of an erased record */
    bool is_present_format;           /* else what is derived is derived otherwise, and not compared */
    struct store *cells;              /* recomputed rollups; NULL: not looked at */
    uint64_t highest[KIND_MAX + 1];   /* human number of each kind */
    uint64_t claimed[STORE_DB_COUNT]; /* entries that live records should have, by database */
    uint64_t walked;                  /* log entries that lie on some record's chain */
    bool chains_are_whole;            /* every chain could be walked to its create */
};

/* One line, counted. */
void check_fault(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);
/* "deal D-17 (0192…)" */
#define CHECK_LABEL_SIZE 128
void check_label(const struct record_header *header, char text[CHECK_LABEL_SIZE]);

/* Is the index of this entry's field being built or dropped, a turn at a time (index_job.h)? Then
 * it may have too few or too many. */
bool check_index_is_in_work(const struct check *check, struct slice index_key);

/* check_record.c: every record, live and deleted, and all that it should have elsewhere. */
enum crm_status check_records(struct check *check) MUST_CHECK;
/* check_grants.c: shares, in their rows by record, by whom, and by time. Before check_entries, which counts what they claim. */
enum crm_status check_grants(struct check *check) MUST_CHECK;
/* Is a row of child one that leads from somebody to what is shared with them? *out_is_called_for: there is such a share. */
bool check_is_shared_row(const struct check *check, struct slice key, bool *out_is_called_for);
/* check_entries.c: entries that no record claims. */
enum crm_status check_entries(struct check *check) MUST_CHECK;
/* check_log.c: a record's own chain; the log as a whole; rollups. */
void check_chain(struct check *check, const struct record *record);
enum crm_status check_log(struct check *check) MUST_CHECK;
enum crm_status check_rollups(struct check *check) MUST_CHECK;
/* check_audit.c: the audit trail; what was kept of it and of the log elsewhere. */
enum crm_status check_audit(struct check *check) MUST_CHECK;
void check_kept_log(struct check *check, uint64_t seq, const uint8_t hash[SHA256_SIZE]);
void check_kept_end(struct check *check, const char *what, const struct check_head *kept,
                    uint64_t floor, uint64_t head);
/* check_rows.c: the seals of small rows, and the counters of numbers. */
enum crm_status check_rows(struct check *check) MUST_CHECK;

#endif
