/*
 * value.c - comparing values, and their forms for people and for the wire
 *
 * Called by filters, the command line, import and output, on any thread. No state; time and
 * currency are the caller's.
 */
#include "common/model/value.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/calendar.h"
#include "common/base/text.h"
#include "common/model/kind_name.h"

/* --- comparing */

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* Without a common currency or company values there is no true order: the code decides, so that at
 * least it is one. */
static int compare_money(const struct value *a, const struct value *b)
{
    int order = sign(memcmp(a->currency, b->currency, sizeof a->currency));

    if (order == 0)
        return compare_i64(a->integer, b->integer);
    return a->has_company && b->has_company ? compare_i64(a->company_minor, b->company_minor)
                                            : order;
}

int value_compare(const struct value *a, const struct value *b)
{
    if (a->type == FIELD_NONE || b->type == FIELD_NONE)
        return (a->type == FIELD_NONE) - (b->type == FIELD_NONE);
    if (a->type != b->type)
        return compare_i64(a->type, b->type);
    switch (a->type) {
    case FIELD_TEXT:
        return sign(slice_compare(a->text, b->text));
    case FIELD_CHOICE:
        return a->text.data || b->text.data ? sign(slice_compare(a->text, b->text))
                                            : compare_i64(a->integer, b->integer);
    case FIELD_MONEY:
        return compare_money(a, b);
    case FIELD_REFERENCE:
    case FIELD_ID:
        return sign(memcmp(a->ref.bytes, b->ref.bytes, UUID_SIZE));
    default:
        return compare_i64(a->integer, b->integer);
    }
}

/* --- what people type */

static struct slice trimmed(struct slice text)
{
    while (text.size && (*text.data == ' ' || *text.data == '\t'))
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Index of the word that text is, -1 for none of them. */
static int word_index(struct slice text, const char *const *words, size_t n)
{
    struct name_key key;

    if (!name_key_init(&key, text))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (name_key_matches(&key, words[i]))
            return (int)i;
    }
    return -1;
}

static enum crm_status parse_boolean(struct slice text, struct value *value,
                                     struct failure *failure)
{
    static const char *const words[] = { "no", "yes", "false", "true", "否",  "是",
                                         "n",  "y",   "0",     "1",    "off", "on" };
    int i = word_index(text, words, ARRAY_LEN(words));

    if (i < 0)
        return fail(failure, CRM_INVALID, NULL, "say yes or no");
    value->integer = i & 1;
    return CRM_OK;
}

static enum crm_status parse_choice(const struct field_def *field, struct slice text,
                                    struct arena *arena, struct value *value,
                                    struct failure *failure)
{
    const char *name = arena_strndup(arena, text.data, text.size);
    const struct choice_def *choice;
    char list[160] = "";
    size_t used = 0;

    if (!name)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the value");
    choice = choice_by_name(field, name);
    if (choice && field->flags & FIELD_CUSTOM)
        value->text = slice_text(choice->name);
    if (choice) {
        value->integer = choice->number;
        return CRM_OK;
    }
    for (size_t i = 0; i < field->n_choices; i++) {
        size_t size = strlen(field->choices[i].name);

        if (used + size + 3 > sizeof list)
            break;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "",
                                 field->choices[i].name);
    }
    return fail(failure, CRM_INVALID, NULL, "'%.*s' is not one of %s",
                (int)text_prefix_size(text, 60), name, list);
}

static bool is_within(const struct field_def *field, int64_t n)
{
    if (field->minimum || field->maximum)
        return n >= field->minimum && n <= field->maximum;
    return field->type != FIELD_INTEGER ||
           (n >= 0 && (field->flags & FIELD_HEADER || n <= UINT32_MAX));
}

/* Counts may be written "10k"; a human number with its letters. */
static enum crm_status parse_integer(const struct field_def *field, struct slice text,
                                     struct value *value, struct failure *failure)
{
    size_t letters = 0;
    int64_t micro;
    enum crm_status status;

    if (field->ref == HEADER_NUMBER && field->flags & FIELD_HEADER) {
        while (letters < text.size && letters < 3 && (text.data[letters] | 0x20) >= 'a' &&
               (text.data[letters] | 0x20) <= 'z')
            letters++;
        if (letters && letters < text.size && text.data[letters] == '-')
            text = slice_of(text.data + letters + 1, text.size - letters - 1);
    }
    status = decimal_parse(text, &micro, failure);
    if (status != CRM_OK)
        return status;
    if (micro % 1000000 != 0)
        return fail(failure, CRM_INVALID, NULL, "this is a whole number");
    value->integer = micro / 1000000;
    return CRM_OK;
}

static enum crm_status parse_money(struct slice text, const struct value_context *context,
                                   struct value *value, struct failure *failure)
{
    struct money money;
    enum crm_status status = money_parse(text, context->currency, &money, failure);

    if (status != CRM_OK)
        return status;
    value->integer = money.minor;
    memcpy(value->currency, money.currency, sizeof value->currency);
    return CRM_OK;
}

