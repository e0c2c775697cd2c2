/*
 * command.h - the tree of commands: everything that help, completion and the man pages say, and the
 * function that runs
 *
 * To add a command: cmd_<verb>.c with its run function, and its row in cmd_table.c. A verb of a
 * group (crm admin user add) has its row in the file of its run function, and its name here and in
 * the VERBS of its group.
 */
#ifndef CRM_CLI_COMMAND_H
#define CRM_CLI_COMMAND_H

#include "client/cli/options.h"

struct cli;

enum command_flag {
    COMMAND_CONNECTS = 1, /* talks to the server as who is logged in */
    COMMAND_PURE = 2,     /* needs neither profile nor server */
    COMMAND_READS = 4,    /* on a terminal the replica may answer it before the server does */
    COMMAND_QUEUES = 8,   /* on a terminal its changes may be queued while the server cannot be reached */
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
    const char *name;        /* with those of its groups: "admin user add" */
    const char *synopsis;    /* arguments without options: "KIND [FILTER]" */
    const char *summary;     /* one line, lower case, no full stop */
    const char *description; /* paragraphs divided by an empty line */
    const enum option_id *options;
    const char *const *examples; /* "command line", "what it does", … ended by NULL */
    const char *const *words;    /* of ARGUMENT_WORD, ended by NULL */
    enum argument arguments[3];
    int min_args, max_args; /* without the name; max -1: any number */
    unsigned flags;
    enum crm_status (*run)(struct cli *cli, int argc,
                           char **argv); /* argv[0]: the name's last word */
    const struct command *const *verbs; /* of a group, ended by NULL: then nothing runs by itself */
};

/* The parts of a row that are lists. */
#define EXAMPLES(...)                                                                              \
    .examples = (const char *const[])                                                              \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define OPTIONS(...)                                                                               \
    .options = (const enum option_id[])                                                            \
    {                                                                                              \
        __VA_ARGS__, OPT_END                                                                       \
    }
#define WORDS(...)                                                                                 \
    .words = (const char *const[])                                                                 \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define VERBS(...)                                                                                 \
    .verbs = (const struct command *const[]){ __VA_ARGS__, NULL }, OPTIONS(OPT_END),               \
    .synopsis = "VERB"

/* The nth row of the first level, from 0; NULL behind the last. */
const struct command *command_at(size_t n);
/* The nth row of a group; group NULL: of the first level. */
const struct command *command_below(const struct command *group, size_t n);
/* By its whole name; NULL if there is none. */
const struct command *command_find(const char *name);
/* The command that words begin with, as deep as they go; *out_n of them are its name. NULL if the
 * first names none. */
const struct command *command_resolve(int n, char *const *words, int *out_n);
/* The last word of the name. */
const char *command_word(const struct command *command);
/* The word of a group (NULL: the first level) that is most like a mistyped one, NULL if none is
 * near. */
const char *command_suggest(const struct command *group, const char *word);

enum crm_status cmd_assign(struct cli *cli, int argc, char **argv);
enum crm_status cmd_share(struct cli *cli, int argc, char **argv);
enum crm_status cmd_unshare(struct cli *cli, int argc, char **argv);
enum crm_status cmd_add(struct cli *cli, int argc, char **argv);
enum crm_status cmd_apply(struct cli *cli, int argc, char **argv);
enum crm_status cmd_undo(struct cli *cli, int argc, char **argv);
enum crm_status cmd_completion(struct cli *cli, int argc, char **argv);
enum crm_status cmd_conflicts(struct cli *cli, int argc, char **argv);
enum crm_status cmd_count(struct cli *cli, int argc, char **argv);
enum crm_status cmd_describe(struct cli *cli, int argc, char **argv);
enum crm_status cmd_duplicates(struct cli *cli, int argc, char **argv);
enum crm_status cmd_edit(struct cli *cli, int argc, char **argv);
enum crm_status cmd_export(struct cli *cli, int argc, char **argv);
enum crm_status cmd_find(struct cli *cli, int argc, char **argv);
enum crm_status cmd_help(struct cli *cli, int argc, char **argv);
enum crm_status cmd_history(struct cli *cli, int argc, char **argv);
enum crm_status cmd_import(struct cli *cli, int argc, char **argv);
enum crm_status cmd_list(struct cli *cli, int argc, char **argv);
enum crm_status cmd_log(struct cli *cli, int argc, char **argv);
enum crm_status cmd_login(struct cli *cli, int argc, char **argv);
enum crm_status cmd_logout(struct cli *cli, int argc, char **argv);
enum crm_status cmd_merge(struct cli *cli, int argc, char **argv);
enum crm_status cmd_move(struct cli *cli, int argc, char **argv);
enum crm_status cmd_passwd(struct cli *cli, int argc, char **argv);
enum crm_status cmd_report(struct cli *cli, int argc, char **argv);
enum crm_status cmd_resolve(struct cli *cli, int argc, char **argv);
enum crm_status cmd_restore(struct cli *cli, int argc, char **argv);
enum crm_status cmd_rm(struct cli *cli, int argc, char **argv);
enum crm_status cmd_set(struct cli *cli, int argc, char **argv);
enum crm_status cmd_show(struct cli *cli, int argc, char **argv);
enum crm_status cmd_sync(struct cli *cli, int argc, char **argv);
enum crm_status cmd_today(struct cli *cli, int argc, char **argv);
enum crm_status cmd_version(struct cli *cli, int argc, char **argv);
enum crm_status cmd_watch(struct cli *cli, int argc, char **argv);
enum crm_status cmd_whoami(struct cli *cli, int argc, char **argv);

/* Verbs of crm access, in cmd_access.c. */
extern const struct command command_access_explain, command_access_who;
/* Verbs of crm admin, each with its verbs, in cmd_admin_<name>.c. */
extern const struct command command_admin_invite, command_admin_user, command_admin_team,
    command_admin_role, command_admin_token, command_admin_device, command_admin_erase,
    command_admin_session;
/* Verbs of crm audit, in cmd_audit.c. */
extern const struct command audit_list, audit_head;
/* Verbs of crm factor, in cmd_factor.c. */
extern const struct command command_factor_status, command_factor_setup, command_factor_confirm,
    command_factor_remove;
/* Verbs of crm outbox, in cmd_outbox.c and cmd_outbox_change.c. */
extern const struct command outbox_list_command, outbox_show_command, outbox_drop_command,
    outbox_retry_command, outbox_edit_command;
/* of crm job, in cmd_job.c */
extern const struct command job_list_command, job_show_command, job_cancel_command;
/* Verbs of crm session, in cmd_session.c. */
extern const struct command session_list, session_kill;
/* Verbs of crm device, in cmd_device.c. */
extern const struct command device_enrol, device_enroll, device_status, device_forget;

#endif
