/*
 * list.h - a list of records: plan, then steps of bounded work, each in a transaction of its own
 *
 * The planner picks one access path: a unique value, a number, children of a record, an equality or a range of an index (global, or one owner's, or a
 * merge of up to 64 owners'), the order of a sortable index, what is in the reader's scope, else all records of the kind. What the path does not settle, the filter does, record
 * by record. Where the path's order is not the one asked for, matches are kept in memory (bounded) and sorted at the end.
 */
#ifndef CRM_ENGINE_LIST_H
#define CRM_ENGINE_LIST_H

#include "common/engine/index.h"
#include "common/model/filter.h"

#define LIST_MERGE_MAX   64        /* owners whose ranges are merged */
#define LIST_SORT_MEMORY (64u << 20) /* bytes for matches that must be sorted; beyond it CRM_TOO_LARGE with a hint */

/*
 * Where the records that the reader may see are to be found: those of some owners, or of some teams, or some that are named. Of a kind with a parent field
 * (contacts of a customer) also the children of such parents. It only narrows where a list or a search looks: whether a record may be seen the view's guard
 * decides, of each. Access makes it (server/engine/access); its arrays outlive the query.
 */
struct list_scope {
    const struct uuid *owners;
    size_t n_owners;
    const struct uuid *teams;
    size_t n_teams;
    const struct uuid *shared; /* ids of access roots of any kind */
    size_t n_shared;
};

#define LIST_SCOPE_MAX 64 /* of each; who may see more is not narrowed */

struct list_query {
    const struct kind_def *kind;
    const struct list_scope *scope;  /* NULL: everywhere */
    const struct filter *filter;     /* bound; NULL or n = 0: all */
    struct sort_key sort[SORT_KEYS_MAX];
    size_t n_sort;                   /* 0: by number (creation), newest last */
    bool any_order;                  /* sort does not matter, as in counting; without limit, position and rewind */
    uint64_t limit;                  /* 0: all */
    bool deleted;                    /* the recycle bin instead of the live records */
    struct uuid parent;              /* not nil: only records that refer to it */
    struct slice position;           /* go on behind this place (list_position of an earlier cursor with the same query); empty: from the start */
    /* Hooks; each may be NULL. */
    bool (*rewind)(void *arg, struct record *record);        /* as of a past seq: changes record to what it was; false: it did not exist. With it the path is all
                                                                 records, live and deleted, by id */
    void *arg;
};

/* What a list costs and how, for --explain; examined counts visible rows only. */
struct list_explain {
    char plan[160];
    uint64_t examined;
    uint64_t matched;
};

struct list_cursor; /* in the arena; holds no transaction */

/* Plans. query and what it points at must outlive the cursor. */
enum crm_status list_begin(const struct view *view, const struct list_query *query, struct arena *arena, struct list_cursor **out_cursor,
                           struct failure *failure) MUST_CHECK;

/* Called with each record of the result, in order; borrowed until it returns. false: stop before the next one (output is full). */
typedef bool list_emit(void *arg, const struct record *record);

enum list_state { LIST_MORE, LIST_DONE };

/*
 * Examine at most max_rows candidates (and stop early at deadline_us of clock_monotonic_us, 0: none), giving what matches to emit. view is of this
 * turn; nothing of it is kept. *out_state says whether there is more to do. scratch is reset by the caller between steps.
 */
enum crm_status list_step(struct list_cursor *cursor, const struct view *view, unsigned max_rows, int64_t deadline_us, list_emit *emit, void *arg,
                          struct arena *scratch, enum list_state *out_state, struct failure *failure) MUST_CHECK;

/* Where the next record would come from, for a page token: bytes in the cursor's arena. Only after limit was reached; empty when there is no more. */
struct slice list_position(const struct list_cursor *cursor);
const struct list_explain *list_explain(const struct list_cursor *cursor);

#endif
