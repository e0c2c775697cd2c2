/*
 * test_client_record.c - records by field names, kinds, keys: what a program needs that knows nothing of protobuf
 */
#include <crm.h>

#include <string.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static uint8_t packed[512];
static uint8_t id[16] = { 1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10, 11, 12, 13, 14, 15, 16 };
static Crm__Header header;
static Crm__Record record;

/* A customer, number 1042, with two phones, a revenue and a founding day. */
static int make_record(void **state)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Money revenue = CRM__MONEY__INIT;
    char *phones[] = { (char *)"010-1234", (char *)"138 0000" };

    (void)state;
    revenue.has_minor = true;
    revenue.minor = -120050;
    revenue.currency = (char *)"CNY";
    customer.name = (char *)"北京公司";
    customer.n_phones = 2;
    customer.phones = phones;
    customer.revenue = &revenue;
    customer.has_founded = true;
    customer.founded = 17000;
    customer.has_status = true;
    customer.status = CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
    crm__header__init(&header);
    header.has_kind = header.has_id = header.has_number = true;
    header.kind = crm_kind("customer");
    header.id = (ProtobufCBinaryData){ .len = sizeof(id), .data = id };
    header.number = 1042;
    crm__record__init(&record);
    record.header = &header;
    record.has_body = true;
    record.body = (ProtobufCBinaryData){ .len = crm__customer__pack(&customer, packed), .data = packed };
    return 0;
}

static void kinds_go_by_name(void **state)
{
    (void)state;
    assert_int_equal(crm_kind("customers"), crm_kind("customer"));
    assert_int_not_equal(crm_kind("deal"), crm_kind("customer"));
    assert_int_equal(crm_kind("elephant"), 0);
    assert_int_equal(crm_kind(NULL), 0);
    assert_string_equal(crm_kind_name(crm_kind("deals")), "deal");
    assert_null(crm_kind_name(4711));
}

static void fields_go_by_name(void **state)
{
    char text[64];
    int64_t number;

    (void)state;
    assert_int_equal(crm_record_text(&record, "name", text, sizeof(text)), CRM_OK);
    assert_string_equal(text, "北京公司");
    assert_int_equal(crm_record_title(&record, text, sizeof(text)), CRM_OK);
    assert_string_equal(text, "北京公司");
    assert_int_equal(crm_record_text(&record, "phones", text, sizeof(text)), CRM_OK);
    assert_string_equal(text, "010-1234, 138 0000");
    assert_int_equal(crm_record_text(&record, "status", text, sizeof(text)), CRM_OK);
    assert_string_equal(text, "active");
    assert_int_equal(crm_record_text(&record, "founded", text, sizeof(text)), CRM_OK);
    assert_string_equal(text, "2016-07-18");
    assert_int_equal(crm_record_integer(&record, "revenue", &number), CRM_OK);
    assert_int_equal(number, -120050);
    assert_int_equal(crm_record_integer(&record, "founded", &number), CRM_OK);
    assert_int_equal(number, 17000);
    crm_record_label(&record, text);
    assert_string_equal(text, "C-1042");
}

static void what_is_not_there_is_said_apart(void **state)
{
    char text[64] = "x";
    int64_t number;

    (void)state;
    assert_int_equal(crm_record_text(&record, "elephant", text, sizeof(text)), CRM_NOT_FOUND);
    assert_int_equal(crm_record_text(&record, "web", text, sizeof(text)), CRM_NOT_FOUND);
    assert_string_equal(text, "");
    assert_int_equal(crm_record_integer(&record, "size", &number), CRM_NOT_FOUND);
    assert_int_equal(crm_record_integer(&record, "name", &number), CRM_INVALID);
    record.header = NULL;
    assert_int_equal(crm_record_text(&record, "name", text, sizeof(text)), CRM_INVALID);
    crm_record_label(&record, text);
    assert_string_equal(text, "?");
}

/* At every size: what fits, never half a character, never a byte too many. */
static void text_that_does_not_fit_is_cut_between_characters(void **state)
{
    char text[16];

    (void)state;
    for (size_t size = 0; size <= 13; size++) {
        memset(text, '#', sizeof(text));
        assert_int_equal(crm_record_text(&record, "name", text, size), size < 13 ? CRM_TOO_LARGE : CRM_OK);
        assert_int_equal(text[size], '#');
        if (size > 0)
            assert_int_equal(strlen(text), size < 13 ? (size - 1) / 3 * 3 : 12);
    }
}

static void keys_come_from_text(void **state)
{
    /* printf 'crm key\0nightly 7' | sha256sum */
    static const uint8_t expected[CRM_KEY_SIZE] = { 0x4d, 0x1f, 0xea, 0x04, 0x61, 0xbd, 0xf7, 0x41,
                                                    0xf4, 0x8d, 0x01, 0x8b, 0xad, 0xa5, 0x30, 0x79 };
    uint8_t key[CRM_KEY_SIZE], other[CRM_KEY_SIZE];

    (void)state;
    crm_key_from_text("nightly 7", key);
    assert_memory_equal(key, expected, sizeof(key));
    crm_id_create(key);
    crm_id_create(other);
    assert_memory_not_equal(key, other, sizeof(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_go_by_name),
        cmocka_unit_test_setup(fields_go_by_name, make_record),
        cmocka_unit_test_setup(what_is_not_there_is_said_apart, make_record),
        cmocka_unit_test_setup(text_that_does_not_fit_is_cut_between_characters, make_record),
        cmocka_unit_test(keys_come_from_text),
    };

    return cmocka_run_group_tests_name("client_record", tests, NULL, NULL);
}
