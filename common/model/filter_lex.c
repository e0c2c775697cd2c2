/*
 * filter_lex.c - cut a typed filter into signs, names and values
 *
 * Called by filter_parse.c. Full-width punctuation counts as its ASCII twin wherever structure is
 * looked for; what goes into names and values is the text as typed.
 */
#include "common/model/filter_lex.h"

#define NAME_SIZE_MAX 128 /* of a name that lookahead considers */
#define OPENINGS_MAX  8   /* parentheses and nots that it looks behind */

/* The code point at a place, punctuation and blanks as ASCII; -1 at the end. */
static int32_t char_at(const struct lexer *lexer, size_t at, size_t *out_size)
{
    size_t next = at;
    int32_t c = text_next(lexer->text, &next);

    *out_size = next - at;
    if (c == 0x3000 || c == 0xa0 || c == '\t' || c == '\n' || c == '\r')
        return ' ';
    if (c == 0x3001) /* 、 */
        return ',';
    if (c >= 0xff01 && c <= 0xff5e) {
        int32_t ascii = c - 0xfee0;
        bool is_letter = (ascii >= '0' && ascii <= '9') || (ascii >= 'A' && ascii <= 'Z') ||
                         (ascii >= 'a' && ascii <= 'z');

        return is_letter ? c : ascii;
    }
    return c;
}

static void skip_blanks(struct lexer *lexer)
{
    size_t size;

    while (char_at(lexer, lexer->at, &size) == ' ')
        lexer->at += size;
}

/* ---- signs */

struct sign {
    const int32_t chars[2]; /* the second 0 where there is one */
    enum lex_sign sign;
};

/* Longer ones first. */
static const struct sign signs[] = {
    { { '!', '=' }, LEX_NE }, { { '<', '>' }, LEX_NE },  { { '<', '=' }, LEX_LE },
    { { '>', '=' }, LEX_GE }, { { '=', '=' }, LEX_EQ },  { { '&', '&' }, LEX_AND },
    { { '|', '|' }, LEX_OR }, { { '=' }, LEX_EQ },       { { '<' }, LEX_LT },
    { { '>' }, LEX_GT },      { { '~' }, LEX_CONTAINS }, { { '!' }, LEX_NOT },
    { { '(' }, LEX_OPEN },    { { ')' }, LEX_CLOSE },    { { ',' }, LEX_COMMA },
    { { '@' }, LEX_VIEW },    { { 0x2260 }, LEX_NE },    { { 0x2264 }, LEX_LE },
    { { 0x2265 }, LEX_GE },
};

struct keyword {
    const char *text;
    enum lex_sign sign;
};

static const struct keyword keywords[] = {
    { "and", LEX_AND }, { "or", LEX_OR }, { "not", LEX_NOT },
    { "in", LEX_IN },   { "is", LEX_IS }, { "empty", LEX_EMPTY },
    { "且", LEX_AND },  { "或", LEX_OR }, { "非", LEX_NOT },
};

static enum lex_sign sign_at(const struct lexer *lexer, size_t at, size_t *out_size)
{
    size_t first_size, second_size = 0;
    int32_t first = char_at(lexer, at, &first_size);
    int32_t second = first < 0 ? -1 : char_at(lexer, at + first_size, &second_size);

    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (signs[i].chars[0] != first || (signs[i].chars[1] && signs[i].chars[1] != second))
            continue;
        *out_size = first_size + (signs[i].chars[1] ? second_size : 0);
        return signs[i].sign;
    }
    return LEX_NONE;
}

/* Does a word end here? */
static bool is_boundary(const struct lexer *lexer, size_t at)
{
    size_t size;
    int32_t c = char_at(lexer, at, &size);

    return c < 0 || c == ' ' || c == '"' || c == '\'' || c == 0x201c || c == 0x2018 ||
           sign_at(lexer, at, &size) != LEX_NONE;
}

