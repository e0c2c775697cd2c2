/*
 * test_worker.c - lines of jobs: their bounds, and whose turn it is
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <pthread.h>

#include "server/dispatch/worker.h"

#include <cmocka.h>

#define JOBS 128

struct job {
    struct work_job work; /* first */
    struct run *run;
    char name;
};

/* One thread, which is held by its first job until all others are in line. */
struct run {
    struct worker_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held, may_go;
    struct job jobs[JOBS];
    unsigned n_jobs;
    char order[JOBS + 1];
    unsigned n_done;
};

static void hold(struct work_job *work)
{
    struct run *run = ((struct job *)work)->run;

    pthread_mutex_lock(&run->lock);
    run->is_held = true;
    pthread_cond_broadcast(&run->changed);
    while (!run->may_go)
        pthread_cond_wait(&run->changed, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

static void note(struct work_job *work)
{
    struct job *job = (struct job *)work;

    job->run->order[job->run->n_done++] = job->name;
}

static enum crm_status submit(struct run *run, enum work_line line, char name)
{
    struct job *job = &run->jobs[run->n_jobs++];

    *job = (struct job){ .work.run = name ? note : hold, .run = run, .name = name };
    return worker_submit(run->pool, &job->work, line);
}

static void begin(struct run *run)
{
    *run = (struct run){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    assert_int_equal(worker_pool_create(1, &run->pool), CRM_OK);
    assert_int_equal(submit(run, WORK_OTHER, '\0'), CRM_OK);
    pthread_mutex_lock(&run->lock);
    while (!run->is_held)
        pthread_cond_wait(&run->changed, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

/* Everything that waits runs. */
static void finish(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    run->may_go = true;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    worker_pool_destroy(run->pool);
}

/* However many strangers try passwords: there is room for the others. */
static void bounds_each_line(void **state)
{
    static struct run run;
    unsigned n = 0;

    (void)state;
    begin(&run);
    while (submit(&run, WORK_PASSWORD, 'p') == CRM_OK)
        n++;
    assert_int_equal(n, 16);
    assert_int_equal(submit(&run, WORK_PASSWORD, 'p'), CRM_BUSY);
    for (n = 0; n < 16; n++)
        assert_int_equal(submit(&run, WORK_KNOWN_PASSWORD, 'k'), CRM_OK);
    assert_int_equal(submit(&run, WORK_KNOWN_PASSWORD, 'k'), CRM_BUSY);
    for (n = 0; n < 64; n++)
        assert_int_equal(submit(&run, WORK_OTHER, 'o'), CRM_OK);
    assert_int_equal(submit(&run, WORK_OTHER, 'o'), CRM_BUSY);
    finish(&run);
    assert_int_equal(run.n_done, 16 + 16 + 64);
}

static void takes_turns(void **state)
{
    static struct run run;

    (void)state;
    begin(&run);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(submit(&run, WORK_PASSWORD, 'p'), CRM_OK);
        assert_int_equal(submit(&run, WORK_OTHER, 'o'), CRM_OK);
    }
    assert_int_equal(submit(&run, WORK_KNOWN_PASSWORD, 'k'), CRM_OK);
    finish(&run);
    assert_string_equal(run.order, "kopopop"); /* the known one first, then in turn */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_each_line),
        cmocka_unit_test(takes_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
