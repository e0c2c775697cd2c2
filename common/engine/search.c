/*
 * search.c - records that have all words of a text
 *
 * Called by operations on io threads (server) and by the replica, in one transaction. Each word is
 * a stream of ids, newest first, and so is what the reader may see, where that is known; the
 * streams leap over each other until they agree. What is read is bounded by SEARCH_EXAMINED_MAX,
 * whatever is asked for.
 */
#include "common/engine/search.h"

#include <stdio.h>

#include "common/engine/list_scope.h"
#include "common/engine/search_posting.h"

#define ROW_BUDGET   (1u << 20) /* to take the terms of one record */
#define VERIFY_COST  8          /* taking a record's terms costs as much as so many entries */
#define WORDS_MAX    ARRAY_LEN(((struct term_query *)0)->terms)
#define REFUSALS_MAX 64 /* records that the guard refuses before the children in scope are read */

struct search {
    const struct search_query *query;
    struct posting_space space;
    struct posting postings[WORDS_MAX];
    size_t n_postings;
    struct posting visible;                 /* what the reader may see of the present kind */
    struct posting *streams[WORDS_MAX + 1]; /* of the present kind: those that give ids */
    size_t n_streams;
    unsigned refusals;       /* of the present kind */
    bool verifies[KIND_MAX]; /* by rank: words may come from what is hidden */
    struct view rows;        /* the space's view, for the record in hand: masked, it lives in row */
    struct arena row;
    list_emit *emit;
    void *arg;
    struct list_explain explain;
    bool stop;
    bool scans; /* the store keeps no terms: all records are asked */
};

/* Has the kind fields whose words are terms, and are any of them hidden from this reader? */
static bool kind_has_terms(const struct view *view, const struct kind_def *kind, bool *out_hidden)
{
    const struct field_def *field;
    bool found = false;

    *out_hidden = false;
    for (size_t n = 0; (field = schema_field_at(view->schema, kind, n)) != NULL; n++) {
        if (!(field->flags & (FIELD_SEARCHED | FIELD_PHONE)))
            continue;
        found = true;
        *out_hidden = *out_hidden || view_hides(view, kind->kind, field->ref);
    }
    return found;
}

static bool kind_is_asked_for(const struct search *search, const struct kind_def *kind)
{
    for (size_t i = 0; search->query->kinds && i < search->query->n_kinds; i++) {
        if (search->query->kinds[i] == (unsigned)kind->kind)
            return true;
    }
    return !search->query->kinds;
}

static void choose_kinds(struct search *search)
{
    struct posting_space *space = &search->space;
    const struct kind_def *kind;

    for (size_t n = 0; (kind = kind_at(n)) != NULL; n++) {
        if (kind_is_asked_for(search, kind) &&
            kind_has_terms(space->view, kind, &search->verifies[space->n_kinds]))
            space->kinds[space->n_kinds++] = kind;
    }
    memset(space->rank, (int)space->n_kinds, sizeof space->rank);
    for (size_t rank = 0; rank < space->n_kinds; rank++)
        space->rank[space->kinds[rank]->kind] = (uint8_t)rank;
}

static const struct list_scope *scope_of(const struct search *search, size_t rank)
{
    const struct list_scope *const *scopes = search->query->scopes;

    return scopes ? scopes[search->space.kinds[rank]->kind] : NULL;
}

/* ", scope own" where that is said of the first kind. */
static void describe_scope(struct search *search)
{
    char *plan = search->explain.plan, scope[64];
    size_t n = strlen(plan);

    if (search->space.n_kinds == 0 || !scope_of(search, 0))
        return;
    scope_describe(scope_of(search, 0), scope, sizeof scope);
    snprintf(plan + n, sizeof search->explain.plan - n, ", scope %s", scope);
}

/* "words acme*, 上海" */
static void describe(struct search *search)
{
    char *plan = search->explain.plan;
    size_t room = sizeof search->explain.plan;
    int n = snprintf(plan, room, "words");

    for (size_t i = 0; i < search->n_postings; i++) {
        const struct posting *posting = &search->postings[i];

        if (n < 0 || (size_t)n + TERM_SIZE_MAX + 32 > room)
            break;
        n += snprintf(plan + n, room - (size_t)n, "%s %.*s%s%s", i ? "," : "",
                      posting->term.size - 1, (const char *)posting->term.data + 1,
                      posting->is_prefix ? "*" : "", posting->is_wide ? " (by record)" : "");
    }
}

