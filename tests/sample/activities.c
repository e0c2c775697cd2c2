/*
 * activities.c - what the people of the sample company have talked about, and what they still have
 * to do
 *
 * For deals that are open or closed lately: that is what a day's work looks at.
 */
#include "tests/sample/sample.h"

#include "common/base/calendar.h"

#define LATELY_DAYS  60
#define TASK_PERCENT 45

/* A kind of activity, what it is usually about, and how long it takes at most. */
struct talk {
    const char *kind;
    const char *chinese;
    const char *english;
    int minutes;
};

static const struct talk talks[] = {
    { "call", "确认技术参数", "Went through the specification", 30 },
    { "call", "询问预算和时间", "Asked about budget and timing", 20 },
    { "visit", "现场考察", "Walked through the plant", 180 },
    { "meeting", "商务谈判", "Talked about terms", 90 },
    { "mail", "发送样本资料", "Sent the data sheets", 10 },
    { "message", "微信沟通交货期", "Settled the delivery date", 5 },
};

static const char *const chinese_outcomes[] = { "客户满意", "等待回复", "需要补充资料",
                                                "有竞争对手" };
static const char *const american_outcomes[] = { "went well", "waiting for an answer",
                                                 "wants more detail", "a competitor is in" };

_Static_assert(ARRAY_LEN(chinese_outcomes) == ARRAY_LEN(american_outcomes), "drawn by one number");

static const char *const chinese_tasks[] = { "回访客户", "准备报价单", "预约拜访", "催促合同签字" };
static const char *const american_tasks[] = { "Call back", "Prepare the quote", "Book a visit",
                                              "Ask for the signed contract" };

_Static_assert(ARRAY_LEN(chinese_tasks) == ARRAY_LEN(american_tasks), "drawn by one number");

/* Some working hour of a day on which the deal was under way. */
static json_t *activity_json(struct sample *sample, const struct sample_deal *deal)
{
    struct random *random = &sample->random;
    const struct sample_customer *customer = deal->customer;
    const struct talk *talk = &random_pick(random, talks);
    size_t outcome = (size_t)random_below(random, (int)ARRAY_LEN(chinese_outcomes));
    int32_t last = deal->end < sample->until ? deal->end : sample->until - 1;
    int32_t day = last - random_below(random, last > deal->engaged ? last - deal->engaged : 1);
    int hour = random_range(random, 9, 17);
    int minute = random_below(random, 12) * 5;
    int duration = random_range(random, 1, talk->minutes);
    bool is_incoming = random_percent(random, 30);
    char date[DAY_TEXT_SIZE], started[INSTANT_TEXT_SIZE];

    day_format(day, date);
    snprintf(started, sizeof started, "%sT%02d:%02d:00%s", date, hour, minute,
             customer->is_chinese ? "+08:00" : "-06:00");
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "activity_kind",
                     talk->kind, "subject", customer->is_chinese ? talk->chinese : talk->english,
                     "customer", customer->name, "deal", deal->id, "started", started, "duration",
                     duration, "direction", is_incoming ? "in" : "out", "outcome",
                     customer->is_chinese ? chinese_outcomes[outcome] : american_outcomes[outcome],
                     "owner", customer->rep, "happened", started);
}

enum crm_status sample_activities(struct sample *sample, struct failure *failure)
{
    enum crm_status status = output_begin(&sample->out, "activity", "activities", failure);

    for (size_t i = 0; i < SAMPLE_DEALS && status == CRM_OK; i++) {
        const struct sample_deal *deal = &sample->deals[i];

        if (!deal->is_open && deal->end < sample->until - LATELY_DAYS)
            continue;
        for (int n = random_range(&sample->random, 0, deal->is_open ? 3 : 1); n > 0; n--)
            output_add(&sample->out, activity_json(sample, deal));
    }
    return status == CRM_OK ? output_end(&sample->out, failure) : status;
}

static json_t *task_json(struct sample *sample, const struct sample_deal *deal)
{
    struct random *random = &sample->random;
    const struct sample_customer *customer = deal->customer;
    size_t subject = (size_t)random_below(random, (int)ARRAY_LEN(chinese_tasks));
    int32_t due = sample->until + random_range(random, -4, 24);
    int urgency = random_below(random, 100);

    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "subject",
                     customer->is_chinese ? chinese_tasks[subject] : american_tasks[subject], "due",
                     output_day(due), "state", "open", "priority",
                     urgency < 20   ? "high"
                     : urgency < 85 ? "normal"
                                    : "low",
                     "assigned", customer->rep, "owner", customer->rep, "customer", customer->name,
                     "deal", deal->id);
}

enum crm_status sample_tasks(struct sample *sample, struct failure *failure)
{
    enum crm_status status = output_begin(&sample->out, "task", "tasks", failure);

    for (size_t i = 0; i < SAMPLE_DEALS && status == CRM_OK; i++)
        if (sample->deals[i].is_open && random_percent(&sample->random, TASK_PERCENT))
            output_add(&sample->out, task_json(sample, &sample->deals[i]));
    return status == CRM_OK ? output_end(&sample->out, failure) : status;
}
