/*
 * scope.h - what a replica is to carry, as people say it: "team", "customers country = DE", "all; deals stage != lost; tasks state = open"
 */
#ifndef CRM_CLI_SCOPE_H
#define CRM_CLI_SCOPE_H

#include "client/cli/cli.h"

struct scope {
    const char *text; /* as said: the replica remembers it, and the next sync reads it again */
    Crm__SyncScope reach;
    size_t n_filters;
    Crm__SyncFilter **filters; /* each of a kind of its own */
};

/* Does it name kinds? Then the fields, and a connection for saved views, are due before it is read. */
bool scope_has_filters(const char *text);
/*
 * mine, team or all (mine where it is not said), then of any number of kinds what fits a filter as for crm list; divided by semicolons, which within quotes
 * are text. In cli->arena. CRM_USAGE; for a filter, with the place for the caret, the failures of query_filter.
 */
enum crm_status scope_parse(struct cli *cli, const char *text, struct scope *out_scope) MUST_CHECK;

#endif
