/*
 * conflict_view.h - what the server has not taken of one's changes: asked for, and in words
 */
#ifndef CRM_CLI_CONFLICT_VIEW_H
#define CRM_CLI_CONFLICT_VIEW_H

#include <jansson.h>

#include "client/cli/cli.h"
#include "common/model/record.h"

struct conflict_list {
    Crm__Conflict **items; /* in cli->arena, the oldest first */
    size_t n;
};

/* One's own that are open, with the names of what they refer to; record NULL: on all records. */
enum crm_status conflict_fetch(struct cli *cli, const struct uuid *record, struct conflict_list *out_list) MUST_CHECK;
/* Of the record by itself; nil where the message has none. */
struct uuid conflict_record_id(const Crm__Conflict *conflict);

/* "C-17 Acme"; of one that is gone the end of its id. In the arena, as all that follows. */
const char *conflict_record_text(struct cli *cli, const Crm__Conflict *conflict);
/* NULL: a field that this client does not know. */
const struct field_def *conflict_field(const struct cli *cli, const Crm__Conflict *conflict, uint32_t ref);
/* The field's label, or its number. */
const char *conflict_field_label(struct cli *cli, const Crm__Conflict *conflict, uint32_t ref);
/* A record that holds one value alone, to be read as any other. */
struct record conflict_alone(const Crm__Conflict *conflict, uint32_t ref, ProtobufCBinaryData value);
/* For people; "–" for no value, and where it may not be read. */
const char *conflict_value_text(struct cli *cli, const Crm__Conflict *conflict, uint32_t ref, bool has, ProtobufCBinaryData value);
/* "2016-11-01 09:30": when its author made it. */
const char *conflict_time_text(struct cli *cli, const Crm__Conflict *conflict);
/* Why it was not taken. */
const char *conflict_why_text(struct cli *cli, const Crm__Conflict *conflict);
/* What an action that was refused as a whole was asked for: "stage=Won". */
const char *conflict_wanted_text(struct cli *cli, const Crm__Conflict *conflict);
/* For programs. NULL when memory is spent; the caller owns it. */
json_t *conflict_object(struct cli *cli, const Crm__Conflict *conflict);

#endif
