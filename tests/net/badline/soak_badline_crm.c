/*
 * soak_badline_crm.c - what takes a minute: half-open peers, an address that changes and a long cut in the middle of an import
 *
 * Run by `ctest -C soak -L soak`, not by a plain ctest. Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_office.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SEED        11
#define CUSTOMERS   1000
#define SOME_BYTES  6000  /* of an import of so many */
#define LONG_MS     20000
#define NOTICE_MS   60000 /* within which a peer that is gone must be noticed */
#define QUIET_MS    300
#define CUT_MS      50000 /* longer than a connection lives without an answer */
#define MOVED_TO    "10.77.0.9"

static const struct badline_way far = { .delay_us = 150000, .loss = 0.02 };
static const struct badline_way dead = { .is_dead = true }, perfect = { 0 };
static const struct badline_config perfect_config = { .seed = SEED };

static struct outcome outcome;

/* A crm watch that has nothing more to say. */
static struct running start_idle_watch(struct office *office)
{
    struct running rep = office_start(office, (const char *const[]){ "watch", NULL });

    assert_true(badline_wait_bytes(office->line, BADLINE_SERVER, 1000, LONG_MS)); /* no less than the server's certificate */
    while (badline_wait_bytes(office->line, BADLINE_CLIENT, 1, QUIET_MS))
        ;
    return rep;
}

/* Neither hears anything of the other from one moment to the next: the server forgets the connection, the client says so. */
static void test_both_ends_notice_an_idle_peer_that_is_gone(void **state)
{
    struct office office;
    struct running rep;

    (void)state;
    office_open(&office, &perfect_config);
    rep = start_idle_watch(&office);
    office_set_line(&office, &dead);
    assert_true(office_wait_log(&office, "why=\"connection lost\"", NOTICE_MS));
    assert_true(office_ends_within(&rep, NOTICE_MS));
    office_finish(&rep, &outcome);
    print_message("crm: exit code %d after %d ms: %s\n", outcome.code, (int)(outcome.took_ns / 1000000), outcome.output);
    assert_true(outcome.took_ns / 1000000 < NOTICE_MS + LONG_MS);
    assert_int_not_equal(outcome.code, 0);
    office_close(&office);
}

/* An import that something happens to after SOME_BYTES. */
static struct running start_import(struct office *office)
{
    const struct badline_config config = { .seed = SEED, .way = { far, far } };
    struct running rep;

    office_open(office, &config);
    rep = office_start(office, (const char *const[]){ "add", "customer", "--from", office_write_customers(office, CUSTOMERS), "--timeout", "300",
                                                      "--json", NULL });
    assert_true(badline_wait_bytes(office->line, BADLINE_CLIENT, SOME_BYTES, LONG_MS));
    return rep;
}

/* It goes on by itself, and nothing is there twice. */
static void finish_import(struct office *office, struct running *rep)
{
    office_finish(rep, &outcome);
    print_message("crm: exit code %d after %d ms: %s\n", outcome.code, (int)(outcome.took_ns / 1000000), outcome.output);
    assert_int_equal(outcome.code, 0);
    office_set_line(office, &perfect);
    office_assert_customers(office, CUSTOMERS);
    office_close(office);
}

static void test_an_import_survives_another_address(void **state)
{
    struct office office;
    struct running rep = start_import(&office);

    (void)state;
    assert_true(badline_move(office.line, MOVED_TO));
    finish_import(&office, &rep);
}

static void test_an_import_survives_a_long_cut(void **state)
{
    struct office office;
    struct running rep = start_import(&office);

    (void)state;
    office_set_line(&office, &dead);
    assert_false(office_ends_within(&rep, CUT_MS));
    office_set_line(&office, &far);
    finish_import(&office, &rep);
}

/* soak_badline_crm [PATTERN]: only the tests of that name. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends_notice_an_idle_peer_that_is_gone),
        cmocka_unit_test(test_an_import_survives_another_address),
        cmocka_unit_test(test_an_import_survives_a_long_cut),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
