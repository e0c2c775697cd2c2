/*
 * test_seal.c - a sealed replica: what opens, and what does not; the lock; sealed, opened again and written anew as a whole
 */
#include "replica_fixture.h"

#include "client/replica/keyring.h"
#include "client/replica/rows.h"
#include "client/replica/seal.h"

#define KEYS 40

static const uint8_t key_bytes_of[CIPHER_KEY_SIZE] = { 1, 2, 3 }, other_key[CIPHER_KEY_SIZE] = { 1, 2, 4 };

/* A map, and the same sealed. */
static struct {
    struct store *file, *sealed;
} stores;

static void open_stores(void)
{
    assert_int_equal(store_open_map(&stores.file), CRM_OK);
    assert_int_equal(seal_store(stores.file, key_bytes_of, &stores.sealed), CRM_OK);
}

struct pair_run {
    enum store_db db;
    const char *key;
    struct slice value;
    uint8_t copy[512];
    enum crm_status status;
};

static enum crm_status put_pair(struct store_txn *txn, void *arg)
{
    const struct pair_run *run = arg;

    return store_put(txn, run->db, slice_text(run->key), run->value);
}

static enum crm_status get_pair(struct store_txn *txn, void *arg)
{
    struct pair_run *run = arg;

    run->status = store_get(txn, run->db, slice_text(run->key), &run->value);
    if (run->status == CRM_OK) {
        memcpy(run->copy, run->value.data, run->value.size);
        run->value.data = run->copy;
    }
    return CRM_OK;
}

static void put(struct store *store, enum store_db db, const char *key, struct slice value)
{
    struct pair_run run = { .db = db, .key = key, .value = value };

    assert_int_equal(store_write_run(store, put_pair, &run), CRM_OK);
}

/* Into a static place. */
static enum crm_status get(struct store *store, enum store_db db, const char *key, struct slice *out_value)
{
    static struct pair_run run;

    run = (struct pair_run){ .db = db, .key = key };
    assert_int_equal(store_read_run(store, get_pair, &run), CRM_OK);
    *out_value = run.value;
    return run.status;
}

static void values_come_back(void **state)
{
    struct slice value, first;
    uint8_t kept[512];

    (void)state;
    open_stores();
    put(stores.sealed, STORE_RECORD, "a key", slice_text("not to be read"));
    put(stores.sealed, (enum store_db)REPLICA_BASE, "a key", slice_of("", 0));
    assert_int_equal(get(stores.sealed, STORE_RECORD, "a key", &value), CRM_OK);
    assert_true(slice_equal(value, slice_text("not to be read")));
    assert_int_equal(get(stores.sealed, (enum store_db)REPLICA_BASE, "a key", &value), CRM_OK);
    assert_int_equal(value.size, 0);
    assert_int_equal(get(stores.file, (enum store_db)REPLICA_BASE, "a key", &value), CRM_OK);
    assert_true(value.size > 0);
    assert_int_equal(get(stores.sealed, STORE_RECORD, "another", &value), CRM_NOT_FOUND);

    /* Closed anew each time, and never with the same nonce. */
    assert_int_equal(get(stores.file, STORE_RECORD, "a key", &first), CRM_OK);
    assert_null(memmem(first.data, first.size, "read", 4));
    memcpy(kept, first.data, first.size);
    put(stores.sealed, STORE_RECORD, "a key", slice_text("not to be read"));
    assert_int_equal(get(stores.file, STORE_RECORD, "a key", &value), CRM_OK);
    assert_int_equal(value.size, first.size);
    assert_memory_not_equal(kept + 9, value.data + 9, 12);
    store_close(stores.sealed);
}

static void what_tells_of_the_lock_is_clear_and_nothing_else(void **state)
{
    struct slice value;

    (void)state;
    open_stores();
    put(stores.sealed, STORE_META, "format", slice_text("clear"));
    put(stores.sealed, STORE_META, "lock", slice_text("clear"));
    put(stores.sealed, STORE_META, "session", slice_text("closed"));
    put(stores.sealed, STORE_RECORD, "format", slice_text("closed"));
    assert_int_equal(get(stores.file, STORE_META, "format", &value), CRM_OK);
    assert_true(slice_equal(value, slice_text("clear")));
    assert_int_equal(get(stores.file, STORE_META, "lock", &value), CRM_OK);
    assert_true(slice_equal(value, slice_text("clear")));
    assert_int_equal(get(stores.file, STORE_META, "session", &value), CRM_OK);
    assert_null(memmem(value.data, value.size, "closed", 6));
    assert_int_equal(get(stores.file, STORE_RECORD, "format", &value), CRM_OK);
    assert_null(memmem(value.data, value.size, "closed", 6));
    store_close(stores.sealed);
}

