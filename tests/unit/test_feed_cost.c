/*
 * test_feed_cost.c - what a pull costs: what has changed, however large the base; and what it is told of erasure, of restored databases, of bent cursors
 */
#include "tests/unit/sync_fixture.h"

#include "server/engine/erase.h"
#include "server/engine/expiry.h"

#define BASE    20000
#define CHANGES 500
#define BATCH   500
#define OWN     40 /* every so many is the rep's */

struct company {
    struct server *s;
    struct uuid rep, other;
    struct uuid *customers;
};

static Crm__Mutation *owned(struct company *c, Crm__Mutation *mutation, const struct uuid *owner)
{
    mutation->has_owner = true;
    mutation->owner = server_id(c->s, owner);
    return mutation;
}

static void must_all(struct company *c, Crm__Mutation **mutations, size_t n)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.mutations = mutations;
    request.n_mutations = n;
    assert_int_equal(server_request(c->s, &request), CRM_OK);
    for (size_t i = 0; i < c->s->reply.n_results; i++)
        assert_int_equal(c->s->reply.results[i]->status, CRM_OK);
}

/* Every so many is the rep's; 0: none. */
static void add_customers(struct company *c, size_t n, size_t own)
{
    struct server *s = c->s;
    Crm__Mutation *batch[BATCH];

    c->customers = arena_alloc(&s->arena, n * sizeof *c->customers);
    assert_non_null(c->customers);
    for (size_t i = 0; i < n; i++) {
        batch[i % BATCH] = owned(c, server_creation(s, KIND_CUSTOMER, &c->customers[i], arena_printf(&s->arena, "name=Customer %zu", i), "industry=retail", NULL),
                                 !own || i % own ? &c->other : &c->rep);
        if (i % BATCH == BATCH - 1 || i == n - 1)
            must_all(c, batch, i % BATCH + 1);
    }
}

static void make_people(struct company *c, struct server *s)
{
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope any = CRM__KIND_SCOPE__INIT, *rows[] = { &any };
    struct uuid id = uuid_create(), role_id;

    c->s = s;
    any.has_id = any.has_read = any.has_write = true;
    any.id = server_id(s, &id);
    any.kind = (char *)(uintptr_t)"*";
    any.read = any.write = CRM__SCOPE__SCOPE_OWN;
    role.name = (char *)(uintptr_t)"Rep";
    role.scopes = rows;
    role.n_scopes = 1;
    server_must(s, server_with(s, server_creation(s, KIND_ROLE, &role_id, NULL), &role.base));
    server_create(s, KIND_USER, &c->rep, "login=rep", server_ref(s, "role", &role_id), server_ref(s, "team", &s->team));
    server_create(s, KIND_USER, &c->other, "login=other", server_ref(s, "role", &role_id), server_ref(s, "team", &s->team));
}

static void make_company(struct company *c, struct server *s, size_t n)
{
    make_people(c, s);
    add_customers(c, n, OWN);
}

static Crm__Mutation *renamed(struct company *c, size_t i, const char *how)
{
    return server_patch(c->s, KIND_CUSTOMER, &c->customers[i], arena_printf(&c->s->arena, "name=%s %zu", how, i), NULL);
}

static void hand(struct company *c, size_t i, const struct uuid *owner)
{
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    to.has_owner = true;
    to.owner = server_id(c->s, owner);
    server_must(c->s, server_action(c->s, KIND_CUSTOMER, &c->customers[i], "assign", &to.base));
}

static void a_pull_costs_what_has_changed(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE }, all = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL };
    Crm__Mutation *batch[CHANGES];
    Crm__SyncReply reply;

    make_company(&c, s, BASE);
    rep.user = c.rep;
    all.user = s->user;
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    assert_true(reply.examined < BASE / OWN + 50); /* others' records cost nothing */
    replica_pull(&all, s, 0, &reply);
    assert_true(replica_count(&all) >= BASE && replica_count(&rep) >= BASE / OWN && replica_count(&rep) < BASE / OWN + 20);

    /* Spread, some of them several times. */
    for (size_t i = 0; i < CHANGES; i++)
        batch[i] = renamed(&c, i % 10 ? 40 * i % BASE : 7, "Changed");
    must_all(&c, batch, CHANGES);
    replica_pull(&all, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_CHANGES);
    assert_int_equal(reply.records, 450 + 1); /* each once */
    assert_true(reply.examined <= 3 * CHANGES);
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.records, 450);
    assert_int_equal(reply.forgets, 0);
    assert_true(reply.examined <= 3 * CHANGES);

    /* Changing hands costs no more: from others to others, away, and here. */
    for (size_t i = 0; i < CHANGES; i++)
        hand(&c, i, i % OWN == 0 ? &c.other : i % OWN == 1 ? &c.rep : &s->user);
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.records, CHANGES / OWN + 1);
    assert_int_equal(reply.forgets, CHANGES / OWN + 1);
    assert_true(reply.examined <= 3 * CHANGES);
    replica_free(&rep);
    replica_free(&all);
}

