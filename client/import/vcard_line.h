/*
 * vcard_line.h - one property of a vCard: unfolded, decoded (within vcard.c's module)
 */
#ifndef CRM_IMPORT_VCARD_LINE_H
#define CRM_IMPORT_VCARD_LINE_H

#include "client/import/grid_inside.h"
#include "common/base/buf.h"

#define VCARD_LINE_MAX GRID_CELL_MAX /* of a property that is kept; longer ones (photos) are cut */
#define VCARD_PARTS    8

struct vcard_property {
    const char *name;   /* in capitals, without its group; NULL: the line is none */
    const char *params; /* in capitals: ";HOME;TYPE=\"WORK,VOICE\"" */
    struct slice value; /* UTF-8 as far as it could be decoded, escapes as they stand */
    bool is_cut;        /* it was longer than VCARD_LINE_MAX */
};

/* The next logical line; everything in the grid's arena. *line is advanced by the physical lines
 * taken. *out_is_end at the end of the file. */
enum crm_status vcard_next(struct grid *grid, struct buf *text, bool is_21, uint64_t *line,
                           struct vcard_property *out_property, bool *out_is_end) MUST_CHECK;
/* Is word among the parameters: ";FAX", ";TYPE=HOME,FAX"? */
bool vcard_has_param(const struct vcard_property *property, const char *word);
/* The value's parts between ';', without escapes; returns how many. A ',' that is not escaped becomes a blank. */
size_t vcard_split(struct arena *arena, struct slice value, struct slice parts[VCARD_PARTS]);
/* Without escapes. NULL data when memory is spent. */
struct slice vcard_unescape(struct arena *arena, struct slice text);

#endif
