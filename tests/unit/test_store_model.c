/*
 * test_store_model.c - the same seeded random operations on the map and on LMDB must look the same,
 * step by step
 *
 * A run folds everything that it sees into a fingerprint; the engines' fingerprints are compared
 * after each run. A failure prints seed and run, and the same seed fails again: give it in
 * CRM_TEST_SEED to run it alone.
 */
#include "common/store/key.h"

#include "tests/unit/store_fixture.h"

#define RUNS_PER_SEED 80
#define MOST_STEPS    60
#define KEY_POOL      400

/* One run, as both engines are given it. */
struct trace {
    uint64_t random;      /* state of the generator */
    uint64_t fingerprint; /* of all that was seen */
    enum crm_status end;  /* of a write run: anything but CRM_OK abandons it */
    struct store_txn *txn;
};

/* xorshift64*. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static unsigned below(struct trace *trace, unsigned limit)
{
    return (unsigned)((next_random(&trace->random) >> 33) % limit);
}

static void note(struct trace *trace, const void *bytes, size_t size)
{
    const uint8_t *data = bytes;

    while (size > 0) {
        uint64_t word = 0;
        size_t part = size < sizeof word ? size : sizeof word;

        memcpy(&word, data, part);
        trace->fingerprint = (trace->fingerprint ^ word) * UINT64_C(1099511628211);
        trace->fingerprint ^= trace->fingerprint >> 29;
        data += part;
        size -= part;
    }
}

static void note_number(struct trace *trace, uint64_t number)
{
    note(trace, &number, sizeof number);
}

static void note_slice(struct trace *trace, struct slice s)
{
    note_number(trace, s.size);
    note(trace, s.data, s.size);
}

/* A key of a pool small enough that puts meet one another; some share long prefixes, a few are as
 * long as a key may be. */
static struct key random_key(struct trace *trace)
{
    static const uint8_t letters[] = { 0x00, 'a', 'b', 0x7f, 0x80, 0xff };
    unsigned member = below(trace, KEY_POOL);
    struct key key = { .size = 0 };

    if (member % 50 == 0) {
        memset(key.data, letters[member % ARRAY_LEN(letters)], STORE_KEY_MAX);
        key.size = STORE_KEY_MAX;
        return key;
    }
    for (; member > 0 || key.size == 0; member /= ARRAY_LEN(letters))
        key_u8(&key, letters[member % ARRAY_LEN(letters)]);
    return key;
}

static struct slice random_value(struct trace *trace, uint8_t buffer[STORE_VALUE_MAX])
{
    static const unsigned sizes[] = { 1, 20, 300, 3000, STORE_VALUE_MAX + 1 };
    unsigned size = below(
        trace, sizes[below(trace, 40) ? below(trace, ARRAY_LEN(sizes) - 1) : ARRAY_LEN(sizes) - 1]);

    memset(buffer, (int)below(trace, 256), size);
    return slice_of(buffer, size);
}

static enum store_db random_db(struct trace *trace)
{
    return (enum store_db)(below(trace, 3) * 7 % STORE_DB_COUNT);
}

static bool note_pair(void *arg, struct slice key, struct slice value)
{
    struct trace *trace = arg;

    note_slice(trace, key);
    note_slice(trace, value);
    return below(trace, 50) != 0;
}

static void look_up(struct trace *trace)
{
    enum store_db db = random_db(trace);
    struct key keys[4];
    struct slice slices[ARRAY_LEN(keys)], values[ARRAY_LEN(keys)];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        keys[i] = random_key(trace);
        slices[i] = key_slice(&keys[i]);
    }
    note_number(trace, (uint64_t)store_get_many(trace->txn, db, slices, ARRAY_LEN(keys), values));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct slice value = { NULL, 0 };

        note_number(trace, (uint64_t)store_get(trace->txn, db, slices[i], &value));
        note_slice(trace, value);
        note_number(trace, slice_equal(value, values[i]) && !value.data == !values[i].data);
    }
}

static void look_along(struct trace *trace)
{
    enum store_db db = random_db(trace);
    struct key from = random_key(trace), to = random_key(trace);
    struct store_range range = { .from = key_slice(&from),
                                 .to = key_slice(&to),
                                 .reverse = below(trace, 2) };
    struct slice key = { NULL, 0 }, value = { NULL, 0 };

    if (below(trace, 4) == 0)
        range.from.size = 0;
    if (below(trace, 4) == 0)
        range.to.size = 0;
    note_number(trace, (uint64_t)store_scan(trace->txn, db, &range, note_pair, trace));
    note_number(trace, (uint64_t)store_seek(trace->txn, db, &range, &key, &value));
    note_slice(trace, key);
    note_slice(trace, value);
}

