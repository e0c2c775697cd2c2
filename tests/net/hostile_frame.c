/*
 * hostile_frame.c - frames that break the protocol
 *
 * Each case says which error must come and whether the connection lives on; afterwards the server answers somebody else.
 */
#include "tests/net/raw.h"

static void header_alone(struct raw *raw, uint8_t type, uint32_t length, uint32_t code, uint32_t stream)
{
    const struct frame_header header = { .length = length, .type = type, .code = code, .stream = stream };

    raw_put_bytes(raw, &header, NULL, 0);
}

/* The server must say PROTOCOL and close. */
static void expect_end(struct raw *raw)
{
    assert_true(raw_send(raw));
    raw_expect_broken(raw, CRM_PROTOCOL);
    raw_assert_alive();
}

/* --- order */

static void frame_before_hello(void **state)
{
    static const uint8_t types[] = { FRAME_REQUEST, FRAME_CHUNK, FRAME_END, FRAME_CANCEL, FRAME_CREDIT, FRAME_PING, FRAME_GOAWAY };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct raw raw;

        raw_connect(&raw);
        header_alone(&raw, types[i], 0, types[i] == FRAME_REQUEST ? OP_PING : 0, types[i] == FRAME_REQUEST);
        expect_end(&raw);
    }
}

static void second_hello(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    raw_put_hello(&raw, false);
    expect_end(&raw);
}

static void hello_on_a_stream(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect(&raw);
    header_alone(&raw, FRAME_HELLO, 0, 0, 7);
    expect_end(&raw);
}

static void hello_of_another_version(void **state)
{
    Crm__Hello hello = CRM__HELLO__INIT;
    struct raw raw;

    (void)state;
    hello.has_version_min = hello.has_version_max = true;
    hello.version_min = 2;
    hello.version_max = 9;
    raw_connect(&raw);
    raw_put(&raw, FRAME_HELLO, 0, 0, &hello.base);
    expect_end(&raw);
}

static void hello_that_is_no_message(void **state)
{
    static const uint8_t body[] = { 0xff, 0xff, 0xff, 0xff };
    const struct frame_header header = { .length = sizeof(body), .type = FRAME_HELLO };
    struct raw raw;

    (void)state;
    raw_connect(&raw);
    raw_put_bytes(&raw, &header, body, sizeof(body));
    expect_end(&raw);
}

/* An empty hello is one: every field is optional. */
static void empty_hello(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect(&raw);
    header_alone(&raw, FRAME_HELLO, 0, 0, 0);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    raw_drop(&raw, false);
}

static void unknown_token(void **state)
{
    static const size_t sizes[] = { 1, 31, 32, 33, 1000 };
    uint8_t bytes[1000];

    (void)state;
    memset(bytes, 0x5a, sizeof(bytes));
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        Crm__Hello hello = CRM__HELLO__INIT;
        const Crm__Hello *answer;
        struct raw raw;

        hello.has_session_token = true;
        hello.session_token = (ProtobufCBinaryData){ .data = bytes, .len = sizes[i] };
        raw_connect(&raw);
        raw_put(&raw, FRAME_HELLO, 0, 0, &hello.base);
        assert_true(raw_send(&raw));
        answer = raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
        assert_null(answer->session);
        assert_non_null(answer->session_error);
        assert_int_equal(answer->session_error->status, CRM_NOT_LOGGED_IN);
        raw_drop(&raw, false);
    }
}

/* Nothing but login without a session, whether the operation exists or not. */
static void requests_before_login(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect(&raw);
    raw_put_hello(&raw, false);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    for (uint32_t operation = OP_LOGOUT; operation <= OP_MAX; operation++) {
        raw_put(&raw, FRAME_REQUEST, operation, ++raw.stream, NULL);
        assert_true(raw_send(&raw));
        /* Enrolling a device is asked for before login, with a code: without one it is no better than a guess. */
        raw_expect_error(&raw, raw.stream, operation == OP_ENROL ? CRM_BAD_CREDENTIALS : CRM_NOT_LOGGED_IN);
    }
    raw_drop(&raw, false);
}

/* --- headers */

static void frames_that_are_too_long(void **state)
{
    static const uint32_t before[] = { FRAME_MAX_BEFORE_LOGIN + 1, FRAME_MAX, 0x7fffffff, 0xffffffff };
    static const uint32_t after[] = { FRAME_MAX + 1, 0x7fffffff, 0xffffffff };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        raw_connect(&raw);
        header_alone(&raw, FRAME_HELLO, before[i], 0, 0);
        expect_end(&raw);
        raw_connect(&raw);
        raw_put_hello(&raw, false);
        header_alone(&raw, FRAME_REQUEST, before[i], OP_LOGIN, 1);
        expect_end(&raw);
    }
    for (size_t i = 0; i < ARRAY_LEN(after); i++) {
        raw_connect_in_session(&raw);
        header_alone(&raw, FRAME_REQUEST, after[i], OP_MUTATE, 1);
        expect_end(&raw);
    }
}

static void unknown_types(void **state)
{
    static const uint8_t types[] = { 0, 13, 64, 255 };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        raw_connect_in_session(&raw);
        header_alone(&raw, types[i], 0, 0, 1);
        expect_end(&raw);
    }
}

static void frames_of_the_server(void **state)
{
    static const uint8_t types[] = { FRAME_REPLY, FRAME_ERROR, FRAME_PONG, FRAME_EVENT };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        raw_connect_in_session(&raw);
        header_alone(&raw, types[i], 0, 0, 1);
        expect_end(&raw);
    }
}

