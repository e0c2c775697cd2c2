/*
 * test_net.c - sockets, TLS, caps, deadlines and drain, with the echo link (tests/bench/echo_link.c) in the place of dispatch
 *
 * Clients are blocking sockets with a long receive timeout that only a failing test ever sees. Deadlines run on a clock that the tests
 * set. SIGPIPE is ignored as crmd's main does it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/frame.h"
#include "server/net/io_pool.h"
#include "server/net/peers.h"
#include "tests/bench/echo_link.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

#define SECOND 1000000

static struct net_settings settings;
static struct io_pool *pool;
static char dir[] = "/tmp/test_net.XXXXXX";
static char certificate_file[64], key_file[64], other_certificate_file[64], other_key_file[64];

/* --- a clock that the tests set */

static atomic_llong clock_now;

static int64_t fake_now(void)
{
    return 1700000000LL * SECOND + atomic_load(&clock_now);
}

static int64_t fake_monotonic(void)
{
    return atomic_load(&clock_now);
}

static void fake_random(void *out, size_t size)
{
    memset(out, 7, size);
}

static void advance(int64_t us)
{
    atomic_fetch_add(&clock_now, us);
}

/* --- certificates */

static void write_pair(const char *name, const char *certificate_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    FILE *out;

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    out = fopen(certificate_path, "w");
    assert_non_null(out);
    PEM_write_X509(out, certificate);
    fclose(out);
    out = fopen(key_path, "w");
    assert_non_null(out);
    PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int make_certificates(void **state)
{
    static const struct clock_source clock = { fake_now, fake_monotonic, fake_random };

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    clock_replace(&clock);
    log_set_level(LOG_LEVEL_ERROR);
    if (!mkdtemp(dir))
        return -1;
    snprintf(certificate_file, sizeof(certificate_file), "%s/a.crt", dir);
    snprintf(key_file, sizeof(key_file), "%s/a.key", dir);
    snprintf(other_certificate_file, sizeof(other_certificate_file), "%s/b.crt", dir);
    snprintf(other_key_file, sizeof(other_key_file), "%s/b.key", dir);
    write_pair("first", certificate_file, key_file);
    write_pair("second", other_certificate_file, other_key_file);
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    unlink(certificate_file);
    unlink(key_file);
    unlink(other_certificate_file);
    unlink(other_key_file);
    return rmdir(dir);
}

/* --- the server */

static int set_up(void **state)
{
    (void)state;
    settings = (struct net_settings)NET_SETTINGS_DEFAULT;
    settings.tick_ms = 5;
    settings.accept_pause_ms = 5;
    pool = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (pool) {
        io_pool_stop(pool);
        io_pool_join(pool);
    }
    io_pool_destroy(pool);
    return 0;
}

static void start(struct tls_context *tls)
{
    assert_int_equal(io_pool_create(&settings, NULL, tls, &pool, NULL), CRM_OK);
    assert_int_equal(io_pool_listen(pool, "127.0.0.1:0", NULL), CRM_OK);
    assert_int_equal(io_pool_start(pool, NULL), CRM_OK);
}

static struct tls_context *context_of(const char *certificate, const char *key)
{
    struct tls_context *context;

    assert_int_equal(tls_context_create(certificate, key, &context, NULL), CRM_OK);
    return context;
}

static void start_tls(void)
{
    struct tls_context *context = context_of(certificate_file, key_file);

    start(context);
    tls_context_unref(context);
}

static void wait_for_connections(unsigned n)
{
    while (io_pool_counts(pool).connections != n)
        sched_yield();
}

/* --- a client */

struct client {
    int fd;
    SSL_CTX *context; /* NULL: plain */
    SSL *ssl;
    struct buf in;
};

static int client_socket(void)
{
    struct timeval patience = { .tv_sec = 60 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void client_connect(int fd)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)io_pool_port(pool, 0)) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void client_init(struct client *client, int fd)
{
    *client = (struct client){ .fd = fd };
    buf_init(&client->in, 16u << 20);
}

static void client_open(struct client *client)
{
    client_init(client, client_socket());
    client_connect(client->fd);
}

/* false: the handshake, or what the server says after it, fails. TLS 1.3 tells a client only with its first read. */
static bool client_secure(struct client *client, int version, const char *protocol)
{
    unsigned char wire[32];
    size_t size = protocol ? strlen(protocol) : 0;

    client->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(client->context, version);
    SSL_CTX_set_max_proto_version(client->context, version);
    client->ssl = SSL_new(client->context);
    SSL_set_fd(client->ssl, client->fd);
    if (protocol) {
        wire[0] = (unsigned char)size;
        memcpy(wire + 1, protocol, size);
        SSL_set_alpn_protos(client->ssl, wire, (unsigned)size + 1);
    }
    return SSL_connect(client->ssl) == 1;
}

static void client_open_tls(struct client *client)
{
    client_open(client);
    assert_true(client_secure(client, TLS1_3_VERSION, "crm/1"));
}

static void client_close(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    ERR_clear_error();
    close(client->fd);
    buf_fini(&client->in);
}

static void client_send(struct client *client, const void *data, size_t size)
{
    if (client->ssl)
        assert_int_equal(SSL_write(client->ssl, data, (int)size), size);
    else
        assert_int_equal(send(client->fd, data, size, 0), size);
}

/* 0 or less: the connection has ended. */
static int client_receive(struct client *client, void *data, size_t size)
{
    if (client->ssl)
        return SSL_read(client->ssl, data, (int)size);
    return (int)recv(client->fd, data, size, 0);
}

static size_t put_request(uint8_t *out, enum echo_code code, uint32_t stream, uint32_t size)
{
    struct frame_header header = { .length = 4, .type = FRAME_REQUEST, .code = (uint32_t)code, .stream = stream };

    frame_put_header(out, &header);
    for (unsigned i = 0; i < 4; i++)
        out[FRAME_HEADER_SIZE + i] = (uint8_t)(size >> (8 * i));
    return FRAME_HEADER_SIZE + 4;
}

static void client_request(struct client *client, enum echo_code code, uint32_t stream, uint32_t size)
{
    uint8_t bytes[FRAME_HEADER_SIZE + 4];

    client_send(client, bytes, put_request(bytes, code, stream, size));
}

static void client_send_header(struct client *client, enum frame_type type)
{
    struct frame_header header = { .type = (uint8_t)type };
    uint8_t bytes[FRAME_HEADER_SIZE];

    frame_put_header(bytes, &header);
    client_send(client, bytes, sizeof(bytes));
}

/* The next frame's header, its body checked to be zeros; false when the connection has ended before. */
static bool client_frame(struct client *client, struct frame_header *out_header)
{
    for (;;) {
        struct frame frame;
        size_t consumed;
        uint8_t *room;
        int n;

        if (frame_parse(buf_slice(&client->in), FRAME_MAX, &frame, &consumed, NULL) == FRAME_WHOLE) {
            *out_header = frame.header;
            for (size_t i = 0; i < frame.body.size; i++)
                assert_int_equal(frame.body.data[i], 0);
            buf_consume(&client->in, consumed);
            return true;
        }
        room = buf_reserve(&client->in, 65536);
        assert_non_null(room);
        errno = 0;
        n = client_receive(client, room, 65536);
        if (n <= 0) {
            assert_true(n == 0 || errno != EAGAIN); /* nothing came for a minute */
            return false;
        }
        buf_commit(&client->in, (size_t)n);
    }
}

static void expect_frame(struct client *client, enum frame_type type, uint32_t stream, uint32_t size)
{
    struct frame_header header;

    assert_true(client_frame(client, &header));
    assert_string_equal(frame_type_name(header.type), frame_type_name(type));
    assert_int_equal(header.stream, stream);
    assert_int_equal(header.length, size);
}

static void expect_end(struct client *client)
{
    struct frame_header header;

    assert_false(client_frame(client, &header));
}

/* --- tests */

static void expect_echo(struct client *client)
{
    static const uint32_t sizes[] = { 0, 1, 100, 16384, 16385, 70000, 1u << 20 };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        client_request(client, ECHO_REPLY, (uint32_t)i + 1, sizes[i]);
        expect_frame(client, FRAME_REPLY, (uint32_t)i + 1, sizes[i]);
    }
}

