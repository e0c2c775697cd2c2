/*
 * log_step.c - walking a record's history as pairs of states, for what is derived from it
 *
 * Any thread with a view.
 */
#include "server/engine/log.h"

#define STEP_ARENA (4u << 20)

enum crm_status log_each_step(const struct view *view, const struct record *record, log_step_visit *visit, void *arg)
{
    struct record after = *record, before;
    struct arena arenas[2]; /* the older side of one step is the newer side of the next */
    enum crm_status status = CRM_OK;

    arena_init(&arenas[0], STEP_ARENA);
    arena_init(&arenas[1], STEP_ARENA);
    for (unsigned turn = 0; after.header.seq > 0 && status == CRM_OK; turn ^= 1) {
        struct log_entry entry;
        struct log_step step;
        bool existed;

        arena_reset(&arenas[turn]);
        status = log_read(view, after.header.seq, &arenas[turn], &entry);
        before = after;
        if (status == CRM_OK && entry.before >= entry.seq)
            status = CRM_CORRUPT;
        if (status == CRM_OK)
            status = log_rewind(view, entry.seq - 1, &arenas[turn], &before, &existed);
        if (status != CRM_OK)
            break;
        step = (struct log_step){
            .before = existed ? &before : NULL,
            .after = after.header.flags & RECORD_DELETED ? NULL : &after,
            .happened_us = entry.happened_us,
            .arena = &arenas[turn],
        };
        status = visit(arg, &step);
        if (entry.verb == LOG_CREATE)
            break;
        after = before;
    }
    arena_fini(&arenas[1]);
    arena_fini(&arenas[0]);
    return status == CRM_NOT_FOUND ? CRM_GONE : status;
}
