/*
 * test_sync.c - a whole sync against the real server: what it costs where nothing is new, where the server was restored, where the replica is damaged, and
 * that it may be cut behind any byte
 */
#include "push_fixture.h"

#define CUSTOMERS 300
#define LOST      10
#define CUTS      40

static const enum store_db compared[] = { STORE_RECORD, STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };

/* --- what a replica holds */

struct dump {
    uint64_t n, hash;
};

static bool dump_pair(void *arg, struct slice key, struct slice value)
{
    const struct slice parts[] = { key, value };
    struct dump *dump = arg;

    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (size_t i = 0; i < parts[p].size; i++)
            dump->hash = (dump->hash ^ parts[p].data[i]) * UINT64_C(1099511628211);
    dump->n++;
    return true;
}

static enum crm_status dump_run(struct store_txn *txn, void *arg)
{
    struct dump *dumps = arg;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(compared) && status == CRM_OK; i++)
        status = store_scan(txn, compared[i], &(struct store_range){ 0 }, dump_pair, &dumps[i]);
    return status;
}

static struct replica *new_replica(void)
{
    struct failure failure = { 0 };
    struct replica *replica;
    struct store *store;

    assert_int_equal(store_open_map(&store), CRM_OK);
    assert_int_equal(replica_open_store(store, &replica, &failure), CRM_OK);
    return replica;
}

/* It holds what a new one gets, key by key. */
static void assert_as_new(struct replica *replica)
{
    struct dump mine[ARRAY_LEN(compared)] = { 0 }, fresh[ARRAY_LEN(compared)] = { 0 };
    struct replica *other = new_replica();

    assert_int_equal(try_pull(other), CRM_OK);
    assert_int_equal(store_read_run(replica_store(replica), dump_run, mine), CRM_OK);
    assert_int_equal(store_read_run(replica_store(other), dump_run, fresh), CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(compared); i++) {
        assert_int_equal(mine[i].n, fresh[i].n);
        assert_true(mine[i].hash == fresh[i].hash);
    }
    replica_close(other);
}

/* --- syncs */

static struct sync_progress sync_as(struct replica *replica, bool compares)
{
    const struct sync_options options = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL, .compares = compares };
    struct crm_client *client = dial();
    struct sync_progress progress;
    struct failure failure = { 0 };

    office.rounds = 0;
    assert_int_equal(sync_run(replica, client, &options, &progress, &failure), CRM_OK);
    crm_client_destroy(client);
    return progress;
}

static void add_customers(const char *name, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct uuid id = uuid_create();

        in_office(customer_of(CRM__VERB__VERB_CREATE, &id, arena_printf(&office.arena, "%s %u", name, i), "retail"));
    }
}

/* Hello, fields, changes and conflicts in one flight. */
static void nothing_new_is_one_round_trip(void **state)
{
    struct sync_progress progress;

    (void)state;
    progress = sync_as(rep, false);
    assert_int_equal(office.rounds, 1);
    assert_int_equal(progress.records + progress.forgets, 0);
    assert_true(office.sent < 1024 && office.came < 1024);
}

/* A replica of before the restore, and an office that has lost the last customers. */
static void lose_some(void)
{
    struct store *backup;

    add_customers("Kept", CUSTOMERS);
    backup = copy_of(office.store);
    add_customers("Lost", LOST);
    assert_int_equal(try_pull(rep), CRM_OK);
    office_restore(backup);
}

static void a_restored_server_costs_what_it_has_lost(void **state)
{
    struct sync_progress progress;

    (void)state;
    lose_some();
    progress = sync_as(rep, false);
    assert_true(progress.is_comparison && !progress.is_snapshot);
    assert_int_equal(progress.forgets, LOST);
    assert_int_equal(progress.records, 0);
    assert_true(office.rounds <= 4);
    assert_as_new(rep);
    progress = sync_as(rep, false);
    assert_false(progress.is_comparison);
    assert_int_equal(office.rounds, 1);
}

static void a_comparison_may_be_cut_behind_any_byte(void **state)
{
    struct replica *copy;
    uint64_t came;
    unsigned cuts = 0;

    (void)state;
    lose_some();
    add_customers("New", 100);
    copy = replica_copy(rep);
    (void)sync_as(copy, false);
    came = office.came;
    assert_as_new(copy);
    replica_close(copy);
    for (uint64_t at = 1; at < came; at += 1 + came / CUTS) {
        copy = replica_copy(rep);
        office.cut_down = at;
        cuts += sync_as(copy, false).cuts;
        assert_as_new(copy);
        replica_close(copy);
    }
    assert_in_range(cuts, CUTS - 5, CUTS + 5);
}

