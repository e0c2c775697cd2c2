/*
 * op_get.c - one record: by id or by what people type, now or as it was
 *
 * The hottest path of the server: by id it is one store read and one copy into the frame.
 */
#include "server/engine/log.h"
#include "server/ops/wire.h"

static enum crm_status load(struct op_ctx *ctx, const Crm__GetRequest *request, struct record *out_record)
{
    bool with_bin = request->deleted || request->as_of;
    struct ask ask = op_ask(ctx);
    struct uuid id;
    enum kind kind;
    enum crm_status status = ask_get(&ask, request, &id, &kind);

    if (status == CRM_NOT_FOUND && with_bin && select_deleted(ctx->view, request->kind, request->selector, out_record)) {
        memset(&ctx->failure, 0, sizeof ctx->failure);
        return CRM_OK;
    }
    if (status != CRM_OK)
        return status;
    status = view_record(ctx->view, kind, &id, out_record);
    if (status == CRM_NOT_FOUND && with_bin)
        status = view_deleted(ctx->view, kind, &id, out_record);
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, CRM_NOT_FOUND, "there is no such %s", kind_def(kind)->name);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the stored record is damaged");
}

static enum crm_status rewind_to(struct op_ctx *ctx, const Crm__AsOf *as_of, struct record *record)
{
    uint64_t seq;
    bool existed = true;
    enum crm_status status = wire_as_of(ctx, as_of, &seq);

    if (status == CRM_OK && seq)
        status = log_rewind(ctx->view, seq, ctx->arena, record, &existed);
    if (status == CRM_OK && existed)
        status = view_mask(ctx->view, record); /* the log has brought hidden fields back */
    if (status != CRM_OK)
        return op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
    return existed ? CRM_OK : op_fail(ctx, CRM_NOT_FOUND, "it did not exist at that time");
}

static enum crm_status run_get(struct op_ctx *ctx)
{
    const Crm__GetRequest *request = ctx->request;
    struct answer records;
    struct record record;
    enum crm_status status = load(ctx, request, &record);

    if (status == CRM_OK && request->as_of)
        status = rewind_to(ctx, request->as_of, &record);
    if (status != CRM_OK)
        return status;
    answer_init(&records, ctx->arena, ctx->view, request->titles);
    if (!answer_add(&records, &record, 0) || answer_finish(&records, &ctx->packed) != CRM_OK)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    return CRM_OK;
}

/* What walks a history, the recycle bin or all ids does so on a worker. */
static unsigned place(const void *message, unsigned flags)
{
    const Crm__GetRequest *request = message;
    bool is_long = request->as_of || request->deleted || (request->selector && !request->has_id && select_takes_long(request->selector));

    return is_long ? flags | OP_WORKS : flags;
}

const struct op_def op_get = {
    .code = OP_GET, .name = "record.get", .request = &crm__get_request__descriptor, .reply = &crm__get_reply__descriptor, .run = run_get,
    .place = place,
};
