/*
 * work.c - customers, contacts, activities and tasks: names from their parts, the customer's last contact, whose a task is, who finished it and when
 */
#include "common/base/calendar.h"
#include "common/base/text.h"
#include "common/rules/rule.h"

static enum crm_status contact_complete(struct rule_ctx *ctx)
{
    const Crm__Contact *contact = rule_record(ctx);
    const char *name = NULL;

    if (!contact)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (contact->name)
        return CRM_OK;
    if (contact->family && contact->given) {
        size_t position = 0;
        bool chinese = text_is_cjk(text_next(slice_text(contact->family), &position));

        /* Chinese names put the family first and nothing between. */
        name = chinese ? arena_printf(ctx->arena, "%s%s", contact->family, contact->given)
                       : arena_printf(ctx->arena, "%s %s", contact->given, contact->family);
    } else {
        name = contact->family ? contact->family : contact->given;
    }
    return name ? rule_set_text(ctx, "name", name) : CRM_OK;
}

static enum crm_status customer_complete(struct rule_ctx *ctx)
{
    return rule_refuse_cycle(ctx, "parent");
}

/* An activity says when the customer was last spoken to; a later one is never taken back by an earlier one. */
static enum crm_status activity_complete(struct rule_ctx *ctx)
{
    const Crm__Activity *activity = rule_record(ctx);
    const Crm__Customer *customer;
    struct uuid id;
    enum crm_status status = CRM_OK;

    if (!activity)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!activity->has_customer && activity->has_deal) {
        const Crm__Deal *deal = rule_load(ctx, KIND_DEAL, activity->deal);

        if (deal && uuid_from_slice(slice_of(deal->customer.data, deal->customer.len), &id))
            status = rule_set_ref(ctx, "customer", &id);
    } else if (!activity->has_customer && activity->has_contact) {
        const Crm__Contact *contact = rule_load(ctx, KIND_CONTACT, activity->contact);

        if (contact && uuid_from_slice(slice_of(contact->customer.data, contact->customer.len), &id))
            status = rule_set_ref(ctx, "customer", &id);
    }
    if (status == CRM_OK && !activity->has_started)
        status = rule_set_integer(ctx, "started", ctx->happened_us);
    if (status == CRM_OK && !activity->has_kind)
        status = rule_set_integer(ctx, "kind", CRM__ACTIVITY_KIND__ACTIVITY_KIND_NOTE);
    if (status != CRM_OK || !(activity = rule_record(ctx)))
        return status != CRM_OK ? status : CRM_NO_MEMORY;

    customer = activity->has_customer ? rule_load(ctx, KIND_CUSTOMER, activity->customer) : NULL;
    if (customer && activity->kind != CRM__ACTIVITY_KIND__ACTIVITY_KIND_NOTE && activity->started <= ctx->now_us &&
        (!customer->has_last_contact || customer->last_contact < activity->started) &&
        uuid_from_slice(slice_of(activity->customer.data, activity->customer.len), &id))
        status = rule_patch_other(ctx, KIND_CUSTOMER, &id, "last_contact",
                                  &(struct value){ .type = FIELD_INSTANT, .integer = activity->started });
    return status;
}

/* The next task of one that repeats: the same, due one period later and open. */
static enum crm_status repeat_task(struct rule_ctx *ctx, const Crm__Task *task)
{
    static const char *const done_fields[] = { "state", "done_by", "done_at", "due", "reminder" };
    int32_t due = task->has_due ? task->due : ctx->today;
    struct uuid id = uuid_create();
    struct rule_more *more;
    uint32_t refs[ARRAY_LEN(done_fields)];
    struct field_set drop = { .refs = refs };
    struct body_builder builder;
    struct body_patch patch = { 0 };
    enum crm_status status;

