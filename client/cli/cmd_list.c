/*
 * cmd_list.c - crm list: the records of a kind that fit a filter
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/query.h"
#include "client/cli/select.h"

#define SCREEN_ROWS_LEAST 5
#define SCREEN_ROWS_USUAL 20
#define SCREEN_ROWS_OTHER 4 /* heading, the line below, the prompt */

/* How many rows fit under a heading. */
static uint32_t screenful(void)
{
    struct winsize window;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0)
        return SCREEN_ROWS_USUAL;
    return window.ws_row < SCREEN_ROWS_LEAST + SCREEN_ROWS_OTHER
               ? SCREEN_ROWS_LEAST
               : window.ws_row - SCREEN_ROWS_OTHER;
}

static void set_limit(const struct cli *cli, Crm__ListRequest *request)
{
    request->has_limit = true;
    if (cli->options.limit)
        request->limit =
            cli->options.limit < UINT32_MAX ? (uint32_t)cli->options.limit : UINT32_MAX;
    else if (cli->out_is_tty && !cli->options.all && !rows_for_programs(cli))
        request->limit = screenful();
    else
        request->has_limit = false;
}

/* "100 of 5,312, --all for the rest", for people only. */
static enum crm_status tell_rest(struct cli *cli, const Crm__ListRequest *request, uint64_t shown)
{
    char shown_text[32], count_text[32];
    uint64_t count;
    enum crm_status status;

    if (!cli->err_is_tty || cli->options.quiet || rows_for_programs(cli))
        return CRM_OK;
    status = query_count(cli, request, &count);
    if (status)
        return status;
    cli_hint(cli, cli->chinese ? "显示 %s / %s,--all 显示全部" : "%s of %s, --all for the rest",
             cli_grouped((int64_t)shown, shown_text), cli_grouped((int64_t)count, count_text));
    return CRM_OK;
}

enum crm_status cmd_list(struct cli *cli, int argc, char **argv)
{
    const char *filter = query_text(cli, argc, argv, 2);
    const struct kind_def *kind;
    const Crm__ListReply *reply;
    Crm__ListRequest request;
    struct crm_call *call = NULL;
    struct rows *rows = NULL;
    enum crm_status status = select_kind(cli, argv[1], &kind);

    if (!status)
        status = query_list(cli, kind, filter, &request);
    if (!status)
        status = rows_create(cli, kind, &rows);
    if (status)
        return status;
    set_limit(cli, &request);
    status = query_run(cli, OP_LIST, &request.base, rows, &call, &reply);
    if (!status)
        status = rows_finish(rows);
    if (!status && rows_count(rows) == 0)
        cli_hint(cli, cli->chinese ? "没有%s" : "no %s",
                 cli->chinese ? kind->label_zh : kind->plural);
    if (!status && reply->has_token && reply->token.len > 0)
        status = tell_rest(cli, &request, rows_count(rows));
    if (!status)
        query_tell_plan(cli, reply->explain);
    crm_call_destroy(call);
    rows_destroy(rows);
    return status;
}
