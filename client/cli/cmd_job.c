/*
 * cmd_job.c - crm job list, show, cancel: bulk work, how far it is and what was refused; crm undo
 *
 * Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/feed.h"
#include "client/cli/job_text.h"
#include "client/cli/json.h"
#include "client/cli/prompt.h"
#include "client/cli/table.h"

static ProtobufCBinaryData id_bytes(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

/* --- list */

static enum crm_status add_row(struct cli *cli, struct table *table, const Crm__Job *job)
{
    char done[32], share[48];
    const char *cells[] = { job_name(cli, job), job->title ? cli_safe(cli, job->title) : "", job_state_name(job), share, job_counts(cli, job),
                            cli_age(cli, job->touched_at) };

    cli_grouped((int64_t)job->position, done);
    if (job->has_total && job->total > 0 && job->state == CRM__JOB_STATE__JOB_STATE_OPEN)
        snprintf(share, sizeof(share), "%s (%d %%)", done, (int)(job->position * 100 / job->total));
    else
        snprintf(share, sizeof(share), "%s", done);
    return table_row(table, cells, 0);
}

static enum crm_status print_table(struct cli *cli, Crm__Job **jobs, size_t n)
{
    static const struct {
        const char *en, *zh;
        unsigned flags;
    } columns[] = { { "JOB", "任务", 0 },      { "WHAT", "内容", TABLE_TRUNCATE }, { "STATE", "状态", 0 },
                    { "AT", "进度", TABLE_RIGHT }, { "RESULT", "结果", TABLE_TRUNCATE }, { "AGE", "时间", 0 } };
    struct table *table = table_create(cli->out, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < ARRAY_LEN(columns) && !status; i++)
        status = table_column(table, cli_label(cli, columns[i].en, columns[i].zh), columns[i].flags);
    for (size_t i = 0; i < n && !status; i++)
        status = add_row(cli, table, jobs[i]);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "the table cannot be shown") : CRM_OK;
}

static enum crm_status print_json(struct cli *cli, Crm__Job **jobs, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, job_object(jobs[i]));
    return json_print(cli->out, array, true);
}

static enum crm_status job_list(struct cli *cli, int argc, char **argv)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__JobReply *reply;
    enum crm_status status;

    (void)argc;
    (void)argv;
    request.has_verb = request.has_limit = request.has_all = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_LIST;
    request.limit = cli->options.limit > 0 && cli->options.limit < 1000 ? (uint32_t)cli->options.limit : 100;
    request.all = cli->options.all;
    status = crm_job(cli->client, &request, &call, &reply);
    if (status)
        cli_call_failed(cli, status, call);
    else
        status = cli->options.json ? print_json(cli, reply->jobs, reply->n_jobs) : print_table(cli, reply->jobs, reply->n_jobs);
    crm_call_destroy(call);
    return status;
}

/* --- show */

static void print_refusal(struct cli *cli, const Crm__JobRefusal *refusal)
{
    const struct crm_status_info *info = crm_status_info(refusal->error ? (int)refusal->error->status : CRM_INVALID);

    fprintf(cli->out, "  line %" PRIu64 ": ", (uint64_t)refusal->line);
    if (refusal->error && refusal->error->field)
        fprintf(cli->out, "field '%s': ", cli_safe(cli, refusal->error->field));
    fprintf(cli->out, "%s\n", info->sentence);
}

static json_t *refusal_object(const Crm__JobRefusal *refusal)
{
    const Crm__Error *error = refusal->error;

    return json_pack("{s:I, s:s?, s:s}", "line", (json_int_t)refusal->line, "field", error ? error->field : NULL, "status",
                     crm_status_info(error ? (int)error->status : CRM_INVALID)->name);
}

static void print_head(struct cli *cli, const Crm__Job *job)
{
    fprintf(cli->out, "%s  %s\n", job_name(cli, job), job->title ? cli_safe(cli, job->title) : "");
    fprintf(cli->out, "%s  %s  %s\n", job_state_name(job), job_counts(cli, job), cli_age(cli, job->touched_at));
}

/* Page by page, so that a hundred thousand refusals are no matter of memory. */
static enum crm_status show(struct cli *cli, const struct uuid *id, json_t *refused)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    bool is_first = true, more = true;
    enum crm_status status = CRM_OK;

    request.has_verb = request.has_id = request.has_limit = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_REFUSALS;
    request.id = id_bytes(id);
    request.limit = 1000;
    while (!status && more) {
        struct crm_call *call = NULL;
        const Crm__JobReply *reply;

        status = crm_job(cli->client, &request, &call, &reply);
        if (status)
            cli_call_failed(cli, status, call);
        if (!status && is_first && !refused)
            print_head(cli, reply->jobs[0]);
        if (!status && is_first && refused)
            json_object_update_new(refused, job_object(reply->jobs[0]));
        for (size_t i = 0; !status && i < reply->n_refused; i++) {
            if (refused)
                json_array_append_new(json_object_get(refused, "refusals"), refusal_object(reply->refused[i]));
            else
                print_refusal(cli, reply->refused[i]);
            request.after_line = reply->refused[i]->line;
        }
        is_first = false;
        more = !status && reply->more;
        request.has_after_line = true;
        crm_call_destroy(call);
    }
    return status;
}

