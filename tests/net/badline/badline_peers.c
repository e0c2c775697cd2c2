/*
 * badline_peers.c - the two programs of a test over the line, each a process in its namespace
 *
 * What begins with peer_receive_ and peer_send_ runs in the processes, the rest in the test program. Processes end by exit code: in them nothing may
 * assert.
 */
#include "tests/net/badline/badline_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PORT           7000
#define SEED           42
#define STREAM_MAX     (4u << 20)
#define DATAGRAM_BYTES 200
#define DATAGRAMS_MAX  65536u
#define DATAGRAM_LAST  UINT32_MAX
#define SOCKET_BUFFER  (8 << 20)

static uint8_t stream[STREAM_MAX];

/* --- in the test program */

struct peer peer_start(const struct badline *line, enum badline_side side, peer_body *body, uint64_t argument)
{
    struct peer peer, self = { .pid = 0 };
    pid_t parent = getpid();
    int reports[2], words[2];

    assert_int_equal(pipe2(reports, O_CLOEXEC), 0);
    assert_int_equal(pipe2(words, O_CLOEXEC), 0);
    peer.pid = fork();
    assert_true(peer.pid >= 0);
    if (peer.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(reports[0]);
        close(words[1]);
        self.from = reports[1];
        self.to = words[0];
        if (getppid() != parent || !badline_enter(line, side))
            _exit(1);
        body(&self, argument);
        _exit(0);
    }
    close(reports[1]);
    close(words[0]);
    peer.from = reports[0];
    peer.to = words[1];
    return peer;
}

struct peer_report peer_hear(const struct peer *peer)
{
    struct peer_report report;

    assert_int_equal(read(peer->from, &report, sizeof(report)), sizeof(report));
    return report;
}

void peer_go(const struct peer *peer)
{
    assert_int_equal(write(peer->to, "", 1), 1);
}

static int end(struct peer *peer)
{
    int status = -1;

    while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(peer->from);
    close(peer->to);
    return status;
}

void peer_join(struct peer *peer)
{
    assert_int_equal(end(peer), 0);
}

void peer_kill(struct peer *peer)
{
    kill(peer->pid, SIGKILL);
    (void)end(peer);
}

static void fill_pattern(uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        stream[i] = (uint8_t)(i * UINT64_C(2654435761) >> 13);
}

/* --- in the processes */

static _Noreturn void give_up(const char *what)
{
    perror(what);
    _exit(1);
}

