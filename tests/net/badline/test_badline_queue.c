/*
 * test_badline_queue.c - the emulator's queue by a clock of its own: order, chances, rate, room, cuts, and the same again from the same seed
 */
#include "tests/net/badline/badline_queue.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS(n)   ((n) * INT64_C(1000000))
#define US(n)   ((n) * INT64_C(1000))
#define SIZE    1000
#define N_SENT  20000

/* What arrived, in order of arrival. */
struct arrivals {
    uint32_t number[2 * N_SENT]; /* as written into the packet */
    int64_t at_ns[2 * N_SENT];
    size_t n;
};

static struct arrivals arrivals, again;

static struct badline_queue *queue_of(uint64_t seed, const struct badline_way *way)
{
    struct badline_queue *queue = badline_queue_create(seed);

    assert_non_null(queue);
    badline_queue_set(queue, 0, way);
    return queue;
}

static void put(struct badline_queue *queue, int64_t now_ns, uint32_t number)
{
    uint8_t bytes[SIZE] = { 0 };

    memcpy(bytes, &number, sizeof(number));
    badline_queue_put(queue, now_ns, bytes, sizeof(bytes));
}

/* All that arrives by then, each taken in its own moment. */
static void take_until(struct badline_queue *queue, int64_t until_ns, struct arrivals *out)
{
    int64_t now_ns;

    while ((now_ns = badline_queue_next_ns(queue)) <= until_ns && now_ns != INT64_MAX) {
        struct badline_packet *packet = badline_queue_take(queue, now_ns);

        if (!packet)
            continue; /* it arrived in a cut */
        assert_int_equal(packet->size, SIZE);
        assert_true(out->n < 2 * N_SENT);
        memcpy(&out->number[out->n], packet->bytes, sizeof(uint32_t));
        out->at_ns[out->n++] = now_ns;
        free(packet);
    }
}

/* N_SENT packets at even distances through a line; what came of them, and the counts, whose sums must add up. */
static struct badline_count send_all(uint64_t seed, const struct badline_way *way, int64_t gap_ns, struct arrivals *out)
{
    struct badline_queue *queue = queue_of(seed, way);
    struct badline_count count;

    out->n = 0;
    for (uint32_t i = 0; i < N_SENT; i++) {
        take_until(queue, i * gap_ns, out);
        put(queue, i * gap_ns, i);
    }
    take_until(queue, INT64_MAX, out);
    count = badline_queue_count(queue);
    assert_int_equal(count.sent, N_SENT);
    assert_int_equal(count.sent_bytes, (uint64_t)N_SENT * SIZE);
    assert_int_equal(count.in_flight, 0);
    assert_int_equal(count.delivered, out->n);
    assert_int_equal(count.sent + count.duplicated, count.lost + count.overflowed + count.cut + count.delivered);
    badline_queue_destroy(queue);
    return count;
}

/* Five standard deviations of so many throws: one seed in two million would fail, and the seed is fixed. */
static void assert_share(uint64_t n, uint64_t of, double expected)
{
    double mean = (double)of * expected, bound = 25 * mean * (1 - expected), off = (double)n - mean;

    if (off * off > bound)
        fail_msg("%llu of %llu is not a share of %g", (unsigned long long)n, (unsigned long long)of, expected);
}

static void test_delay_alone_moves_everything_by_it(void **state)
{
    const struct badline_way way = { .delay_us = 40000 };

    (void)state;
    send_all(1, &way, US(10), &arrivals);
    assert_int_equal(arrivals.n, N_SENT);
    for (uint32_t i = 0; i < N_SENT; i++) {
        assert_int_equal(arrivals.number[i], i);
        assert_int_equal(arrivals.at_ns[i], US(10) * i + MS(40));
    }
}

