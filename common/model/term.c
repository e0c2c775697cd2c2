/*
 * term.c - cutting text into the words by which records are found
 *
 * Called before the writer's queue for every record that changes, and for every search, on any
 * thread. No state. What a record and a query make of the same text must agree: both go through
 * next_token.
 */
#include "common/model/term.h"

#include <utf8proc.h>

#include "common/base/text.h"

#define PHONE_DIGITS_MIN 4 /* fewer are no ending that anybody searches */
#define PHONE_DIGITS_MAX 32
#define PHONE_WHOLE_MIN                                                                            \
    7 /* so many digits with only blanks and signs around them are one phone number */
#define PHONE_NATIONAL 8 /* digits that country and trunk prefixes surely leave alone */

enum term_prefix { TERM_WORD = 'w', TERM_CJK = 'c', TERM_PHONE = 'p', TERM_BEGINNING = 'b' };

/* --- tokens: words and CJK runs of folded text */

struct token {
    struct slice text;
    bool is_cjk;
};

static bool is_word_character(int32_t c)
{
    utf8proc_category_t category;

    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

enum character { CHARACTER_NONE, CHARACTER_WORD, CHARACTER_CJK };

static enum character character_class(int32_t c)
{
    if (!is_word_character(c))
        return CHARACTER_NONE;
    return text_is_cjk(c) ? CHARACTER_CJK : CHARACTER_WORD;
}

static bool next_token(struct slice folded, size_t *position, struct token *out_token)
{
    enum character first = CHARACTER_NONE;
    size_t start = *position, at = start;

    while (first == CHARACTER_NONE) {
        int32_t c;

        start = at;
        c = text_next(folded, &at);
        if (c < 0)
            return false;
        first = character_class(c);
    }
    for (;;) {
        size_t ahead = at;
        int32_t c = text_next(folded, &ahead);

        if (c < 0 || character_class(c) != first)
            break;
        at = ahead;
    }
    *out_token =
        (struct token){ slice_of(folded.data + start, at - start), first == CHARACTER_CJK };
    *position = at;
    return true;
}

/* --- terms */

static void term_set(struct term *term, enum term_prefix prefix, struct slice text)
{
    size_t size = text_prefix_size(text, TERM_SIZE_MAX - 1);

    term->data[0] = (uint8_t)prefix;
    memcpy(term->data + 1, text.data, size);
    term->size = (uint8_t)(size + 1);
}

/* Digits from the last to the first, so that an ending is a prefix. */
static void term_set_phone(struct term *term, const uint8_t *digits, size_t n)
{
    term->data[0] = TERM_PHONE;
    for (size_t i = 0; i < n; i++)
        term->data[1 + i] = digits[n - 1 - i];
    term->size = (uint8_t)(n + 1);
}

/* Keep the list sorted and distinct. false when it is full. */
static bool term_insert(struct term_list *list, const struct term *term)
{
    size_t low = 0, high = list->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct term *other = &list->terms[middle];
        int order =
            slice_compare(slice_of(other->data, other->size), slice_of(term->data, term->size));

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (list->n == TERMS_MAX)
        return false;
    memmove(&list->terms[low + 1], &list->terms[low], (list->n - low) * sizeof *list->terms);
    list->terms[low] = *term;
    list->n++;
    return true;
}

/* The digits of a phone number up to its extension: "010-1234-5678 转 801", "+49 30 1234 x 5". */
static size_t phone_digits(struct slice text, uint8_t digits[PHONE_DIGITS_MAX])
{
    static const char transfer[] = "转";
    size_t n = 0;

    for (size_t i = 0; i < text.size && n < PHONE_DIGITS_MAX; i++) {
        uint8_t c = text.data[i];
        bool is_extension =
            (c | 0x20) == 'x' || (c | 0x20) == 'e' || c == '#' ||
            slice_has_prefix(slice_of(text.data + i, text.size - i), slice_text(transfer));

        if (is_extension && n >= PHONE_DIGITS_MIN)
            break;
        if (c >= '0' && c <= '9')
            digits[n++] = c;
    }
    return n;
}

/* --- of a record */

struct extraction {
    struct arena *arena;
    struct term_list list;
    bool is_phone; /* the field at hand is one of phones */
    bool is_full;
    enum crm_status status;
};

static void add(struct extraction *extraction, const struct term *term)
{
    if (!term_insert(&extraction->list, term))
        extraction->is_full = true;
}

/* Each pair of neighbours, and the last character by itself: a single character in a query is a
 * prefix of one of them. */
static void add_cjk(struct extraction *extraction, struct slice run)
{
    size_t first = 0, second = 0, end;
    struct term term;

    (void)text_next(run, &second);
    while (second < run.size && !extraction->is_full) {
        end = second;
        (void)text_next(run, &end);
        term_set(&term, TERM_CJK, slice_of(run.data + first, end - first));
        add(extraction, &term);
        first = second;
        second = end;
    }
    if (extraction->is_full)
        return;
    term_set(&term, TERM_CJK, slice_of(run.data + first, run.size - first));
    add(extraction, &term);
}

static void add_words(struct extraction *extraction, struct slice folded)
{
    size_t position = 0;
    struct token token;
    struct term term;

    while (!extraction->is_full && next_token(folded, &position, &token)) {
        if (token.is_cjk) {
            add_cjk(extraction, token.text);
        } else {
            term_set(&term, TERM_WORD, token.text);
            add(extraction, &term);
        }
    }
}

static bool extract_value(void *arg, const struct value *value)
{
    struct extraction *extraction = arg;
    uint8_t digits[PHONE_DIGITS_MAX];
    struct slice folded;
    struct term term;
    size_t n;

    if (value->text.size == 0)
        return true;
    if (!text_fold(extraction->arena, value->text, &folded)) {
        extraction->status = CRM_NO_MEMORY;
        return false;
    }
    if (extraction->is_phone) {
        n = phone_digits(folded, digits);
        if (n >= PHONE_DIGITS_MIN) {
            term_set_phone(&term, digits, n);
            add(extraction, &term);
        }
    } else {
        add_words(extraction, folded);
    }
    return !extraction->is_full;
}

enum crm_status term_extract(const struct schema *schema, const struct kind_def *kind,
                             const struct record *record, struct arena *arena,
                             struct term_list *out_terms)
{
    struct extraction extraction = { .arena = arena, .status = CRM_OK };
    const struct field_def *field;

    extraction.list.terms = arena_alloc(arena, TERMS_MAX * sizeof(struct term));
    if (!extraction.list.terms)
        return CRM_NO_MEMORY;
    for (size_t n = 0; !extraction.is_full && (field = schema_field_at(schema, kind, n)); n++) {
        if (!(field->flags & FIELD_SEARCHED) || field->flags & FIELD_SECRET_FROM_TERMS)
            continue;
        extraction.is_phone = (field->flags & FIELD_PHONE) != 0;
        reflect_each(field, record, extract_value, &extraction);
        if (extraction.status != CRM_OK)
            return extraction.status;
    }
    *out_terms = extraction.list;
    return CRM_OK;
}

size_t term_beginning(const struct term *word, struct term *out_beginning, struct slice *out_rest)
{
    struct slice text = slice_of(word->data + 1, word->size - 1u);
    size_t letters = 0, at = 0;

    if (word->size < 2 || word->data[0] != TERM_WORD)
        return 0;
    while (letters < TERM_BEGINNING_LETTERS && at < text.size) {
        (void)text_next(text, &at);
        letters++;
    }
    term_set(out_beginning, TERM_BEGINNING, slice_of(text.data, at));
    *out_rest = slice_of(text.data + at, text.size - at);
    return letters;
}

/* --- of a query */

static bool is_digits(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.size > 0;
}

/* Without what differs between the ways to write one number: country code, trunk zero. */
static size_t national(struct slice text, const uint8_t *digits, size_t n,
                       const uint8_t **out_digits)
{
    bool is_international =
        text.data[0] == '+' || (n > PHONE_NATIONAL && digits[0] == '0' && digits[1] == '0');
    size_t skip = 0;

    if (is_international && n > PHONE_NATIONAL)
        skip = n - PHONE_NATIONAL;
    else if (n > PHONE_NATIONAL && digits[0] == '0')
        skip = 1;
    *out_digits = digits + skip;
    return n - skip;
}

/* A whole phone number with its blanks and signs: false if text is something else. */
static bool query_phone(struct slice text, struct term_query *query, struct term *alternative)
{
    uint8_t digits[PHONE_DIGITS_MAX];
    const uint8_t *from;
    size_t n = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9') {
            if (n == PHONE_DIGITS_MAX)
                return false;
            digits[n++] = text.data[i];
        } else if (!memchr("+-() ./", text.data[i], 7)) {
            return false;
        }
    }
    if (n < PHONE_WHOLE_MIN)
        return false;
    term_set(&query->terms[0], TERM_WORD, slice_of(digits, n));
    query->is_prefix[0] = true;
    query->n = 1;
    n = national(text, digits, n, &from);
    term_set_phone(alternative, from, n);
    return true;
}

