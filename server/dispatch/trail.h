/*
 * trail.h - what requests leave in the audit trail: the row of an operation says what, its handler about whom, this is where it happens
 *
 * Private to server/dispatch. Nothing that is to be audited can be forgotten by a handler, and nothing is answered before its entry is durable: of a
 * write it is in the same commit, of what a worker has found out in a commit of its own before the answer leaves.
 */
#ifndef CRM_SERVER_DISPATCH_TRAIL_H
#define CRM_SERVER_DISPATCH_TRAIL_H

#include "server/dispatch/request.h"

/* Has the request, which has succeeded, something to leave? */
bool trail_is_due(const struct request *request);
/* Writer, in the group; nothing where nothing is due. What fails has spoiled the group. */
enum crm_status trail_append(struct request *request, struct change_group *group) MUST_CHECK;
/* After a worker has run what does not write: the entry goes to the writer, whose answer the request then waits for. As writer_submit. */
enum crm_status trail_submit(struct request *request, void (*done)(struct write_job *job, enum crm_status status)) MUST_CHECK;

/* It was turned away with a status; on its io thread. Summed, where it is one that tells of somebody who tries: a wrong password, a right that is missing. */
void trail_refused(struct request *request, enum crm_status status);
/* The same at the gate, before there is a request. */
void trail_refused_at_gate(struct core *core, const struct session *session, const struct op_def *op, const char *peer, enum crm_status status);

#endif
