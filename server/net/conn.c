/*
 * conn.c - one client's socket between the event loop and its link
 *
 * Every function runs on the connection's io thread. The output is the link's own struct buf, encrypted from there record by record, so
 * libevent's evbuffers and bufferevents are not used: they would add a copy, have no hard limit (PITFALLS 1.1 item 6), and
 * bufferevent_openssl is a quarter slower. Nothing is freed in a callback: conn_kill marks, the sweep at the end of the turn frees.
 */
#include "server/net/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/frame.h"
#include "server/dispatch/link.h"
#include "server/net/io_thread.h"
#include "server/net/pool_inside.h"

#define RECORDS_PER_TURN 16    /* of output: 256 KiB */
#define CORK_FROM        32768 /* two TLS records: less had better leave at once, while the rest is encrypted */
#define HOT_BUFFER       65536 /* an empty buffer up to this size is kept until the connection has been quiet */
#define LINGER_US        2000000

static const char *const state_names[] = {
    [CONN_HANDSHAKE] = "handshake", [CONN_OPEN] = "open", [CONN_CLOSING] = "closing",
    [CONN_LINGERING] = "lingering", [CONN_DEAD] = "dead",
};

static void conn_set_state(struct conn *conn, enum conn_state state, const char *why)
{
    log_debug("conn.state", "peer=%s fd=%d from=%s to=%s why=\"%s\"", conn->peer, conn->fd, state_names[conn->state],
              state_names[state], why);
    conn->state = state;
}

static bool is_past(int64_t since_us, unsigned limit_ms, int64_t now_us)
{
    return now_us - since_us > (int64_t)limit_ms * 1000;
}

void conn_kill(struct conn *conn, const char *why)
{
    if (conn->state == CONN_DEAD)
        return;
    conn_set_state(conn, CONN_DEAD, why);
    event_del(conn->readable);
    event_del(conn->writable);
    io_thread_mark_dead(conn->thread, conn);
}

/* Nothing more is read; what is in the output is sent first. */
static void conn_close_soon(struct conn *conn, const char *why)
{
    if (conn->state != CONN_OPEN)
        return;
    conn_set_state(conn, CONN_CLOSING, why);
    event_del(conn->readable);
    io_thread_mark_flush(conn->thread, conn);
}

static void on_want_flush(void *arg)
{
    struct conn *conn = arg;

    io_thread_mark_flush(conn->thread, conn);
}

static void on_want_close(void *arg)
{
    conn_close_soon(arg, "asked by the link");
}

static void conn_uncount(struct conn *conn)
{
    if (conn->is_counted)
        pool_forget_peer(conn->thread->pool, conn->key, conn->is_secure);
    conn->is_counted = false;
}

/* Read events follow what the link wants. Whatever waits inside TLS or in the rest is looked at when it wants again. */
static void conn_follow_link(struct conn *conn)
{
    bool wants;

    if (conn->state != CONN_OPEN)
        return;
    wants = link_wants_input(conn->link);
    if (wants == !conn->is_paused)
        return;
    conn->is_paused = !wants;
    if (!wants) {
        event_del(conn->readable);
    } else if (event_add(conn->readable, NULL) != 0) {
        conn_kill(conn, "no memory");
    } else {
        if (conn->frame_us > 0)
            conn->frame_us = clock_monotonic_us(); /* the pause was ours */
        conn->read_is_due = true;
        io_thread_mark_busy(conn->thread, conn);
    }
}

/* The end of this connection's part of a turn: streams go on, and what is left over is for the next turn. */
static void conn_resume(struct conn *conn)
{
    if (conn->state != CONN_OPEN)
        return;
    if (link_resume(conn->link) || (conn->rest_is_due && link_wants_input(conn->link)))
        io_thread_mark_busy(conn->thread, conn);
    conn_follow_link(conn);
}

