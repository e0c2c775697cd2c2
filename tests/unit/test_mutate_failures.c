/*
 * test_mutate_failures.c - memory that ends at any point, a store without room, damaged rows: whoever is told that nothing was done is right
 */
#include "late_fixture.h"

/* --- what the store holds, as one number */

static bool hash_pair(void *arg, struct slice key, struct slice value)
{
    uint64_t *hash = arg;
    const struct slice parts[] = { key, value };

    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (size_t i = 0; i <= parts[p].size; i++)
            *hash = (*hash ^ (i < parts[p].size ? parts[p].data[i] : 0x1ff)) * UINT64_C(1099511628211);
    return true;
}

static enum crm_status hash_store(struct store_txn *txn, void *arg)
{
    enum crm_status status = CRM_OK;

    for (int db = 0; db < STORE_DB_COUNT && status == CRM_OK; db++)
        status = store_scan(txn, (enum store_db)db, &(struct store_range){ 0 }, hash_pair, arg);
    return status;
}

static uint64_t content(struct server *s)
{
    uint64_t hash = 1;

    assert_int_equal(store_read_run(s->store, hash_store, &hash), CRM_OK);
    return hash;
}

/* --- a request with its key, as op_mutate runs one */

struct keyed {
    const Crm__MutateRequest *request;
    struct outcome_key key;
};

static enum crm_status run_keyed(struct server *server, struct change_group *group, void *arg)
{
    const struct keyed *keyed = arg;
    struct slice packed;
    enum crm_status status = outcome_find(group, &keyed->key, &server->user, &packed, &server->failure);

    if (status == CRM_OK && packed.data)
        return CRM_EXISTS;
    if (status == CRM_OK)
        status = mutate_run(group, &server->actor, keyed->request, &server->reply, &server->failure);
    if (status != CRM_OK)
        return status;
    status = codec_pack(&server->reply.base, group->arena, &packed);
    if (status == CRM_OK)
        return outcome_keep(group, &keyed->key, &server->user, packed);
    change_group_spoil(group);
    return status;
}

/* With less memory than it needs the request fails whole, whatever it was about; with enough it is done. */
static void try_budgets(struct server *s, const Crm__MutateRequest *request)
{
    struct keyed keyed = { .request = request, .key = { .client = "the client's own", .number = 1 } };
    uint64_t before = content(s);
    size_t failed = 0;

    for (s->group_budget = 256;; s->group_budget += s->group_budget < 8192 ? 64 : 512) {
        struct server_turn turn = { .work = run_keyed, .arg = &keyed };
        enum crm_status status = server_turn(s, &turn);

        if (status == CRM_OK) {
            size_t wrong = 0;

            for (size_t i = 0; i < s->reply.n_results; i++)
                wrong += s->reply.results[i]->status == CRM_NO_MEMORY;
            assert_int_equal(wrong, 0);
            break;
        }
        if (status != CRM_NO_MEMORY)
            fail_msg("with %zu bytes: %s: %s", s->group_budget, crm_status_info((int)status)->name, s->failure.text);
        failed++;
        assert_true(content(s) == before);
    }
    s->group_budget = SERVER_GROUP;
    assert_true(failed > 50);
    assert_true(content(s) != before);
}

/* A batch that comes late: merged, in conflict in part, refused by the rules, of something deleted. */
static void merges_whole(void **state)
{
    struct server *s = *state;
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutations[4];
    struct uuid a, b, gone;
    struct record base_a, base_gone;

    server_create(s, KIND_CUSTOMER, &a, "name=A", "tags=x", "note=first");
    server_create(s, KIND_CUSTOMER, &b, "name=B");
    server_create(s, KIND_CUSTOMER, &gone, "name=C");
    base_a = server_record(s, KIND_CUSTOMER, &a);
    base_gone = server_record(s, KIND_CUSTOMER, &gone);
    server_change(s, KIND_CUSTOMER, &a, "name=Theirs", "tags+=y", "note=first\ntheirs");
    server_change(s, KIND_CUSTOMER, &b, server_ref(s, "parent", &a));
    server_delete(s, KIND_CUSTOMER, &gone);
    mutations[2] = seen(s, server_patch(s, KIND_CUSTOMER, &a, "tags+=z", "note=first\nmine", NULL), &base_a);
    mutations[1] = seen(s, server_patch(s, KIND_CUSTOMER, &a, "name=Mine", "industry=retail", NULL), &base_a);
    mutations[0] = seen(s, server_patch(s, KIND_CUSTOMER, &a, server_ref(s, "parent", &b), NULL), &base_a);
    mutations[3] = seen(s, server_patch(s, KIND_CUSTOMER, &gone, "name=Mine", NULL), &base_gone);
    request.mutations = mutations;
    request.n_mutations = ARRAY_LEN(mutations);
    try_budgets(s, &request);
    assert_int_equal(s->reply.results[0]->status, CRM_CONFLICT);
    assert_int_equal(s->reply.results[1]->status, CRM_PARTIAL);
    assert_int_equal(s->reply.results[2]->status, CRM_OK);
    assert_int_equal(s->reply.results[3]->status, CRM_CONFLICT);
    assert_int_equal(kept_of(s, &a).n, 2);
}

