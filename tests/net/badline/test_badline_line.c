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
#include <string.h>
#include <cmocka.h>

#define MIB       (UINT64_C(1) << 20)
#define DATAGRAMS 10000
#define STALL_MS  600
#define LONG_MS   10000
#define MOVED_TO  "10.77.0.9"

/* A line of this kind, or the test is skipped. */
static struct badline *start(const struct badline_config *config)
{
    struct badline *line = NULL;
    enum badline_start started = badline_start(config, &line);

    if (started == BADLINE_REFUSED) {
        print_message("no network namespaces here\n");
        skip();
    }
    assert_int_equal(started, BADLINE_STARTED);
    return line;
}

static struct badline_config both_ways(const struct badline_way *way)
{
    return (struct badline_config){ .seed = 42, .way = { *way, *way } };
}

static void assert_pattern(const struct peer_report *report, uint64_t bytes)
{
    uint8_t expected[SHA256_SIZE];

    assert_int_equal(report->bytes, bytes);
    pattern_sha256(bytes, expected);
    assert_memory_equal(report->sha256, expected, SHA256_SIZE);
}

/* A stream from the client to the server, whole; how long it took. */
static int64_t transfer(const struct badline *line, uint64_t bytes)
{
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0), sender;
    struct peer_report report;
    int64_t took_ns;

    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, bytes);
    report = peer_hear(&receiver);
    took_ns = peer_hear(&sender).took_ns;
    peer_join(&sender);
    peer_join(&receiver);
    assert_pattern(&report, bytes);
    assert_string_equal(report.address, BADLINE_CLIENT_ADDRESS);
    return took_ns;
}

static void test_a_stream_arrives_whole_over_loss(void **state)
{
    const struct badline_way way = { .delay_us = 50000, .jitter_us = 5000, .loss = 0.01, .duplicate = 0.01, .reorder = 0.01, .rate_bit_s = 8000000 };
    const struct badline_config config = both_ways(&way);
    struct badline *line = start(&config);
    struct badline_count counts[BADLINE_SIDES];
    int64_t took_ns = transfer(line, MIB), ideal_ns;

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

/* What the receiver sees is what the emulator counts, and what was asked for. */
static void test_datagrams_meet_what_was_asked_for(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .loss = 0.05, .duplicate = 0.02, .reorder = 0.05, .rate_bit_s = 10000000 };
    const struct badline_way end = { .delay_us = 200000 }; /* behind everything that is held back */
    struct badline_config config = { .seed = 42, .way = { way, { 0 } } };
    struct badline *line = start(&config);
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_datagrams, 0), sender;
    struct badline_count counts[BADLINE_SIDES];
    const struct badline_count *up = &counts[BADLINE_CLIENT];
    struct peer_report report;

    (void)state;
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_datagrams, DATAGRAMS);
    peer_hear(&sender);
    config.way[BADLINE_CLIENT] = end;
    assert_true(badline_set(line, &config));
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
    const struct badline_config config = both_ways(&way);
    struct badline *line = start(&config);
    struct badline_count counts[BADLINE_SIDES];
    int64_t took_ns = transfer(line, MIB / 4), bytes;

    (void)state;
    assert_true(badline_stats(line, counts));
    bytes = (int64_t)counts[BADLINE_CLIENT].delivered_bytes - BADLINE_BURST_BYTES;
    print_message("%.0f bit/s of 1000000, %ju packets found no room\n", (double)bytes * 8e9 / (double)took_ns,
                  (uintmax_t)counts[BADLINE_CLIENT].overflowed);
    assert_true(took_ns >= bytes * 8 * 1000);
    assert_true(counts[BADLINE_CLIENT].overflowed > 0); /* the first window alone is more */
    badline_stop(line);
}

