/*
 * merge.c - see merge.h
 *
 * Works on packed bodies, field by field as body_unit.h has them.
 */
#include "common/model/merge.h"

#include <stdlib.h>

#include "common/model/reflect.h"
#include "common/model/validate.h"

/* One field while it is merged: its bytes in each of the three states. */
struct field_states {
    const struct field_def *field;
    uint32_t ref;
    struct slice base, mine, now;
};

struct merging {
    struct arena *arena;
    const struct merge_input *input;
    struct field_set merged, conflicts;
    struct field_set replaced; /* taken out of all parts of the patch */
    struct field_set emptied;  /* lists of which nothing is left: cleared */
    struct slice replacement;                     /* what comes in their place: raw fields in ascending order */
    enum crm_status status;
};

static struct slice keep_one(struct merging *merging, struct slice body, uint32_t ref)
{
    struct field_set set = { .refs = &ref, .n = 1 };
    struct slice kept = { 0 };
    enum crm_status status = body_keep(merging->arena, body, &set, &kept);

    if (status != CRM_OK)
        merging->status = status;
    return kept;
}

/* refs come in ascending order. */
static void set_add(struct field_set *set, uint32_t ref)
{
    if (set->n == 0 || set->refs[set->n - 1] != ref)
        set->refs[set->n++] = ref;
}

static bool set_create(struct merging *merging, struct field_set *set, size_t n)
{
    set->refs = arena_alloc(merging->arena, (n + 1) * sizeof *set->refs);
    set->n = 0;
    return set->refs;
}

/* Put raw in the place of what the author wanted of a field. */
static void replace(struct merging *merging, uint32_t ref, struct slice raw)
{
    uint8_t *bytes = arena_alloc(merging->arena, merging->replacement.size + raw.size + 1);

    if (!bytes) {
        merging->status = CRM_NO_MEMORY;
        return;
    }
    if (merging->replacement.size)
        memcpy(bytes, merging->replacement.data, merging->replacement.size);
    if (raw.size)
        memcpy(bytes + merging->replacement.size, raw.data, raw.size);
    merging->replacement = slice_of(bytes, merging->replacement.size + raw.size);
    set_add(&merging->replaced, ref);
}

static void conflict(struct merging *merging, const struct field_states *states)
{
    replace(merging, states->ref, (struct slice){ 0 });
    set_add(&merging->conflicts, states->ref);
}

/* --- lists, by element */

struct element {
    struct slice key; /* the id of a message, a scalar as it stands */
    struct slice raw;
};

struct elements {
    struct element *at;
    size_t n;
};

static struct elements read_elements(struct merging *merging, const struct field_states *states, struct slice run)
{
    struct elements elements = { 0 };
    struct body_field field, id;
    size_t position = 0, n = 0;

    while (body_next(run, &position, &field))
        n++;
    elements.at = arena_alloc(merging->arena, (n + 1) * sizeof *elements.at);
    if (!elements.at) {
        merging->status = CRM_NO_MEMORY;
        return elements;
    }
    for (position = 0; body_next(run, &position, &field);) {
        bool has_id = states->field->type == FIELD_GROUP && body_find(field.bytes, 1, &id);

        elements.at[elements.n++] = (struct element){ .key = has_id ? id.bytes : field.raw, .raw = field.raw };
    }
    return elements;
}

static const struct element *find_element(const struct elements *elements, struct slice key)
{
    for (size_t i = 0; i < elements->n; i++)
        if (slice_equal(elements->at[i].key, key))
            return &elements->at[i];
    return NULL;
}

static bool same_element(const struct element *a, const struct element *b)
{
    return a && b ? slice_equal(a->raw, b->raw) : a == b;
}

