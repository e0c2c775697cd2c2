/*
 * test_badline_sync.c - crm sync over a bad line: what a rep did and what others did meet, whatever the line does, and what has arrived once is not sent again
 *
 *     test_badline_sync [PATTERN] [PUSHES PULLS]
 *
 * Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_work.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define SEED       17
#define CUSTOMERS  600
#define MS         INT64_C(1000) /* microseconds */
#define SOME_BYTES 10000        /* of what the server says in a sync */
#define LONG_MS    30000
#define OVERDUE_MS 40000        /* so long a client waits for an answer and a pong */
#define MOVED_TO   "10.77.0.9"

static struct work work;
static unsigned n_pushes = 200, n_pulls = 500;

/* How the lines treat each direction. */
static const struct badline_way far = { .delay_us = 300 * MS, .jitter_us = 10 * MS };
static const struct badline_way one_percent = { .delay_us = 50 * MS, .loss = 0.01 };
static const struct badline_way five_percent = { .delay_us = 50 * MS, .loss = 0.05 };
static const struct badline_way twenty_percent = { .delay_us = 50 * MS, .loss = 0.20 };
static const struct badline_way reordering = { .delay_us = 50 * MS, .reorder = 0.1, .duplicate = 0.05 };
static const struct badline_way slow = { .delay_us = 50 * MS, .rate_bit_s = 128000, .queue_bytes = 64000 };
static const struct badline_way cuts = {
    .delay_us = 100 * MS, .rate_bit_s = 96000, .queue_bytes = 64000, .cut_every_us = 5000 * MS, .cut_for_us = 1500 * MS,
};

static void test_sync_over(void **state)
{
    const struct badline_way *way = *state;
    struct work_report report;

    if (!work.office.line) /* here, where it may be skipped */
        work_open(&work, SEED, CUSTOMERS);
    work_make(&work, n_pushes, n_pulls);
    office_set_line(&work.office, way);
    work_sync(&work, &report);
    print_message("    %u changes sent, %u taken in: %.1f s in %u goes; %ju bytes up, %ju down, since the line was made\n", n_pushes, n_pulls,
                  (double)report.took_ns / 1e9, report.attempts, (uintmax_t)report.counts[BADLINE_CLIENT].sent_bytes,
                  (uintmax_t)report.counts[BADLINE_SERVER].sent_bytes);
    if (way->cut_every_us)
        assert_true(report.counts[BADLINE_CLIENT].cut + report.counts[BADLINE_SERVER].cut > 0);
    work_assert_synced(&work);
}

/*
 * The rep has gone from one network to another in the middle: the old connection says nothing any more, and the client finds out by itself before an answer
 * is overdue.
 */
static void test_sync_outlives_another_address(void **state)
{
    struct work_report report;
    struct running sync;

    (void)state;
    if (!work.office.line)
        work_open(&work, SEED, CUSTOMERS);
    work_make(&work, n_pushes, n_pulls);
    office_set_line(&work.office, &slow);
    sync = office_start(&work.office, (const char *const[]){ "sync", "--json", NULL });
    assert_true(badline_wait_bytes(work.office.line, BADLINE_SERVER, SOME_BYTES, LONG_MS));
    assert_true(badline_move(work.office.line, MOVED_TO));
    work_finish_sync(&work, sync, &report);
    print_message("    %.1f s in %u goes\n", (double)report.took_ns / 1e9, report.attempts);
    assert_int_equal(report.attempts, 1);
    assert_true(report.took_ns / 1000000 < OVERDUE_MS);
    work_assert_synced(&work);
}

#define OVER(way, name) { name, test_sync_over, NULL, NULL, (void *)(uintptr_t)&(way) }

static int close_work(void **state)
{
    (void)state;
    if (work.office.line)
        work_close(&work);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        OVER(far, "sync over 600 ms there and back"), OVER(one_percent, "sync over 1 % of loss"), OVER(five_percent, "sync over 5 % of loss"),
        OVER(twenty_percent, "sync over 20 % of loss"), OVER(reordering, "sync over reordering and doubles"), OVER(slow, "sync over 128 kbit/s"),
        OVER(cuts, "sync over a cut every 5 s"),
        cmocka_unit_test(test_sync_outlives_another_address),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    if (argc > 3) {
        n_pushes = (unsigned)strtoul(argv[2], NULL, 10);
        n_pulls = (unsigned)strtoul(argv[3], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, close_work);
}
