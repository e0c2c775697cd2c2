/*
 * pool_inside.h - what io threads, connections and listeners ask of their pool; private to server/net
 */
#ifndef CRM_SERVER_NET_POOL_INSIDE_H
#define CRM_SERVER_NET_POOL_INSIDE_H

#include "server/net/conn.h"
#include "server/net/io_pool.h"

/* What the threads are asked to do; only ever rises. */
enum pool_wish { POOL_RUN, POOL_DRAIN, POOL_STOP };

enum pool_wish pool_wish(const struct io_pool *pool);
/* Of the drain. */
enum crm_status pool_drain_why(const struct io_pool *pool);
unsigned pool_drain_ms(const struct io_pool *pool);
/* A reference to the context for a new connection; NULL: plain. */
struct tls_context *pool_tls(struct io_pool *pool);

/* Listener: a place for a socket and a thread for it; false: over a cap, the caller closes it. The socket is owned by the thread then. */
bool pool_admit(struct io_pool *pool, int fd, const struct sockaddr *address) MUST_CHECK;
void pool_count_refused(struct io_pool *pool);
/* A connection has ended: give its place back. */
void pool_leave(struct io_pool *pool);
/* It has done its handshake: its address may begin another one. */
void pool_secure_peer(struct io_pool *pool, struct peer_key key);
/* It has logged in or ended: its address may have another one. */
void pool_forget_peer(struct io_pool *pool, struct peer_key key, bool was_secure);
/* Say in the log why an address was not served; once a minute for each. */
void pool_log_refused(struct io_pool *pool, struct peer_key key, const char *peer, const char *why);
/* Thread 0 opens and closes the listeners' events. */
bool pool_listeners_open(struct io_pool *pool, const struct io_thread *thread, struct event_base *base) MUST_CHECK;
void pool_listeners_close(struct io_pool *pool, const struct io_thread *thread);

#endif
