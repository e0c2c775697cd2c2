/*
 * test_reflect.c - fields of a record by their definition: header, built-in, custom; and bodies
 * built field by field
 */
#include "common/model/reflect.h"
#include "common/model/schema.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;
static struct schema *schema;

enum {
    CUSTOM_NOTE = 1001,
    CUSTOM_COLOURS = 1002,
    CUSTOM_SCORE = 1003,
    CUSTOM_BUDGET = 1004,
    CUSTOM_FRIEND = 1005,
    CUSTOM_VIP = 1006
};

static void define(uint32_t number, const char *name, Crm__FieldType type, char **choices,
                   size_t n_choices)
{
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    char kind[] = "deal", *copy = arena_strdup(&arena, name);

    assert_non_null(copy);
    definition.kind = kind;
    definition.name = copy;
    definition.has_type = 1;
    definition.type = type;
    definition.has_number = 1;
    definition.number = number;
    definition.choices = choices;
    definition.n_choices = n_choices;
    assert_int_equal(schema_add(schema, &definition, NULL), CRM_OK);
}

static int setup(void **state)
{
    static char red[] = "red", green[] = "green";
    char *colours[] = { red, green };

    (void)state;
    arena_init(&arena, 1u << 20);
    assert_int_equal(schema_create(&schema), CRM_OK);
    define(3, "score", CRM__FIELD_TYPE__FIELD_TYPE_NUMBER, NULL, 0);
    define(1, "remark", CRM__FIELD_TYPE__FIELD_TYPE_TEXT, NULL, 0);
    define(2, "colours", CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE, colours, 2);
    define(4, "budget", CRM__FIELD_TYPE__FIELD_TYPE_MONEY, NULL, 0);
    define(5, "friend", CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE, NULL, 0);
    define(6, "vip", CRM__FIELD_TYPE__FIELD_TYPE_BOOLEAN, NULL, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    schema_unref(schema);
    arena_fini(&arena);
    return 0;
}

static const struct field_def *field_of(uint32_t ref)
{
    const struct field_def *field = schema_field(schema, kind_def(KIND_DEAL), ref);

    assert_non_null(field);
    return field;
}

static const struct field_def *named(const char *name)
{
    const struct field_def *field = schema_field_by_name(schema, kind_def(KIND_DEAL), name);

    assert_non_null(field);
    return field;
}

static struct value text_value(const char *text)
{
    return (struct value){ .type = FIELD_TEXT, .text = slice_text(text) };
}

static struct value number_value(enum field_type type, int64_t n)
{
    return (struct value){ .type = type, .integer = n };
}

struct collected {
    struct value values[8];
    size_t n;
    size_t stop_after;
};

static bool collect(void *arg, const struct value *value)
{
    struct collected *collected = arg;

    assert_true(collected->n < ARRAY_LEN(collected->values));
    collected->values[collected->n++] = *value;
    return collected->n != collected->stop_after;
}

static bool count(void *arg, struct slice element)
{
    size_t *n = arg;

    assert_true(element.size > 0);
    ++*n;
    return true;
}

static struct slice build(const struct field_def *const *fields, const struct value *values,
                          size_t n)
{
    struct body_builder builder;
    struct slice body;

    body_builder_init(&builder, &arena);
    for (size_t i = 0; i < n; i++)
        body_builder_add(&builder, fields[i], &values[i]);
    assert_int_equal(body_builder_finish(&builder, &body), CRM_OK);
    return body;
}

/* What is built in any order is read back by definition, and by protobuf-c. */
static void what_is_built_is_read_back(void **state)
{
    const struct uuid friend_id = { { 7 } };
    const struct field_def *fields[] = {
        named("vip"),       named("friend"),   named("budget"), named("score"),
        named("name"),      named("stage"),    named("amount"), named("expected_close"),
        named("estimated"), named("category"), named("remark"), named("stage_since"),
    };
    struct value values[] = {
        number_value(FIELD_BOOLEAN, 1),
        { .type = FIELD_REFERENCE, .ref = friend_id },
        { .type = FIELD_MONEY, .integer = -300, .currency = "JPY" },
        number_value(FIELD_DECIMAL, -12500000),
        text_value("企业版续约"),
        text_value("谈判"),
        { .type = FIELD_MONEY,
          .integer = 123456,
          .currency = "CNY",
          .has_company = true,
          .company_minor = 17000 },
        number_value(FIELD_DATE, -1),
        number_value(FIELD_BOOLEAN, 1),
        number_value(FIELD_CHOICE, 5),
        text_value("x"),
        number_value(FIELD_INSTANT, INT64_MIN),
    };
    struct record record = { .body = build(fields, values, ARRAY_LEN(fields)) };
    Crm__Deal *deal;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct value value;

        assert_true(reflect_get(fields[i], &record, &value));
        assert_int_equal(value.type, fields[i]->type);
        assert_int_equal(value_compare(&value, &values[i]), 0);
        assert_int_equal(value.company_minor, values[i].company_minor);
        assert_string_equal(value.currency, values[i].currency);
    }
    deal = crm__deal__unpack(NULL, record.body.size, record.body.data);
    assert_non_null(deal);
    assert_string_equal(deal->name, "企业版续约");
    assert_int_equal(deal->amount->minor, 123456);
    assert_int_equal(deal->amount->company_minor, 17000);
    assert_int_equal(deal->expected_close, -1);
    assert_true(deal->estimated);
    assert_int_equal(deal->category, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_COMMIT);
    assert_true(deal->stage_since == INT64_MIN);
    assert_int_equal(deal->n_custom, 5);
    for (size_t i = 1; i < deal->n_custom; i++)
        assert_true(deal->custom[i - 1]->number < deal->custom[i]->number);
    assert_int_equal(deal->custom[1]->integer, -12500000);
    crm__deal__free_unpacked(deal, NULL);
}

