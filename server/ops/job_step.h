/*
 * job_step.h - a request that changes records as a piece of a job
 */
#ifndef CRM_SERVER_OPS_JOB_STEP_H
#define CRM_SERVER_OPS_JOB_STEP_H

#include "server/engine/change.h"
#include "server/ops/op.h"

/*
 * Run a request whose `job` is set, in ctx->group: its mutations, its refusals, the job's place, all or nothing of it. The reply has the job as it stands
 * then; where that was not at the step's beginning, nothing was done and there are no results. CRM_NOT_FOUND: the user has no such job.
 */
enum crm_status job_step_run(struct op_ctx *ctx, struct change_actor *actor, const Crm__MutateRequest *request) MUST_CHECK;

/* Of a dry run that is a piece of a job: the reply's job has the counts, and of an upload there are no results. */
enum crm_status job_step_tell(struct op_ctx *ctx, const Crm__MutateRequest *request) MUST_CHECK;

#endif