/* Give input to the link; returns how much of it is done with. */
static size_t conn_feed(struct conn *conn, struct slice input)
{
    size_t consumed = 0;

    if (!link_input(conn->link, input, &consumed))
        conn_close_soon(conn, "asked by the link");
    conn->rest_is_due = consumed > 0 && consumed < input.size;
    if (consumed == input.size)
        conn->frame_us = 0;
    else if (consumed > 0 || conn->frame_us == 0)
        conn->frame_us = clock_monotonic_us();
    if (conn->is_counted && link_is_logged_in(conn->link))
        conn_uncount(conn);
    return consumed;
}

static void conn_feed_rest(struct conn *conn)
{
    buf_consume(&conn->in, conn_feed(conn, buf_slice(&conn->in)));
    buf_trim(&conn->in, HOT_BUFFER);
}

/* Where to read to: the thread's scratch as long as nothing is left over, else behind the rest. NULL: no memory. */
static uint8_t *conn_read_room(struct conn *conn)
{
    return conn->in.size == 0 ? conn->thread->scratch : buf_reserve(&conn->in, NET_READ_SIZE);
}

/* One bounded read, handed to the link. */
static void conn_read(struct conn *conn)
{
    uint8_t *room = conn_read_room(conn);
    enum tls_result result;
    size_t n = 0;

    if (!room) {
        conn_kill(conn, "no memory");
        return;
    }
    conn->read_is_due = false;
    result = tls_read(conn->tls, room, NET_READ_SIZE, &n);
    if (result == TLS_CLOSED || result == TLS_BROKEN) {
        conn_kill(conn, tls_reason(conn->tls));
        return;
    }
    if (result == TLS_WANT_WRITE && event_add(conn->writable, NULL) != 0)
        conn_kill(conn, "no memory");
    if (result != TLS_DONE)
        return;

    if (n == NET_READ_SIZE) {
        conn->read_is_due = true;
        io_thread_mark_busy(conn->thread, conn);
    }
    if (conn->in.size > 0) {
        buf_commit(&conn->in, n);
        conn_feed_rest(conn);
    } else {
        size_t consumed = conn_feed(conn, slice_of(room, n));

        if (consumed < n && buf_append(&conn->in, room + consumed, n - consumed) != CRM_OK)
            conn_kill(conn, "no memory");
    }
}

/* The handshake is done. The client's first frames may have come with its last flight and wait inside TLS. */
static void conn_begin(struct conn *conn)
{
    struct link_carrier carrier = {
        .conn = conn, .out = &conn->out, .want_flush = on_want_flush, .want_close = on_want_close, .claim = tls_claim(conn->tls)
    };

    pool_secure_peer(conn->thread->pool, conn->key);
    conn->is_secure = true;
    conn->link = link_create(conn->thread->dispatch, &carrier, conn->peer);
    if (!conn->link) {
        conn_kill(conn, "no memory");
        return;
    }
    conn_set_state(conn, CONN_OPEN, "handshake done");
    if (conn->is_draining)
        link_goaway(conn->link, pool_drain_why(conn->thread->pool));
    conn_read(conn);
    conn_resume(conn);
}

/* Not served, for a reason that an administrator may have to look for. */
static void conn_refuse(struct conn *conn, const char *why)
{
    pool_log_refused(conn->thread->pool, conn->key, conn->peer, why);
    conn_kill(conn, why);
}

static void conn_handshake(struct conn *conn)
{
    switch (tls_handshake(conn->tls)) {
    case TLS_DONE:
        conn_begin(conn);
        break;
    case TLS_WANT_READ:
        break;
    case TLS_WANT_WRITE:
        if (event_add(conn->writable, NULL) != 0)
            conn_kill(conn, "no memory");
        break;
    case TLS_CLOSED: /* it has only looked whether the port is open */
        conn_kill(conn, tls_reason(conn->tls));
        break;
    case TLS_BROKEN:
        conn_refuse(conn, tls_reason(conn->tls));
        break;
    }
}

static void conn_discard(struct conn *conn)
{
    ssize_t n = recv(conn->fd, conn->thread->scratch, NET_READ_SIZE, 0);

    if (n == 0)
        conn_kill(conn, "closed");
    else if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        conn_kill(conn, "reset while closing");
}

