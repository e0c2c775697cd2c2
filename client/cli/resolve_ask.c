/*
 * resolve_ask.c - resolving on the terminal: before, mine and theirs side by side, and a question for each field
 *
 * Called by crm resolve; main thread.
 */
#include <stdio.h>
#include <string.h>

#include "client/cli/display.h"
#include "client/cli/editor.h"
#include "client/cli/form.h"
#include "client/cli/prompt.h"
#include "client/cli/resolve.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

#define ANSWER_SIZE 4096

static enum crm_status gave_up(struct cli *cli)
{
    return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was changed");
}

/* --- what is to be chosen from */

static enum crm_status values_row(struct cli *cli, struct table *table, const Crm__Conflict *conflict, const Crm__FieldConflict *values)
{
    const char *before = conflict_value_text(cli, conflict, values->field, values->has_before, values->before);
    const char *mine = conflict_value_text(cli, conflict, values->field, values->has_mine, values->mine);
    const char *theirs = conflict_value_text(cli, conflict, values->field, values->has_theirs, values->theirs);
    const char *cells[] = { conflict_field_label(cli, conflict, values->field), before, mine, theirs };
    const char *colours[] = { NULL, NULL, strcmp(mine, before) != 0 ? TABLE_MINE : NULL, strcmp(theirs, before) != 0 ? TABLE_THEIRS : NULL };

    return table_row_coloured(table, cells, colours);
}

static enum crm_status fill_values(struct cli *cli, struct table *table, const Crm__Conflict *conflict)
{
    static const char *const headings[][2] = { { "field", "字段" }, { "before", "原值" }, { "mine", "我的" }, { "theirs", "现值" } };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, headings[i][cli->chinese], i ? TABLE_WRAP : 0);
    for (size_t i = 0; i < conflict->n_fields && !status; i++)
        status = values_row(cli, table, conflict, conflict->fields[i]);
    return status ? status : table_flush(table);
}

static enum crm_status show_values(const struct resolve *resolve, size_t at)
{
    struct cli *cli = resolve->cli;
    const Crm__Conflict *conflict = resolve->list->items[at];
    struct table *table;
    enum crm_status status;

    printf("%s%s%s", cli->colour ? "\033[1m" : "", conflict_record_text(cli, conflict), cli->colour ? "\033[0m" : "");
    if (resolve->list->n > 1)
        printf(" (%zu/%zu)", at + 1, resolve->list->n);
    printf("  %s: %s%s%s\n", conflict_time_text(cli, conflict), conflict->action ? cli_safe(cli, conflict->action) : "",
           conflict->action ? ": " : "", conflict_why_text(cli, conflict));
    if (conflict->n_fields == 0)
        return CRM_OK;
    table = table_create(stdout, cli->colour);
    status = table ? fill_values(cli, table, conflict) : CRM_NO_MEMORY;
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

/* --- another value */

static void begin_change(struct cli *cli, const struct resolve *resolve, struct change *change)
{
    struct value_context context = cli_value_context(cli);

    change_init(change, cli->schema, resolve->kind, &context, &cli->arena, select_resolve, cli);
}

/* The field as crm edit shows it, with what I wanted; the other two stand above it. */
static const char *editor_text(struct cli *cli, const Crm__Conflict *conflict, const Crm__FieldConflict *values, const struct field_def *field)
{
    struct record mine = conflict_alone(conflict, field->ref, values->mine);
    const char *value = form_value(cli, field, &mine);
    const char *text = value ? arena_printf(&cli->arena, "# %s: %s\n# %s: %s\n# %s: %s\n\n%s: ", conflict_record_text(cli, conflict),
                                            display_field_label(cli, field), cli_label(cli, "before", "原值"),
                                            conflict_value_text(cli, conflict, field->ref, values->has_before, values->before),
                                            cli_label(cli, "theirs", "现值"),
                                            conflict_value_text(cli, conflict, field->ref, values->has_theirs, values->theirs), field->name)
                             : NULL;

    for (; text && *value; value += strcspn(value, "\n") + (value[strcspn(value, "\n")] == '\n')) {
        int size = (int)strcspn(value, "\n");

        text = arena_printf(&cli->arena, "%s%.*s\n%s", text, size, value, value[size] ? "    " : "");
    }
    return text;
}

static enum crm_status edit_in_editor(struct resolve *resolve, const char *editor, const Crm__Conflict *conflict,
                                      const Crm__FieldConflict *values, const struct field_def *field, struct change *change)
{
    struct cli *cli = resolve->cli;
    struct record theirs = conflict_alone(conflict, field->ref, values->theirs);
    const char *text = editor_text(cli, conflict, values, field);
    struct slice edited;
    enum crm_status status = text ? editor_run(cli, editor, text, &edited) : fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");

    return status ? status : form_read(cli, &theirs, (const char *)edited.data, change, &cli->failure);
}

static enum crm_status edit_at_prompt(struct resolve *resolve, const struct field_def *field, struct change *change)
{
    struct cli *cli = resolve->cli;
    char answer[ANSWER_SIZE];
    const char *copy;

