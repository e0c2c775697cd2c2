/*
 * backed_up.c - writing and reading the note of the last backup: "epoch seq\n"
 *
 * Written by `crmd backup`, read by the server's main thread. A torn or foreign note counts as
 * none: replicas then keep what they have for longer.
 */
#include "server/admin/backed_up.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "server/admin/directory.h"

enum crm_status backed_up_note(const char *directory, uint32_t epoch, uint64_t seq,
                               struct failure *failure)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    enum crm_status status = directory_path(directory, BACKED_UP_FILE, path, failure);
    FILE *file;
    bool ok;

    if (status == CRM_OK)
        status = directory_path(directory, BACKED_UP_FILE ".tmp", temporary, failure);
    if (status != CRM_OK)
        return status;
    file = fopen(temporary, "we");
    if (!file)
        return fail(failure, CRM_IO, NULL, "cannot write %s: %s", temporary, strerror(errno));
    ok = fprintf(file, "%" PRIu32 " %" PRIu64 "\n", epoch, seq) > 0;
    ok = fclose(file) == 0 && ok;
    if (ok && rename(temporary, path) == 0)
        return CRM_OK;
    fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
    unlink(temporary);
    return CRM_IO;
}

uint64_t backed_up_read(const char *directory, uint32_t epoch)
{
    char path[PATH_MAX], end = '\0';
    uint32_t noted_epoch = 0;
    uint64_t seq = 0;
    FILE *file;
    int n;

    if (directory_path(directory, BACKED_UP_FILE, path, NULL) != CRM_OK ||
        !(file = fopen(path, "re")))
        return 0;
    n = fscanf(file, "%10" SCNu32 " %20" SCNu64 "%c", &noted_epoch, &seq, &end);
    fclose(file);
    return n == 3 && end == '\n' && noted_epoch == epoch ? seq : 0;
}
