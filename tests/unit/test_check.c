/*
 * test_check.c - bodies before they are unpacked: what is refused, where the fault is said to be, and that the memory charged is enough
 */
#include <jansson.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "proto/check.h"
#include "proto/wire.pb-c.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

/* --- a descriptor like protobuf's TestAllTypesProto2, as far as the stored cases use it; its fields are never packed nor freed */

struct all_types {
    ProtobufCMessage base;
    uint64_t place[120]; /* three words for each field: quantifier, then a value of up to two */
};

extern const ProtobufCMessageDescriptor all_types_descriptor;
extern const ProtobufCMessageDescriptor nested_descriptor;

#define PLACE(slot)        (offsetof(struct all_types, place) + (slot) * 8)
#define FIELD(n, tag, l, kind, sub)                                                                                    \
    { .name = #kind, .id = (tag), .label = PROTOBUF_C_LABEL_##l, .type = PROTOBUF_C_TYPE_##kind,                       \
      .quantifier_offset = PLACE(3 * (n)), .offset = PLACE(3 * (n) + 1), .descriptor = (sub) }

static const ProtobufCEnumValue choice_values[] = { { "A", "A", 0 }, { "B", "B", 1 } };
static const ProtobufCIntRange choice_ranges[] = { { 0, 0 }, { 0, 2 } };
static const ProtobufCEnumDescriptor choice_descriptor = {
    .magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC, .name = "Choice", .n_values = 2, .values = choice_values,
    .n_value_ranges = 1, .value_ranges = choice_ranges,
};

static void all_types_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct all_types));
    message->descriptor = &all_types_descriptor;
}

static void nested_init(ProtobufCMessage *message)
{
    memset(message, 0, sizeof(struct all_types));
    message->descriptor = &nested_descriptor;
}

static const ProtobufCFieldDescriptor all_types_fields[] = {
    FIELD(0, 1, OPTIONAL, INT32, NULL),      FIELD(1, 2, OPTIONAL, INT64, NULL),
    FIELD(2, 3, OPTIONAL, UINT32, NULL),     FIELD(3, 4, OPTIONAL, UINT64, NULL),
    FIELD(4, 5, OPTIONAL, SINT32, NULL),     FIELD(5, 6, OPTIONAL, SINT64, NULL),
    FIELD(6, 7, OPTIONAL, FIXED32, NULL),    FIELD(7, 8, OPTIONAL, FIXED64, NULL),
    FIELD(8, 9, OPTIONAL, SFIXED32, NULL),   FIELD(9, 10, OPTIONAL, SFIXED64, NULL),
    FIELD(10, 11, OPTIONAL, FLOAT, NULL),    FIELD(11, 12, OPTIONAL, DOUBLE, NULL),
    FIELD(12, 13, OPTIONAL, BOOL, NULL),     FIELD(13, 14, OPTIONAL, STRING, NULL),
    FIELD(14, 15, OPTIONAL, BYTES, NULL),    FIELD(15, 18, OPTIONAL, MESSAGE, &nested_descriptor),
    FIELD(16, 21, OPTIONAL, ENUM, &choice_descriptor),
    FIELD(17, 31, REPEATED, INT32, NULL),    FIELD(18, 32, REPEATED, INT64, NULL),
    FIELD(19, 33, REPEATED, UINT32, NULL),   FIELD(20, 34, REPEATED, UINT64, NULL),
    FIELD(21, 35, REPEATED, SINT32, NULL),   FIELD(22, 36, REPEATED, SINT64, NULL),
    FIELD(23, 37, REPEATED, FIXED32, NULL),  FIELD(24, 38, REPEATED, FIXED64, NULL),
    FIELD(25, 39, REPEATED, SFIXED32, NULL), FIELD(26, 40, REPEATED, SFIXED64, NULL),
    FIELD(27, 41, REPEATED, FLOAT, NULL),    FIELD(28, 42, REPEATED, DOUBLE, NULL),
    FIELD(29, 43, REPEATED, BOOL, NULL),     FIELD(30, 44, REPEATED, STRING, NULL),
    FIELD(31, 45, REPEATED, BYTES, NULL),    FIELD(32, 48, REPEATED, MESSAGE, &nested_descriptor),
    FIELD(33, 51, REPEATED, ENUM, &choice_descriptor),
    FIELD(34, 113, OPTIONAL, STRING, NULL),
};
static const ProtobufCIntRange all_types_ranges[] = { { 1, 0 }, { 18, 15 }, { 21, 16 }, { 31, 17 }, { 48, 32 },
                                                      { 51, 33 }, { 113, 34 }, { 0, 35 } };
