/*
 * source.c - see source.h
 *
 * Called by the formats of a grid; any one thread. Owns the file.
 */
#include "client/import/source.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/buf.h"

#define LOOK_BYTES ((size_t)256 << 10) /* of the file's beginning, to find its encoding */
#define READ_BYTES ((size_t)64 << 10)
#define WINDOW_MAX (2 * SOURCE_LINE_MAX + 8 * READ_BYTES)

struct source {
    FILE *in;
    char encoding[32];
    iconv_t decoder;   /* (iconv_t)-1: it is UTF-8 already */
    size_t unit;       /* bytes that are passed over where nothing can be decoded */
    struct buf raw;    /* read, not decoded yet */
    struct buf window; /* decoded, not taken yet */
    uint8_t begin[LOOK_BYTES];
    size_t begin_size;
    uint64_t n_read; /* bytes of the file */
    uint64_t size;   /* of the file; 0: not known */
    bool is_at_end;  /* of the file; what is in raw is the last */
    enum crm_status status;
};

static void set_size(struct source *source)
{
    struct stat info;
    int fd = fileno(source->in);

    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        source->size = (uint64_t)info.st_size;
}

static enum crm_status set_encoding(struct source *source, const char *encoding,
                                    struct failure *failure)
{
    size_t bom = 0;
    const char *found = encoding_find(slice_of(source->begin, source->begin_size), &bom);

    if (encoding && bom > 0 && strcasecmp(encoding, found) != 0)
        bom = strcasecmp(found, "UTF-8") == 0 ? bom : 0;
    snprintf(source->encoding, sizeof(source->encoding), "%s", encoding ? encoding : found);
    source->unit = strncasecmp(source->encoding, "UTF-16", 6) == 0   ? 2
                   : strncasecmp(source->encoding, "UTF-32", 6) == 0 ? 4
                                                                     : 1;
    if (strcasecmp(source->encoding, "UTF-8") != 0) {
        source->decoder = iconv_open("UTF-8", source->encoding);
        if (source->decoder == (iconv_t)-1)
            return fail(failure, CRM_USAGE, NULL, "there is no encoding '%.40s'", source->encoding);
    }
    return buf_append(&source->raw, source->begin + bom, source->begin_size - bom)
               ? fail(failure, CRM_NO_MEMORY, NULL, "out of memory")
               : CRM_OK;
}

enum crm_status source_from(FILE *take_in, const char *encoding, struct source **out_source,
                            struct failure *failure)
{
    struct source *source = calloc(1, sizeof(*source));
    enum crm_status status;

    if (!source) {
        if (take_in != stdin)
            fclose(take_in);
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    source->in = take_in;
    source->decoder = (iconv_t)-1;
    buf_init(&source->raw, LOOK_BYTES + READ_BYTES);
    buf_init(&source->window, WINDOW_MAX);
    set_size(source);
    source->begin_size = fread(source->begin, 1, sizeof(source->begin), source->in);
    source->n_read = source->begin_size;
    source->is_at_end = source->begin_size < sizeof(source->begin);
    if (ferror(source->in))
        status = fail(failure, CRM_IO, NULL, "it cannot be read: %s", strerror(errno));
    else
        status = set_encoding(source, encoding, failure);
    if (status)
        source_close(source);
    else
        *out_source = source;
    return status;
}

enum crm_status source_open(const char *path, const char *encoding, struct source **out_source,
                            struct failure *failure)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

    if (!in)
        return fail(failure, CRM_USAGE, NULL, "%.200s: %s", path, strerror(errno));
    return source_from(in, encoding, out_source, failure);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->decoder != (iconv_t)-1)
        iconv_close(source->decoder);
    if (source->in != stdin)
        fclose(source->in);
    buf_fini(&source->raw);
    buf_fini(&source->window);
    free(source);
}

const char *source_encoding(const struct source *source)
{
    return source->encoding;
}

struct slice source_begin(const struct source *source)
{
    return slice_of(source->begin, source->begin_size);
}

static void read_more(struct source *source)
{
    uint8_t *room = buf_reserve(&source->raw, READ_BYTES);
    size_t n;

    if (!room) {
        source->status = CRM_NO_MEMORY;
        return;
    }
    n = fread(room, 1, READ_BYTES, source->in);
    buf_commit(&source->raw, n);
    source->n_read += n;
    source->is_at_end = n < READ_BYTES;
    if (ferror(source->in))
        source->status = CRM_IO;
}

