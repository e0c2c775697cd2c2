/*
 * search_posting.c - one word of a search as a stream of ids
 *
 * Called by search.c. A whole word is a range for each kind, read backwards by seeking, so that a
 * word that half of all records have costs no more than what is shown. So is a prefix of as many
 * letters as beginnings have; a shorter one is the merge of the beginnings behind it, a longer one
 * of the words. Of a prefix with more of them than that the entries are read beforehand, if they
 * are few; if they are many as well, the records that other words found are asked for theirs, or
 * the entries of its beginning are gone through for those that go on right. What a reader may see
 * is such a stream too.
 */
#include "common/engine/search_posting.h"

#include "common/engine/list_scope.h"

#define COLLECT_MAX 2000  /* entries that are read beforehand where another word may do better */
#define SCOPE_MAX   10000 /* ids of children that are read beforehand */

/* ---- heap of entries */

/* Does a come before b: its kind first, then the newer id? */
static bool entry_is_before(const struct posting_entry *a, const struct posting_entry *b)
{
    return a->rank != b->rank ? a->rank < b->rank : memcmp(a->id.bytes, b->id.bytes, UUID_SIZE) > 0;
}

static void heap_down(struct posting_entry *heap, size_t n, size_t i)
{
    for (;;) {
        size_t first = i;
        struct posting_entry swap = heap[i];

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            if (entry_is_before(&heap[child], &heap[first]))
                first = child;
        }
        if (first == i)
            return;
        heap[i] = heap[first];
        heap[first] = swap;
        i = first;
    }
}

static void heap_pop(struct posting *posting)
{
    posting->heap[0] = posting->heap[--posting->n_heap];
    heap_down(posting->heap, posting->n_heap, 0);
}

static bool heap_push_unordered(struct posting *posting, struct arena *arena,
                                const struct posting_entry *entry)
{
    if (posting->n_heap == posting->capacity) {
        size_t capacity = posting->capacity ? posting->capacity * 2 : 256;
        struct posting_entry *heap = arena_alloc(arena, capacity * sizeof *heap);

        if (!heap)
            return false;
        if (posting->n_heap)
            memcpy(heap, posting->heap, posting->n_heap * sizeof *heap);
        posting->heap = heap;
        posting->capacity = capacity;
    }
    posting->heap[posting->n_heap++] = *entry;
    return true;
}

/* ---- opening */

/* The caller sees to there being room. */
static struct posting_word *word_add(struct posting *posting, enum store_db db, struct slice bytes)
{
    struct posting_word *word = &posting->words[posting->n_words++];

    memset(word, 0, sizeof *word);
    word->db = db;
    word->term.size = (uint8_t)bytes.size;
    memcpy(word->term.data, bytes.data, bytes.size);
    return word;
}

static struct slice term_slice(const struct term *term)
{
    return slice_of(term->data, term->size);
}

static struct store_range prefix_range(const struct term *prefix, struct key *from, struct key *to)
{
    from->size = 0;
    term_prefix(from, prefix, false);
    if (!key_after_prefix(from, to))
        to->size = 0;
    return (struct store_range){ .from = key_slice(from), .to = key_slice(to) };
}

/* The words that begin with a prefix, leaping from each to the next. *out_complete is false where
 * there are more than can be merged. */
static enum crm_status find_words(struct posting *posting, struct posting_space *space,
                                  const struct term *prefix, bool *out_complete)
{
    struct key from, to;
    struct store_range range = prefix_range(prefix, &from, &to);

    for (;;) {
        struct slice key, value;
        const uint8_t *end;
        enum crm_status status = view_seek(space->view, STORE_TERM, &range, &key, &value);

        space->looked++;
        if (status == CRM_NOT_FOUND) {
            *out_complete = true;
            return CRM_OK;
        }
        if (status != CRM_OK)
            return status;
        end = memchr(key.data, 0, key.size);
        if (!end)
            return CRM_CORRUPT;
        if (end - key.data > TERM_SIZE_MAX)
            return CRM_CORRUPT;
        if (posting->n_words == POSTING_WORDS_MAX) {
            *out_complete = false;
            return CRM_OK;
        }
        word_add(posting, STORE_TERM, slice_of(key.data, (size_t)(end - key.data)));
        /* Behind all entries of this word, before those of longer ones. */
        from.size = 0;
        key_bytes(&from, key.data, (size_t)(end - key.data));
        key_u8(&from, 1);
        range.from = key_slice(&from);
    }
}