static void report(const struct peer *self, const struct peer_report *message)
{
    if (write(self->from, message, sizeof(*message)) != (ssize_t)sizeof(*message))
        give_up("report");
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct sockaddr_in server_address(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

    inet_pton(AF_INET, BADLINE_SERVER_ADDRESS, &address.sin_addr);
    return address;
}

/* A socket on the server's address. */
static int bound(int type)
{
    struct sockaddr_in address = server_address();
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1, size = SOCKET_BUFFER;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up("bind");
    if (type == SOCK_DGRAM) /* so that a receiver that waits for the CPU drops nothing; without the right to it there is less room */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    return fd;
}

/* A socket that is connected to it. */
static int connected(int type)
{
    struct sockaddr_in address = server_address();
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up("connect");
    return fd;
}

void peer_receive_stream(const struct peer *self, uint64_t unused)
{
    struct peer_report message = { 0 };
    struct sockaddr_in from;
    socklen_t from_size = sizeof(from);
    int listener = bound(SOCK_STREAM), fd;
    struct slice part;
    ssize_t n;

    (void)unused;
    if (listen(listener, 1) != 0)
        give_up("listen");
    report(self, &message);
    fd = accept4(listener, (struct sockaddr *)&from, &from_size, SOCK_CLOEXEC);
    if (fd < 0)
        give_up("accept");
    inet_ntop(AF_INET, &from.sin_addr, message.address, sizeof(message.address));
    while ((n = read(fd, stream + message.bytes, STREAM_MAX - message.bytes)) > 0)
        message.bytes += (uint64_t)n;
    if (n < 0)
        give_up("read");
    part = slice_of(stream, message.bytes);
    sha256(&part, 1, message.sha256);
    close(fd);
    report(self, &message);
}

void peer_send_stream(const struct peer *self, uint64_t bytes)
{
    struct peer_report message = { .bytes = bytes };
    int64_t from_ns = now_ns();
    int fd = connected(SOCK_STREAM);
    uint64_t sent = 0;
    char end_of_it;
    ssize_t n;

    fill_pattern(bytes);
    while (sent < bytes && (n = send(fd, stream + sent, bytes - sent, MSG_NOSIGNAL)) > 0)
        sent += (uint64_t)n;
    if (sent < bytes || shutdown(fd, SHUT_WR) != 0 || read(fd, &end_of_it, 1) != 0)
        give_up("send");
    message.took_ns = now_ns() - from_ns;
    report(self, &message);
}

void peer_receive_datagrams(const struct peer *self, uint64_t unused)
{
    static bool is_seen[DATAGRAMS_MAX];
    struct peer_report message = { 0 };
    int fd = bound(SOCK_DGRAM);
    uint32_t number, latest = 0;
    ssize_t n;

    (void)unused;
    report(self, &message);
    while ((n = recv(fd, &number, sizeof(number), 0)) == (ssize_t)sizeof(number) && number != DATAGRAM_LAST) {
        if (number >= DATAGRAMS_MAX)
            give_up("a datagram");
        message.datagrams++;
        message.doubles += is_seen[number];
        message.late += number < latest;
        is_seen[number] = true;
        latest = number > latest ? number : latest;
    }
    if (n < 0)
        give_up("recv");
    report(self, &message);
}

void peer_send_datagrams(const struct peer *self, uint64_t datagrams)
{
    uint32_t bytes[DATAGRAM_BYTES / sizeof(uint32_t)] = { 0 };
    const struct peer_report message = { 0 };
    int fd = connected(SOCK_DGRAM);
    char word;

    for (uint64_t i = 0; i <= datagrams; i++) {
        if (i == datagrams) {
            report(self, &message);
            if (read(self->to, &word, 1) != 1)
                give_up("the word");
        }
        bytes[0] = i == datagrams ? DATAGRAM_LAST : (uint32_t)i;
        if (send(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
            give_up("send");
    }
}

/* --- what tests have in common */

struct badline *peers_line(const struct badline_config *config)
{
    struct badline *line = NULL;
    enum badline_start started = badline_start(config, &line);

    if (started == BADLINE_REFUSED) {
        print_message("no network namespaces here\n");
        skip();
    }
    assert_int_equal(started, BADLINE_STARTED);
    return line;
}

struct badline_config peers_both_ways(const struct badline_way *way)
{
    return (struct badline_config){ .seed = SEED, .way = { *way, *way } };
}

void peers_assert_pattern(const struct peer_report *received, uint64_t bytes)
{
    struct slice part = slice_of(stream, bytes);
    uint8_t expected[SHA256_SIZE];

    assert_int_equal(received->bytes, bytes);
    fill_pattern(bytes);
    sha256(&part, 1, expected);
    assert_memory_equal(received->sha256, expected, SHA256_SIZE);
}

int64_t peers_transfer(const struct badline *line, uint64_t bytes)
{
    struct peer receiver = peer_start(line, BADLINE_SERVER, peer_receive_stream, 0), sender;
    struct peer_report received;
    int64_t took_ns;

    peer_hear(&receiver);
    sender = peer_start(line, BADLINE_CLIENT, peer_send_stream, bytes);
    received = peer_hear(&receiver);
    took_ns = peer_hear(&sender).took_ns;
    peer_join(&sender);
    peer_join(&receiver);
    peers_assert_pattern(&received, bytes);
    assert_string_equal(received.address, BADLINE_CLIENT_ADDRESS);
    return took_ns;
}