static void test_plain_echo(void **state)
{
    struct client client;

    (void)state;
    start(NULL);
    client_open(&client);
    expect_echo(&client);
    client_close(&client);
    wait_for_connections(0);
}

static void test_tls_echo(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    assert_string_equal(SSL_get_version(client.ssl), "TLSv1.3");
    expect_echo(&client);
    client_close(&client);
    wait_for_connections(0);
}

static void test_one_byte_at_a_time(void **state)
{
    uint8_t bytes[FRAME_HEADER_SIZE + 4];
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    for (uint32_t stream = 1; stream <= 3; stream++) {
        size_t size = put_request(bytes, ECHO_REPLY, stream, 10);

        for (size_t i = 0; i < size; i++)
            client_send(&client, bytes + i, 1);
        expect_frame(&client, FRAME_REPLY, stream, 10);
    }
    client_close(&client);
}

/* More than one read's worth, answered with more than the output's high mark, so that reading stops and goes on. */
static void test_many_frames_at_once(void **state)
{
    enum { N = 10000 };
    uint8_t *bytes = malloc(N * (FRAME_HEADER_SIZE + 4));
    struct client client;
    size_t size = 0;

    (void)state;
    assert_non_null(bytes);
    for (uint32_t i = 0; i < N; i++)
        size += put_request(bytes + size, ECHO_REPLY, i + 1, 100);
    start_tls();
    client_open_tls(&client);
    client_send(&client, bytes, size);
    for (uint32_t i = 0; i < N; i++)
        expect_frame(&client, FRAME_REPLY, i + 1, 100);
    client_close(&client);
    free(bytes);
}

