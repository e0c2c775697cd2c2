/*
 * cmd_access.c - crm access: may somebody see a record, and why; and who can
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/select.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"

/* --- explain */

static const char *yes_no(const struct cli *cli, bool is_yes)
{
    return is_yes ? cli_label(cli, "yes", "是") : cli_label(cli, "no", "否");
}

/* "yes   read    Role representative reads contacts: own." */
static enum crm_status show_rules(struct cli *cli, const Crm__AccessExplainReply *reply)
{
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? table_column(table, NULL, 0) : CRM_NO_MEMORY;

    if (!status)
        status = table_column(table, NULL, 0);
    if (!status)
        status = table_column(table, NULL, TABLE_WRAP);
    for (size_t i = 0; i < reply->n_rules && !status; i++) {
        const Crm__AccessRule *rule = reply->rules[i];

        status = table_row(table,
                           (const char *[]){ rule->write ? cli_label(cli, "change", "修改")
                                                         : cli_label(cli, "read", "查看"),
                                             rule->allows ? "+" : "-",
                                             cli_safe(cli, rule->text ? rule->text : "") },
                           0);
    }
    if (!status && reply->n_rules > 0)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static json_t *explain_json(const Crm__AccessExplainReply *reply)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < reply->n_rules; i++)
        json_array_append_new(rules, json_pack("{s:s, s:b, s:s?}", "about",
                                               reply->rules[i]->write ? "write" : "read", "allows",
                                               (int)reply->rules[i]->allows, "text",
                                               reply->rules[i]->text));
    return json_pack("{s:b, s:b, s:o}", "may_read", (int)reply->may_read, "may_write",
                     (int)reply->may_write, "rules", rules);
}

static enum crm_status show_explanation(struct cli *cli, const Crm__AccessExplainReply *reply)
{
    if (cli->options.json)
        return json_print(stdout, explain_json(reply), true);
    printf(cli->chinese ? "查看: %s,修改: %s\n" : "read: %s, change: %s\n",
           yes_no(cli, reply->may_read), yes_no(cli, reply->may_write));
    return cli->options.quiet ? CRM_OK : show_rules(cli, reply);
}

/* The field that stands behind the record. */
static enum crm_status take_field(struct cli *cli, const struct record *record, const char *name,
                                  Crm__AccessExplainRequest *request)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *field = schema_field_by_name(cli->schema, kind, name);

    if (!field)
        return fail(&cli->failure, CRM_INVALID, name,
                    "a %s has no such field; crm describe %s lists them", kind->name, kind->name);
    request->has_field = true;
    request->field = field->ref;
    return CRM_OK;
}

/* USER [KIND] RECORD [FIELD]: the record may take two words. */
static enum crm_status run_explain(struct cli *cli, int argc, char **argv)
{
    Crm__AccessExplainRequest request = CRM__ACCESS_EXPLAIN_REQUEST__INIT;
    const Crm__AccessExplainReply *reply;
    struct selection selection = { 0 };
    struct record user, record;
    struct crm_call *call = NULL;
    bool may_read = false;
    int n = 0;
    enum crm_status status = admin_select(cli, KIND_USER, argv[1], &user);

    if (!status)
        status = select_from_arguments(cli, argc - 1, argv + 1, &selection, &n);
    if (!status && argc - 2 - n > 1)
        status = fail(&cli->failure, CRM_USAGE, NULL, "usage: crm %s %s", cli->command->name,
                      cli->command->synopsis);
    if (!status)
        status = select_record(cli, &selection, &record);
    if (!status && argc - 2 - n == 1)
        status = take_field(cli, &record, argv[argc - 1], &request);
    if (status)
        return status;
    request.has_user = request.has_kind = request.has_id = true;
    request.user = admin_id(&user.header.id);
    request.kind = (uint32_t)record.header.kind;
    request.id = admin_id(&record.header.id);
    status = confirm_run(cli, OP_ACCESS_EXPLAIN, &request.base, &call);
    if (!status) {
        reply = (const Crm__AccessExplainReply *)crm_call_reply(call);
        may_read = reply->may_read;
        status = show_explanation(cli, reply);
    }
    crm_call_destroy(call);
    if (status || may_read)
        return status;
    cli->reported = true; /* the answer is no: it is printed, and the exit code says it too */
    return CRM_NOT_ALLOWED;
}

/* --- who */

