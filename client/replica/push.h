/*
 * push.h - sending the outbox: each change exactly once, in order, whatever is cut or killed
 */
#ifndef CRM_REPLICA_PUSH_H
#define CRM_REPLICA_PUSH_H

#include "client/include/crm.h"
#include "client/replica/outbox.h"

struct push_counts {
    uint64_t applied; /* as asked, or with what others have changed */
    uint64_t kept;    /* not taken, or not all of it: they stay in the outbox, with the reason */
};

struct push_options {
    /* The server has answered one. NULL: nobody wants to know. */
    void (*on_answer)(void *arg, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer);
    void *arg;
};

/*
 * Send what waits. replica is open for writing, client logged in. CRM_CONFLICT: the replica is of another database or another user's. What has been
 * answered is stored, also after a failure; the rest waits for the next time.
 */
enum crm_status push_run(struct replica *replica, struct crm_client *client, const struct push_options *options, struct push_counts *out_counts,
                         struct failure *failure) MUST_CHECK;

#endif
