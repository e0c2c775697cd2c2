/*
 * op_describe.c - kinds, fields, choices and actions as they are now, so that a client can show what it was not built with
 */
#include "common/rules/rule.h"
#include "server/ops/op.h"

static Crm__ChoiceInfo *choice_info(struct op_ctx *ctx, const struct choice_def *choice)
{
    Crm__ChoiceInfo *info = arena_alloc(ctx->arena, sizeof *info);

    if (!info)
        return NULL;
    crm__choice_info__init(info);
    info->has_number = true;
    info->number = (uint32_t)choice->number;
    info->name = (char *)choice->name;
    info->label = (char *)choice->label_en;
    info->label_zh = (char *)choice->label_zh;
    return info;
}

static Crm__FieldInfo *field_info(struct op_ctx *ctx, const struct field_def *field, uint32_t of)
{
    Crm__FieldInfo *info = arena_alloc(ctx->arena, sizeof *info);

    if (!info)
        return NULL;
    crm__field_info__init(info);
    info->has_field = info->has_type = info->has_flags = true;
    info->field = field->ref;
    info->name = (char *)field->name;
    info->label = (char *)field->label_en;
    info->label_zh = (char *)field->label_zh;
    info->type = field->type;
    info->flags = field->flags;
    info->has_ref_kind = field->ref_kind != KIND_NONE;
    info->ref_kind = field->ref_kind;
    info->has_merge = field->merge != MERGE_ASK;
    info->merge = field->merge;
    info->has_of = of != 0;
    info->of = of;
    info->choices = arena_alloc(ctx->arena, (field->n_choices + 1) * sizeof *info->choices);
    if (!info->choices)
        return NULL;
    for (size_t i = 0; i < field->n_choices; i++)
        if (!(info->choices[info->n_choices++] = choice_info(ctx, &field->choices[i])))
            return NULL;
    return info;
}

static bool add_fields(struct op_ctx *ctx, const struct kind_def *kind, Crm__KindInfo *info)
{
    const struct field_def *field;
    size_t n = 0;

    for (size_t i = 0; (field = schema_field_at(ctx->schema, kind, i)); i++)
        n += 1 + field->n_members;
    info->fields = arena_alloc(ctx->arena, (n + 1) * sizeof *info->fields);
    if (!info->fields)
        return false;
    for (size_t i = 0; (field = schema_field_at(ctx->schema, kind, i)); i++) {
        if (!(info->fields[info->n_fields++] = field_info(ctx, field, 0)))
            return false;
        for (size_t m = 0; m < field->n_members; m++)
            if (!(info->fields[info->n_fields++] = field_info(ctx, &field->members[m], field->ref)))
                return false;
    }
    return true;
}

static bool add_actions(struct op_ctx *ctx, const struct kind_def *kind, Crm__KindInfo *info)
{
    const struct action_def *action;
    size_t n = 0;

    while (rule_action_at(kind->kind, n))
        n++;
    info->actions = arena_alloc(ctx->arena, (n + 1) * sizeof *info->actions);
    for (size_t i = 0; info->actions && (action = rule_action_at(kind->kind, i)); i++) {
        Crm__ActionInfo *out = arena_alloc(ctx->arena, sizeof *out);

        if (!out)
            return false;
        crm__action_info__init(out);
        out->name = (char *)action->name;
        info->actions[info->n_actions++] = out;
    }
    return info->actions;
}

static Crm__KindInfo *kind_info(struct op_ctx *ctx, const struct kind_def *kind)
{
    Crm__KindInfo *info = arena_alloc(ctx->arena, sizeof *info);

    if (!info)
        return NULL;
    crm__kind_info__init(info);
    info->has_kind = true;
    info->kind = kind->kind;
    info->name = (char *)kind->name;
    info->plural = (char *)kind->plural;
    info->letter = (char *)kind->letter;
    info->label = (char *)kind->label_en;
    info->label_zh = (char *)kind->label_zh;
    return add_fields(ctx, kind, info) && add_actions(ctx, kind, info) ? info : NULL;
}

static enum crm_status run_describe(struct op_ctx *ctx)
{
    const Crm__DescribeRequest *request = ctx->request;
    Crm__DescribeReply *reply = ctx->reply;
    const struct kind_def *kind;
    size_t n = 0;

    reply->has_level = true;
    reply->level = schema_level(ctx->schema);
    if (request->has_known_level && request->known_level == reply->level)
        return CRM_OK;
    while (kind_at(n))
        n++;
    reply->kinds = arena_alloc(ctx->arena, (n + 1) * sizeof *reply->kinds);
    if (!reply->kinds)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    for (size_t i = 0; (kind = kind_at(i)); i++) {
        if (request->kind && request->kind != (uint32_t)kind->kind)
            continue;
        if (!(reply->kinds[reply->n_kinds++] = kind_info(ctx, kind)))
            return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    }
    return reply->n_kinds ? CRM_OK : op_fail_field(ctx, CRM_INVALID, "kind", "there is no kind number %u", request->kind);
}

const struct op_def op_describe = {
    .code = OP_DESCRIBE, .name = "describe", .request = &crm__describe_request__descriptor, .reply = &crm__describe_reply__descriptor,
    .run = run_describe,
};
