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
#define LINE_US   10000000

void progress_init(struct progress *progress, const struct cli *cli, uint64_t total)
{
    *progress = (struct progress){ .is_shown = !cli->options.quiet,
                                   .is_bar = cli->err_is_tty,
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

bool progress_is_due(const struct progress *progress, int64_t now_us)
{
    if (!progress->is_shown)
        return false;
    if (progress->is_bar)
        return now_us - progress->started_us >= QUIET_US && now_us - progress->drawn_us >= REDRAW_US;
    return now_us - progress->started_us >= LINE_US && now_us - progress->drawn_us >= LINE_US;
}

void progress_update(struct progress *progress, uint64_t done)
{
    int64_t now = clock_monotonic_us();
    char text[120];

    if (!progress_is_due(progress, now))
        return;
    progress_text(done, progress->total, now - progress->started_us, text);
    fprintf(stderr, "%s%s%s%s%s", progress->is_bar ? "\r\033[K" : "", text, *progress->note ? "  " : "", progress->note, progress->is_bar ? "" : "\n");
    fflush(stderr);
    progress->drawn_us = now;
    progress->is_drawn = progress->is_bar;
}

void progress_end(struct progress *progress)
{
    if (progress->is_drawn)
        fputs("\r\033[K", stderr);
    progress->is_drawn = false;
}
