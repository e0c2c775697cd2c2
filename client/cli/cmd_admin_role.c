/*
 * cmd_admin_role.c - crm admin role: what may be seen and done
 *
 * A role is data: a change of it holds at once, in open sessions too.
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/query.h"
#include "client/cli/result.h"
#include "client/cli/role.h"
#include "proto/codec.h"

static enum crm_status load(struct cli *cli, const char *selector, struct record *out_record,
                            Crm__Role **out_role)
{
    enum crm_status status = admin_select(cli, KIND_ROLE, selector, out_record);

    return status ? status : role_unpack(cli, out_record, out_role);
}

/* --- list, show */

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_list, argc, argv);
}

static enum crm_status count_users(struct cli *cli, const struct record *role, uint64_t *out_n)
{
    char id[UUID_TEXT_SIZE];
    const char *filter;
    Crm__ListRequest request;
    enum crm_status status;

    uuid_format(&role->header.id, id);
    filter = arena_printf(&cli->arena, "role = %s and active = yes", id);
    if (!filter)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = query_list(cli, kind_def(KIND_USER), filter, &request);
    return status ? status : query_count(cli, &request, out_n);
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    struct record record;
    uint64_t n_users = 0;
    Crm__Role *role;
    enum crm_status status = load(cli, argv[1], &record, &role);

    (void)argc;
    if (!status)
        status = count_users(cli, &record, &n_users);
    if (status)
        return status;
    return cli->options.json ? json_print(stdout, role_json(&record, role, n_users), true)
                             : role_show(cli, &record, role, n_users);
}

/* --- add, copy */

static enum crm_status pack(struct cli *cli, const Crm__Role *role, ProtobufCBinaryData *out)
{
    struct slice packed;

    if (codec_pack(&role->base, &cli->arena, &packed) != CRM_OK)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    *out = (ProtobufCBinaryData){ .len = packed.size, .data = (uint8_t *)(uintptr_t)packed.data };
    return CRM_OK;
}

/* A new role that is role with another name and what the options say. */
static enum crm_status create(struct cli *cli, Crm__Role *role, const char *name)
{
    struct result result = { .kind = kind_def(KIND_ROLE),
                             .title = cli_safe(cli, name),
                             .done = "Created",
                             .done_zh = "已创建" };
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations[] = { &mutation };
    struct mutate_outcome outcome = { 0 };
    struct mutate_key key;
    enum crm_status status = role_apply(cli, role);

    role->name = (char *)(uintptr_t)name;
    mutation.has_kind = mutation.has_verb = mutation.has_set = true;
    mutation.kind = KIND_ROLE;
    mutation.verb = CRM__VERB__VERB_CREATE;
    if (!status)
        status = pack(cli, role, &mutation.set);
    if (!status)
        status = mutate_key_init(cli, &key);
    if (status)
        return status;
    result.id = mutate_key_id(&key, 1);
    mutation_set_id(&mutation, &result.id);
    status = mutate_send(cli, &key, mutations, 1, false, &outcome);
    if (!status) {
        result.number = outcome.reply->results[0]->number;
        status = result_show(cli, &result, outcome.reply->results[0], &key);
    }
    mutate_end(&outcome);
    return status;
}

static enum crm_status run_add(struct cli *cli, int argc, char **argv)
{
    Crm__Role role = CRM__ROLE__INIT;

    (void)argc;
    return create(cli, &role, argv[1]);
}

static enum crm_status run_copy(struct cli *cli, int argc, char **argv)
{
    struct record record;
    Crm__Role *role;
    enum crm_status status = load(cli, argv[1], &record, &role);

    (void)argc;
    return status ? status : create(cli, role, argv[2]);
}

/* --- set */

/* All that a role holds beside its name, as a patch: lists as a whole, emptied ones cleared. */
static enum crm_status patch(struct cli *cli, const Crm__Role *role, Crm__Mutation *mutation)
{
    uint32_t *clear = arena_alloc(&cli->arena, 2 * sizeof(*clear));

    crm__mutation__init(mutation);
    if (!clear)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (role->n_scopes == 0)
        clear[mutation->n_clear++] = kind_field_by_name(kind_def(KIND_ROLE), "scopes")->ref;
    if (role->n_rights == 0)
        clear[mutation->n_clear++] = kind_field_by_name(kind_def(KIND_ROLE), "rights")->ref;
    mutation->clear = clear;
    mutation->has_verb = mutation->has_set = true;
    mutation->verb = CRM__VERB__VERB_PATCH;
    return pack(cli, role, &mutation->set);
}

static enum crm_status tell_nothing(struct cli *cli, const struct record *record,
                                    struct result *result)
{
    struct mutate_key key;
    enum crm_status status = mutate_key_init(cli, &key);

    result->kind = kind_def(KIND_ROLE);
    result->id = record->header.id;
    result->number = record->header.number;
    if (!status && cli->options.json)
        return result_show(cli, result, NULL, &key);
    if (!status && !cli->options.quiet)
        puts(cli_label(cli, "Nothing to change: the role is so already.",
                       "无需更改: 角色已是如此。"));
    return status;
}

