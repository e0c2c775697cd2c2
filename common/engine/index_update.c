/*
 * index_update.c - keeping index, child, unique and term entries in step with the records
 *
 * Called inside a mutation (engine, replica) and by check and rebuild. One function says which
 * entries a field of a record has; what a change does is the difference of two such lists. Pure:
 * reads through the view, adds to the write set, allocates from the mutation's arena.
 */
#include <stdlib.h>

#include "common/engine/index.h"
#include "common/model/term.h"

/* One key that a record has somewhere. */
struct entry {
    enum store_db db;
    struct slice key;
    struct slice value;
};

/* The entries of one state of a record; the first failure stays in status. */
struct entry_list {
    const struct kind_def *kind;
    const struct record *record;
    const struct field_def *field; /* that is looked at */
    bool has_value;                /* it has one */
    struct arena *arena;
    struct entry *entries;
    size_t n, capacity;
    enum crm_status status;
};

static void entry_add(struct entry_list *list, enum store_db db, const struct key *key,
                      struct slice value)
{
    uint8_t *copy;

    if (list->status != CRM_OK)
        return;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 32;
        struct entry *entries = arena_alloc(list->arena, capacity * sizeof *entries);

        if (!entries) {
            list->status = CRM_NO_MEMORY;
            return;
        }
        if (list->n)
            memcpy(entries, list->entries, list->n * sizeof *entries);
        list->entries = entries;
        list->capacity = capacity;
    }
    copy = arena_memdup(list->arena, key->data, key->size);
    if (!copy) {
        list->status = CRM_NO_MEMORY;
        return;
    }
    list->entries[list->n++] =
        (struct entry){ .db = db, .key = slice_of(copy, key->size), .value = value };
}

static struct slice no_value(void)
{
    return slice_of("", 0);
}

/* The index entries of one value, or of none at all (value NULL). */
static void add_index(struct entry_list *list, const struct value *value)
{
    const struct record_header *header = &list->record->header;
    struct key suffix = { .size = 0 };

    if (!index_value(&suffix, list->field, value, list->arena)) {
        list->status = CRM_NO_MEMORY;
        return;
    }
    key_bytes(&suffix, header->id.bytes, UUID_SIZE);
    for (int form = INDEX_GLOBAL; form <= INDEX_OWNER; form++) {
        struct key key = { .size = 0 };

        if (form == INDEX_OWNER && (!field_is_sortable(list->field) || uuid_is_nil(&header->owner)))
            break;
        index_prefix(&key, list->kind->kind, list->field->ref, (enum index_form)form,
                     &header->owner);
        key_bytes(&key, suffix.data, suffix.size);
        entry_add(list, STORE_INDEX, &key, no_value());
    }
}

static void add_unique(struct entry_list *list, const struct value *value)
{
    struct key key = { .size = 0 };

    if (!unique_key(&key, list->kind->kind, list->field, value, list->arena))
        list->status = CRM_NO_MEMORY;
    else
        entry_add(list, STORE_UNIQUE, &key, uuid_slice(&list->record->header.id));
}

static void add_child(struct entry_list *list, const struct value *value)
{
    struct key key = { .size = 0 };

    if (uuid_is_nil(&value->ref))
        return;
    child_prefix(&key, &value->ref, list->kind->kind, list->field->ref);
    key_bytes(&key, list->record->header.id.bytes, UUID_SIZE);
    entry_add(list, STORE_CHILD, &key, no_value());
}

static bool is_in_index(const struct field_def *field)
{
    return field->flags & FIELD_HEADER ? field_is_indexed(field)
                                       : (field->flags & (FIELD_INDEXED | FIELD_SORTABLE)) != 0;
}

static bool add_value(void *arg, const struct value *value)
{
    struct entry_list *list = arg;

    if (index_value_is_none(list->field, value))
        return true;
    list->has_value = true;
    if (is_in_index(list->field))
        add_index(list, value);
    if (list->field->flags & FIELD_UNIQUE)
        add_unique(list, value);
    if (list->field->type == FIELD_REFERENCE && !(list->field->flags & FIELD_HEADER))
        add_child(list, value);
    return list->status == CRM_OK;
}

/* The references inside one element of a group. */
static bool add_element(void *arg, struct slice element)
{
    struct entry_list *list = arg;

    for (size_t i = 0; i < list->field->n_members; i++) {
        const struct field_def *member = &list->field->members[i];
        struct value value;

        if (member->type == FIELD_REFERENCE && reflect_member(member, element, &value))
            add_child(list, &value);
    }
    return list->status == CRM_OK;
}

/* Everything that a field of the record has. */
static void add_field(struct entry_list *list, const struct field_def *field)
{
    if (list->status != CRM_OK || !list->record || !field_is_indexed(field))
        return;
    list->field = field;
    list->has_value = false;
    if (field->type == FIELD_GROUP) {
        reflect_each_element(field, list->record, add_element, list);
        return;
    }
    reflect_each(field, list->record, add_value, list);
    if (!list->has_value && is_in_index(field))
        add_index(list, NULL);
}

