/*
 * test_grant.c - sharing a record: the grant's row, what the log keeps of it, and what is refused
 */
#include "tests/unit/server_fixture.h"

static Crm__Mutation *share(struct server *server, const struct uuid *customer, const struct uuid *with, bool may_write, int64_t until, bool revoke)
{
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;

    argument.has_principal = argument.has_may_write = argument.has_revoke = true;
    argument.principal = server_id(server, with);
    argument.may_write = may_write;
    argument.has_until = until != 0;
    argument.until = until;
    argument.revoke = revoke;
    return server_action(server, KIND_CUSTOMER, customer, "share", &argument.base);
}

struct row_read {
    struct key key;
    bool found;
    uint8_t rights;
    int64_t until_us;
    uint64_t seq;
    struct log_entry entry;
    struct arena *arena;
};

static enum crm_status read_row(struct store_txn *txn, void *arg)
{
    struct row_read *read = arg;
    struct view view = { .txn = txn };
    struct slice value;

    read->found = store_get(txn, STORE_GRANT, key_slice(&read->key), &value) == CRM_OK;
    if (read->found) {
        read->rights = value.data[8]; /* behind the seal */
        memcpy(&read->until_us, value.data + 9, 8);
    }
    return log_read(&view, read->seq, read->arena, &read->entry);
}

static struct row_read read_grant(struct server *server, const struct uuid *root, enum grant_sort sort, const struct uuid *principal)
{
    struct row_read read = { .seq = server->seq, .arena = &server->arena };

    grant_key(&read.key, root, &(struct grant){ .sort = sort, .principal = *principal });
    assert_int_equal(store_read_run(server->store, read_row, &read), CRM_OK);
    return read;
}

static void a_share_is_a_row_and_a_view_entry(void **state)
{
    struct server *server = *state;
    int64_t until = server_clock() + 1000000;
    struct uuid customer;
    struct row_read read;

    server_must(server, server_creation(server, KIND_CUSTOMER, &customer, "name=Shared", NULL));
    server_must(server, share(server, &customer, &server->team, false, until, false));
    read = read_grant(server, &customer, GRANT_TEAM, &server->team);
    assert_true(read.found);
    assert_int_equal(read.rights, GRANT_READ);
    assert_int_equal(read.until_us, until);
    assert_int_equal(read.entry.flags & (LOG_VIEW | LOG_GRANT), LOG_VIEW | LOG_GRANT);
    assert_int_equal(read.entry.old_rights, GRANT_NONE);
    assert_int_equal(read.entry.grant.rights, GRANT_READ);
    assert_true(uuid_equal(&read.entry.grant.principal, &server->team));

    server_must(server, share(server, &customer, &server->team, true, 0, false));
    read = read_grant(server, &customer, GRANT_TEAM, &server->team);
    assert_int_equal(read.rights, GRANT_WRITE);
    assert_int_equal(read.entry.old_rights, GRANT_READ);
    assert_int_equal(read.entry.old_until_us, until);

    server_must(server, share(server, &customer, &server->team, false, 0, true));
    read = read_grant(server, &customer, GRANT_TEAM, &server->team);
    assert_false(read.found);
    assert_int_equal(read.entry.grant.rights, GRANT_NONE);
    assert_int_equal(read.entry.old_rights, GRANT_WRITE);
    assert_int_equal(server_record(server, KIND_CUSTOMER, &customer).header.rev, 4);
}

static void a_share_with_nobody_or_until_yesterday_is_refused(void **state)
{
    struct server *server = *state;
    struct uuid customer;

    server_must(server, server_creation(server, KIND_CUSTOMER, &customer, "name=Shared", NULL));
    server_refuses(server, share(server, &customer, &customer, false, 0, false), CRM_INVALID, "principal");
    server_refuses(server, share(server, &customer, &server->user, false, server_clock() - 1, false), CRM_INVALID, "until");
    server->actor.rights &= ~(1u << CRM__RIGHT__RIGHT_SHARE);
    server_refuses(server, share(server, &customer, &server->user, false, 0, false), CRM_NOT_ALLOWED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_share_is_a_row_and_a_view_entry, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(a_share_with_nobody_or_until_yesterday_is_refused, server_setup, server_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
