/*
 * cmd_admin_user.c - crm admin user: the people who use the system
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/prompt.h"
#include "client/cli/result.h"
#include "client/cli/select.h"
#include "proto/codec.h"

#define SELECTOR_MAX 256

/* The options that stand for fields of a user. */
static enum crm_status add_options(struct cli *cli, struct arguments *arguments)
{
    const struct {
        const char *field, *value;
    } rows[] = { { "name", cli->options.name },
                 { "email", cli->options.email },
                 { "team", cli->options.team },
                 { "role", cli->options.role },
                 { "manager", cli->options.manager } };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(rows) && !status; i++)
        status = arguments_assign(cli, arguments, rows[i].field, rows[i].value);
    return status;
}

/* --- add */

/* What was done and the way in, as one object or as lines. */
static enum crm_status show_added(struct cli *cli, const struct result *result,
                                  const Crm__MutateResult *answer, const struct mutate_key *key,
                                  const struct invitation *invitation)
{
    enum crm_status status;
    json_t *object;

    if (cli->options.json) {
        object = result_object(cli, result, answer, key);
        if (invitation && json_object_set_new(object, "invitation", invitation_json(invitation)))
            object = NULL;
        return json_print(stdout, object, true);
    }
    status = result_show(cli, result, answer, key);
    if (!status && invitation)
        invitation_print(cli, invitation);
    return status;
}

static enum crm_status add_one(struct cli *cli, int argc, char **argv)
{
    bool has_login = argc > 1 && !change_is_assignment(argv[1]);
    struct result result = { .kind = kind_def(KIND_USER),
                             .done = "Created",
                             .done_zh = "已创建",
                             .title = has_login ? cli_safe(cli, argv[1]) : NULL };
    struct value_context context = cli_value_context(cli);
    struct arguments fields = { .n = 0 };
    struct invitation invitation;
    struct mutate_outcome outcome = { 0 };
    struct mutate_key key;
    struct change change;
    bool invites = !cli->options.no_invitation && !cli->options.dry_run;
    enum crm_status status = CRM_OK;

    if (has_login)
        status = arguments_assign(cli, &fields, "login", argv[1]);
    if (!status)
        status = add_options(cli, &fields);
    if (!status)
        status = arguments_rest(cli, &fields, argc, argv, has_login ? 2 : 1);
    change_init(&change, cli->schema, result.kind, &context, &cli->arena, select_resolve, cli);
    for (int i = 0; i < fields.n && !status; i++)
        status = change_assign(&change, fields.argv[i], &cli->failure);
    if (!status)
        status = result_create(cli, &change, &result, &key, &outcome);
    if (!status && invites && invitation_create(cli, &result.id, &invitation)) {
        cli->detail = "The user is there; crm admin invite makes the invitation.\n";
        status = CRM_PARTIAL;
    }
    if (!status)
        status =
            show_added(cli, &result, outcome.reply->results[0], &key, invites ? &invitation : NULL);
    mutate_end(&outcome);
    return status;
}

static enum crm_status run_add(struct cli *cli, int argc, char **argv)
{
    if (!cli->options.from && argc == 1)
        return fail(&cli->failure, CRM_USAGE, NULL, "a new user needs a login");
    if (!cli->options.from)
        return add_one(cli, argc, argv);
    if (argc > 1)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "users come from the file or from the command line, not from both");
    return admin_add_users(cli);
}

/* --- the plain verbs */

static enum crm_status run_set(struct cli *cli, int argc, char **argv)
{
    struct arguments plain;
    enum crm_status status = arguments_begin(cli, &plain, argv[0], "user");

    if (!status)
        status = arguments_rest(cli, &plain, argc, argv, 1);
    if (!status)
        status = add_options(cli, &plain);
    if (!status && plain.n < 4)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "say what to change: FIELD=VALUE, or an option");
    return status ? status : cmd_set(cli, plain.n, plain.argv);
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_list, argc, argv);
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_show, argc, argv);
}

static enum crm_status run_enable(struct cli *cli, int argc, char **argv)
{
    struct result result = { .done = "Enabled", .done_zh = "已启用" };
    struct value_context context = cli_value_context(cli);
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;
    struct record user;
    enum crm_status status = admin_select(cli, KIND_USER, argv[1], &user);

