/*
 * test_replica_conflicts.c - the user's conflicts in a replica: brought by a sync, told as the server tells them, resolved here or elsewhere
 */
#include "push_fixture.h"

#include "client/replica/conflicts.h"

#define CUSTOMERS 9
#define EACH      60 /* together more than a page */

/* --- looking */

struct seen {
    unsigned n;
    const Crm__ConflictsReply *last; /* page; in the arena */
};

static struct seen look(struct crm_client *client, uint32_t limit)
{
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
    struct seen seen = { .n = 0 };

    request.has_limit = true;
    request.limit = limit;
    do {
        const Crm__ConflictsReply *reply;
        struct crm_call *call;
        struct slice packed;
        const void *copy;

        assert_int_equal(crm_sync_conflicts(client, &request, &call, &reply), CRM_OK);
        assert_int_equal(codec_pack(&reply->base, &office.arena, &packed), CRM_OK);
        assert_int_equal(codec_unpack_body(packed, &crm__conflicts_reply__descriptor, &office.arena, &copy, NULL), CRM_OK);
        crm_call_destroy(call);
        seen.last = copy;
        seen.n += (unsigned)seen.last->n_conflicts;
        request.has_after = seen.last->has_next;
        request.after = seen.last->next;
    } while (request.has_after);
    return seen;
}

static struct seen look_here(void)
{
    struct crm_client *client;
    struct seen seen;

    assert_int_equal(local_client_create(rep, &client), CRM_OK);
    seen = look(client, 0);
    crm_client_destroy(client);
    return seen;
}

static struct seen look_there(void)
{
    struct crm_client *client = dial();
    struct seen seen = look(client, 0);

    crm_client_destroy(client);
    return seen;
}

static struct slice packed_of(const Crm__Conflict *conflict)
{
    struct slice packed;

    assert_int_equal(codec_pack(&conflict->base, &office.arena, &packed), CRM_OK);
    return packed;
}

/* The same, word for word. */
static void assert_same(const struct seen *here, const struct seen *there)
{
    assert_int_equal(here->n, there->n);
    assert_int_equal(here->last->n_conflicts, there->last->n_conflicts);
    for (size_t i = 0; i < here->last->n_conflicts; i++)
        assert_true(slice_equal(packed_of(here->last->conflicts[i]), packed_of(there->last->conflicts[i])));
    assert_int_equal(here->last->n_titles, there->last->n_titles);
}

/* --- making some */

/* The replica's user and somebody in the office change the same. */
static void collide(const char *mine, const char *theirs)
{
    queue(rep, customer_of(CRM__VERB__VERB_PATCH, &acme, mine, NULL));
    in_office(customer_of(CRM__VERB__VERB_PATCH, &acme, theirs, NULL));
    assert_int_equal(push(rep).counts.kept, 1);
    assert_int_equal(try_pull(rep), CRM_OK);
}

static Crm__Mutation *resolution(Crm__Take take)
{
    Crm__ResolveArgument argument = CRM__RESOLVE_ARGUMENT__INIT;
    Crm__Mutation *mutation = mutation_of(KIND_CUSTOMER, CRM__VERB__VERB_ACTION, &acme, NULL);
    struct slice packed;

    argument.has_take = true;
    argument.take = take;
    assert_int_equal(codec_pack(&argument.base, &office.arena, &packed), CRM_OK);
    mutation->action = (char *)(uintptr_t)"resolve";
    mutation->has_argument = true;
    mutation->argument = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return mutation;
}

/* --- */

static void a_sync_brings_them_as_the_server_tells_them(void **state)
{
    struct seen here, there;

    (void)state;
    assert_int_equal(look_here().n, 0);
    collide("Mine", "Theirs");
    here = look_here();
    there = look_there();
    assert_int_equal(there.n, 1);
    assert_true(there.last->conflicts[0]->fields[0]->has_theirs);
    assert_same(&here, &there);
    in_office(mutation_of(KIND_CUSTOMER, CRM__VERB__VERB_DELETE, &acme, NULL));
    assert_int_equal(try_pull(rep), CRM_OK);
    here = look_here();
    there = look_there();
    assert_true(here.last->conflicts[0]->gone);
    assert_false(here.last->conflicts[0]->fields[0]->has_theirs);
    assert_same(&here, &there);
}

