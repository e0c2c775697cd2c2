/*
 * test_list.c - lists against a plain filter and sort of an array: seeded random filters, orders,
 * limits, pages and step sizes, on both engines, through the store alone and through write sets
 */
#include "engine_fixture.h"

#include "common/base/text.h"
#include "common/engine/list.h"
#include "common/model/filter_node.h"

#define QUERIES 400

/* ---- the model */

struct model {
    struct world *world;
    struct list_query query;
    struct world_reader reader;
    struct arena *arena;
};

/* As of then: every seventh did not exist, and numbers were others. */
static bool rewind_record(void *arg, struct record *record)
{
    (void)arg;
    if (record->header.number % 7 == 0)
        return false;
    record->header.number = record->header.number * 37 % 101 + 1;
    return true;
}

static bool model_load(void *arg, enum kind kind, const struct uuid *id, struct record *out_record)
{
    const struct model *model = arg;

    for (size_t i = 0; i < WORLD_ROWS; i++) {
        const struct record *row = &model->world->rows[i];

        if (row->header.kind == kind && uuid_equal(&row->header.id, id) && !world_is_deleted(row) &&
            world_reader_sees(&model->reader, &row->header)) {
            *out_record = world_reader_record(&model->reader, row, model->arena);
            return true;
        }
    }
    return false;
}

static bool element_has(void *arg, struct slice element)
{
    const struct field_def *lines = kind_field_by_name(kind_def(KIND_DEAL), "lines");
    struct uuid *id = *(struct uuid **)arg;

    for (size_t i = 0; i < lines->n_members; i++) {
        struct value value;

        if (lines->members[i].type == FIELD_REFERENCE &&
            reflect_member(&lines->members[i], element, &value) && uuid_equal(&value.ref, id)) {
            *(struct uuid **)arg = NULL;
            return false;
        }
    }
    return true;
}

static bool model_refers(const struct record *row, struct uuid parent)
{
    struct value value;
    struct uuid *look = &parent;

    if (row->header.kind != KIND_DEAL)
        return false;
    if (reflect_get(kind_field_by_name(kind_def(KIND_DEAL), "customer"), row, &value) &&
        uuid_equal(&value.ref, &parent))
        return true;
    reflect_each_element(kind_field_by_name(kind_def(KIND_DEAL), "lines"), row, element_has, &look);
    return look == NULL;
}

static const struct model *comparing; /* qsort has no argument */

static int compare_field(const struct field_def *field, bool descending, const struct record *a,
                         const struct record *b)
{
    struct value x, y;
    bool has_x = reflect_get(field, a, &x), has_y = reflect_get(field, b, &y);
    int order;

    if (!has_x || !has_y)
        return has_y - has_x;
    if (field->type == FIELD_TEXT) {
        struct slice s, t;

        if (!text_fold(comparing->arena, x.text, &s) || !text_fold(comparing->arena, y.text, &t))
            abort();
        order = slice_compare(s, t);
        /* What agrees in so many bytes counts as equal. */
        if (s.size > INDEX_TEXT_MAX && t.size > INDEX_TEXT_MAX &&
            memcmp(s.data, t.data, INDEX_TEXT_MAX) == 0)
            order = 0;
    } else if (field->type == FIELD_REFERENCE) {
        order = memcmp(x.ref.bytes, y.ref.bytes, UUID_SIZE);
    } else {
        order = (x.integer > y.integer) - (x.integer < y.integer);
    }
    return descending ? -order : order;
}

static int compare_rows(const void *a, const void *b)
{
    const struct list_query *query = &comparing->query;
    const struct record *x = a, *y = b;
    bool descending = query->n_sort && query->sort[0].descending;
    int order =
        query->n_sort ? 0 : compare_field(kind_field(query->kind, HEADER_NUMBER), false, x, y);

    for (size_t i = 0; i < query->n_sort && order == 0; i++)
        order = compare_field(query->sort[i].field, query->sort[i].descending, x, y);
    if (order == 0)
        order = memcmp(x->header.id.bytes, y->header.id.bytes, UUID_SIZE) * (descending ? -1 : 1);
    return order;
}

