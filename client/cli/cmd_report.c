/*
 * cmd_report.c - crm report: figures that the server adds up
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/csv.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

#define GROUPS_MAX 4
#define CELLS_MAX  32
#define LEVEL_LINE 0

/* A column as a field, so that the same code shows its values. */
static struct field_def column_field(const Crm__ReportColumn *column)
{
    return (struct field_def){ .name = column->name ? column->name : "",
                               .type = (enum field_type)column->type,
                               .label_en = column->label,
                               .label_zh = column->label_zh,
                               .flags = column->type == FIELD_CHOICE ? FIELD_CUSTOM : 0 };
}

static bool cell_value(const Crm__ReportReply *reply, const Crm__ReportRow *row, size_t i,
                       struct field_def *out_field, struct value *out_value)
{
    *out_field = column_field(reply->columns[i]);
    return i < row->n_cells &&
           value_from_wire(out_field, row->cells[i], out_value, NULL) == CRM_OK &&
           out_value->type != FIELD_NONE;
}

static enum crm_status report_table(struct cli *cli, const Crm__ReportReply *reply)
{
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < reply->n_columns && !status; i++) {
        struct field_def field = column_field(reply->columns[i]);

        status = table_column(table, cli_safe(cli, display_field_label(cli, &field)),
                              display_is_number(&field) ? TABLE_RIGHT : TABLE_TRUNCATE);
    }
    for (size_t r = 0; r < reply->n_rows && !status; r++) {
        const char *cells[CELLS_MAX] = { 0 };

        for (size_t i = 0; i < reply->n_columns; i++) {
            struct field_def field;
            struct value value;

            cells[i] = cell_value(reply, reply->rows[r], i, &field, &value)
                           ? display_value(cli, &field, &value, &cli->arena)
                           : "";
        }
        status = table_row(table, cells, reply->rows[r]->level == LEVEL_LINE ? 0 : TABLE_BOLD);
    }
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    for (size_t i = 0; i < reply->n_notes && !status && !cli->options.quiet; i++)
        fprintf(stderr, "%s\n", cli_safe(cli, reply->notes[i]));
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static json_t *row_json(struct cli *cli, const Crm__ReportReply *reply, const Crm__ReportRow *row)
{
    static const char *const levels[] = { "line", "subtotal", "total" };
    json_t *object = json_object();

    for (size_t i = 0; i < reply->n_columns; i++) {
        struct field_def field;
        struct value value;
        bool has_value = cell_value(reply, row, i, &field, &value);

        json_object_set_new(object, field.name,
                            has_value ? json_value(cli, &field, &value) : json_null());
    }
    json_object_set_new(object, "level",
                        json_string(row->level < ARRAY_LEN(levels) ? levels[row->level] : "total"));
    return object;
}

static enum crm_status report_json(struct cli *cli, const Crm__ReportReply *reply)
{
    json_t *rows = json_array();
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < reply->n_rows && !status; i++) {
        if (cli->options.jsonl)
            status = json_print(stdout, row_json(cli, reply, reply->rows[i]), false);
        else
            json_array_append_new(rows, row_json(cli, reply, reply->rows[i]));
    }
    if (!cli->options.jsonl)
        return json_print(stdout, rows, true);
    json_decref(rows);
    return status;
}

static enum crm_status report_csv(struct cli *cli, const Crm__ReportReply *reply)
{
    for (size_t i = 0; i < reply->n_columns; i++)
        csv_cell(stdout, slice_text(reply->columns[i]->name), i == 0);
    csv_end(stdout);
    for (size_t r = 0; r < reply->n_rows; r++) {
        for (size_t i = 0; i < reply->n_columns; i++) {
            struct field_def field;
            struct value value;
            bool has_value = cell_value(reply, reply->rows[r], i, &field, &value);
            const char *text = has_value ? value_format(&field, &value, &cli->arena) : "";

            csv_cell(stdout, slice_text(text), i == 0);
        }
        csv_end(stdout);
    }
    return CRM_OK;
}

/* --by stage,team */
static enum crm_status read_groups(struct cli *cli, Crm__ReportRequest *request)
{
    const char *name = cli->options.by;

    request->group = arena_alloc(&cli->arena, GROUPS_MAX * sizeof(*request->group));
    if (!request->group)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    while (name && *name) {
        size_t size = strcspn(name, ",");

        if (request->n_group == GROUPS_MAX)
            return fail(&cli->failure, CRM_USAGE, NULL, "at most %d groups", GROUPS_MAX);
        request->group[request->n_group] = arena_strndup(&cli->arena, name, size);
        if (!request->group[request->n_group++])
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        name += size + (name[size] == ',');
    }
    return CRM_OK;
}

enum crm_status cmd_report(struct cli *cli, int argc, char **argv)
{
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    const Crm__ReportReply *reply;
    Crm__AsOf as_of;
    struct crm_call *call = NULL;
    enum crm_status status = read_groups(cli, &request);

    (void)argc;
    request.name = argv[1];
    if (!status && cli->options.as_of) {
        status = select_as_of(cli, cli->options.as_of, &as_of);
        request.as_of = &as_of;
    }
    if (status)
        return status;
    status = crm_report(cli->client, &request, &call, &reply);
    if (status)
        status = cli_call_failed(cli, status, call);
    else if (reply->n_columns > CELLS_MAX)
        status = fail(&cli->failure, CRM_PROTOCOL, NULL, "the report has too many columns");
    else if (cli->options.json || cli->options.jsonl)
        status = report_json(cli, reply);
    else
        status = cli->options.csv ? report_csv(cli, reply) : report_table(cli, reply);
    crm_call_destroy(call);
    return status;
}
