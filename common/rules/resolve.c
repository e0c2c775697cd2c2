/*
 * resolve.c - the action resolve: who has a conflict on a record says which value it is to have
 *
 * What they take becomes a patch like any other: asked for by them, refused where they may not make it or the rules say no; then the conflict stays open.
 */
#include "common/rules/rule.h"

#define CHOICES_MAX 256
#define WISHES_MAX  BODY_FIELDS_MAX

struct resolving {
    struct rule_ctx *ctx;
    Crm__ResolveChoice *choices; /* in order, the argument's own last; values canonical */
    size_t n_choices;
    Crm__Mutation *wish;
    struct slice set;
    size_t n_found;
};

/* A later conflict's wish takes the place of an earlier one's. */
static void unclear(Crm__Mutation *wish, uint32_t ref)
{
    size_t n = 0;

    for (size_t i = 0; i < wish->n_clear; i++)
        if (wish->clear[i] != ref)
            wish->clear[n++] = wish->clear[i];
    wish->n_clear = n;
}

/* The wish gets a value for a field: packed with it alone, or, of owner and team, an id; empty: none. */
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
        unclear(wish, ref);
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

/* The first that fits; field 0: of the conflict as a whole. NULL: it stays open. */
static const Crm__ResolveChoice *choice_for(const struct resolving *resolving, const struct uuid *id, uint32_t field)
{
    for (size_t i = 0; i < resolving->n_choices; i++) {
        const Crm__ResolveChoice *choice = &resolving->choices[i];

        if ((choice->field == 0 || choice->field == field) &&
            (!choice->has_conflict || slice_equal(slice_of(choice->conflict.data, choice->conflict.len), uuid_slice(id))))
            return choice;
    }
    return NULL;
}

static enum crm_status resolve_field(struct resolving *resolving, const struct uuid *id, const Crm__FieldConflict *conflict)
{
    const Crm__ResolveChoice *choice = choice_for(resolving, id, conflict->field);
    enum crm_status status = CRM_OK;

    if (!choice)
        return CRM_OK;
    if (choice->take != CRM__TAKE__TAKE_THEIRS) {
        const ProtobufCBinaryData *value = choice->take == CRM__TAKE__TAKE_MINE ? &conflict->mine : &choice->value;

        status = wish_for(resolving, conflict->field, slice_of(value->data, value->len));
    }
    return status == CRM_OK ? settle(resolving, id, conflict->field) : status;
}

static enum crm_status resolve_whole(struct resolving *resolving, const struct uuid *id, const Crm__Conflict *conflict)
{
    const Crm__ResolveChoice *choice = choice_for(resolving, id, 0);

    if (!choice)
        return CRM_OK;
    if (choice->take != CRM__TAKE__TAKE_THEIRS)
        return rule_refuse_field(resolving->ctx, CRM_INVALID, "take", "%s was refused as a whole: do it again, or let it be",
                                 conflict->action ? conflict->action : "it");
    return settle(resolving, id, 0);
}

static enum crm_status resolve_one(struct resolving *resolving, const struct uuid *id, const Crm__Conflict *conflict)
{
    enum crm_status status = CRM_OK;

    if (conflict->n_fields == 0)
        return resolve_whole(resolving, id, conflict);
    for (size_t i = 0; i < conflict->n_fields && status == CRM_OK; i++)
        status = resolve_field(resolving, id, conflict->fields[i]);
    return status;
}

/* What comes from outside is put in order before anything looks into it; the rest is checked with the wish. */
static enum crm_status add_choice(struct resolving *resolving, const Crm__ResolveChoice *choice)
{
    struct rule_ctx *ctx = resolving->ctx;
    Crm__ResolveChoice *kept = &resolving->choices[resolving->n_choices++];
    struct slice value = slice_of(choice->value.data, choice->value.len);
    enum crm_status status;

    *kept = *choice;
    if (choice->take == CRM__TAKE__TAKE_UNSET)
        return rule_refuse_field(ctx, CRM_INVALID, "take", "mine, theirs or a value?");
    if (choice->take != CRM__TAKE__TAKE_VALUE)
        return CRM_OK;
    if (choice->field == 0)
        return rule_refuse_field(ctx, CRM_INVALID, "field", "which field gets the value?");
    if (choice->field == HEADER_OWNER || choice->field == HEADER_TEAM)
        return CRM_OK;
    status = body_canonical(ctx->arena, value, &value, ctx->failure);
    kept->value = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)value.data, .len = value.size };
    return status;
}

/* What the argument says itself, as a choice. */
static Crm__ResolveChoice own_choice(const Crm__ResolveArgument *argument)
{
    Crm__ResolveChoice choice = CRM__RESOLVE_CHOICE__INIT;

    choice.has_conflict = argument->has_conflict;
    choice.conflict = argument->conflict;
    choice.field = argument->field;
    choice.take = argument->take;
    choice.value = argument->value;
    return choice;
}

static enum crm_status begin(struct resolving *resolving, const Crm__ResolveArgument *argument)
{
    struct arena *arena = resolving->ctx->arena;
    const Crm__ResolveChoice own = own_choice(argument);
    enum crm_status status = CRM_OK;

    if (argument->n_choices > CHOICES_MAX)
        return rule_refuse_field(resolving->ctx, CRM_TOO_LARGE, "choices", "at most %d choices at once", CHOICES_MAX);
    resolving->choices = arena_alloc(arena, (argument->n_choices + 1) * sizeof *resolving->choices);
    resolving->wish = arena_alloc(arena, sizeof *resolving->wish);
    if (!resolving->choices || !resolving->wish)
        return CRM_NO_MEMORY;
    crm__mutation__init(resolving->wish);
    resolving->wish->clear = arena_alloc(arena, WISHES_MAX * sizeof *resolving->wish->clear);
    if (!resolving->wish->clear)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < argument->n_choices && status == CRM_OK; i++)
        status = add_choice(resolving, argument->choices[i]);
    if (status == CRM_OK && (own.take != CRM__TAKE__TAKE_UNSET || argument->n_choices == 0))
        status = add_choice(resolving, &own);
    return status;
}

enum crm_status resolve_conflicts(struct rule_ctx *ctx, const void *argument)
{
    struct resolving resolving = { .ctx = ctx };
    const struct uuid *record = &ctx->after->header.id;
    struct key at = { 0 };
    Crm__Conflict *conflict;
    enum crm_status status = begin(&resolving, argument);

    while (status == CRM_OK && (status = conflict_next(ctx->view, &ctx->actor, record, &at, ctx->arena, &conflict)) == CRM_OK) {
        struct uuid id;

        memcpy(id.bytes, at.data + at.size - UUID_SIZE, UUID_SIZE);
        status = resolve_one(&resolving, &id, conflict);
    }
    if (status != CRM_NOT_FOUND)
        return status;
    if (resolving.n_found == 0)
        return rule_refuse_field(ctx, CRM_INVALID, "conflict", "there is no such conflict of yours on this record");
    resolving.wish->has_set = resolving.set.size > 0;
    resolving.wish->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)resolving.set.data, .len = resolving.set.size };
    if (resolving.set.size > 0 || resolving.wish->n_clear > 0 || resolving.wish->has_owner || resolving.wish->has_team)
        ctx->wish = resolving.wish;
    return CRM_OK;
}
