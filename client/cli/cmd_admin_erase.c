/*
 * cmd_admin_erase.c - crm admin erase: take a person's data out of everything, for privacy law
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/prompt.h"
#include "client/cli/select.h"

static const char *left_label(struct cli *cli, const Crm__Title *left)
{
    struct uuid id = { { 0 } };

    (void)uuid_from_slice(slice_of(left->id.data, left->id.len), &id);
    return display_label((enum kind)left->kind, &id, left->number, &cli->arena);
}

static json_t *reply_json(struct cli *cli, const Crm__EraseReply *reply)
{
    json_t *places = json_object(), *left = json_array();

    for (size_t i = 0; i < reply->n_places; i++)
        json_object_set_new(places, reply->places[i]->name ? reply->places[i]->name : "?",
                            json_integer(reply->places[i]->rows));
    for (size_t i = 0; i < reply->n_left; i++) {
        const char *label = left_label(cli, reply->left[i]);

        json_array_append_new(left, json_string(label ? label : ""));
    }
    return json_pack("{s:i, s:i, s:o, s:o, s:s?}", "records", (int)reply->records, "log_entries",
                     (int)reply->log_entries, "places", places, "left", left, "note", reply->text);
}

static enum crm_status show(struct cli *cli, const Crm__EraseReply *reply)
{
    if (cli->options.json)
        return json_print(stdout, reply_json(cli, reply), true);
    if (cli->options.quiet)
        return CRM_OK;
    printf(cli->chinese ? "已彻底删除 %u 条记录、%u 条历史。\n"
                        : "Erased %u records and the values of %u changes.\n",
           reply->records, reply->log_entries);
    for (size_t i = 0; i < reply->n_places; i++)
        printf("  %-10s %u\n", cli_safe(cli, reply->places[i]->name ? reply->places[i]->name : "?"),
               reply->places[i]->rows);
    if (reply->n_left > 0)
        puts(cli_label(
            cli,
            "These hung on it and are still there; erase them too where they tell of the person:",
            "以下记录与其相关且仍然存在,如含个人信息请一并删除:"));
    for (size_t i = 0; i < reply->n_left; i++)
        printf("  %s\n", left_label(cli, reply->left[i]));
    if (reply->text)
        puts(cli_safe(cli, reply->text));
    return CRM_OK;
}

/* It cannot be taken back: a person is asked, a script says --yes. */
static enum crm_status ask(struct cli *cli, const struct record *record)
{
    const char *question;

    if (cli->options.yes)
        return CRM_OK;
    question = arena_printf(&cli->arena,
                            cli->chinese ? "彻底删除 %s?无法恢复。"
                                         : "Erase %s for good? Nothing brings it back.",
                            display_record(cli, record, &cli->arena));
    if (cli->in_is_tty && question && prompt_confirm(cli, question))
        return CRM_OK;
    return fail(&cli->failure, cli->in_is_tty ? CRM_CANCELLED : CRM_USAGE, NULL,
                "nothing was erased; without a terminal say --yes");
}

static enum crm_status run_erase(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .deleted = true };
    Crm__EraseRequest request = CRM__ERASE_REQUEST__INIT;
    struct crm_call *call = NULL;
    struct record record;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status && (!cli->options.reason || !*cli->options.reason))
        status = fail(&cli->failure, CRM_USAGE, NULL, "why? --reason TEXT");
    if (!status && argc > 1 + n)
        status = fail(&cli->failure, CRM_USAGE, NULL, "one record at a time");
    if (!status)
        status = select_record(cli, &selection, &record);
    if (!status)
        status = ask(cli, &record);
    if (status)
        return status;
    request.has_kind = request.has_id = request.has_with_children = true;
    request.kind = (uint32_t)record.header.kind;
    request.id = admin_id(&record.header.id);
    request.reason = (char *)(uintptr_t)cli->options.reason;
    request.with_children = cli->options.with_children;
    status = confirm_run(cli, OP_ERASE, &request.base, &call);
    if (!status)
        status = show(cli, (const Crm__EraseReply *)crm_call_reply(call));
    crm_call_destroy(call);
    return status;
}

const struct command command_admin_erase = {
    .name = "admin erase",
    .synopsis = "[KIND] RECORD",
    .summary = "take a person's data out of everything, for good",
    .run = run_erase,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_REASON, OPT_WITH_CHILDREN, OPT_YES, OPT_JSON),
    .arguments = { ARGUMENT_KIND },
    .min_args = 1,
    .max_args = 2,
    .description = "For privacy law. The record and all values that it ever had go: from the "
                   "record, the recycle bin, the log, search, "
                   "indexes, totals, kept answers and staged uploads; of the log there stays that "
                   "something was changed, when and by whom, "
                   "and its chain still verifies. Whoever has a copy (a replica) is told to forget "
                   "it. A deal's amounts go out of past "
                   "totals, too.\n\n"
                   "What hangs on the record is listed, or with --with-children erased as well. "
                   "What others have written about the person "
                   "elsewhere, in a note on another record, no program finds.\n\n"
                   "The pages of the database file that held it are used again in time; until crmd "
                   "starts the next time, and then writes the "
                   "file anew, parts can still lie in it. Backups made before still hold "
                   "everything: end them as your rules ask. It needs the "
                   "right erase, and your password.",
    EXAMPLES("crm admin erase P-12 --reason 'request 2026-117' --with-children",
             "a contact with activities and tasks",
             "crm admin erase P-12 --reason 'request 2026-117' --yes --json",
             "for a script: what was done, place by place"),
};
