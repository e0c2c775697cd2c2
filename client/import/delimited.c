/*
 * delimited.c - CSV: cells divided by one character, quoted where they must be
 *
 * Called through grid.c; one thread. libcsv takes the cells apart, one physical line at a time, so
 * that every row has its line. A row that is bad (a stray quote, one that is never closed, a cell
 * too long) costs its first line only: reading goes on with the next one, so that a single quote
 * cannot eat what follows.
 */
#include <csv.h>
#include <stdlib.h>

#include "client/import/grid_inside.h"

#define LOOK_LINES 20

struct delimited {
    struct csv_parser parser;
    bool is_open;           /* the parser was initialised */
    uint64_t line;          /* the physical line that comes next */
    size_t row_size;        /* bytes of the row that were fed */
    size_t first_size;      /* of its first line */
    bool is_complete;       /* the row's end was seen */
    enum crm_status status; /* from within the callbacks */
};

static void on_cell(void *data, size_t size, void *arg)
{
    struct grid *grid = arg;
    struct delimited *csv = grid->state;

    if (!csv->status)
        csv->status = grid_add_cell(grid, slice_of(data, size));
}

static void on_row(int end, void *arg)
{
    struct grid *grid = arg;
    struct delimited *csv = grid->state;

    (void)end;
    csv->is_complete = true;
}

/* As often as the separator stands outside of quotes in a line; quoted cells may go on in the next
 * one. */
static size_t count_in(struct slice line, char separator, bool *is_quoted)
{
    size_t n = 0;

    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] == '"')
            *is_quoted = !*is_quoted;
        n += !*is_quoted && line.data[i] == (uint8_t)separator;
    }
    return n;
}

/* How well a separator fits: lines with as many as the header has, weighed by how many these are.
 */
static size_t weigh(struct source *source, char separator)
{
    size_t at = 0, header = 0, n, same = 0;
    bool is_quoted = false, is_cut;

    for (size_t i = 0; i < LOOK_LINES; i++) {
        struct slice line = source_line(source, at, &is_cut);

        if (line.size == 0 || is_cut || at + line.size > SOURCE_LINE_MAX)
            break;
        at += line.size;
        n = count_in(line, separator, &is_quoted);
        while (is_quoted && at < SOURCE_LINE_MAX &&
               (line = source_line(source, at, &is_cut)).size > 0 && !is_cut) {
            at += line.size;
            n += count_in(line, separator, &is_quoted);
        }
        if (i == 0)
            header = n;
        same += n == header;
    }
    return header == 0 ? 0 : same * 1000 + (header < 500 ? header : 500);
}

/* Excel's own line that says it: sep=; */
static char take_sep_line(struct grid *grid)
{
    bool is_cut;
    struct slice line = source_line(grid->source, 0, &is_cut);
    char separator;

    if (line.size < 5 || line.size > 7 || strncasecmp((const char *)line.data, "sep=", 4) != 0)
        return 0;
    separator = (char)line.data[4];
    source_skip(grid->source, line.size);
    ((struct delimited *)grid->state)->line++;
    return separator;
}

static char find_separator(struct grid *grid)
{
    static const char known[] = ",;\t|";
    char best = take_sep_line(grid);
    size_t weight, most = 0;

    if (grid->options.separator)
        return grid->options.separator;
    if (best)
        return best;
    best = ',';
    for (size_t i = 0; known[i]; i++) {
        weight = weigh(grid->source, known[i]);
        if (weight > most) {
            most = weight;
            best = known[i];
        }
    }
    return best;
}

static enum crm_status why_bad(struct delimited *csv, struct failure *failure)
{
    if (csv->status == CRM_NO_MEMORY || csv_error(&csv->parser) == CSV_ENOMEM)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (csv->status || csv->parser.entry_pos > GRID_CELL_MAX || csv->row_size >= SOURCE_LINE_MAX)
        return fail(failure, CRM_INVALID, NULL,
                    "a cell is longer than %d bytes, or a quote is never closed", GRID_CELL_MAX);
    return fail(failure, CRM_INVALID, NULL,
                "a quote stands where none may; within a quoted cell it is doubled");
}

