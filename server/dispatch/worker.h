/*
 * worker.h - a few threads for what takes long: password hashes, reports, dry runs
 */
#ifndef CRM_SERVER_DISPATCH_WORKER_H
#define CRM_SERVER_DISPATCH_WORKER_H

#include "common/base/slice.h"
#include "common/base/status.h"

#define WORKER_QUEUE_MAX 64

struct work_job {
    struct work_job *next;
    void (*run)(struct work_job *job); /* on a worker; owns the job */
};

struct worker_pool;

enum crm_status worker_pool_create(unsigned threads, struct worker_pool **out_pool) MUST_CHECK;
/* Any thread. CRM_BUSY when too many wait. */
enum crm_status worker_submit(struct worker_pool *pool, struct work_job *job) MUST_CHECK;
/* Runs what waits, then ends the threads. Accepts NULL. */
void worker_pool_destroy(struct worker_pool *pool);

#endif
