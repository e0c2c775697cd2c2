/*
 * op_token.c - API tokens: make one, list them, revoke one
 *
 * Everybody has tokens of their own; with the right to manage users those of others too. What one may not revoke does not exist.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/model/reflect.h"
#include "server/ops/op_session.h"
#include "server/session/api_token.h"

#define TOKENS_MAX 1000 /* told at once */

/* --- what a token looks like to who may see it */

static char *role_name(struct op_ctx *ctx, const struct uuid *role)
{
    struct view view = view_unguarded(ctx->view);
    struct record record;
    struct value value;

    if (view_record(&view, KIND_ROLE, role, &record) != CRM_OK || !reflect_get(kind_field_by_name(kind_def(KIND_ROLE), "name"), &record, &value))
        return arena_strdup(ctx->arena, "(gone)");
    return arena_strndup(ctx->arena, value.text.data, value.text.size);
}

static Crm__TokenInfo *info_create(struct op_ctx *ctx, const struct api_token *token)
{
    struct arena *arena = ctx->arena;
    Crm__TokenInfo *info = arena_alloc(arena, sizeof *info);
    bool has_role = !uuid_is_nil(&token->role);

    if (!info)
        return NULL;
    crm__token_info__init(info);
    info->has_id = info->has_user = info->has_created_at = info->has_expires_at = true;
    info->id = (ProtobufCBinaryData){ .data = arena_memdup(arena, token->id.bytes, UUID_SIZE), .len = UUID_SIZE };
    info->user = (ProtobufCBinaryData){ .data = arena_memdup(arena, token->user.bytes, UUID_SIZE), .len = UUID_SIZE };
    info->login = op_login_of(ctx, &token->user);
    info->name = arena_strdup(arena, token->name);
    info->role = has_role ? role_name(ctx, &token->role) : NULL;
    info->created_at = token->created_us;
    info->has_used_at = token->used_us > 0;
    info->used_at = token->used_us;
    info->expires_at = token->expires_us;
    return info->id.data && info->user.data && info->login && info->name && (!has_role || info->role) ? info : NULL;
}

/* --- create */

/* A name that can be shown and typed: not empty, no control characters, no spaces around it. */
static enum crm_status take_name(struct op_ctx *ctx, const char *name, struct api_token *token)
{
    size_t size = name ? strlen(name) : 0;

    if (size == 0 || size > API_TOKEN_NAME_MAX)
        return op_fail_field(ctx, CRM_INVALID, "name", "a token has a name of at most %d bytes", API_TOKEN_NAME_MAX);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)name[i] < ' ' || name[i] == 0x7f)
            return op_fail_field(ctx, CRM_INVALID, "name", "a name holds no control characters");
    if (name[0] == ' ' || name[size - 1] == ' ')
        return op_fail_field(ctx, CRM_INVALID, "name", "a name neither begins nor ends with a space");
    memcpy(token->name, name, size + 1);
    return CRM_OK;
}

static enum crm_status take_role(struct op_ctx *ctx, const Crm__TokenRequest *request, struct api_token *token)
{
    struct view view = view_unguarded(ctx->view);
    struct record record;

    if (!request->has_role)
        return CRM_OK;
    if (!uuid_from_slice(slice_of(request->role.data, request->role.len), &token->role) ||
        view_record(&view, KIND_ROLE, &token->role, &record) != CRM_OK)
        return op_fail_field(ctx, CRM_NOT_FOUND, "role", "there is no such role");
    return CRM_OK;
}

static enum crm_status take_expiry(struct op_ctx *ctx, const Crm__TokenRequest *request, struct api_token *token)
{
    int64_t now_us = ctx->group->now_us;

    token->expires_us = request->has_expires_at ? request->expires_at : now_us + API_TOKEN_LASTS_US;
    if (token->expires_us <= now_us)
        return op_fail_field(ctx, CRM_INVALID, "expires_at", "a token expires in the future");
    if (token->expires_us > now_us + API_TOKEN_LATEST_US)
        return op_fail_field(ctx, CRM_INVALID, "expires_at", "a token lasts a year at most");
    return CRM_OK;
}

static enum crm_status create(struct op_ctx *ctx, const struct uuid *user)
{
    const Crm__TokenRequest *request = ctx->request;
    Crm__TokenReply *reply = ctx->reply;
    struct api_token token = { .user = *user };
    Crm__TokenInfo **tokens = arena_alloc(ctx->arena, sizeof *tokens);
    char text[API_TOKEN_TEXT_SIZE];
    enum crm_status status = tokens ? op_check_confirmed(ctx) : op_fail(ctx, CRM_NO_MEMORY, "out of memory");