/* Did both change one element, differently? */
static bool elements_clash(const struct elements *base, const struct elements *mine, const struct elements *now)
{
    const struct elements *sides[] = { base, mine, now };

    for (size_t s = 0; s < ARRAY_LEN(sides); s++)
        for (size_t i = 0; i < sides[s]->n; i++) {
            const struct element *b = find_element(base, sides[s]->at[i].key), *m = find_element(mine, sides[s]->at[i].key),
                                 *n = find_element(now, sides[s]->at[i].key);

            if (!same_element(b, m) && !same_element(b, n) && !same_element(m, n))
                return true;
        }
    return false;
}

static void append(uint8_t *out, size_t *size, struct slice raw)
{
    memcpy(out + *size, raw.data, raw.size);
    *size += raw.size;
}

/* The list as it is, with what the author took out, changed and added. */
static void merge_list(struct merging *merging, const struct field_states *states)
{
    struct elements base = read_elements(merging, states, states->base), mine = read_elements(merging, states, states->mine),
                    now = read_elements(merging, states, states->now);
    uint8_t *out = arena_alloc(merging->arena, states->mine.size + states->now.size + 1);
    size_t size = 0, n = 0;

    if (!out)
        merging->status = CRM_NO_MEMORY;
    if (merging->status != CRM_OK)
        return;
    if (elements_clash(&base, &mine, &now)) {
        conflict(merging, states);
        return;
    }
    for (size_t i = 0; i < now.n; i++) {
        const struct element *b = find_element(&base, now.at[i].key), *m = find_element(&mine, now.at[i].key);

        if (b && !m)
            continue;
        append(out, &size, m && !same_element(b, m) ? m->raw : now.at[i].raw);
        n++;
    }
    for (size_t i = 0; i < mine.n; i++)
        if (!find_element(&now, mine.at[i].key) && !find_element(&base, mine.at[i].key)) {
            append(out, &size, mine.at[i].raw);
            n++;
        }
    if (n > LIST_MAX) {
        conflict(merging, states);
        return;
    }
    replace(merging, states->ref, slice_of(out, size));
    if (n == 0)
        set_add(&merging->emptied, states->ref);
    set_add(&merging->merged, states->ref);
}

/* --- single values */

static struct value value_of(const struct field_states *states, struct slice raw)
{
    struct record record = { .body = raw };
    struct value value;

    reflect_get(states->field, &record, &value);
    return value;
}

/* Take the first line off a text, with the line breaks before it. */
static struct slice take_line(struct slice *text)
{
    const uint8_t *end;
    struct slice line;

    while (text->size && *text->data == '\n')
        *text = slice_of(text->data + 1, text->size - 1);
    end = text->size ? memchr(text->data, '\n', text->size) : NULL;
    line = slice_of(text->data, end ? (size_t)(end - text->data) : text->size);
    *text = slice_of(text->data + line.size, text->size - line.size);
    return line;
}

/*
 * The lines with which mine begins that theirs has too, in the same order, are there once: one of two copies of a replica has sent them, the other has them
 * with what was typed behind them.
 */
static struct slice without_known_lines(struct slice mine, struct slice theirs)
{
    for (;;) {
        struct slice rest = mine, line = take_line(&rest);
        bool is_known = false;

        while (line.size && theirs.size && !is_known)
            is_known = slice_equal(take_line(&theirs), line);
        if (!is_known)
            return mine;
        mine = rest;
    }
}

