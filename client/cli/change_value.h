/*
 * change_value.h - one value of a change: what a person typed, or JSON, to a value or a group's
 * element (within change.c's module)
 */
#ifndef CRM_CLI_CHANGE_VALUE_H
#define CRM_CLI_CHANGE_VALUE_H

#include "client/cli/change.h"
#include "client/cli/json.h"

/* A single value; references are looked up. The value borrows text and the change's arena. */
enum crm_status change_value(struct change *change, const struct field_def *field,
                             struct slice text, struct value *out_value,
                             struct failure *failure) MUST_CHECK;
/* An element of a group from a JSON object; an id is made where it has none. */
enum crm_status change_group_json(struct change *change, struct body_builder *builder,
                                  const struct field_def *field, json_t *object,
                                  struct failure *failure) MUST_CHECK;
/* The same from text: an object, a list of objects (set only), or for CHANGE_REMOVE the element's
 * id. */
enum crm_status change_group_text(struct change *change, struct body_builder *builder,
                                  const struct field_def *field, enum change_op op,
                                  struct slice text, struct failure *failure) MUST_CHECK;

#endif
