/*
 * filter_operand.h - what stands on the right of a comparison; for filter_parse.c only
 */
#ifndef CRM_MODEL_FILTER_OPERAND_H
#define CRM_MODEL_FILTER_OPERAND_H

#include "common/model/filter_node.h"

/* One operand as typed. */
struct filter_operand {
    struct value value;
    int64_t first,
        last; /* days and instants: the period that was named, both inclusive; value is first */
};

/* Are values of this field compared with periods? */
bool filter_is_temporal(const struct field_def *field);

/*
 * Read an operand for a field. The value borrows text or the arena. On failure *failure says what
 * was expected; its position, where not 0, is an offset in text.
 */
enum crm_status filter_operand_parse(const struct filter_subject *subject, struct slice text,
                                     const struct value_context *context, struct arena *arena,
                                     struct filter_operand *out_operand,
                                     struct failure *failure) MUST_CHECK;

#endif
