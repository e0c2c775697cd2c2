/*
 * deals.c - the deals of the sample company
 *
 * A deal begins on some day, more of them late than early, and takes its time; whether that is over
 * by the last day decides if it is won or lost, or how far it has come.
 */
#include "tests/sample/sample.h"

#include "common/base/calendar.h"

#define WON_PERCENT 57

/* The open stages of the pipeline that `crmd init` makes, in order. */
static const char *const open_stages[] = { "Prospecting", "Engaging", "Qualified", "Proposal",
                                           "Negotiation" };

static const char *const chinese_purposes[] = { "新建项目", "二期扩容", "技术改造", "年度采购",
                                                "备件更换", "试点项目", "节能改造", "产线升级" };
static const char *const american_purposes[] = { "new plant",      "line upgrade", "retrofit",
                                                 "yearly order",   "spares",       "pilot",
                                                 "energy savings", "second site" };
static const char *const chinese_reasons[] = { "价格", "竞争对手", "预算取消", "无回应" };
static const char *const american_reasons[] = { "price", "competitor", "budget cut", "no answer" };
static const char *const chinese_steps[] = { "发送报价", "安排现场演示", "约见采购经理",
                                             "跟进合同" };
static const char *const american_steps[] = { "send the quote", "arrange a demo on site",
                                              "meet purchasing", "follow up on the contract" };
static const char *const sources[] = { "existing customer", "existing customer", "web site",
                                       "trade fair", "referral" };

_Static_assert(ARRAY_LEN(chinese_purposes) == ARRAY_LEN(american_purposes), "drawn by one number");
_Static_assert(ARRAY_LEN(chinese_reasons) == ARRAY_LEN(american_reasons), "drawn by one number");
_Static_assert(ARRAY_LEN(chinese_steps) == ARRAY_LEN(american_steps), "drawn by one number");

/* One text of a pair of lists, by the language of the customer. */
#define pick_text(random, customer, chinese, american)                                             \
    (((customer)->is_chinese ? (chinese)                                                           \
                             : (american))[random_below((random), (int)ARRAY_LEN(chinese))])

/* UUIDv7 of the day on which the deal began. */
static void draw_id(struct random *random, int32_t day, char text[UUID_TEXT_SIZE])
{
    uint64_t head = ((uint64_t)day * 86400000) << 16 | 0x7000 | (random_next(random) & 0x0fff);
    uint64_t tail = (random_next(random) >> 2) | UINT64_C(1) << 63;
    struct uuid id;

    for (int i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(head >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(tail >> (56 - 8 * i));
    }
    uuid_format(&id, text);
}

/* Few customers buy often, most now and then. */
static const struct sample_customer *draw_customer(struct sample *sample)
{
    int one = random_below(&sample->random, SAMPLE_CUSTOMERS);
    int two = random_below(&sample->random, SAMPLE_CUSTOMERS);

    return &sample->customers[one < two ? one : two];
}

static void draw_deal(struct sample *sample, struct sample_deal *deal)
{
    struct random *random = &sample->random;
    int one = random_below(random, SAMPLE_DAYS);
    int two = random_below(random, SAMPLE_DAYS);
    int late = random_percent(random, 40) && two > one ? two : one; /* business grows */

    deal->customer = draw_customer(sample);
    deal->engaged = sample->until - SAMPLE_DAYS + late;
    deal->end = deal->engaged + 5;
    for (int i = 0; i < 3; i++)
        deal->end += random_below(random, 45);
    deal->is_open = deal->end >= sample->until;
    if (!deal->is_open && random_percent(random, 1)) { /* overdue */
        deal->is_open = true;
        deal->end = sample->until - random_range(random, 1, 20);
    }
    draw_id(random, deal->engaged, deal->id);
}

/* What every deal has, whatever has become of it. */
static json_t *deal_json(struct sample *sample, const struct sample_deal *deal)
{
    struct random *random = &sample->random;
    const struct sample_customer *customer = deal->customer;
    const struct sample_product *product = sample_product(random);
    const char *purpose = pick_text(random, customer, chinese_purposes, american_purposes);
    const char *source = random_pick(random, sources);
    int pieces = random_range(random, 1, product->most);
    int percent = random_range(random, 82, 100); /* of the list price */
    int64_t price = customer->is_chinese ? product->price_cny : product->price_usd;
    char name[2 * NAME_SIZE];

    snprintf(name, sizeof name, customer->is_chinese ? "%s%s" : "%s, %s",
             customer->is_chinese ? product->chinese : product->english, purpose);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s}", "id", deal->id, "name", name, "customer",
        customer->name, "product", product->code, "amount",
        output_money(price * pieces * percent / 1000 * 10, customer->is_chinese ? "CNY" : "USD"),
        "engaged", output_day(deal->engaged), "source", source, "owner", customer->rep);
}

static void add_open(struct sample *sample, const struct sample_deal *deal, json_t *record)
{
    int spent = sample->until - deal->engaged, whole = deal->end - deal->engaged;
    int stage = spent * (int)ARRAY_LEN(open_stages) / (whole > 0 ? whole : 1);
    int last = (int)ARRAY_LEN(open_stages) - 1;
    const char *step = pick_text(&sample->random, deal->customer, chinese_steps, american_steps);

    if (stage > last)
        stage = last;
    json_object_set_new(record, "stage", json_string(open_stages[stage]));
    json_object_set_new(record, "expected_close", output_day(deal->end));
    json_object_set_new(record, "happened",
                        output_day(deal->engaged)); /* of others: when it closed */
    if (stage > 0)
        json_object_set_new(record, "next_step", json_string(step));
}

static void add_closed(struct sample *sample, const struct sample_deal *deal, json_t *record)
{
    bool is_won = random_percent(&sample->random, WON_PERCENT);
    const char *reason =
        pick_text(&sample->random, deal->customer, chinese_reasons, american_reasons);

    json_object_set_new(record, "stage", json_string(is_won ? "Won" : "Lost"));
    json_object_set_new(record, "closed", output_day(deal->end));
    if (!is_won)
        json_object_set_new(record, "lost_reason", json_string(reason));
}

enum crm_status sample_deals(struct sample *sample, struct failure *failure)
{
    enum crm_status status = output_begin(&sample->out, "deal", "deals", failure);

    for (size_t i = 0; i < SAMPLE_DEALS && status == CRM_OK; i++) {
        struct sample_deal *deal = &sample->deals[i];
        json_t *record;

        draw_deal(sample, deal);
        record = deal_json(sample, deal);
        (deal->is_open ? add_open : add_closed)(sample, deal, record);
        output_add(&sample->out, record);
    }
    return status == CRM_OK ? output_end(&sample->out, failure) : status;
}
