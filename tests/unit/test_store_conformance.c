/*
 * test_store_conformance.c - store.h's promises, once, run on every engine of a table
 *
 * A new engine adds a row to `engines`.
 */
#include "common/store/key.h"

#include "tests/unit/store_fixture.h"

struct fixture {
    const struct engine_row *engine;
    struct store *store;
    char dir[FIXTURE_DIR_SIZE];
};

struct engine_row {
    const char *name;
    enum crm_status (*open)(struct fixture *fixture);
    bool has_files;
};

static enum crm_status open_lmdb(struct fixture *fixture)
{
    return store_open_lmdb(&(struct store_lmdb_options){ .path = fixture->dir, .reserve_bytes = 1 },
                           &fixture->store, NULL);
}

static enum crm_status open_map(struct fixture *fixture)
{
    return store_open_map(&fixture->store);
}

static const struct engine_row engines[] = {
    { .name = "map", .open = open_map },
    { .name = "LMDB", .open = open_lmdb, .has_files = true },
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    if (!fixture)
        return -1;
    fixture->engine = *state;
    *state = fixture;
    if (fixture->engine->has_files)
        fixture_dir_create(fixture->dir);
    return fixture->engine->open(fixture) == CRM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    store_close(fixture->store);
    if (fixture->engine->has_files)
        fixture_dir_destroy(fixture->dir);
    free(fixture);
    return 0;
}

static struct store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

/* The letters b, d, f, h in one database, and a neighbour in another that no range may show. */
static void put_letters(struct store *store)
{
    static const struct step letters[] = { { STORE_RECORD, "f", "3" },
                                           { STORE_RECORD, "b", "1" },
                                           { STORE_LOG, "e", "x" },
                                           { STORE_RECORD, "h", "4" },
                                           { STORE_RECORD, "d", "2" } };
    struct steps steps = { letters, ARRAY_LEN(letters), CRM_OK };

    assert_int_equal(store_write_run(store, steps_run, &steps), CRM_OK);
}

static void get_finds_what_was_put(void **state)
{
    struct store *store = store_of(state);

    assert_int_equal(put_text(store, STORE_RECORD, "k", "one"), CRM_OK);
    assert_stored(store, STORE_RECORD, "k", "one");
    assert_stored(store, STORE_RECORD, "kk", NULL);
    assert_stored(store, STORE_LOG, "k", NULL);
    assert_int_equal(put_text(store, STORE_RECORD, "k", "another, longer"), CRM_OK);
    assert_stored(store, STORE_RECORD, "k", "another, longer");
    assert_int_equal(put_text(store, STORE_RECORD, "k", ""), CRM_OK);
    assert_stored(store, STORE_RECORD, "k", "");
}

static void delete_takes_only_its_key(void **state)
{
    struct store *store = store_of(state);
    struct store_txn *txn;

    put_letters(store);
    assert_int_equal(put_text(store, STORE_RECORD, "d", NULL), CRM_OK);
    assert_int_equal(put_text(store, STORE_RECORD, "d", NULL), CRM_OK);
    assert_int_equal(put_text(store, STORE_RECORD, "", NULL), CRM_OK);
    txn = read_begin(store);
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "b=1 f=3 h=4 ");
    assert_listing(txn, STORE_LOG, range_text("", "", false), "e=x ");
    store_read_end(txn);
}

static void every_database_is_apart(void **state)
{
    struct store *store = store_of(state);

    for (int db = 0; db < STORE_DB_COUNT; db++)
        assert_int_equal(
            put_text(store, (enum store_db)db, "same", store_db_name((enum store_db)db)), CRM_OK);
    for (int db = 0; db < STORE_DB_COUNT; db++)
        assert_stored(store, (enum store_db)db, "same", store_db_name((enum store_db)db));
}

struct order {
    uint8_t keys[8][4];
    size_t sizes[8];
    size_t n;
};

static bool order_note(void *arg, struct slice key, struct slice value)
{
    struct order *order = arg;

    (void)value;
    memcpy(order->keys[order->n], key.data, key.size);
    order->sizes[order->n++] = key.size;
    return order->n < ARRAY_LEN(order->keys);
}

