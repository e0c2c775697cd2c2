/*
 * growth.c - does the cost of a request grow with the base? The same work on 10,000 and on
 * 1,000,000 records
 *
 * A tenth of the records are deals. A growth is small's rate divided by large's, in one round.
 * Reads are pinned and several under way, so that what is compared is the server's work and not the
 * machine's wake-up.
 */
#include "tests/bench/bench.h"

#include <stdio.h>

#include "tests/bench/changes.h"

#define SMALL       10000
#define LARGE       1000000
#define DEALS       10 /* one record in so many */
#define GETS        65536
#define PAGES       64
#define SEARCHES    4096
#define READ_FLIGHT 8
#define GET_FLIGHT  32
#define CONNECTIONS 16

enum side { SIDE_SMALL, SIDE_LARGE, SIDES };
enum read { READ_GET, READ_PAGE, READ_SEARCH, READ_REPORT, READS };

struct growth {
    struct site sites[SIDES];
    struct own own; /* on the large one */
    struct frames frames[SIDES][READS];
};

static const struct {
    const char *name;
    unsigned in_flight;
    enum figure figure;
} reads[READS] = {
    [READ_GET] = { "get", GET_FLIGHT, FIGURE_GET_GROWTH },
    [READ_PAGE] = { "page", READ_FLIGHT, FIGURE_PAGE_GROWTH },
    [READ_SEARCH] = { "search", READ_FLIGHT, FIGURE_SEARCH_GROWTH },
    [READ_REPORT] = { "report", READ_FLIGHT, FIGURE_REPORT_GROWTH },
};

static enum crm_status make_frames(struct bench *bench, struct growth *growth, enum side side)
{
    const struct site *site = &growth->sites[side];
    struct frames *frames = growth->frames[side];
    struct peer peer = { 0 };
    enum crm_status status = site_connect(site, &peer, 1, bench->failure);

    for (enum read r = 0; r < READS; r++)
        frames_init(&frames[r]);
    if (status == CRM_OK)
        status = frames_add_gets(&frames[READ_GET], GETS, site->n_customers, bench->failure);
    if (status == CRM_OK)
        status = frames_add_pages(&frames[READ_PAGE], PAGES, 0, &peer, site->n_customers,
                                  bench->failure);
    if (status == CRM_OK)
        status = frames_add_searches(&frames[READ_SEARCH], SEARCHES, true, site->n_customers,
                                     bench->failure);
    if (status == CRM_OK)
        status = frames_add_report(&frames[READ_REPORT], bench->failure);
    site_disconnect(&peer, 1);
    return status;
}

static enum crm_status make_site(struct bench *bench, struct growth *growth, enum side side)
{
    uint64_t n = side == SIDE_SMALL ? SMALL : LARGE;
    struct site *site = &growth->sites[side];
    char directory[PATH_MAX];
    double rate;
    enum crm_status status =
        bench_make_directory(bench, side == SIDE_SMALL ? "small" : "large", directory);

    if (status == CRM_OK)
        status = site_create(site, bench->crmd, directory, bench->failure);
    if (status == CRM_OK)
        status = site_start(site, bench->failure);
    if (status == CRM_OK)
        status = site_load(site, n - n / DEALS, n / DEALS, &rate, bench->failure);
    if (status == CRM_OK)
        fprintf(stderr, "bench: %lu records loaded, %.0f a second\n", (unsigned long)n, rate);
    return status == CRM_OK ? make_frames(bench, growth, side) : status;
}

static enum crm_status compare_read(struct bench *bench, struct growth *growth, enum read read)
{
    struct load_result results[SIDES];
    enum crm_status status = CRM_OK;

    for (enum side side = 0; side < SIDES && status == CRM_OK; side++) {
        const struct load_plan plan = {
            .in_flight = reads[read].in_flight,
            .duration_us = bench->duration_us,
            .next = frames_next,
            .arg = &growth->frames[side][read],
        };

        status = bench_pin(bench, growth->sites[side].server.pid, true);
        if (status == CRM_OK)
            status = bench_load(bench, &growth->sites[side], 1, &plan, &results[side]);
    }
    if (status != CRM_OK)
        return status;
    fprintf(stderr, "bench: %s: %.0f and %.0f a second\n", reads[read].name,
            results[SIDE_SMALL].per_second, results[SIDE_LARGE].per_second);
    bench_note(bench, reads[read].figure,
               results[SIDE_SMALL].per_second / results[SIDE_LARGE].per_second);
    return CRM_OK;
}

static enum crm_status compare_updates(struct bench *bench, struct growth *growth)
{
    struct load_result results[SIDES];
    enum crm_status status = CRM_OK;

    for (enum side side = 0; side < SIDES && status == CRM_OK; side++) {
        struct changes changes;
        const struct load_plan plan = {
            .in_flight = 1,
            .duration_us = bench->duration_us,
            .next = changes_next,
            .check = changes_check,
            .arg = &changes,
        };

        changes_init(&changes, CHANGES_PATCH, growth->sites[side].n_customers, 0);
        status = bench_pin(bench, growth->sites[side].server.pid, false);
        if (status == CRM_OK)
            status = bench_load(bench, &growth->sites[side], CONNECTIONS, &plan, &results[side]);
        changes_fini(&changes);
    }
    if (status != CRM_OK)
        return status;
    fprintf(stderr, "bench: update: %.0f and %.0f a second\n", results[SIDE_SMALL].per_second,
            results[SIDE_LARGE].per_second);
    bench_note(bench, FIGURE_UPDATE_GROWTH,
               results[SIDE_SMALL].per_second / results[SIDE_LARGE].per_second);
    return CRM_OK;
}

enum crm_status growth_run(struct bench *bench)
{
    struct growth growth = { 0 };
    enum crm_status status = make_site(bench, &growth, SIDE_SMALL);

    if (status == CRM_OK)
        status = make_site(bench, &growth, SIDE_LARGE);
    for (unsigned round = 0; round < bench->rounds && status == CRM_OK; round++) {
        for (enum read read = 0; read < READS && status == CRM_OK; read++)
            if (bench_wants(bench, reads[read].name))
                status = compare_read(bench, &growth, read);
        if (status == CRM_OK && bench_wants(bench, "own"))
            status = own_measure(bench, &growth.sites[SIDE_LARGE], &growth.own);
        if (status == CRM_OK && bench_wants(bench, "sync"))
            status = measure_sync_changes(bench, &growth.sites[SIDE_LARGE], FIGURE_SYNC_1000_OF_1M);
        if (status == CRM_OK && bench_wants(bench, "update"))
            status = compare_updates(bench, &growth);
    }
    own_fini(&growth.own);
    for (enum side side = 0; side < SIDES; side++) {
        site_stop(&growth.sites[side]);
        SSL_CTX_free(growth.sites[side].target.tls);
        for (enum read read = 0; read < READS; read++)
            frames_fini(&growth.frames[side][read]);
    }
    return status;
}
