/*
 * plan.c - choosing the way to a list's records
 *
 * Called by list_begin, in its transaction. Looks at the conditions that every match must fulfil
 * (the top of the filter as far as it is `and`), makes a candidate of each that some key range
 * answers, and takes the one whose range ends first, counted, not guessed. A range only has to hold
 * all matches: the filter is asked about every record anyway, because keys are cut.
 */
#include "common/engine/plan.h"

#include <stdio.h>

#define VALUES_MAX     16               /* of one `in` that becomes ranges */
#define BOUNDS_MAX     16               /* fields whose conditions are looked at */
#define CANDIDATES_MAX (BOUNDS_MAX + 3) /* and the parent, the owners, the way of last resort */
#define COUNT_FIRST    64
#define COUNT_STEP     8      /* each round of counting looks that many times further */
#define COUNT_MAX      10000  /* with a limit; beyond it the sort index is walked */
#define COUNT_ALL_MAX  200000 /* without one: as many matches can be kept to be sorted */
#define COUNT_UNKNOWN  4096   /* where nothing says how many records there are */

/* What the conditions ask of one field. */
struct bounds {
    const struct field_def *field;
    const struct filter_node *equal; /* any of its values; NULL: none */
    bool empty;                      /* it must have no value */
    struct key low, high;            /* present ‖ value, both inclusive; size 0: none */
};

/* A part of an index behind the prefix. */
struct span {
    uint8_t segment;
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
    struct candidate candidates[CANDIDATES_MAX];
    size_t n_candidates;
    enum crm_status status; /* the first failure */
};

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

static struct bounds *bounds_of(struct planner *planner, const struct field_def *field, bool add)
{
    struct bounds *bounds;

    for (size_t i = 0; i < planner->n_bounds; i++) {
        if (planner->bounds[i].field->ref == field->ref)
            return &planner->bounds[i];
    }
    if (!add || planner->n_bounds == BOUNDS_MAX)
        return NULL;
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
    bounds = bounds_of(planner, node->field, true);
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

/* ---- ranges */

static struct key key_behind(const struct key *key)
{
    struct key end;

    if (!key_after_prefix(key, &end))
        end.size = 0;
    return end;
}

static struct key key_of_byte(uint8_t byte)
{
    struct key key = { .size = 0 };

    key_u8(&key, byte);
    return key;
}

/* The parts of a field's index in which its matches are; at most VALUES_MAX, 0 where there are
 * more. bounds NULL: all of it. */
static size_t spans_of(struct planner *planner, const struct bounds *bounds,
                       struct span spans[VALUES_MAX])
{
    if (bounds && bounds->equal) {
        const struct filter_node *node = bounds->equal;

        for (size_t i = 0; i < node->n_values && node->n_values <= VALUES_MAX; i++) {
            spans[i].segment = 0;
            spans[i].from = operand_key(planner, node, i);
            spans[i].to = key_behind(&spans[i].from);
        }
        return node->n_values <= VALUES_MAX ? node->n_values : 0;
    }
    if (bounds && (bounds->low.size || bounds->high.size)) {
        spans[0].segment = 0;
        spans[0].from = bounds->low.size ? bounds->low : key_of_byte(INDEX_PRESENT);
        spans[0].to = bounds->high.size ? key_behind(&bounds->high) : key_of_byte(INDEX_MISSING);
        return 1;
    }
    for (uint8_t segment = 0; segment < PLAN_SEGMENTS; segment++) {
        spans[segment].segment = segment;
        spans[segment].from = key_of_byte((uint8_t)(INDEX_PRESENT + segment));
        spans[segment].to = key_of_byte((uint8_t)(INDEX_PRESENT + segment + 1));
    }
    if (bounds && bounds->empty)
        spans[0] = spans[1];
    return bounds && bounds->empty ? 1 : PLAN_SEGMENTS;
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

static struct plan_source source_of(struct planner *planner, enum store_db db,
                                    const struct key *prefix, const struct span *span)
{
    struct plan_source source = { .db = db, .segment = span->segment, .prefix_size = prefix->size };
    struct key end = key_behind(prefix);

    source.from = join(planner, prefix, &span->from);
    source.to = span->to.size ? join(planner, prefix, &span->to)
                              : join(planner, &end, &(struct key){ .size = 0 });
    return source;
}

/* All that has a prefix. */
static struct plan_source source_whole(struct planner *planner, enum store_db db,
                                       const struct key *prefix)
{
    return source_of(planner, db, prefix, &(struct span){ .segment = 0 });
}

static struct plan_source *sources_alloc(struct planner *planner, size_t n)
{
    struct plan_source *sources = arena_alloc(planner->arena, (n ? n : 1) * sizeof *sources);

