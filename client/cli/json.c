/*
 * json.c - between records and jansson's values
 *
 * Called by list, show, find, watch and import; main thread. Ownership as in jansson: what a
 * function returns is the caller's.
 */
#include "client/cli/json.h"

#include "common/base/calendar.h"
#include "client/cli/display.h"

/* Put a new value under a key; a NULL (memory spent) spoils the object. */
static bool put(json_t *object, const char *key, json_t *take_value)
{
    return json_object_set_new(object, key, take_value) == 0;
}

static json_t *json_slice(struct slice text)
{
    return json_stringn(text.data ? (const char *)text.data : "", text.size);
}

static json_t *json_uuid(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    return json_string(text);
}

static json_t *json_number(enum kind kind, const struct uuid *id, uint64_t number)
{
    struct record_header header = { .kind = kind, .id = *id, .number = number };
    char label[RECORD_LABEL_SIZE];

    if (number == 0)
        return json_null();
    record_label(&header, label);
    return json_string(label);
}

json_t *json_ref(const struct cli *cli, const struct uuid *id)
{
    const struct title *title = titles_find(&cli->titles, id);
    json_t *object;

    if (uuid_is_nil(id))
        return json_null();
    object = json_object();
    if (title)
        put(object, "kind", json_string(kind_def(title->kind)->name));
    put(object, "id", json_uuid(id));
    if (title) {
        put(object, "number", json_number(title->kind, id, title->number));
        put(object, "name", json_string(title->text));
    }
    return object;
}

static json_t *json_money(const struct value *value)
{
    struct money money = { .minor = value->integer };
    char text[MONEY_TEXT_SIZE];
    json_t *object = json_object();

    memcpy(money.currency, value->currency, sizeof(money.currency));
    money_format(&money, text);
    put(object, "amount", json_string(text));
    put(object, "currency", json_string(money.currency));
    return object;
}

static json_t *json_time(enum field_type type, int64_t when)
{
    char text[INSTANT_TEXT_SIZE];

    if (type == FIELD_DATE)
        day_format((int32_t)when, text);
    else
        instant_format(when, text);
    return json_string(text);
}

static json_t *json_choice(const struct field_def *field, const struct value *value)
{
    const struct choice_def *choice;

    if (field->flags & FIELD_CUSTOM)
        return json_slice(value->text);
    choice = choice_by_number(field, (int)value->integer);
    return choice ? json_string(choice->name) : json_integer(value->integer);
}

json_t *json_value(const struct cli *cli, const struct field_def *field, const struct value *value)
{
    char text[MONEY_TEXT_SIZE];

    switch (value->type) {
    case FIELD_NONE:
    case FIELD_GROUP:
        return json_null();
    case FIELD_TEXT:
        return json_slice(value->text);
    case FIELD_INTEGER:
        return json_integer(value->integer);
    case FIELD_DECIMAL:
        decimal_format(value->integer, text);
        return json_string(text);
    case FIELD_MONEY:
        return json_money(value);
    case FIELD_DATE:
    case FIELD_INSTANT:
        return json_time(value->type, value->integer);
    case FIELD_BOOLEAN:
        return json_boolean(value->integer != 0);
    case FIELD_CHOICE:
        return json_choice(field, value);
    case FIELD_REFERENCE:
        return json_ref(cli, &value->ref);
    case FIELD_ID:
        return json_uuid(&value->ref);
    }
    return json_null();
}

/* Collecting a list. */
struct collect {
    const struct cli *cli;
    const struct field_def *field;
    json_t *array;
};

static bool collect_value(void *arg, const struct value *value)
{
    struct collect *collect = arg;

    return json_array_append_new(collect->array, json_value(collect->cli, collect->field, value)) ==
           0;
}

static bool collect_element(void *arg, struct slice element)
{
    struct collect *collect = arg;
    json_t *object = json_object();

    for (size_t i = 0; i < collect->field->n_members; i++) {
        const struct field_def *member = &collect->field->members[i];
        struct value value;

        if (reflect_member(member, element, &value))
            put(object, member->name, json_value(collect->cli, member, &value));
    }
    return json_array_append_new(collect->array, object) == 0;
}

