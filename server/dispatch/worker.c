/*
 * worker.c - a bounded queue and its threads
 */
#include "server/dispatch/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct work_job *first, **last;
    unsigned waiting;
    bool stopping;
    unsigned n_threads;
    pthread_t threads[];
};

static void *worker_main(void *arg)
{
    struct worker_pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct work_job *job;

        while (!pool->first && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        job = pool->first;
        if (!job)
            break;
        pool->first = job->next;
        if (!pool->first)
            pool->last = &pool->first;
        pool->waiting--;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

enum crm_status worker_pool_create(unsigned threads, struct worker_pool **out_pool)
{
    struct worker_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);

    if (!pool)
        return CRM_NO_MEMORY;
    pool->last = &pool->first;
    if (pthread_mutex_init(&pool->lock, NULL) != 0 || pthread_cond_init(&pool->wake, NULL) != 0) {
        free(pool);
        return CRM_NO_MEMORY;
    }
    for (; pool->n_threads < threads; pool->n_threads++)
        if (pthread_create(&pool->threads[pool->n_threads], NULL, worker_main, pool) != 0) {
            worker_pool_destroy(pool);
            return CRM_NO_MEMORY;
        }
    *out_pool = pool;
    return CRM_OK;
}

enum crm_status worker_submit(struct worker_pool *pool, struct work_job *job)
{
    enum crm_status status = CRM_OK;

    pthread_mutex_lock(&pool->lock);
    if (pool->stopping) {
        status = CRM_SHUTTING_DOWN;
    } else if (pool->waiting >= WORKER_QUEUE_MAX) {
        status = CRM_BUSY;
    } else {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

void worker_pool_destroy(struct worker_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
