/*
 * store_engine.h - what an engine fills in behind store.h; only common/store includes it
 *
 * store.c checks what every engine would have to check (limits, writing in a read run) and then
 * calls through these rows. To add an engine: one struct store_engine, one open function in
 * store.h, one row in the table of tests/unit/test_store_conformance.c.
 */
#ifndef CRM_STORE_ENGINE_H
#define CRM_STORE_ENGINE_H

#include "common/store/store.h"

/* The rows follow the functions of store.h of the same name; what is said there holds here. */
struct store_engine {
    const char *name;
    struct store_traits traits;
    void (*close)(struct store *store);
    enum crm_status (*read_begin)(struct store *store, struct store_txn **out_txn);
    void (*read_end)(struct store_txn *txn);
    enum crm_status (*write_run)(struct store *store, store_fn *fn, void *arg);
    enum crm_status (*get)(struct store_txn *txn, enum store_db db, struct slice key,
                           struct slice *out_value);
    enum crm_status (*get_many)(struct store_txn *txn, enum store_db db, const struct slice *keys,
                                size_t n, struct slice *out_values);
    enum crm_status (*scan)(struct store_txn *txn, enum store_db db,
                            const struct store_range *range, store_visit *visit, void *arg);
    enum crm_status (*put)(struct store_txn *txn, enum store_db db, struct slice key,
                           struct slice value);
    enum crm_status (*delete)(struct store_txn *txn, enum store_db db, struct slice key);
    enum crm_status (*stats)(struct store_txn *txn, enum store_db db,
                             struct store_db_stats *out_stats);
    enum crm_status (*usage)(struct store *store, struct store_usage *out_usage);
    bool (*is_short)(struct store *store);                          /* NULL: never */
    enum crm_status (*grow)(struct store *store, size_t map_bytes); /* NULL: has no limit */
    enum crm_status (*copy)(struct store *store, const char *directory,
                            struct failure *failure); /* NULL: cannot */
    enum crm_status (*rewrite)(struct store *store, const char *directory,
                               struct failure *failure); /* NULL: cannot */
    void (*sweep_readers)(struct store *store);       /* NULL: nothing to do */
};

/* First member of every engine's own struct. */
struct store {
    const struct store_engine *engine;
};

/* First member of every engine's own transaction. */
struct store_txn {
    const struct store_engine *engine;
    bool is_writable;
    size_t put_bytes; /* keys and values put so far, held against traits.transaction_bytes */
    struct arena *arena; /* see store_arena */
};

#endif
