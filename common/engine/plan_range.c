/*
 * plan_range.c - from the conditions of a list to ranges of keys
 *
 * Called by the planner. A range only has to hold all matches: the filter is asked about every
 * record anyway, because keys are cut.
 */
#include "common/engine/plan_inside.h"

/* ---- conditions */

/* The leaves that must all hold. A postfix list: the right side of an `and` ends before it, the
 * left side before the right one begins. */
static size_t find_conjuncts(const struct filter *filter,
                             const struct filter_node *leaves[FILTER_NODES_MAX])
{
    uint16_t first[FILTER_NODES_MAX], ends[FILTER_NODES_MAX];
    size_t n_leaves = 0, n_ends = 0;

    if (!filter || filter->n == 0)
        return 0;
    for (size_t i = 0; i < filter->n; i++) {
        enum filter_op op = filter->nodes[i].op;

        if (op == FILTER_AND || op == FILTER_OR)
            first[i] = first[first[i - 1] - 1];
        else
            first[i] = op == FILTER_NOT ? first[i - 1] : (uint16_t)i;
    }
    ends[n_ends++] = (uint16_t)(filter->n - 1);
    while (n_ends > 0) {
        uint16_t end = ends[--n_ends];
        const struct filter_node *node = &filter->nodes[end];

        if (node->op == FILTER_AND) {
            ends[n_ends++] = (uint16_t)(first[end - 1] - 1);
            ends[n_ends++] = (uint16_t)(end - 1);
        } else if (node->field && !node->through) {
            leaves[n_leaves++] = node;
        }
    }
    return n_leaves;
}

struct bounds *plan_bounds_of(struct planner *planner, const struct field_def *field)
{
    for (size_t i = 0; i < planner->n_bounds; i++) {
        if (planner->bounds[i].field->ref == field->ref)
            return &planner->bounds[i];
    }
    return NULL;
}

static struct bounds *bounds_add(struct planner *planner, const struct field_def *field)
{
    struct bounds *bounds = plan_bounds_of(planner, field);

    if (bounds || planner->n_bounds == BOUNDS_MAX)
        return bounds;
    bounds = &planner->bounds[planner->n_bounds++];
    bounds->field = field;
    bounds->equal = NULL;
    bounds->empty = false;
    bounds->low.size = 0;
    bounds->high.size = 0;
    return bounds;
}

/* present ‖ value of an operand. */
static struct key operand_key(struct planner *planner, const struct filter_node *node, size_t i)
{
    struct value value = node->values[i];
    struct key key = { .size = 0 };

    if (node->folded)
        value.text = node->folded[i];
    if (!index_value(&key, node->field, &value, planner->arena))
        planner->status = CRM_NO_MEMORY;
    return key;
}

static void add_condition(struct planner *planner, const struct filter_node *node)
{
    struct bounds *bounds;
    struct key key;

    if (node->named_currency || node->op == FILTER_CONTAINS)
        return;
    bounds = bounds_add(planner, node->field);
    if (!bounds)
        return;
    if (node->op == FILTER_EMPTY) {
        bounds->empty = true;
        return;
    }
    if (node->op == FILTER_EQ) {
        if (!bounds->equal || node->n_values < bounds->equal->n_values)
            bounds->equal = node;
        return;
    }
    /* Of a list each condition may be met by another value: the two ends do not belong together. */
    if (node->field->flags & FIELD_REPEATED && (bounds->low.size || bounds->high.size))
        return;
    key = operand_key(planner, node, 0);
    if (node->op == FILTER_GT || node->op == FILTER_GE) {
        if (!bounds->low.size || slice_compare(key_slice(&key), key_slice(&bounds->low)) > 0)
            bounds->low = key;
    } else if (!bounds->high.size || slice_compare(key_slice(&key), key_slice(&bounds->high)) < 0) {
        bounds->high = key;
    }
}

void plan_add_conditions(struct planner *planner)
{
    const struct filter_node *leaves[FILTER_NODES_MAX];
    size_t n_leaves = find_conjuncts(planner->query->filter, leaves);

    for (size_t i = 0; i < n_leaves; i++)
        add_condition(planner, leaves[i]);
}

/* ---- ranges */

struct key plan_key_behind(const struct key *prefix)
{
    struct key end;

    if (!key_after_prefix(prefix, &end))
        end.size = 0;
    return end;
}

static struct key key_of_byte(uint8_t byte)
{
    struct key key = { .size = 0 };

    key_u8(&key, byte);
    return key;
}

