/*
 * rule.c - finds the rules of a kind and gives them their tools
 *
 * Called by the engine that applies mutations: the server's writer, a worker for a dry run, a replica.
 */
#include "common/rules/rule.h"

#include "proto/codec.h"

#define DEPTH_MAX 32 /* of records below each other */

static const struct rule_module *const modules[] = {
    &rules_deal,     &rules_task,  &rules_activity,         &rules_user,          &rules_team, &rules_contact,
    &rules_company, &rules_customer,
    &rules_pipeline, &rules_role,  &rules_field_definition, &rules_exchange_rate, &rules_common,
};

const struct action_def *rule_action(enum kind kind, const char *name)
{
    const struct action_def *action;

    for (size_t n = 0; (action = rule_action_at(kind, n)); n++)
        if (strcmp(action->name, name) == 0)
            return action;
    return NULL;
}

const struct action_def *rule_action_at(enum kind kind, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        const struct rule_module *module = modules[i];

        if (module->kind != kind && module->kind != KIND_NONE)
            continue;
        if (n < module->n_actions)
            return &module->actions[n];
        n -= module->n_actions;
    }
    return NULL;
}

enum crm_status rule_complete(struct rule_ctx *ctx)
{
    enum crm_status status;

    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        if (modules[i]->kind != ctx->kind->kind || !modules[i]->complete)
            continue;
        status = modules[i]->complete(ctx);
        if (status != CRM_OK)
            return status;
    }
    status = money_derive(ctx);
    return status == CRM_OK ? handover_complete(ctx) : status;
}

enum crm_status rule_guard(struct rule_ctx *ctx)
{
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        enum crm_status status;

        if (modules[i]->kind != ctx->kind->kind || !modules[i]->guard)
            continue;
        status = modules[i]->guard(ctx);
        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

static const void *unpack(struct rule_ctx *ctx, const struct kind_def *kind, struct slice body)
{
    return protobuf_c_message_unpack(kind->descriptor, &ctx->arena->protobuf, body.size, body.data);
}

const void *rule_record(struct rule_ctx *ctx)
{
    return unpack(ctx, ctx->kind, ctx->after->body);
}

const void *rule_before(struct rule_ctx *ctx)
{
    return ctx->before ? unpack(ctx, ctx->kind, ctx->before->body) : NULL;
}

const void *rule_load(struct rule_ctx *ctx, enum kind kind, ProtobufCBinaryData id)
{
    struct record record;
    struct uuid uuid;

    if (!uuid_from_slice(slice_of(id.data, id.len), &uuid) || view_record(ctx->view, kind, &uuid, &record) != CRM_OK)
        return NULL;
    return unpack(ctx, kind_def(kind), record.body);
}

bool rule_may_name(struct rule_ctx *ctx, enum kind kind, const struct uuid *id)
{
    const struct record_header *header = ctx->before ? &ctx->before->header : NULL;
    struct record record;

    if (view_record(ctx->seen, kind, id, &record) == CRM_OK)
        return true;
    return (kind == KIND_USER && uuid_equal(id, &ctx->actor)) || (header && uuid_equal(id, kind == KIND_USER ? &header->owner : &header->team));
}

static const struct field_def *field_named(struct rule_ctx *ctx, const char *name)
{
    return schema_field_by_name(ctx->view->schema, ctx->kind, name);
}

static struct slice field_bytes(struct rule_ctx *ctx, const struct record *record, uint32_t ref)
{
    struct field_set set = { .refs = &ref, .n = 1 };
    struct slice kept = { 0 };

    if (record && body_keep(ctx->arena, record->body, &set, &kept) != CRM_OK)
        return (struct slice){ 0 };
    return kept;
}

bool rule_changes(struct rule_ctx *ctx, const char *name)
{
    const struct field_def *field = field_named(ctx, name);

    return field &&
           !slice_equal(field_bytes(ctx, ctx->before, field->ref), field_bytes(ctx, ctx->after, field->ref));
}

/* The record in hand takes part of a body, or loses a field. */
static enum crm_status apply(struct rule_ctx *ctx, struct slice set, const uint32_t *clear, size_t n_clear)
{
    struct body_patch patch = { .set = set, .clear = clear, .n_clear = n_clear };

    return body_apply(ctx->kind, ctx->arena, ctx->after->body, &patch, &ctx->after->body, ctx->failure);
}

static enum crm_status one_field(struct arena *arena, const struct field_def *field, const struct value *value,
                                 struct slice *out_body)
{
    struct body_builder builder;

