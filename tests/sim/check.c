/*
 * check.c - what must hold when all is quiet
 *
 * The server's database is whole (crmd check); every change that was answered stands in its record's history once; every replica holds what its user may see,
 * byte for byte, and nothing more that a key could lead to; no word that somebody typed is gone.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "client/replica/outbox.h"
#include "common/engine/index.h"
#include "server/admin/check.h"
#include "server/engine/access.h"
#include "server/engine/log.h"

#define ARENA_SIZE ((size_t)64 << 20)

/* --- the server */

static void check_server(struct sim *sim)
{
    struct check_result result;
    struct failure failure = { 0 };

    if (check_store(sim->host.disk.map, stdout, &result, &failure) != CRM_OK)
        sim_fail("the server's database is not whole: %s", failure.text);
}

/* --- histories */

struct history {
    struct sim *sim;
    struct view view;
    unsigned *times; /* by word: how often it came into its record */
    bool *before, *after; /* of the step that is looked at */
};

struct marking {
    struct words *words;
    bool *marks;
    bool is_once; /* a second one is a fault */
};

static void mark(void *arg, struct word *word)
{
    struct marking *marking = arg;
    bool *at = &marking->marks[word - marking->words->rows];

    if (marking->is_once && *at)
        sim_fail("%s, typed once by %s, stands in its record twice", word->text, person_names[word->by]);
    *at = true;
}

static void mark_all(struct words *words, const struct record *record, bool *marks)
{
    struct marking marking = { .words = words, .marks = marks, .is_once = true };

    memset(marks, 0, words->n * sizeof *marks);
    if (record)
        words_find(words, record->body, mark, &marking);
}

/* What comes back from the bin does not come anew. */
static enum crm_status look_at_step(void *arg, const struct log_step *step)
{
    struct history *history = arg;
    struct words *words = &history->sim->words;
    bool is_change = step->after && (step->before || step->after->header.rev == 1);

    mark_all(words, step->before, history->before);
    mark_all(words, step->after, history->after);
    for (size_t i = 0; i < words->n && is_change; i++)
        history->times[i] += history->after[i] && !history->before[i];
    return CRM_OK;
}

static bool look_at_record(void *arg, struct slice key, struct slice value)
{
    struct history *history = arg;
    struct record record;
    enum kind kind;
    struct uuid id;

    if (!record_key_parse(key, &kind, &id))
        sim_fail("the server has a key that is none");
    sim_must(record_decode(kind, &id, value, &record), "a record");
    sim_must(log_each_step(&history->view, &record, look_at_step, history), "a history");
    return true;
}

static enum crm_status look_at_histories(struct store_txn *txn, void *arg)
{
    struct history *history = arg;
    enum crm_status status;

    history->view = (struct view){ .txn = txn, .schema = history->sim->host.core.schema };
    status = store_scan(txn, STORE_RECORD, &(struct store_range){ 0 }, look_at_record, history);
    return status == CRM_OK ? store_scan(txn, STORE_DELETED, &(struct store_range){ 0 }, look_at_record, history) : status;
}

static void check_histories(struct sim *sim)
{
    struct history history = { .sim = sim };

    history.times = arena_zalloc(&sim->arena, (sim->words.n + 1) * sizeof *history.times);
    history.before = arena_zalloc(&sim->arena, sim->words.n + 1);
    history.after = arena_zalloc(&sim->arena, sim->words.n + 1);
    if (!history.times || !history.before || !history.after)
        sim_fail("out of memory");
    sim_must(store_read_run(sim->host.disk.map, look_at_histories, &history), "the histories");
    for (size_t i = 0; i < sim->words.n; i++) {
        const struct word *word = &sim->words.rows[i];

        if (history.times[i] > 1)
            sim_fail("%s, typed once by %s, has come into its record %u times", word->text, person_names[word->by], history.times[i]);
        if (word->is_answered && history.times[i] == 0)
            sim_fail("%s, typed by %s and acknowledged, is not in the history", word->text, person_names[word->by]);
    }
}

/* --- words */

static bool find_in_value(void *arg, struct slice key, struct slice value)
{
    struct marking *marking = arg;

    (void)key;
    words_find(marking->words, value, mark, marking);
    return true;
}

static enum crm_status find_at_server(struct store_txn *txn, void *arg)
{
    static const enum store_db places[] = { STORE_RECORD, STORE_LOG, STORE_DELETED, STORE_CONFLICT };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK; i++)
        status = store_scan(txn, places[i], &(struct store_range){ 0 }, find_in_value, arg);
    return status;
}

static enum crm_status find_in_outbox(struct store_txn *txn, void *arg)
{
    return store_scan(txn, (enum store_db)REPLICA_OUTBOX, &(struct store_range){ 0 }, find_in_value, arg);
}

