/*
 * test_list_scope.c - where a reader's records are said to be must not change what a list or a
 * search gives: random readers, filters, orders and pages, with and without their scope; and what
 * --explain says
 */
#include "engine_fixture.h"

#include "common/engine/list_sort.h"
#include "common/engine/search.h"
#include "common/model/filter_node.h"

#define CONTACTS 200
#define QUERIES  400
#define IDS_MAX  (WORLD_ROWS + CONTACTS)

/* Customers and deals decide for themselves, over contacts their customer does. */
static struct world world;
static struct record contacts[CONTACTS];

/* ---- the reader */

static bool has_id(const struct uuid *ids, size_t n, const struct uuid *id)
{
    for (size_t i = 0; i < n; i++) {
        if (uuid_equal(&ids[i], id))
            return true;
    }
    return false;
}

static const struct record_header *root_of(const struct record_header *header)
{
    for (size_t i = 0; i < WORLD_CUSTOMERS; i++) {
        if (uuid_equal(&world.rows[i].header.id, &header->root))
            return &world.rows[i].header;
    }
    return header;
}

static enum crm_status admit(const struct view_guard *guard, const struct view *view,
                             const struct record_header *header)
{
    const struct list_scope *scope = guard->arg;
    const struct record_header *root = root_of(header);

    (void)view;
    return has_id(scope->owners, scope->n_owners, &root->owner) ||
                   has_id(scope->teams, scope->n_teams, &root->team) ||
                   has_id(scope->shared, scope->n_shared, &root->id)
               ? CRM_OK
               : CRM_NOT_FOUND;
}

static enum crm_status mask(const struct view_guard *guard, struct arena *arena,
                            struct record *record)
{
    (void)guard;
    (void)arena;
    (void)record;
    return CRM_OK;
}

static bool hides(const struct view_guard *guard, enum kind kind, uint32_t field)
{
    (void)guard;
    (void)kind;
    (void)field;
    return false;
}

/* ---- the contacts */

static struct record contact_row(uint64_t number)
{
    struct world_body body = { .world = &world, .kind = KIND_CONTACT };
    struct record row = {
        .header = { .id = world_id(&world), .kind = KIND_CONTACT, .number = number, .rev = 1 }
    };
    const struct record *customer = &world.rows[world_random(&world, WORLD_CUSTOMERS)];

    row.header.root = row.header.id;
    row.header.owner = world.owners[world_random(&world, WORLD_OWNERS)];
    row.header.team = world.owners[world_random(&world, 2)];
    body_builder_init(&body.builder, &world.arena);
    world_add_text(&body, "name", world_name(&world));
    if (!world_is_deleted(customer) && world_chance(&world, 80)) {
        world_add(&body, "customer", (struct value){ .ref = customer->header.id });
        row.header.root = customer->header.id;
    }
    if (body_builder_finish(&body.builder, &row.body) != CRM_OK)
        abort();
    return row;
}

static enum crm_status put_contacts(struct store_txn *txn, void *arg)
{
    struct writeset *set = writeset_create(&world.arena);
    struct view view = { .txn = txn, .own = set, .schema = world.schema };
    enum crm_status status = set ? CRM_OK : CRM_NO_MEMORY;

