/*
 * rows.c - the four forms of a list
 *
 * Called by list, find, today and restore; main thread. JSON and CSV leave as they arrive; a table
 * is held back in parts of TABLE_PART rows, which bounds memory and keeps the columns of a
 * screenful aligned.
 */
#include "client/cli/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/cli/csv.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/table.h"

#define TABLE_PART 5000
#define ROW_BUDGET ((size_t)16 << 20)

enum rows_form { ROWS_TABLE, ROWS_JSON, ROWS_JSONL, ROWS_CSV };

struct rows {
    struct cli *cli;
    const struct kind_def *kind; /* NULL: several */
    enum rows_form form;
    const struct field_def *columns[COLUMNS_MAX];
    size_t n_columns;
    bool has_chosen; /* by --columns */
    unsigned flags;
    struct table *table;
    struct arena arena; /* of one row */
    uint64_t n;
};

bool rows_for_programs(const struct cli *cli)
{
    return cli->options.json || cli->options.jsonl || cli->options.csv;
}

static enum crm_status add_column(struct rows *rows, const char *name, size_t size)
{
    struct cli *cli = rows->cli;
    const char *text = arena_strndup(&cli->arena, name, size);
    const struct field_def *field =
        text ? schema_field_by_name(cli->schema, rows->kind, text) : NULL;

    if (!text)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!field)
        return fail(&cli->failure, CRM_INVALID, text,
                    "a %s has no such field; crm describe %s lists them", rows->kind->name,
                    rows->kind->name);
    if (rows->n_columns == COLUMNS_MAX)
        return fail(&cli->failure, CRM_USAGE, NULL, "at most %d columns", COLUMNS_MAX);
    rows->columns[rows->n_columns++] = field;
    return CRM_OK;
}

static enum crm_status choose_columns(struct rows *rows)
{
    const struct field_def *field;
    enum crm_status status = CRM_OK;

    for (const char *name = rows->cli->options.columns; name && *name && !status;) {
        size_t size = strcspn(name, ",");

        status = add_column(rows, name, size);
        name += size + (name[size] == ',');
        rows->has_chosen = true;
    }
    if (rows->has_chosen)
        return status;
    if (rows->form == ROWS_CSV) { /* everything, as JSON does */
        for (size_t i = 0; (field = schema_field_at(rows->cli->schema, rows->kind, i)) &&
                           rows->n_columns < COLUMNS_MAX;
             i++)
            rows->columns[rows->n_columns++] = field;
        return CRM_OK;
    }
    for (size_t i = 0; rows->kind->columns[i] && !status; i++)
        status = add_column(rows, rows->kind->columns[i], strlen(rows->kind->columns[i]));
    return status;
}

/* Records of several kinds: what they are, their number, what they are called. */
static enum crm_status mixed_headings(struct rows *rows)
{
    struct cli *cli = rows->cli;

    if (table_column(rows->table, cli_label(cli, "Kind", "类型"), 0) ||
        table_column(rows->table, cli_label(cli, "Number", "编号"), 0) ||
        table_column(rows->table, cli_label(cli, "Name", "名称"), TABLE_TRUNCATE))
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return CRM_OK;
}

static enum crm_status begin_table(struct rows *rows)
{
    struct cli *cli = rows->cli;

    rows->table = table_create(cli->out, cli->colour);
    if (!rows->table)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!rows->kind)
        return mixed_headings(rows);
    for (size_t i = 0; i < rows->n_columns; i++) {
        const struct field_def *field = rows->columns[i];
        bool is_text = field->type == FIELD_TEXT || field->type == FIELD_REFERENCE ||
                       field->flags & FIELD_REPEATED;

        if (table_column(rows->table, display_field_label(cli, field),
                         (display_is_number(field) ? TABLE_RIGHT : 0u) |
                             (is_text ? TABLE_TRUNCATE : 0u)))
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    return CRM_OK;
}

static void end_csv(const struct rows *rows)
{
    if (rows->flags & ROWS_EXCEL)
        putc('\r', rows->cli->out);
    csv_end(rows->cli->out);
}

static void begin_csv(struct rows *rows)
{
    static const char *const mixed[] = { "kind", "number", "name", "id" };

    for (size_t i = 0; rows->kind && i < rows->n_columns; i++)
        csv_cell(rows->cli->out, slice_text(rows->columns[i]->name), i == 0);
    for (size_t i = 0; !rows->kind && i < ARRAY_LEN(mixed); i++)
        csv_cell(rows->cli->out, slice_text(mixed[i]), i == 0);
    end_csv(rows);
}

enum crm_status rows_create(struct cli *cli, const struct kind_def *kind, struct rows **out_rows)
{
    return rows_create_with(cli, kind, 0, out_rows);
}

enum crm_status rows_create_with(struct cli *cli, const struct kind_def *kind, unsigned flags,
                                 struct rows **out_rows)
{
    struct rows *rows = calloc(1, sizeof(*rows));
    enum crm_status status = CRM_OK;

