/*
 * reflect.c - fields of a record by their definition
 *
 * Called for every filter, index, list and table, on any thread; reads packed bytes in one pass
 * that ends where the field would have been. No state.
 */
#include "common/model/reflect.h"

#include "common/model/value_wire.h"

/* --- reading */

static bool instant_value(int64_t us, struct value *out_value)
{
    *out_value = (struct value){ .type = FIELD_INSTANT, .integer = us };
    return true;
}

/* A nil id, and number 0, are no values. */
static bool id_value(enum field_type type, const struct uuid *id, struct value *out_value)
{
    if (uuid_is_nil(id))
        return false;
    *out_value = (struct value){ .type = type, .ref = *id };
    return true;
}

static bool count_value(uint64_t n, struct value *out_value)
{
    if (n == 0)
        return false;
    *out_value = (struct value){ .type = FIELD_INTEGER, .integer = (int64_t)n };
    return true;
}

static bool header_value(uint32_t ref, const struct record_header *header, struct value *out_value)
{
    switch (ref) {
    case HEADER_ID:
        return id_value(FIELD_ID, &header->id, out_value);
    case HEADER_NUMBER:
        return count_value(header->number, out_value);
    case HEADER_REV:
        return count_value(header->rev, out_value);
    case HEADER_OWNER:
        return id_value(FIELD_REFERENCE, &header->owner, out_value);
    case HEADER_TEAM:
        return id_value(FIELD_REFERENCE, &header->team, out_value);
    case HEADER_CREATED:
        return instant_value(header->created_us, out_value);
    case HEADER_CREATED_BY:
        return id_value(FIELD_REFERENCE, &header->created_by, out_value);
    case HEADER_UPDATED:
        return instant_value(header->updated_us, out_value);
    case HEADER_UPDATED_BY:
        return id_value(FIELD_REFERENCE, &header->updated_by, out_value);
    case HEADER_SEQ:
        return count_value(header->seq, out_value);
    default:
        return false;
    }
}

/* The content of a custom value; they ascend by number. */
static bool find_custom(struct slice body, uint32_t ref, struct slice *out_content)
{
    size_t position = 0;
    struct body_field field, number;

    while (body_next(body, &position, &field) && field.tag <= BODY_TAG_CUSTOM) {
        if (field.tag != BODY_TAG_CUSTOM || !body_find(field.bytes, CUSTOM_NUMBER, &number))
            continue;
        if (number.number >= ref - FIELD_REF_CUSTOM) {
            *out_content = field.bytes;
            return number.number == ref - FIELD_REF_CUSTOM;
        }
    }
    return false;
}

/* Where the values of a body's field are: a message, and the tag in it. */
static bool place_of(const struct field_def *field, struct slice body, struct slice *out_message,
                     uint32_t *out_tag)
{
    if (field->flags & FIELD_CUSTOM) {
        *out_tag = custom_tag(field);
        return find_custom(body, field->ref, out_message);
    }
    *out_tag = field->ref;
    *out_message = body;
    return true;
}

bool reflect_get(const struct field_def *field, const struct record *record,
                 struct value *out_value)
{
    struct body_field found;
    struct slice message;
    uint32_t tag;

    if (field->flags & FIELD_HEADER) {
        if (header_value(field->ref, &record->header, out_value))
            return true;
    } else if (place_of(field, record->body, &message, &tag) && body_find(message, tag, &found) &&
               value_read(field, &found, out_value)) {
        return true;
    }
    *out_value = (struct value){ .type = FIELD_NONE };
    return false;
}

void reflect_each(const struct field_def *field, const struct record *record, reflect_visit *visit,
                  void *arg)
{
    struct body_field found;
    struct slice message;
    struct value value;
    size_t position = 0;
    uint32_t tag;

    if (field->type == FIELD_GROUP)
        return;
    if (!(field->flags & FIELD_REPEATED)) {
        if (reflect_get(field, record, &value))
            visit(arg, &value);
        return;
    }
    if (!place_of(field, record->body, &message, &tag))
        return;
    while (body_next(message, &position, &found) && found.tag <= tag) {
        if (found.tag == tag && value_read(field, &found, &value) && !visit(arg, &value))
            return;
    }
}

void reflect_each_element(const struct field_def *field, const struct record *record,
                          reflect_element *visit, void *arg)
{
    struct body_field found;
    size_t position = 0;

    if (field->type != FIELD_GROUP)
        return;
    while (body_next(record->body, &position, &found) && found.tag <= field->ref) {
        if (found.tag == field->ref && found.wire_type == WIRE_BYTES && !visit(arg, found.bytes))
            return;
    }
}

