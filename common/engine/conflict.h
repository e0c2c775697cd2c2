/*
 * conflict.h - what was not taken of somebody's late change: kept until they choose, or the record goes
 *
 *     conflict  user ‖ record ‖ id of the conflict  →  sealed: packed Conflict (wire.proto) without what the record has
 *
 * Written by the server with the change that it is left of, and by a replica; read by the action resolve on both.
 */
#ifndef CRM_ENGINE_CONFLICT_H
#define CRM_ENGINE_CONFLICT_H

#include "common/engine/view.h"
#include "common/store/key.h"

#define CONFLICT_KEY_SIZE (3 * UUID_SIZE)
#define CONFLICTS_MAX     64 /* of one user on one record */

/* A field of a conflict that is no longer open. */
struct conflict_settled {
    struct conflict_settled *next;
    struct uuid id;
    uint32_t field; /* 0: all of it */
};

void conflict_key(struct key *key, const struct uuid *user, const struct uuid *record, const struct uuid *id);

/* CRM_TOO_LARGE where it does not fit a row. */
enum crm_status conflict_put(struct writeset *set, const struct uuid *user, const struct uuid *record, const struct uuid *id,
                             const Crm__Conflict *conflict, struct arena *arena) MUST_CHECK;
/* From a row's value, in the arena. */
enum crm_status conflict_read(struct slice value, struct arena *arena, Crm__Conflict **out_conflict) MUST_CHECK;

/*
 * A user's conflicts in order, of one record or (record NULL) of all: the first behind a key; *after moves to it. Begin with a key of size 0. CRM_NOT_FOUND
 * behind the last.
 */
enum crm_status conflict_next(const struct view *view, const struct uuid *user, const struct uuid *record, struct key *after, struct arena *arena,
                              Crm__Conflict **out_conflict) MUST_CHECK;

/* Take what is settled out of the user's conflicts on a record; one of which nothing is left goes. */
enum crm_status conflict_settle(const struct view *view, struct writeset *set, const struct uuid *user, const struct uuid *record,
                                const struct conflict_settled *settled, struct arena *arena) MUST_CHECK;

#endif
