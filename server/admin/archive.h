/*
 * archive.h - a backup's one file: a manifest with sizes and SHA-256, then the files as they are
 *
 *      0  u8[8]  "crmback1"
 *      8  u32    size of the manifest, little-endian
 *     12  u8[32] SHA-256 of the manifest
 *     44  …      the manifest, lines of text: "format N", "epoch N", "seq N", then "file SIZE
 * SHA256 NAME" for each file …      the files' bytes in that order, nothing behind them
 *
 * A file has the name that it has in a data directory. All of them get mode 0600 or 0700 there.
 */
#ifndef CRM_SERVER_ADMIN_ARCHIVE_H
#define CRM_SERVER_ADMIN_ARCHIVE_H

#include "common/base/digest.h"
#include "common/base/failure.h"

#define ARCHIVE_FILES_MAX 8
#define ARCHIVE_NAME_SIZE 64
#define ARCHIVE_DATA      "data/data.mdb"

/* What the database in it says of itself. */
struct archive_facts {
    uint32_t format, epoch;
    uint64_t seq;
};

/* A file to be packed. */
struct archive_source {
    char name[ARCHIVE_NAME_SIZE];
    const char *path;
};

/* A file that is packed. */
struct archive_file {
    char name[ARCHIVE_NAME_SIZE];
    struct slice bytes; /* borrowed from the archive */
};

/* An open, verified archive. */
struct archive {
    struct slice map;
    struct archive_facts facts;
    struct archive_file files[ARCHIVE_FILES_MAX];
    size_t n_files;
};

/* May a file in an archive have this name? A plain one, or ARCHIVE_DATA: never one that leads
 * elsewhere. */
bool archive_name_is_valid(const char *name);

/* A new file (mode 0600), durable. CRM_FULL, CRM_IO name it; what was begun is removed. */
enum crm_status archive_write(const char *file, const struct archive_facts *facts,
                              const struct archive_source *sources, size_t n_sources,
                              struct failure *failure) MUST_CHECK;
/* Verifies manifest, sizes and every checksum. CRM_CORRUPT: altered or cut off; CRM_INVALID: no
 * backup at all. */
enum crm_status archive_open(const char *file, struct archive *out_archive,
                             struct failure *failure) MUST_CHECK;
/* Accepts an all-zero archive. */
void archive_close(struct archive *archive);
/* Write one of its files as path, which must not exist; durable. */
enum crm_status archive_extract(const struct archive_file *file, const char *path,
                                struct failure *failure) MUST_CHECK;

#endif
