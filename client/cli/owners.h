/*
 * owners.h - whose a record was, from when to when, and why: derived from its history
 */
#ifndef CRM_CLI_OWNERS_H
#define CRM_CLI_OWNERS_H

#include "client/cli/cli.h"
#include "common/model/record.h"

struct owners;

/* Begin with whose the record is now. In the arena; NULL when memory is spent. */
struct owners *owners_begin(struct cli *cli, const struct record *record);
/* The next change of its history, newest first. CRM_NO_MEMORY. */
enum crm_status owners_take(struct owners *owners, const Crm__Change *change) MUST_CHECK;
/* Print them, the last one first: a table, or JSON. */
enum crm_status owners_show(struct owners *owners) MUST_CHECK;

#endif
