/*
 * setup.c - what an administrator sets up: pipelines, custom fields, exchange rates
 */
#include "common/base/calendar.h"
#include "common/store/key.h"
#include "common/rules/rule.h"

#define FIELD_NAME_MAX 48

static bool has_stage(const Crm__Pipeline *pipeline, const char *name)
{
    for (size_t i = 0; i < pipeline->n_stages; i++)
        if (pipeline->stages[i]->name && strcmp(pipeline->stages[i]->name, name) == 0)
            return true;
    return false;
}

static enum crm_status check_stage_lists(struct rule_ctx *ctx, const Crm__Pipeline *pipeline, const Crm__Stage *stage)
{
    for (size_t j = 0; j < stage->n_required_fields; j++)
        if (!schema_field_by_name(ctx->view->schema, kind_def(KIND_DEAL), stage->required_fields[j]))
            return rule_refuse_field(ctx, CRM_INVALID, "stages", "stage %s requires '%s', which no deal has", stage->name,
                                     stage->required_fields[j]);
    for (size_t j = 0; j < stage->n_next; j++)
        if (!has_stage(pipeline, stage->next[j]))
            return rule_refuse_field(ctx, CRM_INVALID, "stages", "stage %s is followed by '%s', which is no stage", stage->name,
                                     stage->next[j]);
    return CRM_OK;
}

static enum crm_status pipeline_complete(struct rule_ctx *ctx)
{
    const Crm__Pipeline *pipeline = rule_record(ctx);

    if (!pipeline)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < pipeline->n_stages; i++) {
        const Crm__Stage *stage = pipeline->stages[i];

        if (!stage->name || !stage->name[0])
            return rule_refuse_field(ctx, CRM_INVALID, "stages", "stage %zu needs a name", i + 1);
        if (strlen(stage->name) > 64)
            return rule_refuse_field(ctx, CRM_INVALID, "stages", "stage %zu: a name has at most 64 bytes", i + 1);
        if (stage->probability > 100)
            return rule_refuse_field(ctx, CRM_INVALID, "stages", "stage %s: a probability is 0 to 100", stage->name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(pipeline->stages[j]->name, stage->name) == 0)
                return rule_refuse_field(ctx, CRM_INVALID, "stages", "stage %s stands there twice", stage->name);
        if (check_stage_lists(ctx, pipeline, stage) != CRM_OK)
            return CRM_INVALID;
    }
    return CRM_OK;
}

/* Steps through the field definitions of one place, in the order of their keys. */
struct definitions {
    struct rule_ctx *ctx;
    enum store_db place;
    struct key from;
    struct uuid id; /* of the one that was given last */
};

static void definitions_begin(struct definitions *walk, struct rule_ctx *ctx, enum store_db place)
{
    *walk = (struct definitions){ .ctx = ctx, .place = place };
    key_u8(&walk->from, KIND_FIELD_DEFINITION);
}

/* NULL behind the last. One that cannot be read is passed over: check reports it. */
static const Crm__FieldDefinition *definitions_next(struct definitions *walk)
{
    static const uint8_t behind = KIND_FIELD_DEFINITION + 1;
    const Crm__FieldDefinition *definition = NULL;
    struct slice key, value;
    struct record record;
    enum kind kind;

    while (!definition &&
           view_seek(walk->ctx->view, walk->place, &(struct store_range){ .from = key_slice(&walk->from), .to = slice_of(&behind, 1) }, &key,
                     &value) == CRM_OK) {
        bool is_whole = record_key_parse(key, &kind, &walk->id) && record_decode(kind, &walk->id, value, &record) == CRM_OK;

        walk->from.size = 0;
        key_bytes(&walk->from, key.data, key.size);
        key_u8(&walk->from, 0);
        if (is_whole)
            definition = crm__field_definition__unpack(&walk->ctx->arena->protobuf, record.body.size, record.body.data);
    }
    return definition;
}

