/*
 * io_pool.c - the io threads together: listeners, places, the TLS context, drain
 *
 * Owned by server.c. What threads share is atomic or behind the one lock; the caps are counted here.
 */
#include "server/net/io_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/net/io_thread.h"
#include "server/net/listener.h"
#include "server/net/pool_inside.h"

#define LISTENERS_MAX 16

struct io_pool {
    struct net_settings settings;
    struct io_thread **threads; /* settings.io_threads of them */
    struct listener *listeners[LISTENERS_MAX];
    unsigned n_listeners;
    unsigned next_thread;       /* touched by the first io thread only */
    struct peers *peers;

    pthread_mutex_t lock;       /* of tls */
    struct tls_context *tls;

    atomic_int wish;            /* enum pool_wish */
    atomic_int drain_why;
    atomic_uint drain_ms;
    atomic_uint connections;
    atomic_ullong accepted;
    atomic_ullong refused;
};

enum pool_wish pool_wish(const struct io_pool *pool)
{
    return (enum pool_wish)atomic_load(&pool->wish);
}

enum crm_status pool_drain_why(const struct io_pool *pool)
{
    return (enum crm_status)atomic_load(&pool->drain_why);
}

unsigned pool_drain_ms(const struct io_pool *pool)
{
    return atomic_load(&pool->drain_ms);
}

struct tls_context *pool_tls(struct io_pool *pool)
{
    struct tls_context *tls;

    pthread_mutex_lock(&pool->lock);
    tls = tls_context_ref(pool->tls);
    pthread_mutex_unlock(&pool->lock);
    return tls;
}

bool pool_admit(struct io_pool *pool, int fd, const struct sockaddr *address)
{
    struct accepted *accepted;

    accepted = calloc(1, sizeof(*accepted));
    if (!accepted)
        return false;
    accepted->fd = fd;
    accepted->key = peer_key_of(address, accepted->peer, sizeof(accepted->peer));
    if (atomic_load(&pool->connections) >= pool->settings.connections_max) {
        pool_log_refused(pool, accepted->key, accepted->peer, "the server has its most connections");
        free(accepted);
        return false;
    }
    if (!peers_enter(pool->peers, accepted->key)) {
        pool_log_refused(pool, accepted->key, accepted->peer, "too many connections that have not logged in");
        free(accepted);
        return false;
    }
    atomic_fetch_add(&pool->connections, 1);
    atomic_fetch_add(&pool->accepted, 1);
    io_thread_hand(pool->threads[pool->next_thread++ % pool->settings.io_threads], accepted);
    return true;
}

void pool_count_refused(struct io_pool *pool)
{
    atomic_fetch_add(&pool->refused, 1);
}

void pool_leave(struct io_pool *pool)
{
    atomic_fetch_sub(&pool->connections, 1);
}

void pool_secure_peer(struct io_pool *pool, struct peer_key key)
{
    peers_secure(pool->peers, key);
}

void pool_forget_peer(struct io_pool *pool, struct peer_key key, bool was_secure)
{
    peers_leave(pool->peers, key, was_secure);
}

void pool_log_refused(struct io_pool *pool, struct peer_key key, const char *peer, const char *why)
{
    if (peers_may_log(pool->peers, key, clock_monotonic_us()))
        log_info("net.refused", "peer=%s why=\"%s\"", peer, why);
}

bool pool_listeners_open(struct io_pool *pool, const struct io_thread *thread, struct event_base *base)
{
    for (unsigned i = 0; i < pool->n_listeners && thread == pool->threads[0]; i++)
        if (!listener_open(pool->listeners[i], base, pool->settings.accept_pause_ms))
            return false;
    return true;
}

void pool_listeners_close(struct io_pool *pool, const struct io_thread *thread)
{
    for (unsigned i = 0; i < pool->n_listeners && thread == pool->threads[0]; i++)
        listener_close(pool->listeners[i]);
}

static enum crm_status create_threads(struct io_pool *pool, struct dispatch *dispatch, struct failure *failure)
{
    enum crm_status status = CRM_OK;

    pool->threads = calloc(pool->settings.io_threads, sizeof(struct io_thread *));
    if (!pool->threads)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the io threads");
    for (unsigned i = 0; i < pool->settings.io_threads && status == CRM_OK; i++)
        status = io_thread_create(pool, &pool->settings, dispatch, &pool->threads[i], failure);
    return status;
}

