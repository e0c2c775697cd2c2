/*
 * test_feed_compare.c - a replica of other eyes than before has what it holds compared: it ends as a new one would, and what comes is what differs
 */
#include "tests/unit/sync_fixture.h"

#define CUSTOMERS 4000
#define BATCH     500
#define BUCKET    64
#define FURTHER   40 /* every so many belongs to the further team */

struct company {
    struct server *s;
    struct uuid role, further, rep, other;
    struct uuid *customers;
    struct replica replica;
};

static Crm__Mutation *of_team(struct company *c, Crm__Mutation *mutation, bool further)
{
    mutation->has_owner = mutation->has_team = true;
    mutation->owner = server_id(c->s, further ? &c->other : &c->rep);
    mutation->team = server_id(c->s, further ? &c->further : &c->s->team);
    return mutation;
}

static void add_customers(struct company *c)
{
    Crm__Mutation *batch[BATCH];
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    c->customers = arena_alloc(&c->s->arena, CUSTOMERS * sizeof *c->customers);
    assert_non_null(c->customers);
    request.mutations = batch;
    request.n_mutations = BATCH;
    for (size_t i = 0; i < CUSTOMERS; i++) {
        batch[i % BATCH] = of_team(c, server_creation(c->s, KIND_CUSTOMER, &c->customers[i], arena_printf(&c->s->arena, "name=Customer %zu", i),
                                                      i % 3 ? "industry=retail" : NULL, NULL), i % FURTHER == 0);
        if (i % BATCH == BATCH - 1)
            assert_int_equal(server_request(c->s, &request), CRM_OK);
    }
}

/* What the rep's role gives; hidden: a field of customers, or NULL. */
static Crm__Mutation *role_is(struct company *c, Crm__Mutation *mutation, Crm__Scope read, const char *hidden)
{
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope any = CRM__KIND_SCOPE__INIT, customers = CRM__KIND_SCOPE__INIT, *rows[] = { &any, &customers };
    struct uuid ids[] = { uuid_create(), uuid_create() };
    char *fields[] = { (char *)(uintptr_t)hidden };

    for (size_t i = 0; i < 2; i++) {
        rows[i]->has_id = rows[i]->has_read = rows[i]->has_write = true;
        rows[i]->id = server_id(c->s, &ids[i]);
        rows[i]->read = rows[i]->write = read;
    }
    any.kind = (char *)(uintptr_t)"*";
    customers.kind = (char *)(uintptr_t)"customer";
    customers.hidden = fields;
    customers.n_hidden = hidden ? 1 : 0;
    role.name = (char *)(uintptr_t)"Rep";
    role.scopes = rows;
    role.n_scopes = 2;
    return server_with(c->s, mutation, &role.base);
}

static void make_company(struct company *c, struct server *s)
{
    Crm__SyncReply reply;

    *c = (struct company){ .s = s, .replica = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM } };
    server_must(s, role_is(c, server_creation(s, KIND_ROLE, &c->role, NULL), CRM__SCOPE__SCOPE_TEAM, NULL));
    server_create(s, KIND_TEAM, &c->further, "name=Further");
    server_create(s, KIND_USER, &c->rep, "login=rep", server_ref(s, "role", &c->role), server_ref(s, "team", &s->team));
    server_create(s, KIND_USER, &c->other, "login=other", server_ref(s, "role", &c->role), server_ref(s, "team", &c->further));
    add_customers(c);
    c->replica.user = c->rep;
    replica_pull(&c->replica, s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
}

/* --- the replica's side, from PROTOCOL.md */

struct compared {
    struct replica_row *rows[3 * CUSTOMERS]; /* in order of kind and id */
    uint8_t marks[3 * CUSTOMERS][16];        /* as they were asked about */
    size_t n, n_records, n_strays, n_pages, asked[3 * CUSTOMERS], n_asked;
    uint8_t question[1 << 20];
    size_t size;
    uint64_t sum[2];
    bool is_confirmed;
    void (*between)(struct company *c, size_t page); /* NULL: nothing happens */
};

