/*
 * site.h - a crmd of the bench: its directory, the server on it, the records in it
 */
#ifndef CRM_TESTS_BENCH_SITE_H
#define CRM_TESTS_BENCH_SITE_H

#include <limits.h>

#include "tests/bench/child.h"
#include "tests/bench/peer.h"

#define SITE_LOGIN    "admin"
#define SITE_PASSWORD "gravel ferry umbrella"

/* All zero: none. */
struct site {
    char crmd[PATH_MAX]; /* the program */
    char directory[PATH_MAX];
    uint64_t n_customers, n_deals;
    struct child server;
    struct peer_target target;
    struct peer_session session;
};

/* crmd init and the settings of a bench: one io thread, room for the connections. */
enum crm_status site_create(struct site *site, const char *crmd, const char *directory,
                            struct failure *failure) MUST_CHECK;
/* Start the server and log in once. */
enum crm_status site_start(struct site *site, struct failure *failure) MUST_CHECK;
void site_stop(struct site *site);

/* n connections that go on with the session; close them with site_disconnect also after a failure.
 * peers begin all zero. */
enum crm_status site_connect(const struct site *site, struct peer *peers, unsigned n,
                             struct failure *failure) MUST_CHECK;
void site_disconnect(struct peer *peers, unsigned n);

/* Create the records by mutations in batches, several under way; checks that all are there. */
enum crm_status site_load(struct site *site, uint64_t n_customers, uint64_t n_deals,
                          double *out_rows_per_second, struct failure *failure) MUST_CHECK;
/* What crmd stats prints. */
enum crm_status site_stats(const struct site *site, struct buf *out,
                           struct failure *failure) MUST_CHECK;

#endif
