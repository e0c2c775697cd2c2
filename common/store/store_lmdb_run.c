/*
 * store_lmdb_run.c - LMDB transactions: begun, committed, abandoned, and what their errors mean
 *
 * Any thread. A read transaction keeps its reader slot and its cursors when its snapshot ends, so
 * that the next costs a renewal and no allocation. New readers are held back only while the map
 * grows.
 */
#include "common/store/store_lmdb.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"

/* A snapshot older than this pins pages that are wanted elsewhere (PITFALLS 1.4 item 33). */
#define OLD_READER_US INT64_C(2000000)

enum crm_status lmdb_status(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return CRM_OK;
    case MDB_NOTFOUND:
        return CRM_NOT_FOUND;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_INVALID:
        return CRM_CORRUPT;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return CRM_FORMAT;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return CRM_FULL;
    case MDB_READERS_FULL:
        return CRM_BUSY;
    case MDB_PANIC:
        return CRM_UNKNOWN;
    case ENOMEM:
        return CRM_NO_MEMORY;
    case EACCES: /* a write in a store opened for reading */
        return CRM_FAILED;
    default:
        return CRM_IO;
    }
}

enum crm_status lmdb_write_status(struct store_lmdb *store, int rc)
{
    enum crm_status status = lmdb_status(rc);

    if (status != CRM_IO)
        return status;
    /* LMDB reports a short write, which is how a full disk shows, as EIO (PITFALLS 1.4 item 35). */
    return lmdb_disk_is_full(store) ? CRM_FULL : CRM_UNKNOWN;
}

void lmdb_reader_enter(struct store_lmdb *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->is_growing)
        pthread_cond_wait(&store->changed, &store->lock);
    store->n_readers++;
    pthread_mutex_unlock(&store->lock);
}

void lmdb_reader_leave(struct store_lmdb *store)
{
    pthread_mutex_lock(&store->lock);
    if (--store->n_readers == 0 && store->is_growing)
        pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->lock);
}

/* An idle transaction, or a new one without a snapshot; NULL: out of memory. */
static struct lmdb_txn *reader_take(struct store_lmdb *store)
{
    struct lmdb_txn *txn;

    pthread_mutex_lock(&store->lock);
    txn = store->idle;
    if (txn)
        store->idle = txn->next_idle;
    pthread_mutex_unlock(&store->lock);
    if (txn)
        return txn;

    txn = calloc(1, sizeof *txn);
    if (!txn)
        return NULL;
    txn->base.engine = store->base.engine;
    txn->store = store;
    pthread_mutex_lock(&store->lock);
    txn->next = store->all;
    store->all = txn;
    pthread_mutex_unlock(&store->lock);
    return txn;
}

static void reader_give_back(struct lmdb_txn *txn)
{
    struct store_lmdb *store = txn->store;

    pthread_mutex_lock(&store->lock);
    txn->next_idle = store->idle;
    store->idle = txn;
    pthread_mutex_unlock(&store->lock);
}

enum crm_status lmdb_read_begin(struct store *base, struct store_txn **out_txn)
{
    struct store_lmdb *store = (struct store_lmdb *)base;
    struct lmdb_txn *txn;
    int rc;

    lmdb_reader_enter(store);
    txn = reader_take(store);
    if (!txn) {
        lmdb_reader_leave(store);
        return CRM_NO_MEMORY;
    }
    if (txn->txn)
        rc = mdb_txn_renew(txn->txn);
    else
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->txn);
    if (rc) {
        reader_give_back(txn);
        lmdb_reader_leave(store);
        return lmdb_status(rc);
    }
    txn->cursors_fresh = 0;
    atomic_store_explicit(&txn->began_us, clock_monotonic_us(), memory_order_relaxed);
    *out_txn = &txn->base;
    return CRM_OK;
}

void lmdb_read_end(struct store_txn *base)
{
    struct lmdb_txn *txn = (struct lmdb_txn *)base;
    struct store_lmdb *store = txn->store;

    assert(txn->cursors_busy == 0);
    atomic_store_explicit(&txn->began_us, 0, memory_order_relaxed);
    mdb_txn_reset(txn->txn);
    reader_give_back(txn);
    lmdb_reader_leave(store);
}

