/*
 * cmd_admin_team.c - crm admin team: the tree of teams
 */
#include "client/cli/admin.h"
#include "client/cli/command.h"

static enum crm_status run_add(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "team", cmd_add, argc, argv);
}

static enum crm_status run_set(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "team", cmd_set, argc, argv);
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "team", cmd_list, argc, argv);
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "team", cmd_show, argc, argv);
}

static enum crm_status run_rm(struct cli *cli, int argc, char **argv)
{
    return admin_plain(cli, "team", cmd_rm, argc, argv);
}

static const struct command team_add = {
    .name = "admin team add",
    .synopsis = "FIELD=VALUE...",
    .summary = "a new team",
    .run = run_add,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = -1,
    .description = "A team has a name, and a parent unless it is the whole company.",
    EXAMPLES("crm admin team add name=North parent=Company", "a branch"),
};
static const struct command team_set = {
    .name = "admin team set",
    .synopsis = "TEAM FIELD=VALUE...",
    .summary = "change a team",
    .run = run_set,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 2,
    .max_args = -1,
    .description = "With another parent the team moves, and all below it.",
    EXAMPLES("crm admin team set North parent=Europe", "North and its teams now belong to Europe"),
};
static const struct command team_list = {
    .name = "admin team list",
    .synopsis = "[FILTER]",
    .summary = "the teams",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_DELETED, OPT_JSON, OPT_JSONL, OPT_CSV),
    .max_args = -1,
    .description = "The filter is that of crm list.",
    EXAMPLES("crm admin team list", "all"),
};
static const struct command team_show = {
    .name = "admin team show",
    .synopsis = "TEAM",
    .summary = "a team, and who is in it",
    .run = run_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON, OPT_ALL),
    .min_args = 1,
    .max_args = 1,
    .description = "As crm show.",
    EXAMPLES("crm admin team show North", "a branch"),
};
static const struct command team_rm = {
    .name = "admin team rm",
    .synopsis = "TEAM",
    .summary = "delete a team that nobody is in",
    .run = run_rm,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "A team with users or with teams below it is not deleted.",
    EXAMPLES("crm admin team rm North", "after everybody has another team"),
};

const struct command command_admin_team = {
    .name = "admin team",
    .summary = "the tree of teams",
    VERBS(&team_add, &team_set, &team_list, &team_show, &team_rm),
    .description = "Teams form a tree: company, region, branch, group.",
};
