/*
 * test_rollup.c - after thousands of random changes: index, unique, term and child entries are those of the live records and no
 * others, and the totals are what the test's own ledger adds up to
 */
#include "server_ledger.h"

#include <stdlib.h>

#include "common/engine/index.h"
#include "server/engine/rollup.h"

#define STEPS 4000

/* --- derived entries */

struct derived {
    enum store_db db;
    struct slice key, value;
};

/* What should be there, and what is. */
struct derived_list {
    struct ledger *ledger;
    struct arena *arena;
    enum store_db db; /* that is scanned */
    struct derived *entries;
    size_t n, capacity;
};

static void add_derived(struct derived_list *list, enum store_db db, struct slice key, struct slice value)
{
    if (list->n == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 4096;
        list->entries = realloc(list->entries, list->capacity * sizeof *list->entries);
        if (!list->entries)
            abort();
    }
    list->entries[list->n++] = (struct derived){
        .db = db,
        .key = slice_of(arena_memdup(list->arena, key.data, key.size), key.size),
        .value = slice_of(arena_memdup(list->arena, value.size ? (const void *)value.data : "", value.size + !value.size), value.size),
    };
}

static enum crm_status add_expected(void *arg, enum store_db db, struct slice key, struct slice value)
{
    add_derived(arg, db, key, value);
    return CRM_OK;
}

static bool add_stored(void *arg, struct slice key, struct slice value)
{
    struct derived_list *list = arg;

    if (list->db == STORE_CHILD && (key.data[UUID_SIZE] == 0xff || (key.data[UUID_SIZE + 1] << 8 | key.data[UUID_SIZE + 2]) > (int)GRANT_REF))
        return true; /* the recycle bin's, below; shares */
    add_derived(list, list->db, key, value);
    return true;
}

static const enum store_db derived_dbs[] = { STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };

static enum crm_status scan_derived(struct store_txn *txn, void *arg)
{
    struct derived_list *list = arg;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(derived_dbs) && status == CRM_OK; i++) {
        list->db = derived_dbs[i];
        status = store_scan(txn, list->db, &(struct store_range){ 0 }, add_stored, list);
    }
    return status;
}

static int compare_derived(const void *a, const void *b)
{
    const struct derived *x = a, *y = b;

    return x->db != y->db ? (x->db > y->db) - (x->db < y->db) : slice_compare(x->key, y->key);
}

static void indexes_what_lives_and_nothing_else(void **state)
{
    struct ledger *ledger = *state;
    struct derived_list expected = { .ledger = ledger, .arena = &ledger->server->arena }, stored = expected;
    size_t n_live = 0;

    for (size_t i = 0; i < ledger->n_records; i++) {
        const struct ledger_record *record = &ledger->records[i];

        if (!record->last->is_live)
            continue;
        n_live++;
        assert_int_equal(index_each(ledger->server->core.schema, kind_def((unsigned)record->kind), &record->last->record,
                                    &ledger->server->arena, add_expected, &expected),
                         CRM_OK);
    }
    assert_int_equal(store_read_run(ledger->server->store, scan_derived, &stored), CRM_OK);
    qsort(expected.entries, expected.n, sizeof expected.entries[0], compare_derived);
    qsort(stored.entries, stored.n, sizeof stored.entries[0], compare_derived);
    assert_true(n_live > ledger->accepted / 20);
    assert_true(expected.n > 5 * n_live);
    for (size_t i = 0; i < expected.n && i < stored.n; i++) {
        const struct derived *want = &expected.entries[i], *have = &stored.entries[i];

        if (compare_derived(want, have) != 0 || !slice_equal(want->value, have->value))
            fail_msg("entry %zu of database %d: one is missing, or one too many", i, (int)want->db);
    }
    assert_int_equal(stored.n, expected.n);
    free(expected.entries);
    free(stored.entries);
}

/* Live records and the bin hold what the ledger says, each record once. */
struct rows {
    struct ledger *ledger;
    enum store_db db;
    size_t n;
    bool fits;
};

