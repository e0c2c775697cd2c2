/*
 * pull.c - pages of the server's into the replica
 *
 * Called by sync.c on its thread. A page is one write run. What is to be done at an end of a snapshot is bounded runs, each of which leaves a phase behind in
 * which the next pull_init goes on.
 */
#include "client/replica/pull.h"

#include "client/replica/kept.h"
#include "client/replica/reindex.h"
#include "client/replica/walk.h"
#include "proto/codec.h"

#define PAGE_BUDGET ((size_t)64 << 20) /* memory for one page: its records, and the keys that lead to them */
#define DAY_US      INT64_C(86400000000)

/* --- a page */

/* Pages that are stored together. */
struct page_run {
    struct pull *pull;
    const Crm__SyncChunk *const *pages;
    size_t n;
    const Crm__SyncChunk *page; /* the one in hand; behind all of them the last */
    struct pull_place place; /* behind the page */
    struct failure failure;
};

static enum crm_status is_empty(struct store_txn *txn, bool *out_empty)
{
    struct store_db_stats records, raw;
    enum crm_status status = store_stats(txn, STORE_RECORD, &records);

    if (status == CRM_OK)
        status = store_stats(txn, (enum store_db)REPLICA_RAW, &raw);
    if (status == CRM_OK)
        *out_empty = records.entries + raw.entries == 0;
    return status;
}

static enum crm_status put_cursor(struct store_txn *txn, const Crm__SyncCursor *cursor, struct arena *arena)
{
    struct slice packed;
    enum crm_status status = codec_pack(&cursor->base, arena, &packed);

    if (status == CRM_OK)
        status = replica_put(txn, ROW_CURSOR, packed);
    return status == CRM_OK ? replica_put_number(txn, ROW_EPOCH, cursor->epoch) : status;
}

static enum crm_status take_records(struct page_run *run, struct rows *rows)
{
    const Crm__SyncChunk *page = run->page;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < page->n_records && status == CRM_OK; i++) {
        uint8_t key[REPLICA_RAW_KEY_SIZE];
        const Crm__Header *header = page->records[i]->header;
        struct uuid id;

        status = rows_take(rows, page->records[i], &run->failure);
        if (status != CRM_OK)
            return status;
        uuid_from_slice(slice_of(header->id.data, header->id.len), &id); /* rows_take has seen that it is one */
        record_sum_add(&run->place.sum, header->kind, &id, header->rev);
        run->place.records++;
        rows_raw_key(header->kind, &id, key);
        if (run->place.phase == PHASE_REPLACES)
            status = writeset_put(rows->set, (enum store_db)REPLICA_NAMED, slice_of(key, sizeof key), slice_of("", 0));
    }
    return status;
}

static enum crm_status take_forgets(struct page_run *run, struct rows *rows)
{
    const Crm__SyncChunk *page = run->page;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < page->n_forgets && status == CRM_OK; i++) {
        const Crm__SyncForget *forget = page->forgets[i];
        struct uuid id;

        if (!uuid_from_slice(slice_of(forget->id.data, forget->id.len), &id))
            return fail(&run->failure, CRM_INVALID, NULL, "what is to be forgotten has no id");
        status = rows_forget(rows, forget->kind, &id);
    }
    return status;
}

static enum crm_status take_strays(struct page_run *run, struct rows *rows)
{
    const Crm__SyncChunk *page = run->page;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < page->n_strays && status == CRM_OK; i++)
        status = run->pull->compare ? compare_stray(run->pull->compare, rows, page->strays[i]) : CRM_PROTOCOL;
    return status;
}

/* Are the differences all here? Behind what the page puts. */
static enum crm_status confirm(struct page_run *run, struct store_txn *txn)
{
    ProtobufCBinaryData told = run->page->compared;
    struct compare *compare = run->pull->compare;
    struct record_sum sum;
    enum crm_status status;

    if (!compare || told.len != RECORD_SUM_SIZE)
        return CRM_PROTOCOL;
    sum = record_sum_of(told.data);
    status = compare_check(compare, txn, &sum, &run->pull->arena);
    return status == CRM_CONFLICT ? fail(&run->failure, status, NULL, "the replica does not add up") : status;
}

/* Does what has arrived add up to what the server has told? */
static bool adds_up(const struct pull_place *place, uint64_t records, ProtobufCBinaryData hash)
{
    struct record_sum told;

    return record_sum_read(slice_of(hash.data, hash.len), &told) && place->records == records && place->sum.part[0] == told.part[0] &&
           place->sum.part[1] == told.part[1];
}

static bool is_between(const Crm__SyncChunk *page)
{
    return page->cursor->mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE;
}

