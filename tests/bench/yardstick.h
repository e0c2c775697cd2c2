/*
 * yardstick.h - bare LMDB with the same keys and values: what the store could do if nothing stood
 * before it
 */
#ifndef CRM_TESTS_BENCH_YARDSTICK_H
#define CRM_TESTS_BENCH_YARDSTICK_H

#include "common/base/failure.h"
#include "common/base/slice.h"

struct yardstick;

/* A database in an existing empty directory with the keys of n customers and values as long as the
 * server's. */
enum crm_status yardstick_create(const char *directory, uint64_t n,
                                 struct yardstick **out_yardstick,
                                 struct failure *failure) MUST_CHECK;
/* Accepts NULL. */
void yardstick_destroy(struct yardstick *yardstick);

/* One 400-byte put to a random key and a durable commit, again and again. */
enum crm_status yardstick_commits(struct yardstick *yardstick, int64_t duration_us,
                                  double *out_per_second, struct failure *failure) MUST_CHECK;
/* Rows a second of scans from end to end that look at each value. */
enum crm_status yardstick_scan(struct yardstick *yardstick, int64_t duration_us,
                               double *out_per_second, struct failure *failure) MUST_CHECK;

#endif
