/*
 * test_admin_check.c - `crmd check` finds every kind of damage, names it, and finds nothing where
 * there is none
 */
#include "tests/unit/admin_fixture.h"

enum damage_kind { FLIP, DELETE, COPY, RESEAL };

/* Something done to one row; undone afterwards. */
struct damage {
    const char *name;
    enum store_db db;
    enum damage_kind kind;
    unsigned skip;        /* take the row behind so many */
    const char *prefix;   /* of the key, or NULL */
    const char *expected; /* stands in what the check says */
};

static const struct damage damages[] = {
    { "a byte of a record", STORE_RECORD, FLIP, 3, NULL,
      "damaged: version, size or checksum are wrong" },
    { "a record gone", STORE_RECORD, DELETE, 0, NULL, "which does not exist" },
    { "a record gone, log", STORE_RECORD, DELETE, 0, NULL,
      "is of a record that is neither live nor deleted" },
    { "a row that is no record", STORE_RECORD, COPY, 0, NULL, "names no record" },
    { "a byte of a deleted record", STORE_DELETED, FLIP, 0, NULL,
      "damaged: version, size or checksum are wrong" },
    { "a deleted record gone", STORE_DELETED, DELETE, 0, NULL, "neither live nor deleted" },
    { "an index entry gone", STORE_INDEX, DELETE, 5, NULL, "an entry is missing from index" },
    { "an index entry too many", STORE_INDEX, COPY, 5, NULL, "index: an entry for" },
    { "a term gone", STORE_TERM, DELETE, 2, NULL, "an entry is missing from term" },
    { "a term too many", STORE_TERM, COPY, 2, NULL, "term: an entry for" },
    { "a child gone", STORE_CHILD, DELETE, 1, NULL, "an entry is missing from child" },
    { "a child too many", STORE_CHILD, COPY, 1, NULL, "child: an entry for" },
    { "a share gone", STORE_GRANT, DELETE, 0, NULL, "child: a row of something shared" },
    { "a share gone, its end", STORE_GRANT, DELETE, 0, NULL,
      "due: the end of a share that there is not" },
    { "a share too many", STORE_GRANT, COPY, 0, NULL, "a share is missing from child" },
    { "a share with nobody", STORE_GRANT, COPY, 0, NULL, "shared with a team that does not exist" },
    { "a share of nothing", STORE_RECORD, DELETE, 0, "\x04", "a share of a record that does not" },
    { "a byte of a share", STORE_GRANT, FLIP, 0, NULL, "grant: a row is damaged" },
    { "whom it is shared with gone", STORE_CHILD, DELETE, 0, "BBBB",
      "a share is missing from child" },
    { "whom it is shared with too many", STORE_CHILD, COPY, 0, "BBBB",
      "child: a row of something shared" },
    { "the end of a share gone", STORE_DUE, DELETE, 0, NULL, "the end of a share is missing" },
    { "an end too many", STORE_DUE, COPY, 0, NULL, "due: the end of a share that there is not" },
    { "a byte of an end", STORE_DUE, FLIP, 0, NULL, "due: a row is damaged" },
    { "a unique value gone", STORE_UNIQUE, DELETE, 0, NULL, "an entry is missing from unique" },
    { "a unique value of another", STORE_UNIQUE, FLIP, 0, NULL,
      "its entry in unique holds something else" },
    { "a byte of the log", STORE_LOG, FLIP, 7, NULL, "log: change 8 is damaged" },
    { "a byte of the log, sealed again", STORE_LOG, RESEAL, 7, NULL,
      "change 8 does not follow from the one before" },
    { "a change gone", STORE_LOG, DELETE, 7, NULL, "log: changes 8 to 8 are missing" },
    { "a change gone from a history", STORE_LOG, DELETE, 7, NULL,
      "its change 8 is missing from the log" },
    { "a cell gone", STORE_ROLLUP, DELETE, 0, NULL, "rollup: the cell of" },
    { "a byte of a cell", STORE_ROLLUP, FLIP, 1, NULL, "rollup: a cell is damaged" },
    { "a wrong cell", STORE_ROLLUP, RESEAL, 1, NULL, "the log adds up to" },
    { "a counter behind", STORE_META, RESEAL, 0, "number.\x07", "the counter of deals stands at" },
    { "a counter gone", STORE_META, DELETE, 0, "number.\x07", "deals have numbers but no counter" },
    { "a byte of meta", STORE_META, FLIP, 0, "token_key", "meta: a row is damaged" },
    { "no format", STORE_META, DELETE, 0, "format",
      "meta: the row that names the format is missing" },
    { "a byte of a credential", STORE_CREDENTIAL, FLIP, 0, NULL, "credential: a row is damaged" },
};

