/*
 * list_scope.h - the ranges of keys in which all records of a scope are
 *
 * For the planner of lists, for search and for the server's feed of replicas. Nobody else includes it.
 */
#ifndef CRM_ENGINE_LIST_SCOPE_H
#define CRM_ENGINE_LIST_SCOPE_H

#include "common/engine/list.h"

#define SCOPE_ROOTS_MAX 1024 /* parents whose children are looked for one by one */

/* All keys with a prefix; each ends with a record's id. */
struct scope_range {
    enum store_db db;
    struct slice prefix;
};

struct scope_ranges {
    struct scope_range *ranges;
    size_t n;
    size_t n_roots; /* how many of them are the children of a parent */
};

/*
 * Every record of the kind that is in scope is in one of them, some in several. In the arena. CRM_TOO_LARGE: there are too many, it is cheaper to look
 * everywhere.
 */
enum crm_status scope_ranges_find(const struct view *view, const struct kind_def *kind, const struct list_scope *scope, struct arena *arena,
                                  struct scope_ranges *out_ranges) MUST_CHECK;
/* In the index: the records of a kind that belong to an owner or a team, in order of ids. */
struct key scope_prefix(enum kind kind, enum header_field field, const struct uuid *whose);
/* "own", "2 owners, 3 teams, 5 shared", "nothing": for --explain. */
void scope_describe(const struct list_scope *scope, char *text, size_t size);

#endif