    (void)argc;
    if (status)
        return status;
    change_init(&change, cli->schema, kind_def(KIND_USER), &context, &cli->arena, NULL, NULL);
    status = change_assign(&change, "active=yes", &cli->failure);
    if (!status)
        status = change_finish(&change, false, &mutation, &cli->failure);
    mutation.has_verb = true;
    mutation.verb = CRM__VERB__VERB_PATCH;
    return status ? status : result_of_change(cli, &user, &mutation, NULL, &result);
}

/* --- disable */

/* One try; heir NULL: nobody inherits. */
static enum crm_status disable(struct cli *cli, const struct record *user,
                               const struct record *heir)
{
    struct result result = { .done = "Disabled", .done_zh = "已停用" };
    Crm__DisableArgument argument = CRM__DISABLE_ARGUMENT__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct slice packed;
    char action[] = "disable";

    if (heir) {
        argument.has_heir = true;
        argument.heir = admin_id(&heir->header.id);
    }
    if (codec_pack(&argument.base, &cli->arena, &packed) != CRM_OK)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    mutation.has_verb = mutation.has_argument = true;
    mutation.verb = CRM__VERB__VERB_ACTION;
    mutation.action = action;
    mutation.argument =
        (ProtobufCBinaryData){ .len = packed.size, .data = (uint8_t *)(uintptr_t)packed.data };
    return result_of_change(cli, user, &mutation, NULL, &result);
}

/* The server has said what is open; on a terminal ask who takes it over. */
static enum crm_status ask_heir(struct cli *cli, struct record *out_heir)
{
    char answer[SELECTOR_MAX];

    if (!cli->in_is_tty || !cli->err_is_tty)
        return CRM_IN_USE;
    fprintf(stderr, "%s\n", cli_safe(cli, cli->failure.text));
    if (!prompt_line(cli_label(cli, "Who takes them over? ", "由谁接手? "), answer,
                     sizeof(answer)) ||
        !*answer)
        return CRM_IN_USE;
    cli->failure = (struct failure){ 0 };
    return admin_select(cli, KIND_USER, arena_strdup(&cli->arena, answer), out_heir);
}

static enum crm_status run_disable(struct cli *cli, int argc, char **argv)
{
    struct record user, heir;
    bool has_heir = cli->options.heir != NULL;
    enum crm_status status = admin_select(cli, KIND_USER, argv[1], &user);

    (void)argc;
    if (!status && has_heir)
        status = admin_select(cli, KIND_USER, cli->options.heir, &heir);
    if (!status)
        status = disable(cli, &user, has_heir ? &heir : NULL);
    if (status == CRM_IN_USE && !has_heir) {
        has_heir = true;
        status = ask_heir(cli, &heir);
        if (!status)
            status = disable(cli, &user, &heir);
        else if (status == CRM_IN_USE)
            cli->detail = "crm admin user disable USER --heir USER hands it over.\n";
    }
    if (!status && has_heir && !cli->options.json && !cli->options.quiet && !cli->options.dry_run)
        printf("%s%s\n", cli_label(cli, "What was open now belongs to ", "未完成的事项已转交: "),
               display_record(cli, &heir, &cli->arena));
    return status;
}

/* --- reset-password */

static enum crm_status set_temporary(struct cli *cli, const struct record *user)
{
    Crm__PasswordRequest request = CRM__PASSWORD_REQUEST__INIT;
    struct crm_call *call = NULL;
    char password[PASSWORD_SIZE] = "";
    enum crm_status status =
        prompt_password("CRM_NEW_PASSWORD", cli_label(cli, "Temporary password: ", "临时密码: "),
                        true, password, &cli->failure);

    request.has_user = request.has_must_change = request.must_change = true;
    request.user = admin_id(&user->header.id);
    request.password = password;
    if (!status)
        status = confirm_run(cli, OP_PASSWORD, &request.base, &call);
    if (!status && !cli->options.quiet && !cli->options.json)
        puts(cli_label(cli, "The password is set; it must be changed at the next login.",
                       "密码已设置,下次登录时必须修改。"));
    secret_wipe(password, sizeof(password));
    crm_call_destroy(call);
    return status;
}

static enum crm_status run_reset_password(struct cli *cli, int argc, char **argv)
{
    struct invitation invitation;
    struct record user;
    enum crm_status status = admin_select(cli, KIND_USER, argv[1], &user);

    (void)argc;
    if (!status && cli->options.temporary)
        return set_temporary(cli, &user);
    if (!status)
        status = invitation_create(cli, &user.header.id, &invitation);
    if (status)
        return status;
    if (cli->options.json)
        return json_print(stdout, invitation_json(&invitation), true);
    invitation_print(cli, &invitation);
    return CRM_OK;
}

