/*
 * measure_badline.c - what a sync takes over 400 ms and 5 % loss, against the same bytes over one bare TLS stream
 *
 * Done by a program of its own (tests/net/badline), which needs the right to make network namespaces; one try a round.
 */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX 65536

static void note(struct bench *bench, enum figure figure, const char *name, const char *output)
{
    const char *place = strstr(output, name);

    if (place)
        bench_note(bench, figure, strtod(place + strlen(name), NULL));
}

enum crm_status measure_badline(struct bench *bench)
{
    const char *argv[] = { bench->badline, "1", NULL };
    struct buf out;
    enum crm_status status;

    if (bench->rounds == 1 && !bench->only) /* --quick: it takes its time whatever there is to do */
        return CRM_OK;
    buf_init(&out, OUTPUT_MAX);
    status = child_run(argv, NULL, &out, bench->failure);
    if (status == CRM_OK)
        status = buf_append(&out, "", 1);
    if (status == CRM_OK && strstr((const char *)out.data, "no network namespaces"))
        fprintf(stderr, "bench: sync_badline_vs_ideal is skipped: no network namespaces can be made here\n");
    if (status == CRM_OK) {
        note(bench, FIGURE_SYNC_BADLINE, "sync_badline_vs_ideal ", (const char *)out.data);
        note(bench, FIGURE_SYNC_BADLINE_PUSH, "sync_badline_push_vs_ideal ", (const char *)out.data);
    }
    buf_fini(&out);
    return status;
}
