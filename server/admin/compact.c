/*
 * compact.c - a new file beside the old one, then the two change places
 *
 * Main thread, before any other exists. DIR/data.new is where it works; a run that was killed leaves
 * it behind and the next one takes it away.
 */
#include "server/admin/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/admin/directory.h"
#include "server/engine/core.h"
#include "server/engine/erase.h"

#define NEW_DATA "data.new"

static enum crm_status read_row(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return meta_get(&view, ERASE_COMPACT, arg, sizeof(int64_t));
}

bool compact_is_asked(struct store *store)
{
    int64_t at_us;

    return store_read_run(store, read_row, &at_us) == CRM_OK;
}

static enum crm_status drop_row(struct store_txn *txn, void *arg)
{
    (void)arg;
    return store_delete(txn, STORE_META, slice_text(ERASE_COMPACT));
}

static void clear(const char *new_data)
{
    static const char *const files[] = { "data.mdb", "lock.mdb" };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (directory_path(new_data, files[i], path, NULL) == CRM_OK)
            unlink(path);
    rmdir(new_data);
}

/* The wish is fulfilled in the new file only: whatever happens before the two change places, it
 * still stands. */
static enum crm_status write_new(const char *new_data, const struct settings *settings,
                                 struct store *store, struct failure *failure)
{
    const struct store_lmdb_options options = { .path = new_data,
                                                .map_bytes = (size_t)settings->map_gib << 30,
                                                .must_exist = true };
    struct store *copy = NULL;
    enum crm_status status;

    clear(new_data);
    if (mkdir(new_data, 0700) != 0)
        return fail(failure, errno == ENOSPC ? CRM_FULL : CRM_IO, NULL, "%s: %s", new_data,
                    strerror(errno));
    status = store_rewrite(store, new_data, failure);
    if (status == CRM_OK)
        status = store_open_lmdb(&options, &copy, failure);
    if (status == CRM_OK)
        status = store_write_run(copy, drop_row, NULL);
    store_close(copy);
    return status;
}

/* Both directories, data and lock file, in one step: what reads the old one beside us goes on with
 * the old one. */
static enum crm_status change_places(const char *directory, const char *new_data,
                                     struct failure *failure)
{
    char data[PATH_MAX];
    int fd;
    bool ok;
    enum crm_status status = directory_path(directory, DIRECTORY_DATA, data, failure);

    if (status != CRM_OK)
        return status;
    if (renameat2(AT_FDCWD, new_data, AT_FDCWD, data, RENAME_EXCHANGE) != 0)
        return fail(failure, CRM_IO, NULL, "cannot put %s in the place of %s: %s", new_data, data,
                    strerror(errno));
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? CRM_OK
              : fail(failure, CRM_IO, NULL, "cannot sync %s: %s", directory, strerror(errno));
}

enum crm_status compact_if_asked(const char *directory, const struct settings *settings,
                                 struct store **store, struct failure *failure)
{
    char new_data[PATH_MAX];
    struct failure why = { 0 };
    int64_t began_us = clock_monotonic_us();
    enum crm_status status;

    if (!compact_is_asked(*store))
        return CRM_OK;
    log_info("compact.begin", "directory=%s", directory);
    status = directory_path(directory, NEW_DATA, new_data, &why);
    if (status == CRM_OK)
        status = write_new(new_data, settings, *store, &why);
    if (status == CRM_OK) {
        store_close(*store);
        *store = NULL;
        status = change_places(directory, new_data, &why);
    }
    clear(new_data);
    if (status == CRM_OK)
        log_info("compact.end", "us=%" PRId64, clock_monotonic_us() - began_us);
    else
        log_error("compact.failed", "status=%s text=\"%s\"", crm_status_info((int)status)->name,
                  why.text);
    return *store ? CRM_OK : directory_open(directory, settings, false, store, failure);
}
