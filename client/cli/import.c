/*
 * import.c - reading the rows of a file
 *
 * Called by add --from; main thread. Knows formats and lines, nothing of mutations. A line of JSON
 * is at most 1 MiB, a file with one array at most 64 MiB.
 */
#include "client/cli/import.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/cli/change.h"

#define LINE_MAX_BYTES  ((size_t)1 << 20)
#define ARRAY_MAX_BYTES ((size_t)64 << 20)

enum import_format { IMPORT_JSON_LINES, IMPORT_JSON_ARRAY, IMPORT_CSV };

struct import {
    struct cli *cli;
    const struct kind_def *kind;
    FILE *in;
    enum import_format format;
    size_t line;
    uint64_t n_rows; /* handed out */
    bool is_broken;
    json_t *json; /* the row, or the array */
    size_t next;  /* in the array */
    char *text;   /* getline's */
    size_t text_size;
    struct csv_reader *csv;
    const struct field_def **fields; /* of the columns */
    const char **names;
    size_t n_fields;
    size_t happened; /* the column CHANGE_HAPPENED; n_fields: there is none */
};

/* The first character that says something: [ an array, { JSON lines, anything else CSV. */
static enum import_format look(struct import *import)
{
    int c;

    while ((c = getc(import->in)) != EOF && isspace(c))
        import->line += c == '\n';
    if (c != EOF)
        ungetc(c, import->in);
    return c == '[' ? IMPORT_JSON_ARRAY : c == '{' ? IMPORT_JSON_LINES : IMPORT_CSV;
}

static size_t read_capped(void *buffer, size_t size, void *arg)
{
    struct import *import = arg;

    import->text_size += size;
    return import->text_size > ARRAY_MAX_BYTES ? (size_t)-1 : fread(buffer, 1, size, import->in);
}

static enum crm_status open_array(struct import *import, struct failure *failure)
{
    json_error_t error;

    import->json = json_load_callback(read_capped, import, JSON_REJECT_DUPLICATES, &error);
    import->text_size = 0;
    if (!import->json)
        return fail(failure, CRM_INVALID, NULL, "line %d: %.160s", error.line, error.text);
    return CRM_OK;
}

static enum crm_status column_field(struct import *import, size_t column, struct slice cell,
                                    struct failure *failure)
{
    struct cli *cli = import->cli;
    const char *name = arena_strndup(&cli->arena, cell.data, cell.size);
    const struct field_def *field =
        name && import->kind ? schema_field_by_name(cli->schema, import->kind, name) : NULL;

    if (!name)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    import->names[column] = name;
    if (!import->kind)
        return CRM_OK;
    if (!field && strcmp(name, CHANGE_HAPPENED) == 0) {
        import->happened = column;
        return CRM_OK;
    }
    if (!field)
        return fail(
            failure, CRM_INVALID, name,
            "a %s has no such field: the first line of a CSV file names the fields of its columns",
            import->kind->name);
    if (field->ref == HEADER_OWNER || field->ref == HEADER_TEAM ||
        !(field->flags & (FIELD_HEADER | FIELD_DERIVED)))
        import->fields[column] = field; /* else a list that was written by --csv comes back */
    return CRM_OK;
}

static enum crm_status open_csv(struct import *import, struct failure *failure)
{
    struct failure in_header = { 0 };
    const struct slice *cells;
    size_t n, line;
    enum crm_status status;

    import->csv = csv_reader_create(import->in);
    if (!import->csv)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = csv_reader_next(import->csv, &cells, &n, &line, &in_header);
    if (status)
        return fail(failure, status, NULL, "line %zu: %s", line, in_header.text);
    import->fields = calloc(n + 1, sizeof(*import->fields));
    import->names = calloc(n + 1, sizeof(*import->names));
    if (!import->fields || !import->names)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    import->n_fields = import->happened = n;
    for (size_t i = 0; i < n && !status; i++)
        status = column_field(import, i, cells[i], failure);
    return status;
}

enum crm_status import_open(struct cli *cli, const struct kind_def *kind, const char *path,
                            struct import **out_import)
{
    struct import *import = calloc(1, sizeof(*import));
    enum crm_status status = CRM_OK;

