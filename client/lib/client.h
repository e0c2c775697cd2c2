/*
 * client.h - what the files of the library know of a client, its connection and its calls
 *
 * client.c owns the client and its event loop, channel.c the one connection (hello, frames, keep-alive, what to do when
 * it is lost), call.c the calls. All on the client's thread. Callbacks of the user run at known places only: while a
 * frame is handled, and when finished calls are delivered. After one has run, nothing that it may have destroyed is
 * touched: calls are found again by their stream's number.
 */
#ifndef CRM_CLIENT_CLIENT_H
#define CRM_CLIENT_CLIENT_H

#include <sys/queue.h>

#include <crm.h>

#include "client/lib/op_info.h"
#include "client/lib/transport.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "proto/frame.h"

#define CALL_MEMORY_MAX   (40u << 20) /* request, reply and error of one call */
#define OUTPUT_MAX        (4u << 20)
#define OUTPUT_HIGH       (256u << 10) /* beyond it no further requests and chunks are put in line */
#define STREAMS_TABLE_MAX 256          /* whatever the server allows */
#define SENDS_MAX         3            /* of one call: a request that breaks connections is not sent for ever */

enum call_state {
    CALL_QUEUED, /* waits to be sent, or to be sent again */
    CALL_SENT,   /* has a stream on the current connection */
    CALL_DONE,   /* reply or error is there */
};

struct crm_call {
    TAILQ_ENTRY(crm_call)
    entry; /* in the client's open list, oldest first; once done in its finished list until on_done has run */
    TAILQ_ENTRY(crm_call) sibling; /* in the client's list of all its calls */
    struct crm_client *client;
    const struct op_info *op;
    uint32_t operation;
    enum call_state state;
    bool is_listed; /* entry is in a list */
    struct op_effect effect;
    struct crm_call_options options;
    struct arena arena; /* request, reply, error */
    bool has_body;
    ProtobufCMessageUnknownField body; /* the packed request without its meta */
    bool has_trace;
    uint8_t trace[16];
    unsigned sends;       /* how often the request has gone out */
    uint32_t stream;      /* while it is CALL_SENT */
    int64_t deadline_us;  /* monotonic; INT64_MAX: none */
    bool part_seen;       /* callbacks or the caller have seen part of the answer */
    bool is_cancelled;    /* CANCEL was sent, its answer is awaited */
    bool is_ended;        /* upload: END was sent */
    bool wants_credit;    /* upload: a chunk was refused */
    bool is_taken;        /* upload: the server has granted credit, before which nothing may go */
    uint32_t send_credit; /* upload: bytes that may go */
    uint32_t consumed;    /* bytes of chunks taken in and not yet granted anew */
    uint32_t ahead;       /* bytes granted beyond those and the first credit */
    const ProtobufCMessage *reply;
    struct failure failure; /* text of errors that are our own */
    struct crm_error error;
};

TAILQ_HEAD(call_list, crm_call);

enum channel_state {
    CHANNEL_CLOSED,     /* no connection and none wanted */
    CHANNEL_BACKOFF,    /* waits to connect again */
    CHANNEL_CONNECTING, /* socket and TLS */
    CHANNEL_HELLO,      /* ours is sent, the server's awaited */
    CHANNEL_READY,
    CHANNEL_DRAINING, /* the server goes away: streams are finished, none is opened */
};

/* A stream that the server has not closed yet. */
struct stream {
    uint32_t id;
    struct crm_call *call; /* NULL: nobody waits any more */
    const struct op_info *op;
};

