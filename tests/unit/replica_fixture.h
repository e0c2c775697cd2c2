/*
 * replica_fixture.h - what the tests of the replica's storage share: a replica in a directory of its own, the server's pages by hand, and what it holds
 *
 * What a replica holds is compared, key by key, with a store that the engine has filled with the same records.
 */
#ifndef CRM_TEST_REPLICA_FIXTURE_H
#define CRM_TEST_REPLICA_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "client/replica/pull.h"
#include "engine_fixture.h"

#define PAGE_RECORDS 50
#define DAY_US       INT64_C(86400000000)
#define NOW_US       (INT64_C(20000) * DAY_US)

static const enum store_db compared[] = { STORE_RECORD, STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };

static struct test {
    struct world world;
    char home[64];
    struct replica *replica;
    struct pull pull;
    struct uuid database, user;
    bool without_zone; /* the server has no such field yet */
    uint32_t days;     /* so long it lets the replica be shown; 0: it does not say */
    /* the server's side of the pull under way */
    uint64_t records;
    struct record_sum sum;
} test;

static inline int setup(void **state)
{
    (void)state;
    memset(&test, 0, sizeof test);
    world_begin(&test.world, WORLD_MAP, 7);
    strcpy(test.home, "/tmp/crm-test-replica-XXXXXX");
    assert_non_null(mkdtemp(test.home));
    test.database.bytes[0] = test.user.bytes[0] = 1;
    return 0;
}

static inline int teardown(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    pull_fini(&test.pull);
    replica_close(test.replica);
    assert_int_equal(replica_wipe(test.home, &failure), CRM_OK);
    assert_int_equal(rmdir(test.home), 0);
    world_end(&test.world);
    return 0;
}

/* --- opening and closing */

static inline enum crm_status try_begin(struct failure *failure)
{
    Crm__LoginReply session = CRM__LOGIN_REPLY__INIT;
    Crm__DescribeReply describe = CRM__DESCRIBE_REPLY__INIT;
    Crm__KindInfo deal = CRM__KIND_INFO__INIT, *kinds[] = { &deal };
    Crm__FieldInfo zone = CRM__FIELD_INFO__INIT, *fields[] = { &zone };
    struct pull_terms terms = { .database = test.database, .session = &session, .describe = &describe, .scope = "mine" };
    enum crm_status status;

    session.has_token = session.has_user = true;
    session.token = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)"secret token", .len = 12 };
    session.user = (ProtobufCBinaryData){ .data = test.user.bytes, .len = UUID_SIZE };
    session.login = (char *)(uintptr_t)"lena";
    zone.has_field = zone.has_type = zone.has_flags = deal.has_kind = describe.has_level = true;
    zone.field = FIELD_REF_CUSTOM + 1; /* as engine_fixture.h has it */
    zone.name = (char *)(uintptr_t)"zone";
    zone.type = FIELD_TEXT;
    zone.flags = FIELD_INDEXED;
    deal.kind = KIND_DEAL;
    deal.fields = fields;
    deal.n_fields = !test.without_zone;
    describe.level = test.without_zone ? 1 : 2;
    describe.kinds = kinds;
    describe.n_kinds = 1;
    status = replica_open(test.home, REPLICA_WRITE, &test.replica, failure);
    if (status == CRM_OK)
        status = pull_init(&test.pull, test.replica, &terms, failure);
    return status;
}

static inline void begin(void)
{
    struct failure failure = { 0 };

    if (try_begin(&failure) != CRM_OK)
        fail_msg("%s", failure.text);
}

static inline void end(void)
{
    pull_fini(&test.pull);
    memset(&test.pull, 0, sizeof test.pull);
    replica_close(test.replica);
    test.replica = NULL;
}

/* As after a cut: what is not committed is gone. */
static inline void begin_again(void)
{
    end();
    begin();
}

/* --- the server's words */

struct page {
    Crm__SyncChunk chunk;
    Crm__SyncCursor cursor;
    Crm__Record records[PAGE_RECORDS], *record_list[PAGE_RECORDS];
    Crm__Header headers[PAGE_RECORDS];
    Crm__SyncForget forgets[PAGE_RECORDS], *forget_list[PAGE_RECORDS];
    uint8_t hash[RECORD_SUM_SIZE];
};

static inline void page_init(struct page *page, bool begins)
{
    crm__sync_chunk__init(&page->chunk);
    crm__sync_cursor__init(&page->cursor);
    page->chunk.records = page->record_list;
    page->chunk.forgets = page->forget_list;
    page->chunk.cursor = &page->cursor;
    page->chunk.has_begins = page->chunk.begins = begins;
    if (begins) {
        test.records = 0;
        test.sum = (struct record_sum){ { 0 } };
    }
}

static inline void page_add(struct page *page, const struct record *record)
{
    size_t n = page->chunk.n_records++;

    record_to_wire(record, &page->records[n], &page->headers[n]);
    page->record_list[n] = &page->records[n];
    test.records++;
    record_sum_add(&test.sum, record->header.kind, &record->header.id, record->header.rev);
}

static inline void page_forget(struct page *page, const struct record *record)
{
    size_t n = page->chunk.n_forgets++;

    crm__sync_forget__init(&page->forgets[n]);
    page->forgets[n].has_kind = page->forgets[n].has_id = true;
    page->forgets[n].kind = record->header.kind;
    page->forgets[n].id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)record->header.id.bytes, .len = UUID_SIZE };
    page->forget_list[n] = &page->forgets[n];
}

