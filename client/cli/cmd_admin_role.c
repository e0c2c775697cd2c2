/*
 * cmd_admin_role.c - crm admin role: who may see and do what
 */
#include "client/cli/admin.h"
#include "client/cli/command.h"

static enum crm_status run_add(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_add, argc, argv);
}

static enum crm_status run_set(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_set, argc, argv);
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_list, argc, argv);
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_show, argc, argv);
}

static enum crm_status run_rm(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "role", cmd_rm, argc, argv);
}

static const struct command role_add = {
    .name = "admin role add",
    .synopsis = "FIELD=VALUE...",
    .summary = "a new role",
    .run = run_add,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = -1,
    .description = "A role has a name, and a parent unless it is the whole company.",
    EXAMPLES("crm admin role add name=North parent=Company", "a branch"),
};
static const struct command role_set = {
    .name = "admin role set",
    .synopsis = "ROLE FIELD=VALUE...",
    .summary = "change a role",
    .run = run_set,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 2,
    .max_args = -1,
    .description = "With another parent the role moves, and all below it.",
    EXAMPLES("crm admin role set North parent=Europe", "North and its roles now belong to Europe"),
};
static const struct command role_list = {
    .name = "admin role list",
    .synopsis = "[FILTER]",
    .summary = "the roles",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_DELETED, OPT_JSON, OPT_JSONL, OPT_CSV),
    .max_args = -1,
    .description = "The filter is that of crm list.",
    EXAMPLES("crm admin role list", "all"),
};
static const struct command role_show = {
    .name = "admin role show",
    .synopsis = "ROLE",
    .summary = "a role, and who is in it",
    .run = run_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON, OPT_ALL),
    .min_args = 1,
    .max_args = 1,
    .description = "As crm show.",
    EXAMPLES("crm admin role show North", "a branch"),
};
static const struct command role_rm = {
    .name = "admin role rm",
    .synopsis = "ROLE",
    .summary = "delete a role that nobody is in",
    .run = run_rm,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "A role with users or with roles below it is not deleted.",
    EXAMPLES("crm admin role rm North", "after everybody has another role"),
};

const struct command command_admin_role = {
    .name = "admin role",
    .summary = "who may see and do what",
    VERBS(&role_add, &role_set, &role_list, &role_show, &role_rm),
    .description = "Teams form a tree: company, region, branch, group.",
};
