/*
 * json.h - records as JSON: keys are field names and never change with the locale
 *
 *     {"kind": "deal", "number": "D-17", "id": "0193…", "rev": 3, "name": "…", "amount": {"amount":
 * "1200.50", "currency": "USD"}, "customer": {"kind": "customer", "id": "…", "number": "C-4",
 * "name": "Acme"}, "closed": "2016-11-01", …}
 *
 * Money and decimals are strings, so that no reader rounds them; instants are ISO 8601 with offset;
 * a field without a value is null, an empty list [].
 */
#ifndef CRM_CLI_JSON_H
#define CRM_CLI_JSON_H

#include <jansson.h>

#include "client/cli/cli.h"
#include "common/model/reflect.h"

/* A record with all its fields, or only some where n > 0. NULL when memory is spent; the caller
 * owns it. */
json_t *json_record(const struct cli *cli, const struct record *record,
                    const struct field_def *const *fields, size_t n);
/* One field's value, lists and groups included; null for none. */
json_t *json_field(const struct cli *cli, const struct field_def *field,
                   const struct record *record);
/* One value. */
json_t *json_value(const struct cli *cli, const struct field_def *field, const struct value *value);
/* {"kind", "id", "number", "name"}: what a reference points at. */
json_t *json_ref(const struct cli *cli, const struct uuid *id);
/* Print take_value as one line, or indented, and free it. CRM_NO_MEMORY for NULL, CRM_IO when it
 * cannot be written. */
enum crm_status json_print(FILE *out, json_t *take_value, bool indented) MUST_CHECK;

/* The plain text of a JSON scalar, money object or reference object, as `field=value` would have
 * it; in the arena. CRM_INVALID for anything else. */
enum crm_status json_to_text(json_t *json, struct arena *arena, struct slice *out_text,
                             struct failure *failure) MUST_CHECK;

#endif