    switch (task->repeat) {
    case CRM__REPEAT__REPEAT_DAILY:
        due += 1;
        break;
    case CRM__REPEAT__REPEAT_WEEKLY:
        due += 7;
        break;
    case CRM__REPEAT__REPEAT_MONTHLY:
        due = day_add_months(due, 1);
        break;
    case CRM__REPEAT__REPEAT_YEARLY:
        due = day_add_months(due, 12);
        break;
    default:
        return CRM_OK;
    }
    more = rule_more(ctx, RULE_CREATE, KIND_TASK, &id);
    if (!more)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < ARRAY_LEN(done_fields); i++) {
        uint32_t ref = kind_field_by_name(ctx->kind, done_fields[i])->ref;
        size_t at = drop.n++;

        for (; at > 0 && refs[at - 1] > ref; at--)
            refs[at] = refs[at - 1];
        refs[at] = ref;
    }
    status = body_drop(ctx->arena, ctx->after->body, &drop, &more->set);
    body_builder_init(&builder, ctx->arena);
    body_builder_add(&builder, kind_field_by_name(ctx->kind, "due"), &(struct value){ .type = FIELD_DATE, .integer = due });
    if (status == CRM_OK)
        status = body_builder_finish(&builder, &patch.set);
    if (status == CRM_OK)
        status = body_apply(ctx->kind, ctx->arena, more->set, &patch, &more->set, ctx->failure);
    more->owner = ctx->after->header.owner; /* whoever has done it: the next one is for the same person */
    more->team = ctx->after->header.team;
    return status;
}

/*
 * A task belongs to whoever is to do it, so that they see it: a new assignee becomes the owner, a new owner the assignee. Where nobody is named it is the
 * owner, on a create whoever adds it.
 */
static enum crm_status settle_assigned(struct rule_ctx *ctx, const Crm__Task *task)
{
    struct record_header *header = &ctx->after->header;
    bool is_named = task->has_assigned && (!ctx->before || rule_changes(ctx, "assigned"));
    bool is_handed_over = ctx->before && !uuid_equal(&ctx->before->header.owner, &header->owner);
    const Crm__User *user;
    struct uuid assigned;

    if (!is_named && task->has_assigned && !is_handed_over)
        return CRM_OK;
    if (!is_named)
        return rule_set_ref(ctx, "assigned", &header->owner);
    user = rule_load(ctx, KIND_USER, task->assigned);
    if (!user || !uuid_from_slice(slice_of(task->assigned.data, task->assigned.len), &assigned) || uuid_equal(&assigned, &header->owner))
        return CRM_OK; /* nobody there: the reference is refused as such */
    header->owner = assigned;
    if (user->has_team)
        uuid_from_slice(slice_of(user->team.data, user->team.len), &header->team);
    return CRM_OK;
}

static enum crm_status task_complete(struct rule_ctx *ctx)
{
    const Crm__Task *task = rule_record(ctx);
    enum crm_status status = CRM_OK;

    if (!task)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!task->has_state)
        status = rule_set_integer(ctx, "state", CRM__TASK_STATE__TASK_STATE_OPEN);
    if (status == CRM_OK)
        status = settle_assigned(ctx, task);
    if (status != CRM_OK || !rule_changes(ctx, "state"))
        return status;
    if (task->state == CRM__TASK_STATE__TASK_STATE_DONE) {
        status = rule_set_ref(ctx, "done_by", &ctx->actor);
        if (status == CRM_OK)
            status = rule_set_integer(ctx, "done_at", ctx->happened_us);
        if (status == CRM_OK && task->has_repeat)
            status = repeat_task(ctx, task);
    } else if (task->has_done_at) {
        status = rule_clear(ctx, "done_by");
        if (status == CRM_OK)
            status = rule_clear(ctx, "done_at");
    }
    return status;
}

const struct rule_module rules_customer = { .kind = KIND_CUSTOMER, .complete = customer_complete };
const struct rule_module rules_contact = { .kind = KIND_CONTACT, .complete = contact_complete };
const struct rule_module rules_activity = { .kind = KIND_ACTIVITY, .complete = activity_complete };
const struct rule_module rules_task = { .kind = KIND_TASK, .complete = task_complete };
