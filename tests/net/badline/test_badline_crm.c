/*
 * test_badline_crm.c - crm and crmd over 600 ms of round trip and 5 % loss: right answers, few round trips, and nothing twice after a cut
 *
 * Round trips are told from elapsed time at two delays, so that what the machine itself takes falls out. Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_office.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SEED       11
#define FAR_MS     600 /* there and back */
#define NEAR_MS    200
#define TRIES      2 /* the best of them: the machine may be busy */
#define ROUNDTRIPS 4 /* connect, TLS, hello and session, first request */
#define CUSTOMERS  300
#define SOME_BYTES 6000 /* of an import of so many: the handshake and a part of the rest */
#define CUT_MS     2000
#define LONG_MS    20000

#define FAR        { .delay_us = FAR_MS * 500, .jitter_us = 10000, .loss = 0.05 }

static const struct badline_way far = FAR;
static const struct badline_config far_config = { .seed = SEED, .way = { FAR, FAR } };

static struct outcome outcome;

static void test_list_and_add_over_loss(void **state)
{
    struct office office;

    (void)state;
    office_open(&office, &far_config);
    office_run(&office, (const char *const[]){ "add", "customer", "name=Customer 00000", "--json", NULL }, &outcome);
    assert_non_null(strstr(outcome.output, "\"status\": \"ok\""));
    assert_true(outcome.took_ns > INT64_C(1000000) * FAR_MS);
    office_assert_customers(&office, 1);
    office_close(&office);
}

/* The shortest `crm list` over a line of so much there and back. */
static int64_t list_ns(struct office *office, int64_t roundtrip_ms)
{
    const struct badline_way way = { .delay_us = roundtrip_ms * 500 };
    int64_t best_ns = INT64_MAX;

    office_set_line(office, &way);
    for (int i = 0; i < TRIES; i++) {
        office_run(office, (const char *const[]){ "list", "customer", "--json", NULL }, &outcome);
        best_ns = outcome.took_ns < best_ns ? outcome.took_ns : best_ns;
    }
    return best_ns;
}

static void test_the_first_answer_takes_few_round_trips(void **state)
{
    const struct badline_config perfect = { .seed = SEED };
    struct office office;
    int64_t far_ns, near_ns;
    double roundtrips;

    (void)state;
    office_open(&office, &perfect);
    far_ns = list_ns(&office, FAR_MS);
    near_ns = list_ns(&office, NEAR_MS);
    roundtrips = (double)(far_ns - near_ns) / 1e6 / (FAR_MS - NEAR_MS);
    print_message("first_answer_roundtrips %.2f (%d ms at %d ms, %d ms at %d ms)\n", roundtrips, (int)(far_ns / 1000000), FAR_MS,
                  (int)(near_ns / 1000000), NEAR_MS);
    assert_true(roundtrips < ROUNDTRIPS + 0.5);
    office_close(&office);
}

/* The line is dead for a while after a part of the import has arrived. */
static void test_an_import_over_a_cut_happens_once(void **state)
{
    const struct badline_way dead = { .is_dead = true }, perfect = { 0 };
    struct badline_count counts[BADLINE_SIDES];
    struct office office;
    struct running rep;

    (void)state;
    office_open(&office, &far_config);
    rep = office_start(&office, (const char *const[]){ "add", "customer", "--from", office_write_customers(&office, CUSTOMERS), "--json", NULL });
    assert_true(badline_wait_bytes(office.line, BADLINE_CLIENT, SOME_BYTES, LONG_MS));
    office_set_line(&office, &dead);
    assert_false(office_ends_within(&rep, CUT_MS));
    office_set_line(&office, &far);
    office_finish(&rep, &outcome);
    assert_int_equal(outcome.code, 0);
    assert_true(badline_stats(office.line, counts));
    assert_true(counts[BADLINE_CLIENT].cut + counts[BADLINE_SERVER].cut > 0);
    print_message("%d customers in %d ms, %ju bytes up\n", CUSTOMERS, (int)(outcome.took_ns / 1000000), (uintmax_t)counts[BADLINE_CLIENT].sent_bytes);
    office_set_line(&office, &perfect);
    office_assert_customers(&office, CUSTOMERS);
    office_close(&office);
}

/* test_badline_crm [PATTERN]: only the tests of that name, so that ctest can run them one by one. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_add_over_loss),
        cmocka_unit_test(test_the_first_answer_takes_few_round_trips),
        cmocka_unit_test(test_an_import_over_a_cut_happens_once),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
