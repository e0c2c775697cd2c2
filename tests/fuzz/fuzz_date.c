/*
 * fuzz_date.c - any bytes as a day, period or instant: what parses is in order, is written, and
 * that parses to the same
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/calendar.h"

#define TODAY  INT32_C(17106) /* 2016-11-01 */
#define NOW_US (TODAY * US_PER_DAY + 12345678901)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_day(struct slice text)
{
    struct day_range range, again;
    struct failure failure = { 0 };
    char written[DAY_TEXT_SIZE];
    enum crm_status status = day_parse(text, TODAY, &range, &failure);

    require(status == CRM_OK || status == CRM_INVALID);
    require(failure.status == status);
    if (status != CRM_OK)
        return;
    require(range.first < range.end);
    day_format(range.first, written);
    require(day_parse(slice_text(written), TODAY, &again, NULL) == CRM_OK);
    require(again.first == range.first && again.end == range.first + 1);
}

static void check_instant(struct slice text)
{
    struct failure failure = { 0 };
    char written[INSTANT_TEXT_SIZE];
    int64_t instant_us, again;
    enum crm_status status = instant_parse(text, NOW_US, &instant_us, &failure);

    require(status == CRM_OK || status == CRM_INVALID);
    require(failure.status == status);
    if (status != CRM_OK)
        return;
    instant_format(instant_us, written);
    /* A zone's offset may carry an instant out of the years with four digits. */
    if (strlen(written) >= 5 && written[0] != '-' && written[4] == '-' &&
        strncmp(written, "0000", 4) != 0) {
        require(instant_parse(slice_text(written), NOW_US, &again, NULL) == CRM_OK);
        require(again == instant_us);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_day(slice_of(data, size));
    check_instant(slice_of(data, size));
    return 0;
}
