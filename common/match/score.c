/*
 * score.c - see score.h: what persons and organisations have in common
 */
#include "common/match/score.h"

#include <math.h>

#include "common/match/score_inside.h"
#include "common/match/similar.h"

#define OVERLAP_MAX 24 /* words of a name or an address that are compared */

void scale_add(struct match_scale *scale, enum match_field field, double likeness, double weight)
{
    struct match_scored *scored = scale->scored;

    scored->weight += weight;
    if (scored->n < MATCH_FIELDS)
        scored->reasons[scored->n++] = (struct match_reason){ .field = field, .likeness = (float)likeness, .weight = (float)weight };
}

static double bounded(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

/* A slip of the finger or the eye in a value that is no text: one edit among at least four characters. */
static bool is_slip(const struct match_word *a, const struct match_word *b)
{
    return a->size >= 4 && b->size >= 4 && similar_edits(match_text(a), match_text(b), 1) <= 1;
}

static bool is_alike(const struct match_word *a, const struct match_word *b)
{
    if (a->text[0] >= '0' && a->text[0] <= '9')
        return is_slip(a, b);
    return similar_word(match_text(a), match_text(b)) > 0;
}

bool scale_value(const struct match_scale *scale, enum match_part part, const struct match_rule *rule, double *out_likeness, double *out_weight)
{
    size_t n, m;
    struct match_word **a = match_part(scale->set, scale->a, part, &n), **b = match_part(scale->set, scale->b, part, &m);
    bool alike = false;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            if (a[i] == b[j]) {
                *out_likeness = 1;
                *out_weight = bounded(a[i]->bits, rule->least, rule->most);
                return true;
            }
            alike = alike || is_alike(a[i], b[j]);
        }
    }
    *out_likeness = alike ? 0.9 : 0;
    *out_weight = alike ? rule->alike : rule->differs;
    return n > 0 && m > 0;
}

void scale_field(struct match_scale *scale, enum match_field field, enum match_part part, const struct match_rule *rule)
{
    double likeness, weight;

    if (scale_value(scale, part, rule, &likeness, &weight))
        scale_add(scale, field, likeness, weight);
}

#define PHONE_LOCAL 6 /* digits that are a whole number inside a town */

static bool ends_with(const struct match_word *longer, const struct match_word *end)
{
    return longer->size >= end->size && end->size >= PHONE_LOCAL && memcmp(longer->text + longer->size - end->size, end->text, end->size) == 0;
}

void scale_phone(struct match_scale *scale, const struct match_rule *rule)
{
    size_t n, m;
    struct match_word **a = match_part(scale->set, scale->a, PART_PHONE, &n), **b = match_part(scale->set, scale->b, PART_PHONE, &m);
    double best = 0, weight = rule->differs;

    if (n == 0 || m == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++) {
            const struct match_word *rarer = a[i]->count > b[j]->count ? a[i] : b[j];

            if (ends_with(a[i], b[j]) || ends_with(b[j], a[i])) {
                best = 1;
                weight = bounded(rarer->bits, rule->least, rule->most);
            } else if (best < 0.9 && is_slip(a[i], b[j])) {
                best = 0.9;
                weight = rule->alike;
            }
        }
    }
    scale_add(scale, MATCH_PHONE, best, weight);
}

/* --- sets of words */

/* What a word tells; of a name's words the first tells most, because there the name proper stands. */
static double told(const struct match_word *word, size_t place)
{
    double first = word->part != PART_NAME || word->text[0] >= 0x80 ? 1 : place == 0 ? 1.5 : 0.8;

    return word->bits * first;
}

static double sum(struct match_word **words, size_t n)
{
    double all = 0;

    for (size_t i = 0; i < n; i++)
        all += told(words[i], i);
    return all;
}

/* The word of b, none of those taken, that is most like this one. */
static double best_of(const struct match_word *word, struct match_word **b, size_t m, const bool *is_taken, size_t *out_at)
{
    double best = 0;

    for (size_t j = 0; j < m; j++) {
        double likeness = is_taken[j] ? 0 : word == b[j] ? 1 : similar_word(match_text(word), match_text(b[j]));

        if (likeness > best) {
            best = likeness;
            *out_at = j;
        }
    }
    return best;
}

bool scale_words(const struct match_scale *scale, enum match_part part, struct match_overlap *out_overlap)
{
    size_t n, m;
    struct match_word **a = match_part(scale->set, scale->a, part, &n), **b = match_part(scale->set, scale->b, part, &m);
    bool is_taken[OVERLAP_MAX] = { false };
    double all_a, all_b, in_a = 0, in_b = 0, bits = 0;

    n = n < OVERLAP_MAX ? n : OVERLAP_MAX;
    m = m < OVERLAP_MAX ? m : OVERLAP_MAX;
    if (n == 0 || m == 0)
        return false;
    all_a = sum(a, n);
    all_b = sum(b, m);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        double likeness = best_of(a[i], b, m, is_taken, &at);

        if (likeness <= 0)
            continue;
        is_taken[at] = true;
        in_a += told(a[i], i) * likeness;
        in_b += told(b[at], at) * likeness;
        bits += (a[i]->bits < b[at]->bits ? a[i]->bits : b[at]->bits) * likeness;
    }
    out_overlap->common = (in_a + in_b) / (all_a + all_b);
    out_overlap->covered = all_a < all_b ? in_a / all_a : in_b / all_b;
    out_overlap->bits = bits;
    return true;
}

/* --- places */

void scale_place(struct match_scale *scale, const struct match_place *rule)
{
    struct match_overlap street;
    double likeness, weight, all = 0, best = 0;
    bool is_known = false;

    if (scale_words(scale, PART_STREET, &street)) {
        best = (street.common + street.covered) / 2;
        all += rule->street_least + best * (rule->street_most - rule->street_least);
        is_known = true;
    }
    if (scale_value(scale, PART_NUMBER, &rule->number, &likeness, &weight)) {
        all += likeness < 1 || best > 0.5 || !is_known ? weight : 0; /* the same number in another street says nothing */
        is_known = true;
    }
    if (scale_value(scale, PART_CITY, &rule->city, &likeness, &weight)) {
        all += weight;
        is_known = true;
    }
    if (scale_value(scale, PART_POSTCODE, &rule->postcode, &likeness, &weight)) {
        all += weight;
        is_known = true;
    }
    if (scale_value(scale, PART_REGION, &rule->region, &likeness, &weight))
        all += weight;
    if (is_known)
        scale_add(scale, MATCH_ADDRESS, best, bounded(all, rule->least, rule->most));
}

/* --- the whole */

#define AGAINST_PERSON       13.0 /* bits by which it is improbable that two records that have met are one */
#define AGAINST_ORGANISATION 5.5
#define SLOPE                4.0  /* bits that double the odds shown: grounds are less independent than the sum takes them for */

void score_pair(const struct match_set *set, const struct match_subject *a, const struct match_subject *b, struct match_scored *out_scored)
{
    struct match_scale scale = { .set = set, .a = a, .b = b, .scored = out_scored };
    double against = set->type == MATCH_PERSON ? AGAINST_PERSON : AGAINST_ORGANISATION;

    out_scored->weight = 0;
    out_scored->n = 0;
    if (set->type == MATCH_PERSON)
        score_person(&scale);
    else
        score_organisation(&scale);
    out_scored->score = (float)(1 / (1 + exp2((against - out_scored->weight) / SLOPE)));
}
