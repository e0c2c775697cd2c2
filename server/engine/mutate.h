/*
 * mutate.h - mutations: create, patch, delete, actions; one or many, each whole or not at all; the only way in which records change
 */
#ifndef CRM_SERVER_ENGINE_MUTATE_H
#define CRM_SERVER_ENGINE_MUTATE_H

#include "common/ops/evolve.h"
#include "proto/wire.pb-c.h"
#include "server/engine/change.h"

#define MUTATIONS_MAX        500    /* in one request */
#define ATOMIC_MAX           50000  /* in one that is all or nothing and was staged as an upload */
#define MUTATION_RECORDS_MAX RULE_RECORDS_MAX /* that one mutation may touch by what it takes along */
#define MUTATION_DEPTH_MAX   RULE_DEPTH_MAX /* rules that ask for changes that ask for changes … */

/*
 * Run a request's mutations in a group (mutate_request.c). The reply has a result for each mutation, or, where the request is atomic and one is refused, that one's
 * error as the status returned (nothing is accepted then). Not atomic: CRM_OK although some results may carry errors. CRM_NO_MEMORY and the
 * like end the request, and spoil the group where a part of it was accepted. Nothing is looked up under the request's key here (outcome.h does).
 * A late mutation (evolve.h) that is in conflict is no refusal: its result says so, and the request is CRM_OK; in an atomic one nothing is accepted then.
 */
enum crm_status mutate_run(struct change_group *group, const struct change_actor *actor, const Crm__MutateRequest *request,
                           Crm__MutateReply *reply, struct failure *failure) MUST_CHECK;

/* One mutation inside a change; out_header is what the record is afterwards. CRM_CONFLICT where it is late and something of it was not taken: drop the change. */
enum crm_status mutate_one(struct change *change, const Crm__Mutation *mutation, struct record_header *out_header) MUST_CHECK;

/* remove.c: delete with what hangs on the record, and take it back. */
enum crm_status remove_record(struct change *change, const struct kind_def *kind, const struct record *before, int64_t happened_us,
                              struct record_header *out_header) MUST_CHECK;
enum crm_status restore_record(struct change *change, const struct kind_def *kind, const struct record *bin, int64_t happened_us,
                               struct record_header *out_header) MUST_CHECK;

/* mutate.c: do the kind's rules let a record be deleted, or come back? */
enum crm_status ask_guard(struct change *change, const struct record *before, bool is_restore) MUST_CHECK;
/* mutate.c: what a rule, a deletion or an undo asks for: nobody is asked whether it may be. */
enum crm_status mutate_more(struct change *change, const struct rule_more *more, int64_t happened_us, struct record_header *out_header) MUST_CHECK;
/* mutate.c: a patch that a rule or a deletion asks for: may set derived fields. */
enum crm_status mutate_patch(struct change *change, const struct kind_def *kind, const struct uuid *id, const struct body_patch *patch,
                             int64_t happened_us, struct record_header *out_header) MUST_CHECK;

#endif