/* Reading goes on behind the first line of the row. */
static enum crm_status give_up_row(struct grid *grid, enum crm_status status)
{
    struct delimited *csv = grid->state;
    unsigned char separator = csv_get_delim(&csv->parser);

    csv->line = grid->line + 1;
    if (csv->first_size >= SOURCE_LINE_MAX)
        source_skip_line(grid->source);
    else
        source_skip(grid->source, csv->first_size);
    csv_free(&csv->parser);
    csv->is_open = csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
    if (!csv->is_open)
        return CRM_NO_MEMORY;
    csv_set_delim(&csv->parser, separator);
    return status;
}

static enum crm_status feed_line(struct grid *grid, struct slice line)
{
    struct delimited *csv = grid->state;

    /* In pieces: libcsv looks at the length of a cell only between two calls. */
    for (size_t at = 0; at < line.size; at += GRID_CELL_MAX) {
        size_t size = line.size - at < GRID_CELL_MAX ? line.size - at : GRID_CELL_MAX;

        if (csv_parse(&csv->parser, line.data + at, size, on_cell, on_row, grid) != size ||
            csv->status || csv->parser.entry_pos > GRID_CELL_MAX)
            return CRM_INVALID;
    }
    csv->row_size += line.size;
    return CRM_OK;
}

/* The end of the file within a row. */
static enum crm_status end_row(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct delimited *csv = grid->state;

    if (csv->row_size == 0) {
        *out_is_end = true;
        return CRM_OK;
    }
    if (csv_fini(&csv->parser, on_cell, on_row, grid) != 0)
        return give_up_row(grid, fail(failure, CRM_INVALID, NULL, "a quoted cell is never closed"));
    return csv->status ? give_up_row(grid, why_bad(csv, failure)) : CRM_OK;
}

static enum crm_status next_csv(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct delimited *csv = grid->state;
    struct slice line;
    bool is_cut;

    csv->row_size = csv->first_size = 0;
    csv->is_complete = false;
    csv->status = CRM_OK;
    grid->line = csv->line;
    while (!csv->is_complete) {
        enum crm_status status;

        line = source_line(grid->source, csv->row_size, &is_cut);
        if (line.size == 0) {
            status = end_row(grid, out_is_end, failure);
            if (status)
                return status;
            break;
        }
        if (csv->row_size == 0)
            csv->first_size = line.size;
        if (is_cut || csv->row_size + line.size > SOURCE_LINE_MAX) {
            csv->row_size = SOURCE_LINE_MAX;
            return give_up_row(grid, why_bad(csv, failure));
        }
        if (feed_line(grid, line) != CRM_OK)
            return give_up_row(grid, why_bad(csv, failure));
        csv->line++;
        if (!csv->is_complete && !csv->parser.quoted)
            break; /* an empty line: libcsv says nothing of it */
    }
    source_skip(grid->source, csv->row_size);
    return CRM_OK;
}

static enum crm_status open_csv(struct grid *grid, struct failure *failure)
{
    struct delimited *csv = calloc(1, sizeof(*csv));
    bool is_end = false;
    char separator;
    enum crm_status status = CRM_OK;

    grid->state = csv;
    if (!csv || csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    csv->is_open = true;
    csv->line = 1;
    separator = find_separator(grid);
    csv_set_delim(&csv->parser, (unsigned char)separator);
    while (!status && !is_end && grid->n_cells == 0)
        status = next_csv(grid, &is_end, failure);
    if (!status && is_end)
        return fail(failure, CRM_INVALID, NULL, "the file is empty");
    for (size_t i = 0; i < grid->n_cells && !status; i++)
        status = grid_add_column(grid, grid->cells[i], failure);
    snprintf(grid->what, sizeof(grid->what), "CSV divided by %.3s, %s",
             separator == '\t' ? "TAB" : (const char[]){ '\'', separator, '\'', '\0' },
             source_encoding(grid->source));
    return status;
}

static void close_csv(struct grid *grid)
{
    struct delimited *csv = grid->state;

    if (csv && csv->is_open)
        csv_free(&csv->parser);
    free(csv);
}

const struct grid_format grid_csv = {
    .name = "CSV", .open = open_csv, .next = next_csv, .close = close_csv
};
