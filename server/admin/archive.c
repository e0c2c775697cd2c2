/*
 * archive.c - writing, verifying and unpacking a backup's file
 *
 * Main thread of a command. Files are mapped, not read: a database of any size costs no memory.
 */
#include "server/admin/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"

#define MAGIC_SIZE   8
#define HEADER_SIZE  44
#define MANIFEST_MAX 8192
#define HEX_SIZE     (2 * SHA256_SIZE + 1)

static const char magic[MAGIC_SIZE + 1] = "crmback1";

bool archive_name_is_valid(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (strcmp(name, ARCHIVE_DATA) == 0)
        return true;
    return name[0] && name[0] != '.' && strspn(name, letters) == strlen(name) &&
           strlen(name) < ARCHIVE_NAME_SIZE;
}

static enum crm_status failed(struct failure *failure, const char *what, const char *path)
{
    return fail(failure, errno == ENOSPC || errno == EDQUOT ? CRM_FULL : CRM_IO, NULL,
                "cannot %s %s: %s", what, path, strerror(errno));
}

static enum crm_status map_file(const char *path, struct slice *out, struct failure *failure)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum crm_status status = CRM_OK;
    struct stat st;
    void *map;

    if (fd < 0)
        return fail(failure, errno == ENOENT ? CRM_NOT_FOUND : CRM_IO, NULL, "cannot read %s: %s",
                    path, strerror(errno));
    *out = (struct slice){ 0 };
    if (fstat(fd, &st) != 0) {
        status = failed(failure, "read", path);
    } else if (!S_ISREG(st.st_mode)) {
        status = fail(failure, CRM_INVALID, NULL, "%s is not a file", path);
    } else if (st.st_size > 0) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            status = failed(failure, "read", path);
        else
            *out = slice_of(map, (size_t)st.st_size);
    }
    close(fd);
    return status;
}

static void unmap(struct slice map)
{
    if (map.data)
        munmap((void *)map.data, map.size);
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t n = write(fd, bytes.data, bytes.size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes.data += n;
        bytes.size -= (size_t)n;
    }
    return true;
}

/* A new file with these parts, durable; removed again if that fails. */
static enum crm_status write_file(const char *path, const struct slice *parts, size_t n_parts,
                                  struct failure *failure)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum crm_status status = CRM_OK;
    bool ok = true;

    if (fd < 0)
        return failed(failure, "write", path);
    for (size_t i = 0; i < n_parts && ok; i++)
        ok = write_all(fd, parts[i]);
    if (!ok || fsync(fd) != 0)
        status = failed(failure, "write", path);
    if (close(fd) != 0 && status == CRM_OK)
        status = failed(failure, "write", path);
    if (status != CRM_OK)
        unlink(path);
    return status;
}

static enum crm_status write_manifest(struct buf *manifest, const struct archive_facts *facts,
                                      const struct archive_source *sources,
                                      const struct slice *files, size_t n)
{
    enum crm_status status =
        buf_printf(manifest, "format %" PRIu32 "\nepoch %" PRIu32 "\nseq %" PRIu64 "\n",
                   facts->format, facts->epoch, facts->seq);

    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        uint8_t hash[SHA256_SIZE];
        char hex[HEX_SIZE];

        sha256(&files[i], 1, hash);
        hex_format(hash, sizeof hash, hex);
        status = buf_printf(manifest, "file %zu %s %s\n", files[i].size, hex, sources[i].name);
    }
    return status;
}

enum crm_status archive_write(const char *file, const struct archive_facts *facts,
                              const struct archive_source *sources, size_t n_sources,
                              struct failure *failure)
{
    struct slice parts[2 + ARCHIVE_FILES_MAX] = { 0 };
    struct slice *files = parts + 2;
    uint8_t header[HEADER_SIZE];
    struct buf manifest;
    uint32_t size;
    enum crm_status status = CRM_OK;

    buf_init(&manifest, MANIFEST_MAX);
    for (size_t i = 0; i < n_sources && status == CRM_OK; i++)
        status = map_file(sources[i].path, &files[i], failure);
    if (status != CRM_OK)
        goto out;
    status = write_manifest(&manifest, facts, sources, files, n_sources);
    if (status != CRM_OK) {
        fail(failure, status, NULL, "cannot write %s: %s", file,
             crm_status_info((int)status)->sentence);
        goto out;
    }
    parts[1] = buf_slice(&manifest);
    size = (uint32_t)parts[1].size;
    memcpy(header, magic, MAGIC_SIZE);
    memcpy(header + MAGIC_SIZE, &size, sizeof size);
    sha256(&parts[1], 1, header + MAGIC_SIZE + sizeof size);
    parts[0] = slice_of(header, sizeof header);
    status = write_file(file, parts, 2 + n_sources, failure);
out:
    for (size_t i = 0; i < n_sources; i++)
        unmap(files[i]);
    buf_fini(&manifest);
    return status;
}

