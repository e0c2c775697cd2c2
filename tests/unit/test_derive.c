/*
 * test_derive.c - index, term, child and unique made from the records are those that are kept elsewhere
 */
#include "engine_fixture.h"

#include "common/engine/derive.h"

#define ROUNDS 40

static const enum store_db derived[] = { STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };

/* The same base twice: kept, and not. */
static struct {
    struct world kept, made;
    const struct view *views[2];
    const char *why;
} test;

struct pairs {
    struct arena *arena;
    struct slice keys[60000], values[60000];
    size_t n, most;
};

static struct pairs pairs[2];

static bool take(void *arg, struct slice key, struct slice value)
{
    struct pairs *to = arg;

    to->keys[to->n] = slice_of(arena_memdup(to->arena, key.data, key.size), key.size);
    to->values[to->n++] = slice_of(arena_strndup(to->arena, value.data, value.size), value.size);
    return to->n < to->most;
}

static bool same(const struct pairs *a, const struct pairs *b)
{
    for (size_t i = 0; i < a->n && a->n == b->n; i++)
        if (!slice_equal(a->keys[i], b->keys[i]) || !slice_equal(a->values[i], b->values[i]))
            return false;
    return a->n == b->n;
}

/* A scan of both, of at most so many pairs. */
static void compare_scan(enum store_db db, const struct store_range *range, size_t most, struct arena *arena)
{
    for (int i = 0; i < 2; i++) {
        pairs[i].arena = arena;
        pairs[i].n = 0;
        pairs[i].most = most;
        if (view_scan(test.views[i], db, range, take, &pairs[i]) != CRM_OK)
            test.why = "a scan failed";
    }
    if (!same(&pairs[0], &pairs[1]))
        test.why = "a scan";
}

static void compare_seek(enum store_db db, const struct store_range *range)
{
    struct slice keys[2], values[2];
    enum crm_status status[2];

    for (int i = 0; i < 2; i++)
        status[i] = view_seek(test.views[i], db, range, &keys[i], &values[i]);
    if (status[0] != status[1] || (status[0] == CRM_OK && (!slice_equal(keys[0], keys[1]) || !slice_equal(values[0], values[1]))))
        test.why = "a seek";
}

static void compare_get(enum store_db db, struct slice key)
{
    struct slice values[2];
    enum crm_status status[2];

    for (int i = 0; i < 2; i++)
        status[i] = view_get(test.views[i], db, key, &values[i]);
    if (status[0] != status[1] || (status[0] == CRM_OK && !slice_equal(values[0], values[1])))
        test.why = "a get";
}

/* All of it, and then parts between keys that there are, or nearly. */
static void compare_database(enum store_db db)
{
    static struct slice all[60000];
    struct arena arena;
    size_t n;

    arena_init(&arena, 512u << 20);
    compare_scan(db, &(struct store_range){ 0 }, 60000, &arena);
    n = pairs[0].n;
    memcpy(all, pairs[0].keys, n * sizeof *all);
    if (n < 10 && db != STORE_UNIQUE) /* customers and deals have nothing that is unique: see below */
        test.why = "there is nothing to compare";
    for (int round = 0; round < ROUNDS && !test.why && n > 0; round++) {
        struct slice a = all[world_random(&test.kept, n)], b = all[world_random(&test.kept, n)];
        struct store_range range = { .reverse = world_chance(&test.kept, 50) };

        if (world_chance(&test.kept, 50))
            b = slice_of(b.data, 1 + world_random(&test.kept, b.size));
        if (world_chance(&test.kept, 30)) { /* all that begin alike */
            struct key prefix = { 0 }, end;

            key_bytes(&prefix, a.data, 1 + world_random(&test.kept, a.size));
            end = prefix;
            if (!key_after_prefix(&prefix, &end))
                end.size = 0;
            a = slice_of(arena_memdup(&arena, prefix.data, prefix.size), prefix.size);
            b = slice_of(arena_memdup(&arena, end.data, end.size), end.size);
        } else if (slice_compare(a, b) > 0) {
            struct slice c = a;

            a = b;
            b = c;
        }
        range.from = a;
        range.to = b;
        compare_scan(db, &range, 1 + world_random(&test.kept, 200), &arena);
        compare_seek(db, &range);
        compare_get(db, all[world_random(&test.kept, n)]);
        compare_get(db, a);
    }
    arena_fini(&arena);
}

static enum crm_status compare_made(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn, .schema = test.made.schema };

    (void)arg;
    test.views[1] = &view;
    for (size_t i = 0; i < ARRAY_LEN(derived) && !test.why; i++)
        compare_database(derived[i]);
    return CRM_OK;
}

static enum crm_status compare_both(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn, .schema = test.kept.schema };

    test.views[0] = &view;
    return store_read_run(test.made.store, compare_made, arg);
}

