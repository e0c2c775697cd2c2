/*
 * table.c - one libsmartcols table
 *
 * Called by every command that shows rows; main thread.
 */
#include "client/cli/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

struct table {
    struct libscols_table *scols;
    bool colour;
    bool has_headings;
    bool is_begun; /* the headings are out */
};

struct table *table_create(FILE *out, bool colour)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->scols = scols_new_table();
    table->colour = colour;
    /* What is kept in memory (first.c) is printed on the terminal in the end. */
    if (table->scols && fileno(out) < 0 && scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_ALWAYS) != 0) {
        table_destroy(table);
        return NULL;
    }
    if (table->scols && scols_table_set_stream(table->scols, out) == 0 &&
        scols_table_enable_colors(table->scols, colour) == 0 &&
        scols_table_set_column_separator(table->scols, "  ") == 0 &&
        scols_table_enable_noencoding(table->scols, 1) == 0)
        return table;
    table_destroy(table);
    return NULL;
}

void table_destroy(struct table *table)
{
    if (!table)
        return;
    scols_unref_table(table->scols);
    free(table);
}

enum crm_status table_column(struct table *table, const char *heading, unsigned flags)
{
    int how = (flags & TABLE_RIGHT ? SCOLS_FL_RIGHT : 0) |
              (flags & TABLE_TRUNCATE ? SCOLS_FL_TRUNC : 0) |
              (flags & TABLE_WRAP ? SCOLS_FL_WRAP : 0);
    struct libscols_column *column =
        scols_table_new_column(table->scols, heading ? heading : "", 0, how);

    if (!column)
        return CRM_NO_MEMORY;
    table->has_headings = table->has_headings || heading;
    if (table->colour && scols_cell_set_color(scols_column_get_header(column), "bold"))
        return CRM_NO_MEMORY;
    return CRM_OK;
}

enum crm_status table_row(struct table *table, const char *const *cells, unsigned flags)
{
    struct libscols_line *line = scols_table_new_line(table->scols, NULL);
    size_t n = scols_table_get_ncols(table->scols);

    if (!line)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (scols_line_set_data(line, i, cells[i] ? cells[i] : ""))
            return CRM_NO_MEMORY;
    if (flags & TABLE_BOLD && table->colour && scols_line_set_color(line, "bold"))
        return CRM_NO_MEMORY;
    return CRM_OK;
}

enum crm_status table_row_coloured(struct table *table, const char *const *cells,
                                   const char *const *colours)
{
    size_t at = table_rows(table), n = scols_table_get_ncols(table->scols);
    enum crm_status status = table_row(table, cells, 0);
    struct libscols_line *line = status ? NULL : scols_table_get_line(table->scols, at);

    if (status || !table->colour)
        return status;
    for (size_t i = 0; i < n && line; i++)
        if (colours[i] && scols_cell_set_color(scols_line_get_cell(line, i), colours[i]))
            return CRM_NO_MEMORY;
    return line ? CRM_OK : CRM_NO_MEMORY;
}

enum crm_status table_flush(struct table *table)
{
    if (table_rows(table) == 0 && table->is_begun)
        return CRM_OK;
    if (scols_table_enable_noheadings(table->scols, table->is_begun || !table->has_headings) ||
        scols_print_table(table->scols))
        return CRM_NO_MEMORY;
    table->is_begun = true;
    scols_table_remove_lines(table->scols);
    return CRM_OK;
}

size_t table_rows(const struct table *table)
{
    return scols_table_get_nlines(table->scols);
}