/* A frame of the largest size, which no single read holds, and one behind it. */
static void test_large_frame_in(void **state)
{
    struct frame_header header = { .length = FRAME_MAX, .type = FRAME_REQUEST, .code = ECHO_REPLY, .stream = 1 };
    uint8_t *bytes = calloc(1, FRAME_HEADER_SIZE + FRAME_MAX);
    struct client client;

    (void)state;
    assert_non_null(bytes);
    frame_put_header(bytes, &header);
    start_tls();
    client_open_tls(&client);
    client_send(&client, bytes, FRAME_HEADER_SIZE + FRAME_MAX);
    client_request(&client, ECHO_REPLY, 2, 5);
    expect_frame(&client, FRAME_REPLY, 1, 0);
    expect_frame(&client, FRAME_REPLY, 2, 5);
    client_close(&client);
    free(bytes);
}

static void test_stream_goes_in_turns(void **state)
{
    struct client greedy, other;
    struct frame_header header;
    size_t total = 0;

    (void)state;
    settings.io_threads = 1;
    start_tls();
    client_open_tls(&greedy);
    client_open_tls(&other);
    client_request(&greedy, ECHO_STREAM, 1, 50u << 20);
    for (uint32_t i = 1; i <= 100; i++) { /* nobody reads the stream meanwhile */
        client_request(&other, ECHO_REPLY, i, 10);
        expect_frame(&other, FRAME_REPLY, i, 10);
    }
    do {
        assert_true(client_frame(&greedy, &header));
        total += header.length;
    } while (header.type == FRAME_CHUNK);
    assert_int_equal(header.type, FRAME_END);
    assert_int_equal(total, 50u << 20);
    client_close(&greedy);
    client_close(&other);
}

static void test_answer_by_wake_up(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    for (uint32_t i = 1; i <= 20; i++) {
        client_request(&client, ECHO_LATER, i, 33);
        expect_frame(&client, FRAME_REPLY, i, 33);
    }
    client_close(&client);
}

