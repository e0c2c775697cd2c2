/*
 * common.c - the actions that every kind has: assign to somebody else, share, restore from the recycle bin, merge, resolve conflicts
 */
#include "common/rules/rule.h"

static enum crm_status take_id(struct rule_ctx *ctx, const char *field, enum kind kind, ProtobufCBinaryData bytes, struct uuid *out_id)
{
    if (!uuid_from_slice(slice_of(bytes.data, bytes.len), out_id) || !rule_may_name(ctx, kind, out_id))
        return rule_refuse_field(ctx, CRM_INVALID, field, "there is no such %s", kind_def(kind)->name);
    return CRM_OK;
}

/* Give the record another owner, another team, or both. A new owner brings the team along unless one is named. */
static enum crm_status assign(struct rule_ctx *ctx, const void *argument)
{
    const Crm__AssignArgument *to = argument;
    enum crm_status status = handover_take_reason(ctx, to->reason);

    if (status != CRM_OK)
        return status;
    ctx->with_deals = to->with_deals;
    if (!to->has_owner && !to->has_team)
        return rule_refuse_field(ctx, CRM_INVALID, "owner", "to whom, or to which team?");
    if (to->has_owner) {
        const Crm__User *user = rule_load(ctx, KIND_USER, to->owner);

        status = take_id(ctx, "owner", KIND_USER, to->owner, &ctx->after->header.owner);
        if (status == CRM_OK && user && user->has_team)
            uuid_from_slice(slice_of(user->team.data, user->team.len), &ctx->after->header.team);
    }
    if (status == CRM_OK && to->has_team)
        status = take_id(ctx, "team", KIND_TEAM, to->team, &ctx->after->header.team);
    return status;
}

static bool is_shared(struct rule_ctx *ctx, const struct grant *grant)
{
    struct slice value;
    struct key key;

    grant_key(&key, &ctx->after->header.root, grant);
    return view_get(ctx->view, STORE_GRANT, key_slice(&key), &value) == CRM_OK;
}

/* With whom a record is shared they know who see it: of such a share they may speak, whoever it is. */
static bool may_share_with(struct rule_ctx *ctx, enum kind kind, const struct grant *grant)
{
    return rule_may_name(ctx, kind, &grant->principal) || is_shared(ctx, grant);
}

static enum crm_status name_principal(struct rule_ctx *ctx, const Crm__ShareArgument *share, struct grant *grant)
{
    if (!uuid_from_slice(slice_of(share->principal.data, share->principal.len), &grant->principal))
        return rule_refuse_field(ctx, CRM_INVALID, "principal", "with which user or team?");
    grant->sort = GRANT_USER;
    if (may_share_with(ctx, KIND_USER, grant))
        return CRM_OK;
    grant->sort = share->with_below ? GRANT_TEAM_AND_BELOW : GRANT_TEAM;
    if (may_share_with(ctx, KIND_TEAM, grant))
        return CRM_OK;
    return rule_refuse_field(ctx, CRM_INVALID, "principal", "there is no such user or team");
}

/* A team is given it alone or with all below it: the one takes the place of the other. */
static enum crm_status take_other_form(struct rule_ctx *ctx, const struct grant *grant)
{
    const struct grant other = { .sort = grant->sort == GRANT_TEAM ? GRANT_TEAM_AND_BELOW : GRANT_TEAM, .principal = grant->principal };

    return grant->sort != GRANT_USER && is_shared(ctx, &other) ? rule_grant(ctx, &other) : CRM_OK;
}

/* Let a user or a team see the record, or change it too, perhaps until a time; or no longer. */
static enum crm_status share(struct rule_ctx *ctx, const void *argument)
{
    const Crm__ShareArgument *share = argument;
    struct grant grant = { .until_us = share->revoke ? 0 : share->until };
    enum crm_status status = name_principal(ctx, share, &grant);

    if (status == CRM_OK)
        status = take_other_form(ctx, &grant);
    if (status != CRM_OK)
        return status;
    if (share->revoke && !is_shared(ctx, &grant))
        return ctx->grants ? CRM_OK : rule_refuse_field(ctx, CRM_INVALID, "principal", "it is not shared with them");
    if (share->has_until && share->until <= ctx->now_us && !share->revoke)
        return rule_refuse_field(ctx, CRM_INVALID, "until", "a share ends in the future");
    grant.rights = share->revoke ? GRANT_NONE : share->may_write ? GRANT_WRITE : GRANT_READ;
    return rule_grant(ctx, &grant);
}

/* Take the record out of the recycle bin; what was deleted with it comes back too. */
static enum crm_status restore(struct rule_ctx *ctx, const void *argument)
{
    (void)argument;
    if (!(ctx->after->header.flags & RECORD_DELETED))
        return rule_refuse_field(ctx, CRM_INVALID, NULL, "it is not deleted");
    ctx->verb = RULE_RESTORE;
    return CRM_OK;
}

static const struct action_def actions[] = {
    { .name = "assign", .flags = RULE_LOCAL, .right = CRM__RIGHT__RIGHT_REASSIGN, .argument = &crm__assign_argument__descriptor, .run = assign },
    { .name = "share", .flags = RULE_LOCAL, .right = CRM__RIGHT__RIGHT_SHARE, .argument = &crm__share_argument__descriptor, .run = share },
    { .name = "restore", .flags = RULE_LOCAL, .right = CRM__RIGHT__RIGHT_RESTORE, .argument = &crm__restore_argument__descriptor, .run = restore },
    { .name = "merge", .right = CRM__RIGHT__RIGHT_MERGE, .argument = &crm__merge_argument__descriptor, .run = merge_records },
    { .name = "resolve", .flags = RULE_LOCAL, .argument = &crm__resolve_argument__descriptor, .run = resolve_conflicts },
};

const struct rule_module rules_common = { .kind = KIND_NONE, .actions = actions, .n_actions = ARRAY_LEN(actions) };
