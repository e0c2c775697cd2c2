/*
 * score.h - two records weighed against each other, field by field
 *
 * Fellegi and Sunter's sum of weights (match.h). Names and addresses are compared as sets of words that may be misspelt, each word by what it tells in this
 * set (W. W. Cohen, P. Ravikumar, S. E. Fienberg, "A Comparison of String Distance Metrics for Name-Matching Tasks", IIWeb 2003: soft TF-IDF); agreement on a
 * value weighs the more, the rarer it is (W. E. Winkler, "Frequency-Based Matching in Fellegi-Sunter Model of Record Linkage", US Census RR 2000/06). What
 * hangs together (street, town, postcode) is bounded as one, because agreeing on one of them makes the others probable.
 *
 * Inside common/match.
 */
#ifndef CRM_MATCH_SCORE_H
#define CRM_MATCH_SCORE_H

#include "common/match/set.h"

struct match_scored {
    double weight;           /* of all fields, before what speaks against two records being one from the outset */
    float score;             /* 0 to 1 */
    struct match_reason reasons[MATCH_FIELDS];
    size_t n;
};

/* Two records of a set that is ready. */
void score_pair(const struct match_set *set, const struct match_subject *a, const struct match_subject *b, struct match_scored *out_scored);

#endif
