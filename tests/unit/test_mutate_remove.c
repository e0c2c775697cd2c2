/*
 * test_mutate_remove.c - what a deletion refuses, unlinks and takes along, and what comes back out of the recycle bin
 */
#include "server_fixture.h"

static struct uuid make_user(struct server *s, const char *login)
{
    struct uuid id;

    server_create(s, KIND_USER, &id, arena_printf(&s->arena, "login=%s", login), server_ref(s, "team", &s->team));
    return id;
}

static void assign_to(struct server *s, enum kind kind, const struct uuid *id, const struct uuid *owner)
{
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    to.has_owner = true;
    to.owner = server_id(s, owner);
    server_must(s, server_action(s, kind, id, "assign", &to.base));
}

/* --- deletion */

static void moves_to_the_bin_and_back(void **state)
{
    struct server *s = *state;
    struct record bin, back;
    struct uuid id;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "phones=+86 21 5555 0000");
    server_delete(s, KIND_CUSTOMER, &id);
    assert_false(server_exists(s, KIND_CUSTOMER, &id));
    assert_int_equal(server_load(s, KIND_CUSTOMER, &id, true, &bin), CRM_OK);
    assert_int_equal(bin.header.rev, 2);
    assert_int_equal(bin.header.number, 1);
    assert_true(bin.header.flags & RECORD_DELETED);

    server_restore(s, KIND_CUSTOMER, &id);
    assert_int_equal(server_load(s, KIND_CUSTOMER, &id, true, &bin), CRM_NOT_FOUND);
    back = server_record(s, KIND_CUSTOMER, &id);
    assert_int_equal(back.header.rev, 3);
    assert_int_equal(back.header.number, 1);
    assert_false(back.header.flags & RECORD_DELETED);
    assert_field(s, KIND_CUSTOMER, &id, "phones", "+86 21 5555 0000");
}

static void refuses_while_deals_refer(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact, deal;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &customer));
    server_create(s, KIND_DEAL, &deal, "name=D", server_ref(s, "customer", &customer));
    server_refuses(s, server_deletion(s, KIND_CUSTOMER, &customer), CRM_IN_USE, "customer");
    assert_true(server_exists(s, KIND_CONTACT, &contact)); /* nothing was taken along */
    server_refuses(s, server_deletion(s, KIND_PIPELINE, &s->pipeline), CRM_IN_USE, "pipeline");
    server_delete(s, KIND_DEAL, &deal);
    server_delete(s, KIND_CUSTOMER, &customer); /* what lies in the bin forbids nothing */
    server_refuses(s, server_restoration(s, KIND_DEAL, &deal), CRM_INVALID, "customer");
    server_restore(s, KIND_CUSTOMER, &customer);
    server_restore(s, KIND_DEAL, &deal);
}

static void unlinks_what_stays(void **state)
{
    struct server *s = *state;
    struct uuid parent, child, contact, activity, task, ann, bo;
    struct record record;

    server_create(s, KIND_CUSTOMER, &parent, "name=Parent");
    server_create(s, KIND_CUSTOMER, &child, "name=Child", server_ref(s, "parent", &parent));
    server_create(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &child));
    server_create(s, KIND_TASK, &task, "subject=T", server_ref(s, "contact", &contact));
    ann = make_user(s, "ann");
    bo = make_user(s, "bo");
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", server_ref(s, "attendees", &ann), server_ref(s, "attendees", &bo));

    server_delete(s, KIND_CUSTOMER, &parent);
    assert_field(s, KIND_CUSTOMER, &child, "parent", "");
    record = server_record(s, KIND_CUSTOMER, &child);
    assert_int_equal(record.header.rev, 2);
    server_delete(s, KIND_CONTACT, &contact);
    assert_field(s, KIND_TASK, &task, "contact", "");
    server_delete(s, KIND_USER, &ann);
    assert_field(s, KIND_ACTIVITY, &activity, "attendees", server_id_text(s, &bo));
}

static void takes_children_along_and_brings_them_back(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact, lone, activity, task, other;
    struct record bin;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &customer));
    server_create(s, KIND_CONTACT, &lone, "name=Q", server_ref(s, "customer", &customer));
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", server_ref(s, "customer", &customer), server_ref(s, "contact", &contact));
    server_create(s, KIND_TASK, &task, "subject=T", server_ref(s, "customer", &customer), server_ref(s, "contact", &contact));
    server_create(s, KIND_CUSTOMER, &other, "name=Other");
    server_delete(s, KIND_CONTACT, &lone); /* on its own: does not come back with the others */

    server_delete(s, KIND_CUSTOMER, &customer);
    assert_int_equal(server_load(s, KIND_CONTACT, &contact, true, &bin), CRM_OK);
    assert_int_equal(server_load(s, KIND_ACTIVITY, &activity, true, &bin), CRM_OK);
    assert_int_equal(server_load(s, KIND_TASK, &task, true, &bin), CRM_OK);
    assert_true(server_exists(s, KIND_CUSTOMER, &other));
    server_refuses(s, server_restoration(s, KIND_CONTACT, &contact), CRM_INVALID, "customer");

    server_restore(s, KIND_CUSTOMER, &customer);
    assert_field(s, KIND_CONTACT, &contact, "customer", server_id_text(s, &customer));
    assert_field(s, KIND_ACTIVITY, &activity, "customer", server_id_text(s, &customer));
    assert_field(s, KIND_ACTIVITY, &activity, "contact", server_id_text(s, &contact)); /* not unlinked on the way out */
    assert_field(s, KIND_TASK, &task, "contact", server_id_text(s, &contact));
    assert_false(server_exists(s, KIND_CONTACT, &lone));

    server_delete(s, KIND_CONTACT, &contact); /* a second time round nothing is left of the first */
    server_delete(s, KIND_CUSTOMER, &customer);
    server_restore(s, KIND_CUSTOMER, &customer);
    assert_false(server_exists(s, KIND_CONTACT, &contact));
    assert_field(s, KIND_ACTIVITY, &activity, "contact", "");
}

