/*
 * money.c - amounts written out and converted
 *
 * Called by output, reports and the rules, on any thread. Pure. Reading what people type is
 * money_parse.c, the currencies are currency.c.
 */
#include "common/base/money.h"

#include <inttypes.h>
#include <stdio.h>

#define RATE_ONE     1000000
#define MICRO_DIGITS 6
#define DIGITS_MOST  20 /* of a 64-bit number */
#define CODE_MOST    3

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static int64_t power_of_ten(int exponent)
{
    int64_t power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* value / 10^digits exactly, with all its decimals; a comma between thousands if is_grouped. Gives
 * the length. */
static size_t write_fixed(char *out, int64_t value, int digits, bool is_grouped)
{
    char number[DIGITS_MOST + 8];
    char *at = out;
    int n = snprintf(number, sizeof(number), "%0*" PRIu64, digits + 1, magnitude(value));
    int n_whole = n - digits;

    if (value < 0)
        *at++ = '-';
    for (int i = 0; i < n; i++) {
        if (i == n_whole)
            *at++ = '.';
        else if (is_grouped && i > 0 && i < n_whole && (n_whole - i) % 3 == 0)
            *at++ = ',';
        *at++ = number[i];
    }
    *at = '\0';
    return (size_t)(at - out);
}

void money_format(const struct money *money, char text[MONEY_TEXT_SIZE])
{
    write_fixed(text, money->minor, currency_digits(money->currency), false);
}

void money_format_grouped(const struct money *money, char text[MONEY_TEXT_SIZE])
{
    size_t size = write_fixed(text, money->minor, currency_digits(money->currency), true);

    if (money->currency[0])
        snprintf(text + size, MONEY_TEXT_SIZE - size, " %.*s", CODE_MOST, money->currency);
}

/* n / d, a half to the even neighbour. */
static unsigned __int128 divide_half_even(unsigned __int128 n, unsigned __int128 d)
{
    unsigned __int128 quotient = n / d;
    unsigned __int128 rest = n % d;
    unsigned __int128 other = d - rest;

    if (rest > other || (rest == other && quotient % 2 == 1))
        quotient++;
    return quotient;
}

enum crm_status money_convert(const struct money *money, const char *target, int64_t rate_micro,
                              struct money *out_money)
{
    int shift = currency_digits(target) - currency_digits(money->currency);
    unsigned __int128 divisor = (unsigned __int128)RATE_ONE * (uint64_t)power_of_ten(-shift);
    struct money converted = { 0 };
    unsigned __int128 product;

    if (rate_micro <= 0)
        return CRM_INVALID;
    product = (unsigned __int128)magnitude(money->minor) * (uint64_t)rate_micro;
    /* A product that wraps here is 10^26 times too large for the result in any case. */
    if (__builtin_mul_overflow(product, (unsigned __int128)power_of_ten(shift), &product))
        return CRM_INVALID;
    product = divide_half_even(product, divisor);
    if (product > INT64_MAX)
        return CRM_INVALID;

    converted.minor = money->minor < 0 ? -(int64_t)product : (int64_t)product;
    memcpy(converted.currency, target, strnlen(target, CODE_MOST));
    *out_money = converted;
    return CRM_OK;
}

void decimal_format(int64_t micro, char text[MONEY_TEXT_SIZE])
{
    size_t size = write_fixed(text, micro, MICRO_DIGITS, false);

    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.')
        size--;
    text[size] = '\0';
}