static enum crm_status open_postings(struct search *search, const struct term_query *words,
                                     const struct term *alternatives)
{
    enum crm_status status = CRM_OK;
    bool has_stream = false;

    for (size_t i = 0; i < words->n; i++) {
        struct posting *posting = &search->postings[search->n_postings++];

        posting->term = words->terms[i];
        posting->is_prefix = words->is_prefix[i];
        posting->alternative = alternatives[i];
        posting->is_wide = search->scans;
    }
    if (search->scans)
        return CRM_OK;
    for (size_t i = 0; i < words->n && status == CRM_OK; i++) {
        status = posting_open(&search->postings[i], &search->space);
        has_stream = has_stream || search->postings[i].is_stream;
    }
    return status == CRM_OK && !has_stream
               ? posting_widen(&search->postings[0], &search->space, false)
               : status;
}

/* Put what may be seen among the streams. */
static enum crm_status add_visible(struct search *search, size_t rank)
{
    struct posting *visible = &search->visible;
    enum crm_status status =
        posting_open_scope(visible, &search->space, rank, scope_of(search, rank));

    if (status == CRM_OK && visible->is_stream) {
        posting_begin_kind(visible, rank);
        search->streams[search->n_streams++] = visible;
    }
    return status;
}

/* The streams of a kind. What a word gives only a part of is nothing to go by where there is
 * another way: the part may be that of others. */
static enum crm_status choose_streams(struct search *search, size_t rank)
{
    const struct list_scope *scope = scope_of(search, rank);
    enum crm_status status = CRM_OK;

    search->n_streams = 0;
    search->refusals = 0;
    search->visible.is_stream = false;
    for (size_t i = 0; i < search->n_postings; i++) {
        if (search->postings[i].is_stream && !(scope && search->postings[i].is_partial))
            search->streams[search->n_streams++] = &search->postings[i];
    }
    if (scope && (search->n_streams == 0 || !kind_parent_field(search->space.kinds[rank])))
        status = add_visible(search, rank);
    if (status == CRM_OK && search->n_streams == 0) {
        if (!search->postings[0].is_stream)
            status = posting_widen(&search->postings[0], &search->space, true);
        search->streams[search->n_streams++] = &search->postings[0];
    }
    for (size_t i = 0; i < search->n_postings; i++)
        posting_begin_kind(&search->postings[i], rank);
    return status;
}

/* The newest id at or before *bound that all streams have. */
static enum crm_status next_common(struct search *search, const struct uuid *bound,
                                   struct uuid *out_id)
{
    struct uuid target = *bound;
    size_t agreed = 0;

    for (size_t i = 0; agreed < search->n_streams; i = (i + 1) % search->n_streams) {
        struct uuid id;
        enum crm_status status;

        if (search->space.looked > SEARCH_EXAMINED_MAX)
            return CRM_NOT_FOUND;
        status = posting_seek(search->streams[i], &search->space, &target, &id);
        if (status != CRM_OK)
            return status;
        agreed = uuid_equal(&id, &target) ? agreed + 1 : 1;
        target = id;
    }
    *out_id = target;
    return CRM_OK;
}

/* Is a record that was found still to be asked for this word? */
static bool must_ask(const struct search *search, const struct posting *posting)
{
    return posting->is_wide || (posting->is_partial && search->visible.is_stream);
}

/* The words that were too wide to be streams are looked for in the record itself; all words where
 * a stream may have led to what this reader may not see of it. */
static enum crm_status fits_itself(struct search *search, size_t rank, const struct record *record,
                                   bool *out_fits)
{
    bool all = search->verifies[rank], any = all;
    struct term_list terms;
    enum crm_status status;

    *out_fits = true;
    for (size_t i = 0; i < search->n_postings && !any; i++)
        any = must_ask(search, &search->postings[i]);
    if (!any)
        return CRM_OK;
    search->space.looked += VERIFY_COST;
    status = term_extract(search->space.view->schema, search->space.kinds[rank], record,
                          &search->row, &terms);
    for (size_t i = 0; status == CRM_OK && i < search->n_postings && *out_fits; i++)
        *out_fits = !(all || must_ask(search, &search->postings[i])) ||
                    posting_fits(&search->postings[i], &terms);
    return status;
}

static enum crm_status show(struct search *search, size_t rank, const struct uuid *id)
{
    const struct search_query *query = search->query;
    struct record record;
    bool fits;
    enum crm_status status =
        view_record(&search->rows, search->space.kinds[rank]->kind, id, &record);

    if (status == CRM_NOT_FOUND) {
        search->refusals++;
        return CRM_OK;
    }
    if (status != CRM_OK)
        return status;
    status = fits_itself(search, rank, &record, &fits);
    /* Of what has the word in a hidden field not even the number may be told. */
    search->explain.examined += fits || !search->verifies[rank];
    if (status == CRM_OK && fits) {
        search->explain.matched++;
        search->stop = !search->emit(search->arg, &record) ||
                       (query->limit && search->explain.matched == query->limit);
    }
    arena_reset(&search->row);
    return status;
}

