/*
 * sample.c - the records of the bench, from a seed
 *
 * Pure. Any thread.
 */
#include "tests/bench/sample.h"

#include <stdio.h>

#define SEED_CUSTOMER UINT64_C(0x637573746f6d6572)
#define SEED_DEAL     UINT64_C(0x6465616c6465616c)
#define FIRST_MS      INT64_C(1700000000000) /* of the ids */
#define FIRST_DAY     20454                  /* 2026-01-01: of the deals */
#define EVERY         10                     /* the common word */
#define CHINESE       3                      /* one in so many */

static const char *const syllables[] = {
    "al",  "ber", "cor", "dan", "el",   "fen",  "gar", "hol", "in",  "jor", "kes",
    "lun", "mar", "nor", "os",  "pel",  "quin", "ros", "sel", "tor", "ul",  "ven",
    "wes", "xan", "yor", "zel", "bran", "crel", "dro", "fla", "gri", "kla",
};
static const char *const trades[] = {
    "Systems", "Foods", "Logistics", "Textiles", "Energy",  "Medical",
    "Motors",  "Paper", "Chemicals", "Software", "Trading", "Steel",
};
static const char *const industries[] = {
    "retail",    "software", "medical",   "finance",   "manufacturing",
    "logistics", "energy",   "education", "marketing", "services",
};
static const char *const suffixes[] = { "Ltd", "Inc", "GmbH", "SA", "BV" };
static const char *const regions[] = { "上海", "北京", "深圳", "广州", "杭州",
                                       "成都", "武汉", "南京", "苏州", "重庆" };
static const char *const characters[] = {
    "安", "邦", "昌", "达", "恩", "丰", "光", "海", "嘉", "凯", "力", "美", "诺", "鹏",
    "启", "瑞", "盛", "天", "万", "新", "信", "亚", "益", "永", "宇", "泽", "正", "智",
    "中", "卓", "华", "宏", "建", "金", "康", "联", "明", "融", "泰", "祥",
};
static const char *const trades_zh[] = { "科技", "贸易", "食品", "物流",
                                         "电子", "医药", "机械", "软件" };
static const char *const sources[] = { "fair", "web", "referral", "cold call", "partner" };
static const char *const tag_names[] = { "key",  "newsletter", "south", "north",
                                         "east", "west",       "vip",   "pilot" };
static const char *const countries[] = { "CN", "DE", "US", "GB", "FR", "JP" };
static const char *const stages[] = { "Prospecting", "Engaging", "Qualified", "Proposal",
                                      "Negotiation", "Won",      "Lost" };
static const char *const notes[] = {
    "Met at the spring fair, wants a quotation for the next quarter and a visit of our engineer "
    "before the summer.",
    "Old contract runs out in autumn; the buyer compares three offers and decides with the plant "
    "manager in May.",
    "Pays on time, orders twice a year, asks for shorter delivery and one contact person for both "
    "of their sites in the south.",
};

#define PICK(list, random) list[sample_random_below(random, ARRAY_LEN(list))]

uint64_t sample_random_next(struct sample_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t sample_random_below(struct sample_random *random, uint64_t n)
{
    return sample_random_next(random) % n;
}

static struct sample_random random_of(uint64_t seed, uint64_t n)
{
    struct sample_random random = { .state = seed ^ n * UINT64_C(0xd1342543de82ef95) };

    sample_random_next(&random);
    return random;
}

/* UUIDv7, four to a millisecond. */
static void make_id(uint64_t seed, uint64_t n, struct uuid *out_id)
{
    struct sample_random random = random_of(seed, n);
    uint64_t ms = (uint64_t)FIRST_MS + n / 4,
             bits[2] = { sample_random_next(&random), sample_random_next(&random) };

    memcpy(out_id->bytes, bits, sizeof out_id->bytes);
    for (int i = 0; i < 6; i++)
        out_id->bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    out_id->bytes[6] = (uint8_t)(0x70 | n % 4);
    out_id->bytes[8] = (uint8_t)(0x80 | (out_id->bytes[8] & 0x3f));
}

void sample_customer_id(uint64_t n, struct uuid *out_id)
{
    make_id(SEED_CUSTOMER, n, out_id);
}

void sample_deal_id(uint64_t n, struct uuid *out_id)
{
    make_id(SEED_DEAL, n, out_id);
}

static ProtobufCBinaryData binary(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)id->bytes, .len = UUID_SIZE };
}

/* --- names */

/* A word of three syllables. */
static void word(struct sample_random *random, char out[16])
{
    snprintf(out, 16, "%s%s%s", PICK(syllables, random), PICK(syllables, random),
             PICK(syllables, random));
}

static void name_english(struct sample_customer *c, uint64_t n, struct sample_random *random)
{
    char second[16];

    word(random, c->brand);
    word(random, second);
    c->brand[0] = (char)(c->brand[0] - 'a' + 'A');
    snprintf(c->name, sizeof c->name, "%.15s %s%s %s", c->brand,
             n % EVERY ? "" : SAMPLE_COMMON_WORD " ", second, PICK(trades, random));
    snprintf(c->legal_name, sizeof c->legal_name, "%s %s", c->name, PICK(suffixes, random));
}

