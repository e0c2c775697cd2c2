/*
 * test_replica.c - the replica's storage: pages by hand, cut and killed between them, snapshots that replace, what is forgotten, what is kept raw
 *
 * What a replica holds is compared, key by key, with a store that the engine has filled with the same records.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "client/replica/outbox.h"
#include "client/replica/pages.h"
#include "client/replica/rows.h"
#include "common/base/clock.h"
#include "tests/unit/replica_fixture.h"

/* --- tests */

static void a_snapshot_fills_what_was_empty(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(replica_check(test.replica, NOW_US, &failure), CRM_NOT_FOUND);
    assert_int_equal(rows_of((enum store_db)REPLICA_NAMED), 0); /* nothing to be held against it */
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(all);
    assert_int_equal(load()->seq, 77);
    assert_int_equal(replica_check(test.replica, NOW_US, &failure), CRM_OK);
    assert_int_equal(replica_check(test.replica, NOW_US + 14 * DAY_US, &failure), CRM_SESSION_EXPIRED);
    assert_int_equal(load()->session->has_token, 0);
}

static void the_server_says_how_long_it_may_be_shown(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    begin();
    tell_snapshot(all, NULL);
    test.days = 3;
    assert_int_equal(pull_finish(), CRM_OK);
    load();
    assert_int_equal(replica_check(test.replica, NOW_US + 3 * DAY_US - 1, &failure), CRM_OK);
    assert_int_equal(replica_check(test.replica, NOW_US + 3 * DAY_US, &failure), CRM_SESSION_EXPIRED);
}

static void a_cut_after_every_page_costs_nothing(void **state)
{
    (void)state;
    begin();
    tell_snapshot(all, begin_again);
    assert_int_equal(pull_finish(), CRM_OK);
    begin_again();
    assert_holds(all);
}