    if (!sources)
        planner->status = CRM_NO_MEMORY;
    return sources;
}

static struct candidate *candidate_add(struct planner *planner, struct plan_source *sources,
                                       size_t n)
{
    struct candidate *candidate = &planner->candidates[planner->n_candidates++];

    memset(candidate, 0, sizeof *candidate);
    candidate->plan.sources = sources;
    candidate->plan.n_sources = n;
    return candidate;
}

/* ---- candidates */

static bool can_walk_index(const struct planner *planner, const struct field_def *field)
{
    /* What is hidden orders nothing: its index would tell. */
    if (view_hides(planner->view, planner->query->kind->kind, field->ref))
        return false;
    if (field->flags & FIELD_HEADER)
        return field_is_indexed(field);
    return (field->flags & (FIELD_INDEXED | FIELD_SORTABLE)) &&
           schema_index_is_ready(planner->view->schema, planner->query->kind, field);
}

/* The first sort key has an index whose order is that of the list. */
static bool can_walk_sorted(const struct planner *planner)
{
    const struct field_def *field = planner->sort[0].field;

    return field_is_sortable(field) && !(field->flags & FIELD_REPEATED) &&
           can_walk_index(planner, field);
}

/* The owners that the filter allows, 0 where it does not say or names too many. */
static const struct filter_node *wanted_owners(struct planner *planner)
{
    const struct field_def *owner = kind_field(planner->query->kind, HEADER_OWNER);
    const struct bounds *bounds = owner ? bounds_of(planner, owner, false) : NULL;

    return bounds && bounds->equal && bounds->equal->n_values <= LIST_MERGE_MAX ? bounds->equal
                                                                                : NULL;
}

static bool owner_came_before(const struct filter_node *owners, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (uuid_equal(&owners->values[j].ref, &owners->values[i].ref))
            return true;
    }
    return false;
}

static void describe_index(struct candidate *candidate, const struct field_def *field,
                           bool descending, size_t n_owners)
{
    char owners[48] = "";

    if (n_owners == 1)
        snprintf(owners, sizeof owners, ", owner's range");
    else if (n_owners > 1)
        snprintf(owners, sizeof owners, ", merge of %zu owners' ranges", n_owners);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "index %s%s%s", field->name,
             descending ? " desc" : "", owners);
}

/* The ranges of a field's index, in the owner form where the filter names owners and the form
 * exists. */
static void add_index_candidate(struct planner *planner, const struct field_def *field)
{
    const struct bounds *bounds = bounds_of(planner, field, false);
    const struct filter_node *owners = field_is_sortable(field) ? wanted_owners(planner) : NULL;
    struct span spans[VALUES_MAX];
    size_t n_spans = spans_distinct(spans, spans_of(planner, bounds, spans));
    size_t n_prefixes, n = 0, n_owners = 0;
    struct plan_source *sources;
    struct candidate *candidate;
    bool is_sort = field->ref == planner->sort[0].field->ref && !(field->flags & FIELD_REPEATED);

    if (n_spans == 0)
        return;
    if (owners && owners->n_values * n_spans > LIST_MERGE_MAX * PLAN_SEGMENTS)
        owners = NULL;
    n_prefixes = owners ? owners->n_values : 1;
    sources = sources_alloc(planner, n_prefixes * n_spans);
    for (size_t p = 0; sources && p < n_prefixes; p++) {
        struct key prefix = { .size = 0 };

        if (owners && owner_came_before(owners, p))
            continue;
        n_owners += owners != NULL;
        index_prefix(&prefix, planner->query->kind->kind, field->ref,
                     owners ? INDEX_OWNER : INDEX_GLOBAL, owners ? &owners->values[p].ref : NULL);
        for (size_t s = 0; s < n_spans; s++)
            sources[n++] = source_of(planner, STORE_INDEX, &prefix, &spans[s]);
    }
    if (!sources)
        return;
    candidate = candidate_add(planner, sources, n);
    candidate->plan.ordered = is_sort && planner->n_sort == 1;
    candidate->plan.leading = is_sort && planner->n_sort > 1;
    candidate->plan.reverse = is_sort && planner->sort[0].descending;
    candidate->plan.may_repeat =
        (field->flags & FIELD_REPEATED) && !(bounds && bounds->equal && n_spans == 1);
    describe_index(candidate, field, candidate->plan.reverse, n_owners);
}

