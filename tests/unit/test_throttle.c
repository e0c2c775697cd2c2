/*
 * test_throttle.c - who may try a password: waits that double, places that are known, tables that a flood cannot empty; and places for connections
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/slice.h"
#include "server/session/crowd.h"
#include "server/session/throttle.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000)

struct test {
    struct throttle *throttle;
    int64_t now_us;
};

static const uint8_t laptop[THROTTLE_INSTALLATION] = { 1 }, other_laptop[THROTTLE_INSTALLATION] = { 2 };
static const uint8_t session[32] = { 7 };

static int setup(void **state)
{
    static struct test test;

    test = (struct test){ .throttle = throttle_create(), .now_us = 1000 * SECOND };
    *state = &test;
    return test.throttle ? 0 : -1;
}

static int teardown(void **state)
{
    throttle_destroy(((struct test *)*state)->throttle);
    return 0;
}

static struct throttle_who who(const char *login, const char *address, const uint8_t *installation)
{
    return (struct throttle_who){ .login = slice_text(login), .address = address, .installation = installation };
}

/* 0, or the milliseconds to wait. */
static uint32_t try_as(struct test *t, struct throttle_who one, enum throttle_outcome outcome)
{
    struct throttle_ticket ticket;
    uint32_t wait = throttle_enter(t->throttle, &one, t->now_us, &ticket);

    if (wait == 0) {
        assert_true(ticket.is_held);
        throttle_settle(t->throttle, &ticket, outcome, t->now_us);
        assert_false(ticket.is_held);
    }
    return wait;
}

static void fail_times(struct test *t, struct throttle_who one, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(try_as(t, one, THROTTLE_FAILED), 0);
}

/* The wait after each failure, with the failure made as soon as it may be. */
static void waits_twice_as_long_each_time(void **state)
{
    struct test *t = *state;
    struct throttle_who one = who("anna", "192.0.2.1", NULL);
    uint32_t expected = 1000;

    fail_times(t, one, THROTTLE_FREE_USER);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(try_as(t, one, THROTTLE_FAILED), expected);
        t->now_us += (int64_t)expected * 1000 - 1000;
        assert_int_equal(try_as(t, one, THROTTLE_FAILED), 1);
        t->now_us += 1000;
        assert_int_equal(try_as(t, one, THROTTLE_FAILED), 0);
        expected = expected * 2 < 300000 ? expected * 2 : 300000;
    }
    t->now_us += THROTTLE_FORGET_US + THROTTLE_LONGEST_US;
    fail_times(t, one, THROTTLE_FREE_USER); /* forgotten */
    assert_int_equal(try_as(t, one, THROTTLE_FAILED), 1000);
}

static void counts_a_user_over_all_addresses(void **state)
{
    struct test *t = *state;
    char address[20];

    for (unsigned i = 0; i < THROTTLE_FREE_USER; i++) {
        snprintf(address, sizeof address, "192.0.2.%u", i);
        fail_times(t, who("anna", address, NULL), 1);
    }
    assert_int_equal(try_as(t, who("anna", "192.0.2.99", NULL), THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("ben", "192.0.2.99", NULL), THROTTLE_PASSED), 0);
}

static void counts_an_address_over_all_users(void **state)
{
    static const char *const same[] = { "2001:db8:1:2::1", "2001:db8:1:2:ffff::7" };
    struct test *t = *state;
    char login[20];

    for (unsigned i = 0; i < THROTTLE_FREE_ADDRESS; i++) {
        snprintf(login, sizeof login, "user%u", i);
        fail_times(t, who(login, same[i % 2], NULL), 1);
    }
    assert_int_equal(try_as(t, who("anna", "2001:db8:1:2::9", NULL), THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("", "2001:db8:1:2::9", NULL), THROTTLE_PASSED), 1000); /* a code */
    assert_int_equal(try_as(t, who("anna", "2001:db8:1:3::9", NULL), THROTTLE_PASSED), 0); /* another network */
}

static void takes_an_address_in_both_its_forms_for_one(void **state)
{
    struct test *t = *state;
    char login[20];

    for (unsigned i = 0; i < THROTTLE_FREE_ADDRESS; i++) {
        snprintf(login, sizeof login, "user%u", i);
        fail_times(t, who(login, i % 2 ? "192.0.2.1" : "::ffff:192.0.2.1", NULL), 1);
    }
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", NULL), THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("anna", "192.0.2.2", NULL), THROTTLE_PASSED), 0);
}

