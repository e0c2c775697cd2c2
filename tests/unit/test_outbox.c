/*
 * test_outbox.c - changes queued in a replica: what they show, what the server is told of them, how they are carried over to what it tells
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "outbox_fixture.h"

/* --- stories */

static void a_change_is_shown_and_says_what_its_author_saw(void **state)
{
    const Crm__Mutation *queued;
    struct outbox_list list;
    Crm__Customer *old;

    (void)state;
    set_name("Acme Works");
    assert_shown("Acme Works", "retail");
    list = queue();
    assert_int_equal(list.n, 1);
    queued = list.items[0].queued->mutation;
    assert_int_equal(queued->base_rev, 5);
    assert_true(queued->has_old);
    old = crm__customer__unpack(&test.arena.protobuf, queued->old.len, queued->old.data);
    assert_non_null(old);
    assert_string_equal(old->name, "Acme");
    assert_null(old->industry); /* it is not about that */
    assert_false(list.items[0].queued->has_number);
}

static void what_waits_is_carried_over_to_what_the_server_tells(void **state)
{
    (void)state;
    set_name("Acme Works");
    tell("Acme", "finance", 6);
    assert_shown("Acme Works", "retail"); /* until it is carried over */
    carry();
    assert_shown("Acme Works", "finance");
    carry();
    assert_shown("Acme Works", "finance");
    tell("Acme Theirs", "finance", 7); /* in conflict: what the server has is shown, the change is still to be sent */
    carry();
    assert_shown("Acme Theirs", "finance");
    assert_int_equal(queue().n, 1);
}

static void what_the_server_takes_away_is_gone_and_its_changes_stay(void **state)
{
    (void)state;
    set_name("Acme Works");
    tell(NULL, NULL, 0);
    carry();
    assert_null(look(&test.customer).customer);
    assert_int_equal(queue().n, 1);
    tell("Acme", "retail", 5);
    carry();
    assert_shown("Acme Works", "retail");
}

static void a_change_that_is_dropped_is_not_shown(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    set_name("First");
    assert_shown("First", "retail");
    assert_int_equal(outbox_drop(test.replica, queue().items[0].place, NOW_US, &failure), CRM_OK);
    assert_shown("Acme", "retail");
    assert_int_equal(outbox_drop(test.replica, 1, NOW_US, &failure), CRM_NOT_FOUND);
}

static enum crm_status number_run(struct store_txn *txn, void *arg)
{
    struct outbox_item *item = arg;

    item->queued->has_number = true;
    item->queued->number = 1;
    return outbox_put(txn, item, &test.arena);
}

static void what_may_have_been_sent_is_not_dropped(void **state)
{
    struct failure failure = { 0 };
    struct outbox_list list;

    (void)state;
    set_name("Acme Works");
    list = queue();
    assert_int_equal(store_write_run(replica_store(test.replica), number_run, &list.items[0]), CRM_OK);
    assert_int_equal(outbox_drop(test.replica, list.items[0].place, NOW_US, &failure), CRM_BUSY);
    assert_int_equal(queue().n, 1);
    set_name("Acme Works and Sons"); /* nothing is put into it any more */
    assert_int_equal(queue().n, 2);
    assert_int_equal(outbox_drop(test.replica, queue().items[1].place, NOW_US, &failure), CRM_OK);
    assert_shown("Acme Works", "retail");
}

static void a_new_record_has_a_number_of_its_own(void **state)
{
    struct uuid id = { { 9 } };
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_CREATE, &id, body_of("New", NULL));
    char label[RECORD_LABEL_SIZE];
    struct adding adding;
    struct looking looking;

    (void)state;
    assert_int_equal(add(&mutation, &adding), CRM_OK);
    looking = look(&id);
    assert_non_null(looking.customer);
    record_label(&looking.record.header, label);
    assert_string_equal(label, "C-~1");
    assert_int_equal(looking.record.header.number, adding.result.number);
    assert_int_equal(looking.alias_status, CRM_OK);
    assert_true(uuid_equal(&looking.alias, &id));
    carry();
    assert_non_null(look(&id).customer);
    assert_int_equal(add(&mutation, &adding), CRM_EXISTS);
    assert_int_equal(queue().n, 1);
}

static void what_is_refused_changes_nothing(void **state)
{
    Crm__Mutation wrong = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("", NULL));
    Crm__Mutation user = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("x", NULL));
    struct adding adding;

    (void)state;
    wrong.clear = &(uint32_t){ 1 }; /* the name */
    wrong.n_clear = 1;
    assert_int_equal(add(&wrong, &adding), CRM_INVALID);
    user.kind = KIND_USER;
    assert_int_equal(add(&user, &adding), CRM_UNREACHABLE);
    assert_int_equal(queue().n, 0);
    assert_shown("Acme", "retail");
}

static void a_dry_run_keeps_nothing(void **state)
{
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Dry", NULL));
    struct adding adding = { .mutation = &mutation };

    (void)state;
    assert_int_equal(store_write_run(replica_store(test.replica), add_run, &adding), CRM_OK);
    assert_int_equal(queue().n, 0);
    assert_shown("Acme", "retail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_is_shown_and_says_what_its_author_saw, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_is_carried_over_to_what_the_server_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_server_takes_away_is_gone_and_its_changes_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_is_dropped_is_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_have_been_sent_is_not_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_record_has_a_number_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dry_run_keeps_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
