/*
 * wire.h - what several operations of the server have in common beside common/ops: changes as messages, the past, scopes
 */
#ifndef CRM_SERVER_OPS_WIRE_H
#define CRM_SERVER_OPS_WIRE_H

#include "common/engine/grant.h"
#include "common/ops/answer.h"
#include "common/ops/ask.h"
#include "server/ops/op.h"

/* What happened to a record, without its field values; ids borrow event. */
void wire_change(Crm__Change *change, const struct change_event *event);

/* A share; rights GRANT_NONE: one that was taken away. In the arena; NULL when memory is spent. */
Crm__Share *wire_share(const struct grant *grant, struct arena *arena) MUST_CHECK;

/* What as_of of a request means as a seq; 0: now. CRM_GONE, CRM_INVALID. */
enum crm_status wire_as_of(struct op_ctx *ctx, const Crm__AsOf *as_of, uint64_t *out_seq) MUST_CHECK;

/*
 * A record as it was at seq, its body in the turn's scratch; *out_existed: was it there? What that takes on the way is given back at once. In one turn at
 * most REWIND_ROWS: so many bodies fit, however large.
 */
enum crm_status wire_rewind(struct op_ctx *ctx, uint64_t seq, struct record *record, bool *out_existed) MUST_CHECK;
#define REWIND_ROWS 100

/* What a handler reads with, for common/ops. Not before login. */
struct ask op_ask(struct op_ctx *ctx);

/* Where to look for what who asks may read of a kind. */
enum crm_status wire_scope(struct op_ctx *ctx, const struct kind_def *kind, const struct list_scope **out_scope) MUST_CHECK;

#endif
