/*
 * store_lmdb_file.c - the data file around LMDB: where it may live, how long it must be, how full
 * it is, copies of it
 *
 * Any thread. The environment owns the file descriptor.
 */
#include "common/store/store_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The file is kept this much longer than its last page, sparse. */
#define AHEAD_BYTES ((uint64_t)1 << 20)
/* A disk with less than this left has no room for a commit. */
#define FULL_BYTES ((uint64_t)4 << 20)
/* Beyond so much of the map in use the store is short. */
#define SHORT_PERCENT 85

#define CIFS_MAGIC 0xff534d42u
#define CEPH_MAGIC 0x00c36400u

/* Shared memory or locks do not hold there (PITFALLS 1.4 item 44). */
static const struct {
    uint32_t magic;
    const char *name;
} refused_file_systems[] = {
    { NFS_SUPER_MAGIC, "NFS" },  { CIFS_MAGIC, "CIFS" },     { SMB_SUPER_MAGIC, "SMB" },
    { SMB2_SUPER_MAGIC, "SMB" }, { V9FS_MAGIC, "9p" },       { FUSE_SUPER_MAGIC, "FUSE" },
    { CEPH_MAGIC, "Ceph" },      { AFS_SUPER_MAGIC, "AFS" }, { CODA_SUPER_MAGIC, "Coda" },
};

enum crm_status lmdb_file_check_before(const struct store_lmdb_options *options, bool *out_exists,
                                       struct failure *failure)
{
    bool must_exist = options->must_exist || options->read_only;
    char file[PATH_MAX];
    struct statfs fs;
    struct stat st;

    if ((size_t)snprintf(file, sizeof file, "%s/" LMDB_DATA_FILE, options->path) >= sizeof file)
        return fail(failure, CRM_INVALID, NULL, "the path of the data directory is too long");
    if (statfs(options->path, &fs))
        return fail(failure, errno == ENOENT || errno == ENOTDIR ? CRM_NOT_FOUND : CRM_IO, NULL,
                    "cannot open %s: %s", options->path, mdb_strerror(errno));
    for (size_t i = 0; i < ARRAY_LEN(refused_file_systems); i++)
        if ((uint32_t)fs.f_type == refused_file_systems[i].magic)
            return fail(failure, CRM_IO, NULL, "%s is on %s: the data must be on a local disk",
                        options->path, refused_file_systems[i].name);

    if (stat(file, &st)) {
        if (errno != ENOENT)
            return fail(failure, CRM_IO, NULL, "cannot open %s: %s", file, mdb_strerror(errno));
        if (must_exist)
            return fail(failure, CRM_NOT_FOUND, NULL, "there is no data in %s", options->path);
        *out_exists = false;
        return CRM_OK;
    }
    /* LMDB would make a new database of it. */
    if (st.st_size == 0 && must_exist)
        return fail(failure, CRM_CORRUPT, NULL, "%s is empty", file);
    *out_exists = st.st_size > 0;
    return CRM_OK;
}

/* Where the last page ends, and where the file does; false: the system would not tell. */
static bool file_ends(struct store_lmdb *store, uint64_t *out_pages_end, uint64_t *out_file_end)
{
    MDB_envinfo info;
    struct stat st;

    if (mdb_env_info(store->env, &info) || fstat(store->fd, &st))
        return false;
    *out_pages_end = ((uint64_t)info.me_last_pgno + 1) * store->page_bytes;
    *out_file_end = (uint64_t)st.st_size;
    return true;
}

enum crm_status lmdb_file_check_size(struct store_lmdb *store, const char *path,
                                     struct failure *failure)
{
    uint64_t pages_end, file_end;

    if (!file_ends(store, &pages_end, &file_end))
        return fail(failure, CRM_IO, NULL, "cannot tell the size of %s/" LMDB_DATA_FILE, path);
    if (file_end < pages_end)
        return fail(failure, CRM_CORRUPT, NULL,
                    "%s/" LMDB_DATA_FILE " was cut off: restore a backup", path);
    return CRM_OK;
}

/*
 * LMDB never writes a page that was taken from the end of the file and freed again in the same
 * transaction: a sound file may then end before its last page, and lmdb_file_check_size would
 * refuse it at the next start. So the file is kept longer, by a sparse stretch that is more than
 * such runs leave unwritten; after a run that leaves more, it is mended at once. That it cannot be
 * made is no error: the file is only as LMDB left it.
 */
void lmdb_file_keep_ahead(struct store_lmdb *store)
{
    uint64_t pages_end, file_end;

    if (store->is_read_only || !file_ends(store, &pages_end, &file_end) ||
        file_end >= pages_end + AHEAD_BYTES / 2)
        return;
    if (ftruncate(store->fd, (off_t)(pages_end + AHEAD_BYTES)))
        return;
}

