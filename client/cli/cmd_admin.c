/*
 * cmd_admin.c - what the verbs of crm admin share, and crm admin invite
 *
 * Users, teams and roles are records like any other: many verbs are the plain ones with the kind in
 * front.
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/select.h"
#include "common/base/calendar.h"

#define ARGUMENTS_MAX 128

enum crm_status admin_plain(struct cli *cli, const char *kind,
                            enum crm_status (*run)(struct cli *cli, int argc, char **argv),
                            int argc, char **argv)
{
    char *plain[ARGUMENTS_MAX + 2];

    if (argc > ARGUMENTS_MAX)
        return fail(&cli->failure, CRM_USAGE, NULL, "too many arguments");
    plain[0] = argv[0];
    plain[1] = arena_strdup(&cli->arena, kind);
    if (!plain[1])
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    memcpy(plain + 2, argv + 1, (size_t)(argc - 1) * sizeof(*plain));
    plain[argc + 1] = NULL;
    return run(cli, argc + 1, plain);
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
    const Crm__InviteReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    request.has_user = true;
    request.user = admin_id(user);
    status = crm_invite(cli->client, &request, &call, &reply);
    status = status ? cli_call_failed(cli, status, call)
                    : invitation_from_reply(cli, reply, out_invitation);
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
