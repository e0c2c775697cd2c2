/*
 * normalise.c - see normalise.h
 */
#include "common/match/normalise.h"

#include "common/base/text.h"
#include "common/match/words.h"

#include <utf8proc.h>

#define PIECES_MAX 48

/* Words of one value. */
struct pieces {
    struct slice words[PIECES_MAX];
    bool is_han[PIECES_MAX];
    size_t n;
};

static void give(struct match_words *out, enum match_part part, struct slice word)
{
    if (word.size == 0 || out->n == MATCH_WORDS_MAX)
        return;
    if (word.size > MATCH_WORD_SIZE)
        word.size = text_prefix_size(word, MATCH_WORD_SIZE);
    out->parts[out->n] = part;
    out->words[out->n++] = word;
}

static bool is_letter(int32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    return utf8proc_category(c) <= UTF8PROC_CATEGORY_NO && utf8proc_category(c) != UTF8PROC_CATEGORY_CN;
}

static bool is_apostrophe(int32_t c)
{
    return c == '\'' || c == '`' || c == 0x2018 || c == 0x2019 || c == 0x02BC;
}

static void end_piece(struct pieces *pieces, const uint8_t *from, const uint8_t *to, bool is_han)
{
    if (from == to || pieces->n == PIECES_MAX)
        return;
    pieces->words[pieces->n] = slice_of(from, (size_t)(to - from));
    pieces->is_han[pieces->n++] = is_han;
}

/* Fold and cut: at everything that is neither letter nor digit, and where Han and other scripts meet. Apostrophes join. */
static bool cut(struct slice text, struct arena *arena, struct pieces *pieces)
{
    struct slice folded;
    uint8_t *buffer, *at, *from;
    size_t position = 0;
    bool is_han = false;

    *pieces = (struct pieces){ 0 };
    if (!text_fold(arena, text, &folded))
        return false;
    buffer = at = from = arena_alloc(arena, folded.size * 2 + 8); /* a simplified character may be longer, never twice */
    if (!buffer)
        return false;
    for (int32_t c; (c = text_next(folded, &position)) >= 0;) {
        if (is_apostrophe(c))
            continue;
        if (!is_letter(c) || text_is_cjk(c) != is_han) {
            end_piece(pieces, from, at, is_han);
            from = at;
        }
        if (!is_letter(c))
            continue;
        is_han = text_is_cjk(c);
        at += utf8proc_encode_char(is_han ? word_simplified(c) : c, at);
    }
    end_piece(pieces, from, at, is_han);
    return true;
}

/* Letters that stand alone are one word: "N. V." is "nv", "D S M" is "dsm". */
static bool join_letters(struct pieces *pieces, struct arena *arena)
{
    size_t kept = 0;

    for (size_t i = 0; i < pieces->n;) {
        size_t run = 0;
        uint8_t *joined;

        while (i + run < pieces->n && pieces->words[i + run].size == 1 && pieces->words[i + run].data[0] > '9')
            run++;
        if (run < 2) {
            pieces->is_han[kept] = pieces->is_han[i];
            pieces->words[kept++] = pieces->words[i++];
            continue;
        }
        joined = arena_alloc(arena, run);
        if (!joined)
            return false;
        for (size_t j = 0; j < run; j++)
            joined[j] = pieces->words[i + j].data[0];
        pieces->is_han[kept] = false;
        pieces->words[kept++] = slice_of(joined, run);
        i += run;
    }
    pieces->n = kept;
    return true;
}

/* Pieces from one on without anything between. */
static bool join(const struct pieces *pieces, size_t from, size_t to, struct arena *arena, struct slice *out_joined)
{
    size_t size = 0;
    uint8_t *joined;

    for (size_t i = from; i < to; i++)
        size += pieces->words[i].size;
    joined = arena_alloc(arena, size + 1);
    if (!joined)
        return false;
    size = 0;
    for (size_t i = from; i < to; i++) {
        memcpy(joined + size, pieces->words[i].data, pieces->words[i].size);
        size += pieces->words[i].size;
    }
    *out_joined = slice_of(joined, size);
    return true;
}

/* A run of CJK by its bigrams; one character is itself. */
static void give_bigrams(struct match_words *out, enum match_part part, struct slice run)
{
    size_t before = 0, here = 0;

    text_next(run, &here);
    if (here == run.size) {
        give(out, part, run);
        return;
    }
    while (here < run.size) {
        size_t next = here;

        text_next(run, &next);
        give(out, part, slice_of(run.data + before, next - before));
        before = here;
        here = next;
    }
}

/* --- names */

