/*
 * test_search.c - search against a walk over all records and their terms: words, prefixes, CJK,
 * phone endings, wide prefixes, limits and access
 */
#include "engine_fixture.h"

#include "common/engine/search.h"

static struct world world;

struct asked {
    const char *text;
    const struct world_reader *reader;
    unsigned limit;
    unsigned kind; /* 0: all */
};

struct output {
    struct uuid ids[WORLD_ROWS];
    size_t n;
};

static bool emit(void *arg, const struct record *record)
{
    struct output *output = arg;

    if (output->n == WORLD_ROWS)
        return false;
    output->ids[output->n++] = record->header.id;
    return true;
}

static bool has_term(const struct term_list *terms, const struct term *term, bool is_prefix)
{
    for (size_t i = 0; i < terms->n; i++) {
        struct slice have = slice_of(terms->terms[i].data, terms->terms[i].size),
                     want = slice_of(term->data, term->size);

        if (is_prefix ? slice_has_prefix(have, want) : slice_equal(have, want))
            return true;
    }
    return false;
}

static bool fits(const struct record *row, const struct term_query *query,
                 const struct term alternatives[16], struct arena *arena)
{
    struct term_list terms;

    assert_int_equal(
        term_extract(world.schema, kind_def((unsigned)row->header.kind), row, arena, &terms),
        CRM_OK);
    for (size_t i = 0; i < query->n; i++) {
        if (!has_term(&terms, &query->terms[i], query->is_prefix[i]) &&
            !(alternatives[i].size && has_term(&terms, &alternatives[i], true)))
            return false;
    }
    return true;
}

static size_t table_place(enum kind kind)
{
    for (size_t n = 0; kind_at(n); n++) {
        if (kind_at(n)->kind == kind)
            return n;
    }
    return SIZE_MAX;
}

static int by_kind_newest_first(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    if (x->header.kind != y->header.kind)
        return table_place(x->header.kind) < table_place(y->header.kind) ? -1 : 1;
    return -memcmp(x->header.id.bytes, y->header.id.bytes, UUID_SIZE);
}

static size_t model_run(struct asked *asked, struct record rows[WORLD_ROWS])
{
    struct term_query query;
    struct term alternatives[16];
    struct arena arena;
    size_t n = 0;

    arena_init(&arena, 1u << 20);
    assert_int_equal(
        term_query_parse(slice_text(asked->text), &world.arena, &query, alternatives, NULL),
        CRM_OK);
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        struct record row = world.rows[i];

        if (world_is_deleted(&row) || !world_reader_sees(asked->reader, &row.header))
            continue;
        row = world_reader_record(asked->reader, &row, &arena);
        if ((!asked->kind || asked->kind == (unsigned)row.header.kind) &&
            fits(&row, &query, alternatives, &arena))
            rows[n++] = world.rows[i];
        arena_reset(&arena);
    }
    arena_fini(&arena);
    qsort(rows, n, sizeof *rows, by_kind_newest_first);
    return asked->limit && n > asked->limit ? asked->limit : n;
}

struct search_call {
    struct asked *asked;
    struct output output;
    struct list_explain explain;
    enum crm_status status;
    bool through_sets; /* changes that only the write sets have */
};

static enum crm_status search_in(struct store_txn *txn, void *arg)
{
    struct search_call *call = arg;
    struct arena arena;
    struct view view = { .txn = txn,
                         .schema = world.schema,
                         .guard = call->asked->reader ? &call->asked->reader->guard : NULL,
                         .arena = &arena };
    struct search_query query = { .text = slice_text(call->asked->text),
                                  .limit = call->asked->limit };
    enum crm_status status = CRM_OK;

    if (call->asked->kind) {
        query.kinds = &call->asked->kind;
        query.n_kinds = 1;
    }
    if (call->through_sets) {
        struct writeset *own = writeset_create(&world.arena);

        view.own = own;
        for (int i = 0; i < 50 && status == CRM_OK; i++)
            status = world_touch(&world, world_random(&world, WORLD_ROWS), &view, own);
    }
    arena_init(&arena, 4u << 20);
    if (status == CRM_OK)
        call->status = search_run(&view, &query, &arena, emit, &call->output, &call->explain,
                                  &(struct failure){ 0 });
    arena_fini(&arena);
    return status;
}

static size_t check_call(struct asked *asked, bool through_sets)
{
    static struct record expected[WORLD_ROWS], kept[WORLD_ROWS];
    static struct search_call call;
    size_t n;

    memset(&call, 0, sizeof call);
    memcpy(kept, world.rows, sizeof kept);
    call.asked = asked;
    call.through_sets = through_sets;
    assert_int_equal(store_read_run(world.store, search_in, &call), CRM_OK);
    assert_int_equal(call.status, CRM_OK);
    n = model_run(asked, expected);
    if (call.output.n != n)
        fail_msg("'%s': %zu records instead of %zu", asked->text, call.output.n, n);
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(call.output.ids[i].bytes, expected[i].header.id.bytes, UUID_SIZE);
    assert_int_equal(call.explain.matched, n);
    memcpy(world.rows, kept, sizeof kept);
    return n;
}

