/*
 * test_validate.c - what comes in from outside: refused with the field's name, or rewritten in
 * canonical form
 */
#include <stdlib.h>

#include "common/model/body_write.h"
#include "common/model/validate.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static struct arena arena;
static struct schema *schema;

static void define(uint32_t number, char *name, Crm__FieldType type, char **choices,
                   size_t n_choices, bool is_required)
{
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    char kind[] = "product";

    definition.kind = kind;
    definition.name = name;
    definition.has_type = definition.has_number = definition.has_required = 1;
    definition.type = type;
    definition.number = number;
    definition.choices = choices;
    definition.n_choices = n_choices;
    definition.required = is_required;
    assert_int_equal(schema_add(schema, &definition, NULL), CRM_OK);
}

static int setup(void **state)
{
    static char red[] = "red", green[] = "green", remark[] = "remark", colours[] = "colours",
                vip[] = "vip", score[] = "score";
    char *choices[] = { red, green };

    (void)state;
    arena_init(&arena, 32u << 20);
    assert_int_equal(schema_create(&schema), CRM_OK);
    define(1, remark, CRM__FIELD_TYPE__FIELD_TYPE_TEXT, NULL, 0, false);
    define(2, colours, CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE, choices, 2, false);
    define(3, vip, CRM__FIELD_TYPE__FIELD_TYPE_BOOLEAN, NULL, 0, false);
    define(4, score, CRM__FIELD_TYPE__FIELD_TYPE_NUMBER, NULL, 0, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    schema_unref(schema);
    arena_fini(&arena);
    return 0;
}

static struct slice one_text(uint32_t tag, const char *text)
{
    struct body_writer writer;
    struct slice body;

    body_writer_init(&writer, &arena, 64);
    body_write_bytes(&writer, tag, slice_text(text));
    assert_int_equal(body_writer_finish(&writer, &body), CRM_OK);
    return body;
}

static struct slice one_number(uint32_t tag, uint64_t number)
{
    struct body_writer writer;
    struct slice body;

    body_writer_init(&writer, &arena, 64);
    body_write_varint(&writer, tag, number);
    assert_int_equal(body_writer_finish(&writer, &body), CRM_OK);
    return body;
}

static void assert_refused(enum kind kind, struct slice body, const char *field)
{
    struct failure failure = { 0 };
    struct slice out = { 0 };

    assert_int_equal(validate_input(schema, kind_def(kind), body, false, &arena, &out, &failure),
                     CRM_INVALID);
    assert_string_equal(failure.field, field);
    assert_true(failure.text[0] != '\0');
    assert_null(out.data);
}

static void assert_becomes(enum kind kind, struct slice body, struct slice expected)
{
    struct failure failure = { 0 };
    struct slice out;

    if (validate_input(schema, kind_def(kind), body, false, &arena, &out, &failure) != CRM_OK)
        fail_msg("%s: %s", failure.field, failure.text);
    assert_int_equal(out.size, expected.size);
    if (out.size)
        assert_memory_equal(out.data, expected.data, out.size);
}

/* --- text */

static void text_is_stored_in_nfc(void **state)
{
    (void)state;
    assert_becomes(KIND_PRODUCT, one_text(2, "Cafe\u0301"), one_text(2, "Caf\u00e9"));
    assert_becomes(KIND_PRODUCT, one_text(2, "华为"), one_text(2, "华为"));
}

static void bad_text_is_refused(void **state)
{
    (void)state;
    assert_refused(KIND_PRODUCT, one_text(2, ""), "name");
    assert_refused(KIND_PRODUCT, one_text(2, "a\nb"), "name");
    assert_refused(KIND_PRODUCT, one_text(2, "a\x7f"), "name");
    assert_refused(KIND_PRODUCT, one_text(2, "\x1b[31m"), "name");
    assert_refused(KIND_PRODUCT, one_text(8, "a\rb"), "note");
    assert_refused(KIND_PRODUCT,
                   BYTES("\x12\x03"
                         "a\0b"),
                   "name");
    assert_refused(KIND_PRODUCT, BYTES("\x12\x02\xc0\x80"), "name");
    assert_becomes(KIND_PRODUCT, one_text(8, "a\n\tb"), one_text(8, "a\n\tb"));
}

static void text_is_bounded(void **state)
{
    static char text[TEXT_LONG_MAX + 2];

    (void)state;
    memset(text, 'x', TEXT_LONG_MAX + 1);
    assert_refused(KIND_PRODUCT, one_text(8, text), "note");
    text[TEXT_LONG_MAX] = '\0';
    assert_becomes(KIND_PRODUCT, one_text(8, text), one_text(8, text));
    text[TEXT_MAX + 1] = '\0';
    assert_refused(KIND_PRODUCT, one_text(2, text), "name");
    text[TEXT_MAX] = '\0';
    assert_becomes(KIND_PRODUCT, one_text(2, text), one_text(2, text));
}

/* --- numbers, choices, references, money */

static void numbers_keep_to_their_range(void **state)
{
    (void)state;
    assert_refused(KIND_COMPANY, one_number(4, 0), "fiscal_month");
    assert_refused(KIND_COMPANY, one_number(4, 13), "fiscal_month");
    assert_becomes(KIND_COMPANY, one_number(4, 12), one_number(4, 12));
    assert_refused(KIND_CUSTOMER, one_number(17, body_unzigzag(2932897)), "founded");
    assert_becomes(KIND_CUSTOMER, one_number(17, body_unzigzag(-719162)),
                   one_number(17, body_unzigzag(-719162)));
    assert_refused(KIND_ACTIVITY, one_number(6, body_unzigzag(INT64_MAX)), "started");
    assert_refused(KIND_EXCHANGE_RATE, one_number(3, body_unzigzag(0)), "rate");
    assert_refused(KIND_CUSTOMER, one_number(6, UINT64_MAX), "size");
    /* The same number written longer becomes the same bytes. */
    assert_becomes(KIND_CUSTOMER, BYTES("\x30\x85\x80\x00"), BYTES("\x30\x05"));
}

static void choices_are_known(void **state)
{
    (void)state;
    assert_refused(KIND_CUSTOMER, one_number(8, 0), "status");
    assert_refused(KIND_CUSTOMER, one_number(8, 5), "status");
    assert_becomes(KIND_CUSTOMER, one_number(8, 4), one_number(8, 4));
    assert_becomes(KIND_ROLE, BYTES("\x1a\x03\x01\x02\x0c"),
                   BYTES("\x18\x01\x18\x02\x18\x0c")); /* packed */
    assert_refused(KIND_ROLE, BYTES("\x1a\x02\x01\x7f"), "rights");
}

static void references_are_ids(void **state)
{
    (void)state;
    assert_refused(KIND_DEAL,
                   BYTES("\x12\x02"
                         "ab"),
                   "customer");
    assert_refused(KIND_DEAL, BYTES("\x12\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "customer");
    assert_becomes(KIND_DEAL,
                   BYTES("\x12\x10"
                         "0123456789abcdef"),
                   BYTES("\x12\x10"
                         "0123456789abcdef"));
}

/* What is derived of money is the server's; a currency is none or one that exists. */
static void money_is_cleaned(void **state)
{
    struct slice out;

    (void)state;
    assert_becomes(KIND_DEAL,
                   BYTES("\x2a\x09\x08\x04\x12\x03"
                         "USD\x18\x08"),
                   BYTES("\x2a\x07\x08\x04\x12\x03"
                         "USD"));
    assert_becomes(KIND_DEAL,
                   BYTES("\x2a\x07\x12\x03"
                         "USD\x08\x04"),
                   BYTES("\x2a\x07\x08\x04\x12\x03"
                         "USD"));
    assert_becomes(KIND_DEAL, BYTES("\x2a\x02\x08\x04"), BYTES("\x2a\x02\x08\x04"));
    assert_refused(KIND_DEAL,
                   BYTES("\x2a\x07\x08\x04\x12\x03"
                         "ZZZ"),
                   "amount");
    assert_refused(KIND_DEAL,
                   BYTES("\x2a\x08\x08\x04\x12\x04"
                         "USDX"),
                   "amount");
    assert_refused(KIND_DEAL,
                   BYTES("\x2a\x05\x12\x03"
                         "USD"),
                   "amount");
    assert_int_equal(validate_input(schema, kind_def(KIND_DEAL),
                                    BYTES("\x2a\x09\x18\x08\x12\x03"
                                          "USD\x08\x04"),
                                    true, &arena, &out, NULL),
                     CRM_OK);
    assert_true(slice_equal(out, BYTES("\x2a\x09\x08\x04\x12\x03"
                                       "USD\x18\x08")));
}

/* --- structure */

static void fields_are_put_in_order(void **state)
{
    (void)state;
    assert_becomes(KIND_PRODUCT,
                   BYTES("\x38\x01\x12\x01"
                         "b\x0a\x01"
                         "c\x12\x01"
                         "a"),
                   BYTES("\x0a\x01"
                         "c\x12\x01"
                         "a\x38\x01"));
    assert_becomes(KIND_PRODUCT, (struct slice){ 0 }, (struct slice){ 0 });
    assert_becomes(KIND_PRODUCT,
                   BYTES("\xc8\x05\x07\x0a\x01"
                         "c"),
                   BYTES("\x0a\x01"
                         "c\xc8\x05\x07")); /* unknown: kept */
}

static void derived_fields_are_the_servers(void **state)
{
    struct slice out;

    (void)state;
    assert_refused(KIND_DEAL, one_number(9, 2), "state");
    assert_refused(KIND_CUSTOMER, one_number(21, 2), "last_contact");
    assert_int_equal(
        validate_input(schema, kind_def(KIND_DEAL), one_number(9, 2), true, &arena, &out, NULL),
        CRM_OK);
}

static void elements_have_ids_of_their_own(void **state)
{
    struct slice one = BYTES("\x72\x15\x1a\x01"
                             "x\x0a\x10"
                             "0123456789abcdef");
    struct slice canonical = BYTES("\x72\x15\x0a\x10"
                                   "0123456789abcdef\x1a\x01"
                                   "x");
    struct body_writer writer;
    struct slice twice;

    (void)state;
    assert_becomes(KIND_CUSTOMER, one, canonical);
    assert_refused(KIND_CUSTOMER,
                   BYTES("\x72\x03\x1a\x01"
                         "x"),
                   "addresses");
    assert_refused(KIND_CUSTOMER, BYTES("\x72\x02\x0a\x00"), "addresses.id");
    body_writer_init(&writer, &arena, 64);
    body_write_raw(&writer, one);
    body_write_raw(&writer, canonical);
    assert_int_equal(body_writer_finish(&writer, &twice), CRM_OK);
    assert_refused(KIND_CUSTOMER, twice, "addresses");
    assert_refused(KIND_CUSTOMER,
                   BYTES("\x72\x14\x0a\x10"
                         "0123456789abcdef\x10\x09"),
                   "addresses.kind");
    assert_refused(KIND_CUSTOMER,
                   BYTES("\x72\x15\x0a\x10"
                         "0123456789abcdef\x1a\x01"
                         "\x01"),
                   "addresses.lines");
}

static void custom_values_are_of_their_type(void **state)
{
    (void)state;
    assert_becomes(KIND_PRODUCT,
                   BYTES("\xa2\x06\x05\x12\x01"
                         "a\x08\x01"),
                   BYTES("\xa2\x06\x05\x08\x01\x12\x01"
                         "a"));
    assert_becomes(KIND_PRODUCT,
                   BYTES("\xa2\x06\x07\x08\x02\x32\x03"
                         "red"),
                   BYTES("\xa2\x06\x07\x08\x02\x32\x03"
                         "red"));
    assert_refused(KIND_PRODUCT,
                   BYTES("\xa2\x06\x08\x08\x02\x32\x04"
                         "blue"),
                   "colours");
    assert_refused(KIND_PRODUCT,
                   BYTES("\xa2\x06\x07\x08\x02\x12\x03"
                         "red"),
                   "colours");
    assert_refused(KIND_PRODUCT, BYTES("\xa2\x06\x04\x08\x01\x18\x02"), "remark");
    assert_refused(KIND_PRODUCT, BYTES("\xa2\x06\x02\x08\x01"), "remark");
    assert_refused(KIND_PRODUCT, BYTES("\xa2\x06\x05\x08\x01\x12\x01\n"), "remark");
    assert_refused(KIND_PRODUCT, BYTES("\xa2\x06\x04\x08\x03\x18\x04"), "vip");
    assert_becomes(KIND_PRODUCT, BYTES("\xa2\x06\x04\x08\x03\x18\x02"),
                   BYTES("\xa2\x06\x04\x08\x03\x18\x02"));
    assert_refused(KIND_PRODUCT, BYTES("\xa2\x06\x04\x08\x63\x18\x02"), "custom");
    assert_refused(KIND_DEAL,
                   BYTES("\xa2\x06\x05\x08\x01\x12\x01"
                         "a"),
                   "custom");
}

static void lists_are_bounded(void **state)
{
    struct body_writer writer;
    struct slice body;

    (void)state;
    body_writer_init(&writer, &arena, 64);
    for (int i = 0; i <= LIST_MAX; i++)
        body_write_bytes(&writer, 90, slice_text("tag"));
    assert_int_equal(body_writer_finish(&writer, &body), CRM_OK);
    assert_refused(KIND_DEAL, body, "tags");
}

/* Any bytes give an answer, and what is accepted is canonical: given again it stays as it is. */
static void any_bytes_give_an_answer(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int round = 0; round < 30000; round++) {
        uint8_t bytes[24], *exact;
        struct slice out, again;
        size_t size;

        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        size = seed % (sizeof bytes + 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(seed >> (i % 8 * 8)) & (i % 3 ? 0x7f : 0x3a);
        exact = malloc(size + 1);
        assert_non_null(exact);
        memcpy(exact, bytes, size);
        if (validate_input(schema, kind_def(1 + (unsigned)round % KIND_MAX), slice_of(exact, size),
                           true, &arena, &out, NULL) == CRM_OK) {
            assert_int_equal(validate_input(schema, kind_def(1 + (unsigned)round % KIND_MAX), out,
                                            true, &arena, &again, NULL),
                             CRM_OK);
            assert_true(slice_equal(out, again));
        }
        free(exact);
        arena_reset(&arena);
    }
}

/* Each allocation in turn fails: the answer says so, until there is enough. */
static void running_out_of_memory_is_an_answer(void **state)
{
    struct slice body = BYTES("\xa2\x06\x07\x08\x02\x32\x03"
                              "red"
                              "\x12\x03"
                              "e\xcc\x81"
                              "\x2a\x07\x12\x03"
                              "USD\x08\x04");
    enum crm_status status = CRM_NO_MEMORY;
    size_t budget;

    (void)state;
    for (budget = 0; status != CRM_OK; budget += 8) {
        struct failure failure = { 0 };
        struct arena tight;
        struct slice out;

        arena_init(&tight, budget);
        status =
            validate_input(schema, kind_def(KIND_PRODUCT), body, false, &tight, &out, &failure);
        arena_fini(&tight);
        assert_true(status == CRM_OK || status == CRM_NO_MEMORY);
        assert_int_equal(failure.status, status);
        assert_true(budget < 100000);
    }
    assert_true(budget > 100);
}

/* --- whole records */

static enum crm_status whole(enum kind kind, struct slice body, const char *field)
{
    struct failure failure = { 0 };
    enum crm_status status = validate_record(schema, kind_def(kind), body, &failure);

    assert_string_equal(failure.field, field);
    return status;
}

static void required_fields_are_there(void **state)
{
    (void)state;
    assert_int_equal(whole(KIND_CUSTOMER, (struct slice){ 0 }, "name"), CRM_INVALID);
    assert_int_equal(whole(KIND_CUSTOMER, one_text(1, "x"), ""), CRM_OK);
    assert_int_equal(whole(KIND_PRODUCT, one_text(2, "x"), "score"), CRM_INVALID);
    assert_int_equal(whole(KIND_PRODUCT, BYTES("\x12\x01x\xa2\x06\x04\x08\x04\x18\x02"), ""),
                     CRM_OK);
    assert_int_equal(whole(KIND_PIPELINE,
                           BYTES("\x0a\x01x\x12\x12\x0a\x10"
                                 "0123456789abcdef"),
                           "stages.name"),
                     CRM_INVALID);
    assert_int_equal(whole(KIND_PIPELINE,
                           BYTES("\x0a\x01x\x12\x15\x0a\x10"
                                 "0123456789abcdef\x12\x01"
                                 "a"),
                           ""),
                     CRM_OK);
}

static void records_are_bounded(void **state)
{
    static uint8_t bytes[RECORD_SIZE_MAX];
    struct body_writer writer;
    struct slice body;

    (void)state;
    assert_int_equal(
        whole(KIND_TEAM, slice_of(bytes, RECORD_SIZE_MAX - RECORD_HEADER_SIZE + 1), ""),
        CRM_TOO_LARGE);
    body_writer_init(&writer, &arena, 64);
    body_write_bytes(&writer, 1, slice_text("x"));
    for (int i = 0; i <= LIST_MAX; i++)
        body_write_bytes(&writer, 90, slice_text("tag"));
    assert_int_equal(body_writer_finish(&writer, &body), CRM_OK);
    assert_int_equal(whole(KIND_TEAM, body, "tags"), CRM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_stored_in_nfc),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(text_is_bounded),
        cmocka_unit_test(numbers_keep_to_their_range),
        cmocka_unit_test(choices_are_known),
        cmocka_unit_test(references_are_ids),
        cmocka_unit_test(money_is_cleaned),
        cmocka_unit_test(fields_are_put_in_order),
        cmocka_unit_test(derived_fields_are_the_servers),
        cmocka_unit_test(elements_have_ids_of_their_own),
        cmocka_unit_test(custom_values_are_of_their_type),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(any_bytes_give_an_answer),
        cmocka_unit_test(running_out_of_memory_is_an_answer),
        cmocka_unit_test(required_fields_are_there),
        cmocka_unit_test(records_are_bounded),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