static void unknown_flags(void **state)
{
    static const uint16_t flags[] = { 2, 3, 0x8000, 0xffff };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        const struct frame_header header = { .type = FRAME_REQUEST, .flags = flags[i], .code = OP_PING, .stream = 1 };

        raw_connect_in_session(&raw);
        raw_put_bytes(&raw, &header, NULL, 0);
        expect_end(&raw);
    }
}

static void unknown_version(void **state)
{
    static const uint8_t versions[] = { 0, 2, 255 };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        raw_connect_in_session(&raw);
        header_alone(&raw, FRAME_REQUEST, 0, OP_PING, 1);
        raw.out.data[raw.out.start + 4] = versions[i];
        expect_end(&raw);
    }
}

/* --- streams */

static void stream_ids_that_do_not_rise(void **state)
{
    static const uint32_t second[] = { 0, 5, 4, 1 };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(second); i++) {
        raw_connect_in_session(&raw);
        header_alone(&raw, FRAME_REQUEST, 0, OP_PING, 5);
        header_alone(&raw, FRAME_REQUEST, 0, OP_PING, second[i]);
        expect_end(&raw);
    }
}

/* The highest id is one as any other; behind it there is none. */
static void last_stream_id(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    header_alone(&raw, FRAME_REQUEST, 0, OP_PING, UINT32_MAX);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_REPLY, UINT32_MAX, &crm__ping_reply__descriptor);
    header_alone(&raw, FRAME_REQUEST, 0, OP_PING, UINT32_MAX);
    expect_end(&raw);
}

static void unknown_operations(void **state)
{
    static const uint32_t codes[] = { 0, OP_MAX + 1, 0x10000, UINT32_MAX };
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        raw_put(&raw, FRAME_REQUEST, codes[i], ++raw.stream, NULL);
        assert_true(raw_send(&raw));
        raw_expect_error(&raw, raw.stream, CRM_UNKNOWN_OPERATION);
    }
    raw_expect_ping(&raw);
    raw_drop(&raw, false);
}

/* Every operation takes the empty message for one, and answers it in some way. */
static void empty_bodies(void **state)
{
    (void)state;
    for (uint32_t operation = OP_LOGIN; operation <= OP_MAX; operation++) {
        struct frame frame;
        struct raw raw;

        if (operation == OP_LOGOUT) /* it would end the session of the group */
            continue;
        raw_connect_in_session(&raw);
        raw_put(&raw, FRAME_REQUEST, operation, 1, NULL);
        assert_true(raw_send(&raw));
        assert_true(raw_next(&raw, &frame));
        assert_int_equal(frame.header.stream, 1);
        raw_drop(&raw, false);
    }
    raw_assert_alive();
}

static void chunks_without_an_upload(void **state)
{
    static const uint8_t types[] = { FRAME_CHUNK, FRAME_END };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        raw_connect_in_session(&raw);
        header_alone(&raw, types[i], 0, 0, 3);
        expect_end(&raw);
        raw_connect_in_session(&raw);
        header_alone(&raw, types[i], 0, 0, 0);
        expect_end(&raw);
    }
}

/* A chunk in the flight of its upload: the server cannot have granted anything yet. */
static void upload_without_credit(void **state)
{
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    uint8_t data[100] = { 0 };
    struct raw raw;

    (void)state;
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .data = data, .len = sizeof(data) };
    raw_connect_in_session(&raw);
    raw_put_request(&raw, OP_UPLOAD, &request.base);
    raw_put(&raw, FRAME_CHUNK, 0, raw.stream, &chunk.base);
    expect_end(&raw);
}

static void credit_beyond_its_limit(void **state)
{
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    Crm__Credit credit = CRM__CREDIT__INIT;
    struct raw raw;

    (void)state;
    credit.has_bytes = true;
    credit.bytes = UINT32_MAX;
    raw_connect_in_session(&raw);
    raw_put(&raw, FRAME_CREDIT, 0, 99, &credit.base); /* of a stream that is not open: ignored */
    assert_true(raw_send(&raw));
    raw_expect_ping(&raw);
    credit.bytes = INT32_MAX;
    raw_put_request(&raw, OP_SUBSCRIBE, &request.base);
    raw_put(&raw, FRAME_CREDIT, 0, raw.stream, &credit.base);
    raw_put(&raw, FRAME_CREDIT, 0, raw.stream, &credit.base);
    expect_end(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_before_hello),
        cmocka_unit_test(second_hello),
        cmocka_unit_test(hello_on_a_stream),
        cmocka_unit_test(hello_of_another_version),
        cmocka_unit_test(hello_that_is_no_message),
        cmocka_unit_test(empty_hello),
        cmocka_unit_test(unknown_token),
        cmocka_unit_test(requests_before_login),
        cmocka_unit_test(frames_that_are_too_long),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(frames_of_the_server),
        cmocka_unit_test(unknown_flags),
        cmocka_unit_test(unknown_version),
        cmocka_unit_test(stream_ids_that_do_not_rise),
        cmocka_unit_test(last_stream_id),
        cmocka_unit_test(unknown_operations),
        cmocka_unit_test(empty_bodies),
        cmocka_unit_test(chunks_without_an_upload),
        cmocka_unit_test(upload_without_credit),
        cmocka_unit_test(credit_beyond_its_limit),
    };

    return cmocka_run_group_tests_name("hostile frames", tests, raw_group_setup, raw_group_teardown);
}
