/*
 * test_filter_match.c - which records a filter matches, and what has to be put into it before
 */
#include "filter_fixture.h"

static void add(struct body_builder *builder, const struct kind_def *kind, const char *name,
                struct value value)
{
    const struct field_def *field = schema_field_by_name(schema, kind, name);

    assert_non_null(field);
    value.type = field->type;
    body_builder_add(builder, field, &value);
}

static struct value text_value(const char *text)
{
    return (struct value){ .text = slice_text(text) };
}

static struct record sample_deal(void)
{
    struct record record = {
        .header = { .id = id_of(1),
                    .kind = KIND_DEAL,
                    .number = 17,
                    .owner = id_of(2),
                    .team = id_of(3),
                    .created_us = instant_of_day(context.today),
                    .updated_us = context.now_us },
    };
    struct body_builder builder;

    body_builder_init(&builder, &arena);
    add(&builder, deal, "name", text_value("Straße  Á, Ltd"));
    add(&builder, deal, "customer", (struct value){ .ref = id_of(9) });
    add(&builder, deal, "stage", text_value("In  Progress"));
    add(&builder, deal, "amount",
        (struct value){
            .integer = 100000, .currency = "CNY", .company_minor = 15000, .has_company = true });
    add(&builder, deal, "closed", (struct value){ .integer = context.today });
    add(&builder, deal, "state",
        (struct value){ .integer = CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON });
    add(&builder, deal, "estimated", (struct value){ .integer = 1 });
    add(&builder, deal, "tags", text_value("VIP"));
    add(&builder, deal, "tags", text_value("east"));
    assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
    return record;
}

/* The one customer there is; counts how often it is asked for. */
static bool load_customer(void *arg, enum kind kind, const struct uuid *id,
                          struct record *out_record)
{
    const struct kind_def *customer = kind_def(KIND_CUSTOMER);
    struct uuid known = id_of(9);
    struct body_builder builder;

    ++*(unsigned *)arg;
    if (kind != KIND_CUSTOMER || !uuid_equal(id, &known))
        return false;
    *out_record = (struct record){ .header = { .id = known, .kind = KIND_CUSTOMER } };
    body_builder_init(&builder, &arena);
    add(&builder, customer, "industry", text_value("Retail"));
    add(&builder, customer, "phones", text_value("138"));
    add(&builder, customer, "phones", text_value("139"));
    assert_int_equal(body_builder_finish(&builder, &out_record->body), CRM_OK);
    return true;
}

static const struct {
    const char *text;
    bool matches;
} matches[] = {
    { "", true },
    { "@all", true },
    { "stage = in progress", true },
    { "stage = \"IN PROGRESS \"", true },
    { "stage != in progress", false },
    { "stage = won", false },
    { "stage in (won, in progress)", true },
    { "stage not in (won, lost)", true },
    { "stage > in", true },
    { "stage >= in progress", true },
    { "stage < in progress", false },
    { "stage ~ PROG", true },
    { "stage ~ progs", false },
    { "name = strasse a, ltd", true },
    { "name ~ ＳＴＲＡＳＳＥ", true },
    { "name ~ e a", true },
    { "tags = vip", true },
    { "tags = east", true },
    { "tags = west", false },
    { "tags != vip", false },
    { "tags in (west, east)", true },
    { "tags is empty", false },
    { "tags ~ eas", true },
    /* 1000 CNY, worth 150 USD */
    { "amount = 150", true },
    { "amount > 149.99", true },
    { "amount > 150", false },
    { "amount <= 150", true },
    { "amount = 1000 CNY", true },
    { "amount >= 1000 CNY", true },
    { "amount < 1000 CNY", false },
    { "amount > 1 EUR", false },
    { "amount < 1m EUR", false },
    { "amount != 1 EUR", true },
    { "amount in (1 EUR, 150)", true },
    { "closed = today", true },
    { "closed = this month", true },
    { "closed = next month", false },
    { "closed < this month", false },
    { "closed <= this month", true },
    { "closed > this month", false },
    { "closed >= this month", true },
    { "closed > yesterday and closed < tomorrow", true },
    { "closed in (2015, 2016-11)", true },
    { "expected_close = today", false },
    { "expected_close < 2099", false },
    { "expected_close > 1970", false },
    { "expected_close != today", true },
    { "expected_close is empty", true },
    { "expected_close is not empty", false },
    { "created = today", true },
    { "created < today", false },
    { "created >= today", true },
    { "created > today", false },
    { "updated = 2016-11-15 09:00", true },
    { "updated = 2016-11-15 09:01", false },
    { "updated > 2016-11-15 08:59", true },
    { "number = D-17", true },
    { "number > 17", false },
    { "state = won", true },
    { "state in (lost, open)", false },
    { "estimated = yes", true },
    { "estimated = no", false },
    { "owner = 02020202020202020202020202020202", true },
    { "owner = 03030303030303030303030303030303", false },
    { "id = 01010101010101010101010101010101", true },
    { "owner = me", false },
    { "owner = somebody", false },
    { "owner = 00000000000000000000000000000000", false },
    { "created_by = me", false },
    { "created_by is empty", true },
    { "customer = 09090909090909090909090909090909", true },
    { "customer.industry = RETAIL", true },
    { "customer.industry != retail", false },
    { "customer.industry is empty", false },
    { "customer.phones = 139", true },
    { "customer.phones = 137", false },
    { "customer.legal_name is empty", true },
    { "customer.legal_name = x", false },
    { "customer.id = 09090909090909090909090909090909", true },
    /* nobody may see them, or they are not there: as if empty */
    { "owner.name = x", false },
    { "owner.name is empty", true },
    { "product.name is empty", true },
    { "lines is empty", true },
    { "not (stage = won or tags = vip) or number = 17", true },
    { "stage = won and tags = vip or number = 18", false },
};

