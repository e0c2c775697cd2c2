/*
 * text.h - UTF-8: checked at the border, stored in NFC, compared and searched folded, shown with its width
 *
 * utf8proc does the Unicode; pure ASCII takes a short way round it.
 */
#ifndef CRM_BASE_TEXT_H
#define CRM_BASE_TEXT_H

#include "common/base/arena.h"

/* Well-formed UTF-8 (RFC 3629: no overlong form, no surrogate) without NUL. */
bool text_is_valid(struct slice text);
/* The longest valid prefix of at most max bytes that ends between two characters. */
size_t text_prefix_size(struct slice text, size_t max);
/* NFC. false when memory is spent or text is not valid. out may be the input itself where nothing changes. */
bool text_normalise(struct arena *arena, struct slice text, struct slice *out) MUST_CHECK;
/* Folded for comparing: NFKD, case folded, marks (accents) and ignorables dropped, full width to half, runs of white space to one
 * blank, none at the ends. "  Straße ＡＢＣ é" gives "strasse abc e". */
bool text_fold(struct arena *arena, struct slice text, struct slice *out) MUST_CHECK;
/* Columns on a terminal: wide characters count 2, marks 0. */
size_t text_width(struct slice text);
/* For a terminal: C0, C1, DEL and bidirectional controls as \n, \t, \x1b, \u202e; the rest as it is. */
bool text_escape(struct arena *arena, struct slice text, struct slice *out) MUST_CHECK;
/* A Chinese, Japanese or Korean character that search treats by bigrams. */
bool text_is_cjk(int32_t codepoint);
/* Next code point at *position (advanced); -1 at the end. text must be valid. */
int32_t text_next(struct slice text, size_t *position);

#endif
