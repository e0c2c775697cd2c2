/*
 * company.c - the one record of the company: what amounts and days are counted in stays as it was chosen
 *
 * Company values of amounts are stored beside them and rollups count by company-local day: another currency or zone would make the stored
 * ones wrong, so they are chosen once, by crmd init.
 */
#include "common/rules/rule.h"

static bool differs(const char *before, const char *after)
{
    return before && before[0] && (!after || strcmp(before, after) != 0);
}

static enum crm_status company_complete(struct rule_ctx *ctx)
{
    const Crm__Company *company = rule_record(ctx), *before = rule_before(ctx);

    if (!company)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (company->currency && !currency_is_known(company->currency))
        return rule_refuse_field(ctx, CRM_INVALID, "currency", "a currency is an ISO 4217 code such as USD");
    if (company->has_fiscal_month && (company->fiscal_month < 1 || company->fiscal_month > 12))
        return rule_refuse_field(ctx, CRM_INVALID, "fiscal_month", "a month is 1 to 12");
    if (before && differs(before->currency, company->currency))
        return rule_refuse_field(ctx, CRM_INVALID, "currency", "stored amounts are valued in %s: it stays", before->currency);
    if (before && differs(before->time_zone, company->time_zone))
        return rule_refuse_field(ctx, CRM_INVALID, "time_zone", "reports count by the days of %s: it stays", before->time_zone);
    return CRM_OK;
}

const struct rule_module rules_company = { .kind = KIND_COMPANY, .complete = company_complete };
