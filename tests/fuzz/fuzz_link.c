/*
 * fuzz_link.c - any frames to a link over the map store, with the real operations, writer and workers
 *
 * The first byte says how the rest is read (enum mode). Else each frame is five bytes and its body: type (its top bit: compressed), code, stream (0 the
 * next one), length of the body in two bytes. Each input has a link of its own; the store is made anew once it has grown, so that what earlier
 * inputs created is there to be found and changed.
 *
 * Held to: no crash, no leak, all output whole frames, an error's body an Error with the frame's status, and an answer from whatever is away.
 */
#include <stdlib.h>

#include "common/base/log.h"
#include "proto/check.h"
#include "proto/codec.h"
#include "proto/operation.h"
#include "server/admin/first_records.h"
#include "server/dispatch/dispatch.h"
#include "server/dispatch/link_inside.h"
#include "server/engine/core.h"
#include "server/session/session.h"

#define PASSWORD     "correct horse"
#define FRAME_HEAD   5
#define CHANGES_MAX  2000 /* then the store is made anew */
#define OUTPUT_MAX   (8u << 20)

enum mode {
    MODE_SESSION = 1, /* behind a hello that resumes a session */
    MODE_RAW = 2,     /* the bytes as they come off the wire */
    MODE_HASTE = 4,   /* the client is gone while its requests are under way */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server {
    char encoded[PASSWORD_ENCODED_SIZE];
    struct store *store;
    struct core core;
    struct dispatch *dispatch;
    struct dispatch_thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    unsigned wakes;
    struct link *link;
    struct buf out;
    uint32_t next_stream;
    uint8_t token[TOKEN_SIZE];
    bool has_token;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER };

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --- what carries the link */

static void on_wake(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&server.lock);
    server.wakes++;
    pthread_cond_signal(&server.woken);
    pthread_mutex_unlock(&server.lock);
}

static void on_conn(void *conn)
{
    (void)conn;
}

static void open_link(void)
{
    struct link_carrier carrier = { .out = &server.out, .want_flush = on_conn, .want_close = on_conn };

    server.next_stream = 1;
    server.link = link_create(server.thread, &carrier, "192.0.2.7");
    require(server.link != NULL);
}

static void close_link(void)
{
    link_destroy(server.link);
    server.link = NULL;
    buf_truncate(&server.out, 0);
}

static void feed(struct slice bytes)
{
    while (bytes.size > 0) {
        size_t consumed = 0;
        bool open = link_input(server.link, bytes, &consumed);

        dispatch_thread_end_turn(server.thread);
        require(consumed <= bytes.size);
        bytes = slice_of(bytes.data + consumed, bytes.size - consumed);
        if (!open || consumed == 0)
            return;
    }
}

/* --- what comes out */

static void look_at_error(const struct frame *frame, struct arena *arena)
{
    const void *message;

    require(codec_unpack(frame, &crm__error__descriptor, FRAME_MAX, arena, &message, NULL) == CRM_OK);
    require(((const Crm__Error *)message)->status == frame->header.code && ((const Crm__Error *)message)->name);
}

static void look_at_login(const struct frame *frame, struct arena *arena)
{
    const void *message;

    if (codec_unpack(frame, &crm__login_reply__descriptor, FRAME_MAX, arena, &message, NULL) == CRM_OK &&
        ((const Crm__LoginReply *)message)->token.len == TOKEN_SIZE) {
        memcpy(server.token, ((const Crm__LoginReply *)message)->token.data, TOKEN_SIZE);
        server.has_token = true;
    }
}

/* Take all frames out of the output. */
static void look_at_output(void)
{
    struct arena arena;
    struct frame frame;
    size_t size;

    arena_init(&arena, OUTPUT_MAX);
    while (server.out.size > 0) {
        require(frame_parse(buf_slice(&server.out), FRAME_MAX, &frame, &size, NULL) == FRAME_WHOLE);
        arena_reset(&arena);
        if (frame.header.type == FRAME_ERROR)
            look_at_error(&frame, &arena);
        else if (!server.has_token && frame.header.type == FRAME_REPLY)
            look_at_login(&frame, &arena);
        buf_consume(&server.out, size);
    }
    arena_fini(&arena);
}

static bool is_waiting(void)
{
    for (unsigned i = 0; i < server.link->n_streams; i++)
        if (server.link->streams[i].is_away)
            return true;
    return false;
}

/* Until streams are starved or done and nothing is with the writer or a worker. */
static void settle(void)
{
    bool more = true;

    while (more || is_waiting()) {
        if (!more) {
            pthread_mutex_lock(&server.lock);
            while (server.wakes == 0)
                pthread_cond_wait(&server.woken, &server.lock);
            server.wakes = 0;
            pthread_mutex_unlock(&server.lock);
            dispatch_thread_drain(server.thread);
        }
        more = link_resume(server.link);
        dispatch_thread_end_turn(server.thread);
        look_at_output();
    }
}

