/*
 * fuzz_money.c - any bytes as an amount or a number: what parses is written exactly, and that
 * parses to the same
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/money.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_money(struct slice text, const char *fallback)
{
    struct money money, again;
    struct failure failure = { 0 };
    char written[MONEY_TEXT_SIZE];
    enum crm_status status = money_parse(text, fallback, &money, &failure);

    require(status == CRM_OK || status == CRM_INVALID);
    require(failure.status == status);
    if (status != CRM_OK)
        return;
    require(money.currency[0] == '\0' || currency_is_known(money.currency));

    money_format(&money, written);
    require(money_parse(slice_text(written), money.currency, &again, NULL) == CRM_OK);
    require(again.minor == money.minor && strcmp(again.currency, money.currency) == 0);

    money_format_grouped(&money, written);
    require(money_parse(slice_text(written), "", &again, NULL) == CRM_OK);
    require(again.minor == money.minor && strcmp(again.currency, money.currency) == 0);
}

static void check_decimal(struct slice text)
{
    char written[MONEY_TEXT_SIZE];
    int64_t micro, again;

    if (decimal_parse(text, &micro, NULL) != CRM_OK)
        return;
    decimal_format(micro, written);
    require(decimal_parse(slice_text(written), &again, NULL) == CRM_OK);
    require(again == micro);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_money(slice_of(data, size), "");
    check_money(slice_of(data, size), "JPY");
    check_decimal(slice_of(data, size));
    return 0;
}
