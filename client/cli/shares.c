/*
 * shares.c - asking for the shares of a record and printing them
 */
#include "client/cli/shares.h"

#include <stdio.h>

#include "client/cli/changes.h"
#include "client/cli/display.h"
#include "client/cli/json.h"

/* The answer lives until *out_call is destroyed; that is due in any case. */
static enum crm_status ask(struct cli *cli, const struct record *record, struct crm_call **out_call,
                           const Crm__AccessSharesReply **out_reply)
{
    Crm__AccessSharesRequest request = CRM__ACCESS_SHARES_REQUEST__INIT;
    struct uuid id = record->header.id;
    enum crm_status status;

    request.has_kind = request.has_id = true;
    request.kind = (uint32_t)record->header.kind;
    request.id = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
    status = crm_access_shares(cli->client, &request, out_call, out_reply);
    if (status)
        return cli_call_failed(cli, status, *out_call);
    titles_add(&cli->titles, (*out_reply)->n_titles, (*out_reply)->titles);
    return CRM_OK;
}

static enum crm_status print_lines(struct cli *cli, const Crm__AccessSharesReply *reply)
{
    for (size_t i = 0; i < reply->n_shares; i++) {
        const char *text = change_share_text(cli, reply->shares[i]);

        if (!text)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        fprintf(cli->out, "%s\n", text);
    }
    return CRM_OK;
}

enum crm_status shares_show(struct cli *cli, const struct record *record)
{
    const Crm__AccessSharesReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    if (cli->replica) /* only the server knows */
        return CRM_OK;
    status = ask(cli, record, &call, &reply);
    if (status == CRM_NOT_FOUND) { /* its parent, which decides, is not for this reader */
        cli->failure = (struct failure){ 0 };
        status = CRM_OK;
    } else if (!status && reply->n_shares > 0) {
        fprintf(cli->out, "\n%s%s%s\n", cli->colour ? "\033[1m" : "", cli_label(cli, "Shared with", "共享给"),
               cli->colour ? "\033[0m" : "");
        status = print_lines(cli, reply);
    }
    crm_call_destroy(call);
    return status;
}

static enum crm_status print_json(struct cli *cli, const Crm__AccessSharesReply *reply)
{
    json_t *all = json_array();

    for (size_t i = 0; i < reply->n_shares; i++)
        json_array_append_new(all, change_share_object(cli, reply->shares[i]));
    return json_print(cli->out, all, true);
}

enum crm_status shares_show_alone(struct cli *cli, const struct record *record)
{
    const Crm__AccessSharesReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status = ask(cli, record, &call, &reply);

    if (!status && cli->options.json)
        status = print_json(cli, reply);
    else if (!status && reply->n_shares > 0)
        status = print_lines(cli, reply);
    else if (!status)
        fprintf(cli->out, "%s\n", cli_label(cli, "Not shared.", "未共享。"));
    crm_call_destroy(call);
    return status;
}