static enum crm_status put_bytes_in_odd_order(struct store_txn *txn, void *arg)
{
    static const struct slice keys[] = {
        { (const uint8_t *)"\xff", 1 },     { (const uint8_t *)"a", 1 },
        { (const uint8_t *)"\x00", 1 },     { (const uint8_t *)"a\x00", 2 },
        { (const uint8_t *)"\xff\xff", 2 }, { (const uint8_t *)"\x7f", 1 },
        { (const uint8_t *)"\x80", 1 }
    };

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        enum crm_status status = store_put(txn, STORE_INDEX, keys[i], slice_text("v"));

        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

/* Unsigned bytes, a prefix before what it begins. */
static void keys_are_in_memcmp_order(void **state)
{
    static const struct order expected = { .keys = { "\x00", "a", "a\x00", "\x7f", "\x80", "\xff",
                                                     "\xff\xff" },
                                           .sizes = { 1, 1, 2, 1, 1, 1, 2 },
                                           .n = 7 };
    struct order order = { .n = 0 };
    struct store_range all = { .reverse = false };
    struct store_txn *txn;

    assert_int_equal(store_write_run(store_of(state), put_bytes_in_odd_order, NULL), CRM_OK);
    txn = read_begin(store_of(state));
    assert_int_equal(store_scan(txn, STORE_INDEX, &all, order_note, &order), CRM_OK);
    assert_memory_equal(&order, &expected, sizeof order);
    store_read_end(txn);
}

/* A range, its pairs forwards and backwards. */
static const struct {
    const char *from, *to, *forward, *backward;
} ranges[] = {
    { "", "", "b=1 d=2 f=3 h=4 ", "h=4 f=3 d=2 b=1 " },
    { "a", "z", "b=1 d=2 f=3 h=4 ", "h=4 f=3 d=2 b=1 " },
    { "b", "h", "b=1 d=2 f=3 ", "f=3 d=2 b=1 " },
    { "b", "ha", "b=1 d=2 f=3 h=4 ", "h=4 f=3 d=2 b=1 " },
    { "c", "e", "d=2 ", "d=2 " },
    { "ba", "d", "", "" },
    { "d", "d", "", "" },
    { "f", "d", "", "" },
    { "", "b", "", "" },
    { "", "c", "b=1 ", "b=1 " },
    { "h", "", "h=4 ", "h=4 " },
    { "i", "", "", "" },
    { "i", "z", "", "" },
    { "", "a", "", "" },
    { "d", "", "d=2 f=3 h=4 ", "h=4 f=3 d=2 " },
};

static void ranges_hold_their_bounds(void **state)
{
    struct store_txn *txn;

    put_letters(store_of(state));
    txn = read_begin(store_of(state));
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        assert_listing(txn, STORE_RECORD, range_text(ranges[i].from, ranges[i].to, false),
                       ranges[i].forward);
        assert_listing(txn, STORE_RECORD, range_text(ranges[i].from, ranges[i].to, true),
                       ranges[i].backward);
        assert_listing(txn, STORE_CHILD, range_text(ranges[i].from, ranges[i].to, i % 2), "");
    }
    store_read_end(txn);
}

static void bounds_may_be_longer_than_any_key(void **state)
{
    static char long_d[STORE_KEY_MAX + 100];
    struct store_txn *txn;

    memset(long_d, 'd', sizeof long_d - 1);
    put_letters(store_of(state));
    txn = read_begin(store_of(state));
    assert_listing(txn, STORE_RECORD, range_text(long_d, "", false), "f=3 h=4 ");
    assert_listing(txn, STORE_RECORD, range_text("", long_d, true), "d=2 b=1 ");
    store_read_end(txn);
}

static void seek_gives_the_first_pair(void **state)
{
    struct store_txn *txn;

    put_letters(store_of(state));
    txn = read_begin(store_of(state));
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        for (int reverse = 0; reverse < 2; reverse++) {
            struct store_range range = range_text(ranges[i].from, ranges[i].to, reverse);
            const char *expected = reverse ? ranges[i].backward : ranges[i].forward;
            struct slice key = slice_text("untouched"), value = key;
            enum crm_status status = store_seek(txn, STORE_RECORD, &range, &key, &value);

            assert_int_equal(status, *expected ? CRM_OK : CRM_NOT_FOUND);
            assert_memory_equal(key.data, *expected ? expected : "untouched", 1);
            if (*expected)
                assert_memory_equal(value.data, expected + 2, 1);
        }
    }
    store_read_end(txn);
}

