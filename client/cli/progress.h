/*
 * progress.h - a bar on the terminal for work that takes more than a second: how much is done, how
 * fast, how long it will take. Where the error output is no terminal, a line now and then
 */
#ifndef CRM_CLI_PROGRESS_H
#define CRM_CLI_PROGRESS_H

#include "client/cli/cli.h"

struct progress {
    bool is_shown; /* without --quiet */
    bool is_bar;   /* on a terminal */
    bool is_drawn;
    uint64_t total; /* 0: not known */
    int64_t started_us, drawn_us;
    char note[40]; /* behind the rest; empty: nothing */
};

void progress_init(struct progress *progress, const struct cli *cli, uint64_t total);
/* Cheap: draws at most ten times a second, and not in the first second; lines: one in ten seconds. */
void progress_update(struct progress *progress, uint64_t done);
/* Is there something to draw at now_us of clock_monotonic_us? */
bool progress_is_due(const struct progress *progress, int64_t now_us);
/* Clear the bar away. */
void progress_end(struct progress *progress);
/* The line of the bar: "  4,200 of 8,800  47 %  3,900/s  1 s left"; for progress_update and its
 * test. */
void progress_text(uint64_t done, uint64_t total, int64_t elapsed_us, char text[120]);

#endif
