/*
 * outcome.h - exactly once: the answer to a numbered request is kept in the transaction of its changes
 *
 *     client                 → user, low mark, last use
 *     client ‖ number        → time, hash of the request, packed MutateReply
 */
#ifndef CRM_SERVER_ENGINE_OUTCOME_H
#define CRM_SERVER_ENGINE_OUTCOME_H

#include "server/engine/change.h"

#define CLIENT_SIZE     16
#define OUTCOMES_OPEN   128                     /* numbers above the low mark that a client may have */
#define OUTCOME_KEPT_US (7 * INT64_C(86400000000)) /* after a week without use a client's rows may be swept */

struct outcome_key {
    uint8_t client[CLIENT_SIZE];
    uint64_t number;
    uint64_t low_mark;      /* as the request says */
    uint8_t hash[16];       /* of what the request asks for */
};

/*
 * Look the key up. CRM_OK with *out_reply set (borrowed packed MutateReply): it was answered before; with empty *out_reply: it is new. CRM_KEY_REUSED: the number
 * was used for another request or lies at or below the low mark; CRM_NOT_ALLOWED: the client belongs to another user; CRM_BUSY: too many are open.
 */
enum crm_status outcome_find(const struct change_group *group, const struct outcome_key *key, const struct uuid *user,
                             struct slice *out_reply, struct failure *failure) MUST_CHECK;

/* Keep the answer, forget those up to the low mark. Into the group directly: nothing else can refuse any more. On failure the group is
 * spoiled, since it holds the changes that the answer was about. */
enum crm_status outcome_keep(struct change_group *group, const struct outcome_key *key, const struct uuid *user, struct slice reply) MUST_CHECK;

/* Delete the rows of clients that were last used before a time, at most max of them: housekeeping on the bulk queue. */
enum crm_status outcome_sweep(struct change_group *group, int64_t before_us, unsigned max) MUST_CHECK;

#endif
