/*
 * test_log.c - the log after thousands of random changes: its chain, the way back to every past state, and the times of changes
 */
#include "server_ledger.h"

#define STEPS 4000

struct reading {
    struct ledger *ledger;
    struct arena arena; /* of one record */
    struct view view;
    size_t compared;
    char complaint[256];
};

/* --- the chain */

struct chain {
    uint64_t seq;
    uint8_t hash[SHA256_SIZE];
    bool is_whole;
};

static bool verify_entry(void *arg, struct slice key, struct slice value)
{
    struct chain *chain = arg;

    chain->is_whole = key.size == 8 && key_read_u64(key.data) == chain->seq + 1 && log_verify(chain->hash, value, chain->hash);
    chain->seq++;
    return chain->is_whole;
}

static enum crm_status verify_chain(struct store_txn *txn, void *arg)
{
    return store_scan(txn, STORE_LOG, &(struct store_range){ 0 }, verify_entry, arg);
}

static void chains_every_entry(void **state)
{
    struct ledger *ledger = *state;
    struct chain chain = { 0 };

    assert_int_equal(store_read_run(ledger->server->store, verify_chain, &chain), CRM_OK);
    assert_true(chain.is_whole);
    assert_int_equal(chain.seq, ledger->server->seq);
}

static enum crm_status bend_entry(struct reading *reading, uint64_t seq)
{
    struct key key = { 0 };
    struct slice value;
    uint8_t before[SHA256_SIZE], after[SHA256_SIZE];
    struct log_entry entry;
    enum crm_status status = log_read(&reading->view, seq - 1, &reading->arena, &entry);

    memcpy(before, entry.hash, sizeof before);
    key_u64(&key, seq);
    if (status == CRM_OK)
        status = view_get(&reading->view, STORE_LOG, key_slice(&key), &value);
    if (status != CRM_OK)
        return status;
    if (!log_verify(before, value, after))
        snprintf(reading->complaint, sizeof reading->complaint, "an entry does not follow from the one before");
    for (size_t i = 8; i < value.size; i++) {
        uint8_t *bent = arena_memdup(&reading->arena, value.data, value.size);
        uint32_t crc;

        bent[i] ^= 0x10;
        crc = crc32c(0, bent + 8, value.size - 8); /* whoever bends it makes the checksum fit */
        memcpy(bent + 4, &crc, sizeof crc);
        reading->compared++;
        if (log_verify(before, slice_of(bent, value.size), after))
            snprintf(reading->complaint, sizeof reading->complaint, "byte %zu of entry %d was changed unseen", i, (int)seq);
    }
    before[0] ^= 1;
    if (log_verify(before, value, after))
        snprintf(reading->complaint, sizeof reading->complaint, "an entry follows from something else");
    return CRM_OK;
}

/* Not one bit of an entry can change unseen: of its metadata, or of the values that a patch keeps. */
static enum crm_status verify_bent(struct store_txn *txn, void *arg)
{
    struct reading *reading = arg;
    enum crm_status status = CRM_OK;

    reading->view.txn = txn;
    for (uint64_t seq = 400; seq < 420 && status == CRM_OK; seq++)
        status = bend_entry(reading, seq);
    return status;
}

static void reading_run(struct ledger *ledger, store_fn *fn)
{
    struct reading reading = { .ledger = ledger, .view = { .schema = ledger->server->core.schema } };
    enum crm_status status;

    arena_init(&reading.arena, 64u << 20);
    status = store_read_run(ledger->server->store, fn, &reading);
    arena_fini(&reading.arena);
    assert_string_equal(reading.complaint, "");
    assert_int_equal(status, CRM_OK);
    assert_true(reading.compared > 0);
}

static void sees_an_entry_that_was_bent(void **state)
{
    reading_run(*state, verify_bent);
}

/* --- the way back */

