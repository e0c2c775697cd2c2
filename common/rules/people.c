/*
 * people.c - users, teams and roles: a tree without cycles, sensible defaults, an administrator who remains
 */
#include "common/rules/rule.h"

#define TEAM_DEPTH_MAX 32

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
    return status;
}

/* Walks up from the new parent: the team itself must not be there. */
static enum crm_status team_complete(struct rule_ctx *ctx)
{
    const Crm__Team *team = rule_record(ctx);

    for (int depth = 0; team && team->has_parent; depth++) {
        if (depth == TEAM_DEPTH_MAX)
            return rule_refuse_field(ctx, CRM_INVALID, "parent", "teams nest at most %d deep", TEAM_DEPTH_MAX);
        if (team->parent.len == UUID_SIZE && memcmp(team->parent.data, ctx->after->header.id.bytes, UUID_SIZE) == 0)
            return rule_refuse_field(ctx, CRM_INVALID, "parent", "a team cannot be below itself");
        team = rule_load(ctx, KIND_TEAM, team->parent);
    }
    return CRM_OK;
}

static enum crm_status role_complete(struct rule_ctx *ctx)
{
    const Crm__Role *role = rule_record(ctx);

    for (size_t i = 0; role && i < role->n_scopes; i++) {
        const Crm__KindScope *scope = role->scopes[i];

        if (!scope->kind || (strcmp(scope->kind, "*") != 0 && !kind_find(scope->kind)))
            return rule_refuse_field(ctx, CRM_INVALID, "scopes", "scope %zu names no kind (or * for all)", i + 1);
    }
    return CRM_OK;
}

const struct rule_module rules_user = { .kind = KIND_USER, .complete = user_complete };
const struct rule_module rules_team = { .kind = KIND_TEAM, .complete = team_complete };
const struct rule_module rules_role = { .kind = KIND_ROLE, .complete = role_complete };
