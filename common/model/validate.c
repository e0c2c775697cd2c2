/*
 * validate.c - what a body and a record must be like, whatever path they came by
 *
 * Called before the writer's queue for every body from outside, and in the writer for every record
 * that results. No state; the canonical body is made in the caller's arena.
 */
#include "common/model/validate.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/calendar.h"
#include "common/base/money.h"
#include "common/base/text.h"
#include "common/model/body_unit.h"
#include "common/model/value_wire.h"
#include "proto/check.h"

#define DAY_MIN   (-719162) /* 0001-01-01 */
#define DAY_MAX   2932896   /* 9999-12-31 */
#define NAME_SIZE 64        /* as failure.field */

/* One body on its way in. */
struct input {
    const struct schema *schema;
    const struct kind_def *kind;
    bool allow_derived;
    struct arena *arena;
    struct failure *failure;
    const struct field_def *group; /* whose elements are being looked at; NULL: the record itself */
};

static enum crm_status refuse(const struct input *input, const struct field_def *field,
                              const char *why)
{
    char name[NAME_SIZE];

    if (!input->group)
        return fail(input->failure, CRM_INVALID, field->name, "%s", why);
    snprintf(name, sizeof name, "%.30s.%.30s", input->group->name, field->name);
    return fail(input->failure, CRM_INVALID, name, "%s", why);
}

static enum crm_status spent(const struct input *input)
{
    return fail(input->failure, CRM_NO_MEMORY, NULL, "no memory for the record");
}

/* --- values */

static bool has_control(struct slice text, bool is_multiline)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == 0x7f || (c < 0x20 && !(is_multiline && (c == '\n' || c == '\t'))))
            return true;
    }
    return false;
}

static enum crm_status check_text(const struct input *input, const struct field_def *field,
                                  struct value *value)
{
    size_t max = field->flags & FIELD_LONG ? TEXT_LONG_MAX : TEXT_MAX;

    if (value->text.size == 0)
        return refuse(input, field, "this text is empty; clear the field instead");
    if (!text_is_valid(value->text))
        return refuse(input, field, "this is not UTF-8 text");
    if (has_control(value->text, (field->flags & FIELD_MULTILINE) != 0))
        return refuse(input, field, "this text holds a control character");
    if (value->text.size > max)
        return refuse(input, field, "this text is too long");
    if (!text_normalise(input->arena, value->text, &value->text))
        return spent(input);
    return value->text.size > max ? refuse(input, field, "this text is too long") : CRM_OK;
}

static enum crm_status check_choice(const struct input *input, const struct field_def *field,
                                    const struct value *value)
{
    bool is_known = false;

    if (!(field->flags & FIELD_CUSTOM))
        is_known =
            value->integer == (int)value->integer && choice_by_number(field, (int)value->integer);
    for (size_t i = 0; field->flags & FIELD_CUSTOM && i < field->n_choices; i++)
        is_known |= slice_equal(value->text, slice_text(field->choices[i].name));
    return is_known ? CRM_OK : refuse(input, field, "this is not one of the choices");
}

static enum crm_status check_number(const struct input *input, const struct field_def *field,
                                    const struct value *value)
{
    int64_t low = INT64_MIN, high = INT64_MAX;

    if (field->type == FIELD_INTEGER) {
        low = 0;
        high = UINT32_MAX;
    } else if (field->type == FIELD_DATE) {
        low = DAY_MIN;
        high = DAY_MAX;
    } else if (field->type == FIELD_INSTANT) {
        low = DAY_MIN * US_PER_DAY;
        high = DAY_MAX * US_PER_DAY;
    } else if (field->type == FIELD_BOOLEAN) {
        low = 0;
        high = 1;
    }
    if (field->minimum || field->maximum) {
        low = field->minimum;
        high = field->maximum;
    }
    return value->integer >= low && value->integer <= high
               ? CRM_OK
               : refuse(input, field, "this is out of range");
}

