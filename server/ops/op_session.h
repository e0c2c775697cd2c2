/*
 * op_session.h - what a logged-in client is told about itself, at login and when a hello resumes a session; and passwords that are tried
 */
#ifndef CRM_SERVER_OPS_OP_SESSION_H
#define CRM_SERVER_OPS_OP_SESSION_H

#include "server/ops/op.h"

/* token NULL: none is told. NULL when memory is spent. Strings borrow session. */
Crm__LoginReply *login_reply_create(const struct view *view, const struct session *session, const uint8_t *token, struct arena *arena) MUST_CHECK;
/* A try at a password may begin; login NULL: by who is logged in. CRM_BUSY says when. */
enum crm_status password_admit(struct op_ctx *ctx, const char *login) MUST_CHECK;
/* This user has come in here without a password: strangers who guess at it keep it out no longer. */
void password_know_place(struct throttle *throttle, const char *login, const char *peer, const uint8_t *installation, struct arena *arena);
/* On a worker, after password_admit: is it the password of who is logged in? CRM_BAD_CREDENTIALS, at field. */
enum crm_status password_check_own(struct op_ctx *ctx, const char *password, const char *field) MUST_CHECK;
/* The same, and where a second factor is in force a code of it, which run is to use up (factor_use). CRM_SECOND_FACTOR. */
enum crm_status password_check_with_factor(struct op_ctx *ctx, const char *password, const char *factor) MUST_CHECK;

/* --- op_sessions.c: who is meant */

/* One's own, or with the right to manage users another's. */
enum crm_status op_take_user(struct op_ctx *ctx, protobuf_c_boolean has, ProtobufCBinaryData bytes, struct uuid *out_user) MUST_CHECK;
bool op_may_manage_users(const struct op_ctx *ctx);
/* A user's login, in the arena; "" for who is gone, NULL when memory is spent. */
char *op_login_of(struct op_ctx *ctx, const struct uuid *user) MUST_CHECK;

/* HOST:PORT as people are to give it, in the arena; NULL when memory is spent. */
char *server_address(const struct op_ctx *ctx) MUST_CHECK;

/* Fill an initialised reply. */
bool login_reply_fill(Crm__LoginReply *reply, const struct view *view, const struct session *session, const uint8_t *token, struct arena *arena) MUST_CHECK;

#endif