/* Format, revision, nonce, tag, ciphertext: each of its bytes, and each length below its own. */
static void a_changed_value_is_damaged_and_not_read(void **state)
{
    struct slice value, found;
    uint8_t good[512], bad[512];
    size_t size;

    (void)state;
    open_stores();
    put(stores.sealed, STORE_RECORD, "a key", slice_text("four score and seven"));
    assert_int_equal(get(stores.file, STORE_RECORD, "a key", &value), CRM_OK);
    size = value.size;
    memcpy(good, value.data, size);
    for (size_t i = 0; i < size; i++) {
        memcpy(bad, good, size);
        bad[i] ^= (uint8_t)(1u << i % 8);
        put(stores.file, STORE_RECORD, "a key", slice_of(bad, size));
        assert_int_equal(get(stores.sealed, STORE_RECORD, "a key", &found), CRM_CORRUPT);
        put(stores.file, STORE_RECORD, "a key", slice_of(good, i));
        assert_int_equal(get(stores.sealed, STORE_RECORD, "a key", &found), CRM_CORRUPT);
    }
    put(stores.file, STORE_RECORD, "a key", slice_of(good, size));
    assert_int_equal(get(stores.sealed, STORE_RECORD, "a key", &found), CRM_OK);
    store_close(stores.sealed);
}

static void a_value_opens_where_it_was_put_and_nowhere_else(void **state)
{
    struct slice value, found;
    uint8_t a[512], b[512];
    size_t size;

    (void)state;
    open_stores();
    put(stores.sealed, STORE_RECORD, "key a", slice_text("value a"));
    put(stores.sealed, STORE_RECORD, "key b", slice_text("value b"));
    assert_int_equal(get(stores.file, STORE_RECORD, "key a", &value), CRM_OK);
    memcpy(a, value.data, size = value.size);
    assert_int_equal(get(stores.file, STORE_RECORD, "key b", &value), CRM_OK);
    memcpy(b, value.data, size);
    put(stores.file, STORE_RECORD, "key a", slice_of(b, size));
    put(stores.file, STORE_RECORD, "key b", slice_of(a, size));
    put(stores.file, (enum store_db)REPLICA_BASE, "key a", slice_of(a, size));
    assert_int_equal(get(stores.sealed, STORE_RECORD, "key a", &found), CRM_CORRUPT);
    assert_int_equal(get(stores.sealed, STORE_RECORD, "key b", &found), CRM_CORRUPT);
    assert_int_equal(get(stores.sealed, (enum store_db)REPLICA_BASE, "key a", &found), CRM_CORRUPT);
    store_close(stores.sealed);
}

/* --- scans */

static enum crm_status put_many(struct store_txn *txn, void *arg)
{
    char text[16];
    enum crm_status status = CRM_OK;

    (void)arg;
    for (int i = 0; i < KEYS && status == CRM_OK; i++) {
        snprintf(text, sizeof text, "key %02d", i);
        status = store_put(txn, STORE_RECORD, slice_text(text), slice_text(text));
    }
    return status;
}

struct scanning {
    enum store_values values;
    size_t n, good;
    enum crm_status status;
};

static bool check_pair(void *arg, struct slice key, struct slice value)
{
    struct scanning *scanning = arg;

    scanning->n++;
    scanning->good += slice_equal(key, value);
    return true;
}

static enum crm_status scan(struct store_txn *txn, void *arg)
{
    struct scanning *scanning = arg;

    scanning->status = store_scan(txn, STORE_RECORD, &(struct store_range){ .values = scanning->values }, check_pair, scanning);
    return CRM_OK;
}

static struct scanning scan_all(enum store_values values)
{
    struct scanning scanning = { .values = values };

    assert_int_equal(store_read_run(stores.sealed, scan, &scanning), CRM_OK);
    return scanning;
}

