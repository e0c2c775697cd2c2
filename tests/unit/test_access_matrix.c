/*
 * test_access_matrix.c - every operation x every kind x scope x relation x field visibility, against a plain model of the rules
 *
 * Worlds are made from seeds by the real way in (access/world.c); what each of their users is answered is compared with the model (access/model.c).
 * Every operation of the table has its case: a new one without a case fails the test.
 */
#include "access/check.h"

#define WORLDS       9 /* of 12 users: the 100 combinations of scopes and visibility, and some mixed roles */
#define FEWEST_CASES 20000

/* An operation that neither reads records nor names anything that could be unseen. */
static void check_nothing(struct eyes *eyes)
{
    (void)eyes;
}

static check_operation *const cases[OP_MAX + 1] = {
    [OP_LOGIN] = check_nothing,   /* before there is anybody: test_session, test_link */
    [OP_LOGOUT] = check_nothing,  /* takes nothing, tells nothing */
    [OP_PING] = check_nothing,    /* likewise */
    [OP_CONFIRM] = check_nothing, /* one's own password */
    [OP_ENROL] = check_nothing,   /* before login, by a code */
    [OP_DESCRIBE] = check_describe,
    [OP_GET] = check_get,
    [OP_LIST] = check_list,
    [OP_COUNT] = check_count,
    [OP_SEARCH] = check_search,
    [OP_MUTATE] = check_mutate,
    [OP_HISTORY] = check_history,
    [OP_SUBSCRIBE] = check_subscribe,
    [OP_UPLOAD] = check_upload,
    [OP_REPORT] = check_report,
    [OP_ACCESS_EXPLAIN] = check_explain,
    [OP_ACCESS_WHO] = check_who,
    [OP_ACCESS_SHARES] = check_shares,
    [OP_SYNC_CHANGES] = check_sync,
    [OP_SYNC_CONFLICTS] = check_conflicts,
    [OP_JOB] = check_jobs,
    [OP_EXPORT_BEGIN] = check_nothing, /* with the next */
    [OP_EXPORT] = check_export,
    [OP_DUPLICATES] = check_duplicates,
    [OP_INVITE] = check_rights,
    [OP_PASSWORD] = check_rights,
    [OP_SESSION_LIST] = check_rights,
    [OP_SESSION_END] = check_rights,
    [OP_FACTOR] = check_rights,
    [OP_TOKEN] = check_rights,
    [OP_DEVICE] = check_rights,
    [OP_AUDIT_LIST] = check_rights,
    [OP_ERASE] = check_rights,
};

static size_t n_cases, n_worlds;

static void test_every_operation_has_a_case(void **state)
{
    const struct kind_def *kind;

    (void)state;
    for (uint32_t code = 1; code <= OP_MAX; code++)
        if (op_find(code) && !cases[code])
            fail_msg("%s has no case: say in access/check_*.c what of it may be seen", op_find(code)->name);
    for (size_t n = 0; (kind = kind_at(n)); n++)
        assert_non_null(world_kind(kind->kind));
}

static bool is_new(uint32_t code)
{
    for (uint32_t before = 1; before < code; before++)
        if (cases[before] == cases[code])
            return false;
    return true;
}

static void run_world(unsigned n)
{
    struct world *world = world_create(1000 + n, n * WORLD_USERS);

    for (int i = 0; i < WORLD_USERS; i++) {
        struct eyes eyes = { .world = world, .peer = &world->peers[i], .user = &world->model->users[world->users[i]], .number = i };

        for (uint32_t code = 1; code <= OP_MAX; code++)
            if (cases[code] && is_new(code)) {
                cases[code](&eyes);
                arena_reset(&eyes.peer->arena);
            }
        n_cases += eyes.n_cases;
    }
    world_destroy(world);
    n_worlds++;
}

static void test_worlds(void **state)
{
    const char *only = getenv("CRM_TEST_WORLD");

    (void)state;
    for (unsigned n = 0; n < WORLDS; n++)
        if (!only || n == (unsigned)atoi(only))
            run_world(n);
    print_message("%zu cases in %zu worlds\n", n_cases, n_worlds);
    assert_true(only || n_cases > FEWEST_CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_has_a_case),
        cmocka_unit_test(test_worlds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