/* A page of a comparison takes the cursor away: what the replica has is on its way from one view to another. */
static enum crm_status keep_place(struct page_run *run, struct store_txn *txn)
{
    enum crm_status status = replica_put_number(txn, ROW_PHASE, run->place.phase);

    if (status != CRM_OK)
        return status;
    return is_between(run->page) ? replica_put(txn, ROW_CURSOR, slice_of("", 0)) : put_cursor(txn, run->page->cursor, &run->pull->arena);
}

static enum crm_status take_page(struct page_run *run, struct rows *rows, struct store_txn *txn)
{
    bool empty = false;
    enum crm_status status = CRM_OK;

    if (run->page->begins) {
        status = is_empty(txn, &empty);
        run->place = (struct pull_place){ .phase = empty ? PHASE_FILLS : PHASE_REPLACES };
    }
    if (status == CRM_OK)
        status = take_records(run, rows);
    if (status == CRM_OK)
        status = take_forgets(run, rows);
    if (status == CRM_OK)
        status = take_strays(run, rows);
    if (run->page->erased || run->page->n_strays > 0)
        rows_leave_no_trace(rows);
    if (status == CRM_OK && !adds_up(&run->place, run->page->cursor->records, run->page->cursor->hash))
        status = fail(&run->failure, CRM_PROTOCOL, NULL, "a part of what the server told has not arrived");
    return status;
}

static enum crm_status store_pages(struct store_txn *txn, void *arg)
{
    struct page_run *run = arg;
    struct pull *pull = run->pull;
    struct rows rows;
    enum crm_status status;

    arena_reset(&pull->arena);
    run->failure = (struct failure){ 0 };
    run->place = pull->place;
    status = rows_init(&rows, txn, pull->schema, &pull->arena);
    for (size_t i = 0; i < run->n && status == CRM_OK; i++) {
        run->page = run->pages[i];
        status = take_page(run, &rows, txn);
    }
    if (status == CRM_OK)
        status = rows_apply(&rows);
    if (status == CRM_OK)
        status = keep_place(run, txn);
    return status == CRM_OK && run->page->has_compared ? confirm(run, txn) : status;
}

static enum crm_status failed(struct failure *failure, enum crm_status status)
{
    return fail(failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

/* --- the end of a snapshot */

/* Forget what is in `record` or RAW and not in NAMED. */
static enum crm_status forget_unnamed(struct walk *walk, struct slice key, struct slice value)
{
    uint8_t named[REPLICA_RAW_KEY_SIZE];
    struct slice found;
    struct uuid id;
    uint32_t kind;
    enum kind known;
    enum crm_status status;

    (void)value;
    if (record_key_parse(key, &known, &id))
        kind = (uint32_t)known;
    else if (!rows_raw_key_parse(key, &kind, &id))
        return CRM_CORRUPT;
    rows_raw_key(kind, &id, named);
    status = store_get(walk->txn, (enum store_db)REPLICA_NAMED, slice_of(named, sizeof named), &found);
    if (status != CRM_NOT_FOUND)
        return status;
    walk->n_changed++;
    rows_leave_no_trace(&walk->rows); /* an erased person is among them, perhaps: nobody can tell */
    return rows_forget(&walk->rows, kind, &id);
}

/* What is shown as deleted is in BASE alone; what is shown has been looked at. */
static enum crm_status forget_unnamed_base(struct walk *walk, struct slice key, struct slice value)
{
    return value.size > 0 ? forget_unnamed(walk, key, value) : CRM_OK;
}

static enum crm_status clear_named(struct pull *pull)
{
    struct walk walk;
    enum crm_status status;

    walk_init(&walk, pull->replica, pull->schema);
    status = walk_clear(&walk, (enum store_db)REPLICA_NAMED);
    walk_fini(&walk);
    return status;
}

static enum crm_status put_follows(struct store_txn *txn, void *arg)
{
    (void)arg;
    return replica_put_number(txn, ROW_PHASE, PHASE_FOLLOWS);
}

/* A snapshot is complete: forget what it did not name. */
static enum crm_status finish_snapshot(struct pull *pull)
{
    struct walk walk;
    enum crm_status status;

    walk_init(&walk, pull->replica, pull->schema);
    status = walk_all(&walk, STORE_RECORD, forget_unnamed);
    if (status == CRM_OK)
        status = walk_all(&walk, (enum store_db)REPLICA_BASE, forget_unnamed_base);
    if (status == CRM_OK)
        status = walk_all(&walk, (enum store_db)REPLICA_RAW, forget_unnamed);
    pull->n_forgets += walk.n_changed;
    walk_fini(&walk);
    if (status == CRM_OK) /* before the names go, by which a second go would know what stays */
        status = store_write_run(replica_store(pull->replica), put_follows, NULL);
    if (status != CRM_OK)
        return status;
    pull->place.phase = PHASE_FOLLOWS;
    return clear_named(pull);
}

static enum crm_status drop_cursor(struct store_txn *txn, void *arg)
{
    (void)arg;
    return replica_put(txn, ROW_CURSOR, slice_of("", 0));
}

/* --- public */

enum crm_status pull_page(struct pull *pull, const Crm__SyncChunk *page, struct failure *failure)
{
    return pull_pages(pull, &page, 1, failure);
}

enum crm_status pull_pages(struct pull *pull, const Crm__SyncChunk *const *pages, size_t n, struct failure *failure)
{
    struct page_run run = { .pull = pull, .pages = pages, .n = n };
    struct store *store = replica_store(pull->replica);
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < n; i++)
        if (!pages[i]->cursor || (is_between(pages[i]) && !pull->compare) || (pages[i]->begins && i > 0) || (pages[i]->has_compared && i + 1 < n))
            return fail(failure, CRM_PROTOCOL, NULL, "the server's page is not one that can come here");
    if (pages[0]->begins) {
        /* What an earlier snapshot named does not count; without a cursor nobody goes on with that. */
        status = store_write_run(store, drop_cursor, NULL);
        if (status == CRM_OK)
            status = clear_named(pull);
    }
    if (status == CRM_OK)
        status = store_write_run(store, store_pages, &run);
    if (status != CRM_OK)
        return run.failure.status ? fail(failure, status, NULL, "%s", run.failure.text) : failed(failure, status);
    pull->place = run.place;
    for (size_t i = 0; i < n; i++) {
        pull->n_records += pages[i]->n_records;
        pull->n_forgets += pages[i]->n_forgets + pages[i]->n_strays;
    }
    pull->n_pages += n;
    return CRM_OK;
}

void pull_compare(struct pull *pull, struct compare *compare)
{
    pull->compare = compare;
    if (compare)
        pull->place = (struct pull_place){ .phase = PHASE_FOLLOWS };
}

enum crm_status pull_begin_anew(struct pull *pull, struct failure *failure)
{
    enum crm_status status = store_write_run(replica_store(pull->replica), drop_cursor, NULL);