static void a_prefix_is_a_range(void **state)
{
    static const struct step pairs[] = { { STORE_TERM, "ab", "1" },
                                         { STORE_TERM, "ab\xff", "2" },
                                         { STORE_TERM, "aba", "3" },
                                         { STORE_TERM, "ac", "4" },
                                         { STORE_TERM, "a", "5" } };
    struct steps steps = { pairs, ARRAY_LEN(pairs), CRM_OK };
    struct key from = { .size = 0 }, to;
    struct store_range range;
    struct store_txn *txn;

    assert_int_equal(store_write_run(store_of(state), steps_run, &steps), CRM_OK);
    key_bytes(&from, "ab", 2);
    assert_true(key_after_prefix(&from, &to));
    range = (struct store_range){ .from = key_slice(&from), .to = key_slice(&to) };
    txn = read_begin(store_of(state));
    assert_listing(txn, STORE_TERM, range, "ab=1 aba=3 ab\xff=2 ");
    range.reverse = true;
    assert_listing(txn, STORE_TERM, range, "ab\xff=2 aba=3 ab=1 ");
    store_read_end(txn);
}

static void the_visitor_stops_a_scan(void **state)
{
    struct listing listing = { .most = 2 };
    struct store_range range = range_text("c", "", false);
    struct store_txn *txn;

    put_letters(store_of(state));
    txn = read_begin(store_of(state));
    assert_int_equal(store_scan(txn, STORE_RECORD, &range, listing_add, &listing), CRM_OK);
    assert_string_equal(listing.text, "d=2 f=3 ");
    store_read_end(txn);
}

/* For each pair of the outer scan, everything above it: the same database read three ways inside a
 * visitor. */
struct nested {
    struct store_txn *txn;
    struct listing inner;
    enum crm_status failed;
};

static bool nested_visit(void *arg, struct slice key, struct slice value)
{
    struct nested *nested = arg;
    struct store_range above = { .from = key };
    struct slice found[2] = { { NULL, 0 }, { NULL, 0 } };
    enum crm_status status = store_get(nested->txn, STORE_RECORD, key, &found[0]);

    if (status == CRM_OK)
        status = store_get_many(nested->txn, STORE_RECORD, &key, 1, &found[1]);
    /* Last, because it leaves a shared cursor at the end. */
    if (status == CRM_OK)
        status = store_scan(nested->txn, STORE_RECORD, &above, listing_add, &nested->inner);
    if (status == CRM_OK && !(slice_equal(found[0], value) && slice_equal(found[1], value)))
        status = CRM_FAILED;
    nested->failed = status;
    return status == CRM_OK;
}

static enum crm_status nested_run(struct store_txn *txn, void *arg)
{
    struct nested *nested = arg;
    struct store_range range = range_text("d", "", false);
    enum crm_status status;

    nested->txn = txn;
    status = store_scan(txn, STORE_RECORD, &range, nested_visit, nested);
    return status == CRM_OK ? nested->failed : status;
}

static void a_visitor_may_read(void **state)
{
    struct nested in_read = { .failed = CRM_OK }, in_write = { .failed = CRM_OK };

    put_letters(store_of(state));
    assert_int_equal(store_read_run(store_of(state), nested_run, &in_read), CRM_OK);
    assert_string_equal(in_read.inner.text, "d=2 f=3 h=4 f=3 h=4 h=4 ");
    assert_int_equal(store_write_run(store_of(state), nested_run, &in_write), CRM_OK);
    assert_string_equal(in_write.inner.text, "d=2 f=3 h=4 f=3 h=4 h=4 ");
}

struct own_puts {
    struct listing before, after;
    struct slice last_key, last_value;
    enum crm_status deleted;
};

static enum crm_status own_puts_run(struct store_txn *txn, void *arg)
{
    static const struct step changes[] = { { STORE_RECORD, "c", "new" },
                                           { STORE_RECORD, "d", NULL },
                                           { STORE_RECORD, "f", "changed" } };
    struct steps steps = { changes, ARRAY_LEN(changes), CRM_OK };
    struct own_puts *seen = arg;
    struct store_range all = range_text("", "", false), backwards = range_text("", "", true);
    struct slice value;
    enum crm_status status = store_scan(txn, STORE_RECORD, &all, listing_add, &seen->before);

    if (status == CRM_OK)
        status = steps_run(txn, &steps);
    if (status == CRM_OK)
        status = store_scan(txn, STORE_RECORD, &all, listing_add, &seen->after);
    if (status == CRM_OK)
        status = store_seek(txn, STORE_RECORD, &backwards, &seen->last_key, &seen->last_value);
    seen->deleted = store_get(txn, STORE_RECORD, slice_text("d"), &value);
    return status;
}

