/*
 * late.h - what became of a mutation that came late, for the answer, and for its author to choose later
 */
#ifndef CRM_SERVER_ENGINE_LATE_H
#define CRM_SERVER_ENGINE_LATE_H

#include "common/engine/conflict.h"
#include "common/ops/evolve.h"
#include "server/engine/change.h"

/* Is some of it in conflict? */
bool late_is_conflict(const struct evolve_late *late);

/*
 * What evolve says of a mutation into its result: outcome, merged fields, conflicts with what the record has as far as actor may read it. CRM_NO_MEMORY.
 */
enum crm_status late_answer(const struct evolve *evolve, const struct change_actor *actor, Crm__MutateResult *result) MUST_CHECK;

/*
 * Keep what was not taken, in the change; its id goes into the result. why: what the rules said, or empty. A deletion keeps nothing: nothing was typed.
 * CRM_TOO_LARGE where there is too much open already; CRM_NO_MEMORY.
 */
enum crm_status late_keep(struct change *change, const struct evolve *evolve, const Crm__Mutation *mutation, ProtobufCBinaryData client,
                          const char *why, Crm__MutateResult *result) MUST_CHECK;

/*
 * An answer that is kept for its key has no values: who may read what is asked anew each time. take: out of it (the results are copied, the arena's); fill:
 * back in, from what is kept of the conflicts and from the records as they are, as far as actor may read them.
 */
enum crm_status late_take_values(Crm__MutateReply *reply, struct arena *arena) MUST_CHECK;
enum crm_status late_fill_values(const struct view *view, const struct change_actor *actor, Crm__MutateReply *reply, struct arena *arena) MUST_CHECK;

#endif
