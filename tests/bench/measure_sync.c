/*
 * measure_sync.c - what a replica costs: made, brought up to date, asked without the server
 *
 * A first sync and a list are the real crm's, process start included, of lists the quickest of a round; how many bytes and round trips
 * a sync takes is counted on the library's own client. Nobody is pinned.
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "tests/bench/carry.h"
#include "tests/bench/changes.h"

#define FIRST_RECORDS 50000
#define CHANGED       1000
#define CONNECTIONS   16
#define LISTS         11
#define MIB           (1024.0 * 1024.0)
#define CURSOR_BUDGET (64u << 10)

/* --- with the command line */

static enum crm_status home_path(const struct bench *bench, const char *name, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/%s", bench->directory, name) < PATH_MAX
               ? CRM_OK
               : fail(bench->failure, CRM_INVALID, NULL, "the path of the directory is too long");
}

/* A profile of its own, logged in at the site. */
static enum crm_status log_in(struct bench *bench, const struct site *site, const char *home)
{
    char address[32], ca[PATH_MAX];
    const char *argv[] = { bench->crm, "login",    address,   "--ca", ca,
                           "--user",   SITE_LOGIN, "--quiet", NULL };

    snprintf(address, sizeof address, "localhost:%u", site->target.port);
    if (snprintf(ca, sizeof ca, "%s/ca.crt", site->directory) >= PATH_MAX ||
        setenv("CRM_HOME", home, 1) != 0)
        return fail(bench->failure, CRM_INVALID, NULL, "the path of the directory is too long");
    return child_run(argv, SITE_PASSWORD, NULL, bench->failure);
}

/* A site of its own, so that its size is known: other measures add to the first one. */
static enum crm_status make_site(struct bench *bench, struct carrying *carrying)
{
    uint64_t n = bench->n_records < FIRST_RECORDS ? bench->n_records : FIRST_RECORDS;
    char directory[PATH_MAX];
    double rate;
    enum crm_status status = bench_make_directory(bench, "carried", directory);

    if (status == CRM_OK)
        status = site_create(&carrying->site, bench->crmd, directory, bench->failure);
    if (status == CRM_OK)
        status = site_start(&carrying->site, bench->failure);
    if (status == CRM_OK)
        status = site_load(&carrying->site, n, 0, &rate, bench->failure);
    if (status == CRM_OK)
        status = bench_make_directory(bench, "home", carrying->home);
    return status == CRM_OK ? log_in(bench, &carrying->site, carrying->home) : status;
}

/* Anonymous memory, the most that was seen: pages of the replica's file that are mapped are apart, the system takes them back when it likes. */
static enum crm_status measure_first(struct bench *bench, struct carrying *carrying)
{
    const char *wipe[] = { bench->crm, "sync", "--wipe", "--yes", "--quiet", NULL };
    const char *sync[] = { bench->crm, "sync", "--scope", "all", "--quiet", NULL };
    uint64_t own, server, before;
    int64_t began_us;
    enum crm_status status = CRM_OK;

    setenv("CRM_HOME", carrying->home, 1);
    if (carrying->is_synced)
        status = child_run(wipe, NULL, NULL, bench->failure);
    if (status == CRM_OK)
        status = child_anonymous(carrying->site.server.pid, &before, bench->failure);
    began_us = clock_monotonic_us();
    if (status == CRM_OK)
        status = child_watch(sync, carrying->site.server.pid, &own, &server, bench->failure);
    if (status != CRM_OK)
        return status;
    carrying->is_synced = true;
    bench_note(bench, FIGURE_SYNC_FIRST, (double)(clock_monotonic_us() - began_us) / 1e6);
    bench_note(bench, FIGURE_SYNC_FIRST_CLIENT, (double)own / MIB);
    bench_note(bench, FIGURE_SYNC_FIRST_SERVER, server > before ? (double)(server - before) / MIB : 0);
    return CRM_OK;
}

static enum crm_status measure_offline(struct bench *bench, const char *home, enum figure figure)
{
    const char *list[] = { bench->crm, "list", "customers", "--limit", "100", "--offline", NULL };
    enum crm_status status = CRM_OK;
    double best = 0;

    setenv("CRM_HOME", home, 1);
    for (unsigned i = 0; i < LISTS && status == CRM_OK; i++) {
        int64_t began_us = clock_monotonic_us();
        double ms;

        status = child_run(list, NULL, NULL, bench->failure);
        ms = (double)(clock_monotonic_us() - began_us) / 1000;
        best = i == 0 || ms < best ? ms : best;
    }
    if (status == CRM_OK)
        bench_note(bench, figure, best);
    return status;
}

/* The same replica, sealed; its key is in the system's keyring, where that can be had. The next round begins without. */
static enum crm_status measure_sealed(struct bench *bench, const struct carrying *carrying)
{
    const char *encrypt[] = { bench->crm, "sync", "--encrypt", "--quiet", NULL };
    enum crm_status status;