static enum crm_status show_holder(struct cli *cli, struct table *table,
                                   const Crm__AccessHolder *holder)
{
    const char *rule = cli_safe(cli, holder->rule ? holder->rule : "");
    char until[INSTANT_TEXT_SIZE] = "";

    if (holder->has_until)
        instant_format_short(holder->until, until);
    return table_row(table,
                     (const char *[]){ cli_safe(cli, holder->login ? holder->login : ""),
                                       cli_safe(cli, holder->name ? holder->name : ""),
                                       cli_safe(cli, holder->team ? holder->team : ""),
                                       cli_safe(cli, holder->role ? holder->role : ""),
                                       yes_no(cli, holder->may_write), rule, until },
                     0);
}

static enum crm_status show_holders(struct cli *cli, const Crm__AccessWhoReply *reply)
{
    const struct {
        const char *en, *zh;
        unsigned flags;
    } columns[] = { { "Login", "登录名", 0 },
                    { "Name", "姓名", TABLE_TRUNCATE },
                    { "Team", "团队", TABLE_TRUNCATE },
                    { "Role", "角色", 0 },
                    { "May change", "可修改", 0 },
                    { "By", "依据", TABLE_WRAP },
                    { "Until", "截止", 0 } };
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < ARRAY_LEN(columns) && !status; i++)
        status =
            table_column(table, cli_label(cli, columns[i].en, columns[i].zh), columns[i].flags);
    for (size_t i = 0; i < reply->n_holders && !status; i++)
        status = show_holder(cli, table, reply->holders[i]);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static json_t *holders_json(const Crm__AccessWhoReply *reply)
{
    json_t *array = json_array();

    for (size_t i = 0; i < reply->n_holders; i++) {
        const Crm__AccessHolder *holder = reply->holders[i];
        char id[UUID_TEXT_SIZE] = "", until[INSTANT_TEXT_SIZE] = "";
        struct uuid user;

        if (uuid_from_slice(slice_of(holder->user.data, holder->user.len), &user))
            uuid_format(&user, id);
        if (holder->has_until)
            instant_format(holder->until, until);
        json_array_append_new(
            array, json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:s?, s:o}", "id", id, "login",
                             holder->login, "name", holder->name, "team", holder->team, "role",
                             holder->role, "may_write", (int)holder->may_write, "rule",
                             holder->rule, "until", *until ? json_string(until) : json_null()));
    }
    return array;
}

static enum crm_status run_who(struct cli *cli, int argc, char **argv)
{
    Crm__AccessWhoRequest request = CRM__ACCESS_WHO_REQUEST__INIT;
    const Crm__AccessWhoReply *reply;
    struct selection selection = { 0 };
    struct record record;
    struct crm_call *call = NULL;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &record);
    if (status)
        return status;
    request.has_kind = request.has_id = true;
    request.kind = (uint32_t)record.header.kind;
    request.id = admin_id(&record.header.id);
    status = confirm_run(cli, OP_ACCESS_WHO, &request.base, &call);
    if (!status) {
        reply = (const Crm__AccessWhoReply *)crm_call_reply(call);
        status = cli->options.json ? json_print(stdout, holders_json(reply), true)
                                   : show_holders(cli, reply);
        if (!status && reply->more)
            fputs(
                cli_label(cli,
                          "crm: there may be more: the server looks at so many users and no more\n",
                          "crm: 可能还有更多: 服务器只检查有限数量的用户\n"),
                stderr);
    }
    crm_call_destroy(call);
    return status;
}

/* --- the rows */

const struct command command_access_explain = {
    .name = "access explain",
    .synopsis = "USER [KIND] RECORD [FIELD]",
    .summary = "may a user see and change a record, and by which rule",
    .run = run_explain,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .min_args = 2,
    .max_args = 4,
    .description =
        "The answer comes first, then what was looked at, in order: + speaks for it, - does not; "
        "the last line of each decided. With a field also whether the role hides or protects it. "
        "The exit code is 0 where the user may read it and 9 where not.\n\n"
        "About oneself (me) everybody may ask, about others who manages users or audits; of a "
        "record that you may not read yourself there is no answer.",
    EXAMPLES("crm access explain anna C-12", "why does Anna see this customer?",
             "crm access explain anna D-17 amount", "and the amount of this deal?",
             "crm access explain me customer Acme", "a record by its name"),
};

const struct command command_access_who = {
    .name = "access who",
    .synopsis = "[KIND] RECORD",
    .summary = "who can see a record, and by what",
    .run = run_who,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .arguments = { ARGUMENT_KIND },
    .min_args = 1,
    .max_args = 2,
    .description = "Every active user who may read it: whether they may change it too, by which "
                   "scope of their role or by which share, and when the share ends. For who may "
                   "share, manages users or audits.",
    EXAMPLES("crm access who C-12", "before something is written into it"),
};