    if (!prompt_line(cli_label(cli, "New value (- clears it): ", "新值 (- 清除): "), answer, sizeof(answer)))
        return gave_up(cli);
    copy = arena_strdup(&cli->arena, strcmp(answer, "-") == 0 ? "" : answer);
    if (!copy)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return change_list(change, field, slice_text(copy), &cli->failure);
}

/* CRM_INVALID is told here, and the question asked again. */
static enum crm_status edit(struct resolve *resolve, const Crm__Conflict *conflict, const Crm__FieldConflict *values, const struct field_def *field)
{
    const char *editor = editor_name();
    struct change change;
    enum crm_status status;

    begin_change(resolve->cli, resolve, &change);
    status = editor ? edit_in_editor(resolve, editor, conflict, values, field, &change) : edit_at_prompt(resolve, field, &change);
    if (!status && change_is_empty(&change))
        return resolve_add(resolve, conflict, field->ref, CRM__TAKE__TAKE_THEIRS, (ProtobufCBinaryData){ 0 });
    return status ? status : resolve_add_change(resolve, &change, conflict);
}

/* --- the questions */

/* One letter in lower case, or 0 at the end of the input. */
static char ask_letter(struct cli *cli, const char *label, const char *choices)
{
    const char *shown = arena_printf(&cli->arena, "%s: %s ", label, choices);
    char answer[16];

    if (!shown || !prompt_line(shown, answer, sizeof(answer)))
        return 0;
    return *answer >= 'A' && *answer <= 'Z' ? (char)(*answer - 'A' + 'a') : *answer ? *answer : '?';
}

static enum crm_status ask_field(struct resolve *resolve, const Crm__Conflict *conflict, const Crm__FieldConflict *values)
{
    struct cli *cli = resolve->cli;
    const struct field_def *field = conflict_field(cli, conflict, values->field);
    const char *label = conflict_field_label(cli, conflict, values->field);
    const char *choices = field ? cli_label(cli, "[m]ine, [t]heirs, [e]dit, [s]kip, [q]uit?", "[m]我的 [t]现值 [e]编辑 [s]跳过 [q]退出?")
                                : cli_label(cli, "[m]ine, [t]heirs, [s]kip, [q]uit?", "[m]我的 [t]现值 [s]跳过 [q]退出?");

    for (;;) {
        enum crm_status status;

        switch (ask_letter(cli, label, choices)) {
        case 'm':
            return resolve_add(resolve, conflict, values->field, CRM__TAKE__TAKE_MINE, (ProtobufCBinaryData){ 0 });
        case 't':
            return resolve_add(resolve, conflict, values->field, CRM__TAKE__TAKE_THEIRS, (ProtobufCBinaryData){ 0 });
        case 's':
            return CRM_OK;
        case 'e':
            status = field ? edit(resolve, conflict, values, field) : CRM_INVALID;
            if (!status || status == CRM_CANCELLED || status == CRM_NO_MEMORY)
                return status;
            if (field)
                cli_print_failure(cli, &cli->failure);
            cli->failure = (struct failure){ 0 };
            break;
        case 'q':
        case 0:
            return gave_up(cli);
        default:
            break;
        }
    }
}

/* What was refused as a whole can be done again, or be left. */
static enum crm_status ask_whole(struct resolve *resolve, const Crm__Conflict *conflict)
{
    struct cli *cli = resolve->cli;
    const char *label = arena_printf(&cli->arena, "%s %s", conflict->action ? cli_safe(cli, conflict->action) : "", conflict_wanted_text(cli, conflict));

    if (!label)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (;;) {
        switch (ask_letter(cli, label, cli_label(cli, "let it be [t], [s]kip, [q]uit?", "[t]放弃 [s]跳过 [q]退出?"))) {
        case 't':
            return resolve_add(resolve, conflict, 0, CRM__TAKE__TAKE_THEIRS, (ProtobufCBinaryData){ 0 });
        case 's':
            return CRM_OK;
        case 'q':
        case 0:
            return gave_up(cli);
        default:
            break;
        }
    }
}

enum crm_status resolve_ask(struct resolve *resolve)
{
    size_t settled, open;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < resolve->list->n && !status; i++) {
        const Crm__Conflict *conflict = resolve->list->items[i];

        status = show_values(resolve, i);
        if (!status && conflict->n_fields == 0)
            status = ask_whole(resolve, conflict);
        for (size_t k = 0; k < conflict->n_fields && !status; k++)
            status = ask_field(resolve, conflict, conflict->fields[k]);
    }
    resolve_count(resolve, &settled, &open);
    if (status || settled == 0)
        return status;
    status = resolve_show(resolve);
    if (!status && !resolve->cli->options.dry_run && !prompt_confirm(resolve->cli, cli_label(resolve->cli, "Write it?", "写入?")))
        return gave_up(resolve->cli);
    return status;
}
