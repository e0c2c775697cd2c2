/*
 * test_base_money.c - amounts and numbers as typed, written exactly, converted with one rounding
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/base/money.h"

/* What is typed where the company's currency is USD, and what it means; NULL: refused. */
struct amount {
    const char *typed;
    const char *grouped;
};

static const struct amount amounts[] = {
    { "1200", "1,200.00 USD" },
    { "1,200.50", "1,200.50 USD" },
    { "12,345,678.9", "12,345,678.90 USD" },
    { ".5", "0.50 USD" },
    { "10k", "10,000.00 USD" },
    { "1.2345k", "1,234.50 USD" },
    { "1.5m CNY", "1,500,000.00 CNY" },
    { "2b", "2,000,000,000.00 USD" },
    { "5kusd", "5,000.00 USD" },
    { "5 MXN", "5.00 MXN" },
    { "CNY 300", "300.00 CNY" },
    { "€5", "5.00 EUR" },
    { "-€5", "-5.00 EUR" },
    { "€ -5", "-5.00 EUR" },
    { "$5 cad", "5.00 CAD" },
    { "¥10万", "100,000.00 CNY" },
    { "￥３００", "300.00 CNY" },
    { "1.2亿", "120,000,000.00 USD" },
    { "3千万元", "30,000,000.00 CNY" },
    { "1.2万亿", "1,200,000,000,000.00 USD" },
    { "-3.10 usd", "-3.10 USD" },
    { "+7", "7.00 USD" },
    { "\xE2\x88\x92"
      "7",
      "-7.00 USD" },
    { "  1.50  ", "1.50 USD" },
    { "1.50000", "1.50 USD" },
    { "500 jpy", "500 JPY" },
    { "1.005 KWD", "1.005 KWD" },
    { "92233720368547758.07", "92,233,720,368,547,758.07 USD" },
    { "-92233720368547758.07", "-92,233,720,368,547,758.07 USD" },
    { "0", "0.00 USD" },
    { "-0", "0.00 USD" },
    { "92233720368547758.08", NULL },
    { "99999999999999999999999999999999999999999999999999", NULL },
    { "9亿亿亿亿", NULL },
    { "1.234", NULL },
    { "1.23456k", "1,234.56 USD" },
    { "1.234567k", NULL },
    { "1.5 jpy", NULL },
    { "", NULL },
    { "-", NULL },
    { "--5", NULL },
    { "5-", NULL },
    { "k", NULL },
    { "USD", NULL },
    { "1,2", NULL },
    { "1,2345", NULL },
    { "1234,567", NULL },
    { "1,200,", NULL },
    { ",200", NULL },
    { "1.2.3", NULL },
    { "5.", NULL },
    { "1e5", NULL },
    { "0x10", NULL },
    { "nan", NULL },
    { "12 XYZ", NULL },
    { "€5 USD", NULL },
    { "USD 5 EUR", NULL },
    { "5 kk", NULL },
    { "5\xFF", NULL },
};

static void test_amounts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        struct money money = { .minor = -1, .currency = "???" };
        struct failure failure = { 0 };
        enum crm_status status = money_parse(slice_text(amounts[i].typed), "USD", &money, &failure);
        char text[MONEY_TEXT_SIZE];

        if ((status == CRM_OK) != (amounts[i].grouped != NULL))
            fail_msg("'%s' gave %d", amounts[i].typed, status);
        if (status == CRM_OK) {
            money_format_grouped(&money, text);
            assert_string_equal(text, amounts[i].grouped);
            assert_int_equal(failure.status, CRM_OK);
        } else {
            assert_int_equal(status, CRM_INVALID);
            assert_int_equal(failure.status, CRM_INVALID);
            assert_true(strlen(failure.text) > 0);
            assert_int_equal(money.minor, -1);
        }
    }
}

static void assert_currency(const char *typed, const char *fallback, const char *expected)
{
    struct money money;

    assert_int_equal(money_parse(slice_text(typed), fallback, &money, NULL), CRM_OK);
    assert_string_equal(money.currency, expected);
}

static void test_fallback(void **state)
{
    (void)state;
    assert_currency("5", "", "");
    assert_currency("5", NULL, "");
    assert_currency("5", "JPY", "JPY");
    assert_currency("$5", "HKD", "HKD");
    assert_currency("$5", "EUR", "USD");
    assert_currency("$5", "", "USD");
    assert_currency("¥5", "JPY", "JPY");
    assert_currency("5", "NONSENSE", "NON");
}

static void test_currencies(void **state)
{
    (void)state;
    assert_int_equal(currency_digits("USD"), 2);
    assert_int_equal(currency_digits("JPY"), 0);
    assert_int_equal(currency_digits("KWD"), 3);
    assert_int_equal(currency_digits("CLF"), 4);
    assert_int_equal(currency_digits("AED"), 2);
    assert_int_equal(currency_digits("XPF"), 0);
    assert_int_equal(currency_digits(""), 2);
    assert_true(currency_is_known("AED") && currency_is_known("ZWG") && currency_is_known("CNY"));
    assert_false(currency_is_known("usd"));
    assert_false(currency_is_known("US"));
    assert_false(currency_is_known("USDX"));
    assert_false(currency_is_known("XXX"));
}

