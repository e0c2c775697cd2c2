/*
 * merge.h - three states of a record into one: what somebody changed offline, and what others have changed meanwhile
 *
 * By field. What only one of the two has changed is taken; sets and lists merge by element; a long text to which both have appended keeps both; where both
 * have set the same field to different values the field's policy decides (kind.h: the last writer, the larger), and without one the record
 * stays as it is and the field is in conflict. Money, stage and the like never merge (MERGE_NEVER). Pure; on the server for a mutation that comes late, on a
 * replica to carry pending changes over to what the server sent (DESIGN section 9).
 */
#ifndef CRM_MODEL_MERGE_H
#define CRM_MODEL_MERGE_H

#include "common/model/body.h"
#include "common/model/schema.h"

struct merge_input {
    const struct schema *schema;
    const struct kind_def *kind;
    struct slice base;              /* canonical: the fields that patch touches as its author saw them; one that is missing had no value */
    const struct body_patch *patch; /* what the author wants */
    struct slice now;               /* the record's body as it is */
};

struct merge_result {
    struct body_patch patch;    /* what is to be applied to now */
    struct field_set touched;   /* what the author's patch is about */
    struct field_set merged;    /* both have changed it, and both changes are in patch */
    struct field_set conflicts; /* both have changed it, and now stays */
    struct slice refused;       /* canonical: what the author wanted of the fields in conflict */
};

/* Everything lives in the arena, or is borrowed from input. */
enum crm_status merge_patch(struct arena *arena, const struct merge_input *input, struct merge_result *out_result) MUST_CHECK;

/* Is a field's value the same in two bodies that have it alone? What the server derives of an amount does not count. */
bool merge_same(const struct field_def *field, struct slice a, struct slice b);

#endif
