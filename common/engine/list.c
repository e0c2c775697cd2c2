/*
 * list.c - lists: begun once, then stepped, each step in a transaction of its own
 *
 * Called by operations on io threads and workers (server) and by the replica. A cursor holds a
 * plan, how far it has come, and matches that wait to be sorted; never a transaction, never
 * anything borrowed from one. Every record comes through view_open, so that what may not be seen
 * leaves no trace in result or counts.
 */
#include "common/engine/list.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/engine/list_sort.h"
#include "common/engine/list_walk.h"

#define BATCH_MAX     128 /* candidates whose records are read together */
#define BATCH_MIN     16
#define STEP_ROWS_MAX 4096       /* bounds what a step takes of scratch */
#define ROW_BUDGET    (1u << 20) /* to fold the texts of one record */
#define DEADLINE_ROWS 16         /* the clock is asked so often */
#define MEMO_SIZE     8          /* referenced records that a step remembers */

struct list_cursor {
    const struct list_query *query;
    struct arena *arena;
    struct sort_key sort[SORT_KEYS_MAX];
    size_t n_sort;
    struct plan plan;
    struct list_explain explain;
    struct walk_place place; /* the last candidate that is dealt with */
    struct key last_given;   /* its suffix, of the last that was given: no page token tells of what
                                lies behind it and may not be seen */
    bool exhausted;          /* no candidate is left */
    bool collects;           /* the path is not in order: matches wait in sorter */
    bool is_sorted;          /* they are in order now */
    struct sorter sorter;
    size_t next; /* of the sorted ones */
    uint64_t given;
    bool has_more; /* a match behind the limit, or the chance of one */
    size_t position_size;
    uint8_t position[SORT_PLACE_MAX];
};

/* A record that a reference led to, or that it led to nothing. */
struct memo {
    enum kind kind;
    struct uuid id;
    bool found;
    struct record record;
};

/* One call of list_step. */
struct step {
    struct list_cursor *cursor;
    const struct view *view;
    struct view rows; /* the same, for the record in hand: what is masked of it lives in row */
    struct view references; /* and for those in memos: in referred */
    unsigned rows_left;
    int64_t deadline_us;
    list_emit *emit;
    void *arg;
    struct arena *scratch;
    struct arena row;      /* for one record; reset behind it */
    struct arena referred; /* for memos; reset when they are full */
    struct memo memos[MEMO_SIZE];
    size_t n_memos;
    struct failure *failure;
    bool stop; /* the output is full, the result complete, or time is up */
};

/* ---- is a record wanted? */

/* filter_load: neighbours in a list mostly refer to the same few records. */
static bool load_reference(void *arg, enum kind kind, const struct uuid *id,
                           struct record *out_record)
{
    struct step *step = arg;
    struct memo *memo = NULL;

    for (size_t i = 0; i < step->n_memos && !memo; i++) {
        if (step->memos[i].kind == kind && uuid_equal(&step->memos[i].id, id))
            memo = &step->memos[i];
    }
    if (!memo) {
        if (step->n_memos == MEMO_SIZE) {
            step->n_memos = 0;
            arena_reset(&step->referred);
        }
        memo = &step->memos[step->n_memos++];
        memo->kind = kind;
        memo->id = *id;
        memo->found = view_record(&step->references, kind, id, &memo->record) == CRM_OK;
    }
    if (memo->found)
        *out_record = memo->record;
    return memo->found;
}

/* Looks for one id among the references of a record. */
struct reference_look {
    const struct field_def *field;
    const struct uuid *id;
    bool found;
};

static bool reference_value(void *arg, const struct value *value)
{
    struct reference_look *look = arg;

    look->found = uuid_equal(&value->ref, look->id);
    return !look->found;
}

static bool reference_element(void *arg, struct slice element)
{
    struct reference_look *look = arg;

    for (size_t i = 0; i < look->field->n_members && !look->found; i++) {
        struct value value;

        if (look->field->members[i].type == FIELD_REFERENCE &&
            reflect_member(&look->field->members[i], element, &value))
            look->found = uuid_equal(&value.ref, look->id);
    }
    return !look->found;
}

static bool refers_to(const struct schema *schema, const struct kind_def *kind,
                      const struct record *record, const struct uuid *id)
{
    struct reference_look look = { .id = id };

    for (size_t n = 0; !look.found; n++) {
        look.field = schema_field_at(schema, kind, n);
        if (!look.field)
            break;
        if (look.field->flags & FIELD_HEADER)
            continue;
        if (look.field->type == FIELD_REFERENCE)
            reflect_each(look.field, record, reference_value, &look);
        else if (look.field->type == FIELD_GROUP)
            reflect_each_element(look.field, record, reference_element, &look);
    }
    return look.found;
}

