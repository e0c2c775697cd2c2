/*
 * progress.c - the bar
 *
 * Main thread; writes to the error output only.
 */
#include "client/cli/progress.h"

#include <stdio.h>

#include "common/base/clock.h"

#define QUIET_US  1000000
#define REDRAW_US 100000

void progress_init(struct progress *progress, const struct cli *cli, uint64_t total)
{
    *progress = (struct progress){ .is_shown = cli->err_is_tty && !cli->options.quiet,
                                   .total = total,
                                   .started_us = clock_monotonic_us() };
}

void progress_text(uint64_t done, uint64_t total, int64_t elapsed_us, char text[120])
{
    uint64_t rate = elapsed_us > 0 ? done * 1000000 / (uint64_t)elapsed_us : 0;
    char done_text[32], total_text[32], rate_text[32];

    cli_grouped((int64_t)done, done_text);
    cli_grouped((int64_t)total, total_text);
    cli_grouped((int64_t)rate, rate_text);
    if (total == 0 || done > total)
        snprintf(text, 120, "%s  %s/s", done_text, rate_text);
    else if (rate == 0)
        snprintf(text, 120, "%s of %s", done_text, total_text);
    else
        snprintf(text, 120, "%s of %s  %d %%  %s/s  %d s left", done_text, total_text,
                 (int)(done * 100 / total), rate_text, (int)((total - done) / rate));
}

void progress_update(struct progress *progress, uint64_t done)
{
    int64_t now;
    char text[120];

    if (!progress->is_shown)
        return;
    now = clock_monotonic_us();
    if (now - progress->started_us < QUIET_US || now - progress->drawn_us < REDRAW_US)
        return;
    progress_text(done, progress->total, now - progress->started_us, text);
    fprintf(stderr, "\r\033[K%s%s%s", text, *progress->note ? "  " : "", progress->note);
    fflush(stderr);
    progress->drawn_us = now;
    progress->is_drawn = true;
}

void progress_end(struct progress *progress)
{
    if (progress->is_drawn)
        fputs("\r\033[K", stderr);
    progress->is_drawn = false;
}
