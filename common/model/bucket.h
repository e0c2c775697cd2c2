/*
 * bucket.h - comparing two sets of records by buckets: sums first, marks where those differ
 *
 * A replica cuts what it has, in order of kind and id, into buckets of a few dozen records; the server adds up what is to be seen between the same two
 * places. A mark stands for a record as its user may see it: a field that has become hidden, or is so no more, makes another one although the revision is
 * the same. Both ends make the bytes with what is here.
 */
#ifndef CRM_MODEL_BUCKET_H
#define CRM_MODEL_BUCKET_H

#include "common/base/slice.h"
#include "common/model/record_sum.h"

#define BUCKET_RECORDS    64 /* so many sums and so many marks cost about the same where one in a hundred records differs */
#define BUCKET_PLACE_SIZE 20 /* kind u32 ‖ id */
#define BUCKET_SUM_SIZE   (BUCKET_PLACE_SIZE + RECORD_SUM_SIZE)
#define BUCKET_HEAD_SIZE  (2 * BUCKET_PLACE_SIZE + 4) /* behind which place, up to which one, how many marks follow */
#define BUCKET_MARK_SIZE  4

/* Between records: in order of kind, then id. */
struct bucket_place {
    uint32_t kind;
    struct uuid id;
};

/* Before and behind all records. */
extern const struct bucket_place bucket_start, bucket_end;

int bucket_place_compare(const struct bucket_place *a, const struct bucket_place *b);
void bucket_place_write(const struct bucket_place *place, uint8_t out[BUCKET_PLACE_SIZE]);
struct bucket_place bucket_place_read(const uint8_t bytes[BUCKET_PLACE_SIZE]);
/* Numbers are little-endian, in all of it. */
void bucket_write_u32(uint8_t out[4], uint32_t value);
uint32_t bucket_read_u32(const uint8_t bytes[4]);

/*
 * A record as it is to be seen: the first 16 bytes of SHA-256(kind u32 ‖ id ‖ rev u64 ‖ updated i64 ‖ body), as a sum of this one. A server that was restored
 * from a backup gives a revision a second time, to another change, whose owner may be all that is another: of the two the time differs.
 */
struct record_sum bucket_mark(uint32_t kind, const struct uuid *id, uint64_t rev, int64_t updated_us, struct slice body);
/* What is told of a mark where records are named: its first 4 bytes. That two are alike by chance the sum finds out. */
uint32_t bucket_mark_short(const struct record_sum *mark);

#endif
