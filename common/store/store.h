/*
 * store.h - ordered byte keys in named databases, transactions as functions: the one interface to every storage engine
 *
 * Contract (FoundationDB's limits, so that any engine fits): key <= 500 bytes, value <= 64 KiB, no iterator lives across calls, a write
 * function may be run again and so has no other effects. Engines: the map (model, for tests) and LMDB. The store knows no records.
 *
 * Threads: a read or write run uses its txn on the calling thread only. Reads may run on any number of threads at once, beside one
 * write. Write runs are serialised by the engine; crmd has one writer thread.
 */
#ifndef CRM_STORE_STORE_H
#define CRM_STORE_STORE_H

#include "common/base/failure.h"
#include "common/base/slice.h"

#define STORE_KEY_MAX   500
#define STORE_VALUE_MAX 65536

/* X(ENUM, "name on disk"): all databases of DESIGN section 5, from the start; attachments get an environment of their own. Order and names
 * are part of the format. */
#define STORE_DB_LIST(X)                                                                                               \
    X(RECORD, "record")                                                                                                \
    X(LOG, "log")                                                                                                      \
    X(AUDIT, "audit")                                                                                                  \
    X(INDEX, "index")                                                                                                  \
    X(TERM, "term")                                                                                                    \
    X(CHILD, "child")                                                                                                  \
    X(GRANT, "grant")                                                                                                  \
    X(ROLLUP, "rollup")                                                                                                \
    X(DUE, "due")                                                                                                      \
    X(CLIENT, "client")                                                                                                \
    X(UNIQUE, "unique")                                                                                                \
    X(ALIAS, "alias")                                                                                                  \
    X(CONFLICT, "conflict")                                                                                            \
    X(JOB, "job")                                                                                                      \
    X(DELETED, "deleted")                                                                                              \
    X(CREDENTIAL, "credential")                                                                                        \
    X(SESSION, "session")                                                                                              \
    X(META, "meta")

#define STORE_DB_ENUM(NAME, name) STORE_##NAME,
enum store_db { STORE_DB_LIST(STORE_DB_ENUM) STORE_DB_COUNT };

/* The name on disk. */
const char *store_db_name(enum store_db db);

struct arena;
struct store;
struct store_txn;

/* What an engine can do, announced once. */
struct store_traits {
    bool is_local;            /* reads are memory accesses: only then do they run on io threads */
    size_t transaction_bytes; /* most bytes one write run may put; beyond it CRM_TOO_LARGE before any put */
    uint32_t without;         /* databases that do not hold all that is put: a bit for each, 1 << enum store_db */
};

/* How the LMDB engine is opened. */
struct store_lmdb_options {
    const char *path;     /* directory; must exist */
    size_t map_bytes;     /* address space of the data file, sparse; 0: 64 GiB */
    unsigned max_readers; /* 0: 256 */
    uint64_t reserve_bytes; /* with less free disk the store is short; 0: 256 MiB */
    bool read_only;       /* for check, stats and backup beside a running server */
    bool must_exist;      /* refuse to create */
};

/*
 * Open. LMDB takes no lock against a second writing process here: crmd's own lock file does (server/admin).
 * Refuses (CRM_CORRUPT) a data file that is shorter than its last page says, and network file systems (CRM_IO), naming the path.
 * CRM_NOT_FOUND where must_exist or read_only find no data; CRM_FORMAT where read_only finds another set of databases. Never open one
 * directory twice in a process (LMDB's locks would be lost), and open after the last fork.
 */
enum crm_status store_open_lmdb(const struct store_lmdb_options *options, struct store **out_store, struct failure *failure) MUST_CHECK;
enum crm_status store_open_map(struct store **out_store) MUST_CHECK;
/*
 * A map that begins with what another one holds now, in constant time; from then on each goes its own way. For simulations: a backup, a copied directory.
 * CRM_FAILED: the other one is no map.
 */
enum crm_status store_open_map_of(struct store *map, struct store **out_store) MUST_CHECK;
/* No run may be under way. Accepts NULL. */
void store_close(struct store *store);
const struct store_traits *store_traits(const struct store *store);

/* A transaction's body. Returning anything but CRM_OK abandons a write run; the run returns that status. */
typedef enum crm_status store_fn(struct store_txn *txn, void *arg);

/* One snapshot. Values read in it are borrowed until fn returns. */
enum crm_status store_read_run(struct store *store, store_fn *fn, void *arg) MUST_CHECK;

/*
 * A read snapshot for callers that answer many small requests in one turn of an event loop: begun by the first, ended with the turn.
 * The engine keeps the handle for reuse. A thread has at most one open at a time; it must not cross a wait. end accepts NULL.
 */
enum crm_status store_read_begin(struct store *store, struct store_txn **out_txn) MUST_CHECK;
void store_read_end(struct store_txn *txn);

