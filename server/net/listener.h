/*
 * listener.h - one listening socket on the event loop of the first io thread; private to server/net
 */
#ifndef CRM_SERVER_NET_LISTENER_H
#define CRM_SERVER_NET_LISTENER_H

#include "common/base/failure.h"

struct event_base;
struct io_pool;
struct listener;

/* Bind and listen, see io_pool_listen. */
enum crm_status listener_create(struct io_pool *pool, const char *address, struct listener **out_listener,
                                struct failure *failure) MUST_CHECK;
/* Around a socket that listens already; owns fd, also on failure. */
enum crm_status listener_adopt(struct io_pool *pool, int fd, struct listener **out_listener, struct failure *failure) MUST_CHECK;
/* Accepts NULL. */
void listener_destroy(struct listener *listener);
unsigned listener_port(const struct listener *listener);

/* On the io thread: begin to accept; pause_ms is how long it rests when descriptors have run out. */
bool listener_open(struct listener *listener, struct event_base *base, unsigned pause_ms) MUST_CHECK;
/* On the io thread or after it: accept no more, close the socket. */
void listener_close(struct listener *listener);

#endif
