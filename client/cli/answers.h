/*
 * answers.h - what the server has answered to the changes that a sync has sent: new numbers, what was merged, and what was not taken
 */
#ifndef CRM_CLI_ANSWERS_H
#define CRM_CLI_ANSWERS_H

#include <jansson.h>

#include "client/cli/cli.h"
#include "client/replica/outbox.h"

/* One that was merged. */
struct answers_merged {
    struct answers_merged *next;
    const Crm__Mutation *mutation; /* what names the record; in cli->arena */
    const uint32_t *fields;
    size_t n_fields;
};

struct answers {
    struct cli *cli;
    uint64_t *before; /* places of what had been answered before this sync */
    size_t n_before;
    struct answers_merged *merged, **last;
    json_t *told; /* {"numbered", "merged", "conflicts", "rejected", "held"}; owned */
    bool is_begun;
};

/* Before the push. answers_fini is due in any case. */
enum crm_status answers_begin(struct answers *answers, struct cli *cli, struct replica *replica) MUST_CHECK;
/* One answer: of a new record its number is told at once. */
void answers_take(struct answers *answers, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer);
/* Tell the rest, each with the command that goes on with it: lines for people, or into told. */
enum crm_status answers_end(struct answers *answers, struct replica *replica) MUST_CHECK;
void answers_fini(struct answers *answers);

#endif