static void test_matching(void **state)
{
    struct record record = sample_deal();
    unsigned loads = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
        struct filter filter = parsed(deal, matches[i].text);

        if (filter_matches(&filter, &record, load_customer, &loads, &arena) != matches[i].matches)
            fail_msg("%s should%s match", matches[i].text, matches[i].matches ? "" : " not");
    }
}

/* Without a value in the company's currency an amount compares by itself where the currency is the
 * same. */
static void test_money_without_company_value(void **state)
{
    struct record record = { .header = { .kind = KIND_DEAL } };
    struct body_builder builder;
    struct filter filter;

    (void)state;
    body_builder_init(&builder, &arena);
    add(&builder, deal, "amount", (struct value){ .integer = 100000, .currency = "USD" });
    assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
    filter = parsed(deal, "amount = 1000");
    assert_true(filter_matches(&filter, &record, NULL, NULL, &arena));
    filter = parsed(deal, "amount = 1000 USD");
    assert_true(filter_matches(&filter, &record, NULL, NULL, &arena));

    body_builder_init(&builder, &arena);
    add(&builder, deal, "amount", (struct value){ .integer = 100000, .currency = "CNY" });
    assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
    filter = parsed(deal, "amount > 0");
    assert_false(filter_matches(&filter, &record, NULL, NULL, &arena));
}

static void test_short_circuit(void **state)
{
    struct record record = sample_deal();
    struct filter filter;
    unsigned loads = 0;

    (void)state;
    filter = parsed(deal, "stage = won and customer.industry = retail");
    assert_false(filter_matches(&filter, &record, load_customer, &loads, &arena));
    filter = parsed(deal, "tags = vip or customer.industry = retail");
    assert_true(filter_matches(&filter, &record, load_customer, &loads, &arena));
    filter = parsed(
        deal, "not (tags = vip or customer.industry = retail) and customer.industry = retail");
    assert_false(filter_matches(&filter, &record, load_customer, &loads, &arena));
    assert_int_equal(loads, 0);
    filter = parsed(deal, "tags = vip and customer.industry = retail");
    assert_true(filter_matches(&filter, &record, load_customer, &loads, &arena));
    assert_int_equal(loads, 1);
}

/* ---- matching against a plain evaluation */

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* A random expression into text, and its truth. */
static bool random_expression(unsigned depth, char **at)
{
    bool left, right;
    uint32_t choice = depth == 0 ? random_below(2) : random_below(8);

    switch (choice) {
    case 0:
        *at = stpcpy(*at, "number = 17");
        return true;
    case 1:
        *at = stpcpy(*at, "number = 18");
        return false;
    case 2:
        *at = stpcpy(*at, "not (");
        left = random_expression(depth - 1, at);
        *at = stpcpy(*at, ")");
        return !left;
    default:
        *at = stpcpy(*at, "(");
        left = random_expression(depth - 1, at);
        *at = stpcpy(*at, choice % 2 ? ") and (" : ") or (");
        right = random_expression(depth - 1, at);
        *at = stpcpy(*at, ")");
        return choice % 2 ? left && right : left || right;
    }
}