/* --- what goes in */

static void send_frame(struct frame_header header, struct slice body)
{
    uint8_t *bytes = malloc(FRAME_HEADER_SIZE + body.size); /* of its size, so that a read past its end is seen */

    require(bytes != NULL);
    header.length = (uint32_t)body.size;
    frame_put_header(bytes, &header);
    if (body.size)
        memcpy(bytes + FRAME_HEADER_SIZE, body.data, body.size);
    feed(slice_of(bytes, FRAME_HEADER_SIZE + body.size));
    free(bytes);
}

static void send_message(enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    uint8_t packed[256];
    size_t size = protobuf_c_message_get_packed_size(message);

    require(size <= sizeof packed);
    protobuf_c_message_pack(message, packed);
    send_frame((struct frame_header){ .type = (uint8_t)type, .code = code, .stream = stream }, slice_of(packed, size));
}

static void send_hello(void)
{
    Crm__Hello hello = CRM__HELLO__INIT;

    hello.has_version_min = hello.has_version_max = hello.has_features = true;
    hello.version_min = hello.version_max = FRAME_VERSION;
    hello.features = FEATURE_ZSTD;
    hello.has_session_token = server.has_token;
    hello.session_token = (ProtobufCBinaryData){ .data = server.token, .len = TOKEN_SIZE };
    send_message(FRAME_HELLO, 0, 0, &hello.base);
}

/* Checked passwords are slow on purpose, and a logout would end the session that the next inputs need. */
static bool is_left_out(uint32_t code)
{
    return code == OP_LOGIN || code == OP_LOGOUT || code == OP_PASSWORD;
}

static void send_frames(struct slice input)
{
    while (input.size >= FRAME_HEAD) {
        const uint8_t *head = input.data;
        size_t rest = input.size - FRAME_HEAD, size = (size_t)(head[3] | head[4] << 8);
        struct frame_header header = { .type = head[0] & 0x7f, .flags = head[0] & 0x80 ? FRAME_ZSTD : 0, .stream = head[2] };

        size = size < rest ? size : rest;
        if (header.type == FRAME_REQUEST) {
            header.code = head[1];
            header.stream = head[2] ? head[2] : server.next_stream;
            server.next_stream = header.stream + 1;
        }
        if (header.type != FRAME_REQUEST || !is_left_out(header.code))
            send_frame(header, slice_of(head + FRAME_HEAD, size));
        input = slice_of(head + FRAME_HEAD + size, rest - size);
    }
}

/* --- the server */

static void start(void)
{
    struct first_records first = { .company = "Test", .currency = "USD", .time_zone = "UTC", .login = "admin",
                                   .password_encoded = server.encoded };
    Crm__LoginRequest login = CRM__LOGIN_REQUEST__INIT;
    struct settings settings;

    log_set_level(LOG_LEVEL_ERROR);
    config_defaults(settings_table, settings_count, &settings);
    require(server.encoded[0] || password_hash(PASSWORD, server.encoded) == CRM_OK);
    require(store_open_map(&server.store) == CRM_OK);
    require(first_records_write(server.store, &first, NULL) == CRM_OK);
    require(core_init(&server.core, server.store, &settings, "/nowhere", NULL) == CRM_OK);
    require(dispatch_create(&server.core, &server.dispatch) == CRM_OK);
    require(dispatch_thread_create(server.dispatch, on_wake, NULL, &server.thread) == CRM_OK);
    buf_init(&server.out, OUTPUT_MAX);

    open_link();
    server.has_token = false;
    send_hello();
    login.login = (char *)"admin";
    login.password = (char *)PASSWORD;
    send_message(FRAME_REQUEST, OP_LOGIN, 1, &login.base);
    settle();
    close_link();
    require(server.has_token);
}

static void stop(void)
{
    dispatch_stop(server.dispatch);
    dispatch_thread_destroy(server.thread);
    dispatch_destroy(server.dispatch);
    core_fini(&server.core);
    store_close(server.store);
    buf_fini(&server.out);
    server.store = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input;
    bool is_lost;

    if (size < 1 || size > 65536)
        return 0;
    if (!server.store) {
        start();
        atexit(stop);
    }
    input = slice_of(data + 1, size - 1);
    open_link();
    if (data[0] & MODE_SESSION)
        send_hello();
    is_lost = (data[0] & MODE_SESSION) && !link_is_logged_in(server.link);
    if (data[0] & MODE_RAW)
        feed(input);
    else
        send_frames(input);
    if (!(data[0] & MODE_HASTE))
        settle();
    look_at_output();
    close_link();
    dispatch_thread_drain(server.thread);
    if (is_lost || atomic_load(&server.core.seq) > CHANGES_MAX) {
        stop();
        start();
    }
    return 0;
}