/* Both have written on behind the same text: theirs came first. false: that is not what happened. */
static bool merge_text(struct merging *merging, const struct field_states *states)
{
    struct value base = value_of(states, states->base), mine = value_of(states, states->mine), now = value_of(states, states->now);
    struct body_builder builder;
    struct slice tail, body;
    bool is_new = base.type == FIELD_NONE || base.text.size == 0;
    char *text;

    if (mine.type == FIELD_NONE || now.type == FIELD_NONE || !(is_new || (slice_has_prefix(mine.text, base.text) && slice_has_prefix(now.text, base.text))))
        return false;
    tail = is_new ? mine.text : slice_of(mine.text.data + base.text.size, mine.text.size - base.text.size);
    tail = without_known_lines(tail, is_new ? now.text : slice_of(now.text.data + base.text.size, now.text.size - base.text.size));
    if (now.text.size + tail.size + 1 > TEXT_LONG_MAX)
        return false;
    text = arena_alloc(merging->arena, now.text.size + tail.size + 2);
    if (!text) {
        merging->status = CRM_NO_MEMORY;
        return true;
    }
    memcpy(text, now.text.data, now.text.size);
    text[now.text.size] = '\n'; /* a line of its own, unless it begins one */
    if (tail.size)
        memcpy(text + now.text.size + (tail.data[0] != '\n'), tail.data, tail.size);
    body_builder_init(&builder, merging->arena);
    mine.text = slice_of(text, now.text.size + tail.size + (tail.size && tail.data[0] != '\n'));
    body_builder_add(&builder, states->field, &mine);
    if (body_builder_finish(&builder, &body) != CRM_OK)
        merging->status = CRM_NO_MEMORY;
    else
        replace(merging, states->ref, body);
    set_add(&merging->merged, states->ref);
    return true;
}

static void merge_larger(struct merging *merging, const struct field_states *states)
{
    struct value mine = value_of(states, states->mine), now = value_of(states, states->now);

    if (mine.type == FIELD_NONE || (now.type != FIELD_NONE && now.integer > mine.integer))
        replace(merging, states->ref, (struct slice){ 0 });
    set_add(&merging->merged, states->ref);
}

/* Both have changed the field, and not to the same. */
static void merge_field(struct merging *merging, const struct field_states *states)
{
    const struct field_def *field = states->field;

    switch (field->merge) {
    case MERGE_NEVER:
        conflict(merging, states);
        return;
    case MERGE_LAST:
        set_add(&merging->merged, states->ref);
        return;
    case MERGE_MAX:
        merge_larger(merging, states);
        return;
    case MERGE_UNION:
    case MERGE_ASK:
        break;
    }
    if ((field->flags & FIELD_REPEATED) && !(field->flags & FIELD_CUSTOM))
        merge_list(merging, states);
    else if (!(field->type == FIELD_TEXT && (field->flags & (FIELD_LONG | FIELD_MULTILINE)) && merge_text(merging, states)))
        conflict(merging, states);
}

/* --- the whole patch */

/* What the author wants a field to be: as set, or, of a list that gains and loses elements, what comes of that. */
static struct slice wanted(struct merging *merging, uint32_t ref, struct slice base)
{
    const struct body_patch *patch = merging->input->patch;
    struct body_patch one = { .set = keep_one(merging, patch->set, ref), .add = keep_one(merging, patch->add, ref),
                              .remove = keep_one(merging, patch->remove, ref) };
    struct slice result = one.set;
    enum crm_status status;

    if (!one.add.size && !one.remove.size)
        return result;
    status = body_apply(merging->input->kind, merging->arena, base, &one, &result, NULL);
    if (status != CRM_OK)
        merging->status = status;
    return result;
}

