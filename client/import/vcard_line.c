/*
 * vcard_line.c - see vcard_line.h
 *
 * Called by vcard.c; one thread. Takes what programs write besides what RFC 2426 and 6350 and the
 * vCard 2.1 paper say: folded lines with and without their blank, quoted-printable in any charset.
 */
#include "client/import/vcard_line.h"

#include <ctype.h>
#include <iconv.h>

#include "common/base/text.h"

/* --- physical lines into a logical one */

static size_t without_end(struct slice line)
{
    while (line.size > 0 && strchr("\r\n", line.data[line.size - 1]))
        line.size--;
    return line.size;
}

/* Append a physical line from its byte skip on, as far as there is room, and take it. */
static enum crm_status take_line(struct grid *grid, struct buf *text, size_t skip, bool *is_cut)
{
    bool is_long;
    struct slice line = source_line(grid->source, 0, &is_long);
    size_t size = without_end(line), room = VCARD_LINE_MAX - text->size;

    *is_cut = *is_cut || is_long || size - skip > room;
    if (size > skip && buf_append(text, line.data + skip, size - skip < room ? size - skip : room) != CRM_OK)
        return CRM_NO_MEMORY;
    source_skip(grid->source, line.size);
    if (is_long)
        source_skip_line(grid->source);
    return CRM_OK;
}

static bool is_quoted_printable(const struct buf *text)
{
    struct slice line = buf_slice(text);
    const uint8_t *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
    static const char word[] = "QUOTED-PRINTABLE";

    for (const uint8_t *at = line.data; colon && at + sizeof(word) - 1 <= colon; at++)
        if (strncasecmp((const char *)at, word, sizeof(word) - 1) == 0)
            return true;
    return false;
}

static enum crm_status take_logical(struct grid *grid, struct buf *text, bool is_21, uint64_t *line, bool *is_cut)
{
    enum crm_status status = take_line(grid, text, 0, is_cut);
    bool is_soft, is_long, is_qp = is_quoted_printable(text);

    ++*line;
    while (!status) {
        struct slice next = source_line(grid->source, 0, &is_long);

        is_soft = is_qp && text->size > 0 && buf_slice(text).data[text->size - 1] == '=';
        if (next.size == 0 || (!is_soft && *next.data != ' ' && *next.data != '\t'))
            break;
        if (is_soft)
            buf_truncate(text, text->size - 1);
        status = take_line(grid, text, is_soft || is_21 ? 0 : 1, is_cut);
        ++*line;
    }
    return status;
}

/* --- decoding */

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static struct slice decode_quoted(struct arena *arena, struct slice text)
{
    uint8_t *out = arena_alloc(arena, text.size + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < text.size; i++) {
        int high = text.data[i] == '=' && i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;

        out[n++] = low >= 0 ? (uint8_t)(high * 16 + low) : text.data[i];
        i += low >= 0 ? 2 : 0;
    }
    return slice_of(out, out ? n : 0);
}

/* What the charset does not know stays, and the row is refused for it. */
static struct slice decode_charset(struct arena *arena, struct slice text, const char *charset)
{
    iconv_t decoder = iconv_open("UTF-8", charset);
    size_t left = text.size, room = text.size * 4 + 1;
    char *out = arena_alloc(arena, room), *to = out, *from = (char *)(uintptr_t)text.data;
    size_t result = (size_t)-1;

    if (decoder != (iconv_t)-1 && out)
        result = iconv(decoder, &from, &left, &to, &room);
    if (decoder != (iconv_t)-1)
        iconv_close(decoder);
    return result == (size_t)-1 ? text : slice_of(out, (size_t)(to - out));
}

static const char *charset_of(const struct vcard_property *property, struct arena *arena)
{
    const char *at = strstr(property->params, "CHARSET="), *begin = at ? at + strlen("CHARSET=") : NULL;

    return begin ? arena_strndup(arena, begin, strcspn(begin, ";:\",")) : "WINDOWS-1252";
}