/* All pairs of a run; a single character is the beginning of a pair, or the last one of a run. */
static void query_cjk(struct term_query *query, struct slice run)
{
    size_t first = 0, second = 0;

    (void)text_next(run, &second);
    if (second == run.size) {
        term_set(&query->terms[query->n], TERM_CJK, run);
        query->is_prefix[query->n++] = true;
        return;
    }
    while (second < run.size && query->n < ARRAY_LEN(query->terms)) {
        size_t end = second;

        (void)text_next(run, &end);
        term_set(&query->terms[query->n], TERM_CJK, slice_of(run.data + first, end - first));
        query->is_prefix[query->n++] = false;
        first = second;
        second = end;
    }
}

static void query_word(struct term_query *query, struct slice word, struct term alternative[16])
{
    bool is_number = is_digits(word);

    term_set(&query->terms[query->n], TERM_WORD, word);
    query->is_prefix[query->n] = is_number; /* the last word too: see the caller */
    if (is_number && word.size >= PHONE_DIGITS_MIN && word.size <= PHONE_DIGITS_MAX)
        term_set_phone(&alternative[query->n], word.data, word.size);
    query->n++;
}

enum crm_status term_query_parse(struct slice text, struct arena *arena,
                                 struct term_query *out_query, struct term alternative[16],
                                 struct failure *failure)
{
    struct term_query query = { .n = 0 };
    struct token token = { .is_cjk = true };
    struct slice folded;
    size_t position = 0;

    memset(alternative, 0, ARRAY_LEN(query.terms) * sizeof *alternative);
    if (!text_is_valid(text))
        return fail(failure, CRM_INVALID, "text", "this is not UTF-8 text");
    if (!text_fold(arena, text, &folded))
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for the search");
    if (folded.size == 0 || !query_phone(folded, &query, &alternative[0])) {
        while (query.n < ARRAY_LEN(query.terms) && next_token(folded, &position, &token)) {
            if (token.is_cjk)
                query_cjk(&query, token.text);
            else
                query_word(&query, token.text, alternative);
        }
        if (query.n > 0 && !token.is_cjk)
            query.is_prefix[query.n - 1] = true;
    }
    if (query.n == 0)
        return fail(failure, CRM_INVALID, "text", "there is nothing to search for in this text");
    *out_query = query;
    return CRM_OK;
}
