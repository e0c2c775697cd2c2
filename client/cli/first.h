/*
 * first.h - a command that only reads, on a terminal: the replica's answer at once, marked with its age, and the server's in its place if the line
 * answers in time
 *
 * The command runs twice: here over the replica, and in a child process over the line, so that nothing that waits for the line (names, connecting, many
 * round trips) holds back the first answer or outlives the budget. What each prints is kept and compared.
 */
#ifndef CRM_CLI_FIRST_H
#define CRM_CLI_FIRST_H

#include "client/cli/cli.h"

/* Is there a replica that may answer cli->command first? Then it is open: cli->replica and cli->client. Else nothing has changed. */
bool first_begin(struct cli *cli);
/* Run cli->command so. The status is that of the answer that is shown last. */
enum crm_status first_run(struct cli *cli, int argc, char **argv) MUST_CHECK;

#endif