bool reflect_member(const struct field_def *member, struct slice element, struct value *out_value)
{
    struct body_field found;

    if (member->type != FIELD_GROUP && body_find(element, member->ref, &found) &&
        value_read(member, &found, out_value))
        return true;
    *out_value = (struct value){ .type = FIELD_NONE };
    return false;
}

/* --- building */

void body_builder_init(struct body_builder *builder, struct arena *arena)
{
    *builder = (struct body_builder){ .arena = arena, .status = CRM_OK };
}

static void append_part(struct body_builder *builder, struct slice part)
{
    if (builder->n == builder->capacity) {
        size_t capacity = builder->capacity ? 2 * builder->capacity : 16;
        struct slice *parts = arena_alloc(builder->arena, capacity * sizeof *parts);

        if (!parts) {
            builder->status = CRM_NO_MEMORY;
            return;
        }
        if (builder->n)
            memcpy(parts, builder->parts, builder->n * sizeof *parts);
        builder->parts = parts;
        builder->capacity = capacity;
    }
    builder->parts[builder->n++] = part;
}

/* The part that already holds the field's only value, or its custom list; NULL if there is none. */
static struct slice *earlier_part(struct body_builder *builder, const struct field_def *field)
{
    struct body_field first;
    struct slice content;

    for (size_t i = 0; i < builder->n; i++) {
        size_t position = 0;

        if (field->flags & FIELD_CUSTOM) {
            if (find_custom(builder->parts[i], field->ref, &content))
                return &builder->parts[i];
        } else if (body_next(builder->parts[i], &position, &first) && first.tag == field->ref) {
            return &builder->parts[i];
        }
    }
    return NULL;
}

/* A packed field: of a custom one the CustomValue with what earlier has of it before. */
static struct slice pack_value(struct body_builder *builder, const struct field_def *field,
                               const struct value *value, const struct slice *earlier)
{
    struct body_writer whole, custom;
    struct slice packed = { 0 }, content;

    body_writer_init(&whole, builder->arena, value->text.size + 64);
    if (field->flags & FIELD_CUSTOM) {
        body_writer_init(&custom, builder->arena, value->text.size + 64);
        if (earlier && field->flags & FIELD_REPEATED && find_custom(*earlier, field->ref, &content))
            body_write_raw(&custom, content);
        else
            body_write_varint(&custom, CUSTOM_NUMBER, field->ref - FIELD_REF_CUSTOM);
        value_write(&custom, field, custom_tag(field), value);
        builder->status = body_writer_finish(&custom, &content);
        if (builder->status == CRM_OK)
            body_write_bytes(&whole, BODY_TAG_CUSTOM, content);
    } else {
        value_write(&whole, field, field->ref, value);
    }
    if (builder->status == CRM_OK)
        builder->status = body_writer_finish(&whole, &packed);
    return packed;
}

void body_builder_add(struct body_builder *builder, const struct field_def *field,
                      const struct value *value)
{
    bool is_single = !(field->flags & FIELD_REPEATED) || field->flags & FIELD_CUSTOM;
    struct slice *earlier, packed;

    if (builder->status != CRM_OK || value->type == FIELD_NONE)
        return;
    if (field->flags & FIELD_HEADER || field->type == FIELD_GROUP) {
        builder->status = CRM_INVALID;
        return;
    }
    earlier = is_single ? earlier_part(builder, field) : NULL;
    packed = pack_value(builder, field, value, earlier);
    if (builder->status != CRM_OK)
        return;
    if (earlier)
        *earlier = packed;
    else
        append_part(builder, packed);
}

void body_builder_add_element(struct body_builder *builder, const struct field_def *field,
                              struct slice element)
{
    struct body_writer writer;
    struct slice packed;

    if (builder->status != CRM_OK)
        return;
    if (field->type != FIELD_GROUP) {
        builder->status = CRM_INVALID;
        return;
    }
    body_writer_init(&writer, builder->arena, element.size + 16);
    body_write_bytes(&writer, field->ref, element);
    builder->status = body_writer_finish(&writer, &packed);
    if (builder->status == CRM_OK)
        append_part(builder, packed);
}

enum crm_status body_builder_finish(struct body_builder *builder, struct slice *out_body)
{
    struct body_writer writer;
    struct slice whole;
    size_t size = 0;
    enum crm_status status = builder->status;

    if (status != CRM_OK)
        return status;
    for (size_t i = 0; i < builder->n; i++)
        size += builder->parts[i].size;
    body_writer_init(&writer, builder->arena, size);
    for (size_t i = 0; i < builder->n; i++)
        body_write_raw(&writer, builder->parts[i]);
    status = body_writer_finish(&writer, &whole);
    return status == CRM_OK ? body_canonical(builder->arena, whole, out_body, NULL) : status;
}