static int by_place(const void *a, const void *b)
{
    const struct replica_row *left = *(struct replica_row *const *)a, *right = *(struct replica_row *const *)b;

    return left->kind != right->kind ? (left->kind < right->kind ? -1 : 1) : memcmp(left->id.bytes, right->id.bytes, UUID_SIZE);
}

static void take_stock(struct compared *compared, struct replica *replica)
{
    compared->n = 0;
    for (size_t i = 0; i < replica->n; i++)
        if (replica->rows[i].is_there)
            compared->rows[compared->n++] = &replica->rows[i];
    qsort(compared->rows, compared->n, sizeof *compared->rows, by_place);
    for (size_t i = 0; i < compared->n; i++)
        memcpy(compared->marks[i], compared->rows[i]->mark, 16);
}

static void put_place(struct compared *compared, const struct replica_row *row, int fill)
{
    uint8_t *out = compared->question + compared->size;

    memset(out, fill, 20);
    if (row) {
        memset(out, 0, 4);
        out[0] = (uint8_t)row->kind;
        memcpy(out + 4, row->id.bytes, UUID_SIZE);
    }
    compared->size += 20;
}

static size_t bucket_count_of(const struct compared *compared)
{
    return (compared->n + BUCKET - 1) / BUCKET;
}

static size_t bucket_behind(const struct compared *compared, size_t bucket)
{
    return (bucket + 1) * BUCKET < compared->n ? (bucket + 1) * BUCKET : compared->n;
}

static const struct replica_row *bucket_last(const struct compared *compared, size_t bucket)
{
    return bucket + 1 == bucket_count_of(compared) ? NULL : compared->rows[bucket_behind(compared, bucket) - 1];
}

static void put_u64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static void add_mark(uint64_t sum[2], const uint8_t mark[16])
{
    sum[0] += little_u64(mark);
    sum[1] += little_u64(mark + 8);
}

static void put_sums(struct compared *compared)
{
    compared->size = 0;
    for (size_t b = 0; b < bucket_count_of(compared); b++) {
        uint64_t sum[2] = { 0, 0 };

        for (size_t i = b * BUCKET; i < bucket_behind(compared, b); i++)
            add_mark(sum, compared->marks[i]);
        put_place(compared, bucket_last(compared, b), 255);
        put_u64(compared->question + compared->size, sum[0]);
        put_u64(compared->question + compared->size + 8, sum[1]);
        compared->size += 16;
    }
}

static void put_items(struct compared *compared, ProtobufCBinaryData differ)
{
    compared->size = compared->n_asked = 0;
    assert_int_equal(differ.len, (bucket_count_of(compared) + 7) / 8);
    for (size_t b = 0; b < bucket_count_of(compared); b++) {
        size_t n = bucket_behind(compared, b) - b * BUCKET;

        if (!(differ.data[b / 8] >> (b % 8) & 1))
            continue;
        put_place(compared, b ? bucket_last(compared, b - 1) : NULL, 0);
        put_place(compared, bucket_last(compared, b), 255);
        memset(compared->question + compared->size, 0, 4);
        compared->question[compared->size] = (uint8_t)n;
        compared->size += 4;
        for (size_t i = b * BUCKET; i < b * BUCKET + n; i++) {
            memcpy(compared->question + compared->size, compared->marks[i], 4);
            compared->size += 4;
            compared->asked[compared->n_asked++] = i;
        }
    }
}

/* The sum over what lies in the buckets that were asked about. */
static void check_sum(struct compared *compared, struct replica *replica, ProtobufCBinaryData told)
{
    uint64_t sum[2] = { 0, 0 };

    for (size_t i = 0; i < replica->n; i++) {
        struct compared place = { .size = 0 };
        const uint8_t *at = compared->question;

        put_place(&place, &replica->rows[i], 0);
        for (; replica->rows[i].is_there && at < compared->question + compared->size; at += 44 + 4 * at[40])
            if ((at[0] < place.question[0] || (at[0] == place.question[0] && memcmp(at + 4, place.question + 4, UUID_SIZE) < 0)) &&
                (place.question[0] < at[20] || (place.question[0] == at[20] && memcmp(place.question + 4, at + 24, UUID_SIZE) <= 0)))
                add_mark(sum, replica->rows[i].mark);
    }
    assert_int_equal(told.len, 16);
    assert_true(sum[0] == little_u64(told.data) && sum[1] == little_u64(told.data + 8));
    compared->is_confirmed = true;
}

