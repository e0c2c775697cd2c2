/*
 * frames.h - requests that are packed before the clock runs, and asked in turn
 */
#ifndef CRM_TESTS_BENCH_FRAMES_H
#define CRM_TESTS_BENCH_FRAMES_H

#include "tests/bench/load.h"

/* A ring of REQUEST frames. All zero: none. */
struct frames {
    struct buf bytes;
    size_t *ends; /* of each frame in bytes */
    size_t n, capacity, at;
};

void frames_init(struct frames *frames);
void frames_fini(struct frames *frames);
enum crm_status frames_add(struct frames *frames, uint32_t code, const ProtobufCMessage *request,
                           struct failure *failure) MUST_CHECK;

/* n random customers of n_customers by id. */
enum crm_status frames_add_gets(struct frames *frames, size_t n, uint64_t n_customers,
                                struct failure *failure) MUST_CHECK;
/* For the echo server: as many and as long as those of a frames_add_gets, asking for reply_size
 * bytes. */
enum crm_status frames_add_echoes(struct frames *frames, const struct frames *like,
                                  uint32_t reply_size, struct failure *failure) MUST_CHECK;
/*
 * Pages of 100 customers, at most n of them, spread over the whole list: peer walks it once for
 * their tokens. In the order of a field, or with 0 in the list's own, by number.
 */
enum crm_status frames_add_pages(struct frames *frames, size_t n, uint32_t sort_field,
                                 struct peer *peer, uint64_t n_customers,
                                 struct failure *failure) MUST_CHECK;
/*
 * n searches: a prefix, two CJK characters, a phone's ending, and the word that a tenth of the
 * names hold, equally often. Every other prefix and pair finds few records; all_broad: all find
 * more than a page, whatever the size of the base.
 */
enum crm_status frames_add_searches(struct frames *frames, size_t n, bool all_broad,
                                    uint64_t n_customers, struct failure *failure) MUST_CHECK;
/* The pipeline report by stage. */
enum crm_status frames_add_report(struct frames *frames, struct failure *failure) MUST_CHECK;

/* A load_next; arg is the struct frames. Never ends. */
bool frames_next(void *arg, const struct load_turn *turn, struct buf *out);

#endif
