/*
 * import.h - records from a file: JSON lines, a JSON array, or CSV whose header names fields
 */
#ifndef CRM_CLI_IMPORT_H
#define CRM_CLI_IMPORT_H

#include <jansson.h>

#include "client/cli/csv.h"

/* Rows of a file, one after the other. */
struct import;

/* What one row is: a JSON object, or cells that stand under fields. Borrowed until the next row. */
struct import_row {
    size_t line;
    json_t *object; /* NULL: cells */
    const struct slice *cells;
    const struct field_def *const
        *fields; /* NULL where a column is no field to be set: passed over */
    const char *const *names; /* what the file calls its columns */
    size_t n_cells, n_names;
    const struct slice *happened; /* the cell that says when; NULL: there is none */
};

/* Open path ("-": the standard input) and look at its beginning. CRM_INVALID: a column that is no
 * field. kind NULL: rows are of any kind, and columns have names only. */
enum crm_status import_open(struct cli *cli, const struct kind_def *kind, const char *path,
                            struct import **out_import) MUST_CHECK;
/* Accepts NULL. */
void import_close(struct import *import);
/* The next row. *out_is_end at the end of the file. CRM_INVALID with import_is_broken: nothing
 * after it can be read; else only this row is lost. */
enum crm_status import_next(struct import *import, struct import_row *out_row, bool *out_is_end,
                            struct failure *failure) MUST_CHECK;
/* About how many rows there will be, from the part that is read; 0 where that cannot be said (a
 * pipe). */
uint64_t import_estimate(const struct import *import);
bool import_is_broken(const struct import *import);

#endif