/* Its own reference is taken out of it while it goes: the log still leads from state to state. */
static void deletes_what_refers_to_itself(void **state)
{
    struct server *s = *state;
    struct uuid id, field;
    struct record bin;

    server_create(s, KIND_FIELD_DEFINITION, &field, "kind=customer", "name=twin", "type=reference", "ref_kind=customer");
    server_create(s, KIND_CUSTOMER, &id, "name=Ouroboros");
    server_change(s, KIND_CUSTOMER, &id, server_ref(s, "twin", &id));
    server_delete(s, KIND_CUSTOMER, &id);
    assert_int_equal(server_load(s, KIND_CUSTOMER, &id, true, &bin), CRM_OK);
    assert_int_equal(bin.header.rev, 4);
    assert_int_equal(bin.header.seq, s->seq);
    server_restore(s, KIND_CUSTOMER, &id);
    assert_field(s, KIND_CUSTOMER, &id, "twin", "");
}

/* One batch id joins what went together. */
static void joins_a_cascade_in_the_log(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &customer));
    server_delete(s, KIND_CUSTOMER, &customer);
    assert_int_equal(s->events->verb, LOG_DELETE);
    assert_true(uuid_equal(&s->events->id, &contact)); /* children first, so that no state lacks a parent */
    assert_true(uuid_equal(&s->events->next->id, &customer));
    assert_null(s->events->next->next);
    server_restore(s, KIND_CUSTOMER, &customer);
    assert_true(uuid_equal(&s->events->id, &customer));
    assert_int_equal(s->events->next->verb, LOG_RESTORE);
}

/* --- what happened in the meantime */

static void restores_without_links_that_are_gone(void **state)
{
    struct server *s = *state;
    struct uuid customer, activity, deal, ann, bo;
    struct record record;

    ann = make_user(s, "ann");
    bo = make_user(s, "bo");
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_DEAL, &deal, "name=D");
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", server_ref(s, "customer", &customer), server_ref(s, "deal", &deal),
                  server_ref(s, "attendees", &ann), server_ref(s, "attendees", &bo));
    server_delete(s, KIND_CUSTOMER, &customer);
    server_delete(s, KIND_DEAL, &deal);
    server_delete(s, KIND_USER, &ann);

    server_restore(s, KIND_CUSTOMER, &customer);
    assert_field(s, KIND_ACTIVITY, &activity, "deal", "");
    assert_field(s, KIND_ACTIVITY, &activity, "attendees", server_id_text(s, &bo));
    record = server_record(s, KIND_ACTIVITY, &activity);
    assert_int_equal(record.header.rev, 3);
    server_restore(s, KIND_DEAL, &deal);
    assert_field(s, KIND_ACTIVITY, &activity, "deal", "");
}

/* A line keeps the product that it was sold with, whatever becomes of the product. */
static void keeps_elements_that_outlive_their_target(void **state)
{
    struct server *s = *state;
    struct uuid product, other, deal, elements[2] = { uuid_create(), uuid_create() };
    Crm__Deal message = CRM__DEAL__INIT;
    Crm__DealLine lines[2] = { CRM__DEAL_LINE__INIT, CRM__DEAL_LINE__INIT }, *list[] = { &lines[0], &lines[1] };
    Crm__Money price = CRM__MONEY__INIT;
    Crm__Mutation *patch;

    server_create(s, KIND_PRODUCT, &product, "name=I");
    server_create(s, KIND_PRODUCT, &other, "name=J");
    price.has_minor = true;
    price.minor = 100;
    price.currency = (char *)"USD";
    for (size_t i = 0; i < 2; i++) {
        lines[i].has_id = lines[i].has_product = lines[i].has_quantity = true;
        lines[i].id = server_id(s, &elements[i]);
        lines[i].product = server_id(s, i ? &other : &product);
        lines[i].quantity = 1000000;
        lines[i].price = &price;
    }
    message.name = (char *)"D";
    message.lines = list;
    message.n_lines = 1;
    server_must(s, server_with(s, server_creation(s, KIND_DEAL, &deal, NULL), &message.base));
    server_delete(s, KIND_PRODUCT, &product);

    message.name = NULL;
    message.n_lines = 2;
    patch = server_with(s, server_patch(s, KIND_DEAL, &deal, NULL), &message.base);
    server_must(s, patch); /* another line beside it */
    server_delete(s, KIND_DEAL, &deal);
    server_restore(s, KIND_DEAL, &deal);
    assert_field(s, KIND_DEAL, &deal, "amount", "2.00 USD");

    lines[1].product = server_id(s, &deal); /* but nothing new may point at nothing */
    server_refuses(s, server_with(s, patch, &message.base), CRM_INVALID, "product");
}

