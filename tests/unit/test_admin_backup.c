/*
 * test_admin_backup.c - backups come back whole in a new epoch; altered and cut ones are refused
 * before anything is touched
 */
#include "tests/unit/admin_fixture.h"

#include "server/admin/address.h"
#include "server/admin/archive.h"
#include "server/admin/backed_up.h"
#include "server/admin/ca.h"

static bool exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static void make_backup(struct admin *admin)
{
    struct store *store;

    admin_init(admin);
    store = admin_open(admin->data);
    admin_fill(store);
    store_close(store);
    assert_int_equal(ADMIN_RUN(admin, &command_backup, admin->data, admin->backup), CRM_OK);
}

struct identity {
    uint32_t epoch;
    uint8_t database[UUID_SIZE];
    struct log_head head;
};

static enum crm_status read_identity(struct store_txn *txn, void *arg)
{
    struct identity *identity = arg;
    struct view view = { .txn = txn };

    assert_int_equal(meta_get(&view, "epoch", &identity->epoch, sizeof identity->epoch), CRM_OK);
    assert_int_equal(meta_get(&view, "database", identity->database, sizeof identity->database),
                     CRM_OK);
    return log_head_load(&view, &identity->head);
}

static struct identity identity_of(const char *directory)
{
    struct store *store = admin_open(directory);
    struct identity identity = { 0 };

    assert_int_equal(store_read_run(store, read_identity, &identity), CRM_OK);
    admin_assert_whole(store);
    store_close(store);
    return identity;
}

static void a_backup_comes_back_in_a_new_epoch(void **state)
{
    struct admin *admin = *state;
    uint8_t before[SHA256_SIZE], after[SHA256_SIZE];
    char path[PATH_MAX + 16];
    struct identity old, new;
    struct stat st;

    make_backup(admin);
    assert_int_equal(stat(admin->backup, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, admin->backup, admin->other), CRM_OK);
    old = identity_of(admin->data);
    new = identity_of(admin->other);
    assert_true(new.epoch > old.epoch);
    assert_int_equal(new.head.seq, old.head.seq);
    assert_memory_equal(new.head.hash, old.head.hash, SHA256_SIZE);
    assert_memory_equal(new.database, old.database, UUID_SIZE);
    snprintf(path, sizeof path, "%s/ca.crt", admin->data);
    assert_int_equal(ca_fingerprint(path, before, NULL), CRM_OK);
    snprintf(path, sizeof path, "%s/ca.crt", admin->other);
    assert_int_equal(ca_fingerprint(path, after, NULL), CRM_OK);
    assert_memory_equal(before, after, SHA256_SIZE);
}

/* The server learns from a note how far the last backup reaches; a restored directory has none. */
static void a_backup_leaves_a_note(void **state)
{
    struct admin *admin = *state;
    struct identity identity;
    char path[PATH_MAX + 16];
    FILE *file;

    make_backup(admin);
    identity = identity_of(admin->data);
    assert_true(identity.head.seq > 0);
    assert_int_equal(backed_up_read(admin->data, identity.epoch), identity.head.seq);
    assert_int_equal(backed_up_read(admin->data, identity.epoch + 1), 0);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, admin->backup, admin->other), CRM_OK);
    assert_int_equal(backed_up_read(admin->other, identity.epoch + 1), 0);
    snprintf(path, sizeof path, "%s/%s", admin->data, BACKED_UP_FILE);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%u 17", identity.epoch); /* torn: more digits may follow */
    fclose(file);
    assert_int_equal(backed_up_read(admin->data, identity.epoch), 0);
}

static void what_exists_is_never_overwritten(void **state)
{
    struct admin *admin = *state;

    make_backup(admin);
    assert_int_equal(ADMIN_RUN(admin, &command_backup, admin->data, admin->backup), CRM_EXISTS);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, admin->backup, admin->data), CRM_EXISTS);
    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data), CRM_EXISTS);
    assert_non_null(strstr(admin->failure.text, "is not empty"));
    assert_int_equal(ADMIN_RUN(admin, &command_check, admin->data), CRM_OK);
}

/* Read a whole file, free it. */
static uint8_t *read_file(const char *path, size_t *out_size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *bytes;

    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    *out_size = (size_t)ftell(in);
    rewind(in);
    bytes = malloc(*out_size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *out_size, in), *out_size);
    fclose(in);
    return bytes;
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *out = fopen(path, "wb");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
}

static void an_altered_backup_is_refused(void **state)
{
    struct admin *admin = *state;
    size_t size;
    uint8_t *bytes;

    make_backup(admin);
    bytes = read_file(admin->backup, &size);
    for (size_t at = 0; at < size; at += at < 700 ? 1 : size / 50) {
        struct archive archive;

        bytes[at] ^= 0x20;
        write_file(admin->backup, bytes, size);
        bytes[at] ^= 0x20;
        assert_int_not_equal(archive_open(admin->backup, &archive, NULL), CRM_OK);
    }
    bytes[size / 2] ^= 1;
    write_file(admin->backup, bytes, size);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, admin->backup, admin->other), CRM_CORRUPT);
    assert_false(exists(admin->other));
    free(bytes);
}

