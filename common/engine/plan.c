/*
 * plan.c - choosing the way to a list's records
 *
 * Called by list_begin, in its transaction. Looks at the conditions that every match must fulfil
 * (the top of the filter as far as it is `and`) and at where the reader's records are, makes a
 * candidate of each that some key range answers, and takes the one whose range ends first, counted,
 * not guessed.
 */
#include "common/engine/plan_inside.h"

#define COUNT_FIRST   64
#define COUNT_STEP    8      /* each round of counting looks that many times further */
#define COUNT_MAX     10000  /* with a limit; beyond it the sort index is walked */
#define COUNT_ALL_MAX 200000 /* without one: as many matches can be kept to be sorted */
#define COUNT_UNKNOWN 4096   /* where nothing says how many records there are */

struct counter {
    uint64_t n, max;
};

static bool count_entry(void *arg, struct slice key, struct slice value)
{
    struct counter *counter = arg;

    (void)key;
    (void)value;
    return ++counter->n < counter->max;
}

static void candidate_count(struct planner *planner, struct candidate *candidate, uint64_t max)
{
    struct counter counter = { .n = 0, .max = max };

    for (size_t i = 0; i < candidate->plan.n_sources && counter.n < max; i++) {
        const struct plan_source *source = &candidate->plan.sources[i];
        struct store_range range = { .from = source->from, .to = source->to };
        enum crm_status status =
            view_scan(planner->view, source->db, &range, count_entry, &counter);

        if (status != CRM_OK) {
            planner->status = status;
            return;
        }
    }
    candidate->count = counter.n;
    candidate->counted = counter.n < max;
}

/* About as many records as the kind has: its highest number; 0 where it has none. */
static uint64_t estimate_total(struct planner *planner)
{
    struct key from = { .size = 0 }, to;
    struct slice key, value;

    index_prefix(&from, planner->query->kind->kind, HEADER_NUMBER, INDEX_GLOBAL, NULL);
    to = from;
    key_u8(&from, INDEX_PRESENT);
    key_u8(&to, INDEX_MISSING);
    if (view_seek(planner->view, STORE_INDEX,
                  &(struct store_range){
                      .from = key_slice(&from), .to = key_slice(&to), .reverse = true },
                  &key, &value) != CRM_OK ||
        key.size != from.size + 8u + UUID_SIZE)
        return 0;
    return (uint64_t)key_read_i64(key.data + from.size);
}

/*
 * How many candidates are worth sorting. Walking the sort index to fill a page looks at about limit
 * * total / matches records, taking all matches and sorting them looks at matches: they cost the
 * same at the root of limit * total.
 */
static uint64_t worth_sorting(struct planner *planner)
{
    uint64_t limit = planner->query->limit;
    uint64_t total = estimate_total(planner);
    uint64_t root = COUNT_FIRST;

    if (total == 0)
        return limit ? COUNT_UNKNOWN : COUNT_ALL_MAX;
    if (!limit)
        return total / 4 < COUNT_UNKNOWN   ? COUNT_UNKNOWN
               : total / 4 < COUNT_ALL_MAX ? total / 4
                                           : COUNT_ALL_MAX;
    while (root < COUNT_MAX && root < UINT32_MAX && root * root / limit < total)
        root += root / 4;
    return root;
}

/* The candidate whose ranges end first, looking further round by round; NULL where none ends in
 * time. */
static struct candidate *count_out(struct planner *planner, uint64_t max)
{
    /* Rounds are for telling several apart; one alone is counted once. */
    for (uint64_t look = planner->n_candidates > 1 ? COUNT_FIRST : max;; look *= COUNT_STEP) {
        struct candidate *best = NULL;

        if (look > max)
            look = max;
        for (size_t i = 0; i < planner->n_candidates && planner->status == CRM_OK; i++) {
            struct candidate *candidate = &planner->candidates[i];

            candidate_count(planner, candidate, look);
            if (candidate->counted && (!best || candidate->count < best->count))
                best = candidate;
        }
        if (best || look >= max || planner->status != CRM_OK)
            return best;
    }
}

static struct candidate *choose(struct planner *planner)
{
    struct candidate *in_order = NULL, *best;
    bool sorted = plan_can_walk_sorted(planner);

    for (size_t i = 0; i < planner->n_candidates && !in_order; i++) {
        if (planner->candidates[i].plan.ordered || planner->candidates[i].plan.leading)
            in_order = &planner->candidates[i];
    }
    if (planner->n_candidates == 1 && (in_order || !sorted))
        return &planner->candidates[0];
    if (planner->n_candidates > 0) {
        best = count_out(planner, sorted ? worth_sorting(planner) : COUNT_ALL_MAX);
        if (best || planner->status != CRM_OK)
            return best;
    }
    if (in_order)
        return in_order;
    /* Nothing narrows it down enough, or nothing at all: in the order that is asked for, if there
     * is such an index. */
    if (!sorted && planner->n_candidates > 0)
        return &planner->candidates[0];
    if (sorted)
        plan_add_index(planner, planner->sort[0].field);
    else
        plan_add_scan(planner);
    return planner->n_candidates ? &planner->candidates[planner->n_candidates - 1] : NULL;
}

enum crm_status plan_make(const struct view *view, const struct list_query *query,
                          const struct sort_key *sort, size_t n_sort, struct arena *arena,
                          struct plan *out_plan, struct failure *failure)
{
    struct planner *planner = arena_zalloc(arena, sizeof *planner);
    struct candidate *best = NULL;

    if (!planner)
        return CRM_NO_MEMORY;
    planner->view = view;
    planner->query = query;
    planner->sort = sort;
    planner->n_sort = n_sort;
    planner->arena = arena;
    planner->status = CRM_OK;
    planner->bounds = arena_alloc(arena, BOUNDS_MAX * sizeof *planner->bounds);
    if (!planner->bounds)
        return CRM_NO_MEMORY;
    plan_add_conditions(planner);

    if (query->deleted || query->rewind)
        plan_add_scan(planner); /* neither has an index */
    else if (!plan_add_paths(planner))
        best = choose(planner);
    if (planner->status != CRM_OK)
        return fail(failure, planner->status, NULL, "the list could not be planned");
    if (!best && planner->n_candidates > 0)
        best = &planner->candidates[planner->n_candidates - 1];
    if (!best)
        return CRM_NO_MEMORY;
    *out_plan = best->plan;
    return CRM_OK;
}
