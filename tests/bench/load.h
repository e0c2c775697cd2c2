/*
 * load.h - the load generator: connections x requests in flight, one thread, one epoll
 *
 * Speaks to crmd and to the echo server alike, so that both get the same work from the client: a
 * request is copied behind its frame header, a reply is counted by its header alone.
 */
#ifndef CRM_TESTS_BENCH_LOAD_H
#define CRM_TESTS_BENCH_LOAD_H

#include "tests/bench/peer.h"

#define LOAD_WINDOW                                                                                \
    64 /* streams of one connection between the oldest without an answer and the newest */

/* For which stream of which connection the next request is wanted. */
struct load_turn {
    unsigned connection;
    uint32_t stream;
    uint32_t answered; /* every stream up to this one has its answer */
};

/* Append one REQUEST frame for the turn. false: there is nothing more to ask. */
typedef bool load_next(void *arg, const struct load_turn *turn, struct buf *out);
/* Look into a reply; anything but CRM_OK ends the run with it. */
typedef enum crm_status load_check(void *arg, struct slice body, struct failure *failure);

/* Times from request to answer in nanoseconds, of all runs that were given it. */
struct load_times {
    uint64_t *ns;
    size_t n, capacity;
};

struct load_plan {
    unsigned in_flight;  /* on each connection, at most STREAMS_MAX */
    int64_t duration_us; /* 0: until next has no more */
    load_next *next;
    load_check *check; /* NULL: replies are only counted */
    void *arg;
    struct load_times *times; /* NULL: not taken */
};

struct load_result {
    uint64_t replies;
    uint64_t bytes; /* of reply bodies */
    int64_t us;
    double per_second;
};

/*
 * Run. The peers are logged in; afterwards nothing is under way on them and they block again. What
 * is answered after the end of the time is waited for but not counted.
 */
enum crm_status load_run(struct peer *peers, unsigned n_peers, const struct load_plan *plan,
                         struct load_result *out_result, struct failure *failure) MUST_CHECK;

/* The quantile of all times, 0 … 1, in milliseconds; sorts them. */
double load_times_quantile(struct load_times *times, double quantile);
void load_times_fini(struct load_times *times);

#endif
