/*
 * schema.c - built-in and custom fields of an installation as one
 *
 * Built by one thread, then read by any: nothing changes after the first schema_ref to another
 * owner. Holds its custom fields in an arena of its own; the built-in ones are the tables of
 * kind.c.
 */
#include "common/model/schema.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "common/model/kind_name.h"

#define SCHEMA_MEMORY                                                                              \
    (32u << 20) /* KIND_MAX x CUSTOM_FIELDS_MAX definitions with some hundred choices each */
#define NUMBER_MAX 64535u /* field references have 16 bits in index keys */

struct custom_field {
    struct field_def def;
    const char *folded_label_en, *folded_label_zh; /* what typed labels are held against */
    bool is_index_ready;
};

/* By number. Pointers, so that a definition stays where it is while others come. */
struct custom_fields {
    struct custom_field *at[CUSTOM_FIELDS_MAX];
    size_t n;
};

struct schema {
    atomic_uint references;
    uint64_t level;
    struct arena arena;
    struct custom_fields *custom[KIND_MAX + 1]; /* NULL: none */
};

enum crm_status schema_create(struct schema **out_schema)
{
    struct schema *schema = calloc(1, sizeof *schema);

    if (!schema)
        return CRM_NO_MEMORY;
    atomic_init(&schema->references, 1);
    arena_init(&schema->arena, SCHEMA_MEMORY);
    *out_schema = schema;
    return CRM_OK;
}

struct schema *schema_ref(struct schema *schema)
{
    atomic_fetch_add_explicit(&schema->references, 1, memory_order_relaxed);
    return schema;
}

void schema_unref(struct schema *schema)
{
    if (!schema || atomic_fetch_sub_explicit(&schema->references, 1, memory_order_acq_rel) > 1)
        return;
    arena_fini(&schema->arena);
    free(schema);
}

void schema_set_level(struct schema *schema, uint64_t level)
{
    schema->level = level;
}

uint64_t schema_level(const struct schema *schema)
{
    return schema->level;
}

/* --- adding */

/* Words of the filter language cannot be names of fields. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = { "and",   "or", "not", "in",   "is",
                                         "empty", "me", "my",  "true", "false" };
    struct name_key key;

    if (!name_key_init(&key, slice_text(name)))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (name_key_matches(&key, words[i]))
            return true;
    }
    return false;
}

static bool is_name(const char *name)
{
    size_t size = name ? strlen(name) : 0;

    if (size == 0 || size > 60)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_digit = c >= '0' && c <= '9';

        if (!is_letter && (i == 0 || (!is_digit && c != '_')))
            return false;
    }
    return !is_reserved(name);
}

static enum field_type type_of(Crm__FieldType type)
{
    switch (type) {
    case CRM__FIELD_TYPE__FIELD_TYPE_TEXT:
        return FIELD_TEXT;
    case CRM__FIELD_TYPE__FIELD_TYPE_NUMBER:
        return FIELD_DECIMAL;
    case CRM__FIELD_TYPE__FIELD_TYPE_MONEY:
        return FIELD_MONEY;
    case CRM__FIELD_TYPE__FIELD_TYPE_DATE:
        return FIELD_DATE;
    case CRM__FIELD_TYPE__FIELD_TYPE_TIME:
        return FIELD_INSTANT;
    case CRM__FIELD_TYPE__FIELD_TYPE_CHOICE:
    case CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE:
        return FIELD_CHOICE;
    case CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE:
        return FIELD_REFERENCE;
    case CRM__FIELD_TYPE__FIELD_TYPE_BOOLEAN:
        return FIELD_BOOLEAN;
    default:
        return FIELD_NONE;
    }
}

/* What can be said of a definition without the schema. */
static enum crm_status check_definition(const Crm__FieldDefinition *definition,
                                        struct failure *failure)
{
    enum field_type type = definition->has_type ? type_of(definition->type) : FIELD_NONE;

