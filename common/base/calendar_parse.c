/*
 * calendar_parse.c - days and periods as people type them, English and Chinese
 *
 * Called by the command line, import, filters and validation, on any thread. Pure. A day
 * is tried as a word, a weekday, a distance and a date, in this order: no text is more than one of
 * them.
 */
#include "common/base/calendar.h"

#include "common/base/typed.h"

enum unit { UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR };

/* A word for the period that lies so many units from the one that today is in. */
struct period_word {
    const char *word;
    enum unit unit;
    int distance;
};

static const struct period_word period_words[] = {
    { "today", UNIT_DAY, 0 },
    { "tomorrow", UNIT_DAY, 1 },
    { "yesterday", UNIT_DAY, -1 },
    { "今天", UNIT_DAY, 0 },
    { "明天", UNIT_DAY, 1 },
    { "昨天", UNIT_DAY, -1 },
    { "后天", UNIT_DAY, 2 },
    { "後天", UNIT_DAY, 2 },
    { "前天", UNIT_DAY, -2 },
    { "this week", UNIT_WEEK, 0 },
    { "next week", UNIT_WEEK, 1 },
    { "last week", UNIT_WEEK, -1 },
    { "本周", UNIT_WEEK, 0 },
    { "下周", UNIT_WEEK, 1 },
    { "上周", UNIT_WEEK, -1 },
    { "这周", UNIT_WEEK, 0 },
    { "this month", UNIT_MONTH, 0 },
    { "next month", UNIT_MONTH, 1 },
    { "last month", UNIT_MONTH, -1 },
    { "本月", UNIT_MONTH, 0 },
    { "下月", UNIT_MONTH, 1 },
    { "上月", UNIT_MONTH, -1 },
    { "下个月", UNIT_MONTH, 1 },
    { "上个月", UNIT_MONTH, -1 },
    { "this quarter", UNIT_QUARTER, 0 },
    { "next quarter", UNIT_QUARTER, 1 },
    { "last quarter", UNIT_QUARTER, -1 },
    { "本季度", UNIT_QUARTER, 0 },
    { "下季度", UNIT_QUARTER, 1 },
    { "上季度", UNIT_QUARTER, -1 },
    { "this year", UNIT_YEAR, 0 },
    { "next year", UNIT_YEAR, 1 },
    { "last year", UNIT_YEAR, -1 },
    { "今年", UNIT_YEAR, 0 },
    { "明年", UNIT_YEAR, 1 },
    { "去年", UNIT_YEAR, -1 },
};

/* Where a named weekday is looked for. */
enum seek { SEEK_AFTER_TODAY, SEEK_BEFORE_TODAY, SEEK_LAST_WEEK, SEEK_THIS_WEEK, SEEK_NEXT_WEEK };

/* What may stand before a weekday; the Chinese ones end in one of han_weeks. */
struct seek_word {
    const char *word;
    enum seek seek;
};

static const struct seek_word english_seeks[] = {
    { "next ", SEEK_AFTER_TODAY },
    { "last ", SEEK_BEFORE_TODAY },
    { "this ", SEEK_THIS_WEEK },
    { "", SEEK_AFTER_TODAY },
};

static const struct seek_word han_seeks[] = {
    { "下", SEEK_NEXT_WEEK }, { "上", SEEK_LAST_WEEK }, { "本", SEEK_THIS_WEEK },
    { "这", SEEK_THIS_WEEK }, { "", SEEK_AFTER_TODAY },
};

static const char *const han_weeks[] = { "周", "週", "星期", "礼拜" };

/* Monday first. */
static const char *const weekdays[] = { "monday", "tuesday",  "wednesday", "thursday",
                                        "friday", "saturday", "sunday" };
static const char *const han_weekdays[] = { "一", "二", "三", "四", "五", "六", "日", "天" };

/* Units of a distance from today. */
struct distance_word {
    const char *word;
    enum unit unit;
};