/* The next free number of a kind's custom fields: one more than any that was ever given. */
static uint32_t next_number(struct rule_ctx *ctx, const char *kind_name)
{
    static const enum store_db places[] = { STORE_RECORD, STORE_DELETED };
    const Crm__FieldDefinition *other;
    uint32_t highest = 0;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct definitions walk;

        definitions_begin(&walk, ctx, places[i]);
        while ((other = definitions_next(&walk)))
            if (other->kind && strcmp(other->kind, kind_name) == 0 && other->number > highest)
                highest = other->number;
    }
    return highest + 1;
}

/*
 * Would the schema be built with the definition in hand? Built here as the server builds it, in the order of the keys: one that it does not take would
 * keep the server from starting.
 */
static enum crm_status fits_schema(struct rule_ctx *ctx)
{
    const Crm__FieldDefinition *mine = rule_record(ctx), *other;
    const struct uuid *id = &ctx->after->header.id;
    struct definitions walk;
    struct schema *schema;
    enum crm_status status = mine ? schema_create(&schema) : CRM_NO_MEMORY;

    if (status != CRM_OK)
        return fail(ctx->failure, status, NULL, "out of memory");
    definitions_begin(&walk, ctx, STORE_RECORD);
    while (status == CRM_OK && (other = definitions_next(&walk))) {
        int order = memcmp(walk.id.bytes, id->bytes, UUID_SIZE);

        if (mine && order >= 0) {
            status = schema_add(schema, mine, ctx->failure);
            mine = NULL;
        }
        if (status == CRM_OK && order != 0)
            status = schema_add(schema, other, ctx->failure);
    }
    if (status == CRM_OK && mine)
        status = schema_add(schema, mine, ctx->failure);
    schema_unref(schema);
    return status;
}

/* A policy that would do nothing is not taken silently. */
static enum crm_status check_merge(struct rule_ctx *ctx, const Crm__FieldDefinition *field)
{
    switch (field->merge) {
    case CRM__MERGE_POLICY__MERGE_POLICY_LAST:
        if (field->type == CRM__FIELD_TYPE__FIELD_TYPE_MONEY)
            return rule_refuse_field(ctx, CRM_INVALID, "merge", "amounts never merge");
        return CRM_OK;
    case CRM__MERGE_POLICY__MERGE_POLICY_MAX:
        if (field->type != CRM__FIELD_TYPE__FIELD_TYPE_NUMBER && field->type != CRM__FIELD_TYPE__FIELD_TYPE_DATE &&
            field->type != CRM__FIELD_TYPE__FIELD_TYPE_TIME)
            return rule_refuse_field(ctx, CRM_INVALID, "merge", "only of numbers, dates and times is one the larger");
        return CRM_OK;
    default:
        return CRM_OK;
    }
}

/* What is asked beyond what the schema asks. */
static enum crm_status check_definition(struct rule_ctx *ctx, const Crm__FieldDefinition *field)
{
    for (const char *c = field->name ? field->name : ""; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            return rule_refuse_field(ctx, CRM_INVALID, "name", "a field's name has small letters, digits and _");
    if (field->name && strlen(field->name) > FIELD_NAME_MAX)
        return rule_refuse_field(ctx, CRM_INVALID, "name", "a field's name has at most %d letters", FIELD_NAME_MAX);
    if (field->type == CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE && !(field->ref_kind && kind_find(field->ref_kind)))
        return rule_refuse_field(ctx, CRM_INVALID, "ref_kind", "a reference needs the kind that it points at");
    return check_merge(ctx, field);
}

static bool has_name(char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Does a role hide the field, or keep it as it is? */
static bool role_names(const Crm__Role *role, const Crm__FieldDefinition *field)
{
    for (size_t i = 0; i < role->n_scopes; i++) {
        const Crm__KindScope *row = role->scopes[i];

        if (row->kind && (strcmp(row->kind, "*") == 0 || kind_find(row->kind) == kind_find(field->kind)) &&
            (has_name(row->hidden, row->n_hidden, field->name) || has_name(row->read_only, row->n_read_only, field->name)))
            return true;
    }
    return false;
}

/* Roles hide fields by their names: under another one, or as a field no longer, its values would be shown. */
static enum crm_status refuse_where_hidden(struct rule_ctx *ctx, const Crm__FieldDefinition *field)
{
    static const uint8_t first = KIND_ROLE, behind = KIND_ROLE + 1;
    struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1) };
    struct key from = { 0 };
    struct slice key, value;
    struct record record;
    struct uuid id;
    enum kind kind;
    enum crm_status status;

