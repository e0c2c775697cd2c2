/*
 * greeting.h - the hellos of both sides: who we are, what the server allows, whether the session goes on
 */
#ifndef CRM_CLIENT_GREETING_H
#define CRM_CLIENT_GREETING_H

#include "client/lib/client.h"

/* Put our hello in line. */
enum crm_status greeting_send(struct crm_client *client) MUST_CHECK;
/* May this call be sent before the server's hello has come? */
bool greeting_may_go_along(const struct crm_client *client, const struct crm_call *call);
/* The server's hello: from now on the channel is ready. false: it cannot be read. */
bool greeting_take(struct crm_client *client, const struct frame *frame, struct failure *failure) MUST_CHECK;

#endif
