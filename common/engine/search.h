/*
 * search.h - records by words, CJK pairs and the last digits of phones
 */
#ifndef CRM_ENGINE_SEARCH_H
#define CRM_ENGINE_SEARCH_H

#include "common/engine/list.h"
#include "common/model/term.h"

#define SEARCH_EXAMINED_MAX 20000 /* term entries in one search; beyond it what was found so far is the answer */

struct search_query {
    struct slice text;
    const unsigned *kinds; /* NULL: all that have searched fields */
    size_t n_kinds;
    unsigned limit;
    const struct list_scope *const *scopes; /* by enum kind, KIND_MAX + 1 of them; NULL, or NULL for a kind: everywhere */
};

/* All terms must be there. Newest first within a kind, kinds in table order. Gives each record to emit. CRM_INVALID for a text without anything searchable. */
enum crm_status search_run(const struct view *view, const struct search_query *query, struct arena *arena, list_emit *emit, void *arg,
                           struct list_explain *out_explain, struct failure *failure) MUST_CHECK;

#endif
