/*
 * mutate_find.c - which record a mutation is about, where it does not say so by id: by its number, or of an upsert by a field's value
 *
 * Writer thread, or a worker in a dry run. Nobody finds by these what they may not see.
 */
#include <inttypes.h>

#include "common/base/text.h"
#include "common/engine/list.h"
#include "server/engine/mutate_inside.h"

#define FIND_ROWS   1000
#define FIND_BUDGET ((size_t)4 << 20)

/* The value in `set` of the field that an upsert matches by. */
static enum crm_status match_value(struct work *work, const struct field_def **out_field, struct value *out_value)
{
    struct evolve *evolve = &work->evolve;
    const struct field_def *field = schema_field(evolve->view->schema, evolve->kind, work->mutation->match);
    struct record given = { .header = { .kind = evolve->kind->kind } };
    struct body_patch patch;
    enum crm_status status;

    if (!field || !(field_is_indexed(field) || field->flags & FIELD_UNIQUE) || view_hides(evolve->seen, evolve->kind->kind, field->ref))
        return fail(evolve->failure, CRM_INVALID, "match", "an upsert needs an indexed or unique field to match by");
    status = evolve_read_patch(evolve, work->mutation, &patch);
    if (status != CRM_OK)
        return status;
    given.body = patch.set;
    if (!reflect_get(field, &given, out_value) || index_value_is_none(field, out_value))
        return fail(evolve->failure, CRM_INVALID, field->name, "there is no value to match by");
    *out_field = field;
    return CRM_OK;
}

struct matches {
    struct uuid id;
    unsigned n;
};

static bool add_match(void *arg, const struct record *record)
{
    struct matches *matches = arg;

    matches->id = record->header.id;
    return ++matches->n < 2;
}

/* Those whose field has the value, by its index: two are enough to know that there is more than one. */
static enum crm_status by_index(struct work *work, const struct field_def *field, struct value *value, struct arena *arena,
                                struct matches *out_matches)
{
    const struct evolve *evolve = &work->evolve;
    struct slice folded = { 0 };
    struct filter_node node = { .op = FILTER_EQ, .field = field, .values = value, .folded = &folded, .n_values = 1 };
    struct filter filter = { .kind = evolve->kind, .nodes = &node, .n = 1 };
    struct list_query query = { .kind = evolve->kind, .filter = &filter };
    struct arena scratch;
    struct list_cursor *cursor;
    enum list_state state = LIST_MORE;
    enum crm_status status;

    if (value->type == FIELD_TEXT && !text_fold(arena, value->text, &folded))
        return CRM_NO_MEMORY;
    status = list_begin(evolve->seen, &query, arena, &cursor, evolve->failure);
    arena_init(&scratch, FIND_BUDGET);
    while (status == CRM_OK && state == LIST_MORE && out_matches->n < 2) {
        arena_reset(&scratch);
        status = list_step(cursor, evolve->seen, FIND_ROWS, 0, add_match, out_matches, &scratch, &state, evolve->failure);
    }
    arena_fini(&scratch);
    return status;
}

/* *out_found: the record that an upsert means; CRM_AMBIGUOUS where it could be several. */
static enum crm_status find_match(struct work *work, struct uuid *id, bool *out_found)
{
    struct evolve *evolve = &work->evolve;
    const struct field_def *field = NULL;
    struct matches matches = { 0 };
    struct arena arena;
    struct value value;
    enum crm_status status = match_value(work, &field, &value);

    if (status != CRM_OK)
        return status;
    if (field->flags & FIELD_UNIQUE) {
        status = view_unique(evolve->seen, evolve->kind->kind, field, &value, &matches.id);
        matches.n = status == CRM_OK;
    } else {
        arena_init(&arena, FIND_BUDGET);
        status = by_index(work, field, &value, &arena, &matches);
        arena_fini(&arena);
    }
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return fail(evolve->failure, status, field->name, "%s", crm_status_info((int)status)->sentence);
    if (matches.n > 1)
        return fail(evolve->failure, CRM_AMBIGUOUS, field->name, "several %s have this value", evolve->kind->plural);
    *out_found = matches.n == 1;
    if (*out_found)
        *id = matches.id;
    return CRM_OK;
}

enum crm_status work_find(struct work *work, struct uuid *id, bool *out_found)
{
    const struct evolve *evolve = &work->evolve;
    const Crm__Mutation *mutation = work->mutation;
    enum crm_status status;

    *out_found = false;
    if (!mutation->has_record_number)
        return mutation->verb == CRM__VERB__VERB_UPSERT && mutation->has_match ? find_match(work, id, out_found) : CRM_OK;
    status = view_number(evolve->seen, evolve->kind->kind, mutation->record_number, id);
    *out_found = status == CRM_OK;
    if (status == CRM_NOT_FOUND)
        return fail(evolve->failure, status, NULL, "there is no %s with the number %" PRIu64, evolve->kind->name, (uint64_t)mutation->record_number);
    return status == CRM_OK ? status : fail(evolve->failure, status, NULL, "the index of numbers cannot be read");
}
