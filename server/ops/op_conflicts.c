/*
 * op_conflicts.c - what was not taken of one's own late changes: to be looked at, and given up where the record is gone
 *
 * Choosing between values is the action resolve of the record; one that may no longer be seen or changed has no actions, so its conflicts are dropped here.
 */
#include "server/engine/late.h"
#include "server/ops/wire.h"

#define LIMIT_DEFAULT 100u
#define LIMIT_MAX     500u
#define REPLY_BYTES   (512u << 10) /* about: a page is ended behind the conflict that reaches it */
#define PLACE_SIZE    (2 * UUID_SIZE) /* record ‖ conflict: the user stands for itself */

/* The record that it is about, if one is named; nil otherwise. */
static enum crm_status read_record(struct op_ctx *ctx, const Crm__ConflictsRequest *request, struct uuid *out_record)
{
    *out_record = (struct uuid){ 0 };
    if (request->has_id && !uuid_from_slice(slice_of(request->id.data, request->id.len), out_record))
        return op_fail_field(ctx, CRM_INVALID, "id", "an id has 16 bytes");
    if (request->has_after && request->after.len != PLACE_SIZE)
        return op_fail_field(ctx, CRM_INVALID, "after", "that is not what an answer said");
    return CRM_OK;
}

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

/* A page of them, behind `at`, which moves along. */
static enum crm_status add_page(struct op_ctx *ctx, const struct uuid *record, struct key *at, size_t limit, struct answer *titles)
{
    Crm__ConflictsReply *reply = ctx->reply;
    Crm__Conflict *conflict;
    size_t bytes = 0;
    enum crm_status status = CRM_OK;

    while (reply->n_conflicts < limit && bytes < REPLY_BYTES) {
        uint8_t *place;
        struct uuid id;

        status = conflict_next(ctx->view, &ctx->session->user, record, at, ctx->arena, &conflict);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : status;
        place = arena_memdup(ctx->arena, at->data + UUID_SIZE, PLACE_SIZE);
        if (!place)
            return CRM_NO_MEMORY;
        memcpy(id.bytes, place, UUID_SIZE);
        conflict->has_id = conflict->has_conflict = true;
        conflict->id = (ProtobufCBinaryData){ .data = place, .len = UUID_SIZE };
        conflict->conflict = (ProtobufCBinaryData){ .data = place + UUID_SIZE, .len = UUID_SIZE };
        status = late_complete(ctx->view, conflict, ctx->arena);
        if (status != CRM_OK)
            return status;
        answer_refer(titles, (enum kind)conflict->kind, &id);
        bytes += crm__conflict__get_packed_size(conflict);
        reply->conflicts[reply->n_conflicts++] = conflict;
    }
    reply->has_next = true;
    reply->next = (ProtobufCBinaryData){ .data = arena_memdup(ctx->arena, at->data + UUID_SIZE, PLACE_SIZE), .len = PLACE_SIZE };
    return reply->next.data ? CRM_OK : CRM_NO_MEMORY;
}

static enum crm_status list(struct op_ctx *ctx, const Crm__ConflictsRequest *request, const struct uuid *record)
{
    Crm__ConflictsReply *reply = ctx->reply;
    size_t limit = request->limit == 0 ? LIMIT_DEFAULT : request->limit < LIMIT_MAX ? request->limit : LIMIT_MAX;
    struct answer titles;
    struct key at = { 0 };
    enum crm_status status;

    if (request->has_after) {
        key_bytes(&at, ctx->session->user.bytes, UUID_SIZE);
        key_bytes(&at, request->after.data, PLACE_SIZE);
    }
    reply->conflicts = arena_alloc(ctx->arena, limit * sizeof *reply->conflicts);
    if (!reply->conflicts)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    answer_init(&titles, ctx->arena, ctx->view, true);
    status = add_page(ctx, record, &at, limit, &titles);
    if (status == CRM_OK)
        status = titles.status;
    reply->titles = titles.titles;
    reply->n_titles = titles.n_titles;
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the conflicts cannot be read");
}

static enum crm_status run_conflicts(struct op_ctx *ctx)
{
    const Crm__ConflictsRequest *request = ctx->request;
    struct uuid record;
    enum crm_status status = read_record(ctx, request, &record);

    if (status != CRM_OK)
        return status;
    return ctx->group ? drop(ctx, request, &record) : list(ctx, request, request->has_id ? &record : NULL);
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
