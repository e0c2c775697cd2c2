/*
 * sync_once.c - pushing and pulling, with a bar
 *
 * Called by cmd_sync.c and sync_watch.c; main thread.
 */
#include "client/cli/sync_once.h"

#include <stdio.h>

#include "client/cli/line.h"
#include "client/cli/outbox.h"
#include "client/cli/progress.h"
#include "client/cli/scope.h"
#include "common/base/clock.h"

/* What the callbacks of a push, and then of a pull, work on. */
struct work {
    struct sync_once *once;
    struct replica *replica;
    struct progress progress;
};

const char *sync_bytes_text(uint64_t bytes, char text[32])
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

/* --- the outbox */

static void on_answer(void *arg, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer)
{
    struct work *work = arg;

    progress_end(&work->progress); /* lines of ours come between */
    answers_take(&work->once->answers, queued, answer);
}

static void on_pushed(void *arg, const struct push_counts *so_far)
{
    struct work *work = arg;

    work->progress.total = so_far->total;
    progress_update(&work->progress, so_far->answered);
}

/* Nothing waits, as a rule: then nobody is connected to. */
static enum crm_status push(struct work *work)
{
    const struct push_options options = { .on_answer = on_answer, .on_progress = on_pushed, .arg = work };
    struct sync_once *once = work->once;
    struct cli *cli = once->cli;
    struct push_counts before = once->pushed;
    struct outbox_tally tally;
    enum crm_status status;

    if (!replica_state(work->replica)->is_usable)
        return CRM_OK;
    status = outbox_tally(work->replica, &tally, &cli->failure);
    if (status || (!tally.waiting && !push_is_due(work->replica, cli->client)))
        return status;
    if (!once->answers.is_begun)
        status = answers_begin(&once->answers, cli, work->replica);
    if (status)
        return status;
    progress_init(&work->progress, cli, tally.waiting);
    status = push_run(work->replica, cli->client, &options, &once->pushed, &cli->failure);
    progress_end(&work->progress);
    once->pushed.applied += before.applied;
    once->pushed.kept += before.kept;
    once->pushed.again += before.again;
    once->pushed.is_new_copy |= before.is_new_copy;
    return status;
}

/* --- the pull */

/* How far it is where the server's log says so, else how many records came. */
static void on_progress(void *arg, const struct sync_progress *so_far)
{
    struct work *work = arg;

    sync_bytes_text(so_far->bytes, work->progress.note);
    work->progress.total = so_far->total;
    progress_update(&work->progress, so_far->total ? so_far->done : so_far->records);
}

static enum crm_status pull(struct work *work, const struct scope *scope)
{
    struct cli *cli = work->once->cli;
    const struct sync_options options = { .scope = scope->reach, .n_filters = scope->n_filters, .filters = scope->filters, .scope_text = scope->text,
                                          .on_progress = on_progress, .arg = work };
    bool connects = !crm_client_hello(cli->client); /* the first answer takes what a command's takes */
    enum crm_status status;

    progress_init(&work->progress, cli, 0);
    status = sync_run(work->replica, cli->client, &options, &work->once->pulled, &cli->failure);
    progress_end(&work->progress);
    if (!status && connects && !work->once->pulled.cuts)
        line_learn(cli->profile.home, work->once->pulled.first_us);
    return status;
}

/* --- both */

/* As said now, else as before, at first "mine". */
static const char *scope_text(struct cli *cli, const struct replica *replica)
{
    const char *before = replica_state(replica)->scope;

    return arena_strdup(&cli->arena, cli->options.carry ? cli->options.carry : before && *before ? before : "mine");
}

/* Filters need the fields, which a connection as for crm list brings; else they are asked for together with the changes, in one flight. */
static enum crm_status connect_for(struct cli *cli, const char *scope)
{
    enum crm_status status;
    int64_t took_us;

    if (cli->client)
        return CRM_OK;
    if (!scope_has_filters(scope))
        return cli_connect_bare(cli);
    status = cli_connect_measured(cli, &took_us);
    if (!status)
        line_learn(cli->profile.home, took_us);
    return status;
}

static enum crm_status run(struct work *work)
{
    struct sync_once *once = work->once;
    struct cli *cli = once->cli;
    struct scope scope;
    enum crm_status status;

    once->scope = scope_text(cli, work->replica);
    if (!once->scope)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = connect_for(cli, once->scope);
    if (!status)
        status = scope_parse(cli, once->scope, &scope);
    if (!status)
        status = push(work);
    if (!status)
        status = pull(work, &scope);
    if (!status && push_is_due(work->replica, cli->client)) { /* the pull has found a server that was restored from a backup */
        status = push(work);
        if (!status)
            status = pull(work, &scope);
    }
    if (!status)
        once->seq = replica_state(work->replica)->seq;
    return status;
}

enum crm_status sync_once(struct cli *cli, struct sync_once *once)
{
    struct work work = { .once = once };
    int64_t began_us = clock_monotonic_us();
    enum crm_status status;

    *once = (struct sync_once){ .cli = cli };
    if (cli->profile.token_size == 0)
        return fail(&cli->failure, CRM_NOT_LOGGED_IN, NULL, "you are not logged in");
    status = profile_make_home(&cli->profile, &cli->failure);
    if (!status)
        status = replica_open(cli->profile.home, REPLICA_WRITE, &work.replica, &cli->failure);
    if (!status)
        status = run(&work);
    if (!status)
        status = answers_end(&once->answers, work.replica);
    replica_close(work.replica);
    once->took_us = clock_monotonic_us() - began_us;
    return status;
}

void sync_once_fini(struct sync_once *once)
{
    answers_fini(&once->answers);
}
