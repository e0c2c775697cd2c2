/*
 * csv_out.c - records as CSV
 *
 * Called by list and find; main thread.
 */
#include "client/cli/csv.h"

#include <stdlib.h>

#include "client/cli/json.h"

#define CELL_MAX ((size_t)1 << 20)

void csv_cell(FILE *out, struct slice text, bool is_first)
{
    bool is_quoted = false;

    for (size_t i = 0; i < text.size && !is_quoted; i++)
        is_quoted = strchr(",\"\r\n", text.data[i]) != NULL;
    /* Readers drop blanks at the ends of bare cells. */
    is_quoted =
        is_quoted || (text.size > 0 && (text.data[0] == ' ' || text.data[text.size - 1] == ' '));
    if (!is_first)
        putc(',', out);
    if (!is_quoted) {
        fwrite(text.data ? text.data : (const uint8_t *)"", 1, text.size, out);
        return;
    }
    putc('"', out);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            putc('"', out);
        putc(text.data[i], out);
    }
    putc('"', out);
}

void csv_end(FILE *out)
{
    putc('\n', out);
}

static const char *plain_value(const struct cli *cli, const struct field_def *field,
                               const struct value *value, struct arena *arena)
{
    const struct title *title;
    char label[RECORD_LABEL_SIZE];

    if (field->type != FIELD_REFERENCE)
        return value_format(field, value, arena);
    title = titles_find(&cli->titles, &value->ref);
    if (!title || title->number == 0)
        return value_format(field, value, arena);
    record_label(
        &(struct record_header){ .kind = title->kind, .id = title->id, .number = title->number },
        label);
    return arena_strdup(arena, label);
}

struct join {
    const struct cli *cli;
    const struct field_def *field;
    struct arena *arena;
    struct buf text;
    bool is_full;
};

static bool join_value(void *arg, const struct value *value)
{
    struct join *join = arg;
    const char *text = plain_value(join->cli, join->field, value, join->arena);

    if (!text || (join->text.size > 0 && buf_append_text(&join->text, ";")))
        join->is_full = true;
    for (; text && *text && !join->is_full; text++) {
        if ((*text == ';' || *text == '\\') && buf_append(&join->text, "\\", 1))
            join->is_full = true;
        else if (buf_append(&join->text, text, 1))
            join->is_full = true;
    }
    return !join->is_full;
}

static const char *group_text(const struct cli *cli, const struct field_def *field,
                              const struct record *record, struct arena *arena)
{
    json_t *json = json_field(cli, field, record);
    char *text = json && json_array_size(json) > 0 ? json_dumps(json, JSON_COMPACT) : NULL;
    const char *copy = text ? arena_strdup(arena, text) : "";

    free(text);
    json_decref(json);
    return copy;
}

const char *csv_field(const struct cli *cli, const struct field_def *field,
                      const struct record *record, struct arena *arena)
{
    struct join join = { .cli = cli, .field = field, .arena = arena };
    char label[RECORD_LABEL_SIZE];
    struct value value;
    const char *text;

    if (field->ref == HEADER_NUMBER) {
        record_label(&record->header, label);
        return arena_strdup(arena, record->header.number ? label : "");
    }
    if (field->type == FIELD_GROUP)
        return group_text(cli, field, record, arena);
    if (!(field->flags & FIELD_REPEATED))
        return reflect_get(field, record, &value) ? plain_value(cli, field, &value, arena) : "";
    buf_init(&join.text, CELL_MAX);
    reflect_each(field, record, join_value, &join);
    text = join.is_full ? NULL : arena_strndup(arena, buf_slice(&join.text).data, join.text.size);
    buf_fini(&join.text);
    return text;
}

/* --- spreadsheets */

#define EXCEL_DIGITS 12 /* more than a double's 15 are lost; what is opened is shown rounded from 12 on */

static bool is_formula(int c)
{
    return c != '\0' && strchr("=+-@\t\r", c);
}

static bool is_marked(const char *text)
{
    return *text == '\'' && (is_formula(text[1]) || text[1] == '\'');
}

static bool is_long_number(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n >= EXCEL_DIGITS && text[n] == '\0';
}

const char *csv_safe(const struct field_def *field, const char *text, bool is_excel,
                     struct arena *arena)
{
    bool is_text = field->type == FIELD_TEXT || field->type == FIELD_REFERENCE ||
                   field->type == FIELD_GROUP || field->flags & FIELD_REPEATED;

    if (!is_text)
        return text;
    if (is_excel && is_long_number(text))
        return arena_printf(arena, "=\"%s\"", text);
    return is_formula(*text) || is_marked(text) ? arena_printf(arena, "'%s", text) : text;
}

struct slice csv_unsafe(struct slice cell)
{
    const char *text = (const char *)cell.data;

    if (cell.size >= 2 && text[0] == '\'' && (is_formula(text[1]) || text[1] == '\''))
        return slice_of(cell.data + 1, cell.size - 1);
    if (cell.size > 3 && text[0] == '=' && text[1] == '"' && text[cell.size - 1] == '"')
        return slice_of(cell.data + 2, cell.size - 3);
    return cell;
}
