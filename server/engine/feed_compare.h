/*
 * feed_compare.h - a replica's own account of what it has, held against what is to be seen, while a feed walks through that
 *
 * Two questions, each a walk of its own: first the sums of all buckets, of which is told which differ; then, of those, a mark for each record that the
 * replica has. What has no mark is sent, a mark without its record is a stray: the replica has something there that it may not have, or not so. Nothing is
 * inferred from absence, and nothing is told of what the replica did not name. The bytes are as in common/model/bucket.h; they are foreign.
 *
 * Of one feed; called by op_sync.c.
 */
#ifndef CRM_SERVER_ENGINE_FEED_COMPARE_H
#define CRM_SERVER_ENGINE_FEED_COMPARE_H

#include "common/base/arena.h"
#include "common/base/failure.h"
#include "common/model/bucket.h"
#include "common/model/record.h"

/* --- the first question */

/* Told sums, and what the walk has come to. */
struct feed_sums {
    const uint8_t *rows; /* borrowed */
    size_t n, at;        /* the bucket that the walk is in */
    struct record_sum sum;
    uint8_t *differ;     /* a bit for each */
    size_t differ_size;
};

/* Borrows bytes. CRM_INVALID: they are not buckets that follow each other up to the end of everything. */
enum crm_status feed_sums_init(struct feed_sums *sums, struct slice bytes, struct arena *arena) MUST_CHECK;
/* The walk's next record. */
void feed_sums_take(struct feed_sums *sums, const struct record *record);
/* There are no more: now differ is known. */
void feed_sums_end(struct feed_sums *sums);

/* --- the second question */

/* Marks of what the replica has. */
struct feed_items {
    const uint8_t *row, *end; /* the bucket that the walk is in, and behind the last one; borrowed */
    size_t first;             /* position of its first mark among all */
    size_t n;                 /* marks in all */
    uint8_t *found;           /* a bit for each */
    size_t told;              /* marks before it are found or were told as strays */
    struct record_sum sum;    /* over all records of the walk that lie in a bucket */
};

/* Borrows bytes. CRM_INVALID: they are not buckets in order with all their marks. */
enum crm_status feed_items_init(struct feed_items *items, struct slice bytes, struct arena *arena) MUST_CHECK;
/* The walk's next record: has the replica just this? So it has where it did not ask. */
bool feed_items_have(struct feed_items *items, const struct record *record);
/* There are no more records. */
void feed_items_end(struct feed_items *items);
/* The next stray of the buckets that the walk is behind. */
bool feed_items_next_stray(struct feed_items *items, uint32_t *out_position);

#endif
