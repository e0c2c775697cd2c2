/*
 * cmd_conflicts.c - crm conflicts: what was not taken of one's changes, until it is resolved
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/conflict_view.h"
#include "client/cli/csv.h"
#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "client/cli/select.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"
#include "common/base/text.h"

/* One line of the table or of the CSV; of an action that was refused as a whole there is one, without values. */
struct line {
    const Crm__Conflict *conflict;
    const Crm__FieldConflict *values; /* NULL: the action */
};

typedef enum crm_status show_line(struct cli *cli, void *arg, const struct line *line);

static enum crm_status each_line(struct cli *cli, const struct conflict_list *list, show_line *show, void *arg)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < list->n && !status; i++) {
        struct line line = { .conflict = list->items[i] };

        if (line.conflict->n_fields == 0)
            status = show(cli, arg, &line);
        for (size_t k = 0; k < line.conflict->n_fields && !status; k++) {
            line.values = line.conflict->fields[k];
            status = show(cli, arg, &line);
        }
    }
    return status;
}

/* --- for people */

#define RECORD_WIDTH 28

/* The record by its number and as much of its name as leaves room for the values. */
static const char *record_cell(struct cli *cli, const Crm__Conflict *conflict)
{
    const char *text = conflict_record_text(cli, conflict);
    struct slice all = slice_text(text);
    size_t end = 0;

    if (text_width(all) <= RECORD_WIDTH)
        return text;
    for (size_t at = 0; text_next(all, &at) >= 0 && text_width(slice_of(all.data, at)) < RECORD_WIDTH;)
        end = at;
    text = arena_printf(&cli->arena, "%.*s…", (int)end, text);
    return text ? text : "";
}

/* What a conflict is about stands in its first line. */
static enum crm_status table_line(struct cli *cli, void *arg, const struct line *line)
{
    const Crm__Conflict *conflict = line->conflict;
    const Crm__FieldConflict *values = line->values;
    bool is_first = !values || values == conflict->fields[0];
    const char *cells[] = {
        is_first ? record_cell(cli, conflict) : "",
        values ? conflict_field_label(cli, conflict, values->field) : cli_safe(cli, conflict->action ? conflict->action : ""),
        values ? conflict_value_text(cli, conflict, values->field, values->has_before, values->before) : "",
        values ? conflict_value_text(cli, conflict, values->field, values->has_mine, values->mine) : conflict_wanted_text(cli, conflict),
        values ? conflict_value_text(cli, conflict, values->field, values->has_theirs, values->theirs) : "",
        is_first ? conflict_time_text(cli, conflict) : "",
        is_first ? conflict_why_text(cli, conflict) : "",
    };
    static const char *const colours[ARRAY_LEN(cells)] = { [3] = TABLE_MINE, [4] = TABLE_THEIRS };

    return table_row_coloured(arg, cells, colours);
}

/* Where all are as usual (others came first) the reasons leave the room to the values. */
static bool has_reasons(const struct conflict_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i]->gone || (list->items[i]->why && *list->items[i]->why))
            return true;
    return false;
}

static enum crm_status fill_table(struct cli *cli, struct table *table, const struct conflict_list *list)
{
    static const struct {
        const char *en, *zh;
        unsigned flags;
    } headings[] = { { "record", "记录", 0 },          { "field", "字段", 0 },       { "before", "原值", TABLE_WRAP }, { "mine", "我的", TABLE_WRAP },
                     { "theirs", "现值", TABLE_WRAP }, { "changed", "修改时间", 0 }, { "why", "原因", TABLE_WRAP } };
    size_t n = ARRAY_LEN(headings) - !has_reasons(list);
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < n && !status; i++)
        status = table_column(table, cli_label(cli, headings[i].en, headings[i].zh), headings[i].flags);
    if (!status)
        status = each_line(cli, list, table_line, table);
    return status ? status : table_flush(table);
}

static enum crm_status print_table(struct cli *cli, const struct conflict_list *list)
{
    struct table *table;
    enum crm_status status;

