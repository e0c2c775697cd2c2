/*
 * main.c - crmd: finds the subcommand, runs it, prints what went wrong in one line and ends with
 * the status's exit code
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "server/admin/manual.h"
#include "server/server.h"

static const struct command *const commands[] = {
    &command_init,   &command_run,     &command_stats,   &command_check,
    &command_backup, &command_restore, &command_upgrade,
};

static void print_usage(FILE *out)
{
    fprintf(out, "usage: crmd COMMAND DIR …\n\nThe server of crm, and what an administrator does "
                 "with its data directory.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-9s %-9s %s\n", commands[i]->name, commands[i]->arguments,
                commands[i]->summary);
    fprintf(out, "\n`crmd COMMAND --help` says more; so does `man crmd`.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* For the build: `crmd manual crmd.8`. false: there is no such page. */
static bool print_manual(const char *page)
{
    if (strcmp(page, "crmd.8") == 0)
        manual_print_commands(stdout, commands, ARRAY_LEN(commands));
    else if (strcmp(page, "crmd.conf.5") == 0)
        manual_print_settings(stdout);
    else
        return false;
    return true;
}

static int finish(enum crm_status status, const struct failure *failure)
{
    const struct crm_status_info *info = crm_status_info((int)status);

    if (status != CRM_OK)
        fprintf(stderr, "crmd: %s\n", failure->text[0] ? failure->text : info->sentence);
    if (fflush(stdout) != 0 && status == CRM_OK) {
        fprintf(stderr, "crmd: standard output cannot be written\n");
        return crm_status_info(CRM_IO)->exit_code;
    }
    return info->exit_code;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const struct command *command = find_command(name);
    struct command_input input;
    struct failure failure = { 0 };
    bool wants_help;
    enum crm_status status;

    signal(SIGPIPE, SIG_IGN); /* before the first socket or pipe is written */
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of that write, not the end */
    setlocale(LC_CTYPE, "");
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("crmd %s\n", CRM_VERSION);
        return finish(CRM_OK, &failure);
    }
    if (strcmp(name, "manual") == 0 && argc == 3 && print_manual(argv[2]))
        return finish(CRM_OK, &failure);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        command = argc > 2 ? find_command(argv[2]) : NULL;
        if (command)
            command_print_help(stdout, command);
        else
            print_usage(stdout);
        return finish(CRM_OK, &failure);
    }
    if (!command) {
        if (name[0])
            fprintf(stderr, "crmd: there is no command '%s'\n", name);
        print_usage(stderr);
        return crm_status_info(CRM_USAGE)->exit_code;
    }
    status = command_parse(command, argc - 2, argv + 2, &input, &wants_help, &failure);
    if (status == CRM_OK && wants_help)
        command_print_help(stdout, command);
    else if (status == CRM_OK)
        status = command->run(&input, &failure);
    return finish(status, &failure);
}
