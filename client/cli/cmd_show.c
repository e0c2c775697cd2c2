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
#include "client/cli/shares.h"
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
    struct table *table = table_create(cli->out, cli->colour);
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

/* A field by which records of a kind belong to one of another. */
static bool refers_to(const struct field_def *field, enum kind to)
{
    return field->type == FIELD_REFERENCE && field->ref_kind == to &&
           !(field->flags & FIELD_REPEATED);
}

/* "customer = C-4": a filter for what refers to a record by any field. "" where its kind has none;
 * NULL when memory is spent. */
static const char *related_filter(struct cli *cli, const struct kind_def *kind, enum kind to,
                                  const char *record)
{
    const char *filter = "";

    for (size_t i = 0; i < kind->n_fields && filter; i++)
        if (refers_to(&kind->fields[i], to))
            filter = arena_printf(&cli->arena, "%s%s%s = %s", filter, *filter ? " or " : "",
                                  kind->fields[i].name, record);
    return filter;
}

/* What is worked on first, and of that the newest. */
static const char *related_sort(enum kind kind)
{
    switch (kind) {
    case KIND_DEAL:
        return "state,-engaged,-number";
    case KIND_ACTIVITY:
        return "-started,-number";
    default:
        return "-created,-number";
    }
}

/* "7 more: crm list deals 'customer = C-4'" */
static enum crm_status tell_more(struct cli *cli, const struct kind_def *kind,
                                 const struct record *parent, const Crm__ListRequest *request,
                                 uint64_t n_shown)
{
    const char *label =
        display_label(parent->header.kind, &parent->header.id, parent->header.number, &cli->arena);
    const char *filter = label ? related_filter(cli, kind, parent->header.kind, label) : NULL;
    char number[32];
    uint64_t count;
    enum crm_status status;

    if (!filter)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = query_count(cli, request, &count);
    if (!status && count > n_shown)
        fprintf(cli->out, cli->chinese ? "还有 %s 条: crm list %s '%s'\n" : "%s more: crm list %s '%s'\n",
               cli_grouped((int64_t)(count - n_shown), number), kind->plural, filter);
    return status;
}

/* "Deals", and the first of them. filter: which those are. */
static enum crm_status show_related(struct cli *cli, const struct kind_def *kind,
                                    const struct record *parent, const char *filter)
{
    Crm__ListRequest request;
    const Crm__ListReply *reply;
    struct crm_call *call = NULL;
    struct rows *rows = NULL;
    enum crm_status status;

    cli->options.sort = related_sort(kind->kind);
    status = query_list(cli, kind, filter, &request);
    if (!status)
        status = rows_create(cli, kind, &rows);
    if (status)
        return status;
    request.has_limit = !cli->options.all;
    request.limit = RELATED_ROWS;
    request.deleted = false; /* of a deleted record too: what is still there */
    status = query_run(cli, OP_LIST, &request.base, rows, &call, &reply);
    if (!status && rows_count(rows) > 0) {
        fprintf(cli->out, "\n%s%s%s\n", cli->colour ? "\033[1m" : "", display_kind_label(cli, kind, true),
               cli->colour ? "\033[0m" : "");
        status = rows_finish(rows);
        if (!status && reply->has_token && reply->token.len > 0)
            status = tell_more(cli, kind, parent, &request, rows_count(rows));
    }
    crm_call_destroy(call);
    rows_destroy(rows);
    return status;
}

/* What belongs to a record, kind by kind. */
static enum crm_status show_all_related(struct cli *cli, const struct record *record)
{
    const struct kind_def *kind;
    char id[UUID_TEXT_SIZE];
    enum crm_status status = CRM_OK;

    uuid_format(&record->header.id, id);
    for (size_t i = 0; !status && (kind = kind_at(i)); i++) {
        const char *filter = related_filter(cli, kind, record->header.kind, id);

        if (!filter)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        if (*filter && !(kind->flags & KIND_ADMINISTRATION))
            status = show_related(cli, kind, record, filter);
    }
    return status;
}

static enum crm_status show_people(struct cli *cli, const struct kind_def *kind,
                                   const struct record *record)
{
    enum crm_status status;

    fprintf(cli->out, "%s%s%s%s\n", cli->colour ? "\033[1m" : "", display_record(cli, record, &cli->arena),
           cli->colour ? "\033[0m" : "",
           record->header.flags & RECORD_DELETED ? cli_label(cli, "  (deleted)", "(已删除)") : "");
    status = show_fields(cli, kind, record);
    if (cli->options.as_of || kind->flags & KIND_ADMINISTRATION)
        return status;
    if (!status && !(record->header.flags & RECORD_DELETED))
        status = shares_show(cli, record);
    fflush(cli->out);
    return status ? status : show_all_related(cli, record);
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