const ProtobufCMessageDescriptor all_types_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, .name = "AllTypes", .sizeof_message = sizeof(struct all_types),
    .n_fields = ARRAY_LEN(all_types_fields), .fields = all_types_fields, .n_field_ranges = ARRAY_LEN(all_types_ranges) - 1,
    .field_ranges = all_types_ranges, .message_init = all_types_init,
};

/* Its second field leads back: the recursion that our own messages never have. */
static const ProtobufCFieldDescriptor nested_fields[] = {
    FIELD(0, 1, OPTIONAL, INT32, NULL),
    FIELD(1, 2, OPTIONAL, MESSAGE, &all_types_descriptor),
};
static const ProtobufCIntRange nested_ranges[] = { { 1, 0 }, { 0, 2 } };
const ProtobufCMessageDescriptor nested_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, .name = "Nested", .sizeof_message = sizeof(struct all_types),
    .n_fields = 2, .fields = nested_fields, .n_field_ranges = 1, .field_ranges = nested_ranges, .message_init = nested_init,
};

/* --- helpers */

static enum crm_status check(const ProtobufCMessageDescriptor *descriptor, struct slice body, struct failure *failure)
{
    struct check_limits limits = check_limits_for(body.size);

    return check_body(descriptor, body, &limits, failure);
}

/* The least memory limit with which body passes: what it is charged. */
static size_t charge_of(const ProtobufCMessageDescriptor *descriptor, struct slice body)
{
    struct check_limits limits = { .elements = UINT32_MAX, .unknown_fields = UINT32_MAX, .depth = 8 };
    size_t low = 0, high = (size_t)1 << 30;

    while (low < high) {
        limits.memory = low + (high - low) / 2;
        if (check_body(descriptor, body, &limits, NULL) == CRM_OK)
            high = limits.memory;
        else
            low = limits.memory + 1;
    }
    return low;
}

/* An arena of exactly the size that is charged is enough, and not much too large. */
static void expect_fair_charge(const ProtobufCMessageDescriptor *descriptor, struct slice body)
{
    size_t charge = charge_of(descriptor, body);
    struct arena arena;

    arena_init(&arena, charge);
    assert_non_null(protobuf_c_message_unpack(descriptor, &arena.protobuf, body.size, body.data));
    assert_true(arena.used <= charge);
    assert_true(charge <= 2 * arena.used);
    arena_fini(&arena);
}

/* n times the same bytes. */
static struct slice repeat(const char *bytes, size_t size, size_t n)
{
    uint8_t *out = malloc(size * n);

    assert_non_null(out);
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * size, bytes, size);
    return slice_of(out, size * n);
}

static void drop(struct slice body)
{
    free((void *)(uintptr_t)body.data);
}

static void expect_refused(const ProtobufCMessageDescriptor *descriptor, const char *bytes, size_t size,
                           enum crm_status status, const char *field)
{
    struct failure failure = { 0 };

    assert_int_equal(check(descriptor, slice_of(bytes, size), &failure), status);
    assert_string_equal(failure.field, field);
}

