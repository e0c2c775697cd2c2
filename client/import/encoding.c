/*
 * encoding.c - which encoding a text is in, by its first bytes
 *
 * Called by source.c. Pure. A byte order mark says it; without one, zero bytes tell UTF-16, and
 * text that is UTF-8 but for a few bytes is UTF-8 (the rows with those are refused). Of the rest,
 * pairs that are common Chinese characters tell GB18030; what is left is Windows-1252, which holds
 * Latin-1.
 */
#include "client/import/source.h"

static bool has_mark(struct slice begin, const char *mark, size_t size)
{
    return begin.size >= size && memcmp(begin.data, mark, size) == 0;
}

static const char *by_mark(struct slice begin, size_t *out_bom)
{
    static const struct {
        const char *mark;
        size_t size;
        const char *name;
    } marks[] = {
        { "\xef\xbb\xbf", 3, "UTF-8" },    { "\xff\xfe\0\0", 4, "UTF-32LE" },
        { "\0\0\xfe\xff", 4, "UTF-32BE" }, { "\xff\xfe", 2, "UTF-16LE" },
        { "\xfe\xff", 2, "UTF-16BE" },     { "\x84\x31\x95\x33", 4, "GB18030" },
    };

    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (has_mark(begin, marks[i].mark, marks[i].size)) {
            *out_bom = marks[i].size;
            return marks[i].name;
        }
    return NULL;
}

/* In text of any language blanks, digits and separators are many: their upper halves are zero. */
static const char *by_zeroes(struct slice begin)
{
    size_t n[2] = { 0 };

    for (size_t i = 0; i < begin.size; i++)
        n[i & 1] += begin.data[i] == 0;
    if (n[1] > begin.size / 8 && n[0] < n[1] / 4)
        return "UTF-16LE";
    if (n[0] > begin.size / 8 && n[1] < n[0] / 4)
        return "UTF-16BE";
    return NULL;
}

/* Bytes of the UTF-8 character at i; 0: there is none. Cut off at the end counts as whole. */
static size_t utf8_size(struct slice text, size_t i)
{
    uint8_t first = text.data[i];
    size_t size = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;

    for (size_t k = 1; k < size && i + k < text.size; k++)
        if ((text.data[i + k] & 0xc0) != 0x80)
            return 0;
    return size;
}

static bool is_utf8(struct slice begin)
{
    size_t good = 0, bad = 0, size;

    for (size_t i = 0; i < begin.size; i += size ? size : 1) {
        size = utf8_size(begin, i);
        good += size > 1;
        bad += size == 0;
    }
    return bad == 0 || good > 4 * bad;
}

/* GB 2312: rows 16 to 55 are the 3,755 common characters, 1 to 9 signs, 56 to 87 rarer ones. */
static bool is_gb18030(struct slice begin)
{
    size_t common = 0, other = 0, bad = 0;

    for (size_t i = 0; i < begin.size; i++) {
        uint8_t a = begin.data[i], b = i + 1 < begin.size ? begin.data[i + 1] : 0xa1;

        if (a < 0x80)
            continue;
        if (a == 0x80 || a == 0xff || b < 0x30 || b == 0x7f || b == 0xff ||
            (b > 0x39 && b < 0x40)) {
            bad++;
            continue;
        }
        if ((a >= 0xb0 && a <= 0xd7 && b >= 0xa1) || (a >= 0xa1 && a <= 0xa3 && b >= 0xa1))
            common++;
        else
            other++;
        i++;
    }
    return common > 0 && bad * 8 <= common && other <= common;
}

const char *encoding_find(struct slice begin, size_t *out_bom)
{
    const char *name;

    *out_bom = 0;
    name = by_mark(begin, out_bom);
    if (!name)
        name = by_zeroes(begin);
    if (name)
        return name;
    if (is_utf8(begin))
        return "UTF-8";
    return is_gb18030(begin) ? "GB18030" : "WINDOWS-1252";
}
