/*
 * done.h - no change is done twice, whichever copy of a replica sends it, under whichever number
 *
 *     job: "m" ‖ user ‖ change → time, hash of what was asked for, packed MutateReply without values and sentences
 *
 * The name of a change (MutateRequest.change) is made with the change and goes with it into every copy of its replica. outcome.h's numbers are a client's own
 * and are forgotten early; these are kept for longer than a replica may go without a sync, and are in every backup that has the change.
 */
#ifndef CRM_SERVER_ENGINE_DONE_H
#define CRM_SERVER_ENGINE_DONE_H

#include "server/engine/change.h"

#define DONE_PREFIX  "m"
#define DONE_KEPT_US (45 * INT64_C(86400000000)) /* replicas send nothing again that is older than 30 days */

struct done_key {
    struct uuid user, change;
    uint8_t hash[16]; /* of what is asked for, however it is sent */
};

/* CRM_OK with *out_reply: it was done (borrowed packed MutateReply); with it empty: it was not. CRM_KEY_REUSED: another change had this name. */
enum crm_status done_find(const struct change_group *group, const struct done_key *key, struct slice *out_reply, struct failure *failure) MUST_CHECK;
/* Into the group, as outcome_keep. */
enum crm_status done_keep(struct change_group *group, const struct done_key *key, struct slice reply) MUST_CHECK;

#endif
