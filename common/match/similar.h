/*
 * similar.h - how alike two words are that should be the same: misspelt, mistyped, shortened
 *
 * Bytes of folded text (text_fold); of Latin letters a byte is a letter, elsewhere the figures are a little coarser. Words longer than SIMILAR_MAX are
 * compared by their beginnings.
 */
#ifndef CRM_MATCH_SIMILAR_H
#define CRM_MATCH_SIMILAR_H

#include "common/base/slice.h"

#define SIMILAR_MAX 64

/*
 * 0 nothing in common, 1 equal. Jaro's measure with Winkler's bonus of 0.1 for each of the first four letters that agree (M. A. Jaro, "Advances in
 * Record-Linkage Methodology", JASA 84, 1989; W. E. Winkler, "String Comparator Metrics and Enhanced Decision Rules in the Fellegi-Sunter Model of Record
 * Linkage", ASA 1990).
 */
double similar_jaro_winkler(struct slice a, struct slice b);

/* Letters to insert, delete, replace or swap with the neighbour (F. J. Damerau, CACM 7, 1964); max + 1 where there are more than max. */
size_t similar_edits(struct slice a, struct slice b, size_t max);

/* Two words that one slip or a usual misspelling has made of each other: the greater of the two measures, 0 below 0.8. */
double similar_word(struct slice a, struct slice b);

#endif
