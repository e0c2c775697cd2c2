/*
 * op_sessions.c - open sessions: list them, end them, and confirm one's own by the password once more
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/model/reflect.h"
#include "server/ops/op_session.h"
#include "server/session/factor.h"

#define US_PER_MINUTE INT64_C(60000000)
#define SESSIONS_MAX  1000 /* told at once */

enum crm_status op_check_confirmed(struct op_ctx *ctx)
{
    if (session_is_confirmed(ctx->session, clock_now_us()))
        return CRM_OK;
    return op_fail(ctx, CRM_CONFIRM, "%s", crm_status_info(CRM_CONFIRM)->sentence);
}

bool op_may_manage_users(const struct op_ctx *ctx)
{
    return (ctx->session->rights & 1u << CRM__RIGHT__RIGHT_MANAGE_USERS) != 0;
}

enum crm_status op_take_user(struct op_ctx *ctx, protobuf_c_boolean has, ProtobufCBinaryData bytes, struct uuid *out_user)
{
    struct record record;

    *out_user = ctx->session->user;
    if (!has)
        return CRM_OK;
    if (!uuid_from_slice(slice_of(bytes.data, bytes.len), out_user) || view_record(ctx->view, KIND_USER, out_user, &record) != CRM_OK)
        return op_fail_field(ctx, CRM_NOT_FOUND, "user", "there is no such user");
    if (!uuid_equal(out_user, &ctx->session->user) && !op_may_manage_users(ctx))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow this");
    return CRM_OK;
}

/* --- list */

struct listing {
    struct op_ctx *ctx;
    const struct uuid *user; /* NULL: of all */
    int64_t now_us;
    Crm__SessionInfo *found[SESSIONS_MAX];
    size_t n;
    bool is_spent;
};

static const char *how_name(const struct session_info *info, struct arena *arena)
{
    switch (info->how) {
    case SESSION_BY_INVITATION:
        return "invitation";
    case SESSION_BY_TOKEN:
        return arena_printf(arena, "token %.*s", (int)info->name.size, (const char *)info->name.data);
    default:
        return "password";
    }
}

char *op_login_of(struct op_ctx *ctx, const struct uuid *user)
{
    struct view view = view_unguarded(ctx->view);
    struct record record;
    struct value value;

    if (view_record(&view, KIND_USER, user, &record) != CRM_OK || !reflect_get(kind_field_by_name(kind_def(KIND_USER), "login"), &record, &value))
        return arena_strdup(ctx->arena, "");
    return arena_strndup(ctx->arena, value.text.data, value.text.size);
}

static bool fill_info(struct listing *listing, Crm__SessionInfo *out, const uint8_t *token_hash, const struct session_info *info)
{
    struct arena *arena = listing->ctx->arena;

    out->has_id = out->has_user = out->has_created_at = out->has_used_at = out->has_expires_at = out->has_current = true;
    out->id = (ProtobufCBinaryData){ .data = arena_memdup(arena, info->id.bytes, UUID_SIZE), .len = UUID_SIZE };
    out->user = (ProtobufCBinaryData){ .data = arena_memdup(arena, info->user.bytes, UUID_SIZE), .len = UUID_SIZE };
    out->login = op_login_of(listing->ctx, &info->user);
    out->created_at = info->created_us;
    out->used_at = info->used_us;
    out->expires_at = info->expires_us;
    out->device_name = arena_strndup(arena, info->device_name.data, info->device_name.size);
    out->from = arena_strndup(arena, info->from.data, info->from.size);
    out->current = memcmp(token_hash, listing->ctx->session->token_hash, SHA256_SIZE) == 0;
    out->how = (char *)(uintptr_t)how_name(info, arena);
    return out->id.data && out->user.data && out->login && out->device_name && out->from && out->how;
}

static bool list_session(void *arg, const uint8_t *token_hash, const struct session_info *info)
{
    struct listing *listing = arg;
    Crm__SessionInfo *out;

    if (info->expires_us <= listing->now_us || (listing->user && !uuid_equal(listing->user, &info->user)))
        return true;
    if (listing->n == SESSIONS_MAX)
        return false;
    out = arena_alloc(listing->ctx->arena, sizeof *out);
    if (out) {
        crm__session_info__init(out);
        listing->found[listing->n++] = out;
    }
    listing->is_spent = !out || !fill_info(listing, out, token_hash, info);
    return !listing->is_spent;
}

static int newest_first(const void *a, const void *b)
{
    const Crm__SessionInfo *left = *(Crm__SessionInfo *const *)a, *right = *(Crm__SessionInfo *const *)b;

    return (left->created_at < right->created_at) - (left->created_at > right->created_at);
}

static enum crm_status run_list(struct op_ctx *ctx)
{
    const Crm__SessionListRequest *request = ctx->request;
    Crm__SessionListReply *reply = ctx->reply;
    struct listing *listing = arena_zalloc(ctx->arena, sizeof *listing);
    struct uuid user;
    enum crm_status status = op_take_user(ctx, request->has_user, request->user, &user);

