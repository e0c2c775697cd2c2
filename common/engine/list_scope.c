/*
 * list_scope.c - where the records of a scope are
 *
 * Called by the planner and by search, in their transaction. Of a kind whose records follow a
 * parent these are the children of all parents in scope, and what has no parent but is an owner's,
 * a team's or shared itself.
 */
#include "common/engine/list_scope.h"

#include <stdio.h>
#include <stdlib.h>

/* What is made for one kind. */
struct ranges_make {
    const struct view *view;
    const struct list_scope *scope;
    struct arena *arena;
    struct scope_ranges out;
    struct uuid *roots;
    size_t n_roots;
    enum crm_status status; /* the first failure */
};

static void range_add(struct ranges_make *make, enum store_db db, const struct key *prefix)
{
    uint8_t *copy = arena_memdup(make->arena, prefix->data, prefix->size);

    if (!copy)
        make->status = CRM_NO_MEMORY;
    else
        make->out.ranges[make->out.n++] =
            (struct scope_range){ .db = db, .prefix = slice_of(copy, prefix->size) };
}

struct key scope_prefix(enum kind kind, enum header_field field, const struct uuid *whose)
{
    struct key prefix = { .size = 0 };

    index_prefix(&prefix, kind, field, INDEX_GLOBAL, NULL);
    key_u8(&prefix, INDEX_PRESENT);
    key_bytes(&prefix, whose->bytes, UUID_SIZE);
    return prefix;
}

/* ---- parents */

static bool root_add(struct ranges_make *make, const struct uuid *id)
{
    if (make->n_roots == SCOPE_ROOTS_MAX) {
        make->status = CRM_TOO_LARGE;
        return false;
    }
    make->roots[make->n_roots++] = *id;
    return true;
}

static bool root_visit(void *arg, struct slice key, struct slice value)
{
    struct uuid id;

    (void)value;
    return !index_key_id(key, &id) || root_add(arg, &id);
}

static void roots_scan(struct ranges_make *make, const struct key *prefix)
{
    struct key to;
    enum crm_status status;

    if (!key_after_prefix(prefix, &to))
        to.size = 0;
    status = view_scan(make->view, STORE_INDEX,
                       &(struct store_range){ .from = key_slice(prefix), .to = key_slice(&to) },
                       root_visit, make);
    if (status != CRM_OK)
        make->status = status;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE);
}

/* All parents in scope, in order, each once. */
static void find_roots(struct ranges_make *make, enum kind kind)
{
    const struct list_scope *scope = make->scope;
    size_t n = 0;

    make->roots = arena_alloc(make->arena, SCOPE_ROOTS_MAX * sizeof *make->roots);
    if (!make->roots)
        make->status = CRM_NO_MEMORY;
    for (size_t i = 0; i < scope->n_owners && make->status == CRM_OK; i++) {
        struct key prefix = scope_prefix(kind, HEADER_OWNER, &scope->owners[i]);

        roots_scan(make, &prefix);
    }
    for (size_t i = 0; i < scope->n_teams && make->status == CRM_OK; i++) {
        struct key prefix = scope_prefix(kind, HEADER_TEAM, &scope->teams[i]);

        roots_scan(make, &prefix);
    }
    for (size_t i = 0; i < scope->n_shared && make->status == CRM_OK; i++)
        root_add(make, &scope->shared[i]);
    if (make->status != CRM_OK)
        return;
    qsort(make->roots, make->n_roots, sizeof *make->roots, compare_ids);
    for (size_t i = 0; i < make->n_roots; i++) {
        if (n == 0 || !uuid_equal(&make->roots[n - 1], &make->roots[i]))
            make->roots[n++] = make->roots[i];
    }
    make->n_roots = n;
}

/* ---- public */

enum crm_status scope_ranges_find(const struct view *view, const struct kind_def *kind,
                                  const struct list_scope *scope, struct arena *arena,
                                  struct scope_ranges *out_ranges)
{
    const struct field_def *parent = kind_parent_field(kind);
    struct ranges_make make = { .view = view, .scope = scope, .arena = arena, .status = CRM_OK };

    if (parent)
        find_roots(&make, parent->ref_kind);
    if (make.status != CRM_OK)
        return make.status;
    make.out.n_roots = make.n_roots;
    make.out.ranges =
        arena_alloc(arena, (make.n_roots + scope->n_owners + scope->n_teams + scope->n_shared + 1) *
                               sizeof *make.out.ranges);
    if (!make.out.ranges)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < make.n_roots && make.status == CRM_OK; i++) {
        struct key prefix = { .size = 0 };

        child_prefix(&prefix, &make.roots[i], kind->kind, parent->ref);
        range_add(&make, STORE_CHILD, &prefix);
    }
    for (size_t i = 0; i < scope->n_owners && make.status == CRM_OK; i++) {
        struct key prefix = scope_prefix(kind->kind, HEADER_OWNER, &scope->owners[i]);

        range_add(&make, STORE_INDEX, &prefix);
    }
    for (size_t i = 0; i < scope->n_teams && make.status == CRM_OK; i++) {
        struct key prefix = scope_prefix(kind->kind, HEADER_TEAM, &scope->teams[i]);

        range_add(&make, STORE_INDEX, &prefix);
    }
    for (size_t i = 0; i < scope->n_shared && make.status == CRM_OK; i++) {
        struct key whole = { .size = 0 };

        key_u8(&whole, (uint8_t)kind->kind);
        key_bytes(&whole, scope->shared[i].bytes, UUID_SIZE);
        range_add(&make, STORE_RECORD, &whole);
    }
    if (make.status == CRM_OK)
        *out_ranges = make.out;
    return make.status;
}

/* "2 owners", ", 3 teams": size is what is left of text. */
static size_t describe_part(char *text, size_t size, size_t at, size_t n, const char *one,
                            const char *many)
{
    int written = 0;

    if (n == 0 || at >= size)
        return at;
    if (n == 1 && one)
        written = snprintf(text + at, size - at, "%s%s", at ? ", " : "", one);
    else
        written = snprintf(text + at, size - at, "%s%zu %s", at ? ", " : "", n, many);
    return written < 0 ? at : at + (size_t)written;
}

void scope_describe(const struct list_scope *scope, char *text, size_t size)
{
    size_t at = describe_part(text, size, 0, scope->n_owners, "own", "owners");

    at = describe_part(text, size, at, scope->n_teams, "1 team", "teams");
    at = describe_part(text, size, at, scope->n_shared, NULL, "shared");
    if (at == 0)
        snprintf(text, size, "nothing");
}
