/*
 * intake.c - see intake.h
 *
 * Called by crm apply and crm import; main thread.
 */
#include "client/cli/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/job_text.h"
#include "client/cli/rejects.h"
#include "common/base/digest.h"

#define SCRATCH_BUDGET ((size_t)4 << 20)

struct run {
    struct cli *cli;
    const struct intake_source *source;
    struct feed *feed;
    struct apply apply;
    struct rejects rejects;
    struct arena scratch; /* of rows that an earlier run has sent */
    uint64_t n;           /* rows read */
};

/* What the file holds, so that a name is not used for another one: a chain over its blocks. What is
 * no file cannot be known. */
static enum crm_status hash_input(struct cli *cli, const char *path, uint8_t hash[SHA256_SIZE],
                                  struct slice *out_input)
{
    static uint8_t block[65536];
    size_t n = 0;
    FILE *in;
    bool is_bad;

    *out_input = (struct slice){ 0 };
    if (strcmp(path, "-") == 0)
        return CRM_OK;
    in = fopen(path, "re");
    if (!in)
        return fail(&cli->failure, CRM_USAGE, NULL, "%s: %s", path, strerror(errno));
    memset(hash, 0, SHA256_SIZE);
    while ((n = fread(block, 1, sizeof(block), in)) > 0)
        sha256((struct slice[]){ slice_of(hash, SHA256_SIZE), slice_of(block, n) }, 2, hash);
    is_bad = ferror(in);
    fclose(in);
    *out_input = slice_of(hash, SHA256_SIZE);
    return is_bad ? fail(&cli->failure, CRM_IO, NULL, "%s: it cannot be read", path) : CRM_OK;
}

static void on_refused(void *arg, uint64_t line, const struct failure *failure)
{
    struct run *run = arg;

    rejects_add(&run->rejects, line, failure);
}

static void on_done(void *arg, uint64_t line, const Crm__MutateResult *result)
{
    struct run *run = arg;

    apply_learn(&run->apply, line, result);
}

/* A row that was taken before: only the name that it gives is of interest. */
static void pass_over(struct run *run, const struct import_row *row)
{
    Crm__Mutation mutation;
    struct failure failure = { 0 };

    arena_reset(&run->scratch);
    (void)!apply_line(&run->apply, row, run->n, true, &run->scratch, &mutation, &failure);
}

/* A row as a mutation of the piece that is being gathered; where it refers to one that was not
 * answered yet, that is waited for. */
static enum crm_status read_line(struct run *run, const struct import_row *row,
                                 Crm__Mutation *mutation, struct failure *failure)
{
    struct arena *arena;
    enum crm_status status = feed_next(run->feed, &arena);

    if (status)
        return fail(failure, status, NULL, "%s", run->cli->failure.text);
    run->apply.may_wait = true;
    status = apply_line(&run->apply, row, run->n, false, arena, mutation, failure);
    if (status != CRM_BUSY)
        return status;
    run->apply.may_wait = false;
    status = feed_flush(run->feed);
    if (!status)
        status = feed_next(run->feed, &arena);
    if (status)
        return fail(failure, status, NULL, "%s", run->cli->failure.text);
    *failure = (struct failure){ 0 };
    return apply_line(&run->apply, row, run->n, false, arena, mutation, failure);
}

/* Is it the way to the server that has failed, and not the row? */
static bool is_of_the_way(enum crm_status status)
{
    return crm_status_info((int)status)->exit_code == crm_status_info(CRM_UNREACHABLE)->exit_code ||
           status == CRM_CANCELLED || status == CRM_NO_MEMORY;
}

static enum crm_status take_row(struct run *run, const struct import_row *row,
                                const struct import_row *kept, enum crm_status status,
                                struct failure *failure)
{
    Crm__Mutation mutation;
    struct arena *arena;

    run->n++;
    if (run->n <= feed_position(run->feed) && !status) {
        pass_over(run, row);
        return CRM_OK;
    }
    if (run->n <= feed_position(run->feed))
        return CRM_OK;
    if (rejects_keep(&run->rejects, kept) != CRM_OK)
        return CRM_NO_MEMORY;
    if (!status)
        status = read_line(run, row, &mutation, failure);
    if (!status)
        return feed_add(run->feed, &mutation, row->line, run->n);
    if (is_of_the_way(status))
        return fail(&run->cli->failure, status, NULL, "%s", failure->text);
    status = feed_next(run->feed, &arena);
    return status ? status : feed_refuse(run->feed, failure, row->line, run->n);
}

