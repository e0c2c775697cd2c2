/*
 * table.h - rows and columns on the terminal, by libsmartcols: wide characters, colours, the
 * terminal's width
 */
#ifndef CRM_CLI_TABLE_H
#define CRM_CLI_TABLE_H

#include <stdio.h>

#include "common/base/failure.h"

struct table;

enum table_flag {
    TABLE_RIGHT = 1,    /* numbers */
    TABLE_TRUNCATE = 2, /* may be cut where the terminal is narrow */
    TABLE_BOLD = 4,     /* of a row: a total */
    TABLE_WRAP = 8,     /* goes on in the next line where the terminal is narrow */
};

/* Colours of cells: what I wanted, and what others have. */
#define TABLE_MINE   "green"
#define TABLE_THEIRS "yellow"

/* NULL when memory is spent. colour: headings and totals stand out. */
struct table *table_create(FILE *out, bool colour);
/* Accepts NULL. */
void table_destroy(struct table *table);
/* A heading of NULL on the first column makes a table without headings. */
enum crm_status table_column(struct table *table, const char *heading, unsigned flags) MUST_CHECK;
/* One cell a column; texts are copied and must be safe for a terminal (display.h). NULL is an empty
 * cell. */
enum crm_status table_row(struct table *table, const char *const *cells, unsigned flags) MUST_CHECK;
/* The same with colours of cells (NULL: none), where there are colours at all. */
enum crm_status table_row_coloured(struct table *table, const char *const *cells,
                                   const char *const *colours) MUST_CHECK;
/* Print and forget the rows; headings the first time only. Long results go out in parts, so that
 * memory stays bounded. */
enum crm_status table_flush(struct table *table) MUST_CHECK;
size_t table_rows(const struct table *table);

#endif
