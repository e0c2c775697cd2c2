/*
 * kind.c - finding kinds, fields and choices in the tables
 *
 * Called from everywhere, on any thread. Owns a table from field reference to row for each kind,
 * built once at the first use; the rows themselves are in kind_table.c and schema_<area>.c.
 */
#include "common/model/kind.h"

#include <pthread.h>

#include "common/model/kind_name.h"
#include "common/model/kind_table.h"

/* Tags above it have no row: 1..89 are a kind's own, 90 is tags. */
#define TAGS_N 91

/* Row + 1 by tag, 0 none. pthread_once rather than C11's call_once, which ThreadSanitizer does not
 * know. */
static pthread_once_t lookup_once = PTHREAD_ONCE_INIT;
static uint8_t row_of_tag[KIND_MAX + 1][TAGS_N];

static void build_lookup(void)
{
    for (size_t k = 1; k <= KIND_MAX; k++) {
        const struct kind_def *kind = kind_rows[k];

        for (size_t i = 0; i < kind->n_fields; i++) {
            if (kind->fields[i].ref < TAGS_N)
                row_of_tag[k][kind->fields[i].ref] = (uint8_t)(i + 1);
        }
    }
}

const struct kind_def *kind_def(unsigned kind)
{
    return kind <= KIND_MAX ? kind_rows[kind] : NULL;
}

const struct kind_def *kind_at(size_t n)
{
    return n < KIND_MAX ? kind_rows[n + 1] : NULL;
}

const struct kind_def *kind_find(const char *name)
{
    struct name_key key;

    if (!name || !name_key_init(&key, slice_text(name)))
        return NULL;
    for (size_t k = 1; k <= KIND_MAX; k++) {
        const struct kind_def *kind = kind_rows[k];

        if (name_key_matches(&key, kind->name) || name_key_matches(&key, kind->plural) ||
            name_key_matches(&key, kind->label_en) || name_key_matches(&key, kind->plural_en) ||
            name_key_matches(&key, kind->label_zh))
            return kind;
    }
    return NULL;
}

const struct kind_def *kind_by_letter(const char *letter, size_t size)
{
    struct name_key key;

    if (!letter || !name_key_init(&key, slice_of(letter, size)))
        return NULL;
    for (size_t k = 1; k <= KIND_MAX; k++) {
        if (name_key_matches(&key, kind_rows[k]->letter))
            return kind_rows[k];
    }
    return NULL;
}

const struct field_def *kind_header_fields(size_t *out_n)
{
    *out_n = HEADER_FIELDS_N;
    return header_rows;
}

static const struct field_def *header_field(uint32_t ref)
{
    for (size_t i = 0; i < HEADER_FIELDS_N; i++) {
        if (header_rows[i].ref == ref)
            return &header_rows[i];
    }
    return NULL;
}

const struct field_def *kind_field(const struct kind_def *kind, uint32_t ref)
{
    uint8_t row;

    if (ref >= TAGS_N)
        return header_field(ref);
    pthread_once(&lookup_once, build_lookup);
    row = row_of_tag[kind->kind][ref];
    return row ? &kind->fields[row - 1] : NULL;
}

/* Names before labels, so that a label never hides a name. */
static const struct field_def *field_by_key(const struct field_def *fields, size_t n,
                                            const struct name_key *key)
{
    for (size_t i = 0; i < n; i++) {
        if (name_key_matches(key, fields[i].name))
            return &fields[i];
    }
    for (size_t i = 0; i < n; i++) {
        if (name_key_matches(key, fields[i].label_en) || name_key_matches(key, fields[i].label_zh))
            return &fields[i];
    }
    return NULL;
}

const struct field_def *kind_field_by_name(const struct kind_def *kind, const char *name)
{
    const struct field_def *field;
    struct name_key key;

    if (!name || !name_key_init(&key, slice_text(name)))
        return NULL;
    field = field_by_key(kind->fields, kind->n_fields, &key);
    return field ? field : field_by_key(header_rows, HEADER_FIELDS_N, &key);
}

const struct field_def *kind_parent_field(const struct kind_def *kind)
{
    for (size_t i = 0; i < kind->n_fields; i++) {
        if (kind->fields[i].flags & FIELD_PARENT)
            return &kind->fields[i];
    }
    return NULL;
}

const struct choice_def *choice_by_number(const struct field_def *field, int number)
{
    for (size_t i = 0; i < field->n_choices; i++) {
        if (field->choices[i].number == number)
            return &field->choices[i];
    }
    return NULL;
}

const struct choice_def *choice_by_name(const struct field_def *field, const char *name)
{
    struct name_key key;

    if (!name || !name_key_init(&key, slice_text(name)))
        return NULL;
    for (size_t i = 0; i < field->n_choices; i++) {
        const struct choice_def *choice = &field->choices[i];

        if (name_key_matches(&key, choice->name) || name_key_matches(&key, choice->label_en) ||
            name_key_matches(&key, choice->label_zh))
            return choice;
    }
    return NULL;
}
