/*
 * backup.c - crmd backup: copy, check, pack, rename
 *
 * Works beside a running server as one long reader. FILE.tmp and FILE.tmp.d stand beside FILE while
 * it works; a run that was killed leaves them behind and the next one takes them away.
 */
#include "server/admin/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/admin/backed_up.h"
#include "server/admin/ca.h"
#include "server/admin/check.h"
#include "server/admin/command.h"
#include "server/admin/compact.h"
#include "server/engine/core.h"

/* Where it works, and what goes in. */
struct job {
    const char *file;
    char copy_directory[PATH_MAX]; /* FILE.tmp.d */
    char temporary[PATH_MAX];      /* FILE.tmp */
    char paths[ARCHIVE_FILES_MAX][PATH_MAX];
    struct archive_source sources[ARCHIVE_FILES_MAX];
    size_t n_sources;
};

static enum crm_status add_source(struct job *job, const char *name, const char *directory,
                                  const char *file, struct failure *failure)
{
    size_t n = job->n_sources;
    enum crm_status status;

    for (size_t i = 0; i < n; i++)
        if (strcmp(job->sources[i].name, name) == 0)
            return CRM_OK;
    status = directory_path(directory, file, job->paths[n], failure);
    if (status != CRM_OK)
        return status;
    snprintf(job->sources[n].name, sizeof job->sources[n].name, "%s", name);
    job->sources[n].path = job->paths[n];
    job->n_sources++;
    return CRM_OK;
}

/* The authority's key may be kept elsewhere, and what devices need is not there before the first
 * run of a version that knows them. */
static bool may_be_absent(const char *directory, const char *name)
{
    static const char *const names[] = { "ca.key", CA_DEVICE_CERTIFICATE, CA_DEVICE_KEY };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return directory_path(directory, name, path, NULL) == CRM_OK &&
                   access(path, F_OK) != 0 && errno == ENOENT;
    return false;
}

/* Settings last: without them a restored directory is none that runs. A certificate that lives
 * elsewhere is somebody else's to keep. */
static enum crm_status list_sources(struct job *job, const char *directory,
                                    const struct settings *settings, struct failure *failure)
{
    const char *const names[] = { "ca.crt", "ca.key", settings->certificate, settings->key,
                                  CA_DEVICE_CERTIFICATE, CA_DEVICE_KEY, DIRECTORY_CONFIG };
    enum crm_status status =
        add_source(job, ARCHIVE_DATA, job->copy_directory, "data.mdb", failure);

    for (size_t i = 0; i < ARRAY_LEN(names) && status == CRM_OK; i++)
        if (archive_name_is_valid(names[i]) && !may_be_absent(directory, names[i]))
            status = add_source(job, names[i], directory, names[i], failure);
    return status;
}

static void clear_copy(const struct job *job)
{
    static const char *const files[] = { "data.mdb", "lock.mdb" };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (directory_path(job->copy_directory, files[i], path, NULL) == CRM_OK)
            unlink(path);
    rmdir(job->copy_directory);
}

static enum crm_status prepare(struct job *job, const char *file, struct failure *failure)
{
    int a = snprintf(job->temporary, sizeof job->temporary, "%s.tmp", file);
    int b = snprintf(job->copy_directory, sizeof job->copy_directory, "%s.tmp.d", file);
    struct stat st;

    job->file = file;
    if (a < 0 || b < 0 || (size_t)b >= sizeof job->copy_directory)
        return fail(failure, CRM_INVALID, NULL, "the path of the backup is too long");
    if (lstat(file, &st) == 0)
        return fail(failure, CRM_EXISTS, NULL, "%s exists", file);
    unlink(job->temporary);
    clear_copy(job);
    if (mkdir(job->copy_directory, 0700) != 0)
        return fail(failure, errno == ENOSPC ? CRM_FULL : CRM_IO, NULL,
                    "cannot make the directory %s: %s", job->copy_directory, strerror(errno));
    return CRM_OK;
}

static enum crm_status read_facts(struct store_txn *txn, void *arg)
{
    struct archive_facts *facts = arg;
    struct view view = { .txn = txn };
    struct log_head head = { 0 };
    enum crm_status status = meta_get(&view, "format", &facts->format, sizeof facts->format);

