/*
 * role.h - roles as people edit them: options of the command line applied to a role, and a role as
 * a table, as JSON, and as what has changed
 */
#ifndef CRM_CLI_ROLE_H
#define CRM_CLI_ROLE_H

#include <jansson.h>

#include "client/cli/cli.h"
#include "common/model/record.h"

/* A role from its record, in the arena. */
enum crm_status role_unpack(struct cli *cli, const struct record *record,
                            Crm__Role **out_role) MUST_CHECK;
/*
 * --name, --scope, --hide, --read-only, --open, --right, --no-right, --second-factor and
 * --enrolled-device. A kind without a row of its own gets one that begins as that of '*'. CRM_USAGE
 * and CRM_INVALID say what names nothing.
 */
enum crm_status role_apply(struct cli *cli, Crm__Role *role) MUST_CHECK;
/* The row of a kind ("*": of those without one); NULL if there is none. */
const Crm__KindScope *role_row(const Crm__Role *role, const char *kind);

/* "none", "own", …; the name of a right. */
const char *role_scope_name(Crm__Scope scope);
const char *role_right_name(Crm__Right right);

/* A role as a table of kinds with its rights below. */
enum crm_status role_show(struct cli *cli, const struct record *record, const Crm__Role *role,
                          uint64_t n_users) MUST_CHECK;
/* NULL when memory is spent; the caller owns it. */
json_t *role_json(const struct record *record, const Crm__Role *role, uint64_t n_users);
/* A line for each difference ("contact: read own → team"), in the arena; "" where there is none,
 * NULL when memory is spent. */
const char *role_changes(struct cli *cli, const Crm__Role *before, const Crm__Role *after);

#endif