static void a_write_run_sees_its_own_puts(void **state)
{
    struct own_puts seen = { .deleted = CRM_OK };
    struct store_txn *txn;

    put_letters(store_of(state));
    assert_int_equal(store_write_run(store_of(state), own_puts_run, &seen), CRM_OK);
    assert_string_equal(seen.before.text, "b=1 d=2 f=3 h=4 ");
    assert_string_equal(seen.after.text, "b=1 c=new f=changed h=4 ");
    assert_int_equal(seen.deleted, CRM_NOT_FOUND);
    assert_int_equal(seen.last_key.size, 1);
    txn = read_begin(store_of(state));
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "b=1 c=new f=changed h=4 ");
    store_read_end(txn);
}

static void an_abandoned_run_leaves_nothing(void **state)
{
    static const struct step changes[] = { { STORE_RECORD, "b", "changed" },
                                           { STORE_RECORD, "d", NULL },
                                           { STORE_RECORD, "z", "new" },
                                           { STORE_AUDIT, "a", "new" } };
    static const enum crm_status ends[] = { CRM_FAILED, CRM_CONFLICT, CRM_NOT_FOUND,
                                            CRM_CANCELLED };
    struct store_txn *txn;

    put_letters(store_of(state));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct steps steps = { changes, ARRAY_LEN(changes), ends[i] };

        assert_int_equal(store_write_run(store_of(state), steps_run, &steps), ends[i]);
    }
    txn = read_begin(store_of(state));
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "b=1 d=2 f=3 h=4 ");
    assert_listing(txn, STORE_AUDIT, range_text("", "", false), "");
    store_read_end(txn);
}

static enum crm_status return_found(struct store_txn *txn, void *arg)
{
    struct slice value;

    return store_get(txn, STORE_RECORD, *(const struct slice *)arg, &value);
}

static void a_read_run_returns_what_its_function_does(void **state)
{
    struct slice there = slice_text("b"), missing = slice_text("c");

    put_letters(store_of(state));
    assert_int_equal(store_read_run(store_of(state), return_found, &there), CRM_OK);
    assert_int_equal(store_read_run(store_of(state), return_found, &missing), CRM_NOT_FOUND);
}

static void a_snapshot_stays_as_it_was(void **state)
{
    static const struct step changes[] = { { STORE_RECORD, "b", "changed" },
                                           { STORE_RECORD, "d", NULL },
                                           { STORE_RECORD, "z", "new" } };
    struct steps steps = { changes, ARRAY_LEN(changes), CRM_OK };
    struct store *store = store_of(state);
    struct store_txn *txn;
    struct slice borrowed;

    put_letters(store);
    txn = read_begin(store);
    assert_int_equal(store_get(txn, STORE_RECORD, slice_text("b"), &borrowed), CRM_OK);
    assert_int_equal(store_write_run(store, steps_run, &steps), CRM_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(put_text(store, STORE_RECORD, "b", "changed again"), CRM_OK);
    assert_slice_text(borrowed, "1");
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "b=1 d=2 f=3 h=4 ");
    store_read_end(txn);

    txn = read_begin(store);
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "b=changed again f=3 h=4 z=new ");
    store_read_end(txn);
}

static void a_read_handle_is_used_again(void **state)
{
    struct store *store = store_of(state);
    char value[16], expected[32];

    /* The cursor of the last snapshot must not be believed in the next. */
    for (int i = 0; i < 50; i++) {
        struct store_txn *txn;

        snprintf(value, sizeof value, "%d", i);
        snprintf(expected, sizeof expected, "k=%d ", i);
        assert_int_equal(put_text(store, STORE_META, "k", value), CRM_OK);
        txn = read_begin(store);
        assert_listing(txn, STORE_META, range_text("", "", i % 2), expected);
        store_read_end(txn);
    }
    store_read_end(NULL);
}

struct limits {
    enum crm_status key_max, key_over, key_empty, value_max, value_over;
};

static enum crm_status limits_run(struct store_txn *txn, void *arg)
{
    static const uint8_t zeros[STORE_VALUE_MAX + 1];
    struct limits *limits = arg;

