/*
 * op_session.c - login, logout, ping, invitations, passwords
 *
 * A try at a password is let through or not on the io thread (admit), hashed on a worker (prepare), and what it opens is written by the writer (run). An unknown
 * user costs the same time as a wrong password and gets the same answer.
 */
#include "server/ops/op_session.h"

#include <stdio.h>

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/model/reflect.h"
#include "server/ops/op.h"
#include "server/session/factor.h"

#define US_PER_HOUR   INT64_C(3600000000)
#define US_PER_MINUTE INT64_C(60000000)

/* What the client needs of the company: the currency of bare amounts, the zone, the day that it is there. */
static Crm__CompanyInfo *company_info(const struct view *view, struct arena *arena)
{
    Crm__CompanyInfo *info = arena_alloc(arena, sizeof *info);
    const Crm__Company *company;
    struct record record;

    if (!info)
        return NULL;
    crm__company_info__init(info);
    info->has_today = true;
    info->today = day_of_instant(clock_now_us());
    if (view_first(view, KIND_COMPANY, &record) != CRM_OK)
        return info;
    company = crm__company__unpack(&arena->protobuf, record.body.size, record.body.data);
    if (!company)
        return NULL;
    info->name = company->name;
    info->currency = company->currency;
    info->time_zone = company->time_zone;
    info->country = company->country;
    info->has_fiscal_month = company->has_fiscal_month;
    info->fiscal_month = company->fiscal_month;
    return info;
}

/* A session that has something else to do first may change nothing yet. */
static bool tell_access(Crm__LoginReply *reply, const struct view *view, const struct session *session, struct arena *arena)
{
    const struct view plain = view_unguarded(view);

    if (!session->access || session->must != CRM_OK)
        return true;
    reply->may = arena_alloc(arena, sizeof *reply->may);
    return reply->may && access_tell(session->access, &plain, arena, reply->may) == CRM_OK;
}

bool login_reply_fill(Crm__LoginReply *reply, const struct view *view, const struct session *session, const uint8_t *token, struct arena *arena)
{
    if (token) {
        reply->has_token = true;
        reply->token = (ProtobufCBinaryData){ .data = arena_memdup(arena, token, TOKEN_SIZE), .len = TOKEN_SIZE };
        if (!reply->token.data)
            return false;
    }
    reply->has_user = reply->has_expires_at = true;
    reply->user = (ProtobufCBinaryData){ .data = (uint8_t *)session->user.bytes, .len = UUID_SIZE };
    reply->has_team = !uuid_is_nil(&session->team);
    reply->team = (ProtobufCBinaryData){ .data = (uint8_t *)session->team.bytes, .len = UUID_SIZE };
    reply->login = (char *)session->login;
    reply->name = (char *)session->name;
    reply->role = (char *)session->role;
    reply->expires_at = session->expires_us;
    reply->has_must = session->must != CRM_OK;
    reply->must = (uint32_t)session->must;
    reply->has_offline_encrypted = reply->offline_encrypted = session->offline_encrypted;
    reply->company = company_info(view, arena);
    return reply->company && tell_access(reply, view, session, arena);
}

Crm__LoginReply *login_reply_create(const struct view *view, const struct session *session, const uint8_t *token, struct arena *arena)
{
    Crm__LoginReply *reply = arena_alloc(arena, sizeof *reply);

    if (!reply)
        return NULL;
    crm__login_reply__init(reply);
    return login_reply_fill(reply, view, session, token, arena) ? reply : NULL;
}

/* --- passwords that are tried */

enum crm_status password_admit(struct op_ctx *ctx, const char *login)
{
    struct throttle_who who = {
        .address = ctx->peer, .installation = ctx->installation, .session = login ? NULL : ctx->session ? ctx->session->token_hash : NULL,
    };
    uint32_t wait_ms;

    if (login && *login && !text_fold(ctx->arena, slice_text(login), &who.login))
        who.login = slice_text(login);
    wait_ms = throttle_enter(ctx->throttle, &who, clock_monotonic_us(), &ctx->ticket);
    if (wait_ms == 0)
        return CRM_OK;
    op_fail(ctx, CRM_BUSY, "too many wrong passwords: wait %u s", (wait_ms + 999) / 1000);
    ctx->failure.retry_after_ms = wait_ms;
    return CRM_BUSY;
}

void password_know_place(struct throttle *throttle, const char *login, const char *peer, const uint8_t *installation, struct arena *arena)
{
    struct throttle_who who = { .address = peer, .installation = installation };

    if (text_fold(arena, slice_text(login), &who.login))
        throttle_know(throttle, &who, clock_monotonic_us());
}