static void check_words(struct sim *sim)
{
    struct marking marking = { .words = &sim->words, .marks = arena_zalloc(&sim->arena, sim->words.n + 1) };

    if (!marking.marks)
        sim_fail("out of memory");
    sim_must(store_read_run(sim->host.disk.map, find_at_server, &marking), "the server's values");
    for (unsigned i = 0; i < sim->n_reps; i++)
        sim_must(store_read_run(sim->reps[i].disk.map, find_in_outbox, &marking), "an outbox");
    for (size_t i = 0; i < sim->words.n; i++) {
        const struct word *word = &sim->words.rows[i];

        if (word->is_typed && !word->is_waived && !marking.marks[i])
            sim_fail("%s, typed by %s, is gone", word->text, person_names[word->by]);
    }
}

/* --- replicas */

struct comparing {
    struct sim *sim;
    const struct rep *rep;
    struct arena arena;
    struct access *access;
    struct view view; /* with its user's eyes, of the server */
    struct store *expected;
    struct writeset *set;
    enum crm_status status;
};

/* The record as the wire tells it. */
static void put_expected(struct comparing *comparing, const struct record *record)
{
    const struct view plain = { .txn = comparing->view.txn, .own = comparing->set, .schema = comparing->view.schema };
    uint8_t key[RECORD_KEY_SIZE];
    struct failure failure = { 0 };
    Crm__Header header;
    struct record told;
    struct slice value;
    Crm__Record wire;

    record_to_wire(record, &wire, &header);
    sim_must(record_from_wire(&wire, &told, &failure), failure.text);
    sim_must(record_encode(&told, &comparing->arena, &value), "a record");
    record_key(record->header.kind, &record->header.id, key);
    (void)plain;
    sim_must(writeset_put(comparing->set, STORE_RECORD, slice_of(key, sizeof key), value), "a record");
}

static bool expect_record(void *arg, struct slice key, struct slice value)
{
    struct comparing *comparing = arg;
    struct record record;
    enum kind kind;
    struct uuid id;
    enum crm_status status;

    if (!record_key_parse(key, &kind, &id))
        sim_fail("the server has a key that is none");
    status = view_open(&comparing->view, kind, &id, value, &record);
    if (status == CRM_OK)
        put_expected(comparing, &record);
    else if (status != CRM_NOT_FOUND)
        sim_must(status, "a record with its user's eyes");
    return true;
}

static enum crm_status expect_all(struct store_txn *txn, void *arg)
{
    struct comparing *comparing = arg;
    struct view plain = { .txn = txn, .schema = comparing->sim->host.core.schema };
    struct view_guard guard;
    enum crm_status status = access_create(&plain, &comparing->sim->base->people[comparing->rep->who], NULL, &comparing->access);

    if (status != CRM_OK)
        return status;
    guard = access_guard(comparing->access);
    comparing->view = plain;
    comparing->view.guard = &guard;
    comparing->view.arena = &comparing->arena;
    status = store_scan(txn, STORE_RECORD, &(struct store_range){ 0 }, expect_record, comparing);
    access_unref(comparing->access);
    return status;
}

static enum crm_status store_expected(struct store_txn *txn, void *arg)
{
    return writeset_apply(((struct comparing *)arg)->set, txn);
}

static bool index_record(void *arg, struct slice key, struct slice value)
{
    struct comparing *comparing = arg;
    struct record record;
    enum kind kind;
    struct uuid id;

    if (!record_key_parse(key, &kind, &id))
        sim_fail("a key that is none");
    sim_must(record_decode(kind, &id, value, &record), "a record");
    sim_must(index_follow(&comparing->view, comparing->set, kind_def((unsigned)kind), NULL, &record, &comparing->arena), "a record's keys");
    return true;
}

static enum crm_status index_expected(struct store_txn *txn, void *arg)
{
    struct comparing *comparing = arg;
    enum crm_status status;

    comparing->set = writeset_create(&comparing->arena);
    comparing->view = (struct view){ .txn = txn, .own = comparing->set, .schema = comparing->sim->host.core.schema };
    status = store_scan(txn, STORE_RECORD, &(struct store_range){ 0 }, index_record, comparing);
    return status == CRM_OK ? writeset_apply(comparing->set, txn) : status;
}

struct pairs {
    struct slice *pairs; /* key, value, key, value … */
    size_t n, room;
};

static bool gather_pair(void *arg, struct slice key, struct slice value)
{
    struct pairs *pairs = arg;

    if (pairs->n + 2 > pairs->room) {
        pairs->room = pairs->room ? 2 * pairs->room : 256;
        pairs->pairs = realloc(pairs->pairs, pairs->room * sizeof *pairs->pairs);
        if (!pairs->pairs)
            sim_fail("out of memory");
    }
    pairs->pairs[pairs->n++] = key;
    pairs->pairs[pairs->n++] = value;
    return true;
}