    if (status == CRM_OK)
        status = take_name(ctx, request->name, &token);
    if (status == CRM_OK)
        status = take_role(ctx, request, &token);
    if (status == CRM_OK)
        status = take_expiry(ctx, request, &token);
    if (status != CRM_OK)
        return status;
    status = api_token_create(ctx->group, &token, text);
    if (status == CRM_EXISTS)
        return op_fail_field(ctx, status, "name", "a token of this name exists: revoke it first");
    if (status == CRM_TOO_LARGE)
        return op_fail(ctx, status, "a user has %d tokens at most", API_TOKENS_MAX);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the token cannot be stored");
    reply->token = arena_strdup(ctx->arena, text);
    secret_wipe(text, sizeof text);
    tokens[0] = info_create(ctx, &token);
    if (!reply->token || !tokens[0]) {
        change_group_spoil(ctx->group); /* a token that nobody has */
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    }
    reply->tokens = tokens;
    reply->n_tokens = 1;
    op_about(ctx, KIND_USER, user, "token %s created", token.name);
    return CRM_OK;
}

/* --- list */

struct listing {
    struct op_ctx *ctx;
    Crm__TokenInfo *found[TOKENS_MAX];
    size_t n;
    bool is_spent;
};

static bool list_token(void *arg, const struct api_token *token)
{
    struct listing *listing = arg;

    if (listing->n == TOKENS_MAX)
        return false;
    listing->found[listing->n] = info_create(listing->ctx, token);
    listing->is_spent = !listing->found[listing->n];
    listing->n++;
    return !listing->is_spent;
}

static int by_login_and_name(const void *a, const void *b)
{
    const Crm__TokenInfo *left = *(Crm__TokenInfo *const *)a, *right = *(Crm__TokenInfo *const *)b;
    int order = strcmp(left->login, right->login);

    return order ? order : strcmp(left->name, right->name);
}

static enum crm_status list(struct op_ctx *ctx, const struct uuid *user)
{
    Crm__TokenReply *reply = ctx->reply;
    struct listing *listing = arena_zalloc(ctx->arena, sizeof *listing);
    enum crm_status status;

    if (!listing)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    listing->ctx = ctx;
    status = api_token_each(ctx->view, user, list_token, listing);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the tokens cannot be read");
    if (listing->is_spent)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    qsort(listing->found, listing->n, sizeof listing->found[0], by_login_and_name);
    reply->tokens = listing->found;
    reply->n_tokens = listing->n;
    return CRM_OK;
}

/* --- revoke */

struct lookup {
    struct uuid id;
    struct api_token token;
    bool is_found;
};

static bool look_at(void *arg, const struct api_token *token)
{
    struct lookup *lookup = arg;

    lookup->is_found = uuid_equal(&token->id, &lookup->id);
    if (lookup->is_found)
        lookup->token = *token;
    return !lookup->is_found;
}

static enum crm_status revoke(struct op_ctx *ctx)
{
    const Crm__TokenRequest *request = ctx->request;
    const struct uuid *whose = op_may_manage_users(ctx) ? NULL : &ctx->session->user;
    struct lookup lookup = { .is_found = false };
    enum crm_status status = CRM_OK;

    if (uuid_from_slice(slice_of(request->id.data, request->id.len), &lookup.id))
        status = api_token_each(ctx->view, whose, look_at, &lookup);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the tokens cannot be read");
    if (!lookup.is_found)
        return op_fail_field(ctx, CRM_NOT_FOUND, "id", "there is no such token");
    status = api_token_revoke(ctx->group, &lookup.token);
    ctx->ends_sessions = true;
    op_about(ctx, KIND_USER, &lookup.token.user, "token %s revoked", lookup.token.name);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the token cannot be revoked");
}

static enum crm_status run_token(struct op_ctx *ctx)
{
    const Crm__TokenRequest *request = ctx->request;
    struct uuid user;
    enum crm_status status = op_take_user(ctx, request->has_user, request->user, &user);

    if (status != CRM_OK)
        return status;
    switch (request->step) {
    case CRM__TOKEN_STEP__TOKEN_STEP_CREATE:
        return create(ctx, &user);
    case CRM__TOKEN_STEP__TOKEN_STEP_LIST:
        ctx->subject.is_nothing = true;
        return list(ctx, !request->has_user && op_may_manage_users(ctx) ? NULL : &user);
    case CRM__TOKEN_STEP__TOKEN_STEP_REVOKE:
        return revoke(ctx);
    default:
        return op_fail_field(ctx, CRM_INVALID, "step", "which step?");
    }
}

static unsigned place(const void *request, unsigned flags)
{
    return ((const Crm__TokenRequest *)request)->step == CRM__TOKEN_STEP__TOKEN_STEP_LIST ? flags | OP_WORKS : flags | OP_WRITES;
}

const struct op_def op_token = {
    .code = OP_TOKEN, .name = "admin.token", .flags = OP_SECRET | OP_PERSON, .request = &crm__token_request__descriptor,
    .reply = &crm__token_reply__descriptor, .run = run_token, .place = place, .audit = CRM__AUDIT_ACT__AUDIT_ACT_TOKEN,
};
