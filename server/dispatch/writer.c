/*
 * writer.c - takes all that wait, applies them to one group, commits once, then tells everybody
 *
 * The writer never waits for company: while the disk syncs one group the next gathers, so durable throughput grows with load. A job that fails
 * leaves nothing in the group, and one that finds no room in it is the first of the next. After a sync that failed the outcome of the group is
 * unknown: nobody is answered and the process ends (PITFALLS 2.2).
 */
#include "server/dispatch/writer.h"

#include <stdlib.h>

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/engine/index_job.h"

#define GROUP_ARENA   (768u << 20) /* the most that one change may take: MUTATION_RECORDS_MAX records, about 20 KiB each while they change owner */
#define GROUP_MEMORY  (96u << 20)  /* then the group is closed */
#define GROUP_BYTES   (4u << 20) /* of keys and values: then the group is closed */
#define EXIT_SYNC     74         /* EX_IOERR */
#define AUDIT_PRUNED  500        /* entries that retention takes in one turn */

struct queue {
    struct write_job *first, **last;
    size_t n;
};

struct writer {
    struct core *core;
    writer_published *published;
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct queue interactive, bulk;
    bool stopping, started;
    bool bulk_turn; /* the next group is a bulk job, where one waits */
    struct arena arena;
    struct writer_stats stats;
    struct write_job index_job; /* builds and drops indexes of custom fields, a turn at a time */
    bool index_job_waits, index_job_more;
    struct write_job audit_job;
    bool audit_job_waits; /* under lock */
    /* of the group under way */
    struct write_job *jobs;
    struct write_job *end; /* from this one on they wait for the next group; NULL: none */
    struct change_group group;
    struct schema *schema;
};

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){ .last = &queue->first };
}

static void queue_push(struct queue *queue, struct write_job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->n++;
}

/* A list of jobs, perhaps empty, goes back to where it was taken from. */
static void queue_put_back(struct queue *queue, struct write_job *jobs)
{
    struct write_job **last = &jobs;

    if (!jobs)
        return;
    for (; *last; last = &(*last)->next)
        queue->n++;
    *last = queue->first;
    if (!queue->first)
        queue->last = last;
    queue->first = jobs;
}

static struct write_job *queue_pop(struct queue *queue)
{
    struct write_job *job = queue->first;

    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->n--;
    return job;
}

enum crm_status writer_create(struct core *core, writer_published *published, void *arg, struct writer **out_writer)
{
    struct writer *writer = calloc(1, sizeof *writer);

    if (!writer)
        return CRM_NO_MEMORY;
    writer->core = core;
    writer->published = published;
    writer->arg = arg;
    queue_init(&writer->interactive);
    queue_init(&writer->bulk);
    arena_init(&writer->arena, GROUP_ARENA);
    if (pthread_mutex_init(&writer->lock, NULL) != 0 || pthread_cond_init(&writer->wake, NULL) != 0) {
        free(writer);
        return CRM_NO_MEMORY;
    }
    *out_writer = writer;
    return CRM_OK;
}