/* Reads the entries of a prefix. */
struct collect {
    struct posting *posting;
    struct posting_space *space;
    bool has_kind; /* the byte before an entry's id says of what kind it is */
    uint8_t rank;  /* else they are all of this one */
    uint64_t left;
    bool out_of_memory;
};

static bool collect_visit(void *arg, struct slice key, struct slice value)
{
    struct collect *collect = arg;
    const struct posting_space *space = collect->space;
    struct posting_entry entry = { .rank = collect->rank };

    (void)value;
    if (collect->left == 0)
        return false;
    collect->left--;
    if (key.size < UUID_SIZE + 1u)
        return true;
    if (collect->has_kind)
        entry.rank = space->rank[key.data[key.size - UUID_SIZE - 1]];
    memcpy(entry.id.bytes, key.data + key.size - UUID_SIZE, UUID_SIZE);
    if (entry.rank < space->n_kinds &&
        !heap_push_unordered(collect->posting, space->arena, &entry)) {
        collect->out_of_memory = true;
        return false;
    }
    return true;
}

static enum crm_status collect_range(struct collect *collect, enum store_db db,
                                     const struct key *prefix)
{
    struct key to;
    enum crm_status status;

    if (!key_after_prefix(prefix, &to))
        to.size = 0;
    status = view_scan(collect->space->view, db,
                       &(struct store_range){ .from = key_slice(prefix), .to = key_slice(&to) },
                       collect_visit, collect);
    return status == CRM_OK && collect->out_of_memory ? CRM_NO_MEMORY : status;
}

static void collect_finish(struct collect *collect)
{
    for (size_t i = collect->posting->n_heap / 2; i-- > 0;)
        heap_down(collect->posting->heap, collect->posting->n_heap, i);
}

/* The entries of what is enumerated for the word, if with_term, and of its alternative; at most
 * max. */
static enum crm_status collect_entries(struct posting *posting, struct posting_space *space,
                                       bool with_term, uint64_t max, bool *out_complete)
{
    struct collect collect = { .posting = posting, .space = space, .has_kind = true, .left = max };
    enum crm_status status = CRM_OK;

    posting->n_heap = 0;
    if (with_term) {
        struct key prefix = { .size = 0 };

        term_prefix(&prefix, &posting->look, !posting->is_prefix);
        status = collect_range(&collect, STORE_TERM, &prefix);
    }
    if (status == CRM_OK && posting->alternative.size) {
        struct key prefix = { .size = 0 };

        term_prefix(&prefix, &posting->alternative, false);
        status = collect_range(&collect, STORE_TERM, &prefix);
    }
    collect_finish(&collect);
    space->looked += max - collect.left;
    *out_complete = collect.left > 0;
    return status;
}

/* The words of a prefix, or how they begin; of a whole word that or the word itself. */
static enum crm_status open_word(struct posting *posting, struct posting_space *space,
                                 bool *out_complete)
{
    struct term beginning;
    struct slice rest;
    size_t letters = term_beginning(&posting->term, &beginning, &rest);
    bool is_whole_beginning = letters == TERM_BEGINNING_LETTERS && rest.size == 0;

    if (letters > 0 && (letters < TERM_BEGINNING_LETTERS || (posting->is_prefix && rest.size == 0)))
        posting->look = beginning;
    if (posting->is_prefix && !is_whole_beginning)
        return find_words(posting, space, &posting->look, out_complete);
    word_add(posting, STORE_TERM, term_slice(&posting->look));
    return CRM_OK;
}

enum crm_status posting_open(struct posting *posting, struct posting_space *space)
{
    bool complete = true;
    enum crm_status status = CRM_OK;

