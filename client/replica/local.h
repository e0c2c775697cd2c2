/*
 * local.h - a client of libcrm whose server is the replica: every call that reads works as with the real one
 *
 * There is no thread and no socket: requests are answered where the transport is read, a part at a time. What only the server knows (history, reports, the
 * past, the recycle bin, administration) is answered with CRM_UNREACHABLE and a sentence.
 * Changes are queued (outbox.h), where the replica is open for writing.
 */
#ifndef CRM_REPLICA_LOCAL_H
#define CRM_REPLICA_LOCAL_H

#include "client/include/crm.h"
#include "client/replica/replica.h"

/* The replica must outlive the client. It answers as whoever the replica is for, without a token; that it has not expired the caller has seen to. */
enum crm_status local_client_create(struct replica *replica, struct crm_client **out_client) MUST_CHECK;

#endif
