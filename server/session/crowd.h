/*
 * crowd.h - how many connections each user has open
 *
 * One table for all io threads, behind a lock: it is touched twice in the life of a connection.
 */
#ifndef CRM_SERVER_SESSION_CROWD_H
#define CRM_SERVER_SESSION_CROWD_H

#include "common/base/uuid.h"

struct crowd;

/* most: connections of one user. NULL when memory is spent. */
struct crowd *crowd_create(unsigned most) MUST_CHECK;
/* Accepts NULL. */
void crowd_destroy(struct crowd *crowd);
/* One more; false when the user has the most already, or memory is spent. */
bool crowd_enter(struct crowd *crowd, const struct uuid *user) MUST_CHECK;
/* One that entered has gone. */
void crowd_leave(struct crowd *crowd, const struct uuid *user);

#endif
