/*
 * test_view.c - three layers read as one: seek and scan over store, group and own write set against
 * a plain array, on both engines
 */
#include "engine_fixture.h"

#define KEYS 60

/* What the three layers together say of each key: 0 for nothing. */
struct layers {
    struct world world;                       /* for its store and random numbers */
    char store[KEYS], group[KEYS], own[KEYS]; /* a value, 'x' deleted, 0 silent */
    const char *why;
};

static struct slice key_of(unsigned i, char text[8])
{
    snprintf(text, 8, "k%03u", i);
    return slice_text(text);
}

static char merged(const struct layers *layers, unsigned i)
{
    char top = layers->own[i]     ? layers->own[i]
               : layers->group[i] ? layers->group[i]
                                  : layers->store[i];

    return top == 'x' ? 0 : top;
}

static void draw(struct layers *layers, char layer[KEYS], unsigned percent, bool deletes)
{
    for (unsigned i = 0; i < KEYS; i++) {
        layer[i] = 0;
        if (world_chance(&layers->world, percent))
            layer[i] = deletes && world_chance(&layers->world, 50)
                           ? 'x'
                           : (char)('a' + world_random(&layers->world, 20));
    }
}

static enum crm_status put_store(struct store_txn *txn, void *arg)
{
    struct layers *layers = arg;
    enum crm_status status = CRM_OK;
    char text[8];

    for (unsigned i = 0; i < KEYS && status == CRM_OK; i++) {
        if (layers->store[i])
            status = store_put(txn, STORE_META, key_of(i, text), slice_of(&layers->store[i], 1));
        else
            status = store_delete(txn, STORE_META, key_of(i, text));
    }
    return status;
}

static struct writeset *make_set(struct layers *layers, const char layer[KEYS])
{
    struct writeset *set = writeset_create(&layers->world.arena);
    enum crm_status status = set ? CRM_OK : CRM_NO_MEMORY;
    char text[8];

    for (unsigned i = 0; i < KEYS && status == CRM_OK; i++) {
        if (layer[i] == 'x')
            status = writeset_delete(set, STORE_META, key_of(i, text));
        else if (layer[i])
            status = writeset_put(set, STORE_META, key_of(i, text), slice_of(&layer[i], 1));
    }
    return status == CRM_OK ? set : NULL;
}

struct collected {
    char keys[KEYS][8];
    char values[KEYS];
    size_t n, stop_after;
};

static bool collect(void *arg, struct slice key, struct slice value)
{
    struct collected *collected = arg;

    if (collected->n == KEYS || key.size != 4 || value.size != 1)
        return false;
    memcpy(collected->keys[collected->n], key.data, 4);
    collected->keys[collected->n][4] = '\0';
    collected->values[collected->n++] = (char)value.data[0];
    return collected->n < collected->stop_after;
}

/* One random range: scan and seek against the array. */
static bool check_range(struct layers *layers, const struct view *view)
{
    unsigned from = (unsigned)world_random(&layers->world, KEYS),
             to = (unsigned)world_random(&layers->world, KEYS + 10);
    bool reverse = world_chance(&layers->world, 50), open = to >= KEYS;
    char from_text[8], to_text[8], text[8];
    struct store_range range = { .from = key_of(from, from_text),
                                 .to = open ? slice_of(NULL, 0) : key_of(to, to_text),
                                 .reverse = reverse };
    struct collected got = { .stop_after = 1 + world_random(&layers->world, KEYS) };
    struct slice key, value;
    size_t n = 0;
    enum crm_status status;

    to = open ? KEYS : to;
    status = view_scan(view, STORE_META, &range, collect, &got);
    if (status != CRM_OK)
        return false;
    for (unsigned step = 0; from + step < to && n < got.stop_after; step++) {
        unsigned i = reverse ? to - 1 - step : from + step;

        if (!merged(layers, i))
            continue;
        if (n >= got.n || !slice_equal(slice_text(got.keys[n]), key_of(i, text)) ||
            got.values[n] != merged(layers, i))
            return false;
        n++;
    }
    if (n != got.n)
        return false;
    status = view_seek(view, STORE_META, &range, &key, &value);
    if (n == 0)
        return status == CRM_NOT_FOUND;
    return status == CRM_OK && slice_equal(key, slice_text(got.keys[0])) && value.size == 1 &&
           (char)value.data[0] == got.values[0];
}

static bool check_gets(struct layers *layers, const struct view *view)
{
    char texts[KEYS][8];
    struct slice keys[KEYS], values[KEYS], value;

    for (unsigned i = 0; i < KEYS; i++)
        keys[i] = key_of(i, texts[i]);
    if (view_get_many(view, STORE_META, keys, KEYS, values) != CRM_OK)
        return false;
    for (unsigned i = 0; i < KEYS; i++) {
        char expected = merged(layers, i);
        enum crm_status status = view_get(view, STORE_META, keys[i], &value);

        if (status != (expected ? CRM_OK : CRM_NOT_FOUND) ||
            (values[i].data != NULL) != (expected != 0))
            return false;
        if (expected && ((char)value.data[0] != expected || (char)values[i].data[0] != expected))
            return false;
    }
    return true;
}

static enum crm_status check(struct store_txn *txn, void *arg)
{
    struct layers *layers = arg;
    struct view view = { .txn = txn, .schema = layers->world.schema };

