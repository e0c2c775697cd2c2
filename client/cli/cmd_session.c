/*
 * cmd_session.c - crm session: where somebody is logged in, and putting an end to it
 */
#include <ctype.h>
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"

#define SHORT_ID 8 /* digits of an id's end that are shown, */
#define LEAST_ID 6 /* and that are asked for at least */

/* What the server tells of sessions; borrowed from the call. */
static enum crm_status fetch(struct cli *cli, Crm__SessionListRequest *request,
                             struct crm_call **out_call, const Crm__SessionListReply **out_reply)
{
    enum crm_status status = confirm_run(cli, OP_SESSION_LIST, &request->base, out_call);

    if (!status)
        *out_reply = (const Crm__SessionListReply *)crm_call_reply(*out_call);
    return status;
}

static void id_text(const Crm__SessionInfo *info, char text[UUID_TEXT_SIZE])
{
    struct uuid id;

    *text = '\0';
    if (uuid_from_slice(slice_of(info->id.data, info->id.len), &id))
        uuid_format(&id, text);
}

/* --- list */

static json_t *instant_json(int64_t instant)
{
    char text[INSTANT_TEXT_SIZE];

    instant_format(instant, text);
    return json_string(text);
}

static json_t *session_json(const Crm__SessionInfo *info)
{
    char id[UUID_TEXT_SIZE];

    id_text(info, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b}", "id", id, "user",
                     info->login ? info->login : "", "device",
                     info->device_name ? info->device_name : "", "from",
                     info->from ? info->from : "", "how", info->how ? info->how : "", "created",
                     instant_json(info->created_at), "used", instant_json(info->used_at), "expires",
                     instant_json(info->expires_at), "current", (int)info->current);
}

static enum crm_status list_json(const Crm__SessionListReply *reply)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < reply->n_sessions; i++)
        json_array_append_new(list, session_json(reply->sessions[i]));
    return json_print(stdout, list, true);
}

static enum crm_status add_row(struct cli *cli, struct table *table, const Crm__SessionInfo *info)
{
    char id[UUID_TEXT_SIZE], created[INSTANT_TEXT_SIZE], used[INSTANT_TEXT_SIZE],
        expires[INSTANT_TEXT_SIZE];
    const char *marked;

    id_text(info, id);
    instant_format_short(info->created_at, created);
    instant_format_short(info->used_at, used);
    instant_format_short(info->expires_at, expires);
    marked =
        arena_printf(&cli->arena, "%s%s", strlen(id) > SHORT_ID ? id + strlen(id) - SHORT_ID : id,
                     info->current ? " *" : "");
    return table_row(
        table,
        (const char *const[]){ marked, cli_safe(cli, info->login ? info->login : ""),
                               cli_safe(cli, info->device_name ? info->device_name : ""),
                               cli_safe(cli, info->from ? info->from : ""),
                               cli_safe(cli, info->how ? info->how : ""), created, used, expires },
        0);
}

static enum crm_status list_table(struct cli *cli, const Crm__SessionListReply *reply)
{
    static const char *const headings[][2] = {
        { "session", "会话" },  { "user", "用户" },      { "device", "设备" },
        { "from", "来源" },     { "how", "方式" },       { "since", "登录时间" },
        { "used", "最近使用" }, { "until", "有效期至" },
    };
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, cli_label(cli, headings[i][0], headings[i][1]),
                              i == 2 || i == 3 ? TABLE_TRUNCATE : 0);
    for (size_t i = 0; i < reply->n_sessions && !status; i++)
        status = add_row(cli, table, reply->sessions[i]);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    if (status)
        return fail(&cli->failure, status, NULL, "out of memory");
    cli_hint(cli, "%s", cli_label(cli, "* is this one.", "* 为当前会话。"));
    return CRM_OK;
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    Crm__SessionListRequest request = CRM__SESSION_LIST_REQUEST__INIT;
    const Crm__SessionListReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    enum crm_status status = CRM_OK;

    (void)argc;
    (void)argv;
    if (cli->options.user) {
        status = admin_select(cli, KIND_USER, cli->options.user, &user);
        request.has_user = true;
        request.user = admin_id(&user.header.id);
    }
    request.has_all = request.all = cli->options.all;
    if (!status)
        status = fetch(cli, &request, &call, &reply);
    if (!status)
        status = cli->options.json ? list_json(reply) : list_table(cli, reply);
    crm_call_destroy(call);
    return status;
}

/* --- kill */

/* The end of an id in the form that uuid_format gives, without case and hyphens. */
static bool ends_with(const char *id, const char *ending)
{
    size_t i = strlen(id), j = strlen(ending);

    while (j > 0) {
        if (ending[j - 1] == '-') {
            j--;
        } else if (i > 0 && id[i - 1] == '-') {
            i--;
        } else if (i == 0 || tolower((unsigned char)ending[j - 1]) != id[i - 1]) {
            return false;
        } else {
            i--;
            j--;
        }
    }
    return true;
}

/* The one session that ends so, of those that the server tells of: one's own, or with all
 * everybody's. CRM_NOT_FOUND. */
static enum crm_status find_ending(struct cli *cli, const char *ending, bool all,
                                   struct uuid *out_id)
{
    Crm__SessionListRequest request = CRM__SESSION_LIST_REQUEST__INIT;
    const Crm__SessionListReply *reply;
    struct crm_call *call = NULL;
    char id[UUID_TEXT_SIZE];
    unsigned found = 0;
    enum crm_status status;

