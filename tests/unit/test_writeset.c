/*
 * test_writeset.c - write sets against a plain sorted array, and what they promise about deletes,
 * folding and running out of memory
 */
#include "engine_fixture.h"

#define MODEL_MAX 512
#define KEYS      200

struct pair {
    enum store_db db;
    char key[8];
    char value[8]; /* empty: deleted */
};

struct pairs {
    struct pair pairs[MODEL_MAX];
    size_t n;
};

static uint64_t random_state = 7;

static unsigned below(unsigned n)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((random_state >> 33) % n);
}

static int pair_compare(const struct pair *a, const struct pair *b)
{
    return a->db != b->db ? (a->db > b->db) - (a->db < b->db) : strcmp(a->key, b->key);
}

static void pairs_set(struct pairs *pairs, const struct pair *pair)
{
    size_t i = 0;

    while (i < pairs->n && pair_compare(&pairs->pairs[i], pair) < 0)
        i++;
    if (i == pairs->n || pair_compare(&pairs->pairs[i], pair) != 0) {
        memmove(&pairs->pairs[i + 1], &pairs->pairs[i], (pairs->n - i) * sizeof *pair);
        pairs->n++;
    }
    pairs->pairs[i] = *pair;
}

static struct pair random_pair(void)
{
    struct pair pair = { .db = below(2) ? STORE_INDEX : STORE_TERM };

    snprintf(pair.key, sizeof pair.key, "k%03u", below(KEYS));
    if (below(4))
        snprintf(pair.value, sizeof pair.value, "v%u", below(1000));
    return pair;
}

static void set_pair(struct writeset *set, const struct pair *pair)
{
    if (pair->value[0])
        assert_int_equal(
            writeset_put(set, pair->db, slice_text(pair->key), slice_text(pair->value)), CRM_OK);
    else
        assert_int_equal(writeset_delete(set, pair->db, slice_text(pair->key)), CRM_OK);
}

static void assert_value(const struct pair *pair, struct slice value)
{
    if (pair->value[0])
        assert_true(slice_equal(value, slice_text(pair->value)));
    else
        assert_null(value.data);
}

/* The first (last) pair of a range, NULL if there is none. */
static const struct pair *pairs_seek(const struct pairs *pairs, enum store_db db, const char *from,
                                     const char *to, bool reverse)
{
    const struct pair *found = NULL;

    for (size_t i = 0; i < pairs->n; i++) {
        const struct pair *pair = &pairs->pairs[i];

        if (pair->db == db && strcmp(pair->key, from) >= 0 &&
            (!to[0] || strcmp(pair->key, to) < 0) && (!found || reverse))
            found = pair;
    }
    return found;
}

static void a_set_agrees_with_an_array(void **state)
{
    static struct pairs pairs;
    struct arena arena;
    struct writeset *set;
    size_t bytes = 0;

    (void)state;
    pairs.n = 0;
    arena_init(&arena, 8u << 20);
    set = writeset_create(&arena);
    assert_non_null(set);
    for (int i = 0; i < 3000; i++) {
        struct pair pair = random_pair();
        char from[8], to[8];
        bool reverse = below(2);
        struct store_range range;
        struct slice key, value;
        const struct pair *found;

        set_pair(set, &pair);
        pairs_set(&pairs, &pair);
        snprintf(from, sizeof from, "k%03u", below(KEYS));
        snprintf(to, sizeof to, "k%03u", below(KEYS));
        if (below(4) == 0)
            to[0] = '\0';
        range = (struct store_range){ .from = slice_text(from),
                                      .to = slice_text(to),
                                      .reverse = reverse };
        found = pairs_seek(&pairs, pair.db, from, to, reverse);
        assert_int_equal(writeset_seek(set, pair.db, &range, &key, &value), found != NULL);
        if (found) {
            assert_true(slice_equal(key, slice_text(found->key)));
            assert_value(found, value);
        }
        assert_true(writeset_get(set, pair.db, slice_text(pair.key), &value));
        assert_value(&pair, value);
        assert_false(writeset_get(set, STORE_CHILD, slice_text(pair.key), &value));
    }
    for (size_t i = 0; i < pairs.n; i++)
        bytes += strlen(pairs.pairs[i].key) + strlen(pairs.pairs[i].value);
    assert_int_equal(writeset_count(set), pairs.n);
    assert_int_equal(writeset_bytes(set), bytes);
    writeset_clear(set);
    assert_int_equal(writeset_count(set), 0);
    assert_int_equal(writeset_bytes(set), 0);
    arena_fini(&arena);
}

