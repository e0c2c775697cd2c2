/*
 * compare.h - what the replica has, told in buckets, so that only what differs has to come
 *
 * For a replica whose user sees with other eyes than before (role, teams), whose scope is another one, or that does not add up. It keeps what is right:
 * a cut costs what had not arrived, since the next comparison finds the rest to agree. Counts a kind, an id and a mark in memory for each record; what
 * that would be too much for takes a snapshot. Single-threaded; of one attempt.
 */
#ifndef CRM_REPLICA_COMPARE_H
#define CRM_REPLICA_COMPARE_H

#include "client/replica/rows.h"
#include "common/base/buf.h"
#include "common/model/bucket.h"

/* A record as the server has told it. */
struct compare_row {
    struct bucket_place place;
    struct record_sum mark;
};

struct compare {
    struct replica *replica;
    struct compare_row *rows; /* in order */
    size_t n, capacity;
    struct buf bytes;         /* of the question */
    uint32_t *asked;          /* rows whose marks are in the second question, in its order */
    size_t n_asked;
    bool is_confirmed;        /* what is in the buckets adds up */
};

/* Go through the replica. CRM_TOO_LARGE: it has too many records. compare_fini also after a failure. */
enum crm_status compare_init(struct compare *compare, struct replica *replica) MUST_CHECK;
void compare_fini(struct compare *compare);

/* The first question. Borrowed until the next one. */
enum crm_status compare_sums(struct compare *compare, struct slice *out_bytes) MUST_CHECK;
/* The second one, about the buckets that the server says differ. CRM_PROTOCOL: there are not so many. */
enum crm_status compare_items(struct compare *compare, struct slice differ, struct slice *out_bytes) MUST_CHECK;

/* Forget what the server calls a stray, unless it has become what it should be. CRM_PROTOCOL: no such mark was sent. */
enum crm_status compare_stray(struct compare *compare, struct rows *rows, uint32_t position) MUST_CHECK;
/*
 * Is what the buckets of the second question hold now what the server says? Within a write run, behind everything that it puts. CRM_CONFLICT: it is not.
 */
enum crm_status compare_check(struct compare *compare, struct store_txn *txn, const struct record_sum *told, struct arena *scratch) MUST_CHECK;

#endif
