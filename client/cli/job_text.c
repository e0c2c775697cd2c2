/*
 * job_text.c - see job_text.h
 *
 * Main thread.
 */
#include "client/cli/job_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "common/base/calendar.h"

static const char *id_text(const Crm__Job *job, char text[UUID_TEXT_SIZE])
{
    struct uuid id = { { 0 } };

    (void)!uuid_from_slice(slice_of(job->id.data, job->id.len), &id);
    uuid_format(&id, text);
    return text;
}

const char *job_name(struct cli *cli, const Crm__Job *job)
{
    char id[UUID_TEXT_SIZE];
    const char *text = job->name ? cli_safe(cli, job->name) : arena_strdup(&cli->arena, id_text(job, id));

    return text ? text : "";
}

const char *job_state_name(const Crm__Job *job)
{
    static const char *const names[] = { [CRM__JOB_STATE__JOB_STATE_OPEN] = "open",
                                         [CRM__JOB_STATE__JOB_STATE_DONE] = "done",
                                         [CRM__JOB_STATE__JOB_STATE_CANCELLED] = "cancelled" };

    return (unsigned)job->state < ARRAY_LEN(names) && names[job->state] ? names[job->state] : "";
}

const char *job_counts(struct cli *cli, const Crm__Job *job)
{
    const struct {
        uint64_t n;
        const char *en, *zh;
    } counts[] = {
        { job->created, "created", "新建" },     { job->updated, job->has_undoes ? "taken back" : "changed", job->has_undoes ? "撤销" : "修改" },
        { job->deleted, "deleted", "删除" },     { job->unchanged, "unchanged", "未变" },
        { job->kept, "in part", "部分" },        { job->refused, job->has_undoes ? "left" : "refused", job->has_undoes ? "保留" : "被拒" },
    };
    const char *text = "";
    char number[32];

    for (size_t i = 0; i < ARRAY_LEN(counts) && text; i++) {
        if (counts[i].n == 0)
            continue;
        cli_grouped((int64_t)counts[i].n, number);
        text = cli->chinese ? arena_printf(&cli->arena, "%s%s%s %s", text, *text ? "," : "", counts[i].zh, number)
                            : arena_printf(&cli->arena, "%s%s%s %s", text, *text ? ", " : "", number, counts[i].en);
    }
    if (text && !*text)
        text = cli_label(cli, "nothing to do", "无需更改");
    return text ? text : "";
}

static void set_time(json_t *object, const char *key, int64_t time_us)
{
    char text[INSTANT_TEXT_SIZE];

    instant_format(time_us, text);
    json_object_set_new(object, key, json_string(text));
}

json_t *job_object(const Crm__Job *job)
{
    char id[UUID_TEXT_SIZE];
    json_t *object = json_pack("{s:s, s:s?, s:s?, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id", id_text(job, id), "name", job->name, "title", job->title,
                               "state", job_state_name(job), "position", (json_int_t)job->position, "created", (json_int_t)job->created, "updated",
                               (json_int_t)job->updated, "deleted", (json_int_t)job->deleted, "unchanged", (json_int_t)job->unchanged, "refused",
                               (json_int_t)job->refused, "kept", (json_int_t)job->kept);

    if (!object)
        return NULL;
    json_object_set_new(object, "total", job->has_total ? json_integer((json_int_t)job->total) : json_null());
    if (job->has_begun_at)
        set_time(object, "begun", job->begun_at);
    if (job->has_touched_at)
        set_time(object, "touched", job->touched_at);
    return object;
}

enum crm_status job_show_counts(struct cli *cli, const Crm__Job *job)
{
    if (cli->options.json || cli->options.jsonl) {
        json_t *object = job_object(job);

        json_object_set_new(object, "dry_run", json_boolean(cli->options.dry_run));
        json_object_set_new(object, "done", json_integer((json_int_t)(job->created + job->updated + job->deleted + job->unchanged)));
        json_object_set_new(object, "failed", json_integer((json_int_t)job->refused));
        return json_print(cli->out, object, !cli->options.jsonl);
    }
    if (!cli->options.quiet)
        fprintf(cli->out, "%s%s\n", cli->options.dry_run ? cli_label(cli, "Dry run, nothing is changed: ", "试运行,未作更改: ") : "", job_counts(cli, job));
    return CRM_OK;
}

void job_hint_undo(struct cli *cli, const Crm__Job *job)
{
    if (job->created + job->updated + job->deleted > 0)
        cli_hint(cli, cli->chinese ? "撤销: crm undo %s" : "Take it back with: crm undo %s", job_name(cli, job));
}

/* --- which one */

static bool begins_with(const Crm__Job *job, const char *word)
{
    char id[UUID_TEXT_SIZE];

    return strncmp(id_text(job, id), word, strlen(word)) == 0;
}

/* By the beginning of an id, among the newest; or simply the newest. */
static enum crm_status select_listed(struct cli *cli, const char *word, struct uuid *out_id)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__JobReply *reply;
    size_t found = 0;
    enum crm_status status;

    request.has_verb = request.has_limit = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_LIST;
    request.limit = 1000;
    status = crm_job(cli->client, &request, &call, &reply);
    if (status)
        cli_call_failed(cli, status, call);
    for (size_t i = 0; !status && i < reply->n_jobs; i++) {
        bool is_it = strcmp(word, "last") == 0 ? i == 0 : begins_with(reply->jobs[i], word);

        if (is_it && uuid_from_slice(slice_of(reply->jobs[i]->id.data, reply->jobs[i]->id.len), out_id))
            found++;
    }
    crm_call_destroy(call);
    if (status)
        return status;
    if (found > 1)
        return fail(&cli->failure, CRM_AMBIGUOUS, NULL, "several jobs begin with '%s'", word);
    return found ? CRM_OK : fail(&cli->failure, CRM_NOT_FOUND, NULL, "you have no job '%s'", word);
}

enum crm_status job_select(struct cli *cli, const char *word, struct uuid *out_id)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__JobReply *reply;
    enum crm_status status;

    if (uuid_parse(word, out_id))
        return CRM_OK;
    request.has_verb = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_SHOW;
    request.name = (char *)(uintptr_t)word;
    status = crm_job(cli->client, &request, &call, &reply);
    if (!status && (reply->n_jobs != 1 || !uuid_from_slice(slice_of(reply->jobs[0]->id.data, reply->jobs[0]->id.len), out_id)))
        status = fail(&cli->failure, CRM_PROTOCOL, NULL, "the server has not said which job it is");
    else if (status && status != CRM_NOT_FOUND)
        cli_call_failed(cli, status, call);
    crm_call_destroy(call);
    return status == CRM_NOT_FOUND ? select_listed(cli, word, out_id) : status;
}
