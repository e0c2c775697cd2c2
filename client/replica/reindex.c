/*
 * reindex.c - index, child, unique and term of a replica from its records
 *
 * Called by pull.c before it takes anything in. A record is forgotten with the keys that it has by the fields of now: keys made with other fields would
 * stay behind, with what they say of the record.
 */
#include "client/replica/reindex.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/replica/rows.h"
#include "common/base/arena.h"
#include "common/store/key.h"
#include "proto/codec.h"

#define RUN_RECORDS 500
#define RUN_KEYS    5000
#define RUN_BUDGET  ((size_t)64 << 20)

static const enum store_db derived[] = { STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };

/* A walk over a database, a bounded run at a time. */
struct walk {
    struct replica *replica;
    const struct schema *schema;
    struct arena arena; /* of a run */
    enum store_db db;
    struct key behind, last; /* where the run begins, and the last key that it has looked at */
    size_t n;
    bool more;
    /* of the run */
    struct rows rows;
    struct store_txn *txn;
    enum crm_status status;
};

typedef enum crm_status walk_visit(struct walk *walk, struct slice key, struct slice value);

struct visiting {
    struct walk *walk;
    walk_visit *visit;
    size_t most;
};

static bool visit_pair(void *arg, struct slice key, struct slice value)
{
    struct visiting *visiting = arg;
    struct walk *walk = visiting->walk;

    if (walk->n == visiting->most) {
        walk->more = true;
        return false;
    }
    walk->n++;
    walk->last.size = 0;
    key_bytes(&walk->last, key.data, key.size);
    walk->status = visiting->visit(walk, key, value);
    return walk->status == CRM_OK;
}

static enum crm_status walk_run(struct walk *walk, struct store_txn *txn, walk_visit *visit, size_t most)
{
    struct visiting visiting = { .walk = walk, .visit = visit, .most = most };
    uint8_t from[STORE_KEY_MAX + 1] = { 0 };
    enum crm_status status;

    arena_reset(&walk->arena);
    walk->txn = txn;
    walk->n = 0;
    walk->more = false;
    walk->status = CRM_OK;
    walk->last = walk->behind;
    memcpy(from, walk->behind.data, walk->behind.size);
    status = rows_init(&walk->rows, txn, walk->schema, &walk->arena);
    if (status == CRM_OK)
        status = store_scan(txn, walk->db, &(struct store_range){ .from = slice_of(from, walk->behind.size ? walk->behind.size + 1u : 0) }, visit_pair,
                            &visiting);
    if (status == CRM_OK)
        status = walk->status;
    return status == CRM_OK ? rows_apply(&walk->rows) : status;
}

static enum crm_status walk_all(struct walk *walk, enum store_db db, store_fn *run)
{
    enum crm_status status = CRM_OK;

    walk->db = db;
    walk->behind.size = 0;
    walk->more = true;
    while (status == CRM_OK && walk->more) {
        status = store_write_run(replica_store(walk->replica), run, walk);
        walk->behind = walk->last;
    }
    return status;
}

static enum crm_status drop_key(struct walk *walk, struct slice key, struct slice value)
{
    (void)value;
    return writeset_delete(walk->rows.set, walk->db, key);
}

static enum crm_status clear_run(struct store_txn *txn, void *arg)
{
    return walk_run(arg, txn, drop_key, RUN_KEYS);
}

static enum crm_status add_keys(struct walk *walk, struct slice key, struct slice value)
{
    enum kind kind;
    struct uuid id;

    return record_key_parse(key, &kind, &id) ? rows_index(&walk->rows, kind, &id, value) : CRM_CORRUPT;
}

static enum crm_status fill_run(struct store_txn *txn, void *arg)
{
    return walk_run(arg, txn, add_keys, RUN_RECORDS);
}

/* A record that was kept as it came, of a kind that is known by now. */
static enum crm_status adopt(struct walk *walk, struct slice key, struct slice value)
{
    const void *wire;
    struct uuid id;
    uint32_t kind;
    enum crm_status status;

    if (!rows_raw_key_parse(key, &kind, &id))
        return CRM_CORRUPT;
    if (!kind_def(kind))
        return CRM_OK;
    status = codec_unpack_body(value, &crm__record__descriptor, &walk->arena, &wire, NULL);
    if (status == CRM_OK)
        status = rows_take(&walk->rows, wire, NULL);
    return status == CRM_OK ? writeset_delete(walk->rows.set, (enum store_db)REPLICA_RAW, key) : status;
}

static enum crm_status adopt_run(struct store_txn *txn, void *arg)
{
    return walk_run(arg, txn, adopt, RUN_RECORDS);
}

static enum crm_status put_mark(struct store_txn *txn, void *arg)
{
    const char *mark = arg;

    return replica_put(txn, ROW_INDEXED, slice_text(mark));
}

enum crm_status reindex(struct replica *replica, const struct schema *schema)
{
    struct walk *walk;
    char mark[64], none[] = "";
    enum crm_status status;

    snprintf(mark, sizeof mark, "%llu %s", (unsigned long long)schema_level(schema), CRM_VERSION);
    if (strcmp(mark, replica_state(replica)->indexed) == 0)
        return CRM_OK;
    walk = calloc(1, sizeof *walk);
    if (!walk)
        return CRM_NO_MEMORY;
    walk->replica = replica;
    walk->schema = schema;
    arena_init(&walk->arena, RUN_BUDGET);
    status = store_write_run(replica_store(replica), put_mark, none);
    for (size_t i = 0; i < ARRAY_LEN(derived) && status == CRM_OK; i++)
        status = walk_all(walk, derived[i], clear_run);
    if (status == CRM_OK)
        status = walk_all(walk, STORE_RECORD, fill_run);
    if (status == CRM_OK)
        status = walk_all(walk, (enum store_db)REPLICA_RAW, adopt_run);
    if (status == CRM_OK)
        status = store_write_run(replica_store(replica), put_mark, mark);
    arena_fini(&walk->arena);
    free(walk);
    return status;
}
