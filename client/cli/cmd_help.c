/*
 * cmd_help.c - crm help, completion and version: what the program says about itself
 */
#include <stdio.h>

#include "client/cli/cli.h"
#include "client/cli/help.h"

enum crm_status cmd_help(struct cli *cli, int argc, char **argv)
{
    int depth = 0;
    const struct command *command = command_resolve(argc - 1, argv + 1, &depth);
    const char *near;

    if (depth < argc - 1 && (!command || command->verbs)) {
        near = command_suggest(command, argv[depth + 1]);
        return near ? fail(&cli->failure, CRM_USAGE, NULL,
                           "there is no command '%s'; did you mean '%s'?", argv[depth + 1], near)
                    : fail(&cli->failure, CRM_USAGE, NULL, "there is no command '%s'",
                           argv[depth + 1]);
    }
    if (cli->options.man)
        man_page(stdout, command);
    else if (command)
        help_command(stdout, command);
    else
        help_overview(stdout, true);
    return CRM_OK;
}

enum crm_status cmd_completion(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    if (!completion_script(stdout, argv[1]))
        return fail(&cli->failure, CRM_USAGE, NULL, "'%s': bash, zsh or fish", argv[1]);
    return CRM_OK;
}

enum crm_status cmd_version(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    (void)argc;
    (void)argv;
    puts("crm " CRM_VERSION);
    return CRM_OK;
}
