/*
 * listener.c - binds, accepts, and survives running out of descriptors
 *
 * Created by the main thread before the loops start, then used by the first io thread only. What becomes of an accepted socket is the pool's
 * decision (pool_admit). Keeps one descriptor in reserve: when no other is left it is given up to accept and close one client,
 * which then knows, and the listener rests, or the loop would spin (PITFALLS 1.1 item 13).
 */
#include "server/net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/net/pool_inside.h"

#define ACCEPTS_PER_TURN 64
#define BACKLOG          512
#define WARN_EVERY_US    60000000

struct listener {
    struct io_pool *pool;
    struct event *acceptable;
    struct event *pause_end;
    struct timeval pause;
    int fd;         /* -1 once closed */
    int reserve_fd; /* -1 while given up */
    int64_t warned_us; /* when the log was told last that no descriptor is left; 0: never */
    unsigned port;
};

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Serve nobody for a moment. */
static void listener_rest(struct listener *listener)
{
    if (event_add(listener->pause_end, &listener->pause) == 0)
        event_del(listener->acceptable);
}

static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    if (listener->reserve_fd < 0)
        listener->reserve_fd = reserve_open();
    if (event_add(listener->acceptable, NULL) != 0)
        listener_rest(listener);
}

/* Once a minute, however often it rests. */
static void listener_warn(struct listener *listener)
{
    int64_t now_us = clock_monotonic_us();

    if (listener->warned_us > 0 && now_us - listener->warned_us < WARN_EVERY_US)
        return;
    listener->warned_us = now_us;
    log_warn("net.accept", "no descriptor is left, resting");
}

/* No descriptor is left: let one client know by closing it, then rest. */
static void listener_shed(struct listener *listener)
{
    if (listener->reserve_fd >= 0) {
        int fd;

        close(listener->reserve_fd);
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        pool_count_refused(listener->pool);
        if (fd >= 0)
            close(fd);
        listener->reserve_fd = reserve_open();
    }
    listener_warn(listener);
    listener_rest(listener);
}

/* false: nothing more to accept now. */
static bool accept_one(struct listener *listener)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int fd = accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        if (!pool_admit(listener->pool, fd, (struct sockaddr *)&address)) {
            pool_count_refused(listener->pool);
            close(fd);
        }
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        listener_shed(listener);
        return false;
    }
    return true; /* that client's own trouble: ECONNABORTED, EPROTO … */
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++)
        if (!accept_one(listener))
            return;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    if (address.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

enum crm_status listener_adopt(struct io_pool *pool, int fd, struct listener **out_listener, struct failure *failure)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int listens = 0, flags = fcntl(fd, F_GETFL);
    socklen_t size = sizeof(listens);

    if (!listener) {
        close(fd);
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for a listener");
    }
    listener->pool = pool;
    listener->fd = fd;
    listener->reserve_fd = reserve_open();
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) {
        listener_destroy(listener);
        return fail(failure, CRM_INVALID, NULL, "descriptor %d is not a listening socket", fd);
    }
    listener->port = port_of(fd);
    *out_listener = listener;
    return CRM_OK;
}

/* "HOST:PORT" cut in two; brackets around an IPv6 address go. */
static bool split_address(const char *address, char *host, size_t host_size, const char **out_port)
{
    const char *colon = strrchr(address, ':');
    size_t n;

    if (!colon || colon[1] == '\0')
        return false;
    n = (size_t)(colon - address);
    if (n >= 2 && address[0] == '[' && colon[-1] == ']') {
        address++;
        n -= 2;
    }
    if (n >= host_size)
        return false;
    memcpy(host, address, n);
    host[n] = '\0';
    *out_port = colon + 1;
    return true;
}

/* -1 with errno where it cannot be bound. */
static int bind_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    int on = 1, off = 0, error;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The first address that can be bound; for ":PORT" IPv6 first, which takes IPv4 along. */
static int bind_first(const struct addrinfo *list, bool any)
{
    static const int orders[][2] = { { AF_UNSPEC, AF_UNSPEC }, { AF_INET6, AF_INET } };
    const int *order = orders[any];

    for (unsigned pass = 0; pass < (any ? 2u : 1u); pass++) {
        for (const struct addrinfo *info = list; info; info = info->ai_next) {
            int fd = order[pass] == AF_UNSPEC || order[pass] == info->ai_family ? bind_one(info) : -1;

            if (fd >= 0)
                return fd;
        }
    }
    return -1;
}

enum crm_status listener_create(struct io_pool *pool, const char *address, struct listener **out_listener,
                                struct failure *failure)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *list = NULL;
    const char *port;
    char host[256];
    int error, fd;

    if (!split_address(address, host, sizeof(host), &port))
        return fail(failure, CRM_INVALID, "listen", "'%s' is not HOST:PORT", address);
    error = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &list);
    if (error != 0)
        return fail(failure, CRM_INVALID, "listen", "cannot resolve '%s': %s", address, gai_strerror(error));
    fd = bind_first(list, host[0] == '\0');
    error = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return fail(failure, CRM_IO, "listen", "cannot listen on %s: %s", address, strerror(error));
    return listener_adopt(pool, fd, out_listener, failure);
}

bool listener_open(struct listener *listener, struct event_base *base, unsigned pause_ms)
{
    listener->pause = (struct timeval){ .tv_sec = pause_ms / 1000, .tv_usec = pause_ms % 1000 * 1000 };
    listener->acceptable = event_new(base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    listener->pause_end = event_new(base, -1, 0, on_pause_end, listener);
    return listener->acceptable && listener->pause_end && event_add(listener->acceptable, NULL) == 0;
}

void listener_close(struct listener *listener)
{
    if (listener->acceptable)
        event_free(listener->acceptable);
    if (listener->pause_end)
        event_free(listener->pause_end);
    listener->acceptable = listener->pause_end = NULL;
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

void listener_destroy(struct listener *listener)
{
    if (!listener)
        return;
    listener_close(listener);
    if (listener->reserve_fd >= 0)
        close(listener->reserve_fd);
    free(listener);
}

unsigned listener_port(const struct listener *listener)
{
    return listener->port;
}
