/*
 * call.h - between call.c, call_frame.c and call_upload.c
 */
#ifndef CRM_CLIENT_CALL_H
#define CRM_CLIENT_CALL_H

#include "client/lib/client.h"

/* The call is done; its error or reply has been set. */
void call_finish(struct crm_call *call);
/* Stop waiting: the server is told, the call ends with this status (or, a change, with CRM_UNKNOWN). */
void call_abandon(struct crm_call *call, enum crm_status status, const char *text);

#endif