    if (list->n == 0) {
        cli_hint(cli, "%s", cli_label(cli, "Nothing is in conflict.", "没有冲突。"));
        return CRM_OK;
    }
    table = table_create(cli->out, cli->colour);
    status = table ? fill_table(cli, table, list) : CRM_NO_MEMORY;
    table_destroy(table);
    if (status)
        return fail(&cli->failure, status, NULL, "out of memory");
    cli_hint(cli, "%s", cli_label(cli, "Choose with crm resolve RECORD; --mine or --theirs takes all of one side, --drop gives one up.",
                                  "用 crm resolve 记录 选择;--mine 或 --theirs 全取一方,--drop 放弃。"));
    return CRM_OK;
}

/* --- for programs */

static void csv_value(struct cli *cli, const struct line *line, bool has, ProtobufCBinaryData value)
{
    const struct field_def *field = conflict_field(cli, line->conflict, line->values->field);
    struct record record = conflict_alone(line->conflict, line->values->field, value);
    const char *text = field && has && value.len > 0 ? csv_field(cli, field, &record, &cli->arena) : "";

    csv_cell(cli->out, slice_text(text ? text : ""), false);
}

static enum crm_status csv_line(struct cli *cli, void *arg, const struct line *line)
{
    struct uuid record = conflict_record_id(line->conflict), id = { { 0 } };
    const struct title *title = titles_find(&cli->titles, &record);
    const struct kind_def *kind = kind_def(line->conflict->kind);
    const struct field_def *field = line->values ? conflict_field(cli, line->conflict, line->values->field) : NULL;
    struct record_header header = { .kind = (enum kind)line->conflict->kind, .id = record, .number = title ? title->number : 0 };
    char label[RECORD_LABEL_SIZE] = "", record_id[UUID_TEXT_SIZE], conflict_id[UUID_TEXT_SIZE], happened[INSTANT_TEXT_SIZE];

    (void)arg;
    if (header.number)
        record_label(&header, label);
    (void)uuid_from_slice(slice_of(line->conflict->conflict.data, line->conflict->conflict.len), &id);
    uuid_format(&id, conflict_id);
    instant_format(line->conflict->happened_at ? line->conflict->happened_at : line->conflict->recorded_at, happened);
    uuid_format(&record, record_id);
    csv_cell(cli->out, slice_text(conflict_id), true);
    csv_cell(cli->out, slice_text(kind ? kind->name : ""), false);
    csv_cell(cli->out, slice_text(label), false);
    csv_cell(cli->out, slice_text(record_id), false);
    csv_cell(cli->out, slice_text(field ? field->name : line->conflict->action ? line->conflict->action : ""), false);
    if (line->values) {
        csv_value(cli, line, line->values->has_before, line->values->before);
        csv_value(cli, line, line->values->has_mine, line->values->mine);
        csv_value(cli, line, line->values->has_theirs, line->values->theirs);
    } else {
        csv_cell(cli->out, slice_text(""), false);
        csv_cell(cli->out, slice_text(conflict_wanted_text(cli, line->conflict)), false);
        csv_cell(cli->out, slice_text(""), false);
    }
    csv_cell(cli->out, slice_text(happened), false);
    csv_cell(cli->out, slice_text(line->conflict->gone ? "gone" : line->conflict->why ? line->conflict->why : "changed"), false);
    csv_end(cli->out);
    return CRM_OK;
}

static enum crm_status print_csv(struct cli *cli, const struct conflict_list *list)
{
    static const char *const names[] = { "conflict", "kind", "number", "id", "field", "before", "mine", "theirs", "happened", "why" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        csv_cell(cli->out, slice_text(names[i]), i == 0);
    csv_end(cli->out);
    return each_line(cli, list, csv_line, NULL);
}

static enum crm_status print_json(struct cli *cli, const struct conflict_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(array, conflict_object(cli, list->items[i]));
    return json_print(cli->out, array, true);
}

enum crm_status cmd_conflicts(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .selector = NULL };
    struct conflict_list list;
    struct record record;
    int n;
    enum crm_status status = CRM_OK;

    if (argc > 1) {
        status = select_from_arguments(cli, argc, argv, &selection, &n);
        if (!status)
            status = select_record(cli, &selection, &record);
    }
    if (!status)
        status = conflict_fetch(cli, argc > 1 ? &record.header.id : NULL, &list);
    if (status)
        return status;
    if (cli->options.json)
        return print_json(cli, &list);
    return cli->options.csv ? print_csv(cli, &list) : print_table(cli, &list);
}
