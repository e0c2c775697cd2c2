/*
 * link_fixture.h - what the tests of links share: a link over plain buffers with the real operations, writer and workers behind it
 *
 * Over the map store; no socket, no TLS. What other threads answer is waited for on the mailbox's wake-up, never by the clock.
 */
#ifndef CRM_TEST_LINK_FIXTURE_H
#define CRM_TEST_LINK_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/model/reflect.h"
#include "proto/codec.h"
#include "proto/operation.h"
#include "server/admin/first_records.h"
#include "server/dispatch/dispatch.h"
#include "server/dispatch/link.h"
#include "server/engine/core.h"
#include "server/session/device.h"
#include "server/session/session.h"

#include <cmocka.h>

#define PASSWORD "correct horse"

struct fixture {
    struct store *store;
    struct core core;
    struct dispatch *dispatch;
    struct dispatch_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    unsigned wakes;
    struct link *link;
    struct buf out;
    bool closed;
    uint32_t next_stream;
    struct arena arena;
    const struct device_claim *claim; /* of links that are opened from now on; NULL: they show no certificate */
};

static inline void on_wake(void *arg)
{
    struct fixture *f = arg;

    pthread_mutex_lock(&f->lock);
    f->wakes++;
    pthread_cond_signal(&f->woken);
    pthread_mutex_unlock(&f->lock);
}

static inline void on_flush(void *conn)
{
    (void)conn;
}

static inline void on_close(void *conn)
{
    ((struct fixture *)conn)->closed = true;
}

static inline void open_link(struct fixture *f)
{
    struct link_carrier carrier = { .conn = f, .out = &f->out, .want_flush = on_flush, .want_close = on_close, .claim = f->claim };

    link_destroy(f->link);
    buf_truncate(&f->out, 0);
    f->closed = false;
    f->next_stream = 1;
    f->link = link_create(f->thread, &carrier, "192.0.2.7");
    assert_non_null(f->link);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct failure failure = { 0 };
    char encoded[PASSWORD_ENCODED_SIZE];
    struct settings settings;

    assert_non_null(f);
    assert_int_equal(store_open_map(&f->store), CRM_OK);
    assert_int_equal(password_hash(PASSWORD, encoded), CRM_OK);
    assert_int_equal(first_records_write(f->store,
                                         &(struct first_records){ .company = "Test", .currency = "USD", .time_zone = "UTC", .login = "admin",
                                                                  .password_encoded = encoded },
                                         &failure),
                     CRM_OK);
    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&f->core, f->store, &settings, "/nowhere", &failure), CRM_OK);
    assert_int_equal(dispatch_create(&f->core, &f->dispatch), CRM_OK);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->woken, NULL);
    assert_int_equal(dispatch_thread_create(f->dispatch, on_wake, f, &f->thread), CRM_OK);
    buf_init(&f->out, 8u << 20);
    arena_init(&f->arena, 64u << 20);
    open_link(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    link_destroy(f->link);
    dispatch_stop(f->dispatch); /* a test may have left requests with the writer */
    dispatch_thread_destroy(f->thread);
    dispatch_destroy(f->dispatch);
    core_fini(&f->core);
    store_close(f->store);
    buf_fini(&f->out);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

/* --- talking */

static inline void feed(struct fixture *f, struct slice bytes)
{
    while (bytes.size > 0) {
        size_t consumed = 0;
        bool open = link_input(f->link, bytes, &consumed);

        dispatch_thread_end_turn(f->thread);
        bytes = slice_of(bytes.data + consumed, bytes.size - consumed);
        if (!open || consumed == 0)
            return;
    }
}

static inline struct slice frame_bytes(struct fixture *f, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    struct frame_header header = { .type = (uint8_t)type, .code = code, .stream = stream };
    struct buf buf;
    struct slice copy;

    buf_init(&buf, FRAME_MAX + 1024);
    assert_int_equal(codec_append(&buf, &header, message, false), CRM_OK);
    copy = slice_of(arena_memdup(&f->arena, buf_slice(&buf).data, buf.size), buf.size);
    buf_fini(&buf);
    return copy;
}

static inline void send_frame(struct fixture *f, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    feed(f, frame_bytes(f, type, code, stream, message));
}

static inline uint32_t ask(struct fixture *f, enum operation op, const ProtobufCMessage *message)
{
    uint32_t stream = f->next_stream++;

    send_frame(f, FRAME_REQUEST, op, stream, message);
    return stream;
}

/* Until another thread has posted something. */
static inline void wait_for_wake(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->wakes == 0)
        pthread_cond_wait(&f->woken, &f->lock);
    f->wakes = 0;
    pthread_mutex_unlock(&f->lock);
}

