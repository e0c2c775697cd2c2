/*
 * maven.c - accounts, products, agents and opportunities of the Maven sales files as customers,
 * products, users and deals
 *
 * Called by main. A record is written before others refer to it by its name or login.
 */
#include "tests/sample/maven.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/base/calendar.h"
#include "tests/sample/output.h"
#include "tests/sample/table.h"

#define LOGIN_SIZE 64
#define CURRENCY   "USD"

enum account_column { A_NAME, A_SECTOR, A_FOUNDED, A_REVENUE, A_EMPLOYEES, A_COUNTRY, A_PARENT };
enum product_column { P_NAME, P_SERIES, P_PRICE };
enum agent_column { G_NAME, G_MANAGER, G_OFFICE };
enum deal_column { D_ID, D_AGENT, D_PRODUCT, D_ACCOUNT, D_STAGE, D_ENGAGED, D_CLOSED, D_VALUE };

static const char *const account_headings[] = {
    [A_NAME] = "account",         [A_SECTOR] = "sector",       [A_FOUNDED] = "year_established",
    [A_REVENUE] = "revenue",      [A_EMPLOYEES] = "employees", [A_COUNTRY] = "office_location",
    [A_PARENT] = "subsidiary_of",
};
static const char *const product_headings[] = {
    [P_NAME] = "product",
    [P_SERIES] = "series",
    [P_PRICE] = "sales_price",
};
static const char *const agent_headings[] = {
    [G_NAME] = "sales_agent",
    [G_MANAGER] = "manager",
    [G_OFFICE] = "regional_office",
};
static const char *const deal_headings[] = {
    [D_ID] = "opportunity_id", [D_AGENT] = "sales_agent", [D_PRODUCT] = "product",
    [D_ACCOUNT] = "account",   [D_STAGE] = "deal_stage",  [D_ENGAGED] = "engage_date",
    [D_CLOSED] = "close_date", [D_VALUE] = "close_value",
};

/* How the files misspell, and what is meant. */
static const char *const spellings[][2] = {
    { "GTXPro", "GTX Pro" },
    { "technolgy", "technology" },
    { "Philipines", "Philippines" },
};

/* The four files, and what the deals need to know of all of them. */
struct maven {
    struct table accounts, products, agents, deals;
    int32_t last_day;     /* of the data */
    int32_t median_cycle; /* days from engagement to the close of a won deal */
    struct output out;
};

static const char *spelled(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        if (strcmp(text, spellings[i][0]) == 0)
            return spellings[i][1];
    return text;
}

/* "Mei-Mei Johns" logs in as mei-mei.johns. */
static const char *login_of(const char *name, char login[LOGIN_SIZE])
{
    size_t n = 0;

    for (; *name && n + 1 < LOGIN_SIZE; name++)
        login[n++] = *name == ' ' ? '.' : (char)tolower((unsigned char)*name);
    login[n] = '\0';
    return login;
}

static bool day_of(const char *text, int32_t *out_day)
{
    struct day_range range;

    if (day_parse(slice_text(text), 0, &range, NULL) != CRM_OK)
        return false;
    *out_day = range.first;
    return true;
}

/* --- teams and users */

/* The first row with its text in a column: so that each office and manager is written once. */
static bool is_first(const struct table *table, size_t row, size_t column)
{
    return table_find(table, column, table_cell(table, row, column)) == row;
}

static enum crm_status write_offices(struct maven *maven, struct failure *failure)
{
    enum crm_status status = output_begin(&maven->out, "team", "offices", failure);

    for (size_t i = 0; i < maven->agents.n_rows && status == CRM_OK; i++) {
        const char *office = table_cell(&maven->agents, i, G_OFFICE);

        if (is_first(&maven->agents, i, G_OFFICE))
            output_add(&maven->out, json_pack("{s:s, s:s, s:s}", "name", office, "parent",
                                              "Company", "region", office));
    }
    return status == CRM_OK ? output_end(&maven->out, failure) : status;
}

static json_t *user_json(const char *name, const char *office, const char *role,
                         const char *manager)
{
    char login[LOGIN_SIZE];

    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "login", login_of(name, login), "name", name,
                     "team", office, "role", role, "manager", manager);
}

static enum crm_status write_managers(struct maven *maven, struct failure *failure)
{
    enum crm_status status = output_begin(&maven->out, "user", "managers", failure);

