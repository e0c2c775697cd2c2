/*
 * editor.h - a text in the user's editor
 */
#ifndef CRM_CLI_EDITOR_H
#define CRM_CLI_EDITOR_H

#include "client/cli/cli.h"

/* $VISUAL, or else $EDITOR; NULL where there is neither. */
const char *editor_name(void);
/* The text as the user leaves it, in cli->arena. CRM_FAILED: the editor did not end well. */
enum crm_status editor_run(struct cli *cli, const char *editor, const char *text,
                           struct slice *out_text) MUST_CHECK;

#endif