    if (!rows)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    rows->cli = cli;
    rows->kind = kind;
    rows->flags = flags;
    rows->form = cli->options.jsonl  ? ROWS_JSONL
                 : cli->options.json ? ROWS_JSON
                 : cli->options.csv  ? ROWS_CSV
                                     : ROWS_TABLE;
    arena_init(&rows->arena, ROW_BUDGET);
    if (kind)
        status = choose_columns(rows);
    if (!status && rows->form == ROWS_TABLE)
        status = begin_table(rows);
    if (status) {
        rows_destroy(rows);
        return status;
    }
    if (rows->form == ROWS_CSV && !(flags & ROWS_CONTINUED))
        begin_csv(rows);
    else if (rows->form == ROWS_JSON)
        fputs("[", rows->cli->out);
    *out_rows = rows;
    return CRM_OK;
}

void rows_destroy(struct rows *rows)
{
    if (!rows)
        return;
    table_destroy(rows->table);
    arena_fini(&rows->arena);
    free(rows);
}

static enum crm_status add_json(struct rows *rows, const struct record *record)
{
    json_t *object =
        json_record(rows->cli, record, rows->columns, rows->has_chosen ? rows->n_columns : 0);
    bool is_written;

    if (rows->form == ROWS_JSONL)
        return json_print(rows->cli->out, object, false);
    if (!object)
        return CRM_NO_MEMORY;
    fputs(rows->n > 0 ? ",\n " : "\n ", rows->cli->out);
    is_written = json_dumpf(object, rows->cli->out, JSON_COMPACT) == 0;
    json_decref(object);
    return is_written ? CRM_OK : CRM_IO;
}

/* Title field of a record of any kind. */
static const struct field_def *title_field(const struct kind_def *kind)
{
    return kind->title ? kind_field_by_name(kind, kind->title) : NULL;
}

static enum crm_status add_csv(struct rows *rows, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    char id[UUID_TEXT_SIZE];

    if (rows->kind) {
        for (size_t i = 0; i < rows->n_columns; i++) {
            const char *text = csv_field(rows->cli, rows->columns[i], record, &rows->arena);

            if (text && rows->flags & (ROWS_SAFE | ROWS_EXCEL))
                text = csv_safe(rows->columns[i], text, rows->flags & ROWS_EXCEL, &rows->arena);
            if (!text)
                return CRM_NO_MEMORY;
            csv_cell(rows->cli->out, slice_text(text), i == 0);
        }
    } else {
        const char *number =
            display_label(kind->kind, &record->header.id, record->header.number, &rows->arena);
        const char *name =
            title_field(kind) ? csv_field(rows->cli, title_field(kind), record, &rows->arena) : "";

        if (!number || !name)
            return CRM_NO_MEMORY;
        uuid_format(&record->header.id, id);
        csv_cell(rows->cli->out, slice_text(kind->name), true);
        csv_cell(rows->cli->out, slice_text(number), false);
        csv_cell(rows->cli->out, slice_text(name), false);
        csv_cell(rows->cli->out, slice_text(id), false);
    }
    end_csv(rows);
    return CRM_OK;
}

static enum crm_status add_table(struct rows *rows, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const char *cells[COLUMNS_MAX];
    enum crm_status status;

    for (size_t i = 0; i < rows->n_columns; i++)
        if (!(cells[i] = display_field(rows->cli, rows->columns[i], record, &rows->arena)))
            return CRM_NO_MEMORY;
    if (!rows->kind) {
        cells[0] = display_kind_label(rows->cli, kind, false);
        cells[1] =
            display_label(kind->kind, &record->header.id, record->header.number, &rows->arena);
        cells[2] = title_field(kind)
                       ? display_field(rows->cli, title_field(kind), record, &rows->arena)
                       : "";
    }
    status = table_row(rows->table, cells, 0);
    if (!status && table_rows(rows->table) >= TABLE_PART)
        status = table_flush(rows->table);
    return status;
}

enum crm_status rows_add(struct rows *rows, const struct record *record)
{
    enum crm_status status;

    if (!cli_output_is_open())
        return CRM_CANCELLED;
    if (!kind_def(record->header.kind))
        return CRM_OK; /* of a newer server */
    arena_reset(&rows->arena);
    if (rows->form == ROWS_TABLE)
        status = add_table(rows, record);
    else if (rows->form == ROWS_CSV)
        status = add_csv(rows, record);
    else
        status = add_json(rows, record);
    if (status == CRM_IO)
        return CRM_CANCELLED; /* finish_output finds out why */
    if (status)
        return fail(&rows->cli->failure, status, NULL, "out of memory");
    rows->n++;
    return CRM_OK;
}

enum crm_status rows_add_chunk(struct rows *rows, const Crm__ListChunk *chunk)
{
    struct record record;
    enum crm_status status = CRM_OK;

    titles_add(&rows->cli->titles, chunk->n_titles, chunk->titles);
    for (size_t i = 0; i < chunk->n_records && !status; i++) {
        status = record_from_wire(chunk->records[i], &record, &rows->cli->failure);
        if (!status)
            status = rows_add(rows, &record);
    }
    return status;
}

enum crm_status rows_finish(struct rows *rows)
{
    if (rows->form == ROWS_JSON)
        fputs(rows->n > 0 ? "\n]\n" : "]\n", rows->cli->out);
    if (rows->form == ROWS_TABLE && table_flush(rows->table))
        return fail(&rows->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return CRM_OK;
}

uint64_t rows_count(const struct rows *rows)
{
    return rows->n;
}