    if (status == CRM_OK)
        status = meta_get(&view, "epoch", &facts->epoch, sizeof facts->epoch);
    if (status == CRM_OK)
        status = log_head_load(&view, &head);
    facts->seq = head.seq;
    return status;
}

/* A backup of something broken is none. */
static enum crm_status check_copy(const struct job *job, struct archive_facts *out_facts,
                                  struct failure *failure)
{
    const struct store_lmdb_options options = { .path = job->copy_directory, .read_only = true };
    struct check_result result;
    struct store *copy = NULL;
    enum crm_status status = store_open_lmdb(&options, &copy, failure);

    if (status != CRM_OK)
        return status;
    status = check_store(copy, stderr, &result, failure);
    if (status == CRM_OK)
        status = store_read_run(copy, read_facts, out_facts);
    if (status != CRM_OK)
        fail(failure, status, NULL, "the copy cannot be read");
    store_close(copy);
    return status;
}

/* The name appears, durably, or does not. */
static enum crm_status give_name(const struct job *job, struct failure *failure)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(job->file, '/');
    int fd;
    bool ok;

    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - job->file + 1) : 1,
             slash ? job->file : ".");
    if (rename(job->temporary, job->file) != 0)
        return fail(failure, CRM_IO, NULL, "cannot write %s: %s", job->file, strerror(errno));
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? CRM_OK
              : fail(failure, CRM_IO, NULL, "cannot sync the directory of %s: %s", job->file,
                     strerror(errno));
}

enum crm_status backup_write(struct store *store, const char *directory,
                             const struct settings *settings, const char *file,
                             struct archive_facts *out_facts, struct failure *failure)
{
    struct archive written = { 0 };
    struct job job = { 0 };
    enum crm_status status = prepare(&job, file, failure);

    if (status != CRM_OK)
        return status;
    /* Of a person who was erased nothing must be in it, in no gap of a page either. */
    status = compact_is_asked(store) ? store_rewrite(store, job.copy_directory, failure)
                                     : store_copy(store, job.copy_directory, failure);
    if (status == CRM_OK)
        status = check_copy(&job, out_facts, failure);
    if (status == CRM_OK)
        status = list_sources(&job, directory, settings, failure);
    if (status == CRM_OK)
        status = archive_write(job.temporary, out_facts, job.sources, job.n_sources, failure);
    if (status == CRM_OK)
        status = archive_open(job.temporary, &written, failure);
    archive_close(&written);
    if (status == CRM_OK)
        status = give_name(&job, failure);
    if (status != CRM_OK)
        unlink(job.temporary);
    clear_copy(&job);
    return status;
}

static enum crm_status run_backup(const struct command_input *input, struct failure *failure)
{
    const char *directory = input->arguments[0], *file = input->arguments[1];
    struct archive_facts facts = { 0 };
    struct settings settings;
    struct store *store = NULL;
    enum crm_status status = directory_settings(directory, &settings, failure);

    if (status == CRM_OK)
        status = directory_open(directory, &settings, true, &store, failure);
    if (status == CRM_OK)
        status = directory_use_time_zone(store, failure);
    if (status == CRM_OK)
        status = backup_write(store, directory, &settings, file, &facts, failure);
    store_close(store);
    if (status != CRM_OK)
        return status;
    printf("crmd: %s holds %s up to change %" PRIu64 ", checked\n", file, directory, facts.seq);
    /* The backup is good without it: replicas keep what they have sent for longer. */
    if (backed_up_note(directory, facts.epoch, facts.seq, failure) != CRM_OK)
        fprintf(stderr, "crmd: %s: replicas are not told\n", failure->text);
    return CRM_OK;
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "DIR FILE",
    .n_arguments = 2,
    .summary = "a checked backup in one file, while people work",
    .help = "Copies the database as it is at one moment, runs `crmd check` on the copy, and packs "
            "it with\n"
            "settings, certificates and keys into one file, which appears under its name only when "
            "it is\n"
            "complete and durable. An existing file is refused. Keep it as safe as the server "
            "itself: it holds\n"
            "everything.",
    .examples = "crmd backup /var/lib/crm /backup/crm-$(date +%F).backup",
    .run = run_backup,
};