/* --- the rows */

static const struct command user_add = {
    .name = "admin user add",
    .synopsis = "LOGIN [FIELD=VALUE...]",
    .summary = "a new user and an invitation, or many from a file",
    .run = run_add,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_NAME, OPT_EMAIL, OPT_TEAM, OPT_ROLE, OPT_MANAGER, OPT_NO_INVITATION, OPT_FROM,
            OPT_INVITATIONS, OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .max_args = -1,
    .description =
        "Prints the line that logs the user in for the first time: address, fingerprint of the CA "
        "and a code that is good once. Send it to the user.\n\n"
        "With --from each line of a CSV file is a user; its first line names the columns (login, "
        "name, email, team, role, manager and any other field of a user). Teams and roles go by "
        "their names, managers by login or name; a manager may be a user of the same file, in any "
        "order. All of the file is created or nothing, at most 500 users; what is wrong is told "
        "with line and column. The invitations are written as CSV, to --invitations FILE or to "
        "the output.",
    EXAMPLES("crm admin user add anna --name 'Anna Snelling' --team North --role representative",
             "one user, and her invitation", "crm admin user add --from staff.csv --dry-run",
             "is the file right?",
             "crm admin user add --from staff.csv --invitations invitations.csv", "a whole office"),
};

static const struct command user_set = {
    .name = "admin user set",
    .synopsis = "USER [FIELD=VALUE...]",
    .summary = "change a user",
    .run = run_set,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_NAME, OPT_EMAIL, OPT_TEAM, OPT_ROLE, OPT_MANAGER, OPT_KEY, OPT_REV, OPT_DRY_RUN,
            OPT_JSON),
    .min_args = 1,
    .max_args = -1,
    .description = "With another team or role the user sees something else from that moment on, "
                   "in open sessions too. The records stay whose they are. Fields as crm set "
                   "takes them: more_teams+=South adds a second team.",
    EXAMPLES("crm admin user set anna --role manager --team South", "promoted",
             "crm admin user set anna more_teams+=West", "works in West, too"),
};

static const struct command user_list = {
    .name = "admin user list",
    .synopsis = "[FILTER]",
    .summary = "the users",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_JSON, OPT_JSONL, OPT_CSV),
    .max_args = -1,
    .description = "The filter is that of crm list.",
    EXAMPLES("crm admin user list 'team = North and active = yes'", "who works in North"),
};

static const struct command user_show = {
    .name = "admin user show",
    .synopsis = "USER",
    .summary = "one user, and what is the user's",
    .run = run_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_ALL, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "As crm show does.",
    EXAMPLES("crm admin user show anna", "by login"),
};

static const struct command user_disable = {
    .name = "admin user disable",
    .synopsis = "USER",
    .summary = "let a user in no more, and hand over what is open",
    .run = run_disable,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_HEIR, OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description =
        "Sessions end at once. Customers, contacts, open deals and open tasks of the user go to "
        "the heir in the same step, all or nothing; what has been won, lost or done stays whose it "
        "was. Without an heir a user who owns any of that is not disabled: a terminal tells how "
        "much it is and asks who takes it over.",
    EXAMPLES("crm admin user disable anna --heir cecily", "Cecily takes over",
             "crm admin user disable anna --heir cecily --dry-run", "could it be done?"),
};

static const struct command user_enable = {
    .name = "admin user enable",
    .synopsis = "USER",
    .summary = "let a disabled user in again",
    .run = run_enable,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "With the password of before. What was handed over stays handed over.",
    EXAMPLES("crm admin user enable anna", "she is back"),
};

static const struct command user_reset_password = {
    .name = "admin user reset-password",
    .synopsis = "USER",
    .summary = "a new way in for who has lost the password",
    .run = run_reset_password,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_TEMPORARY, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "Prints a new invitation, good once, with which the user chooses a password. "
                   "With --temporary a password is asked for (or taken from CRM_NEW_PASSWORD) that "
                   "the user must change at the next login; the user's sessions end.",
    EXAMPLES("crm admin user reset-password anna", "send her the line",
             "crm admin user reset-password anna --temporary", "tell her the password"),
};

const struct command command_admin_user = {
    .name = "admin user",
    .summary = "the people who use the system",
    VERBS(&user_add, &user_set, &user_list, &user_show, &user_disable, &user_enable,
          &user_reset_password),
    .description = "A user has a login, a name, a team and a role; the role says what may be seen "
                   "and done (crm admin role), the team where. USER is a login, a name or a "
                   "number (U-3).",
};
