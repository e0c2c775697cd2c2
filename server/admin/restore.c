/*
 * restore.c - crmd restore: a backup becomes a data directory of a new epoch
 *
 * The whole file is verified before the directory is made. The epoch tells clients that what they
 * have seen since the backup may be gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "server/admin/archive.h"
#include "server/admin/command.h"
#include "server/admin/directory.h"
#include "server/engine/core.h"

#define ARENA_SIZE 65536

static enum crm_status sync_directory(const char *path, struct failure *failure)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok ? CRM_OK
              : fail(failure, CRM_IO, NULL, "cannot sync the directory %s: %s", path,
                     strerror(errno));
}

static enum crm_status unpack(const struct archive *archive, const char *directory,
                              struct failure *failure)
{
    char path[PATH_MAX];
    enum crm_status status = directory_path(directory, DIRECTORY_DATA, path, failure);

    if (status == CRM_OK && mkdir(path, 0700) != 0)
        status =
            fail(failure, CRM_IO, NULL, "cannot make the directory %s: %s", path, strerror(errno));
    for (size_t i = 0; i < archive->n_files && status == CRM_OK; i++) {
        status = directory_path(directory, archive->files[i].name, path, failure);
        if (status == CRM_OK)
            status = archive_extract(&archive->files[i], path, failure);
    }
    if (status == CRM_OK)
        status = directory_path(directory, DIRECTORY_DATA, path, failure);
    if (status == CRM_OK)
        status = sync_directory(path, failure);
    return status == CRM_OK ? sync_directory(directory, failure) : status;
}

static void remove_unpacked(const struct archive *archive, const char *directory, bool was_made)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < archive->n_files; i++)
        if (directory_path(directory, archive->files[i].name, path, NULL) == CRM_OK)
            unlink(path);
    directory_clear(directory, was_made);
}

/* The write run's body. */
static enum crm_status raise_epoch(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };
    struct writeset *set;
    struct arena arena;
    enum crm_status status;

    arena_init(&arena, ARENA_SIZE);
    set = writeset_create(&arena);
    status = set ? core_begin_epoch(&view, set, clock_now_us(), &arena, arg) : CRM_NO_MEMORY;
    if (status == CRM_OK)
        status = writeset_apply(set, txn);
    arena_fini(&arena);
    return status;
}

static enum crm_status begin_epoch(const char *directory, uint32_t *out_epoch,
                                   struct failure *failure)
{
    struct settings settings;
    struct store *store = NULL;
    enum crm_status status = directory_settings(directory, &settings, failure);

    if (status == CRM_OK)
        status = directory_open(directory, &settings, false, &store, failure);
    if (status == CRM_OK) {
        status = store_write_run(store, raise_epoch, out_epoch);
        if (status != CRM_OK)
            fail(failure, status, NULL, "the new epoch cannot be written: %s",
                 crm_status_info((int)status)->sentence);
    }
    store_close(store);
    return status;
}

static enum crm_status run_restore(const struct command_input *input, struct failure *failure)
{
    const char *file = input->arguments[0], *directory = input->arguments[1];
    struct archive archive = { 0 };
    uint32_t epoch = 0;
    bool was_made;
    int lock_fd = -1;
    enum crm_status status = archive_open(file, &archive, failure);

    if (status == CRM_OK && archive.facts.format > FORMAT_VERSION)
        status = fail(failure, CRM_FORMAT, NULL,
                      "%s has format %" PRIu32 ", this crmd works with format %d", file,
                      archive.facts.format, FORMAT_VERSION);
    if (status == CRM_OK)
        status = directory_make(directory, &was_made, failure);
    if (status != CRM_OK)
        goto out;
    umask(0077);
    status = directory_lock(directory, &lock_fd, failure);
    if (status == CRM_OK)
        status = unpack(&archive, directory, failure);
    if (status == CRM_OK)
        status = begin_epoch(directory, &epoch, failure);
    if (status == CRM_OK)
        printf("crmd: %s is restored up to change %" PRIu64 ", epoch %" PRIu32 "\n", directory,
               archive.facts.seq, epoch);
    else
        remove_unpacked(&archive, directory, was_made);
    if (lock_fd >= 0)
        close(lock_fd);
    if (status == CRM_OK && archive.facts.format != FORMAT_VERSION)
        printf("crmd: it has format %" PRIu32 ": run `crmd upgrade %s` next\n",
               archive.facts.format, directory);
out:
    archive_close(&archive);
    return status;
}

const struct command command_restore = {
    .name = "restore",
    .arguments = "FILE DIR",
    .n_arguments = 2,
    .summary = "make a data directory from a backup",
    .help = "Verifies the whole backup first: one that was altered or cut off is refused and "
            "nothing is\n"
            "touched; so is a directory that is not empty. Settings, certificates and keys come "
            "back with the\n"
            "data. The restored database begins a new epoch, by which clients know that changes "
            "made after\n"
            "the backup are gone.",
    .examples = "crmd restore /backup/crm-2026-05-01.backup /var/lib/crm",
    .run = run_restore,
};