static enum crm_status check_value(const struct input *input, const struct field_def *field,
                                   struct value *value)
{
    switch (field->type) {
    case FIELD_TEXT:
        return check_text(input, field, value);
    case FIELD_CHOICE:
        return check_choice(input, field, value);
    case FIELD_MONEY:
        return !value->currency[0] || currency_is_known(value->currency)
                   ? CRM_OK
                   : refuse(input, field, "there is no such currency");
    case FIELD_REFERENCE:
    case FIELD_ID:
        return uuid_is_nil(&value->ref) ? refuse(input, field, "this is not an id") : CRM_OK;
    default:
        return check_number(input, field, value);
    }
}

/*
 * A value, written again: numbers in their shortest form and text in NFC, so that equal values are
 * equal bytes. What is derived of an amount of money is dropped without a word: a client may send
 * back what it was shown.
 */
static enum crm_status copy_value(const struct input *input, const struct field_def *field,
                                  const struct body_field *from, uint32_t tag,
                                  struct body_writer *writer)
{
    struct value value;
    enum crm_status status;

    if (!value_read(field, from, &value))
        return refuse(input, field, "this is not a value of the field's type");
    status = check_value(input, field, &value);
    if (status != CRM_OK)
        return status;
    if (field->type == FIELD_MONEY && input->allow_derived) {
        struct slice content;

        status = body_canonical(input->arena, from->bytes, &content, input->failure);
        if (status == CRM_OK)
            body_write_bytes(writer, tag, content);
        return status;
    }
    if (field->type == FIELD_MONEY) {
        value.has_company = false;
        value.ref = (struct uuid){ 0 };
    }
    value_write(writer, field, tag, &value);
    return CRM_OK;
}

/* --- lists, groups, custom fields */

/* Choices that came packed (one length-delimited field with all of them), one by one. */
static enum crm_status copy_packed(const struct input *input, const struct field_def *field,
                                   struct slice packed, struct body_writer *writer)
{
    struct body_writer key;
    struct slice one;
    size_t start = 0;

    for (size_t i = 0; i < packed.size; i++) {
        struct body_field each;
        size_t position = 0;
        enum crm_status status;

        if (packed.data[i] & 0x80)
            continue;
        /* A key before it makes a field of the number. */
        body_writer_init(&key, input->arena, i + 2 - start);
        body_write_raw(&key, slice_of("\x08", 1));
        body_write_raw(&key, slice_of(packed.data + start, i + 1 - start));
        if (body_writer_finish(&key, &one) != CRM_OK)
            return spent(input);
        if (!body_next(one, &position, &each))
            return refuse(input, field, "this is not a value of the field's type");
        status = copy_value(input, field, &each, field->ref, writer);
        if (status != CRM_OK)
            return status;
        start = i + 1;
    }
    return start == packed.size ? CRM_OK
                                : refuse(input, field, "this is not a value of the field's type");
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE);
}

/* Elements are found by their ids: each has one, and no other has it. */
static enum crm_status check_ids(const struct input *input, const struct field_def *field,
                                 struct slice run)
{
    struct uuid *ids = arena_alloc(input->arena, LIST_MAX * sizeof *ids);
    struct body_field element, id;
    size_t position = 0, n = 0, i;

    if (!ids)
        return spent(input);
    while (n < LIST_MAX && body_next(run, &position, &element)) {
        if (!body_find(element.bytes, 1, &id) || !uuid_from_slice(id.bytes, &ids[n++]))
            return refuse(input, field, "an element of this list has no id");
    }
    qsort(ids, n, sizeof *ids, compare_ids);
    for (i = 1; i < n; i++) {
        if (uuid_equal(&ids[i - 1], &ids[i]))
            return refuse(input, field, "two elements of this list have the same id");
    }
    return CRM_OK;
}

static enum crm_status copy_element(struct input *input, const struct field_def *field,
                                    struct slice element, struct body_writer *writer);

/* The occurrences of one field: all of a list, the last one of any other. */
static enum crm_status copy_run(struct input *input, const struct field_def *field,
                                struct slice run, struct body_writer *writer)
{
    bool is_list = (field->flags & FIELD_REPEATED) != 0;
    size_t position = 0, n = 0;
    struct body_field from;
    enum crm_status status = CRM_OK;

