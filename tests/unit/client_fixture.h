/*
 * client_fixture.h - a server made of two buffers: what the client sends is read frame by frame, what a test says is
 * what it hears
 *
 * No socket, no thread, no real clock: the client is driven by crm_client_process. Included by one test program each.
 */
#ifndef CRM_TESTS_CLIENT_FIXTURE_H
#define CRM_TESTS_CLIENT_FIXTURE_H

#include <stdlib.h>

#include "client/lib/client.h"
#include "common/base/clock.h"
#include "proto/codec.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

#define SECOND INT64_C(1000000)

/* The other end of the current connection. */
static struct {
    struct buf up;       /* from the client */
    struct buf down;     /* to it */
    size_t step;         /* bytes a read gives at most */
    bool is_closed;      /* by the server: end of file behind what is in down */
    bool refuses;        /* connections cannot be made */
    enum crm_status why; /* status of such a refusal */
    unsigned opens;
    int64_t clock_us;
    uint64_t random;
    struct arena arena; /* of the messages that the server has read */
} server;

static int64_t fake_clock(void)
{
    return server.clock_us;
}

static void fake_random(void *out, size_t size)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < size; i++) {
        server.random = server.random * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(server.random >> 56);
    }
}

static enum transport_result fake_connect(struct transport *transport, struct failure *failure)
{
    (void)transport;
    if (!server.refuses)
        return TRANSPORT_DONE;
    failure->status = server.why;
    strcpy(failure->text, "refused");
    return TRANSPORT_BROKEN;
}

static enum transport_result fake_read(struct transport *transport, void *data, size_t size, size_t *out_n,
                                       struct failure *failure)
{
    size_t n = server.down.size < server.step ? server.down.size : server.step;

    (void)transport;
    (void)failure;
    if (n == 0)
        return server.is_closed ? TRANSPORT_CLOSED : TRANSPORT_WANT_READ;
    n = n < size ? n : size;
    memcpy(data, server.down.data + server.down.start, n);
    buf_consume(&server.down, n);
    *out_n = n;
    return TRANSPORT_DONE;
}

static enum transport_result fake_write(struct transport *transport, const void *data, size_t size, size_t *out_n,
                                        struct failure *failure)
{
    (void)transport;
    (void)failure;
    if (server.is_closed)
        return TRANSPORT_CLOSED;
    assert_int_equal(buf_append(&server.up, data, size), CRM_OK);
    *out_n = size;
    return TRANSPORT_DONE;
}

static void fake_destroy(struct transport *transport)
{
    free(transport);
}

static const struct transport_ops fake_ops = {
    .connect = fake_connect, .read = fake_read, .write = fake_write, .destroy = fake_destroy
};

static enum crm_status fake_open(void *arg, int64_t until_us, struct transport **out_transport, struct failure *failure)
{
    struct transport *transport = calloc(1, sizeof(*transport));

    (void)arg;
    (void)until_us;
    (void)failure;
    assert_non_null(transport);
    *transport = (struct transport){ .ops = &fake_ops, .fd = -1 };
    buf_consume(&server.up, server.up.size);
    buf_consume(&server.down, server.down.size);
    server.is_closed = false;
    server.opens++;
    *out_transport = transport;
    return CRM_OK;
}

static int server_setup(void **state)
{
    static const struct clock_source source = { fake_clock, fake_clock, fake_random };

    (void)state;
    memset(&server, 0, sizeof(server));
    buf_init(&server.up, 16u << 20);
    buf_init(&server.down, 16u << 20);
    arena_init(&server.arena, 64u << 20);
    server.step = SIZE_MAX;
    server.why = CRM_UNREACHABLE;
    server.clock_us = 1000 * SECOND;
    clock_replace(&source);
    return 0;
}

static int server_teardown(void **state)
{
    (void)state;
    buf_fini(&server.up);
    buf_fini(&server.down);
    arena_fini(&server.arena);
    clock_replace(NULL);
    return 0;
}

/* --- what the server reads */

/* The next frame of the client, of this type; its body unpacked unless descriptor is NULL. */
static struct frame server_expect(unsigned type, const ProtobufCMessageDescriptor *descriptor, const void **out_message)
{
    struct failure failure = { 0 };
    struct frame frame;
    size_t consumed;

    assert_int_equal(frame_parse(buf_slice(&server.up), FRAME_MAX, &frame, &consumed, &failure), FRAME_WHOLE);
    assert_int_equal(frame.header.type, type);
    if (descriptor)
        assert_int_equal(codec_unpack(&frame, descriptor, FRAME_MAX, &server.arena, out_message, &failure), CRM_OK);
    buf_consume(&server.up, consumed);
    return frame;
}

/* A request of this operation; its stream. */
static inline uint32_t server_expect_request(enum operation operation)
{
    const void *message;
    struct frame frame = server_expect(FRAME_REQUEST, op_info((unsigned)operation)->request, &message);

    assert_int_equal(frame.header.code, operation);
    return frame.header.stream;
}

static inline void server_expect_nothing(void)
{
    assert_int_equal(server.up.size, 0);
}

/* --- what the server says */

static void server_send(unsigned type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    const struct frame_header header = { .type = (uint8_t)type, .code = code, .stream = stream };

    assert_int_equal(codec_append(&server.down, &header, message, false), CRM_OK);
}

/* A hello that takes at most so many streams; with a session where the client is to be logged in. */
static void server_hello(uint32_t streams, bool with_session)
{
    Crm__Hello hello = CRM__HELLO__INIT;
    Crm__Limits limits = CRM__LIMITS__INIT;
    Crm__LoginReply session = CRM__LOGIN_REPLY__INIT;

    limits.has_streams = true;
    limits.streams = streams;
    hello.limits = &limits;
    hello.session = with_session ? &session : NULL;
    server_send(FRAME_HELLO, 0, 0, &hello.base);
}

static inline void server_error(uint32_t stream, enum crm_status status)
{
    Crm__Error error = CRM__ERROR__INIT;

    server_send(FRAME_ERROR, (uint32_t)status, stream, &error.base);
}

/* --- the client */

static struct crm_client *client_with(struct crm_options options)
{
    const struct connector connector = { .open = fake_open };
    struct crm_client *client;

    options.host = "test";
    options.port = 1;
    assert_int_equal(client_create(&options, &connector, &client), CRM_OK);
    return client;
}

/* Up to and with the server's hello, a session resumed. */
static void client_greet(struct crm_client *client, uint32_t streams)
{
    const void *hello;

    crm_client_process(client);
    server_expect(FRAME_HELLO, &crm__hello__descriptor, &hello);
    server_hello(streams, true);
    crm_client_process(client);
}

static inline struct crm_call *start_get(struct crm_client *client, const char *selector)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct crm_call *call;

    request.selector = (char *)selector;
    assert_int_equal(crm_call_start(client, OP_GET, &request.base, NULL, &call), CRM_OK);
    return call;
}

/* key: with client and number. */
static inline struct crm_call *start_mutate(struct crm_client *client, bool key)
{
    static uint8_t id[16] = { 1 };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    struct crm_call *call;

    request.has_client = request.has_number = key;
    request.client = (ProtobufCBinaryData){ .len = sizeof(id), .data = id };
    request.number = 1;
    assert_int_equal(crm_call_start(client, OP_MUTATE, &request.base, NULL, &call), CRM_OK);
    return call;
}

#endif