static void add_term(struct entry_list *list, const struct term *term, struct slice value)
{
    struct key key = { .size = 0 };

    term_prefix(&key, term, true);
    key_u8(&key, (uint8_t)list->kind->kind);
    key_bytes(&key, list->record->header.id.bytes, UUID_SIZE);
    entry_add(list, STORE_TERM, &key, value);
}

/* Words that begin alike, and how each goes on: the value of their one entry. */
struct beginning {
    struct term term; /* size 0: none yet */
    uint8_t rests[TERMS_MAX * (TERM_REST_MAX + 1)];
    size_t size;
    struct slice last; /* the last of rests */
};

static void beginning_finish(struct entry_list *list, const struct beginning *beginning)
{
    uint8_t *value;

    if (beginning->term.size == 0 || list->status != CRM_OK)
        return;
    value = arena_memdup(list->arena, beginning->rests, beginning->size);
    if (!value)
        list->status = CRM_NO_MEMORY;
    else
        add_term(list, &beginning->term, slice_of(value, beginning->size));
}

/* The words come in order: those that begin alike side by side, and so do rests that are cut alike.
 */
static void beginning_add(struct entry_list *list, struct beginning *beginning,
                          const struct term *term, struct slice rest)
{
    bool is_first = !slice_equal(slice_of(term->data, term->size),
                                 slice_of(beginning->term.data, beginning->term.size));

    if (rest.size > TERM_REST_MAX)
        rest.size = TERM_REST_MAX;
    if (is_first) {
        beginning_finish(list, beginning);
        beginning->term = *term;
        beginning->size = 0;
    } else if (slice_equal(rest, beginning->last)) {
        return;
    } else {
        beginning->rests[beginning->size++] = 0;
    }
    beginning->last = slice_of(beginning->rests + beginning->size, rest.size);
    memcpy(beginning->rests + beginning->size, rest.data, rest.size);
    beginning->size += rest.size;
}

static void add_terms(struct entry_list *list, const struct schema *schema)
{
    struct beginning beginning = { .size = 0 };
    struct term_list terms;

    if (list->status != CRM_OK || !list->record)
        return;
    list->status = term_extract(schema, list->kind, list->record, list->arena, &terms);
    for (size_t i = 0; list->status == CRM_OK && i < terms.n; i++) {
        struct term term;
        struct slice rest;
        size_t letters = term_beginning(&terms.terms[i], &term, &rest);

        if (letters == 0 || letters == TERM_BEGINNING_LETTERS)
            add_term(list, &terms.terms[i], no_value());
        if (letters > 0)
            beginning_add(list, &beginning, &term, rest);
    }
    beginning_finish(list, &beginning);
}

static int entry_compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->db != y->db ? (x->db > y->db) - (x->db < y->db) : slice_compare(x->key, y->key);
}

/* In order, each once: a list field may hold a value twice, and two values may fold to one. */
static void entries_settle(struct entry_list *list)
{
    size_t n = 0;

    if (list->n > 1)
        qsort(list->entries, list->n, sizeof *list->entries, entry_compare);
    for (size_t i = 0; i < list->n; i++) {
        if (n == 0 || entry_compare(&list->entries[n - 1], &list->entries[i]) != 0)
            list->entries[n++] = list->entries[i];
    }
    list->n = n;
}

static bool field_is_searched(const struct field_def *field)
{
    if (field->flags & (FIELD_SEARCHED | FIELD_PHONE))
        return true;
    for (size_t i = 0; i < field->n_members; i++) {
        if (field->members[i].flags & (FIELD_SEARCHED | FIELD_PHONE))
            return true;
    }
    return false;
}

/* Call add for each field of both lists that a change touches. */
static void add_changed(const struct schema *schema, const struct kind_def *kind,
                        struct entry_list *before, struct entry_list *after,
                        const struct field_set *changed)
{
    bool all = !changed;
    bool owner = all || field_set_has(changed, HEADER_OWNER);
    bool terms = all;

    for (size_t i = 0; !all && i < changed->n; i++) {
        const struct field_def *field = schema_field(schema, kind, changed->refs[i]);

        if (!field)
            continue;
        add_field(before, field);
        add_field(after, field);
        terms = terms || field_is_searched(field);
    }
    /* An owner who hands over moves every owner-form entry; what comes twice here is settled later.
     */
    for (size_t n = 0; owner; n++) {
        const struct field_def *field = schema_field_at(schema, kind, n);

        if (!field)
            break;
        if (all || field_is_sortable(field)) {
            add_field(before, field);
            add_field(after, field);
        }
    }
    if (terms) {
        add_terms(before, schema);
        add_terms(after, schema);
    }
}

/* Refuse a unique value that another record holds. */
static enum crm_status unique_check(const struct view *view, const struct kind_def *kind,
                                    const struct record *record, const struct entry *entry,
                                    struct failure *failure)
{
    const struct field_def *field;
    struct slice holder;
    enum crm_status status = view_get(view, STORE_UNIQUE, entry->key, &holder);