static bool has_word(const struct lexer *lexer, size_t at, const char *word, size_t word_size)
{
    if (lexer->text.size - at < word_size)
        return false;
    for (size_t i = 0; i < word_size; i++) {
        uint8_t c = lexer->text.data[at + i];

        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != (uint8_t)word[i])
            return false;
    }
    return true;
}

/* A keyword with its end; the caller knows that a word may begin here. */
static enum lex_sign keyword_at(const struct lexer *lexer, size_t at, size_t *out_size)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        size_t size = strlen(keywords[i].text);

        if (has_word(lexer, at, keywords[i].text, size) && is_boundary(lexer, at + size)) {
            *out_size = size;
            return keywords[i].sign;
        }
    }
    return LEX_NONE;
}

static bool is_comparison(enum lex_sign sign)
{
    return sign >= LEX_EQ && sign <= LEX_GE;
}

/* ---- names */

/* Does this keyword, where a word of a name begins, end the name? As its first word, in and is
 * belong to it: "In this stage since". */
static bool ends_name(enum lex_sign keyword, bool is_first)
{
    if (keyword == LEX_NONE || keyword == LEX_EMPTY)
        return false;
    return !is_first || (keyword != LEX_IN && keyword != LEX_IS);
}

/* Where an unquoted name that begins here ends. */
static size_t name_end(const struct lexer *lexer, size_t at)
{
    size_t begin = at, end = at;
    bool word_begins = true;
    size_t size;
    int32_t c;

    while ((c = char_at(lexer, at, &size)) >= 0) {
        size_t ignored;
        enum lex_sign sign;

        if (c == ' ') {
            word_begins = true;
            at += size;
            continue;
        }
        sign = word_begins ? keyword_at(lexer, at, &ignored) : LEX_NONE;
        if (ends_name(sign, at == begin) || sign_at(lexer, at, &ignored) != LEX_NONE)
            break;
        word_begins = false;
        at += size;
        end = at;
    }
    return end;
}

/* A sign or a keyword with blanks round it: what needs no look ahead. */
static enum lex_sign plain_sign_at(const struct lexer *lexer, size_t at, size_t *out_size)
{
    enum lex_sign sign = sign_at(lexer, at, out_size);

    return sign != LEX_NONE ? sign : keyword_at(lexer, at, out_size);
}

/* Does a known field with a comparison behind it stand here? */
static bool is_condition_at(const struct lexer *lexer, size_t at)
{
    struct lexer ahead = *lexer;
    struct filter_subject subject;
    char name[NAME_SIZE_MAX];
    size_t end, size;
    enum lex_sign sign;

    ahead.at = at;
    skip_blanks(&ahead);
    /* Cut, so that looking ahead again and again through a long text stays cheap. */
    if (ahead.text.size - ahead.at > NAME_SIZE_MAX)
        ahead.text.size = ahead.at + text_prefix_size(slice_of(ahead.text.data + ahead.at,
                                                               ahead.text.size - ahead.at),
                                                      NAME_SIZE_MAX);
    end = name_end(&ahead, ahead.at);
    if (end == ahead.at || end - ahead.at >= sizeof(name))
        return false;
    memcpy(name, ahead.text.data + ahead.at, end - ahead.at);
    name[end - ahead.at] = '\0';
    ahead.at = end;
    skip_blanks(&ahead);
    sign = plain_sign_at(&ahead, ahead.at, &size);
    return (is_comparison(sign) || sign == LEX_CONTAINS || sign == LEX_IN || sign == LEX_IS ||
            sign == LEX_NOT) &&
           filter_subject_find(lexer->schema, lexer->kind, name, &subject);
}

/* Move past a few parentheses and nots before a condition; more than a few are looked at no
 * further. */
static enum lex_sign skip_openings(struct lexer *lexer)
{
    static const char not_word[] = "非";

