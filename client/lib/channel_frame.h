/*
 * channel_frame.h - one frame from the server
 */
#ifndef CRM_CLIENT_CHANNEL_FRAME_H
#define CRM_CLIENT_CHANNEL_FRAME_H

#include "client/lib/client.h"

/* false: the connection cannot go on, failure says why. */
bool channel_take_frame(struct crm_client *client, const struct frame *frame, struct failure *failure) MUST_CHECK;

#endif