static void test_a_cut_stalls_and_what_was_cut_resumes(void **state)
{
    const struct badline_way way = { .delay_us = 20000, .rate_bit_s = 4000000, .queue_bytes = 64000 };
    const struct badline_config alive = both_ways(&way);
    struct badline_config dead = alive;
    struct badline *line = start(&alive);
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0), sender;
    struct badline_count counts[BADLINE_SIDES];
    struct peer_report report;

    (void)state;
    dead.way[BADLINE_CLIENT].is_dead = dead.way[BADLINE_SERVER].is_dead = true;
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, MIB);
    assert_true(badline_wait_bytes(line, BADLINE_CLIENT, MIB / 4, LONG_MS));
    assert_true(badline_set(line, &dead));
    assert_false(badline_wait_bytes(line, BADLINE_CLIENT, 1, STALL_MS));
    assert_true(badline_set(line, &alive));
    report = peer_hear(&receiver);
    assert_true(peer_hear(&sender).took_ns > STALL_MS * INT64_C(1000000));
    peer_join(&sender);
    peer_join(&receiver);
    assert_pattern(&report, MIB);
    assert_true(badline_stats(line, counts));
    assert_true(counts[BADLINE_CLIENT].cut > 0);
    badline_stop(line);
}

/* 0.3 s in each 0.8: the same by the line's own clock. */
static void test_regular_cuts_let_it_through_in_the_end(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .rate_bit_s = 2000000, .queue_bytes = 64000, .cut_every_us = 800000, .cut_for_us = 300000 };
    const struct badline_config config = both_ways(&way);
    struct badline *line = start(&config);
    struct badline_count counts[BADLINE_SIDES];

    (void)state;
    transfer(line, MIB / 4);
    assert_true(badline_stats(line, counts));
    assert_true(counts[BADLINE_CLIENT].cut > 0);
    badline_stop(line);
}

/* One direction is dead: the sender's packets vanish, the receiver's way stays open. */
static void test_a_line_dies_in_one_direction(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .rate_bit_s = 4000000, .queue_bytes = 64000 };
    struct badline_config config = both_ways(&way);
    struct badline *line = start(&config);
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0), sender;
    struct badline_count counts[BADLINE_SIDES];

    (void)state;
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, MIB);
    assert_true(badline_wait_bytes(line, BADLINE_CLIENT, MIB / 4, LONG_MS));
    config.way[BADLINE_SERVER].is_dead = true; /* the acknowledgements: what is sent goes on arriving, again and again */
    assert_true(badline_set(line, &config));
    assert_true(badline_wait_bytes(line, BADLINE_CLIENT, 1, LONG_MS));
    assert_true(badline_stats(line, counts));
    assert_int_equal(counts[BADLINE_CLIENT].cut, 0);
    assert_true(counts[BADLINE_SERVER].cut > 0);
    peer_kill(&sender);
    peer_kill(&receiver);
    badline_stop(line);
}

static void test_another_address_strands_the_connection(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .rate_bit_s = 4000000, .queue_bytes = 16000 };
    const struct badline_config config = both_ways(&way);
    struct badline *line = start(&config);
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0), sender;
    struct peer_report report;

    (void)state;
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, MIB);
    assert_true(badline_wait_bytes(line, BADLINE_CLIENT, MIB / 4, LONG_MS));
    assert_false(badline_move(line, "no address"));
    assert_true(badline_move(line, MOVED_TO));
    (void)badline_wait_bytes(line, BADLINE_CLIENT, MIB, 200); /* what was on its way */
    assert_false(badline_wait_bytes(line, BADLINE_CLIENT, 1, STALL_MS));
    peer_kill(&receiver); /* it would wait for ever */
    peer_kill(&sender);

    receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0);
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, 1000);
    report = peer_hear(&receiver);
    assert_pattern(&report, 1000);
    assert_string_equal(report.address, MOVED_TO);
    peer_join(&sender);
    peer_join(&receiver);
    badline_stop(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_arrives_whole_over_loss),
        cmocka_unit_test(test_datagrams_meet_what_was_asked_for),
        cmocka_unit_test(test_a_rate_is_held),
        cmocka_unit_test(test_a_cut_stalls_and_what_was_cut_resumes),
        cmocka_unit_test(test_regular_cuts_let_it_through_in_the_end),
        cmocka_unit_test(test_a_line_dies_in_one_direction),
        cmocka_unit_test(test_another_address_strands_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
