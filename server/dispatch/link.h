/*
 * link.h - one client's protocol state: hello, session, streams; bytes in, bytes out, no socket
 *
 * Lives on one io thread, which calls everything here. The connection (server/net/conn) owns it and lends it an output buffer; tests
 * lend it a buffer of their own. Other threads reach a link only by its id, through the io thread's mailbox (mailbox.h).
 */
#ifndef CRM_SERVER_DISPATCH_LINK_H
#define CRM_SERVER_DISPATCH_LINK_H

#include "common/base/buf.h"
#include "common/base/failure.h"

struct dispatch;        /* the server's operations, writer, workers: shared by all threads */
struct dispatch_thread; /* what one io thread owns: its mailbox, its links by id, its read turn */
struct link;
struct device_claim; /* server/session/device.h */

/* What a link asks of what carries it. */
struct link_carrier {
    void *conn;
    struct buf *out;                     /* frames to send are appended here */
    void (*want_flush)(void *conn);      /* out has grown: send soon (at the end of this turn) */
    void (*want_close)(void *conn);      /* send what is in out, then close; nothing more is read */
    const struct device_claim *claim;    /* what the client's certificate says; NULL: it has none. As long as the link */
};

/* peer: the other side's address, for logs and throttling ("203.0.113.7"). NULL when memory is spent. */
struct link *link_create(struct dispatch_thread *thread, const struct link_carrier *carrier, const char *peer) MUST_CHECK;
/* Work under way is told that nobody waits. Accepts NULL. */
void link_destroy(struct link *link);

/* Bytes from the client: whole frames are handled (a bounded number), *out_consumed of input are done with. false: the link asked to close. */
bool link_input(struct link *link, struct slice input, size_t *out_consumed);
/* May more be read now? No while the output is high or the streams are full: then the caller stops reading until link_resume says yes. */
bool link_wants_input(const struct link *link);
/* The output has drained below the low mark, or a turn is over: go on with streams. true: there is more to do, call again in the next turn. */
bool link_resume(struct link *link);
/* Deadlines: hello, login, idle, requests. Called about once a second. */
void link_tick(struct link *link, int64_t now_us);
/* Drain: GOAWAY is sent, new streams are refused. */
void link_goaway(struct link *link, enum crm_status why);
/* No stream is open and nothing waits to be sent. */
bool link_is_idle(const struct link *link);
bool link_is_logged_in(const struct link *link);

#endif
