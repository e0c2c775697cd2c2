/*
 * filter_suggest.c - the field or choice that somebody who mistyped most likely meant
 *
 * Called by filter_parse.c and sort.c when they have failed already, so a short plain edit distance
 * is fast enough.
 */
#include "common/model/filter_suggest.h"

#include "common/base/text.h"

#define WORD_MAX 48 /* characters; longer words get no suggestion */

/* The nearest so far. */
struct nearest {
    int32_t typed[WORD_MAX];
    size_t n_typed;
    size_t distance; /* a candidate must be nearer */
};

/* Code points, ASCII letters in lower case; 0 if there are none or too many. */
static size_t spell(struct slice text, int32_t out_word[WORD_MAX])
{
    size_t n = 0, at = 0;
    int32_t c;

    while ((c = text_next(text, &at)) >= 0) {
        if (n == WORD_MAX)
            return 0;
        out_word[n++] = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    }
    return n;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Characters to insert, drop or replace; two that changed places count once. Three rows of the
 * usual table are enough. limit or more once that is sure: most words are far from most others. */
static size_t edit_distance(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b,
                            size_t limit)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *above_that = rows[0], *above = rows[1], *row = rows[2];
    size_t least_above = 0;

    if ((n_a > n_b ? n_a - n_b : n_b - n_a) >= limit)
        return limit;
    for (size_t j = 0; j <= n_b; j++)
        above[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *oldest = above_that;
        size_t least = i;

        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                above_that[j - 2] + 1 < row[j])
                row[j] = above_that[j - 2] + 1;
            least = row[j] < least ? row[j] : least;
        }
        if (least >= limit && least_above >= limit) /* what follows is built on these two rows */
            return limit;
        least_above = least;
        above_that = above;
        above = row;
        row = oldest;
    }
    return above[n_b];
}

/* A third of the word may be wrong, of short words one character. false where nothing can be near.
 */
static bool nearest_init(struct nearest *nearest, struct slice typed)
{
    nearest->n_typed = spell(typed, nearest->typed);
    nearest->distance = nearest->n_typed < 3 ? 2 : nearest->n_typed / 3 + 1;
    return nearest->n_typed > 1;
}

static bool is_nearer(struct nearest *nearest, const char *candidate)
{
    int32_t word[WORD_MAX];
    size_t n = spell(slice_text(candidate), word);
    size_t distance;

    if (n == 0)
        return false;
    distance = edit_distance(nearest->typed, nearest->n_typed, word, n, nearest->distance);
    if (distance >= nearest->distance)
        return false;
    nearest->distance = distance;
    return true;
}

const struct field_def *filter_suggest_field(const struct schema *schema,
                                             const struct kind_def *kind, const char *typed)
{
    const struct field_def *best = NULL, *field;
    struct nearest nearest;

    if (!nearest_init(&nearest, slice_text(typed)))
        return NULL;
    for (size_t i = 0; (field = schema_field_at(schema, kind, i)); i++) {
        if (is_nearer(&nearest, field->name))
            best = field;
        if (is_nearer(&nearest, field->label_en))
            best = field;
        if (is_nearer(&nearest, field->label_zh))
            best = field;
    }
    return best;
}

const struct choice_def *filter_suggest_choice(const struct field_def *field, struct slice typed)
{
    const struct choice_def *best = NULL;
    struct nearest nearest;

    if (!nearest_init(&nearest, typed))
        return NULL;
    for (size_t i = 0; i < field->n_choices; i++) {
        const struct choice_def *choice = &field->choices[i];

        if (is_nearer(&nearest, choice->name))
            best = choice;
        if (is_nearer(&nearest, choice->label_en))
            best = choice;
        if (is_nearer(&nearest, choice->label_zh))
            best = choice;
    }
    return best;
}
