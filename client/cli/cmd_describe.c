/*
 * cmd_describe.c - crm describe: kinds, and the fields of one
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

static const char *const type_names[] = {
    [FIELD_NONE] = "none",           [FIELD_TEXT] = "text",       [FIELD_INTEGER] = "integer",
    [FIELD_DECIMAL] = "decimal",     [FIELD_MONEY] = "money",     [FIELD_DATE] = "date",
    [FIELD_INSTANT] = "instant",     [FIELD_BOOLEAN] = "boolean", [FIELD_CHOICE] = "choice",
    [FIELD_REFERENCE] = "reference", [FIELD_GROUP] = "group",     [FIELD_ID] = "id",
};

/* What becomes of it where two people change it at the same time. */
static const char *merge_name(const struct field_def *field)
{
    static const char *const names[] = { [MERGE_ASK] = "ask", [MERGE_LAST] = "last", [MERGE_MAX] = "max",
                                         [MERGE_UNION] = "union", [MERGE_NEVER] = "never" };

    if (field->merge == MERGE_ASK && field->flags & FIELD_REPEATED && !(field->flags & FIELD_CUSTOM))
        return "union"; /* lists merge by element */
    if (field->merge == MERGE_ASK && field->type == FIELD_TEXT && field->flags & (FIELD_LONG | FIELD_MULTILINE))
        return "append"; /* what both have written on is kept, else it asks */
    return names[field->merge];
}

/* "" where nobody changes it. */
static const char *merge_text(const struct cli *cli, const struct field_def *field)
{
    static const struct {
        const char *name, *en, *zh;
    } texts[] = { { "ask", "asks", "询问" },          { "last", "last change", "最后修改" },
                  { "max", "larger value", "取大值" }, { "union", "both, by element", "逐项合并" },
                  { "append", "both, if appended", "追加时合并" }, { "never", "never, asks", "不合并" } };

    if (field->flags & FIELD_DERIVED && field->ref != HEADER_OWNER && field->ref != HEADER_TEAM)
        return "";
    if (field->flags & FIELD_HEADER)
        return field->ref == HEADER_OWNER || field->ref == HEADER_TEAM ? cli_label(cli, "never, asks", "不合并") : "";
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(merge_name(field), texts[i].name) == 0)
            return cli_label(cli, texts[i].en, texts[i].zh);
    return "";
}

static json_t *choices_json(const struct field_def *field)
{
    json_t *choices = json_array();

    for (size_t i = 0; i < field->n_choices; i++)
        json_array_append_new(choices,
                              json_pack("{s:s, s:s, s:s}", "name", field->choices[i].name, "label",
                                        field->choices[i].label_en ? field->choices[i].label_en
                                                                   : field->choices[i].name,
                                        "label_zh",
                                        field->choices[i].label_zh ? field->choices[i].label_zh
                                                                   : field->choices[i].name));
    return choices;
}

static json_t *field_json(const struct field_def *field)
{
    json_t *object = json_object(), *members = json_array();
    const struct kind_def *refers = kind_def(field->ref_kind);

    json_object_set_new(object, "name", json_string(field->name));
    json_object_set_new(object, "type", json_string(type_names[field->type]));
    json_object_set_new(object, "label",
                        json_string(field->label_en ? field->label_en : field->name));
    json_object_set_new(object, "label_zh",
                        field->label_zh ? json_string(field->label_zh) : json_null());
    json_object_set_new(object, "required", json_boolean(field->flags & FIELD_REQUIRED));
    json_object_set_new(object, "list", json_boolean(field->flags & FIELD_REPEATED));
    json_object_set_new(object, "derived", json_boolean(field->flags & FIELD_DERIVED));
    json_object_set_new(object, "custom", json_boolean(field->flags & FIELD_CUSTOM));
    json_object_set_new(object, "merge", json_string(merge_name(field)));
    if (refers)
        json_object_set_new(object, "refers_to", json_string(refers->name));
    if (field->n_choices > 0)
        json_object_set_new(object, "choices", choices_json(field));
    for (size_t i = 0; i < field->n_members; i++)
        json_array_append_new(members, field_json(&field->members[i]));
    if (field->n_members > 0)
        json_object_set_new(object, "members", members);
    else
        json_decref(members);
    return object;
}