#define REFUSED(descriptor, bytes, status, field) expect_refused(&(descriptor), bytes, sizeof(bytes) - 1, status, field)
#define ACCEPTED(descriptor, bytes)                                                                                    \
    assert_int_equal(check(&(descriptor), slice_of(bytes, sizeof(bytes) - 1), NULL), CRM_OK)

/* --- tests */

static void run_case(const char *name, const char *hex, const char *spec)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size + 1);
    enum crm_status status;

    assert_non_null(bytes);
    assert_true(hex_parse(hex, bytes, size));
    status = check(&all_types_descriptor, slice_of(bytes, size), NULL);
    if (strcmp(spec, "accept") == 0 && status != CRM_OK)
        fail_msg("%s is refused", name);
    if (strcmp(spec, "reject") == 0 && status == CRM_OK)
        fail_msg("%s is accepted", name);
    if (status == CRM_OK)
        expect_fair_charge(&all_types_descriptor, slice_of(bytes, size));
    free(bytes);
}

static void test_stored_cases(void **state)
{
    json_t *cases = json_load_file(CRM_SHARED_DATA "/protobuf/cases.json", 0, NULL);
    json_t *item;
    size_t i;

    (void)state;
    if (!cases) {
        print_message("no stored cases here\n");
        skip();
    }
    assert_true(json_array_size(cases) >= 100);
    json_array_foreach(cases, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));

        if (strstr(name, "Oneof") || strstr(name, "MapKey")) /* neither is used in our messages */
            continue;
        run_case(name, json_string_value(json_object_get(item, "hex")), json_string_value(json_object_get(item, "spec")));
    }
    json_decref(cases);
}

static void test_text(void **state)
{
    (void)state;
    ACCEPTED(crm__get_request__descriptor, "\x22\x05hello");
    ACCEPTED(crm__get_request__descriptor, "\x22\x00");
    ACCEPTED(crm__get_request__descriptor, "\x22\x09" "01234567\x7f");
    ACCEPTED(crm__get_request__descriptor, "\x22\x0c\xe5\xbc\xa0\xe4\xbc\x9f\xf0\x9f\x98\x80" "aa");
    REFUSED(crm__get_request__descriptor, "\x22\x03" "a\0b", CRM_INVALID, "selector");
    REFUSED(crm__get_request__descriptor, "\x22\x09" "0123\0" "5678", CRM_INVALID, "selector");
    REFUSED(crm__get_request__descriptor, "\x22\x02\xc3(", CRM_INVALID, "selector");
    REFUSED(crm__get_request__descriptor, "\x22\x02\xc0\x80", CRM_INVALID, "selector");
    REFUSED(crm__get_request__descriptor, "\x22\x03\xed\xa0\x80", CRM_INVALID, "selector");
    REFUSED(crm__get_request__descriptor, "\x22\x09" "01234567\xff", CRM_INVALID, "selector");
    ACCEPTED(crm__get_request__descriptor, "\x1a\x03" "a\0\xff"); /* bytes may hold anything */
}

static void test_path_of_the_fault(void **state)
{
    (void)state;
    REFUSED(crm__mutate_request__descriptor, "\x2a\x02\x18\x63", CRM_INVALID, "mutations.verb");
    REFUSED(crm__get_request__descriptor, "\x0a\x05\x08\x01\x08\x01\xff", CRM_INVALID, "meta");
    REFUSED(crm__list_request__descriptor, "\x1a\x06\x22\x04\x0a\x02\xff\xff", CRM_INVALID, "filter.values.text");
}