static void store_compared(struct compared *compared, struct replica *replica, struct pull *pull)
{
    Crm__SyncChunk *page = crm__sync_chunk__unpack(&pull->arena.protobuf, pull->packed.size, pull->packed.data);

    assert_non_null(page);
    assert_true(page->n_strays <= 500 && page->n_records <= 500 && !page->begins);
    assert_int_equal(page->cursor->mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE, !compared->is_confirmed && !page->has_compared);
    replica_store(replica, pull, NULL, NULL);
    for (size_t i = 0; i < page->n_strays; i++) {
        struct replica_row *row;

        assert_true(page->strays[i] < compared->n_asked);
        row = replica_find(replica, &compared->rows[compared->asked[page->strays[i]]]->id);
        if (memcmp(row->mark, compared->marks[compared->asked[page->strays[i]]], 16) == 0)
            row->is_there = false;
    }
    if (page->has_compared)
        check_sum(compared, replica, page->compared);
    compared->n_records += page->n_records;
    compared->n_strays += page->n_strays;
    compared->n_pages++;
}

static void ask_sums(struct compared *compared, struct company *c, struct pull *pull)
{
    pull_prepare(pull, c->s, &c->replica, 0, true);
    put_sums(compared);
    pull->request.has_buckets = true;
    pull->request.buckets = (ProtobufCBinaryData){ .data = compared->question, .len = compared->size };
    pull->request.cursor = NULL;
    pull_start(pull);
    while (pull_step(pull))
        assert_false(pull->has_page);
    assert_int_equal(pull->status, CRM_OK);
    assert_int_equal(pull->reply.mode, CRM__SYNC_MODE__SYNC_MODE_COMPARE);
}

/* false: who asks has other eyes by now. */
static bool ask_items(struct compared *compared, struct company *c, const struct pull *sums)
{
    struct pull pull;
    size_t page = 0;
    bool more;

    pull_prepare(&pull, c->s, &c->replica, 0, true);
    put_items(compared, sums->reply.differ);
    pull.request.has_items = true;
    pull.request.items = (ProtobufCBinaryData){ .data = compared->question, .len = compared->size };
    pull.request.cursor = sums->reply.cursor;
    c->replica.n_records = c->replica.sum[0] = c->replica.sum[1] = 0;
    for (size_t i = 0; i < c->replica.n; i++)
        c->replica.rows[i].is_named = true; /* nothing is meant by absence */
    if (compared->between)
        compared->between(c, page++);
    pull_start(&pull);
    do {
        more = pull_step(&pull);
        if (pull.has_page)
            store_compared(compared, &c->replica, &pull);
        if (compared->between && more)
            compared->between(c, page++);
    } while (more);
    assert_int_equal(pull.status, CRM_OK);
    more = pull.reply.mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE;
    if (!more)
        replica_end(&c->replica, &pull);
    pull_finish(&pull);
    return !more;
}

/* As a replica does it, to the end. */
static void compare(struct compared *compared, struct company *c)
{
    struct pull refused, sums;

    pull_prepare(&refused, c->s, &c->replica, 0, true);
    refused.request.has_compares = refused.request.compares = true;
    pull_start(&refused);
    assert_false(pull_step(&refused));
    assert_true(!refused.has_page && refused.reply.mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE && !refused.reply.cursor);
    pull_finish(&refused);
    take_stock(compared, &c->replica);
    ask_sums(compared, c, &sums);
    assert_true(ask_items(compared, c, &sums));
    assert_true(compared->is_confirmed);
    pull_finish(&sums);
}

