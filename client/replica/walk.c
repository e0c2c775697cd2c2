/*
 * walk.c - runs over a database, each behind the last key of the one before
 *
 * Called by pull.c (what a snapshot did not name) and reindex.c. A run may be made twice by the store: it begins where the last committed one ended.
 */
#include "client/replica/walk.h"

#define RUN_PAIRS  2000
#define RUN_BUDGET ((size_t)128 << 20)

void walk_init(struct walk *walk, struct replica *replica, const struct schema *schema)
{
    *walk = (struct walk){ .replica = replica, .schema = schema };
    arena_init(&walk->arena, RUN_BUDGET);
}

void walk_fini(struct walk *walk)
{
    arena_fini(&walk->arena);
}

static bool visit_pair(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;

    if (walk->n == RUN_PAIRS) {
        walk->more = true;
        return false;
    }
    walk->n++;
    walk->last.size = 0;
    key_bytes(&walk->last, key.data, key.size);
    walk->status = walk->visit(walk, key, value);
    return walk->status == CRM_OK;
}

static enum crm_status run(struct store_txn *txn, void *arg)
{
    struct walk *walk = arg;
    uint8_t from[STORE_KEY_MAX + 1] = { 0 }; /* the least key behind the last one: that and a 0 */
    struct store_range range = { .from = slice_of(from, walk->behind.size ? walk->behind.size + 1u : 0) };
    enum crm_status status;

    memcpy(from, walk->behind.data, walk->behind.size);
    arena_reset(&walk->arena);
    walk->txn = txn;
    walk->last = walk->behind;
    walk->n = 0;
    walk->more = false;
    walk->n_changed = walk->n_committed;
    walk->status = CRM_OK;
    status = rows_init(&walk->rows, txn, walk->schema, &walk->arena);
    if (status == CRM_OK)
        status = store_scan(txn, walk->db, &range, visit_pair, walk);
    if (status == CRM_OK)
        status = walk->status;
    return status == CRM_OK ? rows_apply(&walk->rows) : status;
}

enum crm_status walk_all(struct walk *walk, enum store_db db, walk_visit *visit)
{
    enum crm_status status = CRM_OK;

    walk->db = db;
    walk->visit = visit;
    walk->behind.size = 0;
    walk->more = true;
    while (status == CRM_OK && walk->more) {
        status = store_write_run(replica_store(walk->replica), run, walk);
        walk->behind = walk->last;
        walk->n_committed = walk->n_changed;
    }
    return status;
}

static enum crm_status drop_key(struct walk *walk, struct slice key, struct slice value)
{
    (void)value;
    return writeset_delete(walk->rows.set, walk->db, key);
}

enum crm_status walk_clear(struct walk *walk, enum store_db db)
{
    return walk_all(walk, db, drop_key);
}
