/*
 * token.h - page tokens: where a list goes on, bound to user and query, and not to be forged
 *
 *     version u8 ‖ expires i64 ‖ seq u64 ‖ position … ‖ HMAC-SHA-256 over all of it, user and query, first 16 bytes
 */
#ifndef CRM_SERVER_OPS_TOKEN_H
#define CRM_SERVER_OPS_TOKEN_H

#include "server/ops/op.h"

#define TOKEN_KEPT_US INT64_C(3600000000)

/* query: the packed request without token and limit. */
enum crm_status token_make(struct op_ctx *ctx, struct slice query, struct slice position, uint64_t seq, ProtobufCBinaryData *out_token) MUST_CHECK;
/* CRM_INVALID for what is none, another's, another query's; CRM_GONE for an old one. Slices borrow token. */
enum crm_status token_open(struct op_ctx *ctx, struct slice query, struct slice token, struct slice *out_position, uint64_t *out_seq) MUST_CHECK;

#endif
