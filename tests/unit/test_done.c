/*
 * test_done.c - changes that are not done twice whoever sends them, and numbers that a restore has lost
 */
#include "server/engine/done.h"
#include "server/engine/number.h"
#include "server_fixture.h"

/* --- names of changes */

struct named {
    struct done_key key;
    const char *answer; /* kept where the change is new */
    char found[64];
};

static enum crm_status run_named(struct server *server, struct change_group *group, void *arg)
{
    struct named *named = arg;
    struct slice reply;
    enum crm_status status = done_find(group, &named->key, &reply, &server->failure);

    named->found[0] = '\0';
    if (status != CRM_OK)
        return status;
    if (!reply.data)
        return done_keep(group, &named->key, slice_text(named->answer));
    snprintf(named->found, sizeof named->found, "%.*s", (int)reply.size, (const char *)reply.data);
    return CRM_OK;
}

static enum crm_status do_named(struct server *s, struct named *named)
{
    struct server_turn turn = { .work = run_named, .arg = named };

    return server_turn(s, &turn);
}

static void a_change_is_known_by_its_name(void **state)
{
    struct server *s = *state;
    struct named named = { .key = { .user = s->user, .change = uuid_create(), .hash = "what is asked f" }, .answer = "done" };

    assert_int_equal(do_named(s, &named), CRM_OK);
    assert_string_equal(named.found, "");
    assert_int_equal(do_named(s, &named), CRM_OK);
    assert_string_equal(named.found, "done");
    named.key.hash[0]++;
    assert_int_equal(do_named(s, &named), CRM_KEY_REUSED);
    assert_string_equal(s->failure.field, "change");
    named.key.user = uuid_create(); /* nobody learns what others do */
    assert_int_equal(do_named(s, &named), CRM_OK);
    assert_string_equal(named.found, "");
}

/* --- numbers */

static enum crm_status jump(struct server *server, struct change_group *group, void *arg)
{
    struct view view = { .txn = group->txn, .group = group->set };

    (void)server;
    (void)arg;
    return number_jump(&view, group->set, server_now_us, group->arena);
}

/* The number of a new customer who would like to have this one. */
static uint64_t number_of_new(struct server *s, uint64_t wanted)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    struct uuid id;
    Crm__Mutation *mutation = server_creation(s, KIND_CUSTOMER, &id, "name=Acme", NULL);

    request.mutations = &mutation;
    request.n_mutations = 1;
    request.numbers = &wanted;
    request.n_numbers = 1;
    assert_int_equal(server_request(s, &request), CRM_OK);
    return s->reply.results[0]->number;
}

static void only_what_a_restore_has_lost_is_given_by_wish(void **state)
{
    struct server *s = *state;
    struct server_turn turn = { .work = jump };

    assert_int_equal(number_of_new(s, 0), 1);
    assert_int_equal(number_of_new(s, 7), 2); /* nothing was restored */
    assert_int_equal(server_turn(s, &turn), CRM_OK);
    assert_int_equal(number_of_new(s, 0), 3 + NUMBER_MARGIN);
    assert_int_equal(number_of_new(s, 3), 3);
    assert_int_equal(number_of_new(s, 3), 4 + NUMBER_MARGIN); /* somebody has it */
    assert_int_equal(number_of_new(s, 2), 5 + NUMBER_MARGIN); /* never lost */
    assert_int_equal(number_of_new(s, 2 + NUMBER_MARGIN), 2 + NUMBER_MARGIN);
    assert_int_equal(number_of_new(s, 9 + NUMBER_MARGIN), 6 + NUMBER_MARGIN); /* the counter's to give */
    server_pass_days(46);
    assert_int_equal(number_of_new(s, 4), 7 + NUMBER_MARGIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(a_change_is_known_by_its_name),
        server_test(only_what_a_restore_has_lost_is_given_by_wish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