void writer_destroy(struct writer *writer)
{
    if (!writer)
        return;
    writer_stop(writer);
    arena_fini(&writer->arena);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

enum crm_status writer_submit(struct writer *writer, struct write_job *job)
{
    enum crm_status status = CRM_OK;

    pthread_mutex_lock(&writer->lock);
    if (writer->stopping) {
        status = CRM_SHUTTING_DOWN;
    } else if (writer->interactive.n + writer->bulk.n >= (size_t)writer->core->settings.write_queue) {
        status = CRM_BUSY;
    } else {
        queue_push(job->is_bulk ? &writer->bulk : &writer->interactive, job);
        pthread_cond_signal(&writer->wake);
    }
    pthread_mutex_unlock(&writer->lock);
    return status;
}

/* All interactive writes that wait, up to the group's size; bulk writes only when there are none, or one of them between two groups. */
static struct write_job *take_group(struct writer *writer)
{
    struct write_job *jobs = NULL, **last = &jobs;
    int64_t limit = writer->core->settings.group;
    bool bulk_turn = writer->bulk_turn && writer->bulk.first;

    writer->bulk_turn = !writer->bulk_turn;
    while (limit-- > 0) {
        struct write_job *job = bulk_turn ? NULL : queue_pop(&writer->interactive);

        if (!job && !jobs)
            job = queue_pop(&writer->bulk);
        if (!job && !jobs)
            job = queue_pop(&writer->interactive);
        if (!job)
            break;
        job->next = NULL;
        *last = job;
        last = &job->next;
        if (job->is_bulk)
            break;
    }
    return jobs;
}

/* A group is for the jobs before end: what is left of the arena must do for one that is large. */
static bool group_is_full(const struct writer *writer)
{
    return writeset_bytes(writer->group.set) >= GROUP_BYTES || writer->arena.used >= GROUP_MEMORY;
}

/* false: a job has failed half-way and is left out from now on. */
static bool apply_job(struct writer *writer, struct write_job *job)
{
    uint64_t changes = writeset_changes(writer->group.set);

    job->status = job->apply(job, &writer->group);
    if (job->status == CRM_OK)
        return true;
    log_debug("write.refused", "status=%s", crm_status_info((int)job->status)->name);
    if (job->status == CRM_NO_MEMORY && job != writer->jobs)
        writer->end = job; /* not for want of memory that others have used */
    if (writeset_changes(writer->group.set) == changes)
        return true;
    job->is_left_out = writer->end != job;
    return false;
}

/* false: the group holds a part of what has failed, and must be made again. */
static bool apply_jobs(struct writer *writer)
{
    for (struct write_job *job = writer->jobs; job != writer->end; job = job->next) {
        if (job->is_left_out)
            continue;
        if (job != writer->jobs && group_is_full(writer)) {
            writer->end = job;
            return true;
        }
        if (!apply_job(writer, job))
            return false;
        if (writer->end == job)
            return true;
    }
    return true;
}

/* The group's body; may be run again by an engine that lost a race. */
static enum crm_status apply_group(struct store_txn *txn, void *arg)
{
    struct writer *writer = arg;
    struct change_group *group = &writer->group;
    enum crm_status status;

    do {
        arena_reset(&writer->arena);
        change_group_init(group, txn, writer->schema, &writer->arena, clock_now_us());
        status = change_group_begin(group);
    } while (status == CRM_OK && !apply_jobs(writer));
    return status == CRM_OK ? writeset_apply(group->set, txn) : status;
}

static void queue_index_job(struct writer *writer);

static enum crm_status apply_index_job(struct write_job *job, struct change_group *group)
{
    struct writer *writer = (struct writer *)((char *)job - offsetof(struct writer, index_job));

    return index_job_step(group, &writer->index_job_more);
}

static void index_job_done(struct write_job *job, enum crm_status status)
{
    struct writer *writer = (struct writer *)((char *)job - offsetof(struct writer, index_job));

    if (status != CRM_OK)
        log_error("index.job", "status=%s", crm_status_info((int)status)->name);
    writer->index_job_waits = false;
    if (status == CRM_OK && writer->index_job_more)
        queue_index_job(writer);
}

/* There may be work on indexes: the next turn on the bulk queue. The writer thread, or before it runs. */
static void queue_index_job(struct writer *writer)
{
    if (writer->index_job_waits)
        return;
    writer->index_job = (struct write_job){ .is_bulk = true, .apply = apply_index_job, .done = index_job_done };
    writer->index_job_waits = writer_submit(writer, &writer->index_job) == CRM_OK;
}

static enum crm_status apply_audit_job(struct write_job *job, struct change_group *group)
{
    struct writer *writer = (struct writer *)((char *)job - offsetof(struct writer, audit_job));
    int64_t keep_days = writer->core->settings.audit_keep_days;
    enum crm_status status = audit_sums_write(&writer->core->refusals, group);

    if (status == CRM_OK && keep_days > 0)
        status = audit_prune(group, group->now_us - keep_days * US_PER_DAY, AUDIT_PRUNED);
    return status;
}

static void audit_job_done(struct write_job *job, enum crm_status status)
{
    struct writer *writer = (struct writer *)((char *)job - offsetof(struct writer, audit_job));

    audit_sums_written(&writer->core->refusals, status == CRM_OK);
    if (status != CRM_OK)
        log_error("audit.refusals", "status=%s text=\"they are kept for the next turn\"", crm_status_info((int)status)->name);
    pthread_mutex_lock(&writer->lock);
    writer->audit_job_waits = false;
    pthread_mutex_unlock(&writer->lock);
}

/* Past the bound of the queue: it is one job, and what it carries must not be lost because others are many. */
static void queue_audit_job(struct writer *writer)
{
    if (writer->audit_job_waits || (writer->core->settings.audit_keep_days == 0 && !audit_sums_are_due(&writer->core->refusals)))
        return;
    writer->audit_job = (struct write_job){ .apply = apply_audit_job, .done = audit_job_done };
    writer->audit_job_waits = true;
    queue_push(&writer->interactive, &writer->audit_job);
    pthread_cond_signal(&writer->wake);
}

void writer_keep_audit(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    if (!writer->stopping)
        queue_audit_job(writer);
    pthread_mutex_unlock(&writer->lock);
}

static void after_commit(struct writer *writer)
{
    struct change_group *group = &writer->group;
    struct failure failure = { 0 };

    atomic_store(&writer->core->seq, group->head.seq);
    if (group->schema_changed && core_reload_schema(writer->core, &failure) != CRM_OK)
        log_error("schema.reload", "text=\"%s\"", failure.text);
    if (group->schema_changed)
        queue_index_job(writer);
    if (group->events)
        writer->published(writer->arg, group->events, group->head.seq);
}

static void run_group(struct writer *writer)
{
    struct write_job *job, *next;
    uint64_t n = 0;
    enum crm_status status;

    writer->schema = core_schema(writer->core);
    writer->end = NULL;
    status = store_write_run(writer->core->store, apply_group, writer);
    if (status == CRM_UNKNOWN) {
        log_error("commit.unknown", "text=\"a sync failed: nobody is answered, the process ends\"");
        _Exit(EXIT_SYNC);
    }
    if (status != CRM_OK)
        log_error("commit.failed", "status=%s", crm_status_info((int)status)->name);
    else
        after_commit(writer);
    for (job = writer->jobs; job != writer->end; job = next) {
        next = job->next;
        n++;
        job->done(job, job->status == CRM_OK ? status : job->status);
    }
    schema_unref(writer->schema);
    pthread_mutex_lock(&writer->lock);
    queue_put_back(&writer->interactive, writer->end); /* a bulk job is alone in its group */
    writer->jobs = NULL;
    writer->stats.groups++;
    writer->stats.jobs += n;
    pthread_mutex_unlock(&writer->lock);
}

static void *writer_main(void *arg)
{
    struct writer *writer = arg;

    pthread_mutex_lock(&writer->lock);
    for (;;) {
        while (!writer->interactive.first && !writer->bulk.first && !writer->stopping)
            pthread_cond_wait(&writer->wake, &writer->lock);
        if (!writer->interactive.first && !writer->bulk.first)
            break;
        writer->jobs = take_group(writer);
        pthread_mutex_unlock(&writer->lock);
        run_group(writer);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

void writer_start_stepped(struct writer *writer)
{
    queue_index_job(writer); /* one that a restart interrupted */
}

bool writer_step(struct writer *writer)
{
    bool waits;

    pthread_mutex_lock(&writer->lock);
    waits = writer->interactive.first || writer->bulk.first;
    if (waits)
        writer->jobs = take_group(writer);
    pthread_mutex_unlock(&writer->lock);
    if (waits)
        run_group(writer);
    return waits;
}

enum crm_status writer_start(struct writer *writer)
{
    queue_index_job(writer); /* one that a restart interrupted */
    writer->started = pthread_create(&writer->thread, NULL, writer_main, writer) == 0;
    return writer->started ? CRM_OK : CRM_NO_MEMORY;
}

void writer_stop(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->started && !writer->stopping)
        queue_audit_job(writer);
    writer->stopping = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    if (writer->started)
        pthread_join(writer->thread, NULL);
    writer->started = false;
}

struct writer_stats writer_stats(struct writer *writer)
{
    struct writer_stats stats;

    pthread_mutex_lock(&writer->lock);
    stats = writer->stats;
    pthread_mutex_unlock(&writer->lock);
    return stats;
}
