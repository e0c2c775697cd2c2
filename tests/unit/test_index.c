/*
 * test_index.c - the entries of records after random changes are exactly those that the records
 * should have; keys sort as values do; what an update of a field touches
 */
#include "engine_fixture.h"

#include "common/model/term.h"

/* ---- entries and records agree */

struct audit {
    struct world *world;
    struct store_txn *txn;
    size_t expected[STORE_DB_COUNT], missing;
};

static enum crm_status expect_entry(void *arg, enum store_db db, struct slice key,
                                    struct slice value)
{
    struct audit *audit = arg;
    struct slice stored;

    audit->expected[db]++;
    if (store_get(audit->txn, db, key, &stored) != CRM_OK || !slice_equal(stored, value))
        audit->missing++;
    return CRM_OK;
}

static enum crm_status audit_entries(struct store_txn *txn, void *arg)
{
    struct audit *audit = arg;
    struct world *world = audit->world;
    enum crm_status status = CRM_OK;

    audit->txn = txn;
    for (size_t i = 0; i < WORLD_ROWS && status == CRM_OK; i++) {
        const struct record *row = &world->rows[i];

        if (!world_is_deleted(row))
            status = index_each(world->schema, kind_def((unsigned)row->header.kind), row,
                                &world->arena, expect_entry, audit);
    }
    return status;
}

/* As many entries as there should be, and each of those is there: so none is left over. */
static enum crm_status audit_counts(struct store_txn *txn, void *arg)
{
    static const enum store_db databases[] = { STORE_INDEX, STORE_CHILD, STORE_UNIQUE, STORE_TERM };
    struct audit *audit = arg;

    for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
        struct store_db_stats stats;

        if (store_stats(txn, databases[i], &stats) != CRM_OK ||
            stats.entries != audit->expected[databases[i]])
            audit->missing++;
    }
    return CRM_OK;
}

static void entries_follow_the_records(void **state)
{
    static struct world world;

    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        world_begin(&world, seed % 2 ? WORLD_MAP : WORLD_LMDB, seed);
        for (int round = 0; round < 6; round++) {
            struct audit audit = { .world = &world };

            assert_int_equal(store_write_run(world.store, world_touch_run, &world), CRM_OK);
            assert_int_equal(store_read_run(world.store, audit_entries, &audit), CRM_OK);
            assert_int_equal(store_read_run(world.store, audit_counts, &audit), CRM_OK);
            assert_int_equal(audit.missing, 0);
            assert_true(audit.expected[STORE_INDEX] > WORLD_ROWS &&
                        audit.expected[STORE_CHILD] > 100 &&
                        audit.expected[STORE_TERM] > WORLD_ROWS);
        }
        world_end(&world);
    }
}

/* ---- what a change touches */

struct touch {
    struct world *world;
    const struct field_set *changed;
    struct record before, after;
    size_t count;
    enum crm_status status;
    struct failure failure;
};

static enum crm_status touch_run(struct store_txn *txn, void *arg)
{
    struct touch *touch = arg;
    struct writeset *set = writeset_create(&touch->world->arena);
    struct view view = { .txn = txn, .own = set, .schema = touch->world->schema };

    touch->status = index_update(&view, set, kind_def((unsigned)touch->after.header.kind),
                                 touch->before.header.kind ? &touch->before : NULL, &touch->after,
                                 touch->changed, &touch->world->arena, &touch->failure);
    touch->count = writeset_count(set);
    return CRM_OK;
}

static size_t touched(struct world *world, const struct record *before, const struct record *after,
                      uint32_t ref)
{
    struct field_set changed = { .refs = &ref, .n = 1 };
    struct touch touch = {
        .world = world, .changed = &changed, .before = *before, .after = *after
    };

    assert_int_equal(store_read_run(world->store, touch_run, &touch), CRM_OK);
    assert_int_equal(touch.status, CRM_OK);
    return touch.count;
}

static struct record with_text(struct world *world, const struct record *record, const char *field,
                               const char *text)
{
    struct record out = *record;
    struct world_body body = { .world = world, .kind = record->header.kind };
    struct body_patch patch = { 0 };

    body_builder_init(&body.builder, &world->arena);
    world_add_text(&body, field, text);
    assert_int_equal(body_builder_finish(&body.builder, &patch.set), CRM_OK);
    assert_int_equal(body_apply(kind_def((unsigned)record->header.kind), &world->arena,
                                record->body, &patch, &out.body, &(struct failure){ 0 }),
                     CRM_OK);
    return out;
}

