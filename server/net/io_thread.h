/*
 * io_thread.h - one event loop and the connections that live on it
 *
 * Private to server/net; the server sees io_pool.h. Functions run on the thread itself unless they say otherwise.
 */
#ifndef CRM_SERVER_NET_IO_THREAD_H
#define CRM_SERVER_NET_IO_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/dispatch/dispatch.h"
#include "server/net/conn.h"
#include "server/net/settings.h"

struct event_base;
struct io_pool;

struct io_thread {
    struct io_pool *pool;
    const struct net_settings *settings;
    struct event_base *base;
    struct event *wake;     /* wake_fd is readable */
    struct event *tick;
    struct event *busy_turn; /* at once, but behind the sockets that are ready: others get their turn */
    struct event *deadline; /* of a drain */
    struct dispatch_thread *dispatch;
    int wake_fd;            /* eventfd; any thread writes */
    pthread_t id;
    bool is_running;
    bool is_draining;

    pthread_mutex_t lock;   /* of arrived */
    struct accepted_list arrived;

    struct conn_list all, flush, busy, dead;
    unsigned n_conns;
    uint8_t *scratch;       /* NET_READ_SIZE, for what is read and used up at once */
};

enum crm_status io_thread_create(struct io_pool *pool, const struct net_settings *settings, struct dispatch *dispatch,
                                 struct io_thread **out_thread, struct failure *failure) MUST_CHECK;
/* Not while it runs. Accepts NULL. */
void io_thread_destroy(struct io_thread *thread);
enum crm_status io_thread_start(struct io_thread *thread, struct failure *failure) MUST_CHECK;
void io_thread_join(struct io_thread *thread);

/* Any thread, and signal handlers: look at the mailbox, the arrivals and the pool's wishes. */
void io_thread_wake(struct io_thread *thread);
/* Any thread: serve this socket. */
void io_thread_hand(struct io_thread *thread, struct accepted *take_accepted);

/* End of every event callback: the read snapshot ends, output leaves, the dead are freed. */
void io_thread_end_turn(struct io_thread *thread);
/* Marks for the end of this turn, the next turn, the sweep. */
void io_thread_mark_flush(struct io_thread *thread, struct conn *conn);
void io_thread_mark_busy(struct io_thread *thread, struct conn *conn);
void io_thread_mark_dead(struct io_thread *thread, struct conn *conn);

#endif
