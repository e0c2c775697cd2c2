/*
 * test_value.c - values compared, typed, shown and sent
 */
#include "common/base/calendar.h"
#include "common/model/schema.h"
#include "common/model/value.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#define ID "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

static struct arena arena;
static struct schema *schema;

static int setup(void **state)
{
    static char kind[] = "deal", name[] = "colour", red[] = "Dark red", green[] = "green";
    char *choices[] = { red, green };
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    arena_init(&arena, 1u << 20);
    assert_int_equal(schema_create(&schema), CRM_OK);
    definition.kind = kind;
    definition.name = name;
    definition.has_type = definition.has_number = 1;
    definition.type = CRM__FIELD_TYPE__FIELD_TYPE_CHOICE;
    definition.number = 1;
    definition.choices = choices;
    definition.n_choices = 2;
    return schema_add(schema, &definition, NULL) == CRM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    schema_unref(schema);
    arena_fini(&arena);
    return 0;
}

static const struct field_def *field_of(enum kind kind, const char *name)
{
    const struct field_def *field = schema_field_by_name(schema, kind_def(kind), name);

    assert_non_null(field);
    return field;
}

/* 2026-03-04, a Wednesday. */
static const struct value_context context = { .currency = "CNY",
                                              .today = 20516,
                                              .now_us = INT64_C(20516) * US_PER_DAY };

static struct value parse(enum kind kind, const char *field, const char *text)
{
    struct failure failure = { 0 };
    struct value value;

    if (value_parse(field_of(kind, field), slice_text(text), &context, &arena, &value, &failure) !=
        CRM_OK)
        fail_msg("%s: %s", text, failure.text);
    return value;
}

static void assert_refused(enum kind kind, const char *field, const char *text)
{
    struct failure failure = { 0 };
    struct value value;

    assert_int_equal(
        value_parse(field_of(kind, field), slice_text(text), &context, &arena, &value, &failure),
        CRM_INVALID);
    assert_string_equal(failure.field, field);
    assert_true(failure.text[0] != '\0');
}

static void typed_values_are_read(void **state)
{
    struct value value;

    (void)state;
    value = parse(KIND_DEAL, "name", "  Cafe\u0301 ");
    assert_true(slice_equal(value.text, slice_text("Caf\u00e9")));
    value = parse(KIND_DEAL, "amount", "1.5k");
    assert_int_equal(value.integer, 150000);
    assert_string_equal(value.currency, "CNY");
    assert_int_equal(parse(KIND_DEAL, "expected_close", "2026-03-05").integer, 20517);
    assert_int_equal(parse(KIND_DEAL, "expected_close", "today").integer, 20516);
    assert_true(parse(KIND_ACTIVITY, "started", "2026-03-04T01:00:00Z").integer ==
                context.now_us + INT64_C(3600000000));
    assert_int_equal(parse(KIND_CUSTOMER, "size", "10k").integer, 10000);
    assert_int_equal(parse(KIND_EXCHANGE_RATE, "rate", "7.25").integer, 7250000);
    assert_int_equal(parse(KIND_DEAL, "number", "D-17").integer, 17);
    assert_int_equal(parse(KIND_DEAL, "number", "17").integer, 17);
}

static void booleans_are_words(void **state)
{
    static const char *const yes[] = { "yes", "TRUE", "是", "y", "1", "on" }, *const no[] = {
        "no", "False", "否", "n", "0", "off"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        assert_int_equal(parse(KIND_DEAL, "estimated", yes[i]).integer, 1);
        assert_int_equal(parse(KIND_DEAL, "estimated", no[i]).integer, 0);
    }
    assert_refused(KIND_DEAL, "estimated", "maybe");
}

static void choices_are_names_or_labels(void **state)
{
    (void)state;
    assert_int_equal(parse(KIND_DEAL, "category", "best_case").integer, 3);
    assert_int_equal(parse(KIND_DEAL, "category", "Best case").integer, 3);
    assert_int_equal(parse(KIND_DEAL, "category", "承诺").integer, 5);
    assert_true(slice_equal(parse(KIND_DEAL, "colour", "DARK RED").text, slice_text("Dark red")));
    assert_refused(KIND_DEAL, "category", "worst");
    assert_refused(KIND_DEAL, "colour", "blue");
}

