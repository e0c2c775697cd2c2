/*
 * test_handover.c - whose a record is: tasks follow their assignee, what belongs with a record follows its owner, an heir gets what is open
 */
#include "server_fixture.h"

static struct uuid make_user(struct server *s, const char *login, const struct uuid *team)
{
    struct uuid id;

    server_create(s, KIND_USER, &id, arena_printf(&s->arena, "login=%s", login), server_ref(s, "team", team));
    return id;
}

static struct uuid make_team(struct server *s, const char *name)
{
    struct uuid id;

    server_create(s, KIND_TEAM, &id, arena_printf(&s->arena, "name=%s", name));
    return id;
}

/* As if the user had made it. */
static struct uuid make_of(struct server *s, const struct uuid *owner, enum kind kind, const char *first, const char *second)
{
    struct uuid id;
    Crm__Mutation *mutation = server_creation(s, kind, &id, first, second, NULL);

    mutation->has_owner = true;
    mutation->owner = server_id(s, owner);
    server_must(s, mutation);
    return id;
}

static void assert_whose(struct server *s, enum kind kind, const struct uuid *id, const struct uuid *owner, const struct uuid *team)
{
    struct record record = server_record(s, kind, id);

    assert_true(uuid_equal(&record.header.owner, owner));
    assert_true(uuid_equal(&record.header.team, team));
}

struct log_read {
    struct arena *arena;
    uint64_t seq;
    struct log_entry entry;
};

static enum crm_status read_entry(struct store_txn *txn, void *arg)
{
    struct log_read *read = arg;
    struct view view = { .txn = txn };

    return log_read(&view, read->seq, read->arena, &read->entry);
}

static struct log_entry last_entry(struct server *s, enum kind kind, const struct uuid *id)
{
    struct log_read read = { .arena = &s->arena, .seq = server_record(s, kind, id).header.seq };

    assert_int_equal(store_read_run(s->store, read_entry, &read), CRM_OK);
    return read.entry;
}

static Crm__Mutation *assign(struct server *s, enum kind kind, const struct uuid *id, const struct uuid *owner, bool with_deals, const char *reason)
{
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    to.has_owner = to.has_with_deals = true;
    to.owner = server_id(s, owner);
    to.with_deals = with_deals;
    to.reason = (char *)(uintptr_t)reason;
    return server_action(s, kind, id, "assign", &to.base);
}

static Crm__Mutation *disable(struct server *s, const struct uuid *user, const struct uuid *heir)
{
    Crm__DisableArgument argument = CRM__DISABLE_ARGUMENT__INIT;

    argument.has_heir = heir != NULL;
    if (heir)
        argument.heir = server_id(s, heir);
    return server_action(s, KIND_USER, user, "disable", &argument.base);
}

/* --- tasks */

static void a_task_belongs_to_its_assignee(void **state)
{
    struct server *s = *state;
    struct uuid north = make_team(s, "North"), south = make_team(s, "South");
    struct uuid anna = make_user(s, "anna", &north), ben = make_user(s, "ben", &south), task;
    struct log_entry entry;

    server_create(s, KIND_TASK, &task, "subject=Call", server_ref(s, "assigned", &anna));
    assert_whose(s, KIND_TASK, &task, &anna, &north);
    server_change(s, KIND_TASK, &task, server_ref(s, "assigned", &ben));
    assert_whose(s, KIND_TASK, &task, &ben, &south);
    entry = last_entry(s, KIND_TASK, &task);
    assert_int_equal(entry.flags & LOG_VIEW, LOG_VIEW);
    assert_true(uuid_equal(&entry.old_owner, &anna));

    server_must(s, assign(s, KIND_TASK, &task, &anna, false, NULL));
    assert_whose(s, KIND_TASK, &task, &anna, &north);
    assert_field(s, KIND_TASK, &task, "assigned", server_id_text(s, &anna));
    server_change(s, KIND_TASK, &task, "assigned=");
    assert_field(s, KIND_TASK, &task, "assigned", server_id_text(s, &anna));
    server_change(s, KIND_TASK, &task, "state=done");
    assert_whose(s, KIND_TASK, &task, &anna, &north); /* whoever has done it */

    task = make_of(s, &ben, KIND_TASK, "subject=Visit", "priority=low");
    assert_field(s, KIND_TASK, &task, "assigned", server_id_text(s, &ben));
}

/* --- a record */