    request.has_all = request.all = all;
    status = fetch(cli, &request, &call, &reply);
    for (size_t i = 0; !status && i < reply->n_sessions; i++) {
        id_text(reply->sessions[i], id);
        if (ends_with(id, ending) && uuid_parse(id, out_id))
            found++;
    }
    crm_call_destroy(call);
    if (status)
        return status;
    if (found > 1)
        return fail(&cli->failure, CRM_AMBIGUOUS, NULL, "more than one session ends with '%s'",
                    ending);
    return found ? CRM_OK : CRM_NOT_FOUND;
}

static enum crm_status find_session(struct cli *cli, const char *text, struct uuid *out_id)
{
    enum crm_status status;

    if (uuid_parse(text, out_id))
        return CRM_OK;
    if (strlen(text) < LEAST_ID || strspn(text, "0123456789abcdefABCDEF-") != strlen(text))
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "'%s': which session? The end of its id, %d digits or more (crm session list)",
                    text, LEAST_ID);
    status = find_ending(cli, text, false, out_id);
    if (status == CRM_NOT_FOUND)
        status = find_ending(cli, text, true, out_id);
    if (status == CRM_NOT_FOUND || status == CRM_NOT_ALLOWED) { /* others' may not be looked at */
        cli->failure = (struct failure){ 0 };
        status = fail(&cli->failure, CRM_NOT_FOUND, NULL, "there is no such session");
    }
    return status;
}

static enum crm_status end_sessions(struct cli *cli, Crm__SessionEndRequest *request)
{
    struct crm_call *call = NULL;
    enum crm_status status = confirm_run(cli, OP_SESSION_END, &request->base, &call);
    const Crm__SessionEndReply *reply =
        status ? NULL : (const Crm__SessionEndReply *)crm_call_reply(call);

    if (!status && cli->options.json)
        status = json_print(stdout, json_pack("{s:i}", "ended", (int)reply->ended), false);
    else if (!status && !cli->options.quiet)
        printf(cli->chinese ? "已结束 %u 个会话。\n" : "Sessions ended: %u.\n", reply->ended);
    crm_call_destroy(call);
    return status;
}

static enum crm_status run_kill(struct cli *cli, int argc, char **argv)
{
    Crm__SessionEndRequest request = CRM__SESSION_END_REQUEST__INIT;
    struct record user;
    struct uuid id;
    enum crm_status status = CRM_OK;

    if ((argc > 1) + (cli->options.user != NULL) + cli->options.others != 1)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "which ones? crm session kill ID, --user LOGIN or --others");
    if (argc > 1) {
        status = find_session(cli, argv[1], &id);
        request.has_id = true;
        request.id = admin_id(&id);
    } else if (cli->options.user) {
        status = admin_select(cli, KIND_USER, cli->options.user, &user);
        request.has_user = true;
        request.user = admin_id(&user.header.id);
    }
    request.has_others = request.others = cli->options.others;
    return status ? status : end_sessions(cli, &request);
}

/* An administrator who names nobody means everybody. */
static enum crm_status run_list_of_all(struct cli *cli, int argc, char **argv)
{
    cli->options.all = !cli->options.user;
    return run_list(cli, argc, argv);
}

/* --- the rows */

const struct command session_list = {
    .name = "session list",
    .synopsis = "",
    .summary = "where you are logged in",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_ALL, OPT_JSON),
    .max_args = 0,
    .description =
        "Device, address and program, since when, when it was used last (within five "
        "minutes) and until when it is good without being used. Others' sessions need the "
        "right to manage users: --user or --all.",
    EXAMPLES("crm session list", "yours", "crm session list --all --json",
             "everybody's, for a script"),
};

const struct command session_kill = {
    .name = "session kill",
    .synopsis = "[ID]",
    .summary = "end sessions, at once",
    .run = run_kill,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_OTHERS, OPT_JSON),
    .max_args = 1,
    .description =
        "One session by the end of its id, all of a user, or all of yours but this one. Their "
        "connections end too, with what runs on them. Others' sessions need the right to "
        "manage users and your password once more (CRM_PASSWORD, or it is asked for).",
    EXAMPLES("crm session kill 9f3a21c7", "a laptop that was left somewhere",
             "crm session kill --others", "everywhere but here", "crm session kill --user anna",
             "hers"),
};

static const struct command admin_session_list = {
    .name = "admin session list",
    .synopsis = "",
    .summary = "who is logged in, and where",
    .run = run_list_of_all,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_JSON),
    .max_args = 0,
    .description = "Of everybody, or with --user of one. As crm session list.",
    EXAMPLES("crm admin session list", "everybody's", "crm admin session list --user anna", "hers"),
};

static const struct command admin_session_kill = {
    .name = "admin session kill",
    .synopsis = "[ID]",
    .summary = "end somebody's sessions, at once",
    .run = run_kill,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_JSON),
    .max_args = 1,
    .description = "One by the end of its id, or with --user all of a user. As crm session kill.",
    EXAMPLES("crm admin session kill --user anna", "wherever she is logged in"),
};

const struct command command_admin_session = {
    .name = "admin session",
    .summary = "who is logged in",
    VERBS(&admin_session_list, &admin_session_kill),
    .description = "The sessions of others; crm session is for one's own.",
};
