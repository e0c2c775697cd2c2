/*
 * directory.c - the files of a data directory
 */
#include "server/admin/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/engine/view.h"
#include "common/model/reflect.h"

enum crm_status directory_path(const char *directory, const char *name, char out_path[PATH_MAX],
                               struct failure *failure)
{
    int size = name[0] == '/' ? snprintf(out_path, PATH_MAX, "%s", name)
                              : snprintf(out_path, PATH_MAX, "%s/%s", directory, name);

    if (size < 0 || size >= PATH_MAX)
        return fail(failure, CRM_INVALID, NULL, "the path of %s is too long", name);
    return CRM_OK;
}

static enum crm_status check_empty(const char *directory, struct failure *failure)
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    bool is_empty = true;

    if (!stream)
        return fail(failure, errno == ENOTDIR ? CRM_EXISTS : CRM_IO, NULL, "%s: %s", directory,
                    strerror(errno));
    while (is_empty && (entry = readdir(stream)))
        is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(stream);
    return is_empty ? CRM_OK : fail(failure, CRM_EXISTS, NULL, "%s is not empty", directory);
}

enum crm_status directory_make(const char *directory, bool *out_made, struct failure *failure)
{
    enum crm_status status;

    *out_made = mkdir(directory, 0700) == 0;
    if (*out_made)
        return CRM_OK;
    if (errno != EEXIST)
        return fail(failure, CRM_IO, NULL, "cannot make the directory %s: %s", directory,
                    strerror(errno));
    status = check_empty(directory, failure);
    if (status == CRM_OK && chmod(directory, 0700) != 0)
        return fail(failure, CRM_IO, NULL, "cannot close %s to others: %s", directory,
                    strerror(errno));
    return status;
}

void directory_clear(const char *directory, bool was_made)
{
    static const char *const files[] = {
        "data/data.mdb", "data/lock.mdb", DIRECTORY_CONFIG, "ca.crt",
        "ca.key",        "server.crt",    "server.key",     "devices.crt",
        "devices.key",   DIRECTORY_LOCK,
    };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (directory_path(directory, files[i], path, NULL) == CRM_OK)
            unlink(path);
    if (directory_path(directory, DIRECTORY_DATA, path, NULL) == CRM_OK)
        rmdir(path);
    if (was_made)
        rmdir(directory);
}

enum crm_status directory_lock(const char *directory, int *out_fd, struct failure *failure)
{
    char path[PATH_MAX];
    enum crm_status status = directory_path(directory, DIRECTORY_LOCK, path, failure);
    int fd;

    if (status != CRM_OK)
        return status;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(failure, errno == ENOENT ? CRM_NOT_FOUND : CRM_IO, NULL, "cannot open %s: %s",
                    path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool is_taken = errno == EWOULDBLOCK;

        status = is_taken
                     ? fail(failure, CRM_BUSY, NULL, "another crmd works on %s", directory)
                     : fail(failure, CRM_IO, NULL, "cannot lock %s: %s", path, strerror(errno));
        close(fd);
        return status;
    }
    *out_fd = fd;
    return CRM_OK;
}

enum crm_status directory_settings(const char *directory, struct settings *out_settings,
                                   struct failure *failure)
{
    char path[PATH_MAX];
    enum crm_status status = directory_path(directory, DIRECTORY_CONFIG, path, failure);

    if (status != CRM_OK)
        return status;
    config_defaults(settings_table, settings_count, out_settings);
    status = config_load(path, settings_table, settings_count, out_settings, sizeof *out_settings,
                         failure);
    return status;
}

enum crm_status directory_open(const char *directory, const struct settings *settings,
                               bool read_only, struct store **out_store, struct failure *failure)
{
    char path[PATH_MAX];
    struct store_lmdb_options options = {
        .path = path,
        .map_bytes = read_only ? 0 : (size_t)settings->map_gib << 30,
        .read_only = read_only,
        .must_exist = true,
    };
    enum crm_status status = directory_path(directory, DIRECTORY_DATA, path, failure);

    return status == CRM_OK ? store_open_lmdb(&options, out_store, failure) : status;
}

struct zone_load {
    char zone[64];
};

/* The company's record decides; a database without one keeps the process's zone. */
static enum crm_status load_zone(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };
    struct zone_load *load = arg;
    struct record record;
    struct value value;
    enum crm_status status = view_first(&view, KIND_COMPANY, &record);

    if (status == CRM_OK &&
        reflect_get(kind_field_by_name(kind_def(KIND_COMPANY), "time_zone"), &record, &value) &&
        value.text.size < sizeof load->zone)
        memcpy(load->zone, value.text.data, value.text.size);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status directory_use_time_zone(struct store *store, struct failure *failure)
{
    struct zone_load load = { 0 };
    enum crm_status status = store_read_run(store, load_zone, &load);

    if (status != CRM_OK)
        return fail(failure, status, NULL, "the company's record cannot be read");
    if (load.zone[0] && setenv("TZ", load.zone, 1) != 0)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    tzset();
    return CRM_OK;
}
