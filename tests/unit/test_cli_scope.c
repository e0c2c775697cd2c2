/*
 * test_cli_scope.c - what a replica is to carry, as people say it
 */
#include "cli_fixture.h"

#include "client/cli/scope.h"

static enum crm_status read_scope(struct cli *cli, const char *text, struct scope *out_scope)
{
    cli->failure = (struct failure){ 0 };
    return scope_parse(cli, text, out_scope);
}

static void test_reach(void **state)
{
    struct cli *cli = &fixture;
    struct scope scope;

    (void)state;
    assert_int_equal(read_scope(cli, "mine", &scope), CRM_OK);
    assert_int_equal(scope.reach, CRM__SYNC_SCOPE__SYNC_SCOPE_MINE);
    assert_int_equal(scope.n_filters, 0);
    assert_int_equal(read_scope(cli, " team ", &scope), CRM_OK);
    assert_int_equal(scope.reach, CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM);
    assert_int_equal(read_scope(cli, "all;", &scope), CRM_OK);
    assert_int_equal(scope.reach, CRM__SYNC_SCOPE__SYNC_SCOPE_ALL);
    assert_int_equal(scope.n_filters, 0);
    assert_int_equal(read_scope(cli, "", &scope), CRM_OK);
    assert_int_equal(scope.reach, CRM__SYNC_SCOPE__SYNC_SCOPE_MINE);
    assert_false(scope_has_filters("team"));
    assert_true(scope_has_filters("team; deals amount > 3"));
    assert_true(scope_has_filters("everything"));
}

static void test_filters(void **state)
{
    struct cli *cli = &fixture;
    struct scope scope;

    (void)state;
    assert_int_equal(read_scope(cli, "team;deals amount > 1500 ;  customer where industry = retail and name ~ x;", &scope), CRM_OK);
    assert_int_equal(scope.reach, CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM);
    assert_int_equal(scope.n_filters, 2);
    assert_int_equal(scope.filters[0]->kind, KIND_DEAL);
    assert_int_equal(scope.filters[0]->n_filter, 1);
    assert_int_equal(scope.filters[1]->kind, KIND_CUSTOMER);
    assert_int_equal(scope.filters[1]->n_filter, 3);
    assert_int_equal(read_scope(cli, "customers name = O'Brien; deals amount > 3", &scope), CRM_OK);
    assert_int_equal(scope.n_filters, 2);
}

/* A semicolon in quotes is text. */
static void test_quotes(void **state)
{
    static const char *const texts[] = { "customers name = \"a; b\"", "customers name = 'a; b'", "customers name in ('a; b', \"c; d\")",
                                         "customers name~\"x;y\" ; tasks state = open" };
    static const size_t n[] = { 1, 1, 1, 2 };
    struct cli *cli = &fixture;
    struct scope scope;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(read_scope(cli, texts[i], &scope), CRM_OK);
        assert_int_equal(scope.n_filters, n[i]);
        assert_string_equal(scope.text, texts[i]);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        enum crm_status status;
    } rows[] = {
        { "everything", CRM_USAGE },
        { "deals", CRM_USAGE },
        { "deals where", CRM_INVALID },
        { "deals amount > 3; mine", CRM_USAGE },
        { "mine; team", CRM_USAGE },
        { "deals amount > 3; deal amount < 9", CRM_USAGE },
        { "deals nothing = 3", CRM_INVALID },
        { "deals amount >", CRM_INVALID },
        { "deals name = \"open; tasks state = open", CRM_INVALID },
    };
    struct cli *cli = &fixture;
    struct scope scope = { .text = "as it was" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (read_scope(cli, rows[i].text, &scope) != rows[i].status)
            fail_msg("%s: %d, %s", rows[i].text, (int)cli->failure.status, cli->failure.text);
        assert_string_equal(scope.text, "as it was");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