static void resolves_whole(void **state)
{
    struct server *s = *state;
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutation;
    struct uuid id;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=A", "web=a");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs", "web=b");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", "web=", NULL), &base));
    mutation = resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_MINE, NULL);
    request.mutations = &mutation;
    request.n_mutations = 1;
    try_budgets(s, &request);
    assert_field(s, KIND_CUSTOMER, &id, "name", "Mine");
    assert_field(s, KIND_CUSTOMER, &id, "web", "");
    assert_int_equal(kept_of(s, &id).n, 0);
}

static enum crm_status hash_rest(struct store_txn *txn, void *arg)
{
    enum crm_status status = CRM_OK;

    for (int db = 0; db < STORE_DB_COUNT && status == CRM_OK; db++)
        if (db != STORE_CONFLICT)
            status = store_scan(txn, (enum store_db)db, &(struct store_range){ 0 }, hash_pair, arg);
    return status;
}

/* What is refused when half of it is put, since another has the value by now, leaves nothing behind but the conflict. */
static void keeps_nothing_else_of_what_is_refused(void **state)
{
    struct server *s = *state;
    struct uuid a, b;
    struct record base;
    uint64_t before = 1, after = 1;

    server_create(s, KIND_PRODUCT, &a, "name=A", "code=1");
    server_create(s, KIND_PRODUCT, &b, "name=B");
    base = server_record(s, KIND_PRODUCT, &a);
    server_change(s, KIND_PRODUCT, &a, "name=A 2");
    server_change(s, KIND_PRODUCT, &b, "code=2");
    assert_int_equal(store_read_run(s->store, hash_rest, &before), CRM_OK);
    server_must(s, seen(s, server_patch(s, KIND_PRODUCT, &a, "code=2", "tags=words", NULL), &base));
    assert_int_equal(s->reply.results[0]->status, CRM_CONFLICT);
    assert_int_equal(kept_of(s, &a).n, 1);
    assert_int_equal(store_read_run(s->store, hash_rest, &after), CRM_OK);
    assert_true(before == after);
}

/* A login by invitation uses the code, stores the password and opens a session: all of it or nothing. */
struct login {
    char code[INVITE_CODE_SIZE];
    struct session session;
};

static enum crm_status run_invite(struct server *server, struct change_group *group, void *arg)
{
    struct login *login = arg;

    return invite_create(group, &server->user, INT64_MAX, login->code);
}

static enum crm_status run_login(struct server *server, struct change_group *group, void *arg)
{
    const struct session_opening opening = { .how = SESSION_BY_INVITATION, .device_name = "laptop", .lasts_us = US_PER_DAY, .idle_us = US_PER_DAY };
    struct login *login = arg;
    uint8_t token[TOKEN_SIZE];
    enum crm_status status = invite_use(group, login->code);

    login->session.user = server->user;
    if (status == CRM_OK)
        status = credential_store(group, &server->user, "$argon2id$of the new password");
    return status == CRM_OK ? session_open(group, &login->session, &opening, token) : status;
}

static void logs_in_whole(void **state)
{
    struct server *s = *state;
    struct login login = { .code = "" };
    struct server_turn invite = { .work = run_invite, .arg = &login };
    enum crm_status status;
    uint64_t before;
    size_t failed = 0;

    assert_int_equal(server_turn(s, &invite), CRM_OK);
    before = content(s);
    for (s->group_budget = 64;; s->group_budget += 16, failed++) {
        struct server_turn turn = { .work = run_login, .arg = &login };

        status = server_turn(s, &turn);
        if (status == CRM_OK)
            break;
        assert_int_equal(status, CRM_NO_MEMORY);
        assert_true(content(s) == before);
    }
    assert_true(failed > 10);
    assert_true(content(s) != before);
}

static void request_of(Crm__MutateRequest *request, Crm__Mutation **mutations, size_t n)
{
    crm__mutate_request__init(request);
    request->mutations = mutations;
    request->n_mutations = n;
}

static void fails_whole_on_a_create(void **state)
{
    struct server *s = *state;
    struct uuid rate, customer, id;
    Crm__MutateRequest request;
    Crm__Mutation *mutation;

    server_create(s, KIND_EXCHANGE_RATE, &rate, "currency=EUR", "day=2016-11-01", "rate=1.1");
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    mutation = server_creation(s, KIND_DEAL, &id, "name=上海科技 deal", "amount=12 EUR", server_ref(s, "customer", &customer), "tags=a", NULL);
    request_of(&request, &mutation, 1);
    try_budgets(s, &request);
    assert_int_equal(server_value(s, KIND_DEAL, &id, "amount").company_minor, 1320);
    assert_true(server_value(s, KIND_DEAL, &id, "amount").has_company);
}

static void fails_whole_on_a_cascade(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact, activity, child;
    Crm__MutateRequest request;
    Crm__Mutation *mutation;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CUSTOMER, &child, "name=Child", server_ref(s, "parent", &customer));
    server_create(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &customer));
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", server_ref(s, "customer", &customer), server_ref(s, "contact", &contact));
    mutation = server_deletion(s, KIND_CUSTOMER, &customer);
    request_of(&request, &mutation, 1);
    try_budgets(s, &request);
    assert_false(server_exists(s, KIND_ACTIVITY, &activity));
    assert_field(s, KIND_CUSTOMER, &child, "parent", "");
}

