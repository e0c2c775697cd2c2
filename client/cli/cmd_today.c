/*
 * cmd_today.c - crm today: what is due, what should close, what others have changed
 */
#include <stdio.h>

#include "client/cli/changes.h"
#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/query.h"
#include "client/cli/table.h"

#define SECTION_ROWS 10
#define RECENT       10

/* A part of the page: a list with a heading. */
struct section {
    const char *label_en, *label_zh;
    enum kind kind;
    const char *filter;
    bool is_until; /* the filter ends with the day up to which --days looks */
    const char *sort;
};

static const struct section sections[] = {
    { "Tasks due", "到期任务", KIND_TASK, "state = open and assigned = me and due <= ", true,
      "due" },
    { "Deals closing this month", "本月预计成交", KIND_DEAL,
      "owner = me and state = open and expected_close <= this month", false, "expected_close" },
};

static void heading(const struct cli *cli, const char *text)
{
    fprintf(cli->out, "%s%s%s\n", cli->colour ? "\033[1m" : "", text, cli->colour ? "\033[0m" : "");
}

static enum crm_status show_section(struct cli *cli, const struct section *section)
{
    const char *until =
        cli->options.days ? arena_printf(&cli->arena, "+%dd", (int)cli->options.days) : "today";
    const char *filter =
        until ? arena_printf(&cli->arena, "%s%s", section->filter, section->is_until ? until : "")
              : NULL;
    const struct kind_def *kind = kind_def(section->kind);
    Crm__ListRequest request;
    const Crm__ListReply *reply;
    struct crm_call *call = NULL;
    struct rows *rows = NULL;
    uint64_t count;
    char number[32];
    enum crm_status status;

    if (!filter)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    cli->options.sort = section->sort;
    status = query_list(cli, kind, filter, &request);
    if (!status)
        status = rows_create(cli, kind, &rows);
    if (status)
        return status;
    request.has_limit = !rows_for_programs(cli);
    request.limit = SECTION_ROWS;
    heading(cli, cli_label(cli, section->label_en, section->label_zh));
    status = query_run(cli, OP_LIST, &request.base, rows, &call, &reply);
    if (!status && rows_count(rows) == 0)
        fprintf(cli->out, "%s\n", cli_label(cli, "none", "无"));
    else if (!status)
        status = rows_finish(rows);
    if (!status && reply->has_token && reply->token.len > 0) {
        status = query_count(cli, &request, &count);
        if (!status)
            fprintf(cli->out, cli->chinese ? "共 %s 条: crm list %s '%s'\n" : "%s in all: crm list %s '%s'\n",
                   cli_grouped((int64_t)count, number), kind->plural, filter);
    }
    fputc('\n', cli->out);
    crm_call_destroy(call);
    rows_destroy(rows);
    return status;
}

/* The last changes, newest first: they come oldest first, so they are kept until the end. */
struct recent {
    struct cli *cli;
    const char *cells[RECENT][4];
    size_t n;
};

static void on_recent(void *arg, const ProtobufCMessage *message)
{
    const Crm__HistoryChunk *chunk = (const Crm__HistoryChunk *)message;
    struct recent *recent = arg;
    struct cli *cli = recent->cli;

    titles_add(&cli->titles, chunk->n_titles, chunk->titles);
    for (size_t i = 0; i < chunk->n_changes; i++) {
        const Crm__Change *change = chunk->changes[i];
        const char **cells = recent->cells[recent->n++ % RECENT];

        cells[0] = change_time_text(cli, change);
        cells[1] = change_by_text(cli, change);
        cells[2] = change_record_text(cli, change);
        cells[3] = arena_printf(&cli->arena, "%s %s", change_verb_text(cli, change),
                                change_fields_text(cli, change));
    }
}

static enum crm_status recent_table(struct recent *recent)
{
    struct table *table = table_create(recent->cli->out, recent->cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (int i = 0; i < 4 && !status; i++)
        status = table_column(table, NULL, i == 3 ? TABLE_TRUNCATE : 0);
    for (size_t i = 0; i < RECENT && i < recent->n && !status; i++)
        status = table_row(table, recent->cells[(recent->n - 1 - i) % RECENT], 0);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&recent->cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status show_recent(struct cli *cli)
{
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    Crm__HistoryRequest request = CRM__HISTORY_REQUEST__INIT;
    struct recent recent = { .cli = cli };
    const Crm__PingReply *now;
    const Crm__HistoryReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status = crm_ping(cli->client, &ping, &call, &now);

    request.has_after_seq = request.has_titles = request.titles = request.has_limit = true;
    request.limit = RECENT;
    if (!status)
        request.after_seq = now->seq > RECENT ? now->seq - RECENT : 0;
    if (!status) {
        crm_call_destroy(call);
        status = crm_history(cli->client, &request, on_recent, &recent, &call, &reply);
    }
    if (status)
        status = cli_call_failed(cli, status, call);
    else if (recent.n > 0) {
        heading(cli, cli_label(cli, "Recent changes", "最近更改"));
        status = recent_table(&recent);
    }
    crm_call_destroy(call);
    return status;
}

enum crm_status cmd_today(struct cli *cli, int argc, char **argv)
{
    enum crm_status status = CRM_OK;

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < ARRAY_LEN(sections) && !status; i++)
        status = show_section(cli, &sections[i]);
    if (cli->replica) /* it has no history */
        return status;
    return status ? status : show_recent(cli);
}