static void references_are_ids_or_for_the_caller(void **state)
{
    struct failure failure = { 0 };
    struct value value;
    char text[UUID_TEXT_SIZE];

    (void)state;
    value = parse(KIND_DEAL, "customer", ID);
    uuid_format(&value.ref, text);
    assert_string_equal(text, ID);
    assert_int_equal(parse(KIND_DEAL, "owner", "me").special, VALUE_ME);
    assert_int_equal(parse(KIND_DEAL, "owner", "我").special, VALUE_ME);
    assert_int_equal(parse(KIND_DEAL, "team", "My Team").special, VALUE_MY_TEAM);
    assert_int_equal(value_parse(field_of(KIND_DEAL, "customer"), slice_text("华为"), &context,
                                 &arena, &value, &failure),
                     CRM_NOT_FOUND);
    assert_int_equal(value.type, FIELD_TEXT);
    assert_true(slice_equal(value.text, slice_text("华为")));
    assert_int_equal(failure.status, CRM_OK);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    assert_refused(KIND_DEAL, "name", "   ");
    assert_refused(KIND_DEAL, "name", "\xff");
    assert_refused(KIND_DEAL, "amount", "much");
    assert_refused(KIND_DEAL, "expected_close", "this quarter");
    assert_refused(KIND_DEAL, "expected_close", "soon");
    assert_refused(KIND_ACTIVITY, "started", "soon");
    assert_refused(KIND_CUSTOMER, "size", "1.5");
    assert_refused(KIND_CUSTOMER, "size", "-1");
    assert_refused(KIND_CUSTOMER, "size", "99999999999");
    assert_refused(KIND_COMPANY, "fiscal_month", "13");
    assert_refused(KIND_DEAL, "lines", "x");
}

