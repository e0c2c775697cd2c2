/*
 * test_frame.c - the header of frames: round trip, every cut, everything that is refused
 */
#include "proto/frame.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

#define BODY 5

/* A request of 5 bytes. */
static void put_sample(uint8_t out[FRAME_HEADER_SIZE + BODY])
{
    struct frame_header header = { .length = BODY, .type = FRAME_REQUEST, .flags = FRAME_ZSTD, .code = 0x01020304, .stream = 7 };

    frame_put_header(out, &header);
    memcpy(out + FRAME_HEADER_SIZE, "hello", BODY);
}

static void test_layout_is_as_documented(void **state)
{
    static const uint8_t expected[] = { 5, 0, 0, 0, 1, 2, 1, 0, 4, 3, 2, 1, 7, 0, 0, 0, 'h', 'e', 'l', 'l', 'o' };
    uint8_t bytes[sizeof(expected)];

    (void)state;
    put_sample(bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void test_every_cut_needs_more(void **state)
{
    uint8_t bytes[FRAME_HEADER_SIZE + BODY];
    struct frame frame;
    size_t consumed;

    (void)state;
    put_sample(bytes);
    for (size_t n = 0; n < sizeof(bytes); n++) {
        consumed = 99;
        assert_int_equal(frame_parse(slice_of(bytes, n), BODY, &frame, &consumed, NULL), FRAME_NEEDS_MORE);
        assert_int_equal(consumed, 99);
    }
    assert_int_equal(frame_parse(slice_of(bytes, sizeof(bytes)), BODY, &frame, &consumed, NULL), FRAME_WHOLE);
    assert_int_equal(consumed, sizeof(bytes));
    assert_int_equal(frame.header.code, 0x01020304);
    assert_int_equal(frame.header.stream, 7);
    assert_int_equal(frame.header.flags, FRAME_ZSTD);
    assert_true(slice_equal(frame.body, slice_text("hello")));
}

static void test_takes_one_frame_of_many(void **state)
{
    uint8_t bytes[2 * (FRAME_HEADER_SIZE + BODY)];
    struct frame frame;
    size_t consumed;

    (void)state;
    put_sample(bytes);
    put_sample(bytes + FRAME_HEADER_SIZE + BODY);
    assert_int_equal(frame_parse(slice_of(bytes, sizeof(bytes)), BODY, &frame, &consumed, NULL), FRAME_WHOLE);
    assert_int_equal(consumed, FRAME_HEADER_SIZE + BODY);
}

static void test_empty_body(void **state)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    struct frame_header header = { .type = FRAME_PING };
    struct frame frame;
    size_t consumed;

    (void)state;
    frame_put_header(bytes, &header);
    assert_int_equal(frame_parse(slice_of(bytes, sizeof(bytes)), 0, &frame, &consumed, NULL), FRAME_WHOLE);
    assert_int_equal(frame.body.size, 0);
}

/* One byte of the header changed; refused from the header alone. */
static void expect_broken(size_t at, uint8_t value, enum crm_status status)
{
    uint8_t bytes[FRAME_HEADER_SIZE + BODY];
    struct failure failure = { 0 };
    struct frame frame;
    size_t consumed;

    put_sample(bytes);
    bytes[at] = value;
    assert_int_equal(frame_parse(slice_of(bytes, FRAME_HEADER_SIZE), FRAME_MAX, &frame, &consumed, &failure), FRAME_BROKEN);
    assert_int_equal(failure.status, status);
    assert_true(failure.text[0] != '\0');
}

static void test_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    expect_broken(4, 0, CRM_PROTOCOL);
    expect_broken(4, 2, CRM_PROTOCOL);
    expect_broken(5, 0, CRM_PROTOCOL);
    expect_broken(5, FRAME_GOAWAY + 1, CRM_PROTOCOL);
    expect_broken(5, 0xff, CRM_PROTOCOL);
    expect_broken(6, 2, CRM_PROTOCOL);
    expect_broken(7, 0x80, CRM_PROTOCOL);
    expect_broken(3, 0xff, CRM_TOO_LARGE);
}

static void test_length_limit_is_exact(void **state)
{
    uint8_t bytes[FRAME_HEADER_SIZE + BODY];
    struct frame frame;
    size_t consumed;

    (void)state;
    put_sample(bytes);
    assert_int_equal(frame_parse(slice_of(bytes, sizeof(bytes)), BODY, &frame, &consumed, NULL), FRAME_WHOLE);
    assert_int_equal(frame_parse(slice_of(bytes, sizeof(bytes)), BODY - 1, &frame, &consumed, NULL), FRAME_BROKEN);
}

static void test_type_names(void **state)
{
    (void)state;
    assert_string_equal(frame_type_name(FRAME_HELLO), "hello");
    assert_string_equal(frame_type_name(FRAME_GOAWAY), "goaway");
    assert_string_equal(frame_type_name(0), "unknown");
    assert_string_equal(frame_type_name(FRAME_GOAWAY + 1), "unknown");
    for (unsigned type = FRAME_HELLO; type <= FRAME_GOAWAY; type++)
        assert_string_not_equal(frame_type_name(type), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout_is_as_documented),
        cmocka_unit_test(test_every_cut_needs_more),
        cmocka_unit_test(test_takes_one_frame_of_many),
        cmocka_unit_test(test_empty_body),
        cmocka_unit_test(test_refuses_what_it_does_not_know),
        cmocka_unit_test(test_length_limit_is_exact),
        cmocka_unit_test(test_type_names),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
