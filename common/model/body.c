/*
 * body.c - walking, comparing and cutting packed messages
 *
 * Called for every record that is written, masked or shown as of the past, on any thread. No state;
 * memory from the caller's arena.
 */
#include "common/model/body.h"

#include <stdlib.h>

#include "common/model/body_unit.h"
#include "common/model/body_write.h"

/* --- walking */

static bool read_varint(struct slice body, size_t *position, uint64_t *out_number)
{
    size_t at = *position;
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (at == body.size)
            return false;
        byte = body.data[at++];
        if (shift == 63 && byte > 1)
            return false;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *position = at;
            *out_number = number;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct slice body, size_t *position, unsigned size, uint64_t *out_number)
{
    uint64_t number = 0;

    if (body.size - *position < size)
        return false;
    for (unsigned i = 0; i < size; i++)
        number |= (uint64_t)body.data[*position + i] << (8 * i);
    *position += size;
    *out_number = number;
    return true;
}

bool body_next(struct slice body, size_t *position, struct body_field *out_field)
{
    size_t start = *position, at = start;
    uint64_t key;

    if (!read_varint(body, &at, &key) || key >> 3 == 0 || key >> 3 > (1u << 29) - 1)
        return false;
    out_field->tag = (uint32_t)(key >> 3);
    out_field->wire_type = key & 7;
    out_field->bytes = (struct slice){ 0 };
    switch (out_field->wire_type) {
    case WIRE_VARINT:
        if (!read_varint(body, &at, &out_field->number))
            return false;
        break;
    case WIRE_FIXED64:
        if (!read_fixed(body, &at, 8, &out_field->number))
            return false;
        break;
    case WIRE_FIXED32:
        if (!read_fixed(body, &at, 4, &out_field->number))
            return false;
        break;
    case WIRE_BYTES:
        if (!read_varint(body, &at, &out_field->number) || out_field->number > body.size - at)
            return false;
        out_field->bytes = slice_of(body.data + at, (size_t)out_field->number);
        at += out_field->bytes.size;
        break;
    default:
        return false;
    }
    out_field->raw = slice_of(body.data + start, at - start);
    *position = at;
    return true;
}

bool body_find(struct slice body, uint32_t tag, struct body_field *out_field)
{
    size_t position = 0;

    while (body_next(body, &position, out_field) && out_field->tag <= tag) {
        if (out_field->tag == tag)
            return true;
    }
    return false;
}

/* --- units */

uint32_t body_custom_number(struct slice content)
{
    struct body_field field;
    size_t position = 0;

    while (
        body_next(content, &position, &field)) { /* it comes first, but from outside it need not */
        if (field.tag == 1)
            return field.wire_type == WIRE_VARINT && field.number <= CUSTOM_MAX
                       ? (uint32_t)field.number
                       : 0;
    }
    return 0;
}

/* Where a field stands among those of its body; false where it cannot be in one. */
static bool field_order(const struct body_field *field, uint64_t *out_order, uint32_t *out_ref)
{
    uint32_t number = 0;

    if (field->tag > TAG_MAX)
        return false;
    if (field->tag == BODY_TAG_CUSTOM) {
        number = field->wire_type == WIRE_BYTES ? body_custom_number(field->bytes) : 0;
        if (number == 0)
            return false;
    }
    *out_order = (uint64_t)field->tag << 32 | number;
    *out_ref = number ? FIELD_REF_CUSTOM + number : field->tag;
    return true;
}

/* Take in the occurrences of a tag that follow the first one. */
static void take_run(struct body_units *units, uint32_t tag)
{
    size_t position = units->position;
    struct body_field field;

    for (;;) {
        size_t ahead = position;
        uint64_t key;

        if (!read_varint(units->body, &ahead, &key) || key >> 3 != tag ||
            !body_next(units->body, &position, &field))
            break;
    }
    units->unit.raw.size += position - units->position;
    units->position = position;
}

