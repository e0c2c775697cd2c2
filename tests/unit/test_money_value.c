/*
 * test_money_value.c - the value of amounts in the company's currency: which rate counts, and when it is looked up
 */
#include "server_fixture.h"

static struct uuid rate(struct server *s, const char *currency, const char *day, const char *rate_text)
{
    struct uuid id;

    server_create(s, KIND_EXCHANGE_RATE, &id, currency, day, rate_text);
    return id;
}

static void assert_company(struct server *s, const struct uuid *deal, int64_t minor, const struct uuid *rate_id)
{
    struct value value = server_value(s, KIND_DEAL, deal, "amount");

    assert_true(value.has_company);
    assert_int_equal(value.company_minor, minor);
    assert_memory_equal(value.ref.bytes, rate_id->bytes, UUID_SIZE);
}

static void takes_the_companys_currency_as_it_is(void **state)
{
    static const struct uuid none;
    struct server *s = *state;
    struct uuid id;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=12.34 USD");
    assert_company(s, &id, 1234, &none);
    server_create(s, KIND_DEAL, &id, "name=D", "amount=12.34"); /* none is named: the company's */
    assert_string_equal(server_value(s, KIND_DEAL, &id, "amount").currency, "USD");
    assert_company(s, &id, 1234, &none);
}

static void takes_the_last_rate_on_or_before_the_day(void **state)
{
    struct server *s = *state;
    struct uuid old = rate(s, "currency=EUR", "day=2016-10-01", "rate=1.10"), today = rate(s, "currency=EUR", "day=2016-11-01", "rate=1.20"), id;

    rate(s, "currency=EUR", "day=2016-11-02", "rate=9");
    rate(s, "currency=EUR", "day=2015-01-01", "rate=8");
    rate(s, "currency=GBP", "day=2016-11-01", "rate=7");
    rate(s, "currency=CNY", "day=2016-11-01", "rate=6");
    server_create(s, KIND_DEAL, &id, "name=D", "amount=100 EUR");
    assert_company(s, &id, 12000, &today);

    server_now_us -= 2 * US_PER_DAY;
    server_create(s, KIND_DEAL, &id, "name=D", "amount=100 EUR");
    assert_company(s, &id, 11000, &old);
}

static void converts_between_places(void **state)
{
    struct server *s = *state;
    struct uuid yen = rate(s, "currency=JPY", "day=2016-11-01", "rate=0.0095"), dinar = rate(s, "currency=KWD", "day=2016-11-01", "rate=3.3"), id;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=1000 JPY");
    assert_company(s, &id, 950, &yen);
    server_create(s, KIND_DEAL, &id, "name=D", "amount=1.005 KWD"); /* 3.3165 */
    assert_company(s, &id, 332, &dinar);
}

static void keeps_the_rate_when_written_again(void **state)
{
    struct server *s = *state;
    struct uuid first = rate(s, "currency=EUR", "day=2016-11-01", "rate=1.10"), id, second;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=100 EUR");
    server_pass_days(1);
    second = rate(s, "currency=EUR", "day=2016-11-02", "rate=1.20");
    server_change(s, KIND_DEAL, &id, "amount=100 EUR");
    assert_null(s->events);
    server_change(s, KIND_DEAL, &id, "next_step=x", "amount=100 EUR");
    assert_company(s, &id, 11000, &first);
    server_change(s, KIND_DEAL, &id, "amount=101 EUR");
    assert_company(s, &id, 12120, &second);
}

static void derives_anew_when_a_deal_closes(void **state)
{
    struct server *s = *state;
    struct uuid first = rate(s, "currency=EUR", "day=2016-11-01", "rate=1.10"), id, other, second, third;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=100 EUR");
    server_create(s, KIND_DEAL, &other, "name=D", "amount=100 EUR");
    server_pass_days(9);
    second = rate(s, "currency=EUR", "day=2016-11-05", "rate=1.20");
    third = rate(s, "currency=EUR", "day=2016-11-10", "rate=1.30");
    server_change(s, KIND_DEAL, &id, "stage=Won", "closed=2016-11-06");
    assert_company(s, &id, 12000, &second);
    server_pass_days(1);
    server_change(s, KIND_DEAL, &id, "next_step=invoice"); /* and stays: it is closed */
    assert_company(s, &id, 12000, &second);
    server_change(s, KIND_DEAL, &id, "closed=2016-11-01"); /* corrected: the rate of that day */
    assert_company(s, &id, 11000, &first);
    server_must(s, server_move(s, &other, "move", "Lost"));
    assert_company(s, &other, 13000, &third);
}

static void never_rewrites_the_past(void **state)
{
    struct server *s = *state;
    struct uuid first = rate(s, "currency=EUR", "day=2016-11-01", "rate=1.10"), id, other;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=100 EUR");
    server_change(s, KIND_EXCHANGE_RATE, &first, "rate=1.15");
    assert_company(s, &id, 11000, &first);
    server_create(s, KIND_DEAL, &other, "name=D", "amount=100 EUR");
    assert_company(s, &other, 11500, &first);
    server_delete(s, KIND_EXCHANGE_RATE, &first);
    assert_company(s, &id, 11000, &first);
}