static size_t model_run(struct model *model, struct record out[WORLD_ROWS], size_t *out_visible)
{
    size_t n = 0;

    *out_visible = 0;
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        struct record row = model->world->rows[i];

        if (row.header.kind != model->query.kind->kind ||
            (model->query.rewind && !rewind_record(NULL, &row)))
            continue;
        if (world_is_deleted(&row) != model->query.deleted ||
            !world_reader_sees(&model->reader, &row.header))
            continue;
        row = world_reader_record(&model->reader, &row, model->arena);
        (*out_visible)++;
        if (!uuid_is_nil(&model->query.parent) && !model_refers(&row, model->query.parent))
            continue;
        if (!model->query.filter ||
            filter_matches(model->query.filter, &row, model_load, model, model->arena))
            out[n++] = row;
    }
    comparing = model;
    qsort(out, n, sizeof *out, compare_rows);
    return n;
}

/* ---- random queries */

static struct value operand(struct model *model, const struct field_def *field)
{
    struct world *world = model->world;
    struct value value = { .type = field->type };

    switch (field->type) {
    case FIELD_TEXT:
        value.text = slice_text(
            strcmp(field->name, "stage") == 0
                ? world_stages[world_random(world, ARRAY_LEN(world_stages))]
            : strcmp(field->name, "industry") == 0
                ? world_industries[world_random(world, ARRAY_LEN(world_industries))]
            : strcmp(field->name, "zone") == 0 ? "NORTH"
            : world_chance(world, 50) ? world_words[world_random(world, ARRAY_LEN(world_words))]
                                      : world_name(world));
        break;
    case FIELD_MONEY:
        value = world_money((int64_t)world_random(world, 50) * 100 - 500);
        break;
    case FIELD_REFERENCE:
        value.ref = field->ref == HEADER_OWNER || field->ref == HEADER_TEAM
                        ? world->owners[world_random(world, WORLD_OWNERS)]
                        : world->rows[world_random(world, WORLD_CUSTOMERS)].header.id;
        break;
    case FIELD_ID:
        value.ref = world->rows[world_random(world, WORLD_ROWS)].header.id;
        break;
    default:
        value.integer = (int64_t)world_random(world, field->type == FIELD_INTEGER ? 400 : 40) - 10;
        break;
    }
    return value;
}

static struct filter_node leaf(struct model *model)
{
    static const char *const fields[] = { "stage",        "amount",   "expected_close",
                                          "owner",        "customer", "name",
                                          "tags",         "zone",     "number",
                                          "id",           "team",     "customer.industry",
                                          "customer.name" };
    static const enum filter_op ops[] = { FILTER_EQ, FILTER_EQ, FILTER_LT,       FILTER_LE,
                                          FILTER_GT, FILTER_GE, FILTER_CONTAINS, FILTER_EMPTY };
    struct world *world = model->world;
    struct filter_node node = { 0 };
    struct filter_subject subject;

    if (!filter_subject_find(world->schema, model->query.kind,
                             fields[world_random(world, ARRAY_LEN(fields))], &subject))
        abort();
    do
        node.op = ops[world_random(world, ARRAY_LEN(ops))];
    while (!filter_op_fits(subject.field, node.op));
    node.field = subject.field;
    node.through = subject.through;
    node.n_values = node.op == FILTER_EMPTY                           ? 0
                    : node.op == FILTER_EQ && world_chance(world, 40) ? 1 + world_random(world, 4)
                                                                      : 1;
    node.values = arena_zalloc(model->arena, (node.n_values + 1) * sizeof *node.values);
    if (!node.values)
        abort();
    for (size_t i = 0; i < node.n_values; i++)
        node.values[i] = operand(model, node.field);
    if (filter_node_finish(&node, model->arena) != CRM_OK)
        abort();
    return node;
}

