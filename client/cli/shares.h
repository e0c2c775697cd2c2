/*
 * shares.h - with whom a record is shared, for crm show and crm share
 */
#ifndef CRM_CLI_SHARES_H
#define CRM_CLI_SHARES_H

#include "client/cli/cli.h"
#include "common/model/record.h"

/* Below a record that is shown: a heading and a line for each; nothing where it is not shared. */
enum crm_status shares_show(struct cli *cli, const struct record *record) MUST_CHECK;
/* As the only output: lines, "Not shared." or with --json an array. */
enum crm_status shares_show_alone(struct cli *cli, const struct record *record) MUST_CHECK;

#endif