static void what_belongs_with_a_customer_goes_along(void **state)
{
    struct server *s = *state;
    struct uuid north = make_team(s, "North"), south = make_team(s, "South");
    struct uuid anna = make_user(s, "anna", &north), ben = make_user(s, "ben", &south), eve = make_user(s, "eve", &north);
    struct uuid customer = make_of(s, &anna, KIND_CUSTOMER, "name=Acme", "industry=retail");
    const char *of = server_ref(s, "customer", &customer);
    struct uuid contact = make_of(s, &anna, KIND_CONTACT, "name=P", of), eves = make_of(s, &eve, KIND_CONTACT, "name=Q", of);
    struct uuid open = make_of(s, &anna, KIND_TASK, "subject=Call", of), done = make_of(s, &anna, KIND_TASK, "subject=Done", of);
    struct uuid call = make_of(s, &anna, KIND_ACTIVITY, "kind=call", of), deal = make_of(s, &anna, KIND_DEAL, "name=D", of);
    struct log_entry entry, along;

    server_change(s, KIND_TASK, &done, "state=done");
    server_must(s, assign(s, KIND_CUSTOMER, &customer, &ben, false, "a new territory"));
    assert_whose(s, KIND_CUSTOMER, &customer, &ben, &south);
    assert_whose(s, KIND_CONTACT, &contact, &ben, &south);
    assert_whose(s, KIND_TASK, &open, &ben, &south);
    assert_field(s, KIND_TASK, &open, "assigned", server_id_text(s, &ben));
    assert_whose(s, KIND_CONTACT, &eves, &eve, &north);
    assert_whose(s, KIND_TASK, &done, &anna, &north);
    assert_whose(s, KIND_ACTIVITY, &call, &anna, &north);
    assert_whose(s, KIND_DEAL, &deal, &anna, &north);

    entry = last_entry(s, KIND_CUSTOMER, &customer);
    along = last_entry(s, KIND_CONTACT, &contact);
    assert_false(uuid_is_nil(&entry.job)); /* one unit, by which it can be told */
    assert_true(uuid_equal(&entry.job, &along.job));
    assert_true(slice_equal(entry.reason, slice_text("a new territory")));
    assert_true(slice_equal(along.reason, slice_text("a new territory")));
    assert_int_equal(entry.changed.n, 2);
}

static void open_deals_go_along_where_that_is_asked_for(void **state)
{
    struct server *s = *state;
    struct uuid north = make_team(s, "North"), anna = make_user(s, "anna", &north), ben = make_user(s, "ben", &north);
    struct uuid customer = make_of(s, &anna, KIND_CUSTOMER, "name=Acme", "industry=retail");
    const char *of = server_ref(s, "customer", &customer);
    struct uuid open = make_of(s, &anna, KIND_DEAL, "name=Open", of), won = make_of(s, &anna, KIND_DEAL, "name=Won", of);
    struct uuid task = make_of(s, &anna, KIND_TASK, "subject=Offer", server_ref(s, "deal", &open));

    server_must(s, server_move(s, &won, "move", "Won"));
    server_must(s, assign(s, KIND_CUSTOMER, &customer, &ben, true, NULL));
    assert_whose(s, KIND_DEAL, &open, &ben, &north);
    assert_whose(s, KIND_DEAL, &won, &anna, &north);
    assert_whose(s, KIND_TASK, &task, &ben, &north);
}

/* owner=LOGIN in a patch is no way round what an assignment does. */
static void a_patch_of_the_owner_does_the_same(void **state)
{
    struct server *s = *state;
    struct uuid north = make_team(s, "North"), anna = make_user(s, "anna", &north), ben = make_user(s, "ben", &north);
    struct uuid customer = make_of(s, &anna, KIND_CUSTOMER, "name=Acme", "industry=retail");
    struct uuid contact = make_of(s, &anna, KIND_CONTACT, "name=P", server_ref(s, "customer", &customer));
    Crm__Mutation *patch = server_patch(s, KIND_CUSTOMER, &customer, NULL);

    patch->has_owner = true;
    patch->owner = server_id(s, &ben);
    server_must(s, patch);
    assert_whose(s, KIND_CONTACT, &contact, &ben, &north);
    server_change(s, KIND_USER, &anna, "active=no");
    server_refuses(s, assign(s, KIND_CUSTOMER, &customer, &anna, false, NULL), CRM_INVALID, "owner");
    server_refuses(s, assign(s, KIND_CUSTOMER, &customer, &ben, false, arena_printf(&s->arena, "%0600d", 1)), CRM_INVALID, "reason");
}

/* --- a user */