    if (!import)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    *import = (struct import){ .cli = cli,
                               .kind = kind,
                               .in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re") };
    if (!import->in) {
        free(import);
        return fail(&cli->failure, CRM_USAGE, NULL, "%s: %s", path, strerror(errno));
    }
    import->format = look(import);
    if (import->format == IMPORT_JSON_ARRAY)
        status = open_array(import, &cli->failure);
    else if (import->format == IMPORT_CSV)
        status = open_csv(import, &cli->failure);
    if (status) {
        import_close(import);
        return status;
    }
    *out_import = import;
    return CRM_OK;
}

void import_close(struct import *import)
{
    if (!import)
        return;
    if (import->in != stdin)
        fclose(import->in);
    csv_reader_destroy(import->csv);
    json_decref(import->json);
    free(import->fields);
    free(import->names);
    free(import->text);
    free(import);
}

static enum crm_status next_line(struct import *import, struct import_row *out_row,
                                 bool *out_is_end, struct failure *failure)
{
    json_error_t error;
    ssize_t n;

    json_decref(import->json);
    import->json = NULL;
    do {
        n = getline(&import->text, &import->text_size, import->in);
        import->line++;
    } while (n > 0 && import->text[strspn(import->text, " \t\r\n")] == '\0' &&
             (size_t)n == strlen(import->text));
    *out_is_end = n <= 0;
    out_row->line = import->line;
    if (n <= 0)
        return ferror(import->in) ? fail(failure, CRM_IO, NULL, "%s", strerror(errno)) : CRM_OK;
    if ((size_t)n > LINE_MAX_BYTES)
        return fail(failure, CRM_TOO_LARGE, NULL, "the line is longer than a record may be");
    import->json = json_loadb(import->text, (size_t)n, JSON_REJECT_DUPLICATES, &error);
    if (!import->json)
        return fail(failure, CRM_INVALID, NULL, "column %d: %.160s", error.column, error.text);
    out_row->object = import->json;
    return CRM_OK;
}

static enum crm_status next_csv(struct import *import, struct import_row *out_row, bool *out_is_end,
                                struct failure *failure)
{
    enum crm_status status =
        csv_reader_next(import->csv, &out_row->cells, &out_row->n_cells, &out_row->line, failure);

    out_row->names = import->names;
    out_row->n_names = import->n_fields;
    if (status) {
        import->is_broken = true;
        return status;
    }
    *out_is_end = out_row->n_cells == 0;
    out_row->fields = import->fields;
    if (out_row->n_cells > import->n_fields)
        return fail(failure, CRM_INVALID, NULL, "the row has %zu cells, the header %zu",
                    out_row->n_cells, import->n_fields);
    if (import->happened < out_row->n_cells && out_row->cells[import->happened].size > 0)
        out_row->happened = &out_row->cells[import->happened];
    return CRM_OK;
}

enum crm_status import_next(struct import *import, struct import_row *out_row, bool *out_is_end,
                            struct failure *failure)
{
    *out_row = (struct import_row){ 0 };
    import->n_rows++;
    switch (import->format) {
    case IMPORT_JSON_LINES:
        return next_line(import, out_row, out_is_end, failure);
    case IMPORT_CSV:
        return next_csv(import, out_row, out_is_end, failure);
    case IMPORT_JSON_ARRAY:
        break;
    }
    *out_is_end = import->next >= json_array_size(import->json);
    if (*out_is_end)
        return CRM_OK;
    out_row->object = json_array_get(import->json, import->next++);
    out_row->line = import->next;
    return CRM_OK;
}

uint64_t import_estimate(const struct import *import)
{
    struct stat info;
    long position = ftell(import->in);

    if (import->format == IMPORT_JSON_ARRAY)
        return json_array_size(import->json);
    if (position <= 0 || import->n_rows == 0 || fstat(fileno(import->in), &info) != 0 ||
        !S_ISREG(info.st_mode))
        return 0;
    return import->n_rows * (uint64_t)info.st_size / (uint64_t)position;
}

bool import_is_broken(const struct import *import)
{
    return import->is_broken;
}
