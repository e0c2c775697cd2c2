/*
 * writer.h - the one thread that writes: two bounded queues, groups, one durable commit for all that wait
 */
#ifndef CRM_SERVER_DISPATCH_WRITER_H
#define CRM_SERVER_DISPATCH_WRITER_H

#include "server/engine/core.h"

struct writer;

/* A write that waits; embedded in what its owner posts. */
struct write_job {
    struct write_job *next;
    bool is_bulk; /* takes turns between interactive groups */
    /* In the group, on the writer thread; may be called again with a fresh group. What it has put before it failed is thrown away. */
    enum crm_status (*apply)(struct write_job *job, struct change_group *group);
    /* After the commit (or its failure), on the writer thread: status is apply's, or the commit's. */
    void (*done)(struct write_job *job, enum crm_status status);
    enum crm_status status; /* apply's, inside the writer */
    bool is_left_out;       /* it has failed half-way: the group is made again without it */
};

/* Called after each commit with what has changed, in log order; on the writer thread; events live until it returns. */
typedef void writer_published(void *arg, const struct change_event *events, uint64_t seq);

enum crm_status writer_create(struct core *core, writer_published *published, void *arg, struct writer **out_writer) MUST_CHECK;
enum crm_status writer_start(struct writer *writer) MUST_CHECK;
/* The same without a thread: writer_step does the work. */
void writer_start_stepped(struct writer *writer);
/* Commit the next group here. false: nothing waits. */
bool writer_step(struct writer *writer);
/* Any thread. CRM_BUSY when the queue is full, CRM_SHUTTING_DOWN after writer_stop: done is then not called. */
enum crm_status writer_submit(struct writer *writer, struct write_job *job) MUST_CHECK;
/* Put the refusals that were added up into the audit trail, and let retention take what is too old. Any thread; at most one such job waits. */
void writer_keep_audit(struct writer *writer);
/* Run what waits, the audit trail's last turn included, then end the thread. */
void writer_stop(struct writer *writer);
void writer_destroy(struct writer *writer);

struct writer_stats {
    uint64_t groups, jobs;
};
struct writer_stats writer_stats(struct writer *writer);

#endif
