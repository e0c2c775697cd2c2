/*
 * test_grant.c - sharing a record: the rows of a share, what the log keeps of it, how it ends, and what is refused
 */
#include "tests/unit/server_fixture.h"

#include "server/engine/erase.h"
#include "server/engine/expiry.h"
#include "server/engine/grants.h"

#define HOUR_US INT64_C(3600000000)

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

static Crm__ShareArgument *share_with(struct server *server, const struct uuid *user)
{
    Crm__ShareArgument *argument = arena_alloc(&server->arena, sizeof *argument);

    assert_non_null(argument);
    crm__share_argument__init(argument);
    argument->has_principal = true;
    argument->principal = server_id(server, user);
    return argument;
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
    server_refuses(server, share(server, &customer, &server->user, false, 0, true), CRM_INVALID, "principal"); /* is not shared */
    server->actor.rights &= ~(1u << CRM__RIGHT__RIGHT_SHARE);
    server_refuses(server, share(server, &customer, &server->user, false, 0, false), CRM_NOT_ALLOWED, "");
}

/* --- how shares end */

static enum crm_status sweep(struct server *server, struct change_group *group, void *arg)
{
    (void)server;
    (void)arg;
    return expiry_sweep(group);
}

static void run_sweep(struct server *server)
{
    struct server_turn turn = { .work = sweep };

    assert_int_equal(server_turn(server, &turn), CRM_OK);
}

static enum crm_status read_next(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return expiry_next(&view, arg);
}

static int64_t next_end(struct server *server)
{
    int64_t next_us;

    assert_int_equal(store_read_run(server->store, read_next, &next_us), CRM_OK);
    return next_us;
}

static void a_share_ends_at_its_time_as_a_view_entry(void **state)
{
    struct server *server = *state;
    int64_t until = server_clock() + HOUR_US;
    struct uuid customer;
    struct row_read read;
    uint64_t seq;

    assert_int_equal(next_end(server), INT64_MAX);
    server_must(server, server_creation(server, KIND_CUSTOMER, &customer, "name=Shared", NULL));
    server_must(server, share(server, &customer, &server->user, true, until + HOUR_US, false));
    server_must(server, share(server, &customer, &server->user, true, until, false)); /* sooner: the first end is no longer due */
    assert_int_equal(next_end(server), until);
    seq = server->seq;
    server_now_us = until - 1;
    run_sweep(server);
    assert_int_equal(server->seq, seq);

    server_now_us = until;
    run_sweep(server);
    assert_int_equal(server->seq, seq + 1);
    read = read_grant(server, &customer, GRANT_USER, &server->user);
    assert_false(read.found);
    assert_int_equal(read.entry.flags & (LOG_VIEW | LOG_GRANT), LOG_VIEW | LOG_GRANT);
    assert_true(uuid_is_nil(&read.entry.by));
    assert_true(slice_equal(read.entry.action, slice_text("expire")));
    assert_int_equal(read.entry.happened_us, until);
    assert_int_equal(read.entry.old_rights, GRANT_WRITE);
    assert_int_equal(read.entry.old_until_us, until);
    assert_int_equal(server_record(server, KIND_CUSTOMER, &customer).header.rev, 4);
    assert_int_equal(next_end(server), INT64_MAX);
}

static void many_shares_end_in_bounded_turns(void **state)
{
    struct server *server = *state;
    int64_t until = server_clock() + HOUR_US;
    uint64_t seq;

    for (int i = 0; i <= EXPIRY_PER_TURN; i++) {
        struct uuid customer;

        server_must(server, server_creation(server, KIND_CUSTOMER, &customer, "name=Shared", NULL));
        server_must(server, share(server, &customer, &server->user, false, until, false));
    }
    seq = server->seq;
    server_now_us = until;
    run_sweep(server);
    assert_int_equal(server->seq, seq + EXPIRY_PER_TURN);
    run_sweep(server);
    assert_int_equal(server->seq, seq + EXPIRY_PER_TURN + 1);
}

