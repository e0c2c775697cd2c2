/*
 * op_shares.c - with whom a record is shared: what whoever may read the record is told
 *
 * A record that its parent decides over has the parent's shares; those are told only to whoever may read that too.
 */
#include "common/base/clock.h"
#include "server/engine/grants.h"
#include "server/ops/wire.h"

/* The record whose shares count, as far as the asker may see it. */
static enum crm_status load_root(struct op_ctx *ctx, const Crm__AccessSharesRequest *request, struct record *out_root)
{
    struct uuid id;
    enum kind kind;
    enum crm_status status;

    if (!kind_def(request->kind))
        return op_fail_field(ctx, CRM_INVALID, "kind", "there is no kind number %u", request->kind);
    if (!uuid_from_slice(slice_of(request->id.data, request->id.len), &id))
        return op_fail_field(ctx, CRM_INVALID, "id", "an id has 16 bytes");
    status = view_record(ctx->view, (enum kind)request->kind, &id, out_root);
    if (status == CRM_OK && !uuid_equal(&out_root->header.root, &out_root->header.id)) {
        kind = root_kind_of(&out_root->header);
        id = out_root->header.root;
        status = view_record(ctx->view, kind, &id, out_root);
    }
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, status, "there is no such %s", kind_def(request->kind)->name);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the stored record is damaged");
}

static enum crm_status run_shares(struct op_ctx *ctx)
{
    Crm__AccessSharesReply *reply = ctx->reply;
    struct answer titles;
    struct record root;
    struct grant *grants;
    size_t n;
    enum crm_status status = load_root(ctx, ctx->request, &root);

    if (status != CRM_OK)
        return status;
    status = grant_list(ctx->view, &root.header.id, GRANTS_MAX, ctx->arena, &grants, &n);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the shares cannot be read");
    reply->shares = arena_alloc(ctx->arena, (n + 1) * sizeof *reply->shares);
    reply->root.data = arena_memdup(ctx->arena, root.header.id.bytes, UUID_SIZE);
    if (!reply->shares || !reply->root.data)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    answer_init(&titles, ctx->arena, ctx->view, true);
    for (size_t i = 0; i < n; i++) {
        if (grants[i].until_us && grants[i].until_us <= clock_now_us())
            continue; /* to be swept */
        reply->shares[reply->n_shares] = wire_share(&grants[i], ctx->arena);
        if (!reply->shares[reply->n_shares++])
            return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
        answer_refer(&titles, grant_principal_kind(grants[i].sort), &grants[i].principal);
    }
    reply->titles = titles.titles;
    reply->n_titles = titles.n_titles;
    reply->has_kind = reply->has_root = true;
    reply->kind = root.header.kind;
    reply->root.len = UUID_SIZE;
    return titles.status == CRM_OK ? CRM_OK : op_fail(ctx, titles.status, "out of memory");
}

const struct op_def op_access_shares = {
    .code = OP_ACCESS_SHARES, .name = "access.shares", .request = &crm__access_shares_request__descriptor,
    .reply = &crm__access_shares_reply__descriptor, .run = run_shares,
};