json_t *json_field(const struct cli *cli, const struct field_def *field,
                   const struct record *record)
{
    struct collect collect = { .cli = cli, .field = field };
    struct value value;

    if (field->ref == HEADER_NUMBER)
        return json_number(record->header.kind, &record->header.id, record->header.number);
    if (field->type != FIELD_GROUP && !(field->flags & FIELD_REPEATED))
        return reflect_get(field, record, &value) ? json_value(cli, field, &value) : json_null();
    collect.array = json_array();
    if (field->type == FIELD_GROUP)
        reflect_each_element(field, record, collect_element, &collect);
    else
        reflect_each(field, record, collect_value, &collect);
    return collect.array;
}

/* The key of a field within its record. "kind" is the record's own: a field of that name is written
 * as activity_kind. */
static bool put_field(json_t *object, const struct cli *cli, const struct kind_def *kind,
                      const struct field_def *field, const struct record *record)
{
    char key[128];

    if (strcmp(field->name, "kind") != 0)
        return json_object_get(object, field->name) ||
               put(object, field->name, json_field(cli, field, record));
    snprintf(key, sizeof(key), "%s_kind", kind->name);
    return put(object, key, json_field(cli, field, record));
}

/* Everything: what the record is first, then its fields in display order. A field of the kind hides
 * one of the header with the same name. */
static bool put_all(json_t *object, const struct cli *cli, const struct kind_def *kind,
                    const struct record *record)
{
    const struct field_def *field;
    bool is_whole =
        put(object, "kind", json_string(kind->name)) &&
        put(object, "number", json_number(kind->kind, &record->header.id, record->header.number)) &&
        put(object, "id", json_uuid(&record->header.id)) &&
        put(object, "rev", json_integer((json_int_t)record->header.rev));

    for (size_t i = 0; is_whole && (field = schema_field_at(cli->schema, kind, i)); i++)
        is_whole = put_field(object, cli, kind, field, record);
    if (is_whole && record->header.flags & RECORD_DELETED)
        is_whole = put(object, "deleted", json_true());
    return is_whole;
}

json_t *json_record(const struct cli *cli, const struct record *record,
                    const struct field_def *const *fields, size_t n)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    json_t *object = json_object();
    bool is_whole = object && kind;

    for (size_t i = 0; i < n && is_whole; i++)
        is_whole = put(object, fields[i]->name, json_field(cli, fields[i], record));
    if (n == 0 && is_whole)
        is_whole = put_all(object, cli, kind, record);
    if (is_whole)
        return object;
    json_decref(object);
    return NULL;
}

enum crm_status json_print(FILE *out, json_t *take_value, bool indented)
{
    int written;

    if (!take_value)
        return CRM_NO_MEMORY;
    written =
        json_dumpf(take_value, out, JSON_ENCODE_ANY | (indented ? JSON_INDENT(2) : JSON_COMPACT));
    json_decref(take_value);
    return written == 0 && fputc('\n', out) != EOF ? CRM_OK : CRM_IO;
}

/* {"amount", "currency"} or what json_ref makes: id before number before name, so that a record's
 * own output finds the same record again. */
static enum crm_status object_to_text(json_t *json, struct arena *arena, struct slice *out_text,
                                      struct failure *failure)
{
    static const char *const keys[] = { "id", "number", "name" };
    const char *amount = json_string_value(json_object_get(json, "amount"));
    const char *currency = json_string_value(json_object_get(json, "currency"));
    const char *text = NULL;

    if (amount) {
        text = arena_printf(arena, "%s %s", amount, currency ? currency : "");
        *out_text = slice_text(text);
        return text ? CRM_OK : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    for (size_t i = 0; i < ARRAY_LEN(keys) && !text; i++)
        text = json_string_value(json_object_get(json, keys[i]));
    if (!text)
        return fail(
            failure, CRM_INVALID, NULL,
            "an object must have amount and currency, or the id, number or name of a record");
    text = arena_strdup(arena, text);
    *out_text = slice_text(text);
    return text ? CRM_OK : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status json_to_text(json_t *json, struct arena *arena, struct slice *out_text,
                             struct failure *failure)
{
    char number[64];
    const char *text = number;
    size_t size;

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_to_text(json, arena, out_text, failure);
    case JSON_STRING:
        text = json_string_value(json);
        size = json_string_length(json);
        break;
    case JSON_INTEGER:
        size =
            (size_t)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json));
        break;
    case JSON_REAL:
        size = (size_t)snprintf(number, sizeof(number), "%.15g", json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        text = json_is_true(json) ? "true" : "false";
        size = strlen(text);
        break;
    default:
        return fail(failure, CRM_INVALID, NULL, "a list stands where one value is expected");
    }
    text = arena_strndup(arena, text, size);
    *out_text = slice_of(text, size);
    return text ? CRM_OK : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}
