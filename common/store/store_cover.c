/*
 * store_cover.c - see store_cover.h
 *
 * Any thread, as far as the cover's functions are for any. What they give lives in the transaction's arena, so that it is borrowed for as long as a value of
 * the store below would be; of a scan that lets values pass, in one of the scan's own.
 */
#include "common/store/store_cover.h"

#include <stdlib.h>

#include "common/store/store_engine.h"

#define TXN_BUDGET ((size_t)1 << 30)
#define ROW_BUDGET ((size_t)1 << 20)
#define DERIVED    (UINT32_C(1) << STORE_INDEX | UINT32_C(1) << STORE_TERM | UINT32_C(1) << STORE_CHILD | UINT32_C(1) << STORE_UNIQUE)

struct store_covered {
    struct store base;
    struct store *below;
    struct store_cover cover;
};

struct cover_txn {
    struct store_txn base;
    struct store_txn *below;
    const struct store_cover *cover;
    struct arena arena;
};

/* --- transactions */

static void cover_close(struct store *base)
{
    struct store_covered *store = (struct store_covered *)base;

    store_close(store->below);
    if (store->cover.destroy)
        store->cover.destroy(store->cover.arg);
    free(store);
}

static enum crm_status cover_read_begin(struct store *base, struct store_txn **out_txn)
{
    struct store_covered *store = (struct store_covered *)base;
    struct cover_txn *txn = calloc(1, sizeof *txn);
    enum crm_status status;

    if (!txn)
        return CRM_NO_MEMORY;
    status = store_read_begin(store->below, &txn->below);
    if (status != CRM_OK) {
        free(txn);
        return status;
    }
    txn->base.engine = base->engine;
    txn->cover = &store->cover;
    arena_init(&txn->arena, TXN_BUDGET);
    txn->base.arena = &txn->arena;
    *out_txn = &txn->base;
    return CRM_OK;
}

static void cover_read_end(struct store_txn *base)
{
    struct cover_txn *txn = (struct cover_txn *)base;

    store_read_end(txn->below);
    arena_fini(&txn->arena);
    free(txn);
}

struct cover_run {
    struct store_covered *store;
    store_fn *fn;
    void *arg;
};

static enum crm_status run_covered(struct store_txn *below, void *arg)
{
    const struct cover_run *run = arg;
    struct cover_txn txn = { .base = { .engine = run->store->base.engine, .is_writable = true }, .below = below, .cover = &run->store->cover };
    enum crm_status status;

    arena_init(&txn.arena, TXN_BUDGET);
    txn.base.arena = &txn.arena;
    status = run->fn(&txn.base, run->arg);
    arena_fini(&txn.arena);
    return status;
}

static enum crm_status cover_write_run(struct store *base, store_fn *fn, void *arg)
{
    struct cover_run run = { .store = (struct store_covered *)base, .fn = fn, .arg = arg };

    return store_write_run(run.store->below, run_covered, &run);
}

/* --- data */

static enum crm_status open_value(struct cover_txn *txn, enum store_db db, struct slice key, struct arena *arena, struct slice *value)
{
    return txn->cover->open(txn->cover->arg, db, key, *value, arena, value);
}

static enum crm_status cover_get(struct store_txn *base, enum store_db db, struct slice key, struct slice *out_value)
{
    struct cover_txn *txn = (struct cover_txn *)base;
    struct slice value;
    enum crm_status status = store_get(txn->below, db, key, &value);

    if (status == CRM_OK)
        status = open_value(txn, db, key, &txn->arena, &value);
    if (status == CRM_OK)
        *out_value = value;
    return status;
}

static enum crm_status cover_get_many(struct store_txn *base, enum store_db db, const struct slice *keys, size_t n, struct slice *out_values)
{
    struct cover_txn *txn = (struct cover_txn *)base;
    enum crm_status status = store_get_many(txn->below, db, keys, n, out_values);

    for (size_t i = 0; i < n && status == CRM_OK; i++)
        if (out_values[i].data)
            status = open_value(txn, db, keys[i], &txn->arena, &out_values[i]);
    return status;
}

struct cover_scan {
    struct cover_txn *txn;
    enum store_db db;
    enum store_values values;
    store_visit *visit;
    void *arg;
    struct arena row;
    enum crm_status status;
};

