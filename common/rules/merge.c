/*
 * merge.c - the action merge: others become a part of the record in hand, with all that refers to them, and who may see them
 *
 * The record in hand keeps its values; where it has none it gets the first that another has, lists get what others have besides, and of long texts all are kept. Whoever
 * merges may choose field by field. What refers to the others refers to this one from then on; they go into the recycle bin, and their numbers lead here.
 */
#include "common/rules/rule.h"

#define MERGE_MAX 20 /* records that become one with another at once */

struct merging {
    struct rule_ctx *ctx;
    const Crm__MergeArgument *argument;
    struct record losers[MERGE_MAX];
    size_t n;
    size_t at; /* whose references are walked */
    struct slice body;
    enum crm_status status;
};

static bool is_loser(const struct merging *merging, const struct uuid *id)
{
    for (size_t i = 0; i < merging->n; i++)
        if (uuid_equal(&merging->losers[i].header.id, id))
            return true;
    return false;
}

/* Who merges must see all of them; what is hidden of them stays behind. Whether they may be changed is asked where they are deleted. */
static enum crm_status find_losers(struct merging *merging)
{
    struct rule_ctx *ctx = merging->ctx;
    const Crm__MergeArgument *argument = merging->argument;

    if (argument->n_losers == 0 || argument->n_losers > MERGE_MAX)
        return rule_refuse_field(ctx, CRM_INVALID, "losers", "1 to %d records can become one with another", MERGE_MAX);
    if (ctx->kind->flags & (KIND_ADMINISTRATION | KIND_SINGLE))
        return rule_refuse_field(ctx, CRM_INVALID, NULL, "%s are not merged", ctx->kind->plural);
    for (size_t i = 0; i < argument->n_losers; i++) {
        struct uuid id;

        if (!uuid_from_slice(slice_of(argument->losers[i].data, argument->losers[i].len), &id) ||
            view_record(ctx->seen, ctx->kind->kind, &id, &merging->losers[i]) != CRM_OK)
            return rule_refuse_field(ctx, CRM_NOT_FOUND, "losers", "there is no such %s", ctx->kind->name);
        if (uuid_equal(&id, &ctx->after->header.id) || is_loser(merging, &id))
            return rule_refuse_field(ctx, CRM_INVALID, "losers", "a record does not become one with itself");
        merging->n++;
    }
    return CRM_OK;
}

/* --- fields */

/* The record whose value was chosen for a field; NULL: none was. */
static const struct record *chosen(const struct merging *merging, uint32_t ref)
{
    const Crm__MergeArgument *argument = merging->argument;

    for (size_t i = 0; i < argument->n_choices; i++) {
        struct uuid id;

        if (argument->choices[i]->field != ref || !uuid_from_slice(slice_of(argument->choices[i]->from.data, argument->choices[i]->from.len), &id))
            continue;
        for (size_t l = 0; l < merging->n; l++)
            if (uuid_equal(&merging->losers[l].header.id, &id))
                return &merging->losers[l];
        return merging->ctx->before;
    }
    return NULL;
}

static struct slice field_of(struct merging *merging, struct slice body, uint32_t ref)
{
    const struct field_set one = { .refs = &ref, .n = 1 };
    struct slice kept = { 0 };

    if (body_keep(merging->ctx->arena, body, &one, &kept) != CRM_OK)
        merging->status = CRM_NO_MEMORY;
    return kept;
}

static enum crm_status patch_body(struct merging *merging, const struct body_patch *patch)
{
    return body_apply(merging->ctx->kind, merging->ctx->arena, merging->body, patch, &merging->body, merging->ctx->failure);
}

static enum crm_status take_from(struct merging *merging, const struct record *from, uint32_t ref)
{
    const struct field_set one = { .refs = &ref, .n = 1 };

    return body_overlay(merging->ctx->arena, merging->body, &one, field_of(merging, from->body, ref), &merging->body);
}

/* Both texts, the record's own first, unless one holds the other. */
static enum crm_status join_text(struct merging *merging, const struct field_def *field, const struct record *loser)
{
    struct record now = *merging->ctx->after;
    struct body_builder builder;
    struct body_patch patch = { 0 };
    struct value mine, theirs, both = { .type = FIELD_TEXT };
    char *text;
    enum crm_status status;

    now.body = merging->body;
    if (!reflect_get(field, loser, &theirs) || theirs.text.size == 0)
        return CRM_OK;
    if (!reflect_get(field, &now, &mine) || mine.text.size == 0)
        return take_from(merging, loser, field->ref);
    if (memmem(mine.text.data, mine.text.size, theirs.text.data, theirs.text.size))
        return CRM_OK;
    text = arena_printf(merging->ctx->arena, "%.*s\n\n%.*s", (int)mine.text.size, (const char *)mine.text.data, (int)theirs.text.size,
                        (const char *)theirs.text.data);
    if (!text)
        return CRM_NO_MEMORY;
    both.text = slice_text(text);
    body_builder_init(&builder, merging->ctx->arena);
    body_builder_add(&builder, field, &both);
    status = body_builder_finish(&builder, &patch.set);
    return status == CRM_OK ? patch_body(merging, &patch) : status;
}

/* What the record in hand gets of one other in one field. */
static enum crm_status merge_field(struct merging *merging, const struct field_def *field, const struct record *loser)
{
    struct body_patch patch = { .add = field_of(merging, loser->body, field->ref) };

    if (patch.add.size == 0)
        return CRM_OK;
    if (field->flags & FIELD_REPEATED)
        return patch_body(merging, &patch);
    if (field->flags & FIELD_LONG && field->type == FIELD_TEXT)
        return join_text(merging, field, loser);
    return field_of(merging, merging->body, field->ref).size ? CRM_OK : take_from(merging, loser, field->ref);
}

