/*
 * push.h - sending the outbox: each change exactly once, what depends on each other in order, whatever is cut, killed, copied or restored
 */
#ifndef CRM_REPLICA_PUSH_H
#define CRM_REPLICA_PUSH_H

#include "client/include/crm.h"
#include "client/replica/outbox.h"

struct push_counts {
    uint64_t applied; /* as asked, or with what others have changed */
    uint64_t kept;    /* not taken, or not all of it: they stay in the outbox, with the reason */
    uint64_t held;    /* wait for one that was not taken (depends.h) */
    uint64_t again;   /* of applied: what the server had lost when it was restored */
    uint64_t answered, total; /* of those that were to be sent */
    bool is_new_copy; /* another copy of the replica has sent other changes in its name: it has a new one */
};

struct push_options {
    /* The server has answered one; of a group this is called for each mutation. NULL: nobody wants to know. */
    void (*on_answer)(void *arg, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer);
    /* So many of the total are answered. NULL as above. */
    void (*on_progress)(void *arg, const struct push_counts *so_far);
    /* Wait so long: the server has too much to do. NULL: sleep. */
    void (*rest)(void *arg, uint32_t ms);
    void *arg;
};

/*
 * Send what waits; where the server was restored from a backup, first what it has lost. replica is open for writing, client logged in. Does not connect
 * where nothing waits. CRM_CONFLICT: the replica is of another database or another user's. What has been answered is stored, also after a failure; the rest
 * waits for the next time.
 */
enum crm_status push_run(struct replica *replica, struct crm_client *client, const struct push_options *options, struct push_counts *out_counts,
                         struct failure *failure) MUST_CHECK;

/* After a pull: has the server that was talked to lost what is kept (kept.h)? Then push_run sends it, and is to be followed by a pull. */
bool push_is_due(struct replica *replica, struct crm_client *client);

#endif
