/*
 * cmd_outbox.c - crm outbox list, crm outbox show: what waits to be sent, and what was not taken
 *
 * Main thread. Reads the replica beside whoever writes it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/action_text.h"
#include "client/cli/command.h"
#include "client/cli/conflict_view.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/outbox.h"
#include "client/cli/outbox_view.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"

/* --- for programs */

/* The fields of a mutation, or those of it that are in conflict, by name. */
static json_t *field_names(const struct outbox_view *view, const Crm__Mutation *mutation, const Crm__MutateResult *answer)
{
    const struct kind_def *kind = kind_def(mutation->kind);
    const struct field_def *field;
    json_t *names = json_array();

    if (answer && answer->n_conflicts > 0) {
        for (size_t i = 0; kind && i < answer->n_conflicts; i++)
            if ((field = schema_field(view->cli->schema, kind, answer->conflicts[i]->field)))
                json_array_append_new(names, json_string(field->name));
        return names;
    }
    for (size_t at = 0; (field = outbox_view_field(view, mutation, &at));)
        json_array_append_new(names, json_string(field->name));
    return names;
}

static json_t *part_object(const struct outbox_view *view, const struct outbox_part *part)
{
    const struct kind_def *kind = kind_def(part->mutation->kind);
    const char *title;
    struct record_header header = outbox_view_header(view, part->mutation, part->local_number, &title);
    char label[RECORD_LABEL_SIZE], id[UUID_TEXT_SIZE];
    json_t *object = json_object();

    record_label(&header, label);
    uuid_format(&header.id, id);
    json_object_set_new(object, "what", json_string(outbox_view_verb(view, part->mutation)));
    json_object_set_new(object, "kind", kind ? json_string(kind->name) : json_null());
    json_object_set_new(object, "number", header.number ? json_string(label) : json_null());
    json_object_set_new(object, "id", json_string(id));
    json_object_set_new(object, "name", title && *title ? json_string(title) : json_null());
    json_object_set_new(object, "fields", field_names(view, part->mutation, part->answer));
    if (part->mutation->action)
        json_object_set_new(object, "wanted", json_string(action_text(view->cli, part->mutation->action, part->mutation->argument)));
    if (part->answer) {
        json_object_set_new(object, "status", json_string(crm_status_info((int)part->answer->status)->name));
        json_object_set_new(object, "why", json_string(outbox_why(view->cli, part->answer)));
    }
    return object;
}

static json_t *item_object(const struct outbox_view *view, const struct outbox_item *item)
{
    struct outbox_part part = outbox_part(item->queued, 0);
    uint64_t held = view->held[item - view->list.items];
    char instant[INSTANT_TEXT_SIZE];
    json_t *object = part_object(view, &part), *parts;

    instant_format(item->queued->queued_at, instant);
    json_object_set_new(object, "change", json_integer((json_int_t)item->place));
    json_object_set_new(object, "state", json_string(outbox_state_name(outbox_view_state(view, item))));
    json_object_set_new(object, "queued", json_string(instant));
    if (held)
        json_object_set_new(object, "held_by", json_integer((json_int_t)held));
    if (outbox_mutations(item->queued) > 1) {
        parts = json_array();
        for (size_t i = 0; i < outbox_mutations(item->queued); i++) {
            part = outbox_part(item->queued, i);
            json_array_append_new(parts, part_object(view, &part));
        }
        json_object_set_new(object, "together", parts);
    }
    return object;
}

static enum crm_status print_json(const struct outbox_view *view)
{
    json_t *array = json_array();

    for (size_t i = 0; i < view->list.n; i++)
        json_array_append_new(array, item_object(view, &view->list.items[i]));
    return json_print(stdout, array, true);
}

/* --- the list */

static const char *state_text(const struct cli *cli, enum outbox_state state)
{
    static const char *const zh[] = { [OUTBOX_PENDING] = "待提交", [OUTBOX_SENT] = "已发送", [OUTBOX_HELD] = "搁置", [OUTBOX_CONFLICT] = "冲突",
                                      [OUTBOX_REJECTED] = "被拒绝" };

    return cli_label(cli, outbox_state_name(state), zh[state]);
}

