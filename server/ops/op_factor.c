/*
 * op_factor.c - the second step at login: set it up, see it, take it away
 *
 * Who must set one up first (session.must) reaches this operation and hardly another. A factor changes what a stolen password or an open session is worth, so
 * the password must have been given a short while ago for every change.
 */
#include "common/base/encode.h"
#include "common/model/reflect.h"
#include "server/ops/op_session.h"
#include "server/session/factor.h"

static enum crm_status fill_status(struct op_ctx *ctx, const struct uuid *user)
{
    Crm__FactorReply *reply = ctx->reply;
    struct factor factor;
    enum crm_status status = factor_look(ctx->view, user, &factor);

    if (status != CRM_OK)
        return op_fail(ctx, status, "the second factor cannot be read");
    reply->has_in_force = reply->has_recovery_left = true;
    reply->in_force = factor.in_force;
    reply->recovery_left = factor.recovery_left;
    return CRM_OK;
}

/* Whose account it is, as an authenticator shows it. */
static const char *issuer(struct op_ctx *ctx)
{
    struct view view = view_unguarded(ctx->view);
    struct record record;
    struct value value;

    if (view_first(&view, KIND_COMPANY, &record) != CRM_OK || !reflect_get(kind_field_by_name(kind_def(KIND_COMPANY), "name"), &record, &value))
        return "crm";
    return arena_strndup(ctx->arena, value.text.data, value.text.size);
}

static enum crm_status begin(struct op_ctx *ctx)
{
    Crm__FactorReply *reply = ctx->reply;
    uint8_t secret[TOTP_SECRET_SIZE];
    const char *company = issuer(ctx);
    enum crm_status status;

    reply->secret = arena_alloc(ctx->arena, BASE32_TEXT_SIZE(TOTP_SECRET_SIZE));
    if (!company || !reply->secret)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = factor_begin(ctx->core, ctx->group, &ctx->session->user, secret);
    if (status == CRM_OK) {
        base32_format(secret, sizeof secret, reply->secret);
        reply->uri = totp_uri(ctx->arena, company, ctx->session->login, secret);
        if (!reply->uri) {
            change_group_spoil(ctx->group); /* a secret that nobody has seen */
            status = CRM_NO_MEMORY;
        }
    }
    secret_wipe(secret, sizeof secret);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the second factor cannot be set up");
}

static enum crm_status confirm(struct op_ctx *ctx, const char *code)
{
    Crm__FactorReply *reply = ctx->reply;
    char(*codes)[FACTOR_RECOVERY_SIZE] = arena_alloc(ctx->arena, FACTOR_RECOVERY_CODES * sizeof *codes);
    char **list = arena_alloc(ctx->arena, FACTOR_RECOVERY_CODES * sizeof *list);
    enum crm_status status;

    if (!codes || !list)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = factor_confirm(ctx->core, ctx->group, &ctx->session->user, code, codes);
    if (status == CRM_CONFLICT)
        return op_fail(ctx, status, "no secret waits for its first code: begin again");
    if (status == CRM_BAD_CREDENTIALS)
        return op_fail_field(ctx, status, "code", "the code does not fit: is the clock of the authenticator right?");
    if (status != CRM_OK)
        return op_fail(ctx, status, "the second factor cannot be set up");
    for (size_t i = 0; i < FACTOR_RECOVERY_CODES; i++)
        list[i] = codes[i];
    reply->recovery_codes = list;
    reply->n_recovery_codes = FACTOR_RECOVERY_CODES;
    op_about(ctx, KIND_USER, &ctx->session->user, "second factor set up");
    ctx->ends_sessions = true; /* ends none, but those that had to set one up need no longer */
    return fill_status(ctx, &ctx->session->user);
}

static enum crm_status remove_factor(struct op_ctx *ctx, const struct uuid *user)
{
    bool is_own = uuid_equal(user, &ctx->session->user), is_needed;
    enum crm_status status = session_needs_factor(ctx->view, user, &is_needed);

    if (status == CRM_OK && is_own && is_needed)
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role needs a second factor: set up another instead");
    if (status == CRM_OK)
        status = factor_remove(ctx->group, user);
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, status, "no second factor is set up");
    op_about(ctx, KIND_USER, user, "second factor removed");
    ctx->ends_sessions = true; /* whose role needs one must set it up before anything else */
    return status == CRM_OK ? fill_status(ctx, user) : op_fail(ctx, status, "the second factor cannot be removed");
}

static enum crm_status run_factor(struct op_ctx *ctx)
{
    const Crm__FactorRequest *request = ctx->request;
    struct uuid user;
    enum crm_status status = op_take_user(ctx, request->has_user, request->user, &user);

    ctx->subject.is_nothing = request->step == CRM__FACTOR_STEP__FACTOR_STEP_BEGIN; /* nothing is in force yet */
    if (status == CRM_OK && !uuid_equal(&user, &ctx->session->user) && ctx->session->must)
        return op_fail(ctx, ctx->session->must, "%s", crm_status_info((int)ctx->session->must)->sentence);
    if (status != CRM_OK || request->step == CRM__FACTOR_STEP__FACTOR_STEP_STATUS)
        return status == CRM_OK ? fill_status(ctx, &user) : status;
    if (request->step != CRM__FACTOR_STEP__FACTOR_STEP_REMOVE && !uuid_equal(&user, &ctx->session->user))
        return op_fail_field(ctx, CRM_INVALID, "user", "everybody sets up their own");
    if (request->step != CRM__FACTOR_STEP__FACTOR_STEP_CONFIRM) /* which has the code of what was begun */
        status = op_check_confirmed(ctx);
    if (status != CRM_OK)
        return status;
    switch (request->step) {
    case CRM__FACTOR_STEP__FACTOR_STEP_BEGIN:
        return begin(ctx);
    case CRM__FACTOR_STEP__FACTOR_STEP_CONFIRM:
        return confirm(ctx, request->code);
    case CRM__FACTOR_STEP__FACTOR_STEP_REMOVE:
        return remove_factor(ctx, &user);
    default:
        return op_fail_field(ctx, CRM_INVALID, "step", "which step?");
    }
}

static unsigned place(const void *request, unsigned flags)
{
    return ((const Crm__FactorRequest *)request)->step == CRM__FACTOR_STEP__FACTOR_STEP_STATUS ? flags : flags | OP_WRITES;
}

const struct op_def op_factor = {
    .code = OP_FACTOR, .name = "session.factor", .flags = OP_SECRET | OP_ALWAYS | OP_PERSON, .request = &crm__factor_request__descriptor,
    .reply = &crm__factor_reply__descriptor, .run = run_factor, .place = place, .audit = CRM__AUDIT_ACT__AUDIT_ACT_FACTOR,
};
