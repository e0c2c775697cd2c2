/*
 * cmd_admin_user.c - crm admin user: the people
 */
#include "client/cli/admin.h"
#include "client/cli/command.h"

static enum crm_status run_add(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_add, argc, argv);
}

static enum crm_status run_set(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_set, argc, argv);
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_list, argc, argv);
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_show, argc, argv);
}

static enum crm_status run_rm(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "user", cmd_rm, argc, argv);
}

static const struct command user_add = {
    .name = "admin user add",
    .synopsis = "FIELD=VALUE...",
    .summary = "a new user",
    .run = run_add,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = -1,
    .description = "A user has a name, and a parent unless it is the whole company.",
    EXAMPLES("crm admin user add name=North parent=Company", "a branch"),
};
static const struct command user_set = {
    .name = "admin user set",
    .synopsis = "USER FIELD=VALUE...",
    .summary = "change a user",
    .run = run_set,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 2,
    .max_args = -1,
    .description = "With another parent the user moves, and all below it.",
    EXAMPLES("crm admin user set North parent=Europe", "North and its users now belong to Europe"),
};
static const struct command user_list = {
    .name = "admin user list",
    .synopsis = "[FILTER]",
    .summary = "the users",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_DELETED, OPT_JSON, OPT_JSONL, OPT_CSV),
    .max_args = -1,
    .description = "The filter is that of crm list.",
    EXAMPLES("crm admin user list", "all"),
};
static const struct command user_show = {
    .name = "admin user show",
    .synopsis = "USER",
    .summary = "a user, and who is in it",
    .run = run_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON, OPT_ALL),
    .min_args = 1,
    .max_args = 1,
    .description = "As crm show.",
    EXAMPLES("crm admin user show North", "a branch"),
};
static const struct command user_rm = {
    .name = "admin user rm",
    .synopsis = "USER",
    .summary = "delete a user that nobody is in",
    .run = run_rm,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "A user with users or with users below it is not deleted.",
    EXAMPLES("crm admin user rm North", "after everybody has another user"),
};

const struct command command_admin_user = {
    .name = "admin user",
    .summary = "the people",
    VERBS(&user_add, &user_set, &user_list, &user_show, &user_rm),
    .description = "Teams form a tree: company, region, branch, group.",
};