static enum crm_status parse_day(struct slice text, const struct value_context *context,
                                 struct value *value, struct failure *failure)
{
    struct day_range range;
    enum crm_status status = day_parse(text, context->today, &range, failure);

    if (status != CRM_OK)
        return status;
    if (range.end != range.first + 1)
        return fail(failure, CRM_INVALID, NULL, "this is a period, not a day");
    value->integer = range.first;
    return CRM_OK;
}

static enum crm_status parse_reference(struct slice text, struct arena *arena, struct value *value,
                                       struct failure *failure)
{
    static const char *const words[] = { "me", "我", "my team", "我的团队" };
    int i = word_index(text, words, ARRAY_LEN(words));
    const char *name;

    if (i >= 0) {
        value->special = i < 2 ? VALUE_ME : VALUE_MY_TEAM;
        return CRM_OK;
    }
    name = arena_strndup(arena, text.data, text.size);
    if (!name)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the value");
    if (uuid_parse(name, &value->ref))
        return CRM_OK;
    value->type = FIELD_TEXT;
    value->text = slice_of(name, text.size);
    return CRM_NOT_FOUND;
}

static enum crm_status parse_by_type(const struct field_def *field, struct slice text,
                                     const struct value_context *context, struct arena *arena,
                                     struct value *value, struct failure *failure)
{
    switch (field->type) {
    case FIELD_TEXT:
        if (!text_is_valid(text))
            return fail(failure, CRM_INVALID, NULL, "this is not UTF-8 text");
        return text_normalise(arena, text, &value->text)
                   ? CRM_OK
                   : fail(failure, CRM_NO_MEMORY, NULL, "no memory for the value");
    case FIELD_INTEGER:
        return parse_integer(field, text, value, failure);
    case FIELD_DECIMAL:
        return decimal_parse(text, &value->integer, failure);
    case FIELD_MONEY:
        return parse_money(text, context, value, failure);
    case FIELD_DATE:
        return parse_day(text, context, value, failure);
    case FIELD_INSTANT:
        return instant_parse(text, context->now_us, &value->integer, failure);
    case FIELD_BOOLEAN:
        return parse_boolean(text, value, failure);
    case FIELD_CHOICE:
        return parse_choice(field, text, arena, value, failure);
    case FIELD_REFERENCE:
    case FIELD_ID:
        return parse_reference(text, arena, value, failure);
    default:
        return fail(failure, CRM_INVALID, NULL, "this field cannot be given as text");
    }
}

enum crm_status value_parse(const struct field_def *field, struct slice text,
                            const struct value_context *context, struct arena *arena,
                            struct value *out_value, struct failure *failure)
{
    struct value value = { .type = field->type };
    enum crm_status status;

    text = trimmed(text);
    if (text.size == 0)
        return fail(failure, CRM_INVALID, field->name, "there is no value");
    status = parse_by_type(field, text, context, arena, &value, failure);
    if (status == CRM_OK && (field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL) &&
        !is_within(field, value.integer))
        status = fail(failure, CRM_INVALID, NULL, "this number is out of range");
    if (status == CRM_OK || (status == CRM_NOT_FOUND && value.type == FIELD_TEXT))
        *out_value = value;
    else if (failure && !failure->field[0])
        snprintf(failure->field, sizeof failure->field, "%s", field->name);
    return status;
}

/* --- the plain form */

static const char *format_money(const struct value *value, struct arena *arena)
{
    struct money money = { .minor = value->integer };
    char text[MONEY_TEXT_SIZE];

    memcpy(money.currency, value->currency, sizeof money.currency);
    money_format(&money, text);
    return arena_printf(arena, "%s%s%s", text, money.currency[0] ? " " : "", money.currency);
}

static const char *format_choice(const struct field_def *field, const struct value *value,
                                 struct arena *arena)
{
    const struct choice_def *choice;

    if (value->text.data)
        return arena_strndup(arena, value->text.data, value->text.size);
    choice = choice_by_number(field, (int)value->integer);
    return choice ? arena_strdup(arena, choice->name)
                  : arena_printf(arena, "%" PRId64, value->integer);
}

static const char *format_reference(const struct value *value, struct arena *arena)
{
    char text[UUID_TEXT_SIZE];

    if (value->special != VALUE_PLAIN)
        return value->special == VALUE_ME ? "me" : "my team";
    uuid_format(&value->ref, text);
    return arena_strdup(arena, text);
}

const char *value_format(const struct field_def *field, const struct value *value,
                         struct arena *arena)
{
    char text[MONEY_TEXT_SIZE > INSTANT_TEXT_SIZE ? MONEY_TEXT_SIZE : INSTANT_TEXT_SIZE];

