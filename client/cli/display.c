/*
 * display.c - values as people read them
 *
 * Called by the table, show, history and edit; main thread. Nothing here is parsed again by a
 * program.
 */
#include "client/cli/display.h"

#include "common/base/buf.h"
#include "common/base/calendar.h"
#include "common/base/text.h"

#define TEXT_SIZE_MAX ((size_t)1 << 20)

const char *display_field_label(const struct cli *cli, const struct field_def *field)
{
    if (cli->chinese && field->label_zh && *field->label_zh)
        return field->label_zh;
    return field->label_en && *field->label_en ? field->label_en : field->name;
}

const char *display_kind_label(const struct cli *cli, const struct kind_def *kind, bool many)
{
    if (cli->chinese && kind->label_zh)
        return kind->label_zh;
    return many ? kind->plural_en : kind->label_en;
}

const char *display_choice_label(const struct cli *cli, const struct choice_def *choice)
{
    if (cli->chinese && choice->label_zh && *choice->label_zh)
        return choice->label_zh;
    return choice->label_en && *choice->label_en ? choice->label_en : choice->name;
}

static const char *escaped(struct slice text, struct arena *arena)
{
    struct slice safe;

    if (!text_escape(arena, text, &safe))
        return NULL;
    return arena_strndup(arena, safe.data, safe.size);
}

const char *display_label(enum kind kind, const struct uuid *id, uint64_t number,
                          struct arena *arena)
{
    struct record_header header = { .kind = kind, .id = *id, .number = number };
    char label[RECORD_LABEL_SIZE];

    record_label(&header, label);
    return arena_strdup(arena, label);
}

const char *display_ref(const struct cli *cli, const struct uuid *id, struct arena *arena)
{
    const struct title *title;
    const char *text;

    if (uuid_is_nil(id))
        return "";
    title = titles_find(&cli->titles, id);
    if (!title)
        return display_label(KIND_NONE, id, 0, arena);
    if (!*title->text)
        return display_label(title->kind, id, title->number, arena);
    text = escaped(slice_text(title->text), arena);
    return text;
}

static const char *display_choice(const struct cli *cli, const struct field_def *field,
                                  const struct value *value, struct arena *arena)
{
    const struct choice_def *choice;

    if (field->flags & FIELD_CUSTOM)
        return escaped(value->text, arena);
    choice = choice_by_number(field, (int)value->integer);
    return choice ? display_choice_label(cli, choice)
                  : arena_printf(arena, "%d", (int)value->integer);
}

static const char *display_decimal(int64_t micro, struct arena *arena)
{
    char text[MONEY_TEXT_SIZE];

    decimal_format(micro, text);
    return arena_strdup(arena, text);
}

static const char *display_money(const struct value *value, struct arena *arena)
{
    struct money money = { .minor = value->integer };
    char text[MONEY_TEXT_SIZE];

    memcpy(money.currency, value->currency, sizeof(money.currency));
    money_format_grouped(&money, text);
    return arena_strdup(arena, text);
}

static const char *display_time(enum field_type type, int64_t when, struct arena *arena)
{
    char text[INSTANT_TEXT_SIZE];

    if (type == FIELD_DATE)
        day_format((int32_t)when, text);
    else
        instant_format_short(when, text);
    return arena_strdup(arena, text);
}

const char *display_value(const struct cli *cli, const struct field_def *field,
                          const struct value *value, struct arena *arena)
{
    char grouped[32];

    switch (value->type) {
    case FIELD_NONE:
    case FIELD_GROUP:
        return "";
    case FIELD_TEXT:
        return escaped(value->text, arena);
    case FIELD_INTEGER:
        return arena_strdup(arena, cli_grouped(value->integer, grouped));
    case FIELD_DECIMAL:
        return display_decimal(value->integer, arena);
    case FIELD_MONEY:
        return display_money(value, arena);
    case FIELD_DATE:
    case FIELD_INSTANT:
        return display_time(value->type, value->integer, arena);
    case FIELD_BOOLEAN:
        return value->integer ? cli_label(cli, "yes", "是") : cli_label(cli, "no", "否");
    case FIELD_CHOICE:
        return display_choice(cli, field, value, arena);
    case FIELD_REFERENCE:
    case FIELD_ID:
        return field->ref == HEADER_ID ? value_format(field, value, arena)
                                       : display_ref(cli, &value->ref, arena);
    }
    return "";
}

/* Joining the values of a list. */
struct join {
    const struct cli *cli;
    const struct field_def *field;
    struct arena *arena;
    struct buf text;
    bool is_full;
};

static void join_add(struct join *join, const char *separator, const char *text)
{
    if (!text || (join->text.size > 0 && buf_append_text(&join->text, separator)) ||
        buf_append_text(&join->text, text))
        join->is_full = true;
}

static bool join_value(void *arg, const struct value *value)
{
    struct join *join = arg;

    join_add(join, ", ", display_value(join->cli, join->field, value, join->arena));
    return !join->is_full;
}

static const char *join_end(struct join *join)
{
    const char *text =
        join->is_full ? NULL
                      : arena_strndup(join->arena, buf_slice(&join->text).data, join->text.size);

    buf_fini(&join->text);
    return text;
}

const char *display_element(const struct cli *cli, const struct field_def *field,
                            struct slice element, struct arena *arena)
{
    struct join join = { .cli = cli, .field = field, .arena = arena };

    buf_init(&join.text, TEXT_SIZE_MAX);
    for (size_t i = 0; i < field->n_members; i++) {
        const struct field_def *member = &field->members[i];
        struct value value;

        if (member->type != FIELD_ID && reflect_member(member, element, &value))
            join_add(&join, " ", display_value(cli, member, &value, arena));
    }
    return join_end(&join);
}

static bool join_element(void *arg, struct slice element)
{
    struct join *join = arg;

    join_add(join, "; ", display_element(join->cli, join->field, element, join->arena));
    return !join->is_full;
}

const char *display_field(const struct cli *cli, const struct field_def *field,
                          const struct record *record, struct arena *arena)
{
    struct join join = { .cli = cli, .field = field, .arena = arena };
    struct value value;

    if (field->ref == HEADER_NUMBER)
        return display_label(record->header.kind, &record->header.id, record->header.number, arena);
    if (field->type != FIELD_GROUP && !(field->flags & FIELD_REPEATED))
        return reflect_get(field, record, &value) ? display_value(cli, field, &value, arena) : "";
    buf_init(&join.text, TEXT_SIZE_MAX);
    if (field->type == FIELD_GROUP)
        reflect_each_element(field, record, join_element, &join);
    else
        reflect_each(field, record, join_value, &join);
    return join_end(&join);
}

const char *display_record(const struct cli *cli, const struct record *record, struct arena *arena)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *title =
        kind && kind->title ? kind_field_by_name(kind, kind->title) : NULL;
    const char *label =
        display_label(record->header.kind, &record->header.id, record->header.number, arena);
    const char *text = title ? display_field(cli, title, record, arena) : "";

    if (!label || !text || !*text)
        return label ? label : "";
    text = arena_printf(arena, "%s %s", label, text);
    return text ? text : label;
}

bool display_is_number(const struct field_def *field)
{
    if (field->flags & FIELD_REPEATED || field->ref == HEADER_NUMBER)
        return false;
    return field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL ||
           field->type == FIELD_MONEY;
}