/* A delete says something of the store, even where the set itself had put the key. */
static void a_delete_is_kept(void **state)
{
    struct arena arena;
    struct writeset *set;
    struct slice value;

    (void)state;
    arena_init(&arena, 1u << 20);
    set = writeset_create(&arena);
    assert_int_equal(writeset_put(set, STORE_RECORD, slice_text("a"), slice_text("")), CRM_OK);
    assert_true(writeset_get(set, STORE_RECORD, slice_text("a"), &value));
    assert_non_null(value.data); /* empty is a value */
    assert_int_equal(writeset_delete(set, STORE_RECORD, slice_text("a")), CRM_OK);
    assert_true(writeset_get(set, STORE_RECORD, slice_text("a"), &value));
    assert_null(value.data);
    arena_fini(&arena);
}

static void a_fold_is_whole_or_has_not_been(void **state)
{
    static struct pairs pairs;
    struct arena large, small;
    struct writeset *from, *into, *poor;
    struct slice value;
    size_t before;

    (void)state;
    pairs.n = 0;
    arena_init(&large, 8u << 20);
    arena_init(&small, 6000);
    from = writeset_create(&large);
    into = writeset_create(&large);
    poor = writeset_create(&small);
    assert_non_null(poor);
    for (int i = 0; i < 400; i++) {
        struct pair pair = random_pair();

        if (i < 200)
            set_pair(into, &pair);
        else
            set_pair(from, &pair);
        pairs_set(&pairs, &pair);
    }
    assert_int_equal(writeset_put(poor, STORE_INDEX, slice_text("k000"), slice_text("kept")),
                     CRM_OK);
    before = writeset_count(poor);
    assert_int_equal(writeset_fold(poor, from), CRM_NO_MEMORY);
    assert_int_equal(writeset_count(poor), before);
    assert_true(writeset_get(poor, STORE_INDEX, slice_text("k000"), &value));
    assert_true(slice_equal(value, slice_text("kept")));

    assert_int_equal(writeset_fold(into, from), CRM_OK);
    assert_int_equal(writeset_count(into), pairs.n);
    for (size_t i = 0; i < pairs.n; i++) {
        assert_true(writeset_get(into, pairs.pairs[i].db, slice_text(pairs.pairs[i].key), &value));
        assert_value(&pairs.pairs[i], value);
    }
    arena_fini(&large);
    arena_fini(&small);
}

static void too_large_is_refused(void **state)
{
    static uint8_t bytes[STORE_VALUE_MAX + 1];
    struct arena arena;
    struct writeset *set;

    (void)state;
    arena_init(&arena, 1u << 20);
    set = writeset_create(&arena);
    assert_int_equal(
        writeset_put(set, STORE_RECORD, slice_of(bytes, STORE_KEY_MAX + 1), slice_text("v")),
        CRM_TOO_LARGE);
    assert_int_equal(
        writeset_put(set, STORE_RECORD, slice_text("k"), slice_of(bytes, sizeof bytes)),
        CRM_TOO_LARGE);
    assert_int_equal(writeset_count(set), 0);
    assert_int_equal(writeset_put(set, STORE_RECORD, slice_of(bytes, STORE_KEY_MAX),
                                  slice_of(bytes, STORE_VALUE_MAX)),
                     CRM_OK);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_agrees_with_an_array),
        cmocka_unit_test(a_delete_is_kept),
        cmocka_unit_test(a_fold_is_whole_or_has_not_been),
        cmocka_unit_test(too_large_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
