/*
 * bench.c - figures and their samples, and what the measures share
 *
 * The bench's single thread.
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* How a figure is printed. */
struct figure_def {
    const char *name, *unit;
    int decimals;
};

#define FIGURE_ROW(NAME, name, unit, decimals) [FIGURE_##NAME] = { name, unit, decimals },
static const struct figure_def figures[] = { FIGURE_LIST(FIGURE_ROW) };

void bench_note(struct bench *bench, enum figure figure, double value)
{
    struct samples *samples = &bench->samples[figure];

    if (samples->n < ROUNDS_MAX)
        samples->values[samples->n++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(const struct bench *bench, enum figure figure)
{
    struct samples sorted = bench->samples[figure];

    qsort(sorted.values, sorted.n, sizeof sorted.values[0], compare);
    return sorted.n ? sorted.values[sorted.n / 2] : 0;
}

void bench_print(const struct bench *bench)
{
    for (enum figure f = 0; f < FIGURE_COUNT; f++)
        if (bench->samples[f].n)
            printf("%s %.*f %s\n", figures[f].name, figures[f].decimals, bench_median(bench, f),
                   figures[f].unit);
    fflush(stdout);
}

bool bench_wants(const struct bench *bench, const char *measure)
{
    size_t asked = bench->only ? strlen(bench->only) : 0, size = strlen(measure);

    return strncmp(measure, bench->only ? bench->only : "", asked < size ? asked : size) == 0;
}

enum crm_status bench_pin(const struct bench *bench, pid_t server, bool is_pinned)
{
    enum crm_status status =
        child_pin(server, is_pinned ? bench->server_cpu : CPU_ANY, bench->failure);

    return status == CRM_OK ? child_pin(0, is_pinned ? bench->load_cpu : CPU_ANY, bench->failure)
                            : status;
}

enum crm_status bench_make_directory(const struct bench *bench, const char *name,
                                     char out_path[PATH_MAX])
{
    int n = snprintf(out_path, PATH_MAX, "%s/%s", bench->directory, name);

    if (n < 0 || n >= PATH_MAX)
        return fail(bench->failure, CRM_INVALID, NULL, "the path of the directory is too long");
    return mkdir(out_path, 0700) == 0 ? CRM_OK
                                      : fail(bench->failure, CRM_IO, NULL, "cannot make %s: %s",
                                             out_path, strerror(errno));
}

enum crm_status bench_load(struct bench *bench, const struct site *site, unsigned n_peers,
                           const struct load_plan *plan, struct load_result *out_result)
{
    struct peer peers[PEERS_MAX] = { 0 };
    enum crm_status status = site_connect(site, peers, n_peers, bench->failure);

    if (status == CRM_OK)
        status = load_run(peers, n_peers, plan, out_result, bench->failure);
    site_disconnect(peers, n_peers);
    return status;
}
