/*
 * list_walk.c - walking a plan's ranges, merged by what follows their prefixes
 *
 * Called by list_step. Each source is read in small runs, so that a merge of many owners' ranges
 * does not seek for every row and one long range is read at the speed of a scan. Keys are copied to
 * scratch: a run ends before its keys are used.
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
    uint8_t segment;
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

/* Set up the sources of the walk's segment. */
static void segment_begin(struct walk *walk)
{
    size_t n = 0;

    for (size_t i = 0; i < walk->plan->n_sources; i++) {
        if (walk->plan->sources[i].segment == walk->segment) {
            struct walk_source *source = &walk->sources[n++];

            source->source = &walk->plan->sources[i];
            source->n = 0;
            source->next = 0;
            source->ended = false;
        }
    }
    walk->n_sources = n;
}

struct walk *walk_create(const struct view *view, const struct plan *plan,
                         const struct walk_place *place, size_t chunk, struct arena *scratch)
{
    struct walk *walk = arena_alloc(scratch, sizeof *walk);
    size_t most = 0;

    if (!walk)
        return NULL;
    *walk =
        (struct walk){ .view = view, .plan = plan, .scratch = scratch, .segment = place->segment };
    if (place->begun)
        walk->behind = key_slice(&place->suffix);
    walk->sources = arena_alloc(scratch, (plan->n_sources + 1) * sizeof *walk->sources);
    if (!walk->sources)
        return NULL;
    for (uint8_t segment = 0; segment < PLAN_SEGMENTS; segment++) {
        walk->segment = segment;
        segment_begin(walk);
        most = walk->n_sources > most ? walk->n_sources : most;
    }
    walk->segment = place->segment;
    segment_begin(walk);

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
            if (walk->segment + 1 >= PLAN_SEGMENTS)
                return CRM_NOT_FOUND;
            walk->segment++;
            walk->behind = slice_of(NULL, 0);
            segment_begin(walk);
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
