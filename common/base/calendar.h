/*
 * calendar.h - days, periods and what people type for them
 *
 * A day is a count from 1970-01-01 in the proleptic Gregorian calendar, without a zone. Instants are microseconds UTC; the
 * zone in which they fall on a day is the process's (TZ): the server sets it from the company's record, the client has its own.
 */
#ifndef CRM_BASE_CALENDAR_H
#define CRM_BASE_CALENDAR_H

#include "common/base/failure.h"

#define DAY_TEXT_SIZE     16
#define INSTANT_TEXT_SIZE 40
#define US_PER_DAY        INT64_C(86400000000)

struct civil {
    int year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};

/* Half-open: first <= day < end. */
struct day_range {
    int32_t first;
    int32_t end;
};

int32_t day_from_civil(struct civil civil);
struct civil day_to_civil(int32_t day);
/* 0 = Monday … 6 = Sunday. */
int day_weekday(int32_t day);
/* The day on which an instant falls in the process's zone, and the instant at which a day begins there. */
int32_t day_of_instant(int64_t instant_us);
int64_t instant_of_day(int32_t day);
/* Months added, the day kept within the month: Jan 31 + 1 month = Feb 28. */
int32_t day_add_months(int32_t day, int months);

/*
 * A day or period as typed, relative to today: 2016-11-01, 2016-11, 2016, 2016/11/1, 20161101, today, tomorrow, yesterday, -7d, +3d, -2w,
 * +1m, -1y, mon … sun, next fri, last mon, this|last|next week|month|quarter|year, 今天, 明天, 昨天, 后天, 前天, 周五, 下周五, 上周一, 本周, 下周,
 * 上周, 本月, 上月, 下月, 本季度, 上季度, 下季度, 今年, 去年, 明年, 2016年11月1日. Case does not matter. Weeks begin on Monday; a bare weekday
 * and "next fri" mean the first such day after today, 下周五 the Friday of next week. A single day gives end = first + 1.
 */
enum crm_status day_parse(struct slice text, int32_t today, struct day_range *out_range, struct failure *failure) MUST_CHECK;

/* An instant as typed: RFC 3339 ("2016-11-01T09:30:00+08:00", "…Z"), "2016-11-01 09:30", "09:30" (today), "now", or any single day of
 * day_parse (its beginning in the process's zone), "-2h", "+30min". */
enum crm_status instant_parse(struct slice text, int64_t now_us, int64_t *out_us, struct failure *failure) MUST_CHECK;

/* "2016-11-01". */
void day_format(int32_t day, char text[DAY_TEXT_SIZE]);
/* ISO 8601 with the zone's offset: "2016-11-01T09:30:00.123456+08:00"; the fraction only where it is not zero. */
void instant_format(int64_t instant_us, char text[INSTANT_TEXT_SIZE]);
/* "2016-11-01 09:30" in the process's zone, for tables. */
void instant_format_short(int64_t instant_us, char text[INSTANT_TEXT_SIZE]);

#endif