static void name_chinese(struct sample_customer *c, uint64_t n, struct sample_random *random)
{
    const char *region = PICK(regions, random), *trade = PICK(trades_zh, random);

    snprintf(c->brand, sizeof c->brand, "%s%s", PICK(characters, random), PICK(characters, random));
    snprintf(c->name, sizeof c->name, "%s%s%s%s", region, c->brand, trade,
             n % EVERY ? "" : " " SAMPLE_COMMON_WORD);
    snprintf(c->legal_name, sizeof c->legal_name, "%s%s%s有限公司", region, c->brand, trade);
}

/* --- a customer */

static void fill_texts(struct sample_customer *c, uint64_t n, struct sample_random *random)
{
    char person[16], host[16];

    word(random, person);
    word(random, host);
    if (c->is_chinese)
        name_chinese(c, n, random);
    else
        name_english(c, n, random);
    snprintf(c->registration, sizeof c->registration, "HRB%09u",
             (unsigned)sample_random_below(random, 1000000000));
    snprintf(c->web, sizeof c->web, "https://www.%s%s.example", host, c->is_chinese ? "-cn" : "");
    snprintf(c->phone, sizeof c->phone, "%s%08u", c->is_chinese ? "+86138" : "+4930",
             (unsigned)sample_random_below(random, 100000000));
    snprintf(c->email, sizeof c->email, "%s@%s.example", person, host);
    snprintf(c->lines, sizeof c->lines, "%u %s Street",
             (unsigned)sample_random_below(random, 200) + 1, host);
    snprintf(c->postcode, sizeof c->postcode, "%05u",
             (unsigned)sample_random_below(random, 100000));
    snprintf(c->note, sizeof c->note, "%s", PICK(notes, random));
    c->phones[0] = c->phone;
    c->emails[0] = c->email;
    c->tags[0] = (char *)tag_names[sample_random_below(random, 4)];
    c->tags[1] = (char *)tag_names[4 + sample_random_below(random, 4)];
}

static void fill_groups(struct sample_customer *c, struct sample_random *random)
{
    uint64_t bits[2] = { sample_random_next(random), sample_random_next(random) };

    crm__money__init(&c->revenue);
    c->revenue.has_minor = true;
    c->revenue.minor = (int64_t)sample_random_below(random, 1000000000) * 100;
    c->revenue.currency = (char *)"USD";
    crm__address__init(&c->address);
    memcpy(c->address_id.bytes, bits, UUID_SIZE);
    c->address.has_id = c->address.has_kind = true;
    c->address.id = binary(&c->address_id);
    c->address.kind = CRM__ADDRESS_KIND__ADDRESS_KIND_OFFICE;
    c->address.lines = c->lines;
    c->address.city = (char *)PICK(regions, random);
    c->address.postcode = c->postcode;
    c->address.country = (char *)PICK(countries, random);
    c->addresses[0] = &c->address;
}

void sample_customer_fill(uint64_t n, struct sample_customer *out)
{
    struct sample_random random = random_of(SEED_CUSTOMER + 1, n);
    Crm__Customer *message = &out->message;

    out->is_chinese = sample_random_below(&random, CHINESE) == 0;
    fill_texts(out, n, &random);
    fill_groups(out, &random);
    crm__customer__init(message);
    message->name = out->name;
    message->legal_name = out->legal_name;
    message->registration_number = out->registration;
    message->has_type = message->has_size = message->has_status = message->has_level = true;
    message->type = (Crm__CustomerType)(1 + sample_random_below(&random, 3));
    message->status = (Crm__CustomerStatus)(1 + sample_random_below(&random, 4));
    message->level = (Crm__CustomerLevel)(1 + sample_random_below(&random, 4));
    message->size = (uint32_t)sample_random_below(&random, 5000) + 1;
    message->industry = (char *)PICK(industries, &random);
    message->source = (char *)PICK(sources, &random);
    message->revenue = &out->revenue;
    message->web = out->web;
    message->note = out->note;
    message->country = out->address.country;
    message->n_phones = message->n_emails = message->n_addresses = 1;
    message->phones = out->phones;
    message->emails = out->emails;
    message->addresses = out->addresses;
    message->n_tags = ARRAY_LEN(out->tags);
    message->tags = out->tags;
}

/* --- a deal */

void sample_deal_fill(uint64_t n, uint64_t n_customers, struct sample_deal *out)
{
    struct sample_random random = random_of(SEED_DEAL + 1, n);
    Crm__Deal *message = &out->message;
    char what[16];

    word(&random, what);
    snprintf(out->name, sizeof out->name, "%s for %s", PICK(trades, &random), what);
    sample_customer_id(sample_random_below(&random, n_customers), &out->customer);
    crm__money__init(&out->amount);
    out->amount.has_minor = true;
    out->amount.minor = (int64_t)sample_random_below(&random, 10000000) + 100;
    out->amount.currency = (char *)"USD";
    crm__deal__init(message);
    message->name = out->name;
    message->has_customer = message->has_expected_close = true;
    message->customer = binary(&out->customer);
    message->stage = (char *)PICK(stages, &random);
    message->amount = &out->amount;
    message->expected_close = FIRST_DAY + (int32_t)sample_random_below(&random, 365);
}