static bool cover_visit(void *arg, struct slice key, struct slice value)
{
    struct cover_scan *scan = arg;
    bool passes = scan->values == STORE_VALUES_PASS, goes_on;

    if (scan->values != STORE_VALUES_NONE)
        scan->status = open_value(scan->txn, scan->db, key, passes ? &scan->row : &scan->txn->arena, &value);
    if (scan->status != CRM_OK)
        return false;
    goes_on = scan->visit(scan->arg, key, value);
    if (passes)
        arena_reset(&scan->row);
    return goes_on;
}

static enum crm_status cover_scan(struct store_txn *base, enum store_db db, const struct store_range *range, store_visit *visit, void *arg)
{
    struct cover_txn *txn = (struct cover_txn *)base;
    struct cover_scan scan = { .txn = txn, .db = db, .values = range->values, .visit = visit, .arg = arg, .status = CRM_OK };
    enum crm_status status;

    arena_init(&scan.row, ROW_BUDGET);
    status = store_scan(txn->below, db, range, cover_visit, &scan);
    arena_fini(&scan.row);
    return status == CRM_OK ? scan.status : status;
}

/* Past the limits of store_put, which counts what the caller puts and not what is kept of it. */
static enum crm_status cover_put(struct store_txn *base, enum store_db db, struct slice key, struct slice value)
{
    struct cover_txn *txn = (struct cover_txn *)base;
    struct arena row;
    struct slice kept;
    enum crm_status status;

    if (DERIVED & UINT32_C(1) << db && !txn->cover->keeps(txn->cover->arg, db, key))
        return CRM_OK;
    arena_init(&row, ROW_BUDGET);
    status = txn->cover->close(txn->cover->arg, db, key, value, &row, &kept);
    if (status == CRM_OK)
        status = txn->below->engine->put(txn->below, db, key, kept);
    arena_fini(&row);
    return status;
}

static enum crm_status cover_delete(struct store_txn *base, enum store_db db, struct slice key)
{
    return store_delete(((struct cover_txn *)base)->below, db, key);
}

static enum crm_status cover_stats(struct store_txn *base, enum store_db db, struct store_db_stats *out_stats)
{
    return store_stats(((struct cover_txn *)base)->below, db, out_stats);
}

/* --- of the store below */

static struct store *below(struct store *base)
{
    return ((struct store_covered *)base)->below;
}

static enum crm_status cover_usage(struct store *base, struct store_usage *out_usage)
{
    return store_usage(below(base), out_usage);
}

static bool cover_is_short(struct store *base)
{
    return store_is_short(below(base));
}

static enum crm_status cover_grow(struct store *base, size_t map_bytes)
{
    return store_grow(below(base), map_bytes);
}

static enum crm_status cover_copy(struct store *base, const char *directory, struct failure *failure)
{
    return store_copy(below(base), directory, failure);
}

static enum crm_status cover_rewrite(struct store *base, const char *directory, struct failure *failure)
{
    return store_rewrite(below(base), directory, failure);
}

static void cover_sweep_readers(struct store *base)
{
    store_sweep_readers(below(base));
}

static const struct store_engine engine_cover = {
    .name = "covered",
    .traits = { .is_local = true, .transaction_bytes = (size_t)24 << 20, .without = DERIVED }, /* less than LMDB's: what is kept is longer */
    .close = cover_close,
    .read_begin = cover_read_begin,
    .read_end = cover_read_end,
    .write_run = cover_write_run,
    .get = cover_get,
    .get_many = cover_get_many,
    .scan = cover_scan,
    .put = cover_put,
    .delete = cover_delete,
    .stats = cover_stats,
    .usage = cover_usage,
    .is_short = cover_is_short,
    .grow = cover_grow,
    .copy = cover_copy,
    .rewrite = cover_rewrite,
    .sweep_readers = cover_sweep_readers,
};

enum crm_status store_open_cover(struct store *take_store, const struct store_cover *take_cover, struct store **out_store)
{
    struct store_covered *store = calloc(1, sizeof *store);

    if (!store) {
        store_close(take_store);
        if (take_cover->destroy)
            take_cover->destroy(take_cover->arg);
        return CRM_NO_MEMORY;
    }
    *store = (struct store_covered){ .base = { .engine = &engine_cover }, .below = take_store, .cover = *take_cover };
    *out_store = &store->base;
    return CRM_OK;
}
