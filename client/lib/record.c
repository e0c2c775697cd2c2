/*
 * record.c - records for programs that know nothing of protobuf: fields by name
 *
 * Called by the user. Stands on common/model, which knows every kind; custom fields need the installation's schema and
 * are not reached here.
 */
#include <crm.h>

#include "common/model/kind.h"
#include "common/model/record.h"
#include "common/model/reflect.h"
#include "common/model/value.h"

#define SCRATCH_MAX (256u << 10)

/* Joins a list's values into the caller's text. */
struct joined {
    const struct field_def *field;
    struct arena arena;
    char *text;
    size_t size; /* of text */
    size_t used;
    unsigned n;
    enum crm_status status;
};

uint32_t crm_kind(const char *name)
{
    const struct kind_def *kind = name ? kind_find(name) : NULL;

    return kind ? (uint32_t)kind->kind : 0;
}

const char *crm_kind_name(uint32_t kind)
{
    const struct kind_def *def = kind_def(kind);

    return def ? def->name : NULL;
}

/* The record and the definition of the field of this name (NULL: its title). */
static enum crm_status find_field(const Crm__Record *wire, const char *name, struct record *out_record,
                                  const struct field_def **out_field)
{
    const struct kind_def *kind;
    const struct field_def *field;

    if (record_from_wire(wire, out_record, NULL))
        return CRM_INVALID;
    kind = kind_def((unsigned)out_record->header.kind);
    if (!kind)
        return CRM_INVALID;
    field = kind_field_by_name(kind, name ? name : kind->title);
    if (!field)
        return CRM_NOT_FOUND;
    *out_field = field;
    return CRM_OK;
}

/* As much of piece as there is room for, cut between two characters. */
static void append(struct joined *joined, const char *piece)
{
    size_t size = strlen(piece);
    size_t room = joined->size - joined->used - 1;

    if (joined->status)
        return;
    if (size > room) {
        joined->status = CRM_TOO_LARGE;
        for (size = room; size > 0 && ((uint8_t)piece[size] & 0xc0) == 0x80;)
            size--;
    }
    memcpy(joined->text + joined->used, piece, size);
    joined->used += size;
    joined->text[joined->used] = '\0';
}

static bool join_value(void *arg, const struct value *value)
{
    struct joined *joined = arg;
    const char *piece = value_format(joined->field, value, &joined->arena);

    if (!piece) {
        joined->status = CRM_NO_MEMORY;
        return false;
    }
    if (joined->n++ > 0)
        append(joined, ", ");
    append(joined, piece);
    arena_reset(&joined->arena);
    return joined->status == CRM_OK;
}

enum crm_status crm_record_text(const Crm__Record *record, const char *field, char *text, size_t text_size)
{
    struct joined joined = { .text = text, .size = text_size };
    struct record decoded;
    enum crm_status status;

    if (text_size == 0)
        return CRM_TOO_LARGE;
    text[0] = '\0';
    status = find_field(record, field, &decoded, &joined.field);
    if (status)
        return status;
    arena_init(&joined.arena, SCRATCH_MAX);
    reflect_each(joined.field, &decoded, join_value, &joined);
    arena_fini(&joined.arena);
    if (joined.status)
        return joined.status;
    return joined.n > 0 ? CRM_OK : CRM_NOT_FOUND;
}

enum crm_status crm_record_integer(const Crm__Record *record, const char *field, int64_t *out_number)
{
    const struct field_def *def;
    struct record decoded;
    struct value value;
    enum crm_status status = find_field(record, field, &decoded, &def);

    if (status)
        return status;
    if (!reflect_get(def, &decoded, &value))
        return CRM_NOT_FOUND;
    switch (value.type) {
    case FIELD_INTEGER:
    case FIELD_DECIMAL:
    case FIELD_MONEY:
    case FIELD_DATE:
    case FIELD_INSTANT:
    case FIELD_BOOLEAN:
    case FIELD_CHOICE:
        *out_number = value.integer;
        return CRM_OK;
    default:
        return CRM_INVALID;
    }
}

enum crm_status crm_record_title(const Crm__Record *record, char *text, size_t text_size)
{
    return crm_record_text(record, NULL, text, text_size);
}

void crm_record_label(const Crm__Record *record, char text[CRM_LABEL_SIZE])
{
    struct record decoded;

    _Static_assert(CRM_LABEL_SIZE == RECORD_LABEL_SIZE, "the public header promises the model's size");
    if (record_from_wire(record, &decoded, NULL)) {
        memcpy(text, "?", 2);
        return;
    }
    record_label(&decoded.header, text);
}