    setenv("CRM_HOME", carrying->home, 1);
    setenv("CRM_REPLICA_PASSPHRASE", SITE_PASSWORD, 1);
    status = child_run(encrypt, NULL, NULL, bench->failure);
    if (status == CRM_OK)
        status = measure_offline(bench, carrying->home, FIGURE_OFFLINE_LIST_ENCRYPTED);
    unsetenv("CRM_REPLICA_PASSPHRASE");
    return status;
}

/* --- with the library */

static enum crm_status measure_nothing(struct bench *bench, const struct carrying *carrying)
{
    struct carried carried;
    enum crm_status status = carry_sync(&carrying->site, carrying->home, &carried, bench->failure);

    if (status == CRM_OK) /* what the login has changed */
        status = carry_sync(&carrying->site, carrying->home, &carried, bench->failure);
    if (status != CRM_OK)
        return status;
    bench_note(bench, FIGURE_SYNC_NOOP, carried.flights);
    bench_note(bench, FIGURE_SYNC_NOOP_MS, carried.ms);
    bench_note(bench, FIGURE_SYNC_NOOP_OUT, (double)carried.bytes_out);
    bench_note(bench, FIGURE_SYNC_NOOP_IN, (double)carried.bytes_in);
    return CRM_OK;
}

struct some_changes {
    struct changes changes;
    unsigned left;
};

static bool next_of_some(void *arg, const struct load_turn *turn, struct buf *out)
{
    struct some_changes *some = arg;

    return some->left > 0 && some->left-- > 0 && changes_next(&some->changes, turn, out);
}

static enum crm_status check_some(void *arg, struct slice body, struct failure *failure)
{
    return changes_check(&((struct some_changes *)arg)->changes, body, failure);
}

static enum crm_status change_some(struct bench *bench, const struct site *site)
{
    struct some_changes some = { .left = CHANGED };
    const struct load_plan plan = {
        .in_flight = 1, .next = next_of_some, .check = check_some, .arg = &some
    };
    struct load_result result;
    enum crm_status status;

    changes_init(&some.changes, CHANGES_PATCH, site->n_customers, 0);
    some.changes.random.state ^= bench->samples[FIGURE_SYNC_BYTES].n; /* others in each round */
    status = bench_load(bench, site, CONNECTIONS, &plan, &result);
    changes_fini(&some.changes);
    return status;
}

enum crm_status measure_sync_changes(struct bench *bench, const struct site *site,
                                     enum figure figure)
{
    struct carry_yardstick yardstick;
    struct carried carried;
    char home[PATH_MAX];
    struct arena arena;
    struct slice cursor;
    enum crm_status status = bench_pin(bench, site->server.pid, false);

    arena_init(&arena, CURSOR_BUDGET);
    if (status == CRM_OK)
        status = home_path(bench, "carrier", home);
    if (status == CRM_OK && mkdir(home, 0700) != 0 && errno != EEXIST)
        status = fail(bench->failure, CRM_IO, NULL, "cannot make %s: %s", home, strerror(errno));
    if (status == CRM_OK)
        status = carry_sync(site, home, &carried, bench->failure);
    if (status == CRM_OK)
        status = carry_cursor(home, &arena, &cursor, bench->failure);
    if (status == CRM_OK)
        status = change_some(bench, site);
    if (status == CRM_OK)
        status = carry_sync(site, home, &carried, bench->failure);
    if (status == CRM_OK)
        status = carry_measure(site, cursor, &yardstick, bench->failure);
    arena_fini(&arena);
    if (status != CRM_OK)
        return status;
    bench_note(bench, figure, carried.ms);
    bench_note(bench, FIGURE_SYNC_EXAMINED, (double)yardstick.examined / CHANGED);
    bench_note(bench, FIGURE_SYNC_BYTES,
               (double)(carried.bytes_out + carried.bytes_in) / (double)yardstick.zstd_bytes);
    return CRM_OK;
}

/* --- a round */

enum crm_status measure_sync(struct bench *bench)
{
    struct carrying *carrying = &bench->carrying;
    enum crm_status status = CRM_OK;

    if (bench_wants(bench, "sync_first") || bench_wants(bench, "sync_noop")) {
        if (!carrying->site.server.pid)
            status = make_site(bench, carrying);
        if (status == CRM_OK)
            status = measure_first(bench, carrying);
        if (status == CRM_OK)
            status = measure_offline(bench, carrying->home, FIGURE_OFFLINE_LIST);
        if (status == CRM_OK)
            status = measure_nothing(bench, carrying);
        if (status == CRM_OK)
            status = measure_sealed(bench, carrying);
    }
    if (status == CRM_OK && bench_wants(bench, "sync_changes"))
        status = measure_sync_changes(bench, &bench->site, FIGURE_SYNC_1000_OF_100K);
    return status;
}

void carrying_fini(struct carrying *carrying)
{
    site_stop(&carrying->site);
    SSL_CTX_free(carrying->site.target.tls);
}