/* It holds what a new one gets, and goes on from there. */
static void assert_as_new(struct company *c)
{
    struct replica fresh = { .scope = c->replica.scope, .user = c->replica.user };
    Crm__SyncReply reply;

    replica_pull(&c->replica, c->s, 0, &reply);
    assert_int_equal(reply.mode, CRM__SYNC_MODE__SYNC_MODE_CHANGES);
    replica_pull(&fresh, c->s, 0, &reply);
    assert_int_equal(replica_count(&c->replica), replica_count(&fresh));
    for (size_t i = 0; i < fresh.n; i++) {
        const struct replica_row *row = replica_find(&c->replica, &fresh.rows[i].id);

        assert_true(row && row->is_there && row->rev == fresh.rows[i].rev);
        assert_memory_equal(row->body, fresh.rows[i].body, SHA256_SIZE);
    }
    replica_free(&fresh);
}

static struct compared *compared_create(struct server *s)
{
    struct compared *compared = arena_zalloc(&s->arena, sizeof *compared);

    assert_non_null(compared);
    return compared;
}

/* --- tests */

static void give_team(struct company *c)
{
    server_must(c->s, server_patch(c->s, KIND_USER, &c->rep, server_ref(c->s, "more_teams", &c->further), NULL));
}

static void one_more_team_costs_its_records(void **state)
{
    struct server *s = *state;
    struct compared *compared = compared_create(s);
    struct company c;

    make_company(&c, s);
    give_team(&c);
    compare(compared, &c);
    assert_true(compared->n_records >= CUSTOMERS / FURTHER && compared->n_records <= CUSTOMERS / FURTHER + 5); /* and the user */
    assert_true(compared->n_strays <= 5);
    assert_true(compared->size <= 4 * compared->n_asked + 44 * bucket_count_of(compared));
    assert_as_new(&c);
    replica_free(&c.replica);
}

static void what_is_lost_goes_in_pages(void **state)
{
    struct server *s = *state;
    struct compared *compared = compared_create(s);
    struct company c;
    size_t before;

    make_company(&c, s);
    before = replica_count(&c.replica);
    server_must(s, role_is(&c, server_patch(s, KIND_ROLE, &c.role, NULL), CRM__SCOPE__SCOPE_NONE, NULL));
    compare(compared, &c);
    assert_true(compared->n_strays >= CUSTOMERS - CUSTOMERS / FURTHER && compared->n_pages > CUSTOMERS / 500 - 1);
    assert_true(compared->n_records <= 5);
    assert_true(replica_count(&c.replica) + compared->n_strays <= before + compared->n_records);
    assert_as_new(&c);
    replica_free(&c.replica);
}

/* Only those that have the field are others without it, and with it again. */
static void a_hidden_field_costs_the_records_that_have_it(void **state)
{
    struct server *s = *state;
    struct compared *hidden = compared_create(s), *shown = compared_create(s);
    struct company c;
    size_t have = 0;

    for (size_t i = 0; i < CUSTOMERS; i++)
        have += i % 3 && i % FURTHER;
    make_company(&c, s);
    server_must(s, role_is(&c, server_patch(s, KIND_ROLE, &c.role, NULL), CRM__SCOPE__SCOPE_TEAM, "industry"));
    compare(hidden, &c);
    assert_true(hidden->n_records >= have && hidden->n_records <= have + 5); /* and the role */
    assert_as_new(&c);
    server_must(s, role_is(&c, server_patch(s, KIND_ROLE, &c.role, NULL), CRM__SCOPE__SCOPE_TEAM, NULL));
    compare(shown, &c);
    assert_true(shown->n_records >= have && shown->n_records <= have + 5);
    assert_as_new(&c);
    replica_free(&c.replica);
}

/* Whatever a replica has lost, kept or mixed up. */
static void drift_is_healed(void **state)
{
    struct server *s = *state;
    struct compared *compared = compared_create(s);
    struct company c;
    struct replica_row *stray;
    struct uuid id = uuid_create();

    make_company(&c, s);
    replica_find(&c.replica, &c.customers[1])->is_there = false;
    replica_find(&c.replica, &c.customers[2])->mark[0] ^= 1;
    stray = replica_put(&c.replica, &id);
    stray->kind = KIND_CUSTOMER;
    stray->is_there = true;
    c.replica.cursor_size = 0;
    compare(compared, &c);
    assert_int_equal(compared->n_records, 2);
    assert_int_equal(compared->n_strays, 2);
    assert_false(replica_find(&c.replica, &id)->is_there);
    assert_as_new(&c);
    replica_free(&c.replica);
}

