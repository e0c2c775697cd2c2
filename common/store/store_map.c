/*
 * store_map.c - the map engine: the whole store in memory, the model that tests hold LMDB against
 *
 * Any thread. A database is a treap whose nodes never change once they are reachable: a write run
 * builds new nodes along the paths that it touches, and a commit puts the new roots in place. A
 * snapshot is a reference to the roots, so readers see no writer and wait for none. A node's
 * priority is a hash of its key: the tree's shape follows from its keys alone, and a failing test
 * fails again.
 */
#include "common/store/store.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/store/store_engine.h"
#include "common/store/treap.h"

/* One database in one state. */
struct map_db {
    struct treap_node *root;
    uint64_t entries;
    uint64_t bytes; /* keys and values */
};

struct store_map {
    struct store base;
    pthread_mutex_t write_lock; /* held through a write run */
    pthread_mutex_t lock;       /* guards dbs */
    struct map_db dbs[STORE_DB_COUNT];
};

struct map_txn {
    struct store_txn base;
    enum crm_status failed;            /* the first put or delete for which there was no memory */
    struct map_db dbs[STORE_DB_COUNT]; /* owns a reference to each root */
};

static void snapshot_take(struct store_map *store, struct map_db dbs[STORE_DB_COUNT])
{
    pthread_mutex_lock(&store->lock);
    for (int db = 0; db < STORE_DB_COUNT; db++) {
        dbs[db] = store->dbs[db];
        treap_ref(dbs[db].root);
    }
    pthread_mutex_unlock(&store->lock);
}

static void snapshot_release(struct map_db dbs[STORE_DB_COUNT])
{
    for (int db = 0; db < STORE_DB_COUNT; db++)
        treap_unref(dbs[db].root);
}

static void map_close(struct store *base)
{
    struct store_map *store = (struct store_map *)base;

    snapshot_release(store->dbs);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->write_lock);
    free(store);
}

static enum crm_status map_read_begin(struct store *base, struct store_txn **out_txn)
{
    struct map_txn *txn = calloc(1, sizeof *txn);

    if (!txn)
        return CRM_NO_MEMORY;
    txn->base.engine = base->engine;
    snapshot_take((struct store_map *)base, txn->dbs);
    *out_txn = &txn->base;
    return CRM_OK;
}

static void map_read_end(struct store_txn *base)
{
    struct map_txn *txn = (struct map_txn *)base;

    snapshot_release(txn->dbs);
    free(txn);
}

static void commit(struct store_map *store, struct map_txn *txn)
{
    struct map_db before[STORE_DB_COUNT];

    pthread_mutex_lock(&store->lock);
    memcpy(before, store->dbs, sizeof before);
    memcpy(store->dbs, txn->dbs, sizeof before);
    pthread_mutex_unlock(&store->lock);
    snapshot_release(before);
}

static enum crm_status map_write_run(struct store *base, store_fn *fn, void *arg)
{
    struct store_map *store = (struct store_map *)base;
    struct map_txn txn = { .base = { .engine = base->engine, .is_writable = true } };
    enum crm_status status;

    pthread_mutex_lock(&store->write_lock);
    snapshot_take(store, txn.dbs);
    status = fn(&txn.base, arg);
    if (txn.failed != CRM_OK)
        status = txn.failed;
    if (status == CRM_OK)
        commit(store, &txn);
    else
        snapshot_release(txn.dbs);
    pthread_mutex_unlock(&store->write_lock);
    return status;
}

static enum crm_status map_get(struct store_txn *base, enum store_db db, struct slice key,
                               struct slice *out_value)
{
    const struct treap_pair *pair = treap_find(((struct map_txn *)base)->dbs[db].root, key);

    if (!pair)
        return CRM_NOT_FOUND;
    *out_value = pair_value(pair);
    return CRM_OK;
}

static enum crm_status map_get_many(struct store_txn *base, enum store_db db,
                                    const struct slice *keys, size_t n, struct slice *out_values)
{
    for (size_t i = 0; i < n; i++)
        if (map_get(base, db, keys[i], &out_values[i]) != CRM_OK)
            out_values[i] = slice_of(NULL, 0);
    return CRM_OK;
}

