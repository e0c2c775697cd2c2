/*
 * people.c - users, teams and roles: a tree without cycles, sensible defaults, an administrator who remains
 */
#include "common/rules/rule.h"

#include "common/store/key.h"

static bool manages_users(const Crm__Role *role)
{
    for (size_t i = 0; role && i < role->n_rights; i++)
        if (role->rights[i] == CRM__RIGHT__RIGHT_MANAGE_USERS)
            return true;
    return false;
}

static bool is_active_in(const Crm__User *user, ProtobufCBinaryData *out_role)
{
    *out_role = user->role;
    return user->has_role && (!user->has_active || user->active);
}

/* Is there an administrator beside a user, and beside all who have a role? Either may be NULL. Asked only when one is about to go. */
static bool another_administrator(struct rule_ctx *ctx, const struct uuid *beside_user, const struct uuid *beside_role)
{
    static const uint8_t first = KIND_USER, behind = KIND_USER + 1;
    struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1) };
    struct key from = { 0 };
    struct slice key, value;

    while (view_seek(ctx->view, STORE_RECORD, &range, &key, &value) == CRM_OK) {
        const Crm__User *user;
        ProtobufCBinaryData role;
        struct record record;
        struct uuid id;
        enum kind kind;

        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        range.from = key_slice(&from);
        if (!record_key_parse(key, &kind, &id) || record_decode(kind, &id, value, &record) != CRM_OK ||
            (beside_user && uuid_equal(&id, beside_user)))
            continue;
        user = crm__user__unpack(&ctx->arena->protobuf, record.body.size, record.body.data);
        if (!user || !is_active_in(user, &role) || (beside_role && slice_equal(slice_of(role.data, role.len), uuid_slice(beside_role))))
            continue;
        if (manages_users(rule_load(ctx, KIND_ROLE, role)))
            return true;
    }
    return false;
}

static bool is_administrator(struct rule_ctx *ctx, const Crm__User *user)
{
    ProtobufCBinaryData role;

    return user && is_active_in(user, &role) && manages_users(rule_load(ctx, KIND_ROLE, role));
}

static enum crm_status user_guard(struct rule_ctx *ctx)
{
    if (ctx->verb != RULE_DELETE || !is_administrator(ctx, rule_before(ctx)) || another_administrator(ctx, &ctx->after->header.id, NULL))
        return CRM_OK;
    return rule_refuse_field(ctx, CRM_INVALID, NULL, "this is the last active user who may manage users");
}

static enum crm_status user_complete(struct rule_ctx *ctx)
{
    const Crm__User *user = rule_record(ctx);
    enum crm_status status = CRM_OK;

    if (!user)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (const char *c = user->login ? user->login : ""; *c; c++)
        if (*c <= ' ' || *c == 0x7f)
            return rule_refuse_field(ctx, CRM_INVALID, "login", "a login has no blanks");
    if (!user->has_active)
        status = rule_set_integer(ctx, "active", 1);
    if (status == CRM_OK && !user->name && user->login)
        status = rule_set_text(ctx, "name", user->login);
    if (status == CRM_OK && user->has_manager && user->manager.len == UUID_SIZE &&
        memcmp(user->manager.data, ctx->after->header.id.bytes, UUID_SIZE) == 0)
        return rule_refuse_field(ctx, CRM_INVALID, "manager", "nobody is their own manager");
    if (status == CRM_OK && ctx->before && (rule_changes(ctx, "active") || rule_changes(ctx, "role")) && !is_administrator(ctx, user) &&
        is_administrator(ctx, rule_before(ctx)) && !another_administrator(ctx, &ctx->after->header.id, NULL))
        return rule_refuse_field(ctx, CRM_INVALID, rule_changes(ctx, "active") ? "active" : "role",
                                 "this is the last active user who may manage users");
    if (status == CRM_OK && ctx->before && !ctx->is_override && rule_changes(ctx, "active") && user->has_active && !user->active)
        status = handover_refuse_open(ctx, "active");
    return status;
}

static enum crm_status team_complete(struct rule_ctx *ctx)
{
    return rule_refuse_cycle(ctx, "parent");
}

/* Has the kind (NULL: any) a field of exactly this name? Access goes by names as they are. */
static bool names_field(const struct schema *schema, const struct kind_def *kind, const char *name)
{
    const struct kind_def *each;
    const struct field_def *field;

    for (size_t i = 0; (each = kind_at(i)); i++)
        if ((!kind || each == kind) && (field = schema_field_by_name(schema, each, name)) && strcmp(field->name, name) == 0)
            return true;
    return false;
}

/* A field may be hidden before there is one of that name. What is a slip for one that there is would hide nothing, and nobody would notice. */
static enum crm_status check_names(struct rule_ctx *ctx, const Crm__KindScope *scope, char *const *names, size_t n)
{
    const struct kind_def *kind = kind_find(scope->kind);

    for (size_t i = 0; i < n; i++) {
        const char *near = names_field(ctx->view->schema, kind, names[i]) ? NULL : schema_suggest(ctx->view->schema, kind, names[i]);

        if (near)
            return rule_refuse_field(ctx, CRM_INVALID, "scopes", "no %s has a field '%s'; did you mean '%s'?", kind ? kind->name : "kind", names[i],
                                     near);
    }
    return CRM_OK;
}

static enum crm_status check_scope_names(struct rule_ctx *ctx, const Crm__Role *role)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < role->n_scopes && status == CRM_OK; i++) {
        status = check_names(ctx, role->scopes[i], role->scopes[i]->hidden, role->scopes[i]->n_hidden);
        if (status == CRM_OK)
            status = check_names(ctx, role->scopes[i], role->scopes[i]->read_only, role->scopes[i]->n_read_only);
    }
    return status;
}

static enum crm_status role_complete(struct rule_ctx *ctx)
{
    const Crm__Role *role = rule_record(ctx);
    enum crm_status status;

    for (size_t i = 0; role && i < role->n_scopes; i++) {
        const Crm__KindScope *scope = role->scopes[i];

        if (!scope->kind || (strcmp(scope->kind, "*") != 0 && !kind_find(scope->kind)))
            return rule_refuse_field(ctx, CRM_INVALID, "scopes", "scope %zu names no kind (or * for all)", i + 1);
    }
    if (!role)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = !ctx->before || rule_changes(ctx, "scopes") ? check_scope_names(ctx, role) : CRM_OK;
    if (status != CRM_OK)
        return status;
    if (ctx->before && rule_changes(ctx, "rights") && !manages_users(role) && manages_users(rule_before(ctx)) &&
        !another_administrator(ctx, NULL, &ctx->after->header.id))
        return rule_refuse_field(ctx, CRM_INVALID, "rights", "no active user who may manage users would remain");
    return CRM_OK;
}

static const struct action_def user_actions[] = {
    { .name = "disable", .kind = KIND_USER, .right = CRM__RIGHT__RIGHT_MANAGE_USERS, .argument = &crm__disable_argument__descriptor,
      .run = handover_disable },
};

const struct rule_module rules_user = {
    .kind = KIND_USER, .actions = user_actions, .n_actions = ARRAY_LEN(user_actions), .complete = user_complete, .guard = user_guard,
};
const struct rule_module rules_team = { .kind = KIND_TEAM, .complete = team_complete };
const struct rule_module rules_role = { .kind = KIND_ROLE, .complete = role_complete };
