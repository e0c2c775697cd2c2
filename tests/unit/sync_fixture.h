/*
 * sync_fixture.h - what the tests of sync share: a replica as a plain map, and a pull that runs the real operation turn by turn
 *
 * Beside server_fixture.h. Between two turns a test may change the database; a pull may be cut behind any page, and that page may be lost.
 */
#ifndef CRM_TEST_SYNC_FIXTURE_H
#define CRM_TEST_SYNC_FIXTURE_H

#include "common/base/digest.h"
#include "server/engine/feed.h"
#include "server/ops/op.h"
#include "tests/unit/server_fixture.h"

#define REPLICA_BUDGET (256u << 20)

struct replica_row {
    enum kind kind;
    struct uuid id;
    uint64_t rev;
    uint8_t body[SHA256_SIZE];
    uint8_t mark[16]; /* for a comparison */
    bool is_there; /* else it was told once, and forgotten */
    bool is_named; /* by the snapshot that is under way */
};

struct replica {
    struct replica_row *rows; /* sorted by id */
    size_t n, capacity;
    struct uuid user;
    Crm__SyncScope scope;
    size_t n_filters;
    Crm__SyncFilter **filters; /* live as long as the server's arena */
    uint8_t cursor[1024];      /* packed, of the last page stored */
    size_t cursor_size;
    uint64_t n_records, sum[2]; /* told since the pull began */
};

/* One request. */
struct pull {
    struct server *s;
    struct replica *replica;
    uint32_t page_records;
    bool says_held;
    struct session session;
    struct access *access;
    struct arena arena, scratch;
    struct op_ctx ctx;
    Crm__SyncRequest request;
    Crm__SyncReply reply;
    Crm__SyncChunk chunk;
    struct slice packed; /* the last page, copied */
    bool more, has_page;
    enum crm_status status;
    const struct view *view;
    struct view_guard guard;
};