/* The output is empty and nothing more will come. */
static void conn_linger(struct conn *conn)
{
    tls_close(conn->tls);
    shutdown(conn->fd, SHUT_WR);
    conn_set_state(conn, CONN_LINGERING, "all is sent");
    conn->phase_us = clock_monotonic_us();
    if (event_add(conn->readable, NULL) != 0)
        conn_kill(conn, "no memory");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    if (conn->state == CONN_HANDSHAKE) {
        conn_handshake(conn);
    } else if (conn->state == CONN_OPEN) {
        conn->read_is_due = true;
        conn_continue(conn);
    } else if (conn->state == CONN_LINGERING) {
        conn_discard(conn);
    }
    io_thread_end_turn(conn->thread);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    if (conn->state == CONN_HANDSHAKE) {
        conn_handshake(conn);
    } else if (conn->state != CONN_DEAD) {
        conn->read_is_due = conn->state == CONN_OPEN; /* a read may have waited for this too */
        io_thread_mark_busy(conn->thread, conn);
        io_thread_mark_flush(conn->thread, conn);
    }
    io_thread_end_turn(conn->thread);
}

void conn_continue(struct conn *conn)
{
    if (conn->state != CONN_OPEN)
        return;
    if (conn->rest_is_due && link_wants_input(conn->link))
        conn_feed_rest(conn);
    else if (conn->read_is_due && !conn->rest_is_due && !conn->is_paused)
        conn_read(conn);
    conn_resume(conn);
}

/* false: the socket takes no more now, or is gone. */
static bool conn_write_record(struct conn *conn)
{
    struct slice out = buf_slice(&conn->out);
    size_t n = 0;

    switch (tls_write(conn->tls, out.data, out.size, &n)) {
    case TLS_DONE:
        buf_consume(&conn->out, n);
        conn->is_blocked = false;
        return true;
    case TLS_WANT_READ: /* the next read lets it go on */
    case TLS_WANT_WRITE:
        if (!conn->is_blocked)
            conn->blocked_us = clock_monotonic_us();
        conn->is_blocked = true;
        return false;
    default:
        conn_kill(conn, tls_reason(conn->tls));
        return false;
    }
}

/* What follows from the state of the output after a turn's writing. */
static void conn_flushed(struct conn *conn)
{
    bool is_empty = conn->out.size == 0;

    if (is_empty)
        buf_trim(&conn->out, HOT_BUFFER);
    else if (event_add(conn->writable, NULL) != 0)
        conn_kill(conn, "no memory");

    if (conn->state == CONN_OPEN && conn->is_draining && is_empty && link_is_idle(conn->link))
        conn_set_state(conn, CONN_CLOSING, "drained");
    if (conn->state == CONN_CLOSING && is_empty)
        conn_linger(conn);
    if (conn->state != CONN_OPEN)
        return;

    if (conn->was_high && conn->out.size <= conn->thread->settings->output_low)
        io_thread_mark_busy(conn->thread, conn);
    conn->was_high = conn->out.size > conn->thread->settings->output_low;
    if (conn->is_counted && link_is_logged_in(conn->link))
        conn_uncount(conn);
    conn_follow_link(conn);
}

/* Between the two the kernel gathers: several records then leave together, and the peer is woken once. */
static void conn_cork(struct conn *conn, int on)
{
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)); /* where it cannot, each record leaves alone */
}

void conn_flush(struct conn *conn)
{
    bool is_long = conn->out.size > CORK_FROM;

    if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
        return;
    if (conn->out.size > conn->thread->settings->output_low)
        conn->was_high = true;
    if (is_long)
        conn_cork(conn, 1);
    for (unsigned i = 0; i < RECORDS_PER_TURN && conn->out.size > 0; i++)
        if (!conn_write_record(conn))
            break;
    if (is_long)
        conn_cork(conn, 0);
    if (conn->state != CONN_DEAD)
        conn_flushed(conn);
}

