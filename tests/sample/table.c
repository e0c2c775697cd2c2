/*
 * table.c - reading a CSV file whole, through the command line's reader
 *
 * Called by the Maven conversion. The files have thousands of rows, so memory is no matter.
 */
#include "tests/sample/table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "client/cli/csv.h"

#define COLUMNS_MAX 16
#define NO_COLUMN   SIZE_MAX

/* Reading one file. */
struct reading {
    struct table *table;
    const char *file;
    struct csv_reader *reader;
    size_t places[COLUMNS_MAX]; /* where the file has each column that is wanted */
    size_t capacity;            /* rows */
};

static enum crm_status read_headings(struct reading *reading, const char *const *headings,
                                     struct failure *failure)
{
    const struct slice *cells;
    size_t n, line;
    enum crm_status status = csv_reader_next(reading->reader, &cells, &n, &line, failure);

    for (size_t i = 0; i < reading->table->n_columns && status == CRM_OK; i++) {
        reading->places[i] = NO_COLUMN;
        for (size_t at = 0; at < n; at++)
            if (slice_equal(cells[at], slice_text(headings[i])))
                reading->places[i] = at;
        if (reading->places[i] == NO_COLUMN)
            status = fail(failure, CRM_INVALID, NULL, "%s has no column '%s'", reading->file,
                          headings[i]);
    }
    return status;
}

static bool make_room(struct reading *reading)
{
    struct table *table = reading->table;
    size_t capacity = reading->capacity ? 2 * reading->capacity : 128;
    char **cells;

    if (table->n_rows < reading->capacity)
        return true;
    cells = realloc(table->cells, capacity * table->n_columns * sizeof *cells);
    if (!cells)
        return false;
    table->cells = cells;
    reading->capacity = capacity;
    return true;
}

static bool add_row(struct reading *reading, const struct slice *cells, size_t n)
{
    struct table *table = reading->table;
    char **row;
    bool is_whole = true;

    if (!make_room(reading))
        return false;
    row = &table->cells[table->n_rows++ * table->n_columns];
    for (size_t i = 0; i < table->n_columns; i++) {
        size_t place = reading->places[i];

        row[i] =
            place < n ? strndup((const char *)cells[place].data, cells[place].size) : strdup("");
        is_whole = is_whole && row[i];
    }
    return is_whole;
}

static enum crm_status read_rows(struct reading *reading, struct failure *failure)
{
    for (;;) {
        const struct slice *cells;
        size_t n, line;
        enum crm_status status = csv_reader_next(reading->reader, &cells, &n, &line, failure);

        if (status != CRM_OK || n == 0)
            return status;
        if (!add_row(reading, cells, n))
            return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
}

enum crm_status table_load(const char *directory, const char *file, const char *const *headings,
                           size_t n, struct table *out_table, struct failure *failure)
{
    struct table table = { .n_columns = n };
    struct reading reading = { .table = &table, .file = file };
    char path[PATH_MAX];
    FILE *in;
    enum crm_status status;

    snprintf(path, sizeof path, "%s/%s", directory, file);
    in = fopen(path, "re");
    if (!in)
        return fail(failure, CRM_USAGE, NULL, "%s: %s", path, strerror(errno));
    reading.reader = csv_reader_create(in);
    status = reading.reader && n <= COLUMNS_MAX
                 ? read_headings(&reading, headings, failure)
                 : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (status == CRM_OK)
        status = read_rows(&reading, failure);
    csv_reader_destroy(reading.reader);
    fclose(in);
    if (status == CRM_OK)
        *out_table = table;
    else
        table_fini(&table);
    return status;
}

void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){ 0 };
}

size_t table_find(const struct table *table, size_t column, const char *text)
{
    size_t row = 0;

    while (row < table->n_rows && strcmp(table_cell(table, row, column), text) != 0)
        row++;
    return row;
}