/* Let streams go on, and answers of other threads come in, until there is a frame. */
static inline void take_frame(struct fixture *f, struct frame *out_frame)
{
    struct failure failure = { 0 };
    size_t size;

    while (frame_parse(buf_slice(&f->out), FRAME_MAX, out_frame, &size, &failure) != FRAME_WHOLE) {
        bool more = link_resume(f->link);

        dispatch_thread_end_turn(f->thread);
        if (more || f->out.size > 0)
            continue;
        wait_for_wake(f);
        dispatch_thread_drain(f->thread);
    }
    out_frame->body.data = arena_memdup(&f->arena, out_frame->body.size ? out_frame->body.data : (const uint8_t *)"", out_frame->body.size + 1);
    buf_consume(&f->out, size);
}

static inline const void *take(struct fixture *f, enum frame_type type, uint32_t stream, const ProtobufCMessageDescriptor *descriptor)
{
    struct failure failure = { 0 };
    const void *message = NULL;
    struct frame frame;

    take_frame(f, &frame);
    assert_int_equal(frame.header.type, type);
    assert_int_equal(frame.header.stream, stream);
    if (descriptor)
        assert_int_equal(codec_unpack(&frame, descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
    return message;
}

static inline const Crm__Error *take_error(struct fixture *f, uint32_t stream, enum crm_status status)
{
    const Crm__Error *error = take(f, FRAME_ERROR, stream, &crm__error__descriptor);

    assert_int_equal(error->status, status);
    assert_string_equal(error->name, crm_status_info((int)status)->name);
    return error;
}

static inline void hello(struct fixture *f, const uint8_t *token)
{
    Crm__Hello hello_message = CRM__HELLO__INIT;

    hello_message.has_version_min = hello_message.has_version_max = true;
    hello_message.version_min = hello_message.version_max = 1;
    hello_message.software = (char *)"test/1";
    if (token) {
        hello_message.has_session_token = true;
        hello_message.session_token = (ProtobufCBinaryData){ .data = (uint8_t *)token, .len = TOKEN_SIZE };
    }
    send_frame(f, FRAME_HELLO, 0, 0, &hello_message.base);
}

static inline const Crm__LoginReply *login(struct fixture *f)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
    request.login = (char *)"admin";
    request.password = (char *)PASSWORD;
    return take(f, FRAME_REPLY, ask(f, OP_LOGIN, &request.base), &crm__login_reply__descriptor);
}

static inline Crm__Mutation *new_customer(struct fixture *f, const char *name)
{
    Crm__Mutation *mutation = arena_alloc(&f->arena, sizeof *mutation);
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    uint8_t *bytes = arena_alloc(&f->arena, 4096);

    crm__mutation__init(mutation);
    customer.name = (char *)name;
    mutation->has_kind = mutation->has_verb = mutation->has_set = true;
    mutation->kind = KIND_CUSTOMER;
    mutation->verb = CRM__VERB__VERB_CREATE;
    mutation->set = (ProtobufCBinaryData){ .data = bytes, .len = crm__customer__pack(&customer, bytes) };
    return mutation;
}

static inline uint32_t ask_mutate(struct fixture *f, Crm__Mutation **mutations, size_t n, uint8_t *client, uint64_t number)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.mutations = mutations;
    request.n_mutations = n;
    if (client) {
        request.has_client = request.has_number = true;
        request.client = (ProtobufCBinaryData){ .data = client, .len = 16 };
        request.number = number;
    }
    return ask(f, OP_MUTATE, &request.base);
}

static inline void add_customers(struct fixture *f, size_t n)
{
    Crm__Mutation **mutations = arena_alloc(&f->arena, n * sizeof *mutations);

    for (size_t i = 0; i < n; i++)
        mutations[i] = new_customer(f, arena_printf(&f->arena, "Customer %zu", i));
    for (size_t at = 0; at < n; at += 400) {
        uint32_t stream = ask_mutate(f, mutations + at, n - at < 400 ? n - at : 400, NULL, 0);
        const Crm__MutateReply *reply = take(f, FRAME_REPLY, stream, &crm__mutate_reply__descriptor);

        for (size_t i = 0; i < reply->n_results; i++)
            assert_false(reply->results[i]->has_status);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