    if (status == CRM_NOT_FOUND ||
        (status == CRM_OK && slice_equal(holder, uuid_slice(&record->header.id))))
        return CRM_OK;
    if (status != CRM_OK)
        return status;
    field = schema_field(view->schema, kind, key_read_u16(entry->key.data + 1));
    return fail(failure, CRM_EXISTS, field ? field->name : NULL, "another %s has this %s",
                kind->name, field ? field->name : "value");
}

/* Is a unique value another record's by now? Then its entry is not ours to delete. */
static bool is_anothers(const struct view *view, const struct entry_list *list,
                        const struct entry *entry)
{
    struct slice holder;

    return entry->db == STORE_UNIQUE &&
           view_get(view, STORE_UNIQUE, entry->key, &holder) == CRM_OK &&
           !slice_equal(holder, uuid_slice(&list->record->header.id));
}

/* Two settled lists: what only before has goes, what only after has, or has otherwise, comes. */
static enum crm_status apply_difference(const struct view *view, struct writeset *set,
                                        const struct entry_list *before,
                                        const struct entry_list *after, bool follows,
                                        struct failure *failure)
{
    size_t b = 0, a = 0;
    enum crm_status status = CRM_OK;

    while (status == CRM_OK && (b < before->n || a < after->n)) {
        int order = b == before->n  ? 1
                    : a == after->n ? -1
                                    : entry_compare(&before->entries[b], &after->entries[a]);

        if (order < 0) {
            const struct entry *entry = &before->entries[b++];

            if (!follows || !is_anothers(view, before, entry))
                status = writeset_delete(set, entry->db, entry->key);
        } else if (order > 0) {
            const struct entry *entry = &after->entries[a++];

            if (entry->db == STORE_UNIQUE && !follows)
                status = unique_check(view, after->kind, after->record, entry, failure);
            if (status == CRM_OK)
                status = writeset_put(set, entry->db, entry->key, entry->value);
        } else {
            const struct entry *entry = &after->entries[a++];

            if (!slice_equal(before->entries[b++].value, entry->value))
                status = writeset_put(set, entry->db, entry->key, entry->value);
        }
    }
    return status;
}

static enum crm_status update(const struct view *view, struct writeset *set,
                              const struct kind_def *kind, const struct record *before,
                              const struct record *after, const struct field_set *changed,
                              bool follows, struct arena *arena, struct failure *failure)
{
    struct entry_list old = { .kind = kind, .record = before, .arena = arena };
    struct entry_list new = { .kind = kind, .record = after, .arena = arena };

    if (!index_is_kept(view))
        return CRM_OK;
    add_changed(view->schema, kind, &old, &new, changed);
    if (old.status != CRM_OK)
        return old.status;
    if (new.status != CRM_OK)
        return new.status;
    entries_settle(&old);
    entries_settle(&new);
    return apply_difference(view, set, &old, &new, follows, failure);
}

bool index_is_kept(const struct view *view)
{
    return store_keeps(view->txn, STORE_INDEX);
}

enum crm_status index_update(const struct view *view, struct writeset *set,
                             const struct kind_def *kind, const struct record *before,
                             const struct record *after, const struct field_set *changed,
                             struct arena *arena, struct failure *failure)
{
    return update(view, set, kind, before, after, changed, false, arena, failure);
}

enum crm_status index_follow(const struct view *view, struct writeset *set,
                             const struct kind_def *kind, const struct record *before,
                             const struct record *after, struct arena *arena)
{
    return update(view, set, kind, before, after, NULL, true, arena, NULL);
}

enum crm_status index_each(const struct schema *schema, const struct kind_def *kind,
                           const struct record *record, struct arena *arena, index_visit *visit,
                           void *arg)
{
    struct entry_list list = { .kind = kind, .record = record, .arena = arena };
    struct entry_list none = { .kind = kind, .arena = arena };

    add_changed(schema, kind, &none, &list, NULL);
    entries_settle(&list);
    for (size_t i = 0; list.status == CRM_OK && i < list.n; i++)
        list.status = visit(arg, list.entries[i].db, list.entries[i].key, list.entries[i].value);
    return list.status;
}

enum crm_status index_each_in(const struct schema *schema, const struct kind_def *kind,
                              const struct record *record, enum store_db db, uint32_t ref,
                              struct arena *arena, index_visit *visit, void *arg)
{
    struct entry_list list = { .kind = kind, .record = record, .arena = arena };
    const struct field_def *field;

    if (db == STORE_TERM)
        add_terms(&list, schema);
    else if (ref && (field = schema_field(schema, kind, ref)))
        add_field(&list, field);
    for (size_t n = 0; !ref && db != STORE_TERM && (field = schema_field_at(schema, kind, n)); n++)
        add_field(&list, field);
    entries_settle(&list);
    for (size_t i = 0; list.status == CRM_OK && i < list.n; i++)
        if (list.entries[i].db == db)
            list.status = visit(arg, db, list.entries[i].key, list.entries[i].value);
    return list.status;
}
