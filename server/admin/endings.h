/*
 * endings.h - what ends at a time of its own is seen to when that has come: shares
 *
 * The server's main thread asks each second whether anything is due, which is one look at the store; the turn itself is a
 * job of the writer and ends a bounded number.
 */
#ifndef CRM_SERVER_ADMIN_ENDINGS_H
#define CRM_SERVER_ADMIN_ENDINGS_H

#include <stdatomic.h>

#include "server/dispatch/writer.h"

/* Lives until the writer has ended. Zero it, then endings_turn. */
struct endings {
    struct write_job job;
    atomic_bool is_waiting; /* the writer has the job */
};

/* Submit a turn if something is due, unless the last one still waits. */
void endings_turn(struct endings *endings, struct store *store, struct writer *writer);

#endif
