/*
 * line.c - the estimate of a line, and the file that keeps it
 *
 * Called by connect.c, first.c and sync_once.c; main thread. The file is not synced and not replaced in one step: two commands at once, or a crash, cost an estimate.
 */
#include "client/cli/line.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define TOOK_MAX_US  INT64_C(60000000)
#define MISSES_CYCLE 4

static void file_name(const char *home, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/line", home);
}

void line_read(const char *home, struct line *out_line)
{
    char path[PATH_MAX];
    struct line line = { 0 };
    FILE *file;
    int n;

    *out_line = line;
    file_name(home, path);
    file = fopen(path, "re");
    if (!file)
        return;
    n = fscanf(file, "%" SCNd64 " %" SCNd64 " %u", &line.smoothed_us, &line.varies_us, &line.missed);
    fclose(file);
    if (n == 3 && line.smoothed_us >= 0 && line.smoothed_us <= TOOK_MAX_US && line.varies_us >= 0 && line.varies_us <= TOOK_MAX_US)
        *out_line = line;
}

void line_write(const char *home, const struct line *line)
{
    char path[PATH_MAX];
    FILE *file;

    file_name(home, path);
    file = fopen(path, "we");
    if (!file)
        return;
    fprintf(file, "%" PRId64 " %" PRId64 " %u\n", line->smoothed_us, line->varies_us, line->missed);
    fclose(file);
}

void line_answered(struct line *line, int64_t took_us)
{
    if (took_us < 1)
        took_us = 1;
    if (took_us > TOOK_MAX_US)
        took_us = TOOK_MAX_US;
    line->missed = 0;
    if (line->smoothed_us == 0) {
        line->smoothed_us = took_us;
        line->varies_us = took_us / 2;
        return;
    }
    line->varies_us += (llabs(line->smoothed_us - took_us) - line->varies_us) / 4;
    line->smoothed_us += (took_us - line->smoothed_us) / 8;
}

void line_learn(const char *home, int64_t took_us)
{
    struct line line;

    line_read(home, &line);
    line_answered(&line, took_us);
    line_write(home, &line);
}

void line_missed(struct line *line)
{
    line->missed++;
}

int64_t line_budget_us(const struct line *line)
{
    unsigned missed = line->missed % MISSES_CYCLE;
    int64_t budget_us = line->smoothed_us ? line->smoothed_us + 4 * line->varies_us : LINE_BUDGET_FIRST_US;

    if (budget_us < LINE_BUDGET_MIN_US)
        budget_us = LINE_BUDGET_MIN_US;
    if (missed > 0 && budget_us < LINE_BUDGET_FIRST_US)
        budget_us = LINE_BUDGET_FIRST_US; /* what was learned may have been another line: the office's */
    if (missed > 1)
        budget_us <<= missed - 1;
    return budget_us < LINE_BUDGET_MAX_US ? budget_us : LINE_BUDGET_MAX_US;
}