static void a_sync_takes_no_round_trip_more(void **state)
{
    unsigned without;

    (void)state;
    office.rounds = 0;
    assert_int_equal(try_pull(rep), CRM_OK);
    without = office.rounds;
    assert_int_equal(without, 1); /* hello, token, and all that is asked go in one flight */
    collide("Mine", "Theirs");
    office.rounds = 0;
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(office.rounds, without);
}

static void many_come_in_pages(void **state)
{
    struct crm_client *client = dial();

    (void)state;
    for (unsigned c = 0; c < CUSTOMERS; c++) {
        struct uuid id = uuid_create();
        Crm__Mutation *late = customer_of(CRM__VERB__VERB_PATCH, &id, "Mine", NULL);

        in_office(customer_of(CRM__VERB__VERB_CREATE, &id, "Before", NULL));
        in_office(customer_of(CRM__VERB__VERB_PATCH, &id, "Theirs", NULL));
        late->has_base_rev = late->has_old = true;
        late->base_rev = 1;
        late->old = customer_of(CRM__VERB__VERB_PATCH, &id, "Before", NULL)->set;
        for (unsigned i = 0; i < EACH; i++)
            assert_int_equal(mutate(client, &late, 1), CRM_CONFLICT);
    }
    crm_client_destroy(client);
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(look_here().n, CUSTOMERS * EACH);
    assert_int_equal(look_there().n, CUSTOMERS * EACH);
}

static void what_is_resolved_elsewhere_goes_here(void **state)
{
    (void)state;
    collide("Mine", "Theirs");
    assert_int_equal(outbox_of(rep).n, 1); /* the rep's words */
    in_office(resolution(CRM__TAKE__TAKE_MINE));
    assert_int_equal(look_here().n, 1);
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(look_here().n, 0);
    assert_int_equal(outbox_of(rep).n, 0);
    assert_int_equal(customers_in(replica_store(rep), "Mine").n, 1);
}

static void a_waiting_resolution_answers_until_it_is_given_up(void **state)
{
    struct failure failure = { 0 };
    struct told told;

    (void)state;
    collide("Mine", "Theirs");
    queue(rep, resolution(CRM__TAKE__TAKE_MINE));
    assert_int_equal(look_here().n, 0);
    assert_int_equal(look_there().n, 1);
    assert_int_equal(customers_in(replica_store(rep), "Mine").n, 1);
    assert_int_equal(outbox_of(rep).n, 2);
    assert_int_equal(outbox_drop(rep, outbox_of(rep).items[1].place, clock_now_us(), &failure), CRM_OK);
    assert_int_equal(look_here().n, 1);
    assert_int_equal(conflicts_prune(rep, &failure), CRM_OK);
    assert_int_equal(outbox_of(rep).n, 1);

    queue(rep, resolution(CRM__TAKE__TAKE_THEIRS));
    assert_int_equal(conflicts_prune(rep, &failure), CRM_OK);
    assert_int_equal(outbox_of(rep).n, 1); /* the resolution */
    told = push(rep);
    assert_int_equal(told.counts.applied, 1);
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(look_there().n, 0);
    assert_int_equal(look_here().n, 0);
    assert_int_equal(outbox_of(rep).n, 0);
}

/* Whatever a cut leaves away, what was here stays until a whole answer has come. */
static void a_cut_loses_none(void **state)
{
    uint64_t size;

    (void)state;
    collide("Mine", "Theirs");
    assert_int_equal(try_pull(rep), CRM_OK);
    size = office.came;
    for (uint64_t at = 1; at < size; at += 11) {
        office.cut_down = at;
        if (try_pull(rep) != CRM_OK)
            assert_int_equal(look_here().n, 1);
        assert_int_equal(outbox_of(rep).n, 1);
    }
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(look_here().n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sync_brings_them_as_the_server_tells_them), TEST(a_sync_takes_no_round_trip_more), TEST(many_come_in_pages),
        TEST(what_is_resolved_elsewhere_goes_here),        TEST(a_waiting_resolution_answers_until_it_is_given_up),
        TEST(a_cut_loses_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
