/*
 * housekeeping.h - what runs out is swept: sessions, invitations, unused uploads, answers kept for
 * clients that are gone
 *
 * The server's main thread asks for a turn each minute; the turn itself is a bulk job of the writer
 * and touches a bounded number of rows.
 */
#ifndef CRM_SERVER_ADMIN_HOUSEKEEPING_H
#define CRM_SERVER_ADMIN_HOUSEKEEPING_H

#include <stdatomic.h>

#include "common/store/key.h"
#include "server/dispatch/writer.h"

#define HOUSEKEEPING_SWEEPS 8

/* Lives until the writer has ended. Zero it, then housekeeping_turn. */
struct housekeeping {
    struct write_job job;
    atomic_bool is_waiting;               /* the writer has the job */
    struct key from[HOUSEKEEPING_SWEEPS]; /* where the next turn of each sweep goes on; empty: at
                                             its beginning */
    struct key
        next[HOUSEKEEPING_SWEEPS]; /* the same after the turn under way, once it is committed */
    int64_t clients_swept_us;      /* monotonic */
    bool sweeps_clients;           /* in the turn under way */
};

/* Submit a turn unless the last one still waits. */
void housekeeping_turn(struct housekeeping *keeping, struct writer *writer);

#endif
