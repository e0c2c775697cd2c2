/*
 * test_base_calendar.c - days counted, zones with their odd midnights, and what people type
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "common/base/calendar.h"

#define US_PER_SECOND INT64_C(1000000)

static void set_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static int zone_utc(void **state)
{
    (void)state;
    set_zone("UTC");
    return 0;
}

static int32_t day_of(int year, int month, int day)
{
    return day_from_civil((struct civil){ year, month, day });
}

/* Day by day through 800 years against a counter that knows only the lengths of months. */
static void test_civil_days(void **state)
{
    struct civil civil = { 1600, 1, 1 };
    int32_t day = day_of(1600, 1, 1);

    (void)state;
    assert_int_equal(day_of(1970, 1, 1), 0);
    assert_int_equal(day_of(2000, 3, 1), 11017);
    while (civil.year < 2400) {
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        bool is_leap = civil.year % 4 == 0 && (civil.year % 100 != 0 || civil.year % 400 == 0);
        struct civil actual = day_to_civil(day);

        assert_memory_equal(&actual, &civil, sizeof(civil));
        assert_int_equal(day_from_civil(civil), day);
        day++;
        if (++civil.day > days[civil.month - 1] + (civil.month == 2 && is_leap)) {
            civil.day = 1;
            civil.month = civil.month % 12 + 1;
            civil.year += civil.month == 1;
        }
    }
}

static void test_far_days(void **state)
{
    static const int32_t days[] = { INT32_MIN, INT32_MAX, -719468, -719529, 0, -1 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(days); i++)
        assert_int_equal(day_from_civil(day_to_civil(days[i])), days[i]);
    assert_int_equal(day_of(INT32_MAX, 12, 31), INT32_MAX);
    assert_int_equal(day_of(INT32_MIN, 1, 1), INT32_MIN);
    assert_true(instant_of_day(INT32_MAX) == INT64_MAX);
    assert_true(instant_of_day(INT32_MIN) == INT64_MIN);
}

static void test_weekdays(void **state)
{
    (void)state;
    assert_int_equal(day_weekday(day_of(2016, 11, 1)), 1);
    assert_int_equal(day_weekday(0), 3);
    assert_int_equal(day_weekday(-4), 6);
    assert_int_equal(day_weekday(-3), 0);
    assert_int_equal(day_weekday(INT32_MIN), (day_weekday(INT32_MIN + 7)));
}

static void test_months(void **state)
{
    (void)state;
    assert_int_equal(day_add_months(day_of(2015, 1, 31), 1), day_of(2015, 2, 28));
    assert_int_equal(day_add_months(day_of(2016, 1, 31), 1), day_of(2016, 2, 29));
    assert_int_equal(day_add_months(day_of(2016, 2, 29), 12), day_of(2017, 2, 28));
    assert_int_equal(day_add_months(day_of(2016, 1, 15), -1), day_of(2015, 12, 15));
    assert_int_equal(day_add_months(day_of(2016, 12, 31), 2), day_of(2017, 2, 28));
    assert_int_equal(day_add_months(0, INT32_MAX), INT32_MAX);
    assert_int_equal(day_add_months(0, INT32_MIN), INT32_MIN);
}

/* In each zone every day begins where the day before ends. */
static void test_days_meet(void **state)
{
    static const char *const zones[] = { "UTC",           "Asia/Shanghai", "America/Sao_Paulo",
                                         "Europe/Berlin", "Asia/Beirut",   "Australia/Lord_Howe",
                                         "Asia/Kolkata",  "America/Havana" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        set_zone(zones[i]);
        for (int32_t day = day_of(2004, 1, 1); day < day_of(2020, 1, 1); day++) {
            int64_t begin = instant_of_day(day);

            if (day_of_instant(begin) != day || day_of_instant(begin - 1) != day - 1)
                fail_msg("%s, day %d", zones[i], day);
        }
    }
}