/* The last frame arrives although the client goes on sending: no reset overtakes it. */
static void test_close_after_the_last_frame(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    client_request(&client, ECHO_CLOSE, 1, 300000);
    client_request(&client, ECHO_REPLY, 2, 5);
    expect_frame(&client, FRAME_REPLY, 1, 300000);
    expect_end(&client);
    assert_int_equal(SSL_get_shutdown(client.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    client_close(&client);
    wait_for_connections(0);
}

static void test_broken_frame(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    client_send(&client, "GET / HTTP/1.1\r\n\r\n", 18);
    expect_frame(&client, FRAME_ERROR, 0, 0);
    expect_end(&client);
    client_close(&client);
    wait_for_connections(0);
}

static void test_what_is_not_our_tls(void **state)
{
    static const struct {
        int version;
        const char *protocol;
    } wrong[] = { { TLS1_2_VERSION, "crm/1" }, { TLS1_3_VERSION, "http/1.1" } };
    struct client client;

    (void)state;
    start_tls();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        client_open(&client);
        assert_false(client_secure(&client, wrong[i].version, wrong[i].protocol));
        client_close(&client);
    }
    client_open(&client); /* without ALPN: the server knows when the handshake is done */
    if (client_secure(&client, TLS1_3_VERSION, NULL))
        expect_end(&client);
    client_close(&client);
    client_open(&client); /* without TLS */
    client_send(&client, "GET / HTTP/1.1\r\n\r\n", 18);
    while (client_receive(&client, (uint8_t[64]){ 0 }, 64) > 0)
        continue; /* an alert */
    client_close(&client);
    wait_for_connections(0);
}

/* Each costs us a key derivation: a flood ends the connection, a few do not. */
static void test_key_updates(void **state)
{
    struct client client;
    struct frame_header header;

    (void)state;
    start_tls();
    client_open_tls(&client);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        client_request(&client, ECHO_REPLY, i + 1, 1);
        expect_frame(&client, FRAME_REPLY, i + 1, 1);
    }
    for (unsigned i = 0; i < 100; i++)
        if (SSL_key_update(client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 || SSL_do_handshake(client.ssl) != 1)
            break;
    while (client_frame(&client, &header))
        continue;
    client_close(&client);
    wait_for_connections(0);
}

/* The peer is gone while much is to be sent: an error of the socket, not the end of the process. */
static void test_no_sigpipe(void **state)
{
    struct client client;
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    struct sigaction action;

    (void)state;
    sigaction(SIGPIPE, NULL, &action);
    assert_ptr_equal(action.sa_handler, SIG_IGN);
    start_tls();
    for (unsigned i = 0; i < 20; i++) {
        client_open_tls(&client);
        client_request(&client, ECHO_STREAM, 1, 10u << 20);
        if (i % 2)
            setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        client_close(&client);
    }
    wait_for_connections(0);
}

static void test_cap_of_connections(void **state)
{
    struct client clients[4];

    (void)state;
    settings.connections_max = 3;
    start(NULL);
    for (unsigned i = 0; i < 3; i++) {
        client_open(&clients[i]);
        client_request(&clients[i], ECHO_REPLY, 1, 1);
        expect_frame(&clients[i], FRAME_REPLY, 1, 1);
    }
    client_open(&clients[3]);
    expect_end(&clients[3]);
    assert_int_equal(io_pool_counts(pool).refused, 1);
    client_close(&clients[0]);
    wait_for_connections(2);
    client_close(&clients[3]);
    client_open(&clients[3]);
    client_request(&clients[3], ECHO_REPLY, 1, 1);
    expect_frame(&clients[3], FRAME_REPLY, 1, 1);
    for (unsigned i = 1; i < 4; i++)
        client_close(&clients[i]);
}

/* Those that have logged in do not count. */
static void test_cap_of_an_address(void **state)
{
    struct client clients[5];

    (void)state;
    settings.per_address_max = 2;
    start(NULL);
    for (unsigned i = 0; i < 4; i++) {
        client_open(&clients[i]);
        if (i < 2)
            client_send_header(&clients[i], FRAME_HELLO);
        client_send_header(&clients[i], FRAME_PING);
        expect_frame(&clients[i], FRAME_PONG, 0, 0);
    }
    client_open(&clients[4]);
    expect_end(&clients[4]);
    assert_int_equal(io_pool_counts(pool).refused, 1);
    for (unsigned i = 0; i < 5; i++)
        client_close(&clients[i]);
}

static void test_cap_of_handshakes(void **state)
{
    struct client clients[18];

    (void)state;
    start_tls();
    for (unsigned i = 0; i < 17; i++) /* one more than the cap */
        client_open(&clients[i]);
    expect_end(&clients[16]);
    assert_true(client_secure(&clients[0], TLS1_3_VERSION, "crm/1"));
    client_send_header(&clients[0], FRAME_PING);
    expect_frame(&clients[0], FRAME_PONG, 0, 0);
    client_open_tls(&clients[17]); /* in the place of the one that is through */
    for (unsigned i = 0; i < 18; i++)
        client_close(&clients[i]);
}

/* Lines of text so far in a file. */
static unsigned count_lines(FILE *file, const char *with)
{
    char line[512];
    unsigned n = 0;

    rewind(file);
    while (fgets(line, sizeof(line), file))
        n += strstr(line, with) != NULL;
    return n;
}

static void test_refusals_are_logged_once_a_minute(void **state)
{
    FILE *log = tmpfile();
    int saved = dup(STDERR_FILENO);
    unsigned first, second;

    (void)state;
    assert_non_null(log);
    start_tls();
    advance(61 * SECOND);
    log_set_level(LOG_LEVEL_INFO);
    dup2(fileno(log), STDERR_FILENO);
    for (unsigned i = 0; i < 5; i++) {
        struct client client;

        client_open(&client);
        client_secure(&client, TLS1_2_VERSION, "crm/1");
        client_close(&client);
        wait_for_connections(0);
        if (i == 2)
            first = count_lines(log, "net.refused peer=127.0.0.1");
        if (i == 2)
            advance(61 * SECOND);
    }
    second = count_lines(log, "net.refused peer=127.0.0.1");
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(log);
    log_set_level(LOG_LEVEL_ERROR);
    assert_int_equal(first, 1);
    assert_int_equal(second, 2);
}

static void test_slow_handshake(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open(&client);
    client_send(&client, "\x16\x03\x01", 3);
    wait_for_connections(1);
    advance(9 * SECOND);
    assert_int_equal(io_pool_counts(pool).connections, 1);
    do /* the connection may be counted before its clock is read */
        advance(11 * SECOND);
    while (poll(&(struct pollfd){ .fd = client.fd, .events = POLLIN }, 1, 10) == 0);
    expect_end(&client);
    client_close(&client);
}

static void test_slow_frame(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    client_request(&client, ECHO_REPLY, 1, 0);
    expect_frame(&client, FRAME_REPLY, 1, 0);
    advance(100 * SECOND); /* between two frames: that is for the link to judge */
    client_request(&client, ECHO_REPLY, 2, 0);
    expect_frame(&client, FRAME_REPLY, 2, 0);
    client_send(&client, "\1\0\0", 3);
    do
        advance(31 * SECOND);
    while (poll(&(struct pollfd){ .fd = client.fd, .events = POLLIN }, 1, 10) == 0);
    expect_end(&client);
    client_close(&client);
}

static void test_client_that_does_not_read(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    client_request(&client, ECHO_STREAM, 1, 200u << 20);
    while (io_pool_counts(pool).connections > 0) {
        advance(61 * SECOND);
        poll(NULL, 0, 1);
    }
    client_close(&client);
}

static void test_drain(void **state)
{
    struct client idle, busy;

    (void)state;
    start_tls();
    client_open_tls(&idle);
    client_open_tls(&busy);
    client_request(&idle, ECHO_REPLY, 1, 1);
    expect_frame(&idle, FRAME_REPLY, 1, 1);
    client_request(&busy, ECHO_STREAM, 1, 30u << 20);
    expect_frame(&busy, FRAME_CHUNK, 1, FRAME_CHUNK_MAX);
    io_pool_drain(pool, CRM_SHUTTING_DOWN, 60000);
    expect_frame(&idle, FRAME_GOAWAY, 0, 0);
    expect_end(&idle);
    client_close(&idle);
    for (struct frame_header header = { 0 }; header.type != FRAME_END;)
        assert_true(client_frame(&busy, &header)); /* what is under way is finished */
    expect_end(&busy);
    client_close(&busy);
    io_pool_join(pool);
    assert_int_equal(io_pool_counts(pool).connections, 0);
}

static void test_drain_has_an_end(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    client_open_tls(&client);
    client_request(&client, ECHO_HOLD, 1, 0);
    client_request(&client, ECHO_REPLY, 2, 1);
    expect_frame(&client, FRAME_REPLY, 2, 1);
    io_pool_drain(pool, CRM_SHUTTING_DOWN, 1);
    expect_frame(&client, FRAME_GOAWAY, 0, 0);
    expect_end(&client);
    io_pool_join(pool);
    client_close(&client);
}

static void expect_certificate(struct client *client, const char *name)
{
    X509 *certificate = SSL_get1_peer_certificate(client->ssl);
    char text[64];

    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof(text));
    assert_string_equal(text, name);
    X509_free(certificate);
}

