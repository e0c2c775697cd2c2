/*
 * index.c - the shape of index, child, unique and term keys
 *
 * Everything that writes, scans or checks these databases builds its keys here, so that their
 * format stands in one place.
 */
#include "common/engine/index.h"

#include "common/base/digest.h"
#include "common/base/text.h"

#define UNIQUE_TEXT_MAX 400 /* longer texts are told apart by their hash */

void index_prefix(struct key *key, enum kind kind, uint32_t ref, enum index_form form,
                  const struct uuid *owner)
{
    key_u8(key, (uint8_t)kind);
    key_u16(key, (uint16_t)ref);
    key_u8(key, (uint8_t)form);
    if (form == INDEX_OWNER)
        key_bytes(key, owner->bytes, UUID_SIZE);
}

/* The text of a value, folded; custom choices are kept by name. */
static bool value_is_text(const struct field_def *field)
{
    return field->type == FIELD_TEXT ||
           (field->type == FIELD_CHOICE && (field->flags & FIELD_CUSTOM));
}

/* What has no text: fixed size, in the order of the values. */
static void key_scalar(struct key *key, const struct value *value)
{
    switch (value->type) {
    case FIELD_MONEY:
        key_i64(key, value->has_company ? value->company_minor : value->integer);
        break;
    case FIELD_REFERENCE:
    case FIELD_ID:
        key_bytes(key, value->ref.bytes, UUID_SIZE);
        break;
    default:
        key_i64(key, value->integer);
        break;
    }
}

bool index_value(struct key *key, const struct field_def *field, const struct value *value,
                 struct arena *arena)
{
    struct slice folded;

    if (!value || value->type == FIELD_NONE) {
        key_u8(key, INDEX_MISSING);
        return true;
    }
    if (!value_is_text(field)) {
        key_u8(key, INDEX_PRESENT);
        key_scalar(key, value);
        return true;
    }
    if (!text_fold(arena, value->text, &folded))
        return false;
    key_u8(key, INDEX_PRESENT);
    key_bytes(key, folded.data, text_prefix_size(folded, INDEX_TEXT_MAX));
    key_u8(key, 0);
    return true;
}

bool index_value_is_none(const struct field_def *field, const struct value *value)
{
    if (field->ref == HEADER_NUMBER)
        return value->integer == 0;
    if (value_is_text(field))
        return value->text.size == 0;
    return value->type == FIELD_NONE ||
           (value->type == FIELD_REFERENCE && uuid_is_nil(&value->ref));
}

void index_first_value(const struct field_def *field, const struct record *record,
                       struct value *out_value)
{
    if (!reflect_get(field, record, out_value) || index_value_is_none(field, out_value))
        out_value->type = FIELD_NONE;
}

bool index_key_id(struct slice key, struct uuid *out_id)
{
    return key.size > UUID_SIZE &&
           uuid_from_slice(slice_of(key.data + key.size - UUID_SIZE, UUID_SIZE), out_id);
}

void child_prefix(struct key *key, const struct uuid *target, enum kind kind, uint32_t ref)
{
    key_bytes(key, target->bytes, UUID_SIZE);
    key_u8(key, (uint8_t)kind);
    key_u16(key, (uint16_t)ref);
}

bool child_key_is_companion(struct slice key)
{
    return key.size > UUID_SIZE && key.data[UUID_SIZE] == 0xff;
}

bool unique_key(struct key *key, enum kind kind, const struct field_def *field,
                const struct value *value, struct arena *arena)
{
    struct slice folded;

    if (!value_is_text(field)) {
        key_u8(key, (uint8_t)kind);
        key_u16(key, (uint16_t)field->ref);
        key_scalar(key, value);
        return true;
    }
    if (!text_fold(arena, value->text, &folded))
        return false;
    key_u8(key, (uint8_t)kind);
    key_u16(key, (uint16_t)field->ref);
    if (folded.size <= UNIQUE_TEXT_MAX) {
        key_bytes(key, folded.data, folded.size);
    } else {
        uint8_t hash[SHA256_SIZE];

        sha256(&folded, 1, hash);
        key_bytes(key, folded.data, INDEX_TEXT_MAX);
        key_u8(key, 0);
        key_bytes(key, hash, sizeof hash);
    }
    return true;
}

void term_prefix(struct key *key, const struct term *term, bool whole)
{
    key_bytes(key, term->data, term->size);
    if (whole)
        key_u8(key, 0);
}

bool field_is_sortable(const struct field_def *field)
{
    if (field->flags & FIELD_HEADER)
        return field->ref == HEADER_NUMBER;
    return field->flags & FIELD_SORTABLE;
}

bool field_is_indexed(const struct field_def *field)
{
    if (field->flags & FIELD_HEADER)
        return field->ref == HEADER_NUMBER || field->ref == HEADER_OWNER ||
               field->ref == HEADER_TEAM;
    if (field->flags & (FIELD_INDEXED | FIELD_SORTABLE | FIELD_UNIQUE))
        return true;
    for (size_t i = 0; i < field->n_members; i++) {
        if (field->members[i].type == FIELD_REFERENCE)
            return true;
    }
    return field->type == FIELD_REFERENCE;
}
