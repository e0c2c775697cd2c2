/*
 * mapping.c - see mapping.h
 *
 * Called by crm import; one thread. A column is looked for in the mapping file, then among the
 * kind's own names and labels, then among the headers of known programs, at last by likeness.
 */
#include "client/import/mapping.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/base/uuid.h"

#define MAPPING_BYTES ((size_t)4 << 20)

static enum crm_status no_memory(struct failure *failure)
{
    return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status mapping_init(struct mapping *mapping, const struct schema *schema,
                             const struct kind_def *kind, struct failure *failure)
{
    (void)failure;
    memset(mapping, 0, sizeof(*mapping));
    mapping->schema = schema;
    mapping->kind = kind;
    arena_init(&mapping->arena, MAPPING_BYTES);
    return CRM_OK;
}

void mapping_fini(struct mapping *mapping)
{
    mapping_file_close(mapping);
    arena_fini(&mapping->arena);
}

/* --- what a column is */

const char *mapping_key(const char *header, struct arena *arena)
{
    struct slice folded;
    char *key;
    size_t n = 0, size = strlen(header), position = 0, begin;

    if (size > 3 && strcasecmp(header + size - 3, "__c") == 0)
        size -= 3; /* Salesforce's mark of a custom field */
    if (!text_fold(arena, slice_of(header, size), &folded))
        return NULL;
    key = arena_alloc(arena, folded.size + 1);
    while (key && position < folded.size) {
        int32_t c;

        begin = position;
        c = text_next(folded, &position);
        if (c < 0x80 ? !isalnum((int)c)
                     : (c >= 0x2000 && c < 0x2e80) || (c >= 0x3000 && c < 0x3040))
            continue;
        memcpy(key + n, folded.data + begin, position - begin);
        n += position - begin;
    }
    if (key)
        key[n] = '\0';
    return key;
}

static const struct field_def *find_member(const struct field_def *group, const char *name)
{
    for (size_t i = 0; i < group->n_members; i++)
        if (strcmp(group->members[i].name, name) == 0)
            return &group->members[i];
    return NULL;
}

/* "billing.city" within a group. */
static bool set_member(struct mapping_column *column, char *text)
{
    const struct field_def *kinds = find_member(column->field, "kind");
    char *dot = strchr(text, '.');

    if (!dot || !kinds)
        return false;
    *dot = '\0';
    column->element = choice_by_name(kinds, text);
    column->member = find_member(column->field, dot + 1);
    return column->element && column->member;
}

static bool is_given(const struct field_def *field)
{
    return field->ref == HEADER_OWNER || field->ref == HEADER_TEAM || field->ref == HEADER_NUMBER ||
           !(field->flags & (FIELD_HEADER | FIELD_DERIVED));
}

/* false: there is no such target. */
static bool set_target(struct mapping *mapping, struct mapping_column *column, const char *target)
{
    char *text = arena_strdup(&mapping->arena, target), *dot = text ? strchr(text, '.') : NULL;

    if (!text)
        return false;
    if (strcmp(text, "-") == 0) {
        column->doubt = MAPPING_LEFT;
        return true;
    }
    if (dot)
        *dot = '\0';
    column->field = schema_field_by_name(mapping->schema, mapping->kind, text);
    if (!column->field && strcmp(text, MAPPING_HAPPENED) == 0)
        column->is_happened = true;
    if (!column->field)
        return column->is_happened;
    if (!is_given(column->field)) {
        column->field = NULL;
        column->doubt = MAPPING_LEFT;
        return true;
    }
    if (dot && column->field->type == FIELD_MONEY)
        return column->is_currency = strcmp(dot + 1, "currency") == 0;
    if (dot && column->field->type == FIELD_GROUP)
        return set_member(column, dot + 1);
    return !dot;
}

static bool by_target(struct mapping *mapping, struct mapping_column *column, const char *target,
                      enum mapping_doubt doubt)
{
    struct mapping_column found = { .header = column->header, .doubt = doubt };