static bool same_header(const struct record_header *a, const struct record_header *b)
{
    return uuid_equal(&a->id, &b->id) && a->kind == b->kind && a->flags == b->flags && a->number == b->number && a->rev == b->rev &&
           a->seq == b->seq && uuid_equal(&a->owner, &b->owner) && uuid_equal(&a->team, &b->team) && uuid_equal(&a->root, &b->root) &&
           a->created_us == b->created_us && uuid_equal(&a->created_by, &b->created_by) && a->updated_us == b->updated_us &&
           uuid_equal(&a->updated_by, &b->updated_by);
}

/* The record as of seq is what the ledger has; expected NULL: it did not exist. */
static enum crm_status compare_past(struct reading *reading, const struct ledger_record *record, uint64_t seq,
                                    const struct ledger_state *expected)
{
    struct record now = record->last->record;
    bool existed = false;
    enum crm_status status;

    arena_reset(&reading->arena);
    status = log_rewind(&reading->view, seq, &reading->arena, &now, &existed);
    reading->compared++;
    if (status != CRM_OK)
        return status;
    if (existed != (expected && expected->is_live))
        snprintf(reading->complaint, sizeof reading->complaint, "a %s as of %llu: it %s", kind_def((unsigned)record->kind)->name,
                 (unsigned long long)seq, existed ? "did not exist" : "existed");
    else if (expected && !slice_equal(now.body, expected->record.body))
        snprintf(reading->complaint, sizeof reading->complaint, "a %s as of %llu: its fields differ", kind_def((unsigned)record->kind)->name,
                 (unsigned long long)seq);
    else if (expected && !same_header(&now.header, &expected->record.header))
        snprintf(reading->complaint, sizeof reading->complaint, "a %s as of %llu: its header differs", kind_def((unsigned)record->kind)->name,
                 (unsigned long long)seq);
    return CRM_OK;
}

/* At every change of the record, and at the end of the group before it. */
static enum crm_status compare_record(struct reading *reading, const struct ledger_record *record)
{
    struct ledger *ledger = reading->ledger;
    size_t group = ledger->n_groups;
    enum crm_status status = CRM_OK;

    for (const struct ledger_state *at = record->last; at && status == CRM_OK && !reading->complaint[0]; at = at->before) {
        while (group > 0 && ledger->groups[group - 1].seq >= at->seq)
            group--;
        status = compare_past(reading, record, at->seq, at);
        if (status == CRM_OK && group > 0)
            status = compare_past(reading, record, ledger->groups[group - 1].seq, at->before);
    }
    return status;
}

static enum crm_status compare_all(struct store_txn *txn, void *arg)
{
    struct reading *reading = arg;
    enum crm_status status = CRM_OK;

    reading->view.txn = txn;
    for (size_t i = 0; i < reading->ledger->n_records && status == CRM_OK && !reading->complaint[0]; i++)
        status = compare_record(reading, &reading->ledger->records[i]);
    for (size_t i = 0; i < 20000 && status == CRM_OK && !reading->complaint[0]; i++) { /* and anywhere between */
        const struct ledger_record *record = &reading->ledger->records[server_random(reading->ledger->n_records)];
        uint64_t seq = reading->ledger->groups[server_random(reading->ledger->n_groups)].seq;
        const struct ledger_state *state = record->last;

        while (state && state->seq > seq)
            state = state->before;
        status = compare_past(reading, record, seq, state);
    }
    return status;
}

static void goes_back_to_every_state(void **state)
{
    reading_run(*state, compare_all);
}

/* --- times */

static enum crm_status compare_times(struct store_txn *txn, void *arg)
{
    struct reading *reading = arg;
    struct ledger *ledger = reading->ledger;
    uint64_t seq = 1;
    enum crm_status status;