/* A quiet connection keeps no buffers. */
static void conn_trim(struct conn *conn)
{
    buf_trim(&conn->in, 0);
    buf_trim(&conn->out, 0);
}

void conn_tick(struct conn *conn, int64_t now_us)
{
    const struct net_settings *settings = conn->thread->settings;

    if (conn->state == CONN_HANDSHAKE && is_past(conn->phase_us, settings->handshake_ms, now_us))
        conn_refuse(conn, "handshake took too long");
    else if (conn->state == CONN_LINGERING && now_us - conn->phase_us > LINGER_US)
        conn_kill(conn, "client did not close");
    else if (conn->is_blocked && is_past(conn->blocked_us, settings->output_stall_ms, now_us))
        conn_kill(conn, "client did not read for too long");
    else if (conn->state == CONN_OPEN && conn->frame_us > 0 && !conn->is_paused && !conn->rest_is_due &&
             is_past(conn->frame_us, settings->frame_ms, now_us))
        conn_kill(conn, "frame took too long");
    if (conn->state != CONN_OPEN)
        return;

    link_tick(conn->link, now_us);
    if (conn->is_draining)
        io_thread_mark_flush(conn->thread, conn);
    conn_follow_link(conn);
    conn_trim(conn);
}

void conn_drain(struct conn *conn, enum crm_status why)
{
    conn->is_draining = true;
    if (conn->state != CONN_OPEN)
        return;
    link_goaway(conn->link, why);
    io_thread_mark_flush(conn->thread, conn);
}

/*
 * Small answers leave at once; a peer that has silently gone is noticed. Failing to set them hurts nobody.
 *
 * TCP_USER_TIMEOUT alone sees only peers that something was sent to. The probes are for those that are silent by right, and begin so early that they run
 * into the same limit, not into the kernel's two hours.
 */
static void set_socket_options(int fd, unsigned user_timeout_ms)
{
    int on = 1, idle_s = (int)(user_timeout_ms / 2000) + 1, interval_s = (int)(user_timeout_ms / 6000) + 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
}

void conn_open(struct io_thread *thread, const struct accepted *accepted, struct tls_context *context)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (!conn) {
        close(accepted->fd);
        pool_forget_peer(thread->pool, accepted->key, false);
        pool_leave(thread->pool);
        return;
    }
    conn->thread = thread;
    conn->fd = accepted->fd;
    conn->key = accepted->key;
    conn->is_counted = true;
    conn->phase_us = clock_monotonic_us();
    memcpy(conn->peer, accepted->peer, sizeof(conn->peer));
    buf_init(&conn->in, FRAME_HEADER_SIZE + FRAME_MAX + NET_READ_SIZE);
    buf_init(&conn->out, thread->settings->output_max);
    TAILQ_INSERT_TAIL(&thread->all, conn, all);
    thread->n_conns++;

    set_socket_options(conn->fd, thread->settings->user_timeout_ms);
    conn->readable = event_new(thread->base, conn->fd, EV_READ | EV_PERSIST, on_readable, conn);
    conn->writable = event_new(thread->base, conn->fd, EV_WRITE, on_writable, conn);
    if (!conn->readable || !conn->writable || event_add(conn->readable, NULL) != 0 ||
        tls_create(context, conn->fd, &conn->tls) != CRM_OK) {
        conn->state = CONN_DEAD;
        io_thread_mark_dead(thread, conn);
        return;
    }
    conn->is_draining = thread->is_draining;
    conn_handshake(conn);
}

void conn_destroy(struct conn *conn)
{
    struct io_thread *thread = conn->thread;

    link_destroy(conn->link);
    conn_uncount(conn);
    if (conn->tls)
        tls_close(conn->tls);
    tls_destroy(conn->tls);
    if (conn->readable)
        event_free(conn->readable);
    if (conn->writable)
        event_free(conn->writable);
    close(conn->fd);
    buf_fini(&conn->in);
    buf_fini(&conn->out);
    TAILQ_REMOVE(&thread->all, conn, all);
    thread->n_conns--;
    pool_leave(thread->pool);
    free(conn);
}