    for (size_t i = 0; i < maven->agents.n_rows && status == CRM_OK; i++)
        if (is_first(&maven->agents, i, G_MANAGER))
            output_add(&maven->out,
                       user_json(table_cell(&maven->agents, i, G_MANAGER),
                                 table_cell(&maven->agents, i, G_OFFICE), "manager", "admin"));
    return status == CRM_OK ? output_end(&maven->out, failure) : status;
}

static enum crm_status write_agents(struct maven *maven, struct failure *failure)
{
    enum crm_status status = output_begin(&maven->out, "user", "agents", failure);

    for (size_t i = 0; i < maven->agents.n_rows && status == CRM_OK; i++) {
        char manager[LOGIN_SIZE];

        login_of(table_cell(&maven->agents, i, G_MANAGER), manager);
        output_add(&maven->out,
                   user_json(table_cell(&maven->agents, i, G_NAME),
                             table_cell(&maven->agents, i, G_OFFICE), "representative", manager));
    }
    return status == CRM_OK ? output_end(&maven->out, failure) : status;
}

/* --- products and customers */

static json_t *price_json(const char *amount)
{
    return json_pack("{s:s, s:s}", "amount", amount, "currency", CURRENCY);
}

static enum crm_status write_products(struct maven *maven, struct failure *failure)
{
    const struct table *products = &maven->products;
    enum crm_status status = output_begin(&maven->out, "product", "products", failure);

    for (size_t i = 0; i < products->n_rows && status == CRM_OK; i++)
        output_add(&maven->out,
                   json_pack("{s:s, s:s, s:o, s:b}", "name", table_cell(products, i, P_NAME),
                             "category", table_cell(products, i, P_SERIES), "price",
                             price_json(table_cell(products, i, P_PRICE)), "active", 1));
    return status == CRM_OK ? output_end(&maven->out, failure) : status;
}

/* Revenue stands in millions: "1100.04m" is an amount as people type it, so nothing is multiplied.
 */
static json_t *account_json(const struct table *accounts, size_t row)
{
    const char *parent = table_cell(accounts, row, A_PARENT);
    char revenue[64], founded[64];
    json_t *record;

    snprintf(revenue, sizeof revenue, "%sm", table_cell(accounts, row, A_REVENUE));
    snprintf(founded, sizeof founded, "%s-01-01", table_cell(accounts, row, A_FOUNDED));
    record =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "name", table_cell(accounts, row, A_NAME),
                  "status", "active", "industry", spelled(table_cell(accounts, row, A_SECTOR)),
                  "founded", founded, "size", table_cell(accounts, row, A_EMPLOYEES), "country",
                  spelled(table_cell(accounts, row, A_COUNTRY)), "revenue", price_json(revenue));
    if (*parent)
        json_object_set_new(record, "parent", json_string(parent));
    return record;
}

/* Parents are in a file of their own, ahead of the subsidiaries. */
static enum crm_status write_accounts(struct maven *maven, const char *name, bool subsidiaries,
                                      struct failure *failure)
{
    enum crm_status status = output_begin(&maven->out, "customer", name, failure);

    for (size_t i = 0; i < maven->accounts.n_rows && status == CRM_OK; i++)
        if ((*table_cell(&maven->accounts, i, A_PARENT) != '\0') == subsidiaries)
            output_add(&maven->out, account_json(&maven->accounts, i));
    return status == CRM_OK ? output_end(&maven->out, failure) : status;
}

/* --- deals */

static int compare_days(const void *left, const void *right)
{
    const int32_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* What is estimated of open deals rests on these two. */
static enum crm_status measure(struct maven *maven, struct failure *failure)
{
    const struct table *deals = &maven->deals;
    int32_t *cycles = malloc((deals->n_rows + 1) * sizeof *cycles);
    size_t n = 0;

    if (!cycles)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < deals->n_rows; i++) {
        int32_t engaged, closed;

        if (day_of(table_cell(deals, i, D_ENGAGED), &engaged) && engaged > maven->last_day)
            maven->last_day = engaged;
        if (!day_of(table_cell(deals, i, D_CLOSED), &closed))
            continue;
        if (closed > maven->last_day)
            maven->last_day = closed;
        if (strcmp(table_cell(deals, i, D_STAGE), "Won") == 0 &&
            day_of(table_cell(deals, i, D_ENGAGED), &engaged))
            cycles[n++] = closed - engaged;
    }
    qsort(cycles, n, sizeof *cycles, compare_days);
    maven->median_cycle = n ? cycles[n / 2] : 0;
    free(cycles);
    return CRM_OK;
}