static int compare_ref(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* In order, each once. */
static void settle(struct field_set *set)
{
    size_t n = 0;

    if (set->n > 1)
        qsort(set->refs, set->n, sizeof *set->refs, compare_ref);
    for (size_t i = 0; i < set->n; i++)
        if (n == 0 || set->refs[n - 1] != set->refs[i])
            set->refs[n++] = set->refs[i];
    set->n = n;
}

/* Fields that a patch touches, ascending. */
static void find_touched(struct merging *merging, struct field_set *out_touched)
{
    const struct body_patch *patch = merging->input->patch;
    const struct slice bodies[] = { patch->set, patch->add, patch->remove };
    struct field_set sets[ARRAY_LEN(bodies)];
    size_t n = patch->n_clear;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        enum crm_status status = body_diff(merging->arena, (struct slice){ 0 }, bodies[i], &sets[i]);

        if (status != CRM_OK) {
            merging->status = status;
            return;
        }
        n += sets[i].n;
    }
    if (!set_create(merging, out_touched, n) || !set_create(merging, &merging->merged, n) || !set_create(merging, &merging->conflicts, n) ||
        !set_create(merging, &merging->replaced, n) || !set_create(merging, &merging->emptied, n)) {
        merging->status = CRM_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        for (size_t j = 0; j < sets[i].n; j++)
            out_touched->refs[out_touched->n++] = sets[i].refs[j];
    for (size_t i = 0; i < patch->n_clear; i++)
        out_touched->refs[out_touched->n++] = patch->clear[i];
    settle(out_touched);
}

static void merge_touched(struct merging *merging, const struct field_set *touched)
{
    for (size_t i = 0; i < touched->n && merging->status == CRM_OK; i++) {
        struct field_states states = { .ref = touched->refs[i], .field = schema_field(merging->input->schema, merging->input->kind, touched->refs[i]) };

        states.base = keep_one(merging, merging->input->base, states.ref);
        states.now = keep_one(merging, merging->input->now, states.ref);
        states.mine = wanted(merging, states.ref, states.base);
        if (merging->status != CRM_OK || merge_same(states.field, states.base, states.now) || merge_same(states.field, states.mine, states.now))
            continue;
        if (states.field)
            merge_field(merging, &states);
        else
            conflict(merging, &states);
    }
}

/* The patch without what was replaced, and with what came in its place. */
static enum crm_status write_patch(struct merging *merging, struct body_patch *out_patch)
{
    const struct body_patch *patch = merging->input->patch;
    uint32_t *clear = arena_alloc(merging->arena, (patch->n_clear + merging->emptied.n + 1) * sizeof *clear);
    enum crm_status status;

    if (!clear)
        return CRM_NO_MEMORY;
    *out_patch = (struct body_patch){ .clear = clear };
    for (size_t i = 0; i < patch->n_clear; i++)
        if (!field_set_has(&merging->replaced, patch->clear[i]))
            clear[out_patch->n_clear++] = patch->clear[i];
    for (size_t i = 0; i < merging->emptied.n; i++)
        clear[out_patch->n_clear++] = merging->emptied.refs[i];
    status = body_overlay(merging->arena, patch->set, &merging->replaced, merging->replacement, &out_patch->set);
    if (status == CRM_OK)
        status = body_drop(merging->arena, patch->add, &merging->replaced, &out_patch->add);
    return status == CRM_OK ? body_drop(merging->arena, patch->remove, &merging->replaced, &out_patch->remove) : status;
}

enum crm_status merge_patch(struct arena *arena, const struct merge_input *input, struct merge_result *out_result)
{
    struct merging merging = { .arena = arena, .input = input, .status = CRM_OK };
    struct merge_result result = { 0 };
    struct field_set touched = { 0 };

    find_touched(&merging, &touched);
    if (merging.status == CRM_OK)
        merge_touched(&merging, &touched);
    if (merging.status == CRM_OK)
        merging.status = write_patch(&merging, &result.patch);
    if (merging.status == CRM_OK)
        merging.status = body_keep(arena, input->patch->set, &merging.conflicts, &result.refused);
    if (merging.status != CRM_OK)
        return merging.status;
    result.touched = touched;
    result.merged = merging.merged;
    result.conflicts = merging.conflicts;
    *out_result = result;
    return CRM_OK;
}

bool merge_same(const struct field_def *field, struct slice a, struct slice b)
{
    const struct record one = { .body = a }, other = { .body = b };
    struct value x, y;

    if (slice_equal(a, b) || !field || field->type != FIELD_MONEY || (field->flags & FIELD_REPEATED))
        return slice_equal(a, b);
    return reflect_get(field, &one, &x) && reflect_get(field, &other, &y) && x.integer == y.integer && strcmp(x.currency, y.currency) == 0;
}