static void a_scan_opens_what_it_is_asked_for_and_stops_at_damage(void **state)
{
    struct scanning scanning;

    (void)state;
    open_stores();
    assert_int_equal(store_write_run(stores.sealed, put_many, NULL), CRM_OK);
    assert_int_equal(scan_all(STORE_VALUES_STAY).good, KEYS);
    assert_int_equal(scan_all(STORE_VALUES_PASS).good, KEYS);
    assert_int_equal(scan_all(STORE_VALUES_NONE).n, KEYS);
    put(stores.file, STORE_RECORD, "key 07", slice_text("damage"));
    for (int values = STORE_VALUES_STAY; values <= STORE_VALUES_PASS; values++) {
        scanning = scan_all((enum store_values)values);
        assert_int_equal(scanning.status, CRM_CORRUPT);
        assert_int_equal(scanning.n, 7);
    }
    scanning = scan_all(STORE_VALUES_NONE);
    assert_int_equal(scanning.status, CRM_OK);
    store_close(stores.sealed);
}

static void another_key_opens_nothing(void **state)
{
    struct store *below, *wrong;
    struct slice value;

    (void)state;
    open_stores();
    put(stores.sealed, STORE_RECORD, "a key", slice_text("a value"));
    assert_int_equal(store_open_map_of(stores.file, &below), CRM_OK);
    assert_int_equal(seal_store(below, other_key, &wrong), CRM_OK);
    assert_int_equal(get(wrong, STORE_RECORD, "a key", &value), CRM_CORRUPT);
    store_close(wrong);
    store_close(stores.sealed);
}

/* --- the lock */

static void a_lock_opens_to_its_passphrase(void **state)
{
    const struct uuid id = { .bytes = { 7 } };
    struct seal_lock lock, read;
    struct failure failure = { 0 };
    uint8_t packed[SEAL_LOCK_SIZE], key[CIPHER_KEY_SIZE];

    (void)state;
    assert_int_equal(seal_lock_make(key_bytes_of, &id, "short", 60, &lock, &failure), CRM_INVALID);
    assert_int_equal(seal_lock_make(key_bytes_of, &id, "correct horse", 60, &lock, &failure), CRM_OK);
    seal_lock_pack(&lock, packed);
    assert_null(memmem(packed, sizeof packed, key_bytes_of, sizeof key_bytes_of));
    assert_int_equal(seal_lock_parse(slice_of(packed, sizeof packed), &read), CRM_OK);
    assert_int_equal(read.keep_s, 60);
    assert_int_equal(seal_lock_open(&read, "correct house", key), CRM_BAD_CREDENTIALS);
    assert_int_equal(seal_lock_open(&read, "", key), CRM_BAD_CREDENTIALS);
    assert_int_equal(seal_lock_open(&read, "correct horse", key), CRM_OK);
    assert_memory_equal(key, key_bytes_of, sizeof key);
}

static void a_lock_that_was_changed_does_not_open(void **state)
{
    const struct uuid id = { .bytes = { 7 } };
    static const size_t places[] = { 2, 18, 34, 50, 62, 78 }; /* id, how long the key is kept, salt, nonce, tag, key */
    struct seal_lock lock, read;
    struct failure failure = { 0 };
    uint8_t packed[SEAL_LOCK_SIZE], key[CIPHER_KEY_SIZE];

    (void)state;
    assert_int_equal(seal_lock_make(key_bytes_of, &id, "correct horse", 60, &lock, &failure), CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        seal_lock_pack(&lock, packed);
        packed[places[i]] ^= 1;
        assert_int_equal(seal_lock_parse(slice_of(packed, sizeof packed), &read), CRM_OK);
        assert_int_equal(seal_lock_open(&read, "correct horse", key), CRM_BAD_CREDENTIALS);
    }
    seal_lock_pack(&lock, packed);
    for (size_t size = 0; size < sizeof packed; size++)
        assert_int_equal(seal_lock_parse(slice_of(packed, size), &read), CRM_CORRUPT);
    for (size_t i = 0; i < 3; i++) { /* nobody is made to use all memory, or to compute for a year */
        seal_lock_pack(&lock, packed);
        packed[2 + UUID_SIZE + 4 + 4 * i + 3] = 0xff;
        assert_int_equal(seal_lock_parse(slice_of(packed, sizeof packed), &read), CRM_CORRUPT);
    }
}