static enum crm_status damage(struct store_txn *txn, void *arg)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct uuid stranger = uuid_create();
    struct slice value;
    enum crm_status status;

    record_key(KIND_CUSTOMER, arg, key);
    status = store_get(txn, STORE_RECORD, slice_of(key, sizeof key), &value);
    if (status == CRM_OK)
        value = slice_of(arena_memdup(&office.arena, value.data, value.size), value.size);
    if (status == CRM_OK)
        status = store_delete(txn, STORE_RECORD, slice_of(key, sizeof key));
    record_key(KIND_CUSTOMER, &stranger, key);
    return status == CRM_OK ? store_put(txn, STORE_RECORD, slice_of(key, sizeof key), value) : status;
}

static void what_is_damaged_comes_anew(void **state)
{
    struct sync_progress progress;

    (void)state;
    add_customers("Kept", CUSTOMERS);
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(store_write_run(replica_store(rep), damage, &acme), CRM_OK);
    assert_int_equal(sync_as(rep, false).records, 0); /* nothing says so */
    progress = sync_as(rep, true);
    assert_true(progress.is_comparison);
    assert_int_equal(progress.records, 1);
    assert_int_equal(progress.forgets, 1);
    assert_as_new(rep);
}

/* --- a line on which a first sync takes longer than the server lets one request run */

static int64_t later_us;

static int64_t late_now_us(void)
{
    return INT64_C(1700000000000000) + later_us;
}

static int64_t late_monotonic_us(void)
{
    return INT64_C(1000000000) + later_us;
}

static void late_random(void *out, size_t size)
{
    static uint64_t next = 88172645463325252u;

    for (size_t i = 0; i < size; i++) {
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        ((uint8_t *)out)[i] = (uint8_t)next;
    }
}

static void a_page_takes_minutes(void *arg, const struct sync_progress *progress)
{
    (void)arg;
    (void)progress;
    later_us += INT64_C(150000000);
}

static void a_slow_one_goes_on_beyond_the_server_s_deadline(void **state)
{
    static const struct clock_source late = { late_now_us, late_monotonic_us, late_random };
    const struct sync_options options = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL, .on_progress = a_page_takes_minutes };
    char long_text[161]; /* of each; together more than a stream sends ahead, also when it is packed */
    struct replica *replica = new_replica();
    struct sync_progress progress;
    struct failure failure = { 0 };
    struct crm_client *client;

    (void)state;
    for (unsigned i = 0; i < CUSTOMERS * 15; i++) {
        struct uuid id = uuid_create();
        uint8_t noise[80];

        late_random(noise, sizeof noise);
        hex_format(noise, sizeof noise, long_text);
        in_office(customer_of(CRM__VERB__VERB_CREATE, &id, arena_printf(&office.arena, "Slow %u", i), long_text));
    }
    clock_replace(&late);
    client = dial();
    assert_int_equal(sync_run(replica, client, &options, &progress, &failure), CRM_OK);
    crm_client_destroy(client);
    clock_replace(NULL);
    assert_true(progress.pages > 1 && progress.cuts > 0);
    assert_as_new(replica);
    replica_close(replica);
}

static enum crm_status put_database(struct store_txn *txn, void *arg)
{
    return replica_put(txn, ROW_DATABASE, uuid_slice(arg));
}

/* Whose it is comes before everything: nothing of it is touched. */
static void another_one_s_is_not_compared(void **state)
{
    const struct sync_options options = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL, .compares = true };
    struct uuid other = uuid_create();
    struct sync_progress progress;
    struct failure failure = { 0 };
    struct crm_client *client = dial();

    (void)state;
    assert_int_equal(store_write_run(replica_store(rep), put_database, &other), CRM_OK);
    assert_int_equal(replica_load(rep, &failure), CRM_OK);
    assert_int_equal(sync_run(rep, client, &options, &progress, &failure), CRM_CONFLICT);
    crm_client_destroy(client);
    assert_int_equal(replica_load(rep, &failure), CRM_OK);
    assert_true(replica_state(rep)->cursor.size > 0);
    assert_int_equal(customers_in(replica_store(rep), "Acme").n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_new_is_one_round_trip),
        TEST(a_restored_server_costs_what_it_has_lost),
        TEST(a_comparison_may_be_cut_behind_any_byte),
        TEST(what_is_damaged_comes_anew),
        TEST(another_one_s_is_not_compared),
        TEST(a_slow_one_goes_on_beyond_the_server_s_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