enum crm_status io_pool_create(const struct net_settings *settings, struct dispatch *dispatch, struct tls_context *tls,
                               struct io_pool **out_pool, struct failure *failure)
{
    struct io_pool *pool = calloc(1, sizeof(*pool));
    enum crm_status status;

    if (!pool)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the network");
    pool->settings = *settings;
    pool->tls = tls_context_ref(tls);
    pthread_mutex_init(&pool->lock, NULL);
    pool->peers = peers_create(settings->per_address_max);
    if (pool->peers && settings->io_threads > 0)
        status = create_threads(pool, dispatch, failure);
    else
        status = fail(failure, pool->peers ? CRM_INVALID : CRM_NO_MEMORY, NULL, "cannot create the io threads");
    if (status) {
        io_pool_destroy(pool);
        return status;
    }
    *out_pool = pool;
    return CRM_OK;
}

void io_pool_destroy(struct io_pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; i < pool->n_listeners; i++) /* before the event base that they are in */
        listener_destroy(pool->listeners[i]);
    for (unsigned i = 0; pool->threads && i < pool->settings.io_threads; i++)
        io_thread_destroy(pool->threads[i]);
    free(pool->threads);
    peers_destroy(pool->peers);
    tls_context_unref(pool->tls);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

enum crm_status io_pool_listen(struct io_pool *pool, const char *address, struct failure *failure)
{
    enum crm_status status;

    if (pool->n_listeners == LISTENERS_MAX)
        return fail(failure, CRM_INVALID, "listen", "at most %d addresses", LISTENERS_MAX);
    status = listener_create(pool, address, &pool->listeners[pool->n_listeners], failure);
    if (status == CRM_OK)
        pool->n_listeners++;
    return status;
}

enum crm_status io_pool_adopt(struct io_pool *pool, int fd, struct failure *failure)
{
    enum crm_status status;

    if (pool->n_listeners == LISTENERS_MAX)
        return fail(failure, CRM_INVALID, "listen", "at most %d addresses", LISTENERS_MAX);
    status = listener_adopt(pool, fd, &pool->listeners[pool->n_listeners], failure);
    if (status == CRM_OK)
        pool->n_listeners++;
    return status;
}

unsigned io_pool_port(const struct io_pool *pool, unsigned index)
{
    return index < pool->n_listeners ? listener_port(pool->listeners[index]) : 0;
}

enum crm_status io_pool_start(struct io_pool *pool, struct failure *failure)
{
    enum crm_status status = CRM_OK;

    if (!pool_listeners_open(pool, pool->threads[0], pool->threads[0]->base))
        return fail(failure, CRM_NO_MEMORY, NULL, "cannot watch the listening sockets");
    for (unsigned i = 0; i < pool->settings.io_threads && status == CRM_OK; i++)
        status = io_thread_start(pool->threads[i], failure);
    if (status) {
        io_pool_stop(pool);
        io_pool_join(pool);
    }
    return status;
}

void io_pool_set_tls(struct io_pool *pool, struct tls_context *tls)
{
    struct tls_context *old;

    pthread_mutex_lock(&pool->lock);
    old = pool->tls;
    pool->tls = tls_context_ref(tls);
    pthread_mutex_unlock(&pool->lock);
    tls_context_unref(old);
}

static void wish_for(struct io_pool *pool, enum pool_wish wish)
{
    int now = atomic_load(&pool->wish);

    while (now < (int)wish && !atomic_compare_exchange_weak(&pool->wish, &now, (int)wish))
        continue;
    for (unsigned i = 0; i < pool->settings.io_threads; i++)
        io_thread_wake(pool->threads[i]);
}

void io_pool_drain(struct io_pool *pool, enum crm_status why, unsigned deadline_ms)
{
    atomic_store(&pool->drain_why, (int)why);
    atomic_store(&pool->drain_ms, deadline_ms);
    wish_for(pool, POOL_DRAIN);
}

void io_pool_stop(struct io_pool *pool)
{
    wish_for(pool, POOL_STOP);
}

void io_pool_join(struct io_pool *pool)
{
    for (unsigned i = 0; i < pool->settings.io_threads; i++)
        io_thread_join(pool->threads[i]);
}

struct io_counts io_pool_counts(const struct io_pool *pool)
{
    return (struct io_counts){
        .connections = atomic_load(&pool->connections),
        .accepted = atomic_load(&pool->accepted),
        .refused = atomic_load(&pool->refused),
    };
}
