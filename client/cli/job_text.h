/*
 * job_text.h - jobs as people and programs read them
 */
#ifndef CRM_CLI_JOB_TEXT_H
#define CRM_CLI_JOB_TEXT_H

#include <jansson.h>

#include "client/cli/cli.h"

/* What it is called: its name, or its id in the arena. */
const char *job_name(struct cli *cli, const Crm__Job *job);
const char *job_state_name(const Crm__Job *job);
/* "3 created, 2 changed, 1 refused"; in the arena. */
const char *job_counts(struct cli *cli, const Crm__Job *job);
/* NULL when memory is spent. */
json_t *job_object(const Crm__Job *job);
/* The counts to the output: a line, or with --json an object; nothing with --quiet. */
enum crm_status job_show_counts(struct cli *cli, const Crm__Job *job) MUST_CHECK;
/* How to take it back. */
void job_hint_undo(struct cli *cli, const Crm__Job *job);

/* Which job a word means: a name, an id or its beginning, "last". */
enum crm_status job_select(struct cli *cli, const char *word, struct uuid *out_id) MUST_CHECK;

#endif