    body_builder_init(&builder, arena);
    body_builder_add(&builder, field, value);
    return body_builder_finish(&builder, out_body);
}

enum crm_status rule_set(struct rule_ctx *ctx, const char *name, const struct value *value)
{
    const struct field_def *field = field_named(ctx, name);
    struct slice set;
    enum crm_status status;

    if (!field)
        return fail(ctx->failure, CRM_INVALID, name, "%s has no such field", ctx->kind->name);
    status = one_field(ctx->arena, field, value, &set);
    return status == CRM_OK ? apply(ctx, set, NULL, 0) : status;
}

enum crm_status rule_set_text(struct rule_ctx *ctx, const char *name, const char *text)
{
    return rule_set(ctx, name, &(struct value){ .type = FIELD_TEXT, .text = slice_text(text) });
}

enum crm_status rule_set_integer(struct rule_ctx *ctx, const char *name, int64_t integer)
{
    const struct field_def *field = field_named(ctx, name);

    return rule_set(ctx, name, &(struct value){ .type = field ? field->type : FIELD_INTEGER, .integer = integer });
}

enum crm_status rule_set_ref(struct rule_ctx *ctx, const char *name, const struct uuid *ref)
{
    return rule_set(ctx, name, &(struct value){ .type = FIELD_REFERENCE, .ref = *ref });
}

enum crm_status rule_clear(struct rule_ctx *ctx, const char *name)
{
    const struct field_def *field = field_named(ctx, name);

    return field ? apply(ctx, (struct slice){ 0 }, &field->ref, 1) : CRM_OK;
}

enum crm_status rule_require_fields(struct rule_ctx *ctx, char **names, size_t n)
{
    char missing[160] = "";
    const char *first = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct field_def *field = field_named(ctx, names[i]);
        size_t used = strlen(missing);

        if (field && field_bytes(ctx, ctx->after, field->ref).size > 0)
            continue;
        if (!first)
            first = names[i];
        if (used + strlen(names[i]) + 3 < sizeof missing) {
            strcat(missing, used ? ", " : "");
            strcat(missing, names[i]);
        }
    }
    return first ? fail(ctx->failure, CRM_INVALID, first, "this step needs a value in: %s", missing) : CRM_OK;
}

enum crm_status rule_refuse_cycle(struct rule_ctx *ctx, const char *name)
{
    const struct field_def *field = field_named(ctx, name);
    struct record above = *ctx->after;
    struct value value;

    for (int depth = 0; field && reflect_get(field, &above, &value); depth++) {
        if (uuid_equal(&value.ref, &ctx->after->header.id))
            return fail(ctx->failure, CRM_INVALID, name, "a %s cannot be below itself", ctx->kind->name);
        if (depth == DEPTH_MAX)
            return fail(ctx->failure, CRM_INVALID, name, "%s nest at most %d deep", ctx->kind->plural, DEPTH_MAX);
        if (view_record(ctx->view, ctx->kind->kind, &value.ref, &above) != CRM_OK)
            break;
    }
    return CRM_OK;
}

struct rule_more *rule_more(struct rule_ctx *ctx, enum rule_verb verb, enum kind kind, const struct uuid *id)
{
    struct rule_more *more = arena_alloc(ctx->arena, sizeof *more);

    if (!more)
        return NULL;
    *more = (struct rule_more){ .verb = verb, .kind = kind, .id = *id };
    if (ctx->more)
        ctx->last_more->next = more;
    else
        ctx->more = more;
    ctx->last_more = more;
    return more;
}

enum crm_status rule_patch_other(struct rule_ctx *ctx, enum kind kind, const struct uuid *id, const char *name,
                                 const struct value *value)
{
    const struct kind_def *other = kind_def(kind);
    const struct field_def *field = schema_field_by_name(ctx->view->schema, other, name);
    struct rule_more *more = rule_more(ctx, RULE_PATCH, kind, id);

    return more ? one_field(ctx->arena, field, value, &more->set) : fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status rule_grant(struct rule_ctx *ctx, const struct grant *grant)
{
    struct rule_grant *one = arena_alloc(ctx->arena, sizeof *one);
    struct rule_grant **last = &ctx->grants;

    if (!one)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    *one = (struct rule_grant){ .grant = *grant };
    while (*last)
        last = &(*last)->next;
    *last = one;
    return CRM_OK;
}

const Crm__Company *rule_company(struct rule_ctx *ctx)
{
    struct record record;

    if (view_first(ctx->view, KIND_COMPANY, &record) != CRM_OK)
        return NULL;
    return unpack(ctx, kind_def(KIND_COMPANY), record.body);
}