static void test_new_certificate(void **state)
{
    struct tls_context *other = context_of(other_certificate_file, other_key_file);
    struct client old, fresh;

    (void)state;
    start_tls();
    client_open_tls(&old);
    expect_certificate(&old, "first");
    io_pool_set_tls(pool, other);
    tls_context_unref(other);
    client_open_tls(&fresh);
    expect_certificate(&fresh, "second");
    client_request(&old, ECHO_REPLY, 1, 1);
    expect_frame(&old, FRAME_REPLY, 1, 1);
    client_close(&old);
    client_close(&fresh);
}

static void test_bad_certificates(void **state)
{
    struct tls_context *context = NULL;
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(tls_context_create("/nonexistent.crt", key_file, &context, &failure), CRM_TLS);
    assert_non_null(strstr(failure.text, "/nonexistent.crt"));
    failure = (struct failure){ 0 };
    assert_int_equal(tls_context_create(certificate_file, "/nonexistent.key", &context, &failure), CRM_TLS);
    assert_non_null(strstr(failure.text, "/nonexistent.key"));
    failure = (struct failure){ 0 };
    assert_int_equal(tls_context_create(certificate_file, other_key_file, &context, &failure), CRM_TLS);
    assert_non_null(strstr(failure.text, other_key_file));
    assert_null(context);
}

