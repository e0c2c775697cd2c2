/*
 * record_sum.h - a sum over a set of records, in any order: whether what was told has arrived whole
 */
#ifndef CRM_MODEL_RECORD_SUM_H
#define CRM_MODEL_RECORD_SUM_H

#include "common/base/uuid.h"

#define RECORD_SUM_SIZE 16

struct record_sum {
    uint64_t part[2];
};

/* Add a record: the first 16 bytes of SHA-256(kind u8 ‖ id ‖ rev u64), little-endian, as two numbers that are added to the parts. */
void record_sum_add(struct record_sum *sum, unsigned kind, const struct uuid *id, uint64_t rev);
/* The first 16 bytes of a hash as a sum of one. */
struct record_sum record_sum_of(const uint8_t bytes[RECORD_SUM_SIZE]);
struct record_sum record_sum_join(struct record_sum a, struct record_sum b);
bool record_sum_equal(const struct record_sum *a, const struct record_sum *b);
/* As it is told: both parts, little-endian. Nothing at all is the sum of no record. */
void record_sum_write(const struct record_sum *sum, uint8_t out[RECORD_SUM_SIZE]);
bool record_sum_read(struct slice bytes, struct record_sum *out_sum) MUST_CHECK;

#endif
