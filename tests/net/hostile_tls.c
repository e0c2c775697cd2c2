/*
 * hostile_tls.c - what comes before the first frame: no TLS, another TLS, no end of connections
 */
#include "tests/net/raw.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILES_MAX   64  /* of a server that is short of descriptors */
#define CONNECTS    500
#define TRIES_MAX   10000
#define ALERT_MAX   64  /* a TLS alert is 7 bytes */
#define PER_ADDRESS 50  /* connections without a login, the default */

static const unsigned char crm_alpn[] = { 5, 'c', 'r', 'm', '/', '1' };

/* --- below TLS */

/* Say these bytes in the clear: the server closes, and has sent at most an alert. */
static void expect_closed_after(const char *bytes, size_t size)
{
    uint8_t answer[ALERT_MAX];
    size_t n_answer = 0;
    int fd = raw_socket(&raw_daemon);
    ssize_t n;

    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    while ((n = recv(fd, answer + n_answer, sizeof(answer) - n_answer, 0)) > 0) {
        n_answer += (size_t)n;
        assert_true(n_answer < sizeof(answer));
    }
    assert_true(n == 0 || errno == ECONNRESET);
    if (n_answer > 0)
        assert_int_equal(answer[0], 21); /* alert */
    close(fd);
}

static void plaintext_on_the_port(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char ssh[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
    static const char hello[FRAME_HEADER_SIZE] = { 0, 0, 0, 0, FRAME_VERSION, FRAME_HELLO };
    static const char zeros[100];

    (void)state;
    expect_closed_after(http, sizeof(http) - 1);
    expect_closed_after(ssh, sizeof(ssh) - 1);
    expect_closed_after(hello, sizeof(hello));
    expect_closed_after(zeros, sizeof(zeros));
    raw_assert_alive();
}

/* Connections that say nothing, or half of a client hello, and go. */
static void peers_that_leave_in_the_handshake(void **state)
{
    static const char half[] = { 22, 3, 1, 2, 0, 1, 0 };

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct linger now = { .l_onoff = 1 };
        int fd = raw_socket(&raw_daemon);

        if (i % 2 == 0)
            assert_int_equal(send(fd, half, sizeof(half), MSG_NOSIGNAL), (ssize_t)sizeof(half));
        if (i % 4 < 2)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
        close(fd);
    }
    raw_assert_alive();
}

/* --- another TLS */

/* The handshake fails, or what follows it is never answered. */
static void expect_no_protocol(const struct raw_tls *tls)
{
    struct frame frame;
    struct raw raw;

    if (raw_open(&raw, &raw_daemon, tls)) {
        raw_put_hello(&raw, true);
        (void)raw_send(&raw);
        assert_false(raw_next(&raw, &frame));
    }
    raw_drop(&raw, false);
    raw_assert_alive();
}

static void older_tls(void **state)
{
    struct raw raw;

    (void)state;
    assert_false(raw_open(&raw, &raw_daemon, &(struct raw_tls){ .version = TLS1_2_VERSION, .alpn = crm_alpn, .alpn_size = sizeof(crm_alpn) }));
    raw_drop(&raw, false);
    raw_assert_alive();
}

static void wrong_alpn(void **state)
{
    static const unsigned char http[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1', 2, 'h', '2' };
    static const unsigned char next[] = { 5, 'c', 'r', 'm', '/', '2' };
    static const unsigned char longer[] = { 6, 'c', 'r', 'm', '/', '1', '1' };

    (void)state;
    expect_no_protocol(&(struct raw_tls){ .alpn = http, .alpn_size = sizeof(http) });
    expect_no_protocol(&(struct raw_tls){ .alpn = next, .alpn_size = sizeof(next) });
    expect_no_protocol(&(struct raw_tls){ .alpn = longer, .alpn_size = sizeof(longer) });
}

static void no_alpn(void **state)
{
    (void)state;
    expect_no_protocol(&(struct raw_tls){ 0 });
}

/* Ours among others is taken. */
static void alpn_among_others(void **state)
{
    static const unsigned char list[] = { 2, 'h', '2', 5, 'c', 'r', 'm', '/', '1' };
    struct raw raw;

    (void)state;
    assert_true(raw_open(&raw, &raw_daemon, &(struct raw_tls){ .alpn = list, .alpn_size = sizeof(list) }));
    raw_put_hello(&raw, true);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    raw_expect_ping(&raw);
    raw_drop(&raw, false);
}

/* --- no end of connections */

/* The server has closed it. */
static bool is_closed(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&poll_fd, 1, 0) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0 && errno != EAGAIN;
}

