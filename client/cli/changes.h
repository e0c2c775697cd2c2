/*
 * changes.h - past changes (Crm__Change) as a line for people or an object for programs: history,
 * watch and today
 */
#ifndef CRM_CLI_CHANGES_H
#define CRM_CLI_CHANGES_H

#include <jansson.h>

#include "client/cli/cli.h"

/* "stage: Engaging → Won, amount: …", or only the names of fields where the change carries no
 * values. In the arena; NULL when memory is spent. */
const char *change_fields_text(struct cli *cli, const Crm__Change *change);
/* "created", "changed", "deleted", an action's name. */
const char *change_verb_text(struct cli *cli, const Crm__Change *change);
/* "2016-11-01 09:30". */
const char *change_time_text(struct cli *cli, const Crm__Change *change);
/* "C-17 Acme", from the titles that came along. */
const char *change_record_text(struct cli *cli, const Crm__Change *change);
const char *change_by_text(struct cli *cli, const Crm__Change *change);
/* "Anna Snelling: may see it, until 2027-01-01 00:00". In the arena; NULL when memory is spent. */
const char *change_share_text(struct cli *cli, const Crm__Share *share);
/* NULL when memory is spent; the caller owns it. */
json_t *change_share_object(struct cli *cli, const Crm__Share *share);
/* NULL when memory is spent. */
json_t *change_object(struct cli *cli, const Crm__Change *change);

#endif