    if (!definition->kind || !kind_find(definition->kind))
        return fail(failure, CRM_INVALID, "kind", "there is no such kind of record");
    if (!is_name(definition->name))
        return fail(failure, CRM_INVALID, "name",
                    "a field's name is letters, digits and _, and no word of the filter language");
    if (type == FIELD_NONE)
        return fail(failure, CRM_INVALID, "type", "a field has a type");
    if (!definition->has_number || definition->number == 0 || definition->number > NUMBER_MAX)
        return fail(failure, CRM_INVALID, "number", "a field has a number from 1 to %u",
                    NUMBER_MAX);
    if (type == FIELD_CHOICE && definition->n_choices == 0)
        return fail(failure, CRM_INVALID, "choices", "a choice has something to choose from");
    for (size_t i = 0; i < definition->n_choices; i++) {
        if (!definition->choices[i] || !*definition->choices[i])
            return fail(failure, CRM_INVALID, "choices", "a choice has a name");
    }
    if (definition->ref_kind && *definition->ref_kind && !kind_find(definition->ref_kind))
        return fail(failure, CRM_INVALID, "ref_kind", "there is no such kind of record");
    return CRM_OK;
}

static uint32_t flags_of(const Crm__FieldDefinition *definition)
{
    uint32_t flags = FIELD_CUSTOM;

    if (definition->has_required && definition->required)
        flags |= FIELD_REQUIRED;
    if (definition->has_indexed && definition->indexed)
        flags |= FIELD_INDEXED;
    if (definition->type == CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE)
        flags |= FIELD_REPEATED;
    return flags;
}

static bool copy_choices(struct arena *arena, const Crm__FieldDefinition *definition,
                         struct field_def *def)
{
    struct choice_def *choices;

    if (def->type != FIELD_CHOICE)
        return true;
    choices = arena_alloc(arena, definition->n_choices * sizeof *choices);
    if (!choices)
        return false;
    for (size_t i = 0; i < definition->n_choices; i++) {
        char *name = arena_strdup(arena, definition->choices[i]);

        if (!name)
            return false;
        choices[i] = (struct choice_def){ (int)i + 1, name, name, name };
    }
    def->choices = choices;
    def->n_choices = definition->n_choices;
    return true;
}

static const char *fold_label(struct arena *arena, const char *label)
{
    struct slice folded;

    return text_fold(arena, slice_text(label), &folded)
               ? arena_strndup(arena, folded.data, folded.size)
               : NULL;
}

static const char *label_or(const char *label, const char *fallback)
{
    return label && *label ? label : fallback;
}

/* Money never merges silently; only what has an order has a larger value. */
static enum merge_policy merge_of(enum field_type type, const Crm__FieldDefinition *definition)
{
    if (type == FIELD_MONEY)
        return MERGE_NEVER;
    switch (definition->merge) {
    case CRM__MERGE_POLICY__MERGE_POLICY_LAST:
        return MERGE_LAST;
    case CRM__MERGE_POLICY__MERGE_POLICY_MAX:
        return type == FIELD_DECIMAL || type == FIELD_DATE || type == FIELD_INSTANT ? MERGE_MAX : MERGE_ASK;
    default:
        return MERGE_ASK;
    }
}

/* A copy of all that the definition says, in the arena; NULL when memory is spent. */
static struct custom_field *custom_create(struct arena *arena,
                                          const Crm__FieldDefinition *definition)
{
    struct custom_field *custom = arena_zalloc(arena, sizeof *custom);
    const struct kind_def *target = kind_find(label_or(definition->ref_kind, ""));
    const char *label_en = label_or(definition->label, definition->name);
    struct field_def *def;

    if (!custom)
        return NULL;
    def = &custom->def;
    def->ref = FIELD_REF_CUSTOM + definition->number;
    def->type = type_of(definition->type);
    def->flags = flags_of(definition);
    def->ref_kind = target ? target->kind : KIND_NONE;
    def->on_delete = def->type == FIELD_REFERENCE ? ON_DELETE_UNLINK : ON_DELETE_NOTHING;
    def->merge = merge_of(def->type, definition);
    def->name = arena_strdup(arena, definition->name);
    def->label_en = arena_strdup(arena, label_en);
    def->label_zh = arena_strdup(arena, label_or(definition->label_zh, label_en));
    custom->is_index_ready = definition->has_index_ready && definition->index_ready;
    if (!def->name || !def->label_en || !def->label_zh || !copy_choices(arena, definition, def))
        return NULL;
    custom->folded_label_en = fold_label(arena, def->label_en);
    custom->folded_label_zh = fold_label(arena, def->label_zh);
    return custom->folded_label_en && custom->folded_label_zh ? custom : NULL;
}

