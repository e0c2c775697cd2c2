/*
 * command.h - the table of commands: everything that help, completion and the man pages say, and
 * the function that runs
 *
 * To add a command: cmd_<verb>.c with its run function, and its row in cmd_table.c.
 */
#ifndef CRM_CLI_COMMAND_H
#define CRM_CLI_COMMAND_H

#include "client/cli/options.h"

struct cli;

enum command_flag {
    COMMAND_CONNECTS = 1, /* talks to the server as who is logged in */
    COMMAND_PURE = 2,     /* needs neither profile nor server */
};

/* One positional argument after the command's name, for completion. */
enum argument {
    ARGUMENT_END = 0,
    ARGUMENT_KIND, /* customers, deals, … */
    ARGUMENT_COMMAND,
    ARGUMENT_WORD,  /* one of words */
    ARGUMENT_OTHER, /* a filter, a selector, field=value: nothing to offer */
};

struct command {
    const char *name;
    const char *synopsis;    /* arguments without options: "KIND [FILTER]" */
    const char *summary;     /* one line, lower case, no full stop */
    const char *description; /* paragraphs divided by an empty line */
    const enum option_id *options;
    const char *const *examples; /* "command line", "what it does", … ended by NULL */
    const char *const *words;    /* of ARGUMENT_WORD, ended by NULL */
    enum argument arguments[3];
    int min_args, max_args; /* without the name; max -1: any number */
    unsigned flags;
    enum crm_status (*run)(struct cli *cli, int argc, char **argv); /* argv[0] is the name */
};

/* The nth row, from 0; NULL behind the last. */
const struct command *command_at(size_t n);
/* By its whole name; NULL if there is none. */
const struct command *command_find(const char *name);
/* The name that is most like a mistyped one, NULL if none is near. */
const char *command_suggest(const char *name);

/* Number of letters to insert, delete, replace or swap with the neighbour to make b of a. */
size_t edit_distance(const char *a, const char *b);

enum crm_status cmd_add(struct cli *cli, int argc, char **argv);
enum crm_status cmd_admin(struct cli *cli, int argc, char **argv);
enum crm_status cmd_completion(struct cli *cli, int argc, char **argv);
enum crm_status cmd_count(struct cli *cli, int argc, char **argv);
enum crm_status cmd_describe(struct cli *cli, int argc, char **argv);
enum crm_status cmd_edit(struct cli *cli, int argc, char **argv);
enum crm_status cmd_find(struct cli *cli, int argc, char **argv);
enum crm_status cmd_help(struct cli *cli, int argc, char **argv);
enum crm_status cmd_history(struct cli *cli, int argc, char **argv);
enum crm_status cmd_list(struct cli *cli, int argc, char **argv);
enum crm_status cmd_log(struct cli *cli, int argc, char **argv);
enum crm_status cmd_login(struct cli *cli, int argc, char **argv);
enum crm_status cmd_logout(struct cli *cli, int argc, char **argv);
enum crm_status cmd_move(struct cli *cli, int argc, char **argv);
enum crm_status cmd_passwd(struct cli *cli, int argc, char **argv);
enum crm_status cmd_report(struct cli *cli, int argc, char **argv);
enum crm_status cmd_restore(struct cli *cli, int argc, char **argv);
enum crm_status cmd_rm(struct cli *cli, int argc, char **argv);
enum crm_status cmd_set(struct cli *cli, int argc, char **argv);
enum crm_status cmd_show(struct cli *cli, int argc, char **argv);
enum crm_status cmd_today(struct cli *cli, int argc, char **argv);
enum crm_status cmd_version(struct cli *cli, int argc, char **argv);
enum crm_status cmd_watch(struct cli *cli, int argc, char **argv);
enum crm_status cmd_whoami(struct cli *cli, int argc, char **argv);

#endif
