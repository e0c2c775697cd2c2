/*
 * test_badline_cut.c - the kernel's own TCP over a line that is cut, dies in one direction, or changes under it
 *
 * Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_peers.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MIB      (UINT64_C(1) << 20)
#define STALL_MS 600
#define LONG_MS  10000
#define SEVERAL  8000 /* bytes that make more than one packet: the first has been acknowledged when the last arrives */
#define MOVED_TO "10.77.0.9"

static void test_a_cut_stalls_and_what_was_cut_resumes(void **state)
{
    const struct badline_way way = { .delay_us = 20000, .rate_bit_s = 4000000, .queue_bytes = 64000 };
    const struct badline_config alive = peers_both_ways(&way);
    struct badline_config dead = alive;
    struct badline *line = peers_line(&alive);
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
    peers_assert_pattern(&report, MIB);
    assert_true(badline_stats(line, counts));
    assert_true(counts[BADLINE_CLIENT].cut > 0);
    badline_stop(line);
}

/* 0.3 s in each 1.5: the same by the line's own clock. */
static void test_regular_cuts_let_it_through_in_the_end(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .rate_bit_s = 2000000, .queue_bytes = 64000, .cut_every_us = 1500000, .cut_for_us = 300000 };
    const struct badline_config config = peers_both_ways(&way);
    struct badline *line = peers_line(&config);
    struct badline_count counts[BADLINE_SIDES];

    (void)state;
    peers_transfer(line, MIB / 2);
    assert_true(badline_stats(line, counts));
    assert_true(counts[BADLINE_CLIENT].cut > 0);
    badline_stop(line);
}

/* One direction is dead: the sender's packets vanish, the receiver's way stays open. */
static void test_a_line_dies_in_one_direction(void **state)
{
    const struct badline_way way = { .delay_us = 10000, .rate_bit_s = 4000000, .queue_bytes = 64000 };
    struct badline_config config = peers_both_ways(&way);
    struct badline *line = peers_line(&config);
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0), sender;
    struct badline_count counts[BADLINE_SIDES];

    (void)state;
    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, MIB);
    assert_true(badline_wait_bytes(line, BADLINE_CLIENT, MIB / 4, LONG_MS));
    config.way[BADLINE_SERVER].is_dead = true; /* the acknowledgements: what is sent goes on arriving, again and again */
    assert_true(badline_set(line, &config));
    assert_true(badline_wait_bytes(line, BADLINE_CLIENT, SEVERAL, LONG_MS));
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
    const struct badline_config config = peers_both_ways(&way);
    struct badline *line = peers_line(&config);
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
    peers_assert_pattern(&report, 1000);
    assert_string_equal(report.address, MOVED_TO);
    peer_join(&sender);
    peer_join(&receiver);
    badline_stop(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cut_stalls_and_what_was_cut_resumes),
        cmocka_unit_test(test_regular_cuts_let_it_through_in_the_end),
        cmocka_unit_test(test_a_line_dies_in_one_direction),
        cmocka_unit_test(test_another_address_strands_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
