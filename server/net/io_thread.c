/*
 * io_thread.c - one event loop: wake-ups, turns, ticks, the sweep
 *
 * Owns its event base, its connections and its dispatch thread. A turn is one event's callback; io_thread_end_turn closes it. Without locks in
 * libevent: other threads only write to the eventfd and to the list of arrivals.
 */
#include "server/net/io_thread.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/net/pool_inside.h"

#define STACK_SIZE (512u * 1024)

static struct timeval in_ms(unsigned ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

void io_thread_mark_flush(struct io_thread *thread, struct conn *conn)
{
    if (conn->in_flush || conn->state == CONN_DEAD)
        return;
    conn->in_flush = true;
    TAILQ_INSERT_TAIL(&thread->flush, conn, flush);
}

void io_thread_mark_busy(struct io_thread *thread, struct conn *conn)
{
    if (conn->in_busy || conn->state == CONN_DEAD)
        return;
    conn->in_busy = true;
    TAILQ_INSERT_TAIL(&thread->busy, conn, busy);
}

void io_thread_mark_dead(struct io_thread *thread, struct conn *conn)
{
    TAILQ_INSERT_TAIL(&thread->dead, conn, dead);
}

static void flush_all(struct io_thread *thread)
{
    struct conn *conn;

    while ((conn = TAILQ_FIRST(&thread->flush))) {
        TAILQ_REMOVE(&thread->flush, conn, flush);
        conn->in_flush = false;
        conn_flush(conn);
    }
}

static void sweep(struct io_thread *thread)
{
    struct conn *conn;

    while ((conn = TAILQ_FIRST(&thread->dead))) {
        TAILQ_REMOVE(&thread->dead, conn, dead);
        if (conn->in_busy)
            TAILQ_REMOVE(&thread->busy, conn, busy);
        conn_destroy(conn);
    }
}

void io_thread_end_turn(struct io_thread *thread)
{
    static const struct timeval at_once = { 0, 0 };

    dispatch_thread_end_turn(thread->dispatch);
    flush_all(thread);
    sweep(thread);
    if (!TAILQ_EMPTY(&thread->busy) && event_add(thread->busy_turn, &at_once) != 0)
        log_error("net.busy", "no memory for a timer"); /* the tick or the next event brings it again */
    if (thread->is_draining && thread->n_conns == 0)
        event_base_loopbreak(thread->base);
}

/* A timer, so that sockets which became ready meanwhile come first. */
static void on_busy_turn(evutil_socket_t fd, short what, void *arg)
{
    struct io_thread *thread = arg;
    struct conn_list now = TAILQ_HEAD_INITIALIZER(now);
    struct conn *conn;

    (void)fd;
    (void)what;
    TAILQ_CONCAT(&now, &thread->busy, busy);
    while ((conn = TAILQ_FIRST(&now))) {
        TAILQ_REMOVE(&now, conn, busy);
        conn->in_busy = false;
        conn_continue(conn);
    }
    io_thread_end_turn(thread);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct io_thread *thread = arg;
    int64_t now_us = clock_monotonic_us();
    struct conn *conn;

    (void)fd;
    (void)what;
    TAILQ_FOREACH(conn, &thread->all, all)
        if (conn->state != CONN_DEAD)
            conn_tick(conn, now_us);
    io_thread_end_turn(thread);
}

static void kill_all(struct io_thread *thread, const char *why)
{
    struct conn *conn;

    TAILQ_FOREACH(conn, &thread->all, all)
        conn_kill(conn, why);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct io_thread *thread = arg;

    (void)fd;
    (void)what;
    kill_all(thread, "drain took too long");
    io_thread_end_turn(thread);
}

static void begin_drain(struct io_thread *thread)
{
    struct timeval deadline = in_ms(pool_drain_ms(thread->pool));
    struct conn *conn;

    if (thread->is_draining)
        return;
    thread->is_draining = true;
    pool_listeners_close(thread->pool, thread);
    TAILQ_FOREACH(conn, &thread->all, all)
        conn_drain(conn, pool_drain_why(thread->pool));
    if (event_add(thread->deadline, &deadline) != 0)
        kill_all(thread, "no memory for a drain");
}

static void open_arrived(struct io_thread *thread)
{
    struct accepted_list now = STAILQ_HEAD_INITIALIZER(now);
    struct accepted *accepted;

    pthread_mutex_lock(&thread->lock);
    STAILQ_CONCAT(&now, &thread->arrived);
    pthread_mutex_unlock(&thread->lock);
    while ((accepted = STAILQ_FIRST(&now))) {
        struct tls_context *context = pool_tls(thread->pool);

        STAILQ_REMOVE_HEAD(&now, next);
        conn_open(thread, accepted, context);
        tls_context_unref(context);
        free(accepted);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct io_thread *thread = arg;
    uint64_t count;

    (void)what;
    if (read((int)fd, &count, sizeof(count)) < 0)
        count = 0; /* another turn has emptied it */
    dispatch_thread_drain(thread->dispatch);
    open_arrived(thread);
    if (pool_wish(thread->pool) == POOL_STOP) {
        thread->is_draining = true;
        pool_listeners_close(thread->pool, thread);
        kill_all(thread, "server stops");
    } else if (pool_wish(thread->pool) == POOL_DRAIN) {
        begin_drain(thread);
    }
    io_thread_end_turn(thread);
}

void io_thread_wake(struct io_thread *thread)
{
    uint64_t one = 1;

    if (write(thread->wake_fd, &one, sizeof(one)) < 0)
        return; /* the counter is full: it is readable already */
}

static void on_dispatch_wake(void *arg)
{
    io_thread_wake(arg);
}

void io_thread_hand(struct io_thread *thread, struct accepted *take_accepted)
{
    pthread_mutex_lock(&thread->lock);
    STAILQ_INSERT_TAIL(&thread->arrived, take_accepted, next);
    pthread_mutex_unlock(&thread->lock);
    io_thread_wake(thread);
}

static struct event_base *base_create(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

static bool events_create(struct io_thread *thread)
{
    struct timeval tick = in_ms(thread->settings->tick_ms);

    thread->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    thread->base = base_create();
    if (thread->wake_fd < 0 || !thread->base)
        return false;
    thread->wake = event_new(thread->base, thread->wake_fd, EV_READ | EV_PERSIST, on_wake, thread);
    thread->tick = event_new(thread->base, -1, EV_PERSIST, on_tick, thread);
    thread->busy_turn = event_new(thread->base, -1, 0, on_busy_turn, thread);
    thread->deadline = event_new(thread->base, -1, 0, on_deadline, thread);
    return thread->wake && thread->tick && thread->busy_turn && thread->deadline && event_add(thread->wake, NULL) == 0 &&
           event_add(thread->tick, &tick) == 0;
}

enum crm_status io_thread_create(struct io_pool *pool, const struct net_settings *settings, struct dispatch *dispatch,
                                 struct io_thread **out_thread, struct failure *failure)
{
    struct io_thread *thread = calloc(1, sizeof(*thread));
    enum crm_status status;

    if (!thread)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for an io thread");
    thread->pool = pool;
    thread->settings = settings;
    thread->wake_fd = -1;
    pthread_mutex_init(&thread->lock, NULL);
    STAILQ_INIT(&thread->arrived);
    TAILQ_INIT(&thread->all);
    TAILQ_INIT(&thread->flush);
    TAILQ_INIT(&thread->busy);
    TAILQ_INIT(&thread->dead);
    thread->scratch = malloc(NET_READ_SIZE);
    if (!thread->scratch || !events_create(thread)) {
        io_thread_destroy(thread);
        return fail(failure, CRM_NO_MEMORY, NULL, "cannot create the event loop of an io thread");
    }
    status = dispatch_thread_create(dispatch, on_dispatch_wake, thread, &thread->dispatch);
    if (status) {
        io_thread_destroy(thread);
        return fail(failure, status, NULL, "cannot create an io thread's part of dispatch");
    }
    *out_thread = thread;
    return CRM_OK;
}

static void event_drop(struct event *event)
{
    if (event)
        event_free(event);
}

static void drop_arrived(struct io_thread *thread)
{
    struct accepted *accepted;

    while ((accepted = STAILQ_FIRST(&thread->arrived))) {
        STAILQ_REMOVE_HEAD(&thread->arrived, next);
        close(accepted->fd);
        pool_forget_peer(thread->pool, accepted->key, false);
        pool_leave(thread->pool);
        free(accepted);
    }
}

void io_thread_destroy(struct io_thread *thread)
{
    if (!thread)
        return;
    drop_arrived(thread);
    kill_all(thread, "thread ends");
    sweep(thread);
    if (thread->dispatch)
        dispatch_thread_destroy(thread->dispatch);
    event_drop(thread->wake);
    event_drop(thread->tick);
    event_drop(thread->busy_turn);
    event_drop(thread->deadline);
    if (thread->base)
        event_base_free(thread->base);
    if (thread->wake_fd >= 0)
        close(thread->wake_fd);
    pthread_mutex_destroy(&thread->lock);
    free(thread->scratch);
    free(thread);
}

static void *thread_main(void *arg)
{
    struct io_thread *thread = arg;

    event_base_loop(thread->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

enum crm_status io_thread_start(struct io_thread *thread, struct failure *failure)
{
    pthread_attr_t attributes;
    int error;

    if (pthread_attr_init(&attributes) != 0)
        return fail(failure, CRM_NO_MEMORY, NULL, "cannot start an io thread");
    error = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (error == 0)
        error = pthread_create(&thread->id, &attributes, thread_main, thread);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        return fail(failure, CRM_FAILED, NULL, "cannot start an io thread: %s", strerror(error));
    thread->is_running = true;
    return CRM_OK;
}

void io_thread_join(struct io_thread *thread)
{
    if (thread->is_running)
        pthread_join(thread->id, NULL);
    thread->is_running = false;
}