    switch (value->type) {
    case FIELD_TEXT:
        return arena_strndup(arena, value->text.data, value->text.size);
    case FIELD_INTEGER:
        return arena_printf(arena, "%" PRId64, value->integer);
    case FIELD_DECIMAL:
        decimal_format(value->integer, text);
        return arena_strdup(arena, text);
    case FIELD_MONEY:
        return format_money(value, arena);
    case FIELD_DATE:
        day_format((int32_t)value->integer, text);
        return arena_strdup(arena, text);
    case FIELD_INSTANT:
        instant_format(value->integer, text);
        return arena_strdup(arena, text);
    case FIELD_BOOLEAN:
        return value->integer ? "true" : "false";
    case FIELD_CHOICE:
        return format_choice(field, value, arena);
    case FIELD_REFERENCE:
    case FIELD_ID:
        return format_reference(value, arena);
    default:
        return "";
    }
}

/* --- the wire */

static void money_to_wire(const struct value *value, Crm__Value *out_wire, struct arena *arena)
{
    Crm__Money *money = arena_alloc(arena, sizeof *money);

    if (!money)
        return;
    crm__money__init(money);
    money->has_minor = 1;
    money->minor = value->integer;
    money->currency = value->currency[0] ? arena_strdup(arena, value->currency) : NULL;
    money->has_company_minor = value->has_company;
    money->company_minor = value->company_minor;
    out_wire->money = money;
}

void value_to_wire(const struct value *value, Crm__Value *out_wire, struct arena *arena)
{
    crm__value__init(out_wire);
    if (value->special != VALUE_PLAIN) {
        out_wire->has_special = 1;
        out_wire->special = (uint32_t)value->special;
    } else if (value->type == FIELD_TEXT || (value->type == FIELD_CHOICE && value->text.data)) {
        out_wire->text = arena_strndup(arena, value->text.data, value->text.size);
    } else if (value->type == FIELD_MONEY) {
        money_to_wire(value, out_wire, arena);
    } else if (value->type == FIELD_REFERENCE || value->type == FIELD_ID) {
        out_wire->ref.data = arena_memdup(arena, value->ref.bytes, UUID_SIZE);
        out_wire->ref.len = UUID_SIZE;
        out_wire->has_ref = out_wire->ref.data != NULL;
    } else if (value->type != FIELD_NONE) {
        out_wire->has_integer = 1;
        out_wire->integer = value->integer;
    }
}

static bool money_from_wire(const Crm__Money *money, struct value *value)
{
    if (!money || !money->has_minor)
        return false;
    value->integer = money->minor;
    value->has_company = money->has_company_minor;
    value->company_minor = money->company_minor;
    if (!money->currency || !*money->currency)
        return true;
    if (!currency_is_known(money->currency))
        return false;
    memcpy(value->currency, money->currency, sizeof value->currency);
    return true;
}

static bool text_from_wire(const char *text, struct value *value)
{
    if (!text || !text_is_valid(slice_text(text)))
        return false;
    value->text = slice_text(text);
    return true;
}

/* An id, one of the session's, or a name that the server looks up. */
static bool reference_from_wire(const Crm__Value *wire, struct value *value)
{
    if (wire->has_special) {
        value->special = (enum value_special)wire->special;
        return wire->special == VALUE_ME || wire->special == VALUE_MY_TEAM;
    }
    if (wire->has_ref)
        return uuid_from_slice(slice_of(wire->ref.data, wire->ref.len), &value->ref);
    value->type = FIELD_TEXT;
    return text_from_wire(wire->text, value);
}

static bool integer_from_wire(const struct field_def *field, const Crm__Value *wire,
                              struct value *value)
{
    if (!wire->has_integer)
        return false;
    value->integer = wire->integer;
    switch (field->type) {
    case FIELD_CHOICE:
        return wire->integer == (int)wire->integer && choice_by_number(field, (int)wire->integer);
    case FIELD_BOOLEAN:
        return wire->integer == 0 || wire->integer == 1;
    case FIELD_DATE:
        return wire->integer == (int32_t)wire->integer;
    default:
        return true;
    }
}

enum crm_status value_from_wire(const struct field_def *field, const Crm__Value *wire,
                                struct value *out_value, struct failure *failure)
{
    struct value value = { .type = field->type };
    int n_set = (wire->text != NULL) + (wire->has_integer != 0) + (wire->money != NULL) +
                (wire->has_ref != 0) + (wire->has_data != 0) + (wire->has_special != 0);
    bool is_right;

    if (field->type == FIELD_TEXT || (field->type == FIELD_CHOICE && field->flags & FIELD_CUSTOM))
        is_right = text_from_wire(wire->text, &value);
    else if (field->type == FIELD_MONEY)
        is_right = money_from_wire(wire->money, &value);
    else if (field->type == FIELD_REFERENCE || field->type == FIELD_ID)
        is_right = reference_from_wire(wire, &value);
    else
        is_right = field->type != FIELD_GROUP && integer_from_wire(field, wire, &value);
    if (n_set != 1 || !is_right)
        return fail(failure, CRM_INVALID, field->name, "the value is not one of this field's type");
    *out_value = value;
    return CRM_OK;
}