static void test_random_expressions(void **state)
{
    struct record record = { .header = { .kind = KIND_DEAL, .number = 17 } };
    char text[16384], *at;

    (void)state;
    random_state = 1;
    for (unsigned i = 0; i < 2000; i++) {
        struct filter filter;
        bool expected;

        at = text;
        expected = random_expression(1 + random_below(6), &at);
        filter = parsed(deal, text);
        if (filter_matches(&filter, &record, NULL, NULL, &arena) != expected)
            fail_msg("%s should%s match", text, expected ? "" : " not");
        arena_reset(&arena);
    }
}

/* The short way for ASCII folds as text_fold does. */
static void test_ascii_folds_the_same(void **state)
{
    static const char alphabet[] = "aB c~'.-Z  \t0";
    const struct field_def *stage = schema_field_by_name(schema, deal, "stage");

    (void)state;
    random_state = 7;
    for (unsigned i = 0; i < 2000; i++) {
        struct value value = { .type = FIELD_TEXT };
        struct slice folded, operand;
        struct filter_node node = {
            .op = FILTER_EQ, .field = stage, .values = &value, .folded = &operand, .n_values = 1
        };
        struct filter filter = { .kind = deal, .nodes = &node, .n = 1 };
        struct record record = { .header = { .kind = KIND_DEAL } };
        struct body_builder builder;
        char text[12] = "x";
        size_t size = 1 + random_below(sizeof(text) - 2);

        for (size_t j = 1; j < size; j++)
            text[j] = alphabet[random_below(sizeof(alphabet) - 1)];
        text[size] = '\0';
        body_builder_init(&builder, &arena);
        add(&builder, deal, "stage", text_value(text));
        assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
        assert_true(text_fold(&arena, slice_text(text), &folded));
        operand = folded;
        if (!filter_matches(&filter, &record, NULL, NULL, &arena))
            fail_msg("'%s' is not folded as '%.*s'", text, (int)folded.size,
                     (const char *)folded.data);
        arena_reset(&arena);
    }
}

/* ---- binding */

static enum crm_status resolve_name(void *arg, enum kind kind, struct slice text,
                                    struct uuid *out_id, struct failure *failure)
{
    (void)arg;
    if (kind != KIND_USER || !slice_equal(text, slice_text("darcel")))
        return fail_at(failure, CRM_NOT_FOUND, 0, "there is no such record");
    *out_id = id_of(2);
    return CRM_OK;
}

static void test_binding(void **state)
{
    struct record record = sample_deal();
    struct uuid me = id_of(7), my_team = id_of(3);
    struct failure failure = { 0 };
    struct filter filter;

    (void)state;
    filter = parsed(deal, "stage = a or owner in (me, darcel) and team = my team");
    assert_false(filter_is_bound(&filter));
    assert_false(filter_matches(&filter, &record, NULL, NULL, &arena));
    assert_int_equal(filter_bind(&filter, resolve_name, NULL, &me, &my_team, NULL), CRM_OK);
    assert_string_equal(dump(&filter), "stage=a; owner=#07|#02; team=#03; AND; OR");
    assert_true(filter_is_bound(&filter));
    assert_true(filter_matches(&filter, &record, NULL, NULL, &arena));

    /* Somebody without a team has no records of "my team", not those without a team. */
    filter = parsed(deal, "team = my team");
    memset(&record.header.team, 0, sizeof record.header.team);
    assert_int_equal(filter_bind(&filter, resolve_name, NULL, &me, NULL, NULL), CRM_OK);
    assert_false(filter_matches(&filter, &record, NULL, NULL, &arena));

    filter = parsed(deal, "customer = Acme");
    assert_int_equal(filter_bind(&filter, resolve_name, NULL, &me, &my_team, &failure),
                     CRM_NOT_FOUND);
    assert_string_equal(failure.text, "there is no such record");

    filter = parsed(deal, "stage = darcel");
    assert_true(filter_is_bound(&filter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_matching, forget),
        cmocka_unit_test_teardown(test_money_without_company_value, forget),
        cmocka_unit_test_teardown(test_short_circuit, forget),
        cmocka_unit_test_teardown(test_random_expressions, forget),
        cmocka_unit_test_teardown(test_ascii_folds_the_same, forget),
        cmocka_unit_test_teardown(test_binding, forget),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
