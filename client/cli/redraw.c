/*
 * redraw.c - how much of the screen a text takes
 *
 * Called by first.c; pure.
 */
#include "client/cli/redraw.h"

#include <string.h>

#include "common/base/text.h"

#define ESCAPE '\033'

/* The bytes of a control sequence (ESC [ … letter) at the start of text. */
static size_t escape_size(const uint8_t *text, size_t size)
{
    size_t n = 2;

    if (size < 2 || text[1] != '[')
        return 1;
    while (n < size && (text[n] < '@' || text[n] > '~'))
        n++;
    return n < size ? n + 1 : n;
}

/* Columns of a line without its end. */
static size_t line_width(const uint8_t *line, size_t size)
{
    size_t width = 0, at = 0;

    while (at < size) {
        const uint8_t *escape = memchr(line + at, ESCAPE, size - at);
        size_t end = escape ? (size_t)(escape - line) : size;

        width += text_width(slice_of(line + at, end - at));
        at = escape ? end + escape_size(escape, size - end) : end;
    }
    return width;
}

size_t redraw_lines(struct slice text, size_t columns)
{
    size_t lines = 0, start = 0;

    for (size_t i = 0; i < text.size; i++) {
        size_t width;

        if (text.data[i] != '\n')
            continue;
        width = line_width(text.data + start, i - start);
        lines += width > columns && columns > 0 ? (width + columns - 1) / columns : 1;
        start = i + 1;
    }
    return lines;
}

/* The lines that both begin with, in bytes. */
static size_t common_lines(struct slice a, struct slice b)
{
    size_t common = 0;

    for (size_t i = 0; i < a.size && i < b.size && a.data[i] == b.data[i]; i++)
        if (a.data[i] == '\n')
            common = i + 1;
    return common;
}

struct redraw_plan redraw_choose(struct slice older, struct slice newer, const struct screen *screen)
{
    struct redraw_plan plan = { .how = REDRAW_NOTHING, .common = common_lines(older, newer) };

    if (older.size == newer.size && (newer.size == 0 || memcmp(older.data, newer.data, newer.size) == 0))
        return plan;
    plan.up = redraw_lines(slice_of(older.data + plan.common, older.size - plan.common), screen->columns);
    plan.how = plan.up == 0 || (screen->has_cursor && plan.up < screen->rows) ? REDRAW_OVER : REDRAW_BELOW;
    return plan;
}
