/*
 * score_person.c - persons: name, birth date, number, address, phone, mail
 */
#include "common/match/score_inside.h"
#include "common/match/similar.h"

static const struct match_rule given_rule = { .most = 9, .least = 3, .alike = 4, .differs = -5 };
static const struct match_rule family_rule = { .most = 11, .least = 4, .alike = 5, .differs = -4 };
static const struct match_rule birth_rule = { .most = 10, .least = 7, .alike = 5.5, .differs = -5 };
static const struct match_rule key_rule = { .most = 16, .least = 12, .alike = 6, .differs = -5 };
static const struct match_rule phone_rule = { .most = 10, .least = 3, .alike = 3, .differs = -1 };
static const struct match_rule mail_rule = { .most = 13, .least = 4, .alike = 6, .differs = -1 };
static const struct match_place place_rule = {
    .number = { .most = 4, .least = 2, .alike = 1, .differs = -1.5 },
    .city = { .most = 7, .least = 2, .alike = 3, .differs = -1.5 },
    .postcode = { .most = 7, .least = 2, .alike = 2.5, .differs = -1.5 },
    .region = { .most = 1, .least = 0.5, .alike = 0, .differs = -0.5 },
    .street_most = 9, .street_least = -3,
    .most = 15, .least = -6,
};

/* Likeness and weight of two names of which each may be a misspelling or an initial of the other; 0 where one is missing. */
static double weigh_name(const struct match_word *a, const struct match_word *b, const struct match_rule *rule, double *out_likeness)
{
    double likeness;

    *out_likeness = 0;
    if (!a || !b)
        return 0;
    if (slice_equal(match_text(a), match_text(b))) {
        double bits = a->bits < b->bits ? a->bits : b->bits;

        *out_likeness = 1;
        return bits > rule->most ? rule->most : bits < rule->least ? rule->least : bits;
    }
    if ((a->size == 1 || b->size == 1) && a->text[0] == b->text[0] && a->text[0] < 0x80) {
        *out_likeness = 0.8;
        return rule->alike / 3;
    }
    likeness = similar_jaro_winkler(match_text(a), match_text(b));
    *out_likeness = likeness;
    if (similar_word(match_text(a), match_text(b)) > 0)
        return rule->alike;
    return likeness > 0.75 ? rule->alike / 4 : rule->differs;
}

/* Given and family name, also where somebody has put one into the place of the other. */
static void weigh_names(struct match_scale *scale)
{
    const struct match_word *given_a = match_first(scale->set, scale->a, PART_GIVEN), *given_b = match_first(scale->set, scale->b, PART_GIVEN);
    const struct match_word *family_a = match_first(scale->set, scale->a, PART_FAMILY), *family_b = match_first(scale->set, scale->b, PART_FAMILY);
    double given, family, crossed_given, crossed_family;
    double weight_given = weigh_name(given_a, given_b, &given_rule, &given), weight_family = weigh_name(family_a, family_b, &family_rule, &family);
    double crossed = weigh_name(given_a, family_b, &given_rule, &crossed_given) + weigh_name(family_a, given_b, &family_rule, &crossed_family);

    if (crossed > weight_given + weight_family && crossed > 0) {
        scale_add(scale, MATCH_NAME, crossed_given > crossed_family ? crossed_given : crossed_family, crossed - 1);
        return;
    }
    if (given_a && given_b)
        scale_add(scale, MATCH_GIVEN, given, weight_given);
    if (family_a && family_b)
        scale_add(scale, MATCH_FAMILY, family, weight_family);
}

/* Day and month exchanged, or the year in two digits more or less: the same day, written by two people. */
static bool is_swapped(const struct match_word *a, const struct match_word *b)
{
    return a->size == 8 && b->size == 8 && memcmp(a->text, b->text, 4) == 0 && memcmp(a->text + 4, b->text + 6, 2) == 0 &&
           memcmp(a->text + 6, b->text + 4, 2) == 0;
}

static void weigh_birth(struct match_scale *scale)
{
    const struct match_word *a = match_first(scale->set, scale->a, PART_BIRTH), *b = match_first(scale->set, scale->b, PART_BIRTH);
    double likeness, weight;

    if (!scale_value(scale, PART_BIRTH, &birth_rule, &likeness, &weight))
        return;
    if (likeness < 0.9 && is_swapped(a, b)) {
        likeness = 0.9;
        weight = birth_rule.alike;
    } else if (likeness < 0.9 && similar_edits(match_text(a), match_text(b), 2) <= 2) {
        likeness = 0.75;
        weight = 0;
    }
    scale_add(scale, MATCH_BIRTH, likeness, weight);
}

void score_person(struct match_scale *scale)
{
    weigh_names(scale);
    weigh_birth(scale);
    scale_field(scale, MATCH_KEY, PART_KEY, &key_rule);
    scale_phone(scale, &phone_rule);
    scale_field(scale, MATCH_MAIL, PART_MAIL, &mail_rule);
    scale_place(scale, &place_rule);
}