/* No descriptor is left: someone is turned away, the listener rests, and all goes on when there are some again. */
static void test_out_of_descriptors(void **state)
{
    enum { N = 8 };
    struct rlimit before, tight;
    struct client clients[N], last;
    int next;

    (void)state;
    settings.io_threads = 1;
    start(NULL);
    for (unsigned i = 0; i < N; i++)
        client_init(&clients[i], client_socket());
    next = dup(0);
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)next + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    for (unsigned i = 0; i < N; i++)
        client_connect(clients[i].fd);
    while (io_pool_counts(pool).refused == 0)
        sched_yield();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    client_open(&last);
    client_request(&last, ECHO_REPLY, 1, 1);
    expect_frame(&last, FRAME_REPLY, 1, 1);
    client_close(&last);
    for (unsigned i = 0; i < N; i++)
        client_close(&clients[i]);
    wait_for_connections(0);
}

static void test_many_come_and_go(void **state)
{
    struct client client;

    (void)state;
    start_tls();
    for (unsigned i = 0; i < 200; i++) {
        client_open(&client);
        if (i % 3 == 0)
            client_secure(&client, TLS1_3_VERSION, "crm/1");
        client_close(&client);
    }
    while (io_pool_counts(pool).accepted < 200)
        sched_yield();
    wait_for_connections(0);
}

