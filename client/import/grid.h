/*
 * grid.h - rows under named columns, whatever the file is: CSV with any separator, JSON lines,
 * vCards
 */
#ifndef CRM_IMPORT_GRID_H
#define CRM_IMPORT_GRID_H

#include "client/import/source.h"

#define GRID_CELL_MAX    65536 /* bytes: a quote that is never closed must not eat the file */
#define GRID_COLUMNS_MAX 1000

struct grid;

struct grid_options {
    const char *path;     /* "-": the standard input */
    const char *encoding; /* NULL: found by looking */
    char separator;       /* of CSV; 0: found by looking */
};

struct grid_row {
    uint64_t line;             /* where it begins, from 1 */
    const struct slice *cells; /* valid UTF-8 */
    size_t n_cells;            /* at most the columns: what is behind is empty */
};

/* CRM_USAGE: it cannot be opened; CRM_INVALID: nothing can be read from it. */
enum crm_status grid_open(const struct grid_options *options, struct grid **out_grid,
                          struct failure *failure) MUST_CHECK;
/* Of a source that is open: what grid_open does, without workbooks. */
enum crm_status grid_from(struct source *take_source, const struct grid_options *options,
                          struct grid **out_grid, struct failure *failure) MUST_CHECK;
/* Accepts NULL. */
void grid_close(struct grid *grid);

/* The columns as the file calls them. Of JSON lines there may be more behind any row. Until
 * grid_close. */
size_t grid_n_columns(const struct grid *grid);
const char *grid_column(const struct grid *grid, size_t n);
/* "CSV, divided by ';', GB18030": for people. Until grid_close. */
const char *grid_what(const struct grid *grid);

/*
 * The next row that holds anything, until the next call; *out_is_end at the end. A failure with
 * grid_is_broken: nothing after it can be read; else only this row is lost, whose line and cells
 * (as far as they are known) are set. What was read counts as rows: those returned, good or bad.
 */
enum crm_status grid_next(struct grid *grid, struct grid_row *out_row, bool *out_is_end,
                          struct failure *failure) MUST_CHECK;
bool grid_is_broken(const struct grid *grid);
/* About how many rows there will be; 0: that cannot be said. */
uint64_t grid_estimate(const struct grid *grid);

#endif