static void test_enums(void **state)
{
    (void)state;
    ACCEPTED(crm__mutation__descriptor, "\x18\x05");
    REFUSED(crm__mutation__descriptor, "\x18\x06", CRM_INVALID, "verb");
    REFUSED(crm__mutation__descriptor, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", CRM_INVALID, "verb");
    /* 2^32 + 1: protobuf-c would cut it down to 1 */
    REFUSED(crm__mutation__descriptor, "\x18\x81\x80\x80\x80\x10", CRM_INVALID, "verb");
}

static void test_wire_types(void **state)
{
    (void)state;
    REFUSED(crm__get_request__descriptor, "\x12\x01\x01", CRM_INVALID, "kind");
    REFUSED(crm__get_request__descriptor, "\x20\x01", CRM_INVALID, "selector");
    ACCEPTED(crm__mutation__descriptor, "\x30\x01\x30\x02"); /* a repeated number, one by one */
    ACCEPTED(crm__mutation__descriptor, "\x32\x02\x01\x02"); /* packed */
    REFUSED(crm__mutation__descriptor, "\x32\x02\x01\x82", CRM_INVALID, "clear");
    REFUSED(crm__mutation__descriptor, "\x35\x01\x02\x03\x04", CRM_INVALID, "clear");
}

static void test_twice(void **state)
{
    (void)state;
    ACCEPTED(crm__get_request__descriptor, "\x10\x01\x10\x02"); /* the last one counts */
    ACCEPTED(crm__get_request__descriptor, "\x22\x01" "a\x22\x01" "b");
    REFUSED(crm__get_request__descriptor, "\x0a\x00\x0a\x00", CRM_INVALID, "meta");
}

static void test_counts(void **state)
{
    struct slice most = repeat("\x30\x01", 2, 5000), over = repeat("\x30\x01", 2, 5001);
    struct slice unknown = repeat("\x98\x06\x01", 3, 16), too_unknown = repeat("\x98\x06\x01", 3, 17);
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(check(&crm__mutation__descriptor, most, NULL), CRM_OK);
    assert_int_equal(check(&crm__mutation__descriptor, over, &failure), CRM_TOO_LARGE);
    assert_string_equal(failure.field, "clear");
    assert_int_equal(check(&crm__mutation__descriptor, unknown, NULL), CRM_OK);
    assert_int_equal(check(&crm__mutation__descriptor, too_unknown, NULL), CRM_TOO_LARGE);
    assert_int_equal(check(&crm__logout_reply__descriptor, unknown, NULL), CRM_OK); /* a message without fields */
    drop(most);
    drop(over);
    drop(unknown);
    drop(too_unknown);
}

/* Nested n deep: each level holds the next in field 18 or 2 by turns. */
static enum crm_status check_nested(unsigned n)
{
    uint8_t bytes[256];
    size_t at = sizeof(bytes);

    for (unsigned level = n; level-- > 1;) {
        size_t size = sizeof(bytes) - at;
        bool outer = level % 2 == 1; /* the odd levels are all_types, which the even ones are in */

        assert_true(size < 128);
        bytes[--at] = (uint8_t)size;
        if (outer) {
            bytes[--at] = 0x01;
            bytes[--at] = 0x92;
        } else {
            bytes[--at] = 0x12;
        }
    }
    return check(&all_types_descriptor, slice_of(bytes + at, sizeof(bytes) - at), NULL);
}

static void test_depth(void **state)
{
    (void)state;
    assert_int_equal(check_nested(1), CRM_OK);
    assert_int_equal(check_nested(8), CRM_OK);
    assert_int_equal(check_nested(9), CRM_TOO_LARGE);
    assert_int_equal(check_nested(40), CRM_TOO_LARGE);
}

/* What turns 1 MiB into 113 MB in protobuf-c alone is stopped by the memory it would need. */
static void test_bombs(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } parts[] = {
        { "\x2a\x00", 2 },             /* mutations: empty messages */
        { "\x18\x01", 2 },             /* number: one scalar again and again */
        { "\x98\x06\x01", 3 },         /* unknown */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct slice bomb = repeat(parts[i].bytes, parts[i].size, (1u << 20) / parts[i].size);
        struct check_limits limits = check_limits_for(bomb.size);

        limits.elements = limits.unknown_fields = UINT32_MAX;
        limits.memory = 4u << 20;
        assert_int_equal(check_body(&crm__mutate_request__descriptor, bomb, &limits, NULL), CRM_TOO_LARGE);
        drop(bomb);
    }
}