    (void)arg;
    for (size_t i = 0; i < CONTACTS && status == CRM_OK; i++) {
        contacts[i] = contact_row(i + 1);
        status = world_change(&world, &view, set, NULL, &contacts[i], NULL, &world.arena);
    }
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

static void begin(enum world_engine engine, uint64_t seed)
{
    world_begin(&world, engine, seed);
    assert_int_equal(store_write_run(world.store, world_touch_run, &world), CRM_OK);
    assert_int_equal(store_write_run(world.store, put_contacts, NULL), CRM_OK);
}

/* ---- random readers and queries */

struct reader {
    struct list_scope scope;
    struct uuid owners[3], teams[2], shared[8];
};

static void random_scope(struct reader *reader)
{
    struct list_scope *scope = &reader->scope;

    scope->owners = reader->owners;
    scope->teams = reader->teams;
    scope->shared = reader->shared;
    scope->n_owners = world_random(&world, 3);
    scope->n_teams = world_chance(&world, 30) ? 1 + world_random(&world, 2) : 0;
    scope->n_shared = world_random(&world, 9);
    for (size_t i = 0; i < scope->n_owners; i++)
        reader->owners[i] = world.owners[world_random(&world, WORLD_OWNERS)];
    for (size_t i = 0; i < scope->n_teams; i++)
        reader->teams[i] = world.owners[world_random(&world, 2)];
    for (size_t i = 0; i < scope->n_shared; i++)
        reader->shared[i] = world_chance(&world, 60)
                                ? world.rows[world_random(&world, WORLD_ROWS)].header.id
                                : contacts[world_random(&world, CONTACTS)].header.id;
}

static void set_operand(struct filter_node *node)
{
    switch (node->field->type) {
    case FIELD_TEXT:
        node->values[0].text =
            slice_text(strcmp(node->field->name, "stage") == 0
                           ? world_stages[world_random(&world, ARRAY_LEN(world_stages))]
                           : world_words[world_random(&world, ARRAY_LEN(world_words))]);
        break;
    case FIELD_REFERENCE:
        node->values[0].ref = strcmp(node->field->name, "customer") == 0
                                  ? world.rows[world_random(&world, WORLD_CUSTOMERS)].header.id
                                  : world.owners[world_random(&world, WORLD_OWNERS)];
        break;
    case FIELD_MONEY:
        node->values[0] = world_money((int64_t)world_random(&world, 50) * 100 - 500);
        break;
    default:
        node->values[0].integer = (int64_t)world_random(&world, 400);
        break;
    }
}

static const struct field_def *random_field(enum kind kind)
{
    static const char *const of_deal[] = { "stage", "amount", "owner",   "team",
                                           "name",  "number", "customer" };
    static const char *const of_others[] = { "owner", "team", "name", "number" };
    const char *name = kind == KIND_DEAL ? of_deal[world_random(&world, ARRAY_LEN(of_deal))]
                                         : of_others[world_random(&world, ARRAY_LEN(of_others))];

    return world_field(&world, kind, name);
}

static void random_query(struct list_query *query, struct filter *filter, struct arena *arena)
{
    static const enum kind kinds[] = { KIND_CUSTOMER, KIND_DEAL, KIND_DEAL, KIND_CONTACT };
    static const enum filter_op ops[] = { FILTER_EQ, FILTER_EQ, FILTER_GE, FILTER_LT };
    enum kind kind = kinds[world_random(&world, ARRAY_LEN(kinds))];
    size_t n = world_random(&world, 3);

    memset(query, 0, sizeof *query);
    memset(filter, 0, sizeof *filter);
    query->kind = filter->kind = kind_def(kind);
    query->filter = filter;
    filter->nodes = arena_zalloc(arena, 8 * sizeof *filter->nodes);
    for (size_t i = 0; i < n; i++) {
        struct filter_node *node = &filter->nodes[filter->n++];

        node->field = random_field(kind);
        do
            node->op = ops[world_random(&world, ARRAY_LEN(ops))];
        while (!filter_op_fits(node->field, node->op));
        node->n_values = 1;
        node->values = arena_zalloc(arena, sizeof *node->values);
        node->values[0].type = node->field->type;
        set_operand(node);
        assert_int_equal(filter_node_finish(node, arena), CRM_OK);
        if (i > 0)
            filter->nodes[filter->n++].op = FILTER_AND;
    }
    assert_int_equal(filter_link(filter->nodes, filter->n, NULL), CRM_OK);
    query->n_sort = world_random(&world, 3);
    for (size_t i = 0; i < query->n_sort; i++) {
        query->sort[i].field =
            world_chance(&world, 15) ? world_field(&world, kind, "created") : random_field(kind);
        query->sort[i].descending = world_chance(&world, 50);
    }
    query->limit = world_chance(&world, 30) ? 0 : 1 + world_random(&world, 40);
    query->deleted = kind != KIND_CONTACT && world_chance(&world, 5);
    if (kind == KIND_DEAL && world_chance(&world, 10))
        query->parent = *world_customer(&world);
}

/* ---- running */

struct output {
    struct uuid ids[IDS_MAX];
    size_t n;
    uint64_t matched; /* of the last page */
    size_t strays;    /* page tokens that tell of another record */
    char plan[160];
};

static bool take(void *arg, const struct record *record)
{
    struct output *output = arg;

    if (output->n == IDS_MAX)
        return false;
    output->ids[output->n++] = record->header.id;
    return true;
}

/* The same, in bits. */
static bool emit(void *arg, const struct record *record)
{
    return take(arg, record) && !world_chance(&world, 5);
}

/* Does a page token tell of nothing but the record that was given last? */
static bool is_of_last(const struct list_query *query, struct slice position,
                       const struct output *output)
{
    struct sort_key by_number = { .field = kind_field(query->kind, HEADER_NUMBER) };
    struct uuid id = sort_place_id(query->n_sort ? query->sort : &by_number, position);

    return output->n > 0 && uuid_equal(&id, &output->ids[output->n - 1]);
}

/* All pages, in random steps. */
static enum crm_status run_pages(const struct view *view, struct list_query query,
                                 struct arena *arena, struct output *output)
{
    struct arena scratch;
    enum crm_status status;

