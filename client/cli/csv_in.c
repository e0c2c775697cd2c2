/*
 * csv_in.c - CSV read row by row through libcsv
 *
 * Called by import; main thread. libcsv pushes and knows neither lines nor limits: it is fed one
 * physical line at a time, so that every row and every mistake has a line number, and its cell is
 * measured after each, so that a stray quote cannot swallow the file. A byte order mark is skipped.
 */
#include <csv.h>
#include <errno.h>
#include <stdlib.h>

#include "client/cli/csv.h"
#include "common/base/text.h"

#define LINE_PIECE 4096 /* bytes fed at once */

struct csv_reader {
    FILE *in;
    struct csv_parser parser;
    struct buf text;                   /* the cells of the row, one after the other */
    struct slice cells[CSV_CELLS_MAX]; /* of a complete row; until then only the ends are known:
                                          text may move while it grows */
    size_t ends[CSV_CELLS_MAX];
    size_t n;
    size_t line;     /* being read */
    size_t row_line; /* where the row began */
    bool row_is_complete;
    bool is_at_end;
    enum crm_status status; /* from within the callbacks */
};

static void on_cell(void *data, size_t size, void *arg)
{
    struct csv_reader *reader = arg;

    if (reader->status)
        return;
    if (reader->row_is_complete) /* a second row within one line: only a bare carriage return does
                                    that */
        reader->status = CRM_FORMAT;
    else if (reader->n == CSV_CELLS_MAX || size > CSV_CELL_MAX)
        reader->status = CRM_TOO_LARGE;
    else
        reader->status = buf_append(&reader->text, data, size);
    if (!reader->status)
        reader->ends[reader->n++] = reader->text.size;
}

static void on_row(int end, void *arg)
{
    struct csv_reader *reader = arg;

    (void)end;
    reader->row_is_complete = reader->n > 1 || reader->text.size > 0; /* an empty line is no row */
    if (!reader->row_is_complete)
        reader->n = 0;
}

struct csv_reader *csv_reader_create(FILE *in)
{
    struct csv_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return NULL;
    if (csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) {
        free(reader);
        return NULL;
    }
    reader->in = in;
    reader->line = reader->row_line = 1;
    buf_init(&reader->text, (size_t)CSV_CELL_MAX * 16);
    return reader;
}

void csv_reader_destroy(struct csv_reader *reader)
{
    if (!reader)
        return;
    csv_free(&reader->parser);
    buf_fini(&reader->text);
    free(reader);
}

/* One physical line, or a piece of a long one. false at the end of the file. */
static bool read_piece(struct csv_reader *reader, char piece[LINE_PIECE], size_t *out_size)
{
    size_t n = 0;
    int c = 0;

    while (n < LINE_PIECE && c != '\n' && (c = getc_unlocked(reader->in)) != EOF)
        piece[n++] = (char)c;
    *out_size = n;
    return n > 0;
}

static enum crm_status bad_row(struct csv_reader *reader, struct failure *failure)
{
    if (reader->status == CRM_NO_MEMORY || csv_error(&reader->parser) == CSV_ENOMEM)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (reader->status == CRM_FORMAT)
        return fail(failure, CRM_INVALID, NULL,
                    "lines must end with LF or CR LF, not with CR alone");
    if (reader->status || reader->parser.entry_pos > CSV_CELL_MAX)
        return fail(failure, CRM_INVALID, NULL, "the row is too long; is a quote never closed?");
    return fail(failure, CRM_INVALID, NULL,
                "a quote stands where none may; a quote within a quoted cell is doubled");
}

/* Feed lines until a row is complete or the file ends. */
static enum crm_status read_row(struct csv_reader *reader, struct failure *failure)
{
    char piece[LINE_PIECE];
    size_t size, skip;

    while (!reader->row_is_complete && !reader->is_at_end) {
        if (!read_piece(reader, piece, &size)) {
            if (ferror(reader->in))
                return fail(failure, CRM_IO, NULL, "%s", strerror(errno));
            reader->is_at_end = true;
            if (csv_fini(&reader->parser, on_cell, on_row, reader) != 0)
                return fail(failure, CRM_INVALID, NULL, "a quoted cell is never closed");
            break;
        }
        if (reader->n == 0 && reader->parser.entry_pos == 0 && !reader->parser.quoted)
            reader->row_line =
                reader->line; /* behind empty lines, which libcsv passes over in silence */
        skip = reader->line == 1 && size >= 3 && memcmp(piece, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        if (csv_parse(&reader->parser, piece + skip, size - skip, on_cell, on_row, reader) !=
                size - skip ||
            reader->status || reader->parser.entry_pos > CSV_CELL_MAX)
            return bad_row(reader, failure);
        reader->line += piece[size - 1] == '\n';
    }
    return reader->status ? bad_row(reader, failure) : CRM_OK;
}

enum crm_status csv_reader_next(struct csv_reader *reader, const struct slice **out_cells,
                                size_t *out_n, size_t *out_line, struct failure *failure)
{
    struct slice text;
    size_t start = 0;
    enum crm_status status;

    buf_consume(&reader->text, reader->text.size);
    reader->n = 0;
    reader->row_is_complete = false;
    status = read_row(reader, failure);
    *out_line = reader->row_line;
    if (status)
        return status;
    text = buf_slice(&reader->text);
    *out_n = reader->row_is_complete ? reader->n : 0;
    for (size_t i = 0; i < *out_n; i++) {
        reader->cells[i] = slice_of(text.data + start, reader->ends[i] - start);
        start = reader->ends[i];
        if (!text_is_valid(reader->cells[i]))
            return fail(failure, CRM_INVALID, NULL, "it is not UTF-8");
    }
    *out_cells = reader->cells;
    return CRM_OK;
}