    if (!target || !set_target(mapping, &found, target))
        return false;
    *column = found;
    return true;
}

/* Its own name or label; "first_name" and "First Name" alike. */
static bool by_name(struct mapping *mapping, struct mapping_column *column, const char *key)
{
    const struct field_def *field =
        schema_field_by_name(mapping->schema, mapping->kind, column->header);
    struct arena scratch;

    arena_init(&scratch, MAPPING_BYTES);
    for (size_t i = 0; !field && (field = schema_field_at(mapping->schema, mapping->kind, i));
         i++) {
        const char *name = mapping_key(field->name, &scratch),
                   *label = mapping_key(field->label_en, &scratch);

        if (name && label && strcmp(name, key) != 0 && strcmp(label, key) != 0)
            field = NULL;
    }
    arena_fini(&scratch);
    return field && by_target(mapping, column, field->name, MAPPING_NAMED);
}

static bool by_likeness(struct mapping *mapping, struct mapping_column *column)
{
    const char *name = strlen(column->header) > 3
                           ? schema_suggest(mapping->schema, mapping->kind, column->header)
                           : NULL;

    return name && by_target(mapping, column, name, MAPPING_GUESSED);
}

/* "Title" is Mr or Ms where the file has a "Job Title" too: Outlook. Told once all columns are
 * known, so the later one wins. */
static void settle_titles(struct mapping *mapping, struct mapping_column *column)
{
    if (!column->field || strcmp(column->field->name, "title") != 0)
        return;
    for (size_t i = 0; i < mapping->n_columns; i++) {
        struct mapping_column *other = &mapping->columns[i], *plain = other;

        if (other == column || other->field != column->field)
            continue;
        if (strcasecmp(column->header, "Title") == 0)
            plain = column;
        if (strcasecmp(plain->header, "Title") == 0)
            *plain = (struct mapping_column){ .header = plain->header, .doubt = MAPPING_LEFT };
    }
}

static void choose_slot(struct mapping *mapping, struct mapping_column *column)
{
    size_t i;

    for (i = 0; i < mapping->n_slots && mapping->slots[i] != column->field;)
        i++;
    column->slot = i;
    if (i == mapping->n_slots)
        mapping->slots[mapping->n_slots++] = column->field;
}

enum crm_status mapping_add(struct mapping *mapping, const char *header, struct failure *failure)
{
    struct mapping_column *column = &mapping->columns[mapping->n_columns];
    const char *told = mapping_file_target(mapping, header),
               *key = mapping_key(header, &mapping->arena);

    if (mapping->n_columns == GRID_COLUMNS_MAX)
        return fail(failure, CRM_INVALID, NULL, "it has more than %d columns", GRID_COLUMNS_MAX);
    if (!key)
        return no_memory(failure);
    *column = (struct mapping_column){ .header = header, .doubt = MAPPING_UNKNOWN };
    if (told && !by_target(mapping, column, told, MAPPING_NAMED))
        return fail(failure, CRM_INVALID, header, "a %s has no field '%.80s'", mapping->kind->name,
                    told);
    if (!told && *key && !by_name(mapping, column, key) &&
        !by_target(mapping, column, alias_find(mapping->kind, key, &mapping->arena), MAPPING_KNOWN))
        (void)by_likeness(mapping, column);
    mapping->n_columns++;
    settle_titles(mapping, column);
    if (column->field || column->is_happened)
        choose_slot(mapping, column);
    return CRM_OK;
}

const char *mapping_target(struct mapping *mapping, const struct mapping_column *column)
{
    if (column->is_happened)
        return MAPPING_HAPPENED;
    if (!column->field)
        return "-";
    if (column->member)
        return arena_printf(&mapping->arena, "%s.%s.%s", column->field->name, column->element->name,
                            column->member->name);
    return column->is_currency ? arena_printf(&mapping->arena, "%s.currency", column->field->name)
                               : column->field->name;
}

/* --- a row */

struct joining {
    const struct mapping *mapping;
    struct arena *arena;
    struct mapped_row *row;
    json_t **groups; /* of slots that are groups */
    struct failure *failure;
};

static bool append(struct joining *joining, struct slice *cell, const char *between,
                   struct slice text)
{
    char *joined;