/* record may be changed to what it was. count: it has not been counted before. */
static bool is_wanted(struct step *step, struct record *record, bool count)
{
    struct list_cursor *cursor = step->cursor;
    const struct list_query *query = cursor->query;

    if (query->rewind) {
        if (!query->rewind(query->arg, record) ||
            query->deleted != ((record->header.flags & RECORD_DELETED) != 0))
            return false;
    }
    if (count)
        cursor->explain.examined++;
    if (!uuid_is_nil(&query->parent) && !cursor->plan.parent_settled &&
        !refers_to(step->view->schema, query->kind, record, &query->parent))
        return false;
    return !query->filter ||
           filter_matches(query->filter, record, load_reference, step, &step->row);
}

/* ---- giving and keeping matches */

static bool limit_is_reached(const struct list_cursor *cursor)
{
    return cursor->query->limit && cursor->given == cursor->query->limit;
}

static void give(struct step *step, const struct record *record)
{
    step->cursor->given++;
    step->cursor->explain.matched += !step->cursor->collects;
    if (!step->emit(step->arg, record))
        step->stop = true;
}

static enum crm_status keep(struct step *step, const struct record *record)
{
    struct list_cursor *cursor = step->cursor;
    struct sort_place place;
    enum crm_status status;

    cursor->explain.matched++;
    if (!sort_place_of(cursor->sort, cursor->n_sort, record, &step->row, &place))
        return CRM_NO_MEMORY;
    if (cursor->query->position.size &&
        slice_compare(sort_place_slice(&place), cursor->query->position) <= 0)
        return CRM_OK;
    if (cursor->plan.leading && sorter_is_settled(&cursor->sorter, &place)) {
        cursor->exhausted = true;
        return CRM_OK;
    }
    status = sorter_add(&cursor->sorter, &place);
    if (status == CRM_TOO_LARGE)
        return fail(
            step->failure, status, NULL,
            "too many matches to sort by %s: narrow the filter, set a limit, or sort by number",
            cursor->sort[0].field->name);
    return status;
}

/* A row was dealt with: are there rows and time for another? */
static void count_row(struct step *step)
{
    step->rows_left--;
    if (step->deadline_us && step->rows_left % DEADLINE_ROWS == 0 &&
        clock_monotonic_us() >= step->deadline_us)
        step->stop = true;
}

/* ---- walking the path */

/* Candidates whose records were read together. */
struct batch {
    struct walk_candidate candidates[BATCH_MAX];
    uint8_t keys[BATCH_MAX][RECORD_KEY_SIZE];
    struct uuid ids[BATCH_MAX];
    struct slice values[BATCH_MAX]; /* data NULL: there is no such record */
    size_t n;
    bool ended; /* nothing behind it */
};

static enum crm_status batch_read(struct step *step, struct walk *walk, size_t want,
                                  struct batch *batch)
{
    struct slice keys[BATCH_MAX];
    enum kind kind = step->cursor->query->kind->kind;
    bool has_records = true;

    batch->ended = false;
    for (batch->n = 0; batch->n < want; batch->n++) {
        struct walk_candidate *candidate = &batch->candidates[batch->n];
        enum crm_status status = walk_next(walk, candidate);

        if (status == CRM_NOT_FOUND) {
            batch->ended = true;
            break;
        }
        if (status != CRM_OK)
            return status;
        if (candidate->suffix.size < UUID_SIZE)
            return CRM_CORRUPT;
        memcpy(batch->ids[batch->n].bytes,
               candidate->suffix.data + candidate->suffix.size - UUID_SIZE, UUID_SIZE);
        record_key(kind, &batch->ids[batch->n], batch->keys[batch->n]);
        keys[batch->n] = slice_of(batch->keys[batch->n], RECORD_KEY_SIZE);
        batch->values[batch->n] = candidate->value;
        has_records = has_records && candidate->value.data;
    }
    return has_records || batch->n == 0
               ? CRM_OK
               : view_get_many(step->view, STORE_RECORD, keys, batch->n, batch->values);
}

static enum crm_status take(struct step *step, const struct batch *batch, size_t i)
{
    struct list_cursor *cursor = step->cursor;
    struct record record;
    enum crm_status status = CRM_OK;
    bool wanted = false;

