/*
 * mutate_inside.h - what the files of mutations share; only mutate*.c, late.c and undo.c include it
 */
#ifndef CRM_SERVER_ENGINE_MUTATE_INSIDE_H
#define CRM_SERVER_ENGINE_MUTATE_INSIDE_H

#include "common/ops/evolve.h"
#include "server/engine/mutate.h"

/* One record while it is made or changed. Not moved once begun: evolve points into it. */
struct work {
    struct change *change;
    const Crm__Mutation *mutation; /* NULL for a rule's own change */
    struct evolve evolve;
    struct view seen;              /* mutate_access.c: what who asks may see */
    struct view_guard guard;
    struct evolve_gate gate;
};

/* Begin with a kind; mutation NULL: the change is a rule's or a deletion's own, and nobody is asked whether it may be. */
void work_begin(struct work *work, struct change *change, const Crm__Mutation *mutation, const struct kind_def *kind, int64_t happened_us);
/* Run its mutation: store what comes of it. Of a late one evolve.late says what became of it; one that is whole has stored nothing. */
enum crm_status work_run(struct work *work, struct change *change, const Crm__Mutation *mutation, struct record_header *out_header) MUST_CHECK;

/*
 * mutate_find.c: the record that a mutation names by number, or an upsert by a field's value: into id, with *out_found. An upsert by an id looks for that one
 * itself. CRM_NOT_FOUND: there is no such number; CRM_AMBIGUOUS; CRM_INVALID: it says nothing to look for.
 */
enum crm_status work_find(struct work *work, struct uuid *id, bool *out_found) MUST_CHECK;

/* mutate_access.c: put the eyes and the rights of who asks between. */
void work_guard(struct work *work);
/* mutate_access.c: what may not be read is not there; what may only be read is not changed. */
enum crm_status work_may_change(struct work *work, const struct record_header *header) MUST_CHECK;
/* mutate_access.c: might who asks make a rule's further change by themselves? An error means no. */
bool work_may_change_too(const struct change *change, const struct rule_more *more);

/* mutate_request.c: what became of one, in its result; false when memory is spent. */
bool mutate_set_rejected(struct change_group *group, Crm__MutateResult *result, enum crm_status status, const struct failure *failure);
bool mutate_set_result(struct change_group *group, Crm__MutateResult *result, const struct record_header *header);
/* mutate_request.c: does a status end the whole request, whatever becomes of the others? */
bool mutate_is_fatal(enum crm_status status);

#endif
