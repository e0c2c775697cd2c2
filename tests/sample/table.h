/*
 * table.h - a small CSV file in memory, its columns found by their headings
 */
#ifndef CRM_SAMPLE_TABLE_H
#define CRM_SAMPLE_TABLE_H

#include "common/base/failure.h"

/* Rows of cells, each a text of its own. All zero: empty. */
struct table {
    size_t n_columns;
    size_t n_rows;
    char **cells; /* n_rows × n_columns, in the order in which the columns were asked for */
};

/*
 * Read DIRECTORY/file. headings names the n columns that are wanted; others are passed over.
 * CRM_USAGE where the file cannot be opened, CRM_INVALID where it is no CSV or lacks a column.
 */
enum crm_status table_load(const char *directory, const char *file, const char *const *headings,
                           size_t n, struct table *out_table, struct failure *failure) MUST_CHECK;
/* Harmless on an empty one. */
void table_fini(struct table *table);

/* A cell; "" where the file has none. */
static inline const char *table_cell(const struct table *table, size_t row, size_t column)
{
    return table->cells[row * table->n_columns + column];
}

/* The row with a text in a column; n_rows where there is none. */
size_t table_find(const struct table *table, size_t column, const char *text);

#endif
