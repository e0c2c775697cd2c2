/*
 * store_fixture.h - what the tests of the store share: a directory for a test, write runs given as
 * a list, ranges read as text
 *
 * Nothing here asserts inside a transaction: a failed assertion jumps out, and would leave the
 * transaction open.
 */
#ifndef CRM_TEST_STORE_FIXTURE_H
#define CRM_TEST_STORE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/store/store.h"

/* Last: its macro fail() would garble the prototype in failure.h. */
#include <cmocka.h>

#define FIXTURE_DIR_SIZE 64

static inline void fixture_dir_create(char dir[FIXTURE_DIR_SIZE])
{
    snprintf(dir, FIXTURE_DIR_SIZE, "/tmp/crm-test-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

/* The path of a file in it. */
static inline const char *fixture_path(const char *dir, const char *name,
                                       char path[2 * FIXTURE_DIR_SIZE])
{
    snprintf(path, 2 * FIXTURE_DIR_SIZE, "%s/%s", dir, name);
    return path;
}

static inline void fixture_dir_destroy(const char *dir)
{
    char path[2 * FIXTURE_DIR_SIZE];

    unlink(fixture_path(dir, "data.mdb", path));
    unlink(fixture_path(dir, "lock.mdb", path));
    rmdir(dir);
}

/* One step of a write run; a value of NULL deletes. */
struct step {
    enum store_db db;
    const char *key;
    const char *value;
};

struct steps {
    const struct step *steps;
    size_t n;
    enum crm_status end; /* what the run's function returns at its end */
};

static inline enum crm_status steps_run(struct store_txn *txn, void *arg)
{
    const struct steps *steps = arg;

    for (size_t i = 0; i < steps->n; i++) {
        const struct step *step = &steps->steps[i];
        struct slice key = slice_text(step->key);
        enum crm_status status = step->value
                                     ? store_put(txn, step->db, key, slice_text(step->value))
                                     : store_delete(txn, step->db, key);

        if (status != CRM_OK)
            return status;
    }
    return steps->end;
}

static inline enum crm_status put_text(struct store *store, enum store_db db, const char *key,
                                       const char *value)
{
    struct step step = { db, key, value };
    struct steps steps = { &step, 1, CRM_OK };

    return store_write_run(store, steps_run, &steps);
}

/* A range as "key=value key=value ". */
struct listing {
    char text[1024];
    size_t size;
    unsigned most; /* stop after so many pairs; 0: never */
    unsigned n;
};

static inline bool listing_add(void *arg, struct slice key, struct slice value)
{
    struct listing *listing = arg;
    int n =
        snprintf(listing->text + listing->size, sizeof listing->text - listing->size, "%.*s=%.*s ",
                 (int)key.size, (const char *)key.data, (int)value.size, (const char *)value.data);

    listing->size += (size_t)n;
    listing->n++;
    return listing->n != listing->most && listing->size < sizeof listing->text;
}

static inline struct store_range range_text(const char *from, const char *to, bool reverse)
{
    return (
        struct store_range){ .from = slice_text(from), .to = slice_text(to), .reverse = reverse };
}

static inline struct store_txn *read_begin(struct store *store)
{
    struct store_txn *txn = NULL;

    assert_int_equal(store_read_begin(store, &txn), CRM_OK);
    return txn;
}

static inline void assert_slice_text(struct slice s, const char *text)
{
    assert_int_equal(s.size, strlen(text));
    assert_memory_equal(s.data, text, s.size);
}

static inline void assert_listing(struct store_txn *txn, enum store_db db, struct store_range range,
                                  const char *expected)
{
    struct listing listing = { .size = 0 };

    assert_int_equal(store_scan(txn, db, &range, listing_add, &listing), CRM_OK);
    assert_string_equal(listing.text, expected);
}

/* In a snapshot of its own. */
static inline void assert_stored(struct store *store, enum store_db db, const char *key,
                                 const char *value)
{
    struct store_txn *txn = read_begin(store);
    struct slice found;
    enum crm_status status = store_get(txn, db, slice_text(key), &found);

    if (value) {
        assert_int_equal(status, CRM_OK);
        assert_slice_text(found, value);
    } else {
        assert_int_equal(status, CRM_NOT_FOUND);
    }
    store_read_end(txn);
}

#endif
