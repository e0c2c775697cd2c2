/*
 * rights.h - what the replica's user may change, as far as the last sync has told; private to client/replica
 *
 * Refuses at once what the server would refuse. What is not known here (shares, teams) passes: the server looks at all of it again.
 */
#ifndef CRM_REPLICA_RIGHTS_H
#define CRM_REPLICA_RIGHTS_H

#include "common/ops/evolve.h"

struct rights {
    const Crm__Permissions *may; /* NULL: the server has not said: everything passes */
    struct uuid user;
    struct evolve_gate gate;
};

/* In place: the gate points at it. session may be NULL. */
void rights_init(struct rights *rights, const Crm__LoginReply *session);
bool rights_has(const struct rights *rights, Crm__Right right);
/* May a record that is there be changed? CRM_NOT_ALLOWED. */
enum crm_status rights_may_change(const struct rights *rights, const struct evolve *evolve, const struct record_header *header) MUST_CHECK;

#endif