static enum crm_status job_show(struct cli *cli, int argc, char **argv)
{
    json_t *object = cli->options.json ? json_pack("{s:[]}", "refusals") : NULL;
    struct uuid id;
    enum crm_status status = job_select(cli, argv[1], &id);

    (void)argc;
    if (!status)
        status = show(cli, &id, object);
    if (!status && object)
        return json_print(cli->out, object, true);
    json_decref(object);
    return status;
}

/* --- cancel */

static enum crm_status job_cancel(struct cli *cli, int argc, char **argv)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__JobReply *reply;
    struct uuid id;
    enum crm_status status = job_select(cli, argv[1], &id);

    (void)argc;
    if (status)
        return status;
    request.has_verb = request.has_id = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_CANCEL;
    request.id = id_bytes(&id);
    status = crm_job(cli->client, &request, &call, &reply);
    if (status)
        cli_call_failed(cli, status, call);
    else if (cli->options.json)
        status = json_print(cli->out, job_object(reply->jobs[0]), true);
    else if (!cli->options.quiet)
        print_head(cli, reply->jobs[0]);
    if (!status)
        job_hint_undo(cli, reply->jobs[0]);
    crm_call_destroy(call);
    return status;
}

/* --- undo */

/* What is to be taken back. An undo that was cut off goes on: the same command again does not take it back. */
static enum crm_status read_job(struct cli *cli, struct feed_options *options, struct uuid *id)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__JobReply *reply;
    enum crm_status status;

    request.has_verb = request.has_id = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_SHOW;
    request.id = id_bytes(id);
    status = crm_job(cli->client, &request, &call, &reply);
    if (status)
        cli_call_failed(cli, status, call);
    else if (reply->jobs[0]->undoes.len == UUID_SIZE && !reply->jobs[0]->has_undo_first && reply->jobs[0]->state == CRM__JOB_STATE__JOB_STATE_OPEN)
        memcpy(id->bytes, reply->jobs[0]->undoes.data, UUID_SIZE);
    crm_call_destroy(call);
    options->undoes = id;
    return status;
}

/* "#4711" is one change, as crm history counts them; anything else a job. */
static enum crm_status read_what(struct cli *cli, const char *word, struct feed_options *options, struct uuid *id)
{
    char *end;
    enum crm_status status;

    if (*word == '#') {
        options->undoes_seq = strtoull(word + 1, &end, 10);
        return options->undoes_seq > 0 && *end == '\0' ? CRM_OK : fail(&cli->failure, CRM_USAGE, NULL, "'%s' is no change: #4711", word);
    }
    status = job_select(cli, word, id);
    return status ? status : read_job(cli, options, id);
}

enum crm_status cmd_undo(struct cli *cli, int argc, char **argv)
{
    struct feed_options options = { .name = NULL };
    struct feed *feed = NULL;
    struct uuid id;
    enum crm_status status = read_what(cli, argv[1], &options, &id);

    (void)argc;
    options.title = arena_printf(&cli->arena, "undo %s", argv[1]);
    if (status)
        return status;
    if (cli->in_is_tty && cli->err_is_tty && !cli->options.yes && !prompt_confirm(cli, arena_printf(&cli->arena, "Take back %s?", cli_safe(cli, argv[1]))))
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was changed");
    status = feed_create(cli, &options, &feed);
    if (status)
        return status;
    if (feed_job(feed)->state != CRM__JOB_STATE__JOB_STATE_OPEN)
        cli_hint(cli, cli->chinese ? "已撤销过。" : "It has been taken back already.");
    status = feed_undo(feed);
    if (job_show_counts(cli, feed_job(feed)) != CRM_OK && !status)
        status = CRM_IO;
    job_hint_undo(cli, feed_job(feed));
    feed_destroy(feed);
    return status;
}

#define JOB_HELP "A job is named by --job, by its id or the id's beginning; last is the newest one."

const struct command job_list_command = {
    .name = "job list",
    .synopsis = "",
    .summary = "bulk work, the newest first",
    .run = job_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_LIMIT, OPT_ALL, OPT_JSON),
    .description = "What crm apply, crm undo and the bulk forms of crm set and crm rm have done, and what is still open.",
    EXAMPLES("crm job list", "one's own", "crm job list --all", "everybody's, for who may manage users"),
};

const struct command job_show_command = {
    .name = "job show",
    .synopsis = "JOB",
    .summary = "how far a job is, and which lines were refused",
    .run = job_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = JOB_HELP,
    EXAMPLES("crm job show last", "the newest"),
};

const struct command job_cancel_command = {
    .name = "job cancel",
    .synopsis = "JOB",
    .summary = "let a job go no further",
    .run = job_cancel,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "What it has done stays; crm undo takes it back. " JOB_HELP,
    EXAMPLES("crm job cancel leads", "whoever feeds it is told"),
};