static void describe_key(struct slice key, char text[128])
{
    size_t n = key.size < 60 ? key.size : 60;

    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", key.data[i]);
}

/* A difference in one database, by key. */
static void compare_database(const struct comparing *comparing, enum store_db db, struct store_txn *is, struct store_txn *should)
{
    struct pairs a = { 0 }, b = { 0 };
    char text[128] = "";
    size_t i = 0;

    sim_must(store_scan(is, db, &(struct store_range){ 0 }, gather_pair, &a), "a replica");
    sim_must(store_scan(should, db, &(struct store_range){ 0 }, gather_pair, &b), "what it should be");
    while (i < a.n && i < b.n && slice_equal(a.pairs[i], b.pairs[i]))
        i++;
    if (i < a.n || i < b.n) {
        bool extra = i >= b.n || (i < a.n && i % 2 == 0 && slice_compare(a.pairs[i], b.pairs[i]) < 0);

        describe_key(extra ? a.pairs[i & ~(size_t)1] : b.pairs[i & ~(size_t)1], text);
        sim_fail("%s's replica %s, in %s, key %s", comparing->rep->name,
                 i % 2 ? "has another value than its user sees" : extra ? "has what its user may not see" : "lacks what its user sees", store_db_name(db),
                 text);
    }
    free(a.pairs);
    free(b.pairs);
}

static void compare_all(const struct comparing *comparing, struct store *should_be)
{
    static const enum store_db compared[] = { STORE_RECORD, STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };
    struct store_txn *is, *should;

    sim_must(store_read_begin(comparing->rep->disk.map, &is), "a replica");
    sim_must(store_read_begin(should_be, &should), "what it should be");
    for (size_t i = 0; i < ARRAY_LEN(compared); i++)
        compare_database(comparing, compared[i], is, should);
    store_read_end(is);
    store_read_end(should);
}

/* Nothing waits any more but for one that was not taken, which has an answer. What does is shown: it is given up, when its words have been looked for. */
static void check_outbox(struct rep *rep)
{
    struct outbox_list list = { 0 };
    struct store_txn *txn;
    bool is_refused = false, waits = false;

    sim_must(store_read_begin(rep->disk.map, &txn), "a replica");
    sim_must(outbox_read(txn, &rep->sim->arena, &list), "an outbox");
    for (size_t i = 0; i < list.n; i++)
        if (list.items[i].queued->answer)
            is_refused = true;
        else if (is_refused)
            waits = true;
        else
            sim_fail("%s: a change still waits after the last sync", rep->name);
    store_read_end(txn);
    if (waits)
        rep_drop_waiting(rep);
}

/* All that its user sees, as the engine has it. */
static void compare_with_view(struct comparing *comparing)
{
    struct store *map = comparing->sim->host.disk.map;

    sim_must(store_open_map(&comparing->expected), "a map");
    sim_must(store_read_run(map, expect_all, comparing), "what a user sees");
    sim_must(store_write_run(comparing->expected, store_expected, comparing), "what a user sees");
    sim_must(store_write_run(comparing->expected, index_expected, comparing), "its keys");
    compare_all(comparing, comparing->expected);
    store_close(comparing->expected);
}

/* What a new replica of the same scope holds: it has come there by a snapshot, on another way. */
static void compare_with_new(struct comparing *comparing)
{
    struct sim *sim = comparing->sim;
    struct rep fresh;

    rep_init(&fresh, sim, comparing->rep->who, comparing->rep->scope);
    sim_must(rep_sync(&fresh, &(struct weather){ 0 }), "a new replica");
    compare_all(comparing, fresh.disk.map);
    rep_fini(&fresh);
}

static void check_replica(struct sim *sim, struct rep *rep)
{
    struct comparing comparing = { .sim = sim, .rep = rep };

    check_outbox(rep);
    arena_init(&comparing.arena, ARENA_SIZE);
    comparing.set = writeset_create(&comparing.arena);
    if (!comparing.set)
        sim_fail("out of memory");
    if (rep->scope == CRM__SYNC_SCOPE__SYNC_SCOPE_ALL)
        compare_with_view(&comparing);
    else
        compare_with_new(&comparing);
    arena_fini(&comparing.arena);
}

void check_all(struct sim *sim)
{
    check_server(sim);
    check_histories(sim);
    check_words(sim);
    for (unsigned i = 0; i < sim->n_reps; i++)
        check_replica(sim, &sim->reps[i]);
}