static void who_has_open_records_is_not_disabled_without_an_heir(void **state)
{
    struct server *s = *state;
    struct uuid anna = make_user(s, "anna", &s->team), gone = make_user(s, "gone", &s->team);
    struct uuid customer = make_of(s, &anna, KIND_CUSTOMER, "name=Acme", "industry=retail");

    make_of(s, &anna, KIND_DEAL, "name=D1", server_ref(s, "customer", &customer));
    make_of(s, &anna, KIND_DEAL, "name=D2", server_ref(s, "customer", &customer));
    server_refuses(s, disable(s, &anna, NULL), CRM_IN_USE, "heir");
    assert_string_equal(s->failure.text, "the user still has 1 customer, 2 open deals: name an heir");
    server_refuses(s, server_patch(s, KIND_USER, &anna, "active=no", NULL), CRM_IN_USE, "active");
    server_refuses(s, disable(s, &anna, &anna), CRM_INVALID, "heir");
    server_refuses(s, disable(s, &anna, &customer), CRM_INVALID, "heir");
    server_must(s, disable(s, &gone, NULL)); /* nothing is open */
    server_refuses(s, disable(s, &anna, &gone), CRM_INVALID, "heir");
    server_refuses(s, disable(s, &s->user, &anna), CRM_INVALID, "active"); /* the last administrator */
    assert_whose(s, KIND_CUSTOMER, &customer, &anna, &s->team);
    s->actor.rights &= ~(1u << CRM__RIGHT__RIGHT_MANAGE_USERS);
    server_refuses(s, disable(s, &anna, &s->user), CRM_NOT_ALLOWED, "");
}

static void an_heir_gets_what_is_open(void **state)
{
    struct server *s = *state;
    struct uuid north = make_team(s, "North"), anna = make_user(s, "anna", &s->team), ben = make_user(s, "ben", &north);
    struct uuid customer = make_of(s, &anna, KIND_CUSTOMER, "name=Acme", "industry=retail");
    const char *of = server_ref(s, "customer", &customer);
    struct uuid contact = make_of(s, &anna, KIND_CONTACT, "name=P", of), task = make_of(s, &anna, KIND_TASK, "subject=Call", of);
    struct uuid open = make_of(s, &anna, KIND_DEAL, "name=Open", of), won = make_of(s, &anna, KIND_DEAL, "name=Won", of);
    uint64_t seq;

    server_must(s, server_move(s, &won, "move", "Won"));
    seq = s->seq;
    server_must(s, disable(s, &anna, &ben));
    assert_field(s, KIND_USER, &anna, "active", "false");
    assert_whose(s, KIND_CUSTOMER, &customer, &ben, &north);
    assert_whose(s, KIND_CONTACT, &contact, &ben, &north);
    assert_whose(s, KIND_TASK, &task, &ben, &north);
    assert_whose(s, KIND_DEAL, &open, &ben, &north);
    assert_whose(s, KIND_DEAL, &won, &anna, &s->team);
    assert_int_equal(s->seq, seq + 5); /* each of them once */
}

/* More than one mutation may touch: nothing of it happens. One fewer fits into the writer's memory, of the kind that takes most. */
static void an_estate_has_a_limit(void **state)
{
    struct server *s = *state;
    struct uuid anna = make_user(s, "anna", &s->team), ben = make_user(s, "ben", &s->team), last = { { 0 } };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutations[MUTATIONS_MAX], *one;

    one = server_creation(s, KIND_DEAL, &last, "name=Renewal of everything there is", "amount=5000 USD", "expected_close=2016-12-24",
                          "next_step=call them again and ask for the signature", "note=as people write them down", "tags=one", "tags=two", NULL);
    one->has_owner = true;
    one->owner = server_id(s, &anna);
    request.mutations = mutations;
    request.n_mutations = MUTATIONS_MAX;
    for (size_t done = 0; done < RULE_RECORDS_MAX; done += MUTATIONS_MAX) {
        for (size_t i = 0; i < MUTATIONS_MAX; i++) {
            mutations[i] = arena_memdup(&s->arena, one, sizeof *one);
            assert_non_null(mutations[i]);
            last = uuid_create();
            mutations[i]->id = server_id(s, &last);
        }
        assert_int_equal(server_request(s, &request), CRM_OK);
    }
    s->group_budget = 768u << 20; /* the writer's */
    server_refuses(s, disable(s, &anna, &ben), CRM_TOO_LARGE, "");
    server_must(s, assign(s, KIND_DEAL, &last, &ben, false, NULL));
    server_must(s, disable(s, &anna, &ben)); /* one fewer */
    assert_whose(s, KIND_DEAL, &last, &ben, &s->team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(a_task_belongs_to_its_assignee),
        server_test(what_belongs_with_a_customer_goes_along),
        server_test(open_deals_go_along_where_that_is_asked_for),
        server_test(a_patch_of_the_owner_does_the_same),
        server_test(who_has_open_records_is_not_disabled_without_an_heir),
        server_test(an_heir_gets_what_is_open),
        server_test(an_estate_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