    limits->key_over =
        store_put(txn, STORE_RECORD, slice_of(zeros, STORE_KEY_MAX + 1), slice_text("v"));
    limits->key_empty = store_put(txn, STORE_RECORD, slice_of(zeros, 0), slice_text("v"));
    limits->value_over =
        store_put(txn, STORE_RECORD, slice_text("over"), slice_of(zeros, STORE_VALUE_MAX + 1));
    limits->key_max = store_put(txn, STORE_RECORD, slice_of(zeros, STORE_KEY_MAX), slice_text("v"));
    limits->value_max =
        store_put(txn, STORE_RECORD, slice_text("max"), slice_of(zeros, STORE_VALUE_MAX));
    return CRM_OK;
}

static void keys_and_values_have_limits(void **state)
{
    static const uint8_t zeros[STORE_KEY_MAX + 1];
    struct limits limits = { CRM_FAILED, CRM_FAILED, CRM_FAILED, CRM_FAILED, CRM_FAILED };
    struct store_txn *txn;
    struct slice value;

    assert_int_equal(store_write_run(store_of(state), limits_run, &limits), CRM_OK);
    assert_int_equal(limits.key_over, CRM_TOO_LARGE);
    assert_int_equal(limits.key_empty, CRM_INVALID);
    assert_int_equal(limits.value_over, CRM_TOO_LARGE);
    assert_int_equal(limits.key_max, CRM_OK);
    assert_int_equal(limits.value_max, CRM_OK);
    txn = read_begin(store_of(state));
    assert_int_equal(store_get(txn, STORE_RECORD, slice_of(zeros, STORE_KEY_MAX), &value), CRM_OK);
    assert_int_equal(store_get(txn, STORE_RECORD, slice_of(zeros, STORE_KEY_MAX + 1), &value),
                     CRM_NOT_FOUND);
    assert_int_equal(store_get(txn, STORE_RECORD, slice_of(zeros, 0), &value), CRM_NOT_FOUND);
    assert_int_equal(store_get(txn, STORE_RECORD, slice_text("max"), &value), CRM_OK);
    assert_int_equal(value.size, STORE_VALUE_MAX);
    store_read_end(txn);
}

struct oversize {
    size_t limit; /* the engine's */
    size_t n_put; /* values of 64 KiB that fitted */
};

static enum crm_status oversize_run(struct store_txn *txn, void *arg)
{
    static const uint8_t zeros[STORE_VALUE_MAX];
    struct oversize *run = arg;

    run->n_put = 0;
    for (;;) {
        enum crm_status status =
            store_put(txn, STORE_RECORD, slice_of(&run->n_put, sizeof run->n_put),
                      slice_of(zeros, sizeof zeros));

        if (status != CRM_OK)
            return status;
        run->n_put++;
    }
}

static void a_run_has_a_limit(void **state)
{
    struct oversize run = { .limit = store_traits(store_of(state))->transaction_bytes };
    struct store_txn *txn;

    assert_int_equal(store_write_run(store_of(state), oversize_run, &run), CRM_TOO_LARGE);
    assert_int_equal(run.n_put, run.limit / (STORE_VALUE_MAX + sizeof(size_t)));
    txn = read_begin(store_of(state));
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "");
    store_read_end(txn);
}

static void get_many_gives_each_or_nothing(void **state)
{
    const struct slice keys[] = { slice_text("b"), slice_text("c"),  slice_text("d"),
                                  slice_text("h"), slice_text("zz"), slice_text("b"),
                                  slice_text(""),  slice_text("a"),  slice_text("f") };
    static const char *const expected[] = { "1", NULL, "2", "4", NULL, "1", NULL, NULL, "3" };
    struct slice values[ARRAY_LEN(keys)];
    struct store_txn *txn;

    put_letters(store_of(state));
    txn = read_begin(store_of(state));
    memset(values, 0xaa, sizeof values);
    assert_int_equal(store_get_many(txn, STORE_RECORD, keys, ARRAY_LEN(keys), values), CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (expected[i])
            assert_slice_text(values[i], expected[i]);
        else
            assert_null(values[i].data);
    }
    assert_int_equal(store_get_many(txn, STORE_RECORD, NULL, 0, NULL), CRM_OK);
    store_read_end(txn);
}

#define LARGE_VALUES 40

/* Each value's bytes follow from its number. */
static enum crm_status put_large(struct store_txn *txn, void *arg)
{
    uint8_t *value = arg;

