/*
 * select.c - which record somebody means: "D-17", "17", an id or its ending, a unique value, a name, "me"
 *
 * The order is the most exact first. What fits several records is AMBIGUOUS and names them.
 */
#include <stdlib.h>
#include <strings.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/engine/search.h"
#include "common/ops/answer.h"
#include "common/ops/ask.h"

#define CANDIDATES_MAX 10
#define ENDING_MIN     6     /* hex digits of an id's ending */
#define ENDING_SCAN    200000 /* records looked at for one */

/* What was found so far. */
struct selection {
    struct ask *ask;
    struct record found[CANDIDATES_MAX];
    size_t n;
    size_t scanned;
    const char *ending;
    bool out_of_memory;
};

static bool add_found(void *arg, const struct record *record)
{
    struct selection *selection = arg;
    struct record kept;

    for (size_t i = 0; i < selection->n; i++)
        if (uuid_equal(&selection->found[i].header.id, &record->header.id))
            return true;
    kept = *record;
    /* Of what is hidden from the reader the rest lives in the step's memory only. */
    kept.body.data = arena_memdup(selection->ask->arena, record->body.data, record->body.size);
    if (!kept.body.data) {
        selection->out_of_memory = true;
        return false;
    }
    selection->found[selection->n++] = kept;
    return selection->n < CANDIDATES_MAX;
}

static enum crm_status ambiguous(struct selection *selection, const char *selector)
{
    struct ask *ask = selection->ask;
    Crm__Error *error = arena_alloc(ask->arena, sizeof *error);
    Crm__Candidate **candidates = arena_alloc(ask->arena, selection->n * sizeof *candidates);

    if (!error || !candidates)
        return ask_fail(ask, CRM_NO_MEMORY, "out of memory");
    crm__error__init(error);
    for (size_t i = 0; i < selection->n; i++) {
        const struct record *record = &selection->found[i];
        struct slice title = record_title(record);

        candidates[i] = arena_alloc(ask->arena, sizeof *candidates[i]);
        if (!candidates[i])
            return ask_fail(ask, CRM_NO_MEMORY, "out of memory");
        crm__candidate__init(candidates[i]);
        candidates[i]->has_kind = candidates[i]->has_id = candidates[i]->has_number = true;
        candidates[i]->kind = record->header.kind;
        candidates[i]->number = record->header.number;
        candidates[i]->id = (ProtobufCBinaryData){ .data = arena_memdup(ask->arena, record->header.id.bytes, UUID_SIZE), .len = UUID_SIZE };
        candidates[i]->title = arena_strndup(ask->arena, title.data, title.size);
    }
    error->n_candidates = selection->n;
    error->candidates = candidates;
    *ask->error = error;
    return ask_fail(ask, CRM_AMBIGUOUS, "'%.80s' fits %s%zu records", selector, selection->n == CANDIDATES_MAX ? "at least " : "", selection->n);
}

static bool try_id(struct selection *selection, const struct kind_def *kind, const struct uuid *id)
{
    struct record record;

    if (view_record(selection->ask->view, kind->kind, id, &record) != CRM_OK)
        return false;
    selection->found[selection->n++] = record;
    return true;
}

static void by_id(struct selection *selection, const struct kind_def *only, const char *text)
{
    const struct kind_def *kind;
    struct uuid id;

    if (!uuid_parse(text, &id))
        return;
    for (size_t n = 0; (kind = kind_at(n)) && selection->n == 0; n++)
        if (!only || only == kind)
            try_id(selection, kind, &id);
}

/* Unique fields of the kind (all kinds), by folded value. */
static void by_unique(struct selection *selection, const struct kind_def *only, const char *text)
{
    const struct kind_def *kind;
    struct value value = { .type = FIELD_TEXT, .text = slice_text(text) };
    struct uuid id;

    for (size_t n = 0; (kind = kind_at(n)); n++)
        for (size_t i = 0; (!only || only == kind) && i < kind->n_fields; i++)
            if ((kind->fields[i].flags & FIELD_UNIQUE) && !view_hides(selection->ask->view, kind->kind, kind->fields[i].ref) && selection->n < CANDIDATES_MAX &&
                view_unique(selection->ask->view, kind->kind, &kind->fields[i], &value, &id) == CRM_OK)
                try_id(selection, kind, &id);
}

/* Records whose title is the text, folded: by the index of the title where it has one. */
static void by_title(struct selection *selection, const struct kind_def *only, const char *text)
{
    struct ask *ask = selection->ask;
    const struct kind_def *kind;

    for (size_t n = 0; (kind = kind_at(n)); n++) {
        const struct field_def *title = kind->title ? kind_field_by_name(kind, kind->title) : NULL;
        struct value value = { .type = FIELD_TEXT, .text = slice_text(text) };
        struct slice folded;
        struct filter_node node = { .op = FILTER_EQ, .field = title, .values = &value, .folded = &folded, .n_values = 1 };
        struct filter filter = { .kind = kind, .nodes = &node, .n = 1 };
        struct list_query query = { .kind = kind, .filter = &filter, .limit = CANDIDATES_MAX };
        struct list_cursor *cursor;
        enum list_state state = LIST_MORE;

        if ((only && only != kind) || !title || !field_is_indexed(title) || !text_fold(ask->arena, value.text, &folded))
            continue;
        if (list_begin(ask->view, &query, ask->arena, &cursor, NULL) != CRM_OK)
            continue;
        while (state == LIST_MORE && selection->n < CANDIDATES_MAX && !selection->out_of_memory)
            if (list_step(cursor, ask->view, 1000, 0, add_found, selection, ask->scratch, &state, NULL) != CRM_OK)
                break;
    }
}