static enum crm_status list_row(const struct outbox_view *view, struct table *table, const struct outbox_item *item)
{
    struct cli *cli = view->cli;
    enum outbox_state state = outbox_view_state(view, item);
    char place[24];
    const char *cells[] = {
        place,
        state_text(cli, state),
        outbox_view_change(view, item->queued->mutation),
        outbox_view_record(view, item),
        cli_age(cli, item->queued->queued_at),
        outbox_view_why(view, item),
    };
    const char *colours[ARRAY_LEN(cells)] = { [1] = state >= OUTBOX_CONFLICT ? TABLE_THEIRS : NULL };

    snprintf(place, sizeof(place), "%" PRIu64, item->place);
    return table_row_coloured(table, cells, colours);
}

static enum crm_status fill_list(const struct outbox_view *view, struct table *table)
{
    static const char *const headings[][2] = { { "number", "编号" }, { "state", "状态" }, { "change", "更改" }, { "record", "记录" },
                                               { "age", "时长" },    { "why", "原因" } };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, headings[i][view->cli->chinese], i == 0 ? TABLE_RIGHT : i == 2 || i == 3 || i == 5 ? TABLE_WRAP : 0);
    for (size_t i = 0; i < view->list.n && !status; i++)
        status = list_row(view, table, &view->list.items[i]);
    return status ? status : table_flush(table);
}

static void hint_next(const struct outbox_view *view)
{
    for (size_t i = 0; i < view->list.n; i++)
        if (view->list.items[i].queued->answer) {
            cli_hint(view->cli, view->cli->chinese ? "下一步:%s" : "Go on with: %s", outbox_view_next(view, &view->list.items[i]));
            return;
        }
}

static enum crm_status print_list(const struct outbox_view *view)
{
    struct table *table;
    enum crm_status status;

    if (view->list.n == 0) {
        cli_hint(view->cli, "%s", cli_label(view->cli, "All changes are in the server.", "所有更改均已提交。"));
        return CRM_OK;
    }
    table = table_create(stdout, view->cli->colour);
    status = table ? fill_list(view, table) : CRM_NO_MEMORY;
    table_destroy(table);
    if (status)
        return fail(&view->cli->failure, status, NULL, "out of memory");
    hint_next(view);
    return CRM_OK;
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    struct outbox_view view;
    enum crm_status status = outbox_view_open(cli, false, &view);

    (void)argc;
    (void)argv;
    if (status)
        return status;
    return cli->options.json ? print_json(&view) : print_list(&view);
}

/* --- one of them */

/* What a mutation wants of a field, packed as a conflict has it. */
static ProtobufCBinaryData wanted_of(const Crm__Mutation *mutation, uint32_t ref)
{
    if (ref == HEADER_OWNER)
        return mutation->owner;
    if (ref == HEADER_TEAM)
        return mutation->team;
    return mutation->set.len ? mutation->set : mutation->add;
}

static ProtobufCBinaryData seen_of(const Crm__Mutation *mutation, uint32_t ref)
{
    return ref == HEADER_OWNER ? mutation->old_owner : ref == HEADER_TEAM ? mutation->old_team : mutation->old;
}

static const Crm__FieldConflict *conflict_of(const Crm__MutateResult *answer, uint32_t ref)
{
    for (size_t i = 0; answer && i < answer->n_conflicts; i++)
        if (answer->conflicts[i]->field == ref)
            return answer->conflicts[i];
    return NULL;
}

static enum crm_status value_row(const struct outbox_view *view, struct table *table, const struct outbox_part *part, const struct field_def *field)
{
    Crm__Conflict alone = CRM__CONFLICT__INIT;
    const Crm__FieldConflict *theirs = conflict_of(part->answer, field->ref);
    ProtobufCBinaryData seen = seen_of(part->mutation, field->ref);
    const char *cells[4], *colours[] = { NULL, NULL, TABLE_MINE, TABLE_THEIRS };

    alone.kind = part->mutation->kind;
    cells[0] = display_field_label(view->cli, field);
    cells[1] = conflict_value_text(view->cli, &alone, field->ref, seen.len > 0, seen);
    cells[2] = conflict_value_text(view->cli, &alone, field->ref, true, wanted_of(part->mutation, field->ref));
    cells[3] = theirs ? conflict_value_text(view->cli, &alone, field->ref, theirs->has_theirs, theirs->theirs) : "";
    return table_row_coloured(table, cells, colours);
}