/* After a commit that failed for want of room: did the failure hit the page that makes commits
 * valid? Then nobody knows its outcome. */
static bool is_panicked(struct store_lmdb *store)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);

    if (!rc)
        mdb_txn_abort(txn);
    return rc == MDB_PANIC;
}

static enum crm_status write_commit(struct lmdb_txn *txn)
{
    struct store_lmdb *store = txn->store;
    int rc = mdb_txn_commit(txn->txn);
    enum crm_status status = lmdb_write_status(store, rc);

    if (status == CRM_OK) {
        lmdb_file_keep_ahead(store);
        return CRM_OK;
    }
    if (status == CRM_FULL && is_panicked(store))
        status = CRM_UNKNOWN;
    log_error("store.commit_failed", "status=%s cause=%s", crm_status_info((int)status)->name,
              mdb_strerror(rc));
    return status;
}

enum crm_status lmdb_write_run(struct store *base, store_fn *fn, void *arg)
{
    struct store_lmdb *store = (struct store_lmdb *)base;
    struct lmdb_txn txn = { .base = { .engine = base->engine, .is_writable = true },
                            .store = store };
    enum crm_status status;
    int rc;

    pthread_mutex_lock(&store->write_lock);
    rc = mdb_txn_begin(store->env, NULL, 0, &txn.txn);
    if (rc) {
        status = lmdb_status(rc);
        goto out;
    }
    status = fn(&txn.base, arg);
    if (txn.failed != CRM_OK)
        status = txn.failed;
    if (status == CRM_OK)
        status = write_commit(&txn);
    else
        mdb_txn_abort(txn.txn);
    lmdb_refresh_short(store);
out:
    pthread_mutex_unlock(&store->write_lock);
    return status;
}

enum crm_status lmdb_grow(struct store *base, size_t map_bytes)
{
    struct store_lmdb *store = (struct store_lmdb *)base;
    MDB_envinfo info;
    int rc;

    pthread_mutex_lock(&store->write_lock);
    rc = mdb_env_info(store->env, &info);
    if (!rc && map_bytes > info.me_mapsize) {
        /* Readers' memory is about to be unmapped: let those inside leave and hold the others back.
         */
        pthread_mutex_lock(&store->lock);
        store->is_growing = true;
        while (store->n_readers > 0)
            pthread_cond_wait(&store->changed, &store->lock);
        rc = mdb_env_set_mapsize(store->env, map_bytes);
        store->is_growing = false;
        pthread_cond_broadcast(&store->changed);
        pthread_mutex_unlock(&store->lock);
        if (!rc)
            lmdb_refresh_short(store);
    }
    pthread_mutex_unlock(&store->write_lock);
    return lmdb_status(rc);
}

void lmdb_sweep_readers(struct store *base)
{
    struct store_lmdb *store = (struct store_lmdb *)base;
    int64_t now_us = clock_monotonic_us();
    int64_t oldest_us = 0;
    int n_dead = 0;

    if (mdb_reader_check(store->env, &n_dead) == 0 && n_dead > 0)
        log_warn("store.readers_swept", "dead=%d", n_dead);

    pthread_mutex_lock(&store->lock);
    for (struct lmdb_txn *txn = store->all; txn; txn = txn->next) {
        int64_t began_us = atomic_load_explicit(&txn->began_us, memory_order_relaxed);

        if (began_us && now_us - began_us > oldest_us)
            oldest_us = now_us - began_us;
    }
    pthread_mutex_unlock(&store->lock);
    if (oldest_us > OLD_READER_US)
        log_warn("store.reader_old", "age_ms=%" PRId64, oldest_us / 1000);

    lmdb_refresh_short(store);
}

void lmdb_readers_destroy(struct store_lmdb *store)
{
    assert(store->n_readers == 0);
    while (store->all) {
        struct lmdb_txn *txn = store->all;

        store->all = txn->next;
        for (int db = 0; db < STORE_DB_COUNT; db++)
            if (txn->cursors[db])
                mdb_cursor_close(txn->cursors[db]);
        mdb_txn_abort(txn->txn);
        free(txn);
    }
}