/* Index of the first custom field whose number is not below ref's. */
static size_t custom_place(const struct custom_fields *fields, uint32_t ref)
{
    size_t low = 0, high = fields->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (fields->at[middle]->def.ref < ref)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct field_def *custom_by_name(const struct custom_fields *fields, const char *name)
{
    struct name_key key;

    if (!name_key_init(&key, slice_text(name)))
        return NULL;
    for (size_t i = 0; i < fields->n; i++) {
        if (name_key_matches(&key, fields->at[i]->def.name))
            return &fields->at[i]->def;
    }
    for (size_t i = 0; i < fields->n; i++) {
        if (name_key_matches(&key, fields->at[i]->folded_label_en) ||
            name_key_matches(&key, fields->at[i]->folded_label_zh))
            return &fields->at[i]->def;
    }
    return NULL;
}

static enum crm_status insert(struct custom_fields *fields, struct custom_field *custom,
                              struct failure *failure)
{
    size_t place = custom_place(fields, custom->def.ref);

    if (fields->n == CUSTOM_FIELDS_MAX)
        return fail(failure, CRM_INVALID, NULL, "a kind has at most %d custom fields",
                    CUSTOM_FIELDS_MAX);
    if (place < fields->n && fields->at[place]->def.ref == custom->def.ref)
        return fail(failure, CRM_EXISTS, "number", "another field has this number");
    memmove(&fields->at[place + 1], &fields->at[place], (fields->n - place) * sizeof fields->at[0]);
    fields->at[place] = custom;
    fields->n++;
    return CRM_OK;
}

enum crm_status schema_add(struct schema *schema, const Crm__FieldDefinition *definition,
                           struct failure *failure)
{
    struct custom_fields **fields;
    struct custom_field *custom;
    const struct kind_def *kind;
    enum crm_status status = check_definition(definition, failure);

    if (status != CRM_OK)
        return status;
    kind = kind_find(definition->kind);
    fields = &schema->custom[kind->kind];
    if (kind_field_by_name(kind, definition->name) ||
        (*fields && custom_by_name(*fields, definition->name)))
        return fail(failure, CRM_EXISTS, "name", "a %s has a field of this name", kind->name);
    if (!*fields)
        *fields = arena_zalloc(&schema->arena, sizeof **fields);
    custom = *fields ? custom_create(&schema->arena, definition) : NULL;
    if (!custom)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the field");
    return insert(*fields, custom, failure);
}

/* --- asking */

const struct field_def *schema_field(const struct schema *schema, const struct kind_def *kind,
                                     uint32_t ref)
{
    const struct custom_fields *fields = schema->custom[kind->kind];
    size_t place;

    if (ref <= FIELD_REF_CUSTOM)
        return kind_field(kind, ref);
    if (!fields)
        return NULL;
    place = custom_place(fields, ref);
    return place < fields->n && fields->at[place]->def.ref == ref ? &fields->at[place]->def : NULL;
}

const struct field_def *schema_field_by_name(const struct schema *schema,
                                             const struct kind_def *kind, const char *name)
{
    const struct field_def *field = kind_field_by_name(kind, name);

    if (!field && name && schema->custom[kind->kind])
        field = custom_by_name(schema->custom[kind->kind], name);
    return field;
}

const struct field_def *schema_field_at(const struct schema *schema, const struct kind_def *kind,
                                        size_t n)
{
    const struct custom_fields *fields = schema->custom[kind->kind];
    const struct field_def *header;
    size_t n_custom = fields ? fields->n : 0, n_header;

    if (n < kind->n_fields)
        return &kind->fields[n];
    n -= kind->n_fields;
    if (n < n_custom)
        return &fields->at[n]->def;
    n -= n_custom;
    header = kind_header_fields(&n_header);
    return n < n_header ? &header[n] : NULL;
}

bool schema_index_is_ready(const struct schema *schema, const struct kind_def *kind,
                           const struct field_def *field)
{
    const struct custom_fields *fields = schema->custom[kind->kind];
    size_t place;

    if (!(field->flags & (FIELD_INDEXED | FIELD_SORTABLE | FIELD_UNIQUE)))
        return false;
    if (!(field->flags & FIELD_CUSTOM))
        return true;
    if (!fields)
        return false;
    place = custom_place(fields, field->ref);
    return place < fields->n && &fields->at[place]->def == field &&
           fields->at[place]->is_index_ready;
}