static void decode_value(struct grid *grid, struct vcard_property *property)
{
    const char *charset;

    if (!strstr(property->params, "QUOTED-PRINTABLE"))
        return;
    property->value = decode_quoted(&grid->arena, property->value);
    charset = charset_of(property, &grid->arena);
    if (charset && !text_is_valid(property->value))
        property->value = decode_charset(&grid->arena, property->value, charset);
}

/* Where the name and its parameters end; size: there is no ':'. */
static size_t find_colon(struct slice line)
{
    bool is_quoted = false;

    for (size_t i = 0; i < line.size; i++) {
        is_quoted = line.data[i] == '"' ? !is_quoted : is_quoted;
        if (line.data[i] == ':' && !is_quoted)
            return i;
    }
    return line.size;
}

static char *capitals(struct arena *arena, const uint8_t *text, size_t size)
{
    char *copy = arena_strndup(arena, text, size);

    for (char *at = copy; at && *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return copy;
}

static bool parse(struct grid *grid, struct slice line, struct vcard_property *property)
{
    size_t colon = find_colon(line), name = 0, group;

    if (colon == line.size)
        return true;
    while (name < colon && line.data[name] != ';')
        name++;
    for (group = name; group > 0 && line.data[group - 1] != '.';)
        group--;
    property->params = capitals(&grid->arena, line.data + name, colon - name);
    property->value = slice_of(arena_memdup(&grid->arena, line.data + colon + (colon + 1 < line.size), line.size - colon - 1), line.size - colon - 1);
    property->name = capitals(&grid->arena, line.data + group, name - group);
    if (!property->name || !property->params || !property->value.data)
        return false;
    decode_value(grid, property);
    return true;
}

enum crm_status vcard_next(struct grid *grid, struct buf *text, bool is_21, uint64_t *line, struct vcard_property *out_property, bool *out_is_end)
{
    bool is_long;
    enum crm_status status;

    *out_property = (struct vcard_property){ .name = NULL };
    *out_is_end = source_line(grid->source, 0, &is_long).size == 0;
    if (*out_is_end)
        return CRM_OK;
    buf_consume(text, text->size);
    status = take_logical(grid, text, is_21, line, &out_property->is_cut);
    if (status)
        return status;
    return parse(grid, buf_slice(text), out_property) ? CRM_OK : CRM_NO_MEMORY;
}

/* --- values */

bool vcard_has_param(const struct vcard_property *property, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = property->params; (at = strstr(at, word)); at += size)
        if (at > property->params && strchr(";=,\"", at[-1]) && (at[size] == '\0' || strchr(";,\"", at[size])))
            return true;
    return false;
}

struct slice vcard_unescape(struct arena *arena, struct slice text)
{
    uint8_t *out = arena_alloc(arena, text.size + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c == '\\' && i + 1 < text.size && strchr("nN\\;,:", text.data[i + 1])) {
            c = text.data[++i];
            c = c == 'n' || c == 'N' ? '\n' : c;
        }
        out[n++] = c;
    }
    return slice_of(out, out ? n : 0);
}

size_t vcard_split(struct arena *arena, struct slice value, struct slice parts[VCARD_PARTS])
{
    uint8_t *copy = arena_memdup(arena, value.size ? value.data : (const uint8_t *)"", value.size + (value.size == 0));
    size_t n = 0, begin = 0;

    if (!copy)
        return 0;
    for (size_t i = 0; i <= value.size && n < VCARD_PARTS; i++) {
        if (i < value.size && copy[i] == '\\') {
            i++;
            continue;
        }
        if (i < value.size && copy[i] == ',')
            copy[i] = ' ';
        if (i < value.size && copy[i] != ';')
            continue;
        parts[n++] = vcard_unescape(arena, slice_of(copy + begin, i - begin));
        begin = i + 1;
    }
    return n;
}
