/*
 * calendar.c - days and instants: counted, placed in the process's zone, written out
 *
 * Called from everywhere, on any thread. Pure but for TZ, which who sets it must follow with
 * tzset(). Reading what people type is calendar_parse.c.
 */
#include "common/base/calendar.h"

#include <stdio.h>
#include <time.h>

#define US_PER_SECOND   INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)
#define WIDE_SIZE       128
#define DAYS_PER_ERA    146097 /* 400 years */
#define EPOCH_OFFSET    719468 /* days from 0000-03-01 to 1970-01-01 */
#define INSTANT_DAY_MOST                                                                           \
    INT64_C(106751990) /* days that an instant can count, with a day to spare for the zone */

static int64_t divide_floor(int64_t n, int64_t d)
{
    int64_t quotient = n / d;

    return quotient - (n % d < 0);
}

static int32_t day_clamp(int64_t day)
{
    return day > INT32_MAX ? INT32_MAX : day < INT32_MIN ? INT32_MIN : (int32_t)day;
}

/* Years begin in March here, so that the leap day is the last of its year. */
static int64_t count_days(int64_t year, int month, int day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t era = divide_floor(shifted, 400);
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - EPOCH_OFFSET;
}

static int month_days(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && is_leap);
}

/* Seconds by which the zone's clocks were ahead of UTC then. */
static int64_t zone_offset(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm local;

    return localtime_r(&when, &local) ? local.tm_gmtoff : 0;
}

static int64_t local_day(int64_t seconds)
{
    return divide_floor(seconds + zone_offset(seconds), SECONDS_PER_DAY);
}

int32_t day_from_civil(struct civil civil)
{
    return day_clamp(count_days(civil.year, civil.month, civil.day));
}

struct civil day_to_civil(int32_t day)
{
    int64_t shifted = (int64_t)day + EPOCH_OFFSET;
    int64_t era = divide_floor(shifted, DAYS_PER_ERA);
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 = March */

    return (struct civil){ .year = (int)(year + era * 400 + (month >= 10)),
                           .month = (int)(month < 10 ? month + 3 : month - 9),
                           .day = (int)(day_of_year - (153 * month + 2) / 5 + 1) };
}

int day_weekday(int32_t day)
{
    int64_t since_monday = (int64_t)day + 3; /* 1970-01-01 was a Thursday */

    return (int)(since_monday - 7 * divide_floor(since_monday, 7));
}

int32_t day_of_instant(int64_t instant_us)
{
    return day_clamp(local_day(divide_floor(instant_us, US_PER_SECOND)));
}

/*
 * Halving, because no formula holds: midnight may not exist (clocks put forward at 00:00), come
 * twice, or a zone may leave out a whole day. The answer is the first second whose local day is day
 * or later.
 */
static int64_t search_day_begin(int32_t day, int64_t guess)
{
    int64_t low = guess - SECONDS_PER_DAY - SECONDS_PER_DAY / 2;
    int64_t high = guess + SECONDS_PER_DAY + SECONDS_PER_DAY / 2;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (local_day(middle) < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t instant_of_day(int32_t day)
{
    int64_t utc = day * SECONDS_PER_DAY;
    int64_t begin;

    if (day > INSTANT_DAY_MOST)
        return INT64_MAX;
    if (day < -INSTANT_DAY_MOST)
        return INT64_MIN;
    begin = utc - zone_offset(utc);
    if (local_day(begin) != day || local_day(begin - 1) >= day || begin + zone_offset(begin) != utc)
        begin = search_day_begin(day, utc);
    return begin * US_PER_SECOND;
}

int32_t day_add_months(int32_t day, int months)
{
    struct civil civil = day_to_civil(day);
    int64_t month = (int64_t)civil.year * 12 + civil.month - 1 + months;
    int64_t year = divide_floor(month, 12);
    int month_of_year = (int)(month - year * 12) + 1;
    int most = month_days(year, month_of_year);

    return day_clamp(count_days(year, month_of_year, civil.day < most ? civil.day : most));
}

/* The compiler cannot know the ranges of days and offsets: written wide, then copied to where it is
 * known to fit. */
static void copy_out(char *text, size_t size, const char *wide)
{
    size_t n = strnlen(wide, size - 1);

    memcpy(text, wide, n);
    text[n] = '\0';
}

void day_format(int32_t day, char text[DAY_TEXT_SIZE])
{
    struct civil civil = day_to_civil(day);
    char wide[WIDE_SIZE];

    snprintf(wide, sizeof(wide), "%04d-%02d-%02d", civil.year, civil.month, civil.day);
    copy_out(text, DAY_TEXT_SIZE, wide);
}

/* An instant taken apart in its zone. */
struct local_time {
    char day[DAY_TEXT_SIZE];
    int hour, minute, second, micro;
    int offset_minutes;
};

/* An offset with seconds (local mean times before 1900) is cut to minutes, and the time with it:
 * the instant stays exact. */
static struct local_time local_time_of(int64_t instant_us)
{
    int64_t seconds = divide_floor(instant_us, US_PER_SECOND);
    int64_t rest_us =
        instant_us % US_PER_SECOND; /* seconds * US_PER_SECOND need not fit: it is rounded down */
    struct local_time local = { .micro = (int)(rest_us < 0 ? rest_us + US_PER_SECOND : rest_us),
                                .offset_minutes = (int)(zone_offset(seconds) / 60) };
    int64_t shifted = seconds + local.offset_minutes * INT64_C(60);
    int64_t day = divide_floor(shifted, SECONDS_PER_DAY);
    int rest = (int)(shifted - day * SECONDS_PER_DAY);

    day_format((int32_t)day, local.day);
    local.hour = rest / 3600;
    local.minute = rest / 60 % 60;
    local.second = rest % 60;
    return local;
}

void instant_format(int64_t instant_us, char text[INSTANT_TEXT_SIZE])
{
    struct local_time local = local_time_of(instant_us);
    int offset = local.offset_minutes < 0 ? -local.offset_minutes : local.offset_minutes;
    char sign = local.offset_minutes < 0 ? '-' : '+';
    char fraction[16] = "";
    char wide[WIDE_SIZE];

    if (local.micro)
        snprintf(fraction, sizeof(fraction), ".%06d", local.micro);
    snprintf(wide, sizeof(wide), "%sT%02d:%02d:%02d%s%c%02d:%02d", local.day, local.hour,
             local.minute, local.second, fraction, sign, offset / 60, offset % 60);
    copy_out(text, INSTANT_TEXT_SIZE, wide);
}

void instant_format_short(int64_t instant_us, char text[INSTANT_TEXT_SIZE])
{
    struct local_time local = local_time_of(instant_us);
    char wide[WIDE_SIZE];

    snprintf(wide, sizeof(wide), "%s %02d:%02d", local.day, local.hour, local.minute);
    copy_out(text, INSTANT_TEXT_SIZE, wide);
}