    posting->look = posting->term;
    posting->words = arena_alloc(space->arena, POSTING_WORDS_MAX * sizeof *posting->words);
    if (!posting->words)
        return CRM_NO_MEMORY;
    status = open_word(posting, space, &complete);
    if (status == CRM_OK && complete && posting->alternative.size)
        status = find_words(posting, space, &posting->alternative, &complete);
    if (status == CRM_OK && !complete) {
        posting->n_words = 0;
        status = collect_entries(posting, space, true, COLLECT_MAX, &complete);
    }
    posting->is_stream = complete;
    posting->is_wide = !complete;
    return status;
}

enum crm_status posting_widen(struct posting *posting, struct posting_space *space,
                              bool with_partial)
{
    struct term beginning;
    struct slice rest = { 0 };
    bool complete;
    enum crm_status status;

    if (posting->is_prefix && term_beginning(&posting->term, &beginning, &rest) && rest.size > 0) {
        struct posting_word *word = word_add(posting, STORE_TERM, term_slice(&beginning));

        posting->is_wide = rest.size > TERM_REST_MAX;
        word->rest = slice_of(rest.data, posting->is_wide ? TERM_REST_MAX : rest.size);
        posting->is_stream = true;
        status = collect_entries(posting, space, false, SEARCH_EXAMINED_MAX, &complete);
        posting->is_partial = !complete;
        return status;
    }
    if (!with_partial)
        return CRM_OK;
    status = collect_entries(posting, space, true, SEARCH_EXAMINED_MAX, &complete);
    posting->is_stream = true;
    posting->is_wide = false;
    posting->is_partial = !complete;
    return status;
}

/* ---- what may be seen */

/* Children are found by their parents, in no order: they are read beforehand. */
static enum crm_status collect_children(struct posting *posting, struct posting_space *space,
                                        size_t rank, const struct list_scope *scope)
{
    struct collect collect = {
        .posting = posting, .space = space, .rank = (uint8_t)rank, .left = SCOPE_MAX
    };
    struct scope_ranges ranges;
    enum crm_status status =
        scope_ranges_find(space->view, space->kinds[rank], scope, space->arena, &ranges);

    for (size_t i = 0; status == CRM_OK && i < ranges.n && collect.left > 0; i++) {
        struct key prefix = { .size = 0 };

        key_bytes(&prefix, ranges.ranges[i].prefix.data, ranges.ranges[i].prefix.size);
        status = collect_range(&collect, ranges.ranges[i].db, &prefix);
    }
    collect_finish(&collect);
    posting->is_stream = status == CRM_OK && collect.left > 0;
    return status == CRM_TOO_LARGE ? CRM_OK : status;
}

enum crm_status posting_open_scope(struct posting *posting, struct posting_space *space,
                                   size_t rank, const struct list_scope *scope)
{
    enum kind kind = space->kinds[rank]->kind;
    struct collect collect = { .posting = posting };

    posting->n_words = 0;
    posting->n_heap = 0;
    posting->is_stream = true;
    if (kind_parent_field(space->kinds[rank]))
        return collect_children(posting, space, rank, scope);
    posting->words =
        arena_alloc(space->arena, (scope->n_owners + scope->n_teams + 1) * sizeof *posting->words);
    if (!posting->words)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < scope->n_owners; i++) {
        struct key prefix = scope_prefix(kind, HEADER_OWNER, &scope->owners[i]);

        word_add(posting, STORE_INDEX, key_slice(&prefix));
    }
    for (size_t i = 0; i < scope->n_teams; i++) {
        struct key prefix = scope_prefix(kind, HEADER_TEAM, &scope->teams[i]);

        word_add(posting, STORE_INDEX, key_slice(&prefix));
    }
    for (size_t i = 0; i < scope->n_shared; i++) {
        struct posting_entry entry = { .rank = (uint8_t)rank, .id = scope->shared[i] };

        if (!heap_push_unordered(posting, space->arena, &entry))
            return CRM_NO_MEMORY;
    }
    collect_finish(&collect);
    return CRM_OK;
}