static void test_jitter_stays_in_its_bounds_and_keeps_the_order(void **state)
{
    const struct badline_way way = { .delay_us = 40000, .jitter_us = 10000 };
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    send_all(2, &way, MS(30), &arrivals); /* so far apart that the order forces nothing */
    for (uint32_t i = 0; i < N_SENT; i++) {
        int64_t took_ns = arrivals.at_ns[i] - MS(30) * i;

        assert_int_equal(arrivals.number[i], i);
        least = took_ns < least ? took_ns : least;
        most = took_ns > most ? took_ns : most;
    }
    assert_in_range(least, MS(30), MS(31)); /* the whole range is used */
    assert_in_range(most, MS(49), MS(50));

    send_all(2, &way, US(100), &arrivals); /* so dense that it would overtake */
    for (uint32_t i = 0; i < N_SENT; i++)
        assert_int_equal(arrivals.number[i], i);
}

static void test_chances_come_out_as_asked_for(void **state)
{
    const struct badline_way way = { .delay_us = 40000, .loss = 0.05, .duplicate = 0.02, .reorder = 0.1 };
    struct badline_count count = send_all(3, &way, MS(1), &arrivals);
    uint64_t accepted = count.sent - count.lost;

    (void)state;
    assert_share(count.lost, count.sent, 0.05);
    assert_share(count.duplicated, accepted, 0.02);
    assert_share(count.held, accepted, 0.1);
    /* Held back by 10 ms at 1 ms between packets: each is overtaken, twice where it was doubled. */
    assert_in_range(count.overtaken, count.held, count.held + count.duplicated);
}

static void test_certain_loss_and_none(void **state)
{
    const struct badline_way all = { .loss = 1 }, none = { .duplicate = 1 };

    (void)state;
    assert_int_equal(send_all(4, &all, MS(1), &arrivals).delivered, 0);
    assert_int_equal(send_all(4, &none, MS(1), &arrivals).delivered, 2 * N_SENT);
}

static void test_the_same_seed_does_the_same_again(void **state)
{
    const struct badline_way way = {
        .delay_us = 40000, .jitter_us = 9000, .loss = 0.1, .duplicate = 0.05, .reorder = 0.05, .rate_bit_s = 64000000, .queue_bytes = 20000
    };

    (void)state;
    send_all(5, &way, US(50), &arrivals);
    send_all(5, &way, US(50), &again);
    assert_int_equal(arrivals.n, again.n);
    assert_memory_equal(arrivals.number, again.number, arrivals.n * sizeof(uint32_t));
    assert_memory_equal(arrivals.at_ns, again.at_ns, arrivals.n * sizeof(int64_t));
    send_all(6, &way, US(50), &again);
    assert_true(arrivals.n != again.n || memcmp(arrivals.number, again.number, arrivals.n * sizeof(uint32_t)) != 0);
}

/* Which packets are lost does not hang on when they are sent, nor on what else the line does. */
static void test_a_packets_fate_follows_from_its_number(void **state)
{
    const struct badline_way plain = { .loss = 0.1 }, busy = { .delay_us = 70000, .jitter_us = 20000, .loss = 0.1, .duplicate = 0.3 };
    struct badline_count count = send_all(7, &plain, US(20), &arrivals), other = send_all(7, &busy, MS(2), &again);
    size_t j = 0;

    (void)state;
    assert_int_equal(count.lost, other.lost);
    for (size_t i = 0; i < arrivals.n; i++) {
        while (j + 1 < again.n && again.number[j] != arrivals.number[i])
            j++;
        assert_int_equal(again.number[j], arrivals.number[i]);
    }
}

