/*
 * changes.h - mutations as a careful client sends them: each connection a client of its own, each
 * request with its number and low mark
 */
#ifndef CRM_TESTS_BENCH_CHANGES_H
#define CRM_TESTS_BENCH_CHANGES_H

#include "tests/bench/load.h"
#include "tests/bench/sample.h"

#define CHANGES_CONNECTIONS_MAX 64

enum changes_what {
    CHANGES_CREATE,        /* customers, then deals, in batches, until all are there */
    CHANGES_PATCH,         /* a field of a random customer that is not indexed */
    CHANGES_PATCH_INDEXED, /* one that is in both forms of the index */
};

/* All of one load_run. */
struct changes {
    enum changes_what what;
    uint64_t n_customers, n_deals;
    uint64_t next; /* of customers and deals together */
    unsigned batch;
    struct sample_random random;
    struct uuid clients[CHANGES_CONNECTIONS_MAX];
    struct arena arena;
};

void changes_init(struct changes *changes, enum changes_what what, uint64_t n_customers,
                  uint64_t n_deals);
void changes_fini(struct changes *changes);
/* load_next and load_check; arg is the struct changes. */
bool changes_next(void *arg, const struct load_turn *turn, struct buf *out);
enum crm_status changes_check(void *arg, struct slice body, struct failure *failure);

#endif