static void change(struct trace *trace, uint8_t buffer[STORE_VALUE_MAX])
{
    enum store_db db = random_db(trace);
    struct key key = random_key(trace);

    if (below(trace, 3) == 0)
        note_number(trace, (uint64_t)store_delete(trace->txn, db, key_slice(&key)));
    else
        note_number(trace, (uint64_t)store_put(trace->txn, db, key_slice(&key),
                                               random_value(trace, buffer)));
}

static enum crm_status random_run(struct store_txn *txn, void *arg, bool may_change)
{
    static uint8_t buffer[STORE_VALUE_MAX];
    struct trace *trace = arg;
    unsigned n = below(trace, MOST_STEPS);

    trace->txn = txn;
    for (unsigned i = 0; i < n; i++) {
        unsigned what = below(trace, 10);

        if (what < 7 && may_change)
            change(trace, buffer);
        else if (what % 2)
            look_up(trace);
        else
            look_along(trace);
    }
    return trace->end;
}

static enum crm_status random_write(struct store_txn *txn, void *arg)
{
    return random_run(txn, arg, true);
}

static bool note_whole_pair(void *arg, struct slice key, struct slice value)
{
    note_slice(arg, key);
    note_slice(arg, value);
    return true;
}

/* Random looks, then everything in both directions. */
static enum crm_status random_read(struct store_txn *txn, void *arg)
{
    struct trace *trace = arg;
    enum crm_status status = random_run(txn, arg, false);

    for (int db = 0; db < STORE_DB_COUNT; db++) {
        struct store_db_stats stats = { .entries = 0 };

        for (int reverse = 0; reverse < 2; reverse++) {
            struct store_range all = { .reverse = reverse };

            note_number(trace,
                        (uint64_t)store_scan(txn, (enum store_db)db, &all, note_whole_pair, trace));
        }
        note_number(trace, (uint64_t)store_stats(txn, (enum store_db)db, &stats));
        note_number(trace, stats.entries);
    }
    return status;
}

/* A few of the statuses with which a function may end; mostly it succeeds. */
static enum crm_status random_end(struct trace *trace)
{
    return below(trace, 5) ? CRM_OK : CRM_CONFLICT;
}

static void run_seed(struct store *model, struct store *store, uint64_t seed)
{
    struct trace plan = { .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };

    for (unsigned run = 0; run < RUNS_PER_SEED; run++) {
        struct trace a = { .random = next_random(&plan.random), .end = random_end(&plan) };
        struct trace b = a, c, d;
        enum crm_status model_status = store_write_run(model, random_write, &a);
        enum crm_status store_status = store_write_run(store, random_write, &b);

        if (model_status != a.end || store_status != a.end || a.fingerprint != b.fingerprint)
            fail_msg("seed %llu, write run %u: the engines differ", (unsigned long long)seed, run);
        a.end = CRM_OK;
        c = d = a;
        assert_int_equal(store_read_run(model, random_read, &c), CRM_OK);
        assert_int_equal(store_read_run(store, random_read, &d), CRM_OK);
        if (c.fingerprint != d.fingerprint)
            fail_msg("seed %llu, after run %u: the engines differ", (unsigned long long)seed, run);
    }
}

static void the_engines_agree(void **state)
{
    const char *only = getenv("CRM_TEST_SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    uint64_t last = only ? first : 8;

    (void)state;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct store *model = NULL, *store = NULL;
        struct store_lmdb_options options = { .map_bytes = (size_t)1 << 30, .reserve_bytes = 1 };
        char dir[FIXTURE_DIR_SIZE];

        fixture_dir_create(dir);
        options.path = dir;
        assert_int_equal(store_open_map(&model), CRM_OK);
        assert_int_equal(store_open_lmdb(&options, &store, NULL), CRM_OK);
        run_seed(model, store, seed);
        /* What was committed is what the next process finds. */
        store_close(store);
        assert_int_equal(store_open_lmdb(&options, &store, NULL), CRM_OK);
        run_seed(model, store, seed + 1000);
        store_close(store);
        store_close(model);
        fixture_dir_destroy(dir);
    }
}

/* The fingerprint is worth something: two runs that see different things differ. */
static void another_seed_looks_different(void **state)
{
    struct trace a = { .random = 1 }, b = { .random = 2 };
    struct store *model = NULL;

    (void)state;
    assert_int_equal(store_open_map(&model), CRM_OK);
    assert_int_equal(store_write_run(model, random_write, &a), CRM_OK);
    assert_int_equal(store_write_run(model, random_write, &b), CRM_OK);
    assert_int_not_equal(a.fingerprint, b.fingerprint);
    store_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_agree),
        cmocka_unit_test(another_seed_looks_different),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
