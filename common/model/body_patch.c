/*
 * body_patch.c - what a patch makes of a packed message
 *
 * Called by the writer for every change, and on a replica. One merge of body, set, add and remove;
 * only lists that gain or lose elements are looked into. Elements that are removed go before those
 * that are added come: what is in both stays.
 */
#include "common/model/body.h"

#include "common/model/body_unit.h"
#include "common/model/body_write.h"
#include "common/model/validate.h"

#define TAG_TEXTS 6u /* of CustomValue: the only list in it */

/* An element of a list. */
struct element {
    struct slice key; /* what it is found by: the id of a message, a scalar as it stands; empty:
                         never found */
    struct slice raw;
    bool is_used;
};

struct elements {
    struct element *at;
    size_t n;
};

static enum crm_status elements_read(struct arena *arena, struct slice run, bool has_ids,
                                     struct elements *out_elements)
{
    size_t position = 0, n = 0;
    struct body_field field, id;

    while (body_next(run, &position, &field))
        n++;
    if (n > LIST_MAX)
        return CRM_TOO_LARGE;
    *out_elements = (struct elements){ .n = n };
    if (n == 0)
        return CRM_OK;
    out_elements->at = arena_zalloc(arena, n * sizeof *out_elements->at);
    if (!out_elements->at)
        return CRM_NO_MEMORY;
    position = 0;
    for (size_t i = 0; i < n && body_next(run, &position, &field); i++) {
        out_elements->at[i].raw = field.raw;
        if (!has_ids)
            out_elements->at[i].key = field.raw;
        else if (body_find(field.bytes, 1, &id))
            out_elements->at[i].key = id.bytes;
    }
    return CRM_OK;
}

/* The last one wins, as it does for fields. */
static struct element *elements_find(const struct elements *elements, struct slice key)
{
    for (size_t i = elements->n; key.size && i-- > 0;) {
        if (slice_equal(elements->at[i].key, key))
            return &elements->at[i];
    }
    return NULL;
}

static enum crm_status merge_list(struct arena *arena, struct slice base_run, struct slice add_run,
                                  struct slice remove_run, bool has_ids, struct body_writer *writer)
{
    struct elements base, add, gone;
    enum crm_status status = elements_read(arena, base_run, has_ids, &base);

    if (status == CRM_OK)
        status = elements_read(arena, add_run, has_ids, &add);
    if (status == CRM_OK)
        status = elements_read(arena, remove_run, has_ids, &gone);
    if (status != CRM_OK)
        return status;
    for (size_t i = 0; i < base.n; i++) {
        struct element *replacement = elements_find(&add, base.at[i].key);

        if (replacement && !replacement->is_used) {
            body_write_raw(writer, replacement->raw);
            replacement->is_used = true;
        } else if (!replacement && !elements_find(&gone, base.at[i].key)) {
            body_write_raw(writer, base.at[i].raw);
        }
    }
    for (size_t i = 0; i < add.n; i++) {
        struct element *last = elements_find(&add, add.at[i].key);

        if (last && last->is_used)
            continue;
        body_write_raw(writer, last ? last->raw : add.at[i].raw);
        if (last)
            last->is_used = true;
    }
    return CRM_OK;
}

/* What a patch says of one unit; empty where it says nothing. */
struct unit_patch {
    uint32_t ref;
    struct slice base, add, remove;
};

/* The content of a packed CustomValue, cut before its texts. */
static void split_custom(struct slice raw, struct slice *out_head, struct slice *out_texts)
{
    struct body_field outer, field;
    size_t position = 0, end = 0;

    *out_head = *out_texts = (struct slice){ 0 };
    if (!body_next(raw, &position, &outer))
        return;
    position = 0;
    while (body_next(outer.bytes, &position, &field) && field.tag < TAG_TEXTS)
        end = position;
    *out_head = slice_of(outer.bytes.data, end);
    *out_texts = slice_of(outer.bytes.data + end, outer.bytes.size - end);
}

/* A multi-choice is a list within its custom value; without elements there is no value. */
static enum crm_status apply_custom(struct arena *arena, const struct unit_patch *patch,
                                    struct body_writer *writer)
{
    struct slice head, texts, add_head, add_texts, remove_head, remove_texts, merged;
    struct body_writer list, value;
    enum crm_status status;

    split_custom(patch->base, &head, &texts);
    split_custom(patch->add, &add_head, &add_texts);
    split_custom(patch->remove, &remove_head, &remove_texts);
    body_writer_init(&list, arena, texts.size + add_texts.size);
    status = merge_list(arena, texts, add_texts, remove_texts, false, &list);
    if (status == CRM_OK)
        status = body_writer_finish(&list, &merged);
    if (status != CRM_OK || merged.size == 0)
        return status;
    body_writer_init(&value, arena, head.size + add_head.size + merged.size);
    body_write_raw(&value, head.size ? head : add_head);
    body_write_raw(&value, merged);
    status = body_writer_finish(&value, &merged);
    if (status == CRM_OK)
        body_write_bytes(writer, BODY_TAG_CUSTOM, merged);
    return status;
}

