/*
 * plan_inside.h - what the planner's files share: the conditions of a list, and candidates for the
 * way to its records
 *
 * plan_range.c turns conditions into ranges of keys, plan_path.c and plan_scope.c make candidates
 * of them, plan.c chooses. Nobody else includes it. Failures stay in planner->status.
 */
#ifndef CRM_ENGINE_PLAN_INSIDE_H
#define CRM_ENGINE_PLAN_INSIDE_H

#include "common/engine/plan.h"

#define VALUES_MAX     16               /* of one `in` that becomes ranges */
#define BOUNDS_MAX     16               /* fields whose conditions are looked at */
#define CANDIDATES_MAX (BOUNDS_MAX + 4) /* and the parent, owners, scope, the way of last resort   \
                                         */

/* What the conditions ask of one field. */
struct bounds {
    const struct field_def *field;
    const struct filter_node *equal; /* any of its values; NULL: none */
    bool empty;                      /* it must have no value */
    struct key low, high;            /* present ‖ value, both inclusive; size 0: none */
};

/* A part of an index behind the prefix. */
struct span {
    uint32_t segment;
    struct key from, to;
};

struct candidate {
    struct plan plan;
    uint64_t count;
    bool counted; /* count is all of it, not only as far as was looked */
};

struct planner {
    const struct view *view;
    const struct list_query *query;
    const struct sort_key *sort;
    size_t n_sort;
    struct arena *arena;
    struct bounds *bounds;
    size_t n_bounds;
    bool by_owner; /* every match is one of these owners', or shared: their ranges will do */
    bool is_scope; /* and that is the scope's doing */
    struct uuid owners[LIST_MERGE_MAX];
    size_t n_owners;
    struct record *shared; /* of the kind, with by_owner: those that the scope names */
    size_t n_shared;
    struct candidate candidates[CANDIDATES_MAX];
    size_t n_candidates;
    enum crm_status status; /* the first failure */
};

/* --- plan_range.c */

/* Take in the conditions that every match must fulfil: the leaves of the filter's top `and`s. */
void plan_add_conditions(struct planner *planner);
/* The conditions of a field, NULL where there are none. */
struct bounds *plan_bounds_of(struct planner *planner, const struct field_def *field);
/* The parts of a field's index in which its matches are, each once; at most VALUES_MAX, 0 where
 * there are more. bounds NULL: all of it. */
size_t plan_spans(struct planner *planner, const struct bounds *bounds,
                  struct span spans[VALUES_MAX]);
/* The least key behind all that have this prefix; size 0: there is none. */
struct key plan_key_behind(const struct key *prefix);
struct plan_source plan_source_of(struct planner *planner, enum store_db db,
                                  const struct key *prefix, const struct span *span);
/* All that has a prefix. */
struct plan_source plan_source_whole(struct planner *planner, enum store_db db,
                                     const struct key *prefix, uint32_t segment);
/* One record, live. */
struct plan_source plan_source_record(struct planner *planner, const struct uuid *id,
                                      uint32_t segment);
/* NULL when memory is spent. */
struct plan_source *plan_sources_alloc(struct planner *planner, size_t n);
/* A candidate that walks these sources, which are put in order of their segments. */
struct candidate *plan_candidate_add(struct planner *planner, struct plan_source *sources,
                                     size_t n);

/* --- plan_path.c */

bool plan_can_walk_index(const struct planner *planner, const struct field_def *field);
/* The first sort key has an index whose order is that of the list. */
bool plan_can_walk_sorted(const struct planner *planner);
/* The ranges of a field's index, in the owner form where that will do and exists. */
void plan_add_index(struct planner *planner, const struct field_def *field);
/* All records of the kind, by id: live ones, the recycle bin, or both. */
void plan_add_scan(struct planner *planner);
/* Every way that the conditions open. true: one was found that is taken at once, the last one. */
bool plan_add_paths(struct planner *planner);

/* --- plan_scope.c */

/* Whose ranges hold all matches, by the filter and the scope: fills by_owner and what follows. */
void plan_find_owners(struct planner *planner);
/* The ranges in which everything of the scope is; none where there would be too many. */
void plan_add_scope(struct planner *planner);

#endif