    for (unsigned i = 0; i < OPENINGS_MAX; i++) {
        enum lex_sign sign;
        size_t size;

        skip_blanks(lexer);
        sign = plain_sign_at(lexer, lexer->at, &size);
        if (sign == LEX_NONE && has_word(lexer, lexer->at, not_word, strlen(not_word)) &&
            !is_condition_at(lexer, lexer->at)) {
            sign = LEX_NOT;
            size = strlen(not_word);
        }
        if (sign != LEX_OPEN && sign != LEX_NOT)
            return sign;
        lexer->at += size;
    }
    return LEX_NONE;
}

/* Chinese puts no blanks round 且 and 或, and both occur inside names: they join only where a
 * condition follows. */
static enum lex_sign glued_keyword_at(const struct lexer *lexer, size_t at, size_t *out_size)
{
    struct lexer ahead = *lexer;
    enum lex_sign sign;

    if (has_word(lexer, at, "且", strlen("且")))
        sign = LEX_AND;
    else if (has_word(lexer, at, "或", strlen("或")))
        sign = LEX_OR;
    else
        return LEX_NONE;

    ahead.at = at + strlen("且");
    if (skip_openings(&ahead) != LEX_VIEW && !is_condition_at(&ahead, ahead.at))
        return LEX_NONE;
    *out_size = strlen("且");
    return sign;
}

enum lex_sign lex_peek(struct lexer *lexer, size_t *out_size)
{
    enum lex_sign sign;

    *out_size = 0;
    skip_blanks(lexer);
    if (lexer->at >= lexer->text.size)
        return LEX_END;
    sign = plain_sign_at(lexer, lexer->at, out_size);
    /* 非 stands before a name without a blank, unless the name itself begins with it. */
    if (sign == LEX_NONE && has_word(lexer, lexer->at, "非", strlen("非")) &&
        is_condition_at(lexer, lexer->at + strlen("非")) && !is_condition_at(lexer, lexer->at)) {
        *out_size = strlen("非");
        sign = LEX_NOT;
    }
    if (sign == LEX_NONE)
        sign = glued_keyword_at(lexer, lexer->at, out_size);
    return sign;
}

enum lex_sign lex_next(struct lexer *lexer)
{
    size_t size;
    enum lex_sign sign = lex_peek(lexer, &size);

    lexer->at += size;
    return sign;
}

/* ---- quotes */

/* The quote that closes what this one opens, 0 if it is none. */
static int32_t closing_quote(int32_t quote)
{
    switch (quote) {
    case '"':
    case '\'':
    case 0xff02: /* ＂ */
        return quote;
    case 0x201c:
        return 0x201d;
    case 0x2018:
        return 0x2019;
    default:
        return 0;
    }
}

/* From behind the opening quote; lexer->at ends up behind the closing one. On failure it stays. */
static enum lex_result read_quoted(struct lexer *lexer, int32_t closing, struct arena *arena,
                                   struct slice *out_value)
{
    size_t begin = lexer->at, at = begin;
    uint8_t *copy = NULL; /* from the first doubled quote on */
    size_t copied = 0;

    for (;;) {
        size_t next = at;
        int32_t c = text_next(lexer->text, &next);
        size_t behind = next;

        if (c < 0)
            return LEX_QUOTE_OPEN;
        if (c == closing) {
            if (text_next(lexer->text, &behind) != closing)
                break;
            if (!copy) {
                copy = arena_alloc(arena, lexer->text.size - begin);
                if (!copy)
                    return LEX_NO_MEMORY;
                copied = at - begin;
                memcpy(copy, lexer->text.data + begin, copied);
            }
        }
        if (copy) {
            memcpy(copy + copied, lexer->text.data + at, next - at);
            copied += next - at;
        }
        at = c == closing ? behind : next;
    }
    *out_value = copy ? slice_of(copy, copied) : slice_of(lexer->text.data + begin, at - begin);
    text_next(lexer->text, &at);
    lexer->at = at;
    return LEX_FOUND;
}

