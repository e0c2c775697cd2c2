/*
 * text.c - UTF-8 checked, composed, folded, measured and made harmless
 *
 * Called at every border that text crosses, on any thread. Owns nothing: results live in the
 * caller's arena. Most text is ASCII, and then no function here looks at Unicode's tables.
 */
#include "common/base/text.h"

#include <stdio.h>
#include <utf8proc.h>

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Is any of eight bytes NUL or not ASCII? Below 0x80 only a NUL borrows from its neighbour. */
static inline bool word_is_special(uint64_t word)
{
    return ((word | (word - ONES)) & HIGHS) != 0;
}

/* How many bytes at the front are ASCII without NUL; may stop up to seven early. */
static size_t ascii_run(const uint8_t *at, size_t size)
{
    uint64_t word;
    size_t run = 0;

    for (; size - run >= sizeof(word); run += sizeof(word)) {
        memcpy(&word, at + run, sizeof(word));
        if (word_is_special(word))
            break;
    }
    return run;
}

static bool is_ascii(struct slice text)
{
    size_t run = ascii_run(text.data, text.size);

    while (run < text.size && text.data[run] < 0x80)
        run++;
    return run == text.size;
}

static inline bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The size of the well-formed sequence at the front, 0 if there is none: table 3-7 of the Unicode
 * standard. */
static size_t sequence_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];

    if (lead < 0x80)
        return lead != 0;
    if (lead < 0xC2 || left < 2 || !is_tail(at[1]))
        return 0;
    if (lead < 0xE0)
        return 2;
    if (left < 3 || !is_tail(at[2]))
        return 0;
    if (lead < 0xF0) {
        bool is_overlong = lead == 0xE0 && at[1] < 0xA0;
        bool is_surrogate = lead == 0xED && at[1] > 0x9F;

        return is_overlong || is_surrogate ? 0 : 3;
    }
    if (lead > 0xF4 || left < 4 || !is_tail(at[3]) || (lead == 0xF0 && at[1] < 0x90) ||
        (lead == 0xF4 && at[1] > 0x8F))
        return 0;
    return 4;
}

/* Bytes of well-formed text at the front. */
static size_t valid_run(const uint8_t *at, size_t size)
{
    size_t run = 0;

    while (run < size) {
        size_t step = at[run] < 0x80 ? ascii_run(at + run, size - run) : 0;

        if (!step)
            step = sequence_size(at + run, size - run);
        if (!step)
            break;
        run += step;
    }
    return run;
}

/* Never changed by NFC, and never changing what stands before it: enough of Unicode to spare most
 * text the long way. */
