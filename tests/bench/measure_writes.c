/*
 * measure_writes.c - durable updates against the machine's durable one-record commits
 *
 * Nobody is pinned: while the disk syncs there is room for everybody.
 */
#include "tests/bench/bench.h"

#include "tests/bench/changes.h"

/* What is changed by how many, and the figures of each way. */
static const struct {
    const char *name;
    enum changes_what what;
    unsigned connections;
    enum figure ratio, rate;
} shapes[] = {
    { "update_16c", CHANGES_PATCH, 16, FIGURE_UPDATE_16C_VS_FSYNC, FIGURE_UPDATE_16C },
    { "update_64c", CHANGES_PATCH, 64, FIGURE_UPDATE_64C_VS_FSYNC, FIGURE_UPDATE_64C },
    { "update_indexed_16c", CHANGES_PATCH_INDEXED, 16, FIGURE_UPDATE_INDEXED_16C_VS_FSYNC,
      FIGURE_UPDATE_INDEXED_16C },
};

static enum crm_status measure_shape(struct bench *bench, size_t i, double fsync_per_second)
{
    struct changes changes;
    const struct load_plan plan = {
        .in_flight = 1,
        .duration_us = bench->duration_us,
        .next = changes_next,
        .check = changes_check,
        .arg = &changes,
    };
    struct load_result result;
    enum crm_status status;

    changes_init(&changes, shapes[i].what, bench->site.n_customers, 0);
    status = bench_load(bench, &bench->site, shapes[i].connections, &plan, &result);
    changes_fini(&changes);
    if (status != CRM_OK)
        return status;
    bench_note(bench, shapes[i].rate, result.per_second);
    bench_note(bench, shapes[i].ratio, result.per_second / fsync_per_second);
    return CRM_OK;
}

enum crm_status measure_updates(struct bench *bench)
{
    double fsync_per_second = 0;
    enum crm_status status = bench_pin(bench, bench->site.server.pid, false);

    if (status == CRM_OK)
        status = yardstick_commits(bench->yardstick, bench->duration_us, &fsync_per_second,
                                   bench->failure);
    for (size_t i = 0; i < ARRAY_LEN(shapes) && status == CRM_OK; i++)
        if (bench_wants(bench, shapes[i].name))
            status = measure_shape(bench, i, fsync_per_second);
    if (status == CRM_OK)
        bench_note(bench, FIGURE_FSYNC, fsync_per_second);
    return status;
}
