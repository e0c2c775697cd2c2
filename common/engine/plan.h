/*
 * plan.h - how a list reaches its records: ranges of keys to walk, and whether their order is the
 * one that was asked for
 *
 * Between plan.c, which chooses, and list*.c, which walks. Nobody else includes it.
 */
#ifndef CRM_ENGINE_PLAN_H
#define CRM_ENGINE_PLAN_H

#include "common/engine/list.h"

/*
 * A range of one database. Sources of one segment are merged by what follows their prefix: present
 * ‖ value ‖ id in an index, the id in all others. `record` and `deleted` have the record itself as
 * value, the others lead to it by the id at the key's end.
 */
struct plan_source {
    enum store_db db;
    uint32_t segment; /* walked one after the other */
    uint16_t prefix_size;
    struct slice from, to;
};

#define PLAN_INDEX_SEGMENTS 2 /* of an index: what has a value, then what has none */

struct plan {
    const struct plan_source *sources; /* in order of their segments */
    size_t n_sources;
    bool ordered; /* walking gives the order that was asked for: matches are given as they come */
    bool leading; /* walking is in the order of the first of several sort keys */
    bool reverse;
    bool may_repeat;     /* a record may come more than once, not side by side */
    bool parent_settled; /* every candidate refers to query->parent */
    char text[140];      /* for --explain */
};

/* sort and n_sort are those of the query, or the number where it names none. The plan lives in the
 * arena. */
enum crm_status plan_make(const struct view *view, const struct list_query *query,
                          const struct sort_key *sort, size_t n_sort, struct arena *arena,
                          struct plan *out_plan, struct failure *failure) MUST_CHECK;

#endif