static void a_share_rests_in_the_bin(void **state)
{
    struct server *server = *state;
    int64_t until = server_clock() + HOUR_US;
    struct uuid customer;

    server_must(server, server_creation(server, KIND_CUSTOMER, &customer, "name=Shared", NULL));
    server_must(server, share(server, &customer, &server->user, false, until, false));
    server_delete(server, KIND_CUSTOMER, &customer); /* its share rests in the bin */
    server_now_us = until;
    run_sweep(server);
    assert_int_equal(next_end(server), INT64_MAX);
    assert_true(read_grant(server, &customer, GRANT_USER, &server->user).found);

    server_restore(server, KIND_CUSTOMER, &customer);
    assert_false(read_grant(server, &customer, GRANT_USER, &server->user).found); /* it has ended meanwhile */
    assert_int_equal(server->reply.results[0]->rev, server_record(server, KIND_CUSTOMER, &customer).header.rev);
}

static void shares_go_with_whom_they_are_for(void **state)
{
    struct server *server = *state;
    struct uuid customer, binned, kept, team;

    server_create(server, KIND_TEAM, &team, "name=Partners");
    server_create(server, KIND_CUSTOMER, &customer, "name=One");
    server_create(server, KIND_CUSTOMER, &binned, "name=Two");
    server_create(server, KIND_CUSTOMER, &kept, "name=Three");
    server_must(server, share(server, &customer, &team, false, server_clock() + HOUR_US, false));
    server_must(server, share(server, &binned, &team, false, 0, false));
    server_must(server, share(server, &kept, &server->team, false, 0, false));
    server_delete(server, KIND_CUSTOMER, &binned);
    server_delete(server, KIND_TEAM, &team);
    assert_false(read_grant(server, &customer, GRANT_TEAM, &team).found);
    assert_true(read_grant(server, &binned, GRANT_TEAM, &team).found);
    assert_true(read_grant(server, &kept, GRANT_TEAM, &server->team).found);
    assert_int_equal(next_end(server), INT64_MAX);
    server_restore(server, KIND_CUSTOMER, &binned);
    assert_false(read_grant(server, &binned, GRANT_TEAM, &team).found);
}

static enum crm_status erase(struct server *server, struct change_group *group, void *arg)
{
    struct erase_found found = { .seq = group->head.seq };
    struct erase_result result = { 0 };
    struct change change;
    enum crm_status status = change_begin(&change, group, &server->actor);

    if (status == CRM_OK)
        status = erase_record(&change, KIND_USER, arg, false, &found, &result);
    return status == CRM_OK ? change_accept(&change) : status;
}

static void shares_go_with_who_is_erased(void **state)
{
    struct server *server = *state;
    struct uuid customer, guest;
    struct server_turn turn = { .work = erase, .arg = &guest };

    server_create(server, KIND_USER, &guest, "login=guest");
    server_create(server, KIND_CUSTOMER, &customer, "name=One");
    server_must(server, share(server, &customer, &guest, false, 0, false));
    assert_int_equal(server_turn(server, &turn), CRM_OK);
    assert_false(read_grant(server, &customer, GRANT_USER, &guest).found);
}

static void a_team_has_it_alone_or_with_those_below(void **state)
{
    struct server *server = *state;
    struct uuid customer;
    Crm__Mutation *with_below;
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;

    argument.has_principal = argument.has_with_below = argument.with_below = true;
    argument.principal = server_id(server, &server->team);
    server_create(server, KIND_CUSTOMER, &customer, "name=One");
    server_must(server, share(server, &customer, &server->team, true, 0, false));
    with_below = server_action(server, KIND_CUSTOMER, &customer, "share", &argument.base);
    server_must(server, with_below);
    assert_false(read_grant(server, &customer, GRANT_TEAM, &server->team).found);
    assert_int_equal(read_grant(server, &customer, GRANT_TEAM_AND_BELOW, &server->team).rights, GRANT_READ);
    server_must(server, share(server, &customer, &server->team, false, 0, true)); /* however it was given */
    assert_false(read_grant(server, &customer, GRANT_TEAM_AND_BELOW, &server->team).found);
}

