/*
 * list_walk.c - walking a plan's ranges, merged by what follows their prefixes
 *
 * Called by list_step. Each source is read in small runs, so that a merge of many owners' ranges
 * does not seek for every row and one long range is read at the speed of a scan; ranges of
 * different segments are walked one after the other and cost nothing until it is their turn. Keys
 * are copied to scratch: a run ends before its keys are used.
 */
#include "common/engine/list_walk.h"

#define RUN_MIN 8 /* keys read at once from each of many sources */
#define RUN_MAX 128

/* A source and the run of keys that was read from it. */
struct walk_source {
    const struct plan_source *source;
    struct walk_candidate *run;
    size_t n, next;
    bool ended; /* nothing behind the run */
};

struct walk {
    const struct view *view;
    const struct plan *plan;
    struct arena *scratch;
    uint32_t segment;
    size_t next_source; /* of the plan: the first of a later segment */
    struct slice
        behind; /* suffix of the last candidate of the segment; data NULL: from its start */
    size_t run_max;
    struct walk_source *sources; /* of the segment */
    size_t n_sources;
    bool out_of_memory;
};

/* Fills one run. */
struct run_fill {
    struct walk *walk;
    struct walk_source *source;
};

static bool run_visit(void *arg, struct slice key, struct slice value)
{
    struct run_fill *fill = arg;
    struct walk_source *source = fill->source;
    const struct plan_source *range = source->source;
    bool has_record = range->db == STORE_RECORD || range->db == STORE_DELETED;
    struct walk_candidate *candidate = &source->run[source->n];
    size_t size = key.size - range->prefix_size;
    uint8_t *copy = arena_memdup(fill->walk->scratch, key.data + range->prefix_size, size);

    if (!copy) {
        fill->walk->out_of_memory = true;
        return false;
    }
    candidate->segment = range->segment;
    candidate->suffix = slice_of(copy, size);
    candidate->value = has_record ? value : slice_of(NULL, 0);
    candidate->db = range->db;
    return ++source->n < fill->walk->run_max;
}

/* What is left of a source's range behind a suffix. bound has room for the new limit. */
static struct store_range range_behind(const struct walk *walk, const struct plan_source *source,
                                       struct slice behind, uint8_t bound[2 * STORE_KEY_MAX])
{
    struct store_range range = { .from = source->from,
                                 .to = source->to,
                                 .reverse = walk->plan->reverse };
    struct slice limit;

    if (!behind.data)
        return range;
    memcpy(bound, source->from.data, source->prefix_size);
    memcpy(bound + source->prefix_size, behind.data, behind.size);
    limit = slice_of(bound, source->prefix_size + behind.size);
    if (range.reverse) {
        if (!range.to.size || slice_compare(limit, range.to) < 0)
            range.to = limit;
    } else {
        bound[limit.size++] = 0;
        if (slice_compare(limit, range.from) > 0)
            range.from = limit;
    }
    return range;
}

/* Read the next run of a source. */
static enum crm_status source_fill(struct walk *walk, struct walk_source *source)
{
    uint8_t bound[2 * STORE_KEY_MAX];
    struct slice behind = source->n > 0 ? source->run[source->n - 1].suffix : walk->behind;
    struct store_range range = range_behind(walk, source->source, behind, bound);
    struct run_fill fill = { .walk = walk, .source = source };
    enum crm_status status;

    source->n = 0;
    source->next = 0;
    if (range.to.size && slice_compare(range.from, range.to) >= 0) {
        source->ended = true;
        return CRM_OK;
    }
    status = view_scan(walk->view, source->source->db, &range, run_visit, &fill);
    if (status == CRM_OK && walk->out_of_memory)
        status = CRM_NO_MEMORY;
    source->ended = source->n < walk->run_max;
    return status;
}

/* Where the sources of the segment of the one at i end. */
static size_t segment_end(const struct plan *plan, size_t i)
{
    size_t end = i;

    while (end < plan->n_sources && plan->sources[end].segment == plan->sources[i].segment)
        end++;
    return end;
}

