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

/* A range that ends with ids and is read backwards: the entries of one whole word and the present
 * kind, or of an index what somebody has. */
struct posting_word {
    enum store_db db;  /* of `term` or `index` */
    struct term term;  /* of an index: the bytes before the id */
    struct slice rest; /* only entries of a beginning one of whose words goes on so; empty: all */
    bool has_head;     /* head is the newest id that is not behind the last bound */
    bool ended;        /* none is left of this kind */
    struct uuid head;
};

/* An entry that was read beforehand. */
struct posting_entry {
    uint8_t rank; /* of its kind */
    struct uuid id;
};

/* The records with a word, or with any word that begins so; or those that a reader may see. */
struct posting {
    struct term term;
    bool is_prefix;
    struct term alternative; /* a prefix that will do as well; size 0: none */
    struct term look;        /* what is enumerated for term: itself, or how it begins */
    struct posting_word *words;
    size_t n_words;
    struct posting_entry *heap; /* read beforehand: the first kind's newest id on top */
    size_t n_heap, capacity;
    bool is_stream;  /* it gives ids */
    bool is_wide;    /* its records are asked themselves: it gives none, or too many */
    bool is_partial; /* it gives too few */
    uint8_t rank;    /* of the present kind */
};

/* Find out what the word stands for. */
enum crm_status posting_open(struct posting *posting, struct posting_space *space) MUST_CHECK;
/* Make a stream of a wide posting: by how the word begins, where that says enough; with_partial
 * else by reading its entries, as far as a search may look. */
enum crm_status posting_widen(struct posting *posting, struct posting_space *space,
                              bool with_partial) MUST_CHECK;
/* What is in scope, of the kind of that rank: a stream unless there is too much of it. */
enum crm_status posting_open_scope(struct posting *posting, struct posting_space *space,
                                   size_t rank, const struct list_scope *scope) MUST_CHECK;
/* Kinds are gone through in order. */
void posting_begin_kind(struct posting *posting, size_t rank);
/* The newest id at or before bound, which never rises within a kind; CRM_NOT_FOUND if there is
 * none. */
enum crm_status posting_seek(struct posting *posting, struct posting_space *space,
                             const struct uuid *bound, struct uuid *out_id) MUST_CHECK;
/* Does one of a record's terms fit? */
bool posting_fits(const struct posting *posting, const struct term_list *terms);

#endif
