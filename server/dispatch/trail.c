/*
 * trail.c - requests on their way into the audit trail
 *
 * Refusals are counted on io threads, in memory; entries are appended by the writer.
 */
#include "server/dispatch/trail.h"

#include <stddef.h>

#include "common/base/clock.h"

bool trail_is_due(const struct request *request)
{
    return request->op->audit && !request->ctx.subject.is_nothing;
}

/* Who did it: whoever the handler says, a login itself, else who is logged in. */
static struct uuid who(const struct op_ctx *ctx)
{
    if (!uuid_is_nil(&ctx->subject.user))
        return ctx->subject.user;
    if (ctx->opened)
        return ctx->opened->user;
    return ctx->session ? ctx->session->user : (struct uuid){ 0 };
}

static enum crm_status append(struct request *request, struct change_group *group)
{
    const struct op_ctx *ctx = &request->ctx;
    const struct op_subject *subject = &ctx->subject;
    const char *from = arena_printf(group->arena, "%s %s", ctx->peer, ctx->software);
    struct audit_entry entry = {
        .act = request->op->audit, .user = who(ctx), .kind = subject->kind, .record = subject->id, .from = slice_text(from),
        .text = slice_text(subject->text ? subject->text : request->op->name),
    };

    if (!from)
        return CRM_NO_MEMORY;
    request_make_trace(request);
    memcpy(entry.trace, request->trace, sizeof entry.trace);
    return audit_append(group, &entry);
}

enum crm_status trail_append(struct request *request, struct change_group *group)
{
    enum crm_status status = trail_is_due(request) ? append(request, group) : CRM_OK;

    if (status == CRM_OK)
        return CRM_OK;
    change_group_spoil(group); /* what leaves no trace must not be done */
    return fail(&request->ctx.failure, status, NULL, "it cannot be audited, so it is not done");
}

static enum crm_status apply_entry(struct write_job *job, struct change_group *group)
{
    return trail_append((struct request *)((char *)job - offsetof(struct request, write)), group);
}

enum crm_status trail_submit(struct request *request, void (*done)(struct write_job *job, enum crm_status status))
{
    request->write.apply = apply_entry;
    request->write.done = done;
    return writer_submit(request->thread->dispatch->writer, &request->write);
}

/* --- refusals */

/*
 * What tells of somebody who tries, and is not simply late, wrong or first in need of something: a wrong password, one that was not even looked at since
 * there were too many, a right that is missing. UNSET: nothing.
 */
static Crm__AuditAct refusal(const struct op_def *op, enum crm_status status)
{
    if (status == CRM_BAD_CREDENTIALS || (status == CRM_BUSY && op && op->flags & OP_HASHES))
        return CRM__AUDIT_ACT__AUDIT_ACT_LOGIN_REFUSED;
    return status == CRM_NOT_ALLOWED ? CRM__AUDIT_ACT__AUDIT_ACT_REFUSED : CRM__AUDIT_ACT__AUDIT_ACT_UNSET;
}

/* The name that somebody wanted to log in as. */
static const char *typed_login(const struct request *request)
{
    return request->op->code == OP_LOGIN && request->ctx.request ? ((const Crm__LoginRequest *)request->ctx.request)->login : NULL;
}

/* Is there such a user? Then the attempt is told under that one's name, also where it was typed in another case. */
static bool find_user(struct request *request, const char *login, struct uuid *out_user)
{
    const struct view *view;

    return login && *login && thread_view(request->thread, request->ctx.schema, &view) == CRM_OK &&
           session_find_login(view, slice_text(login), &request->arena, out_user) == CRM_OK;
}

void trail_refused(struct request *request, enum crm_status status)
{
    const struct op_ctx *ctx = &request->ctx;
    struct uuid user = who(ctx);
    struct audit_refusal refused = {
        .act = refusal(request->op, status), .peer = ctx->peer, .text = request->op->name, .trace = request->trace, .login = typed_login(request),
    };

    if (refused.act == CRM__AUDIT_ACT__AUDIT_ACT_UNSET)
        return;
    if (!uuid_is_nil(&user) || find_user(request, refused.login, &user))
        refused.user = &user;
    audit_sums_add(&ctx->core->refusals, &refused, clock_now_us());
}

void trail_refused_at_gate(struct core *core, const struct session *session, const struct op_def *op, const char *peer, enum crm_status status)
{
    struct audit_refusal refused = {
        .act = refusal(op, status), .user = session ? &session->user : NULL, .peer = peer, .text = op ? op->name : NULL,
    };

    if (refused.act != CRM__AUDIT_ACT__AUDIT_ACT_UNSET)
        audit_sums_add(&core->refusals, &refused, clock_now_us());
}
