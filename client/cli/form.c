/*
 * form.c - a record as text, there and back
 *
 * Called by edit; main thread.
 */
#include "client/cli/form.h"

#include <ctype.h>
#include <stdio.h>

#include "client/cli/csv.h"
#include "client/cli/display.h"

#define FORM_SIZE_MAX ((size_t)1 << 20)
#define INDENT        "    "

bool form_has_field(const struct field_def *field)
{
    if (field->ref == HEADER_OWNER || field->ref == HEADER_TEAM)
        return true;
    return !(field->flags & (FIELD_HEADER | FIELD_DERIVED)) && field->type != FIELD_ID;
}

const char *form_value(struct cli *cli, const struct field_def *field, const struct record *record)
{
    return csv_field(cli, field, record, &cli->arena);
}

/* "# Stage: choice, required: Prospecting | Engaging" */
static enum crm_status write_comment(const struct cli *cli, struct buf *out,
                                     const struct field_def *field)
{
    enum crm_status status = buf_printf(out, "# %s%s", display_field_label(cli, field),
                                        field->flags & FIELD_REQUIRED ? " *" : "");

    for (size_t i = 0; i < field->n_choices && !status; i++)
        status = buf_printf(out, "%s%s", i == 0 ? ": " : " | ", field->choices[i].name);
    return status ? status : buf_append_text(out, "\n");
}

/* The lines after the first are indented. */
static enum crm_status write_value(struct buf *out, const char *value)
{
    enum crm_status status = CRM_OK;

    for (; *value && !status; value++) {
        status = buf_append(out, value, 1);
        if (!status && *value == '\n')
            status = buf_append_text(out, INDENT);
    }
    return status ? status : buf_append_text(out, "\n");
}

static enum crm_status write_fields(struct cli *cli, struct buf *out, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *field;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; !status && (field = schema_field_at(cli->schema, kind, i)); i++) {
        const char *value;

        if (!form_has_field(field) || schema_field_by_name(cli->schema, kind, field->name) != field)
            continue; /* a field of the kind hides the header's of the same name */
        value = form_value(cli, field, record);
        status = value ? write_comment(cli, out, field) : CRM_NO_MEMORY;
        if (!status)
            status = buf_printf(out, "%s:%s", field->name, *value ? " " : "");
        if (!status)
            status = write_value(out, value);
    }
    return status;
}

const char *form_write(struct cli *cli, const struct record *record, const char *problem)
{
    struct buf out;
    const char *text = NULL;
    enum crm_status status = CRM_OK;

    buf_init(&out, FORM_SIZE_MAX);
    if (problem)
        status = buf_printf(&out, "# Not saved: %s\n#\n", problem);
    if (!status)
        status = buf_printf(
            &out, "# %s\n%s", display_record(cli, record, &cli->arena),
            cli_label(cli,
                      "# Change what stands behind the colons, save and close. An empty field is "
                      "cleared; * must have a value.\n"
                      "# Lists are divided by ; and the further lines of a text are indented.\n\n",
                      "# 修改冒号后的内容,保存并关闭。留空即清除;* 为必填。\n# 列表用 ; "
                      "分隔,多行文本的后续行缩进。\n\n"));
    if (!status)
        status = write_fields(cli, &out, record);
    if (!status)
        text = arena_strndup(&cli->arena, buf_slice(&out).data, out.size);
    buf_fini(&out);
    return text;
}

/* One field of the form: did it change? */
static enum crm_status take_field(struct cli *cli, const struct record *record, const char *name,
                                  const char *value, struct change *change, struct failure *failure)
{
    const struct field_def *field = schema_field_by_name(cli->schema, change->kind, name);
    const char *before;

    if (!field || !form_has_field(field))
        return fail(failure, CRM_INVALID, name, "there is no such field to change");
    before = form_value(cli, field, record);
    if (!before)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (strcmp(before, value) == 0)
        return CRM_OK;
    return change_list(change, field, slice_text(value), failure);
}

/* The lines of a field from its colon on, joined; *end is moved behind them. Writes over the text,
 * which only shrinks. */
static char *join_lines(char *value, char **end)
{
    char *out, *line = value + strcspn(value, "\n");

    value += *value == ' ';
    out = line;
    while (*line == '\n' && (line[1] == ' ' || line[1] == '\t')) {
        line++;
        *out++ = '\n';
        if (*line == '\t')
            line++;
        else
            for (size_t i = 0; i < strlen(INDENT) && *line == ' '; i++)
                line++;
        while (*line && *line != '\n')
            *out++ = *line++;
    }
    *end = *line ? line + 1 : line;
    while (out > value && (out[-1] == ' ' || out[-1] == '\r' || out[-1] == '\n'))
        out--;
    *out = '\0';
    return value;
}

enum crm_status form_read(struct cli *cli, const struct record *record, const char *text,
                          struct change *change, struct failure *failure)
{
    char *at = arena_strdup(&cli->arena, text);
    enum crm_status status = CRM_OK;

    if (!at)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    while (*at && !status) {
        char *name = at, *colon, *value;

        if (*at == '#' || *at == '\n' || *at == '\r') {
            at += strcspn(at, "\n");
            at += *at == '\n';
            continue;
        }
        colon = at + strcspn(at, ":\n");
        if (*colon != ':' || colon == at || isspace((unsigned char)*at))
            return fail(failure, CRM_INVALID, NULL, "this line is no field: %.60s", at);
        *colon = '\0';
        value = join_lines(colon + 1, &at);
        status = take_field(cli, record, name, value, change, failure);
    }
    return status;
}