static void nothing_new_is_one_small_answer(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    struct pull pull;
    Crm__SyncReply reply;

    make_company(&c, s, 100);
    rep.user = c.rep;
    replica_pull(&rep, s, 0, &reply);
    assert_false(reply.has_backed_up_seq);
    atomic_store(&s->core.backed_up_seq, 3);
    pull_begin(&pull, s, &rep, 0, true);
    assert_false(pull_step(&pull));
    assert_int_equal(pull.reply.backed_up_seq, 3);
    assert_false(pull.has_page);
    assert_int_equal(pull.reply.examined, 0);
    assert_int_equal(pull.reply.mode, CRM__SYNC_MODE__SYNC_MODE_CHANGES);
    assert_true(protobuf_c_message_get_packed_size(&pull.request.base) < 200);
    assert_true(protobuf_c_message_get_packed_size(&pull.reply.base) < 200);
    replica_end(&rep, &pull);
    pull_finish(&pull);
    replica_free(&rep);
}

static void far_behind_a_snapshot_is_cheaper(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    struct pull pull;
    Crm__SyncReply reply;

    make_company(&c, s, 200);
    rep.user = c.rep;
    replica_pull(&rep, s, 0, &reply);
    for (size_t i = 0; i < 1200; i++)
        server_must(s, renamed(&c, i % 200, i % 400 < 200 ? "A" : "B"));
    /* It holds a dozen: 1,200 entries cost more than all of these. Who does not say is not decided for. */
    pull_begin(&pull, s, &rep, 0, true);
    pull_step(&pull);
    while (pull_step(&pull))
        ;
    assert_int_equal(pull.reply.mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    pull_finish(&pull);
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_CHANGES);
    assert_int_equal(reply.records, 5);
    replica_free(&rep);
}

/* Long stretches of the log that are others' leave a cursor, so that they need not be walked again after a cut. */
static void what_is_of_no_concern_leaves_a_cursor(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    struct pull pull;
    Crm__SyncReply reply;

    make_people(&c, s);
    rep.user = c.rep;
    replica_pull(&rep, s, 0, &reply);
    add_customers(&c, BASE, 0);
    pull_begin(&pull, s, &rep, 0, false);
    do
        assert_true(pull_step(&pull));
    while (!pull.has_page);
    replica_store(&rep, &pull, NULL, NULL);
    pull_finish(&pull);
    assert_int_equal(rep.n_records, 0);
    replica_pull(&rep, s, 0, &reply);
    assert_true(reply.mode == CRM__SYNC_MODE__SYNC_MODE_CHANGES && reply.records == 0 && reply.forgets == 0);
    assert_true(reply.examined < 2 * BASE);
    replica_free(&rep);
}

/* --- erasure */

static enum crm_status erase(struct server *s, struct change_group *group, void *arg)
{
    struct erase_found found = { 0 };
    struct erase_result result;
    struct change change;
    enum crm_status status = change_begin(&change, group, &s->actor);

    if (status == CRM_OK)
        status = erase_look(&change.view, KIND_CUSTOMER, arg, group->arena, &found);
    if (status == CRM_OK)
        status = erase_record(&change, KIND_CUSTOMER, arg, true, &found, &result);
    return status == CRM_OK ? change_accept(&change) : status;
}

struct forgets {
    struct uuid id;
    size_t n;
};

static void count_forget(void *arg, struct replica *replica, enum kind kind, const struct uuid *id)
{
    struct forgets *forgets = arg;

    (void)replica;
    (void)kind;
    forgets->n += uuid_equal(id, &forgets->id);
}

/* What was erased is forgotten, also where the log can no longer say who had it; not by whose role knows no such records. */
static void erased_is_forgotten(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    struct forgets forgets = { .n = 0 };
    struct pull pull;
    Crm__SyncReply reply;
    bool more, is_told = false;

    make_company(&c, s, 80);
    rep.user = c.rep;
    replica_pull(&rep, s, 0, &reply);
    forgets.id = c.customers[0];
    assert_true(replica_find(&rep, &forgets.id)->is_there);
    hand(&c, 0, &c.other); /* whose it was before goes with it */
    assert_int_equal(server_turn(s, &(struct server_turn){ .work = erase, .arg = &forgets.id }), CRM_OK);
    pull_begin(&pull, s, &rep, 0, false);
    do {
        more = pull_step(&pull);
        if (pull.has_page)
            replica_store(&rep, &pull, count_forget, &forgets);
        is_told = is_told || (pull.has_page && pull.chunk.erased);
    } while (more);
    assert_int_equal(pull.status, CRM_OK);
    assert_int_equal(forgets.n, 1);
    assert_true(is_told); /* and that no trace of it may stay */
    assert_false(replica_find(&rep, &forgets.id)->is_there);
    pull_finish(&pull);
    replica_free(&rep);
}

