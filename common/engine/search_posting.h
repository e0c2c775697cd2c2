/*
 * search_posting.h - the records that have one word of a search, by kind and newest first
 *
 * Between search.c and search_posting.c; lives for one search, in its arena and its transaction.
 */
#ifndef CRM_ENGINE_SEARCH_POSTING_H
#define CRM_ENGINE_SEARCH_POSTING_H

#include "common/engine/search.h"

#define POSTING_WORDS_MAX 64 /* words behind a prefix that are merged */

/* What the postings of a search share. */
struct posting_space {
    const struct view *view;
    struct arena *arena;
    const struct kind_def *kinds[KIND_MAX]; /* in table order */
    size_t n_kinds;
    uint8_t rank[256]; /* of a kind's number: its place in kinds; n_kinds: not searched */
    uint64_t looked;   /* term entries so far */
};

/* One whole word: its entries of the present kind are a range that is read backwards. */
struct posting_word {
    struct term term;
    bool has_head; /* head is the newest id that is not behind the last bound */
    bool ended;    /* none is left of this kind */
    struct uuid head;
};

/* An entry that was read beforehand. */
struct posting_entry {
    uint8_t rank; /* of its kind */
    struct uuid id;
};

/* The records with a word, or with any word that begins so. */
struct posting {
    struct term term;
    bool is_prefix;
    struct term alternative; /* a prefix that will do as well; size 0: none */
    struct posting_word *words;
    size_t n_words;
    struct posting_entry *heap; /* read beforehand: the first kind's newest id on top */
    size_t n_heap, capacity;
    bool is_wide; /* too many words and entries: records are asked themselves */
    uint8_t rank; /* of the present kind */
};

/* Find out what the word stands for. */
enum crm_status posting_open(struct posting *posting, struct posting_space *space) MUST_CHECK;
/* Read what is_wide has left out, as far as a search may look. */
enum crm_status posting_collect(struct posting *posting, struct posting_space *space) MUST_CHECK;
/* Kinds are gone through in order. */
void posting_begin_kind(struct posting *posting, size_t rank);
/* The newest id at or before bound, which never rises within a kind; CRM_NOT_FOUND if there is
 * none. */
enum crm_status posting_seek(struct posting *posting, struct posting_space *space,
                             const struct uuid *bound, struct uuid *out_id) MUST_CHECK;
/* Does one of a record's terms fit? */
bool posting_fits(const struct posting *posting, const struct term_list *terms);

#endif