    view.group = world_chance(&layers->world, 80) ? make_set(layers, layers->group) : NULL;
    view.own = world_chance(&layers->world, 80) ? make_set(layers, layers->own) : NULL;
    if (!view.group)
        memset(layers->group, 0, sizeof layers->group);
    if (!view.own)
        memset(layers->own, 0, sizeof layers->own);
    if (!check_gets(layers, &view))
        layers->why = "get";
    for (int i = 0; i < 60 && !layers->why; i++) {
        if (!check_range(layers, &view))
            layers->why = "range";
    }
    return CRM_OK;
}

static void layers_read_as_one(enum world_engine engine)
{
    static struct layers layers;

    memset(&layers, 0, sizeof layers);
    world_begin(&layers.world, engine, 3);
    for (int round = 0; round < 40; round++) {
        unsigned percent = (unsigned)world_random(&layers.world, 100);

        draw(&layers, layers.store, 50, false);
        draw(&layers, layers.group, percent, true);
        draw(&layers, layers.own, 100 - percent, true);
        assert_int_equal(store_write_run(layers.world.store, put_store, &layers), CRM_OK);
        assert_int_equal(store_read_run(layers.world.store, check, &layers), CRM_OK);
        if (layers.why)
            fail_msg("round %d: %s", round, layers.why);
    }
    world_end(&layers.world);
}

static void layers_read_as_one_on_the_map(void **state)
{
    (void)state;
    layers_read_as_one(WORLD_MAP);
}

static void layers_read_as_one_on_lmdb(void **state)
{
    (void)state;
    layers_read_as_one(WORLD_LMDB);
}

/* What finding says: each a status, so that nothing asserts inside the transaction. */
struct found {
    struct world *world;
    const struct record *live, *deleted;
    enum crm_status by_number, of_no_number, by_id, deleted_by_id, live_in_bin;
    bool right;
    const struct view_guard *guard;
};

static enum crm_status find(struct store_txn *txn, void *arg)
{
    struct found *found = arg;
    struct view view = { .txn = txn,
                         .schema = found->world->schema,
                         .guard = found->guard,
                         .arena = &found->world->arena };
    struct uuid id = { { 0 } };
    struct record record = { .header = { .rev = 0 } }, gone;

    found->by_number = view_number(&view, KIND_DEAL, found->live->header.number, &id);
    found->of_no_number = view_number(&view, KIND_DEAL, 99999, &id);
    found->by_id = view_record(&view, KIND_DEAL, &found->live->header.id, &record);
    found->deleted_by_id = view_deleted(&view, KIND_DEAL, &found->deleted->header.id, &gone);
    found->live_in_bin = view_deleted(&view, KIND_DEAL, &found->live->header.id, &gone);
    found->right =
        uuid_equal(&id, &found->live->header.id) && slice_equal(record.body, found->live->body);
    return CRM_OK;
}

static void records_are_found_by_number_and_id(void **state)
{
    static struct world world;
    struct found found = { .world = &world };

    (void)state;
    world_begin(&world, WORLD_MAP, 4);
    for (size_t i = WORLD_CUSTOMERS; i < WORLD_ROWS; i++)
        *(world_is_deleted(&world.rows[i]) ? &found.deleted : &found.live) = &world.rows[i];
    assert_non_null(found.live);
    assert_non_null(found.deleted);
    assert_int_equal(store_read_run(world.store, find, &found), CRM_OK);
    assert_int_equal(found.by_number, CRM_OK);
    assert_int_equal(found.of_no_number, CRM_NOT_FOUND);
    assert_int_equal(found.by_id, CRM_OK);
    assert_int_equal(found.deleted_by_id, CRM_OK);
    assert_int_equal(found.live_in_bin, CRM_NOT_FOUND);
    assert_true(found.right);
    world_end(&world);
}

static void what_a_guard_refuses_is_not_there(void **state)
{
    static struct world world;
    struct world_reader reader;
    struct found found = { .world = &world, .guard = &reader.guard };

    (void)state;
    world_begin(&world, WORLD_MAP, 5);
    for (size_t i = WORLD_CUSTOMERS; i < WORLD_ROWS; i++) {
        if (uuid_equal(&world.rows[i].header.owner, &world.owners[0]))
            *(world_is_deleted(&world.rows[i]) ? &found.deleted : &found.live) = &world.rows[i];
    }
    assert_non_null(found.live);
    assert_non_null(found.deleted);
    world_reader_init(&reader);
    reader.refuses = true;
    reader.owner = world.owners[0];
    assert_int_equal(store_read_run(world.store, find, &found), CRM_OK);
    assert_int_equal(found.by_number, CRM_NOT_FOUND);
    assert_int_equal(found.by_id, CRM_NOT_FOUND);
    assert_int_equal(found.deleted_by_id, CRM_NOT_FOUND);

    reader.refuses = false;
    world_reader_hide(&reader, KIND_DEAL, world_field(&world, KIND_DEAL, "name")->ref);
    assert_int_equal(store_read_run(world.store, find, &found), CRM_OK);
    assert_int_equal(found.by_id, CRM_OK);
    assert_int_equal(found.deleted_by_id, CRM_OK);
    assert_false(found.right); /* the body is another: its name is taken out */
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_read_as_one_on_the_map),
        cmocka_unit_test(layers_read_as_one_on_lmdb),
        cmocka_unit_test(records_are_found_by_number_and_id),
        cmocka_unit_test(what_a_guard_refuses_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
