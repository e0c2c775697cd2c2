/*
 * term.h - the words by which a record is found
 *
 * Folded words (letters and digits, at most 32 bytes); of CJK runs each bigram and the last single character; of phones the digits reversed, so
 * that an ending is a prefix. A term's first byte says which: 'w' word, 'c' CJK, 'p' phone. Beside its words a record is found by how they begin ('b'), so that
 * a few letters are a whole term and not a thousand words.
 */
#ifndef CRM_MODEL_TERM_H
#define CRM_MODEL_TERM_H

#include "common/model/reflect.h"
#include "common/model/schema.h"

#define TERM_SIZE_MAX 33
#define TERMS_MAX     64 /* distinct terms of one record */
#define TERM_BEGINNING_LETTERS 3 /* code points */

struct term {
    uint8_t size;
    uint8_t data[TERM_SIZE_MAX];
};

/* Sorted and distinct. */
struct term_list {
    struct term *terms;
    size_t n;
};

/* Of a record's searched fields. In the arena. */
enum crm_status term_extract(const struct schema *schema, const struct kind_def *kind, const struct record *record, struct arena *arena,
                             struct term_list *out_terms) MUST_CHECK;

/*
 * How a word begins: its first letters as a term, or all of it where it has no more; out_rest is what follows, borrowed from word. Returns the number of
 * letters, 0 for a term that is no word.
 */
size_t term_beginning(const struct term *word, struct term *out_beginning, struct slice *out_rest);

/* A query: terms that must all be there. The last word (and digits) match as prefixes, and so does a single CJK character. */
struct term_query {
    struct term terms[16];
    bool is_prefix[16];
    size_t n;
};
/* CRM_INVALID when nothing searchable is left. Digits of four or more make both a word and a phone ending: alternative[i] is the phone form, size 0 if none. */
enum crm_status term_query_parse(struct slice text, struct arena *arena, struct term_query *out_query, struct term alternative[16],
                                 struct failure *failure) MUST_CHECK;

#endif