    return status == CRM_OK ? CRM_OK : failed(failure, status);
}

struct end_run {
    struct pull *pull;
    const Crm__SyncReply *reply;
    int64_t now_us;
    enum replica_phase phase;
};

/* Of what the server has taken. */
static enum crm_status prune(struct store_txn *txn, void *arg)
{
    const struct end_run *run = arg;

    return kept_prune(txn, run->reply->cursor->epoch, run->reply->backed_up_seq, run->now_us);
}

static enum crm_status store_end(struct store_txn *txn, void *arg)
{
    struct end_run *run = arg;
    int64_t expires_us = run->now_us + (run->reply->days ? run->reply->days : REPLICA_DAYS_DEFAULT) * DAY_US;
    enum crm_status status;

    arena_reset(&run->pull->arena);
    status = put_cursor(txn, run->reply->cursor, &run->pull->arena);
    if (status == CRM_OK)
        status = replica_put_number(txn, ROW_PHASE, run->phase);
    if (status == CRM_OK)
        status = replica_put_number(txn, ROW_SEQ, run->reply->seq);
    if (status == CRM_OK)
        status = replica_put_number(txn, ROW_SYNCED, (uint64_t)run->now_us);
    if (status == CRM_OK)
        status = prune(txn, run);
    return status == CRM_OK ? replica_put_number(txn, ROW_EXPIRES, (uint64_t)expires_us) : status;
}

enum crm_status pull_end(struct pull *pull, const Crm__SyncReply *reply, int64_t now_us, struct failure *failure)
{
    struct end_run run = { .pull = pull, .reply = reply, .now_us = now_us,
                           .phase = pull->place.phase == PHASE_REPLACES ? PHASE_FORGETS : PHASE_FOLLOWS };
    enum crm_status status;

    if (!reply->cursor || !adds_up(&pull->place, reply->records, reply->hash) || (pull->compare && !pull->compare->is_confirmed))
        return fail(failure, CRM_PROTOCOL, NULL, "a part of what the server told has not arrived");
    status = store_write_run(replica_store(pull->replica), store_end, &run);
    if (status == CRM_OK) {
        pull->place = (struct pull_place){ .phase = run.phase };
        if (run.phase == PHASE_FORGETS)
            status = finish_snapshot(pull);
        if (status == CRM_OK && run.phase == PHASE_FORGETS)
            status = store_write_run(replica_store(pull->replica), prune, &run);
    }
    return status == CRM_OK ? CRM_OK : failed(failure, status);
}

/* --- beginning */

struct begin_run {
    struct pull *pull;
    const struct pull_terms *terms;
};

static enum crm_status put_session(struct store_txn *txn, const Crm__LoginReply *session, struct arena *arena)
{
    Crm__LoginReply kept = *session;
    struct slice packed;
    enum crm_status status;

