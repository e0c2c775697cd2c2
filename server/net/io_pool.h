/*
 * io_pool.h - the network layer as the server sees it: listeners, io threads, drain
 *
 * create → listen (at least once) → start → … → drain or stop → join → destroy, all by one thread; drain and stop also from others and from
 * signal handlers. The dispatch given to create must answer until join has returned and exist until destroy has.
 */
#ifndef CRM_SERVER_NET_IO_POOL_H
#define CRM_SERVER_NET_IO_POOL_H

#include "common/base/failure.h"
#include "server/net/settings.h"
#include "server/net/tls.h"

struct dispatch;
struct io_pool;

/* For metrics; each figure is right, together they may be of slightly different moments. */
struct io_counts {
    unsigned connections; /* now */
    uint64_t accepted;    /* since the start */
    uint64_t refused;     /* by a cap or for want of descriptors */
};

/* tls: a reference is taken; NULL: no encryption, for tests. settings are copied. */
enum crm_status io_pool_create(const struct net_settings *settings, struct dispatch *dispatch, struct tls_context *tls,
                               struct io_pool **out_pool, struct failure *failure) MUST_CHECK;
/* Stopped or never started. Accepts NULL. */
void io_pool_destroy(struct io_pool *pool);

/* "HOST:PORT", "[::1]:PORT", ":PORT" for every address; port 0: any free one. Names are looked up here, once. */
enum crm_status io_pool_listen(struct io_pool *pool, const char *address, struct failure *failure) MUST_CHECK;
/* A listening socket from the service manager; owned by the pool from now on, also on failure. */
enum crm_status io_pool_adopt(struct io_pool *pool, int fd, struct failure *failure) MUST_CHECK;
/* Port of the listener that was added as number index (from 0); 0 where there is none. */
unsigned io_pool_port(const struct io_pool *pool, unsigned index);

enum crm_status io_pool_start(struct io_pool *pool, struct failure *failure) MUST_CHECK;
/* Any thread: connections made from now on use this context (a reference is taken). */
void io_pool_set_tls(struct io_pool *pool, struct tls_context *tls);
/* No new connections, GOAWAY to the others, each closed when idle, all of them after deadline_ms; then the threads end. */
void io_pool_drain(struct io_pool *pool, enum crm_status why, unsigned deadline_ms);
/* Close all and end the threads. */
void io_pool_stop(struct io_pool *pool);
/* Wait for the threads to end. */
void io_pool_join(struct io_pool *pool);
struct io_counts io_pool_counts(const struct io_pool *pool);

#endif
