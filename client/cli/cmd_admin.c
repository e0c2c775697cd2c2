/*
 * cmd_admin.c - what the verbs of crm admin share, and crm admin invite
 *
 * Users, teams and roles are records like any other: many verbs are the plain ones with the kind in
 * front.
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/json.h"
#include "client/cli/select.h"
#include "common/base/calendar.h"

enum crm_status arguments_add(struct cli *cli, struct arguments *arguments, const char *text)
{
    if (!text)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (arguments->n == ARGUMENTS_MAX)
        return fail(&cli->failure, CRM_USAGE, NULL, "too many arguments");
    arguments->argv[arguments->n++] = (char *)(uintptr_t)text;
    arguments->argv[arguments->n] = NULL;
    return CRM_OK;
}

enum crm_status arguments_begin(struct cli *cli, struct arguments *arguments, const char *verb,
                                const char *kind)
{
    enum crm_status status;

    arguments->n = 0;
    status = arguments_add(cli, arguments, verb);
    return status ? status : arguments_add(cli, arguments, kind);
}

enum crm_status arguments_assign(struct cli *cli, struct arguments *arguments, const char *field,
                                 const char *value)
{
    if (!value)
        return CRM_OK;
    return arguments_add(cli, arguments,
                         arena_printf(&cli->arena, "%s=%s%s", field, *value == '@' ? "@" : "",
                                      value)); /* field=@file would read a file */
}

enum crm_status arguments_rest(struct cli *cli, struct arguments *arguments, int argc, char **argv,
                               int from)
{
    enum crm_status status = CRM_OK;

    for (int i = from; i < argc && !status; i++)
        status = arguments_add(cli, arguments, argv[i]);
    return status;
}

enum crm_status admin_plain(struct cli *cli, const char *kind,
                            enum crm_status (*run)(struct cli *cli, int argc, char **argv),
                            int argc, char **argv)
{
    struct arguments plain;
    enum crm_status status = arguments_begin(cli, &plain, argv[0], kind);

    if (!status)
        status = arguments_rest(cli, &plain, argc, argv, 1);
    return status ? status : run(cli, plain.n, plain.argv);
}

enum crm_status admin_select(struct cli *cli, enum kind kind, const char *selector,
                             struct record *out_record)
{
    struct selection selection = { .kind = kind_def(kind), .selector = selector, .titles = true };

    return select_record(cli, &selection, out_record);
}

ProtobufCBinaryData admin_id(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .len = UUID_SIZE, .data = (uint8_t *)(uintptr_t)id->bytes };
}

enum crm_status invitation_from_reply(struct cli *cli, const Crm__InviteReply *reply,
                                      struct invitation *out_invitation)
{
    char hex[2 * CRM_CA_SHA256_SIZE + 1];
    const char *address, *url;

    if (reply->ca_sha256.len != CRM_CA_SHA256_SIZE || !reply->code)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server sent no invitation");
    hex_format(reply->ca_sha256.data, reply->ca_sha256.len, hex);
    address = reply->address && *reply->address
                  ? cli_safe(cli, reply->address)
                  : arena_printf(&cli->arena, "%s:%d", cli_safe(cli, cli->profile.host),
                                 (int)cli->profile.port);
    url = address ? arena_printf(&cli->arena, "crm://%s/?ca=sha256:%s&code=%s", address, hex,
                                 cli_safe(cli, reply->code))
                  : NULL;
    if (!url)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    *out_invitation = (struct invitation){ .url = url, .expires_us = reply->expires_at };
    return CRM_OK;
}

enum crm_status invitation_create(struct cli *cli, const struct uuid *user,
                                  struct invitation *out_invitation)
{
    Crm__InviteRequest request = CRM__INVITE_REQUEST__INIT;
    struct crm_call *call = NULL;
    enum crm_status status;

    request.has_user = true;
    request.user = admin_id(user);
    status = confirm_run(cli, OP_INVITE, &request.base, &call);
    if (!status)
        status = invitation_from_reply(cli, (const Crm__InviteReply *)crm_call_reply(call),
                                       out_invitation);
    crm_call_destroy(call);
    return status;
}

json_t *invitation_json(const struct invitation *invitation)
{
    char expires[INSTANT_TEXT_SIZE] = "";

    if (invitation->expires_us)
        instant_format(invitation->expires_us, expires);
    return json_pack("{s:s, s:s}", "url", invitation->url, "expires", expires);
}

void invitation_print(struct cli *cli, const struct invitation *invitation)
{
    char expires[INSTANT_TEXT_SIZE] = "";

    printf("crm login '%s'\n", invitation->url);
    if (invitation->expires_us)
        instant_format_short(invitation->expires_us, expires);
    cli_hint(cli, "%s%s%s%s",
             cli_label(cli, "Send this line to the user, and to nobody else. It is good once",
                       "将此行仅发给该用户本人,仅可使用一次"),
             *expires ? cli_label(cli, ", until ", ",有效期至 ") : "", expires,
             cli_label(cli, ".", "。"));
}

static enum crm_status run_invite(struct cli *cli, int argc, char **argv)
{
    struct invitation invitation;
    struct record user;
    enum crm_status status = admin_select(cli, KIND_USER, argv[1], &user);

    (void)argc;
    if (!status)
        status = invitation_create(cli, &user.header.id, &invitation);
    if (status)
        return status;
    if (cli->options.json)
        return json_print(stdout, invitation_json(&invitation), false);
    invitation_print(cli, &invitation);
    return CRM_OK;
}

const struct command command_admin_invite = {
    .name = "admin invite",
    .synopsis = "USER",
    .summary = "a line that logs a user in for the first time",
    .run = run_invite,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "Prints the server's address, the fingerprint of its CA and a code, as one "
                   "line; the user then chooses a password. It is good once. "
                   "crm admin user add makes one by itself.",
    EXAMPLES("crm admin invite anna", "the line for anna",
             "crm admin invite anna --json | jq -r .url", "for a script that sends it"),
};