    for (uint8_t i = 0; i < LARGE_VALUES; i++) {
        enum crm_status status;

        memset(value, i, STORE_VALUE_MAX);
        status = store_put(txn, STORE_JOB, slice_of(&i, 1), slice_of(value, STORE_VALUE_MAX));
        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

static void values_of_64_kib_come_back_and_stay_borrowed(void **state)
{
    static uint8_t value[STORE_VALUE_MAX];
    struct slice borrowed[LARGE_VALUES];
    struct store_txn *txn;

    assert_int_equal(store_write_run(store_of(state), put_large, value), CRM_OK);
    txn = read_begin(store_of(state));
    for (uint8_t i = 0; i < LARGE_VALUES; i++)
        assert_int_equal(store_get(txn, STORE_JOB, slice_of(&i, 1), &borrowed[i]), CRM_OK);
    for (uint8_t i = 0; i < LARGE_VALUES; i++) {
        memset(value, i, sizeof value);
        assert_int_equal(borrowed[i].size, sizeof value);
        assert_memory_equal(borrowed[i].data, value, sizeof value);
    }
    store_read_end(txn);
}

static void a_read_run_writes_nothing(void **state)
{
    struct store_txn *txn;

    put_letters(store_of(state));
    txn = read_begin(store_of(state));
    assert_int_equal(store_put(txn, STORE_RECORD, slice_text("x"), slice_text("y")), CRM_FAILED);
    assert_int_equal(store_delete(txn, STORE_RECORD, slice_text("b")), CRM_FAILED);
    assert_listing(txn, STORE_RECORD, range_text("", "", false), "b=1 d=2 f=3 h=4 ");
    store_read_end(txn);
}

static void stats_count_entries(void **state)
{
    struct store_db_stats stats;
    struct store_usage usage;
    struct store_txn *txn;

    put_letters(store_of(state));
    assert_int_equal(put_text(store_of(state), STORE_RECORD, "b", "again"), CRM_OK);
    assert_int_equal(put_text(store_of(state), STORE_RECORD, "d", NULL), CRM_OK);
    txn = read_begin(store_of(state));
    assert_int_equal(store_stats(txn, STORE_RECORD, &stats), CRM_OK);
    assert_int_equal(stats.entries, 3);
    assert_true(stats.bytes >= 3 + 7);
    assert_int_equal(store_stats(txn, STORE_CHILD, &stats), CRM_OK);
    assert_int_equal(stats.entries, 0);
    assert_int_equal(stats.bytes, 0);
    store_read_end(txn);
    assert_int_equal(store_usage(store_of(state), &usage), CRM_OK);
    assert_in_range(usage.used_bytes, 1, usage.map_bytes);
    assert_false(store_is_short(store_of(state)));
}

/* Each is run on every engine. */
#define CASE(function)                                                                             \
    {                                                                                              \
#function, function, setup, teardown, NULL                                                 \
    }
static const struct CMUnitTest cases[] = {
    CASE(get_finds_what_was_put),
    CASE(delete_takes_only_its_key),
    CASE(every_database_is_apart),
    CASE(keys_are_in_memcmp_order),
    CASE(ranges_hold_their_bounds),
    CASE(bounds_may_be_longer_than_any_key),
    CASE(seek_gives_the_first_pair),
    CASE(a_prefix_is_a_range),
    CASE(the_visitor_stops_a_scan),
    CASE(a_visitor_may_read),
    CASE(a_write_run_sees_its_own_puts),
    CASE(an_abandoned_run_leaves_nothing),
    CASE(a_read_run_returns_what_its_function_does),
    CASE(a_snapshot_stays_as_it_was),
    CASE(a_read_handle_is_used_again),
    CASE(keys_and_values_have_limits),
    CASE(a_run_has_a_limit),
    CASE(get_many_gives_each_or_nothing),
    CASE(values_of_64_kib_come_back_and_stay_borrowed),
    CASE(a_read_run_writes_nothing),
    CASE(stats_count_entries),
};

int main(void)
{
    static struct CMUnitTest tests[ARRAY_LEN(engines) * ARRAY_LEN(cases)];
    static char names[ARRAY_LEN(tests)][80];

    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        const struct engine_row *engine = &engines[i / ARRAY_LEN(cases)];

        tests[i] = cases[i % ARRAY_LEN(cases)];
        snprintf(names[i], sizeof names[i], "%s: %s", engine->name, tests[i].name);
        tests[i].name = names[i];
        tests[i].initial_state = (void *)(uintptr_t)engine;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
