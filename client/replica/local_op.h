/*
 * local_op.h - one request to a replica, and what answers it; private to client/replica
 *
 * local.c takes frames in and gives them out; local_op.c knows what the operations do.
 */
#ifndef CRM_REPLICA_LOCAL_OP_H
#define CRM_REPLICA_LOCAL_OP_H

#include <sys/queue.h>

#include "client/replica/replica.h"
#include "common/base/arena.h"
#include "common/engine/view.h"
#include "common/ops/ask.h"

struct local_call {
    TAILQ_ENTRY(local_call) entry;
    uint32_t stream;
    struct replica *replica;
    const struct local_op *op;
    const void *request;
    void *state;            /* of a stream, between its turns; in arena */
    struct arena arena;     /* of the whole call */
    struct arena scratch;   /* of a turn */
    struct failure failure;
    Crm__Error *error;      /* more to say with it; usually NULL */
    /* what a turn gives */
    struct slice part;      /* of a stream: a packed chunk; empty: none */
    struct slice reply;     /* when it is done: the packed reply */
    bool is_done;
};

struct local_op {
    uint32_t code;
    bool is_stream;
    bool writes; /* a turn is a write run */
    /* A turn, with a snapshot of its own; nothing of view may be kept. */
    enum crm_status (*run)(struct local_call *call, const struct view *view);
};

/* NULL: this needs the server. */
const struct local_op *local_op_find(uint32_t code);

/* What the operations of common/ops ask with; in the call's arena. */
struct ask local_ask(struct local_call *call, const struct view *view);
/* Done, with this message. */
enum crm_status local_reply(struct local_call *call, const ProtobufCMessage *message) MUST_CHECK;

/* local_conflicts.c: the run of sync.conflicts. */
enum crm_status local_conflicts(struct local_call *call, const struct view *view) MUST_CHECK;
/* local_mutate.c: the run of record.mutate. */
enum crm_status local_mutate(struct local_call *call, const struct view *view) MUST_CHECK;

#endif