/* Its cursor, behind what it holds. */
static inline void page_close(struct page *page, Crm__SyncMode mode)
{
    page->cursor.has_records = page->cursor.has_hash = page->cursor.has_mode = true;
    page->cursor.mode = mode;
    page->cursor.records = test.records;
    record_sum_write(&test.sum, page->hash);
    page->cursor.hash = (ProtobufCBinaryData){ .data = page->hash, .len = sizeof page->hash };
}

static inline enum crm_status page_store_as(struct page *page, Crm__SyncMode mode)
{
    struct failure failure = { 0 };

    page_close(page, mode);
    return pull_page(&test.pull, &page->chunk, &failure);
}

static inline enum crm_status page_store(struct page *page)
{
    return page_store_as(page, CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT);
}

static inline enum crm_status pull_finish(void)
{
    Crm__SyncReply reply = CRM__SYNC_REPLY__INIT;
    Crm__SyncCursor cursor = CRM__SYNC_CURSOR__INIT;
    uint8_t hash[RECORD_SUM_SIZE];
    struct failure failure = { 0 };

    record_sum_write(&test.sum, hash);
    reply.cursor = &cursor;
    cursor.has_mode = true;
    cursor.mode = CRM__SYNC_MODE__SYNC_MODE_CHANGES;
    reply.records = test.records;
    reply.hash = (ProtobufCBinaryData){ .data = hash, .len = sizeof hash };
    reply.seq = 77;
    reply.has_days = test.days != 0;
    reply.days = test.days;
    test.records = 0;
    test.sum = (struct record_sum){ { 0 } };
    return pull_end(&test.pull, &reply, NOW_US, &failure);
}

/* A snapshot of the rows that pick wants, with work between the pages. */
static inline void tell_snapshot(bool (*pick)(size_t row), void (*between)(void))
{
    struct page page;
    size_t row = 0;
    bool begins = true;

    while (row < WORLD_ROWS) {
        page_init(&page, begins);
        for (; row < WORLD_ROWS && page.chunk.n_records < PAGE_RECORDS; row++)
            if (!world_is_deleted(&test.world.rows[row]) && pick(row))
                page_add(&page, &test.world.rows[row]);
        assert_int_equal(page_store(&page), CRM_OK);
        begins = false;
        if (between)
            between();
    }
}

static inline bool all(size_t row)
{
    (void)row;
    return true;
}

static inline bool every_third(size_t row)
{
    return row % 3 == 0;
}

/* --- comparing */

struct dump {
    size_t n;
    uint64_t hash;
};

static inline uint64_t hash_bytes(uint64_t hash, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(1099511628211);
    return (hash ^ bytes.size) * UINT64_C(1099511628211);
}

static inline bool dump_pair(void *arg, struct slice key, struct slice value)
{
    struct dump *dump = arg;

    dump->n++;
    dump->hash = hash_bytes(hash_bytes(dump->hash, key), value);
    return true;
}

static inline enum crm_status dump_run(struct store_txn *txn, void *arg)
{
    struct dump *dumps = arg;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(compared) && status == CRM_OK; i++)
        status = store_scan(txn, compared[i], &(struct store_range){ 0 }, dump_pair, &dumps[i]);
    return status;
}

struct fill {
    struct world *world;
    bool (*pick)(size_t row);
};

/* The engine's own rows for the records that pick wants. */
static inline enum crm_status fill_run(struct store_txn *txn, void *arg)
{
    struct fill *fill = arg;
    struct world *world = fill->world;
    struct writeset *set = writeset_create(&world->arena);
    struct view view = { .txn = txn, .own = set, .schema = world->schema };
    enum crm_status status = set ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < WORLD_ROWS && status == CRM_OK; i++)
        if (!world_is_deleted(&world->rows[i]) && fill->pick(i))
            status = world_change(world, &view, set, NULL, &world->rows[i], NULL, &world->arena);
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

/* The keys of the replica are those that the engine gives the rows that pick wants, no more and no fewer. */
static inline void assert_holds(bool (*pick)(size_t row))
{
    struct dump mine[ARRAY_LEN(compared)] = { 0 }, expected[ARRAY_LEN(compared)] = { 0 };
    struct fill fill = { .world = &test.world, .pick = pick };
    struct store *store;

    assert_int_equal(store_open_map(&store), CRM_OK);
    assert_int_equal(store_write_run(store, fill_run, &fill), CRM_OK);
    assert_int_equal(store_read_run(store, dump_run, expected), CRM_OK);
    store_close(store);
    assert_int_equal(store_read_run(replica_store(test.replica), dump_run, mine), CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(compared); i++) {
        assert_int_equal(mine[i].n, expected[i].n);
        assert_true(mine[i].hash == expected[i].hash);
    }
}

static inline uint64_t rows_of(enum store_db db)
{
    struct store_txn *txn;
    struct store_db_stats stats;

    assert_int_equal(store_read_begin(replica_store(test.replica), &txn), CRM_OK);
    assert_int_equal(store_stats(txn, db, &stats), CRM_OK);
    store_read_end(txn);
    return stats.entries;
}

static inline const struct replica_state *load(void)
{
    struct failure failure = { 0 };

    assert_int_equal(replica_load(test.replica, &failure), CRM_OK);
    return replica_state(test.replica);
}

static inline struct record of_kind(unsigned kind, uint8_t id, uint64_t rev, const char *body)
{
    struct record record = { .header = { .kind = (enum kind)kind, .rev = rev, .number = id }, .body = slice_text(body) };

    memset(record.header.id.bytes, id, UUID_SIZE);
    record.header.root = record.header.id;
    return record;
}

#endif