static void test_addresses(void **state)
{
    struct failure failure = { 0 };
    int fds[2];

    (void)state;
    assert_int_equal(io_pool_create(&settings, NULL, NULL, &pool, NULL), CRM_OK);
    assert_int_equal(io_pool_listen(pool, "127.0.0.1", &failure), CRM_INVALID);
    assert_int_equal(io_pool_listen(pool, "127.0.0.1:", NULL), CRM_INVALID);
    assert_int_equal(io_pool_listen(pool, "no such host:1", NULL), CRM_INVALID);
    assert_int_equal(io_pool_port(pool, 0), 0);
    assert_int_equal(io_pool_listen(pool, ":0", NULL), CRM_OK);
    assert_int_not_equal(io_pool_port(pool, 0), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(io_pool_adopt(pool, fds[0], NULL), CRM_INVALID);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* it was ours to close */
    close(fds[1]);
}

static void test_inherited_socket(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct client client;

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(io_pool_create(&settings, NULL, NULL, &pool, NULL), CRM_OK);
    assert_int_equal(io_pool_adopt(pool, fd, NULL), CRM_OK);
    assert_int_equal(io_pool_port(pool, 0), ntohs(address.sin_port));
    assert_int_equal(io_pool_start(pool, NULL), CRM_OK);
    client_open(&client);
    expect_echo(&client);
    client_close(&client);
}

static void test_peer_keys(void **state)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 a = { .sin6_family = AF_INET6 }, b = a, mapped = a;
    char text[INET6_ADDRSTRLEN];
    struct peer_key key, other;

    (void)state;
    v4.sin_addr.s_addr = htonl(0xcb007107);
    key = peer_key_of((struct sockaddr *)&v4, text, sizeof(text));
    assert_string_equal(text, "203.0.113.7");
    mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
    memcpy(mapped.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
    other = peer_key_of((struct sockaddr *)&mapped, text, sizeof(text));
    assert_string_equal(text, "203.0.113.7");
    assert_memory_equal(&key, &other, sizeof(key));
    a.sin6_addr.s6_addr[0] = b.sin6_addr.s6_addr[0] = 0x20;
    b.sin6_addr.s6_addr[15] = 9; /* the same /64 */
    key = peer_key_of((struct sockaddr *)&a, text, sizeof(text));
    other = peer_key_of((struct sockaddr *)&b, text, sizeof(text));
    assert_memory_equal(&key, &other, sizeof(key));
    b.sin6_addr.s6_addr[7] = 1;
    other = peer_key_of((struct sockaddr *)&b, text, sizeof(text));
    assert_memory_not_equal(&key, &other, sizeof(key));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_plain_echo),
        TEST(test_tls_echo),
        TEST(test_one_byte_at_a_time),
        TEST(test_many_frames_at_once),
        TEST(test_large_frame_in),
        TEST(test_stream_goes_in_turns),
        TEST(test_answer_by_wake_up),
        TEST(test_close_after_the_last_frame),
        TEST(test_broken_frame),
        TEST(test_what_is_not_our_tls),
        TEST(test_key_updates),
        TEST(test_no_sigpipe),
        TEST(test_cap_of_connections),
        TEST(test_cap_of_an_address),
        TEST(test_cap_of_handshakes),
        TEST(test_refusals_are_logged_once_a_minute),
        TEST(test_slow_handshake),
        TEST(test_slow_frame),
        TEST(test_client_that_does_not_read),
        TEST(test_drain),
        TEST(test_drain_has_an_end),
        TEST(test_new_certificate),
        TEST(test_bad_certificates),
        TEST(test_out_of_descriptors),
        TEST(test_many_come_and_go),
        TEST(test_addresses),
        TEST(test_inherited_socket),
        TEST(test_peer_keys),
    };

    return cmocka_run_group_tests_name("net", tests, make_certificates, remove_certificates);
}