/* Set up the sources of the next segment; false behind the last. */
static bool segment_begin(struct walk *walk)
{
    size_t first = walk->next_source;

    if (first == walk->plan->n_sources)
        return false;
    walk->next_source = segment_end(walk->plan, first);
    walk->n_sources = walk->next_source - first;
    walk->segment = walk->plan->sources[first].segment;
    for (size_t i = 0; i < walk->n_sources; i++) {
        walk->sources[i].source = &walk->plan->sources[first + i];
        walk->sources[i].n = 0;
        walk->sources[i].next = 0;
        walk->sources[i].ended = false;
    }
    return true;
}

/* The most sources that are merged in one segment. */
static size_t widest_segment(const struct plan *plan)
{
    size_t most = 0, end;

    for (size_t i = 0; i < plan->n_sources; i = end) {
        end = segment_end(plan, i);
        most = end - i > most ? end - i : most;
    }
    return most;
}

struct walk *walk_create(const struct view *view, const struct plan *plan,
                         const struct walk_place *place, size_t chunk, struct arena *scratch)
{
    struct walk *walk = arena_alloc(scratch, sizeof *walk);
    size_t most = widest_segment(plan);

    if (!walk)
        return NULL;
    *walk = (struct walk){ .view = view, .plan = plan, .scratch = scratch };
    walk->sources = arena_alloc(scratch, (most + 1) * sizeof *walk->sources);
    if (!walk->sources)
        return NULL;
    while (walk->next_source < plan->n_sources &&
           plan->sources[walk->next_source].segment < place->segment)
        walk->next_source++;
    if (segment_begin(walk) && place->begun && walk->segment == place->segment)
        walk->behind = key_slice(&place->suffix);

    walk->run_max = most > 1 ? 2 * chunk / most + 1 : chunk;
    walk->run_max = walk->run_max < RUN_MIN && most > 1 ? RUN_MIN
                    : walk->run_max > RUN_MAX           ? RUN_MAX
                                                        : walk->run_max;
    for (size_t i = 0; i < most; i++) {
        walk->sources[i].run = arena_alloc(scratch, walk->run_max * sizeof *walk->sources[i].run);
        if (!walk->sources[i].run)
            return NULL;
    }
    return walk;
}

/* The source whose next suffix is first; NULL where all have ended. Runs that are used up are read
 * on. */
static enum crm_status first_source(struct walk *walk, struct walk_source **out_source)
{
    struct walk_source *best = NULL;

    for (size_t i = 0; i < walk->n_sources; i++) {
        struct walk_source *source = &walk->sources[i];
        int order;

        if (source->next == source->n && !source->ended) {
            enum crm_status status = source_fill(walk, source);

            if (status != CRM_OK)
                return status;
        }
        if (source->next == source->n)
            continue;
        order = best ? slice_compare(source->run[source->next].suffix, best->run[best->next].suffix)
                     : 0;
        if (!best || (walk->plan->reverse ? order > 0 : order < 0))
            best = source;
    }
    *out_source = best;
    return CRM_OK;
}

enum crm_status walk_next(struct walk *walk, struct walk_candidate *out_candidate)
{
    for (;;) {
        struct walk_source *source;
        struct walk_candidate candidate;
        enum crm_status status = first_source(walk, &source);

        if (status != CRM_OK)
            return status;
        if (!source) {
            if (!segment_begin(walk))
                return CRM_NOT_FOUND;
            walk->behind = slice_of(NULL, 0);
            continue;
        }
        candidate = source->run[source->next++];
        /* One record by way of two sources: side by side, since both have the same suffix. */
        if (walk->behind.data && slice_equal(candidate.suffix, walk->behind))
            continue;
        walk->behind = candidate.suffix;
        *out_candidate = candidate;
        return CRM_OK;
    }
}

void walk_place_set(struct walk_place *place, const struct walk_candidate *candidate)
{
    place->segment = candidate->segment;
    place->begun = true;
    place->suffix.size = 0;
    key_bytes(&place->suffix, candidate->suffix.data, candidate->suffix.size);
}