/* Everybody works on while it is compared: what is told twice, once, or moves away behind the walk. */
static void work_on(struct company *c, size_t page)
{
    struct server *s = c->s;
    struct uuid id;

    for (size_t i = 0; i < 3; i++) {
        size_t at = (page * 977 + i * 411) % CUSTOMERS;

        server_must(s, server_patch(s, KIND_CUSTOMER, &c->customers[at], arena_printf(&s->arena, "name=Changed %zu %zu", page, i), NULL));
        if (i == 2 && page % 2)
            server_must(s, of_team(c, server_patch(s, KIND_CUSTOMER, &c->customers[(at + 7) % CUSTOMERS], "name=Handed", NULL), page % 4 == 1));
    }
    server_must(s, of_team(c, server_creation(s, KIND_CUSTOMER, &id, arena_printf(&s->arena, "name=New %zu", page), NULL), page % 3 == 0));
}

static void others_work_on_meanwhile(void **state)
{
    struct server *s = *state;
    struct compared *compared = compared_create(s);
    struct company c;

    make_company(&c, s);
    compared->between = work_on;
    server_must(s, role_is(&c, server_patch(s, KIND_ROLE, &c.role, NULL), CRM__SCOPE__SCOPE_TEAM, "industry"));
    compare(compared, &c);
    assert_as_new(&c);
    replica_free(&c.replica);
}

static void other_eyes_between_the_questions_begin_anew(void **state)
{
    struct server *s = *state;
    struct compared *compared = compared_create(s);
    struct company c;
    struct pull sums;

    make_company(&c, s);
    give_team(&c);
    take_stock(compared, &c.replica);
    ask_sums(compared, &c, &sums);
    server_must(s, role_is(&c, server_patch(s, KIND_ROLE, &c.role, NULL), CRM__SCOPE__SCOPE_OWN, NULL));
    assert_false(ask_items(compared, &c, &sums));
    assert_int_equal(compared->n_pages, 0);
    pull_finish(&sums);
    compare(compared, &c);
    assert_as_new(&c);
    replica_free(&c.replica);
}

/* --- what is no question */

static void assert_refused(struct company *c, const uint8_t *bytes, size_t size, bool items)
{
    struct pull pull;
    ProtobufCBinaryData data = { .data = (uint8_t *)(uintptr_t)bytes, .len = size };

    pull_prepare(&pull, c->s, &c->replica, 0, true);
    pull.request.has_items = items;
    pull.request.has_buckets = !items;
    pull.request.items = pull.request.buckets = data;
    pull_start(&pull);
    assert_int_equal(pull.status, CRM_INVALID);
    assert_string_equal(pull.ctx.failure.field, items ? "items" : "buckets");
    pull_finish(&pull);
}

static void what_is_no_question_is_refused(void **state)
{
    struct server *s = *state;
    struct company c = { .s = s, .replica = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL, .user = s->user } };
    uint8_t bytes[100] = { 0 };

    assert_refused(&c, bytes, 0, false);
    memset(bytes, 255, sizeof bytes);
    assert_refused(&c, bytes, 35, false);
    assert_refused(&c, bytes, 72, false); /* twice the same place */
    memset(bytes, 7, 36);
    assert_refused(&c, bytes, 36, false); /* not to the end */
    assert_refused(&c, bytes, 43, true);
    memset(bytes, 0, sizeof bytes);
    assert_refused(&c, bytes, 44, true); /* from a place to itself */
    bytes[20] = 1;
    bytes[40] = 2; /* two marks, where there is one */
    assert_refused(&c, bytes, 48, true);
    bytes[43] = 255;
    assert_refused(&c, bytes, 48, true);
    bytes[40] = 1;
    bytes[43] = 0;
    bytes[48 + 20] = 1; /* begins where the one before has been already */
    assert_refused(&c, bytes, 92, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(one_more_team_costs_its_records),
        server_test(what_is_lost_goes_in_pages),
        server_test(a_hidden_field_costs_the_records_that_have_it),
        server_test(drift_is_healed),
        server_test(others_work_on_meanwhile),
        server_test(other_eyes_between_the_questions_begin_anew),
        server_test(what_is_no_question_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