/* One "file SIZE SHA256 NAME" line; its bytes begin at *offset. NULL, or what is wrong. */
static const char *take_file(struct archive *archive, const char *line, size_t *offset)
{
    struct archive_file *file = &archive->files[archive->n_files];
    uint8_t expected[SHA256_SIZE], found[SHA256_SIZE];
    char hex[HEX_SIZE];
    uint64_t size;

    if (archive->n_files == ARCHIVE_FILES_MAX ||
        sscanf(line, "file %" SCNu64 " %64s %63s", &size, hex, file->name) != 3 ||
        !hex_parse(hex, expected, sizeof expected) || !archive_name_is_valid(file->name))
        return "its manifest is not valid";
    if (size > archive->map.size - *offset)
        return "it is cut off";
    file->bytes = slice_of(archive->map.data + *offset, (size_t)size);
    sha256(&file->bytes, 1, found);
    if (!digest_equal(expected, found, sizeof found))
        return "its content does not fit its checksums";
    *offset += (size_t)size;
    archive->n_files++;
    return NULL;
}

/* The manifest's lines; text is NUL-ended. */
static const char *take_manifest(struct archive *archive, char *text, size_t offset)
{
    struct archive_facts *facts = &archive->facts;
    char *rest = NULL, *line = strtok_r(text, "\n", &rest);
    const char *fault = NULL;
    bool has_data = false;

    for (; line && !fault; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "file ", 5) == 0)
            fault = take_file(archive, line, &offset);
        else if (sscanf(line, "format %" SCNu32, &facts->format) != 1 &&
                 sscanf(line, "epoch %" SCNu32, &facts->epoch) != 1 &&
                 sscanf(line, "seq %" SCNu64, &facts->seq) != 1)
            fault = "its manifest is not valid";
    }
    for (size_t i = 0; i < archive->n_files; i++)
        has_data |= strcmp(archive->files[i].name, ARCHIVE_DATA) == 0;
    if (!fault && (!has_data || facts->format == 0))
        fault = "its manifest names no database";
    if (!fault && offset != archive->map.size)
        fault = "something stands behind its end";
    return fault;
}

enum crm_status archive_open(const char *file, struct archive *out_archive, struct failure *failure)
{
    struct archive archive = { 0 };
    char manifest[MANIFEST_MAX + 1];
    uint8_t hash[SHA256_SIZE];
    const char *fault = NULL;
    uint32_t size = 0;
    enum crm_status status = map_file(file, &archive.map, failure);

    if (status != CRM_OK)
        return status;
    if (archive.map.size < MAGIC_SIZE || memcmp(archive.map.data, magic, MAGIC_SIZE) != 0) {
        unmap(archive.map);
        return fail(failure, CRM_INVALID, NULL, "%s is no backup of crmd's", file);
    }
    if (archive.map.size >= HEADER_SIZE)
        memcpy(&size, archive.map.data + MAGIC_SIZE, sizeof size);
    if (archive.map.size < HEADER_SIZE || size > archive.map.size - HEADER_SIZE ||
        size > MANIFEST_MAX) {
        fault = "it is cut off";
    } else {
        const struct slice bytes = slice_of(archive.map.data + HEADER_SIZE, size);

        sha256(&bytes, 1, hash);
        memcpy(manifest, bytes.data, size);
        manifest[size] = '\0';
        fault = digest_equal(hash, archive.map.data + MAGIC_SIZE + sizeof size, sizeof hash)
                    ? take_manifest(&archive, manifest, HEADER_SIZE + size)
                    : "its manifest does not fit its checksum";
    }
    if (fault) {
        unmap(archive.map);
        return fail(failure, CRM_CORRUPT, NULL, "the backup %s cannot be used: %s", file, fault);
    }
    *out_archive = archive;
    return CRM_OK;
}

void archive_close(struct archive *archive)
{
    unmap(archive->map);
    *archive = (struct archive){ 0 };
}

enum crm_status archive_extract(const struct archive_file *file, const char *path,
                                struct failure *failure)
{
    return write_file(path, &file->bytes, 1, failure);
}
