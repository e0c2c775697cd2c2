/*
 * undo.h - taking back what a job has done, newest change first
 *
 * A field goes back only where it still has what the job wrote: what others have changed since is left and told. What the job created goes into the recycle
 * bin where nobody has touched it since; what it deleted comes back. Rules are asked and history is written as for any other change.
 */
#ifndef CRM_SERVER_ENGINE_UNDO_H
#define CRM_SERVER_ENGINE_UNDO_H

#include "server/engine/job.h"

#define UNDO_STEP 200 /* entries of the log that are looked at in one piece */

/*
 * The next piece of job, which undoes another (job->undoes): counts into job and moves it on, puts its row, and gives a result for each change that is taken
 * back or left (that one with an error that says why). Writer thread; on failure the group is spoiled where a part of it was accepted.
 */
enum crm_status undo_step(struct change_group *group, const struct change_actor *actor, Crm__Job *job, Crm__MutateReply *reply,
                          struct failure *failure) MUST_CHECK;

/* A change, with what was taken along with it, as what job undoes. CRM_NOT_FOUND: the log has no such entry. */
enum crm_status undo_find(const struct view *view, uint64_t seq, struct arena *arena, Crm__Job *job) MUST_CHECK;

#endif