void body_units_next(struct body_units *units)
{
    uint64_t last = units->unit.order;
    struct body_field field;

    if (!body_next(units->body, &units->position, &field)) {
        units->is_bad = units->position < units->body.size;
        units->unit = (struct body_unit){ .order = UNIT_END };
        return;
    }
    if (!field_order(&field, &units->unit.order, &units->unit.ref) || units->unit.order <= last) {
        units->is_bad = true;
        units->unit = (struct body_unit){ .order = UNIT_END };
        return;
    }
    units->unit.raw = field.raw;
    if (field.tag != BODY_TAG_CUSTOM)
        take_run(units, field.tag);
}

void body_units_begin(struct body_units *units, struct slice body)
{
    *units = (struct body_units){ .body = body };
    body_units_next(units);
}

/* --- making canonical */

struct placed {
    uint64_t order;
    size_t index; /* in the body as it came: equal tags keep their order */
    struct slice raw;
};

static int placed_compare(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;

    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Count the fields, see whether they are in order already, and find what is not well-formed. */
static enum crm_status survey(struct slice body, size_t *out_n, bool *out_is_canonical,
                              struct failure *failure)
{
    uint64_t last = 0;
    size_t position = 0;
    struct body_field field;

    *out_n = 0;
    *out_is_canonical = true;
    while (body_next(body, &position, &field)) {
        uint64_t order;
        uint32_t ref;

        if (!field_order(&field, &order, &ref))
            return field.tag == BODY_TAG_CUSTOM
                       ? fail(failure, CRM_INVALID, "custom",
                              "a custom value has no number that can be one")
                       : fail(failure, CRM_INVALID, NULL,
                              "field %u is not one that a record can have", (unsigned)field.tag);
        if (order < last || (order == last && field.tag == BODY_TAG_CUSTOM))
            *out_is_canonical = false;
        last = order;
        ++*out_n;
    }
    if (position < body.size)
        return fail(failure, CRM_INVALID, NULL, "the record's data is not well-formed");
    return CRM_OK;
}

enum crm_status body_canonical(struct arena *arena, struct slice body, struct slice *out_body,
                               struct failure *failure)
{
    struct body_writer writer;
    struct placed *fields;
    struct body_field field;
    size_t n, position = 0;
    bool is_canonical;
    enum crm_status status = survey(body, &n, &is_canonical, failure);

    if (status != CRM_OK)
        return status;
    if (is_canonical) {
        *out_body = body;
        return CRM_OK;
    }
    fields = arena_alloc(arena, n * sizeof *fields);
    if (!fields)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the record");
    for (size_t i = 0; i < n && body_next(body, &position, &field); i++) {
        uint32_t ref;

        fields[i] = (struct placed){ .index = i, .raw = field.raw };
        (void)field_order(&field, &fields[i].order, &ref); /* survey has seen that it is one */
    }
    qsort(fields, n, sizeof *fields, placed_compare);
    body_writer_init(&writer, arena, body.size);
    for (size_t i = 0; i < n; i++) {
        /* Of a custom value that is there twice the last one counts, as of any singular field. */
        bool is_again = i + 1 < n && fields[i].order >> 32 == BODY_TAG_CUSTOM &&
                        fields[i].order == fields[i + 1].order;

        if (!is_again)
            body_write_raw(&writer, fields[i].raw);
    }
    if (body_writer_finish(&writer, out_body) != CRM_OK)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the record");
    return CRM_OK;
}

/* --- sets, differences, parts */

bool field_set_has(const struct field_set *set, uint32_t ref)
{
    size_t low = 0, high = set->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->refs[middle] == ref)
            return true;
        if (set->refs[middle] < ref)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Tags above that of custom values (an installation newer than this one) come after them on the
 * wire, but before them as references. */
static void set_insert(uint32_t *refs, size_t *n, uint32_t ref)
{
    size_t i = (*n)++;

    for (; i > 0 && refs[i - 1] > ref; i--)
        refs[i] = refs[i - 1];
    refs[i] = ref;
}

enum crm_status body_diff(struct arena *arena, struct slice before, struct slice after,
                          struct field_set *out_changed)
{
    uint32_t refs[BODY_FIELDS_MAX];
    struct body_units a, b;
    size_t n = 0;

    body_units_begin(&a, before);
    body_units_begin(&b, after);
    while (a.unit.order != UNIT_END || b.unit.order != UNIT_END) {
        uint64_t order = a.unit.order < b.unit.order ? a.unit.order : b.unit.order;
        uint32_t ref = a.unit.order == order ? a.unit.ref : b.unit.ref;
        bool is_same = a.unit.order == b.unit.order && slice_equal(a.unit.raw, b.unit.raw);

        if (!is_same) {
            if (n == ARRAY_LEN(refs))
                return CRM_TOO_LARGE;
            set_insert(refs, &n, ref);
        }
        if (a.unit.order == order)
            body_units_next(&a);
        if (b.unit.order == order)
            body_units_next(&b);
    }
    if (a.is_bad || b.is_bad)
        return CRM_CORRUPT;
    *out_changed = (struct field_set){ 0 };
    if (n == 0)
        return CRM_OK;
    out_changed->refs = arena_memdup(arena, refs, n * sizeof *refs);
    if (!out_changed->refs)
        return CRM_NO_MEMORY;
    out_changed->n = n;
    return CRM_OK;
}

/* The units of which "in the set" is is_kept: as few copies as there are gaps, none where nothing
 * goes. */
static enum crm_status select_units(struct arena *arena, struct slice body,
                                    const struct field_set *set, bool is_kept,
                                    struct slice *out_body)
{
    struct body_writer writer = { 0 };
    struct body_units units;
    size_t from = 0; /* what is kept from here on has not been copied yet */

    for (body_units_begin(&units, body); units.unit.order != UNIT_END; body_units_next(&units)) {
        size_t start = units.position - units.unit.raw.size;

        if (field_set_has(set, units.unit.ref) == is_kept)
            continue;
        if (!writer.arena)
            body_writer_init(&writer, arena, body.size - units.unit.raw.size);
        body_write_raw(&writer, slice_of(body.data + from, start - from));
        from = units.position;
    }
    if (units.is_bad)
        return CRM_CORRUPT;
    if (!writer.arena) {
        *out_body = body;
        return CRM_OK;
    }
    body_write_raw(&writer, slice_of(body.data + from, body.size - from));
    return body_writer_finish(&writer, out_body);
}

enum crm_status body_keep(struct arena *arena, struct slice body, const struct field_set *set,
                          struct slice *out_body)
{
    return select_units(arena, body, set, true, out_body);
}

enum crm_status body_drop(struct arena *arena, struct slice body, const struct field_set *set,
                          struct slice *out_body)
{
    return select_units(arena, body, set, false, out_body);
}

enum crm_status body_overlay(struct arena *arena, struct slice body,
                             const struct field_set *changed, struct slice previous,
                             struct slice *out_body)
{
    struct body_writer writer;
    struct body_units now, then;

    body_writer_init(&writer, arena, body.size + previous.size);
    body_units_begin(&now, body);
    body_units_begin(&then, previous);
    while (now.unit.order != UNIT_END || then.unit.order != UNIT_END) {
        uint64_t order = now.unit.order < then.unit.order ? now.unit.order : then.unit.order;

        if (now.unit.order == order) {
            if (!field_set_has(changed, now.unit.ref))
                body_write_raw(&writer, now.unit.raw);
        }
        if (then.unit.order == order) {
            if (field_set_has(changed, then.unit.ref))
                body_write_raw(&writer, then.unit.raw);
            body_units_next(&then);
        }
        if (now.unit.order == order)
            body_units_next(&now);
    }
    if (now.is_bad || then.is_bad)
        return CRM_CORRUPT;
    return body_writer_finish(&writer, out_body);
}
