/*
 * index_job.h - building and dropping the index of a custom field, a little at a time, resumable
 *
 *     job  'i' ‖ kind u8 ‖ ref u16  →  phase u8, reference u8, key to go on from
 *
 * The row is put in the transaction that changes the field's definition; steps run on the writer's bulk queue. While the index is built every
 * write keeps it in step already, but the planner uses it only when the definition says index_ready.
 */
#ifndef CRM_SERVER_ENGINE_INDEX_JOB_H
#define CRM_SERVER_ENGINE_INDEX_JOB_H

#include "server/engine/change.h"

#define INDEX_JOB_STEP 200 /* records or entries in one turn */

/* A field definition changes: does its index have to be built or dropped? before and after NULL where it is not live. */
enum crm_status index_job_note(struct change *change, const struct record *before, const struct record *after) MUST_CHECK;

/* One turn of the first job there is. *out_more: there is more to do. */
enum crm_status index_job_step(struct change_group *group, bool *out_more) MUST_CHECK;

#endif