static const struct distance_word distance_words[] = {
    { "d", UNIT_DAY },       { "day", UNIT_DAY },      { "days", UNIT_DAY },
    { "天", UNIT_DAY },      { "w", UNIT_WEEK },       { "week", UNIT_WEEK },
    { "weeks", UNIT_WEEK },  { "周", UNIT_WEEK },      { "m", UNIT_MONTH },
    { "month", UNIT_MONTH }, { "months", UNIT_MONTH }, { "个月", UNIT_MONTH },
    { "q", UNIT_QUARTER },   { "y", UNIT_YEAR },       { "year", UNIT_YEAR },
    { "years", UNIT_YEAR },  { "年", UNIT_YEAR },
};

static int32_t year_day(int year, int month)
{
    return day_from_civil((struct civil){ .year = year, .month = month, .day = 1 });
}

/* The first day of the unit that lies distance units after the one that day is in. */
static int32_t unit_begin(enum unit unit, int32_t day, int distance)
{
    struct civil civil = day_to_civil(day);

    switch (unit) {
    case UNIT_WEEK:
        return day - day_weekday(day) + 7 * distance;
    case UNIT_MONTH:
        return day_add_months(year_day(civil.year, civil.month), distance);
    case UNIT_QUARTER:
        return day_add_months(year_day(civil.year, (civil.month - 1) / 3 * 3 + 1), 3 * distance);
    case UNIT_YEAR:
        return day_add_months(year_day(civil.year, 1), 12 * distance);
    case UNIT_DAY:
        break;
    }
    return day + distance;
}

static struct day_range single_day(int32_t day)
{
    return (struct day_range){ .first = day, .end = day + 1 };
}

static bool read_period_word(const char *typed, int32_t today, struct day_range *out_range)
{
    for (size_t i = 0; i < ARRAY_LEN(period_words); i++) {
        const struct period_word *row = &period_words[i];

        if (strcmp(typed, row->word) == 0) {
            out_range->first = unit_begin(row->unit, today, row->distance);
            out_range->end = unit_begin(row->unit, today, row->distance + 1);
            return true;
        }
    }
    return false;
}

/* "fri" or "friday", to the end. -1 where it is none. */
static int weekday_of(const char *at)
{
    for (int i = 0; i < (int)ARRAY_LEN(weekdays); i++) {
        if (strcmp(at, weekdays[i]) == 0 || (strlen(at) == 3 && strncmp(at, weekdays[i], 3) == 0))
            return i;
    }
    return -1;
}

static int han_weekday_of(const char *at)
{
    for (size_t i = 0; i < ARRAY_LEN(han_weeks); i++) {
        if (!typed_skip(&at, han_weeks[i]))
            continue;
        for (int day = 0; day < (int)ARRAY_LEN(han_weekdays); day++) {
            if (strcmp(at, han_weekdays[day]) == 0)
                return day < 6 ? day : 6;
        }
    }
    return -1;
}

static int32_t weekday_seek(enum seek seek, int weekday, int32_t today)
{
    int32_t monday = today - day_weekday(today);
    int ahead = (weekday - day_weekday(today) + 7) % 7; /* 0 where today is one */

    switch (seek) {
    case SEEK_LAST_WEEK:
        return monday - 7 + weekday;
    case SEEK_THIS_WEEK:
        return monday + weekday;
    case SEEK_NEXT_WEEK:
        return monday + 7 + weekday;
    case SEEK_BEFORE_TODAY:
        return today + ahead - 7;
    case SEEK_AFTER_TODAY:
        break;
    }
    return today + (ahead ? ahead : 7);
}