static void keeps_an_amount_without_a_rate(void **state)
{
    struct server *s = *state;
    struct uuid id, first;

    rate(s, "currency=EUR", "day=2016-11-02", "rate=1.10"); /* only from tomorrow */
    server_create(s, KIND_DEAL, &id, "name=D", "amount=100 EUR");
    assert_false(server_value(s, KIND_DEAL, &id, "amount").has_company);
    assert_field(s, KIND_DEAL, &id, "amount", "100.00 EUR");
    first = rate(s, "currency=EUR", "day=2016-11-01", "rate=1.20");
    server_must(s, server_move(s, &id, "move", "Won"));
    assert_company(s, &id, 12000, &first);
}

/* What a client says of the derived half is not believed. */
static void derives_by_itself(void **state)
{
    struct server *s = *state;
    struct uuid first = rate(s, "currency=EUR", "day=2016-11-01", "rate=1.10"), id, forged = uuid_create();
    Crm__Deal deal = CRM__DEAL__INIT;
    Crm__Money amount = CRM__MONEY__INIT;

    deal.name = (char *)"D";
    deal.amount = &amount;
    amount.has_minor = amount.has_company_minor = amount.has_rate = true;
    amount.minor = 10000;
    amount.currency = (char *)"EUR";
    amount.company_minor = 999999;
    amount.rate = server_id(s, &forged);
    server_must(s, server_with(s, server_creation(s, KIND_DEAL, &id, NULL), &deal.base));
    assert_company(s, &id, 11000, &first);
    server_must(s, server_with(s, server_patch(s, KIND_DEAL, &id, NULL), &deal.base));
    assert_company(s, &id, 11000, &first);
}

static void refuses_what_does_not_convert(void **state)
{
    struct server *s = *state;
    struct uuid id;

    rate(s, "currency=EUR", "day=2016-11-01", "rate=1000");
    server_refuses(s, server_creation(s, KIND_DEAL, &id, "name=D", "amount=50000000000000000 EUR", NULL), CRM_INVALID, "amount");
}

/* Amounts at the very ends of what an amount can be, put into the totals and taken out again. */
static void stands_the_largest_amounts(void **state)
{
    static const int64_t minors[] = { INT64_MIN, INT64_MAX, INT64_MIN + 1, 0 };
    struct server *s = *state;
    struct uuid id, second;

    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        Crm__Deal deal = CRM__DEAL__INIT;
        Crm__Money amount = CRM__MONEY__INIT;

        deal.name = (char *)"D";
        deal.amount = &amount;
        amount.has_minor = true;
        amount.minor = minors[i];
        amount.currency = (char *)"USD";
        server_must(s, server_with(s, server_creation(s, KIND_DEAL, &id, NULL), &deal.base));
        if (minors[i])
            server_refuses(s, server_with(s, server_creation(s, KIND_DEAL, &second, NULL), &deal.base), CRM_TOO_LARGE, "amount");
        server_must(s, server_move(s, &id, "move", "Engaging"));
        server_delete(s, KIND_DEAL, &id);
    }
}

/* --- rates */

static void checks_a_rate(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__ExchangeRate rate_zero = CRM__EXCHANGE_RATE__INIT;

    server_refuses(s, server_creation(s, KIND_EXCHANGE_RATE, &id, "currency=XXZ", "rate=1", NULL), CRM_INVALID, "currency");
    server_refuses(s, server_creation(s, KIND_EXCHANGE_RATE, &id, "rate=1", NULL), CRM_INVALID, "currency");
    rate_zero.currency = (char *)"EUR";
    rate_zero.has_rate = true;
    server_refuses(s, server_with(s, server_creation(s, KIND_EXCHANGE_RATE, &id, NULL), &rate_zero.base), CRM_INVALID, "rate");
    server_refuses(s, server_creation(s, KIND_EXCHANGE_RATE, &id, "currency=EUR", NULL), CRM_INVALID, "rate");
    server_create(s, KIND_EXCHANGE_RATE, &id, "currency=EUR", "rate=1.1");
    assert_field(s, KIND_EXCHANGE_RATE, &id, "day", "2016-11-01"); /* today */
    assert_field(s, KIND_EXCHANGE_RATE, &id, "name", "EUR/2016-11-01");
    server_refuses(s, server_creation(s, KIND_EXCHANGE_RATE, &id, "currency=EUR", "day=2016-11-01", "rate=2", NULL), CRM_EXISTS, "name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(takes_the_companys_currency_as_it_is),
        server_test(takes_the_last_rate_on_or_before_the_day),
        server_test(converts_between_places),
        server_test(keeps_the_rate_when_written_again),
        server_test(derives_anew_when_a_deal_closes),
        server_test(never_rewrites_the_past),
        server_test(keeps_an_amount_without_a_rate),
        server_test(derives_by_itself),
        server_test(refuses_what_does_not_convert),
        server_test(stands_the_largest_amounts),
        server_test(checks_a_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