    while (status == CRM_OK && body_next(run, &position, &from)) {
        if (!is_list && position < run.size)
            continue;
        if (++n > LIST_MAX)
            return refuse(input, field, "this list is too long");
        if (field->type == FIELD_GROUP && from.wire_type == WIRE_BYTES)
            status = copy_element(input, field, from.bytes, writer);
        else if (field->type == FIELD_CHOICE && is_list && from.wire_type == WIRE_BYTES)
            status = copy_packed(input, field, from.bytes, writer);
        else
            status = copy_value(input, field, &from, field->ref, writer);
    }
    return status;
}

static enum crm_status copy_list_or_value(struct input *input, const struct field_def *field,
                                          struct slice run, struct body_writer *writer)
{
    struct body_writer list;
    struct slice copied;
    enum crm_status status;

    if (field->type != FIELD_GROUP)
        return copy_run(input, field, run, writer);
    body_writer_init(&list, input->arena, run.size);
    status = copy_run(input, field, run, &list);
    if (status == CRM_OK && body_writer_finish(&list, &copied) != CRM_OK)
        return spent(input);
    if (status == CRM_OK)
        status = check_ids(input, field, copied);
    if (status == CRM_OK)
        body_write_raw(writer, copied);
    return status;
}

static const struct field_def *member_by_ref(const struct field_def *group, uint32_t ref)
{
    for (size_t i = 0; i < group->n_members; i++) {
        if (group->members[i].ref == ref)
            return &group->members[i];
    }
    return NULL;
}

/* Which members must be there is asked of the whole record: a patch that removes an element gives
 * only its id. */
static enum crm_status copy_element(struct input *input, const struct field_def *field,
                                    struct slice element, struct body_writer *writer)
{
    struct input inner = *input;
    struct body_writer message;
    struct body_units units;
    struct slice canonical;
    enum crm_status status = body_canonical(input->arena, element, &canonical, input->failure);

    if (status != CRM_OK)
        return status;
    body_writer_init(&message, input->arena, canonical.size);
    body_units_begin(&units, canonical);
    inner.group = field;
    for (; status == CRM_OK && units.unit.order != UNIT_END; body_units_next(&units)) {
        const struct field_def *member = member_by_ref(field, units.unit.ref);

        if (member)
            status = copy_run(&inner, member, units.unit.raw, &message);
        else
            body_write_raw(&message, units.unit.raw);
    }
    if (status == CRM_OK && body_writer_finish(&message, &canonical) != CRM_OK)
        return spent(input);
    if (status == CRM_OK)
        body_write_bytes(writer, field->ref, canonical);
    return status;
}

static enum crm_status copy_custom(const struct input *input, uint32_t ref, struct slice raw,
                                   struct body_writer *writer)
{
    const struct field_def *field = schema_field(input->schema, input->kind, ref);
    struct body_field outer, from;
    struct body_writer message;
    struct slice content;
    size_t position = 0, n = 0;
    enum crm_status status;

    if (!field)
        return fail(input->failure, CRM_INVALID, "custom", "there is no custom field %u",
                    (unsigned)(ref - FIELD_REF_CUSTOM));
    if (!body_next(raw, &position, &outer))
        return refuse(input, field, "this is not a value of the field's type");
    status = body_canonical(input->arena, outer.bytes, &content, input->failure);
    if (status != CRM_OK)
        return status;
    body_writer_init(&message, input->arena, content.size);
    body_write_varint(&message, CUSTOM_NUMBER, ref - FIELD_REF_CUSTOM);
    for (position = 0; status == CRM_OK && body_next(content, &position, &from);) {
        if (from.tag == CUSTOM_NUMBER)
            continue;
        if (from.tag != custom_tag(field) || (n > 0 && !(field->flags & FIELD_REPEATED)))
            return refuse(input, field, "this is not a value of the field's type");
        if (++n > LIST_MAX)
            return refuse(input, field, "this list is too long");
        status = copy_value(input, field, &from, from.tag, &message);
    }
    if (status == CRM_OK && n == 0)
        return refuse(input, field, "there is no value");
    if (status == CRM_OK && body_writer_finish(&message, &content) != CRM_OK)
        return spent(input);
    if (status == CRM_OK)
        body_write_bytes(writer, BODY_TAG_CUSTOM, content);
    return status;
}

/* --- */

static enum crm_status copy_unit(struct input *input, const struct body_unit *unit,
                                 struct body_writer *writer)
{
    const struct field_def *field;