static void an_update_touches_what_changed(void **state)
{
    static struct world world;
    struct record before, after;

    (void)state;
    world_begin(&world, WORLD_MAP, 9);
    before = with_text(&world, &world.rows[WORLD_CUSTOMERS], "stage", "Engaging");
    before.header.owner = world.owners[1];

    after = with_text(&world, &before, "next_step", "call again"); /* in no index */
    assert_int_equal(
        touched(&world, &before, &after, world_field(&world, KIND_DEAL, "next_step")->ref), 0);
    after = with_text(&world, &before, "stage", "ENGAGING"); /* the same, folded */
    assert_int_equal(touched(&world, &before, &after, world_field(&world, KIND_DEAL, "stage")->ref),
                     0);
    after = with_text(&world, &before, "stage", "Won"); /* global form only: one goes, one comes */
    assert_int_equal(touched(&world, &before, &after, world_field(&world, KIND_DEAL, "stage")->ref),
                     2);

    after = before;
    after.header.team = world_id(&world);
    assert_int_equal(touched(&world, &before, &after, HEADER_TEAM), 2);
    /* Each sortable field's owner form and the number's: name, amount, expected_close, closed and
     * number move, and the owner's own entry. */
    after = before;
    after.header.owner = world.owners[2];
    assert_int_equal(touched(&world, &before, &after, HEADER_OWNER), 2 * 6);
    after.header.owner = (struct uuid){ { 0 } };
    assert_int_equal(touched(&world, &before, &after, HEADER_OWNER), 5 + 2);
    world_end(&world);
}

/* ---- unique values */

static struct record product(struct world *world, const char *code)
{
    struct record record = {
        .header = { .id = world_id(world), .kind = KIND_PRODUCT, .number = 1, .rev = 1 }
    };

    record = with_text(world, &record, "name", "thing");
    return with_text(world, &record, "code", code);
}

struct unique_run {
    struct world *world;
    struct record first, same, other;
    struct failure failure;
    enum crm_status put_first, put_same, put_other, again, by_value, by_gone;
    enum crm_status to_reader,
        by_hidden; /* to one who sees all; to one who does not see the code */
    struct uuid found;
};

static enum crm_status unique_all(struct store_txn *txn, void *arg)
{
    struct unique_run *run = arg;
    struct arena *arena = &run->world->arena;
    struct writeset *set = writeset_create(arena);
    struct view view = { .txn = txn, .own = set, .schema = run->world->schema };
    const struct kind_def *kind = kind_def(KIND_PRODUCT);
    const struct field_def *code = world_field(run->world, KIND_PRODUCT, "code");
    struct value value = { .type = FIELD_TEXT, .text = slice_text("gtx-１") };
    struct world_reader reader;

    run->put_first = world_change(run->world, &view, set, NULL, &run->first, NULL, arena);
    run->by_value = view_unique(&view, KIND_PRODUCT, code, &value, &run->found);
    world_reader_init(&reader);
    view.guard = &reader.guard;
    run->to_reader = view_unique(&view, KIND_PRODUCT, code, &value, &run->found);
    world_reader_hide(&reader, KIND_PRODUCT, code->ref);
    run->by_hidden = view_unique(&view, KIND_PRODUCT, code, &value, &run->found);
    view.guard = NULL;
    run->put_same = index_update(&view, writeset_create(arena), kind, NULL, &run->same, NULL, arena,
                                 &run->failure);
    run->put_other = index_update(&view, set, kind, NULL, &run->other, NULL, arena, NULL);
    if (index_update(&view, set, kind, &run->first, NULL, NULL, arena, NULL) != CRM_OK)
        return CRM_FAILED;
    run->by_gone = view_unique(&view, KIND_PRODUCT, code, &value, &(struct uuid){ { 0 } });
    run->again = index_update(&view, set, kind, NULL, &run->same, NULL, arena, NULL);
    return CRM_OK;
}