static void the_keyrings_key_is_told_from_another(void **state)
{
    const struct uuid id = { .bytes = { 8 } };
    struct failure failure = { 0 };
    struct seal_lock lock;
    uint8_t key[CIPHER_KEY_SIZE];

    (void)state;
    assert_int_equal(seal_lock_make(key_bytes_of, &id, NULL, 0, &lock, &failure), CRM_OK);
    assert_true(seal_lock_fits(&lock, key_bytes_of));
    assert_false(seal_lock_fits(&lock, other_key));
    assert_int_equal(seal_lock_open(&lock, "correct horse", key), CRM_BAD_CREDENTIALS);
}

static void the_keyring_keeps_and_forgets(void **state)
{
    const struct uuid id = uuid_create();
    uint8_t key[CIPHER_KEY_SIZE] = { 0 };

    (void)state;
    if (keyring_put(&id, key_bytes_of, 60) == CRM_UNREACHABLE)
        skip(); /* the kernel has none, or forbids it */
    assert_int_equal(keyring_get(&id, key), CRM_OK);
    assert_memory_equal(key, key_bytes_of, sizeof key);
    keyring_forget(&id);
    assert_int_equal(keyring_get(&id, key), CRM_NOT_FOUND);
}

/* --- a whole replica */

static const char *typed; /* NULL: nobody is there */
static unsigned n_asked;

static enum crm_status type_passphrase(void *arg, char passphrase[REPLICA_PASSPHRASE_SIZE], struct failure *failure)
{
    (void)arg;
    n_asked++;
    if (!typed)
        return (fail)(failure, CRM_CANCELLED, NULL, "nobody is there");
    strcpy(passphrase, typed);
    return CRM_OK;
}

static bool none(size_t row)
{
    (void)row;
    return false;
}

static void fill(void)
{
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    end();
}

static enum crm_status encrypt(const char *passphrase)
{
    const struct replica_sealing sealing = { .passphrase = passphrase, .keep_s = 60 };
    struct failure failure = { 0 };

    return replica_encrypt(test.home, &sealing, &failure);
}

/* Does the replica's file hold these bytes? */
static bool file_holds(const char *text)
{
    static uint8_t bytes[32 << 20];
    char path[128];
    size_t n;
    FILE *file;

    snprintf(path, sizeof path, "%s/replica/data.mdb", test.home);
    file = fopen(path, "rb");
    assert_non_null(file);
    n = fread(bytes, 1, sizeof bytes, file);
    assert_true(n > 0 && n < sizeof bytes);
    fclose(file);
    return memmem(bytes, n, text, strlen(text));
}

static struct dump records_of(struct store *store)
{
    struct dump dumps[ARRAY_LEN(compared)] = { 0 };

    assert_int_equal(store_read_run(store, dump_run, dumps), CRM_OK);
    return dumps[0];
}

static void a_replica_is_sealed_and_opened_again(void **state)
{
    struct dump plain, sealed;
    struct failure failure = { 0 };

    (void)state;
    typed = "correct horse";
    replica_asks(type_passphrase, NULL);
    fill();
    assert_true(file_holds("Acme"));
    begin();
    plain = records_of(replica_store(test.replica));
    end();
    assert_int_equal(encrypt("correct horse"), CRM_OK);
    assert_false(file_holds("Acme"));
    assert_false(file_holds("acme"));
    assert_false(file_holds("lena"));
    begin();
    assert_true(load()->is_sealed);
    sealed = records_of(replica_store(test.replica));
    assert_int_equal(sealed.n, plain.n);
    assert_true(sealed.hash == plain.hash);
    end();
    assert_int_equal(encrypt("better battery"), CRM_OK); /* another passphrase, the same data */
    assert_int_equal(replica_forget_key(test.home, &failure), CRM_OK);
    assert_int_equal(try_begin(&failure), CRM_BAD_CREDENTIALS);
    typed = NULL;
    failure = (struct failure){ 0 };
    assert_int_equal(try_begin(&failure), CRM_CANCELLED);
    typed = "better battery";
    begin();
    end();
    assert_int_equal(replica_decrypt(test.home, &failure), CRM_OK);
    assert_true(file_holds("Acme"));
    begin();
    assert_false(load()->is_sealed);
    assert_holds(all); /* its indexes, too */
    end();
    assert_int_equal(replica_decrypt(test.home, &failure), CRM_INVALID);
}

