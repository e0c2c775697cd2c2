/*
 * help.h - the table of commands as text for people, manual pages and shells
 */
#ifndef CRM_CLI_HELP_H
#define CRM_CLI_HELP_H

#include <stdio.h>

#include "client/cli/command.h"

/* What crm is and its commands; with the global options where whole is set. */
void help_overview(FILE *out, bool whole);
/* One command: usage, description, options, examples. */
void help_command(FILE *out, const struct command *command);
/* crm(1), or with a command crm-<command>(1), as mdoc. */
void man_page(FILE *out, const struct command *command);
/* A completion script for "bash", "zsh" or "fish"; false for another shell. */
bool completion_script(FILE *out, const char *shell);

#endif