static void a_unique_value_has_one_holder(void **state)
{
    static struct world world;
    struct unique_run run = { .world = &world };
    char *longer;

    (void)state;
    world_begin(&world, WORLD_MAP, 10);
    longer = arena_printf(&world.arena, "%0900d", 1);
    assert_non_null(longer);
    run.first = product(&world, "GTX-1");
    run.same = product(&world, "gtx-1");
    run.other = product(&world, longer);
    assert_int_equal(store_read_run(world.store, unique_all, &run), CRM_OK);
    assert_int_equal(run.put_first, CRM_OK);
    assert_int_equal(run.by_value, CRM_OK);
    assert_int_equal(run.to_reader, CRM_OK);
    assert_int_equal(run.by_hidden, CRM_NOT_FOUND);
    assert_true(uuid_equal(&run.found, &run.first.header.id));
    assert_int_equal(run.put_same, CRM_EXISTS);
    assert_string_equal(run.failure.field, "code");
    assert_int_equal(run.put_other, CRM_OK);
    assert_int_equal(run.by_gone, CRM_NOT_FOUND);
    assert_int_equal(run.again, CRM_OK);
    world_end(&world);
}

/* Texts that agree in all that a key can hold are still told apart. */
static void long_unique_texts_differ(void **state)
{
    static struct world world;
    struct key a = { .size = 0 }, b = { .size = 0 }, again = { .size = 0 };
    const struct field_def *code;
    struct value value = { .type = FIELD_TEXT };

    (void)state;
    world_begin(&world, WORLD_MAP, 11);
    code = world_field(&world, KIND_PRODUCT, "code");
    value.text = slice_text(arena_printf(&world.arena, "%0900d", 1));
    assert_true(unique_key(&a, KIND_PRODUCT, code, &value, &world.arena));
    assert_true(unique_key(&again, KIND_PRODUCT, code, &value, &world.arena));
    value.text = slice_text(arena_printf(&world.arena, "%0900d", 2));
    assert_true(unique_key(&b, KIND_PRODUCT, code, &value, &world.arena));
    assert_true(slice_equal(key_slice(&a), key_slice(&again)));
    assert_false(slice_equal(key_slice(&a), key_slice(&b)));
    world_end(&world);
}

/* ---- order */

static struct key key_for(struct world *world, const struct field_def *field,
                          const struct value *value)
{
    struct key key = { .size = 0 };

    assert_true(index_value(&key, field, value, &world->arena));
    return key;
}

static void keys_sort_as_values_do(void **state)
{
    static struct world world;
    static const int64_t numbers[] = { INT64_MIN, -100, -1, 0, 1, 255, 256, INT64_MAX };
    static const char *const texts[] = { "", "a", "A b", "ab", "abc", "B", "zürich", "上海" };
    const struct field_def *amount, *name;
    struct key before = { .size = 0 }, missing;

    (void)state;
    world_begin(&world, WORLD_MAP, 12);
    amount = world_field(&world, KIND_DEAL, "amount");
    name = world_field(&world, KIND_DEAL, "name");
    missing = key_for(&world, name, NULL);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct value value = world_money(numbers[i]);
        struct key key = key_for(&world, amount, &value);

        assert_true(slice_compare(key_slice(&before), key_slice(&key)) < 0);
        assert_true(slice_compare(key_slice(&key), key_slice(&missing)) < 0);
        before = key;
    }
    before.size = 0;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct key key = key_for(
            &world, name, &(struct value){ .type = FIELD_TEXT, .text = slice_text(texts[i]) });

        assert_true(slice_compare(key_slice(&before), key_slice(&key)) < 0);
        assert_true(slice_compare(key_slice(&key), key_slice(&missing)) < 0);
        before = key;
    }
    /* 99 three-byte characters: 66 of them fit, and none is cut in two. */
    {
        char text[300];

        for (size_t i = 0; i < 99; i++)
            memcpy(text + 3 * i, "海", 3);
        before = key_for(&world, name,
                         &(struct value){ .type = FIELD_TEXT, .text = slice_of(text, 297) });
        assert_int_equal(before.size, 1 + 198 + 1);
    }
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_follow_the_records),
        cmocka_unit_test(an_update_touches_what_changed),
        cmocka_unit_test(a_unique_value_has_one_holder),
        cmocka_unit_test(long_unique_texts_differ),
        cmocka_unit_test(keys_sort_as_values_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