/* "C-12", or the end of the id where the record may not be seen. */
static void label_of(const struct planner *planner, enum kind kind, const struct uuid *id,
                     char text[RECORD_LABEL_SIZE])
{
    struct record record;

    if (kind == KIND_NONE || view_record(planner->view, kind, id, &record) != CRM_OK)
        record = (struct record){ .header = { .id = *id, .kind = kind } };
    record_label(&record.header, text);
}

/* The records that refer by one field to any of a few. */
static void add_children_candidate(struct planner *planner, const struct filter_node *node)
{
    const struct kind_def *kind = planner->query->kind;
    struct plan_source *sources;
    struct candidate *candidate;
    char label[RECORD_LABEL_SIZE];

    if (node->n_values > LIST_MERGE_MAX)
        return;
    sources = sources_alloc(planner, node->n_values);
    if (!sources)
        return;
    for (size_t i = 0; i < node->n_values; i++) {
        struct key prefix = { .size = 0 };

        child_prefix(&prefix, &node->values[i].ref, kind->kind, node->field->ref);
        sources[i] = source_whole(planner, STORE_CHILD, &prefix);
    }
    candidate = candidate_add(planner, sources, node->n_values);
    if (node->n_values == 1)
        label_of(planner, node->field->ref_kind, &node->values[0].ref, label);
    else
        snprintf(label, sizeof label, "%zu records", node->n_values);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "children of %s by %s.%s", label,
             kind->name, node->field->name);
}

/* The records that refer by any field to the parent: one range a field, since a record may refer to
 * it by several. */
static void add_parent_candidate(struct planner *planner)
{
    const struct kind_def *kind = planner->query->kind;
    const struct field_def *field;
    struct plan_source *sources;
    struct candidate *candidate;
    enum kind parent_kind = KIND_NONE;
    char label[RECORD_LABEL_SIZE];
    size_t n_fields = 0, n = 0;

    while (schema_field_at(planner->view->schema, kind, n_fields))
        n_fields++;
    sources = sources_alloc(planner, n_fields);
    for (size_t i = 0; sources && i < n_fields; i++) {
        struct key prefix = { .size = 0 };

        field = schema_field_at(planner->view->schema, kind, i);
        if ((field->flags & FIELD_HEADER) ||
            !(field->type == FIELD_REFERENCE || field->type == FIELD_GROUP) ||
            view_hides(planner->view, kind->kind, field->ref))
            continue;
        child_prefix(&prefix, &planner->query->parent, kind->kind, field->ref);
        sources[n] = source_whole(planner, STORE_CHILD, &prefix);
        if (field->type == FIELD_REFERENCE && parent_kind == KIND_NONE) {
            struct record record;

            if (view_record(planner->view, field->ref_kind, &planner->query->parent, &record) ==
                CRM_OK)
                parent_kind = field->ref_kind;
        }
        n++;
    }
    if (!sources)
        return;
    candidate = candidate_add(planner, sources, n);
    candidate->plan.parent_settled = true;
    label_of(planner, parent_kind, &planner->query->parent, label);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "children of %s", label);
}

/* Records that are named: by id, or by a unique value. Such a path is taken at once. */
static bool add_named_candidate(struct planner *planner, const struct filter_node *node)
{
    const struct kind_def *kind = planner->query->kind;
    bool by_id = node->field->type == FIELD_ID;
    struct plan_source *sources;
    struct candidate *candidate;
    size_t n = 0;

    if (node->n_values > LIST_MERGE_MAX || !(by_id || (node->field->flags & FIELD_UNIQUE)))
        return false;
    sources = sources_alloc(planner, node->n_values);
    for (size_t i = 0; sources && i < node->n_values; i++) {
        struct uuid id = node->values[i].ref;
        uint8_t bytes[RECORD_KEY_SIZE];
        struct key prefix = { .size = 0 }, rest = { .size = 0 };
        enum crm_status status =
            by_id ? CRM_OK
                  : view_unique(planner->view, kind->kind, node->field, &node->values[i], &id);

        if (status == CRM_NOT_FOUND)
            continue;
        if (status != CRM_OK)
            planner->status = status;
        record_key(kind->kind, &id, bytes);
        key_u8(&prefix, bytes[0]);
        key_bytes(&rest, bytes + 1, UUID_SIZE);
        sources[n++] = source_of(planner, STORE_RECORD, &prefix,
                                 &(struct span){ .from = rest, .to = key_behind(&rest) });
    }
    if (!sources)
        return false;
    candidate = candidate_add(planner, sources, n);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "unique %s", node->field->name);
    return true;
}