static bool is_composed_for_sure(int32_t c)
{
    return c < 0x300 || (c >= 0x2010 && c <= 0x2027) || (c >= 0x3001 && c <= 0x3029) ||
           (c >= 0x3030 && c <= 0x3096) || (c >= 0x30A0 && c <= 0x30FF) ||
           (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
           (c >= 0xFF01 && c <= 0xFF9D);
}

static bool is_composed(struct slice text)
{
    size_t position = 0;

    while (position < text.size) {
        if (!is_composed_for_sure(text_next(text, &position)))
            return false;
    }
    return true;
}

/* The code points of text after options, in the arena with room for their UTF-8; NULL when memory
 * is spent or text invalid. */
static utf8proc_int32_t *decompose(struct arena *arena, struct slice text,
                                   utf8proc_option_t options, utf8proc_ssize_t *out_n)
{
    utf8proc_ssize_t n =
        utf8proc_decompose(text.data, (utf8proc_ssize_t)text.size, NULL, 0, options);
    utf8proc_int32_t *points;

    if (n < 0 || (size_t)n > SIZE_MAX / sizeof(*points) - 1)
        return NULL;
    points = arena_alloc(arena, ((size_t)n + 1) *
                                    sizeof(*points)); /* one more: utf8proc_reencode writes a NUL */
    if (!points)
        return NULL;
    *out_n = utf8proc_decompose(text.data, (utf8proc_ssize_t)text.size, points, n, options);
    return *out_n == n ? points : NULL;
}

/* Compose and encode in place. */
static bool encode(utf8proc_int32_t *points, utf8proc_ssize_t n, struct slice *out)
{
    utf8proc_ssize_t size = utf8proc_reencode(points, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);

    if (size < 0)
        return false;
    *out = slice_of(points, (size_t)size);
    return true;
}

/*
 * Accents and vowel points: what people leave out when they type. The marks of other scripts stay:
 * without them は, ば and ぱ would be one letter, and a Hindi word would lose its vowels.
 */
static bool is_dropped_mark(int32_t c)
{
    return (c >= 0x300 && c <= 0x36F) || (c >= 0x483 && c <= 0x487) || (c >= 0x591 && c <= 0x5C7) ||
           (c >= 0x610 && c <= 0x61A) || (c >= 0x64B && c <= 0x65F) || c == 0x670 ||
           (c >= 0x1AB0 && c <= 0x1AFF) || (c >= 0x1DC0 && c <= 0x1DFF) ||
           (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE20 && c <= 0xFE2F);
}

/* White space and control characters, which separate words as well as any blank. */
static bool is_blank(int32_t c)
{
    if (c < 0x80)
        return c <= 0x20 || c == 0x7F;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
        return true;
    default:
        return false;
    }
}

static bool fold_ascii(struct arena *arena, struct slice text, struct slice *out)
{
    uint8_t *folded = arena_alloc(arena, text.size);
    size_t n = 0;

    if (!folded)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c <= 0x20 || c == 0x7F) {
            if (n && folded[n - 1] != ' ')
                folded[n++] = ' ';
        } else {
            folded[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        }
    }
    n -= n && folded[n - 1] == ' ';
    *out = slice_of(folded, n);
    return true;
}

/* One pass of the long way: decompose, case-fold, drop, squeeze, encode. */
static bool fold_unicode(struct arena *arena, struct slice text, struct slice *out)
{
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE |
                                UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    utf8proc_ssize_t n_points;
    utf8proc_int32_t *points = decompose(arena, text, options, &n_points);
    utf8proc_ssize_t n = 0;

    if (!points)
        return false;
    for (utf8proc_ssize_t i = 0; i < n_points; i++) {
        if (is_blank(points[i])) {
            if (n && points[n - 1] != ' ')
                points[n++] = ' ';
        } else if (!is_dropped_mark(points[i])) {
            points[n++] = points[i];
        }
    }
    n -= n && points[n - 1] == ' ';
    return encode(points, n, out);
}

bool text_is_valid(struct slice text)
{
    return valid_run(text.data, text.size) == text.size;
}

size_t text_prefix_size(struct slice text, size_t max)
{
    return valid_run(text.data, text.size < max ? text.size : max);
}

bool text_normalise(struct arena *arena, struct slice text, struct slice *out)
{
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_int32_t *points;
    utf8proc_ssize_t n;

    if (!text_is_valid(text))
        return false;
    if (is_composed(text)) {
        *out = text;
        return true;
    }
    points = decompose(arena, text, options, &n);
    return points && encode(points, n, out);
}

bool text_fold(struct arena *arena, struct slice text, struct slice *out)
{
    if (is_ascii(text))
        return fold_ascii(arena, text, out);
    return fold_unicode(arena, text, out);
}

size_t text_width(struct slice text)
{
    size_t position = 0;
    size_t width = 0;

    while (position < text.size) {
        uint8_t lead = text.data[position];

        if (lead >= 0x20 && lead < 0x7F) {
            width++;
            position++;
        } else if (!sequence_size(text.data + position, text.size - position)) {
            width++; /* a terminal shows a stray byte as one replacement character */
            position++;
        } else {
            width += (size_t)utf8proc_charwidth(text_next(text, &position));
        }
    }
    return width;
}