/* Of a kind with one record its kind's name will do, and its title. */
static void by_single(struct selection *selection, const struct kind_def *only, const char *text)
{
    struct slice typed, title;
    struct record record;

    if (!only || !(only->flags & KIND_SINGLE) || view_first(selection->ask->view, only->kind, &record) != CRM_OK)
        return;
    if (strcmp(text, only->name) == 0 || (text_fold(selection->ask->arena, slice_text(text), &typed) &&
                                          text_fold(selection->ask->arena, record_title(&record), &title) && slice_equal(typed, title)))
        add_found(selection, &record);
}

static bool match_ending(void *arg, struct slice key, struct slice value)
{
    struct selection *selection = arg;
    size_t size = strlen(selection->ending);
    char text[2 * UUID_SIZE + 1];
    struct record record;
    struct uuid id;
    enum kind kind;

    if (!record_key_parse(key, &kind, &id))
        return true;
    hex_format(id.bytes, UUID_SIZE, text);
    if (strcmp(text + 2 * UUID_SIZE - size, selection->ending) == 0 && view_open(selection->ask->view, kind, &id, value, &record) == CRM_OK &&
        !add_found(selection, &record))
        return false;
    return ++selection->scanned < ENDING_SCAN;
}

/* There is no index of endings: records of the kind are looked through, bounded. */
static void by_ending(struct selection *selection, const struct kind_def *only, const char *text)
{
    uint8_t first = only ? (uint8_t)only->kind : 0, behind = only ? (uint8_t)(only->kind + 1) : 0xff;
    char ending[2 * UUID_SIZE + 1];
    size_t size = strlen(text);

    if (size < ENDING_MIN || size >= sizeof ending)
        return;
    for (size_t i = 0; i <= size; i++) {
        ending[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
        if (i < size && !((ending[i] >= '0' && ending[i] <= '9') || (ending[i] >= 'a' && ending[i] <= 'f')))
            return;
    }
    selection->ending = ending;
    if (store_scan(selection->ask->view->txn, STORE_RECORD,
                   &(struct store_range){ .from = slice_of(&first, 1), .to = slice_of(&behind, 1) }, match_ending, selection) != CRM_OK)
        selection->n = 0;
}

/* "D-17" of a deleted deal names no live record: the bin is looked through for its number. */
bool select_deleted(const struct view *view, unsigned kind_number, const char *selector, struct record *out_record)
{
    uint8_t first = (uint8_t)kind_number, behind = kind_number ? (uint8_t)(kind_number + 1) : 0xff;
    struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1) };
    char label[RECORD_LABEL_SIZE];
    struct key from = { 0 };
    struct slice key, value;

    while (selector && view_seek(view, STORE_DELETED, &range, &key, &value) == CRM_OK) {
        enum kind kind;
        struct uuid id;

        if (record_key_parse(key, &kind, &id) && view_open(view, kind, &id, value, out_record) == CRM_OK) {
            record_label(&out_record->header, label);
            if (strcasecmp(label, selector) == 0)
                return true;
        }
        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        range.from = key_slice(&from);
    }
    return false;
}

bool select_takes_long(const char *selector)
{
    size_t size = strlen(selector);

    return size >= ENDING_MIN && size < 2 * UUID_SIZE && strspn(selector, "0123456789abcdefABCDEF") == size;
}

enum crm_status ask_select(struct ask *ask, unsigned kind_number, const char *selector, bool with_endings, struct uuid *out_id,
                              enum kind *out_kind)
{
    static void (*const ways[])(struct selection *, const struct kind_def *, const char *) = {
        by_id, by_single, by_unique, by_title, by_ending
    };
    size_t n_ways = ARRAY_LEN(ways) - !with_endings;
    const struct kind_def *kind = kind_def(kind_number), *lettered = kind;
    struct selection selection = { .ask = ask };
    struct record record;
    uint64_t number;

    if (kind_number && !kind)
        return ask_fail_field(ask, CRM_INVALID, "kind", "there is no kind number %u", kind_number);
    if (strcmp(selector, "me") == 0 && (!kind || kind->kind == KIND_USER)) {
        *out_id = *ask->user;
        *out_kind = KIND_USER;
        return CRM_OK;
    }
    if (record_number_parse(selector, &lettered, &number) && view_number(ask->view, lettered->kind, number, out_id) == CRM_OK &&
        view_record(ask->view, lettered->kind, out_id, &record) == CRM_OK) {
        *out_kind = lettered->kind;
        return CRM_OK;
    }
    for (size_t i = 0; i < n_ways && selection.n == 0; i++)
        ways[i](&selection, kind, selector);
    if (selection.out_of_memory)
        return ask_fail(ask, CRM_NO_MEMORY, "out of memory");
    if (selection.n == 0)
        return ask_fail(ask, CRM_NOT_FOUND, "there is no %s '%.80s'", kind ? kind->name : "record", selector);
    if (selection.n > 1)
        return ambiguous(&selection, selector);
    *out_id = selection.found[0].header.id;
    *out_kind = selection.found[0].header.kind;
    return CRM_OK;
}