/* All records of the kind, by id: live ones, the recycle bin, or both. */
static void add_scan_candidate(struct planner *planner)
{
    const struct list_query *query = planner->query;
    struct key prefix = { .size = 0 };
    struct plan_source *sources = sources_alloc(planner, 2);
    struct candidate *candidate;
    size_t n = 0;

    if (!sources)
        return;
    key_u8(&prefix, (uint8_t)query->kind->kind);
    if (!query->deleted || query->rewind)
        sources[n++] = source_whole(planner, STORE_RECORD, &prefix);
    if (query->deleted || query->rewind)
        sources[n++] = source_whole(planner, STORE_DELETED, &prefix);
    candidate = candidate_add(planner, sources, n);
    snprintf(candidate->plan.text, sizeof candidate->plan.text, "%s",
             query->rewind    ? "all records, live and deleted, as of then"
             : query->deleted ? "recycle bin"
                              : "all records");
}

/* What is hidden is empty, so that a comparison with it holds for nothing: no range is looked at,
 * and neither time nor counts tell anything. */
static bool add_hidden_candidate(struct planner *planner)
{
    for (size_t i = 0; i < planner->n_bounds; i++) {
        const struct bounds *bounds = &planner->bounds[i];
        struct plan_source *sources;

        if (!(bounds->equal || bounds->low.size || bounds->high.size) ||
            !view_hides(planner->view, planner->query->kind->kind, bounds->field->ref))
            continue;
        sources = sources_alloc(planner, 0);
        if (sources)
            snprintf(candidate_add(planner, sources, 0)->plan.text, sizeof(struct plan){ 0 }.text,
                     "nothing, %s is hidden", bounds->field->name);
        return true;
    }
    return false;
}

/* ---- choice */

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
    bool sorted = can_walk_sorted(planner);

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
        add_index_candidate(planner, planner->sort[0].field);
    else
        add_scan_candidate(planner);
    return planner->n_candidates ? &planner->candidates[planner->n_candidates - 1] : NULL;
}

/* true: a path that names its records was found, and is the last candidate. */
static bool add_candidates(struct planner *planner)
{
    const struct field_def *sort_field = planner->sort[0].field;
    bool owner_is_used = false;

    if (add_hidden_candidate(planner))
        return true;
    for (size_t i = 0; i < planner->n_bounds; i++) {
        if (planner->bounds[i].equal && add_named_candidate(planner, planner->bounds[i].equal))
            return true;
    }
    if (!uuid_is_nil(&planner->query->parent))
        add_parent_candidate(planner);
    for (size_t i = 0; i < planner->n_bounds; i++) {
        const struct bounds *bounds = &planner->bounds[i];

        if (bounds->field->type == FIELD_REFERENCE && !(bounds->field->flags & FIELD_HEADER) &&
            bounds->equal) {
            add_children_candidate(planner, bounds->equal);
        } else if (can_walk_index(planner, bounds->field)) {
            owner_is_used = owner_is_used || bounds->field->ref == sort_field->ref;
            add_index_candidate(planner, bounds->field);
        }
    }
    if (wanted_owners(planner) && !owner_is_used)
        add_index_candidate(planner, can_walk_sorted(planner)
                                         ? sort_field
                                         : kind_field(planner->query->kind, HEADER_NUMBER));
    return false;
}

enum crm_status plan_make(const struct view *view, const struct list_query *query,
                          const struct sort_key *sort, size_t n_sort, struct arena *arena,
                          struct plan *out_plan, struct failure *failure)
{
    const struct filter_node *leaves[FILTER_NODES_MAX];
    struct planner *planner = arena_alloc(arena, sizeof *planner);
    struct candidate *best = NULL;
    size_t n_leaves = find_conjuncts(query->filter, leaves);

    if (!planner)
        return CRM_NO_MEMORY;
    planner->view = view;
    planner->query = query;
    planner->sort = sort;
    planner->n_sort = n_sort;
    planner->arena = arena;
    planner->n_bounds = 0;
    planner->n_candidates = 0;
    planner->status = CRM_OK;
    planner->bounds = arena_alloc(arena, BOUNDS_MAX * sizeof *planner->bounds);
    if (!planner->bounds)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < n_leaves; i++)
        add_condition(planner, leaves[i]);

    if (query->deleted || query->rewind)
        add_scan_candidate(planner); /* neither has an index */
    else if (!add_candidates(planner))
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