static inline struct replica_row *replica_find(struct replica *replica, const struct uuid *id)
{
    size_t low = 0, high = replica->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(replica->rows[middle].id.bytes, id->bytes, UUID_SIZE);

        if (order == 0)
            return &replica->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static inline struct replica_row *replica_put(struct replica *replica, const struct uuid *id)
{
    struct replica_row *row = replica_find(replica, id);
    size_t at = replica->n;

    if (row)
        return row;
    if (replica->n == replica->capacity) {
        replica->capacity = replica->capacity ? 2 * replica->capacity : 64;
        replica->rows = realloc(replica->rows, replica->capacity * sizeof *replica->rows);
        assert_non_null(replica->rows);
    }
    while (at > 0 && memcmp(replica->rows[at - 1].id.bytes, id->bytes, UUID_SIZE) > 0)
        at--;
    memmove(&replica->rows[at + 1], &replica->rows[at], (replica->n - at) * sizeof *replica->rows);
    replica->n++;
    replica->rows[at] = (struct replica_row){ .id = *id };
    return &replica->rows[at];
}

static inline size_t replica_count(const struct replica *replica)
{
    size_t n = 0;

    for (size_t i = 0; i < replica->n; i++)
        n += replica->rows[i].is_there;
    return n;
}

static inline void replica_free(struct replica *replica)
{
    free(replica->rows);
    replica->rows = NULL;
    replica->n = replica->capacity = 0;
}

static inline void body_hash(struct slice body, uint8_t out[SHA256_SIZE])
{
    struct slice part = slice_of(body.size ? body.data : (const uint8_t *)"", body.size);

    sha256(&part, 1, out);
}

/* --- one request, as dispatch runs it */

static inline enum crm_status pull_turn(struct store_txn *txn, void *arg)
{
    struct pull *pull = arg;
    struct view view = { .txn = txn, .schema = pull->s->core.schema };
    enum crm_status status;

    if (!pull->access) {
        status = access_create(&view, &pull->replica->user, NULL, &pull->access);
        if (status != CRM_OK)
            return status;
        pull->session = (struct session){ .user = pull->replica->user, .access = pull->access, .team = pull->s->team };
        pull->ctx.session = &pull->session;
    }
    arena_reset(&pull->scratch);
    pull->guard = access_guard(pull->access);
    view.guard = &pull->guard;
    view.arena = &pull->scratch;
    pull->ctx.view = &view;
    pull->ctx.scratch = &pull->scratch;
    if (!pull->ctx.state)
        return op_sync_changes.run(&pull->ctx);
    crm__sync_chunk__init(&pull->chunk);
    pull->ctx.chunk = &pull->chunk;
    pull->ctx.chunk_budget = FRAME_CHUNK_MAX;
    pull->ctx.packed = (struct slice){ 0 };
    status = op_sync_changes.step(&pull->ctx, &pull->more);
    pull->has_page = status == CRM_OK && pull->ctx.packed.size > 0;
    if (pull->has_page) {
        pull->packed = slice_of(arena_memdup(&pull->arena, pull->ctx.packed.data, pull->ctx.packed.size), pull->ctx.packed.size);
        if (!pull->packed.data)
            return CRM_NO_MEMORY;
    }
    return status;
}

/* The request may still be changed. */
static inline void pull_prepare(struct pull *pull, struct server *s, struct replica *replica, uint32_t page_records, bool says_held)
{
    memset(pull, 0, sizeof *pull);
    pull->s = s;
    pull->replica = replica;
    arena_init(&pull->arena, REPLICA_BUDGET);
    arena_init(&pull->scratch, 8u << 20);
    crm__sync_request__init(&pull->request);
    crm__sync_reply__init(&pull->reply);
    pull->request.has_scope = true;
    pull->request.scope = replica->scope;
    pull->request.n_filters = replica->n_filters;
    pull->request.filters = replica->filters;
    pull->request.has_page_records = page_records > 0;
    pull->request.page_records = page_records;
    pull->request.has_held = says_held;
    pull->request.held = says_held ? replica_count(replica) : 0;
    if (replica->cursor_size)
        pull->request.cursor = crm__sync_cursor__unpack(&pull->arena.protobuf, replica->cursor_size, replica->cursor);
    pull->ctx = (struct op_ctx){ .core = &s->core, .schema = s->core.schema, .arena = &pull->arena, .request = &pull->request, .reply = &pull->reply };
    pull->more = true;
}

static inline void pull_start(struct pull *pull)
{
    pull->status = store_read_run(pull->s->store, pull_turn, pull);
}

static inline void pull_begin(struct pull *pull, struct server *s, struct replica *replica, uint32_t page_records, bool says_held)
{
    pull_prepare(pull, s, replica, page_records, says_held);
    pull_start(pull);
}

/* false: it is over; status says how. */
static inline bool pull_step(struct pull *pull)
{
    pull->has_page = false;
    if (pull->status == CRM_OK && pull->more)
        pull->status = store_read_run(pull->s->store, pull_turn, pull);
    return pull->status == CRM_OK && pull->more;
}

static inline void pull_finish(struct pull *pull)
{
    access_unref(pull->access);
    arena_fini(&pull->scratch);
    arena_fini(&pull->arena);
}

/* --- what the replica does with it */

static inline void keep_cursor(struct replica *replica, const Crm__SyncCursor *cursor)
{
    replica->cursor_size = crm__sync_cursor__get_packed_size(cursor);
    assert_true(replica->cursor_size <= sizeof replica->cursor);
    crm__sync_cursor__pack(cursor, replica->cursor);
}

static inline uint64_t little_u64(const uint8_t *at)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* Written from PROTOCOL.md, not with feed_sum. */
static inline void replica_sum(struct replica *replica, const struct replica_row *row)
{
    uint8_t bytes[25] = { 0 }, digest[SHA256_SIZE];
    struct slice part = slice_of(bytes, sizeof bytes);

    bytes[0] = (uint8_t)row->kind;
    memcpy(bytes + 1, row->id.bytes, UUID_SIZE);
    for (unsigned i = 0; i < 8; i++)
        bytes[17 + i] = (uint8_t)(row->rev >> (8 * i));
    sha256(&part, 1, digest);
    replica->sum[0] += little_u64(digest);
    replica->sum[1] += little_u64(digest + 8);
    replica->n_records++;
}

/* From PROTOCOL.md too. */
static inline void row_mark(struct replica_row *row, int64_t updated_us, struct slice body)
{
    uint8_t bytes[36] = { (uint8_t)row->kind }, digest[SHA256_SIZE];
    struct slice parts[] = { slice_of(bytes, sizeof bytes), body };

    memcpy(bytes + 4, row->id.bytes, UUID_SIZE);
    for (unsigned i = 0; i < 8; i++) {
        bytes[20 + i] = (uint8_t)(row->rev >> (8 * i));
        bytes[28 + i] = (uint8_t)((uint64_t)updated_us >> (8 * i));
    }
    sha256(parts, body.size ? 2 : 1, digest);
    memcpy(row->mark, digest, sizeof row->mark);
}

typedef void on_forget(void *arg, struct replica *replica, enum kind kind, const struct uuid *id);

/* Store the page that the last step has given. */
static inline void replica_store(struct replica *replica, struct pull *pull, on_forget *forgets, void *arg)
{
    Crm__SyncChunk *page = crm__sync_chunk__unpack(&pull->arena.protobuf, pull->packed.size, pull->packed.data);

    assert_non_null(page);
    if (page->begins) {
        replica->n_records = replica->sum[0] = replica->sum[1] = 0;
        for (size_t i = 0; i < replica->n; i++)
            replica->rows[i].is_named = false;
    }
    for (size_t i = 0; i < page->n_records; i++) {
        struct replica_row *row;
        struct uuid id;

        assert_true(uuid_from_slice(slice_of(page->records[i]->header->id.data, page->records[i]->header->id.len), &id));
        row = replica_put(replica, &id);
        row->kind = (enum kind)page->records[i]->header->kind;
        row->rev = page->records[i]->header->rev;
        row->is_there = row->is_named = true;
        body_hash(slice_of(page->records[i]->body.data, page->records[i]->body.len), row->body);
        row_mark(row, page->records[i]->header->updated_at, slice_of(page->records[i]->body.data, page->records[i]->body.len));
        replica_sum(replica, row);
    }
    for (size_t i = 0; i < page->n_forgets; i++) {
        struct replica_row *row;
        struct uuid id;

        assert_true(uuid_from_slice(slice_of(page->forgets[i]->id.data, page->forgets[i]->id.len), &id));
        if (forgets)
            forgets(arg, replica, (enum kind)page->forgets[i]->kind, &id);
        row = replica_find(replica, &id);
        if (row)
            row->is_there = row->is_named = false;
    }
    keep_cursor(replica, page->cursor);
}

/* The pull is at its end: what a snapshot has not named goes. */
static inline void replica_end(struct replica *replica, struct pull *pull)
{
    const Crm__SyncReply *end = &pull->reply;

    assert_int_equal(end->records, replica->n_records);
    assert_true(little_u64(end->hash.data) == replica->sum[0] && little_u64(end->hash.data + 8) == replica->sum[1]);
    for (size_t i = 0; i < replica->n; i++) {
        if (end->mode == CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT && !replica->rows[i].is_named)
            replica->rows[i].is_there = false;
        replica->rows[i].is_named = false;
    }
    replica->n_records = replica->sum[0] = replica->sum[1] = 0;
    keep_cursor(replica, end->cursor);
}

/* Without a cut, all of it. */
static inline void replica_pull(struct replica *replica, struct server *s, uint32_t page_records, Crm__SyncReply *out_reply)
{
    struct pull pull;
    bool more;

    pull_begin(&pull, s, replica, page_records, false);
    do {
        more = pull_step(&pull);
        if (pull.has_page)
            replica_store(replica, &pull, NULL, NULL);
    } while (more);
    assert_int_equal(pull.status, CRM_OK);
    replica_end(replica, &pull);
    *out_reply = pull.reply;
    pull_finish(&pull);
}

#endif
