/*
 * check_replica.c - a replica holds what its user may see, byte for byte, and nothing more that a key could lead to
 *
 * Where it carries all that may be seen, that is read from the server's records with the user's eyes; where it carries a part, a new replica is made, which
 * comes to the same on another way. Index, term, child and unique are made anew from the records and compared.
 */
#include "tests/sim/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/replica/outbox.h"
#include "common/engine/index.h"
#include "server/engine/access.h"

#define ARENA_SIZE ((size_t)64 << 20)

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

/* --- what is beside the records */

struct counting {
    const struct uuid *user;
    uint64_t n;
};

static bool count_row(void *arg, struct slice key, struct slice value)
{
    struct counting *counting = arg;

    (void)value;
    counting->n += !counting->user || slice_has_prefix(key, uuid_slice(counting->user));
    return true;
}

/* Rows of a database, or those whose key begins with a user. */
static uint64_t count_rows(const struct disk *disk, enum store_db db, const struct uuid *user)
{
    struct counting counting = { .user = user };
    struct store_txn *txn;

    sim_must(store_read_begin(disk->map, &txn), "a store");
    sim_must(store_scan(txn, db, &(struct store_range){ 0 }, count_row, &counting), "a database");
    store_read_end(txn);
    return counting.n;
}

/* Nothing is left of what was under way, and the user's conflicts are those that the server keeps. */
static void check_beside(const struct rep *rep)
{
    const struct sim *sim = rep->sim;

    if (count_rows(&rep->disk, (enum store_db)REPLICA_BASE, NULL) > 0)
        sim_fail("%s: nothing waits, and yet a record is shown with changes", rep->name);
    if (count_rows(&rep->disk, (enum store_db)REPLICA_NAMED, NULL) > 0)
        sim_fail("%s: a snapshot that has ended has left its names", rep->name);
    if (count_rows(&rep->disk, STORE_CONFLICT, NULL) != count_rows(&sim->host.disk, STORE_CONFLICT, &sim->base->people[rep->who]))
        sim_fail("%s: other conflicts in the replica than at the server", rep->name);
}

/* --- all of it */

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

void check_replica(struct sim *sim, struct rep *rep)
{
    struct comparing comparing = { .sim = sim, .rep = rep };

    check_outbox(rep);
    check_beside(rep);
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
