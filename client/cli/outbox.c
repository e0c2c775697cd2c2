/*
 * outbox.c - how many changes are in the outbox
 *
 * Called by first.c and cmd_sync.c; main thread.
 */
#include "client/cli/outbox.h"

#include "client/replica/outbox.h"

#define OUTBOX_BUDGET ((size_t)64 << 20)

enum crm_status outbox_tally(struct replica *replica, struct outbox_tally *out_tally, struct failure *failure)
{
    struct outbox_tally tally = { 0 };
    struct outbox_list list;
    struct arena arena;
    enum crm_status status;

    arena_init(&arena, OUTBOX_BUDGET);
    status = outbox_load(replica, &arena, &list, failure);
    for (size_t i = 0; !status && i < list.n; i++) {
        const Crm__MutateResult *answer = list.items[i].queued->answer;

        if (!answer)
            tally.waiting++;
        else if (answer->outcome == CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT || answer->status == CRM_CONFLICT)
            tally.conflicts++;
        else
            tally.rejected++;
    }
    arena_fini(&arena);
    if (!status)
        *out_tally = tally;
    return status;
}
