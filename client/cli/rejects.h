/*
 * rejects.h - a file of the lines that were refused, in the form of the input and with the reason:
 * mend it, and apply it
 */
#ifndef CRM_CLI_REJECTS_H
#define CRM_CLI_REJECTS_H

#include "client/cli/import.h"

#define REJECTS_KEPT 2048 /* rows that may be under way */

struct rejects {
    struct cli *cli;
    const char *path;
    FILE *out;      /* opened with the first one */
    bool is_csv, is_appended;
    struct {
        uint64_t line;
        char *text; /* of JSON the object, of CSV the cells, without the end of line */
    } kept[REJECTS_KEPT];
    size_t next;
    char *header; /* of CSV */
    uint64_t n;
    enum crm_status status; /* the file could not be written */
};

/* path: where to; NULL: the input's name with ".rejects" before its ending, in the working
 * directory. is_appended: an earlier run of the same job has begun the file. */
enum crm_status rejects_init(struct rejects *rejects, struct cli *cli, const char *path,
                             const char *input, bool is_appended) MUST_CHECK;
/* Closes the file. CRM_IO: it is not whole. */
enum crm_status rejects_fini(struct rejects *rejects) MUST_CHECK;
/* A row that is on its way; the REJECTS_KEPT last ones are remembered. */
enum crm_status rejects_keep(struct rejects *rejects, const struct import_row *row) MUST_CHECK;
/* The row of a line was refused. */
void rejects_add(struct rejects *rejects, uint64_t line, const struct failure *failure);

#endif
