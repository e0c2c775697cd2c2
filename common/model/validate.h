/*
 * validate.h - what a record must be like, whatever path it came by: types, ranges, lengths, required fields
 *
 * What needs other records (unique values, references that exist) is the engine's; what the business asks for is a rule's.
 */
#ifndef CRM_MODEL_VALIDATE_H
#define CRM_MODEL_VALIDATE_H

#include "common/model/reflect.h"
#include "common/model/schema.h"

#define TEXT_MAX      1024  /* bytes of a text field */
#define TEXT_LONG_MAX 32768 /* with FIELD_LONG */
#define LIST_MAX      1000  /* elements of a list */

/*
 * A body as it came from outside, on its own: well-formed for its descriptor (check_body), text in NFC (rewritten where it was not) without C0 control characters (newline and tab are
 * allowed where FIELD_MULTILINE), choices and ranges, custom values known and of their type, no derived field (unless allow_derived). Gives the canonical body.
 * CRM_INVALID names the field.
 */
enum crm_status validate_input(const struct schema *schema, const struct kind_def *kind, struct slice input, bool allow_derived,
                               struct arena *arena, struct slice *out_body, struct failure *failure) MUST_CHECK;

/* A whole record: every required field is there, list sizes, total size. */
enum crm_status validate_record(const struct schema *schema, const struct kind_def *kind, struct slice body, struct failure *failure) MUST_CHECK;

#endif
