/*
 * list_walk.h - one step's walk over a plan's ranges: candidates in merged order
 *
 * Between list.c and list_walk.c. Lives for one step, in its scratch arena and its transaction.
 */
#ifndef CRM_ENGINE_LIST_WALK_H
#define CRM_ENGINE_LIST_WALK_H

#include "common/engine/plan.h"

/* Behind which candidate the next one comes; kept by the cursor from step to step. */
struct walk_place {
    uint32_t segment;
    bool begun;        /* suffix is that of the last candidate of the segment */
    struct key suffix; /* what follows the prefix of its source */
};

/* A key that leads to a record. */
struct walk_candidate {
    uint32_t segment;
    struct slice suffix; /* in scratch */
    struct slice value;  /* of `record` and `deleted`: the stored record, borrowed from the view;
                            else empty */
    enum store_db db;
};

struct walk;

/* A walk that goes on behind place. chunk: about how many candidates will be asked for. NULL when
 * memory is spent. */
struct walk *walk_create(const struct view *view, const struct plan *plan,
                         const struct walk_place *place, size_t chunk,
                         struct arena *scratch) MUST_CHECK;
/* The next candidate; CRM_NOT_FOUND behind the last. */
enum crm_status walk_next(struct walk *walk, struct walk_candidate *out_candidate) MUST_CHECK;
/* Remember that a candidate is dealt with. */
void walk_place_set(struct walk_place *place, const struct walk_candidate *candidate);

#endif
