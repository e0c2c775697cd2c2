/*
 * job.h - bulk work in pieces: where each job is in its input, what it has done, what was refused; each piece is taken exactly once
 *
 *     job  'j' ‖ job                       → packed Job
 *          'j' ‖ job ‖ 'r' ‖ line u64      → packed JobRefusal
 *          'j' ‖ job ‖ 's' ‖ seq u64       → the last seq of a run of the log that begins at seq and holds changes of this job (and maybe others')
 *          'k' ‖ user ‖ SHA-256 of a name  → the job
 *
 * A job is begun by its user and fed by requests (Crm__JobStep). The rows change in the transaction of the changes themselves, so whoever was cut off asks
 * where the job is and goes on from there, and two that feed the same job take turns. Writer thread, but for what takes a view.
 */
#ifndef CRM_SERVER_ENGINE_JOB_H
#define CRM_SERVER_ENGINE_JOB_H

#include "server/engine/change.h"

#define JOB_NAME_MAX     100                          /* bytes */
#define JOB_REFUSALS_MAX 100000                       /* that are kept of one job; the rest is counted */
#define JOB_KEPT_US      (90 * INT64_C(86400000000)) /* a job that nobody has touched for so long goes, and can no longer be undone as a whole */

/* A user's own; with user NULL anybody's. CRM_NOT_FOUND. */
enum crm_status job_load(const struct view *view, const struct uuid *id, const struct uuid *user, struct arena *arena, Crm__Job **out_job) MUST_CHECK;
/* The job that a user calls so. CRM_NOT_FOUND. */
enum crm_status job_find(const struct view *view, const struct uuid *user, const char *name, struct uuid *out_id) MUST_CHECK;

/* Put a job's row as it is. */
enum crm_status job_put(struct change_group *group, const Crm__Job *job) MUST_CHECK;
/* Begin one that does not exist: its row and its name's. */
enum crm_status job_begin(struct change_group *group, const Crm__Job *job) MUST_CHECK;

/*
 * A piece has been done: count its results, keep its refusals, move on. seq_before: the log's end before it. Into the group directly; on failure the group is
 * spoiled, since it holds the changes.
 */
enum crm_status job_advance(struct change_group *group, Crm__Job *job, const Crm__JobStep *step, const Crm__MutateRequest *request,
                            const Crm__MutateReply *reply, uint64_t seq_before) MUST_CHECK;

/* What has been done with one mutation, into the job's counts. */
void job_count(Crm__Job *job, const Crm__Mutation *mutation, const Crm__MutateResult *result);
/* Part of job_advance: the job's place is to from now on, and what the log has got since seq_before is its own. */
enum crm_status job_move(struct change_group *group, Crm__Job *job, uint64_t to, uint64_t seq_before) MUST_CHECK;

/* Called with a refusal; false ends the walk. */
typedef bool job_refusal_visit(void *arg, uint64_t line, struct slice packed);
/* Refusals behind a line, in order. */
enum crm_status job_refusals(const struct view *view, const struct uuid *id, uint64_t after_line, job_refusal_visit *visit, void *arg) MUST_CHECK;

/* The last run of the log with changes of a job that begins before a seq. CRM_NOT_FOUND: there is none. */
enum crm_status job_span_before(const struct view *view, const struct uuid *id, uint64_t seq, uint64_t *out_first, uint64_t *out_last) MUST_CHECK;

/* Called with each job, by id; false ends the walk. */
typedef bool job_visit(void *arg, const struct uuid *id, struct slice packed);
enum crm_status job_each(const struct view *view, job_visit *visit, void *arg) MUST_CHECK;

/* Delete rows of jobs that were last touched before a time, looking at max rows at most: housekeeping on the bulk queue. */
enum crm_status job_sweep(struct change_group *group, int64_t before_us, unsigned max) MUST_CHECK;

#endif