/* Without legal forms and articles; a name that is made of nothing else stays. */
static void leave_out(struct pieces *pieces)
{
    struct pieces kept = { 0 };

    for (size_t i = 0; i < pieces->n; i++) {
        struct slice word = word_in_full(pieces->words[i], false);

        if (word_is_filler(word) || (kept.n > 0 && word_is_legal_form(word)))
            continue;
        for (size_t form; (form = word_han_form(word)) > 0 && (form < word.size || kept.n > 0);)
            word.size -= form;
        if (word.size == 0)
            continue;
        kept.is_han[kept.n] = pieces->is_han[i];
        kept.words[kept.n++] = word;
    }
    if (kept.n > 0)
        *pieces = kept;
}

static bool organisation_name(struct slice text, struct arena *arena, struct match_words *out)
{
    struct pieces pieces;
    struct slice whole;

    if (!cut(text, arena, &pieces) || !join_letters(&pieces, arena))
        return false;
    leave_out(&pieces);
    if (!join(&pieces, 0, pieces.n, arena, &whole))
        return false;
    give(out, PART_WHOLE, whole);
    for (size_t i = 0; i < pieces.n; i++) {
        if (pieces.is_han[i])
            give_bigrams(out, PART_NAME, pieces.words[i]);
        else
            give(out, PART_NAME, pieces.words[i]);
    }
    return true;
}

static bool joined_as(enum match_part part, struct slice text, struct arena *arena, struct match_words *out)
{
    struct pieces pieces;
    struct slice joined;

    if (!cut(text, arena, &pieces) || !join(&pieces, 0, pieces.n, arena, &joined))
        return false;
    give(out, part, joined);
    return true;
}

/* A person's name in one: "Ada King", "King, Ada", "王小明". */
static bool person_name(struct slice text, struct arena *arena, struct match_words *out)
{
    const uint8_t *comma = text.size ? memchr(text.data, ',', text.size) : NULL;
    struct pieces pieces;
    struct slice given = { 0 }, family = { 0 };

    if (comma) {
        size_t size = (size_t)(comma - text.data);

        return joined_as(PART_FAMILY, slice_of(text.data, size), arena, out) &&
               joined_as(PART_GIVEN, slice_of(comma + 1, text.size - size - 1), arena, out);
    }
    if (!cut(text, arena, &pieces))
        return false;
    if (pieces.n == 0)
        return true;
    if (pieces.is_han[0])
        return joined_as(PART_FAMILY, text, arena, out);
    if (!join(&pieces, 0, pieces.n - 1, arena, &given) || !join(&pieces, pieces.n - 1, pieces.n, arena, &family))
        return false;
    give(out, PART_GIVEN, given);
    give(out, PART_FAMILY, family);
    return true;
}

/* Han names are written without a blank, so that family and given name together are what is compared. */
static bool person_parts(struct slice given, struct slice family, struct arena *arena, struct match_words *out)
{
    size_t position = 0;
    int32_t first = family.size ? text_next(family, &position) : -1;

    if (first >= 0 && text_is_cjk(first)) {
        char *both = arena_printf(arena, "%.*s%.*s", (int)family.size, (const char *)family.data, (int)given.size, (const char *)given.data);

        return both && joined_as(PART_FAMILY, slice_text(both), arena, out);
    }
    return joined_as(PART_GIVEN, given, arena, out) && joined_as(PART_FAMILY, family, arena, out);
}

/* --- the rest */

/* How a word of an address is counted: "32nd" is the name of a street, "32" the number of a house. */
static enum match_part address_part(struct slice *word)
{
    static const char endings[][3] = { "st", "nd", "rd", "th" };
    size_t digits = 0;

    while (digits < word->size && word->data[digits] >= '0' && word->data[digits] <= '9')
        digits++;
    if (digits == word->size)
        return PART_NUMBER;
    for (size_t i = 0; digits > 0 && digits + 2 == word->size && i < ARRAY_LEN(endings); i++) {
        if (memcmp(word->data + digits, endings[i], 2) == 0)
            word->size = digits;
    }
    return PART_STREET;
}

static bool address(struct slice text, struct arena *arena, struct match_words *out)
{
    struct pieces pieces;

    if (!cut(text, arena, &pieces))
        return false;
    for (size_t i = 0; i < pieces.n; i++) {
        struct slice word = pieces.words[i];
        enum match_part part = address_part(&word);

        if (pieces.is_han[i])
            give_bigrams(out, PART_STREET, word);
        else
            give(out, part, part == PART_STREET ? word_in_full(word, true) : word);
    }
    return true;
}