static void append(struct source *source, const void *data, size_t size)
{
    if (buf_append(&source->window, data, size) != CRM_OK)
        source->status = CRM_NO_MEMORY;
}

/* One bad character: the mark of one, and go on behind it. */
static void pass_bad(struct source *source)
{
    const uint8_t bad = SOURCE_BAD;

    append(source, &bad, 1);
    buf_consume(&source->raw, source->raw.size < source->unit ? source->raw.size : source->unit);
}

static void convert(struct source *source)
{
    static char out[4 * READ_BYTES];
    char *from, *to = out;
    size_t left = source->raw.size < READ_BYTES ? source->raw.size : READ_BYTES, room = sizeof(out);
    size_t given = left, result;

    from = (char *)(uintptr_t)buf_slice(&source->raw).data;
    result = iconv(source->decoder, &from, &left, &to, &room);
    append(source, out, (size_t)(to - out));
    buf_consume(&source->raw, given - left);
    if (result != (size_t)-1 || errno == E2BIG)
        return;
    /* Cut off: more may come; at the end of the file, or in the middle of what was given, it is
     * bad. */
    if (errno == EINVAL && source->raw.size <= 16 && !source->is_at_end)
        read_more(source);
    else if (errno == EILSEQ || (errno == EINVAL && source->raw.size <= 16))
        pass_bad(source);
}

static void decode(struct source *source)
{
    if (source->decoder != (iconv_t)-1) {
        convert(source);
        return;
    }
    append(source, buf_slice(&source->raw).data, source->raw.size);
    buf_consume(&source->raw, source->raw.size);
}

struct slice source_peek(struct source *source, size_t want)
{
    if (want > 2 * SOURCE_LINE_MAX)
        want = 2 * SOURCE_LINE_MAX;
    while (source->window.size < want && !source->status) {
        if (source->raw.size == 0 && source->is_at_end)
            break;
        if (source->raw.size == 0)
            read_more(source);
        if (source->raw.size > 0)
            decode(source);
    }
    return buf_slice(&source->window);
}

void source_skip(struct source *source, size_t n)
{
    buf_consume(&source->window, n < source->window.size ? n : source->window.size);
}

/* Where the line's end begins, from at on; seen.size: it is not in there. */
static size_t line_end(struct slice seen, size_t at)
{
    const uint8_t *lf = at < seen.size ? memchr(seen.data + at, '\n', seen.size - at) : NULL;
    size_t end = lf ? (size_t)(lf - seen.data) : seen.size;
    const uint8_t *cr = at < end ? memchr(seen.data + at, '\r', end - at) : NULL;

    return cr ? (size_t)(cr - seen.data) : end;
}

struct slice source_line(struct source *source, size_t at, bool *out_is_cut)
{
    struct slice seen = source_peek(source, at + 2);
    size_t end = line_end(seen, at), looked;

    while (end == seen.size && seen.size - at < SOURCE_LINE_MAX) {
        looked = seen.size;
        seen = source_peek(source, looked + 1);
        if (seen.size == looked)
            break;
        end = line_end(seen, looked);
    }
    if (at >= seen.size) {
        *out_is_cut = false;
        return slice_of(NULL, 0);
    }
    if (end + 1 == seen.size && seen.data[end] == '\r')
        seen = source_peek(source, end + 2);
    if (end < seen.size)
        end += seen.data[end] == '\r' && end + 1 < seen.size && seen.data[end + 1] == '\n' ? 2 : 1;
    *out_is_cut = end - at > SOURCE_LINE_MAX || (end == seen.size && end - at >= SOURCE_LINE_MAX);
    return slice_of(seen.data + at, end - at < SOURCE_LINE_MAX ? end - at : SOURCE_LINE_MAX);
}

void source_skip_line(struct source *source)
{
    bool is_cut = true;

    while (is_cut) {
        size_t size = source_line(source, 0, &is_cut).size;

        source_skip(source, size);
    }
}

enum crm_status source_status(const struct source *source)
{
    return source->status;
}

uint64_t source_estimate(const struct source *source, uint64_t n)
{
    uint64_t taken = source->n_read - source->raw.size;

    if (source->size == 0 || taken == 0)
        return 0;
    taken = taken > source->window.size ? taken - source->window.size : 1;
    return (uint64_t)((double)n * (double)source->size / (double)taken);
}
