/*
 * source.h - a file's text as UTF-8, whatever it was written in, seen through a window
 *
 * What cannot be decoded comes out as the byte SOURCE_BAD, which no UTF-8 has: whoever reads a row
 * checks it (text_is_valid) and refuses that row alone. Memory is bounded, whatever the file.
 */
#ifndef CRM_IMPORT_SOURCE_H
#define CRM_IMPORT_SOURCE_H

#include <stdio.h>

#include "common/base/failure.h"

#define SOURCE_LINE_MAX                                                                            \
    ((size_t)1 << 20) /* bytes of a line, and of what is looked at in one piece */
#define SOURCE_BAD 0xff

struct source;

/*
 * path "-": the standard input. encoding: a name that iconv knows; NULL: found by looking.
 * CRM_USAGE: the file cannot be opened, there is no such encoding.
 */
enum crm_status source_open(const char *path, const char *encoding, struct source **out_source,
                            struct failure *failure) MUST_CHECK;
/* The same of what is open already; the source closes it. */
enum crm_status source_from(FILE *take_in, const char *encoding, struct source **out_source,
                            struct failure *failure) MUST_CHECK;
/* Accepts NULL. */
void source_close(struct source *source);

/* "UTF-8", "GB18030" …: what it was read as. */
const char *source_encoding(const struct source *source);
/* The first bytes as they stand in the file. */
struct slice source_begin(const struct source *source);
/* The decoded bytes from here on: at least want (at most 2 * SOURCE_LINE_MAX), unless the end comes
 * first. Until the next call. */
struct slice source_peek(struct source *source, size_t want);
/* Go on behind n bytes of what was seen. */
void source_skip(struct source *source, size_t n);
/*
 * The line that begins at bytes behind here, with its end (LF, CR LF or CR); empty at the end of
 * the file. A line of more than SOURCE_LINE_MAX is cut there: then *out_is_cut. Until the next
 * call.
 */
struct slice source_line(struct source *source, size_t at, bool *out_is_cut);
/* Pass over the rest of a line, with its end. */
void source_skip_line(struct source *source);
/* CRM_IO, CRM_NO_MEMORY: why it ended early. */
enum crm_status source_status(const struct source *source);
/* n times what is read for each byte so far gives how much there will be, of n so far; 0: unknown.
 */
uint64_t source_estimate(const struct source *source, uint64_t n);

/* encoding.c: the name of the encoding of a file that begins so; *out_bom bytes are its mark. */
const char *encoding_find(struct slice begin, size_t *out_bom);

#endif