static void missing_values_have_no_type(void **state)
{
    const struct field_def *fields[] = { named("name"), named("remark") };
    struct value values[] = { text_value("n"), text_value("r") },
                 value = number_value(FIELD_DATE, 5);
    struct record record = { .body = build(fields, values, 2) };

    (void)state;
    assert_false(reflect_get(named("stage"), &record, &value));
    assert_int_equal(value.type, FIELD_NONE);
    assert_false(reflect_get(named("score"), &record, &value));
    assert_false(reflect_get(named("owner"), &record, &value));
    assert_false(reflect_get(named("number"), &record, &value));
    assert_false(reflect_get(named("lines"), &record, &value));
}

static void lists_come_in_order_and_can_be_stopped(void **state)
{
    const struct field_def *fields[] = { named("tags"), named("colours"), named("tags"),
                                         named("colours"), named("tags") };
    struct value values[] = { text_value("b"),
                              { .type = FIELD_CHOICE, .text = slice_text("green") },
                              text_value("a"),
                              { .type = FIELD_CHOICE, .text = slice_text("red") },
                              text_value("c") };
    struct record record = { .body = build(fields, values, ARRAY_LEN(fields)) };
    struct collected all = { .n = 0 }, some = { .stop_after = 2 }, colours = { .n = 0 },
                     one = { .n = 0 };

    (void)state;
    reflect_each(named("tags"), &record, collect, &all);
    assert_int_equal(all.n, 3);
    assert_true(slice_equal(all.values[0].text, slice_text("b")));
    assert_true(slice_equal(all.values[2].text, slice_text("c")));
    reflect_each(named("tags"), &record, collect, &some);
    assert_int_equal(some.n, 2);
    reflect_each(named("colours"), &record, collect, &colours);
    assert_int_equal(colours.n, 2);
    assert_true(slice_equal(colours.values[0].text, slice_text("green")));
    assert_true(slice_equal(colours.values[1].text, slice_text("red")));
    reflect_each(named("name"), &record, collect, &one);
    assert_int_equal(one.n, 0);
}

