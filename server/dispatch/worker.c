/*
 * worker.c - bounded lines of jobs, and the threads that take from them
 */
#include "server/dispatch/worker.h"

#include <pthread.h>
#include <stdlib.h>

/* Jobs that may wait in each line: of passwords 32 in all, less than a second's work for two threads. */
static const unsigned most_waiting[WORK_LINES] = { [WORK_KNOWN_PASSWORD] = 16, [WORK_PASSWORD] = 16, [WORK_OTHER] = 64 };

struct line {
    struct work_job *first, **last;
    unsigned waiting;
};

struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct line lines[WORK_LINES];
    bool passwords_turn; /* where both wait, the next to run is one */
    bool stopping;
    unsigned n_threads;
    pthread_t threads[];
};

static struct work_job *take(struct line *line)
{
    struct work_job *job = line->first;

    line->first = job->next;
    if (!line->first)
        line->last = &line->first;
    line->waiting--;
    return job;
}

/* The next to run; NULL when nothing waits. */
static struct work_job *take_next(struct worker_pool *pool)
{
    struct line *passwords = &pool->lines[pool->lines[WORK_KNOWN_PASSWORD].first ? WORK_KNOWN_PASSWORD : WORK_PASSWORD];
    struct line *other = &pool->lines[WORK_OTHER];
    bool is_password = passwords->first && (pool->passwords_turn || !other->first);

    if (!is_password && !other->first)
        return NULL;
    pool->passwords_turn = !is_password;
    return take(is_password ? passwords : other);
}

static void *worker_main(void *arg)
{
    struct worker_pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct work_job *job;

        while (!(job = take_next(pool)) && !pool->stopping)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (!job)
            break;
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
    for (size_t i = 0; i < WORK_LINES; i++)
        pool->lines[i].last = &pool->lines[i].first;
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

enum crm_status worker_submit(struct worker_pool *pool, struct work_job *job, enum work_line line_number)
{
    struct line *line = &pool->lines[line_number];
    enum crm_status status = CRM_OK;

    pthread_mutex_lock(&pool->lock);
    if (pool->stopping) {
        status = CRM_SHUTTING_DOWN;
    } else if (line->waiting >= most_waiting[line_number]) {
        status = CRM_BUSY;
    } else {
        job->next = NULL;
        *line->last = job;
        line->last = &job->next;
        line->waiting++;
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
    return status;
}

bool worker_step(struct worker_pool *pool)
{
    struct work_job *job;

    pthread_mutex_lock(&pool->lock);
    job = take_next(pool);
    pthread_mutex_unlock(&pool->lock);
    if (job)
        job->run(job);
    return job != NULL;
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
