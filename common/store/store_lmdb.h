/*
 * store_lmdb.h - what the files of the LMDB engine share; only store_lmdb*.c include it
 *
 * store_lmdb.c opens, closes and holds the row of functions; store_lmdb_run.c begins and ends
 * transactions; store_lmdb_data.c reads and writes in them; store_lmdb_file.c looks after the file:
 * its length, how full it is, copies.
 */
#ifndef CRM_STORE_LMDB_H
#define CRM_STORE_LMDB_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/store/store_engine.h"

/* LMDB's name for the data file in the environment's directory. */
#define LMDB_DATA_FILE "data.mdb"

/* A transaction: on the stack for a write run; for reads on the heap, kept with its reader slot and
 * its cursors for the next snapshot. */
struct lmdb_txn {
    struct store_txn base;
    struct store_lmdb *store;
    MDB_txn *txn;
    enum crm_status failed; /* write: the first error inside LMDB, which decides how the run ends
                               whatever fn makes of it */
    MDB_cursor *cursors[STORE_DB_COUNT]; /* read: opened at first use */
    uint32_t cursors_fresh;     /* a bit for each of them that was renewed for this snapshot */
    uint32_t cursors_busy;      /* a bit for each of them that a scan under way holds */
    struct lmdb_txn *next;      /* of all of the store */
    struct lmdb_txn *next_idle; /* of those without a snapshot */
    _Atomic int64_t began_us; /* monotonic; 0: no snapshot. The sweep reads it on another thread */
};
_Static_assert(STORE_DB_COUNT <= 32, "cursors_fresh and cursors_busy hold a bit for each database");

struct store_lmdb {
    struct store base;
    MDB_env *env;
    MDB_dbi dbis[STORE_DB_COUNT];
    bool is_read_only;
    int fd; /* LMDB's own of the data file: not ours to close */
    size_t page_bytes;
    uint64_t reserve_bytes; /* less free disk than this is short */
    atomic_bool is_short;

    pthread_mutex_t write_lock; /* held through a write run, and to grow */

    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed; /* growing has ended, or the last reader has left */
    unsigned n_readers;     /* snapshots open, copies included */
    bool is_growing;        /* no new reader may enter */
    struct lmdb_txn *all;
    struct lmdb_txn *idle;
};

/* store_lmdb_run.c */

/* What an LMDB or system error means where nothing was being written. */
enum crm_status lmdb_status(int rc);
/* The same inside a write transaction: a failed write counts as full where the disk is, else as
 * unknown. */
enum crm_status lmdb_write_status(struct store_lmdb *store, int rc);
/* Count as a reader (waits while the map grows) and stop counting. */
void lmdb_reader_enter(struct store_lmdb *store);
void lmdb_reader_leave(struct store_lmdb *store);
enum crm_status lmdb_read_begin(struct store *base, struct store_txn **out_txn);
void lmdb_read_end(struct store_txn *base);
enum crm_status lmdb_write_run(struct store *base, store_fn *fn, void *arg);
enum crm_status lmdb_grow(struct store *base, size_t map_bytes);
void lmdb_sweep_readers(struct store *base);
/* Free every kept read transaction. None may be open. */
void lmdb_readers_destroy(struct store_lmdb *store);

/* store_lmdb_data.c */

enum crm_status lmdb_get(struct store_txn *base, enum store_db db, struct slice key,
                         struct slice *out_value);
enum crm_status lmdb_get_many(struct store_txn *base, enum store_db db, const struct slice *keys,
                              size_t n, struct slice *out_values);
enum crm_status lmdb_scan(struct store_txn *base, enum store_db db, const struct store_range *range,
                          store_visit *visit, void *arg);
enum crm_status lmdb_put(struct store_txn *base, enum store_db db, struct slice key,
                         struct slice value);
enum crm_status lmdb_delete(struct store_txn *base, enum store_db db, struct slice key);
enum crm_status lmdb_stats(struct store_txn *base, enum store_db db,
                           struct store_db_stats *out_stats);

/* store_lmdb_file.c */

/* Refuse a directory on a file system that LMDB cannot trust, and an empty or missing file where
 * one must be. */
enum crm_status lmdb_file_check_before(const struct store_lmdb_options *options, bool *out_exists,
                                       struct failure *failure);
/* Refuse a file that is shorter than its last page says. The environment is open, no page of it has
 * been read. */
enum crm_status lmdb_file_check_size(struct store_lmdb *store, const char *path,
                                     struct failure *failure);
/* Keep the file longer than its last page: see there. */
void lmdb_file_keep_ahead(struct store_lmdb *store);
/* Make directory entries durable. */
enum crm_status lmdb_directory_sync(const char *directory);
bool lmdb_disk_is_full(struct store_lmdb *store);
enum crm_status lmdb_usage(struct store *base, struct store_usage *out_usage);
bool lmdb_is_short(struct store *base);
/* Look again whether the store is short of room. */
void lmdb_refresh_short(struct store_lmdb *store);
enum crm_status lmdb_copy(struct store *base, const char *directory, struct failure *failure);

/* store_lmdb_rewrite.c */
enum crm_status lmdb_rewrite(struct store *base, const char *directory, struct failure *failure);

#endif
