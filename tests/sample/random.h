/*
 * random.h - numbers that are the same for the same seed on every machine
 */
#ifndef CRM_SAMPLE_RANDOM_H
#define CRM_SAMPLE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* State of one stream: SplitMix64, which takes any seed. Not for secrets. */
struct random {
    uint64_t state;
};

uint64_t random_next(struct random *random);
/* 0 … n - 1; n is at least 1. The bias of the remainder does not matter here. */
int random_below(struct random *random, int n);
/* first … last, both included. */
int random_range(struct random *random, int first, int last);
/* True in so many cases of a hundred. */
bool random_percent(struct random *random, int percent);
/* One of a list of texts. */
#define random_pick(random, list)                                                                  \
    ((list)[random_below((random), (int)(sizeof(list) / sizeof *(list)))])

#endif