static void test_rate_spaces_packets_and_saves_up_one(void **state)
{
    const struct badline_way way = { .rate_bit_s = 8000000 }; /* 1000 bytes a millisecond */
    struct badline_queue *queue = queue_of(8, &way);

    (void)state;
    arrivals.n = 0;
    for (uint32_t i = 0; i < 10; i++)
        put(queue, 0, i);
    take_until(queue, MS(100), &arrivals);
    for (uint32_t i = 10; i < 12; i++) /* after a rest the bucket is full, not fuller */
        put(queue, MS(100), i);
    take_until(queue, INT64_MAX, &arrivals);
    assert_int_equal(arrivals.n, 12);
    assert_int_equal(arrivals.at_ns[0], 0); /* the burst of 1500 bytes holds one whole packet and half of the next */
    for (int i = 1; i < 10; i++)
        assert_int_equal(arrivals.at_ns[i], US(500) + MS(i - 1));
    assert_int_equal(arrivals.at_ns[10], MS(100));
    assert_int_equal(arrivals.at_ns[11], MS(100) + US(500));
    badline_queue_destroy(queue);
}

static void test_rate_holds_over_a_long_time(void **state)
{
    const struct badline_way way = { .rate_bit_s = 128000 };
    struct badline_count count = send_all(9, &way, 0, &arrivals);

    (void)state;
    assert_int_equal(count.delivered, N_SENT);
    assert_in_range(arrivals.at_ns[N_SENT - 1] / 1000000, (uint64_t)N_SENT * SIZE / 16 - 100, (uint64_t)N_SENT * SIZE / 16);
}

static void test_a_full_queue_drops_what_comes(void **state)
{
    const struct badline_way way = { .rate_bit_s = 8000000, .queue_bytes = 4500 };
    struct badline_queue *queue = queue_of(10, &way);

    (void)state;
    arrivals.n = 0;
    for (uint32_t i = 0; i < 10; i++)
        put(queue, 0, i);
    assert_int_equal(badline_queue_count(queue).overflowed, 4); /* 1500 at once, 4500 wait */
    take_until(queue, MS(2), &arrivals);
    put(queue, MS(2), 10); /* two have left meanwhile */
    put(queue, MS(2), 11);
    put(queue, MS(2), 12);
    assert_int_equal(badline_queue_count(queue).overflowed, 5);
    take_until(queue, INT64_MAX, &arrivals);
    assert_int_equal(arrivals.n, 8);
    assert_int_equal(arrivals.number[5], 5);
    assert_int_equal(arrivals.number[6], 10);
    assert_int_equal(arrivals.number[7], 11);
    badline_queue_destroy(queue);
}

/* 1 s in 5 at both ends: a packet sent before a cut that would arrive in it is gone as well. */
static void test_cuts_come_and_go(void **state)
{
    const struct badline_way way = { .delay_us = 100000, .cut_every_us = 5000000, .cut_for_us = 1000000 };
    struct badline_count count = send_all(11, &way, MS(10), &arrivals);
    size_t n = 0;

    (void)state;
    for (uint32_t i = 0; i < N_SENT; i++) {
        int64_t sent_ms = 10 * i % 5000, due_ms = (10 * i + 100) % 5000;
        bool gets_through = sent_ms < 4000 && due_ms < 4000;

        if (!gets_through)
            continue;
        assert_true(n < arrivals.n);
        assert_int_equal(arrivals.number[n++], i);
    }
    assert_int_equal(arrivals.n, n);
    assert_int_equal(count.cut, N_SENT - n);
}

static void test_a_dead_line_comes_back(void **state)
{
    const struct badline_way alive = { .delay_us = 1000 }, dead = { .delay_us = 1000, .is_dead = true };
    struct badline_queue *queue = queue_of(12, &alive);

    (void)state;
    arrivals.n = 0;
    put(queue, 0, 0);
    badline_queue_set(queue, US(500), &dead);
    put(queue, US(600), 1);
    take_until(queue, MS(10), &arrivals);
    assert_int_equal(arrivals.n, 0); /* neither the one on its way nor the one after */
    badline_queue_set(queue, MS(10), &alive);
    put(queue, MS(10), 2);
    take_until(queue, INT64_MAX, &arrivals);
    assert_int_equal(arrivals.n, 1);
    assert_int_equal(arrivals.number[0], 2);
    assert_int_equal(badline_queue_count(queue).cut, 2);
    badline_queue_destroy(queue);
}

