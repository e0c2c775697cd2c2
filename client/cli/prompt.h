/*
 * prompt.h - questions on the terminal
 */
#ifndef CRM_CLI_PROMPT_H
#define CRM_CLI_PROMPT_H

#include "client/cli/cli.h"

#define PASSWORD_SIZE 256

/* "Delete 3 deals? [y/N]": true for yes. Without a terminal the answer is no. */
bool prompt_confirm(const struct cli *cli, const char *question);
/* Before a change of n records: "Delete 3 deals?"; true without asking for --yes, --dry-run,
 * nothing to do, and scripts. */
bool prompt_bulk(const struct cli *cli, const char *verb, const char *verb_zh,
                 const struct kind_def *kind, size_t n);
/* A line in text[size] without its end; false at the end of the input. shown stands before the
 * answer. */
bool prompt_line(const char *shown, char *text, size_t size);
/*
 * A password: from the environment variable where it is set, else from the terminal without echo;
 * again says to ask twice. The caller wipes it. CRM_USAGE where there is neither.
 */
enum crm_status prompt_password(const char *variable, const char *shown, bool again,
                                char text[PASSWORD_SIZE], struct failure *failure) MUST_CHECK;
/* One of n lines, by its number; -1 for none. */
int prompt_choice(const char *question, const char *const *lines, size_t n);

#endif