    if (status != CRM_OK)
        return status;
    if (request->all && !op_may_manage_users(ctx))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow this");
    if (!listing)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    listing->ctx = ctx;
    listing->user = request->all ? NULL : &user;
    listing->now_us = clock_now_us();
    status = session_each(ctx->view, list_session, listing);
    if (status != CRM_OK || listing->is_spent)
        return status != CRM_OK ? op_fail(ctx, status, "the sessions cannot be read") : op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    qsort(listing->found, listing->n, sizeof listing->found[0], newest_first);
    reply->sessions = listing->found;
    reply->n_sessions = listing->n;
    return CRM_OK;
}

const struct op_def op_session_list = {
    .code = OP_SESSION_LIST, .name = "session.list", .flags = OP_WORKS, .request = &crm__session_list_request__descriptor,
    .reply = &crm__session_list_reply__descriptor, .run = run_list,
};

/* --- end */

/* Whose is the session with this id? */
struct lookup {
    const struct uuid *id;
    struct uuid user;
    bool is_found;
};

static bool look_at(void *arg, const uint8_t *token_hash, const struct session_info *info)
{
    struct lookup *lookup = arg;

    (void)token_hash;
    if (!uuid_equal(&info->id, lookup->id))
        return true;
    lookup->user = info->user;
    lookup->is_found = true;
    return false;
}

/* What is not one's own and may not be ended does not exist. */
static enum crm_status choose_one(struct op_ctx *ctx, const Crm__SessionEndRequest *request, struct uuid *id, struct uuid *user)
{
    struct lookup lookup = { .id = id };
    enum crm_status status = uuid_from_slice(slice_of(request->id.data, request->id.len), id) ? session_each(ctx->view, look_at, &lookup) : CRM_OK;

    if (status != CRM_OK)
        return op_fail(ctx, status, "the sessions cannot be read");
    if (!lookup.is_found || (!uuid_equal(&lookup.user, &ctx->session->user) && !op_may_manage_users(ctx)))
        return op_fail_field(ctx, CRM_NOT_FOUND, "id", "there is no such session");
    *user = lookup.user;
    return CRM_OK;
}

static enum crm_status run_end(struct op_ctx *ctx)
{
    const Crm__SessionEndRequest *request = ctx->request;
    Crm__SessionEndReply *reply = ctx->reply;
    struct session_choice choice = { .kept = request->others ? ctx->session->token_hash : NULL };
    struct uuid id, user;
    unsigned closed = 0;
    enum crm_status status;

    if (request->has_id + request->has_user + (request->others != 0) != 1)
        return op_fail(ctx, CRM_INVALID, "which ones? One by its id, those of a user, or one's others");
    status = request->has_id ? choose_one(ctx, request, &id, &user) : op_take_user(ctx, request->has_user, request->user, &user);
    if (status == CRM_OK && !uuid_equal(&user, &ctx->session->user))
        status = op_check_confirmed(ctx);
    if (status != CRM_OK)
        return status;
    choice.user = &user;
    choice.id = request->has_id ? &id : NULL;
    status = session_close_chosen(ctx->group, &choice, &closed);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the sessions cannot be ended");
    op_about(ctx, KIND_USER, &user, closed == 1 ? "%u session ended" : "%u sessions ended", closed);
    ctx->ends_sessions = true;
    reply->has_ended = true;
    reply->ended = closed;
    return CRM_OK;
}

const struct op_def op_session_end = {
    .code = OP_SESSION_END, .name = "session.end", .flags = OP_WRITES, .request = &crm__session_end_request__descriptor,
    .reply = &crm__session_end_reply__descriptor, .run = run_end, .audit = CRM__AUDIT_ACT__AUDIT_ACT_SESSION_ENDED,
};

/* --- confirm */

static enum crm_status admit_confirm(struct op_ctx *ctx)
{
    return password_admit(ctx, NULL);
}

static enum crm_status prepare_confirm(struct op_ctx *ctx)
{
    const Crm__ConfirmRequest *request = ctx->request;

    return password_check_with_factor(ctx, request->password, request->factor);
}

static enum crm_status run_confirm(struct op_ctx *ctx)
{
    const Crm__ConfirmRequest *request = ctx->request;
    Crm__ConfirmReply *reply = ctx->reply;
    int64_t until_us = ctx->group->now_us + ctx->core->settings.confirm_minutes * US_PER_MINUTE;
    enum crm_status status = factor_use(ctx->core, ctx->group, &ctx->session->user, request->factor);

    if (status == CRM_BAD_CREDENTIALS)
        return op_fail_field(ctx, status, "factor", "the code was used already");
    if (status == CRM_OK)
        status = session_confirm(ctx->group, ctx->session->token_hash, until_us);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the session cannot be confirmed");
    ctx->ends_sessions = true; /* ends none, but every connection of this one must hear of it */
    reply->has_until = true;
    reply->until = until_us;
    return CRM_OK;
}

const struct op_def op_confirm = {
    .code = OP_CONFIRM, .name = "session.confirm", .flags = OP_WRITES | OP_SECRET | OP_HASHES | OP_ALWAYS | OP_PERSON,
    .request = &crm__confirm_request__descriptor,
    .reply = &crm__confirm_reply__descriptor, .admit = admit_confirm, .prepare = prepare_confirm, .run = run_confirm,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_CONFIRM,
};
