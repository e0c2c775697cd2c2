/*
 * replica_file.c - a replica's directory: its making, its lock, its end
 *
 * The lock is flock's on the file `lock`, which holds the number of the process for people to read: it goes with the process, however that ends.
 */
#include "client/replica/replica_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/replica/replica_inside.h"

#define LOCK_TRIES 10 /* each time it was wiped meanwhile */

static enum crm_status file_path(const char *directory, const char *name, char path[PATH_MAX], struct failure *failure)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX)
        return CRM_OK;
    return fail(failure, CRM_USAGE, NULL, "the name of the home directory is too long");
}

enum crm_status replica_directory(const char *home, char path[PATH_MAX], struct failure *failure)
{
    return file_path(home, "replica", path, failure);
}

enum crm_status replica_make_directory(const char *directory, struct failure *failure)
{
    struct stat st;

    if (mkdir(directory, 0700) == 0)
        return CRM_OK;
    if (errno != EEXIST)
        return fail(failure, CRM_IO, NULL, "%s: %s", directory, strerror(errno));
    if (stat(directory, &st) || !S_ISDIR(st.st_mode))
        return fail(failure, CRM_IO, NULL, "%s is no directory", directory);
    if (st.st_uid != geteuid() || (st.st_mode & 077))
        return fail(failure, CRM_IO, NULL, "%s must be yours, and nobody else may read it: chmod 700", directory);
    return CRM_OK;
}

/* Who holds it, as far as that can be told. */
static enum crm_status is_taken(const char *directory, int fd, struct failure *failure)
{
    char text[24] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;

    if (pid > 0)
        return fail(failure, CRM_BUSY, NULL, "process %ld is at work on the replica in %s", pid, directory);
    return fail(failure, CRM_BUSY, NULL, "another process is at work on the replica in %s", directory);
}

/* Is the open file still the one of that name? A wipe may have come between opening and locking. */
static bool is_current(int fd, const char *path)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

static void write_pid(int fd)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
        return; /* the lock holds without it */
}

enum crm_status replica_lock(const char *directory, int *out_fd, struct failure *failure)
{
    char path[PATH_MAX];
    enum crm_status status = file_path(directory, "lock", path, failure);

    for (int i = 0; status == CRM_OK && i < LOCK_TRIES; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return fail(failure, errno == ENOENT ? CRM_NOT_FOUND : CRM_IO, NULL, "%s: %s", path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB))
            status = errno == EWOULDBLOCK ? is_taken(directory, fd, failure) : fail(failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
        else if (is_current(fd, path)) {
            write_pid(fd);
            *out_fd = fd;
            return CRM_OK;
        }
        close(fd);
    }
    return status == CRM_OK ? fail(failure, CRM_BUSY, NULL, "the replica in %s is being wiped", directory) : status;
}

/* Remove a file; that it is not there is as good. */
static enum crm_status remove_file(const char *directory, const char *name, struct failure *failure)
{
    char path[PATH_MAX];
    enum crm_status status = file_path(directory, name, path, failure);

    if (status == CRM_OK && unlink(path) && errno != ENOENT)
        return fail(failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
    return status;
}

/* --- another file in the place of the present one */

#define NEXT "next"

enum crm_status replica_guard(const char *directory, bool exclusive, int *out_fd, struct failure *failure)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(failure, errno == ENOENT ? CRM_NOT_FOUND : CRM_IO, NULL, "%s: %s", directory, strerror(errno));
    while (flock(fd, exclusive ? LOCK_EX : LOCK_SH)) {
        if (errno == EINTR)
            continue;
        close(fd);
        return fail(failure, CRM_IO, NULL, "%s: %s", directory, strerror(errno));
    }
    *out_fd = fd;
    return CRM_OK;
}

void replica_next_remove(const char *directory)
{
    static const char *const files[] = { NEXT "/data.mdb", NEXT "/lock.mdb" };
    struct failure ignored = { 0 };
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (remove_file(directory, files[i], &ignored) != CRM_OK)
            return;
    if (file_path(directory, NEXT, path, &ignored) == CRM_OK)
        (void)rmdir(path);
}

enum crm_status replica_next_make(const char *directory, char path[PATH_MAX], struct failure *failure)
{
    enum crm_status status = file_path(directory, NEXT, path, failure);

    replica_next_remove(directory);
    if (status == CRM_OK && mkdir(path, 0700))
        return fail(failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
    return status;
}

/* The lock goes first: cut off in between, those who come find the old data and no lock, and make one. */
static enum crm_status exchange(const char *directory, struct failure *failure)
{
    char from[PATH_MAX], to[PATH_MAX];
    enum crm_status status = file_path(directory, NEXT "/data.mdb", from, failure);

    if (status == CRM_OK)
        status = file_path(directory, "data.mdb", to, failure);
    if (status == CRM_OK)
        status = remove_file(directory, "lock.mdb", failure);
    if (status == CRM_OK && rename(from, to))
        status = fail(failure, CRM_IO, NULL, "%s: %s", from, strerror(errno));
    return status;
}

enum crm_status replica_next_take(const char *directory, struct failure *failure)
{
    int fd;
    enum crm_status status = replica_guard(directory, true, &fd, failure);

    if (status != CRM_OK)
        return status;
    status = exchange(directory, failure);
    if (status == CRM_OK && fsync(fd))
        status = fail(failure, CRM_IO, NULL, "%s: %s", directory, strerror(errno));
    close(fd);
    replica_next_remove(directory);
    return status;
}

/* --- the end */

/*
 * The files are unlinked and not overwritten: LMDB and most file systems write anew beside what was there, so that overwriting a file does not reach what it
 * once held. Against whoever reads the bare disk the replica is sealed (seal.h): without its key what is left is noise.
 */
enum crm_status replica_wipe(const char *home, struct failure *failure)
{
    static const char *const files[] = { "data.mdb", "lock.mdb", "lock" }; /* what guards the others last */
    char directory[PATH_MAX];
    struct failure absent = { 0 };
    int fd;
    enum crm_status status = replica_directory(home, directory, failure);

    if (status == CRM_OK)
        status = replica_lock(directory, &fd, &absent);
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status != CRM_OK)
        return fail(failure, status, NULL, "%s", absent.text);
    replica_next_remove(directory);
    replica_drop_key(directory);
    for (size_t i = 0; i < ARRAY_LEN(files) && status == CRM_OK; i++)
        status = remove_file(directory, files[i], failure);
    if (status == CRM_OK && rmdir(directory) && errno != ENOTEMPTY && errno != EEXIST)
        status = fail(failure, CRM_IO, NULL, "%s: %s", directory, strerror(errno));
    close(fd);
    return status;
}
