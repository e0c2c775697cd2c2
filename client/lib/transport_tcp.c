/*
 * transport_tcp.c - a connected socket: every address of a host in turn, without waiting
 *
 * Called by transport_tls.c on the client's thread. An address that refuses is left at once, one that is silent after
 * its share of the time.
 */
#include "client/lib/transport.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"

#define USER_TIMEOUT_MS                                                                                                \
    30000 /* unacknowledged bytes on a dead VPN: an error then, not after the kernel's quarter of an hour */

enum crm_status tcp_dial_init(struct tcp_dial *dial, const char *host, const char *service, int64_t until_us,
                              struct failure *failure)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *addresses;
    int error = getaddrinfo(host, service, &hints, &addresses);

    if (error)
        return fail(failure, error == EAI_MEMORY ? CRM_NO_MEMORY : CRM_UNREACHABLE, NULL, "cannot look up %s: %s", host,
                    gai_strerror(error));
    *dial = (struct tcp_dial){ .addresses = addresses, .next = addresses, .fd = -1, .until_us = until_us };
    return CRM_OK;
}

static void drop_socket(struct tcp_dial *dial)
{
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
}

void tcp_dial_fini(struct tcp_dial *dial)
{
    drop_socket(dial);
    if (dial->addresses)
        freeaddrinfo(dial->addresses);
    dial->addresses = NULL;
}

/* What is left of the time, in equal shares for the addresses that are left. */
static int64_t address_deadline(const struct tcp_dial *dial, const struct addrinfo *from)
{
    int64_t now_us = clock_monotonic_us();
    int64_t left_us = dial->until_us > now_us ? dial->until_us - now_us : 0;
    int n = 0;

    for (; from; from = from->ai_next)
        n++;
    return now_us + left_us / (n > 0 ? n : 1);
}

/* Begin with the next address; errno tells what failed. */
static bool dial_next(struct tcp_dial *dial)
{
    const struct addrinfo *address = dial->next;
    int on = 1;
    unsigned user_timeout_ms = USER_TIMEOUT_MS;
    int fd;

    dial->address_until_us = address_deadline(dial, address);
    dial->next = address->ai_next;
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (fd < 0)
        return false;
    /* Both only make things faster; a socket that refuses them works. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
    dial->fd = fd;
    return connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR;
}

/* 0: connected. EINPROGRESS: not yet. Else why not. */
static int socket_progress(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    socklen_t size = sizeof(int);
    int error = 0;

    if (poll(&poll_fd, 1, 0) <= 0)
        return EINPROGRESS;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno;
    return error;
}

enum transport_result tcp_dial_step(struct tcp_dial *dial, struct failure *failure)
{
    int error = 0;

    for (;;) {
        if (dial->fd >= 0) {
            error = socket_progress(dial->fd);
            if (error == 0)
                return TRANSPORT_DONE;
            if (error == EINPROGRESS && clock_monotonic_us() < dial->address_until_us)
                return TRANSPORT_WANT_WRITE;
            if (error == EINPROGRESS)
                error = ETIMEDOUT;
            drop_socket(dial);
        }
        if (!dial->next) {
            fail(failure, CRM_UNREACHABLE, NULL, "cannot connect: %s", strerror(error));
            return TRANSPORT_BROKEN;
        }
        if (!dial_next(dial)) {
            error = errno;
            drop_socket(dial);
        }
    }
}

bool transport_is_stranded(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    int probe;
    bool is_gone;

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return false;
    if (address.ss_family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_port = 0;
    else if (address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address)->sin6_port = 0;
    else
        return false;
    probe = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    is_gone = probe >= 0 && bind(probe, (struct sockaddr *)&address, size) < 0 && errno == EADDRNOTAVAIL;
    if (probe >= 0)
        close(probe);
    return is_gone;
}
