/*
 * test_writer.c - groups: who fails leaves nothing in them, and who is large does not make others fail
 *
 * Jobs wait before the thread starts, so that they meet in one group; stopping it waits for all.
 */
#include "server_fixture.h"

#include "server/dispatch/writer.h"

/* Puts a row under its name, after taking so many bytes of the group's memory and before it fails. */
struct test_job {
    struct write_job job;
    const char *name;
    size_t takes;
    size_t puts;           /* bytes, in values of 60,000 */
    enum crm_status fails; /* CRM_OK: it does not */
    bool spoils;           /* and puts nothing */
    unsigned runs;
    enum crm_status told;
};

struct fixture {
    struct server server;
    struct writer *writer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    server_begin(&f->server, SERVER_MAP, 1);
    f->server.core.settings.write_queue = f->server.core.settings.group = 100;
    assert_int_equal(writer_create(&f->server.core, NULL, NULL, &f->writer), CRM_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    writer_destroy(f->writer);
    server_end(&f->server);
    free(f);
    return 0;
}

static enum crm_status apply(struct write_job *job, struct change_group *group)
{
    static const uint8_t large[60000];
    struct test_job *test = (struct test_job *)job;
    enum crm_status status;

    if (test->spoils) {
        change_group_spoil(group);
        return test->fails;
    }
    status = writeset_put(group->set, STORE_META, slice_text(test->name), slice_of(large, 1));

    test->runs++;
    for (size_t at = 0; at < test->puts && status == CRM_OK; at += sizeof large) {
        struct key key = { 0 };

        key_bytes(&key, test->name, strlen(test->name));
        key_u64(&key, at);
        status = writeset_put(group->set, STORE_META, key_slice(&key), slice_of(large, sizeof large));
    }
    if (status == CRM_OK && test->takes && !arena_alloc(group->arena, test->takes))
        status = CRM_NO_MEMORY;
    return status == CRM_OK ? test->fails : status;
}

static void done(struct write_job *job, enum crm_status status)
{
    ((struct test_job *)job)->told = status;
}

/* All in one group. */
static void run(struct fixture *f, struct test_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        jobs[i].job = (struct write_job){ .apply = apply, .done = done };
        jobs[i].told = CRM_UNKNOWN;
        assert_int_equal(writer_submit(f->writer, &jobs[i].job), CRM_OK);
    }
    assert_int_equal(writer_start(f->writer), CRM_OK);
    writer_stop(f->writer);
}

static enum crm_status find(struct store_txn *txn, void *name)
{
    struct slice value;

    return store_get(txn, STORE_META, slice_text(name), &value);
}

static bool is_stored(struct fixture *f, const char *name)
{
    return store_read_run(f->server.store, find, (void *)(uintptr_t)name) == CRM_OK;
}

static void who_fails_half_way_leaves_nothing(void **state)
{
    struct test_job jobs[] = { { .name = "first" }, { .name = "fails", .fails = CRM_INVALID }, { .name = "last" } };

    run(*state, jobs, ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].told, CRM_OK);
    assert_int_equal(jobs[1].told, CRM_INVALID);
    assert_int_equal(jobs[2].told, CRM_OK);
    assert_true(is_stored(*state, "first"));
    assert_false(is_stored(*state, "fails"));
    assert_true(is_stored(*state, "last"));
    assert_int_equal(jobs[1].runs, 1);
}

static void who_spoils_the_group_is_left_out(void **state)
{
    struct test_job jobs[] = { { .name = "first" }, { .name = "spoils", .spoils = true, .fails = CRM_INVALID }, { .name = "last" } };

    run(*state, jobs, ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].told, CRM_OK);
    assert_int_equal(jobs[1].told, CRM_INVALID);
    assert_int_equal(jobs[2].told, CRM_OK);
    assert_true(is_stored(*state, "first"));
    assert_true(is_stored(*state, "last"));
}

static void all_may_fail(void **state)
{
    struct test_job jobs[] = { { .name = "a", .fails = CRM_INVALID }, { .name = "b", .fails = CRM_NO_MEMORY }, { .name = "c", .fails = CRM_FULL } };

    run(*state, jobs, ARRAY_LEN(jobs));
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].told, jobs[i].fails);
        assert_false(is_stored(*state, jobs[i].name));
    }
}

static void who_finds_no_room_comes_next(void **state)
{
    struct test_job jobs[] = { { .name = "large", .puts = 5u << 20 }, { .name = "small" }, { .name = "third" } };

    run(*state, jobs, ARRAY_LEN(jobs));
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].told, CRM_OK);
        assert_true(is_stored(*state, jobs[i].name));
    }
    assert_int_equal(jobs[1].runs, 1);
}

static void nobody_fails_for_the_memory_of_others(void **state)
{
    struct test_job jobs[] = { { .name = "hungry", .takes = 80u << 20 }, { .name = "hungrier", .takes = 700u << 20 }, { .name = "small" } };

    run(*state, jobs, ARRAY_LEN(jobs));
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].told, CRM_OK);
        assert_true(is_stored(*state, jobs[i].name));
    }
}

static void what_no_group_can_hold_fails_alone(void **state)
{
    struct test_job jobs[] = { { .name = "first" }, { .name = "boundless", .takes = 800u << 20 }, { .name = "last" } };

    run(*state, jobs, ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].told, CRM_OK);
    assert_int_equal(jobs[1].told, CRM_NO_MEMORY);
    assert_int_equal(jobs[2].told, CRM_OK);
    assert_false(is_stored(*state, "boundless"));
    assert_true(is_stored(*state, "last"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_fails_half_way_leaves_nothing),
        TEST(who_spoils_the_group_is_left_out),
        TEST(all_may_fail),
        TEST(who_finds_no_room_comes_next),
        TEST(nobody_fails_for_the_memory_of_others),
        TEST(what_no_group_can_hold_fails_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