    if (unit->ref > FIELD_REF_CUSTOM)
        return copy_custom(input, unit->ref, unit->raw, writer);
    field = kind_field(input->kind, unit->ref);
    if (!field) {
        body_write_raw(writer, unit->raw); /* a newer installation's: kept as it is */
        return CRM_OK;
    }
    if (field->flags & FIELD_DERIVED && !input->allow_derived)
        return refuse(input, field, "this field is set by the server");
    return copy_list_or_value(input, field, unit->raw, writer);
}

enum crm_status validate_input(const struct schema *schema, const struct kind_def *kind,
                               struct slice body, bool allow_derived, struct arena *arena,
                               struct slice *out_body, struct failure *failure)
{
    struct input input = { schema, kind, allow_derived, arena, failure, NULL };
    struct check_limits limits = check_limits_for(body.size);
    struct body_writer writer;
    struct body_units units;
    struct slice canonical;
    enum crm_status status;

    if (body.size > RECORD_SIZE_MAX)
        return fail(failure, CRM_TOO_LARGE, NULL, "a record has at most %d bytes", RECORD_SIZE_MAX);
    status = check_body(kind->descriptor, body, &limits, failure);
    if (status == CRM_OK)
        status = body_canonical(arena, body, &canonical, failure);
    if (status != CRM_OK)
        return status;
    body_writer_init(&writer, arena, canonical.size + 16);
    body_units_begin(&units, canonical);
    for (; status == CRM_OK && units.unit.order != UNIT_END; body_units_next(&units))
        status = copy_unit(&input, &units.unit, &writer);
    if (status == CRM_OK && units.is_bad)
        status = fail(failure, CRM_INVALID, NULL, "the record's data is not well-formed");
    if (status == CRM_OK && body_writer_finish(&writer, out_body) != CRM_OK)
        status = spent(&input);
    return status;
}

/* --- whole records */

struct element_check {
    const struct field_def *group;
    struct failure *failure;
    enum crm_status status;
};

static bool check_element(void *arg, struct slice element)
{
    struct element_check *check = arg;
    char name[NAME_SIZE];
    struct value value;

    for (size_t i = 0; i < check->group->n_members; i++) {
        const struct field_def *member = &check->group->members[i];

        if (!(member->flags & FIELD_REQUIRED) || reflect_member(member, element, &value))
            continue;
        snprintf(name, sizeof name, "%.30s.%.30s", check->group->name, member->name);
        check->status = fail(check->failure, CRM_INVALID, name, "a value is required");
        return false;
    }
    return true;
}

static bool count_value(void *arg, const struct value *value)
{
    size_t *n = arg;

    (void)value;
    return ++*n <= LIST_MAX;
}

static bool count_element(void *arg, struct slice element)
{
    size_t *n = arg;

    (void)element;
    return ++*n <= LIST_MAX;
}

static enum crm_status check_list(const struct field_def *field, const struct record *record,
                                  struct failure *failure)
{
    struct element_check check = { field, failure, CRM_OK };
    size_t n = 0;

    reflect_each(field, record, count_value, &n);
    reflect_each_element(field, record, count_element, &n);
    if (n > LIST_MAX)
        return fail(failure, CRM_INVALID, field->name, "a list has at most %d elements", LIST_MAX);
    reflect_each_element(field, record, check_element, &check);
    return check.status;
}

enum crm_status validate_record(const struct schema *schema, const struct kind_def *kind,
                                struct slice body, struct failure *failure)
{
    const struct record record = { .header = { .kind = kind->kind }, .body = body };
    const struct field_def *field;
    struct value value;

    if (body.size > RECORD_SIZE_MAX - RECORD_HEADER_SIZE)
        return fail(failure, CRM_TOO_LARGE, NULL, "a record has at most %d bytes",
                    RECORD_SIZE_MAX - RECORD_HEADER_SIZE);
    for (size_t n = 0; (field = schema_field_at(schema, kind, n)) && !(field->flags & FIELD_HEADER);
         n++) {
        enum crm_status status = CRM_OK;

        if (field->flags & FIELD_REQUIRED && !reflect_get(field, &record, &value))
            status = fail(failure, CRM_INVALID, field->name, "a value is required");
        else if (field->flags & FIELD_REPEATED)
            status = check_list(field, &record, failure);
        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}