/* What was found out counts; what was not (out of memory, the store) does not. */
static void settle(struct op_ctx *ctx, enum crm_status status)
{
    enum throttle_outcome outcome = status == CRM_OK                ? THROTTLE_PASSED
                                    : status == CRM_BAD_CREDENTIALS ? THROTTLE_FAILED
                                                                    : THROTTLE_CANCELLED;

    throttle_settle(ctx->throttle, &ctx->ticket, outcome, clock_monotonic_us());
}

static enum crm_status check_own(struct op_ctx *ctx, const char *password, const char *field)
{
    const char *encoded = NULL;
    enum crm_status status = credential_load(ctx->view, &ctx->session->user, ctx->arena, &encoded);

    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return op_fail(ctx, status, "the credentials cannot be read");
    if (!password || strlen(password) > PASSWORD_MAX || !password_verify(encoded, password))
        return op_fail_field(ctx, CRM_BAD_CREDENTIALS, field, "your password is not right");
    return CRM_OK;
}

/* After the password, which was right: a wrong code is told like a wrong password, and counts like one. */
static enum crm_status check_factor(struct op_ctx *ctx, const struct uuid *user, const char *code)
{
    enum crm_status status = factor_check(ctx->core, ctx->view, user, code, clock_now_us());

    if (status == CRM_SECOND_FACTOR)
        return op_fail_field(ctx, status, "factor", "%s", crm_status_info(CRM_SECOND_FACTOR)->sentence);
    if (status == CRM_BAD_CREDENTIALS)
        return op_fail(ctx, status, "wrong user name or password");
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the second factor cannot be read");
}

enum crm_status password_check_own(struct op_ctx *ctx, const char *password, const char *field)
{
    enum crm_status status = check_own(ctx, password, field);

    settle(ctx, status);
    return status;
}

enum crm_status password_check_with_factor(struct op_ctx *ctx, const char *password, const char *factor)
{
    enum crm_status status = check_own(ctx, password, "password");

    if (status == CRM_OK)
        status = check_factor(ctx, &ctx->session->user, factor);
    settle(ctx, status);
    return status;
}

/* Rules about a new password, with what somebody would try first because of whose it is. */
static enum crm_status check_new_password(struct op_ctx *ctx, const struct uuid *user, const char *password)
{
    struct view view = view_unguarded(ctx->view);
    const struct kind_def *kind = kind_def(KIND_USER);
    struct slice related[3] = { 0 };
    struct record record;
    struct value value;

    if (view_record(&view, KIND_USER, user, &record) == CRM_OK) {
        if (reflect_get(kind_field_by_name(kind, "login"), &record, &value))
            related[0] = value.text;
        if (reflect_get(kind_field_by_name(kind, "name"), &record, &value))
            related[1] = value.text;
    }
    if (view_first(&view, KIND_COMPANY, &record) == CRM_OK && reflect_get(kind_field_by_name(kind_def(KIND_COMPANY), "name"), &record, &value))
        related[2] = value.text;
    return password_check_rules(password, related, ARRAY_LEN(related), &ctx->failure);
}

/* --- login */

/* What prepare has found out for run. */
struct login_state {
    struct uuid user;
    bool has_new_password;
    char encoded[PASSWORD_ENCODED_SIZE]; /* the new one, or that which the password fits */
};

/* An invitation does not stand in for the second factor. Codes are guessed at a user, not at an address: the throttle must know at whom. */
static enum crm_status check_invited_factor(struct op_ctx *ctx, const struct uuid *user, const char *code)
{
    const char *login = op_login_of(ctx, user);
    struct factor factor;
    enum crm_status status = factor_look(ctx->view, user, &factor);

    if (status != CRM_OK || !login)
        return op_fail(ctx, login ? status : CRM_NO_MEMORY, "the second factor cannot be read");
    if (!factor.in_force)
        return CRM_OK;
    status = password_admit(ctx, login);
    if (status != CRM_OK)
        return status;
    status = check_factor(ctx, user, code);
    settle(ctx, status);
    return status;
}

static enum crm_status prepare_code(struct op_ctx *ctx, const Crm__LoginRequest *request, struct login_state *state)
{
    enum crm_status status = invite_find(ctx->view, request->code, clock_now_us(), &state->user);

    settle(ctx, status);
    if (status == CRM_BAD_CREDENTIALS)
        return op_fail(ctx, CRM_BAD_CREDENTIALS, "the invitation is not known, was used, or has expired");
    if (status == CRM_OK)
        status = check_invited_factor(ctx, &state->user, request->factor);
    if (status == CRM_OK)
        status = check_new_password(ctx, &state->user, request->new_password);
    state->has_new_password = true;
    return status == CRM_OK ? password_hash(request->new_password, state->encoded) : status;
}