enum crm_status lmdb_directory_sync(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return CRM_IO;
    rc = fsync(fd);
    close(fd);
    return rc ? CRM_IO : CRM_OK;
}

/* What this process may still write; UINT64_MAX where the system does not tell. */
static uint64_t disk_free(struct store_lmdb *store)
{
    struct statvfs vfs;

    if (fstatvfs(store->fd, &vfs))
        return UINT64_MAX;
    return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

bool lmdb_disk_is_full(struct store_lmdb *store)
{
    return disk_free(store) < FULL_BYTES;
}

/* Pages in the list of free ones: each of its entries begins with its count. */
static enum crm_status free_pages(struct store_lmdb *store, uint64_t *out_pages)
{
    struct store_txn *base;
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t sum = 0;
    enum crm_status status = lmdb_read_begin(&store->base, &base);
    int rc;

    if (status != CRM_OK)
        return status;
    rc = mdb_cursor_open(((struct lmdb_txn *)base)->txn, 0, &cursor);
    if (!rc) {
        while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            size_t count = 0;

            if (value.mv_size >= sizeof count)
                memcpy(&count, value.mv_data, sizeof count);
            sum += count;
        }
        mdb_cursor_close(cursor);
    }
    lmdb_read_end(base);
    if (rc != MDB_NOTFOUND)
        return lmdb_status(rc);
    *out_pages = sum;
    return CRM_OK;
}

enum crm_status lmdb_usage(struct store *base, struct store_usage *out_usage)
{
    struct store_lmdb *store = (struct store_lmdb *)base;
    uint64_t n_free = 0;
    MDB_envinfo info;
    enum crm_status status = free_pages(store, &n_free);
    int rc;

    if (status != CRM_OK)
        return status;
    rc = mdb_env_info(store->env, &info);
    if (rc)
        return lmdb_status(rc);
    out_usage->used_bytes = ((uint64_t)info.me_last_pgno + 1 - n_free) * store->page_bytes;
    out_usage->map_bytes = info.me_mapsize;
    out_usage->disk_free_bytes = disk_free(store);
    return CRM_OK;
}

void lmdb_refresh_short(struct store_lmdb *store)
{
    struct store_usage usage;
    MDB_envinfo info;
    bool is_short = disk_free(store) < store->reserve_bytes;

    /* The list of free pages is walked only where it can decide. */
    if (!is_short && mdb_env_info(store->env, &info) == 0) {
        uint64_t limit = (uint64_t)info.me_mapsize / 100 * SHORT_PERCENT;

        is_short = ((uint64_t)info.me_last_pgno + 1) * store->page_bytes > limit &&
                   lmdb_usage(&store->base, &usage) == CRM_OK && usage.used_bytes > limit;
    }
    atomic_store_explicit(&store->is_short, is_short, memory_order_relaxed);
}

bool lmdb_is_short(struct store *base)
{
    struct store_lmdb *store = (struct store_lmdb *)base;

    /* Who makes room should not have to wait for the next look. */
    if (atomic_load_explicit(&store->is_short, memory_order_relaxed))
        lmdb_refresh_short(store);
    return atomic_load_explicit(&store->is_short, memory_order_relaxed);
}

static enum crm_status file_sync(const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return CRM_IO;
    rc = fsync(fd);
    close(fd);
    return rc ? CRM_IO : CRM_OK;
}

enum crm_status lmdb_copy(struct store *base, const char *directory, struct failure *failure)
{
    struct store_lmdb *store = (struct store_lmdb *)base;
    char file[PATH_MAX];
    enum crm_status status;
    int rc;

    if ((size_t)snprintf(file, sizeof file, "%s/" LMDB_DATA_FILE, directory) >= sizeof file)
        return fail(failure, CRM_INVALID, NULL, "the path of the copy is too long");
    if (access(file, F_OK) == 0)
        return fail(failure, CRM_EXISTS, NULL, "%s exists", file);

    lmdb_reader_enter(store);
    rc = mdb_env_copy2(store->env, directory, MDB_CP_COMPACT);
    lmdb_reader_leave(store);
    if (rc == EEXIST)
        return fail(failure, CRM_EXISTS, NULL, "%s exists", file);
    status = lmdb_status(rc);
    if (status == CRM_OK)
        status = file_sync(file);
    if (status == CRM_OK)
        status = lmdb_directory_sync(directory);
    if (status != CRM_OK) {
        unlink(file);
        return fail(failure, status, NULL, "cannot copy to %s: %s", directory,
                    rc ? mdb_strerror(rc) : "the sync failed");
    }
    return CRM_OK;
}