/* Of a field that is no list the last value counts. */
static void a_second_value_replaces_the_first(void **state)
{
    const struct field_def *fields[] = { named("name"), named("remark"), named("name"),
                                         named("remark") };
    struct value values[] = { text_value("one"), text_value("one"), text_value("two"),
                              text_value("two") },
                 value;
    struct record record = { .body = build(fields, values, ARRAY_LEN(fields)) };

    (void)state;
    assert_true(reflect_get(named("name"), &record, &value));
    assert_true(slice_equal(value.text, slice_text("two")));
    assert_true(reflect_get(named("remark"), &record, &value));
    assert_true(slice_equal(value.text, slice_text("two")));
    assert_int_equal(record.body.size, 5 + 3 + 7);
}

static void header_fields_are_read_from_the_header(void **state)
{
    struct record record = { .header = { .id = { { 1 } },
                                         .number = 17,
                                         .rev = 2,
                                         .seq = 9,
                                         .owner = { { 2 } },
                                         .team = { { 3 } },
                                         .created_us = 100,
                                         .updated_us = 200,
                                         .created_by = { { 4 } },
                                         .updated_by = { { 5 } } } };
    size_t n;
    const struct field_def *header = kind_header_fields(&n);
    struct value value;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(reflect_get(&header[i], &record, &value));
        assert_int_equal(value.type, header[i].type);
    }
    assert_true(reflect_get(named("number"), &record, &value));
    assert_int_equal(value.integer, 17);
    assert_true(reflect_get(named("owner"), &record, &value));
    assert_int_equal(value.ref.bytes[0], 2);
    assert_true(reflect_get(named("updated"), &record, &value));
    assert_int_equal(value.integer, 200);
}

static void groups_are_read_by_member(void **state)
{
    /* id, quantity 2.5, price 300 EUR */
    static const char element[] = "\x0a\x10"
                                  "0123456789abcdef"
                                  "\x18\xc0\x96\xb1\x02"
                                  "\x22\x08\x08\xd8\x04\x12\x03"
                                  "EUR";
    const struct field_def *lines = named("lines");
    struct body_builder builder;
    struct record record = { 0 };
    struct value value;
    size_t n = 0;

    (void)state;
    body_builder_init(&builder, &arena);
    body_builder_add_element(&builder, lines, slice_of(element, sizeof element - 1));
    body_builder_add_element(&builder, lines, slice_of(element, sizeof element - 1));
    assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
    reflect_each_element(lines, &record, count, &n);
    assert_int_equal(n, 2);
    assert_true(reflect_member(&lines->members[2], slice_of(element, sizeof element - 1), &value));
    assert_int_equal(value.integer, 2500000);
    assert_true(reflect_member(&lines->members[3], slice_of(element, sizeof element - 1), &value));
    assert_int_equal(value.integer, 300);
    assert_string_equal(value.currency, "EUR");
    assert_false(reflect_member(&lines->members[1], slice_of(element, sizeof element - 1), &value));
}

static void builders_remember_their_failure(void **state)
{
    struct value value = text_value("x");
    struct body_builder builder;
    struct arena tight;
    struct slice body;

    (void)state;
    body_builder_init(&builder, &arena);
    body_builder_add(&builder, named("owner"), &value);
    body_builder_add(&builder, named("name"), &value);
    assert_int_equal(body_builder_finish(&builder, &body), CRM_INVALID);
    arena_init(&tight, 0);
    body_builder_init(&builder, &tight);
    body_builder_add(&builder, named("name"), &value);
    assert_int_equal(body_builder_finish(&builder, &body), CRM_NO_MEMORY);
    arena_fini(&tight);
}

/* --- schemas */

static void custom_fields_stand_between_built_in_and_header(void **state)
{
    const struct kind_def *deal = kind_def(KIND_DEAL);

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(schema_field_at(schema, deal, deal->n_fields + i)->ref, CUSTOM_NOTE + i);
    assert_int_equal(schema_field_at(schema, deal, deal->n_fields + 6)->ref, HEADER_ID);
    assert_null(schema_field_at(schema, deal, deal->n_fields + 16));
    assert_int_equal(field_of(CUSTOM_COLOURS)->flags & FIELD_REPEATED, FIELD_REPEATED);
    assert_ptr_equal(schema_field_by_name(schema, deal, "COLOURS"), field_of(CUSTOM_COLOURS));
    assert_null(schema_field(schema, deal, 1007));
    assert_null(schema_field(schema, kind_def(KIND_CUSTOMER), CUSTOM_NOTE));
    assert_null(schema_field_by_name(schema, kind_def(KIND_CUSTOMER), "remark"));
}

