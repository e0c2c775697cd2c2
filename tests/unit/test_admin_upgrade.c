/*
 * test_admin_upgrade.c - a database of an older format is refused, upgraded, and whole afterwards;
 * also after an upgrade that was interrupted
 *
 * The witnesses are tests/data/format1.backup and format2.backup: the data directory that
 * admin_fixture.h makes, as `crmd backup` of the last program of that format packed it. They are
 * kept as they are. That of the present format is made by
 *
 *     CRM_WRITE_FORMAT=tests/data/formatN.backup test_admin_upgrade
 *
 * before the number rises.
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

static void make_old(struct admin *admin, uint32_t format, unsigned limit)
{
    struct store *store;

    admin_init(admin);
    store = admin_open(admin->data);
    admin_fill(store);
    if (format <= 2)
        admin_to_format_2(store, limit);
    if (format == 1)
        admin_to_format_1(store, limit);
    store_close(store);
}

static void assert_refused(const char *directory, const char *format)
{
    struct store *store = admin_open(directory);
    struct settings settings;
    struct failure failure = { 0 };
    struct core core;

    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&core, store, &settings, directory, &failure), CRM_FORMAT);
    assert_non_null(strstr(failure.text, format));
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

static void upgrade_witness(struct admin *admin, const char *witness, uint32_t format,
                            const char *called, const char *way_back)
{
    struct archive archive;

    assert_int_equal(archive_open(witness, &archive, NULL), CRM_OK);
    assert_int_equal(archive.facts.format, format);
    archive_close(&archive);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, witness, admin->data), CRM_OK);
    assert_refused(admin->data, called);
    assert_int_equal(ADMIN_RUN(admin, &command_check, admin->data), CRM_FORMAT);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_true(exists_in(admin->data, way_back));
    assert_upgraded(admin->data);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data),
                     CRM_OK); /* nothing left to do */
}

static void the_witness_of_format_1_is_upgraded(void **state)
{
    upgrade_witness(*state, CRM_TEST_DATA "/format1.backup", 1, "format 1",
                    "before-upgrade-1.backup");
}

static void the_witness_of_format_2_is_upgraded(void **state)
{
    upgrade_witness(*state, CRM_TEST_DATA "/format2.backup", 2, "format 2",
                    "before-upgrade-2.backup");
}

static void an_interrupted_upgrade_goes_on(void **state)
{
    struct admin *admin = *state;
    char way_back[PATH_MAX];
    struct stat before, after;

    make_old(admin, 1, 4);
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

    make_old(admin, 1, UINT32_MAX);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_int_equal(directory_path(admin->data, "before-upgrade-1.backup", way_back, NULL),
                     CRM_OK);
    assert_int_equal(ADMIN_RUN(admin, &command_restore, way_back, admin->other), CRM_OK);
    assert_refused(admin->other, "format 1");
}

/* Whether some, or all, of what format 3 derives is missing. */
static void what_format_3_derives_is_completed(void **state)
{
    static const unsigned limits[] = { 3, UINT32_MAX };
    struct admin *admin = *state;
    struct store *store;

    make_old(admin, 2, limits[0]);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_upgraded(admin->data);
    store = admin_open(admin->data);
    admin_to_format_2(store, limits[1]);
    store_close(store);
    assert_int_equal(ADMIN_RUN(admin, &command_upgrade, admin->data), CRM_OK);
    assert_upgraded(admin->data);
}

/* Not a test: how the witness was made. */
static int write_witness(const char *file)
{
    struct admin *admin;
    void *state;

    assert_int_equal(admin_setup(&state), 0);
    admin = state;
    make_old(admin, FORMAT_VERSION, 0);
    assert_int_equal(ADMIN_RUN(admin, &command_backup, admin->data, file), CRM_OK);
    return admin_teardown(&state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_witness_of_format_1_is_upgraded, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(the_witness_of_format_2_is_upgraded, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(what_format_3_derives_is_completed, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_upgrade_goes_on, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(the_way_back_leads_back, admin_setup, admin_teardown),
    };
    const char *witness = getenv("CRM_WRITE_FORMAT");

    return witness ? write_witness(witness) : cmocka_run_group_tests(tests, NULL, NULL);
}
