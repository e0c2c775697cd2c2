/*
 * command.h - crmd's subcommands as rows: arguments, options and help come from the same table as
 * the manual page
 *
 * Each subcommand is one file with its row at the end; main.c lists the rows.
 */
#ifndef CRM_SERVER_ADMIN_COMMAND_H
#define CRM_SERVER_ADMIN_COMMAND_H

#include <stdio.h>

#include "common/base/failure.h"

#define COMMAND_OPTIONS_MAX   12
#define COMMAND_ARGUMENTS_MAX 2

/* One --name; its place in the command's table is its place in command_input.options. */
struct command_option {
    const char *name;     /* without the hyphens */
    const char *argument; /* as help shows it; NULL: a flag */
    const char *help;     /* a sentence */
};

/* What was typed. Everything borrows argv. */
struct command_input {
    const char *arguments[COMMAND_ARGUMENTS_MAX];
    const char *options[COMMAND_OPTIONS_MAX]; /* NULL: not given; of a flag: "" */
};

/* One subcommand. */
struct command {
    const char *name;
    const char *arguments; /* as usage shows them: "DIR FILE" */
    size_t n_arguments;    /* all of them must be there */
    const char *summary;   /* one line for the list of commands */
    const char *help;      /* paragraphs, an empty line between them */
    const char *examples;  /* lines */
    const struct command_option *options;
    size_t n_options;
    /* CRM_OK, or a status whose exit code the program ends with after it has printed the failure's
     * sentence. */
    enum crm_status (*run)(const struct command_input *input, struct failure *failure);
};

/* Sort argv (behind the command's name) into arguments and options. CRM_USAGE says what is wrong.
 * *out_help: --help was among them. */
enum crm_status command_parse(const struct command *command, int argc, char **argv,
                              struct command_input *out_input, bool *out_help,
                              struct failure *failure) MUST_CHECK;
void command_print_help(FILE *out, const struct command *command);

/* The commands of this folder. */
extern const struct command command_init, command_backup, command_restore, command_check,
    command_stats, command_upgrade;

#endif