static enum crm_status define_bad(const char *kind, const char *name, uint32_t number,
                                  Crm__FieldType type)
{
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    struct failure failure = { 0 };
    enum crm_status status;

    definition.kind = arena_strdup(&arena, kind);
    definition.name = arena_strdup(&arena, name);
    definition.has_type = 1;
    definition.type = type;
    definition.has_number = 1;
    definition.number = number;
    status = schema_add(schema, &definition, &failure);
    assert_int_equal(failure.status, status);
    return status;
}

static void bad_definitions_are_refused(void **state)
{
    Crm__FieldType text = CRM__FIELD_TYPE__FIELD_TYPE_TEXT;

    (void)state;
    assert_int_equal(define_bad("nothing", "x", 10, text), CRM_INVALID);
    assert_int_equal(define_bad("deal", "9x", 10, text), CRM_INVALID);
    assert_int_equal(define_bad("deal", "a b", 10, text), CRM_INVALID);
    assert_int_equal(define_bad("deal", "and", 10, text), CRM_INVALID);
    assert_int_equal(define_bad("deal", "x", 0, text), CRM_INVALID);
    assert_int_equal(define_bad("deal", "x", 65000, text), CRM_INVALID);
    assert_int_equal(define_bad("deal", "x", 10, CRM__FIELD_TYPE__FIELD_TYPE_CHOICE), CRM_INVALID);
    assert_int_equal(define_bad("deal", "x", 10, CRM__FIELD_TYPE__FIELD_TYPE_UNSET), CRM_INVALID);
    assert_int_equal(define_bad("deal", "stage", 10, text), CRM_EXISTS);
    assert_int_equal(define_bad("deal", "Owner", 10, text), CRM_EXISTS);
    assert_int_equal(define_bad("deal", "REMARK", 10, text), CRM_EXISTS);
    assert_int_equal(define_bad("deal", "other", 1, text), CRM_EXISTS);
    assert_null(schema_field(schema, kind_def(KIND_DEAL), 1010));
}

static void indexes_of_custom_fields_are_used_when_complete(void **state)
{
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    const struct kind_def *task = kind_def(KIND_TASK);
    char kind[] = "task", name[] = "colour", label_zh[] = "颜色";

    (void)state;
    definition.kind = kind;
    definition.name = name;
    definition.label_zh = label_zh;
    definition.has_type = definition.has_number = definition.has_indexed = definition.indexed = 1;
    definition.type = CRM__FIELD_TYPE__FIELD_TYPE_TEXT;
    definition.number = 1;
    assert_int_equal(schema_add(schema, &definition, NULL), CRM_OK);
    assert_false(schema_index_is_ready(schema, task, schema_field(schema, task, 1001)));
    assert_ptr_equal(schema_field_by_name(schema, task, "颜色"), schema_field(schema, task, 1001));
    name[0] = 'd'; /* the schema keeps copies */
    definition.number = 2;
    definition.has_index_ready = definition.index_ready = 1;
    assert_int_equal(schema_add(schema, &definition, NULL), CRM_OK);
    assert_true(schema_index_is_ready(schema, task, schema_field(schema, task, 1002)));
    assert_string_equal(schema_field(schema, task, 1001)->name, "colour");
    assert_true(schema_index_is_ready(schema, task, kind_field_by_name(task, "due")));
    assert_false(schema_index_is_ready(schema, task, kind_field_by_name(task, "priority")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_built_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_values_have_no_type, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_come_in_order_and_can_be_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_value_replaces_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(header_fields_are_read_from_the_header, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_are_read_by_member, setup, teardown),
        cmocka_unit_test_setup_teardown(builders_remember_their_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(custom_fields_stand_between_built_in_and_header, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bad_definitions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(indexes_of_custom_fields_are_used_when_complete, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
