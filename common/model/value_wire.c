/*
 * value_wire.c - one value from and to the bytes of a packed field
 *
 * Called by reflect.c for every value that is read, on any thread. No state.
 */
#include "common/model/value_wire.h"

uint32_t custom_tag(const struct field_def *field)
{
    switch (field->type) {
    case FIELD_TEXT:
        return CUSTOM_TEXT;
    case FIELD_CHOICE:
        return field->flags & FIELD_REPEATED ? CUSTOM_TEXTS : CUSTOM_TEXT;
    case FIELD_MONEY:
        return CUSTOM_MONEY;
    case FIELD_REFERENCE:
        return CUSTOM_REF;
    default:
        return CUSTOM_INTEGER;
    }
}

/* Is a choice kept as its name (custom) rather than as its number? */
static bool is_text(const struct field_def *field)
{
    return field->type == FIELD_TEXT ||
           (field->type == FIELD_CHOICE && field->flags & FIELD_CUSTOM);
}

static bool is_unsigned(const struct field_def *field)
{
    return field->type == FIELD_INTEGER || field->type == FIELD_CHOICE ||
           (field->type == FIELD_BOOLEAN && !(field->flags & FIELD_CUSTOM));
}

static bool money_read(struct slice content, struct value *out_value)
{
    struct body_field field;
    size_t position = 0;
    bool has_minor = false;

    while (body_next(content, &position, &field)) {
        if (field.tag == MONEY_MINOR && field.wire_type == WIRE_VARINT) {
            out_value->integer = body_zigzag(field.number);
            has_minor = true;
        } else if (field.tag == MONEY_CURRENCY && field.bytes.size) {
            if (field.bytes.size != 3)
                return false;
            memcpy(out_value->currency, field.bytes.data, 3);
        } else if (field.tag == MONEY_COMPANY_MINOR && field.wire_type == WIRE_VARINT) {
            out_value->company_minor = body_zigzag(field.number);
            out_value->has_company = true;
        } else if (field.tag == MONEY_RATE) {
            uuid_from_slice(field.bytes, &out_value->ref);
        }
    }
    return has_minor && position == content.size;
}

bool value_read(const struct field_def *field, const struct body_field *from,
                struct value *out_value)
{
    struct value value = { .type = field->type };
    bool is_right;

    if (is_text(field)) {
        is_right = from->wire_type == WIRE_BYTES;
        value.text = from->bytes;
    } else if (field->type == FIELD_REFERENCE || field->type == FIELD_ID) {
        is_right = from->wire_type == WIRE_BYTES && uuid_from_slice(from->bytes, &value.ref);
    } else if (field->type == FIELD_MONEY) {
        is_right = from->wire_type == WIRE_BYTES && money_read(from->bytes, &value);
    } else {
        is_right = from->wire_type == WIRE_VARINT && field->type != FIELD_GROUP;
        value.integer = is_unsigned(field) ? (int64_t)from->number : body_zigzag(from->number);
    }
    if (!is_right)
        return false;
    *out_value = value;
    return true;
}

static void money_write(struct body_writer *writer, uint32_t tag, const struct value *value)
{
    uint8_t room[64];
    struct body_writer money = {
        .data = room, .capacity = sizeof room
    }; /* larger than any Money: never asks the arena */

    body_write_varint(&money, MONEY_MINOR, body_unzigzag(value->integer));
    if (value->currency[0])
        body_write_bytes(&money, MONEY_CURRENCY, slice_text(value->currency));
    if (value->has_company)
        body_write_varint(&money, MONEY_COMPANY_MINOR, body_unzigzag(value->company_minor));
    if (!uuid_is_nil(&value->ref))
        body_write_bytes(&money, MONEY_RATE, uuid_slice(&value->ref));
    body_write_bytes(writer, tag, slice_of(money.data, money.size));
}

void value_write(struct body_writer *writer, const struct field_def *field, uint32_t tag,
                 const struct value *value)
{
    if (value->type == FIELD_NONE)
        return;
    if (is_text(field))
        body_write_bytes(writer, tag, value->text);
    else if (field->type == FIELD_REFERENCE || field->type == FIELD_ID)
        body_write_bytes(writer, tag, uuid_slice(&value->ref));
    else if (field->type == FIELD_MONEY)
        money_write(writer, tag, value);
    else
        body_write_varint(writer, tag,
                          is_unsigned(field) ? (uint64_t)value->integer
                                             : body_unzigzag(value->integer));
}
