/*
 * op_session.h - what a logged-in client is told about itself: at login and when a hello resumes a session
 */
#ifndef CRM_SERVER_OPS_OP_SESSION_H
#define CRM_SERVER_OPS_OP_SESSION_H

#include "server/session/session.h"

/* token NULL: none is told. NULL when memory is spent. Strings borrow session. */
Crm__LoginReply *login_reply_create(const struct view *view, const struct session *session, const uint8_t *token, struct arena *arena) MUST_CHECK;
/* Fill an initialised reply. */
bool login_reply_fill(Crm__LoginReply *reply, const struct view *view, const struct session *session, const uint8_t *token, struct arena *arena) MUST_CHECK;

#endif
