/*
 * op_report.c - reports by name, on a worker
 */
#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "server/ops/op.h"
#include "server/reports/report.h"

static enum crm_status run_report(struct op_ctx *ctx)
{
    const Crm__ReportRequest *request = ctx->request;
    Crm__ReportReply *reply = ctx->reply;
    const struct report_def *report = request->name ? report_find(request->name) : NULL;
    struct report_ctx report_ctx = { .view = ctx->view, .session = ctx->session, .arena = ctx->arena, .request = request, .reply = reply,
                                     .today = day_of_instant(clock_now_us()), .failure = &ctx->failure };

    if (!report)
        return op_fail_field(ctx, CRM_INVALID, "name", "there is no such report");
    reply->title = (char *)report->title;
    reply->has_seq = true;
    reply->seq = atomic_load(&ctx->core->seq);
    op_about(ctx, KIND_NONE, NULL, "report %s", report->name);
    ctx->subject.is_nothing = !access_covers_others(ctx->session->access, KIND_DEAL, ACCESS_READ); /* of one's own deals */
    return report->run(&report_ctx);
}

const struct op_def op_report = {
    .code = OP_REPORT, .name = "report", .flags = OP_WORKS, .right = CRM__RIGHT__RIGHT_REPORT,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_REPORT, .request = &crm__report_request__descriptor,
    .reply = &crm__report_reply__descriptor, .run = run_report,
};
