/*
 * deal_team.c - who works on a deal beside its owner: members may see the deal, or change it too, for as long as they are members
 *
 * What membership gives is a share of its own sort (GRANT_MEMBER), so that it neither takes the place of a share made by hand nor goes with one.
 */
#include "common/rules/rule.h"

static bool is_of(const Crm__DealMember *member, const struct uuid *user)
{
    return slice_equal(slice_of(member->user.data, member->user.len), uuid_slice(user));
}

static const Crm__DealMember *find_member(const Crm__Deal *deal, const struct uuid *user)
{
    for (size_t i = 0; deal && i < deal->n_members; i++)
        if (is_of(deal->members[i], user))
            return deal->members[i];
    return NULL;
}

static enum crm_status give(struct rule_ctx *ctx, const struct uuid *user, enum grant_rights rights)
{
    return rule_grant(ctx, &(struct grant){ .sort = GRANT_MEMBER, .principal = *user, .rights = rights });
}

enum crm_status deal_team_complete(struct rule_ctx *ctx, const Crm__Deal *deal)
{
    const Crm__Deal *before = rule_before(ctx);
    enum crm_status status = CRM_OK;
    struct uuid user;

    if (ctx->before && !before)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; before && i < before->n_members && status == CRM_OK; i++)
        if (uuid_from_slice(slice_of(before->members[i]->user.data, before->members[i]->user.len), &user) && !find_member(deal, &user))
            status = give(ctx, &user, GRANT_NONE);
    for (size_t i = 0; i < deal->n_members && status == CRM_OK; i++) {
        const Crm__DealMember *member = deal->members[i], *was;

        if (!uuid_from_slice(slice_of(member->user.data, member->user.len), &user))
            continue; /* refused as a reference */
        if (find_member(deal, &user) != member)
            return rule_refuse_field(ctx, CRM_INVALID, "members", "a user is in the deal team once");
        was = find_member(before, &user);
        if (!was || was->may_write != member->may_write)
            status = give(ctx, &user, member->may_write ? GRANT_WRITE : GRANT_READ);
    }
    return status;
}
