/*
 * outbox.h - queued changes in words
 */
#ifndef CRM_CLI_OUTBOX_H
#define CRM_CLI_OUTBOX_H

#include "client/cli/cli.h"

/* "set C-~1", "move deal 9f3a21c7": of an item of the outbox. Lives in cli's arena. */
const char *outbox_what(struct cli *cli, const Crm__QueuedMutation *queued);
/* Why the server has not taken it, or not all of it. */
const char *outbox_why(struct cli *cli, const Crm__MutateResult *answer);

/* The number of a change, as it is listed. CRM_USAGE. */
enum crm_status outbox_place(struct cli *cli, const char *text, uint64_t *out_place) MUST_CHECK;

/* Changes that the server has not answered, and those that it has not taken. */
struct outbox_tally {
    uint64_t waiting, conflicts, rejected;
    uint64_t unkept; /* of conflicts, those of which the server keeps nothing (a deletion) */
};
enum crm_status outbox_tally(struct replica *replica, struct outbox_tally *out_tally, struct failure *failure) MUST_CHECK;

#endif
