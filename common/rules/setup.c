/*
 * setup.c - what an administrator sets up: pipelines, custom fields, exchange rates
 */
#include "common/base/calendar.h"
#include "common/store/key.h"
#include "common/rules/rule.h"

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

/* The next free number of a kind's custom fields: one more than any that was ever given. */
static uint32_t next_number(struct rule_ctx *ctx, const char *kind_name)
{
    static const uint8_t first = KIND_FIELD_DEFINITION, behind = KIND_FIELD_DEFINITION + 1;
    static const enum store_db places[] = { STORE_RECORD, STORE_DELETED };
    uint32_t highest = 0;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct key from = { 0 };
        struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1) };
        struct slice key, value;

        while (view_seek(ctx->view, places[i], &range, &key, &value) == CRM_OK) {
            const Crm__FieldDefinition *other;
            struct record record;
            struct uuid id;
            enum kind kind;

            from.size = 0;
            key_bytes(&from, key.data, key.size);
            key_u8(&from, 0);
            range.from = key_slice(&from);
            if (!record_key_parse(key, &kind, &id) || record_decode(kind, &id, value, &record) != CRM_OK)
                continue;
            other = crm__field_definition__unpack(&ctx->arena->protobuf, record.body.size, record.body.data);
            if (other && other->kind && strcmp(other->kind, kind_name) == 0 && other->number > highest)
                highest = other->number;
        }
    }
    return highest + 1;
}

static bool is_identifier(const char *name)
{
    if (!name || !name[0] || strlen(name) > 48)
        return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || *c == '_' || (c > name && *c >= '0' && *c <= '9')))
            return false;
    return true;
}

static enum crm_status check_definition(struct rule_ctx *ctx, const Crm__FieldDefinition *field, const struct kind_def *of)
{
    if (!of)
        return rule_refuse_field(ctx, CRM_INVALID, "kind", "there is no kind of that name");
    if (!is_identifier(field->name))
        return rule_refuse_field(ctx, CRM_INVALID, "name", "a field's name has small letters, digits and _, at most 48");
    if (kind_field_by_name(of, field->name))
        return rule_refuse_field(ctx, CRM_EXISTS, "name", "%s has a field '%s' of its own", of->name, field->name);
    if (!field->has_type)
        return rule_refuse_field(ctx, CRM_INVALID, "type", "text, number, money, date, time, choice, multi_choice, reference or boolean?");
    if ((field->type == CRM__FIELD_TYPE__FIELD_TYPE_CHOICE || field->type == CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE) &&
        field->n_choices == 0)
        return rule_refuse_field(ctx, CRM_INVALID, "choices", "a choice needs choices");
    if (field->type == CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE && !(field->ref_kind && kind_find(field->ref_kind)))
        return rule_refuse_field(ctx, CRM_INVALID, "ref_kind", "a reference needs the kind that it points at");
    return CRM_OK;
}

static enum crm_status field_definition_complete(struct rule_ctx *ctx)
{
    const Crm__FieldDefinition *field = rule_record(ctx);
    const Crm__FieldDefinition *before = rule_before(ctx);
    const struct kind_def *of = field && field->kind ? kind_find(field->kind) : NULL;
    enum crm_status status;

    if (!field)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = check_definition(ctx, field, of);
    if (status != CRM_OK)
        return status;
    if (before && (before->type != field->type || strcmp(before->kind, field->kind) != 0))
        return rule_refuse_field(ctx, CRM_INVALID, "type", "kind and type of a field stay as they are: add another field");
    /* Its job says when the index is complete. */
    if (before && !before->indexed && field->indexed && field->has_index_ready) {
        status = rule_clear(ctx, "index_ready");
        if (status != CRM_OK)
            return status;
    }
    if (!before) {
        uint32_t number = next_number(ctx, of->name);

        if (number > CUSTOM_FIELDS_MAX)
            return rule_refuse_field(ctx, CRM_INVALID, "kind", "a kind has at most %d custom fields", CUSTOM_FIELDS_MAX);
        status = rule_set_integer(ctx, "number", number);
    }
    if (status == CRM_OK)
        status = rule_set_text(ctx, "kind", of->name);
    if (status == CRM_OK)
        status = rule_set_text(ctx, "qualified", arena_printf(ctx->arena, "%s.%s", of->name, field->name));
    return status;
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
const struct rule_module rules_field_definition = { .kind = KIND_FIELD_DEFINITION, .complete = field_definition_complete };
const struct rule_module rules_exchange_rate = { .kind = KIND_EXCHANGE_RATE, .complete = exchange_rate_complete };
