/*
 * customers.c - the customers of the sample company and the people there
 */
#include "tests/sample/sample.h"

#define CHINESE_PERCENT 56

static const char *const sources[] = { "trade fair", "referral", "web site", "cold call",
                                       "partner" };

/* Weights by repetition. */
static const char *const states[] = { "active", "active",   "active",  "prospect",
                                      "active", "prospect", "dormant", "lost" };
static const char *const levels[] = { "a", "b", "b", "c", "c", "c", "d" };

static const char *const chinese_titles[] = { "总经理", "采购经理", "设备部长", "技术总监",
                                              "工程师" };
static const char *const american_titles[] = { "Plant manager", "Head of purchasing", "Engineer",
                                               "Maintenance lead", "Operations director" };
static const char *const buying_roles[] = { "decision_maker", "buyer", "user", "influencer",
                                            "gatekeeper" };

_Static_assert(ARRAY_LEN(chinese_titles) == ARRAY_LEN(american_titles), "drawn by one number");

static bool is_taken(const struct sample *sample, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(sample->customers[i].name, name) == 0)
            return true;
    return false;
}

static const char *draw_rep(struct sample *sample, bool is_chinese)
{
    const struct sample_rep *rep;

    do
        rep = &sample->reps[random_below(&sample->random, (int)sample->n_reps)];
    while (rep->is_chinese != is_chinese);
    return rep->login;
}

static json_t *address_json(struct random *random, const struct company_name *name, bool is_chinese)
{
    char lines[NAME_SIZE];
    int number = random_range(random, 1, 980);

    snprintf(lines, sizeof lines, is_chinese ? "工业园区%d号" : "%d Industrial Parkway", number);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "office", "lines", lines, "city",
                     name->city, "province", name->province, "country", is_chinese ? "CN" : "US");
}

static json_t *customer_json(struct random *random, const struct company_name *name,
                             const struct sample_customer *customer)
{
    const char *status = random_pick(random, states);
    const char *level = random_pick(random, levels);
    const char *source = random_pick(random, sources);
    int size = random_range(random, 20, 400) * random_range(random, 1, 10);
    int output = random_range(random, 60, 160); /* thousand dollars for each who works there */
    bool is_chinese = customer->is_chinese;
    json_t *address = address_json(random, name, is_chinese);
    char email[NAME_SIZE + 8], web[NAME_SIZE + 16];

    snprintf(email, sizeof email, "info@%s", name->domain);
    snprintf(web, sizeof web, "https://%s", name->domain);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:s, s:[s], s:[s], s:s, s:[o], s:s, s:s, s:s}",
        "name", name->name, "legal_name", name->legal_name, "type", "end_customer", "status",
        status, "level", level, "industry", name->industry, "size", size, "revenue",
        output_money((int64_t)size * output * (is_chinese ? 5000 : 1000),
                     is_chinese ? "CNY" : "USD"),
        "source", source, "phones", name->phone, "emails", email, "web", web, "addresses", address,
        "country", is_chinese ? "CN" : "US", "language", is_chinese ? "zh" : "en", "owner",
        customer->rep);
}

enum crm_status sample_customers(struct sample *sample, struct failure *failure)
{
    enum crm_status status = output_begin(&sample->out, "customer", "customers", failure);

    for (size_t i = 0; i < SAMPLE_CUSTOMERS && status == CRM_OK; i++) {
        struct sample_customer *customer = &sample->customers[i];
        struct company_name name;

        customer->is_chinese = random_percent(&sample->random, CHINESE_PERCENT);
        do
            company_name(&sample->random, customer->is_chinese, &name);
        while (is_taken(sample, i, name.name));
        memcpy(customer->name, name.name, sizeof customer->name);
        customer->rep = draw_rep(sample, customer->is_chinese);
        output_add(&sample->out, customer_json(&sample->random, &name, customer));
    }
    return status == CRM_OK ? output_end(&sample->out, failure) : status;
}

static json_t *contact_json(struct random *random, const struct sample_customer *customer)
{
    size_t post = (size_t)random_below(random, (int)ARRAY_LEN(chinese_titles));
    const char *role = random_pick(random, buying_roles);
    struct person_name name;
    char email[2 * NAME_SIZE];

    person_name(random, customer->is_chinese, &name);
    snprintf(email, sizeof email, "%s@%s.example", name.mailbox,
             customer->is_chinese ? "mail-cn" : "mail-us");
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s], s:[s], s:s}", "customer", customer->name,
                     "family", name.family, "given", name.given, "title",
                     customer->is_chinese ? chinese_titles[post] : american_titles[post],
                     "buying_role", role, "phones", name.phone, "emails", email, "owner",
                     customer->rep);
}

enum crm_status sample_contacts(struct sample *sample, struct failure *failure)
{
    enum crm_status status = output_begin(&sample->out, "contact", "contacts", failure);

    for (size_t i = 0; i < SAMPLE_CUSTOMERS && status == CRM_OK; i++)
        for (int n = random_range(&sample->random, 1, 3); n > 0; n--)
            output_add(&sample->out, contact_json(&sample->random, &sample->customers[i]));
    return status == CRM_OK ? output_end(&sample->out, failure) : status;
}