    arena_init(&scratch, 8u << 20);
    output->n = 0;
    do {
        struct list_cursor *cursor;
        enum list_state state = LIST_MORE;

        status = list_begin(view, &query, arena, &cursor, NULL);
        while (status == CRM_OK && state == LIST_MORE) {
            status = list_step(cursor, view, 1 + (unsigned)world_random(&world, 200), 0, emit,
                               output, &scratch, &state, NULL);
            arena_reset(&scratch);
        }
        if (status != CRM_OK)
            break;
        output->matched = list_explain(cursor)->matched;
        snprintf(output->plan, sizeof output->plan, "%s", list_explain(cursor)->plan);
        query.position = list_position(cursor);
        output->strays += query.position.size > 0 && !is_of_last(&query, query.position, output);
    } while (query.position.size);
    arena_fini(&scratch);
    return status;
}

struct comparison {
    int bad_query; /* the first that differs, -1 */
    const char *why;
    size_t n_rows, n_owner_plans, n_team_plans, n_child_plans;
    struct output with, without;
};

static enum crm_status compare_all(struct store_txn *txn, void *arg)
{
    struct comparison *comparison = arg;
    enum crm_status status = CRM_OK;

    comparison->bad_query = -1;
    for (int i = 0; i < QUERIES && status == CRM_OK && comparison->bad_query < 0; i++) {
        struct output *with = &comparison->with, *without = &comparison->without;
        struct arena arena;
        struct reader reader;
        struct view_guard guard = {
            .admit = admit, .mask = mask, .hides = hides, .arg = &reader.scope
        };
        struct view view = { .txn = txn, .schema = world.schema, .guard = &guard, .arena = &arena };
        struct list_query query;
        struct filter filter;

        arena_init(&arena, 64u << 20);
        random_scope(&reader);
        random_query(&query, &filter, &arena);
        status = run_pages(&view, query, &arena, without);
        query.scope = &reader.scope;
        if (status == CRM_OK)
            status = run_pages(&view, query, &arena, with);
        if (with->n != without->n)
            comparison->why = with->n < without->n ? "rows missing" : "rows too many";
        else if (memcmp(with->ids, without->ids, with->n * sizeof with->ids[0]) != 0)
            comparison->why = "order";
        else if (!query.limit && with->matched != with->n)
            comparison->why = "a record counted twice";
        else if (with->strays + without->strays > 0)
            comparison->why = "a page token of what was not given";
        if (comparison->why)
            comparison->bad_query = i;
        comparison->n_rows += with->n;
        comparison->n_owner_plans += strstr(with->plan, ", scope ") != NULL;
        comparison->n_child_plans += strstr(with->plan, ", children of ") != NULL;
        comparison->n_team_plans += strncmp(with->plan, "scope ", 6) == 0;
        arena_fini(&arena);
    }
    return status;
}

static void compare_on(enum world_engine engine, uint64_t seed)
{
    static struct comparison comparison;

    memset(&comparison, 0, sizeof comparison);
    begin(engine, seed);
    assert_int_equal(store_read_run(world.store, compare_all, &comparison), CRM_OK);
    if (comparison.bad_query >= 0)
        fail_msg("seed %u, query %d: %s by '%s' instead of '%s'", (unsigned)seed,
                 comparison.bad_query, comparison.why, comparison.with.plan,
                 comparison.without.plan);
    assert_true(comparison.n_rows > QUERIES * 5);
    assert_true(comparison.n_owner_plans > QUERIES / 10);
    assert_true(comparison.n_child_plans > QUERIES / 20);
    assert_true(comparison.n_team_plans > comparison.n_child_plans);
    world_end(&world);
}

static void a_scope_changes_no_list_on_the_map(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        compare_on(WORLD_MAP, seed);
}

static void a_scope_changes_no_list_on_lmdb(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 12; seed++)
        compare_on(WORLD_LMDB, seed);
}

/* ---- searches */

struct search_comparison {
    struct output with, without;
    const char *bad_text; /* the first that differs */
    size_t n_rows;
};

static enum crm_status search_once(const struct view *view, struct search_query query,
                                   const struct list_scope *const *scopes, struct arena *arena,
                                   struct output *output)
{
    output->n = 0;
    query.scopes = scopes;
    return search_run(view, &query, arena, take, output, NULL, NULL);
}