/* Would it move the cursor, end the line, or make the terminal show the text in another order? */
static bool is_harmful(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* The escape of a harmful code point, or of a stray byte. Gives its size, at most ESCAPE_MOST. */
#define ESCAPE_MOST 6
static size_t write_escape(char *out, int32_t c)
{
    char text[16];
    int n;

    if (c == '\n' || c == '\t' || c == '\r')
        n = snprintf(text, sizeof(text), "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    else if (c < 0x100)
        n = snprintf(text, sizeof(text), "\\x%02x", (unsigned)c);
    else
        n = snprintf(text, sizeof(text), "\\u%04x", (unsigned)c);
    memcpy(out, text, (size_t)n);
    return (size_t)n;
}

/* Copy text to out with its escapes, or only count their size where out is NULL. */
static size_t escape(struct slice text, char *out)
{
    size_t position = 0;
    size_t size = 0;

    while (position < text.size) {
        const uint8_t *at = text.data + position;
        size_t step = sequence_size(at, text.size - position);
        int32_t c = at[0];
        char escaped[ESCAPE_MOST];
        const void *from = at;

        if (step)
            c = text_next(text, &position);
        else
            position++;
        if (!step || is_harmful(c)) {
            step = write_escape(escaped, c);
            from = escaped;
        }
        if (out)
            memcpy(out + size, from, step);
        size += step;
    }
    return size;
}

bool text_escape(struct arena *arena, struct slice text, struct slice *out)
{
    size_t size = escape(text, NULL);
    char *copy;

    /* Every escape is longer than what it stands for. */
    if (size == text.size) {
        *out = text;
        return true;
    }
    copy = arena_alloc(arena, size);
    if (!copy)
        return false;
    escape(text, copy);
    *out = slice_of(copy, size);
    return true;
}

/* First and last code points of the scripts without blanks between words, ascending. */
static const int32_t cjk_ranges[][2] = {
    { 0x1100, 0x11FF },                       /* Hangul Jamo */
    { 0x3005, 0x3007 },                       /* 々〆〇 */
    { 0x3041, 0x3096 },                       /* Hiragana */
    { 0x309D, 0x309F },   { 0x30A1, 0x30FA }, /* Katakana, without the middle dot */
    { 0x30FC, 0x30FF },   { 0x3105, 0x318E }, /* Bopomofo, Hangul compatibility Jamo */
    { 0x31A0, 0x31BF },   { 0x31F0, 0x31FF }, { 0x3400, 0x4DBF }, /* Han, extension A */
    { 0x4E00, 0x9FFF },                                           /* Han */
    { 0xA960, 0xA97C },   { 0xAC00, 0xD7FB },                     /* Hangul */
    { 0xF900, 0xFAFF },                                           /* Han, compatibility */
    { 0xFF66, 0xFFDC },                                           /* half width */
    { 0x20000, 0x323AF },                                         /* Han, extensions B to H */
};

bool text_is_cjk(int32_t codepoint)
{
    for (size_t i = 0; i < ARRAY_LEN(cjk_ranges) && codepoint >= cjk_ranges[i][0]; i++) {
        if (codepoint <= cjk_ranges[i][1])
            return true;
    }
    return false;
}

int32_t text_next(struct slice text, size_t *position)
{
    const uint8_t *at = text.data + *position;
    uint8_t lead;

    if (*position >= text.size)
        return -1;
    lead = at[0];
    if (lead < 0x80) {
        *position += 1;
        return lead;
    }
    if (lead < 0xE0) {
        *position += 2;
        return (lead & 0x1F) << 6 | (at[1] & 0x3F);
    }
    if (lead < 0xF0) {
        *position += 3;
        return (lead & 0x0F) << 12 | (at[1] & 0x3F) << 6 | (at[2] & 0x3F);
    }
    *position += 4;
    return (lead & 0x07) << 18 | (at[1] & 0x3F) << 12 | (at[2] & 0x3F) << 6 | (at[3] & 0x3F);
}