/* Digits as they are dialled inside the country; what follows an "x" or "ext" is behind a switchboard. */
static bool phone(struct slice text, struct arena *arena, struct match_words *out)
{
    uint8_t *digits;
    size_t n = 0;

    if (!text_fold(arena, text, &text) || !(digits = arena_alloc(arena, text.size + 1)))
        return false;
    for (size_t i = 0; i < text.size && !(n >= 6 && (text.data[i] == 'x' || text.data[i] == 'e')); i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9' && (n > 0 || text.data[i] != '0'))
            digits[n++] = text.data[i];
    }
    if (n >= 5)
        give(out, PART_PHONE, slice_of(digits, n));
    return true;
}

static void give_domain(struct match_words *out, struct slice domain)
{
    if (slice_has_prefix(domain, slice_text("www.")))
        domain = slice_of(domain.data + 4, domain.size - 4);
    if (memchr(domain.data, '.', domain.size) && !word_is_public_mail(domain))
        give(out, PART_DOMAIN, domain);
}

/* "name+tag@host" reaches "name@host". */
static bool mail(struct slice text, struct arena *arena, struct match_words *out)
{
    const uint8_t *at, *tag;
    char *whole;
    size_t local;

    if (!text_fold(arena, text, &text))
        return false;
    at = text.size ? memchr(text.data, '@', text.size) : NULL;
    if (!at || at == text.data)
        return true;
    local = (size_t)(at - text.data);
    tag = memchr(text.data, '+', local);
    whole = arena_printf(arena, "%.*s%.*s", tag && tag > text.data ? (int)(tag - text.data) : (int)local, (const char *)text.data,
                         (int)(text.size - local), (const char *)at);
    if (!whole)
        return false;
    give(out, PART_MAIL, slice_text(whole));
    give_domain(out, slice_of(at + 1, text.size - local - 1));
    return true;
}

static bool web(struct slice text, struct arena *arena, struct match_words *out)
{
    const uint8_t *start;
    size_t size = 0;

    if (!text_fold(arena, text, &text))
        return false;
    start = text.size ? memmem(text.data, text.size, "://", 3) : NULL;
    start = start ? start + 3 : text.data;
    while (start + size < text.data + text.size && !strchr("/?#: ", start[size]))
        size++;
    if (size > 0)
        give_domain(out, slice_of(start, size));
    return true;
}

static bool city(struct slice text, struct arena *arena, struct match_words *out)
{
    struct pieces pieces;
    struct slice joined;

    if (!cut(text, arena, &pieces))
        return false;
    for (size_t i = 0; i < pieces.n; i++)
        pieces.words[i] = word_in_full(pieces.words[i], false);
    if (!join(&pieces, 0, pieces.n, arena, &joined))
        return false;
    give(out, PART_CITY, joined);
    return true;
}

static bool one_value(enum match_type type, const struct match_value *value, struct arena *arena, struct match_words *out)
{
    switch (value->field) {
    case MATCH_NAME:
        return type == MATCH_ORGANISATION ? organisation_name(value->text, arena, out) : person_name(value->text, arena, out);
    case MATCH_ADDRESS:
        return address(value->text, arena, out);
    case MATCH_CITY:
        return city(value->text, arena, out);
    case MATCH_REGION:
        return joined_as(PART_REGION, value->text, arena, out);
    case MATCH_POSTCODE:
        return joined_as(PART_POSTCODE, value->text, arena, out);
    case MATCH_PHONE:
        return phone(value->text, arena, out);
    case MATCH_MAIL:
        return mail(value->text, arena, out);
    case MATCH_WEB:
        return web(value->text, arena, out);
    case MATCH_BIRTH:
        return joined_as(PART_BIRTH, value->text, arena, out);
    case MATCH_KEY:
        return joined_as(PART_KEY, value->text, arena, out);
    default:
        return true; /* given and family name: together */
    }
}

enum crm_status match_normalise(enum match_type type, const struct match_value *values, size_t n, struct arena *arena,
                                struct match_words *out_words)
{
    struct slice given = { 0 }, family = { 0 };
    bool has_parts;

    out_words->n = 0;
    for (size_t i = 0; i < n; i++) {
        given = values[i].field == MATCH_GIVEN ? values[i].text : given;
        family = values[i].field == MATCH_FAMILY ? values[i].text : family;
    }
    has_parts = given.size > 0 || family.size > 0;
    if (has_parts && !person_parts(given, family, arena, out_words))
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        if (type == MATCH_PERSON && values[i].field == MATCH_NAME && has_parts)
            continue;
        if (!one_value(type, &values[i], arena, out_words))
            return CRM_NO_MEMORY;
    }
    return CRM_OK;
}
