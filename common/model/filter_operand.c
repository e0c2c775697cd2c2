/*
 * filter_operand.c - read one operand of a comparison: value_parse, and what only filters know:
 * periods, human numbers, amounts without a currency, references by name
 *
 * Called by filter_parse.c. Pure.
 */
#include "common/model/filter_operand.h"

#include "common/base/calendar.h"
#include "common/model/filter_suggest.h"

#define US_PER_MINUTE INT64_C(60000000)

bool filter_is_temporal(const struct field_def *field)
{
    return field->type == FIELD_DATE || field->type == FIELD_INSTANT;
}

static void set_period(struct filter_operand *operand, const struct field_def *field, int64_t first,
                       int64_t last)
{
    *operand = (struct filter_operand){ .value = { .type = field->type, .integer = first },
                                        .first = first,
                                        .last = last };
}

static enum crm_status parse_date(const struct field_def *field, struct slice text,
                                  const struct value_context *context,
                                  struct filter_operand *out_operand, struct failure *failure)
{
    struct day_range range;
    enum crm_status status = day_parse(text, context->today, &range, failure);

    if (status == CRM_OK)
        set_period(out_operand, field, range.first, (int64_t)range.end - 1);
    return status;
}

/* A day or period stands for all of its instants, a whole minute, which is all that tables show,
 * for its sixty seconds. */
static enum crm_status parse_instant(const struct field_def *field, struct slice text,
                                     const struct value_context *context,
                                     struct filter_operand *out_operand, struct failure *failure)
{
    struct day_range range;
    int64_t instant;
    enum crm_status status;

    if (day_parse(text, context->today, &range, NULL) == CRM_OK) {
        set_period(out_operand, field, instant_of_day(range.first), instant_of_day(range.end) - 1);
        return CRM_OK;
    }
    status = instant_parse(text, context->now_us, &instant, failure);
    if (status == CRM_OK)
        set_period(out_operand, field, instant,
                   instant % US_PER_MINUTE == 0 ? instant + US_PER_MINUTE - 1 : instant);
    return status;
}

/* The currency is named if the amount has one without any fallback. */
static enum crm_status parse_money(const struct field_def *field, struct slice text,
                                   const struct value_context *context, struct arena *arena,
                                   struct value *out_value, struct failure *failure)
{
    enum crm_status status = value_parse(field, text, context, arena, out_value, failure);
    struct money money;

    if (status != CRM_OK)
        return status;
    out_value->has_company = money_parse(text, "", &money, NULL) != CRM_OK || !money.currency[0];
    out_value->company_minor = out_value->has_company ? out_value->integer : 0;
    return CRM_OK;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "D-17" and "17" alike. */
static enum crm_status parse_number(const struct filter_subject *subject, struct slice text,
                                    const struct value_context *context, struct arena *arena,
                                    struct value *out_value, struct failure *failure)
{
    const struct kind_def *kind;
    size_t n = 0;

    while (n < text.size && is_letter(text.data[n]))
        n++;
    if (n > 0 && n < 4 && n < text.size && text.data[n] == '-') {
        char letter[4] = { 0 };

        for (size_t i = 0; i < n; i++)
            letter[i] = (char)(text.data[i] & ~0x20); /* capitals */
        kind = kind_by_letter(letter, n);
        if (kind != subject->kind)
            return fail(failure, CRM_INVALID, subject->field->name,
                        "'%s-' does not begin the number of a %s", letter, subject->kind->name);
        text = slice_of(text.data + n + 1, text.size - n - 1);
    }
    return value_parse(subject->field, text, context, arena, out_value, failure);
}

/* What value_parse does not take for an id, me or my team stays as it was typed: the server looks
 * it up. */
static enum crm_status parse_reference(const struct filter_subject *subject, struct slice text,
                                       const struct value_context *context, struct arena *arena,
                                       struct value *out_value, struct failure *failure)
{
    enum crm_status status = value_parse(subject->field, text, context, arena, out_value, NULL);

    if (status == CRM_OK &&
        (out_value->special == VALUE_PLAIN || filter_special_fits(subject, out_value->special)))
        return CRM_OK;
    if (status == CRM_NO_MEMORY)
        return status;
    if (status == CRM_OK || subject->field->type == FIELD_ID)
        return fail(failure, CRM_INVALID, subject->field->name, "this is not a value of %s",
                    subject->field->name);
    *out_value = (struct value){ .type = FIELD_TEXT, .text = text };
    return CRM_OK;
}

static enum crm_status parse_choice(const struct field_def *field, struct slice text,
                                    const struct value_context *context, struct arena *arena,
                                    struct value *out_value, struct failure *failure)
{
    struct failure plain = { 0 };
    const struct choice_def *meant;
    enum crm_status status = value_parse(field, text, context, arena, out_value, &plain);

    if (status == CRM_OK || status == CRM_NO_MEMORY)
        return status;
    meant = filter_suggest_choice(field, text);
    if (!meant)
        return fail(failure, status, field->name, "%s", plain.text);
    return fail(failure, status, field->name, "%s has no choice '%.*s'; did you mean '%s'?",
                field->name, (int)text_prefix_size(text, 60), (const char *)text.data, meant->name);
}

/* A custom choice too: what it is not called now an old record may still have. */
static enum crm_status parse_text(const struct field_def *field, struct slice text,
                                  struct value *out_value)
{
    *out_value = (struct value){ .type = field->type, .text = text };
    return CRM_OK;
}

enum crm_status filter_operand_parse(const struct filter_subject *subject, struct slice text,
                                     const struct value_context *context, struct arena *arena,
                                     struct filter_operand *out_operand, struct failure *failure)
{
    const struct field_def *field = subject->field;
    struct filter_operand operand = { 0 };
    enum crm_status status;

    if (text.size > FILTER_OPERAND_SIZE_MAX)
        return fail(failure, CRM_TOO_LARGE, field->name, "the value is longer than %d bytes",
                    FILTER_OPERAND_SIZE_MAX);
    if (filter_is_text(field))
        status = parse_text(field, text, &operand.value);
    else if (field->type == FIELD_DATE)
        status = parse_date(field, text, context, &operand, failure);
    else if (field->type == FIELD_INSTANT)
        status = parse_instant(field, text, context, &operand, failure);
    else if (field->type == FIELD_MONEY)
        status = parse_money(field, text, context, arena, &operand.value, failure);
    else if (field->type == FIELD_CHOICE)
        status = parse_choice(field, text, context, arena, &operand.value, failure);
    else if (field->type == FIELD_REFERENCE || field->type == FIELD_ID)
        status = parse_reference(subject, text, context, arena, &operand.value, failure);
    else if (field->ref == HEADER_NUMBER)
        status = parse_number(subject, text, context, arena, &operand.value, failure);
    else
        status = value_parse(field, text, context, arena, &operand.value, failure);

    if (status == CRM_OK)
        *out_operand = operand;
    return status;
}