static void a_cut_backup_is_refused(void **state)
{
    struct admin *admin = *state;
    size_t size;
    uint8_t *bytes;

    make_backup(admin);
    bytes = read_file(admin->backup, &size);
    for (size_t cut = 0; cut < size; cut += cut < 700 ? 1 : size / 50) {
        struct archive archive;

        write_file(admin->backup, bytes, cut);
        assert_int_not_equal(archive_open(admin->backup, &archive, NULL), CRM_OK);
    }
    assert_int_equal(ADMIN_RUN(admin, &command_restore, admin->backup, admin->other), CRM_CORRUPT);
    assert_false(exists(admin->other));
    free(bytes);
}

/* One change out of the middle of the log. */
static enum crm_status lose_a_change(struct store_txn *txn, void *arg)
{
    struct key key = { 0 };

    (void)arg;
    key_u64(&key, 5);
    return store_delete(txn, STORE_LOG, key_slice(&key));
}

static void a_broken_database_is_not_backed_up(void **state)
{
    struct admin *admin = *state;
    char path[PATH_MAX + 16];
    struct store *store;

    admin_init(admin);
    store = admin_open(admin->data);
    assert_int_equal(store_write_run(store, lose_a_change, NULL), CRM_OK);
    store_close(store);
    assert_int_equal(ADMIN_RUN(admin, &command_backup, admin->data, admin->backup), CRM_CORRUPT);
    assert_false(exists(admin->backup));
    snprintf(path, sizeof path, "%s.tmp", admin->backup);
    assert_false(exists(path));
    snprintf(path, sizeof path, "%s.tmp.d", admin->backup);
    assert_false(exists(path));
}

static void names_that_lead_elsewhere_are_none(void **state)
{
    (void)state;
    assert_true(archive_name_is_valid("crmd.conf"));
    assert_true(archive_name_is_valid("data/data.mdb"));
    assert_false(archive_name_is_valid("../crmd.conf"));
    assert_false(archive_name_is_valid("/etc/passwd"));
    assert_false(archive_name_is_valid("data/lock.mdb"));
    assert_false(archive_name_is_valid(".."));
    assert_false(archive_name_is_valid(""));
}

static void addresses_are_read_one_by_one(void **state)
{
    const char *list = "127.0.0.1:7420, [::1]:0,:80", *position = list;
    struct address address;

    (void)state;
    assert_int_equal(address_next(&position, &address, NULL), CRM_OK);
    assert_string_equal(address.host, "127.0.0.1");
    assert_int_equal(address.port, 7420);
    assert_true(address_is_loopback(&address));
    assert_int_equal(address_next(&position, &address, NULL), CRM_OK);
    assert_string_equal(address.host, "::1");
    assert_int_equal(address.port, 0);
    assert_int_equal(address_next(&position, &address, NULL), CRM_OK);
    assert_true(address_is_any(&address));
    assert_int_equal(address_next(&position, &address, NULL), CRM_NOT_FOUND);
    for (size_t i = 0; i < 5; i++) {
        position = (const char *const[]){ "localhost", "::1:80", "a:65536", "a:", "a:8x" }[i];
        assert_int_equal(address_next(&position, &address, NULL), CRM_INVALID);
    }
}

static void a_failed_init_leaves_nothing(void **state)
{
    struct admin *admin = *state;

    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data, "--currency", "XXQ"),
                     CRM_INVALID);
    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data, "--time-zone", "Mars/Olympus"),
                     CRM_INVALID);
    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data, "--name", "a,DNS:evil"),
                     CRM_INVALID);
    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data, "--admin", "has blank"),
                     CRM_INVALID);
    assert_string_equal(admin->failure.field, "login");
    assert_false(exists(admin->data));
    assert_int_equal(ADMIN_RUN(admin, &command_init, "--nonsense", admin->data), CRM_USAGE);
    assert_int_equal(ADMIN_RUN(admin, &command_init, admin->data, "too", "many"), CRM_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_backup_comes_back_in_a_new_epoch, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(a_backup_leaves_a_note, admin_setup, admin_teardown),
        cmocka_unit_test_setup_teardown(what_exists_is_never_overwritten, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(an_altered_backup_is_refused, admin_setup, admin_teardown),
        cmocka_unit_test_setup_teardown(a_cut_backup_is_refused, admin_setup, admin_teardown),
        cmocka_unit_test_setup_teardown(a_broken_database_is_not_backed_up, admin_setup,
                                        admin_teardown),
        cmocka_unit_test(names_that_lead_elsewhere_are_none),
        cmocka_unit_test(addresses_are_read_one_by_one),
        cmocka_unit_test_setup_teardown(a_failed_init_leaves_nothing, admin_setup, admin_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