/* Beyond what an address may have without a login, connections are closed as they come; who is logged in counts no more. */
static void too_many_of_one_address(void **state)
{
    int fds[PER_ADDRESS + 1];
    struct raw raw;
    char byte;

    (void)state;
    raw_connect_in_session(&raw);
    for (unsigned i = 0; i < PER_ADDRESS + 1; i++)
        fds[i] = raw_socket(&raw_daemon);
    assert_true(recv(fds[PER_ADDRESS], &byte, 1, 0) <= 0 && errno != EAGAIN);
    assert_false(is_closed(fds[0]));
    raw_expect_ping(&raw);
    for (unsigned i = 0; i < PER_ADDRESS + 1; i++)
        close(fds[i]);
    raw_drop(&raw, false);
}

/* Try until the server takes somebody again; each try that it refuses ends by its closing the connection. */
static bool is_served_again(const struct daemon *daemon)
{
    static const struct raw_tls tls = { .alpn = crm_alpn, .alpn_size = sizeof(crm_alpn) };

    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct frame frame;
        struct raw raw;
        bool ok = raw_open(&raw, daemon, &tls);

        if (ok) {
            raw_put_hello(&raw, false);
            ok = raw_send(&raw) && raw_next(&raw, &frame) && frame.header.type == FRAME_HELLO;
        }
        raw_drop(&raw, false);
        if (ok)
            return true;
    }
    return false;
}

/* A server of its own, with 64 descriptors: whoever is inside is served on while 500 others knock, and afterwards others are again. */
static void short_of_descriptors(void **state)
{
    static const struct raw_tls tls = { .alpn = crm_alpn, .alpn_size = sizeof(crm_alpn) };
    struct rlimit files;
    struct daemon daemon;
    int fds[CONNECTS];
    struct raw raw;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_max < CONNECTS + 100) {
        print_message("this process may not open %d files: skipped\n", CONNECTS + 100);
        skip();
    }
    files.rlim_cur = files.rlim_cur < CONNECTS + 100 ? CONNECTS + 100 : files.rlim_cur;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_true(daemon_init(&daemon) && daemon_set(&daemon, "connections_per_address", "1000"));
    daemon.files_max = FILES_MAX;
    assert_true(daemon_start(&daemon));

    assert_true(raw_open(&raw, &daemon, &tls));
    raw_put_hello(&raw, false);
    assert_true(raw_send(&raw));
    raw_expect(&raw, FRAME_HELLO, 0, &crm__hello__descriptor);
    for (unsigned i = 0; i < CONNECTS; i++)
        fds[i] = raw_socket(&daemon);
    for (unsigned i = 0; i < 10; i++) { /* answered at once, logged in or not */
        raw_put(&raw, FRAME_REQUEST, OP_PING, ++raw.stream, NULL);
        assert_true(raw_send(&raw));
        raw_expect_error(&raw, raw.stream, CRM_NOT_LOGGED_IN);
    }
    for (unsigned i = 0; i < CONNECTS; i++)
        close(fds[i]);
    assert_true(is_served_again(&daemon));
    raw_drop(&raw, false);
    assert_true(daemon_stop(&daemon));
    assert_true(daemon_run(&daemon, "check"));
    daemon_fini(&daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plaintext_on_the_port),
        cmocka_unit_test(peers_that_leave_in_the_handshake),
        cmocka_unit_test(older_tls),
        cmocka_unit_test(wrong_alpn),
        cmocka_unit_test(no_alpn),
        cmocka_unit_test(alpn_among_others),
        cmocka_unit_test(too_many_of_one_address),
        cmocka_unit_test(short_of_descriptors),
    };

    return cmocka_run_group_tests_name("hostile connections", tests, raw_group_setup, raw_group_teardown);
}
