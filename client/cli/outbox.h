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

#endif