static enum crm_status search_all(struct store_txn *txn, void *arg)
{
    static const char *const texts[] = { "acme", "a",  "acme 1", "上海", "海",       "zurich 4",
                                         "con",  "co", "conto",  "7",    "initech 7" };
    struct search_comparison *comparison = arg;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < 20 * ARRAY_LEN(texts) && status == CRM_OK && !comparison->bad_text;
         i++) {
        struct arena arena;
        struct reader reader;
        const struct list_scope *scopes[KIND_MAX + 1] = { NULL };
        struct view_guard guard = {
            .admit = admit, .mask = mask, .hides = hides, .arg = &reader.scope
        };
        struct view view = { .txn = txn, .schema = world.schema, .guard = &guard, .arena = &arena };
        struct search_query query = { .text = slice_text(texts[i % ARRAY_LEN(texts)]),
                                      .limit = world_chance(&world, 50) ? 5 : 0 };

        arena_init(&arena, 16u << 20);
        random_scope(&reader);
        scopes[KIND_CUSTOMER] = scopes[KIND_DEAL] = scopes[KIND_CONTACT] = &reader.scope;
        status = search_once(&view, query, NULL, &arena, &comparison->without);
        if (status == CRM_OK)
            status = search_once(&view, query, scopes, &arena, &comparison->with);
        if (comparison->with.n != comparison->without.n ||
            memcmp(comparison->with.ids, comparison->without.ids,
                   comparison->with.n * sizeof comparison->with.ids[0]) != 0)
            comparison->bad_text = texts[i % ARRAY_LEN(texts)];
        comparison->n_rows += comparison->with.n;
        arena_fini(&arena);
    }
    return status;
}

static void a_scope_changes_no_search(void **state)
{
    static struct search_comparison comparison;

    (void)state;
    for (uint64_t seed = 21; seed <= 24; seed++) {
        memset(&comparison, 0, sizeof comparison);
        begin(seed % 2 ? WORLD_MAP : WORLD_LMDB, seed);
        assert_int_equal(store_read_run(world.store, search_all, &comparison), CRM_OK);
        if (comparison.bad_text)
            fail_msg("seed %u, '%s': %zu records instead of %zu", (unsigned)seed,
                     comparison.bad_text, comparison.with.n, comparison.without.n);
        assert_true(comparison.n_rows > 1000);
        world_end(&world);
    }
}

/* ---- plans */

struct plan_run {
    struct list_scope scope;
    char own[160], by_amount[160], shared[160], contacts[160], teams[160], nothing[160];
};

static void explain(const struct plan_run *run, const struct view *view, enum kind kind,
                    const char *sort, char out[160])
{
    struct list_query query = { .kind = kind_def(kind), .scope = &run->scope, .limit = 10 };
    struct list_cursor *cursor;

    if (sort) {
        query.n_sort = 1;
        query.sort[0] = (struct sort_key){ .field = world_field(&world, kind, sort) };
    }
    if (list_begin(view, &query, &world.arena, &cursor, NULL) == CRM_OK)
        snprintf(out, 160, "%s", list_explain(cursor)->plan);
}

static enum crm_status explain_all(struct store_txn *txn, void *arg)
{
    struct plan_run *run = arg;
    struct uuid shared[2] = { world.rows[WORLD_CUSTOMERS].header.id, world.rows[0].header.id };
    struct view view = { .txn = txn, .schema = world.schema };

    run->scope = (struct list_scope){ .owners = world.owners, .n_owners = 1 };
    explain(run, &view, KIND_DEAL, NULL, run->own);
    explain(run, &view, KIND_DEAL, "amount", run->by_amount);
    run->scope.shared = shared;
    run->scope.n_shared = 2;
    explain(run, &view, KIND_DEAL, NULL, run->shared);
    run->scope.n_owners = 0;
    explain(run, &view, KIND_CONTACT, NULL, run->contacts);
    run->scope.n_shared = 0;
    explain(run, &view, KIND_CONTACT, NULL, run->nothing);
    run->scope = (struct list_scope){ .teams = world.owners, .n_teams = 1 };
    explain(run, &view, KIND_CUSTOMER, NULL, run->teams);
    return CRM_OK;
}

static void plans_say_where_they_looked(void **state)
{
    static struct plan_run run;

    (void)state;
    begin(WORLD_MAP, 5);
    assert_int_equal(store_read_run(world.store, explain_all, &run), CRM_OK);
    assert_string_equal(run.own, "index number, owner's range, scope own");
    assert_string_equal(run.by_amount, "index amount, owner's range, scope own");
    assert_string_equal(run.shared, "index number, owner's range, scope own, 2 shared");
    assert_string_equal(run.contacts, "scope 2 shared, children of 2 customers, sorted in memory");
    assert_string_equal(run.nothing, "scope nothing, children of 0 customers, sorted in memory");
    assert_string_equal(run.teams, "scope 1 team, sorted in memory");
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scope_changes_no_list_on_the_map),
        cmocka_unit_test(a_scope_changes_no_list_on_lmdb),
        cmocka_unit_test(a_scope_changes_no_search),
        cmocka_unit_test(plans_say_where_they_looked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
