/*
 * money_value.c - every amount's value in the company's currency, at the rate of its day
 *
 * Derived whenever a money field changes and never later, so that a closed deal keeps the rate at which it was closed. The rate used is
 * the last one on or before the day; its record's id is kept beside the value. An amount without a rate keeps no company value.
 */
#include <stdio.h>

#include "common/base/calendar.h"
#include "common/engine/index.h"
#include "common/rules/rule.h"

/* The last rate of a currency on or before a day. */
static bool rate_on(struct rule_ctx *ctx, const char *currency, int32_t day, int64_t *out_rate, struct uuid *out_id)
{
    const struct kind_def *kind = kind_def(KIND_EXCHANGE_RATE);
    const struct field_def *name = kind_field_by_name(kind, "name");
    const struct field_def *rate = kind_field_by_name(kind, "rate");
    char text[DAY_TEXT_SIZE + 8], day_text[DAY_TEXT_SIZE];
    struct key from = { 0 }, to = { 0 };
    struct slice key, value;
    struct record record;
    struct value amount, wanted = { .type = FIELD_TEXT };

    snprintf(text, sizeof text, "%s/", currency);
    wanted.text = slice_text(text);
    if (!unique_key(&from, KIND_EXCHANGE_RATE, name, &wanted, ctx->arena))
        return false;
    day_format(day + 1, day_text);
    snprintf(text, sizeof text, "%s/%s", currency, day_text);
    wanted.text = slice_text(text);
    if (!unique_key(&to, KIND_EXCHANGE_RATE, name, &wanted, ctx->arena))
        return false;
    if (view_seek(ctx->view, STORE_UNIQUE,
                  &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to), .reverse = true }, &key,
                  &value) != CRM_OK)
        return false;
    if (!uuid_from_slice(value, out_id) || view_record(ctx->view, KIND_EXCHANGE_RATE, out_id, &record) != CRM_OK ||
        !reflect_get(rate, &record, &amount))
        return false;
    *out_rate = amount.integer;
    return true;
}

/* The day whose rate counts: that of closing for what has closed, else today. */
static int32_t rate_day(struct rule_ctx *ctx)
{
    const struct field_def *closed = kind_field_by_name(ctx->kind, "closed");
    struct value value;

    return closed && reflect_get(closed, ctx->after, &value) ? (int32_t)value.integer : ctx->today;
}

/* Store an amount with what was derived of it. */
static enum crm_status put_back(struct rule_ctx *ctx, const struct field_def *field, const struct value *value)
{
    struct body_builder builder;
    struct body_patch patch = { 0 };
    enum crm_status status;

    body_builder_init(&builder, ctx->arena);
    body_builder_add(&builder, field, value);
    status = body_builder_finish(&builder, &patch.set);
    return status == CRM_OK ? body_apply(ctx->kind, ctx->arena, ctx->after->body, &patch, &ctx->after->body, ctx->failure)
                            : status;
}

/* One money field of the record in hand. */
static enum crm_status derive_field(struct rule_ctx *ctx, const struct field_def *field, const struct value *typed, const char *company)
{
    struct value value = *typed;
    struct money amount, converted;
    struct uuid rate_id;
    int64_t rate;

    if (!value.currency[0])
        memcpy(value.currency, company, sizeof value.currency);
    if (!value.currency[0])
        return fail(ctx->failure, CRM_INVALID, field->name, "an amount needs a currency: none is named and the company has none");
    value.has_company = false;
    value.ref = (struct uuid){ 0 };
    if (strcmp(value.currency, company) == 0) {
        value.company_minor = value.integer;
        value.has_company = true;
    } else if (company[0] && rate_on(ctx, value.currency, rate_day(ctx), &rate, &rate_id)) {
        amount = (struct money){ .minor = value.integer };
        memcpy(amount.currency, value.currency, sizeof amount.currency);
        if (money_convert(&amount, company, rate, &converted) != CRM_OK)
            return fail(ctx->failure, CRM_INVALID, field->name, "the amount is too large to convert to %s", company);
        value.company_minor = converted.minor;
        value.has_company = true;
        value.ref = rate_id;
    }
    return put_back(ctx, field, &value);
}

static const char *company_currency(struct rule_ctx *ctx)
{
    const Crm__Company *company = rule_company(ctx);

    return company && company->currency ? company->currency : "";
}

/* An amount that was written again as it was keeps the rate that it had; a new one, or one whose record closes, gets the rate of its day. */
static enum crm_status settle_field(struct rule_ctx *ctx, const struct field_def *field, bool closes)
{
    struct value before = { 0 }, after = { 0 };
    bool had = ctx->before && reflect_get(field, ctx->before, &before);

    if (!reflect_get(field, ctx->after, &after))
        return CRM_OK;
    if (!had || closes || before.integer != after.integer || strcmp(before.currency, after.currency) != 0)
        return derive_field(ctx, field, &after, company_currency(ctx));
    return after.has_company == before.has_company ? CRM_OK : put_back(ctx, field, &before);
}

enum crm_status money_derive(struct rule_ctx *ctx)
{
    const struct field_def *field;
    bool closes = ctx->before && kind_field_by_name(ctx->kind, "closed") && rule_changes(ctx, "closed");

    for (size_t n = 0; (field = schema_field_at(ctx->view->schema, ctx->kind, n)); n++) {
        struct value value;
        enum crm_status status;

        if (field->type != FIELD_MONEY || !reflect_get(field, ctx->after, &value))
            continue;
        status = settle_field(ctx, field, closes);
        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}
