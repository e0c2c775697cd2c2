/*
 * cmd_show.c - crm show: one record with all that it holds, and below it what belongs to it
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/csv.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/query.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

#define RELATED_ROWS 5

/* A text of several lines stands in several rows, so that the columns stay what they are. */
static enum crm_status add_lines(struct cli *cli, struct table *table, const char *label,
                                 struct slice text)
{
    enum crm_status status = CRM_OK;
    size_t start = 0;

    for (size_t i = 0; i <= text.size && !status; i++) {
        const char *line;

        if (i < text.size && text.data[i] != '\n')
            continue;
        line = arena_strndup(&cli->arena, text.data + start, i - start);
        status = line ? table_row(table, (const char *[]){ label, cli_safe(cli, line) }, 0)
                      : CRM_NO_MEMORY;
        label = "";
        start = i + 1;
    }
    return status;
}

/* A row for each element of a group. */
struct elements {
    struct cli *cli;
    struct table *table;
    const struct field_def *field;
    const char *label;
    enum crm_status status;
};

static bool add_element(void *arg, struct slice element)
{
    struct elements *elements = arg;
    const char *text =
        display_element(elements->cli, elements->field, element, &elements->cli->arena);

    elements->status =
        text ? table_row(elements->table, (const char *[]){ elements->label, text }, 0)
             : CRM_NO_MEMORY;
    elements->label = "";
    return !elements->status;
}

static enum crm_status add_field(struct cli *cli, struct table *table,
                                 const struct field_def *field, const struct record *record)
{
    const char *label = display_field_label(cli, field);
    struct elements elements = { .cli = cli, .table = table, .field = field, .label = label };
    const char *text;
    struct value value;

    if (field->type == FIELD_GROUP) {
        reflect_each_element(field, record, add_element, &elements);
        return elements.status;
    }
    if (field->type == FIELD_TEXT && field->flags & FIELD_MULTILINE &&
        !(field->flags & FIELD_REPEATED))
        return reflect_get(field, record, &value) ? add_lines(cli, table, label, value.text)
                                                  : CRM_OK;
    text = display_field(cli, field, record, &cli->arena);
    if (!text)
        return CRM_NO_MEMORY;
    return *text ? table_row(table, (const char *[]){ label, text }, 0) : CRM_OK;
}

static enum crm_status show_fields(struct cli *cli, const struct kind_def *kind,
                                   const struct record *record)
{
    struct table *table = table_create(stdout, cli->colour);
    const struct field_def *field;
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    if (!status)
        status = table_column(table, NULL, 0);
    if (!status)
        status = table_column(table, NULL, 0);
    for (size_t i = 0; !status && (field = schema_field_at(cli->schema, kind, i)); i++)
        status = add_field(cli, table, field, record);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static bool refers_to(const struct kind_def *from, enum kind to)
{
    for (size_t i = 0; i < from->n_fields; i++)
        if (from->fields[i].type == FIELD_REFERENCE && from->fields[i].ref_kind == to &&
            !(from->fields[i].flags & FIELD_REPEATED))
            return true;
    return false;
}

/* "Deals", and the first of them. */
static enum crm_status show_related(struct cli *cli, const struct kind_def *kind,
                                    const struct record *parent)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    const Crm__ListReply *reply;
    struct crm_call *call = NULL;
    struct rows *rows = NULL;
    enum crm_status status = rows_create(cli, kind, &rows);

    if (status)
        return status;
    request.has_kind = request.has_parent = request.has_limit = request.has_titles =
        request.titles = true;
    request.kind = (uint32_t)kind->kind;
    request.parent = (ProtobufCBinaryData){ .len = UUID_SIZE,
                                            .data = (uint8_t *)(uintptr_t)parent->header.id.bytes };
    request.limit = cli->options.all ? 0 : RELATED_ROWS;
    status = query_run(cli, OP_LIST, &request.base, rows, &call, &reply);
    if (!status && rows_count(rows) > 0) {
        const char *more =
            reply->has_token && reply->token.len > 0
                ? cli_label(cli, " (first 5, --all for the rest)", "(前 5 条,--all 显示全部)")
                : "";

        printf("\n%s%s%s%s\n", cli->colour ? "\033[1m" : "", display_kind_label(cli, kind, true),
               cli->colour ? "\033[0m" : "", more);
        status = rows_finish(rows);
    }
    crm_call_destroy(call);
    rows_destroy(rows);
    return status;
}

static enum crm_status show_people(struct cli *cli, const struct kind_def *kind,
                                   const struct record *record)
{
    const struct kind_def *other;
    enum crm_status status;

    printf("%s%s%s%s\n", cli->colour ? "\033[1m" : "", display_record(cli, record, &cli->arena),
           cli->colour ? "\033[0m" : "",
           record->header.flags & RECORD_DELETED ? cli_label(cli, "  (deleted)", "(已删除)") : "");
    status = show_fields(cli, kind, record);
    if (cli->options.as_of || kind->flags & KIND_ADMINISTRATION)
        return status;
    fflush(stdout);
    for (size_t i = 0; !status && (other = kind_at(i)); i++)
        if (!(other->flags & KIND_ADMINISTRATION) && refers_to(other, kind->kind))
            status = show_related(cli, other, record);
    return status;
}

enum crm_status cmd_show(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .deleted = cli->options.deleted,
                                   .titles = true,
                                   .as_of = cli->options.as_of };
    const struct kind_def *kind;
    struct record record;
    struct rows *rows = NULL;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &record);
    if (status)
        return status;
    kind = kind_def(record.header.kind);
    if (!rows_for_programs(cli) && !cli->options.columns)
        return show_people(cli, kind, &record);
    if (cli->options.json) { /* one result: an object, not an array */
        cli->options.jsonl = true;
        cli->options.json = false;
    }
    status = rows_create(cli, kind, &rows);
    if (!status)
        status = rows_add(rows, &record);
    if (!status)
        status = rows_finish(rows);
    rows_destroy(rows);
    return status;
}