/* Mostly conjunctions, as people write them; sometimes or and not. */
static const struct filter *random_filter(struct model *model)
{
    struct filter *filter = arena_zalloc(model->arena, sizeof *filter);
    struct failure failure = { 0 };
    size_t n_leaves = world_random(model->world, 5);

    if (!filter)
        abort();
    filter->kind = model->query.kind;
    filter->nodes = arena_zalloc(model->arena, 32 * sizeof *filter->nodes);
    if (!filter->nodes)
        abort();
    for (size_t i = 0; i < n_leaves; i++) {
        filter->nodes[filter->n++] = leaf(model);
        if (world_chance(model->world, 10))
            filter->nodes[filter->n++].op = FILTER_NOT;
        if (i > 0)
            filter->nodes[filter->n++].op = world_chance(model->world, 80) ? FILTER_AND : FILTER_OR;
    }
    if (filter_link(filter->nodes, filter->n, &failure) != CRM_OK)
        abort();
    return filter;
}

static void random_query(struct model *model)
{
    static const char *const sorts[] = { "number",         "amount",   "name",
                                         "expected_close", "stage",    "created",
                                         "owner",          "customer", "zone" };
    struct world *world = model->world;
    struct list_query *query = &model->query;

    memset(query, 0, sizeof *query);
    query->kind = kind_def(KIND_DEAL);
    query->filter = random_filter(model);
    query->n_sort = world_chance(world, 60) ? 1 : world_random(world, 4);
    for (size_t i = 0; i < query->n_sort; i++) {
        query->sort[i].field =
            world_field(world, KIND_DEAL, sorts[world_random(world, ARRAY_LEN(sorts))]);
        query->sort[i].descending = world_chance(world, 50);
    }
    query->limit = world_chance(world, 25) ? 0 : 1 + world_random(world, 30);
    query->deleted = world_chance(world, 8);
    if (world_chance(world, 15))
        query->parent = *world_customer(world);
    if (world_chance(world, 6))
        query->rewind = rewind_record;
    query->arg = model;
}

/* Sees all, or not what one owner has, or not every field. */
static void random_reader(struct model *model)
{
    static const char *const deal_fields[] = { "amount", "name", "stage", "customer",
                                               "tags",   "zone", "lines", "expected_close" };
    static const char *const customer_fields[] = { "name", "industry" };
    struct world *world = model->world;
    struct world_reader *reader = &model->reader;

    world_reader_init(reader);
    reader->owner = world->owners[0];
    reader->refuses = world_chance(world, 20);
    for (int i = 0; i < 4 && world_chance(world, 40); i++)
        world_reader_hide(
            reader, KIND_DEAL,
            world_field(world, KIND_DEAL, deal_fields[world_random(world, ARRAY_LEN(deal_fields))])
                ->ref);
    if (world_chance(world, 15))
        world_reader_hide(
            reader, KIND_CUSTOMER,
            world_field(world, KIND_CUSTOMER, customer_fields[world_random(world, 2)])->ref);
}

/* ---- running */

struct output {
    struct world *world;
    struct uuid ids[WORLD_ROWS + 1];
    uint64_t numbers[WORLD_ROWS + 1];
    size_t n;
};

static bool emit(void *arg, const struct record *record)
{
    struct output *output = arg;

    output->ids[output->n] = record->header.id;
    output->numbers[output->n] = record->header.number;
    output->n += output->n < WORLD_ROWS;
    return !world_chance(output->world, 5);
}

/* All pages of a query, one after the other, each in random steps. */
static enum crm_status run_pages(struct model *model, const struct view *view,
                                 struct output *output, uint64_t *out_examined)
{
    struct list_query query = model->query;
    struct arena scratch;
    enum crm_status status;

    arena_init(&scratch, 8u << 20);
    do {
        struct list_cursor *cursor;
        struct failure failure = { 0 };
        enum list_state state = LIST_MORE;
        size_t before = output->n;

        status = list_begin(view, &query, model->arena, &cursor, &failure);
        while (status == CRM_OK && state == LIST_MORE) {
            status = list_step(cursor, view, 1 + (unsigned)world_random(model->world, 200), 0, emit,
                               output, &scratch, &state, &failure);
            arena_reset(&scratch);
        }
        if (status != CRM_OK)
            break;
        *out_examined = list_explain(cursor)->examined;
        query.position = list_position(cursor);
        if (query.limit && output->n - before > query.limit)
            status = CRM_FAILED;
        if (query.position.size && output->n - before != query.limit)
            status = CRM_FAILED;
    } while (status == CRM_OK && query.position.size);
    arena_fini(&scratch);
    return status;
}

