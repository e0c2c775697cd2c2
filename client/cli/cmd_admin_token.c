/*
 * cmd_admin_token.c - crm admin token: keys for scripts
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

static enum crm_status ask(struct cli *cli, Crm__TokenRequest *request, Crm__TokenStep step,
                           struct crm_call **out_call, const Crm__TokenReply **out_reply)
{
    enum crm_status status;

    request->has_step = true;
    request->step = step;
    status = confirm_run(cli, OP_TOKEN, &request->base, out_call);
    if (!status)
        *out_reply = (const Crm__TokenReply *)crm_call_reply(*out_call);
    return status;
}

/* --user and --role; the records keep the bytes. */
static enum crm_status take_names(struct cli *cli, Crm__TokenRequest *request, struct record *user,
                                  struct record *role)
{
    enum crm_status status = CRM_OK;

    if (cli->options.user) {
        status = admin_select(cli, KIND_USER, cli->options.user, user);
        request->has_user = true;
        request->user = admin_id(&user->header.id);
    }
    if (!status && cli->options.role) {
        status = admin_select(cli, KIND_ROLE, cli->options.role, role);
        request->has_role = true;
        request->role = admin_id(&role->header.id);
    }
    return status;
}

/* "30d" is from now on; else a day or an instant. */
static enum crm_status take_expiry(struct cli *cli, Crm__TokenRequest *request)
{
    const char *text = cli->options.expires;
    size_t digits = text ? strspn(text, "0123456789") : 0;
    enum crm_status status;

    if (!text)
        return CRM_OK;
    if (digits > 0 && text[digits] && strchr("hdwmy", text[digits]) && !text[digits + 1])
        text = arena_printf(&cli->arena, "+%s", text);
    if (!text)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = instant_parse(slice_text(text), clock_now_us(), &request->expires_at, &cli->failure);
    request->has_expires_at = true;
    return status ? fail(&cli->failure, CRM_USAGE, NULL,
                         "--expires '%s': 30d, 6m, or a day such as 2027-06-30",
                         cli->options.expires)
                  : CRM_OK;
}

static json_t *instant_json(protobuf_c_boolean has, int64_t instant)
{
    char text[INSTANT_TEXT_SIZE];

    if (!has)
        return json_null();
    instant_format(instant, text);
    return json_string(text);
}

static json_t *token_json(const Crm__TokenInfo *info)
{
    char id[UUID_TEXT_SIZE] = "";
    struct uuid uuid;

    if (uuid_from_slice(slice_of(info->id.data, info->id.len), &uuid))
        uuid_format(&uuid, id);
    return json_pack("{s:s, s:s, s:s, s:s*, s:o, s:o, s:o}", "id", id, "name",
                     info->name ? info->name : "", "user", info->login ? info->login : "", "role",
                     info->role, "created", instant_json(info->has_created_at, info->created_at),
                     "used", instant_json(info->has_used_at, info->used_at), "expires",
                     instant_json(info->has_expires_at, info->expires_at));
}

static enum crm_status show_created(struct cli *cli, const Crm__TokenReply *reply)
{
    char expires[INSTANT_TEXT_SIZE];
    json_t *json;

    if (!reply->token || reply->n_tokens != 1)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server sent no token");
    if (cli->options.json) {
        json = token_json(reply->tokens[0]);
        if (json)
            json_object_set_new(json, "token", json_string(reply->token));
        return json_print(stdout, json, true);
    }
    printf("%s\n", cli_safe(cli, reply->token));
    instant_format_short(reply->tokens[0]->expires_at, expires);
    cli_hint(cli,
             cli->chinese ? "此令牌不会再次显示。有效期至 %s。"
                          : "It is not shown again. It can be used until %s, as CRM_TOKEN or in a "
                            "file with --token-file.",
             expires);
    return CRM_OK;
}

static enum crm_status run_create(struct cli *cli, int argc, char **argv)
{
    Crm__TokenRequest request = CRM__TOKEN_REQUEST__INIT;
    const Crm__TokenReply *reply;
    struct crm_call *call = NULL;
    struct record user, role;
    enum crm_status status;

    (void)argc;
    (void)argv;
    if (!cli->options.name)
        return fail(&cli->failure, CRM_USAGE, NULL, "what is it for? --name NAME");
    request.name = (char *)(uintptr_t)cli->options.name;
    status = take_names(cli, &request, &user, &role);
    if (!status)
        status = take_expiry(cli, &request);
    if (!status)
        status = ask(cli, &request, CRM__TOKEN_STEP__TOKEN_STEP_CREATE, &call, &reply);
    if (!status)
        status = show_created(cli, reply);
    crm_call_destroy(call);
    return status;
}

static const char *short_instant(struct cli *cli, protobuf_c_boolean has, int64_t instant)
{
    char text[INSTANT_TEXT_SIZE] = "";

    if (has)
        instant_format_short(instant, text);
    return arena_strdup(&cli->arena, text);
}