static void test_charge_is_fair(void **state)
{
    static const struct {
        const ProtobufCMessageDescriptor *descriptor;
        const char *bytes;
        size_t size;
    } parts[] = {
        { &crm__mutate_request__descriptor, "\x2a\x00", 2 },
        { &crm__mutate_request__descriptor, "\x18\x01", 2 },
        { &crm__mutation__descriptor, "\x30\x01", 2 },
        { &crm__mutation__descriptor, "\x32\x03\x01\x02\x03", 5 },
        { &crm__mutation__descriptor, "\x4a\x03" "abc", 5 },
        { &crm__mutation__descriptor, "\x12\x00", 2 },
        { &crm__mutation__descriptor, "\x9a\x06\x03" "abc", 6 },
        { &crm__list_request__descriptor, "\x1a\x06\x22\x04\x0a\x02" "ab", 8 },
        { &crm__report_request__descriptor, "\x1a\x05stage", 7 },
        { &all_types_descriptor, "\x6a\x01x\x22\x01", 5 },
        { &all_types_descriptor, "\xea\x02\x02zz", 5 },
        { &all_types_descriptor, "\xda\x02\x03\x01\x00\x01", 6 },
        { &all_types_descriptor, "\xb2\x02\x08" "12345678", 11 },
    };
    static const size_t counts[] = { 0, 1, 2, 16, 17, 48, 49, 112, 113, 1000, 4999 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (size_t j = 0; j < ARRAY_LEN(counts); j++) {
            struct slice body = repeat(parts[i].bytes, parts[i].size, counts[j]);
            struct check_limits limits = { .memory = SIZE_MAX, .elements = UINT32_MAX, .unknown_fields = UINT32_MAX, .depth = 8 };

            if (check_body(parts[i].descriptor, body, &limits, NULL) == CRM_OK)
                expect_fair_charge(parts[i].descriptor, body);
            drop(body);
        }
    }
}

/* Random bytes and damaged messages: whatever passes is unpacked within its charge. */
static void test_whatever_passes_can_be_unpacked(void **state)
{
    static const char seed_body[] = "\x0a\x05\x08\xe8\x07\x12\x00\x10\x02\x1a\x0e\x08\x01\x10\x05\x22\x08\x0a\x06" "abcdef"
                                    "\x22\x02\x08\x01\x28\x0a\x48\x01";
    uint32_t seed = 12345;
    unsigned passed = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[sizeof(seed_body) - 1];

        memcpy(bytes, seed_body, sizeof(bytes));
        for (unsigned changes = round % 4; changes > 0; changes--) {
            seed = seed * 1664525 + 1013904223;
            bytes[(seed >> 8) % sizeof(bytes)] = (uint8_t)(seed >> 24);
        }
        if (check(&crm__list_request__descriptor, slice_of(bytes, sizeof(bytes)), NULL) == CRM_OK) {
            expect_fair_charge(&crm__list_request__descriptor, slice_of(bytes, sizeof(bytes)));
            passed++;
        }
    }
    assert_true(passed > 5000 && passed < 20000);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(check_limits_for(0).memory, 64 * 1024);
    assert_int_equal(check_limits_for(1000).memory, 64 * 1024 + 64000);
    assert_int_equal(check_limits_for(1u << 20).memory, 16u << 20);
    assert_int_equal(check_limits_for(SIZE_MAX).memory, 16u << 20);
}

static void test_empty_body(void **state)
{
    (void)state;
    assert_int_equal(check(&crm__ping__descriptor, slice_of(NULL, 0), NULL), CRM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_cases),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_path_of_the_fault),
        cmocka_unit_test(test_enums),
        cmocka_unit_test(test_wire_types),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_charge_is_fair),
        cmocka_unit_test(test_whatever_passes_can_be_unpacked),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_empty_body),
    };

    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