    if (batch->values[i].data) {
        status = view_open(&step->rows, cursor->query->kind->kind, &batch->ids[i], batch->values[i],
                           &record);
        if (status != CRM_OK && status != CRM_NOT_FOUND)
            return status;
        wanted = status == CRM_OK && is_wanted(step, &record, !limit_is_reached(cursor));
        status = CRM_OK;
    }
    if (wanted && !cursor->collects && limit_is_reached(cursor)) {
        cursor->has_more = true;
        step->stop = true;
        return CRM_OK;
    }
    if (wanted && cursor->collects)
        status = keep(step, &record);
    else if (wanted)
        give(step, &record);
    if (status == CRM_OK)
        walk_place_set(&cursor->place, &batch->candidates[i]);
    if (wanted && !cursor->collects && limit_is_reached(cursor))
        cursor->last_given = cursor->place.suffix;
    arena_reset(&step->row);
    return status;
}

/* How many candidates to read at once: no more than a page needs where each matches, and the match
 * behind it that tells whether there is more. */
static size_t batch_size(const struct step *step, size_t last)
{
    const struct list_cursor *cursor = step->cursor;
    uint64_t need = cursor->query->limit && !cursor->collects
                        ? cursor->query->limit - cursor->given + 1
                        : BATCH_MAX;
    size_t size = last * 2 > BATCH_MIN ? last * 2 : BATCH_MIN;

    if (need > size)
        size = need < BATCH_MAX ? (size_t)need : BATCH_MAX;
    if (size > need && !cursor->query->filter && !step->view->guard)
        size = (size_t)need;
    if (size > BATCH_MAX)
        size = BATCH_MAX;
    return size < step->rows_left ? size : step->rows_left;
}

static enum crm_status walk_path(struct step *step)
{
    struct list_cursor *cursor = step->cursor;
    size_t want = batch_size(step, 0);
    struct walk *walk = walk_create(step->view, &cursor->plan, &cursor->place, want, step->scratch);
    struct batch batch;

    if (!walk)
        return CRM_NO_MEMORY;
    while (!step->stop && !cursor->exhausted && step->rows_left > 0) {
        enum crm_status status = batch_read(step, walk, want, &batch);
        size_t i;

        for (i = 0; status == CRM_OK && i < batch.n && !step->stop && !cursor->exhausted; i++) {
            status = take(step, &batch, i);
            count_row(step);
        }
        if (status != CRM_OK)
            return status;
        if (batch.ended && i == batch.n && !cursor->has_more)
            cursor->exhausted = true;
        want = batch_size(step, want);
    }
    return CRM_OK;
}

/* ---- giving what was sorted */

static enum crm_status reload(struct step *step, const struct uuid *id, struct record *out_record)
{
    const struct list_query *query = step->cursor->query;
    enum crm_status status = CRM_NOT_FOUND;

    if (!query->deleted || query->rewind)
        status = view_record(&step->rows, query->kind->kind, id, out_record);
    if (status == CRM_NOT_FOUND && (query->deleted || query->rewind))
        status = view_deleted(&step->rows, query->kind->kind, id, out_record);
    return status;
}

/* Records may have changed since they were collected: each is asked again. */
static enum crm_status give_sorted(struct step *step)
{
    struct list_cursor *cursor = step->cursor;

    while (!step->stop && step->rows_left > 0 && cursor->next < cursor->sorter.n &&
           !limit_is_reached(cursor)) {
        const struct sort_entry *entry = cursor->sorter.entries[cursor->next++];
        struct uuid id = sort_place_id(cursor->sort, slice_of(entry->place, entry->size));
        struct record record;
        enum crm_status status = reload(step, &id, &record);

        if (status != CRM_OK && status != CRM_NOT_FOUND)
            return status;
        if (status == CRM_OK && is_wanted(step, &record, false))
            give(step, &record);
        memcpy(cursor->position, entry->place, entry->size);
        cursor->position_size = entry->size;
        arena_reset(&step->row);
        count_row(step);
    }
    cursor->has_more = cursor->next < cursor->sorter.n;
    return CRM_OK;
}

/* ---- public */

/* Go on behind a page token's place. */
static enum crm_status resume(struct list_cursor *cursor, struct failure *failure)
{
    struct slice position = cursor->query->position;
    bool valid = position.size > UUID_SIZE && position.size <= SORT_PLACE_MAX &&
                 position.data[0] >= INDEX_PRESENT && position.data[0] <= INDEX_MISSING;

