/*
 * clock.h - time and randomness, behind one seam that tests and simulations replace
 */
#ifndef CRM_BASE_CLOCK_H
#define CRM_BASE_CLOCK_H

#include "common/base/slice.h"

/* Where time and random bytes come from. */
struct clock_source {
    int64_t (*now_us)(void);       /* microseconds since 1970-01-01 UTC */
    int64_t (*monotonic_us)(void); /* never runs back; for deadlines and idle times */
    void (*random)(void *out, size_t size);
};

/* NULL brings the system's back. Call before any thread starts. */
void clock_replace(const struct clock_source *source);

int64_t clock_now_us(void);
int64_t clock_monotonic_us(void);
/* Unpredictable bytes (getrandom); aborts the process if the kernel cannot give any. */
void random_bytes(void *out, size_t size);

#endif
