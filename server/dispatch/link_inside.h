/*
 * link_inside.h - what link.c (state, sending, streams) and link_input.c (frames, gates) share
 */
#ifndef CRM_SERVER_DISPATCH_LINK_INSIDE_H
#define CRM_SERVER_DISPATCH_LINK_INSIDE_H

#include <inttypes.h>
#include <stdio.h>

#include "server/dispatch/request.h"

#define OUTPUT_HIGH       (256u * 1024) /* above it nothing is read and nothing produced */
#define HELLO_US          INT64_C(10000000)
#define LOGIN_US          INT64_C(20000000)
#define UPLOAD_PAUSE_US   (DEADLINE_MAX * INT64_C(1000))
#define PING_INTERVAL_MS  1000
#define FRAMES_PER_TURN   256
#define TURN_US           2000
#define FRAMES_PER_CLOCK  4             /* the clock is asked so often */
#define CANCELS_MAX       50            /* in CANCEL_WINDOW_US */
#define CANCEL_WINDOW_US  INT64_C(10000000)

/* What has no final answer yet. */
struct stream {
    uint32_t id;
    struct request *request; /* NULL while only a subscription or an upload keeps it open */
    bool is_away;            /* a worker or the writer has the request */
    bool is_streaming;       /* step produces chunks as credit allows */
    bool is_watching;        /* events follow until it is cancelled */
    bool is_uploading;
    int64_t credit;          /* bytes of chunks that may be sent; the last chunk may overrun it */
    /* uploads */
    struct uuid upload_id;
    int64_t upload_credit; /* bytes that the client may still send */
    int64_t upload_due_us; /* by then the next chunk must have come, or the end */
};

struct link {
    struct dispatch_thread *thread;
    struct link_carrier carrier;
    uint64_t id;
    char peer[64];
    char software[64];
    int64_t since_us, active_us; /* monotonic: opened; the last request */
    uint64_t identities;         /* dispatch's when the session was looked at last */
    bool has_hello, is_closing, is_draining, has_session;
    bool was_known;              /* logged in at some time: large frames that are under way are read even when the session has ended */
    enum crm_status lost;        /* what has become of the session that it had, or wanted to resume: whoever asks without one is told so */
    bool is_device_checked;      /* its certificate was looked at, when identities were these: */
    uint64_t device_identities;
    bool has_missed;             /* an event was left out because the output was high */
    uint64_t features;           /* chosen */
    struct session session;
    uint64_t access_changes;     /* how often what its user may see has become another */
    uint8_t installation[THROTTLE_INSTALLATION]; /* what the client says that it is */
    bool has_installation;
    struct uuid place;           /* whose connections this one is counted among */
    bool has_place;
    int64_t touch_due_us;        /* monotonic: a request from then on is noted as use of the session */
    int64_t expires_us;          /* of the session, monotonic: jumps of the wall clock change nothing */
    uint32_t last_stream;        /* highest seen */
    struct stream streams[STREAMS_MAX];
    unsigned n_streams;
    unsigned round;              /* where the next turn begins */
    int64_t cancel_window_us;
    unsigned cancels, pings;
    int64_t ping_window_us;
};

enum crm_status link_send(struct link *link, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message, bool compress);
void link_send_error(struct link *link, uint32_t stream, enum crm_status status, const struct failure *failure, Crm__Error *details,
                     const uint8_t trace[16]);
void link_break(struct link *link, enum crm_status status, const char *text);
void link_break_for(struct link *link, const struct failure *failure);
/* Of why a session is none any more: may whoever shows its token be told, or only to log in? */
bool link_may_be_told(enum crm_status status);
/* What whoever had a session, and has none any more, is told. */
enum crm_status link_why_out(const struct link *link);
void link_close(struct link *link, const char *why);
/* identities: dispatch's before the session was read; what has changed since then is looked at before anything is answered under it. */
void link_set_session(struct link *link, const struct session *session, uint64_t identities);
/* Is there one, now? Ends one that has expired or was closed, whose user is gone or not active; takes over changed rights. */
bool link_check_session(struct link *link, int64_t now_us);
/* link_device.c: is its certificate still good, where it has one? false: the client was told why not, and the link closes. */
bool link_check_device(struct link *link);
/* Count it among the user's connections; CRM_BUSY when there are too many. */
enum crm_status link_take_place(struct link *link, const struct uuid *user) MUST_CHECK;
/* The session is in use: noted now and then. */
void link_touch_session(struct link *link, int64_t now_us);
struct stream *link_stream(struct link *link, uint32_t id);
/* There must be room (the gate has looked). */
struct stream *link_open_stream(struct link *link, uint32_t id);
/* Frees what it holds. Another entry may take its place in the table. */
void link_close_stream(struct link *link, struct stream *stream);
void link_fail_request(struct link *link, struct request *request, enum crm_status status);
void link_reply(struct link *link, struct request *request);

#endif