static json_t *kind_json(const struct cli *cli, const struct kind_def *kind)
{
    json_t *object = json_object(), *fields = json_array();
    const struct field_def *field;

    json_object_set_new(object, "name", json_string(kind->name));
    json_object_set_new(object, "plural", json_string(kind->plural));
    json_object_set_new(object, "letter", kind->letter ? json_string(kind->letter) : json_null());
    json_object_set_new(object, "label", json_string(kind->label_en));
    json_object_set_new(object, "label_zh", json_string(kind->label_zh));
    for (size_t i = 0; (field = schema_field_at(cli->schema, kind, i)); i++)
        json_array_append_new(fields, field_json(field));
    json_object_set_new(object, "fields", fields);
    return object;
}

/* "required, unique, list …" and what a field may hold. */
static const char *field_notes(struct cli *cli, const struct field_def *field)
{
    static const struct {
        uint32_t flag;
        const char *en, *zh;
    } notes[] = { { FIELD_REQUIRED, "required", "必填" },
                  { FIELD_UNIQUE, "unique", "唯一" },
                  { FIELD_REPEATED, "list", "列表" },
                  { FIELD_DERIVED, "set by the server", "由服务器设置" },
                  { FIELD_CUSTOM, "custom", "自定义" } };
    const struct kind_def *refers = kind_def(field->ref_kind);
    const char *text = "";
    uint32_t flags = field->flags;

    if (field->ref == HEADER_OWNER || field->ref == HEADER_TEAM)
        flags &= ~(uint32_t)FIELD_DERIVED; /* a person hands a record over */
    for (size_t i = 0; i < ARRAY_LEN(notes) && text; i++)
        if (flags & notes[i].flag)
            text = arena_printf(&cli->arena, "%s%s%s", text, *text ? ", " : "",
                                cli_label(cli, notes[i].en, notes[i].zh));
    if (text && refers)
        text = arena_printf(&cli->arena, "%s%s→ %s", text, *text ? ", " : "",
                            display_kind_label(cli, refers, false));
    for (size_t i = 0; i < field->n_choices && text; i++)
        text = arena_printf(&cli->arena, "%s%s%s", text,
                            i > 0   ? " | "
                            : *text ? ", "
                                    : "",
                            cli_safe(cli, field->choices[i].name));
    for (size_t i = 0; i < field->n_members && text; i++)
        text = arena_printf(&cli->arena, "%s%s%s", text, i == 0 ? (*text ? ": " : "") : ", ",
                            field->members[i].name);
    return text;
}

static enum crm_status describe_fields(struct cli *cli, const struct kind_def *kind)
{
    struct table *table = table_create(cli->out, cli->colour);
    const struct field_def *field;
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    if (!status && (table_column(table, cli_label(cli, "Field", "字段"), 0) ||
                    table_column(table, cli_label(cli, "Label", "名称"), 0) ||
                    table_column(table, cli_label(cli, "Type", "类型"), 0) ||
                    table_column(table, cli_label(cli, "Merges", "合并"), 0) ||
                    table_column(table, cli_label(cli, "Notes", "说明"), TABLE_TRUNCATE)))
        status = CRM_NO_MEMORY;
    for (size_t i = 0; !status && (field = schema_field_at(cli->schema, kind, i)); i++)
        status = table_row(table,
                           (const char *[]){ cli_safe(cli, field->name),
                                             cli_safe(cli, display_field_label(cli, field)),
                                             type_names[field->type], merge_text(cli, field),
                                             field_notes(cli, field) },
                           0);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status describe_kinds(struct cli *cli)
{
    struct table *table = table_create(cli->out, cli->colour);
    const struct kind_def *kind;
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    if (!status && (table_column(table, cli_label(cli, "Kind", "类型"), 0) ||
                    table_column(table, cli_label(cli, "Plural", "复数"), 0) ||
                    table_column(table, cli_label(cli, "Letter", "字母"), 0) ||
                    table_column(table, cli_label(cli, "Label", "名称"), 0)))
        status = CRM_NO_MEMORY;
    for (size_t i = 0; !status && (kind = kind_at(i)); i++)
        status = table_row(table,
                           (const char *[]){ kind->name, kind->plural, kind->letter,
                                             display_kind_label(cli, kind, false) },
                           0);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

enum crm_status cmd_describe(struct cli *cli, int argc, char **argv)
{
    const struct kind_def *kind;
    json_t *kinds;
    enum crm_status status;

    if (argc == 1 && !cli->options.json)
        return describe_kinds(cli);
    if (argc == 1) {
        kinds = json_array();
        for (size_t i = 0; (kind = kind_at(i)); i++)
            json_array_append_new(kinds, kind_json(cli, kind));
        return json_print(cli->out, kinds, true);
    }
    status = select_kind(cli, argv[1], &kind);
    if (status)
        return status;
    return cli->options.json ? json_print(cli->out, kind_json(cli, kind), true)
                             : describe_fields(cli, kind);
}
