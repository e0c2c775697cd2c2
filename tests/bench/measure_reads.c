/*
 * measure_reads.c - gets against the echo, pages of a list against a scan, searches, one's own
 *
 * Server on one core, load on the other.
 */
#include "tests/bench/bench.h"

#include "tests/bench/load.h"

#define GETS           65536
#define PAGES          500
#define SEARCHES       4096
#define LIST_IN_FLIGHT 8
#define ROWS           100
#define NAME_FIELD     1
#define SCAN_US        200000

/* How gets are asked, and the figures of each way. */
static const struct {
    const char *name;
    unsigned connections, in_flight;
    enum figure ratio, get, echo;
} shapes[] = {
    { "get_pipelined", 1, 32, FIGURE_GET_PIPELINED_VS_ECHO, FIGURE_GET_PIPELINED,
      FIGURE_ECHO_PIPELINED },
    { "get_16c32", 16, 32, FIGURE_GET_16C32_VS_ECHO, FIGURE_GET_16C32, FIGURE_ECHO_16C32 },
    { "get_serial", 1, 1, FIGURE_GET_SERIAL_VS_ECHO, FIGURE_GET_SERIAL, FIGURE_ECHO_SERIAL },
};

static enum crm_status run_echo(struct bench *bench, unsigned n, const struct load_plan *plan,
                                struct load_result *out_result)
{
    struct peer peers[PEERS_MAX] = { 0 };
    enum crm_status status = CRM_OK;

    for (unsigned i = 0; i < n && status == CRM_OK; i++)
        status = peer_open(&peers[i], &bench->echo_target, bench->failure);
    if (status == CRM_OK)
        status = load_run(peers, n, plan, out_result, bench->failure);
    site_disconnect(peers, n);
    return status;
}

/* Replies as long as the gets' are on average. */
static enum crm_status make_echoes(struct bench *bench, const struct load_result *gets)
{
    if (bench->echoes.n)
        return CRM_OK;
    frames_init(&bench->echoes);
    return frames_add_echoes(&bench->echoes, &bench->gets, (uint32_t)(gets->bytes / gets->replies),
                             bench->failure);
}

static enum crm_status measure_shape(struct bench *bench, size_t i)
{
    struct load_plan plan = {
        .in_flight = shapes[i].in_flight,
        .duration_us = bench->duration_us,
        .next = frames_next,
        .arg = &bench->gets,
    };
    struct load_result get, echo;
    enum crm_status status = bench_pin(bench, bench->site.server.pid, true);

    if (status == CRM_OK)
        status = bench_load(bench, &bench->site, shapes[i].connections, &plan, &get);
    if (status == CRM_OK)
        status = make_echoes(bench, &get);
    if (status == CRM_OK)
        status = bench_pin(bench, bench->echo.pid, true);
    plan.arg = &bench->echoes;
    if (status == CRM_OK)
        status = run_echo(bench, shapes[i].connections, &plan, &echo);
    if (status != CRM_OK)
        return status;
    bench_note(bench, shapes[i].get, get.per_second);
    bench_note(bench, shapes[i].echo, echo.per_second);
    bench_note(bench, shapes[i].ratio, get.per_second / echo.per_second);
    return CRM_OK;
}

enum crm_status measure_gets(struct bench *bench)
{
    enum crm_status status = CRM_OK;

    if (!bench->gets.n) {
        frames_init(&bench->gets);
        status = frames_add_gets(&bench->gets, GETS, bench->site.n_customers, bench->failure);
    }
    for (size_t i = 0; i < ARRAY_LEN(shapes) && status == CRM_OK; i++)
        if (bench_wants(bench, shapes[i].name))
            status = measure_shape(bench, i);
    return status;
}

static enum crm_status make_pages(struct bench *bench)
{
    struct peer peer = { 0 };
    uint64_t n = bench->site.n_customers;
    enum crm_status status = site_connect(&bench->site, &peer, 1, bench->failure);

    frames_init(&bench->pages);
    frames_init(&bench->pages_by_name);
    if (status == CRM_OK)
        status = frames_add_pages(&bench->pages, PAGES, 0, &peer, n, bench->failure);
    if (status == CRM_OK)
        status =
            frames_add_pages(&bench->pages_by_name, PAGES, NAME_FIELD, &peer, n, bench->failure);
    site_disconnect(&peer, 1);
    return status;
}

enum crm_status measure_lists(struct bench *bench)
{
    struct load_plan plan = { .in_flight = LIST_IN_FLIGHT,
                              .duration_us = bench->duration_us,
                              .next = frames_next };
    struct load_result by_number, by_name;
    double scan;
    enum crm_status status = bench->pages.n ? CRM_OK : make_pages(bench);

    if (status == CRM_OK)
        status = bench_pin(bench, bench->site.server.pid, true);
    plan.arg = &bench->pages;
    if (status == CRM_OK)
        status = bench_load(bench, &bench->site, 1, &plan, &by_number);
    plan.arg = &bench->pages_by_name;
    if (status == CRM_OK)
        status = bench_load(bench, &bench->site, 1, &plan, &by_name);
    if (status == CRM_OK)
        status = yardstick_scan(bench->yardstick,
                                bench->duration_us < SCAN_US ? bench->duration_us : SCAN_US, &scan,
                                bench->failure);
    if (status != CRM_OK)
        return status;
    bench_note(bench, FIGURE_LIST_100_PAGES, by_number.per_second);
    bench_note(bench, FIGURE_LIST_100_BY_NAME_PAGES, by_name.per_second);
    bench_note(bench, FIGURE_SCAN, scan);
    bench_note(bench, FIGURE_LIST_100_VS_SCAN, ROWS * by_number.per_second / scan);
    return CRM_OK;
}

enum crm_status measure_own(struct bench *bench)
{
    return own_measure(bench, &bench->site, &bench->own);
}

enum crm_status measure_searches(struct bench *bench)
{
    struct load_times times = { 0 };
    const struct load_plan plan = {
        .in_flight = 1,
        .duration_us = bench->duration_us,
        .next = frames_next,
        .arg = &bench->searches,
        .times = &times,
    };
    struct load_result result;
    enum crm_status status = bench_pin(bench, bench->site.server.pid, true);

    if (status == CRM_OK && !bench->searches.n) {
        frames_init(&bench->searches);
        status = frames_add_searches(&bench->searches, SEARCHES, false, bench->site.n_customers,
                                     bench->failure);
    }
    if (status == CRM_OK)
        status = bench_load(bench, &bench->site, 1, &plan, &result);
    if (status == CRM_OK) {
        bench_note(bench, FIGURE_SEARCH_P50, load_times_quantile(&times, 0.5));
        bench_note(bench, FIGURE_SEARCH_P99, load_times_quantile(&times, 0.99));
    }
    load_times_fini(&times);
    return status;
}
