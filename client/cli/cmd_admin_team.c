/*
 * cmd_admin_team.c - crm admin team: the tree of teams
 */
#include "client/cli/admin.h"
#include "client/cli/change.h"
#include "client/cli/command.h"

static enum crm_status run_add(struct cli *cli, int argc, char **argv)
{
    bool has_name = !change_is_assignment(argv[1]);
    struct arguments plain;
    enum crm_status status = arguments_begin(cli, &plain, argv[0], "team");

    if (!status && has_name)
        status = arguments_assign(cli, &plain, "name", argv[1]);
    if (!status)
        status = arguments_rest(cli, &plain, argc, argv, has_name ? 2 : 1);
    return status ? status : cmd_add(cli, plain.n, plain.argv);
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

static enum crm_status run_tree(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return admin_team_tree(cli);
}

static const struct command team_add = {
    .name = "admin team add",
    .synopsis = "NAME [FIELD=VALUE...]",
    .summary = "a new team",
    .run = run_add,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_DRY_RUN, OPT_JSON),
    .min_args = 1,
    .max_args = -1,
    .description = "With parent=TEAM below another one; head=USER says who leads it.",
    EXAMPLES("crm admin team add North parent=Company head=lena", "a branch, and who leads it"),
};

static const struct command team_set = {
    .name = "admin team set",
    .synopsis = "TEAM FIELD=VALUE...",
    .summary = "change a team, or hang it elsewhere",
    .run = run_set,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_KEY, OPT_REV, OPT_DRY_RUN, OPT_JSON),
    .min_args = 2,
    .max_args = -1,
    .description = "With another parent the team moves, with all below it: who sees what by a "
                   "branch changes at once. Fields are name, parent, head, region and time_zone.",
    EXAMPLES("crm admin team set North parent=Europe", "North and its teams now belong to Europe",
             "crm admin team set North head=anna", "Anna leads it"),
};

static const struct command team_list = {
    .name = "admin team list",
    .synopsis = "[FILTER]",
    .summary = "the teams as a list",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_COLUMNS, OPT_SORT, OPT_LIMIT, OPT_ALL, OPT_JSON, OPT_JSONL, OPT_CSV),
    .max_args = -1,
    .description = "The filter is that of crm list.",
    EXAMPLES("crm admin team list 'parent = Europe'", "the branches of a region"),
};

static const struct command team_tree = {
    .name = "admin team tree",
    .synopsis = "",
    .summary = "the teams as a tree, and how many work in each",
    .run = run_tree,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .max_args = 0,
    .description = "Active users are counted by their own team; who works in further teams too is "
                   "not counted there.",
    EXAMPLES("crm admin team tree", "all of them"),
};

static const struct command team_show = {
    .name = "admin team show",
    .synopsis = "TEAM",
    .summary = "one team, and who is in it",
    .run = run_show,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_ALL, OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "As crm show does.",
    EXAMPLES("crm admin team show North", "by name"),
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
    .description = "A team with users, records or teams below it is not deleted: give them another "
                   "one first.",
    EXAMPLES("crm admin team rm North", "after everybody has gone elsewhere"),
};

const struct command command_admin_team = {
    .name = "admin team",
    .summary = "the tree of teams",
    VERBS(&team_add, &team_set, &team_list, &team_tree, &team_show, &team_rm),
    .description = "Teams form a tree: company, region, branch, group. A user belongs to one and "
                   "may be added to more. TEAM is a name or a number (T-3).",
};
