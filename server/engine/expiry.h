/*
 * expiry.h - shares that end by themselves: their time is over, whom they are for is gone, or both were seen to while the record lay in the bin
 *
 * A share that has ended no longer counts from that moment on (access.c looks at the time); what is done here takes its rows away and tells log, feed
 * and lists. The grants of a deleted record stay with it, in all their rows, so that it comes back as it was; restoring it takes those away that have
 * ended meanwhile. A share on a record that another one decides over (a contact that has got a customer) rests until the record stands alone again.
 */
#ifndef CRM_SERVER_ENGINE_EXPIRY_H
#define CRM_SERVER_ENGINE_EXPIRY_H

#include "server/engine/change.h"

/* Shares that one turn looks at. */
#define EXPIRY_PER_TURN 500

/* When the next share ends; INT64_MAX: none does. */
enum crm_status expiry_next(const struct view *view, int64_t *out_us) MUST_CHECK;
/* Take away what has ended by the group's time, each as a change of its own by the system; at most EXPIRY_PER_TURN. */
enum crm_status expiry_sweep(struct change_group *group) MUST_CHECK;

/* A user or a team is being deleted: take away all that is shared with them. */
enum crm_status expiry_of_principal(struct change *change, const struct uuid *principal) MUST_CHECK;
/* A record is back from the bin: take away what has ended, and what is for somebody who is gone. *header becomes what the record is then. */
enum crm_status expiry_of_restored(struct change *change, struct record_header *header) MUST_CHECK;

#endif
