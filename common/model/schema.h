/*
 * schema.h - the fields of a kind as they are now: the table's plus the custom ones of an installation
 *
 * A schema is immutable once built: the server swaps a new one in when a field definition changes, the client builds one from
 * `describe`. Everybody who asks for a field asks here, so built-in and custom fields are treated alike.
 */
#ifndef CRM_MODEL_SCHEMA_H
#define CRM_MODEL_SCHEMA_H

#include "common/base/arena.h"
#include "common/base/failure.h"
#include "common/base/uuid.h"
#include "common/model/kind.h"

#define CUSTOM_FIELDS_MAX 200 /* a kind */

struct schema; /* counted, immutable */

/* The table alone, without custom fields, level 0. */
enum crm_status schema_create(struct schema **out_schema) MUST_CHECK;
/* While it is being built, by one owner: a custom field from its definition (definition->number set). Names must be new. */
enum crm_status schema_add(struct schema *schema, const Crm__FieldDefinition *definition, struct failure *failure) MUST_CHECK;
void schema_set_level(struct schema *schema, uint64_t level);
uint64_t schema_level(const struct schema *schema);
struct schema *schema_ref(struct schema *schema);
void schema_unref(struct schema *schema);

/* Built-in, header and custom fields; NULL if there is none. Lives as long as the schema. */
const struct field_def *schema_field(const struct schema *schema, const struct kind_def *kind, uint32_t ref);
/* By name or label, either language, folded. */
const struct field_def *schema_field_by_name(const struct schema *schema, const struct kind_def *kind, const char *name);
/* The name that is most like a mistyped one, of any kind where kind is NULL; NULL if none is near. Of the header none. */
const char *schema_suggest(const struct schema *schema, const struct kind_def *kind, const char *name);
/* The kind's fields in display order, n from 0: the table's, then custom ones, then the header's. NULL behind the last. */
const struct field_def *schema_field_at(const struct schema *schema, const struct kind_def *kind, size_t n);
/* May the planner use the index of this field? Built-in: by its flags; custom: when its definition says that the index is complete. */
bool schema_index_is_ready(const struct schema *schema, const struct kind_def *kind, const struct field_def *field);

#endif
