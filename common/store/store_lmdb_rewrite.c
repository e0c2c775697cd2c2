/*
 * store_lmdb_rewrite.c - every pair written anew into a new file
 *
 * LMDB's own compacting copy takes pages over as they are, with what deleted entries have left in
 * the gaps between the others. Where something must be gone for good, only what is written anew is
 * free of it. One long reader, on the caller's thread; pages are packed full, since keys come in
 * order.
 */
#include "common/store/store_lmdb.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define REWRITE_BYTES ((size_t)16 << 20) /* of keys and values in one transaction of the new file  \
                                          */
#define FILE_MODE 0600

struct rewrite {
    struct store_lmdb *from;
    MDB_txn *snapshot;
    MDB_env *env; /* the new file */
    MDB_txn *txn;
    size_t bytes; /* put in txn so far */
};

/* Nothing is durable before the last sync: a copy that was cut short is none. */
static int open_new(struct rewrite *rewrite, const char *directory)
{
    MDB_envinfo info;
    int rc = mdb_env_info(rewrite->from->env, &info);

    if (!rc)
        rc = mdb_env_create(&rewrite->env);
    if (!rc)
        rc = mdb_env_set_maxdbs(rewrite->env, STORE_DB_COUNT);
    if (!rc)
        rc = mdb_env_set_mapsize(rewrite->env, info.me_mapsize);
    return rc ? rc : mdb_env_open(rewrite->env, directory, MDB_NOTLS | MDB_NOSYNC, FILE_MODE);
}

static int next_txn(struct rewrite *rewrite)
{
    int rc = rewrite->txn ? mdb_txn_commit(rewrite->txn) : 0;

    rewrite->txn = NULL;
    rewrite->bytes = 0;
    return rc ? rc : mdb_txn_begin(rewrite->env, NULL, 0, &rewrite->txn);
}

static int rewrite_database(struct rewrite *rewrite, enum store_db db)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_dbi dbi;
    int rc = mdb_dbi_open(rewrite->txn, store_db_name(db), MDB_CREATE, &dbi);

    if (!rc)
        rc = mdb_cursor_open(rewrite->snapshot, rewrite->from->dbis[db], &cursor);
    if (rc)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        rc = rewrite->bytes >= REWRITE_BYTES ? next_txn(rewrite) : 0;
        if (!rc)
            rc = mdb_put(rewrite->txn, dbi, &key, &value, MDB_APPEND);
        if (rc)
            break;
        rewrite->bytes += key.mv_size + value.mv_size;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int rewrite_all(struct rewrite *rewrite, const char *directory)
{
    int rc = open_new(rewrite, directory);

    if (!rc)
        rc = mdb_txn_begin(rewrite->from->env, NULL, MDB_RDONLY, &rewrite->snapshot);
    if (!rc)
        rc = next_txn(rewrite);
    for (int db = 0; db < STORE_DB_COUNT && !rc; db++)
        rc = rewrite_database(rewrite, (enum store_db)db);
    if (!rc)
        rc = next_txn(rewrite); /* commits */
    if (rewrite->txn)
        mdb_txn_abort(rewrite->txn);
    if (rewrite->snapshot)
        mdb_txn_abort(rewrite->snapshot);
    if (!rc)
        rc = mdb_env_sync(rewrite->env, 1);
    mdb_env_close(rewrite->env);
    return rc;
}

enum crm_status lmdb_rewrite(struct store *base, const char *directory, struct failure *failure)
{
    struct rewrite rewrite = { .from = (struct store_lmdb *)base };
    char file[PATH_MAX], lock[PATH_MAX];
    enum crm_status status;
    int rc;

    if ((size_t)snprintf(file, sizeof file, "%s/" LMDB_DATA_FILE, directory) >= sizeof file ||
        (size_t)snprintf(lock, sizeof lock, "%s/lock.mdb", directory) >= sizeof lock)
        return fail(failure, CRM_INVALID, NULL, "the path of the copy is too long");
    if (access(file, F_OK) == 0)
        return fail(failure, CRM_EXISTS, NULL, "%s exists", file);
    lmdb_reader_enter(rewrite.from);
    rc = rewrite_all(&rewrite, directory);
    lmdb_reader_leave(rewrite.from);
    unlink(lock);
    status = rc ? lmdb_status(rc) : lmdb_directory_sync(directory);
    if (status == CRM_OK)
        return CRM_OK;
    unlink(file);
    return fail(failure, status, NULL, "cannot write the data anew to %s: %s", directory,
                rc ? mdb_strerror(rc) : "the sync failed");
}