struct comparison {
    struct world *world;
    bool through_sets; /* changes that are in no store yet */
    size_t n_compared, n_rows;
    int bad_query; /* the first that differs, -1 */
    const char *why;
};

static bool compare_query(struct model *model, const struct view *view, size_t *n_rows,
                          const char **out_why)
{
    static struct record expected[WORLD_ROWS];
    static struct output output;
    size_t visible;
    size_t n = model_run(model, expected, &visible);
    uint64_t examined = 0;

    output.world = model->world;
    output.n = 0;
    if (run_pages(model, view, &output, &examined) != CRM_OK)
        *out_why = "status or page size";
    else if (output.n != n)
        *out_why = output.n < n ? "rows missing" : "rows too many";
    else if (examined > visible)
        *out_why = "examined more than is visible";
    for (size_t i = 0; i < n && !*out_why; i++) {
        if (!uuid_equal(&output.ids[i], &expected[i].header.id) ||
            output.numbers[i] != expected[i].header.number)
            *out_why = "order";
    }
    *n_rows += n;
    return !*out_why;
}

static enum crm_status compare_all(struct store_txn *txn, void *arg)
{
    struct comparison *comparison = arg;
    struct world *world = comparison->world;
    struct writeset *group = writeset_create(&world->arena), *own = writeset_create(&world->arena);
    struct view view = { .txn = txn, .schema = world->schema };
    enum crm_status status = CRM_OK;

    if (comparison->through_sets) {
        view.group = group;
        for (int i = 0; i < 40 && status == CRM_OK; i++)
            status = world_touch(world, world_random(world, WORLD_ROWS), &view, group);
        view.own = own;
        for (int i = 0; i < 40 && status == CRM_OK; i++)
            status = world_touch(world, world_random(world, WORLD_ROWS), &view, own);
    }
    comparison->bad_query = -1;
    for (int i = 0; i < QUERIES && status == CRM_OK && comparison->bad_query < 0; i++) {
        struct arena arena;
        struct model model = { .world = world, .arena = &arena };

        arena_init(&arena, 256u << 20);
        random_query(&model);
        random_reader(&model);
        view.guard = world_chance(world, 80) ? &model.reader.guard : NULL;
        if (!view.guard)
            world_reader_init(&model.reader);
        view.arena = &arena;
        if (!compare_query(&model, &view, &comparison->n_rows, &comparison->why))
            comparison->bad_query = i;
        arena_fini(&arena);
        comparison->n_compared++;
    }
    return status;
}

static void compare_on(enum world_engine engine, bool through_sets, uint64_t seed)
{
    static struct world world;
    struct comparison comparison = { .world = &world, .through_sets = through_sets };

    world_begin(&world, engine, seed);
    assert_int_equal(store_write_run(world.store, world_touch_run, &world), CRM_OK);
    assert_int_equal(store_read_run(world.store, compare_all, &comparison), CRM_OK);
    if (comparison.bad_query >= 0)
        fail_msg("seed %u, query %d: %s", (unsigned)seed, comparison.bad_query, comparison.why);
    assert_int_equal(comparison.n_compared, QUERIES);
    assert_true(comparison.n_rows > QUERIES * 10); /* the queries are not all empty */
    world_end(&world);
}

static void lists_agree_with_the_model_on_the_map(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        compare_on(WORLD_MAP, false, seed);
}

static void lists_agree_with_the_model_on_lmdb(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++)
        compare_on(WORLD_LMDB, false, seed);
}

static void lists_agree_with_the_model_through_write_sets(void **state)
{
    (void)state;
    compare_on(WORLD_MAP, true, 21);
    compare_on(WORLD_LMDB, true, 22);
}

static void lists_agree_with_the_model_without_indexes(void **state)
{
    (void)state;
    compare_on(WORLD_COVERED, false, 31);
    compare_on(WORLD_COVERED, true, 32);
}

