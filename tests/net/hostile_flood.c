/*
 * hostile_flood.c - too much of what is allowed, and peers that leave in the middle of it
 */
#include "tests/net/raw.h"

#define CANCELS 10000
#define PINGS   21 /* one more than 10 s may have */

/* Send all of out, whether or not the server has closed in the meantime; what it said can be read all the same. */
static void flood(struct raw *raw)
{
    (void)raw_send(raw);
    buf_truncate(&raw->out, 0);
}

static void rapid_cancel(void **state)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    struct raw raw;

    (void)state;
    request.has_kind = true;
    request.kind = 4;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < CANCELS; i++) {
        uint32_t stream = raw_put_request(&raw, OP_COUNT, &request.base);

        raw_put(&raw, FRAME_CANCEL, 0, stream, NULL);
    }
    flood(&raw);
    raw_expect_broken(&raw, CRM_BUSY);
    raw_assert_alive();
}

/* A few cancels of what is not there are nothing. */
static void cancel_of_nothing(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    for (uint32_t stream = 0; stream < 10; stream++)
        raw_put(&raw, FRAME_CANCEL, 0, stream, NULL);
    raw_expect_ping(&raw);
    raw_drop(&raw, false);
}

static void ping_flood(void **state)
{
    Crm__Ping ping = CRM__PING__INIT;
    struct raw raw;

    (void)state;
    ping.has_cookie = true;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < PINGS; i++) {
        ping.cookie = i;
        raw_put(&raw, FRAME_PING, 0, 0, &ping.base);
    }
    flood(&raw);
    for (unsigned i = 0; i + 1 < PINGS; i++)
        assert_int_equal(((const Crm__Ping *)raw_expect(&raw, FRAME_PONG, 0, &crm__ping__descriptor))->cookie, i);
    raw_expect_broken(&raw, CRM_PROTOCOL);
    raw_assert_alive();
}

/* Each key update costs the server a derivation and the peer 27 bytes. */
static void key_update_flood(void **state)
{
    struct frame frame;
    struct raw raw;
    bool ok = true;

    (void)state;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < 100 && ok; i++)
        ok = SSL_key_update(raw.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(raw.ssl) == 1;
    assert_false(ok && raw_next(&raw, &frame));
    raw_drop(&raw, false);
    raw_assert_alive();
}

/* Subscriptions stay open: behind as many as a connection may have, the next is told to wait, and the others live. */
static void too_many_streams(void **state)
{
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        raw_put_request(&raw, OP_SUBSCRIBE, &request.base);
        assert_true(raw_send(&raw));
        raw_expect(&raw, FRAME_REPLY, raw.stream, &crm__subscribe_reply__descriptor);
    }
    raw_put_request(&raw, OP_SUBSCRIBE, &request.base);
    assert_true(raw_send(&raw));
    raw_expect_error(&raw, raw.stream, CRM_BUSY);
    raw_put(&raw, FRAME_CANCEL, 0, 1, NULL);
    assert_true(raw_send(&raw));
    raw_expect_error(&raw, 1, CRM_CANCELLED);
    raw_expect_ping(&raw);
    raw_drop(&raw, false);
    raw_assert_alive();
}

/* A reader who does not read: the server stops reading from him, and has a bounded output; when he resets the connection nothing is written to it. */
static void answers_that_nobody_reads(void **state)
{
    Crm__DescribeRequest request = CRM__DESCRIBE_REQUEST__INIT;

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        struct raw raw;

        raw_connect_in_session(&raw);
        for (unsigned i = 0; i < 500; i++)
            raw_put_request(&raw, OP_DESCRIBE, &request.base);
        assert_true(raw_send(&raw));
        raw_assert_alive();
        raw_drop(&raw, round == 0);
        raw_assert_alive();
    }
}

/* All of it arrives, in order, though the reader is slow to begin. */
static void answers_that_are_read_late(void **state)
{
    Crm__DescribeRequest request = CRM__DESCRIBE_REQUEST__INIT;
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < 300; i++)
        raw_put_request(&raw, OP_DESCRIBE, &request.base);
    assert_true(raw_send(&raw));
    for (uint32_t stream = 1; stream <= 300; stream++)
        raw_expect(&raw, FRAME_REPLY, stream, &crm__describe_reply__descriptor);
    raw_drop(&raw, false);
}

/* Gone in the middle of a frame, with and without a word at each layer. */
static void peers_that_leave_in_a_frame(void **state)
{
    static const uint8_t part[] = { 0x0a, 0x00, 0x2a };
    const struct frame_header header = { .length = 1000, .type = FRAME_REQUEST, .code = OP_MUTATE, .stream = 1 };

    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        struct raw raw;

        raw_connect_in_session(&raw);
        raw_put_bytes(&raw, &header, part, sizeof(part));
        assert_true(raw_send(&raw));
        if (way == 2)
            SSL_shutdown(raw.ssl);
        raw_drop(&raw, way == 1);
        raw_assert_alive();
    }
}

/* A change whose author has left before the answer is made all the same, or not at all; the server minds neither. */
static void peers_that_do_not_wait(void **state)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

    (void)state;
    request.login = (char *)"admin";
    request.password = (char *)DAEMON_PASSWORD;
    for (unsigned i = 0; i < 10; i++) {
        struct raw raw;

        raw_connect(&raw);
        raw_put_hello(&raw, false);
        raw_put_request(&raw, OP_LOGIN, &request.base); /* it is on a worker, then with the writer, when its author goes */
        assert_true(raw_send(&raw));
        raw_drop(&raw, i % 2 == 0);
    }
    raw_assert_alive();
}

/* What is on its way behind a chunk that was refused is thrown away, or is beyond the credit. */
static void upload_whose_chunks_are_wrong(void **state)
{
    static uint8_t data[60000];
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    struct frame frame;
    struct raw raw;

    (void)state;
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .data = data, .len = sizeof(data) };
    raw_connect_in_session(&raw);
    raw_put_request(&raw, OP_UPLOAD, &request.base);
    assert_true(raw_send(&raw));
    assert_int_equal(((const Crm__Credit *)raw_expect(&raw, FRAME_CREDIT, 1, &crm__credit__descriptor))->bytes, STREAM_CREDIT);
    /* The first is at an offset that is wrong: its stream ends, and what is on its way is thrown away. */
    chunk.has_offset = true;
    chunk.offset = 17;
    for (unsigned i = 0; i < 20; i++)
        raw_put(&raw, FRAME_CHUNK, 0, 1, &chunk.base);
    flood(&raw);
    assert_true(raw_next(&raw, &frame));
    assert_int_equal(frame.header.type, FRAME_ERROR);
    assert_true((frame.header.stream == 1 && frame.header.code == CRM_INVALID) ||
                (frame.header.stream == 0 && frame.header.code == CRM_PROTOCOL));
    raw_drop(&raw, false);
    raw_assert_alive();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rapid_cancel),
        cmocka_unit_test(cancel_of_nothing),
        cmocka_unit_test(ping_flood),
        cmocka_unit_test(key_update_flood),
        cmocka_unit_test(too_many_streams),
        cmocka_unit_test(answers_that_nobody_reads),
        cmocka_unit_test(answers_that_are_read_late),
        cmocka_unit_test(peers_that_leave_in_a_frame),
        cmocka_unit_test(peers_that_do_not_wait),
        cmocka_unit_test(upload_whose_chunks_are_wrong),
    };

    return cmocka_run_group_tests_name("hostile floods", tests, raw_group_setup, raw_group_teardown);
}
