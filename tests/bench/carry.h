/*
 * carry.h - a replica of the bench: synced by the library's own client over a transport that counts
 */
#ifndef CRM_TESTS_BENCH_CARRY_H
#define CRM_TESTS_BENCH_CARRY_H

#include "tests/bench/site.h"

/* What a sync took. */
struct carried {
    double ms; /* connection and handshake included */
    uint64_t records, forgets;
    bool is_comparison;
    unsigned flights;             /* of ours behind the handshake: each waits for an answer */
    uint64_t bytes_out, bytes_in; /* of TCP's payload behind the handshake, as the kernel counts */
};

/* Sync all that the site's user sees into <home>/replica. */
enum crm_status carry_sync(const struct site *site, const char *home, struct carried *out_carried,
                           struct failure *failure) MUST_CHECK;

/* The same pull once more, with the cursor that the replica has now, by hand. */
struct carry_yardstick {
    uint64_t records;
    uint64_t zstd_bytes; /* of the records alone, in chunks of 64 KiB, level 3, fresh contexts */
    uint64_t examined;   /* by the server: entries and rows */
};
/* Packed, of a replica as it is; lives in arena. */
enum crm_status carry_cursor(const char *home, struct arena *arena, struct slice *out_cursor,
                             struct failure *failure) MUST_CHECK;
enum crm_status carry_measure(const struct site *site, struct slice cursor,
                              struct carry_yardstick *out_yardstick,
                              struct failure *failure) MUST_CHECK;

#endif