/* The id before this one; false behind the last. */
static bool id_step_back(struct uuid *id)
{
    for (size_t i = UUID_SIZE; i-- > 0;) {
        if (id->bytes[i]-- != 0)
            return true;
    }
    return false;
}

static enum crm_status search_kind(struct search *search, size_t rank)
{
    struct uuid bound, id;
    bool more = true;
    enum crm_status status = choose_streams(search, rank);

    memset(bound.bytes, 0xff, sizeof bound.bytes);
    while (more && !search->stop && status == CRM_OK) {
        if (search->refusals == REFUSALS_MAX && scope_of(search, rank) &&
            !search->visible.is_stream) {
            search->refusals++;
            status = add_visible(search, rank);
            if (status != CRM_OK)
                break;
        }
        status = next_common(search, &bound, &id);
        if (status != CRM_OK)
            break;
        status = show(search, rank, &id);
        bound = id;
        more = id_step_back(&bound);
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* ---- where no terms are kept */

static bool fits_all(const struct search *search, const struct term_list *terms)
{
    for (size_t i = 0; i < search->n_postings; i++) {
        if (!posting_fits(&search->postings[i], terms))
            return false;
    }
    return true;
}

struct scan {
    struct search *search;
    const struct kind_def *kind;
    enum crm_status status;
};

/* Every record is asked itself. */
static bool ask_record(void *arg, struct slice key, struct slice value)
{
    struct scan *scan = arg;
    struct search *search = scan->search;
    struct term_list terms;
    struct record record;
    struct uuid id;
    enum kind kind;

    scan->status = record_key_parse(key, &kind, &id)
                       ? view_open(&search->rows, kind, &id, value, &record)
                       : CRM_CORRUPT;
    if (scan->status == CRM_NOT_FOUND) {
        scan->status = CRM_OK;
        return true;
    }
    search->explain.examined++;
    if (scan->status == CRM_OK)
        scan->status =
            term_extract(search->rows.schema, scan->kind, &record, &search->row, &terms);
    if (scan->status == CRM_OK && fits_all(search, &terms)) {
        search->explain.matched++;
        search->stop =
            !search->emit(search->arg, &record) ||
            (search->query->limit && search->explain.matched == search->query->limit);
    }
    arena_reset(&search->row);
    return scan->status == CRM_OK && !search->stop;
}

static enum crm_status scan_kind(struct search *search, size_t rank)
{
    struct scan scan = { .search = search, .kind = search->space.kinds[rank] };
    struct key from = { .size = 0 }, to = { .size = 0 };
    enum crm_status status;

    key_u8(&from, (uint8_t)scan.kind->kind);
    key_u8(&to, (uint8_t)(scan.kind->kind + 1));
    status = view_scan(search->space.view, STORE_RECORD,
                       &(struct store_range){ .from = key_slice(&from),
                                              .to = key_slice(&to),
                                              .reverse = true,
                                              .values = STORE_VALUES_PASS },
                       ask_record, &scan);
    return status == CRM_OK ? scan.status : status;
}

enum crm_status search_run(const struct view *view, const struct search_query *query,
                           struct arena *arena, list_emit *emit, void *arg,
                           struct list_explain *out_explain, struct failure *failure)
{
    struct search *search = arena_zalloc(arena, sizeof *search);
    struct term_query words;
    struct term alternatives[ARRAY_LEN(words.terms)];
    enum crm_status status;

    if (!search)
        return CRM_NO_MEMORY;
    status = term_query_parse(query->text, arena, &words, alternatives, failure);
    if (status != CRM_OK)
        return status;
    search->query = query;
    search->space.view = view;
    search->space.arena = arena;
    search->emit = emit;
    search->arg = arg;
    arena_init(&search->row, ROW_BUDGET);
    search->rows = *view;
    search->rows.arena = &search->row;
    search->scans = !store_keeps(view->txn, STORE_TERM);
    choose_kinds(search);
    status = open_postings(search, &words, alternatives);
    describe(search);
    describe_scope(search);
    search->space.looked =
        0; /* leaping has an allowance of its own, or a collected prefix would leave nothing */
    for (size_t rank = 0; rank < search->space.n_kinds && !search->stop && status == CRM_OK; rank++)
        status = search->scans ? scan_kind(search, rank) : search_kind(search, rank);
    arena_fini(&search->row);
    if (status == CRM_OK && out_explain)
        *out_explain = search->explain;
    return status;
}
