/*
 * filter_lex.h - the words and signs of a typed filter; for filter_parse.c only
 *
 * What a piece of text is depends on where it stands: names and values may hold blanks and run on
 * until something that cannot belong to them. So the parser asks for a sign, a name or a value as
 * it expects one.
 */
#ifndef CRM_MODEL_FILTER_LEX_H
#define CRM_MODEL_FILTER_LEX_H

#include "common/model/filter_node.h"

enum lex_sign {
    LEX_NONE, /* nothing of this: a name or a value */
    LEX_END,
    LEX_OPEN,
    LEX_CLOSE,
    LEX_COMMA,
    LEX_VIEW, /* @ */
    LEX_AND,
    LEX_OR,
    LEX_NOT,
    LEX_EQ,
    LEX_NE,
    LEX_LT,
    LEX_LE,
    LEX_GT,
    LEX_GE,
    LEX_CONTAINS,
    LEX_IN,
    LEX_IS,
    LEX_EMPTY,
};

/* A place in a text, which is valid UTF-8 and outlives it. Copy it to look ahead. */
struct lexer {
    struct slice text;
    size_t at;
    const struct schema
        *schema; /* decides whether 且 and 或 without blanks round them begin another condition */
    const struct kind_def *kind;
};

/* How reading a name or value ended. */
enum lex_result {
    LEX_FOUND,
    LEX_MISSING,          /* nothing stands here */
    LEX_QUOTE_OPEN,       /* its quote is never closed */
    LEX_PARENTHESIS_OPEN, /* a parenthesis inside it is never closed */
    LEX_NO_MEMORY,
};

/* The sign that stands behind blanks here, without moving past it; lexer->at is then at its
 * beginning, *out_size its bytes. */
enum lex_sign lex_peek(struct lexer *lexer, size_t *out_size);
/* The same, and move past it. Past LEX_NONE nothing moves. */
enum lex_sign lex_next(struct lexer *lexer);
/* A field's or view's name: unquoted up to a comparison, keyword or parenthesis. With NUL, in the
 * arena. */
enum lex_result lex_name(struct lexer *lexer, struct arena *arena, const char **out_name);
/* As lex_name, but one word: a view's. */
enum lex_result lex_word(struct lexer *lexer, struct arena *arena, const char **out_word);
/* A value: quoted, or up to what cannot be part of it. Borrows the text, or the arena where quotes
 * were doubled. */
enum lex_result lex_value(struct lexer *lexer, bool in_list, struct arena *arena,
                          struct slice *out_value);

#endif
