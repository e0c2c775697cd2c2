/*
 * cmd_admin.c - crm admin: users, teams, roles and invitations
 *
 * Users, teams and roles are records like any other: add, set, list and rm are the plain verbs with
 * the kind in front.
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/prompt.h"
#include "client/cli/result.h"
#include "client/cli/select.h"

#define ARGUMENTS_MAX 128

static enum crm_status select_user(struct cli *cli, const char *selector, struct record *out_user)
{
    struct selection selection = { .kind = kind_def(KIND_USER), .selector = selector };

    return select_record(cli, &selection, out_user);
}

static ProtobufCBinaryData id_bytes(struct record *record)
{
    return (ProtobufCBinaryData){ .len = UUID_SIZE, .data = record->header.id.bytes };
}

/* One line that logs the user in. */
static enum crm_status invite(struct cli *cli, const char *selector)
{
    Crm__InviteRequest request = CRM__INVITE_REQUEST__INIT;
    const Crm__InviteReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    char hex[2 * CRM_CA_SHA256_SIZE + 1];
    const char *url = NULL;
    enum crm_status status = select_user(cli, selector, &user);

    if (status)
        return status;
    request.has_user = true;
    request.user = id_bytes(&user);
    status = crm_invite(cli->client, &request, &call, &reply);
    if (status) {
        status = cli_call_failed(cli, status, call);
    } else if (reply->ca_sha256.len != CRM_CA_SHA256_SIZE || !reply->code) {
        status = fail(&cli->failure, CRM_PROTOCOL, NULL, "the server sent no invitation");
    } else {
        hex_format(reply->ca_sha256.data, reply->ca_sha256.len, hex);
        if (reply->address && *reply->address)
            url = arena_printf(&cli->arena, "crm://%s/?ca=sha256:%s&code=%s",
                               cli_safe(cli, reply->address), hex, cli_safe(cli, reply->code));
        else
            url = arena_printf(&cli->arena, "crm://%s:%d/?ca=sha256:%s&code=%s",
                               cli_safe(cli, cli->profile.host), (int)cli->profile.port, hex,
                               cli_safe(cli, reply->code));
        if (cli->options.json)
            status = json_print(stdout, json_pack("{s:s}", "url", url ? url : ""), false);
        else
            printf("crm login '%s'\n", url ? url : "");
        cli_hint(cli, "%s",
                 cli_label(cli, "Send this line to the user. It is good once.",
                           "将此行发给该用户,仅可使用一次。"));
    }
    crm_call_destroy(call);
    return status;
}

static enum crm_status set_active(struct cli *cli, const char *selector, bool is_active)
{
    struct result result = { .done = is_active ? "Enabled" : "Disabled",
                             .done_zh = is_active ? "已启用" : "已停用" };
    struct value_context context = cli_value_context(cli);
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;
    struct record user;
    enum crm_status status = select_user(cli, selector, &user);

    if (status)
        return status;
    change_init(&change, cli->schema, kind_def(KIND_USER), &context, &cli->arena, select_resolve,
                cli);
    status = change_assign(&change, is_active ? "active=yes" : "active=no", &cli->failure);
    if (!status)
        status = change_finish(&change, false, &mutation, &cli->failure);
    mutation.has_verb = true;
    mutation.verb = CRM__VERB__VERB_PATCH;
    return status ? status : result_of_change(cli, &user, &mutation, NULL, &result);
}

static enum crm_status set_password(struct cli *cli, const char *selector)
{
    Crm__PasswordRequest request = CRM__PASSWORD_REQUEST__INIT;
    const Crm__PasswordReply *reply;
    struct crm_call *call = NULL;
    char password[PASSWORD_SIZE] = "";
    struct record user;
    enum crm_status status = select_user(cli, selector, &user);

    if (!status)
        status = prompt_password("CRM_NEW_PASSWORD", cli_label(cli, "New password: ", "新密码: "),
                                 true, password, &cli->failure);
    request.has_user = true;
    request.user = id_bytes(&user);
    request.password = password;
    if (!status) {
        status = crm_password(cli->client, &request, &call, &reply);
        if (status)
            status = cli_call_failed(cli, status, call);
        else if (!cli->options.quiet)
            puts(cli_label(cli, "The password is changed.", "密码已修改。"));
    }
    secret_wipe(password, sizeof(password));
    crm_call_destroy(call);
    return status;
}

/* `crm admin user add x=y` is `crm add user x=y`. */
static enum crm_status run_plain(struct cli *cli, int argc, char **argv)
{
    static const struct {
        const char *name;
        enum crm_status (*run)(struct cli *cli, int argc, char **argv);
        int min_args;
    } verbs[] = { { "add", cmd_add, 0 },
                  { "set", cmd_set, 1 },
                  { "list", cmd_list, 0 },
                  { "show", cmd_show, 1 },
                  { "rm", cmd_rm, 1 } };
    char *plain[ARGUMENTS_MAX + 1];

    if (argc > ARGUMENTS_MAX)
        return fail(&cli->failure, CRM_USAGE, NULL, "too many arguments");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(argv[2], verbs[i].name) != 0)
            continue;
        if (argc - 3 < verbs[i].min_args && !cli->options.where)
            return fail(&cli->failure, CRM_USAGE, NULL, "crm admin %s %s which one?", argv[1],
                        argv[2]);
        plain[0] = argv[2];
        plain[1] = argv[1];
        memcpy(plain + 2, argv + 3, (size_t)(argc - 3) * sizeof(*plain));
        plain[argc - 1] = NULL;
        return verbs[i].run(cli, argc - 1, plain);
    }
    return fail(&cli->failure, CRM_USAGE, NULL,
                "'%s': add, set, list, show or rm; of a user also enable, disable and passwd",
                argv[2]);
}

enum crm_status cmd_admin(struct cli *cli, int argc, char **argv)
{
    bool is_user = strcmp(argv[1], "user") == 0;

    if (strcmp(argv[1], "invite") == 0)
        return invite(cli, argv[2]);
    if (!is_user && strcmp(argv[1], "team") != 0 && strcmp(argv[1], "role") != 0)
        return fail(&cli->failure, CRM_USAGE, NULL, "'%s': invite, user, team or role", argv[1]);
    if (is_user && argc == 4 && strcmp(argv[2], "passwd") == 0)
        return set_password(cli, argv[3]);
    if (is_user && argc == 4 && (strcmp(argv[2], "disable") == 0 || strcmp(argv[2], "enable") == 0))
        return set_active(cli, argv[3], *argv[2] == 'e');
    return run_plain(cli, argc, argv);
}
