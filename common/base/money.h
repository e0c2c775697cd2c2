/*
 * money.h - amounts: 64-bit minor units and an ISO 4217 code, never floating point
 */
#ifndef CRM_BASE_MONEY_H
#define CRM_BASE_MONEY_H

#include "common/base/failure.h"

#define MONEY_TEXT_SIZE 40

struct money {
    int64_t minor;     /* in the currency's smallest unit */
    char currency[4];  /* ISO 4217, upper case, with NUL; empty: the company's */
};

/* A known ISO 4217 code of three capitals. */
bool currency_is_known(const char *code);
/* Decimal places of a currency: 2 for USD, 0 for JPY, 3 for KWD; 2 for an unknown one. */
int currency_digits(const char *code);

/*
 * What people type: "1200", "1,200.50", "10k", "1.5m CNY", "CNY 300", "€5", "¥10万", "1.2亿", "-3.10 usd".
 * k, m, b (thousand, million, billion) and 万, 亿 multiply. A currency that is not named is fallback's (may be empty).
 * CRM_INVALID: not an amount, more decimals than the currency has (after multiplying), out of range, unknown currency.
 */
enum crm_status money_parse(struct slice text, const char *fallback, struct money *out_money, struct failure *failure) MUST_CHECK;

/* "1200.50" without the currency, exact; text has room for MONEY_TEXT_SIZE. */
void money_format(const struct money *money, char text[MONEY_TEXT_SIZE]);
/* "1,200.50 USD" for people. */
void money_format_grouped(const struct money *money, char text[MONEY_TEXT_SIZE]);

/* amount * rate, rounded once, half to even. rate_micro: units of the target for one unit of the source, in millionths.
 * CRM_INVALID when the result does not fit. */
enum crm_status money_convert(const struct money *money, const char *target, int64_t rate_micro, struct money *out_money) MUST_CHECK;

/* Decimal numbers in millionths: "12.5" is 12500000; at most 6 decimals. Also takes k, m, b, 万, 亿. */
enum crm_status decimal_parse(struct slice text, int64_t *out_micro, struct failure *failure) MUST_CHECK;
/* The shortest exact form. */
void decimal_format(int64_t micro, char text[MONEY_TEXT_SIZE]);

#endif
