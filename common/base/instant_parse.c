/*
 * instant_parse.c - moments as people type them
 *
 * Called by the command line, import, filters and validation, on any thread. Pure but for TZ. What
 * has no time of day is left to day_parse.
 */
#include "common/base/calendar.h"

#include <time.h>

#include "common/base/typed.h"

#define US_PER_SECOND INT64_C(1000000)

/* Units of a distance from now, in seconds. */
struct duration_word {
    const char *word;
    int seconds;
};

static const struct duration_word duration_words[] = {
    { "h", 3600 },  { "hour", 3600 }, { "hours", 3600 }, { "小时", 3600 }, { "min", 60 },
    { "mins", 60 }, { "minute", 60 }, { "minutes", 60 }, { "分钟", 60 },
};

/* A time of day, and where it was named the zone. */
struct time_of_day {
    int second; /* since midnight */
    int micro;
    bool has_zone;
    int offset_minutes;
};

/* ".123456", of which microseconds are kept. */
static bool read_fraction(const char **at, int *out_micro)
{
    int n = 0;
    int micro = 0;

    for (++*at; **at >= '0' && **at <= '9'; ++*at, n++) {
        if (n < 6)
            micro = 10 * micro + (**at - '0');
    }
    for (int i = n; i < 6; i++)
        micro *= 10;
    *out_micro = micro;
    return n > 0;
}

/* "z", "+08:00", "+0800", to the end; nothing is the process's zone. */
static bool read_zone(const char *at, struct time_of_day *time)
{
    const char *begin;
    int hour, minute;
    char sign;

    typed_skip_blank(&at);
    if (*at == '\0')
        return true;
    time->has_zone = true;
    if (strcmp(at, "z") == 0)
        return true;
    sign = *at++;
    begin = at;
    hour = typed_digits(&at, 2);
    if ((sign != '+' && sign != '-') || at - begin != 2)
        return false;
    (void)typed_skip(&at, ":");
    begin = at;
    minute = typed_digits(&at, 2);
    if (at - begin != 2 || *at || hour > 23 || minute > 59)
        return false;
    time->offset_minutes = (sign == '-' ? -1 : 1) * (60 * hour + minute);
    return true;
}

/* "9:30", "09:30:00.5+08:00". */
static bool read_time(const char *at, struct time_of_day *out_time)
{
    struct time_of_day time = { 0 };
    int hour = typed_digits(&at, 2);
    int minute = typed_skip(&at, ":") && at[0] && at[1] ? typed_digits(&at, 2) : -1;
    int second = 0;

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || (at[-2] < '0' || at[-2] > '9'))
        return false;
    if (typed_skip(&at, ":")) {
        const char *begin = at;

        second = typed_digits(&at, 2);
        if (at - begin != 2 ||
            second > 60) /* 60: a leap second, which is the next minute's first here */
            return false;
        if (*at == '.' && !read_fraction(&at, &time.micro))
            return false;
    }
    time.second = 3600 * hour + 60 * minute + second;
    *out_time = time;
    return read_zone(at, out_time);
}

/* The instant of a time on a day. A time that clocks skip or repeat is taken by the C library's
 * rules. */
static int64_t instant_at(int32_t day, const struct time_of_day *time)
{
    int64_t seconds = day * INT64_C(86400) + time->second;

    if (time->has_zone) {
        seconds -= time->offset_minutes * INT64_C(60);
    } else {
        struct civil civil = day_to_civil(day);
        struct tm local = { .tm_year = civil.year - 1900,
                            .tm_mon = civil.month - 1,
                            .tm_mday = civil.day,
                            .tm_hour = time->second / 3600,
                            .tm_min = time->second / 60 % 60,
                            .tm_sec = time->second % 60,
                            .tm_isdst = -1 };

        seconds = (int64_t)mktime(&local); /* years 1 to 9999 always fit */
    }
    return seconds * US_PER_SECOND + time->micro;
}

/* "2016-11-01t09:30", "tomorrow 09:30", "09:30". */
static bool read_day_time(char *typed, int32_t today, int64_t *out_us)
{
    char *colon = strchr(typed, ':');
    struct day_range range = { today, today + 1 };
    struct time_of_day time;
    char *hour = colon;

    while (hour && hour > typed && hour[-1] >= '0' && hour[-1] <= '9')
        hour--;
    if (!hour || !read_time(hour, &time))
        return false;
    if (hour > typed) {
        if (hour[-1] != ' ' && hour[-1] != 't')
            return false;
        hour[-1] = '\0';
        if (day_parse(slice_text(typed), today, &range, NULL) != CRM_OK ||
            range.end != range.first + 1)
            return false;
    }
    *out_us = instant_at(range.first, &time);
    return true;
}

/* "-2h", "+30min". */
static bool read_duration(const char *typed, int64_t now_us, int64_t *out_us)
{
    int n;

    if (!typed_signed(&typed, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(duration_words); i++) {
        if (strcmp(typed, duration_words[i].word) == 0) {
            *out_us = now_us + n * US_PER_SECOND * duration_words[i].seconds;
            return true;
        }
    }
    return false;
}

enum crm_status instant_parse(struct slice text, int64_t now_us, int64_t *out_us,
                              struct failure *failure)
{
    int32_t today = day_of_instant(now_us);
    struct day_range range;
    char typed[TYPED_SIZE];
    enum crm_status status;

    if (!typed_read(text, typed))
        return typed_refuse(failure, text, "is not a date or time");
    if (strcmp(typed, "now") == 0) {
        *out_us = now_us;
        return CRM_OK;
    }
    if (read_duration(typed, now_us, out_us))
        return CRM_OK;
    if (strchr(typed, ':')) {
        if (read_day_time(typed, today, out_us))
            return CRM_OK;
        return typed_refuse(
            failure, text,
            "is not a time (09:30, 2016-11-01 09:30, 2016-11-01T09:30:00+08:00, -2h)");
    }

    status = day_parse(text, today, &range, failure);
    if (status != CRM_OK)
        return status;
    if (range.end != range.first + 1)
        return typed_refuse(failure, text, "is a period, not a moment");
    *out_us = instant_of_day(range.first);
    return CRM_OK;
}
