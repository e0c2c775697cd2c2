/*
 * local_conflicts.c - sync.conflicts asked of a replica: what the last sync has told, less what is being resolved
 *
 * Called by local.c within a read run.
 */
#include "client/replica/conflicts.h"
#include "client/replica/local_op.h"

enum crm_status local_conflicts(struct local_call *call, const struct view *view)
{
    const Crm__ConflictsRequest *request = call->request;
    Crm__ConflictsReply reply = CRM__CONFLICTS_REPLY__INIT;
    struct ask ask = local_ask(call, view);
    enum crm_status status;

    if (request->has_drop)
        return fail(&call->failure, CRM_UNREACHABLE, NULL, "giving up a conflict needs the server");
    status = conflicts_tell(&ask, request, &reply);
    return status == CRM_OK ? local_reply(call, &reply.base) : status;
}
