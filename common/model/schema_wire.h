/*
 * schema_wire.h - a schema from what the server's describe says
 */
#ifndef CRM_MODEL_SCHEMA_WIRE_H
#define CRM_MODEL_SCHEMA_WIRE_H

#include "common/model/schema.h"
#include "proto/wire.pb-c.h"

/*
 * The built-in fields with the custom ones of a reply that names all kinds. Kinds and built-in fields that this build does not know are passed over. arena is
 * for what is needed on the way. *out_schema is the caller's to unref.
 */
enum crm_status schema_from_describe(const Crm__DescribeReply *reply, struct arena *arena, struct schema **out_schema, struct failure *failure) MUST_CHECK;

#endif
