/*
 * op_conflicts.c - what was not taken of one's own late changes: to be looked at, and given up where the record is gone
 *
 * Choosing between values is the action resolve of the record; one that may no longer be seen or changed has no actions, so its conflicts are dropped here.
 */
#include "common/ops/conflicts.h"
#include "server/ops/wire.h"

static enum crm_status drop(struct op_ctx *ctx, const Crm__ConflictsRequest *request, const struct uuid *record)
{
    const struct view view = { .txn = ctx->group->txn, .group = ctx->group->set, .schema = ctx->schema };
    struct uuid id;
    struct slice value;
    struct key key;
    enum crm_status status;

    if (!request->has_id || !uuid_from_slice(slice_of(request->drop.data, request->drop.len), &id))
        return op_fail_field(ctx, CRM_INVALID, "drop", "which conflict of which record?");
    conflict_key(&key, &ctx->session->user, record, &id);
    status = view_get(&view, STORE_CONFLICT, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, status, "there is no such conflict of yours");
    if (status == CRM_OK)
        status = writeset_delete(ctx->group->set, STORE_CONFLICT, key_slice(&key));
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the conflict cannot be dropped");
}

static enum crm_status run_conflicts(struct op_ctx *ctx)
{
    const Crm__ConflictsRequest *request = ctx->request;
    struct ask ask = op_ask(ctx);
    struct uuid record;
    enum crm_status status;

    if (!ctx->group)
        return conflicts_list(&ask, request, ctx->reply);
    status = conflicts_record(&ask, request, &record);
    return status == CRM_OK ? drop(ctx, request, &record) : status;
}

static unsigned place(const void *message, unsigned flags)
{
    const Crm__ConflictsRequest *request = message;

    return request->has_drop ? flags | OP_WRITES : flags;
}

const struct op_def op_sync_conflicts = {
    .code = OP_SYNC_CONFLICTS, .name = "sync.conflicts", .request = &crm__conflicts_request__descriptor,
    .reply = &crm__conflicts_reply__descriptor, .run = run_conflicts, .place = place,
};
