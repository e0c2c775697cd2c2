/*
 * form.h - a record as text that a person edits, and the changes that came of it
 *
 *     # Stage: Prospecting | Engaging | Won | Lost
 *     stage: Engaging
 *     note: first line
 *         second line
 *
 * Fields in display order, without what only the server sets. Lists are divided by ';', groups are
 * JSON on one line. An emptied field is cleared.
 */
#ifndef CRM_CLI_FORM_H
#define CRM_CLI_FORM_H

#include "client/cli/change.h"
#include "client/cli/cli.h"

/* May a person change this field in the form? */
bool form_has_field(const struct field_def *field);
/* The value as it stands in the form; in cli->arena, NULL when memory is spent. */
const char *form_value(struct cli *cli, const struct field_def *field, const struct record *record);
/* The whole text; problem is shown at its head, NULL for none. In cli->arena. */
const char *form_write(struct cli *cli, const struct record *record, const char *problem);
/* What differs from record goes into change. CRM_INVALID names the field, or the line that is none.
 */
enum crm_status form_read(struct cli *cli, const struct record *record, const char *text,
                          struct change *change, struct failure *failure) MUST_CHECK;

#endif