/* Clocks were put forward at midnight; and Samoa left out a Friday. */
static void test_missing_midnights(void **state)
{
    char text[INSTANT_TEXT_SIZE];

    (void)state;
    set_zone("America/Sao_Paulo");
    instant_format(instant_of_day(day_of(2016, 10, 16)), text);
    assert_string_equal(text, "2016-10-16T01:00:00-02:00");
    set_zone("Pacific/Apia");
    instant_format(instant_of_day(day_of(2011, 12, 30)), text);
    assert_string_equal(text, "2011-12-31T00:00:00+14:00");
}

static void test_format(void **state)
{
    char text[INSTANT_TEXT_SIZE];
    char day[DAY_TEXT_SIZE];

    (void)state;
    set_zone("Asia/Shanghai");
    instant_format(INT64_C(1477963800123456), text);
    assert_string_equal(text, "2016-11-01T09:30:00.123456+08:00");
    instant_format(INT64_C(1477963800000000), text);
    assert_string_equal(text, "2016-11-01T09:30:00+08:00");
    instant_format_short(INT64_C(1477963800123456), text);
    assert_string_equal(text, "2016-11-01 09:30");
    set_zone("America/St_Johns");
    instant_format(INT64_C(1477963800000000), text);
    assert_string_equal(text, "2016-10-31T23:00:00-02:30");
    set_zone("UTC");
    instant_format(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999+00:00");
    instant_format(INT64_MIN, text);
    assert_string_equal(text, "-290308-12-21T19:59:05.224192+00:00");
    day_format(day_of(987, 6, 5), day);
    assert_string_equal(day, "0987-06-05");
    day_format(INT32_MIN, day);
    assert_string_equal(day, "-5877641-06-23");
}

/* Typed on Tuesday, 2016-11-01; NULL: refused. */
struct typed_day {
    const char *typed;
    const char *first;
    const char *end;
};

static const struct typed_day typed_days[] = {
    { "2016-11-01", "2016-11-01", "2016-11-02" },
    { "2016-2-9", "2016-02-09", "2016-02-10" },
    { "2016-11", "2016-11-01", "2016-12-01" },
    { "2016-12", "2016-12-01", "2017-01-01" },
    { "2016", "2016-01-01", "2017-01-01" },
    { "2016/11/1", "2016-11-01", "2016-11-02" },
    { "2016/11", "2016-11-01", "2016-12-01" },
    { "20161101", "2016-11-01", "2016-11-02" },
    { "2016年11月1日", "2016-11-01", "2016-11-02" },
    { "2016年11月1号", "2016-11-01", "2016-11-02" },
    { "2016年11月", "2016-11-01", "2016-12-01" },
    { "2016年", "2016-01-01", "2017-01-01" },
    { "２０１６－１１－０１", "2016-11-01", "2016-11-02" },
    { " TODAY ", "2016-11-01", "2016-11-02" },
    { "tomorrow", "2016-11-02", "2016-11-03" },
    { "yesterday", "2016-10-31", "2016-11-01" },
    { "今天", "2016-11-01", "2016-11-02" },
    { "明天", "2016-11-02", "2016-11-03" },
    { "昨天", "2016-10-31", "2016-11-01" },
    { "后天", "2016-11-03", "2016-11-04" },
    { "前天", "2016-10-30", "2016-10-31" },
    { "-7d", "2016-10-25", "2016-10-26" },
    { "+3d", "2016-11-04", "2016-11-05" },
    { "+3 days", "2016-11-04", "2016-11-05" },
    { "-2w", "2016-10-18", "2016-10-19" },
    { "+1m", "2016-12-01", "2016-12-02" },
    { "-1y", "2015-11-01", "2015-11-02" },
    { "mon", "2016-11-07", "2016-11-08" },
    { "tue", "2016-11-08", "2016-11-09" },
    { "Wednesday", "2016-11-02", "2016-11-03" },
    { "sun", "2016-11-06", "2016-11-07" },
    { "next fri", "2016-11-04", "2016-11-05" },
    { "next tue", "2016-11-08", "2016-11-09" },
    { "last mon", "2016-10-31", "2016-11-01" },
    { "last tue", "2016-10-25", "2016-10-26" },
    { "last wed", "2016-10-26", "2016-10-27" },
    { "this mon", "2016-10-31", "2016-11-01" },
    { "周五", "2016-11-04", "2016-11-05" },
    { "星期天", "2016-11-06", "2016-11-07" },
    { "下周五", "2016-11-11", "2016-11-12" },
    { "上周一", "2016-10-24", "2016-10-25" },
    { "本周日", "2016-11-06", "2016-11-07" },
    { "this week", "2016-10-31", "2016-11-07" },
    { "next week", "2016-11-07", "2016-11-14" },
    { "last week", "2016-10-24", "2016-10-31" },
    { "this month", "2016-11-01", "2016-12-01" },
    { "next month", "2016-12-01", "2017-01-01" },
    { "last month", "2016-10-01", "2016-11-01" },
    { "this quarter", "2016-10-01", "2017-01-01" },
    { "next quarter", "2017-01-01", "2017-04-01" },
    { "last quarter", "2016-07-01", "2016-10-01" },
    { "this year", "2016-01-01", "2017-01-01" },
    { "next year", "2017-01-01", "2018-01-01" },
    { "last year", "2015-01-01", "2016-01-01" },
    { "本周", "2016-10-31", "2016-11-07" },
    { "下周", "2016-11-07", "2016-11-14" },
    { "上周", "2016-10-24", "2016-10-31" },
    { "本月", "2016-11-01", "2016-12-01" },
    { "上月", "2016-10-01", "2016-11-01" },
    { "下月", "2016-12-01", "2017-01-01" },
    { "本季度", "2016-10-01", "2017-01-01" },
    { "上季度", "2016-07-01", "2016-10-01" },
    { "下季度", "2017-01-01", "2017-04-01" },
    { "今年", "2016-01-01", "2017-01-01" },
    { "去年", "2015-01-01", "2016-01-01" },
    { "明年", "2017-01-01", "2018-01-01" },
    { "9999-12-31", "9999-12-31", "10000-01-01" },
    { "2016-02-30", NULL, NULL },
    { "2015-02-29", NULL, NULL },
    { "2016-13-01", NULL, NULL },
    { "2016-00-01", NULL, NULL },
    { "2016-01-00", NULL, NULL },
    { "20161301", NULL, NULL },
    { "2016-11-", NULL, NULL },
    { "2016-", NULL, NULL },
    { "2016-11/01", NULL, NULL },
    { "2016-11-01x", NULL, NULL },
    { "2016-011-01", NULL, NULL },
    { "2016年1", NULL, NULL },
    { "2016年1月1", NULL, NULL },
    { "0000", NULL, NULL },
    { "216", NULL, NULL },
    { "+", NULL, NULL },
    { "+d", NULL, NULL },
    { "3d", NULL, NULL },
    { "+3x", NULL, NULL },
    { "+9999999d", NULL, NULL },
    { "+999999y", NULL, NULL },
    { "-999999d", NULL, NULL },
    { "next", NULL, NULL },
    { "next next fri", NULL, NULL },
    { "下周八", NULL, NULL },
    { "fr", NULL, NULL },
    { "", NULL, NULL },
    { "\xFF", NULL, NULL },
};

static void test_typed_days(void **state)
{
    int32_t today = day_of(2016, 11, 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(typed_days); i++) {
        struct day_range range = { 7, 7 };
        struct failure failure = { 0 };
        enum crm_status status =
            day_parse(slice_text(typed_days[i].typed), today, &range, &failure);
        char text[DAY_TEXT_SIZE];

        if ((status == CRM_OK) != (typed_days[i].first != NULL))
            fail_msg("'%s' gave %d", typed_days[i].typed, status);
        assert_int_equal(failure.status, status);
        if (status != CRM_OK) {
            assert_int_equal(status, CRM_INVALID);
            assert_int_equal(range.first, 7);
            continue;
        }
        day_format(range.first, text);
        assert_string_equal(text, typed_days[i].first);
        day_format(range.end, text);
        assert_string_equal(text, typed_days[i].end);
    }
}

/* Typed at 2016-11-01 12:00 in Shanghai. */
struct typed_instant {
    const char *typed;
    const char *expected;
};

static const struct typed_instant typed_instants[] = {
    { "2016-11-01T09:30:00+08:00", "2016-11-01T09:30:00+08:00" },
    { "2016-11-01t09:30:00z", "2016-11-01T17:30:00+08:00" },
    { "2016-11-01T09:30:00.5Z", "2016-11-01T17:30:00.500000+08:00" },
    { "2016-11-01T09:30:00.123456789-02:30", "2016-11-01T20:00:00.123456+08:00" },
    { "2016-12-31T23:59:60Z", "2017-01-01T08:00:00+08:00" },
    { "2016-11-01 09:30", "2016-11-01T09:30:00+08:00" },
    { "09:30", "2016-11-01T09:30:00+08:00" },
    { "9:05", "2016-11-01T09:05:00+08:00" },
    { "now", "2016-11-01T12:00:00+08:00" },
    { "-2h", "2016-11-01T10:00:00+08:00" },
    { "+30min", "2016-11-01T12:30:00+08:00" },
    { "+3d", "2016-11-04T00:00:00+08:00" },
    { "tomorrow 9:30", "2016-11-02T09:30:00+08:00" },
    { "明天 09:30", "2016-11-02T09:30:00+08:00" },
    { "2016-11-01", "2016-11-01T00:00:00+08:00" },
    { "this week", NULL },
    { "2016-11 09:30", NULL },
    { "24:00", NULL },
    { "09:60", NULL },
    { "09:3", NULL },
    { "09:30:61", NULL },
    { "09:30:0", NULL },
    { "09:30:00.", NULL },
    { "09:30x", NULL },
    { "009:30", NULL },
    { "x09:30", NULL },
    { "2016-11-01T09:30:00+8", NULL },
    { "2016-11-01T09:30:00+24:00", NULL },
    { "2016-11-01T09:30:00+08:0", NULL },
    { "2016-11-01T09:30:00+08:000", NULL },
    { ":", NULL },
    { "1:", NULL },
    { ":30", NULL },
    { "+2hh", NULL },
    { "", NULL },
};

static void test_typed_instants(void **state)
{
    int64_t now_us = INT64_C(1477972800) * US_PER_SECOND;

    (void)state;
    set_zone("Asia/Shanghai");
    for (size_t i = 0; i < ARRAY_LEN(typed_instants); i++) {
        struct failure failure = { 0 };
        char text[INSTANT_TEXT_SIZE];
        int64_t instant_us = 7;
        enum crm_status status =
            instant_parse(slice_text(typed_instants[i].typed), now_us, &instant_us, &failure);

        if ((status == CRM_OK) != (typed_instants[i].expected != NULL))
            fail_msg("'%s' gave %d", typed_instants[i].typed, status);
        assert_int_equal(failure.status, status);
        if (status != CRM_OK) {
            assert_int_equal(status, CRM_INVALID);
            assert_int_equal(instant_us, 7);
            continue;
        }
        instant_format(instant_us, text);
        assert_string_equal(text, typed_instants[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil_days),
        cmocka_unit_test(test_far_days),
        cmocka_unit_test(test_weekdays),
        cmocka_unit_test(test_months),
        cmocka_unit_test_teardown(test_days_meet, zone_utc),
        cmocka_unit_test_teardown(test_missing_midnights, zone_utc),
        cmocka_unit_test_teardown(test_format, zone_utc),
        cmocka_unit_test(test_typed_days),
        cmocka_unit_test_teardown(test_typed_instants, zone_utc),
    };

    return cmocka_run_group_tests(tests, zone_utc, NULL);
}