static enum crm_status run_set(struct cli *cli, int argc, char **argv)
{
    struct result result = { .done = "Changed", .done_zh = "已修改" };
    Crm__Mutation mutation;
    struct record record;
    Crm__Role *before, *after;
    const char *changes;
    enum crm_status status = load(cli, argv[1], &record, &before);

    (void)argc;
    if (!status)
        status = role_unpack(cli, &record, &after);
    if (!status)
        status = role_apply(cli, after);
    if (status)
        return status;
    changes = role_changes(cli, before, after);
    if (changes && !*changes)
        return tell_nothing(cli, &record, &result);
    if (cli->options.rev == 0) /* lists go as a whole: what somebody else adds meanwhile is kept */
        cli->options.rev = (int64_t)record.header.rev;
    status = patch(cli, after, &mutation);
    if (!status)
        status = result_of_change(cli, &record, &mutation, NULL, &result);
    if (!status && changes && !cli->options.json && !cli->options.quiet)
        fputs(changes, stdout);
    return status;
}

static enum crm_status run_rm(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_rm, argc, argv);
}

/* --- the rows */

#define ROLE_OPTIONS                                                                               \
    OPT_SCOPE, OPT_HIDE, OPT_READ_ONLY, OPT_OPEN, OPT_RIGHT, OPT_NO_RIGHT, OPT_SECOND_FACTOR,      \
        OPT_ENROLLED_DEVICE, OPT_ENCRYPTED_REPLICA, OPT_KEY, OPT_DRY_RUN, OPT_JSON

static const struct command role_list = {
    .name = "admin role list",
    .synopsis = "[FILTER]",
    .summary = "the roles",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_JSON, OPT_JSONL, OPT_CSV),
    .max_args = -1,
    .description = "The filter is that of crm list.",
    EXAMPLES("crm admin role list", "all"),
};

static const struct command role_show_row = {
    .name = "admin role show",
    .synopsis = "ROLE",
    .summary = "what a role lets its users see and do",
    .run = run_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "For each kind how far reading and changing go; * stands for the kinds that are "
                   "not named. own: what belongs to the user; team: also what belongs to a team "
                   "of the user's; branch: also to a team below; all. Below it the rights, and "
                   "how many users have the role.",
    EXAMPLES("crm admin role show representative", "a shipped role"),
};

static const struct command role_add = {
    .name = "admin role add",
    .synopsis = "NAME",
    .summary = "a new role, with what the options give and nothing else",
    .run = run_add,
    .flags = COMMAND_CONNECTS,
    OPTIONS(ROLE_OPTIONS),
    .min_args = 1,
    .max_args = 1,
    .description = "It is often shorter to copy one.",
    EXAMPLES("crm admin role add reader --scope '*:read=branch' --right report",
             "reads all of its branch, changes nothing"),
};

static const struct command role_copy = {
    .name = "admin role copy",
    .synopsis = "ROLE NAME",
    .summary = "a new role that begins as a copy of another",
    .run = run_copy,
    .flags = COMMAND_CONNECTS,
    OPTIONS(ROLE_OPTIONS),
    .min_args = 2,
    .max_args = 2,
    .description = "With what the options change.",
    EXAMPLES("crm admin role copy representative junior --no-right delete --hide deal.amount",
             "as a representative, with less"),
};

static const struct command role_set = {
    .name = "admin role set",
    .synopsis = "ROLE",
    .summary = "change what a role lets its users see and do",
    .run = run_set,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_NAME, ROLE_OPTIONS, OPT_REV),
    .min_args = 1,
    .max_args = 1,
    .description =
        "Holds at once, for everybody who has the role: open lists and subscriptions end. What is "
        "not named stays. A kind that has no row of its own gets one, which begins as that of *. "
        "--scope KIND:SCOPE sets reading and changing alike. If somebody else changes the role "
        "meanwhile, nothing is done.",
    EXAMPLES("crm admin role set representative --scope contact:read=team,write=own --hide "
             "deal.amount --read-only customer.level --right export --no-right delete "
             "--second-factor on",
             "several at once", "crm admin role set representative --open deal.amount --dry-run",
             "try it first"),
};

static const struct command role_rm = {
    .name = "admin role rm",
    .synopsis = "ROLE",
    .summary = "delete a role that nobody has",
    .run = run_rm,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "While a user has it, it is not deleted.",
    EXAMPLES("crm admin role rm junior", "nobody needs it any more"),
};

const struct command command_admin_role = {
    .name = "admin role",
    .summary = "what may be seen and done",
    VERBS(&role_list, &role_show_row, &role_add, &role_copy, &role_set, &role_rm),
    .description = "A role gives each kind of record a scope for reading and one for changing, "
                   "hides fields or protects them, and gives rights. Roles are data: changing one "
                   "needs no restart.",
};
