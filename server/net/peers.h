/*
 * peers.h - how many connections of each address have not logged in yet
 *
 * One table for all io threads, behind a lock: it is touched three times in the life of a connection.
 */
#ifndef CRM_SERVER_NET_PEERS_H
#define CRM_SERVER_NET_PEERS_H

#include <sys/socket.h>

#include "common/base/slice.h"

/* Whom a connection is counted for: an IPv4 address, or the first half of an IPv6 address, which is what one customer gets. */
struct peer_key {
    uint8_t bytes[8];
};

struct peers;

/* The key of an address and its text ("203.0.113.7") into text; sockets of another family all share one key. */
struct peer_key peer_key_of(const struct sockaddr *address, char *text, size_t text_size);

/* most: connections of one address that have not logged in; a third of them, at least 16, may be in their TLS handshake. NULL when memory is spent. */
struct peers *peers_create(unsigned most) MUST_CHECK;
void peers_destroy(struct peers *peers);
/* Count one more, in its handshake; false when the address has its most (or memory is spent): do not serve it. */
bool peers_enter(struct peers *peers, struct peer_key key) MUST_CHECK;
/* One that entered has done its handshake. */
void peers_secure(struct peers *peers, struct peer_key key);
/* One that entered has logged in or gone. */
void peers_leave(struct peers *peers, struct peer_key key, bool was_secure);
/* Has nothing been logged of this address for a minute? Then it is noted that something is. Whatever many addresses do, about 1,000 lines a minute. */
bool peers_may_log(struct peers *peers, struct peer_key key, int64_t now_us);

#endif
