/*
 * tap.c - passes bytes on between a client and a server, and counts them
 *
 * The limit is exact: of a read that would go beyond it only the part up to it is made.
 */
#include "tests/crash/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PART_MAX 16384

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

bool tap_open(struct tap *tap)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;

    *tap = (struct tap){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    for (int i = 0; i < TAP_PAIRS_MAX; i++)
        tap->pairs[i].ends[0] = tap->pairs[i].ends[1] = -1;
    if (tap->listener < 0 || bind(tap->listener, (struct sockaddr *)&address, size) != 0 || listen(tap->listener, TAP_PAIRS_MAX) != 0 ||
        getsockname(tap->listener, (struct sockaddr *)&address, &size) != 0)
        return false;
    tap->port = ntohs(address.sin_port);
    return true;
}

static void drop(struct tap_pair *pair)
{
    for (int end = 0; end < 2; end++) {
        if (pair->ends[end] >= 0)
            close(pair->ends[end]);
        pair->ends[end] = -1;
    }
}

void tap_cut(struct tap *tap)
{
    for (int i = 0; i < TAP_PAIRS_MAX; i++)
        drop(&tap->pairs[i]);
}

void tap_hang_up(struct tap *tap)
{
    for (int i = 0; i < TAP_PAIRS_MAX; i++)
        for (int end = 0; end < 2; end++)
            if (tap->pairs[i].ends[end] >= 0)
                (void)shutdown(tap->pairs[i].ends[end], SHUT_WR);
}

void tap_close(struct tap *tap)
{
    tap_cut(tap);
    if (tap->listener >= 0)
        close(tap->listener);
    tap->listener = -1;
}

/* A client has come. Where the server is not there, it is gone at once. */
static void take_client(struct tap *tap)
{
    struct sockaddr_in address = loopback(tap->server_port);
    struct tap_pair pair = { { accept4(tap->listener, NULL, NULL, SOCK_CLOEXEC), socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) } };
    int on = 1;

    for (int i = 0; pair.ends[0] >= 0 && pair.ends[1] >= 0 && i < TAP_PAIRS_MAX; i++) {
        if (tap->pairs[i].ends[0] >= 0)
            continue;
        if (connect(pair.ends[1], (struct sockaddr *)&address, sizeof address) != 0)
            break;
        for (int end = 0; end < 2; end++)
            (void)setsockopt(pair.ends[end], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        tap->pairs[i] = pair;
        return;
    }
    drop(&pair);
}

/* What one end has said; false: it says nothing any more. */
static bool pass(struct tap *tap, const struct tap_pair *pair, int from, uint64_t limit)
{
    char part[PART_MAX];
    size_t room = limit - tap->bytes < PART_MAX ? (size_t)(limit - tap->bytes) : PART_MAX, sent = 0;
    ssize_t n = recv(pair->ends[from], part, room, 0), m;

    if (n < 0 && errno == EINTR)
        return true;
    if (n <= 0)
        return false;
    tap->bytes += (uint64_t)n;
    while (sent < (size_t)n && (m = send(pair->ends[1 - from], part + sent, (size_t)n - sent, MSG_NOSIGNAL)) > 0)
        sent += (size_t)m;
    return sent == (size_t)n;
}

bool tap_run(struct tap *tap, pid_t process, uint64_t bytes)
{
    uint64_t limit = bytes == TAP_ALL ? TAP_ALL : tap->bytes + bytes;
    struct pollfd fds[2 + 2 * TAP_PAIRS_MAX] = { { .fd = (int)syscall(SYS_pidfd_open, process, 0), .events = POLLIN },
                                                 { .fd = tap->listener, .events = POLLIN } };

    while (fds[0].fd >= 0 && tap->bytes < limit) {
        for (int i = 0; i < 2 * TAP_PAIRS_MAX; i++)
            fds[2 + i] = (struct pollfd){ .fd = tap->pairs[i / 2].ends[i % 2], .events = POLLIN }; /* poll passes over -1 */
        if (poll(fds, 2 + 2 * TAP_PAIRS_MAX, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2 * TAP_PAIRS_MAX && tap->bytes < limit; i++)
            if (fds[2 + i].revents && tap->pairs[i / 2].ends[i % 2] >= 0 && !pass(tap, &tap->pairs[i / 2], i % 2, limit))
                drop(&tap->pairs[i / 2]);
        if (fds[1].revents)
            take_client(tap);
        if (fds[0].revents)
            break;
    }
    if (fds[0].fd >= 0)
        close(fds[0].fd);
    return tap->bytes >= limit;
}
