/*
 * resolve.c - the action resolve: who has a conflict on a record says which value it is to have
 *
 * What they take becomes a patch like any other: asked for by them, refused where they may not make it or the rules say no; then the conflict stays open.
 */
#include "common/rules/rule.h"

struct resolving {
    struct rule_ctx *ctx;
    const Crm__ResolveArgument *argument;
    Crm__Mutation *wish;
    struct slice set;
    struct slice value; /* the argument's, canonical */
    size_t n_found;
};

#define WISHES_MAX (CONFLICTS_MAX * BODY_FIELDS_MAX)

/* The wish gets a value for a field: packed with it alone, or, of owner and team, an id; empty: none. A later conflict's takes the place of an earlier one's. */
static enum crm_status wish_for(struct resolving *resolving, uint32_t ref, struct slice value)
{
    Crm__Mutation *wish = resolving->wish;
    const struct field_set one = { .refs = &ref, .n = 1 };
    const ProtobufCBinaryData bytes = { .data = (uint8_t *)(uintptr_t)value.data, .len = value.size };

    if (ref == HEADER_OWNER) {
        wish->has_owner = true;
        wish->owner = bytes;
    } else if (ref == HEADER_TEAM) {
        wish->has_team = true;
        wish->team = bytes;
    } else {
        if (value.size == 0 && wish->n_clear < WISHES_MAX)
            wish->clear[wish->n_clear++] = ref;
        return body_overlay(resolving->ctx->arena, resolving->set, &one, value, &resolving->set);
    }
    return CRM_OK;
}

static enum crm_status settle(struct resolving *resolving, const struct uuid *id, uint32_t field)
{
    struct conflict_settled *settled = arena_alloc(resolving->ctx->arena, sizeof *settled);

    if (!settled)
        return CRM_NO_MEMORY;
    *settled = (struct conflict_settled){ .next = resolving->ctx->settled, .id = *id, .field = field };
    resolving->ctx->settled = settled;
    resolving->n_found++;
    return CRM_OK;
}

static enum crm_status resolve_field(struct resolving *resolving, const struct uuid *id, const Crm__FieldConflict *conflict)
{
    const Crm__ResolveArgument *argument = resolving->argument;
    enum crm_status status = CRM_OK;

    if (argument->take == CRM__TAKE__TAKE_MINE)
        status = wish_for(resolving, conflict->field, slice_of(conflict->mine.data, conflict->mine.len));
    else if (argument->take == CRM__TAKE__TAKE_VALUE && resolving->n_found == 0)
        status = wish_for(resolving, conflict->field, resolving->value);
    return status == CRM_OK ? settle(resolving, id, conflict->field) : status;
}

static enum crm_status resolve_one(struct resolving *resolving, const struct uuid *id, const Crm__Conflict *conflict)
{
    const Crm__ResolveArgument *argument = resolving->argument;
    enum crm_status status = CRM_OK;

    if (conflict->n_fields == 0 && argument->field == 0) {
        if (argument->take != CRM__TAKE__TAKE_THEIRS)
            return rule_refuse_field(resolving->ctx, CRM_INVALID, "take", "%s was refused as a whole: do it again, or let it be",
                                     conflict->action ? conflict->action : "it");
        return settle(resolving, id, 0);
    }
    for (size_t i = 0; i < conflict->n_fields && status == CRM_OK; i++)
        if (argument->field == 0 || conflict->fields[i]->field == argument->field)
            status = resolve_field(resolving, id, conflict->fields[i]);
    return status;
}

/* What comes from outside is put in order before anything looks into it; the rest is checked with the wish. */
static enum crm_status read_value(struct resolving *resolving)
{
    const Crm__ResolveArgument *argument = resolving->argument;

    resolving->value = slice_of(argument->value.data, argument->value.len);
    if (argument->take != CRM__TAKE__TAKE_VALUE || argument->field == HEADER_OWNER || argument->field == HEADER_TEAM)
        return CRM_OK;
    return body_canonical(resolving->ctx->arena, resolving->value, &resolving->value, resolving->ctx->failure);
}

static enum crm_status begin(struct resolving *resolving)
{
    struct arena *arena = resolving->ctx->arena;

    if (resolving->argument->take == CRM__TAKE__TAKE_UNSET)
        return rule_refuse_field(resolving->ctx, CRM_INVALID, "take", "mine, theirs or a value?");
    if (resolving->argument->take == CRM__TAKE__TAKE_VALUE && resolving->argument->field == 0)
        return rule_refuse_field(resolving->ctx, CRM_INVALID, "field", "which field gets the value?");
    resolving->wish = arena_alloc(arena, sizeof *resolving->wish);
    if (!resolving->wish)
        return CRM_NO_MEMORY;
    crm__mutation__init(resolving->wish);
    resolving->wish->clear = arena_alloc(arena, WISHES_MAX * sizeof *resolving->wish->clear);
    return resolving->wish->clear ? read_value(resolving) : CRM_NO_MEMORY;
}

enum crm_status resolve_conflicts(struct rule_ctx *ctx, const void *argument)
{
    struct resolving resolving = { .ctx = ctx, .argument = argument };
    const struct uuid *record = &ctx->after->header.id;
    const ProtobufCBinaryData wanted = resolving.argument->conflict;
    struct key at = { 0 };
    Crm__Conflict *conflict;
    enum crm_status status = begin(&resolving);

    while (status == CRM_OK && (status = conflict_next(ctx->view, &ctx->actor, record, &at, ctx->arena, &conflict)) == CRM_OK) {
        struct uuid id;

        memcpy(id.bytes, at.data + at.size - UUID_SIZE, UUID_SIZE);
        if (!resolving.argument->has_conflict || slice_equal(slice_of(wanted.data, wanted.len), uuid_slice(&id)))
            status = resolve_one(&resolving, &id, conflict);
    }
    if (status != CRM_NOT_FOUND)
        return status;
    if (resolving.n_found == 0)
        return rule_refuse_field(ctx, CRM_INVALID, "conflict", "there is no such conflict of yours on this record");
    resolving.wish->has_set = resolving.set.size > 0;
    resolving.wish->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)resolving.set.data, .len = resolving.set.size };
    if (resolving.argument->take != CRM__TAKE__TAKE_THEIRS)
        ctx->wish = resolving.wish;
    return CRM_OK;
}
