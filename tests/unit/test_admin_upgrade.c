/*
 * test_admin_upgrade.c - a database of format 1 is refused, upgraded, and whole afterwards; also
 * after an upgrade that was interrupted
 *
 * The witness is tests/data/format1.backup: the data directory that admin_fixture.h makes, with
 * rollup keys and number of format 1, as `crmd backup` packed it. It is kept as it is; it was made
 * by
 *
 *     CRM_WRITE_FORMAT1=tests/data/format1.backup test_admin_upgrade
 */
#include "tests/unit/admin_fixture.h"

#include "server/admin/archive.h"

static bool exists_in(const char *directory, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    assert_int_equal(directory_path(directory, name, path, NULL), CRM_OK);
    return stat(path, &st) == 0;
}

static void make_format_1(struct admin *admin, unsigned limit)
{
    struct store *store;

    admin_init(admin);
    store = admin_open(admin->data);
    admin_fill(store);
    admin_to_format_1(store, limit);
    store_close(store);
}

static void assert_refused(const char *directory)
{
    struct store *store = admin_open(directory);
    struct settings settings;
    struct failure failure = { 0 };
    struct core core;

    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&core, store, &settings, directory, &failure), CRM_FORMAT);
    assert_non_null(strstr(failure.text, "format 1"));
    assert_non_null(strstr(failure.text, "crmd upgrade"));
    core_fini(&core);
    store_close(store);
}

static void assert_upgraded(const char *directory)
{
    struct store *store = admin_open(directory);
    struct settings settings;
    struct core core;

    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&core, store, &settings, directory, NULL), CRM_OK);
    core_fini(&core);
    admin_assert_whole(store);
    store_close(store);
}

static void the_stored_witness_is_upgraded(void **state)
{
    struct admin *admin = *state;
    struct archive archive;

    assert_int_equal(archive_open(CRM_TEST_DATA "/format1.backup", &archive, NULL), CRM_OK);
    assert_int_equal(archive.facts.format, 1);
    archive_close(&archive);
    assert_int_equal(
        ADMIN_RUN(admin, &command_restore, CRM_TEST_DATA "/format1.backup", admin->data), CRM_OK);
    assert_refused(admin->data);
    assert_int_equal(ADMIN_RUN(admin, &command_check, admin->data), CRM_FORMAT);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_true(exists_in(admin->data, "before-upgrade-1.backup"));
    assert_upgraded(admin->data);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data),
                     CRM_OK); /* nothing left to do */
}

static void an_interrupted_upgrade_goes_on(void **state)
{
    struct admin *admin = *state;
    char way_back[PATH_MAX];
    struct stat before, after;

    make_format_1(admin, 4);
    assert_int_equal(directory_path(admin->data, "before-upgrade-1.backup", way_back, NULL),
                     CRM_OK);
    assert_int_equal(ADMIN_RUN(admin, &command_backup, admin->data, way_back), CRM_OK);
    assert_int_equal(stat(way_back, &before), 0);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_int_equal(stat(way_back, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* the way back of the first run is kept */
    assert_upgraded(admin->data);
}

static void the_way_back_leads_back(void **state)
{
    struct admin *admin = *state;
    char way_back[PATH_MAX];

    make_format_1(admin, UINT32_MAX);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_int_equal(directory_path(admin->data, "before-upgrade-1.backup", way_back, NULL),
                     CRM_OK);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, way_back, admin->other), CRM_OK);
    assert_refused(admin->other);
}

/* Not a test: how the witness was made. */
static int write_witness(const char *file)
{
    struct admin *admin;
    void *state;

    assert_int_equal(admin_setup(&state), 0);
    admin = state;
    make_format_1(admin, UINT32_MAX);
    assert_int_equal(ADMIN_RUN(admin, &command_backup, admin->data, file), CRM_OK);
    return admin_teardown(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_stored_witness_is_upgraded, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_upgrade_goes_on, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(the_way_back_leads_back, admin_setup, admin_teardown),
    };
    const char *witness = getenv("CRM_WRITE_FORMAT1");

    return witness ? write_witness(witness) : cmocka_run_group_tests(tests, NULL, NULL);
}
