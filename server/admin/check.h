/*
 * check.h - is a database whole? Record ↔ index ↔ unique ↔ child ↔ term ↔ log ↔ rollup, checksums,
 * the chain, numbers
 *
 * Read-only and in one snapshot, so that it can run beside a server; memory is bounded by one
 * record, and by the number of rollup cells.
 */
#ifndef CRM_SERVER_ADMIN_CHECK_H
#define CRM_SERVER_ADMIN_CHECK_H

#include <stdio.h>

#include "common/base/digest.h"
#include "common/store/store.h"

struct check_result {
    uint64_t records, deleted; /* live ones; in the recycle bin */
    uint64_t changes;          /* entries of the log */
    uint64_t audited;          /* entries of the audit trail */
    uint64_t index_entries;    /* of index, unique, child and term */
    uint64_t faults;
};

/* The end of a chain as it was once printed and kept elsewhere (crm audit head). number 0: none. */
struct check_head {
    uint64_t number;
    uint8_t hash[SHA256_SIZE];
};

struct check_kept {
    struct check_head audit, log;
};

/*
 * Each fault is a line in out (of very many the first ones). CRM_CORRUPT when there is any. The
 * company's time zone must be set (directory_use_time_zone). A database of an older format is
 * checked but for what that format derives otherwise: rollups.
 */
enum crm_status check_store(struct store *store, FILE *out, struct check_result *out_result,
                            struct failure *failure) MUST_CHECK;
/* The same, and nothing up to the heads that were kept has changed since. */
enum crm_status check_store_against(struct store *store, const struct check_kept *kept, FILE *out,
                                    struct check_result *out_result,
                                    struct failure *failure) MUST_CHECK;

#endif