static bool check_row(void *arg, struct slice key, struct slice value)
{
    struct rows *rows = arg;
    struct record record;
    struct uuid id;
    enum kind kind;
    const struct ledger_record *known;

    rows->fits = record_key_parse(key, &kind, &id) && record_decode(kind, &id, value, &record) == CRM_OK;
    if (rows->fits) {
        known = ledger_find(rows->ledger, kind, &id);
        rows->fits = known->last && known->last->is_live == (rows->db == STORE_RECORD) &&
                     slice_equal(record.body, known->last->record.body) && record.header.seq == known->last->seq;
    }
    rows->n++;
    return rows->fits;
}

/* What went along with another lies in the bin. */
static bool check_companion(void *arg, struct slice key, struct slice value)
{
    struct rows *rows = arg;
    struct uuid id;

    (void)value;
    if (key.data[UUID_SIZE] != 0xff)
        return true;
    rows->n++;
    memcpy(id.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
    rows->fits = !ledger_find(rows->ledger, (enum kind)key_read_u16(key.data + UUID_SIZE + 1), &id)->last->is_live;
    return rows->fits;
}

static enum crm_status scan_rows(struct store_txn *txn, void *arg)
{
    struct rows *rows = arg;

    return store_scan(txn, rows->db, &(struct store_range){ 0 }, rows->db == STORE_CHILD ? check_companion : check_row, rows);
}

static void keeps_every_record_once(void **state)
{
    struct ledger *ledger = *state;
    static const enum store_db dbs[] = { STORE_RECORD, STORE_DELETED, STORE_CHILD };
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(dbs); i++) {
        struct rows rows = { .ledger = ledger, .db = dbs[i], .fits = true };

        assert_int_equal(store_read_run(ledger->server->store, scan_rows, &rows), CRM_OK);
        assert_true(rows.fits);
        assert_true(rows.n > 0);
        if (dbs[i] != STORE_CHILD)
            n += rows.n;
    }
    assert_int_equal(n, ledger->n_records);
}

/* --- totals */

struct totals {
    struct ledger *ledger;
    struct store *cells; /* key of a cell → count, sum: what they should be */
    bool fits;
    size_t n;
};


static int32_t first_of(enum rollup_level level, int32_t day)
{
    struct civil civil = day_to_civil(day);

    return level == ROLLUP_DAY ? day : day_from_civil((struct civil){ civil.year, level == ROLLUP_MONTH ? civil.month : 1, 1 });
}

static enum crm_status add_step(struct store_txn *txn, const struct ledger_state *place, int32_t day, int64_t sign)
{
    struct rollup_cell cell;
    enum crm_status status = CRM_OK;

    if (!place || !place->is_live || !rollup_place(&place->record, &cell))
        return CRM_OK;
    for (int level = ROLLUP_DAY; level <= ROLLUP_YEAR && status == CRM_OK; level++) {
        int64_t total[2] = { 0, 0 };
        struct slice stored;
        struct key key;

        cell.level = (enum rollup_level)level;
        cell.day = first_of(cell.level, day);
        rollup_key(&cell, &key);
        if (store_get(txn, STORE_ROLLUP, key_slice(&key), &stored) == CRM_OK)
            memcpy(total, stored.data, sizeof total);
        total[0] += sign * cell.count;
        total[1] += sign * cell.sum;
        status = total[0] || total[1] ? store_put(txn, STORE_ROLLUP, key_slice(&key), slice_of(total, sizeof total))
                                      : store_delete(txn, STORE_ROLLUP, key_slice(&key));
    }
    return status;
}

/* Every step of every deal from one state to the next, at the day on which it happened. */
static enum crm_status add_up(struct store_txn *txn, void *arg)
{
    struct totals *totals = arg;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < totals->ledger->n_records; i++) {
        for (const struct ledger_state *at = totals->ledger->records[i].last; at && status == CRM_OK; at = at->before) {
            int32_t day = day_of_instant(at->happened_us);

            status = add_step(txn, at->before, day, -1);
            if (status == CRM_OK)
                status = add_step(txn, at, day, 1);
        }
    }
    return status;
}

static bool compare_cell(void *arg, struct slice key, struct slice value)
{
    struct totals *totals = arg;
    struct rollup_cell cell;
    struct store_txn *txn;
    struct slice expected;
    int64_t total[2];

    totals->n++;
    totals->fits = false;
    if (store_read_begin(totals->cells, &txn) != CRM_OK)
        return false;
    if (rollup_decode(key, value, &cell) == CRM_OK && store_get(txn, STORE_ROLLUP, key, &expected) == CRM_OK) {
        memcpy(total, expected.data, sizeof total);
        totals->fits = total[0] == cell.count && total[1] == cell.sum;
    }
    store_read_end(txn);
    return totals->fits;
}

