/*
 * search_posting.c - one word of a search as a stream of ids
 *
 * Called by search.c. A whole word is a range for each kind, read backwards by seeking, so that a
 * word that half of all records have costs no more than what is shown. A prefix is the merge of the
 * words behind it; of a prefix with more words than that the entries are read beforehand, if they
 * are few; if they are many as well, the records that other words found are asked for theirs.
 */
#include "common/engine/search_posting.h"

#define COLLECT_MAX 2000 /* entries that are read beforehand where another word may do better */

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

static bool word_add(struct posting *posting, const uint8_t *data, size_t size)
{
    struct posting_word *word;

    if (posting->n_words == POSTING_WORDS_MAX || size > TERM_SIZE_MAX)
        return false;
    word = &posting->words[posting->n_words++];
    memset(word, 0, sizeof *word);
    word->term.size = (uint8_t)size;
    memcpy(word->term.data, data, size);
    return true;
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
        if (!word_add(posting, key.data, (size_t)(end - key.data))) {
            *out_complete = false;
            return CRM_OK;
        }
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
    uint64_t left;
    bool out_of_memory;
};

static bool collect_visit(void *arg, struct slice key, struct slice value)
{
    struct collect *collect = arg;
    const struct posting_space *space = collect->space;
    struct posting_entry entry;

    (void)value;
    if (collect->left == 0)
        return false;
    collect->left--;
    if (key.size < UUID_SIZE + 1u)
        return true;
    entry.rank = space->rank[key.data[key.size - UUID_SIZE - 1]];
    memcpy(entry.id.bytes, key.data + key.size - UUID_SIZE, UUID_SIZE);
    if (entry.rank < space->n_kinds &&
        !heap_push_unordered(collect->posting, space->arena, &entry)) {
        collect->out_of_memory = true;
        return false;
    }
    return true;
}

/* The entries of the posting's prefixes, at most max. */
static enum crm_status collect_entries(struct posting *posting, struct posting_space *space,
                                       uint64_t max, bool *out_complete)
{
    struct collect collect = { .posting = posting, .space = space, .left = max };
    const struct term *prefixes[2] = { &posting->term, &posting->alternative };
    enum crm_status status = CRM_OK;

    posting->n_heap = 0;
    for (size_t i = 0; i < ARRAY_LEN(prefixes) && status == CRM_OK; i++) {
        struct key from, to;
        struct store_range range;

        if (prefixes[i]->size == 0)
            continue;
        range = prefix_range(prefixes[i], &from, &to);
        if (prefixes[i] == &posting->term && !posting->is_prefix) {
            key_u8(&from, 0);
            range.from = key_slice(&from);
            if (key_after_prefix(&from, &to))
                range.to = key_slice(&to);
        }
        status = view_scan(space->view, STORE_TERM, &range, collect_visit, &collect);
    }
    if (status == CRM_OK && collect.out_of_memory)
        status = CRM_NO_MEMORY;
    for (size_t i = posting->n_heap / 2; status == CRM_OK && i-- > 0;)
        heap_down(posting->heap, posting->n_heap, i);
    space->looked += max - collect.left;
    *out_complete = collect.left > 0;
    return status;
}

enum crm_status posting_open(struct posting *posting, struct posting_space *space)
{
    bool complete = true;
    enum crm_status status = CRM_OK;

    posting->words = arena_alloc(space->arena, POSTING_WORDS_MAX * sizeof *posting->words);
    if (!posting->words)
        return CRM_NO_MEMORY;
    if (posting->is_prefix)
        status = find_words(posting, space, &posting->term, &complete);
    else
        word_add(posting, posting->term.data, posting->term.size);
    if (status == CRM_OK && complete && posting->alternative.size)
        status = find_words(posting, space, &posting->alternative, &complete);
    if (status != CRM_OK || complete)
        return status;

    posting->n_words = 0;
    status = collect_entries(posting, space, COLLECT_MAX, &complete);
    posting->is_wide = !complete;
    return status;
}

enum crm_status posting_collect(struct posting *posting, struct posting_space *space)
{
    bool complete;

    posting->is_wide = false;
    return collect_entries(posting, space, SEARCH_EXAMINED_MAX, &complete);
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

static enum crm_status word_seek(struct posting_word *word, struct posting_space *space,
                                 enum kind kind, const struct uuid *bound)
{
    struct key from = { .size = 0 }, to;
    struct slice key, value;
    enum crm_status status;

    term_prefix(&from, &word->term, true);
    key_u8(&from, (uint8_t)kind);
    to = from;
    key_bytes(&to, bound->bytes, UUID_SIZE);
    key_u8(&to, 0); /* bound itself is within */
    status = view_seek(
        space->view, STORE_TERM,
        &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to), .reverse = true },
        &key, &value);
    space->looked++;
    word->has_head = status == CRM_OK && index_key_id(key, &word->head);
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