    reading->view.txn = txn;
    status = log_seq_at(&reading->view, SERVER_START_US - 1, &seq);
    if (status == CRM_OK && seq != 0)
        snprintf(reading->complaint, sizeof reading->complaint, "something was recorded before the first");
    for (size_t i = 0; i < ledger->n_groups && status == CRM_OK; i++) {
        int64_t next = i + 1 < ledger->n_groups ? ledger->groups[i + 1].recorded_us : INT64_MAX;

        if (next == ledger->groups[i].recorded_us)
            continue;
        status = log_seq_at(&reading->view, ledger->groups[i].recorded_us, &seq);
        if (status == CRM_OK && seq != ledger->groups[i].seq)
            snprintf(reading->complaint, sizeof reading->complaint, "at the time of group %zu", i);
        if (status == CRM_OK)
            status = log_seq_at(&reading->view, next - 1, &seq);
        if (status == CRM_OK && seq != ledger->groups[i].seq)
            snprintf(reading->complaint, sizeof reading->complaint, "just before the time of group %zu", i + 1);
        reading->compared++;
    }
    return status;
}

static void finds_the_state_of_a_time(void **state)
{
    reading_run(*state, compare_times);
}

/* Below the floor of a pruned log nothing is told rather than something wrong. */
static enum crm_status prune(struct store_txn *txn, void *arg)
{
    enum crm_status status = CRM_OK;

    for (uint64_t seq = 1; seq < *(uint64_t *)arg && status == CRM_OK; seq++) {
        struct key key = { 0 };

        key_u64(&key, seq);
        status = store_delete(txn, STORE_LOG, key_slice(&key));
    }
    return status;
}

struct past {
    struct server *server;
    struct record record;
    uint64_t seq, seq_at;
    bool existed;
};

static enum crm_status look_back(struct store_txn *txn, void *arg)
{
    struct past *past = arg;
    struct view view = { .txn = txn, .schema = past->server->core.schema };
    enum crm_status status = log_seq_at(&view, server_now_us, &past->seq_at);

    return status == CRM_OK ? log_rewind(&view, past->seq, &past->server->arena, &past->record, &past->existed) : status;
}

static void says_when_the_log_does_not_reach_back(void **state)
{
    struct server s;
    struct uuid id;
    uint64_t floor;
    struct past past = { .server = &s };

    (void)state;
    server_begin(&s, SERVER_MAP, 1);
    server_create(&s, KIND_CUSTOMER, &id, "name=A");
    server_change(&s, KIND_CUSTOMER, &id, "name=B");
    floor = s.seq;
    server_change(&s, KIND_CUSTOMER, &id, "name=C");
    assert_int_equal(store_write_run(s.store, prune, &floor), CRM_OK);

    past.record = server_record(&s, KIND_CUSTOMER, &id);
    past.seq = floor;
    assert_int_equal(store_read_run(s.store, look_back, &past), CRM_OK);
    assert_true(past.existed);
    assert_int_equal(past.record.header.rev, 2);
    assert_int_equal(past.seq_at, s.seq);
    past.record = server_record(&s, KIND_CUSTOMER, &id);
    past.seq = floor - 1;
    assert_int_equal(store_read_run(s.store, look_back, &past), CRM_GONE);
    past.record = server_record(&s, KIND_CUSTOMER, &id);
    past.seq = floor - 2;
    assert_int_equal(store_read_run(s.store, look_back, &past), CRM_GONE);
    server_end(&s);
}

static void did_some_work(void **state)
{
    const struct ledger *ledger = *state;

    assert_in_range(ledger->accepted, STEPS / 3, STEPS);
    assert_in_range(ledger->refused, STEPS / 20, STEPS);
}

static int setup(void **state)
{
    *state = ledger_create(SERVER_MAP, 7, STEPS);
    return 0;
}

static int teardown(void **state)
{
    ledger_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(did_some_work),
        cmocka_unit_test(chains_every_entry),
        cmocka_unit_test(sees_an_entry_that_was_bent),
        cmocka_unit_test(goes_back_to_every_state),
        cmocka_unit_test(finds_the_state_of_a_time),
    };

    const struct CMUnitTest by_hand[] = { cmocka_unit_test(says_when_the_log_does_not_reach_back) };

    return cmocka_run_group_tests_name("random", tests, setup, teardown) + cmocka_run_group_tests_name("by hand", by_hand, NULL, NULL);
}
