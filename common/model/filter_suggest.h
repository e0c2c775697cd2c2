/*
 * filter_suggest.h - "did you mean …?"
 */
#ifndef CRM_MODEL_FILTER_SUGGEST_H
#define CRM_MODEL_FILTER_SUGGEST_H

#include "common/model/schema.h"

/* The field whose name or label is nearest to what was typed, NULL if none is near. */
const struct field_def *filter_suggest_field(const struct schema *schema,
                                             const struct kind_def *kind, const char *typed);
/* The same for a choice of a field. */
const struct choice_def *filter_suggest_choice(const struct field_def *field, struct slice typed);

#endif
