/*
 * raw.c - see raw.h
 */
#include "tests/net/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECT_ATTEMPTS 2000
#define ANSWER_SECONDS 20
#define READ_SIZE      65536
#define TOKEN_MAX      64

struct daemon raw_daemon;

static struct sockaddr_in source; /* its address 0: any */
static uint8_t token[TOKEN_MAX];
static size_t token_size;
static SSL_CTX *context; /* trusts anybody: the server's certificate is not what is tested here */

static const unsigned char crm_alpn[] = { 5, 'c', 'r', 'm', '/', '1' };
static const struct raw_tls good_tls = { .alpn = crm_alpn, .alpn_size = sizeof(crm_alpn) };

/* --- connections */

void raw_from(const char *address)
{
    source = (struct sockaddr_in){ .sin_family = AF_INET };
    if (address)
        assert_int_equal(inet_pton(AF_INET, address, &source.sin_addr), 1);
}

int raw_socket(const struct daemon *daemon)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(daemon->port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct timeval limit = { .tv_sec = ANSWER_SECONDS };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    if (source.sin_addr.s_addr != 0)
        assert_int_equal(bind(fd, (struct sockaddr *)&source, sizeof(source)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

bool raw_open(struct raw *raw, const struct daemon *daemon, const struct raw_tls *tls)
{
    int version = tls->version ? tls->version : TLS1_3_VERSION;

    *raw = (struct raw){ .fd = raw_socket(daemon) };
    buf_init(&raw->in, RAW_MEMORY);
    buf_init(&raw->out, RAW_OUT_MAX);
    arena_init(&raw->arena, RAW_MEMORY);
    raw->ssl = SSL_new(context);
    assert_non_null(raw->ssl);
    assert_int_equal(SSL_set_fd(raw->ssl, raw->fd), 1);
    assert_int_equal(SSL_set_min_proto_version(raw->ssl, version), 1);
    assert_int_equal(SSL_set_max_proto_version(raw->ssl, version), 1);
    if (tls->alpn)
        assert_int_equal(SSL_set_alpn_protos(raw->ssl, tls->alpn, tls->alpn_size), 0);
    return SSL_connect(raw->ssl) == 1;
}

/* The server may still count peers of this address who have just left in their handshake: it is asked again, not waited for. */
void raw_connect(struct raw *raw)
{
    for (unsigned attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
        if (raw_open(raw, &raw_daemon, &good_tls))
            return;
        raw_drop(raw, false);
    }
    fail_msg("no connection in %d attempts", CONNECT_ATTEMPTS);
}

void raw_connect_in_session(struct raw *raw)
{
    const Crm__Hello *hello;

    raw_connect(raw);
    raw_put_hello(raw, true);
    assert_true(raw_send(raw));
    hello = raw_expect(raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_non_null(hello->session);
}

void raw_drop(struct raw *raw, bool by_reset)
{
    struct linger now = { .l_onoff = 1 };

    if (by_reset)
        assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(raw->fd);
    SSL_free(raw->ssl);
    buf_fini(&raw->in);
    buf_fini(&raw->out);
    arena_fini(&raw->arena);
}

/* --- sending */

void raw_put(struct raw *raw, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    const struct frame_header header = { .type = (uint8_t)type, .code = code, .stream = stream };

    assert_int_equal(codec_append(&raw->out, &header, message, false), CRM_OK);
}

void raw_put_bytes(struct raw *raw, const struct frame_header *header, const void *body, size_t size)
{
    uint8_t bytes[FRAME_HEADER_SIZE];

    frame_put_header(bytes, header);
    assert_int_equal(buf_append(&raw->out, bytes, sizeof(bytes)), CRM_OK);
    if (size > 0)
        assert_int_equal(buf_append(&raw->out, body, size), CRM_OK);
}

static Crm__Hello plain_hello(void)
{
    Crm__Hello hello = CRM__HELLO__INIT;

    hello.has_version_min = hello.has_version_max = hello.has_features = true;
    hello.version_min = hello.version_max = FRAME_VERSION;
    hello.features = FEATURE_ZSTD;
    hello.software = (char *)"raw/1";
    return hello;
}

void raw_put_hello_of(struct raw *raw, const uint8_t *installation)
{
    Crm__Hello hello = plain_hello();

    hello.has_device = installation != NULL;
    hello.device = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)installation, .len = installation ? RAW_UUID_SIZE : 0 };
    raw_put(raw, FRAME_HELLO, 0, 0, &hello.base);
}

void raw_put_hello(struct raw *raw, bool in_session)
{
    Crm__Hello hello = plain_hello();

    hello.has_session_token = in_session;
    hello.session_token = (ProtobufCBinaryData){ .data = token, .len = token_size };
    raw_put(raw, FRAME_HELLO, 0, 0, &hello.base);
}

uint32_t raw_put_request(struct raw *raw, enum operation operation, const ProtobufCMessage *message)
{
    raw_put(raw, FRAME_REQUEST, (uint32_t)operation, ++raw->stream, message);
    return raw->stream;
}

bool raw_send_in_parts(struct raw *raw, size_t part)
{
    while (raw->out.size > 0) {
        struct slice rest = buf_slice(&raw->out);
        size_t sent;

        if (SSL_write_ex(raw->ssl, rest.data, rest.size < part ? rest.size : part, &sent) != 1)
            return false;
        buf_consume(&raw->out, sent);
    }
    return true;
}

bool raw_send(struct raw *raw)
{
    return raw_send_in_parts(raw, SIZE_MAX);
}

/* --- receiving */

/* More bytes; false: closed. A server that says nothing fails the test. */
static bool receive(struct raw *raw)
{
    uint8_t *room = buf_reserve(&raw->in, READ_SIZE);
    size_t n;

    assert_non_null(room);
    errno = 0;
    if (SSL_read_ex(raw->ssl, room, READ_SIZE, &n) == 1) {
        buf_commit(&raw->in, n);
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        fail_msg("the server neither answers nor closes");
    return false;
}

bool raw_next(struct raw *raw, struct frame *out_frame)
{
    static struct buf last; /* the frame that was handed out */
    size_t consumed;

    for (;;) {
        enum frame_progress progress = frame_parse(buf_slice(&raw->in), FRAME_MAX, out_frame, &consumed, NULL);

        assert_int_not_equal(progress, FRAME_BROKEN);
        if (progress == FRAME_WHOLE)
            break;
        if (!receive(raw))
            return false;
    }
    buf_fini(&last);
    buf_init(&last, RAW_MEMORY);
    assert_int_equal(buf_append(&last, out_frame->body.data, out_frame->body.size), CRM_OK);
    out_frame->body = buf_slice(&last);
    buf_consume(&raw->in, consumed);
    return true;
}

static const void *unpack(struct raw *raw, const struct frame *frame, const ProtobufCMessageDescriptor *descriptor)
{
    struct failure failure = { 0 };
    const void *message;

    arena_reset(&raw->arena);
    if (codec_unpack(frame, descriptor, FRAME_MAX, &raw->arena, &message, &failure) != CRM_OK)
        fail_msg("%s: %s", descriptor->name, failure.text);
    return message;
}

const void *raw_expect(struct raw *raw, enum frame_type type, uint32_t stream, const ProtobufCMessageDescriptor *descriptor)
{
    struct frame frame;

    assert_true(raw_next(raw, &frame));
    if (frame.header.type == FRAME_ERROR && type != FRAME_ERROR)
        fail_msg("error instead of %s: %s", frame_type_name(type), ((const Crm__Error *)unpack(raw, &frame, &crm__error__descriptor))->text);
    assert_string_equal(frame_type_name(frame.header.type), frame_type_name(type));
    assert_int_equal(frame.header.stream, stream);
    return unpack(raw, &frame, descriptor);
}

const Crm__Error *raw_expect_error(struct raw *raw, uint32_t stream, enum crm_status status)
{
    const Crm__Error *error = raw_expect(raw, FRAME_ERROR, stream, &crm__error__descriptor);

    assert_string_equal(crm_status_info((int)error->status)->name, crm_status_info((int)status)->name);
    assert_true(error->text && *error->text);
    return error;
}

void raw_expect_broken(struct raw *raw, enum crm_status status)
{
    struct frame frame;

    do
        assert_true(raw_next(raw, &frame));
    while (frame.header.type != FRAME_ERROR || frame.header.stream != 0);
    assert_string_equal(crm_status_info((int)frame.header.code)->name, crm_status_info((int)status)->name);
    while (raw_next(raw, &frame))
        fail_msg("a frame behind the last error");
    raw_drop(raw, false);
}

void raw_expect_ping(struct raw *raw)
{
    Crm__PingRequest request = CRM__PING_REQUEST__INIT;
    uint32_t stream = raw_put_request(raw, OP_PING, &request.base);
    const Crm__PingReply *reply;

    assert_true(raw_send(raw));
    reply = raw_expect(raw, FRAME_REPLY, stream, &crm__ping_reply__descriptor);
    assert_true(reply->has_seq);
}

/* --- the group */

static void log_in(void)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__LoginReply *reply;
    struct raw raw;

    request.login = (char *)"admin";
    request.password = (char *)DAEMON_PASSWORD;
    raw_connect(&raw);
    raw_put_hello(&raw, false);
    raw_put_request(&raw, OP_LOGIN, &request.base);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    reply = raw_expect(&raw, FRAME_REPLY, raw.stream, &crm__login_reply__descriptor);
    assert_true(reply->token.len <= sizeof(token));
    memcpy(token, reply->token.data, reply->token.len);
    token_size = reply->token.len;
    raw_drop(&raw, false);
}

int raw_group_setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    context = SSL_CTX_new(TLS_client_method());
    if (!context || !daemon_init(&raw_daemon) || !daemon_start(&raw_daemon))
        return -1;
    log_in();
    return 0;
}

int raw_group_teardown(void **state)
{
    bool ok = daemon_stop(&raw_daemon) && daemon_run(&raw_daemon, "check");

    (void)state;
    SSL_CTX_free(context);
    daemon_fini(&raw_daemon);
    return ok ? 0 : -1;
}

void raw_assert_alive(void)
{
    struct raw raw;

    assert_true(daemon_is_alive(&raw_daemon));
    raw_connect_in_session(&raw);
    raw_expect_ping(&raw);
    raw_drop(&raw, false);
}