static void shares_of_a_record_have_a_limit(void **state)
{
    struct server *server = *state;
    struct uuid customer, team;

    server_create(server, KIND_CUSTOMER, &customer, "name=One");
    for (int i = 0; i <= GRANTS_MAX; i++) {
        server_create(server, KIND_TEAM, &team, arena_printf(&server->arena, "name=Team %d", i));
        if (i < GRANTS_MAX)
            server_must(server, share(server, &customer, &team, false, 0, false));
    }
    server_refuses(server, share(server, &customer, &team, false, 0, false), CRM_TOO_LARGE, "");
}

/* --- the team of a deal */

static Crm__Mutation *set_members(struct server *server, const struct uuid *deal, const struct uuid *const *users, size_t n, bool may_write)
{
    Crm__Deal message = CRM__DEAL__INIT;
    Crm__DealMember members[4], *list[4];

    message.members = list;
    message.n_members = n;
    for (size_t i = 0; i < n; i++) {
        struct uuid id = uuid_create();

        crm__deal_member__init(&members[i]);
        members[i].has_id = members[i].has_user = members[i].has_may_write = true;
        members[i].id = server_id(server, &id);
        members[i].user = server_id(server, users[i]);
        members[i].may_write = may_write;
        list[i] = &members[i];
    }
    return server_with(server, server_patch(server, KIND_DEAL, deal, NULL), &message.base);
}

static void members_of_a_deal_have_a_share_of_their_own(void **state)
{
    struct server *server = *state;
    struct uuid deal, anna, ben;
    const struct uuid *both[] = { &anna, &ben }, *twice[] = { &ben, &ben };
    uint64_t rev;

    server_create(server, KIND_USER, &anna, "login=anna");
    server_create(server, KIND_USER, &ben, "login=ben");
    server_create(server, KIND_DEAL, &deal, "name=Renewal");
    server_must(server, set_members(server, &deal, both, 2, false));
    assert_int_equal(read_grant(server, &deal, GRANT_MEMBER, &anna).rights, GRANT_READ);
    assert_int_equal(read_grant(server, &deal, GRANT_MEMBER, &ben).rights, GRANT_READ);
    rev = server_record(server, KIND_DEAL, &deal).header.rev;
    assert_int_equal(rev, 3); /* an entry of the log for each share */
    assert_int_equal(server->reply.results[0]->rev, rev);

    server_must(server, server_action(server, KIND_DEAL, &deal, "share", &share_with(server, &anna)->base));
    server_must(server, set_members(server, &deal, &both[1], 1, true));
    assert_false(read_grant(server, &deal, GRANT_MEMBER, &anna).found);
    assert_true(read_grant(server, &deal, GRANT_USER, &anna).found); /* shared by hand */
    assert_int_equal(read_grant(server, &deal, GRANT_MEMBER, &ben).rights, GRANT_WRITE);
    server_refuses(server, set_members(server, &deal, twice, 2, false), CRM_INVALID, "members");
    rev = server_record(server, KIND_DEAL, &deal).header.rev;
    server_change(server, KIND_DEAL, &deal, "next_step=call");
    assert_int_equal(server_record(server, KIND_DEAL, &deal).header.rev, rev + 1);

    server->actor.rights &= ~(1u << CRM__RIGHT__RIGHT_SHARE);
    server_refuses(server, set_members(server, &deal, both, 2, false), CRM_NOT_ALLOWED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_share_is_a_row_and_a_view_entry, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(a_share_with_nobody_or_until_yesterday_is_refused, server_setup, server_teardown),
        server_test(a_share_ends_at_its_time_as_a_view_entry),
        server_test(many_shares_end_in_bounded_turns),
        server_test(a_share_rests_in_the_bin),
        server_test(shares_go_with_whom_they_are_for),
        server_test(shares_go_with_who_is_erased),
        server_test(a_team_has_it_alone_or_with_those_below),
        server_test(shares_of_a_record_have_a_limit),
        server_test(members_of_a_deal_have_a_share_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
