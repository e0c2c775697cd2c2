/*
 * score_inside.h - what persons and organisations are weighed with alike
 *
 * Inside common/match: score*.c.
 */
#ifndef CRM_MATCH_SCORE_INSIDE_H
#define CRM_MATCH_SCORE_INSIDE_H

#include "common/match/score.h"

/* Two records on the scales. */
struct match_scale {
    const struct match_set *set;
    const struct match_subject *a, *b;
    struct match_scored *scored;
};

/* How a field that is one value speaks. */
struct match_rule {
    double most, least;  /* bounds of what the same value is worth; between them its rarity decides */
    double alike;        /* one slip apart */
    double differs;      /* below 0 */
};

/* A ground is added to the sum, unless both sides say nothing. */
void scale_add(struct match_scale *scale, enum match_field field, double likeness, double weight);
/* The best of what the values of a part have in common: likeness 1, alike, or 0; false where one side has none. */
bool scale_value(const struct match_scale *scale, enum match_part part, const struct match_rule *rule, double *out_likeness, double *out_weight);
/* The same, added as the ground of a field. */
void scale_field(struct match_scale *scale, enum match_field field, enum match_part part, const struct match_rule *rule);
/* Like scale_field, of numbers of which one may lack the beginning. */
void scale_phone(struct match_scale *scale, const struct match_rule *rule);

/* Two sets of words that may be misspelt. */
struct match_overlap {
    double common;  /* share of what both tell: 0 to 1 */
    double covered; /* share of what the shorter one tells */
    double bits;    /* what the words tell that both have */
};
/* false where one has no words. */
bool scale_words(const struct match_scale *scale, enum match_part part, struct match_overlap *out_overlap);

/* Street, town and postcode as one ground. */
struct match_place {
    struct match_rule number, city, postcode, region;
    double street_most, street_least; /* all words the same; none */
    double most, least;               /* of all together */
};
void scale_place(struct match_scale *scale, const struct match_place *rule);

void score_person(struct match_scale *scale);
void score_organisation(struct match_scale *scale);

#endif