static enum crm_status apply_unit(const struct kind_def *kind, struct arena *arena,
                                  const struct unit_patch *patch, struct body_writer *writer,
                                  struct failure *failure)
{
    const struct field_def *field;
    enum crm_status status;

    if (patch->add.size == 0 && patch->remove.size == 0) {
        body_write_raw(writer, patch->base);
        return CRM_OK;
    }
    field = kind_field(kind, patch->ref);
    if (patch->ref > FIELD_REF_CUSTOM) {
        status = apply_custom(arena, patch, writer);
    } else if (field && field->flags & FIELD_REPEATED) {
        bool has_ids = field->type == FIELD_GROUP;

        status = merge_list(arena, patch->base, patch->add, patch->remove, has_ids, writer);
    } else {
        return fail(failure, CRM_INVALID, field ? field->name : NULL,
                    "elements can be added only to a list");
    }
    if (status == CRM_TOO_LARGE)
        return fail(failure, CRM_TOO_LARGE, field ? field->name : NULL,
                    "a list has at most %d elements", LIST_MAX);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "no memory for the change");
}

/* A set of the references that a patch clears. */
static enum crm_status clear_set(struct arena *arena, const struct body_patch *patch,
                                 struct field_set *out_set, struct failure *failure)
{
    *out_set = (struct field_set){ 0 };
    if (patch->n_clear == 0)
        return CRM_OK;
    if (patch->n_clear > BODY_FIELDS_MAX)
        return fail(failure, CRM_TOO_LARGE, NULL, "a patch clears at most %d fields",
                    BODY_FIELDS_MAX);
    out_set->refs = arena_alloc(arena, patch->n_clear * sizeof *out_set->refs);
    if (!out_set->refs)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the change");
    for (size_t i = 0; i < patch->n_clear; i++) {
        uint32_t ref = patch->clear[i];
        size_t at = out_set->n++;

        if (ref == 0 || ref == BODY_TAG_CUSTOM || (ref > TAG_MAX && ref <= FIELD_REF_CUSTOM) ||
            ref > FIELD_REF_CUSTOM + CUSTOM_MAX)
            return fail(failure, CRM_INVALID, NULL, "field %u cannot be cleared", (unsigned)ref);
        for (; at > 0 && out_set->refs[at - 1] > ref; at--)
            out_set->refs[at] = out_set->refs[at - 1];
        out_set->refs[at] = ref;
    }
    return CRM_OK;
}

static uint64_t least_order(const struct body_units *units, size_t n)
{
    uint64_t order = UNIT_END;

    for (size_t i = 0; i < n; i++) {
        if (units[i].unit.order < order)
            order = units[i].unit.order;
    }
    return order;
}

enum crm_status body_apply(const struct kind_def *kind, struct arena *arena, struct slice body,
                           const struct body_patch *patch, struct slice *out_body,
                           struct failure *failure)
{
    enum { BODY, SET, ADD, REMOVE, N };
    struct body_units units[N];
    struct body_writer writer;
    struct field_set clear;
    uint64_t order;
    enum crm_status status = clear_set(arena, patch, &clear, failure);

    if (status != CRM_OK)
        return status;
    body_units_begin(&units[BODY], body);
    body_units_begin(&units[SET], patch->set);
    body_units_begin(&units[ADD], patch->add);
    body_units_begin(&units[REMOVE], patch->remove);
    body_writer_init(&writer, arena, body.size + patch->set.size + patch->add.size);
    while ((order = least_order(units, N)) != UNIT_END) {
        struct unit_patch unit = { 0 };
        struct slice raw[N] = { { 0 } };

        for (size_t i = 0; i < N; i++) {
            if (units[i].unit.order != order)
                continue;
            unit.ref = units[i].unit.ref;
            raw[i] = units[i].unit.raw;
            body_units_next(&units[i]);
        }
        if (raw[SET].size)
            unit.base = raw[SET];
        else if (!field_set_has(&clear, unit.ref))
            unit.base = raw[BODY];
        unit.add = raw[ADD];
        unit.remove = raw[REMOVE];
        status = apply_unit(kind, arena, &unit, &writer, failure);
        if (status != CRM_OK)
            return status;
    }
    if (units[BODY].is_bad)
        return fail(failure, CRM_CORRUPT, NULL, "the stored record is not well-formed");
    if (units[SET].is_bad || units[ADD].is_bad || units[REMOVE].is_bad)
        return fail(failure, CRM_INVALID, NULL, "the change is not well-formed");
    status = body_writer_finish(&writer, out_body);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "no memory for the change");
}