/* Strangers guess at anna; anna herself comes from where she has been before. */
static void lets_in_from_a_place_that_is_known(void **state)
{
    struct test *t = *state;

    assert_int_equal(try_as(t, who("anna", "192.0.2.1", laptop), THROTTLE_PASSED), 0);
    fail_times(t, who("anna", "203.0.113.1", NULL), THROTTLE_FREE_USER);
    assert_int_equal(try_as(t, who("anna", "203.0.113.1", NULL), THROTTLE_FAILED), 1000);
    assert_int_equal(try_as(t, who("anna", "203.0.113.2", other_laptop), THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", NULL), THROTTLE_PASSED), 0);   /* her address */
    assert_int_equal(try_as(t, who("anna", "203.0.113.1", laptop), THROTTLE_PASSED), 0); /* her laptop, from the very address of the guesser */
}

/* By an invitation, or the token of a session: a restart has forgotten all places, and her laptop need not log in for that. */
static void knows_a_place_without_a_password(void **state)
{
    struct test *t = *state;
    struct throttle_who here = who("anna", "192.0.2.1", laptop);

    throttle_know(t->throttle, &here, t->now_us);
    fail_times(t, who("anna", "203.0.113.1", NULL), THROTTLE_FREE_USER);
    assert_int_equal(try_as(t, who("anna", "203.0.113.2", laptop), THROTTLE_PASSED), 0);
    fail_times(t, who("anna", "192.0.2.1", NULL), THROTTLE_FREE_USER); /* a neighbour; her commands do not give him more tries */
    throttle_know(t->throttle, &here, t->now_us);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", NULL), THROTTLE_FAILED), 1000);
}

/* Whoever sits at her address has no more tries than others have, and does not lock out her laptop. */
static void counts_what_fails_from_a_place_that_is_known(void **state)
{
    struct test *t = *state;

    assert_int_equal(try_as(t, who("anna", "192.0.2.1", laptop), THROTTLE_PASSED), 0);
    fail_times(t, who("anna", "192.0.2.1", other_laptop), THROTTLE_FREE_USER);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", other_laptop), THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", laptop), THROTTLE_PASSED), 0);
    /* She has come in: her laptop begins anew, her neighbour does not. */
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", other_laptop), THROTTLE_PASSED), 1000);
    fail_times(t, who("anna", "192.0.2.1", laptop), THROTTLE_FREE_USER);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", laptop), THROTTLE_PASSED), 1000);
}

static void does_not_reset_an_address_for_one_good_password(void **state)
{
    struct test *t = *state;
    char login[20];

    for (unsigned i = 0; i < THROTTLE_FREE_ADDRESS; i++) {
        snprintf(login, sizeof login, "user%u", i);
        fail_times(t, who(login, "192.0.2.1", NULL), 1);
        if (i % 8 == 0)
            assert_int_equal(try_as(t, who("mallory", "192.0.2.1", NULL), THROTTLE_PASSED), 0);
    }
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", NULL), THROTTLE_FAILED), 1000);
}

/* A thousand at once are as good as one by one. */
static void counts_what_is_under_way(void **state)
{
    struct test *t = *state;
    struct throttle_who one = who("anna", "192.0.2.1", NULL);
    struct throttle_ticket tickets[THROTTLE_FREE_USER], more;

    for (unsigned i = 0; i < THROTTLE_FREE_USER; i++)
        assert_int_equal(throttle_enter(t->throttle, &one, t->now_us, &tickets[i]), 0);
    assert_int_equal(throttle_enter(t->throttle, &one, t->now_us, &more), 1000);
    throttle_settle(t->throttle, &tickets[0], THROTTLE_CANCELLED, t->now_us);
    throttle_settle(t->throttle, &tickets[0], THROTTLE_FAILED, t->now_us); /* settled already: nothing */
    assert_int_equal(throttle_enter(t->throttle, &one, t->now_us, &more), 0);
    throttle_settle(t->throttle, &more, THROTTLE_CANCELLED, t->now_us);
    for (unsigned i = 1; i < THROTTLE_FREE_USER; i++)
        throttle_settle(t->throttle, &tickets[i], THROTTLE_CANCELLED, t->now_us);
    fail_times(t, one, THROTTLE_FREE_USER); /* what was not found out has not counted */
}

