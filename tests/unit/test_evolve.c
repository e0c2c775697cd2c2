/*
 * test_evolve.c - mutations away from the server: what a replica makes of them by itself, over the same state
 */
#include "late_fixture.h"

struct evolving {
    struct server *server;
    const Crm__Mutation *mutation;
    struct evolve evolve;
    struct failure failure;
    enum crm_status status;
};

/* As a replica does: whoever asks has all rights as far as it knows. */
static enum crm_status evolve_one(struct store_txn *txn, void *arg)
{
    struct evolving *evolving = arg;
    struct server *s = evolving->server;
    const Crm__Mutation *m = evolving->mutation;
    struct view view = { .txn = txn, .schema = s->core.schema };
    struct evolve *evolve = &evolving->evolve;
    const struct action_def *action;
    const void *argument;
    struct uuid id;

    *evolve = (struct evolve){
        .view = &view, .seen = &view, .arena = &s->arena, .failure = &evolving->failure, .kind = kind_def(m->kind), .actor = s->user,
        .actor_team = s->team, .now_us = server_now_us, .today = server_today(), .is_asked = true, .is_local = true,
        .happened_us = evolve_happened(m, server_now_us),
    };
    assert_true(uuid_from_slice(slice_of(m->id.data, m->id.len), &id));
    if (m->verb == CRM__VERB__VERB_CREATE) {
        evolving->status = evolve_create(evolve, m, &id);
        return CRM_OK;
    }
    assert_int_equal(view_record(&view, evolve->kind->kind, &id, &evolve->before), CRM_OK);
    evolve->has_before = true;
    if (m->verb == CRM__VERB__VERB_PATCH) {
        evolving->status = evolve_patch(evolve, m);
    } else {
        evolving->status = evolve_read_action(evolve, m, &action, &argument);
        if (evolving->status == CRM_OK)
            evolving->status = evolve_act(evolve, m, action, argument);
    }
    return CRM_OK;
}

/* What an action leaves as it is is borrowed from the store: it must outlive the snapshot here. */
static enum crm_status run(struct store_txn *txn, void *arg)
{
    struct evolving *evolving = arg;
    struct slice *body = &evolving->evolve.after.body;
    enum crm_status status = evolve_one(txn, arg);

    if (body->size)
        body->data = arena_memdup(&evolving->server->arena, body->data, body->size);
    assert_true(body->data || !body->size);
    return status;
}

static struct evolving evolve_of(struct server *s, const Crm__Mutation *mutation)
{
    struct evolving evolving = { .server = s, .mutation = mutation };

    assert_int_equal(store_read_run(s->store, run, &evolving), CRM_OK);
    return evolving;
}

/* What a replica makes of it is what the server stores. */
static void assert_as_stored(struct server *s, Crm__Mutation *mutation)
{
    struct evolving evolving = evolve_of(s, mutation);
    struct record stored;
    struct uuid id;

    assert_int_equal(evolving.status, CRM_OK);
    assert_true(uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &id));
    server_must(s, mutation);
    stored = server_record(s, (enum kind)mutation->kind, &id);
    assert_true(slice_equal(stored.body, evolving.evolve.after.body));
    assert_true(uuid_equal(&stored.header.owner, &evolving.evolve.after.header.owner));
    assert_true(uuid_equal(&stored.header.team, &evolving.evolve.after.header.team));
    assert_true(uuid_equal(&stored.header.root, &evolving.evolve.after.header.root));
}

static void comes_to_what_the_server_stores(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact, deal, b;
    Crm__AssignArgument assign = CRM__ASSIGN_ARGUMENT__INIT;
    struct record base;

    server_create(s, KIND_USER, &b, "login=b", "name=B", server_ref(s, "team", &s->team));
    assert_as_stored(s, server_creation(s, KIND_CUSTOMER, &customer, "name=Acme", "tags=a", NULL));
    assert_as_stored(s, server_creation(s, KIND_CONTACT, &contact, "name=Wu", server_ref(s, "customer", &customer), NULL));
    assert_as_stored(s, server_creation(s, KIND_DEAL, &deal, "name=D", "amount=12 USD", server_ref(s, "customer", &customer), NULL));
    assert_as_stored(s, server_move(s, &deal, "move", "Qualified"));
    assert_as_stored(s, server_patch(s, KIND_DEAL, &deal, "amount=13 USD", "tags+=x", NULL));
    assign.has_owner = true;
    assign.owner = server_id(s, &b);
    assert_as_stored(s, server_action(s, KIND_DEAL, &deal, "assign", &assign.base));
    base = server_record(s, KIND_CUSTOMER, &customer);
    server_change(s, KIND_CUSTOMER, &customer, "name=Theirs", "tags+=b");
    assert_as_stored(s, seen(s, server_patch(s, KIND_CUSTOMER, &customer, "name=Mine", "tags+=c", "web=c", NULL), &base));
    assert_as_stored(s, resolution(s, KIND_CUSTOMER, &customer, "name", CRM__TAKE__TAKE_MINE, NULL));
}

static void refuses_as_the_server_does(void **state)
{
    struct server *s = *state;
    struct uuid id, nobody = uuid_create();
    struct evolving evolving;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    evolving = evolve_of(s, server_patch(s, KIND_CUSTOMER, &id, "name=", NULL));
    assert_int_equal(evolving.status, CRM_INVALID);
    assert_string_equal(evolving.failure.field, "name");
    evolving = evolve_of(s, server_patch(s, KIND_CUSTOMER, &id, server_ref(s, "parent", &nobody), NULL));
    assert_int_equal(evolving.status, CRM_INVALID);
    assert_string_equal(evolving.failure.field, "parent");
}

/* Actions that need all that the server knows wait for it. */
static void runs_local_actions_only(void **state)
{
    struct server *s = *state;
    struct evolving evolving;
    struct uuid b;

    server_create(s, KIND_USER, &b, "login=b", "name=B", server_ref(s, "team", &s->team));
    evolving = evolve_of(s, server_action(s, KIND_USER, &b, "disable", NULL));
    assert_int_equal(evolving.status, CRM_UNREACHABLE);
    server_must(s, server_action(s, KIND_USER, &b, "disable", NULL));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)
    const struct CMUnitTest tests[] = { T(comes_to_what_the_server_stores), T(refuses_as_the_server_does), T(runs_local_actions_only) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
