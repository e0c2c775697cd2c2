/*
 * value_wire.h - one value as a packed field holds it (private to common/model)
 *
 * The two directions of reflect.c, shared with validate.c. CustomValue has a member for each family
 * of types.
 */
#ifndef CRM_MODEL_VALUE_WIRE_H
#define CRM_MODEL_VALUE_WIRE_H

#include "common/model/body.h"
#include "common/model/body_write.h"
#include "common/model/value.h"

enum custom_tag {
    CUSTOM_NUMBER = 1,
    CUSTOM_TEXT = 2,
    CUSTOM_INTEGER = 3,
    CUSTOM_MONEY = 4,
    CUSTOM_REF = 5,
    CUSTOM_TEXTS = 6,
};

enum money_tag {
    MONEY_MINOR = 1,
    MONEY_CURRENCY = 2,
    MONEY_COMPANY_MINOR = 3,
    MONEY_RATE = 4,
};

/* The member of CustomValue that holds values of a custom field. */
uint32_t custom_tag(const struct field_def *field);

/* The value of a field as it stands; false where the bytes hold none of its type. Not of groups.
 * The value borrows the bytes. */
bool value_read(const struct field_def *field, const struct body_field *from,
                struct value *out_value);
/* As a field with this tag. Nothing is written for a value without a type. */
void value_write(struct body_writer *writer, const struct field_def *field, uint32_t tag,
                 const struct value *value);

#endif
