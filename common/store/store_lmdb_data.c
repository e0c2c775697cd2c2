/*
 * store_lmdb_data.c - reading and writing inside an LMDB transaction
 *
 * On the transaction's thread. The hot path of every read: nothing here allocates in a read
 * transaction once its cursors exist.
 */
#include "common/store/store_lmdb.h"

#define PREFETCH_MAX 1024 /* bytes of a value */
#define CACHE_LINE   64

static MDB_val val_of(struct slice s)
{
    return (MDB_val){ .mv_size = s.size, .mv_data = (void *)(uintptr_t)s.data };
}

static struct slice slice_of_val(const MDB_val *val)
{
    return slice_of(val->mv_data, val->mv_size);
}

/*
 * A cursor, which goes back with cursor_release. A read transaction has one to lend for each
 * database; a scan inside a scan's visitor, and a write transaction (whose cursors end with it),
 * opens its own.
 */
static int cursor_acquire(struct lmdb_txn *txn, enum store_db db, MDB_cursor **out_cursor)
{
    uint32_t bit = UINT32_C(1) << db;
    int rc = 0;

    if (txn->base.is_writable || txn->cursors_busy & bit)
        return mdb_cursor_open(txn->txn, txn->store->dbis[db], out_cursor);
    if (!txn->cursors[db])
        rc = mdb_cursor_open(txn->txn, txn->store->dbis[db], &txn->cursors[db]);
    else if (!(txn->cursors_fresh & bit))
        rc = mdb_cursor_renew(txn->txn, txn->cursors[db]);
    if (rc)
        return rc;
    txn->cursors_fresh |= bit;
    txn->cursors_busy |= bit;
    *out_cursor = txn->cursors[db];
    return 0;
}

static void cursor_release(struct lmdb_txn *txn, enum store_db db, MDB_cursor *cursor)
{
    if (cursor == txn->cursors[db])
        txn->cursors_busy &= ~(UINT32_C(1) << db);
    else
        mdb_cursor_close(cursor);
}

/* Ask for a value's cache lines all at once: what comes next reads it from end to end. */
static void value_prefetch(const MDB_val *val)
{
    size_t size = val->mv_size < PREFETCH_MAX ? val->mv_size : PREFETCH_MAX;

    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch((const uint8_t *)val->mv_data + at);
}

enum crm_status lmdb_get(struct store_txn *base, enum store_db db, struct slice key,
                         struct slice *out_value)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    MDB_val k = val_of(key);
    MDB_val v;
    int rc = mdb_get(txn->txn, txn->store->dbis[db], &k, &v);

    if (rc)
        return lmdb_status(rc);
    value_prefetch(&v);
    *out_value = slice_of_val(&v);
    return CRM_OK;
}

/* Is the pair behind the cursor the one that is looked for? Then a step is far cheaper than a search. The cursor moves in any case. */
static bool is_next(MDB_cursor *cursor, struct slice key, MDB_val *out_value)
{
    MDB_val k;

    return mdb_cursor_get(cursor, &k, out_value, MDB_NEXT) == 0 && slice_equal(slice_of_val(&k), key);
}

enum crm_status lmdb_get_many(struct store_txn *base, enum store_db db, const struct slice *keys,
                              size_t n, struct slice *out_values)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    MDB_cursor *cursor;
    bool is_run = true; /* so far each key followed the one before it, as in a list in the order of creation */
    int rc = cursor_acquire(txn, db, &cursor);

    if (rc)
        return lmdb_status(rc);
    for (size_t i = 0; i < n; i++) {
        MDB_val k = val_of(keys[i]);
        MDB_val v = { 0, NULL };

        is_run = is_run && (i == 0 || is_next(cursor, keys[i], &v));
        /* A cursor looks at the leaf it stands on first: keys in order seldom descend the tree.
         * LMDB takes no empty key. */
        if (!is_run || i == 0)
            rc = k.mv_size ? mdb_cursor_get(cursor, &k, &v, MDB_SET) : MDB_NOTFOUND;
        if (rc && rc != MDB_NOTFOUND)
            break;
        if (rc)
            is_run = false; /* the cursor stands nowhere */
        else
            value_prefetch(&v);
        out_values[i] = rc ? slice_of(NULL, 0) : slice_of_val(&v);
        rc = 0;
    }
    cursor_release(txn, db, cursor);
    return lmdb_status(rc);
}

/* Put the cursor on the first pair of the range in its direction, not looking at the range's other
 * end. */
static int scan_start(MDB_cursor *cursor, const struct store_range *range, MDB_val *key,
                      MDB_val *value)
{
    struct slice bound = range->reverse ? range->to : range->from;
    int rc;

    if (bound.size == 0)
        return mdb_cursor_get(cursor, key, value, range->reverse ? MDB_LAST : MDB_FIRST);
    *key = val_of(bound);
    rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (!range->reverse)
        return rc;
    /* The pair before the first one that the range excludes; where it excludes none, the last of
     * all. */
    if (rc == MDB_NOTFOUND)
        return mdb_cursor_get(cursor, key, value, MDB_LAST);
    return rc ? rc : mdb_cursor_get(cursor, key, value, MDB_PREV);
}

static bool scan_is_past_end(const struct store_range *range, struct slice key)
{
    if (range->reverse)
        return slice_compare(key, range->from) < 0;
    return range->to.size > 0 && slice_compare(key, range->to) >= 0;
}

enum crm_status lmdb_scan(struct store_txn *base, enum store_db db, const struct store_range *range,
                          store_visit *visit, void *arg)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    MDB_cursor_op step = range->reverse ? MDB_PREV : MDB_NEXT;
    MDB_cursor *cursor;
    MDB_val k, v;
    int rc = cursor_acquire(txn, db, &cursor);

    if (rc)
        return lmdb_status(rc);
    for (rc = scan_start(cursor, range, &k, &v); rc == 0;
         rc = mdb_cursor_get(cursor, &k, &v, step)) {
        struct slice key = slice_of_val(&k);

        if (scan_is_past_end(range, key) || !visit(arg, key, slice_of_val(&v)))
            break;
    }
    cursor_release(txn, db, cursor);
    return rc == MDB_NOTFOUND ? CRM_OK : lmdb_status(rc);
}

/* The first error stays: LMDB answers every later call of the transaction with another. */
static enum crm_status write_failed(struct lmdb_txn *txn, int rc)
{
    if (txn->failed == CRM_OK)
        txn->failed = lmdb_write_status(txn->store, rc);
    return txn->failed;
}

enum crm_status lmdb_put(struct store_txn *base, enum store_db db, struct slice key,
                         struct slice value)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    MDB_val k = val_of(key);
    MDB_val v = val_of(value);
    int rc = mdb_put(txn->txn, txn->store->dbis[db], &k, &v, 0);

    return rc ? write_failed(txn, rc) : CRM_OK;
}

enum crm_status lmdb_delete(struct store_txn *base, enum store_db db, struct slice key)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    MDB_val k = val_of(key);
    int rc = mdb_del(txn->txn, txn->store->dbis[db], &k, NULL);

    return rc && rc != MDB_NOTFOUND ? write_failed(txn, rc) : CRM_OK;
}

enum crm_status lmdb_stats(struct store_txn *base, enum store_db db,
                           struct store_db_stats *out_stats)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    MDB_stat stat;
    int rc = mdb_stat(txn->txn, txn->store->dbis[db], &stat);

    if (rc)
        return lmdb_status(rc);
    out_stats->entries = stat.ms_entries;
    out_stats->bytes =
        (uint64_t)(stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
        stat.ms_psize;
    return CRM_OK;
}