/* What is shown can be typed again, for every type. */
static void the_plain_form_is_taken_back(void **state)
{
    static const struct {
        enum kind kind;
        const char *field, *text, *shown;
    } rows[] = {
        { KIND_DEAL, "name", "企业版", "企业版" },
        { KIND_DEAL, "amount", "1,200.5 usd", "1200.50 USD" },
        { KIND_DEAL, "amount", "-3 JPY", "-3 JPY" },
        { KIND_DEAL, "expected_close", "2016/11/1", "2016-11-01" },
        { KIND_DEAL, "estimated", "是", "true" },
        { KIND_DEAL, "category", "最佳情况", "best_case" },
        { KIND_DEAL, "colour", "dark-red", "Dark red" },
        { KIND_DEAL, "customer", ID, ID },
        { KIND_DEAL, "owner", "ME", "me" },
        { KIND_DEAL, "team", "我的团队", "my team" },
        { KIND_ACTIVITY, "duration", "45", "45" },
        { KIND_ACTIVITY, "started", "2026-03-04T09:30:00+08:00", "2026-03-04T01:30:00+00:00" },
        { KIND_EXCHANGE_RATE, "rate", "0.000001", "0.000001" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct value value = parse(rows[i].kind, rows[i].field, rows[i].text), again;
        const char *shown = value_format(field_of(rows[i].kind, rows[i].field), &value, &arena);

        assert_non_null(shown);
        assert_string_equal(shown, rows[i].shown);
        again = parse(rows[i].kind, rows[i].field, shown);
        assert_int_equal(value_compare(&value, &again), 0);
        assert_int_equal(again.special, value.special);
    }
    assert_string_equal(value_format(field_of(KIND_DEAL, "name"), &(struct value){ 0 }, &arena),
                        "");
}

static struct value money(int64_t minor, const char *currency, bool has_company, int64_t company)
{
    struct value value = {
        .type = FIELD_MONEY, .integer = minor, .has_company = has_company, .company_minor = company
    };

    memcpy(value.currency, currency, 4);
    return value;
}

static void assert_order(struct value a, struct value b, int order)
{
    assert_int_equal(value_compare(&a, &b), order);
    assert_int_equal(value_compare(&b, &a), -order);
}

static void values_are_ordered(void **state)
{
    struct value none = { 0 };

    (void)state;
    assert_order(none, none, 0);
    assert_order(parse(KIND_DEAL, "estimated", "no"), none, -1);
    assert_order(parse(KIND_DEAL, "name", "a"), parse(KIND_DEAL, "name", "ab"), -1);
    assert_order(parse(KIND_DEAL, "expected_close", "1969-12-31"),
                 parse(KIND_DEAL, "expected_close", "1970-01-01"), -1);
    assert_order(parse(KIND_DEAL, "colour", "green"), parse(KIND_DEAL, "colour", "dark red"), 1);
    assert_order(money(100, "USD", true, 720), money(200, "USD", true, 500), -1);
    assert_order(money(100, "USD", true, 720), money(500, "CNY", true, 500), 1);
    assert_order(money(100, "USD", false, 0), money(500, "CNY", true, 500),
                 1); /* by code: no true order */
    assert_order(parse(KIND_DEAL, "customer", ID), parse(KIND_DEAL, "customer", ID), 0);
}

static void values_cross_the_wire(void **state)
{
    static const char *const rows[][2] = {
        { "name", "企业版" },   { "amount", "12.30 USD" }, { "closed", "2016-11-01" },
        { "estimated", "yes" }, { "category", "commit" },  { "colour", "green" },
        { "customer", ID },     { "owner", "me" },         { "number", "17" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct field_def *field = field_of(KIND_DEAL, rows[i][0]);
        struct value value = parse(KIND_DEAL, rows[i][0], rows[i][1]), back;
        Crm__Value wire;

        value_to_wire(&value, &wire, &arena);
        assert_int_equal(value_from_wire(field, &wire, &back, NULL), CRM_OK);
        assert_int_equal(value_compare(&value, &back), 0);
        assert_int_equal(back.special, value.special);
        assert_string_equal(back.currency, value.currency);
    }
}

static void hostile_wire_values_are_refused(void **state)
{
    static char bad_text[] = "\xff", text[] = "x", currency[] = "ZZZ";
    Crm__Money money_wire = CRM__MONEY__INIT;
    struct failure failure = { 0 };
    struct value value;
    Crm__Value wire;

    (void)state;
    crm__value__init(&wire); /* nothing set */
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "name"), &wire, &value, &failure),
                     CRM_INVALID);
    assert_string_equal(failure.field, "name");
    wire.text = bad_text;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "name"), &wire, &value, NULL),
                     CRM_INVALID);
    wire.text = text;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "name"), &wire, &value, NULL), CRM_OK);
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "amount"), &wire, &value, NULL),
                     CRM_INVALID);
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "closed"), &wire, &value, NULL),
                     CRM_INVALID);
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "customer"), &wire, &value, NULL),
                     CRM_OK); /* a name to look up */
    assert_int_equal(value.type, FIELD_TEXT);
    wire.has_integer = 1; /* two at once */
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "name"), &wire, &value, NULL),
                     CRM_INVALID);
    wire.text = NULL;
    wire.integer = INT64_C(1) << 40;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "closed"), &wire, &value, NULL),
                     CRM_INVALID);
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "estimated"), &wire, &value, NULL),
                     CRM_INVALID);
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "category"), &wire, &value, NULL),
                     CRM_INVALID);
    wire.has_integer = 0;
    wire.has_special = 1;
    wire.special = 3;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "owner"), &wire, &value, NULL),
                     CRM_INVALID);
    wire.has_special = 0;
    wire.has_ref = 1;
    wire.ref = (ProtobufCBinaryData){ .len = 1, .data = (uint8_t *)text };
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "owner"), &wire, &value, NULL),
                     CRM_INVALID);
    wire.has_ref = 0;
    wire.money = &money_wire;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "amount"), &wire, &value, NULL),
                     CRM_INVALID);
    money_wire.has_minor = 1;
    money_wire.currency = currency;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "amount"), &wire, &value, NULL),
                     CRM_INVALID);
    money_wire.currency = NULL;
    assert_int_equal(value_from_wire(field_of(KIND_DEAL, "amount"), &wire, &value, NULL), CRM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_values_are_read),
        cmocka_unit_test(booleans_are_words),
        cmocka_unit_test(choices_are_names_or_labels),
        cmocka_unit_test(references_are_ids_or_for_the_caller),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(the_plain_form_is_taken_back),
        cmocka_unit_test(values_are_ordered),
        cmocka_unit_test(values_cross_the_wire),
        cmocka_unit_test(hostile_wire_values_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
