/*
 * normalise.h - the words of a record by which it is compared: folded, shortened forms written out, what says nothing left out
 *
 * Names of organisations lose their legal form ("GmbH", "有限公司"), articles, punctuation and the order of their words; CJK becomes bigrams of simplified
 * characters. Phones become digits without what is dialled before them, mail and sites also their domain, addresses words and numbers.
 */
#ifndef CRM_MATCH_NORMALISE_H
#define CRM_MATCH_NORMALISE_H

#include "common/base/arena.h"
#include "common/match/match.h"

/* What a word is part of: only words of one part are compared. */
enum match_part {
    PART_NAME,     /* a word of an organisation's name, in their order */
    PART_WHOLE,    /* all of it without blanks */
    PART_GIVEN,
    PART_FAMILY,
    PART_STREET,
    PART_NUMBER,   /* of a house */
    PART_CITY,
    PART_REGION,
    PART_POSTCODE,
    PART_PHONE,
    PART_MAIL,
    PART_DOMAIN,
    PART_BIRTH,
    PART_KEY,
    PARTS,
};

#define MATCH_WORDS_MAX 64  /* of one record; what is beyond is left out */
#define MATCH_WORD_SIZE 96  /* bytes; longer ones are cut */

struct match_words {
    enum match_part parts[MATCH_WORDS_MAX];
    struct slice words[MATCH_WORDS_MAX];
    size_t n;
};

/* In the arena. Only memory can fail it. */
enum crm_status match_normalise(enum match_type type, const struct match_value *values, size_t n, struct arena *arena,
                                struct match_words *out_words) MUST_CHECK;

#endif