/* One who sees all, one who sees nothing of an owner, one from whom fields are hidden. */
static void readers_init(struct world_reader readers[3])
{
    for (int i = 0; i < 3; i++)
        world_reader_init(&readers[i]);
    readers[1].refuses = true;
    readers[1].owner = world.owners[0];
    world_reader_hide(&readers[2], KIND_DEAL, world_field(&world, KIND_DEAL, "name")->ref);
    world_reader_hide(&readers[2], KIND_CUSTOMER,
                      world_field(&world, KIND_CUSTOMER, "phones")->ref);
}

static void searches_agree_with_a_walk(enum world_engine engine)
{
    /* Words of a letter, of less than a beginning's, of just its letters, and of more. */
    static const char *const texts[] = { "acme",
                                         "ac",
                                         "acme 1",
                                         "holding acme",
                                         "上海",
                                         "海",
                                         "上海科技",
                                         "zurich",
                                         "ZÜRICH 4",
                                         "5555",
                                         "1234",
                                         "a",
                                         "1",
                                         "contoso 5",
                                         "nothing",
                                         "acme a",
                                         "软件",
                                         "initech 7",
                                         "+86 21 5555",
                                         "0007",
                                         "21",
                                         "globex 3 globex",
                                         "7 acme",
                                         "s",
                                         "ini",
                                         "initec",
                                         "0007 contoso 5" };
    struct world_reader readers[3];
    size_t found = 0;

    world_begin(&world, engine, 31);
    readers_init(readers);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (unsigned variant = 0; variant < 36; variant++) {
            struct asked asked = { .text = texts[i],
                                   .reader = &readers[variant / 12],
                                   .limit = variant % 4 ? 5 * (variant % 4) : 0,
                                   .kind = variant / 4 % 3 == 0   ? 0
                                           : variant / 4 % 3 == 1 ? KIND_DEAL
                                                                  : KIND_CUSTOMER };

            found += check_call(&asked, false);
            if (variant == 0)
                found += check_call(&asked, true);
        }
    }
    assert_true(found > 1000);
    world_end(&world);
}

static void searches_agree_on_the_map(void **state)
{
    (void)state;
    searches_agree_with_a_walk(WORLD_MAP);
}

static void searches_agree_on_lmdb(void **state)
{
    (void)state;
    searches_agree_with_a_walk(WORLD_LMDB);
}

static void searches_agree_without_terms(void **state)
{
    (void)state;
    searches_agree_with_a_walk(WORLD_COVERED);
}

static void nothing_searchable_is_said(void **state)
{
    static struct search_call call;
    struct asked asked = { .text = " -- !" };

    (void)state;
    world_begin(&world, WORLD_MAP, 32);
    call.asked = &asked;
    assert_int_equal(store_read_run(world.store, search_in, &call), CRM_OK);
    assert_int_equal(call.status, CRM_INVALID);
    assert_int_equal(call.output.n, 0);
    world_end(&world);
}

/* ---- prefixes with thousands of words behind them */

#define MANY 6000

/* A third of the rows each have one word, another, and both. */
static const char *many_name(unsigned i)
{
    const char *end = i % 100 == 0 ? "rare" : "qommon";

    switch ((i / 100 + i) % 3) {
    case 0:
        return arena_printf(&world.arena, "quuxes%05u %s", i, end);
    case 1:
        return arena_printf(&world.arena, "%s%05u %s", i % 2 ? "quubar" : "quuxer", i, end);
    default:
        return arena_printf(&world.arena, "quubar%05u quuxes%05u %s", i, i, end);
    }
}

static enum crm_status put_many(struct store_txn *txn, void *arg)
{
    struct writeset *set = writeset_create(&world.arena);
    struct view view = { .txn = txn, .own = set, .schema = world.schema };
    struct record *rows = arg;
    enum crm_status status = set ? CRM_OK : CRM_NO_MEMORY;