/* ---- reading */

void posting_begin_kind(struct posting *posting, size_t rank)
{
    posting->rank = (uint8_t)rank;
    for (size_t i = 0; i < posting->n_words; i++) {
        posting->words[i].has_head = false;
        posting->words[i].ended = false;
    }
}

/* Looks for an entry of a beginning that goes on as is wanted. */
struct rest_look {
    struct posting_word *word;
    struct posting_space *space;
};

/* A record's words that begin alike: does one of them go on with rest? */
static bool rests_fit(struct slice rests, struct slice rest)
{
    size_t at = 0;

    while (at < rests.size) {
        const uint8_t *end = memchr(rests.data + at, 0, rests.size - at);
        size_t size = end ? (size_t)(end - rests.data) - at : rests.size - at;

        if (slice_has_prefix(slice_of(rests.data + at, size), rest))
            return true;
        at += size + 1;
    }
    return false;
}

static bool rest_visit(void *arg, struct slice key, struct slice value)
{
    struct rest_look *look = arg;

    if (look->space->looked++ > SEARCH_EXAMINED_MAX)
        return false;
    look->word->has_head =
        rests_fit(value, look->word->rest) && index_key_id(key, &look->word->head);
    return !look->word->has_head;
}

static enum crm_status word_seek(struct posting_word *word, struct posting_space *space,
                                 enum kind kind, const struct uuid *bound)
{
    struct key from = { .size = 0 }, to;
    struct store_range range;
    struct slice key, value;
    enum crm_status status;

    term_prefix(&from, &word->term, word->db == STORE_TERM);
    if (word->db == STORE_TERM)
        key_u8(&from, (uint8_t)kind);
    to = from;
    key_bytes(&to, bound->bytes, UUID_SIZE);
    key_u8(&to, 0); /* bound itself is within */
    range = (struct store_range){ .from = key_slice(&from), .to = key_slice(&to), .reverse = true };
    word->has_head = false;
    if (word->rest.size) {
        struct rest_look look = { .word = word, .space = space };

        status = view_scan(space->view, word->db, &range, rest_visit, &look);
    } else {
        status = view_seek(space->view, word->db, &range, &key, &value);
        word->has_head = status == CRM_OK && index_key_id(key, &word->head);
        space->looked++;
    }
    word->ended = !word->has_head;
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status posting_seek(struct posting *posting, struct posting_space *space,
                             const struct uuid *bound, struct uuid *out_id)
{
    const struct posting_entry limit = { .rank = posting->rank, .id = *bound };
    const struct uuid *best = NULL;

    while (posting->n_heap && entry_is_before(&posting->heap[0], &limit))
        heap_pop(posting);
    if (posting->n_heap && posting->heap[0].rank == posting->rank)
        best = &posting->heap[0].id;
    for (size_t i = 0; i < posting->n_words; i++) {
        struct posting_word *word = &posting->words[i];

        if (!word->ended &&
            (!word->has_head || memcmp(word->head.bytes, bound->bytes, UUID_SIZE) > 0)) {
            enum crm_status status =
                word_seek(word, space, space->kinds[posting->rank]->kind, bound);

            if (status != CRM_OK)
                return status;
        }
        if (word->has_head && (!best || memcmp(word->head.bytes, best->bytes, UUID_SIZE) > 0))
            best = &word->head;
    }
    if (!best)
        return CRM_NOT_FOUND;
    *out_id = *best;
    return CRM_OK;
}

static bool term_begins(const struct term *term, const struct term *prefix)
{
    return slice_has_prefix(slice_of(term->data, term->size), slice_of(prefix->data, prefix->size));
}

bool posting_fits(const struct posting *posting, const struct term_list *terms)
{
    for (size_t i = 0; i < terms->n; i++) {
        const struct term *term = &terms->terms[i];

        if ((posting->is_prefix || term->size == posting->term.size) &&
            term_begins(term, &posting->term))
            return true;
        if (posting->alternative.size && term_begins(term, &posting->alternative))
            return true;
    }
    return false;
}
