/*
 * action_text.h - what an action was asked for, in words
 */
#ifndef CRM_CLI_ACTION_TEXT_H
#define CRM_CLI_ACTION_TEXT_H

#include "client/cli/cli.h"

/* "stage=Won closed=2016-11-01" of a packed argument; "" where there is nothing to say, or the action is none that this client knows. In the arena. */
const char *action_text(struct cli *cli, const char *action, ProtobufCBinaryData argument);

#endif
