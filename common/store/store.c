/*
 * store.c - the one door to every engine: checks the contract's limits, then calls through the
 * engine's rows
 *
 * Called on any thread; owns nothing. What an engine does is in store_lmdb*.c and store_map.c.
 */
#include "common/store/store.h"

#include "common/store/store_engine.h"

static const char *const db_names[STORE_DB_COUNT] = {
#define STORE_DB_NAME(NAME, name) [STORE_##NAME] = name,
    STORE_DB_LIST(STORE_DB_NAME)
};

/* No engine holds a key of another size, so nobody need look. */
static bool key_may_exist(struct slice key)
{
    return key.size > 0 && key.size <= STORE_KEY_MAX;
}

const char *store_db_name(enum store_db db)
{
    return db_names[db];
}

void store_close(struct store *store)
{
    if (store)
        store->engine->close(store);
}

const struct store_traits *store_traits(const struct store *store)
{
    return &store->engine->traits;
}

bool store_keeps(const struct store_txn *txn, enum store_db db)
{
    return !(txn->engine->traits.without & UINT32_C(1) << db);
}

struct arena *store_arena(struct store_txn *txn)
{
    return txn->arena;
}

enum crm_status store_read_begin(struct store *store, struct store_txn **out_txn)
{
    return store->engine->read_begin(store, out_txn);
}

void store_read_end(struct store_txn *txn)
{
    if (txn)
        txn->engine->read_end(txn);
}

enum crm_status store_read_run(struct store *store, store_fn *fn, void *arg)
{
    struct store_txn *txn;
    enum crm_status status = store_read_begin(store, &txn);

    if (status != CRM_OK)
        return status;
    status = fn(txn, arg);
    store_read_end(txn);
    return status;
}

enum crm_status store_write_run(struct store *store, store_fn *fn, void *arg)
{
    return store->engine->write_run(store, fn, arg);
}

enum crm_status store_get(struct store_txn *txn, enum store_db db, struct slice key,
                          struct slice *out_value)
{
    if (!key_may_exist(key))
        return CRM_NOT_FOUND;
    return txn->engine->get(txn, db, key, out_value);
}

enum crm_status store_get_many(struct store_txn *txn, enum store_db db, const struct slice *keys,
                               size_t n, struct slice *out_values)
{
    return n ? txn->engine->get_many(txn, db, keys, n, out_values) : CRM_OK;
}

enum crm_status store_scan(struct store_txn *txn, enum store_db db, const struct store_range *range,
                           store_visit *visit, void *arg)
{
    return txn->engine->scan(txn, db, range, visit, arg);
}

struct first_pair {
    bool is_found;
    struct slice key;
    struct slice value;
};

static bool first_pair_take(void *arg, struct slice key, struct slice value)
{
    *(struct first_pair *)arg = (struct first_pair){ .is_found = true, .key = key, .value = value };
    return false;
}

enum crm_status store_seek(struct store_txn *txn, enum store_db db, const struct store_range *range,
                           struct slice *out_key, struct slice *out_value)
{
    struct first_pair first = { .is_found = false };
    enum crm_status status = txn->engine->scan(txn, db, range, first_pair_take, &first);

    if (status != CRM_OK)
        return status;
    if (!first.is_found)
        return CRM_NOT_FOUND;
    *out_key = first.key;
    *out_value = first.value;
    return CRM_OK;
}

enum crm_status store_put(struct store_txn *txn, enum store_db db, struct slice key,
                          struct slice value)
{
    size_t size = key.size + value.size;
    enum crm_status status;

    if (!txn->is_writable)
        return CRM_FAILED;
    if (key.size == 0)
        return CRM_INVALID;
    if (key.size > STORE_KEY_MAX || value.size > STORE_VALUE_MAX)
        return CRM_TOO_LARGE;
    if (size > txn->engine->traits.transaction_bytes - txn->put_bytes)
        return CRM_TOO_LARGE;
    status = txn->engine->put(txn, db, key, value);
    if (status == CRM_OK)
        txn->put_bytes += size;
    return status;
}

enum crm_status store_delete(struct store_txn *txn, enum store_db db, struct slice key)
{
    if (!txn->is_writable)
        return CRM_FAILED;
    if (!key_may_exist(key))
        return CRM_OK;
    return txn->engine->delete (txn, db, key);
}

enum crm_status store_stats(struct store_txn *txn, enum store_db db,
                            struct store_db_stats *out_stats)
{
    return txn->engine->stats(txn, db, out_stats);
}

enum crm_status store_usage(struct store *store, struct store_usage *out_usage)
{
    return store->engine->usage(store, out_usage);
}

bool store_is_short(struct store *store)
{
    return store->engine->is_short && store->engine->is_short(store);
}

enum crm_status store_grow(struct store *store, size_t map_bytes)
{
    return store->engine->grow ? store->engine->grow(store, map_bytes) : CRM_OK;
}

enum crm_status store_copy(struct store *store, const char *directory, struct failure *failure)
{
    if (!store->engine->copy)
        return fail(failure, CRM_FAILED, NULL, "the %s engine makes no copies",
                    store->engine->name);
    return store->engine->copy(store, directory, failure);
}

enum crm_status store_rewrite(struct store *store, const char *directory, struct failure *failure)
{
    if (!store->engine->rewrite)
        return fail(failure, CRM_FAILED, NULL, "the %s engine has no file", store->engine->name);
    return store->engine->rewrite(store, directory, failure);
}

void store_sweep_readers(struct store *store)
{
    if (store->engine->sweep_readers)
        store->engine->sweep_readers(store);
}