static void counts_a_session_by_itself(void **state)
{
    struct test *t = *state;
    struct throttle_who in = { .address = "192.0.2.1", .session = session };

    fail_times(t, in, THROTTLE_FREE_USER);
    assert_int_equal(try_as(t, in, THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", NULL), THROTTLE_PASSED), 0);
    t->now_us += SECOND;
    assert_int_equal(try_as(t, in, THROTTLE_PASSED), 0);
    fail_times(t, in, THROTTLE_FREE_USER); /* it has begun anew */
}

/* A hundred thousand names do not drive out one that is guessed at, nor a place that is known. */
static void keeps_the_suspicious_in_a_flood(void **state)
{
    struct test *t = *state;
    char login[20], address[20];

    assert_int_equal(try_as(t, who("ben", "198.51.100.7", laptop), THROTTLE_PASSED), 0);
    fail_times(t, who("anna", "192.0.2.1", NULL), THROTTLE_FREE_USER);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(login, sizeof login, "user%u", i);
        snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
        (void)try_as(t, who(login, address, NULL), THROTTLE_FAILED);
    }
    assert_int_equal(try_as(t, who("anna", "192.0.2.9", NULL), THROTTLE_FAILED), 1000);
    for (unsigned i = 0; i < THROTTLE_FREE_USER; i++) {
        snprintf(address, sizeof address, "203.0.113.%u", i);
        fail_times(t, who("ben", address, NULL), 1);
    }
    assert_int_equal(try_as(t, who("ben", "203.0.113.99", other_laptop), THROTTLE_PASSED), 1000);
    assert_int_equal(try_as(t, who("ben", "203.0.113.99", laptop), THROTTLE_PASSED), 0);
}

/* Somebody has two hundred addresses: they get little more than one try each. A user who comes for the first time gets in. */
/* Whoever may log in claims to be as many installations as they like: they make the server forget no place of others. */
static void keeps_the_places_of_others(void **state)
{
    struct test *t = *state;
    unsigned known = 0;
    char name[32];

    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "colleague %u", i);
        (void)try_as(t, who(name, "192.0.2.50", laptop), THROTTLE_PASSED);
    }
    for (unsigned i = 0; i < 40000; i++) {
        uint8_t claimed[THROTTLE_INSTALLATION] = { 9 };
        struct throttle_who mallory = who("mallory", "192.0.2.66", claimed);

        memcpy(claimed + 4, &i, sizeof i);
        t->now_us += 1000;
        throttle_know(t->throttle, &mallory, t->now_us);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct throttle_ticket ticket;
        struct throttle_who one;

        snprintf(name, sizeof name, "colleague %u", i);
        one = who(name, "192.0.2.51", laptop);
        assert_int_equal(throttle_enter(t->throttle, &one, t->now_us, &ticket), 0);
        known += ticket.is_known;
        throttle_settle(t->throttle, &ticket, THROTTLE_CANCELLED, t->now_us);
    }
    assert_true(known >= 190); /* but for those who happen to have their places beside hers */
}

static void gives_addresses_fewer_tries_while_many_fail(void **state)
{
    struct test *t = *state;
    char login[20], address[20];
    unsigned tried = 0;

    for (unsigned round = 0; round < 10; round++)
        for (unsigned i = 0; i < 200; i++) {
            snprintf(login, sizeof login, "user%u", round * 200 + i);
            snprintf(address, sizeof address, "203.0.113.%u", i);
            tried += try_as(t, who(login, address, NULL), THROTTLE_FAILED) == 0;
        }
    assert_in_range(tried, 200, 220 + THROTTLE_FREE_ADDRESS);
    assert_int_equal(try_as(t, who("anna", "192.0.2.1", NULL), THROTTLE_PASSED), 0);
    fail_times(t, who("anna", "192.0.2.2", NULL), 1);
    assert_int_equal(try_as(t, who("ben", "192.0.2.2", NULL), THROTTLE_FAILED), 1000);
    t->now_us += 2 * THROTTLE_PRESSED * THROTTLE_DRAIN_US;
    fail_times(t, who("ben", "192.0.2.2", NULL), 2); /* it is over */
}

/* --- crowd */

static void counts_connections_by_user(void **state)
{
    struct crowd *crowd = crowd_create(2);
    struct uuid anna = { { [0] = 1 } }, ben = { { [0] = 2 } }; /* in one chain */

    (void)state;
    assert_non_null(crowd);
    assert_true(crowd_enter(crowd, &anna));
    assert_true(crowd_enter(crowd, &ben));
    assert_true(crowd_enter(crowd, &anna));
    assert_false(crowd_enter(crowd, &anna));
    crowd_leave(crowd, &anna);
    assert_true(crowd_enter(crowd, &anna));
    crowd_leave(crowd, &anna);
    crowd_leave(crowd, &anna);
    assert_true(crowd_enter(crowd, &ben));
    assert_false(crowd_enter(crowd, &ben));
    crowd_destroy(crowd); /* with entries */
    crowd_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_twice_as_long_each_time),
        TEST(counts_a_user_over_all_addresses),
        TEST(counts_an_address_over_all_users),
        TEST(takes_an_address_in_both_its_forms_for_one),
        TEST(lets_in_from_a_place_that_is_known),
        TEST(knows_a_place_without_a_password),
        TEST(counts_what_fails_from_a_place_that_is_known),
        TEST(does_not_reset_an_address_for_one_good_password),
        TEST(counts_what_is_under_way),
        TEST(counts_a_session_by_itself),
        TEST(keeps_the_suspicious_in_a_flood),
        TEST(keeps_the_places_of_others),
        TEST(gives_addresses_fewer_tries_while_many_fail),
        cmocka_unit_test(counts_connections_by_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