/* Snapshots, changes and what is to be forgotten, into a replica that was sealed from the start. */
static void a_sealed_replica_follows(void **state)
{
    struct page page;

    (void)state;
    typed = "correct horse";
    replica_asks(type_passphrase, NULL);
    assert_int_equal(encrypt("correct horse"), CRM_OK);
    begin();
    tell_snapshot(all, begin_again);
    assert_int_equal(pull_finish(), CRM_OK);
    tell_snapshot(every_third, begin_again);
    assert_int_equal(pull_finish(), CRM_OK);
    page_init(&page, false);
    page_forget(&page, &test.world.rows[0]);
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_false(file_holds("Acme"));
    assert_true(rows_of(STORE_RECORD) > WORLD_ROWS / 5);
    assert_int_equal(rows_of(STORE_INDEX) + rows_of(STORE_TERM) + rows_of(STORE_UNIQUE), 0);
}

static void what_was_forgotten_is_not_in_the_file(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    replica_asks(NULL, NULL);
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    tell_snapshot(none, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(rows_of(STORE_RECORD), 0);
    assert_true(file_holds("Acme")); /* in pages that nobody reads */
    assert_int_equal(replica_compact(test.replica, &failure), CRM_OK);
    assert_false(file_holds("Acme"));
    assert_false(file_holds("acme"));
    assert_true(load()->is_usable); /* it goes on */
    tell_snapshot(all, begin_again);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(all);
}

static enum crm_status forgotten_so_far(struct store_txn *txn, void *arg)
{
    return replica_get_number(txn, ROW_FORGOTTEN, arg);
}

static uint64_t forgotten(void)
{
    uint64_t n;

    assert_int_equal(store_read_run(replica_store(test.replica), forgotten_so_far, &n), CRM_OK);
    return n;
}

/* However large the file is: what was erased, and what may have been. */
static void what_was_erased_is_worth_writing_it_anew(void **state)
{
    struct failure failure = { 0 };
    struct page page;

    (void)state;
    replica_asks(NULL, NULL);
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    page_init(&page, false);
    page_forget(&page, &test.world.rows[0]);
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(forgotten(), 1);
    page_init(&page, false);
    page_forget(&page, &test.world.rows[1]);
    page.chunk.has_erased = page.chunk.erased = true;
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(forgotten(), 2 + ROWS_MANY);
    assert_int_equal(replica_compact(test.replica, &failure), CRM_OK);
    assert_int_equal(forgotten(), 0);
    tell_snapshot(every_third, begin_again);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_true(forgotten() >= ROWS_MANY);
}

static void a_role_that_wants_it_is_heeded(void **state)
{
    Crm__LoginReply session = CRM__LOGIN_REPLY__INIT;
    struct failure failure = { 0 };

    (void)state;
    replica_asks(NULL, NULL);
    session.has_offline_encrypted = session.offline_encrypted = true;
    begin();
    assert_int_equal(replica_admits(test.replica, &session, &failure), CRM_NOT_ALLOWED);
    end();
    assert_int_equal(encrypt("correct horse"), CRM_OK);
    typed = "correct horse";
    replica_asks(type_passphrase, NULL);
    begin();
    assert_int_equal(replica_admits(test.replica, &session, &failure), CRM_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(what_tells_of_the_lock_is_clear_and_nothing_else),
        cmocka_unit_test(a_changed_value_is_damaged_and_not_read),
        cmocka_unit_test(a_value_opens_where_it_was_put_and_nowhere_else),
        cmocka_unit_test(a_scan_opens_what_it_is_asked_for_and_stops_at_damage),
        cmocka_unit_test(another_key_opens_nothing),
        cmocka_unit_test(a_lock_opens_to_its_passphrase),
        cmocka_unit_test(a_lock_that_was_changed_does_not_open),
        cmocka_unit_test(the_keyrings_key_is_told_from_another),
        cmocka_unit_test(the_keyring_keeps_and_forgets),
        TEST(a_replica_is_sealed_and_opened_again),
        TEST(a_sealed_replica_follows),
        TEST(what_was_forgotten_is_not_in_the_file),
        TEST(what_was_erased_is_worth_writing_it_anew),
        TEST(a_role_that_wants_it_is_heeded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