static enum crm_status merge_fields(struct merging *merging)
{
    struct rule_ctx *ctx = merging->ctx;
    const struct field_def *field;
    enum crm_status status = CRM_OK;

    merging->body = ctx->after->body;
    for (size_t i = 0; status == CRM_OK && (field = schema_field_at(ctx->view->schema, ctx->kind, i)); i++) {
        const struct record *from = chosen(merging, field->ref);

        if (field->flags & (FIELD_HEADER | FIELD_DERIVED))
            continue;
        if (from)
            status = take_from(merging, from, field->ref);
        for (size_t l = 0; !from && l < merging->n && status == CRM_OK; l++)
            status = merge_field(merging, field, &merging->losers[l]);
        if (status == CRM_OK)
            status = merging->status;
    }
    ctx->after->body = merging->body;
    return status;
}

/* --- what refers to them */

static enum crm_status point_here(struct merging *merging, const struct field_def *field, enum kind kind, const struct uuid *id)
{
    struct rule_ctx *ctx = merging->ctx;
    const struct value from = { .type = FIELD_REFERENCE, .ref = merging->losers[merging->at].header.id };
    const struct value to = { .type = FIELD_REFERENCE, .ref = ctx->after->header.id };
    struct rule_more *more = rule_more(ctx, RULE_PATCH, kind, id);
    struct body_builder added, removed;
    bool is_list = field->flags & FIELD_REPEATED;
    enum crm_status status;

    if (!more)
        return CRM_NO_MEMORY;
    body_builder_init(&added, ctx->arena);
    body_builder_init(&removed, ctx->arena);
    body_builder_add(&added, field, &to);
    if (is_list)
        body_builder_add(&removed, field, &from);
    status = body_builder_finish(&added, is_list ? &more->add : &more->set);
    return status == CRM_OK ? body_builder_finish(&removed, &more->remove) : status;
}

/* The record in hand may not refer to itself. */
static enum crm_status drop_own(struct merging *merging, const struct field_def *field)
{
    const struct field_set one = { .refs = (uint32_t[]){ field->ref }, .n = 1 };

    return body_drop(merging->ctx->arena, merging->ctx->after->body, &one, &merging->ctx->after->body);
}

static bool visit_child(void *arg, struct slice key, struct slice value)
{
    struct merging *merging = arg;
    struct rule_ctx *ctx = merging->ctx;
    enum kind kind = (enum kind)key.data[UUID_SIZE];
    uint32_t ref = key_read_u16(key.data + UUID_SIZE + 1);
    const struct kind_def *def = kind_def((unsigned)kind);
    const struct field_def *field = def ? schema_field(ctx->view->schema, def, ref) : NULL;
    struct uuid id;

    (void)value;
    if (!field || field->type != FIELD_REFERENCE || !index_key_id(key, &id))
        return true; /* what was deleted with it, or a share */
    if (uuid_equal(&id, &ctx->after->header.id))
        merging->status = drop_own(merging, field);
    else if (!is_loser(merging, &id))
        merging->status = point_here(merging, field, kind, &id);
    return merging->status == CRM_OK;
}

/* Who may see one of them may see what it has become, unless they may do as much already. */
static enum crm_status share_too(struct merging *merging, const struct grant *grant)
{
    struct rule_ctx *ctx = merging->ctx;
    struct grant own;
    struct slice value;
    struct key key;

    grant_key(&key, &ctx->after->header.root, grant);
    if (view_get(ctx->view, STORE_GRANT, key_slice(&key), &value) == CRM_OK && grant_decode(key_slice(&key), value, &own) == CRM_OK &&
        own.rights >= grant->rights && (own.until_us == 0 || (grant->until_us != 0 && own.until_us >= grant->until_us)))
        return CRM_OK;
    return rule_grant(ctx, grant);
}

static bool visit_grant(void *arg, struct slice key, struct slice value)
{
    struct merging *merging = arg;
    struct grant grant;

    merging->status = grant_decode(key, value, &grant);
    if (merging->status == CRM_OK && grant.sort != GRANT_MEMBER) /* that comes with the list of members */
        merging->status = share_too(merging, &grant);
    return merging->status == CRM_OK;
}

static enum crm_status walk(struct merging *merging, enum store_db db, const struct uuid *id, store_visit *visit)
{
    struct key from = { 0 }, to;
    struct store_range range;
    enum crm_status status;

    key_bytes(&from, id->bytes, UUID_SIZE);
    range = (struct store_range){ .from = key_slice(&from) };
    if (key_after_prefix(&from, &to))
        range.to = key_slice(&to);
    status = view_scan(merging->ctx->view, db, &range, visit, merging);
    return status == CRM_OK ? merging->status : status;
}

static enum crm_status take_over(struct merging *merging)
{
    const struct uuid *id = &merging->losers[merging->at].header.id;
    enum crm_status status = walk(merging, STORE_CHILD, id, visit_child);
    struct rule_more *more;

    if (status == CRM_OK)
        status = walk(merging, STORE_GRANT, id, visit_grant);
    more = status == CRM_OK ? rule_more(merging->ctx, RULE_DELETE, merging->ctx->kind->kind, id) : NULL;
    if (!more)
        return status == CRM_OK ? CRM_NO_MEMORY : status;
    more->must_be_allowed = true;
    more->into = merging->ctx->after->header.id;
    return CRM_OK;
}

enum crm_status merge_records(struct rule_ctx *ctx, const void *argument)
{
    struct merging merging = { .ctx = ctx, .argument = argument, .status = CRM_OK };
    enum crm_status status = find_losers(&merging);

    if (status == CRM_OK)
        status = merge_fields(&merging);
    for (; status == CRM_OK && merging.at < merging.n; merging.at++)
        status = take_over(&merging);
    return status;
}