struct channel {
    enum channel_state state;
    struct transport *transport;
    unsigned connect_wants;     /* enum crm_want, while connecting */
    bool write_waits_for_input; /* TLS */
    bool read_waits_for_output;
    bool has_more_input; /* stopped reading for fairness */
    struct buf in;
    struct buf out;
    struct arena hello_arena;
    const Crm__Hello *hello; /* the server's */
    uint64_t features;       /* chosen */
    uint32_t streams_max;
    uint32_t chunk_max;
    bool has_session;                         /* before that the server takes small requests only */
    uint32_t frame_max;                       /* of what the server takes then */
    struct stream streams[STREAMS_TABLE_MAX]; /* by rising id */
    size_t n_streams;
    uint32_t next_stream;
    int64_t until_us;        /* connecting and hello end then */
    int64_t retry_us;        /* CHANNEL_BACKOFF ends then */
    int64_t heard_us;        /* the last whole frame */
    int64_t pinged_us;       /* an answer is awaited since then; 0: none */
    int64_t looked_us;       /* in the silence: whether its address is still this machine's */
    uint32_t retry_after_ms; /* the server's wish for the next connection */
    unsigned attempts;       /* connections in a row that came to nothing */
    bool was_connected;      /* a hello has been exchanged in this client's life */
};

struct crm_client {
    struct crm_options options; /* strings owned (memory), token below */
    struct arena memory;        /* what options point at */
    char service[8];            /* the port in digits */
    uint8_t *token;             /* owned; NULL: none */
    size_t token_size;
    struct connector connector;
    struct channel channel;
    struct call_list calls;    /* all that are not destroyed */
    struct call_list open;     /* queued and sent, oldest first */
    struct call_list finished; /* done, on_done still to be called */
    struct arena scratch;      /* one chunk or event */
    int64_t next_deadline_us;  /* no open call's is earlier */
    bool is_busy;              /* within crm_client_process */
    bool wants_connection;     /* crm_client_connect */
    bool must_wipe;            /* crm_client_must_wipe */
    struct failure failure;
    struct crm_error error;
};

/* --- client.c */

/* As crm_client_create with another carrier, whose ownership moves in (also on failure): for tests. */
enum crm_status client_create(const struct crm_options *options, const struct connector *take_connector,
                              struct crm_client **out_client) MUST_CHECK;
/* The session's token is now this one; NULL: none. Without memory for it there is none. */
void client_set_token(struct crm_client *client, const uint8_t *token, size_t size);
/* A failure of our own as the public struct; text points into failure. */
void error_from_failure(struct crm_error *error, const struct failure *failure);

/* --- channel.c */

void channel_init(struct channel *channel);
void channel_fini(struct channel *channel);
/* Everything that can be done without waiting. */
void channel_process(struct crm_client *client, int64_t now_us);
/* Monotonic time of the next thing to do without input, INT64_MAX for none, 0 for now. */
int64_t channel_wake_us(const struct crm_client *client);
unsigned channel_events(const struct crm_client *client);
/* Append a frame; failing to is the connection's failure, which the next process finds. */
enum crm_status channel_send(struct crm_client *client, const struct frame_header *header,
                             const ProtobufCMessage *message, bool compress) MUST_CHECK;
/* The entry of an open stream; NULL if there is none. */
struct stream *channel_stream(struct channel *channel, uint32_t id);
/* The connection is gone or useless: close it, settle what is in flight, and connect again later where that is worth
 * while. */
void channel_lost(struct crm_client *client, const struct failure *failure);

/* --- call.c */

/* The first call that waits to be sent, NULL if there is none. */
struct crm_call *call_next_queued(const struct crm_client *client);
/* Put the request on a new stream of the connection. May finish the call instead (too large for this server). */
void call_send(struct crm_call *call, int64_t now_us);
/* A frame of a stream that the server may send at all; false: it breaks the protocol, failure says how. */
bool call_frame(struct crm_client *client, const struct frame *frame, struct failure *failure) MUST_CHECK;
/* End a call for a reason of our own. What was sent and changes something ends as CRM_UNKNOWN. */
void call_fail(struct crm_call *call, const struct failure *failure);
/* The connection is lost and the request was on it: send it again on the next one, or end it. */
void call_lost(struct crm_call *call, const struct failure *failure);
/* The server goes away without having looked at the request: as if it had never been sent. */
void call_not_looked_at(struct crm_call *call);
/* End calls whose time is up. */
void call_expire(struct crm_client *client, int64_t now_us);
/* Tell uploads that were refused that there is room. */
void call_offer_credit(struct crm_client *client);
/* Run on_done of what is finished. */
void call_deliver(struct crm_client *client);

#endif