static void what_is_made_is_what_is_kept(void **state)
{
    (void)state;
    memset(&test, 0, sizeof test);
    world_begin(&test.kept, WORLD_MAP, 51);
    world_begin(&test.made, WORLD_COVERED, 51);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_write_run(test.kept.store, world_touch_run, &test.kept), CRM_OK);
        assert_int_equal(store_write_run(test.made.store, world_touch_run, &test.made), CRM_OK);
    }
    assert_int_equal(store_read_run(test.kept.store, compare_both, NULL), CRM_OK);
    if (test.why)
        fail_msg("%s", test.why);
    world_end(&test.kept);
    world_end(&test.made);
}

/* --- what is made of no record */

static const struct uuid customer = { .bytes = { 1 } }, deal = { .bytes = { 2 } }, behind = { .bytes = { 1, [UUID_SIZE - 1] = 1 } };

static struct slice companion(struct key *key)
{
    key->size = 0;
    key_bytes(key, customer.bytes, UUID_SIZE);
    key_u8(key, 0xff);
    key_u16(key, KIND_DEAL);
    key_bytes(key, deal.bytes, UUID_SIZE);
    return key_slice(key);
}

static enum crm_status put_companion(struct store_txn *txn, void *arg)
{
    struct key key;
    enum crm_status status = store_put(txn, STORE_CHILD, companion(&key), slice_of("", 0));

    (void)arg;
    return status == CRM_OK ? store_put(txn, STORE_INDEX, slice_text("an index's key"), slice_of("", 0)) : status;
}

static bool count(void *arg, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    ++*(int *)arg;
    return true;
}

static enum crm_status find_companion(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn, .schema = test.made.schema };
    struct slice value;
    struct key key;
    int *found = arg;

    if (view_get(&view, STORE_CHILD, companion(&key), &value) == CRM_OK)
        ++*found;
    if (store_get(txn, STORE_INDEX, slice_text("an index's key"), &value) != CRM_NOT_FOUND)
        *found += 100;
    return view_scan(&view, STORE_CHILD, &(struct store_range){ .from = slice_of(customer.bytes, UUID_SIZE), .to = slice_of(behind.bytes, UUID_SIZE) }, count,
                     found);
}

static void what_is_made_of_no_record_is_kept(void **state)
{
    int found = 0;

    (void)state;
    memset(&test, 0, sizeof test);
    world_begin(&test.made, WORLD_COVERED, 52);
    assert_int_equal(store_write_run(test.made.store, put_companion, NULL), CRM_OK);
    assert_int_equal(store_read_run(test.made.store, find_companion, &found), CRM_OK);
    assert_int_equal(found, 2);
    world_end(&test.made);
}

/* --- unique values */

static struct record user;

static enum crm_status put_user(struct store_txn *txn, void *arg)
{
    struct world *world = arg;
    struct writeset *set = writeset_create(&world->arena);
    struct view view = { .txn = txn, .own = set, .schema = world->schema };
    struct world_body body = { .world = world, .kind = KIND_USER };
    enum crm_status status;

    user = (struct record){ .header = { .id = { .bytes = { 9 } }, .kind = KIND_USER, .number = 1, .rev = 1 } };
    body_builder_init(&body.builder, &world->arena);
    world_add_text(&body, "login", "Lena");
    status = body_builder_finish(&body.builder, &user.body);
    if (status == CRM_OK)
        status = world_change(world, &view, set, NULL, &user, NULL, &world->arena);
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

struct unique_look {
    enum crm_status found, other;
    struct uuid id;
    enum crm_status numbered, beyond;
    struct uuid numbers_id;
};

static enum crm_status find_user(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn, .schema = test.made.schema };
    const struct field_def *login = world_field(&test.made, KIND_USER, "login");
    struct value value = { .type = FIELD_TEXT, .text = slice_text("LENA") };
    struct unique_look *look = arg;

    look->found = view_unique(&view, KIND_USER, login, &value, &look->id);
    value.text = slice_text("lenas");
    look->other = view_unique(&view, KIND_USER, login, &value, &look->id);
    look->numbered = view_number(&view, KIND_CUSTOMER, WORLD_CUSTOMERS, &look->numbers_id);
    look->beyond = view_number(&view, KIND_CUSTOMER, WORLD_CUSTOMERS + 1, &look->id);
    return CRM_OK;
}

static void unique_values_and_numbers_lead_to_their_records(void **state)
{
    struct unique_look look = { 0 };

    (void)state;
    memset(&test, 0, sizeof test);
    world_begin(&test.made, WORLD_COVERED, 53);
    assert_int_equal(store_write_run(test.made.store, put_user, &test.made), CRM_OK);
    assert_int_equal(store_read_run(test.made.store, find_user, &look), CRM_OK);
    assert_int_equal(look.found, CRM_OK);
    assert_int_equal(look.other, CRM_NOT_FOUND);
    assert_memory_equal(look.id.bytes, user.header.id.bytes, UUID_SIZE);
    assert_int_equal(look.numbered, CRM_OK);
    assert_int_equal(look.beyond, CRM_NOT_FOUND);
    assert_memory_equal(look.numbers_id.bytes, test.made.rows[WORLD_CUSTOMERS - 1].header.id.bytes, UUID_SIZE);
    world_end(&test.made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_is_what_is_kept),
        cmocka_unit_test(what_is_made_of_no_record_is_kept),
        cmocka_unit_test(unique_values_and_numbers_lead_to_their_records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