/* --- cursors that are not as the server made them */

static void bend_cursor(struct replica *replica, const struct replica *good, uint64_t how)
{
    *replica = *good;
    if (replica->cursor_size)
        replica->cursor[how % replica->cursor_size] ^= (uint8_t)(1u << (how / replica->cursor_size % 8));
}

/* Whatever a cursor says: an answer that ends, of nothing but what may be seen. */
static void bent_cursors_open_nothing(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE }, bent;
    Crm__SyncReply reply;
    size_t n_bent = 0;

    make_company(&c, s, 200);
    rep.user = c.rep;
    replica_pull(&rep, s, 2, &reply);
    for (size_t i = 0; i < 60; i++)
        hand(&c, i, i % OWN ? &c.rep : &c.other);
    for (uint64_t how = 0; how < 8 * rep.cursor_size; how++) {
        struct pull pull;
        size_t steps = 0;

        bend_cursor(&bent, &rep, how);
        pull_begin(&pull, s, &bent, 100, false);
        n_bent += pull.request.cursor != NULL;
        while (pull_step(&pull))
            assert_true(++steps < 1000);
        assert_int_equal(pull.status, CRM_OK);
        for (size_t i = 0; pull.has_page && i < 1; i++) {
            Crm__SyncChunk *page = crm__sync_chunk__unpack(&pull.arena.protobuf, pull.packed.size, pull.packed.data);

            for (size_t r = 0; r < page->n_records; r++)
                if (page->records[r]->header->kind == KIND_CUSTOMER)
                    assert_memory_equal(page->records[r]->header->owner.data, c.rep.bytes, UUID_SIZE);
        }
        pull_finish(&pull);
    }
    assert_true(n_bent > 100);
    replica_free(&rep);
}

static void another_epoch_begins_a_snapshot(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    Crm__SyncReply reply;

    make_company(&c, s, 50);
    rep.user = c.rep;
    replica_pull(&rep, s, 0, &reply);
    s->core.epoch++;
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    rep.scope = CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM;
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_CHANGES);
    replica_free(&rep);
}

/* The order in which a scope is said is no other scope; what it says is. */
static void a_scope_in_another_order_is_the_same(void **state)
{
    struct server *s = *state;
    struct company c;
    Crm__FilterNode node = CRM__FILTER_NODE__INIT, *nodes = &node;
    Crm__SyncFilter customers = CRM__SYNC_FILTER__INIT, deals = CRM__SYNC_FILTER__INIT;
    Crm__SyncFilter *one[] = { &customers, &deals }, *other[] = { &deals, &customers };
    struct replica rep = { .n_filters = 2, .filters = one };
    Crm__SyncReply reply;

    make_company(&c, s, 50);
    rep.user = c.rep;
    node.has_op = customers.has_kind = deals.has_kind = true;
    node.op = FILTER_TRUE;
    customers.kind = KIND_CUSTOMER;
    deals.kind = KIND_DEAL;
    customers.filter = &nodes;
    customers.n_filter = 1;
    replica_pull(&rep, s, 0, &reply);
    rep.filters = other;
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_CHANGES);
    rep.n_filters = 1;
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
    replica_free(&rep);
}

static enum crm_status sweep(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    (void)arg;
    return expiry_sweep(group);
}

/* The end is noted a while behind the end itself; who has pulled in between is told, too. */
static void a_share_that_has_ended_is_forgotten(void **state)
{
    struct server *s = *state;
    struct company c;
    struct replica rep = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE };
    Crm__ShareArgument share = CRM__SHARE_ARGUMENT__INIT;
    Crm__SyncReply reply;
    size_t before;

    make_people(&c, s);
    add_customers(&c, 2, 0);
    rep.user = c.rep;
    replica_pull(&rep, s, 0, &reply);
    before = replica_count(&rep);
    share.has_principal = share.has_until = true;
    share.principal = server_id(s, &c.rep);
    share.until = server_now_us + 1000;
    server_must(s, server_action(s, KIND_CUSTOMER, &c.customers[0], "share", &share.base));
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(replica_count(&rep), before + 1);
    server_now_us += 2000;
    server_must(s, renamed(&c, 1, "Other"));
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(server_turn(s, &(struct server_turn){ .work = sweep }), CRM_OK);
    replica_pull(&rep, s, 0, &reply);
    assert_int_equal(replica_count(&rep), before);
    replica_free(&rep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(a_pull_costs_what_has_changed),
        server_test(nothing_new_is_one_small_answer),
        server_test(far_behind_a_snapshot_is_cheaper),
        server_test(what_is_of_no_concern_leaves_a_cursor),
        server_test(erased_is_forgotten),
        server_test(bent_cursors_open_nothing),
        server_test(another_epoch_begins_a_snapshot),
        server_test(a_share_that_has_ended_is_forgotten),
        server_test(a_scope_in_another_order_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