static void refuses_to_restore_to_an_owner_who_is_gone(void **state)
{
    struct server *s = *state;
    struct uuid ann = make_user(s, "ann"), team, customer, other;
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    server_create(s, KIND_TEAM, &team, "name=West");
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CUSTOMER, &other, "name=Other");
    assign_to(s, KIND_CUSTOMER, &customer, &ann);
    to.has_team = true;
    to.team = server_id(s, &team);
    server_must(s, server_action(s, KIND_CUSTOMER, &other, "assign", &to.base));
    server_delete(s, KIND_CUSTOMER, &customer);
    server_delete(s, KIND_CUSTOMER, &other);
    server_delete(s, KIND_USER, &ann);
    server_delete(s, KIND_TEAM, &team);

    server_refuses(s, server_restoration(s, KIND_CUSTOMER, &customer), CRM_INVALID, "owner");
    server_refuses(s, server_restoration(s, KIND_CUSTOMER, &other), CRM_INVALID, "team");
    server_restore(s, KIND_USER, &ann);
    server_restore(s, KIND_CUSTOMER, &customer);
}

/* --- owners and teams */

static void refuses_owners_who_do_not_exist(void **state)
{
    struct server *s = *state;
    struct uuid id, nobody = uuid_create();
    Crm__Mutation *mutation = server_creation(s, KIND_CUSTOMER, &id, "name=A", NULL);
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    mutation->has_owner = true;
    mutation->owner = server_id(s, &nobody);
    server_refuses(s, mutation, CRM_INVALID, "owner");
    mutation->has_owner = false;
    mutation->has_team = true;
    mutation->team = server_id(s, &nobody);
    server_refuses(s, mutation, CRM_INVALID, "team");
    mutation->has_team = false;
    server_must(s, mutation);

    server_refuses(s, server_action(s, KIND_CUSTOMER, &id, "assign", NULL), CRM_INVALID, "owner");
    to.has_owner = true;
    to.owner = server_id(s, &nobody);
    server_refuses(s, server_action(s, KIND_CUSTOMER, &id, "assign", &to.base), CRM_INVALID, "owner");
    to.has_owner = false;
    to.has_team = true;
    to.team = server_id(s, &nobody);
    server_refuses(s, server_action(s, KIND_CUSTOMER, &id, "assign", &to.base), CRM_INVALID, "team");
}

static void refuses_to_delete_owners_and_teams_in_use(void **state)
{
    struct server *s = *state;
    struct uuid ann = make_user(s, "ann"), team, customer;

    server_create(s, KIND_TEAM, &team, "name=West");
    server_change(s, KIND_USER, &ann, server_ref(s, "team", &team));
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    assign_to(s, KIND_CUSTOMER, &customer, &ann);
    server_refuses(s, server_deletion(s, KIND_USER, &ann), CRM_IN_USE, "");
    server_refuses(s, server_deletion(s, KIND_TEAM, &team), CRM_IN_USE, "team"); /* her main team */
    server_change(s, KIND_USER, &ann, server_ref(s, "team", &s->team));
    server_refuses(s, server_deletion(s, KIND_TEAM, &team), CRM_IN_USE, ""); /* the customer's */
    assign_to(s, KIND_CUSTOMER, &customer, &s->user);
    server_delete(s, KIND_TEAM, &team);
    server_delete(s, KIND_USER, &ann);
}

static void assigns_with_the_owners_team(void **state)
{
    struct server *s = *state;
    struct uuid ann, team, customer;
    struct record record;

    server_create(s, KIND_TEAM, &team, "name=West");
    server_create(s, KIND_USER, &ann, "login=ann", server_ref(s, "team", &team));
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    assign_to(s, KIND_CUSTOMER, &customer, &ann);
    record = server_record(s, KIND_CUSTOMER, &customer);
    assert_true(uuid_equal(&record.header.owner, &ann));
    assert_true(uuid_equal(&record.header.team, &team));
    assert_int_equal(record.header.rev, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(moves_to_the_bin_and_back),
        server_test(refuses_while_deals_refer),
        server_test(unlinks_what_stays),
        server_test(takes_children_along_and_brings_them_back),
        server_test(deletes_what_refers_to_itself),
        server_test(joins_a_cascade_in_the_log),
        server_test(restores_without_links_that_are_gone),
        server_test(keeps_elements_that_outlive_their_target),
        server_test(refuses_to_restore_to_an_owner_who_is_gone),
        server_test(refuses_owners_who_do_not_exist),
        server_test(refuses_to_delete_owners_and_teams_in_use),
        server_test(assigns_with_the_owners_team),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