/* ---- plans */

struct plan_run {
    struct world *world;
    char all[160], sorted[160], owner[160], children[160], unindexed[160], number[160];
    enum crm_status bad_token;
};

static struct filter_node equal_node(struct world *world, const char *name, struct value value)
{
    struct filter_node node = { .op = FILTER_EQ,
                                .field = world_field(world, KIND_DEAL, name),
                                .n_values = 1 };

    node.values = arena_zalloc(&world->arena, sizeof *node.values);
    if (!node.values)
        abort();
    value.type = node.field->type;
    node.values[0] = value;
    if (filter_node_finish(&node, &world->arena) != CRM_OK)
        abort();
    return node;
}

static void explain(struct plan_run *run, const struct view *view, struct list_query *query,
                    struct filter_node *node, char out[160])
{
    struct filter filter = { .kind = kind_def(KIND_DEAL), .nodes = node, .n = node ? 1 : 0 };
    struct list_cursor *cursor;
    struct failure failure = { 0 };

    query->kind = kind_def(KIND_DEAL);
    query->filter = &filter;
    if (list_begin(view, query, &run->world->arena, &cursor, &failure) == CRM_OK)
        snprintf(out, 160, "%s", list_explain(cursor)->plan);
}

static enum crm_status explain_all(struct store_txn *txn, void *arg)
{
    struct plan_run *run = arg;
    struct world *world = run->world;
    struct view view = { .txn = txn, .schema = world->schema };
    struct sort_key by_amount = { .field = world_field(world, KIND_DEAL, "amount"),
                                  .descending = true };
    struct sort_key by_created = { .field = world_field(world, KIND_DEAL, "created") };
    struct filter_node owner =
        equal_node(world, "owner", (struct value){ .ref = world->owners[0] });
    struct filter_node customer =
        equal_node(world, "customer", (struct value){ .ref = world->rows[0].header.id });
    struct filter_node number = equal_node(world, "number", (struct value){ .integer = 17 });
    struct list_query query = { .limit = 10 };
    struct list_cursor *cursor;

    explain(run, &view, &query, NULL, run->all);
    explain(run, &view, &query, &customer, run->children);
    explain(run, &view, &query, &number, run->number);
    query.sort[0] = by_amount;
    query.n_sort = 1;
    explain(run, &view, &query, NULL, run->sorted);
    explain(run, &view, &query, &owner, run->owner);
    query.sort[0] = by_created;
    explain(run, &view, &query, NULL, run->unindexed);
    query = (struct list_query){ .kind = kind_def(KIND_DEAL),
                                 .limit = 10,
                                 .position = slice_text("nonsense") };
    run->bad_token = list_begin(&view, &query, &world->arena, &cursor, &(struct failure){ 0 });
    return CRM_OK;
}

static void plans_say_how_a_list_is_read(void **state)
{
    static struct world world;
    struct plan_run run = { .world = &world };
    char children[160], label[RECORD_LABEL_SIZE];

    (void)state;
    world_begin(&world, WORLD_MAP, 5);
    world.rows[0].header.flags = 0;
    assert_int_equal(store_read_run(world.store, explain_all, &run), CRM_OK);
    record_label(&world.rows[0].header, label);
    snprintf(children, sizeof children, "children of %s by deal.customer, sorted in memory", label);
    assert_string_equal(run.all, "index number");
    assert_string_equal(run.sorted, "index amount desc");
    assert_string_equal(run.owner, "index amount desc, owner's range");
    assert_string_equal(run.children, children);
    assert_string_equal(run.number, "index number");
    assert_string_equal(run.unindexed, "all records, sorted in memory");
    assert_int_equal(run.bad_token, CRM_INVALID);
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_agree_with_the_model_on_the_map),
        cmocka_unit_test(lists_agree_with_the_model_on_lmdb),
        cmocka_unit_test(lists_agree_with_the_model_through_write_sets),
        cmocka_unit_test(lists_agree_with_the_model_without_indexes),
        cmocka_unit_test(plans_say_how_a_list_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