static void test_what_is_on_its_way_keeps_its_time(void **state)
{
    const struct badline_way slow = { .delay_us = 100000 }, quick = { .delay_us = 1000 };
    struct badline_queue *queue = queue_of(13, &slow);

    (void)state;
    arrivals.n = 0;
    put(queue, 0, 0);
    badline_queue_set(queue, MS(1), &quick);
    put(queue, MS(1), 1);
    take_until(queue, INT64_MAX, &arrivals);
    assert_int_equal(arrivals.number[0], 0);
    assert_int_equal(arrivals.at_ns[0], MS(100));
    assert_int_equal(arrivals.number[1], 1); /* behind it: a line is no shortcut past itself */
    assert_int_equal(arrivals.at_ns[1], MS(100));
    badline_queue_destroy(queue);
}

/* A line that is asked for later begins then: its cuts with a whole period, its rate without the debt of the one before. */
static void test_what_is_set_begins_then(void **state)
{
    const struct badline_way slow = { .rate_bit_s = 8000 }, cuts = { .cut_every_us = 5000000, .cut_for_us = 1000000, .rate_bit_s = 8000000 };
    struct badline_queue *queue = queue_of(15, &slow);

    (void)state;
    arrivals.n = 0;
    put(queue, 0, 0);
    put(queue, 0, 1); /* half a second of debt */
    badline_queue_set(queue, MS(3000), &cuts);
    take_until(queue, MS(3000), &arrivals);
    assert_int_equal(arrivals.n, 2);
    put(queue, MS(4500), 2); /* in a cut, were they counted from the beginning */
    badline_queue_set(queue, MS(4600), &slow);
    put(queue, MS(4600), 3);
    put(queue, MS(4600), 4);
    badline_queue_set(queue, MS(4700), &cuts);
    put(queue, MS(4700), 5); /* at once, but behind the one that has to wait at the old rate */
    take_until(queue, INT64_MAX, &arrivals);
    assert_int_equal(arrivals.n, 6);
    assert_int_equal(arrivals.at_ns[2], MS(4500));
    assert_int_equal(arrivals.at_ns[4], MS(5100));
    assert_int_equal(arrivals.at_ns[5], MS(5100));
    badline_queue_destroy(queue);
}

static void test_more_than_it_holds_overflows(void **state)
{
    const struct badline_way way = { .delay_us = 1000 };
    struct badline_queue *queue = queue_of(14, &way);
    struct badline_count count;

    (void)state;
    for (uint32_t i = 0; i < 70000; i++)
        put(queue, 0, i);
    count = badline_queue_count(queue);
    assert_in_range(count.in_flight, 60000, 65536);
    assert_int_equal(count.in_flight + count.overflowed, 70000);
    badline_queue_destroy(queue); /* with all that is in it */
    badline_queue_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_alone_moves_everything_by_it),
        cmocka_unit_test(test_jitter_stays_in_its_bounds_and_keeps_the_order),
        cmocka_unit_test(test_chances_come_out_as_asked_for),
        cmocka_unit_test(test_certain_loss_and_none),
        cmocka_unit_test(test_the_same_seed_does_the_same_again),
        cmocka_unit_test(test_a_packets_fate_follows_from_its_number),
        cmocka_unit_test(test_rate_spaces_packets_and_saves_up_one),
        cmocka_unit_test(test_rate_holds_over_a_long_time),
        cmocka_unit_test(test_a_full_queue_drops_what_comes),
        cmocka_unit_test(test_cuts_come_and_go),
        cmocka_unit_test(test_a_dead_line_comes_back),
        cmocka_unit_test(test_what_is_on_its_way_keeps_its_time),
        cmocka_unit_test(test_what_is_set_begins_then),
        cmocka_unit_test(test_more_than_it_holds_overflows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