static enum crm_status check_password(struct op_ctx *ctx, const Crm__LoginRequest *request, struct login_state *state)
{
    const char *encoded = NULL;
    enum crm_status status;

    if (!request->login || !request->password || strlen(request->password) > PASSWORD_MAX)
        return op_fail(ctx, CRM_BAD_CREDENTIALS, "wrong user name or password");
    status = session_find_login(ctx->view, slice_text(request->login), ctx->arena, &state->user);
    if (status == CRM_OK)
        status = credential_load(ctx->view, &state->user, ctx->arena, &encoded);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return op_fail(ctx, status, "the credentials cannot be read");
    if (!password_verify(encoded, request->password))
        return op_fail(ctx, CRM_BAD_CREDENTIALS, "wrong user name or password");
    snprintf(state->encoded, sizeof state->encoded, "%s", encoded);
    return CRM_OK;
}

static enum crm_status admit_login(struct op_ctx *ctx)
{
    const Crm__LoginRequest *request = ctx->request;

    return password_admit(ctx, request->code || !request->login ? "" : request->login);
}

static enum crm_status prepare_login(struct op_ctx *ctx)
{
    const Crm__LoginRequest *request = ctx->request;
    struct login_state *state = arena_zalloc(ctx->arena, sizeof *state);
    enum crm_status status;

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    ctx->state = state;
    if (request->code)
        return prepare_code(ctx, request, state);
    status = check_password(ctx, request, state);
    if (status == CRM_OK)
        status = check_factor(ctx, &state->user, request->factor);
    settle(ctx, status);
    return status;
}

/* The password may have been changed while the login was on its way, by somebody who wanted to keep just this one out. */
static enum crm_status check_unchanged(struct op_ctx *ctx, const struct login_state *state)
{
    const char *encoded = NULL;
    enum crm_status status = credential_load(ctx->view, &state->user, ctx->group->arena, &encoded);

    if (status == CRM_NOT_FOUND || (status == CRM_OK && strcmp(encoded, state->encoded) != 0))
        return op_fail(ctx, CRM_BAD_CREDENTIALS, "wrong user name or password");
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the credentials cannot be read");
}

/* Who has opened a session with the old password is out; the one with token_hash goes on. */
static enum crm_status set_password(struct op_ctx *ctx, const struct uuid *user, const char *encoded, bool must_change, const uint8_t *token_hash)
{
    unsigned closed;
    enum crm_status status = session_close_chosen(ctx->group, &(struct session_choice){ .user = user, .kept = token_hash }, &closed);

    ctx->ends_sessions = true;
    if (status == CRM_OK)
        status = credential_require_change(ctx->group, user, must_change);
    return status == CRM_OK ? credential_store(ctx->group, user, encoded) : status;
}

/* A code works once: of two who come with the same one wins. */
static enum crm_status use_factor(struct op_ctx *ctx, const struct uuid *user, const char *code)
{
    enum crm_status status = factor_use(ctx->core, ctx->group, user, code);

    if (status == CRM_BAD_CREDENTIALS)
        return op_fail(ctx, status, "wrong user name or password");
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
}

/* What the login rests on, looked up again inside the commit. */
static enum crm_status settle_login(struct op_ctx *ctx, const Crm__LoginRequest *request, struct login_state *state)
{
    enum crm_status status;

    if (!state->has_new_password) {
        status = check_unchanged(ctx, state);
        return status == CRM_OK ? use_factor(ctx, &state->user, request->factor) : status;
    }
    status = invite_find(ctx->view, request->code, ctx->group->now_us, &state->user); /* of two who use one code one wins */
    if (status != CRM_OK)
        return op_fail(ctx, CRM_BAD_CREDENTIALS, "the invitation is not known, was used, or has expired");
    status = use_factor(ctx, &state->user, request->factor);
    if (status != CRM_OK)
        return status;
    status = invite_use(ctx->group, request->code);
    return status == CRM_OK ? set_password(ctx, &state->user, state->encoded, false, NULL) : op_fail(ctx, status, "the password cannot be stored");
}

