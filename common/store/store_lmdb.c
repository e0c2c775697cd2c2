/*
 * store_lmdb.c - the LMDB engine: opening, closing, and its row of functions
 *
 * Flags are MDB_NOTLS, and MDB_RDONLY where asked, and no others: WRITEMAP turns a full disk into
 * SIGBUS, NOSYNC and its kin lose what was answered, DUPSORT has bugs in Debian's version
 * (PITFALLS 1.4 items 36, 39, 41).
 */
#include "common/store/store_lmdb.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/log.h"

#define MAX_DATABASES   32
#define DEFAULT_MAP     ((size_t)64 << 30)
#define DEFAULT_READERS 256
#define DEFAULT_RESERVE ((uint64_t)256 << 20)
#define FILE_MODE       0600

static void lmdb_close(struct store *base)
{
    struct store_lmdb *store = (struct store_lmdb *)base;

    lmdb_readers_destroy(store);
    mdb_env_close(store->env);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->write_lock);
    free(store);
}

static const struct store_engine engine_lmdb = {
    .name = "LMDB",
    /* Well within LMDB's list of dirty pages, beyond which it spills them to disk in the middle of
       a transaction. */
    .traits = { .is_local = true, .transaction_bytes = (size_t)64 << 20 },
    .close = lmdb_close,
    .read_begin = lmdb_read_begin,
    .read_end = lmdb_read_end,
    .write_run = lmdb_write_run,
    .get = lmdb_get,
    .get_many = lmdb_get_many,
    .scan = lmdb_scan,
    .put = lmdb_put,
    .delete = lmdb_delete,
    .stats = lmdb_stats,
    .usage = lmdb_usage,
    .is_short = lmdb_is_short,
    .grow = lmdb_grow,
    .copy = lmdb_copy,
    .rewrite = lmdb_rewrite,
    .sweep_readers = lmdb_sweep_readers,
};

/* LMDB calls this before it aborts on a page that cannot be: say what that means. */
static void on_assert(MDB_env *env, const char *message)
{
    const char *path = "?";

    mdb_env_get_path(env, &path);
    log_error("store.damaged", "path=%s cause=%s", path, message);
}

static struct store_lmdb *store_lmdb_create(void)
{
    struct store_lmdb *store = calloc(1, sizeof *store);

    if (!store)
        return NULL;
    store->base.engine = &engine_lmdb;
    if (pthread_mutex_init(&store->write_lock, NULL))
        goto no_write_lock;
    if (pthread_mutex_init(&store->lock, NULL))
        goto no_lock;
    if (pthread_cond_init(&store->changed, NULL))
        goto no_changed;
    if (mdb_env_create(&store->env))
        goto no_env;
    return store;

no_env:
    pthread_cond_destroy(&store->changed);
no_changed:
    pthread_mutex_destroy(&store->lock);
no_lock:
    pthread_mutex_destroy(&store->write_lock);
no_write_lock:
    free(store);
    return NULL;
}

static int env_open(struct store_lmdb *store, const struct store_lmdb_options *options)
{
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0u);
    MDB_stat stat;
    int rc = mdb_env_set_maxdbs(store->env, MAX_DATABASES);

    if (!rc)
        rc = mdb_env_set_maxreaders(store->env,
                                    options->max_readers ? options->max_readers : DEFAULT_READERS);
    /* A reader beside a server takes the map's size from the file: the server's may have grown. */
    if (!rc && (options->map_bytes || !options->read_only))
        rc = mdb_env_set_mapsize(store->env, options->map_bytes ? options->map_bytes : DEFAULT_MAP);
    if (!rc)
        rc = mdb_env_set_assert(store->env, on_assert);
    if (!rc)
        rc = mdb_env_open(store->env, options->path, flags, FILE_MODE);
    if (!rc)
        rc = mdb_env_get_fd(store->env, &store->fd);
    if (!rc)
        rc = mdb_env_stat(store->env, &stat);
    if (!rc)
        store->page_bytes = stat.ms_psize;
    return rc;
}

static int databases_open(struct store_lmdb *store)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->env, NULL, store->is_read_only ? MDB_RDONLY : 0u, &txn);

    if (rc)
        return rc;
    for (int db = 0; db < STORE_DB_COUNT && !rc; db++)
        rc = mdb_dbi_open(txn, store_db_name((enum store_db)db),
                          store->is_read_only ? 0u : (unsigned)MDB_CREATE, &store->dbis[db]);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

/* The sentence for an error at opening; a database that is not there has another format. */
static enum crm_status open_failed(const struct store_lmdb_options *options, int rc,
                                   struct failure *failure)
{
    if (rc == MDB_NOTFOUND)
        return fail(failure, CRM_FORMAT, NULL, "%s lacks a database of this format", options->path);
    return fail(failure, lmdb_status(rc), NULL, "cannot open %s: %s", options->path,
                mdb_strerror(rc));
}

enum crm_status store_open_lmdb(const struct store_lmdb_options *options, struct store **out_store,
                                struct failure *failure)
{
    struct store_lmdb *store;
    bool exists;
    enum crm_status status = lmdb_file_check_before(options, &exists, failure);
    int rc;

    if (status != CRM_OK)
        return status;
    store = store_lmdb_create();
    if (!store)
        return fail(failure, CRM_NO_MEMORY, NULL, "cannot open %s: out of memory", options->path);
    store->is_read_only = options->read_only;
    store->reserve_bytes = options->reserve_bytes ? options->reserve_bytes : DEFAULT_RESERVE;

    rc = env_open(store, options);
    if (!rc) {
        status = lmdb_file_check_size(store, options->path, failure);
        if (status != CRM_OK)
            goto out;
        rc = databases_open(store);
    }
    if (rc) {
        status = open_failed(options, rc, failure);
        goto out;
    }
    if (!exists) {
        status = lmdb_directory_sync(options->path);
        if (status != CRM_OK) {
            fail(failure, status, NULL, "cannot sync the directory %s", options->path);
            goto out;
        }
    }
    lmdb_file_keep_ahead(store);
    lmdb_sweep_readers(&store->base);
    *out_store = &store->base;
    store = NULL;
out:
    if (store)
        lmdb_close(&store->base);
    return status;
}