static void fails_whole_on_actions(void **state)
{
    struct server *s = *state;
    struct uuid deal, customer;
    Crm__MutateRequest request;
    Crm__Mutation *mutations[3];

    server_create(s, KIND_DEAL, &deal, "name=D", "amount=12 USD");
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_delete(s, KIND_CUSTOMER, &customer);
    mutations[0] = server_move(s, &deal, "move", "Won");
    mutations[1] = server_restoration(s, KIND_CUSTOMER, &customer);
    mutations[2] = server_patch(s, KIND_DEAL, &deal, "tags+=x", NULL);
    request_of(&request, mutations, 3);
    request.has_atomic = request.atomic = true;
    try_budgets(s, &request);
    assert_field(s, KIND_DEAL, &deal, "state", "won");
}

/* Each for itself, yet memory that ends takes the first ones back too: the request says that nothing was done. */
static void fails_whole_on_a_batch(void **state)
{
    struct server *s = *state;
    struct uuid ids[8];
    Crm__MutateRequest request;
    Crm__Mutation *mutations[8];

    for (size_t i = 0; i < ARRAY_LEN(mutations); i++)
        mutations[i] = server_creation(s, KIND_CUSTOMER, &ids[i], "name=Acme", "industry=retail", NULL);
    request_of(&request, mutations, ARRAY_LEN(mutations));
    try_budgets(s, &request);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_true(server_exists(s, KIND_CUSTOMER, &ids[i]));
}

/* --- the store */

/* A map of a megabyte fills up: the group that does not fit leaves nothing. */
static void leaves_nothing_in_a_full_store(void **state)
{
    struct server s;
    struct uuid id;
    struct record record;
    char note[20000] = "note=";
    uint64_t before;
    size_t n = 0;

    (void)state;
    server_begin_sized(&s, SERVER_LMDB, 1, 2u << 20);
    memset(note + 5, 'x', sizeof note - 6);
    note[sizeof note - 1] = '\0';
    for (;; n++) {
        enum crm_status status;

        before = content(&s);
        status = server_run(&s, server_creation(&s, KIND_CUSTOMER, &id, "name=Acme", note, NULL));
        if (status != CRM_OK) {
            assert_int_equal(status, CRM_FULL);
            break;
        }
    }
    assert_true(n > 5);
    assert_true(content(&s) == before);
    assert_int_equal(server_load(&s, KIND_CUSTOMER, &id, false, &record), CRM_NOT_FOUND);
    server_end(&s);
}

/* --- damage */

static enum crm_status bend_record(struct store_txn *txn, void *arg)
{
    const struct uuid *id = arg;
    uint8_t key[RECORD_KEY_SIZE], copy[1024];
    struct slice value;
    enum crm_status status;

    record_key(KIND_CUSTOMER, id, key);
    status = store_get(txn, STORE_RECORD, slice_of(key, sizeof key), &value);
    if (status != CRM_OK || value.size > sizeof copy)
        return CRM_FAILED;
    memcpy(copy, value.data, value.size);
    copy[value.size - 1] ^= 1;
    return store_put(txn, STORE_RECORD, slice_of(key, sizeof key), slice_of(copy, value.size));
}

/* One damaged record stops what is about it, and nothing else of the batch. */
static void works_around_a_damaged_record(void **state)
{
    struct server *s = *state;
    struct uuid bad, good, other;
    Crm__MutateRequest request;
    Crm__Mutation *mutations[3];

    server_create(s, KIND_CUSTOMER, &bad, "name=Bad");
    server_create(s, KIND_CUSTOMER, &good, "name=Good");
    assert_int_equal(store_write_run(s->store, bend_record, &bad), CRM_OK);
    mutations[0] = server_patch(s, KIND_CUSTOMER, &good, "industry=retail", NULL);
    mutations[1] = server_patch(s, KIND_CUSTOMER, &bad, "industry=retail", NULL);
    mutations[2] = server_creation(s, KIND_CUSTOMER, &other, "name=Other", NULL);
    request_of(&request, mutations, 3);
    assert_int_equal(server_request(s, &request), CRM_OK);
    assert_false(s->reply.results[0]->has_status);
    assert_int_equal(s->reply.results[1]->status, CRM_CORRUPT);
    assert_false(s->reply.results[2]->has_status);
    assert_field(s, KIND_CUSTOMER, &good, "industry", "retail");
    assert_true(server_exists(s, KIND_CUSTOMER, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(fails_whole_on_a_create),  server_test(fails_whole_on_a_cascade),       server_test(fails_whole_on_actions),
        server_test(fails_whole_on_a_batch),   cmocka_unit_test(leaves_nothing_in_a_full_store), server_test(works_around_a_damaged_record),
        server_test(merges_whole),             server_test(resolves_whole),
        server_test(keeps_nothing_else_of_what_is_refused),
        server_test(logs_in_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