/* Dates: what the file says, or when a deal of usual length would close. An open deal came to be
 * when it was engaged; of a closed one the server takes the day on which it closed. */
static void add_days(const struct maven *maven, size_t row, json_t *record)
{
    int32_t engaged = maven->last_day, closed;

    if (day_of(table_cell(&maven->deals, row, D_ENGAGED), &engaged))
        json_object_set_new(record, "engaged", output_day(engaged));
    if (day_of(table_cell(&maven->deals, row, D_CLOSED), &closed)) {
        json_object_set_new(record, "closed", output_day(closed));
    } else {
        json_object_set_new(record, "expected_close", output_day(engaged + maven->median_cycle));
        json_object_set_new(record, "happened", output_day(engaged));
    }
}

static enum crm_status add_deal(struct maven *maven, size_t row, struct failure *failure)
{
    const struct table *deals = &maven->deals;
    const char *product = spelled(table_cell(deals, row, D_PRODUCT));
    const char *account = table_cell(deals, row, D_ACCOUNT);
    const char *value = table_cell(deals, row, D_VALUE);
    bool is_known = *value && strcmp(value, "0") != 0;
    size_t at = table_find(&maven->products, P_NAME, product);
    char name[128], login[LOGIN_SIZE];
    json_t *record;

    if (at == maven->products.n_rows)
        return fail(failure, CRM_INVALID, NULL, "deal %s: there is no product '%s'",
                    table_cell(deals, row, D_ID), product);
    snprintf(name, sizeof name, "%s %s", product, table_cell(deals, row, D_ID));
    record = json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "name", name, "product", product, "owner",
                       login_of(table_cell(deals, row, D_AGENT), login), "stage",
                       table_cell(deals, row, D_STAGE), "amount",
                       price_json(is_known ? value : table_cell(&maven->products, at, P_PRICE)),
                       "estimated", !is_known);
    if (*account)
        json_object_set_new(record, "customer", json_string(account));
    add_days(maven, row, record);
    output_add(&maven->out, record);
    return CRM_OK;
}

static enum crm_status write_deals(struct maven *maven, struct failure *failure)
{
    enum crm_status status = measure(maven, failure);

    if (status == CRM_OK)
        status = output_begin(&maven->out, "deal", "deals", failure);
    for (size_t i = 0; i < maven->deals.n_rows && status == CRM_OK; i++)
        status = add_deal(maven, i, failure);
    return status == CRM_OK ? output_end(&maven->out, failure) : status;
}

static enum crm_status load(struct maven *maven, const char *from, struct failure *failure)
{
    enum crm_status status = table_load(from, "accounts.csv", account_headings,
                                        ARRAY_LEN(account_headings), &maven->accounts, failure);

    if (status == CRM_OK)
        status = table_load(from, "products.csv", product_headings, ARRAY_LEN(product_headings),
                            &maven->products, failure);
    if (status == CRM_OK)
        status = table_load(from, "sales_teams.csv", agent_headings, ARRAY_LEN(agent_headings),
                            &maven->agents, failure);
    if (status == CRM_OK)
        status = table_load(from, "sales_pipeline.csv", deal_headings, ARRAY_LEN(deal_headings),
                            &maven->deals, failure);
    return status;
}

enum crm_status maven_write(const char *from, const char *directory, struct failure *failure)
{
    struct maven maven = { .out = { .directory = directory } };
    enum crm_status status = load(&maven, from, failure);

    if (status == CRM_OK)
        status = write_offices(&maven, failure);
    if (status == CRM_OK)
        status = write_managers(&maven, failure);
    if (status == CRM_OK)
        status = write_agents(&maven, failure);
    if (status == CRM_OK)
        status = write_products(&maven, failure);
    if (status == CRM_OK)
        status = write_accounts(&maven, "customers", false, failure);
    if (status == CRM_OK)
        status = write_accounts(&maven, "subsidiaries", true, failure);
    if (status == CRM_OK)
        status = write_deals(&maven, failure);
    output_fini(&maven.out);
    table_fini(&maven.accounts);
    table_fini(&maven.products);
    table_fini(&maven.agents);
    table_fini(&maven.deals);
    return status;
}
