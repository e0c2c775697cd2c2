/*
 * test_badline_line.c - the kernel's own TCP and UDP over the line: everything arrives whole, no sooner than the line allows, and is counted
 *
 * Bounds of time are lower ones only: a slow machine makes nothing fail. Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_peers.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MIB       (UINT64_C(1) << 20)
#define DATAGRAMS 10000
#define PAUSE_MS  100 /* after which the counts are looked at again */

static void test_a_stream_arrives_whole_over_loss(void **state)
{
    const struct badline_way way = { .delay_us = 50000, .jitter_us = 5000, .loss = 0.01, .duplicate = 0.01, .reorder = 0.01, .rate_bit_s = 8000000 };
    const struct badline_config config = peers_both_ways(&way);
    struct badline *line = peers_line(&config);
    struct badline_count counts[BADLINE_SIDES];
    int64_t took_ns = peers_transfer(line, MIB), ideal_ns;

    (void)state;
    assert_true(badline_stats(line, counts));
    /* A round trip to connect, the bytes at the rate, a way there and one back for the end. */
    ideal_ns = INT64_C(4) * 45000000 + (int64_t)(MIB * 8 * 125);
    print_message("1 MiB in %.2f s, at best %.2f s; %ju packets, %ju lost\n", (double)took_ns / 1e9, (double)ideal_ns / 1e9,
                  (uintmax_t)counts[BADLINE_CLIENT].sent, (uintmax_t)counts[BADLINE_CLIENT].lost);
    assert_true(took_ns >= ideal_ns);
    assert_true(counts[BADLINE_CLIENT].lost > 0);
    assert_true(counts[BADLINE_CLIENT].delivered_bytes > MIB);
    badline_stop(line);
}

static void assert_share(uint64_t n, uint64_t of, double expected)
{
    double mean = (double)of * expected, off = (double)n - mean;

    if (off * off > 25 * mean * (1 - expected))
        fail_msg("%ju of %ju is not a share of %g", (uintmax_t)n, (uintmax_t)of, expected);
}

/* So many packets of the client's have entered the line, and none is on its way any more. */
static void wait_until_arrived(struct badline *line, uint64_t packets)
{
    struct badline_count counts[BADLINE_SIDES];

    do
        (void)badline_wait_bytes(line, BADLINE_CLIENT, 1, PAUSE_MS);
    while (badline_stats(line, counts) && (counts[BADLINE_CLIENT].sent < packets || counts[BADLINE_CLIENT].in_flight > 0));
}

/* What the receiver sees is what the emulator counts, and what was asked for. */
static void test_datagrams_meet_what_was_asked_for(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .loss = 0.05, .duplicate = 0.02, .reorder = 0.05, .rate_bit_s = 10000000 };
    const struct badline_config perfect = { 0 };
    const struct badline_config config = { .seed = 42, .way = { way, { 0 } } };
    struct badline *line = peers_line(&config);
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_datagrams, 0), sender;
    struct badline_count counts[BADLINE_SIDES];
    const struct badline_count *up = &counts[BADLINE_CLIENT];
    struct peer_report report;

    (void)state;
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_datagrams, DATAGRAMS);
    peer_hear(&sender);
    wait_until_arrived(line, DATAGRAMS);
    assert_true(badline_set(line, &perfect)); /* so that the last one arrives */
    peer_go(&sender);
    report = peer_hear(&receiver);
    peer_join(&sender);
    peer_join(&receiver);

    assert_true(badline_stats(line, counts));
    print_message("%ju sent, %ju lost, %ju doubled, %ju held back, %ju overtaken\n", (uintmax_t)up->sent, (uintmax_t)up->lost,
                  (uintmax_t)up->duplicated, (uintmax_t)up->held, (uintmax_t)up->overtaken);
    assert_int_equal(up->sent, DATAGRAMS + 1);
    assert_int_equal(report.datagrams, up->delivered - 1);
    assert_int_equal(report.datagrams + up->lost, DATAGRAMS + report.doubles);
    assert_int_equal(report.doubles, up->duplicated);
    assert_int_equal(report.late, up->overtaken);
    assert_share(up->lost, DATAGRAMS, 0.05);
    assert_share(up->duplicated, DATAGRAMS - up->lost, 0.02);
    assert_share(up->held, DATAGRAMS - up->lost, 0.05);
    assert_true(up->overtaken > 0);
    badline_stop(line);
}

static void test_a_rate_is_held(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .rate_bit_s = 1000000, .queue_bytes = 8000 };
    const struct badline_config config = peers_both_ways(&way);
    struct badline *line = peers_line(&config);
    struct badline_count counts[BADLINE_SIDES];
    int64_t took_ns = peers_transfer(line, MIB / 4), bytes;

    (void)state;
    assert_true(badline_stats(line, counts));
    bytes = (int64_t)counts[BADLINE_CLIENT].delivered_bytes - BADLINE_BURST_BYTES;
    print_message("%.0f bit/s of 1000000, %ju packets found no room\n", (double)bytes * 8e9 / (double)took_ns,
                  (uintmax_t)counts[BADLINE_CLIENT].overflowed);
    assert_true(took_ns >= bytes * 8 * 1000);
    assert_true(counts[BADLINE_CLIENT].overflowed > 0); /* the first window alone is more */
    badline_stop(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_arrives_whole_over_loss),
        cmocka_unit_test(test_datagrams_meet_what_was_asked_for),
        cmocka_unit_test(test_a_rate_is_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
