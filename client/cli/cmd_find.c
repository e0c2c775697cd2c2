/*
 * cmd_find.c - crm find: search by words, over all kinds or one
 */
#include "client/cli/command.h"
#include "client/cli/query.h"
#include "client/cli/select.h"

enum crm_status cmd_find(struct cli *cli, int argc, char **argv)
{
    Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;
    const struct kind_def *kind = NULL;
    const Crm__ListReply *reply;
    struct crm_call *call = NULL;
    struct rows *rows = NULL;
    uint32_t kind_number;
    enum crm_status status =
        cli->options.kind ? select_kind(cli, cli->options.kind, &kind) : CRM_OK;

    if (!status)
        status = rows_create(cli, kind, &rows);
    if (status)
        return status;
    request.text = (char *)(uintptr_t)query_text(cli, argc, argv, 1);
    if (kind) {
        kind_number = (uint32_t)kind->kind;
        request.kinds = &kind_number;
        request.n_kinds = 1;
    }
    if (cli->options.limit) {
        request.has_limit = true;
        request.limit = cli->options.limit < UINT32_MAX ? (uint32_t)cli->options.limit : UINT32_MAX;
    }
    request.has_titles = request.titles = true;
    request.has_explain = request.explain = cli->options.explain;
    status = query_run(cli, OP_SEARCH, &request.base, rows, &call, &reply);
    if (!status)
        status = rows_finish(rows);
    if (!status && rows_count(rows) == 0)
        cli_hint(cli, "%s", cli_label(cli, "nothing found", "没有找到"));
    if (!status)
        query_tell_plan(cli, reply->explain);
    crm_call_destroy(call);
    rows_destroy(rows);
    return status;
}