    if (cell->size == 0) {
        *cell = text;
        return true;
    }
    joined = arena_printf(joining->arena, "%.*s%s%.*s", (int)cell->size, (const char *)cell->data,
                          between, (int)text.size, (const char *)text.data);
    *cell = slice_text(joined);
    return joined != NULL;
}

/* The same in every import, so that the next one finds the address that this one has made. */
static bool set_element_id(json_t *object, const struct field_def *group,
                           const struct choice_def *element)
{
    uint8_t hash[SHA256_SIZE];
    struct uuid id;
    char text[UUID_TEXT_SIZE];

    sha256((struct slice[]){ slice_text("import"), slice_text(group->name),
                             slice_text(element->name) },
           3, hash);
    memcpy(id.bytes, hash, UUID_SIZE);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    uuid_format(&id, text);
    return json_object_set_new(object, "id", json_string(text)) == 0 &&
           json_object_set_new(object, "kind", json_string(element->name)) == 0;
}

static json_t *find_element(json_t *list, const struct field_def *group,
                            const struct choice_def *element)
{
    size_t i;
    json_t *object;

    json_array_foreach(list, i, object)
    {
        if (strcmp(json_string_value(json_object_get(object, "kind")), element->name) == 0)
            return object;
    }
    object = json_object();
    if (!object || !set_element_id(object, group, element) ||
        json_array_append_new(list, object) != 0)
        return NULL;
    return object;
}

static bool add_member(struct joining *joining, const struct mapping_column *column,
                       struct slice text)
{
    json_t **list = &joining->groups[column->slot], *object, *old;
    struct slice joined;

    if (!*list)
        *list = json_array();
    object = *list ? find_element(*list, column->field, column->element) : NULL;
    old = json_object_get(object, column->member->name);
    joined = old ? slice_text(arena_strdup(joining->arena, json_string_value(old)))
                 : (struct slice){ 0 };
    return object && append(joining, &joined, "\n", text) &&
           json_object_set_new(object, column->member->name,
                               json_stringn((const char *)joined.data, joined.size)) == 0;
}

static bool add_value(struct joining *joining, const struct mapping_column *column,
                      struct slice text)
{
    struct slice *cell = &joining->row->cells[column->slot];

    if (column->member)
        return add_member(joining, column, text);
    if (column->field && column->field->flags & FIELD_REPEATED)
        return append(joining, cell, ";", text);
    if (column->is_currency)
        return cell->size == 0 || append(joining, cell, " ", text);
    if (column->field && column->field->flags & FIELD_MULTILINE)
        return append(joining, cell, "\n", text);
    if (column->field && strcmp(column->field->name, "given") == 0)
        return append(joining, cell, " ", text);
    return cell->size > 0 ||
           append(joining, cell, "", text); /* of two that are alike the first one */
}

static enum crm_status add_cells(struct joining *joining, const struct slice *cells, size_t n,
                                 bool currencies)
{
    for (size_t i = 0; i < n && i < joining->mapping->n_columns; i++) {
        const struct mapping_column *column = &joining->mapping->columns[i];
        struct slice text;
        enum crm_status status;

        if ((!column->field && !column->is_happened) || column->is_currency != currencies)
            continue;
        status = convert_cell(joining->mapping, column, cells[i], joining->arena, &text,
                              joining->failure);
        if (status)
            return status;
        if (text.size > 0 && !add_value(joining, column, text))
            return no_memory(joining->failure);
    }
    return CRM_OK;
}

static enum crm_status finish_groups(struct joining *joining, enum crm_status status)
{
    for (size_t i = 0; i < joining->mapping->n_slots; i++) {
        char *text =
            joining->groups[i] && !status ? json_dumps(joining->groups[i], JSON_COMPACT) : NULL;

        if (joining->groups[i] && !status) {
            joining->row->cells[i] = slice_text(text ? arena_strdup(joining->arena, text) : NULL);
            if (joining->row->cells[i].size == 0)
                status = no_memory(joining->failure);
        }
        free(text);
        json_decref(joining->groups[i]);
    }
    return status;
}

enum crm_status mapping_row(const struct mapping *mapping, const struct slice *cells, size_t n,
                            struct arena *arena, struct mapped_row *out_row,
                            struct failure *failure)
{
    size_t n_slots = mapping->n_slots;
    struct joining joining = {
        .mapping = mapping, .arena = arena, .row = out_row, .failure = failure
    };
    enum crm_status status;

    *out_row =
        (struct mapped_row){ .names = arena_zalloc(arena, (n_slots + 1) * sizeof(*out_row->names)),
                             .cells = arena_zalloc(arena, (n_slots + 1) * sizeof(*out_row->cells)),
                             .n = n_slots };
    joining.groups = arena_zalloc(arena, (n_slots + 1) * sizeof(json_t *));
    if (!out_row->names || !out_row->cells || !joining.groups)
        return no_memory(failure);
    for (size_t i = 0; i < n_slots; i++)
        out_row->names[i] = mapping->slots[i] ? mapping->slots[i]->name : MAPPING_HAPPENED;
    status = add_cells(&joining, cells, n, false);
    if (!status)
        status = add_cells(&joining, cells, n, true);
    return finish_groups(&joining, status);
}
