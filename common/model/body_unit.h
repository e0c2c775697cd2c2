/*
 * body_unit.h - a canonical body as a stream of what field references name (private to
 * common/model)
 *
 * A unit is all occurrences of one tag, or one custom value. Units ascend, so difference, patch,
 * masks and overlay are merges of streams.
 */
#ifndef CRM_MODEL_BODY_UNIT_H
#define CRM_MODEL_BODY_UNIT_H

#include "common/model/body.h"

#define UNIT_END   UINT64_MAX /* order of the unit behind the last one */
#define TAG_MAX    799u       /* field references above it are the header's and custom fields' */
#define CUSTOM_MAX 64535u     /* field references have 16 bits in index keys */

struct body_unit {
    uint64_t order; /* place on the wire: tag, then number of a custom value */
    uint32_t ref;
    struct slice raw; /* the field or fields as they stand */
};

struct body_units {
    struct slice body;
    size_t position;
    struct body_unit unit; /* the one under the cursor */
    bool is_bad;           /* not well-formed or not canonical: the stream has ended there */
};

/* On the first unit. */
void body_units_begin(struct body_units *units, struct slice body);
void body_units_next(struct body_units *units);

/* The number within a packed CustomValue; 0 where it has none that can be. */
uint32_t body_custom_number(struct slice content);

#endif