static enum crm_status open_session(struct op_ctx *ctx, const Crm__LoginRequest *request, const struct login_state *state, struct session *session)
{
    const struct settings *settings = &ctx->core->settings;
    const struct session_opening opening = {
        .how = state->has_new_password ? SESSION_BY_INVITATION : SESSION_BY_PASSWORD,
        .device_name = request->device_name, .from = arena_printf(ctx->arena, "%s %s", ctx->peer, ctx->software),
        .lasts_us = settings->session_hours * US_PER_HOUR, .idle_us = settings->idle_hours * US_PER_HOUR,
        .confirmed_us = settings->confirm_minutes * US_PER_MINUTE,
    };
    uint8_t token[TOKEN_SIZE];
    enum crm_status status = session_open(ctx->group, session, &opening, token);

    if (status == CRM_OK && !login_reply_fill(ctx->reply, ctx->view, session, token, ctx->arena)) {
        change_group_spoil(ctx->group); /* a session whose token nobody has */
        status = CRM_NO_MEMORY;
    }
    secret_wipe(token, sizeof token);
    return status;
}

/* The role may ask for a device, and that may have been revoked since the connection was looked at. */
static enum crm_status check_device(struct op_ctx *ctx, const struct view *view, const struct uuid *user)
{
    enum crm_status status = ctx->claim ? device_check(view, ctx->claim, ctx->group->now_us, &ctx->failure) : CRM_OK;

    if (status != CRM_OK)
        return status;
    status = device_admits(view, user, ctx->claim);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
}

static enum crm_status run_login(struct op_ctx *ctx)
{
    const Crm__LoginRequest *request = ctx->request;
    struct login_state *state = ctx->state;
    struct session *session = arena_zalloc(ctx->arena, sizeof *session);
    struct view view = view_unguarded(ctx->view); /* who logs in again is another, perhaps */
    enum crm_status status;

    if (!session)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = check_device(ctx, &view, &state->user);
    if (status == CRM_OK)
        status = settle_login(ctx, request, state);
    if (status != CRM_OK)
        return status;
    ctx->opened = session; /* the request lets go of it, also when this fails */
    status = session_load(&view, &state->user, session);
    if (status != CRM_OK) {
        if (state->has_new_password)
            change_group_spoil(ctx->group);
        return op_fail(ctx, status, "wrong user name or password");
    }
    status = open_session(ctx, request, state, session);
    if (status == CRM_OK && state->has_new_password)
        password_know_place(ctx->throttle, session->login, ctx->peer, ctx->installation, ctx->arena);
    if (status == CRM_OK)
        status = device_used(ctx->group, ctx->claim, session->token_hash, session->latest_us);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the session cannot be opened");
}

const struct op_def op_login = {
    .code = OP_LOGIN, .name = "login", .flags = OP_NO_LOGIN | OP_WRITES | OP_SECRET | OP_HASHES, .request = &crm__login_request__descriptor,
    .reply = &crm__login_reply__descriptor, .admit = admit_login, .prepare = prepare_login, .run = run_login,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_LOGIN,
};

/* --- logout, ping */

static enum crm_status run_logout(struct op_ctx *ctx)
{
    ctx->close_session = ctx->ends_sessions = true;
    return session_close(ctx->group, ctx->session->token_hash);
}

const struct op_def op_logout = {
    .code = OP_LOGOUT, .name = "logout", .flags = OP_WRITES | OP_ALWAYS, .request = &crm__logout_request__descriptor,
    .reply = &crm__logout_reply__descriptor, .run = run_logout,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_LOGOUT,
};

static enum crm_status run_ping(struct op_ctx *ctx)
{
    Crm__PingReply *reply = ctx->reply;

    reply->has_now = reply->has_seq = true;
    reply->now = clock_now_us();
    reply->seq = atomic_load(&ctx->core->seq);
    reply->software = (char *)"crmd/" CRM_VERSION;
    return CRM_OK;
}

const struct op_def op_ping = {
    .code = OP_PING, .name = "ping", .flags = OP_ALWAYS, .request = &crm__ping_request__descriptor, .reply = &crm__ping_reply__descriptor, .run = run_ping,
};

/* --- invitations and passwords */

static enum crm_status find_user(struct op_ctx *ctx, ProtobufCBinaryData id, struct uuid *out_user)
{
    struct record record;

    if (!uuid_from_slice(slice_of(id.data, id.len), out_user) || view_record(ctx->view, KIND_USER, out_user, &record) != CRM_OK)
        return op_fail_field(ctx, CRM_NOT_FOUND, "user", "there is no such user");
    return CRM_OK;
}

