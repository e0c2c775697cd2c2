/*
 * cmd_share.c - crm assign, crm share, crm unshare: whose a record is, and who else may see or
 * change it
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/result.h"
#include "client/cli/select.h"
#include "client/cli/shares.h"
#include "common/base/calendar.h"
#include "proto/codec.h"

/* Run an action with an argument on a record and tell what it did. */
static enum crm_status act(struct cli *cli, const struct record *record, const char *action,
                           const ProtobufCMessage *argument, struct result *result)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct slice packed;
    enum crm_status status = codec_pack(argument, &cli->arena, &packed);

    mutation.action = arena_strdup(&cli->arena, action);
    if (status || !mutation.action)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    mutation.has_verb = mutation.has_argument = true;
    mutation.verb = CRM__VERB__VERB_ACTION;
    mutation.argument =
        (ProtobufCBinaryData){ .len = packed.size, .data = (uint8_t *)(uintptr_t)packed.data };
    return result_of_change(cli, record, &mutation, NULL, result);
}

static enum crm_status take_record(struct cli *cli, int argc, char **argv,
                                   struct record *out_record, int *out_n)
{
    struct selection selection = { .titles = true };
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, out_n);

    return status ? status : select_record(cli, &selection, out_record);
}

static ProtobufCBinaryData binary(struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = id->bytes, .len = UUID_SIZE };
}

enum crm_status cmd_assign(struct cli *cli, int argc, char **argv)
{
    struct result result = { .done = "Assigned", .done_zh = "已转移" };
    Crm__AssignArgument argument = CRM__ASSIGN_ARGUMENT__INIT;
    struct record record;
    struct uuid owner, team;
    int n;
    enum crm_status status = take_record(cli, argc, argv, &record, &n);

    if (!status && argc != n + 2)
        status =
            fail(&cli->failure, CRM_USAGE, NULL, "one record and one user: crm assign C-4 anna");
    if (!status)
        status = select_resolve(cli, KIND_USER, argv[n + 1], &owner, &cli->failure);
    if (!status && cli->options.team)
        status = select_resolve(cli, KIND_TEAM, cli->options.team, &team, &cli->failure);
    if (status)
        return status;
    argument.has_owner = argument.has_with_deals = true;
    argument.owner = binary(&owner);
    argument.with_deals = cli->options.with_deals;
    argument.has_team = cli->options.team != NULL;
    argument.team = binary(&team);
    argument.reason = (char *)(uintptr_t)cli->options.reason;
    return act(cli, &record, "assign", &argument.base, &result);
}

/* A user, or else a team. */
static enum crm_status take_principal(struct cli *cli, struct uuid *out_id)
{
    struct failure failure = { 0 };
    enum crm_status status;

    if (!cli->options.with)
        return fail(&cli->failure, CRM_USAGE, NULL, "with whom? --with USER or --with TEAM");
    status = select_resolve(cli, KIND_USER, cli->options.with, out_id, &failure);
    if (status == CRM_NOT_FOUND) {
        status = select_resolve(cli, KIND_TEAM, cli->options.with, out_id, NULL);
        failure = (struct failure){ 0 };
        if (status == CRM_NOT_FOUND)
            return fail(&cli->failure, status, NULL, "there is no user and no team '%s'",
                        cli->options.with);
    }
    return status ? fail(&cli->failure, status, NULL, "%s", failure.text) : CRM_OK;
}

/* Of a day: its end. */
static enum crm_status take_until(struct cli *cli, Crm__ShareArgument *argument)
{
    struct value_context context = cli_value_context(cli);
    struct slice text = slice_text(cli->options.until);
    struct day_range days;

    if (!cli->options.until)
        return CRM_OK;
    argument->has_until = true;
    if (day_parse(text, context.today, &days, NULL) == CRM_OK) {
        argument->until = instant_of_day(days.end);
        return CRM_OK;
    }
    return instant_parse(text, context.now_us, &argument->until, &cli->failure);
}

static enum crm_status share(struct cli *cli, const struct record *record, bool revoke)
{
    struct result result = { .done = revoke ? "No longer shared" : "Shared",
                             .done_zh = revoke ? "已取消共享" : "已共享" };
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;
    struct uuid principal;
    enum crm_status status = take_principal(cli, &principal);

    if (!status)
        status = take_until(cli, &argument);
    if (status)
        return status;
    argument.has_principal = argument.has_with_below = argument.has_may_write = true;
    argument.principal = binary(&principal);
    argument.with_below = cli->options.below;
    argument.may_write = cli->options.write;
    argument.has_revoke = argument.revoke = revoke;
    return act(cli, record, "share", &argument.base, &result);
}

enum crm_status cmd_share(struct cli *cli, int argc, char **argv)
{
    struct record record;
    int n;
    enum crm_status status = take_record(cli, argc, argv, &record, &n);

    if (status)
        return status;
    if (!cli->options.with && !cli->options.revoke)
        return shares_show_alone(cli, &record);
    return share(cli, &record, cli->options.revoke);
}

enum crm_status cmd_unshare(struct cli *cli, int argc, char **argv)
{
    struct record record;
    int n;
    enum crm_status status = take_record(cli, argc, argv, &record, &n);

    return status ? status : share(cli, &record, true);
}