/*
 * A write transaction, committed and durable (fsync) when CRM_OK is returned. fn sees its own puts. Other results: what fn returned;
 * CRM_CONFLICT (another writer won, nothing done); CRM_FULL (disk or map full, nothing done, the store goes on); CRM_TOO_LARGE;
 * CRM_UNKNOWN (a sync failed: the caller must exit without an answer and never retry; PITFALLS section 2 item 2); CRM_CORRUPT.
 * Values read in it are borrowed until the next put or delete in the same txn.
 */
enum crm_status store_write_run(struct store *store, store_fn *fn, void *arg) MUST_CHECK;

/* Is all that is put into a database kept? Else what leads to records has to be made from them. */
bool store_keeps(const struct store_txn *txn, enum store_db db);
/* Memory until the run ends, for what is made in that way. NULL where all databases are kept. */
struct arena *store_arena(struct store_txn *txn);

/* CRM_OK, CRM_NOT_FOUND, CRM_IO or CRM_CORRUPT. */
enum crm_status store_get(struct store_txn *txn, enum store_db db, struct slice key, struct slice *out_value) MUST_CHECK;
/* Many keys at once; out_values[i].data is NULL where there is none. Best given in key order. */
enum crm_status store_get_many(struct store_txn *txn, enum store_db db, const struct slice *keys, size_t n, struct slice *out_values) MUST_CHECK;

/* What a scan does with values; the less is asked of it, the less an engine that has to make them (store_cover.h) must do and keep. */
enum store_values {
    STORE_VALUES_STAY, /* borrowed until the run ends, as below */
    STORE_VALUES_PASS, /* borrowed until the visitor returns */
    STORE_VALUES_NONE, /* not looked at: what is given as one has no meaning */
};

/* Keys with from <= key < to; an empty to means to the end. */
struct store_range {
    struct slice from;
    struct slice to;
    bool reverse; /* from the end of the range backwards */
    enum store_values values;
};

/* Called with each pair; both are borrowed until it returns (until the run ends in a read run). false stops the scan. */
typedef bool store_visit(void *arg, struct slice key, struct slice value);

/* Visit a range in order. CRM_OK also when the visitor stopped it. No put or delete in the visitor. */
enum crm_status store_scan(struct store_txn *txn, enum store_db db, const struct store_range *range, store_visit *visit, void *arg) MUST_CHECK;

/* The first pair of a range (the last one with reverse): CRM_OK or CRM_NOT_FOUND. For merging several ranges step by step. */
enum crm_status store_seek(struct store_txn *txn, enum store_db db, const struct store_range *range, struct slice *out_key, struct slice *out_value) MUST_CHECK;

/*
 * In a write run; CRM_FAILED in a read run. Key order is fastest. CRM_TOO_LARGE for a key or value beyond the limits, or for one put more
 * than the traits allow; CRM_INVALID for an empty key (nothing has changed, the run may go on). Any other failure is the engine's and ends
 * the run with that status, whatever fn returns.
 */
enum crm_status store_put(struct store_txn *txn, enum store_db db, struct slice key, struct slice value) MUST_CHECK;
/* CRM_OK also when there was none. */
enum crm_status store_delete(struct store_txn *txn, enum store_db db, struct slice key) MUST_CHECK;

/* Sizes, for stats and the bench. */
struct store_db_stats {
    uint64_t entries;
    uint64_t bytes; /* pages in use times page size */
};
enum crm_status store_stats(struct store_txn *txn, enum store_db db, struct store_db_stats *out_stats) MUST_CHECK;

/* How full the engine is. */
struct store_usage {
    uint64_t used_bytes;      /* pages in use (free list taken off) */
    uint64_t map_bytes;       /* the limit */
    uint64_t disk_free_bytes; /* of the file system below; UINT64_MAX for the map */
};
enum crm_status store_usage(struct store *store, struct store_usage *out_usage) MUST_CHECK;

/*
 * Is room running out: more than 85 % of the map in use, or less free disk than the reserve? Cheap (looked at anew by every write run and
 * sweep). Callers then refuse what grows (CRM_FULL) and let deletion and administration pass: the engine cannot tell them apart, since a
 * deletion puts too (log, recycle bin), and at a map that is full to the last page not even a delete succeeds.
 */
bool store_is_short(struct store *store);

/*
 * Make the map larger while the store is in use: waits until the reads under way have ended and holds new ones back, so never call it with a
 * read open on this thread. A size not above the present one changes nothing.
 */
enum crm_status store_grow(struct store *store, size_t map_bytes) MUST_CHECK;

/* A consistent, compacted copy while others work, into an existing empty directory. It is one long reader. LMDB only: CRM_FAILED elsewhere. */
enum crm_status store_copy(struct store *store, const char *directory, struct failure *failure) MUST_CHECK;

/*
 * The same, but every pair is written anew: of what was deleted nothing is left in it, whereas a copy takes pages over with what lies in their gaps.
 * Slower. LMDB only: CRM_FAILED elsewhere.
 */
enum crm_status store_rewrite(struct store *store, const char *directory, struct failure *failure) MUST_CHECK;

/* Free the slots of readers whose process died; for crmd's minute timer. */
void store_sweep_readers(struct store *store);

#endif