char *server_address(const struct op_ctx *ctx)
{
    const char *listen = ctx->core->settings.listen, *name = ctx->core->settings.name;
    size_t first = strcspn(listen, ","); /* of several addresses the first is the one that people use */
    const char *port = memrchr(listen, ':', first);
    bool is_ipv6 = strchr(name, ':') != NULL;

    return arena_printf(ctx->arena, "%s%s%s%.*s", is_ipv6 ? "[" : "", name, is_ipv6 ? "]" : "",
                        port ? (int)(first - (size_t)(port - listen)) : 0, port ? port : "");
}

static enum crm_status run_invite(struct op_ctx *ctx)
{
    const Crm__InviteRequest *request = ctx->request;
    Crm__InviteReply *reply = ctx->reply;
    int64_t expires_us = ctx->group->now_us + ctx->core->settings.invitation_hours * US_PER_HOUR;
    char code[INVITE_CODE_SIZE];
    struct uuid user;
    enum crm_status status = find_user(ctx, request->user, &user);

    if (status == CRM_OK)
        status = invite_create(ctx->group, &user, expires_us, code);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the invitation cannot be stored");
    op_about(ctx, KIND_USER, &user, "invited");
    reply->code = arena_strdup(ctx->arena, code);
    reply->has_expires_at = reply->has_ca_sha256 = true;
    reply->expires_at = expires_us;
    reply->ca_sha256 = (ProtobufCBinaryData){ .data = ctx->core->ca_sha256, .len = sizeof ctx->core->ca_sha256 };
    reply->address = server_address(ctx);
    return reply->code && reply->address ? CRM_OK : op_fail(ctx, CRM_NO_MEMORY, "out of memory");
}

const struct op_def op_invite = {
    .code = OP_INVITE, .name = "admin.invite", .flags = OP_WRITES | OP_SECRET | OP_CONFIRMED, .right = CRM__RIGHT__RIGHT_MANAGE_USERS,
    .request = &crm__invite_request__descriptor, .reply = &crm__invite_reply__descriptor, .run = run_invite,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_INVITATION,
};

static bool is_own(const struct op_ctx *ctx, const Crm__PasswordRequest *request)
{
    return !request->has_user || slice_equal(slice_of(request->user.data, request->user.len), slice_of(ctx->session->user.bytes, UUID_SIZE));
}

static enum crm_status admit_password(struct op_ctx *ctx)
{
    return is_own(ctx, ctx->request) ? password_admit(ctx, NULL) : CRM_OK;
}

/* Another's: by right, and a session left open must not be enough. */
static enum crm_status check_may_set(struct op_ctx *ctx)
{
    if (ctx->session->must)
        return op_fail(ctx, ctx->session->must, "%s", crm_status_info((int)ctx->session->must)->sentence);
    if (!(ctx->session->rights & 1u << CRM__RIGHT__RIGHT_MANAGE_USERS))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow setting another's password");
    return op_check_confirmed(ctx);
}

static enum crm_status prepare_password(struct op_ctx *ctx)
{
    const Crm__PasswordRequest *request = ctx->request;
    struct login_state *state = arena_zalloc(ctx->arena, sizeof *state);
    enum crm_status status;

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    ctx->state = state;
    state->user = ctx->session->user;
    if (is_own(ctx, request)) {
        status = password_check_own(ctx, request->current, "current");
    } else {
        status = check_may_set(ctx);
        if (status == CRM_OK)
            status = find_user(ctx, request->user, &state->user);
    }
    if (status == CRM_OK)
        status = check_new_password(ctx, &state->user, request->password);
    if (status == CRM_OK && is_own(ctx, request) && request->current && strcmp(request->current, request->password) == 0)
        return op_fail_field(ctx, CRM_INVALID, "password", "the new password is the old one");
    return status == CRM_OK ? password_hash(request->password, state->encoded) : status;
}

static enum crm_status run_password(struct op_ctx *ctx)
{
    const Crm__PasswordRequest *request = ctx->request;
    struct login_state *state = ctx->state;
    enum crm_status status = is_own(ctx, request) ? CRM_OK : check_may_set(ctx); /* the right may have gone since prepare */

    if (status != CRM_OK)
        return status;
    op_about(ctx, KIND_USER, &state->user, "password set");
    return set_password(ctx, &state->user, state->encoded, !is_own(ctx, request) && request->must_change, ctx->session->token_hash);
}

const struct op_def op_password = {
    .code = OP_PASSWORD, .name = "admin.password", .flags = OP_WRITES | OP_SECRET | OP_HASHES | OP_ALWAYS | OP_PERSON,
    .request = &crm__password_request__descriptor, .reply = &crm__password_reply__descriptor,
    .admit = admit_password, .prepare = prepare_password, .run = run_password,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_PASSWORD,
};
