/*
 * there.h - a command run over the line in a child process, and what it printed; private to first.c
 *
 * The child never touches the replica and never writes to the terminal: its answer comes through a pipe. It is ended by there_end at the latest.
 */
#ifndef CRM_CLI_THERE_H
#define CRM_CLI_THERE_H

#include <sys/types.h>

#include "client/cli/cli.h"

/* What a run of the command came to. */
struct answer {
    enum crm_status status;
    char *text; /* what it printed, on both outputs; owned, free */
    size_t size;
};

/* Run cli->command and keep what it prints. A failure is in cli->failure. */
typedef enum crm_status answer_run(struct cli *cli, int argc, char **argv, void *arg);
void answer_keep(struct cli *cli, int argc, char **argv, answer_run *run, void *arg, struct answer *out_answer);

struct there {
    pid_t child;            /* 0: there is none */
    int pipe;               /* from it */
    bool has_connected;     /* the server has answered something, … */
    int64_t took_us;        /* … after so long */
    bool must_wipe;         /* the user or the device was shut out: failure says so, and the replica goes */
    struct failure failure; /* why the answer is none */
    struct answer answer;   /* with a failure its text says which */
};

/* Run cli->command there. Where no process can be made there is no child. */
void there_begin(struct there *there, struct cli *cli, int argc, char **argv);
/* Wait for the first sign of the line, and then for the rest, each at most so long; 0: as long as it takes, it has limits of its own. false: not in time. */
bool there_wait(struct there *there, int64_t budget_us);
/* Has the server answered? Else it was the line that failed. */
bool there_has_answered(const struct there *there);
void there_end(struct there *there);

#endif
