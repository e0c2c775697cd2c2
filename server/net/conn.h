/*
 * conn.h - one client's socket: TLS, bytes in and out, deadlines
 *
 * Lives and dies on one io thread. What the bytes mean is the link's business (server/dispatch/link.h). Private to server/net.
 */
#ifndef CRM_SERVER_NET_CONN_H
#define CRM_SERVER_NET_CONN_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/base/failure.h"
#include "server/net/peers.h"
#include "server/net/tls.h"

struct event;
struct io_thread;
struct link;

/* A socket that the listener has accepted, on its way to the thread that will serve it. */
struct accepted {
    STAILQ_ENTRY(accepted) next;
    int fd;                      /* non-blocking */
    struct peer_key key;         /* entered in the pool's peers */
    char peer[INET6_ADDRSTRLEN]; /* its text */
};

STAILQ_HEAD(accepted_list, accepted);

enum conn_state {
    CONN_HANDSHAKE, /* TLS is being agreed */
    CONN_OPEN,      /* frames come and go */
    CONN_CLOSING,   /* what is in the output is sent, nothing is read any more */
    CONN_LINGERING, /* all is sent; what still comes is thrown away until the client closes, or a reset could overtake our last frame */
    CONN_DEAD,      /* out of the event loop, freed at the end of the turn */
};

struct conn {
    TAILQ_ENTRY(conn) all;   /* of the thread */
    TAILQ_ENTRY(conn) flush; /* its output grew in this turn */
    TAILQ_ENTRY(conn) busy;  /* has work for the next turn */
    TAILQ_ENTRY(conn) dead;  /* to be freed at the end of this turn */
    bool in_flush, in_busy;

    struct io_thread *thread;
    enum conn_state state;  /* only conn.c's conn_set_state writes it */
    int fd;
    struct tls *tls;
    struct link *link;      /* NULL during the handshake */
    struct event *readable; /* persistent; added while more is wanted */
    struct event *writable; /* once; added while the socket is full */
    struct buf in;          /* the rest that the link did not take: part of a frame, or frames of a later turn */
    struct buf out;         /* lent to the link */

    bool rest_is_due;       /* in may hold whole frames: give it to the link before reading more */
    bool read_is_due;       /* the last read filled its room: more may wait inside TLS, where the event loop does not see it */
    bool is_paused;         /* the link wants no input */
    bool is_blocked;        /* the socket takes no more output */
    bool was_high;          /* output was above the low mark: the link waits to be told that it has drained */
    bool is_draining;       /* close when idle */
    bool is_secure;         /* the handshake is done */
    bool is_counted;        /* among the connections of its address that have not logged in */

    int64_t phase_us;       /* when the handshake or the lingering began */
    int64_t frame_us;       /* when the frame that in begins with began to arrive; 0: none */
    int64_t blocked_us;     /* when the output last moved, while is_blocked */
    struct peer_key key;
    char peer[INET6_ADDRSTRLEN];
};

TAILQ_HEAD(conn_list, conn);

/* Owns the socket, the place in the pool and the peer's count from now on; where it fails they are given back. context may be NULL. */
void conn_open(struct io_thread *thread, const struct accepted *accepted, struct tls_context *context);
/* Deadlines; about once a second. */
void conn_tick(struct conn *conn, int64_t now_us);
/* Go on with what was left over from an earlier turn. */
void conn_continue(struct conn *conn);
/* At the end of a turn in which the output grew. */
void conn_flush(struct conn *conn);
/* The server drains: tell the client, close as soon as nothing is under way. */
void conn_drain(struct conn *conn, enum crm_status why);
/* Close now; freed at the end of the turn. why is for the log. */
void conn_kill(struct conn *conn, const char *why);
/* Only by the sweep of io_thread.c, of a dead one. */
void conn_destroy(struct conn *conn);

#endif
