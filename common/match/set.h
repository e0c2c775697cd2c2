/*
 * set.h - records as they are compared: each word kept once, with the number of records that have it
 *
 * Inside common/match.
 */
#ifndef CRM_MATCH_SET_H
#define CRM_MATCH_SET_H

#include "common/match/match.h"
#include "common/match/normalise.h"

struct match_word {
    const uint8_t *text;  /* in the set's arena */
    struct match_word *next; /* of the same bucket */
    uint64_t hash;        /* of part and text */
    uint32_t count;       /* records that have it in this part */
    float bits;           /* how much it tells: see set_ready */
    uint8_t size;
    uint8_t part;
    bool is_usual;        /* of many names, of any street: tells little whatever the count */
};

/* The words of one record, by part; within a part in the order in which they stand. */
struct match_subject {
    size_t first;            /* in set->held */
    uint8_t from[PARTS + 1]; /* words from[part] to from[part + 1] are of that part */
};

struct match_set {
    enum match_type type;
    struct arena arena;          /* words */
    struct arena scratch;        /* of one record while it is added, later of the pairs */
    size_t memory_max, memory;   /* of the arrays below */
    struct match_word **buckets; /* power of two */
    size_t n_buckets, n_words;
    struct match_word **held;    /* of all records */
    size_t n_held, max_held;
    struct match_subject *subjects;
    size_t n_subjects, max_subjects;
    struct match_pair *pairs;
    size_t n_pairs, max_pairs;
    bool is_ready;
};

static inline struct slice match_text(const struct match_word *word)
{
    return slice_of(word->text, word->size);
}

/* Words of a part; NULL and 0 for none. */
static inline struct match_word **match_part(const struct match_set *set, const struct match_subject *subject, enum match_part part, size_t *out_n)
{
    *out_n = (size_t)(subject->from[part + 1] - subject->from[part]);
    return set->held + subject->first + subject->from[part];
}

/* The only or first word of a part, NULL. */
static inline const struct match_word *match_first(const struct match_set *set, const struct match_subject *subject, enum match_part part)
{
    size_t n;
    struct match_word **words = match_part(set, subject, part, &n);

    return n ? words[0] : NULL;
}

/* An array of the set's that must hold n elements; counts towards memory_max. *inout_array is it, before and after. */
enum crm_status set_grow(struct match_set *set, void **inout_array, size_t *max, size_t n, size_t size) MUST_CHECK;

/* All records are there: what each word tells. */
void set_ready(struct match_set *set);

#endif