    for (unsigned i = 0; i < MANY && status == CRM_OK; i++) {
        struct world_body body = { .world = &world, .kind = KIND_CUSTOMER };

        rows[i] = (struct record){ .header = { .id = world_id(&world),
                                               .kind = KIND_CUSTOMER,
                                               .number = 1000 + i,
                                               .owner = world.owners[i % 1000 == 0],
                                               .rev = 1 } };
        body_builder_init(&body.builder, &world.arena);
        world_add_text(&body, "name", many_name(i));
        status = body_builder_finish(&body.builder, &rows[i].body);
        if (status == CRM_OK)
            status = world_change(&world, &view, set, NULL, &rows[i], NULL, &world.arena);
    }
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

/* The 20 newest of all that have a wide prefix. */
static void assert_newest(const struct record rows[MANY], const char *text, const char *prefix,
                          const char *plan)
{
    static struct search_call call;
    struct asked asked = { .text = text, .limit = 20 };
    size_t n = 0;

    memset(&call, 0, sizeof call);
    call.asked = &asked;
    assert_int_equal(store_read_run(world.store, search_in, &call), CRM_OK);
    assert_string_equal(call.explain.plan, plan);
    assert_int_equal(call.output.n, 20);
    for (unsigned i = 0; i < MANY; i++) {
        if (strstr(many_name(i), prefix) && (!strstr(text, "rare") || i % 100 == 0))
            n += memcmp(rows[i].header.id.bytes, call.output.ids[19].bytes, UUID_SIZE) >= 0;
    }
    assert_int_equal(n, 20);
}

static void wide_prefixes_are_looked_for_in_records(void **state)
{
    static struct record rows[MANY];

    (void)state;
    world_begin(&world, WORLD_LMDB, 33);
    assert_int_equal(store_write_run(world.store, put_many, rows), CRM_OK);
    assert_newest(rows, "rare quux", "quux", "words rare, quux* (by record)");
    assert_newest(rows, "rare quuxes0", "quuxes", "words rare, quuxes0* (by record)");
    /* Alone, such a prefix is a stream by how it begins: the newest of all come first. */
    assert_newest(rows, "quu", "quu", "words quu*");
    assert_newest(rows, "quux", "quux", "words quux*");
    assert_newest(rows, "quuxe", "quuxe", "words quuxe*");
    assert_newest(rows, "quuxes0", "quuxes", "words quuxes0* (by record)");
    world_end(&world);
}

/* ---- one's own among those of others */

struct own_search {
    const char *text;
    struct output output;
    unsigned admitted; /* how often the guard was asked */
    enum crm_status status;
};

static enum crm_status admit_own(const struct view_guard *guard, const struct view *view,
                                 const struct record_header *header)
{
    struct own_search *own = (void *)(uintptr_t)guard->arg;

    (void)view;
    own->admitted++;
    return uuid_equal(&header->owner, &world.owners[1]) ? CRM_OK : CRM_NOT_FOUND;
}

static enum crm_status mask_nothing(const struct view_guard *guard, struct arena *arena,
                                    struct record *record)
{
    (void)guard;
    (void)arena;
    (void)record;
    return CRM_OK;
}

static bool hide_nothing(const struct view_guard *guard, enum kind kind, uint32_t field)
{
    (void)guard;
    (void)kind;
    (void)field;
    return false;
}

static enum crm_status search_own(struct store_txn *txn, void *arg)
{
    struct own_search *own = arg;
    const struct list_scope scope = { .owners = &world.owners[1], .n_owners = 1 };
    const struct list_scope *scopes[KIND_MAX + 1] = { [KIND_CUSTOMER] = &scope };
    const unsigned kind = KIND_CUSTOMER;
    const struct search_query query = {
        .text = slice_text(own->text), .kinds = &kind, .n_kinds = 1, .limit = 20, .scopes = scopes
    };
    struct arena arena;
    struct view view = { .txn = txn, .schema = world.schema, .arena = &arena };
    const struct view_guard guard = {
        .admit = admit_own, .mask = mask_nothing, .hides = hide_nothing, .arg = own
    };

    view.guard = &guard;
    arena_init(&arena, 4u << 20);
    own->status = search_run(&view, &query, &arena, emit, &own->output, NULL, NULL);
    arena_fini(&arena);
    return CRM_OK;
}

static void ones_own_cost_nothing_of_others(void **state)
{
    static const char *const texts[] = { "qommon quuxes0", "quu", "rare", "q" };
    static const size_t hits[] = { 0, MANY / 1000, MANY / 1000, MANY / 1000 };
    static struct record rows[MANY];
    static struct own_search own;

    (void)state;
    world_begin(&world, WORLD_MAP, 34);
    assert_int_equal(store_write_run(world.store, put_many, rows), CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        memset(&own, 0, sizeof own);
        own.text = texts[i];
        assert_int_equal(store_read_run(world.store, search_own, &own), CRM_OK);
        assert_int_equal(own.status, CRM_OK);
        assert_int_equal(own.output.n, hits[i]);
        assert_in_range(own.admitted, 0, WORLD_CUSTOMERS + MANY / 1000);
    }
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_agree_on_the_map),
        cmocka_unit_test(searches_agree_without_terms),
        cmocka_unit_test(searches_agree_on_lmdb),
        cmocka_unit_test(nothing_searchable_is_said),
        cmocka_unit_test(wide_prefixes_are_looked_for_in_records),
        cmocka_unit_test(ones_own_cost_nothing_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
