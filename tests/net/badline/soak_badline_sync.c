/*
 * soak_badline_sync.c - what takes minutes: syncs over 600 ms together with loss, reordering or cuts, a peer that is gone in the middle, another address
 *
 *     soak_badline_sync [PATTERN]
 *
 * Run by `ctest -C soak -L soak`, not by a plain ctest. Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_work.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define SEED       19
#define CUSTOMERS  600
#define PUSHES     200
#define PULLS      500
#define MS         INT64_C(1000) /* microseconds */
#define SOME_BYTES 20000         /* of what the server says in such a sync */
#define LONG_MS    30000
#define NOTICE_MS  60000 /* within which a peer that is gone must be noticed */
#define MOVED_TO   "10.77.0.9"

static struct work work;

/* How the lines treat each direction. */
static const struct badline_way one_percent = { .delay_us = 300 * MS, .jitter_us = 20 * MS, .loss = 0.01 };
static const struct badline_way five_percent = { .delay_us = 300 * MS, .jitter_us = 20 * MS, .loss = 0.05 };
static const struct badline_way twenty_percent = { .delay_us = 300 * MS, .jitter_us = 20 * MS, .loss = 0.20 };
static const struct badline_way reordering = { .delay_us = 300 * MS, .jitter_us = 20 * MS, .reorder = 0.1, .duplicate = 0.05 };
static const struct badline_way slow = { .delay_us = 300 * MS, .rate_bit_s = 128000, .queue_bytes = 64000 };
static const struct badline_way cuts = {
    .delay_us = 300 * MS, .rate_bit_s = 64000, .queue_bytes = 64000, .cut_every_us = 5000 * MS, .cut_for_us = 2000 * MS,
};
static const struct badline_way dead = { .is_dead = true };
static const struct badline_way narrow = { .delay_us = 50 * MS, .rate_bit_s = 64000, .queue_bytes = 64000 };

static void open_work(void)
{
    if (!work.office.line) /* here, where it may be skipped */
        work_open(&work, SEED, CUSTOMERS);
}

static void tell(const struct work_report *report)
{
    print_message("    %d changes sent, %d taken in: %.1f s in %u goes\n", PUSHES, PULLS, (double)report->took_ns / 1e9, report->attempts);
}

static void test_sync_over(void **state)
{
    struct work_report report;

    open_work();
    work_make(&work, PUSHES, PULLS);
    office_set_line(&work.office, *state);
    work_sync(&work, &report);
    tell(&report);
    work_assert_synced(&work);
}

/* A sync over a narrow line of which a part has come. */
static struct running start_and_wait(void)
{
    struct running sync;

    open_work();
    work_make(&work, PUSHES, PULLS);
    office_set_line(&work.office, &narrow);
    sync = office_start(&work.office, (const char *const[]){ "sync", "--json", NULL });
    assert_true(badline_wait_bytes(work.office.line, BADLINE_SERVER, SOME_BYTES, LONG_MS));
    return sync;
}

/* From one moment to the next neither hears anything of the other. The server forgets the connection; the client goes on when there is a line again. */
static void test_sync_outlives_a_peer_that_is_gone(void **state)
{
    struct running sync = start_and_wait();
    struct work_report report;

    (void)state;
    office_set_line(&work.office, &dead);
    assert_true(office_wait_log(&work.office, "why=\"connection lost\"", NOTICE_MS));
    assert_false(office_ends_within(&sync, 1));
    office_set_line(&work.office, &narrow);
    work_finish_sync(&work, sync, &report);
    tell(&report);
    assert_int_equal(report.attempts, 1);
    work_assert_synced(&work);
}

/* The rep has gone from one network to another: the old connection says nothing any more. */
static void test_sync_outlives_another_address(void **state)
{
    struct running sync = start_and_wait();
    struct work_report report;

    (void)state;
    assert_true(badline_move(work.office.line, MOVED_TO));
    work_finish_sync(&work, sync, &report);
    tell(&report);
    assert_int_equal(report.attempts, 1);
    assert_true(report.took_ns / 1000000 < NOTICE_MS + LONG_MS);
    assert_true(badline_move(work.office.line, BADLINE_CLIENT_ADDRESS));
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
        OVER(one_percent, "sync over 600 ms and 1 % of loss"),
        OVER(five_percent, "sync over 600 ms and 5 % of loss"),
        OVER(twenty_percent, "sync over 600 ms and 20 % of loss"),
        OVER(reordering, "sync over 600 ms and reordering"),
        OVER(slow, "sync over 600 ms and 128 kbit/s"),
        OVER(cuts, "sync over 600 ms and a cut every 5 s"),
        cmocka_unit_test(test_sync_outlives_a_peer_that_is_gone),
        cmocka_unit_test(test_sync_outlives_another_address),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, close_work);
}