static enum crm_status map_scan(struct store_txn *base, enum store_db db,
                                const struct store_range *range, store_visit *visit, void *arg)
{
    treap_scan(((struct map_txn *)base)->dbs[db].root, range, visit, arg);
    return CRM_OK;
}

static enum crm_status map_put(struct store_txn *base, enum store_db db, struct slice key,
                               struct slice value)
{
    struct map_txn *txn = (struct map_txn *)base;
    struct map_db *in = &txn->dbs[db];
    const struct treap_pair *before = treap_find(in->root, key);
    struct treap_pair *pair = treap_pair_create(key, value);
    struct treap_node *root;

    if (!pair)
        return txn->failed = CRM_NO_MEMORY;
    root = treap_put(in->root, pair);
    treap_pair_unref(pair);
    if (!root)
        return txn->failed = CRM_NO_MEMORY;
    if (before)
        in->bytes -= before->key_size + before->value_size;
    else
        in->entries++;
    in->bytes += key.size + value.size;
    treap_unref(in->root);
    in->root = root;
    return CRM_OK;
}

static enum crm_status map_delete(struct store_txn *base, enum store_db db, struct slice key)
{
    struct map_txn *txn = (struct map_txn *)base;
    struct map_db *in = &txn->dbs[db];
    const struct treap_pair *before = treap_find(in->root, key);
    struct treap_node *root;

    if (!before)
        return CRM_OK;
    if (!treap_remove(in->root, key, &root))
        return txn->failed = CRM_NO_MEMORY;
    in->entries--;
    in->bytes -= before->key_size + before->value_size;
    treap_unref(in->root);
    in->root = root;
    return CRM_OK;
}

static enum crm_status map_stats(struct store_txn *base, enum store_db db,
                                 struct store_db_stats *out_stats)
{
    const struct map_db *in = &((struct map_txn *)base)->dbs[db];

    *out_stats = (struct store_db_stats){ .entries = in->entries, .bytes = in->bytes };
    return CRM_OK;
}

static enum crm_status map_usage(struct store *base, struct store_usage *out_usage)
{
    struct store_map *store = (struct store_map *)base;
    uint64_t bytes = 0;

    pthread_mutex_lock(&store->lock);
    for (int db = 0; db < STORE_DB_COUNT; db++)
        bytes += store->dbs[db].bytes;
    pthread_mutex_unlock(&store->lock);
    *out_usage = (struct store_usage){ .used_bytes = bytes,
                                       .map_bytes = UINT64_MAX,
                                       .disk_free_bytes = UINT64_MAX };
    return CRM_OK;
}

static const struct store_engine engine_map = {
    .name = "map",
    .traits = { .is_local = true, .transaction_bytes = (size_t)32 << 20 },
    .close = map_close,
    .read_begin = map_read_begin,
    .read_end = map_read_end,
    .write_run = map_write_run,
    .get = map_get,
    .get_many = map_get_many,
    .scan = map_scan,
    .put = map_put,
    .delete = map_delete,
    .stats = map_stats,
    .usage = map_usage,
};

enum crm_status store_open_map(struct store **out_store)
{
    struct store_map *store = calloc(1, sizeof *store);

    if (!store)
        return CRM_NO_MEMORY;
    store->base.engine = &engine_map;
    if (pthread_mutex_init(&store->write_lock, NULL))
        goto no_write_lock;
    if (pthread_mutex_init(&store->lock, NULL))
        goto no_lock;
    *out_store = &store->base;
    return CRM_OK;

no_lock:
    pthread_mutex_destroy(&store->write_lock);
no_write_lock:
    free(store);
    return CRM_NO_MEMORY;
}

enum crm_status store_open_map_of(struct store *map, struct store **out_store)
{
    enum crm_status status =
        map->engine == &engine_map ? store_open_map(out_store) : CRM_FAILED;

    if (status == CRM_OK)
        snapshot_take((struct store_map *)map, ((struct store_map *)*out_store)->dbs);
    return status;
}
