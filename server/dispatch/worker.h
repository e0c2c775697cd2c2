/*
 * worker.h - a few threads for what takes long: password hashes, reports, dry runs
 *
 * What waits stands in one of three lines, each with a bound of its own. Passwords take turns with the rest, and among them those of places that are known go
 * first: whoever guesses at passwords delays neither reports nor the users of the house.
 */
#ifndef CRM_SERVER_DISPATCH_WORKER_H
#define CRM_SERVER_DISPATCH_WORKER_H

#include "common/base/slice.h"
#include "common/base/status.h"

enum work_line {
    WORK_KNOWN_PASSWORD, /* of a place that has logged the user in before (throttle.h) */
    WORK_PASSWORD,
    WORK_OTHER,
    WORK_LINES,
};

struct work_job {
    struct work_job *next;
    void (*run)(struct work_job *job); /* on a worker; owns the job */
};

struct worker_pool;

enum crm_status worker_pool_create(unsigned threads, struct worker_pool **out_pool) MUST_CHECK;
/* Any thread. CRM_BUSY when too many wait in this line. */
enum crm_status worker_submit(struct worker_pool *pool, struct work_job *job, enum work_line line) MUST_CHECK;
/* Of a pool without threads: run the next job here. false: none waits. */
bool worker_step(struct worker_pool *pool);
/* Runs what waits, then ends the threads. Accepts NULL. Of a pool without threads nothing may wait. */
void worker_pool_destroy(struct worker_pool *pool);

#endif
