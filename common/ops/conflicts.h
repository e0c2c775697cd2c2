/*
 * conflicts.h - what was not taken of one's own changes, as it is told: with what the records have by now
 *
 * Answers sync.conflicts on the server and on a replica.
 */
#ifndef CRM_OPS_CONFLICTS_H
#define CRM_OPS_CONFLICTS_H

#include "common/engine/conflict.h"
#include "common/ops/ask.h"

/* A value as FieldConflict has it: a record's owner or team, or the field alone. In the arena, or borrowed from body. */
enum crm_status conflict_value(const struct record *record, uint32_t ref, struct arena *arena, ProtobufCBinaryData *out_value) MUST_CHECK;

/* A kept conflict gets what the record has, and loses what may not be read any more. seen: with the eyes of its author; says whether the record is there. */
enum crm_status conflict_complete(const struct view *seen, Crm__Conflict *conflict, struct arena *arena) MUST_CHECK;

/* A page of the asking user's conflicts, with the titles of the records. */
enum crm_status conflicts_list(struct ask *ask, const Crm__ConflictsRequest *request, Crm__ConflictsReply *reply) MUST_CHECK;
/* The record that a request is about, if it names one; nil otherwise. */
enum crm_status conflicts_record(struct ask *ask, const Crm__ConflictsRequest *request, struct uuid *out_record) MUST_CHECK;

#endif