    if (!field || !field->kind || !field->name)
        return CRM_OK;
    while ((status = view_seek(ctx->view, STORE_RECORD, &range, &key, &value)) == CRM_OK) {
        const Crm__Role *role;

        if (!record_key_parse(key, &kind, &id) || record_decode(kind, &id, value, &record) != CRM_OK)
            return rule_refuse_field(ctx, CRM_CORRUPT, NULL, "the roles cannot be read");
        role = crm__role__unpack(&ctx->arena->protobuf, record.body.size, record.body.data);
        if (!role)
            return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
        if (role_names(role, field))
            return rule_refuse_field(ctx, CRM_IN_USE, "name", "role %s hides this field or keeps it as it is: change the role first",
                                     role->name ? role->name : "?");
        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        range.from = key_slice(&from);
    }
    return status == CRM_NOT_FOUND ? CRM_OK : rule_refuse_field(ctx, status, NULL, "the roles cannot be read");
}

static enum crm_status field_definition_complete(struct rule_ctx *ctx)
{
    const Crm__FieldDefinition *field = rule_record(ctx);
    const Crm__FieldDefinition *before = rule_before(ctx);
    const struct kind_def *of = field && field->kind ? kind_find(field->kind) : NULL;
    enum crm_status status;

    if (!field)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!of)
        return rule_refuse_field(ctx, CRM_INVALID, "kind", "there is no kind of that name");
    status = check_definition(ctx, field);
    if (status != CRM_OK)
        return status;
    if (before && (before->type != field->type || strcmp(before->kind, of->name) != 0))
        return rule_refuse_field(ctx, CRM_INVALID, "type", "kind and type of a field stay as they are: add another field");
    if (before && rule_changes(ctx, "name"))
        status = refuse_where_hidden(ctx, before);
    if (status != CRM_OK)
        return status;
    if (!before) {
        uint32_t number = next_number(ctx, of->name);

        if (number > CUSTOM_FIELDS_MAX)
            return rule_refuse_field(ctx, CRM_INVALID, "kind", "a kind has at most %d custom fields", CUSTOM_FIELDS_MAX);
        status = rule_set_integer(ctx, "number", number);
    }
    if (status == CRM_OK)
        status = rule_set_text(ctx, "kind", of->name);
    if (status == CRM_OK && field->name)
        status = rule_set_text(ctx, "qualified", arena_printf(ctx->arena, "%s.%s", of->name, field->name));
    return status == CRM_OK ? fits_schema(ctx) : status;
}

static enum crm_status field_definition_guard(struct rule_ctx *ctx)
{
    return ctx->verb == RULE_RESTORE ? fits_schema(ctx) : refuse_where_hidden(ctx, rule_before(ctx));
}

static enum crm_status exchange_rate_complete(struct rule_ctx *ctx)
{
    const Crm__ExchangeRate *rate = rule_record(ctx);
    char day[DAY_TEXT_SIZE];
    enum crm_status status = CRM_OK;

    if (!rate)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!rate->currency || !currency_is_known(rate->currency))
        return rule_refuse_field(ctx, CRM_INVALID, "currency", "a currency is an ISO 4217 code such as USD");
    if (!rate->has_rate || rate->rate <= 0)
        return rule_refuse_field(ctx, CRM_INVALID, "rate", "a rate is greater than zero");
    if (!rate->has_day) {
        status = rule_set_integer(ctx, "day", ctx->today);
        if (status != CRM_OK || !(rate = rule_record(ctx)))
            return status;
    }
    day_format(rate->day, day);
    return rule_set_text(ctx, "name", arena_printf(ctx->arena, "%s/%s", rate->currency, day));
}

const struct rule_module rules_pipeline = { .kind = KIND_PIPELINE, .complete = pipeline_complete };
const struct rule_module rules_field_definition = { .kind = KIND_FIELD_DEFINITION, .complete = field_definition_complete,
                                                    .guard = field_definition_guard };
const struct rule_module rules_exchange_rate = { .kind = KIND_EXCHANGE_RATE, .complete = exchange_rate_complete };