static size_t spans_of(struct planner *planner, const struct bounds *bounds,
                       struct span spans[VALUES_MAX])
{
    if (bounds && bounds->equal) {
        const struct filter_node *node = bounds->equal;

        for (size_t i = 0; i < node->n_values && node->n_values <= VALUES_MAX; i++) {
            spans[i].segment = 0;
            spans[i].from = operand_key(planner, node, i);
            spans[i].to = plan_key_behind(&spans[i].from);
        }
        return node->n_values <= VALUES_MAX ? node->n_values : 0;
    }
    if (bounds && (bounds->low.size || bounds->high.size)) {
        spans[0].segment = 0;
        spans[0].from = bounds->low.size ? bounds->low : key_of_byte(INDEX_PRESENT);
        spans[0].to =
            bounds->high.size ? plan_key_behind(&bounds->high) : key_of_byte(INDEX_MISSING);
        return 1;
    }
    for (uint32_t segment = 0; segment < PLAN_INDEX_SEGMENTS; segment++) {
        spans[segment].segment = segment;
        spans[segment].from = key_of_byte((uint8_t)(INDEX_PRESENT + segment));
        spans[segment].to = key_of_byte((uint8_t)(INDEX_PRESENT + segment + 1));
    }
    if (bounds && bounds->empty)
        spans[0] = spans[1];
    return bounds && bounds->empty ? 1 : PLAN_INDEX_SEGMENTS;
}

/* Two values of an `in` may fold to one: its range must not be walked twice. */
static size_t spans_distinct(struct span spans[VALUES_MAX], size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        size_t j = 0;

        while (j < kept && !slice_equal(key_slice(&spans[j].from), key_slice(&spans[i].from)))
            j++;
        if (j == kept)
            spans[kept++] = spans[i];
    }
    return kept;
}

size_t plan_spans(struct planner *planner, const struct bounds *bounds,
                  struct span spans[VALUES_MAX])
{
    return spans_distinct(spans, spans_of(planner, bounds, spans));
}

static struct slice join(struct planner *planner, const struct key *a, const struct key *b)
{
    uint8_t *bytes = arena_alloc(planner->arena, (size_t)a->size + b->size + 1);

    if (!bytes) {
        planner->status = CRM_NO_MEMORY;
        return slice_of(NULL, 0);
    }
    memcpy(bytes, a->data, a->size);
    memcpy(bytes + a->size, b->data, b->size);
    return slice_of(bytes, (size_t)a->size + b->size);
}

struct plan_source plan_source_of(struct planner *planner, enum store_db db,
                                  const struct key *prefix, const struct span *span)
{
    struct plan_source source = { .db = db, .segment = span->segment, .prefix_size = prefix->size };
    struct key end = plan_key_behind(prefix);

    source.from = join(planner, prefix, &span->from);
    source.to = span->to.size ? join(planner, prefix, &span->to)
                              : join(planner, &end, &(struct key){ .size = 0 });
    return source;
}

struct plan_source plan_source_whole(struct planner *planner, enum store_db db,
                                     const struct key *prefix, uint32_t segment)
{
    return plan_source_of(planner, db, prefix, &(struct span){ .segment = segment });
}

struct plan_source plan_source_record(struct planner *planner, const struct uuid *id,
                                      uint32_t segment)
{
    struct key prefix = { .size = 0 }, rest = { .size = 0 };

    key_u8(&prefix, (uint8_t)planner->query->kind->kind);
    key_bytes(&rest, id->bytes, UUID_SIZE);
    return plan_source_of(
        planner, STORE_RECORD, &prefix,
        &(struct span){ .segment = segment, .from = rest, .to = plan_key_behind(&rest) });
}

struct plan_source *plan_sources_alloc(struct planner *planner, size_t n)
{
    struct plan_source *sources = arena_alloc(planner->arena, (n ? n : 1) * sizeof *sources);

    if (!sources)
        planner->status = CRM_NO_MEMORY;
    return sources;
}

/* Stable, and quick for what is nearly in order. */
static void sources_settle(struct plan_source *sources, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct plan_source source = sources[i];
        size_t j = i;

        for (; j > 0 && sources[j - 1].segment > source.segment; j--)
            sources[j] = sources[j - 1];
        sources[j] = source;
    }
}

struct candidate *plan_candidate_add(struct planner *planner, struct plan_source *sources, size_t n)
{
    struct candidate *candidate = &planner->candidates[planner->n_candidates++];

    sources_settle(sources, n);
    memset(candidate, 0, sizeof *candidate);
    candidate->plan.sources = sources;
    candidate->plan.n_sources = n;
    return candidate;
}
