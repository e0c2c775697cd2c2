/*
 * test_admin_housekeeping.c - what has run out is swept in bounded turns, and nothing else is
 */
#include "tests/unit/admin_fixture.h"

#include "server/admin/housekeeping.h"
#include "server/engine/done.h"
#include "server/session/api_token.h"

#define MANY    1300 /* rows: more than one turn looks at */
#define HOUR_US INT64_C(3600000000)
#define CHUNKS  3

/* Rows as session.h and upload.h describe them: what counts is an instant at an offset. */
static void put_row(struct store_txn *txn, enum store_db db, struct slice key, size_t offset,
                    int64_t at_us)
{
    struct arena arena;
    uint8_t *content, *value;

    arena_init(&arena, 4096);
    value = sealed_alloc(&arena, 64, &content);
    assert_non_null(value);
    memset(content, 0, 64);
    memcpy(content + offset, &at_us, sizeof at_us);
    assert_int_equal(store_put(txn, db, key, sealed_close(value, 64)), CRM_OK);
    arena_fini(&arena);
}

static void put_upload(struct store_txn *txn, uint8_t n, int64_t started_us)
{
    struct uuid id = admin_id(n);
    struct key key = { 0 };

    key_u8(&key, 'u');
    key_bytes(&key, id.bytes, UUID_SIZE);
    put_row(txn, STORE_JOB, key_slice(&key), 16, started_us);
    for (uint64_t chunk = 0; chunk < CHUNKS; chunk++) {
        struct key part = key;

        key_u64(&part, chunk * 64);
        put_row(txn, STORE_JOB, key_slice(&part), 0, 0);
    }
}

static void put_done(struct store_txn *txn, uint8_t n, int64_t at_us)
{
    struct uuid user = admin_id(1), change = admin_id(n);
    struct key key = { 0 };

    key_bytes(&key, DONE_PREFIX, 1);
    key_bytes(&key, user.bytes, UUID_SIZE);
    key_bytes(&key, change.bytes, UUID_SIZE);
    put_row(txn, STORE_JOB, key_slice(&key), 0, at_us);
}

/* One row of a sort that has run out, and one that has not. */
static void put_pair(struct store_txn *txn, char sort, size_t offset, int64_t now_us)
{
    struct key key = { 0 };

    key_u8(&key, (uint8_t)sort);
    key_u8(&key, 'A');
    put_row(txn, STORE_CREDENTIAL, key_slice(&key), offset, now_us - HOUR_US);
    key.data[1] = 'B';
    put_row(txn, STORE_CREDENTIAL, key_slice(&key), offset, now_us + HOUR_US);
}

/* Every other session is over; one of two invitations, codes and sessions of devices, second factors that were begun,
 * API tokens; one upload of two, and one change of two that is not done twice. Devices and second factors in force stay. */
static enum crm_status fill(struct store_txn *txn, void *arg)
{
    int64_t now_us = clock_now_us();
    struct key key;

    (void)arg;
    for (unsigned i = 0; i < MANY; i++) {
        key.size = 0;
        key_u32(&key, i * 2654435761u);
        put_row(txn, STORE_SESSION, key_slice(&key), 24,
                i % 2 ? now_us + HOUR_US : now_us - HOUR_US);
    }
    put_pair(txn, 'i', 16, now_us);
    put_pair(txn, 'e', 16, now_us);
    put_pair(txn, 'o', 0, now_us);
    put_pair(txn, 'd', 24, now_us);
    put_pair(txn, 'n', 0, now_us);
    put_pair(txn, 'a', 0, now_us - API_TOKEN_KEPT_US); /* told as expired for a while */
    put_pair(txn, 't', 0, now_us);
    put_upload(txn, 1, now_us - 25 * HOUR_US);
    put_upload(txn, 2, now_us - 23 * HOUR_US);
    put_done(txn, 1, now_us - DONE_KEPT_US - HOUR_US);
    put_done(txn, 2, now_us - DONE_KEPT_US + HOUR_US);
    return CRM_OK;
}

static enum crm_status count(struct store_txn *txn, void *arg)
{
    struct store_db_stats *stats = arg;

    assert_int_equal(store_stats(txn, STORE_SESSION, &stats[0]), CRM_OK);
    assert_int_equal(store_stats(txn, STORE_CREDENTIAL, &stats[1]), CRM_OK);
    return store_stats(txn, STORE_JOB, &stats[2]);
}

static void nothing_published(void *arg, const struct change_event *events, uint64_t seq)
{
    (void)arg;
    (void)events;
    (void)seq;
}

/* One turn, waited for: a writer that is stopped runs what waits. */
static void turn(struct core *core, struct housekeeping *keeping)
{
    struct writer *writer;

    assert_int_equal(writer_create(core, nothing_published, NULL, &writer), CRM_OK);
    assert_int_equal(writer_start(writer), CRM_OK);
    housekeeping_turn(keeping, writer);
    writer_destroy(writer);
    assert_false(atomic_load(&keeping->is_waiting));
}

static void what_has_run_out_goes_in_bounded_turns(void **state)
{
    struct admin *admin = *state;
    struct housekeeping keeping = { 0 };
    struct store_db_stats before[3], after[3];
    struct settings settings;
    struct store *store;
    struct core core;
    uint64_t left;

    admin_init(admin);
    store = admin_open(admin->data);
    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&core, store, &settings, admin->data, NULL), CRM_OK);
    assert_int_equal(store_write_run(store, fill, NULL), CRM_OK);
    assert_int_equal(store_read_run(store, count, before), CRM_OK);
    assert_int_equal(before[0].entries, MANY);
    turn(&core, &keeping);
    assert_int_equal(store_read_run(store, count, after), CRM_OK);
    left = after[0].entries;
    assert_true(left < MANY && left > MANY / 2); /* some, not yet all */
    for (unsigned i = 0; i < 4; i++)
        turn(&core, &keeping);
    assert_int_equal(store_read_run(store, count, after), CRM_OK);
    assert_int_equal(after[0].entries, MANY / 2);
    assert_int_equal(after[1].entries,
                     before[1].entries - 5); /* the administrator's password stays */
    assert_int_equal(after[2].entries, 1 + CHUNKS + 1);
    admin_assert_whole(store);
    core_fini(&core);
    store_close(store);
}

static void a_writer_that_has_ended_is_no_trouble(void **state)
{
    struct admin *admin = *state;
    struct housekeeping keeping = { 0 };
    struct settings settings;
    struct writer *writer;
    struct store *store;
    struct core core;

    admin_init(admin);
    store = admin_open(admin->data);
    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&core, store, &settings, admin->data, NULL), CRM_OK);
    assert_int_equal(writer_create(&core, nothing_published, NULL, &writer), CRM_OK);
    writer_stop(writer);
    housekeeping_turn(&keeping, writer);
    assert_false(atomic_load(&keeping.is_waiting)); /* refused: the next minute may try again */
    writer_destroy(writer);
    core_fini(&core);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_run_out_goes_in_bounded_turns, admin_setup,
                                        admin_teardown),
        cmocka_unit_test_setup_teardown(a_writer_that_has_ended_is_no_trouble, admin_setup,
                                        admin_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