static enum crm_status show_table(struct cli *cli, const Crm__TokenReply *reply)
{
    static const char *const headings[][2] = { { "name", "名称" },    { "user", "用户" },
                                               { "role", "角色" },    { "created", "创建" },
                                               { "used", "最近使用" }, { "expires", "到期" } };
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, headings[i][cli->chinese], i == 0 ? TABLE_TRUNCATE : 0);
    for (size_t i = 0; i < reply->n_tokens && !status; i++) {
        const Crm__TokenInfo *info = reply->tokens[i];
        const char *cells[ARRAY_LEN(headings)] = {
            cli_safe(cli, info->name ? info->name : ""),
            cli_safe(cli, info->login ? info->login : ""),
            cli_safe(cli, info->role ? info->role : ""),
            short_instant(cli, info->has_created_at, info->created_at),
            short_instant(cli, info->has_used_at, info->used_at),
            short_instant(cli, info->has_expires_at, info->expires_at),
        };

        status = table_row(table, cells, 0);
    }
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "the list cannot be shown") : CRM_OK;
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    Crm__TokenRequest request = CRM__TOKEN_REQUEST__INIT;
    const Crm__TokenReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    json_t *array;
    enum crm_status status = take_names(cli, &request, &user, NULL);

    (void)argc;
    (void)argv;
    if (!status)
        status = ask(cli, &request, CRM__TOKEN_STEP__TOKEN_STEP_LIST, &call, &reply);
    if (!status && cli->options.json) {
        array = json_array();
        for (size_t i = 0; array && i < reply->n_tokens; i++)
            json_array_append_new(array, token_json(reply->tokens[i]));
        status = json_print(stdout, array, true);
    } else if (!status) {
        status = show_table(cli, reply);
    }
    crm_call_destroy(call);
    return status;
}

/* By its id, else by its name where only one has it. */
static enum crm_status find_token(struct cli *cli, const Crm__TokenReply *reply, const char *wanted,
                                  struct uuid *out_id)
{
    struct uuid wanted_id, id;
    bool is_id = uuid_parse(wanted, &wanted_id);
    size_t n = 0;

    for (size_t i = 0; i < reply->n_tokens; i++) {
        const Crm__TokenInfo *info = reply->tokens[i];

        if (!uuid_from_slice(slice_of(info->id.data, info->id.len), &id))
            continue;
        if (is_id ? uuid_equal(&id, &wanted_id) : info->name && strcmp(info->name, wanted) == 0) {
            *out_id = id;
            n++;
        }
    }
    if (n > 1)
        return fail(&cli->failure, CRM_AMBIGUOUS, NULL,
                    "%zu tokens are called '%s': say whose with --user, or give the id (--json "
                    "shows it)",
                    n, wanted);
    return n == 1 ? CRM_OK
                  : fail(&cli->failure, CRM_NOT_FOUND, NULL, "there is no token '%s'", wanted);
}

static enum crm_status run_revoke(struct cli *cli, int argc, char **argv)
{
    Crm__TokenRequest request = CRM__TOKEN_REQUEST__INIT;
    const Crm__TokenReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    struct uuid id = { { 0 } };
    enum crm_status status = take_names(cli, &request, &user, NULL);

    (void)argc;
    if (!status)
        status = ask(cli, &request, CRM__TOKEN_STEP__TOKEN_STEP_LIST, &call, &reply);
    if (!status)
        status = find_token(cli, reply, argv[1], &id);
    crm_call_destroy(call);
    call = NULL;
    request = (Crm__TokenRequest)CRM__TOKEN_REQUEST__INIT;
    request.has_id = true;
    request.id = admin_id(&id);
    if (!status)
        status = ask(cli, &request, CRM__TOKEN_STEP__TOKEN_STEP_REVOKE, &call, &reply);
    if (!status && !cli->options.quiet)
        puts(cli_label(cli, "The token is revoked.", "令牌已吊销。"));
    crm_call_destroy(call);
    return status;
}

static const struct command token_create = {
    .name = "admin token create",
    .synopsis = "",
    .summary = "a new token, shown once",
    .run = run_create,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_NAME, OPT_USER, OPT_ROLE, OPT_EXPIRES, OPT_JSON),
    .max_args = 0,
    .description =
        "For a script of yours, or with the right to manage users of another's. It acts as that "
        "user; with --role it may do what both the user and that role may. Without --expires it "
        "lasts 90 days, and a year at most. The server may ask for your password first.",
    EXAMPLES("crm admin token create --name backup --role auditor --expires 30d",
             "reads all and writes nothing, for a month",
             "crm admin token create --name sync --user service --json | jq -r .token",
             "for a program"),
};

static const struct command token_list = {
    .name = "admin token list",
    .synopsis = "",
    .summary = "tokens, and when they were last used",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_JSON),
    .max_args = 0,
    .description = "Yours, and with the right to manage users everybody's. The last use is kept "
                   "about to five minutes. Expired ones are shown for thirty days.",
    EXAMPLES("crm admin token list --user anna", "those of one user"),
};

static const struct command token_revoke = {
    .name = "admin token revoke",
    .synopsis = "NAME|ID",
    .summary = "end a token, at once",
    .run = run_revoke,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER),
    .min_args = 1,
    .max_args = 1,
    .description = "Its connections end within a second.",
    EXAMPLES("crm admin token revoke backup", "by its name"),
};

const struct command command_admin_token = {
    .name = "admin token",
    .summary = "keys for scripts",
    VERBS(&token_create, &token_list, &token_revoke),
    .description =
        "A script gives its token in CRM_TOKEN, or in a file with --token-file. It needs no login "
        "where crm has logged in to this server before; else crm login HOST:PORT --ca FILE "
        "--token-file FILE keeps it. A token cannot confirm a password, so what asks for one is "
        "closed to it.",
};
