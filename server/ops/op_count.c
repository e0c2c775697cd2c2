/*
 * op_count.c - how many records match, and what they add up to by group; on a worker, since it may look at all of them
 */
#include "common/base/clock.h"
#include "common/ops/tally.h"
#include "server/engine/log.h"
#include "server/ops/wire.h"

#define STEP_ROWS 4096

struct counting {
    struct op_ctx *ctx;
    uint64_t as_of;
    struct tally tally;
};

static bool rewind_record(void *arg, struct record *record)
{
    struct counting *counting = arg;
    bool existed = false;
    enum crm_status status = wire_rewind(counting->ctx, counting->as_of, record, &existed);

    if (counting->tally.status == CRM_OK && status != CRM_OK) /* a count without it would be wrong */
        counting->tally.status = op_fail(counting->ctx, status, "%s", crm_status_info((int)status)->sentence);
    return status == CRM_OK && existed;
}

static enum crm_status answer(struct counting *counting, const struct list_explain *explain, int64_t began_us)
{
    struct op_ctx *ctx = counting->ctx;
    const Crm__CountRequest *request = ctx->request;
    Crm__CountReply *reply = ctx->reply;
    struct log_head head;

    if (log_head_load(ctx->view, &head) != CRM_OK)
        return op_fail(ctx, CRM_IO, "the log cannot be read");
    reply->has_count = reply->has_seq = true;
    reply->count = explain->matched;
    reply->seq = head.seq; /* of this snapshot: the newest may be newer */
    if (request->explain)
        reply->explain = answer_explain(explain, clock_monotonic_us() - began_us, ctx->arena);
    return tally_finish(&counting->tally, reply);
}

static enum crm_status run_count(struct op_ctx *ctx)
{
    const Crm__CountRequest *request = ctx->request;
    struct counting counting = { .ctx = ctx };
    struct ask ask = op_ask(ctx);
    struct filter filter;
    struct list_query query;
    struct list_cursor *cursor;
    enum list_state state = LIST_MORE;
    int64_t began_us = clock_monotonic_us();
    enum crm_status status = ask_count(&ask, request, &filter, &query);

    if (status == CRM_OK)
        status = wire_scope(ctx, query.kind, &query.scope);
    if (status == CRM_OK)
        status = tally_init(&counting.tally, &ask, query.kind, request);
    if (status == CRM_OK)
        status = wire_as_of(ctx, request->as_of, &counting.as_of);
    if (counting.as_of) {
        query.rewind = rewind_record;
        query.arg = &counting;
    }
    if (status == CRM_OK)
        status = list_begin(ctx->view, &query, ctx->arena, &cursor, &ctx->failure);
    while (status == CRM_OK && state == LIST_MORE) {
        arena_reset(ctx->scratch);
        status = list_step(cursor, ctx->view, counting.as_of ? REWIND_ROWS : STEP_ROWS, 0, tally_add, &counting.tally, ctx->scratch, &state, &ctx->failure);
        if (status == CRM_OK)
            status = counting.tally.status;
        if (status == CRM_OK)
            status = ctx->still_wanted(ctx);
    }
    return status == CRM_OK ? answer(&counting, list_explain(cursor), began_us) : status;
}

const struct op_def op_count = {
    .code = OP_COUNT, .name = "record.count", .flags = OP_WORKS, .request = &crm__count_request__descriptor,
    .reply = &crm__count_reply__descriptor, .run = run_count,
};