static bool read_weekday(const char *typed, int32_t today, struct day_range *out_range)
{
    for (size_t i = 0; i < ARRAY_LEN(english_seeks); i++) {
        const char *at = typed;

        if (typed_skip(&at, english_seeks[i].word) && weekday_of(at) >= 0) {
            *out_range = single_day(weekday_seek(english_seeks[i].seek, weekday_of(at), today));
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(han_seeks); i++) {
        const char *at = typed;

        if (typed_skip(&at, han_seeks[i].word) && han_weekday_of(at) >= 0) {
            *out_range = single_day(weekday_seek(han_seeks[i].seek, han_weekday_of(at), today));
            return true;
        }
    }
    return false;
}

static int32_t day_move(int32_t day, enum unit unit, int n)
{
    switch (unit) {
    case UNIT_WEEK:
        return day + 7 * n;
    case UNIT_MONTH:
        return day_add_months(day, n);
    case UNIT_QUARTER:
        return day_add_months(day, 3 * n);
    case UNIT_YEAR:
        return day_add_months(day, 12 * n);
    case UNIT_DAY:
        break;
    }
    return day + n;
}

static bool read_distance(const char *typed, int32_t today, struct day_range *out_range)
{
    int n;

    if (!typed_signed(&typed, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(distance_words); i++) {
        if (strcmp(typed, distance_words[i].word) == 0) {
            *out_range = single_day(day_move(today, distance_words[i].unit, n));
            return true;
        }
    }
    return false;
}

/* "11-01" or "11" to the end. */
static bool read_month_day(const char *at, char separator, struct civil *civil)
{
    civil->month = typed_digits(&at, 2);
    if (*at == '\0')
        return civil->month > 0;
    if (*at++ != separator)
        return false;
    civil->day = typed_digits(&at, 2);
    return civil->month > 0 && civil->day > 0 && *at == '\0';
}

/* "11月1日", "11月" or nothing, to the end. */
static bool read_han_month_day(const char *at, struct civil *civil)
{
    if (*at == '\0')
        return true;
    civil->month = typed_digits(&at, 2);
    if (civil->month <= 0 || !typed_skip(&at, "月"))
        return false;
    if (*at == '\0')
        return true;
    civil->day = typed_digits(&at, 2);
    return civil->day > 0 && (typed_skip(&at, "日") || typed_skip(&at, "号")) && *at == '\0';
}

/* "1101" to the end. */
static bool read_packed_month_day(const char *at, struct civil *civil)
{
    if (strlen(at) != 4)
        return false;
    civil->month = typed_digits(&at, 2);
    civil->day = typed_digits(&at, 2);
    return civil->month > 0 && civil->day > 0 && *at == '\0';
}

/* "2016", "2016-11", "2016-11-01" and the like into year, month, day; what is not named is 0. */
static bool read_date(const char *at, struct civil *civil)
{
    const char *begin = at;

    *civil = (struct civil){ .year = typed_digits(&at, 4) };
    if (at - begin != 4)
        return false;
    if (*at == '\0')
        return true;
    if (*at == '-' || *at == '/')
        return read_month_day(at + 1, *at, civil);
    if (typed_skip(&at, "年"))
        return read_han_month_day(at, civil);
    return read_packed_month_day(at, civil);
}

/* The range of a date, false where it is on no calendar: month 13, February 30. */
static bool date_range(struct civil civil, struct day_range *out_range)
{
    struct civil first = { civil.year, civil.month ? civil.month : 1, civil.day ? civil.day : 1 };
    struct civil again;
    int32_t day;

    if (first.year < 1 || first.month > 12 || first.day > 31)
        return false;
    day = day_from_civil(first);
    again = day_to_civil(day);
    if (again.month != first.month)
        return false;
    out_range->first = day;
    out_range->end = civil.day ? day + 1 : day_add_months(day, civil.month ? 1 : 12);
    return true;
}

static bool read_day(const char *typed, int32_t today, struct day_range *out_range)
{
    struct civil civil;

    return read_period_word(typed, today, out_range) || read_weekday(typed, today, out_range) ||
           read_distance(typed, today, out_range) ||
           (read_date(typed, &civil) && date_range(civil, out_range));
}

enum crm_status day_parse(struct slice text, int32_t today, struct day_range *out_range,
                          struct failure *failure)
{
    struct day_range range;
    char typed[TYPED_SIZE];

    if (!typed_read(text, typed) || !read_day(typed, today, &range))
        return typed_refuse(
            failure, text,
            "is not a day or period (2016-11-01, 2016-11, today, +3d, next fri, this quarter)");
    /* What is written out must be readable again: years have four digits. */
    if (range.first < year_day(1, 1) || range.end > year_day(10000, 1))
        return typed_refuse(failure, text, "is too far from today");
    *out_range = range;
    return CRM_OK;
}
