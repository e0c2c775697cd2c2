/*
 * measure_connections.c - what connecting takes and what an idle connection holds
 *
 * On a server that has just been started, so that nothing that earlier work has freed is taken for
 * an idle connection's.
 */
#include "tests/bench/bench.h"

#include <stdlib.h>

#include "common/base/clock.h"

#define IDLE    1000
#define LOGINS  10
#define RESUMES 100

/* The mean of n connections, one after the other, each closed at once. */
static enum crm_status time_connections(struct bench *bench, unsigned n, bool with_password,
                                        enum figure figure)
{
    const struct site *site = &bench->site;
    int64_t began_us = clock_monotonic_us();
    enum crm_status status = CRM_OK;

    for (unsigned i = 0; i < n && status == CRM_OK; i++) {
        struct peer peer = { 0 };

        status = with_password ? peer_login(&peer, &site->target, SITE_LOGIN, SITE_PASSWORD, NULL,
                                            bench->failure)
                               : peer_resume(&peer, &site->target, &site->session, bench->failure);
        peer_close(&peer);
    }
    if (status == CRM_OK)
        bench_note(bench, figure, (double)(clock_monotonic_us() - began_us) / 1e3 / n);
    return status;
}

static enum crm_status hold_idle(struct bench *bench, struct peer *peers)
{
    const struct site *site = &bench->site;
    uint64_t before, after;
    enum crm_status status =
        site_connect(site, peers, 1, bench->failure); /* what is made once is there */

    site_disconnect(peers, 1);
    if (status == CRM_OK)
        status = child_rss(site->server.pid, &before, bench->failure);
    if (status == CRM_OK)
        status = site_connect(site, peers, IDLE, bench->failure);
    if (status == CRM_OK)
        status = child_rss(site->server.pid, &after, bench->failure);
    if (status == CRM_OK)
        bench_note(bench, FIGURE_RSS_PER_IDLE_CONNECTION, ((double)after - (double)before) / IDLE);
    site_disconnect(peers, IDLE);
    return status;
}

enum crm_status measure_connections(struct bench *bench)
{
    struct peer *peers = calloc(IDLE, sizeof *peers);
    enum crm_status status;

    if (!peers)
        return fail(bench->failure, CRM_NO_MEMORY, NULL, "out of memory");
    site_stop(&bench->site);
    status = site_start(&bench->site, bench->failure);
    if (status == CRM_OK)
        status = hold_idle(bench, peers);
    if (status == CRM_OK)
        status = time_connections(bench, LOGINS, true, FIGURE_CONNECT_LOGIN);
    if (status == CRM_OK)
        status = time_connections(bench, RESUMES, false, FIGURE_CONNECT_RESUME);
    free(peers);
    return status;
}
