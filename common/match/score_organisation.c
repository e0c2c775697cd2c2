/*
 * score_organisation.c - organisations: name, numbers, address, phone, domain
 */
#include "common/match/score_inside.h"
#include "common/match/similar.h"

static const struct match_rule key_rule = { .most = 16, .least = 12, .alike = 2, .differs = -6 };
static const struct match_rule phone_rule = { .most = 7, .least = 2, .alike = 2, .differs = -2 };
static const struct match_rule mail_rule = { .most = 8, .least = 3, .alike = 2, .differs = 0 };
static const struct match_rule domain_rule = { .most = 7, .least = 2, .alike = 2, .differs = -1.5 };
static const struct match_place place_rule = {
    .number = { .most = 3, .least = 2, .alike = -1, .differs = -4 },
    .city = { .most = 1, .least = 0.5, .alike = 0.5, .differs = -0.5 },
    .postcode = { .most = 2, .least = 1, .alike = 0.5, .differs = -1 },
    .region = { .most = 0.5, .least = 0.2, .alike = 0, .differs = -1 },
    .street_most = 5, .street_least = -5,
    .most = 8, .least = -7,
};

#define NAME_SAME    10.0 /* bits: likeness 1, */
#define NAME_HALF    0.0  /* 0.5 */
#define NAME_OTHER   -10.0/* and 0 */
#define ACRONYM_MIN  3    /* letters */
#define ACRONYM_LIKE 0.85

/* "IBM" and the words of which it has the first letters. */
static bool is_acronym(const struct match_scale *scale, const struct match_subject *one, const struct match_subject *other)
{
    size_t n, m;
    struct match_word **a = match_part(scale->set, one, PART_NAME, &n), **b = match_part(scale->set, other, PART_NAME, &m);

    if (n != 1 || m < ACRONYM_MIN || a[0]->size != m)
        return false;
    for (size_t i = 0; i < m; i++) {
        if (a[0]->text[i] != b[i]->text[0])
            return false;
    }
    return true;
}

/* The best of what two spellings of a name have in common: their words, or all of it where blanks are set otherwise. */
static bool compare_names(const struct match_scale *scale, double *out_likeness)
{
    const struct match_word *a = match_first(scale->set, scale->a, PART_WHOLE), *b = match_first(scale->set, scale->b, PART_WHOLE);
    struct match_overlap words;
    double likeness, whole;

    if (!a || !b || !scale_words(scale, PART_NAME, &words))
        return false;
    likeness = (words.common + words.covered) / 2;
    whole = similar_word(match_text(a), match_text(b));
    likeness = whole > likeness ? whole : likeness;
    if (likeness < ACRONYM_LIKE && (is_acronym(scale, scale->a, scale->b) || is_acronym(scale, scale->b, scale->a)))
        likeness = ACRONYM_LIKE;
    *out_likeness = likeness;
    return true;
}

static void weigh_name(struct match_scale *scale)
{
    double likeness;

    if (!compare_names(scale, &likeness))
        return;
    if (likeness < 0.5)
        scale_add(scale, MATCH_NAME, likeness, NAME_OTHER + likeness * 2 * (NAME_HALF - NAME_OTHER));
    else
        scale_add(scale, MATCH_NAME, likeness, NAME_HALF + (likeness - 0.5) * 2 * (NAME_SAME - NAME_HALF));
}

void score_organisation(struct match_scale *scale)
{
    weigh_name(scale);
    scale_field(scale, MATCH_KEY, PART_KEY, &key_rule);
    scale_phone(scale, &phone_rule);
    scale_field(scale, MATCH_MAIL, PART_MAIL, &mail_rule);
    scale_field(scale, MATCH_WEB, PART_DOMAIN, &domain_rule);
    scale_place(scale, &place_rule);
}