static enum crm_status compare_cells(struct store_txn *txn, void *arg)
{
    return store_scan(txn, STORE_ROLLUP, &(struct store_range){ 0 }, compare_cell, arg);
}

static enum crm_status count_cells(struct store_txn *txn, void *arg)
{
    struct store_db_stats stats;
    enum crm_status status = store_stats(txn, STORE_ROLLUP, &stats);

    *(size_t *)arg = stats.entries;
    return status;
}

static void adds_up_to_the_ledger(void **state)
{
    struct totals totals = { .ledger = *state };
    size_t n = 0;

    assert_int_equal(store_open_map(&totals.cells), CRM_OK);
    assert_int_equal(store_write_run(totals.cells, add_up, &totals), CRM_OK);
    assert_int_equal(store_read_run(totals.ledger->server->store, compare_cells, &totals), CRM_OK);
    assert_true(totals.fits);
    assert_int_equal(store_read_run(totals.cells, count_cells, &n), CRM_OK);
    assert_int_equal(totals.n, n);
    assert_true(n > totals.ledger->accepted / 20);
    store_close(totals.cells);
}

/* --- by hand */

struct sum {
    int64_t count, minor;
    unsigned n;
};

static enum crm_status add_sum(void *arg, const struct rollup_cell *cell)
{
    struct sum *sum = arg;

    sum->count += cell->count;
    sum->minor += cell->sum;
    sum->n++;
    return CRM_OK;
}

struct until {
    struct server *server;
    int32_t end;
    struct sum sum;
};

static enum crm_status read_until(struct store_txn *txn, void *arg)
{
    struct until *until = arg;
    struct view view = { .txn = txn, .schema = until->server->core.schema };

    return rollup_each_until(&view, ROLLUP_DEAL, until->end, add_sum, &until->sum);
}

/* At the first moment of a day, a month and a year nothing of it is counted, and whole periods cost one cell. */
static void stops_before_the_day(void **state)
{
    static const struct {
        struct civil day, end;
        int64_t count;
        unsigned cells;
    } cases[] = {
        { { 2014, 6, 1 }, { 2015, 1, 1 }, 1, 1 },   { { 2015, 1, 1 }, { 2015, 1, 1 }, 1, 1 },
        { { 2015, 1, 2 }, { 2015, 2, 1 }, 3, 2 },   { { 2015, 2, 1 }, { 2015, 2, 1 }, 3, 2 },
        { { 2015, 2, 28 }, { 2015, 2, 28 }, 4, 3 }, { { 2015, 3, 1 }, { 2016, 1, 1 }, 6, 2 },
    };
    struct server s;

    (void)state;
    server_begin(&s, SERVER_LMDB, 3);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct until until = { .server = &s, .end = day_from_civil(cases[i].end) };
        struct uuid id;

        server_now_us = instant_of_day(day_from_civil(cases[i].day));
        server_create(&s, KIND_DEAL, &id, "name=D", "amount=1 USD");
        assert_int_equal(store_read_run(s.store, read_until, &until), CRM_OK);
        assert_int_equal(until.sum.count, cases[i].count);
        assert_int_equal(until.sum.minor, 100 * cases[i].count);
        assert_int_equal(until.sum.n, cases[i].cells);
    }
    server_end(&s);
}

static int setup(void **state)
{
    *state = ledger_create(SERVER_MAP, 11, STEPS);
    return 0;
}

static int teardown(void **state)
{
    ledger_destroy(*state);
    return 0;
}

static int setup_lmdb(void **state)
{
    *state = ledger_create(SERVER_LMDB, 12, STEPS / 2);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_what_lives_and_nothing_else),
        cmocka_unit_test(keeps_every_record_once),
        cmocka_unit_test(adds_up_to_the_ledger),
    };
    const struct CMUnitTest by_hand[] = { cmocka_unit_test(stops_before_the_day) };

    return cmocka_run_group_tests_name("map", tests, setup, teardown) + cmocka_run_group_tests_name("lmdb", tests, setup_lmdb, teardown) +
           cmocka_run_group_tests_name("by hand", by_hand, NULL, NULL);
}
