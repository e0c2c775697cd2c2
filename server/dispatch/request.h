/*
 * request.h - one request on its way: decoded, gated, run where its row says, answered by its link if that still exists
 *
 * Private to server/dispatch. A request belongs to one thread at a time: the io thread, then perhaps a worker, the writer, and back.
 */
#ifndef CRM_SERVER_DISPATCH_REQUEST_H
#define CRM_SERVER_DISPATCH_REQUEST_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "proto/frame.h"
#include "server/dispatch/dispatch.h"
#include "server/dispatch/worker.h"
#include "server/dispatch/writer.h"
#include "server/ops/op.h"
#include "server/session/crowd.h"

#define REQUEST_BUDGET   (96u << 20) /* memory of one request */
#define DEADLINE_DEFAULT 10000       /* ms */
#define DEADLINE_MAX     120000

/* The server's inside, shared by all threads. */
struct dispatch {
    struct core *core;
    bool is_stepped; /* without threads */
    struct writer *writer;
    struct worker_pool *workers;
    struct throttle *throttle; /* of passwords that are tried */
    struct crowd *crowd;       /* connections by user */
    pthread_mutex_t lock; /* of threads */
    struct dispatch_thread *threads[64];
    unsigned n_threads;
    struct arena_pool memory; /* of all requests: no number of clients may hold more */
    atomic_ullong identities; /* rises when users, roles or sessions have changed: every link looks at its session again */
    atomic_uint watches; /* subscriptions on all threads: without any, commits publish nothing */
};

struct request {
    struct mail mail; /* first: what is posted back */
    struct write_job write;
    struct work_job work;
    struct dispatch_thread *thread;
    uint64_t link_id;
    uint32_t stream;
    const struct op_def *op;
    unsigned flags;          /* the row's, as place left them */
    struct arena arena, scratch;
    struct session session;  /* a copy for what outlives this turn */
    struct device_claim claim; /* the same of what the connection's certificate says */
    uint64_t identities;     /* dispatch's when the session was looked at last */
    uint64_t access_changes; /* the link's when the request began: what was read for another access is not answered */
    struct view guarded;     /* of this turn, with the guard of who asks */
    struct view_guard guard;
    struct schema *schema;
    struct op_ctx ctx;
    uint8_t installation[THROTTLE_INSTALLATION]; /* for ctx */
    struct uuid upload_id;
    uint32_t upload_bytes;   /* of the chunk: granted again when it is stored */
    int64_t deadline_us;     /* monotonic */
    int64_t started_us;
    uint8_t trace[16];
    atomic_bool cancelled;
    bool is_pooled;          /* the thread's own, for what is answered at once */
    bool is_prepared;        /* the worker's part is done */
    enum crm_status status;
};

/* A request on the heap; NULL when memory is spent. */
struct request *request_create(struct dispatch_thread *thread) MUST_CHECK;
/* Make a used one ready for the next. */
void request_reset(struct request *request);
void request_destroy(struct request *request);

/* Hand to a worker or the writer; it comes back through the thread's mailbox to link_answer. A refusal is returned, the request stays the caller's. */
enum crm_status request_send_away(struct request *request) MUST_CHECK;

/* Let the handler read through view with the eyes of who asks; before login nobody's. view may go before the request does. */
void request_set_view(struct request *request, const struct view *view);
/* A trace that the client did not give is made where somebody may ask for it: of an error, or for the audit trail. */
void request_make_trace(struct request *request);
/* For op_ctx. */
enum crm_status request_still_wanted(struct op_ctx *ctx) MUST_CHECK;
/* Does a body fit a frame? CRM_TOO_LARGE with a sentence: the answer is then an error on its stream, not the end of the connection. */
enum crm_status request_bound_body(struct request *request, size_t size) MUST_CHECK;

/* An initialised message of a descriptor in an arena; NULL when memory is spent. */
void *message_create(const ProtobufCMessageDescriptor *descriptor, struct arena *arena) MUST_CHECK;

/* --- thread.c */

struct subscription; /* push.h */

struct dispatch_thread {
    struct dispatch *dispatch;
    struct mailbox *mailbox;
    struct store_txn *txn;      /* the read snapshot of this turn, or NULL */
    struct view view;
    struct schema *schema;      /* as of schema_swaps; each request has a reference of its own */
    uint64_t schema_swaps;
    struct request *fast;       /* reused for what is answered at once */
    struct link **links;        /* by slot; NULL where free */
    uint32_t *generations;
    uint32_t n_slots;
    uint32_t free_hint;
    struct subscription *subscriptions;
};

/* The snapshot of this turn, begun by the first who asks. */
enum crm_status thread_view(struct dispatch_thread *thread, const struct schema *schema, const struct view **out_view) MUST_CHECK;
/* The schema as it is now; lives until the thread asks again. */
struct schema *thread_schema(struct dispatch_thread *thread);
/* 0 when memory is spent. */
uint64_t thread_add_link(struct dispatch_thread *thread, struct link *link) MUST_CHECK;
void thread_remove_link(struct dispatch_thread *thread, uint64_t id);
/* NULL when it is gone. */
struct link *thread_link(struct dispatch_thread *thread, uint64_t id);

/* --- link.c */
/* Look at the session again where users, roles, teams or sessions have changed: what read under an access that is gone ends here. */
void link_renew_session(struct link *link);
/* Who is logged in, as it was looked at last; NULL: nobody. */
const struct session *link_session(const struct link *link);
/* The answer of a request that was away. */
void link_answer(struct link *link, struct request *take_request);
/* An event for a subscription: CRM_BUSY when the output is high; push_catch_up is called when it has drained. */
enum crm_status link_event(struct link *link, uint32_t stream, const Crm__Event *event) MUST_CHECK;

/* --- session_job.c: written some time soon, or not at all; nobody waits for it */

/* The session is in use. */
void session_job_touch(struct dispatch *dispatch, const struct session *session);
/* Nobody has got its token. */
void session_job_close(struct dispatch *dispatch, const struct session *session);

/* --- push.c: subscriptions of one thread */
enum crm_status push_subscribe(struct dispatch_thread *thread, uint64_t link_id, uint32_t stream, const struct op_watch *watch) MUST_CHECK;
/* Tell the subscriptions of a link that have missed events that they are behind. */
void push_catch_up(struct dispatch_thread *thread, struct link *link, uint64_t link_id);
void push_unsubscribe(struct dispatch_thread *thread, uint64_t link_id, uint32_t stream);
void push_unsubscribe_link(struct dispatch_thread *thread, uint64_t link_id);
/* Writer thread: tell every io thread. */
void push_publish(void *dispatch, const struct change_event *events, uint64_t seq);

#endif
