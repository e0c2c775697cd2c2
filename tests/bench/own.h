/*
 * own.h - a reader with few records among those of others, against an administrator
 */
#ifndef CRM_TESTS_BENCH_OWN_H
#define CRM_TESTS_BENCH_OWN_H

#include "tests/bench/frames.h"
#include "tests/bench/site.h"

struct bench;

/* The ways to ask for the first page. */
enum own_way { OWN_DEFAULT, OWN_SORTED, OWN_FILTERED, OWN_SEARCH, OWN_WAYS };

/* All zero: none yet. */
struct own {
    struct site site; /* the same, with the session of the reader; nothing of it is owned */
    struct frames frames[OWN_WAYS];
    struct frames gets; /* of the reader's own records */
};

/* One round on a site with records of the administrator's; the first time makes the reader, and
 * some records of the reader's own. */
enum crm_status own_measure(struct bench *bench, const struct site *site,
                            struct own *own) MUST_CHECK;
void own_fini(struct own *own);

#endif
