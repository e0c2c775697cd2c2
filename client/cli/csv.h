/*
 * csv.h - CSV out (quoting of RFC 4180, lines end with LF) and in (libcsv, guarded)
 */
#ifndef CRM_CLI_CSV_H
#define CRM_CLI_CSV_H

#include <stdio.h>

#include "client/cli/cli.h"
#include "common/base/buf.h"
#include "common/model/reflect.h"

/* One cell, quoted where it must be; is_first: no comma before it. */
void csv_cell(FILE *out, struct slice text, bool is_first);
void csv_end(FILE *out);
/* A field in the form that csv_cell writes and change_list reads back: values of a list divided by
 * ';', references by number where it is known, groups as JSON. In the arena; NULL when memory is
 * spent. */
const char *csv_field(const struct cli *cli, const struct field_def *field,
                      const struct record *record, struct arena *arena);

/*
 * The same text so that no spreadsheet takes it for a formula: what begins with = + - @ TAB or CR
 * (or with what this writes) gets a ' in front; numbers, days and the like are left. is_excel: texts
 * of 12 and more digits as ="…" besides, which would else be rounded. In the arena; NULL when memory
 * is spent. (OWASP: CSV injection)
 */
const char *csv_safe(const struct field_def *field, const char *text, bool is_excel,
                     struct arena *arena);
/* What csv_safe was given, in place. */
struct slice csv_unsafe(struct slice cell);

#define CSV_CELL_MAX                                                                               \
    65536                  /* bytes of a cell: a quote that is never closed must not eat the file  \
                            */
#define CSV_CELLS_MAX 1000 /* of a row */

/* A file being read row by row. */
struct csv_reader;

/* in is borrowed. NULL when memory is spent. */
struct csv_reader *csv_reader_create(FILE *in);
/* Accepts NULL. */
void csv_reader_destroy(struct csv_reader *reader);
/*
 * The next row that is not empty: *out_n cells, borrowed until the next call; *out_n 0 at the end
 * of the file. *out_line is the line where it began, from 1, also of a row that is refused.
 * CRM_INVALID says what is wrong (a stray quote, a cell too long, bytes that are not UTF-8);
 * CRM_IO.
 */
enum crm_status csv_reader_next(struct csv_reader *reader, const struct slice **out_cells,
                                size_t *out_n, size_t *out_line,
                                struct failure *failure) MUST_CHECK;

#endif