static enum crm_status read_rows(struct run *run)
{
    const struct intake_source *source = run->source;
    bool is_end = false;
    enum crm_status status = CRM_OK;

    while (!status && !is_end) {
        struct failure failure = { 0 };
        struct import_row row, kept;
        enum crm_status read = source->next(source->arg, &row, &kept, &is_end, &failure);

        if (!read && is_end)
            break;
        is_end = source->is_broken(source->arg);
        if (run->n % FEED_BATCH == 0)
            feed_expect(run->feed, source->estimate(source->arg));
        status = take_row(run, &row, &kept, read, &failure);
    }
    return status;
}

/* Rows in are created, changed, unchanged, deleted and refused ones: the sum that every run prints.
 */
static enum crm_status show_counts(struct run *run)
{
    const Crm__Job *job = feed_job(run->feed);
    struct cli *cli = run->cli;
    char number[32];

    if (!run->source->tells_rows || cli->options.quiet || cli->options.json)
        return job_show_counts(cli, job);
    cli_grouped(
        (int64_t)(job->created + job->updated + job->deleted + job->unchanged + job->refused),
        number);
    fprintf(cli->out, cli->chinese ? "%s 行: %s\n" : "%s rows: %s\n", number, job_counts(cli, job));
    return CRM_OK;
}

/* The position must hold still while rows are counted: what another feeder does is met by the feed
 * itself. */
static enum crm_status run_rows(struct run *run)
{
    struct cli *cli = run->cli;
    enum crm_status status = apply_init(&run->apply, cli, cli->options.dry_run ? NULL : run->feed);

    if (!status) {
        run->apply.kind = run->source->kind;
        run->apply.by = run->source->match;
        run->apply.is_raw = run->source->is_raw;
        status = feed_finish(run->feed, read_rows(run));
        if (show_counts(run) != CRM_OK && !status)
            status = CRM_IO;
    }
    apply_fini(&run->apply);
    return status;
}

/* The same command once more, after all of it was done. */
static enum crm_status tell_ended(struct cli *cli, const Crm__Job *job)
{
    if (job->state == CRM__JOB_STATE__JOB_STATE_CANCELLED)
        return fail(&cli->failure, CRM_CANCELLED, NULL, "the job '%s' was cancelled",
                    job_name(cli, job));
    cli_hint(cli, cli->chinese ? "该任务已完成。" : "This job is done already, nothing was sent.");
    return job_show_counts(cli, job);
}

/* Of a job that is open. */
static enum crm_status run_job(struct run *run)
{
    struct cli *cli = run->cli;
    enum crm_status status = rejects_init(&run->rejects, cli, cli->options.rejects,
                                          run->source->path, feed_position(run->feed) > 0);
    enum crm_status closed;

    arena_init(&run->scratch, SCRATCH_BUDGET);
    if (!status)
        status = run_rows(run);
    closed = rejects_fini(&run->rejects);
    if (run->rejects.n > 0 && !closed)
        cli_hint(cli, "The refused lines are in %s: mend them and %s that.", run->rejects.path,
                 cli->command->name);
    if (!cli->options.dry_run && feed_job(run->feed)->state == CRM__JOB_STATE__JOB_STATE_DONE)
        job_hint_undo(cli, feed_job(run->feed));
    arena_fini(&run->scratch);
    return status ? status : closed;
}

enum crm_status intake_run(struct cli *cli, const struct intake_source *source)
{
    struct run run = { .cli = cli, .source = source };
    uint8_t hash[SHA256_SIZE];
    struct feed_options options = { .name = cli->options.job,
                                    .is_whole = cli->options.atomic && !cli->options.dry_run,
                                    .title = source->title,
                                    .source = source->path,
                                    .dry_run = cli->options.dry_run,
                                    .on_refused = on_refused,
                                    .on_done = on_done,
                                    .arg = &run };
    enum crm_status status = hash_input(cli, source->path, hash, &options.input);

    if (!status)
        status = feed_create(cli, &options, &run.feed);
    if (status)
        return status;
    status = feed_job(run.feed)->state == CRM__JOB_STATE__JOB_STATE_OPEN
                 ? run_job(&run)
                 : tell_ended(cli, feed_job(run.feed));
    feed_destroy(run.feed);
    return status;
}