    if (valid && cursor->plan.ordered) {
        valid = sort_place_turn(cursor->sort, position, cursor->place.suffix.data);
        cursor->place.suffix.size = valid ? (uint16_t)position.size : 0;
        cursor->place.begun = valid;
    } else if (valid && cursor->plan.leading) {
        valid = sort_place_start(cursor->sort, position, &cursor->place.suffix);
        cursor->place.begun = valid;
    }
    if (!valid)
        return fail(failure, CRM_INVALID, "page", "the page token is not of this list");
    if (cursor->place.begun)
        cursor->place.segment = (uint32_t)(position.data[0] - INDEX_PRESENT);
    return CRM_OK;
}

enum crm_status list_begin(const struct view *view, const struct list_query *query,
                           struct arena *arena, struct list_cursor **out_cursor,
                           struct failure *failure)
{
    struct list_cursor *cursor = arena_alloc(arena, sizeof *cursor);
    enum crm_status status;

    if (!cursor)
        return CRM_NO_MEMORY;
    memset(cursor, 0, offsetof(struct list_cursor, position));
    cursor->query = query;
    cursor->arena = arena;
    cursor->n_sort = query->n_sort;
    memcpy(cursor->sort, query->sort, sizeof cursor->sort);
    if (cursor->n_sort == 0) {
        cursor->sort[0] = (struct sort_key){ .field = kind_field(query->kind, HEADER_NUMBER) };
        cursor->n_sort = 1;
    }
    status = plan_make(view, query, cursor->sort, cursor->n_sort, arena, &cursor->plan, failure);
    if (status == CRM_OK && query->position.size)
        status = resume(cursor, failure);
    if (status != CRM_OK)
        return status;

    /* What may come more than once is told apart by putting it in order. */
    cursor->collects = !cursor->plan.ordered && !(query->any_order && !cursor->plan.may_repeat);
    cursor->sorter.arena = arena;
    cursor->sorter.max = cursor->plan.may_repeat || !query->limit ? 0 : query->limit + 1;
    snprintf(cursor->explain.plan, sizeof cursor->explain.plan, "%s%s", cursor->plan.text,
             cursor->collects ? ", sorted in memory" : "");
    *out_cursor = cursor;
    return CRM_OK;
}

/* Is the list complete? The match that would be next is looked for in the step that reached the
 * limit, and no longer. */
static bool is_done(struct list_cursor *cursor)
{
    if (cursor->collects)
        return cursor->is_sorted && (limit_is_reached(cursor) || cursor->next == cursor->sorter.n);
    if (limit_is_reached(cursor)) {
        cursor->has_more = cursor->has_more || !cursor->exhausted;
        return true;
    }
    return cursor->exhausted;
}

enum crm_status list_step(struct list_cursor *cursor, const struct view *view, unsigned max_rows,
                          int64_t deadline_us, list_emit *emit, void *arg, struct arena *scratch,
                          enum list_state *out_state, struct failure *failure)
{
    struct step step = { .cursor = cursor,
                         .view = view,
                         .deadline_us = deadline_us,
                         .emit = emit,
                         .arg = arg,
                         .scratch = scratch,
                         .failure = failure };
    enum crm_status status = CRM_OK;

    step.rows_left = max_rows < STEP_ROWS_MAX ? max_rows : STEP_ROWS_MAX;
    arena_init(&step.row, ROW_BUDGET);
    arena_init(&step.referred, MEMO_SIZE * ROW_BUDGET);
    step.rows = step.references = *view;
    step.rows.arena = &step.row;
    step.references.arena = &step.referred;
    if (!cursor->is_sorted)
        status = walk_path(&step);
    if (status == CRM_OK && cursor->collects && cursor->exhausted && !cursor->is_sorted) {
        size_t n = cursor->sorter.n;

        sorter_finish(&cursor->sorter);
        cursor->explain.matched -= n - cursor->sorter.n; /* what came more than once */
        cursor->is_sorted = true;
    }
    if (status == CRM_OK && cursor->is_sorted)
        status = give_sorted(&step);
    if (status == CRM_OK && cursor->plan.ordered && cursor->last_given.size > 0 &&
        sort_place_turn(cursor->sort, key_slice(&cursor->last_given), cursor->position))
        cursor->position_size = cursor->last_given.size;
    arena_fini(&step.row);
    arena_fini(&step.referred);
    if (status == CRM_OK)
        *out_state = is_done(cursor) ? LIST_DONE : LIST_MORE;
    return status;
}

struct slice list_position(const struct list_cursor *cursor)
{
    return cursor->has_more && limit_is_reached(cursor)
               ? slice_of(cursor->position, cursor->position_size)
               : slice_of(NULL, 0);
}

const struct list_explain *list_explain(const struct list_cursor *cursor)
{
    return &cursor->explain;
}