    kept.has_token = false; /* a secret, and in credentials already */
    status = codec_pack(&kept.base, arena, &packed);
    return status == CRM_OK ? replica_put(txn, ROW_SESSION, packed) : status;
}

static enum crm_status store_terms(struct store_txn *txn, void *arg)
{
    struct begin_run *run = arg;
    const struct pull_terms *terms = run->terms;
    const struct replica_state *state = replica_state(run->pull->replica);
    struct uuid id = state->is_made ? state->id : uuid_create();
    struct slice packed;
    enum crm_status status = replica_put_number(txn, ROW_FORMAT, REPLICA_FORMAT);

    arena_reset(&run->pull->arena);
    if (status == CRM_OK)
        status = replica_put(txn, ROW_ID, uuid_slice(&id));
    if (status == CRM_OK)
        status = replica_put(txn, ROW_DATABASE, uuid_slice(&terms->database));
    if (status == CRM_OK)
        status = replica_put(txn, ROW_SCOPE, slice_text(terms->scope));
    if (status == CRM_OK)
        status = put_session(txn, terms->session, &run->pull->arena);
    if (status == CRM_OK && terms->describe) {
        status = codec_pack(&terms->describe->base, &run->pull->arena, &packed);
        if (status == CRM_OK)
            status = replica_put(txn, ROW_DESCRIBE, packed);
    }
    return status;
}

static bool same_user(const Crm__LoginReply *a, const Crm__LoginReply *b)
{
    return slice_equal(slice_of(a->user.data, a->user.len), slice_of(b->user.data, b->user.len));
}

static enum crm_status check_terms(const struct replica_state *state, const struct pull_terms *terms, struct failure *failure)
{
    if (!state->is_made)
        return CRM_OK;
    if (!uuid_equal(&state->database, &terms->database))
        return fail(failure, CRM_CONFLICT, NULL, "the replica here is of another database: crm sync --wipe removes it");
    if (state->session && !same_user(state->session, terms->session))
        return fail(failure, CRM_CONFLICT, NULL, "the replica here is %.60s's: crm sync --wipe removes it", state->session->login ? state->session->login : "another");
    return CRM_OK;
}

/* What the cursor says of the pull that it is in the middle of. */
static enum crm_status load_place(struct pull *pull, struct failure *failure)
{
    const struct replica_state *state = replica_state(pull->replica);
    const Crm__SyncCursor *cursor;
    const void *message;
    enum crm_status status;

    pull->place = (struct pull_place){ .phase = state->phase };
    if (state->cursor.size == 0)
        return CRM_OK;
    status = codec_unpack_body(state->cursor, &crm__sync_cursor__descriptor, &pull->arena, &message, failure);
    if (status != CRM_OK)
        return status;
    cursor = message;
    pull->place.records = cursor->records;
    return record_sum_read(slice_of(cursor->hash.data, cursor->hash.len), &pull->place.sum) ? CRM_OK
                                                                                             : fail(failure, CRM_CORRUPT, NULL, "the replica's cursor is damaged");
}

enum crm_status pull_init(struct pull *pull, struct replica *replica, const struct pull_terms *terms, struct failure *failure)
{
    struct begin_run run = { .pull = pull, .terms = terms };
    enum crm_status status;

    *pull = (struct pull){ .replica = replica };
    arena_init(&pull->arena, PAGE_BUDGET);
    status = check_terms(replica_state(replica), terms, failure);
    if (status != CRM_OK)
        return status;
    status = store_write_run(replica_store(replica), store_terms, &run);
    if (status != CRM_OK)
        return failed(failure, status);
    status = replica_load(replica, failure);
    if (status == CRM_OK) {
        pull->schema = schema_ref(replica_state(replica)->schema);
        status = load_place(pull, failure);
    }
    if (status == CRM_OK) {
        status = reindex(replica, pull->schema);
        if (status != CRM_OK)
            return failed(failure, status);
    }
    if (status == CRM_OK && pull->place.phase == PHASE_FORGETS) {
        status = finish_snapshot(pull);
        if (status != CRM_OK)
            return failed(failure, status);
    }
    return status;
}

void pull_fini(struct pull *pull)
{
    schema_unref(pull->schema);
    arena_fini(&pull->arena);
}