/* The row that is damaged, as it was. */
struct row {
    const struct damage *damage;
    unsigned left;
    struct key key, copy;
    uint8_t value[STORE_VALUE_MAX], changed[STORE_VALUE_MAX];
    size_t size;
    bool is_found;
};

static bool find_row(void *arg, struct slice key, struct slice value)
{
    struct row *row = arg;

    if (row->damage->prefix && !slice_has_prefix(key, slice_text(row->damage->prefix)))
        return true;
    if (row->left-- > 0)
        return true;
    row->is_found = true;
    row->key.size = row->copy.size = 0;
    key_bytes(&row->key, key.data, key.size);
    key_bytes(&row->copy, key.data, key.size);
    row->copy.data[row->copy.size - 1] ^= 0x55; /* another record's, which does not exist */
    if (row->damage->db == STORE_RECORD)
        row->copy.size--; /* no key of a record */
    if (value.size)
        memcpy(row->value, value.data, value.size);
    row->size = value.size;
    return false;
}

/* Change one byte; with a valid seal it is a lie instead of damage. */
static struct slice changed_value(struct row *row)
{
    const struct damage *damage = row->damage;
    uint32_t crc;

    memcpy(row->changed, row->value, row->size);
    if (damage->kind == RESEAL && damage->db == STORE_META)
        row->changed[SEALED_HEADER_SIZE] = 1; /* the lowest byte of a counter */
    else if (damage->kind == RESEAL && damage->db == STORE_LOG)
        row->changed[SEALED_HEADER_SIZE + 48] ^= 0x10; /* of the time at which it was recorded */
    else
        row->changed[row->size - 1] ^= 0x10;
    if (damage->kind == RESEAL) {
        crc = crc32c(0, row->changed + SEALED_HEADER_SIZE, row->size - SEALED_HEADER_SIZE);
        memcpy(row->changed + 4, &crc, sizeof crc);
    }
    return slice_of(row->changed, row->size);
}

static enum crm_status do_damage(struct store_txn *txn, void *arg)
{
    struct row *row = arg;
    enum crm_status status =
        store_scan(txn, row->damage->db, &(struct store_range){ 0 }, find_row, row);

    assert_int_equal(status, CRM_OK);
    assert_true(row->is_found);
    switch (row->damage->kind) {
    case DELETE:
        return store_delete(txn, row->damage->db, key_slice(&row->key));
    case COPY:
        return store_put(txn, row->damage->db, key_slice(&row->copy),
                         slice_of(row->value, row->size));
    default:
        return store_put(txn, row->damage->db, key_slice(&row->key), changed_value(row));
    }
}

static enum crm_status undo_damage(struct store_txn *txn, void *arg)
{
    const struct row *row = arg;

    if (row->damage->kind == COPY)
        return store_delete(txn, row->damage->db, key_slice(&row->copy));
    return store_put(txn, row->damage->db, key_slice(&row->key), slice_of(row->value, row->size));
}

static void a_sound_database_has_no_faults(void **state)
{
    struct admin *admin = *state;
    struct store *store;

    admin_init(admin);
    store = admin_open(admin->data);
    admin_assert_whole(store);
    admin_fill(store);
    admin_assert_whole(store);
    store_close(store);
    assert_int_equal(ADMIN_RUN(admin, &command_check, admin->data), CRM_OK);
}

static void every_damage_is_named(void **state)
{
    struct admin *admin = *state;
    struct row *row = calloc(1, sizeof *row);
    struct store *store;

    assert_non_null(row);
    admin_init(admin);
    store = admin_open(admin->data);
    admin_fill(store);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        char *text;

        *row = (struct row){ .damage = &damages[i], .left = damages[i].skip };
        assert_int_equal(store_write_run(store, do_damage, row), CRM_OK);
        text = admin_check(store, CRM_CORRUPT);
        if (!strstr(text, damages[i].expected))
            print_error("%s: expected \"%s\" in:\n%s", damages[i].name, damages[i].expected, text);
        assert_non_null(strstr(text, damages[i].expected));
        free(text);
        assert_int_equal(store_write_run(store, undo_damage, row), CRM_OK);
    }
    admin_assert_whole(store);
    store_close(store);
    free(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_database_has_no_faults, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(every_damage_is_named, admin_setup, admin_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