static enum crm_status fill_values(const struct outbox_view *view, struct table *table, const struct outbox_part *part)
{
    static const char *const headings[][2] = { { "field", "字段" }, { "before", "原值" }, { "mine", "我的" }, { "theirs", "现值" } };
    const struct field_def *field;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, headings[i][view->cli->chinese], i ? TABLE_WRAP : 0);
    for (size_t at = 0; !status && (field = outbox_view_field(view, part->mutation, &at));)
        status = value_row(view, table, part, field);
    return status || table_rows(table) == 0 ? status : table_flush(table);
}

static enum crm_status show_part(const struct outbox_view *view, const struct outbox_part *part)
{
    const char *title;
    struct record_header header = outbox_view_header(view, part->mutation, part->local_number, &title);
    const char *wanted = action_text(view->cli, part->mutation->action, part->mutation->argument);
    struct table *table = table_create(stdout, view->cli->colour);
    char label[RECORD_LABEL_SIZE];
    enum crm_status status;

    record_label(&header, label);
    printf("%s %s%s%s%s%s\n", outbox_view_verb(view, part->mutation), label, title && *title ? " " : "", title ? title : "", *wanted ? ": " : "",
           wanted);
    status = table ? fill_values(view, table, part) : CRM_NO_MEMORY;
    table_destroy(table);
    return status ? fail(&view->cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status show_item(const struct outbox_view *view, const struct outbox_item *item)
{
    struct cli *cli = view->cli;
    const char *why = outbox_view_why(view, item);
    char instant[INSTANT_TEXT_SIZE];
    enum crm_status status = CRM_OK;

    instant_format_short(item->queued->queued_at, instant);
    printf("%" PRIu64 "  %s  %s%s%s\n", item->place, state_text(cli, outbox_view_state(view, item)), instant, *why ? "  " : "", why);
    for (size_t i = 0; i < outbox_mutations(item->queued) && !status; i++) {
        struct outbox_part part = outbox_part(item->queued, i);

        status = show_part(view, &part);
    }
    if (!status && outbox_view_is_open(item))
        cli_hint(cli, cli->chinese ? "下一步:%s" : "Go on with: %s", outbox_view_next(view, item));
    else if (!status && item->queued->answer)
        cli_hint(cli, cli->chinese ? "crm outbox edit|retry|drop %" PRIu64 : "Go on with: crm outbox edit, retry or drop %" PRIu64, item->place);
    return status;
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    const struct outbox_item *item;
    struct outbox_view view;
    uint64_t place;
    enum crm_status status = outbox_place(cli, argv[1], &place);

    (void)argc;
    if (!status)
        status = outbox_view_open(cli, false, &view);
    if (status)
        return status;
    item = outbox_view_find(&view, place);
    if (!item)
        return fail(&cli->failure, CRM_NOT_FOUND, NULL, "there is no such change in the outbox");
    return cli->options.json ? json_print(stdout, item_object(&view, item), true) : show_item(&view, item);
}

const struct command outbox_list_command = {
    .name = "outbox list",
    .synopsis = "",
    .summary = "the changes that are not in the server yet",
    .run = run_list,
    OPTIONS(OPT_JSON),
    .max_args = 0,
    .description = "In the order in which they were made. pending: the next sync sends it; sent: it may have arrived, the next sync "
                   "tells; held: it waits for one that was not taken; conflict: others have changed the same, crm resolve chooses; "
                   "rejected: the server did not take it.",
    EXAMPLES("crm outbox list", "what is still to be sent"),
};

const struct command outbox_show_command = {
    .name = "outbox show",
    .synopsis = "NUMBER",
    .summary = "one queued change",
    .run = run_show,
    OPTIONS(OPT_JSON),
    .arguments = { ARGUMENT_OTHER },
    .min_args = 1,
    .max_args = 1,
    .description = "What it changes, what its author saw, and, where it is in conflict, what the record has.",
    EXAMPLES("crm outbox show 3", "why it was not taken"),
};