/* A child stores the page and dies with the replica open; its lock goes with it. */
static void killed(void)
{
    pid_t pid;
    int status;

    end();
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct failure failure = { 0 };

        _exit(try_begin(&failure) == CRM_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    begin();
}

static void a_process_that_dies_leaves_what_was_committed(void **state)
{
    (void)state;
    begin();
    tell_snapshot(all, killed);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(all);
}

static void take_two(struct pages *pages, size_t first, bool begins)
{
    struct failure failure = { 0 };
    struct page page;

    page_init(&page, begins);
    page_add(&page, &test.world.rows[first]);
    page_add(&page, &test.world.rows[first + 1]);
    page_close(&page, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    assert_int_equal(pages_take(pages, &test.pull, &page.chunk, &failure), CRM_OK);
    memset(&page, 255, sizeof page); /* it was only lent */
}

/* Where the disk is slower than the line a few share a transaction; what waits is stored with what may not wait, and at the end. */
static void pages_that_come_fast_are_stored_together(void **state)
{
    struct failure failure = { 0 };
    struct pages pages;

    (void)state;
    begin();
    pages_init(&pages);
    take_two(&pages, 0, true);
    assert_int_equal(rows_of(STORE_RECORD), 2); /* the first one does not wait */
    for (size_t i = 1; i <= PAGES_MAX; i++) {
        pages.stored_us = clock_monotonic_us();
        pages.took_us = INT64_MAX / 2;
        take_two(&pages, 2 * i, false);
        assert_int_equal(rows_of(STORE_RECORD), i < PAGES_MAX ? 2 : 2 + 2 * PAGES_MAX);
    }
    pages.took_us = INT64_MAX / 2;
    take_two(&pages, 20, false);
    pages.took_us = 0; /* the disk has caught up */
    take_two(&pages, 22, false);
    assert_int_equal(rows_of(STORE_RECORD), 6 + 2 * PAGES_MAX);
    pages.took_us = INT64_MAX / 2;
    take_two(&pages, 24, false);
    assert_int_equal(rows_of(STORE_RECORD), 6 + 2 * PAGES_MAX);
    assert_int_equal(pages_flush(&pages, &test.pull, &failure), CRM_OK);
    assert_int_equal(rows_of(STORE_RECORD), 8 + 2 * PAGES_MAX);
    assert_int_equal(pages_flush(&pages, &test.pull, &failure), CRM_OK);
    pages_fini(&pages);
    assert_int_equal(test.pull.n_pages, 4 + PAGES_MAX);
    assert_int_equal(pull_finish(), CRM_OK);
}

static void a_page_that_does_not_add_up_changes_nothing(void **state)
{
    struct page page;

    (void)state;
    begin();
    page_init(&page, true);
    page_add(&page, &test.world.rows[0]);
    page_add(&page, &test.world.rows[1]);
    page.chunk.n_records--; /* one got lost on the way */
    assert_int_equal(page_store(&page), CRM_PROTOCOL);
    assert_int_equal(rows_of(STORE_RECORD), 0);
    assert_int_equal(load()->cursor.size, 0);
    page.chunk.n_records++;
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(rows_of(STORE_RECORD), 2);
    page_init(&page, false);
    test.records++;
    assert_int_equal(page_store(&page), CRM_PROTOCOL);
    assert_int_equal(pull_finish(), CRM_PROTOCOL);
    assert_false(load()->is_usable);
}

static void changes_follow_and_what_is_to_be_forgotten_goes(void **state)
{
    struct record before[WORLD_ROWS];
    struct page page;

    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    for (int round = 0; round < 5; round++) {
        memcpy(before, test.world.rows, sizeof before);
        assert_int_equal(store_write_run(test.world.store, world_touch_run, &test.world), CRM_OK);
        for (size_t row = 0; row < WORLD_ROWS;) {
            page_init(&page, false);
            for (; row < WORLD_ROWS && page.chunk.n_records < PAGE_RECORDS && page.chunk.n_forgets < PAGE_RECORDS; row++) {
                if (before[row].header.rev == test.world.rows[row].header.rev)
                    continue;
                if (world_is_deleted(&test.world.rows[row]))
                    page_forget(&page, &test.world.rows[row]);
                else
                    page_add(&page, &test.world.rows[row]);
            }
            assert_int_equal(page_store(&page), CRM_OK);
        }
        assert_int_equal(pull_finish(), CRM_OK);
        assert_holds(all);
    }
}

static void a_snapshot_replaces_only_when_it_is_complete(void **state)
{
    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    tell_snapshot(every_third, begin_again);
    assert_holds(all); /* its absence means nothing yet */
    assert_int_equal(load()->phase, PHASE_REPLACES);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(every_third);
    assert_int_equal(rows_of((enum store_db)REPLICA_NAMED), 0);
    assert_int_equal(load()->phase, PHASE_FOLLOWS);
}

static enum crm_status put_away_run(struct store_txn *txn, void *arg)
{
    struct record record = *(const struct record *)arg;
    struct rows rows;

    if (rows_init(&rows, txn, replica_state(test.replica)->schema, &test.world.arena) != CRM_OK ||
        view_record(&rows.view, record.header.kind, &record.header.id, &record) != CRM_OK || rows_put_away(&rows, &record, NULL) != CRM_OK)
        return CRM_FAILED;
    return rows_apply(&rows);
}

static void a_snapshot_takes_what_is_shown_as_deleted(void **state)
{
    struct failure failure = { 0 };
    size_t row = 1;

    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    while (every_third(row) || world_is_deleted(&test.world.rows[row]))
        row++;
    assert_int_equal(store_write_run(replica_store(test.replica), put_away_run, &test.world.rows[row]), CRM_OK);
    tell_snapshot(every_third, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(outbox_carry(test.replica, NOW_US, &failure), CRM_OK);
    assert_holds(every_third); /* its deletion was done, and is no longer queued */
    assert_int_equal(rows_of((enum store_db)REPLICA_BASE), 0);
}

static void a_snapshot_that_begins_anew_does_not_count_the_first(void **state)
{
    struct page page;

    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    page_init(&page, true);
    for (size_t row = 0; row < PAGE_RECORDS; row++)
        if (!world_is_deleted(&test.world.rows[row]))
            page_add(&page, &test.world.rows[row]);
    assert_int_equal(page_store(&page), CRM_OK);
    tell_snapshot(every_third, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(every_third);
}

static enum crm_status put_forgets(struct store_txn *txn, void *arg)
{
    (void)arg;
    return replica_put_number(txn, ROW_PHASE, PHASE_FORGETS);
}

static void forgetting_that_was_cut_off_is_finished(void **state)
{
    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    tell_snapshot(every_third, NULL);
    assert_int_equal(store_write_run(replica_store(test.replica), put_forgets, NULL), CRM_OK);
    begin_again();
    assert_holds(every_third);
    assert_int_equal(load()->phase, PHASE_FOLLOWS);
}

static void unknown_kinds_are_kept_as_they_came(void **state)
{
    const struct record news = of_kind(99, 5, 3, "what a newer server has"), other = of_kind(4711, 6, 1, "");
    struct failure failure = { 0 };
    struct replica_counts counts;
    struct page page;

    (void)state;
    begin();
    page_init(&page, true);
    page_add(&page, &news);
    page_add(&page, &other);
    page_add(&page, &test.world.rows[0]);
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    begin_again();
    assert_int_equal(replica_count(test.replica, &counts, &failure), CRM_OK);
    assert_int_equal(counts.raw, 2);
    assert_int_equal(counts.records, 1);
    page_init(&page, true); /* a snapshot that has one of them no more */
    page_add(&page, &news);
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(rows_of((enum store_db)REPLICA_RAW), 1);
    assert_int_equal(rows_of(STORE_RECORD), 0);
    page_init(&page, false);
    page_forget(&page, &news);
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(rows_of((enum store_db)REPLICA_RAW), 0);
}

/* Keys are made by the fields of a time; a field that comes, and one that goes, changes what a record has. */
static void other_fields_make_other_keys(void **state)
{
    (void)state;
    test.without_zone = true;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    test.without_zone = false;
    begin_again();
    assert_holds(all);
    assert_string_not_equal(load()->indexed, "");
}

/* As a build leaves it behind that did not know customers. */
static enum crm_status put_raw_customer(struct store_txn *txn, void *arg)
{
    const struct record *record = arg;
    Crm__Record wire;
    Crm__Header header;
    uint8_t key[REPLICA_RAW_KEY_SIZE] = { 0, 0, 0, KIND_CUSTOMER }, packed[2048];
    enum crm_status status;

    memcpy(key + 4, record->header.id.bytes, UUID_SIZE);
    record_to_wire(record, &wire, &header);
    status = store_put(txn, (enum store_db)REPLICA_RAW, slice_of(key, sizeof key), slice_of(packed, crm__record__pack(&wire, packed)));
    return status == CRM_OK ? replica_put(txn, ROW_INDEXED, slice_text("2 0.0.1")) : status;
}

static bool only_the_first(size_t row)
{
    return row == 0;
}

static void a_newer_build_takes_what_was_kept_raw(void **state)
{
    (void)state;
    begin();
    assert_int_equal(store_write_run(replica_store(test.replica), put_raw_customer, &test.world.rows[0]), CRM_OK);
    begin_again();
    assert_holds(only_the_first);
    assert_int_equal(rows_of((enum store_db)REPLICA_RAW), 0);
}

static struct record user_called(uint8_t id, uint64_t rev, const char *login)
{
    struct body_builder builder;
    const struct field_def *field = world_field(&test.world, KIND_USER, "login");
    struct record record = of_kind(KIND_USER, id, rev, "");

    body_builder_init(&builder, &test.world.arena);
    body_builder_add(&builder, field, &(struct value){ .type = FIELD_TEXT, .text = slice_text(login) });
    assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
    return record;
}

/* Whose a login is in the replica: the first byte of the id, 0: nobody's. */
static uint8_t holder(const char *login)
{
    const struct value value = { .type = FIELD_TEXT, .text = slice_text(login) };
    struct store_txn *txn;
    struct view view = { .schema = test.world.schema };
    struct uuid id = { { 0 } };
    enum crm_status status;

    assert_int_equal(store_read_begin(replica_store(test.replica), &txn), CRM_OK);
    view.txn = txn;
    status = view_unique(&view, KIND_USER, world_field(&test.world, KIND_USER, "login"), &value, &id);
    store_read_end(txn);
    assert_true(status == CRM_OK || status == CRM_NOT_FOUND);
    return id.bytes[0];
}

static void tell(bool begins, struct record record)
{
    struct page page;

    page_init(&page, begins);
    page_add(&page, &record);
    assert_int_equal(page_store(&page), CRM_OK);
}

/* A gave its login up and B took it; B is told first. */
static void a_unique_value_is_whoever_came_last_s(void **state)
{
    (void)state;
    begin();
    tell(true, user_called(1, 1, "lena"));
    tell(false, user_called(2, 1, "LENA"));
    assert_int_equal(holder("lena"), 2);
    tell(false, user_called(1, 2, "anna"));
    assert_int_equal(holder("lena"), 2);
    assert_int_equal(holder("anna"), 1);
    tell(false, user_called(2, 2, "ben"));
    assert_int_equal(holder("lena"), 0);
}

static void only_one_process_writes(void **state)
{
    struct failure failure = { 0 };
    struct replica *second = NULL;
    char pid[32];

    (void)state;
    begin();
    snprintf(pid, sizeof pid, "process %ld ", (long)getpid());
    assert_int_equal(replica_open(test.home, REPLICA_WRITE, &second, &failure), CRM_BUSY);
    assert_non_null(strstr(failure.text, pid));
    failure = (struct failure){ 0 };
    assert_int_equal(replica_wipe(test.home, &failure), CRM_BUSY);
    end();
    failure = (struct failure){ 0 };
    assert_int_equal(replica_open(test.home, REPLICA_READ, &second, &failure), CRM_OK);
    assert_int_equal(replica_state(second)->is_made, 1);
    replica_close(second);
}

static void it_is_of_one_user_and_one_database(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    begin();
    end();
    test.user.bytes[0] = 2;
    assert_int_equal(try_begin(&failure), CRM_CONFLICT);
    assert_non_null(strstr(failure.text, "lena"));
    end();
    test.user.bytes[0] = 1;
    test.database.bytes[0] = 2;
    failure = (struct failure){ 0 };
    assert_int_equal(try_begin(&failure), CRM_CONFLICT);
}

static void others_may_not_look_into_its_directory(void **state)
{
    struct failure failure = { 0 };
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/replica", test.home);
    assert_int_equal(mkdir(path, 0755), 0);
    chmod(path, 0755);
    assert_int_equal(replica_open(test.home, REPLICA_WRITE, &test.replica, &failure), CRM_IO);
    assert_int_equal(replica_open(test.home, REPLICA_READ, &test.replica, &failure), CRM_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_snapshot_fills_what_was_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_says_how_long_it_may_be_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cut_after_every_page_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_process_that_dies_leaves_what_was_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_that_come_fast_are_stored_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_that_does_not_add_up_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_follow_and_what_is_to_be_forgotten_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_replaces_only_when_it_is_complete, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_takes_what_is_shown_as_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_that_begins_anew_does_not_count_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(forgetting_that_was_cut_off_is_finished, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_kinds_are_kept_as_they_came, setup, teardown),
        cmocka_unit_test_setup_teardown(other_fields_make_other_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_build_takes_what_was_kept_raw, setup, teardown),
        cmocka_unit_test_setup_teardown(a_unique_value_is_whoever_came_last_s, setup, teardown),
        cmocka_unit_test_setup_teardown(only_one_process_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_of_one_user_and_one_database, setup, teardown),
        cmocka_unit_test_setup_teardown(others_may_not_look_into_its_directory, setup, teardown),
    };

    return cmocka_run_group_tests_name("replica", tests, NULL, NULL);
}