/* Each code made of three capitals is found exactly when it is in the table: the table ascends. */
static void test_table_ascends(void **state)
{
    int n = 0;

    (void)state;
    for (char a = 'A'; a <= 'Z'; a++) {
        for (char b = 'A'; b <= 'Z'; b++) {
            for (char c = 'A'; c <= 'Z'; c++)
                n += currency_is_known((char[]){ a, b, c, '\0' });
        }
    }
    assert_int_equal(n, 166);
}

static void assert_formats(int64_t minor, const char *currency, const char *expected)
{
    struct money money = { .minor = minor };
    char text[MONEY_TEXT_SIZE];

    memcpy(money.currency, currency, strlen(currency));
    money_format(&money, text);
    assert_string_equal(text, expected);
}

static void test_format(void **state)
{
    char text[MONEY_TEXT_SIZE];

    (void)state;
    assert_formats(120050, "USD", "1200.50");
    assert_formats(-5, "USD", "-0.05");
    assert_formats(0, "", "0.00");
    assert_formats(-1234, "JPY", "-1234");
    assert_formats(1, "KWD", "0.001");
    assert_formats(INT64_MIN, "CLF", "-922337203685477.5808");
    assert_formats(INT64_MIN, "JPY", "-9223372036854775808");
    money_format_grouped(&(struct money){ .minor = 99999 }, text);
    assert_string_equal(text, "999.99");
    money_format_grouped(&(struct money){ .minor = INT64_MIN, .currency = "JPY" }, text);
    assert_string_equal(text, "-9,223,372,036,854,775,808 JPY");
}

static void assert_converts(int64_t minor, const char *from, const char *to, int64_t rate,
                            int64_t expected)
{
    struct money money = { .minor = minor };
    struct money converted;

    memcpy(money.currency, from, strlen(from));
    assert_int_equal(money_convert(&money, to, rate, &converted), CRM_OK);
    assert_int_equal(converted.minor, expected);
    assert_string_equal(converted.currency, to);
}

static void test_convert(void **state)
{
    struct money most = { .minor = INT64_MAX, .currency = "JPY" };
    struct money out = { .minor = 42 };

    (void)state;
    assert_converts(10000, "USD", "CNY", 7123456, 71235);
    assert_converts(100, "USD", "JPY", 150500000, 150); /* 150.5: to the even one */
    assert_converts(100, "USD", "JPY", 151500000, 152);
    assert_converts(-100, "USD", "JPY", 150500000, -150);
    assert_converts(100, "USD", "JPY", 150500001, 151);
    assert_converts(1, "JPY", "KWD", 2000, 2);
    assert_converts(5, "USD", "USD", 100000, 0); /* 0.5 cent: to 0 */
    assert_converts(15, "USD", "USD", 100000, 2);
    assert_converts(INT64_MAX, "USD", "USD", 1000000, INT64_MAX);
    assert_converts(-INT64_MAX, "USD", "USD", 1000000, -INT64_MAX);
    assert_int_equal(money_convert(&most, "CLF", 1000000, &out), CRM_INVALID);
    assert_int_equal(money_convert(&most, "CLF", INT64_MAX, &out), CRM_INVALID);
    assert_int_equal(money_convert(&most, "JPY", 1000001, &out), CRM_INVALID);
    assert_int_equal(money_convert(&most, "JPY", 0, &out), CRM_INVALID);
    assert_int_equal(money_convert(&most, "JPY", -1, &out), CRM_INVALID);
    assert_int_equal(out.minor, 42);
}

static void assert_decimal(const char *typed, int64_t micro, const char *written)
{
    char text[MONEY_TEXT_SIZE];
    int64_t parsed;

    assert_int_equal(decimal_parse(slice_text(typed), &parsed, NULL), CRM_OK);
    assert_int_equal(parsed, micro);
    decimal_format(parsed, text);
    assert_string_equal(text, written);
}

static void test_decimals(void **state)
{
    static const char *const wrong[] = { "",    "1.1234567", "1 USD", "$1",  "9223372036855",
                                         "abc", "1,2",       "-",     "1..2" };
    int64_t micro = 42;

    (void)state;
    assert_decimal("12.5", 12500000, "12.5");
    assert_decimal("-0.000001", -1, "-0.000001");
    assert_decimal("1,000", 1000000000, "1000");
    assert_decimal("1.50k", 1500000000, "1500");
    assert_decimal("3万", 30000000000, "30000");
    assert_decimal("0", 0, "0");
    assert_decimal("9223372036854.775807", INT64_MAX, "9223372036854.775807");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(decimal_parse(slice_text(wrong[i]), &micro, NULL), CRM_INVALID);
    assert_int_equal(micro, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts),    cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_currencies), cmocka_unit_test(test_table_ascends),
        cmocka_unit_test(test_format),     cmocka_unit_test(test_convert),
        cmocka_unit_test(test_decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