/* LEX_MISSING when no quote stands here. */
static enum lex_result try_quoted(struct lexer *lexer, struct arena *arena, struct slice *out_value)
{
    struct lexer inside;
    enum lex_result result;
    int32_t closing;

    skip_blanks(lexer);
    inside = *lexer;
    closing = closing_quote(text_next(inside.text, &inside.at));
    if (!closing)
        return LEX_MISSING;
    result = read_quoted(&inside, closing, arena, out_value);
    if (result == LEX_FOUND)
        lexer->at = inside.at;
    return result;
}

static enum lex_result give_text(struct arena *arena, struct slice text, const char **out_text)
{
    *out_text = arena_strndup(arena, text.data, text.size);
    return *out_text ? LEX_FOUND : LEX_NO_MEMORY;
}

enum lex_result lex_name(struct lexer *lexer, struct arena *arena, const char **out_name)
{
    struct slice text;
    enum lex_result result = try_quoted(lexer, arena, &text);

    if (result == LEX_MISSING) {
        size_t end = name_end(lexer, lexer->at);

        if (end == lexer->at)
            return LEX_MISSING;
        text = slice_of(lexer->text.data + lexer->at, end - lexer->at);
        lexer->at = end;
        result = LEX_FOUND;
    }
    return result == LEX_FOUND ? give_text(arena, text, out_name) : result;
}

enum lex_result lex_word(struct lexer *lexer, struct arena *arena, const char **out_word)
{
    struct slice text;
    enum lex_result result = try_quoted(lexer, arena, &text);

    if (result == LEX_MISSING) {
        size_t begin = lexer->at;

        while (!is_boundary(lexer, lexer->at)) {
            size_t size;

            char_at(lexer, lexer->at, &size);
            lexer->at += size;
        }
        if (lexer->at == begin)
            return LEX_MISSING;
        text = slice_of(lexer->text.data + begin, lexer->at - begin);
        result = LEX_FOUND;
    }
    return result == LEX_FOUND ? give_text(arena, text, out_word) : result;
}

/* ---- values */

/* Does an unquoted value end here? blank_before: it begins here, or a blank stands before. */
static bool ends_value(const struct lexer *lexer, size_t at, bool blank_before, bool in_list)
{
    size_t size;
    enum lex_sign sign = sign_at(lexer, at, &size);

    if (sign == LEX_AND || sign == LEX_OR || sign == LEX_CLOSE || is_comparison(sign))
        return true;
    if (sign == LEX_OPEN)
        return blank_before;
    if (sign == LEX_COMMA)
        return in_list;
    sign = blank_before ? keyword_at(lexer, at, &size) : LEX_NONE;
    return sign == LEX_AND || sign == LEX_OR || glued_keyword_at(lexer, at, &size) != LEX_NONE;
}

enum lex_result lex_value(struct lexer *lexer, bool in_list, struct arena *arena,
                          struct slice *out_value)
{
    enum lex_result result = try_quoted(lexer, arena, out_value);
    size_t begin = lexer->at, end = begin, at = begin;
    unsigned open = 0;
    bool blank_before = true;
    size_t size;
    int32_t c;

    if (result != LEX_MISSING)
        return result;
    while ((c = char_at(lexer, at, &size)) >= 0) {
        if (c == ' ') {
            blank_before = true;
            at += size;
            continue;
        }
        if (open == 0 && ends_value(lexer, at, blank_before, in_list))
            break;
        if (c == '(')
            open++;
        else if (c == ')')
            open--;
        blank_before = false;
        at += size;
        end = at;
    }
    if (open > 0)
        return LEX_PARENTHESIS_OPEN;
    if (end == begin)
        return LEX_MISSING;
    *out_value = slice_of(lexer->text.data + begin, end - begin);
    lexer->at = end;
    return LEX_FOUND;
}
