/*
 * similar.c - see similar.h
 *
 * Pure, without allocations: this is called some million times for a hundred thousand records.
 */
#include "common/match/similar.h"

#define WINKLER_LETTERS 4
#define WINKLER_BONUS   0.1

static struct slice shortened(struct slice word)
{
    return word.size > SIMILAR_MAX ? slice_of(word.data, SIMILAR_MAX) : word;
}

/* Letters of a that b has within the window; marks them in both. */
static size_t count_common(struct slice a, struct slice b, bool *in_a, bool *in_b)
{
    size_t longer = a.size > b.size ? a.size : b.size;
    size_t window = longer / 2 > 0 ? longer / 2 - 1 : 0, common = 0;

    for (size_t i = 0; i < a.size; i++) {
        size_t from = i > window ? i - window : 0;
        size_t to = i + window + 1 < b.size ? i + window + 1 : b.size;

        for (size_t j = from; j < to; j++) {
            if (in_b[j] || a.data[i] != b.data[j])
                continue;
            in_a[i] = in_b[j] = true;
            common++;
            break;
        }
    }
    return common;
}

/* Of the common letters those that stand in another order. */
static size_t count_moved(struct slice a, struct slice b, const bool *in_a, const bool *in_b)
{
    size_t moved = 0, j = 0;

    for (size_t i = 0; i < a.size; i++) {
        if (!in_a[i])
            continue;
        while (!in_b[j])
            j++;
        moved += a.data[i] != b.data[j++];
    }
    return moved;
}

double similar_jaro_winkler(struct slice a, struct slice b)
{
    bool in_a[SIMILAR_MAX] = { false }, in_b[SIMILAR_MAX] = { false };
    size_t common, prefix = 0;
    double share, jaro;

    a = shortened(a);
    b = shortened(b);
    if (slice_equal(a, b))
        return 1;
    common = count_common(a, b, in_a, in_b);
    if (common == 0)
        return 0;
    share = (double)common;
    jaro = (share / (double)a.size + share / (double)b.size +
            (share - (double)count_moved(a, b, in_a, in_b) / 2) / share) / 3;
    while (prefix < WINKLER_LETTERS && prefix < a.size && prefix < b.size && a.data[prefix] == b.data[prefix])
        prefix++;
    return jaro + (double)prefix * WINKLER_BONUS * (1 - jaro);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t similar_edits(struct slice a, struct slice b, size_t max)
{
    size_t rows[3][SIMILAR_MAX + 1]; /* the row before the last is for swapped neighbours */

    a = shortened(a);
    b = shortened(b);
    if (a.size > b.size + max || b.size > a.size + max)
        return max + 1;
    for (size_t j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3], lowest = i;

        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                           above[j - 1] + (a.data[i - 1] != b.data[j - 1]));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
            lowest = least(lowest, row[j]);
        }
        if (lowest > max)
            return max + 1;
    }
    return least(rows[a.size % 3][b.size], max + 1);
}

double similar_word(struct slice a, struct slice b)
{
    size_t longer = a.size > b.size ? a.size : b.size, shorter = a.size + b.size - longer;
    size_t allowed = longer / 4 > 0 ? longer / 4 : 1, edits;
    double by_edits, by_letters;

    if (slice_equal(a, b))
        return 1;
    if (shorter < 3 || a.data[0] >= 0x80) /* of two letters each means something; a character of CJK is a word */
        return 0;
    edits = similar_edits(a, b, allowed);
    by_edits = edits > allowed ? 0 : 1 - (double)edits / (double)longer * 0.8;
    by_letters = similar_jaro_winkler(a, b);
    by_letters = by_letters > 0.88 ? by_letters - 0.03 : 0;
    by_edits = by_edits > by_letters ? by_edits : by_letters;
    return by_edits >= 0.8 ? by_edits : 0;
}
