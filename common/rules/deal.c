/*
 * deal.c - a deal's way through its pipeline: stage gates on every path, what closing sets, the amount of its lines
 *
 * Pure: reads through the view, changes the record in hand. Runs in the server's writer, in dry runs, and on a replica.
 */
#include <inttypes.h>

#include "common/base/calendar.h"
#include "common/rules/rule.h"

static const Crm__Stage *pipeline_stage(const Crm__Pipeline *pipeline, const char *name)
{
    for (size_t i = 0; name && i < pipeline->n_stages; i++)
        if (pipeline->stages[i]->name && strcmp(pipeline->stages[i]->name, name) == 0)
            return pipeline->stages[i];
    return NULL;
}

static bool outcome_is_final(Crm__StageOutcome outcome)
{
    return outcome == CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON || outcome == CRM__STAGE_OUTCOME__STAGE_OUTCOME_LOST;
}

/* Won and lost are final: such a deal is reopened (a right of its own), not moved. */
static bool stage_is_final(const Crm__Stage *stage)
{
    return outcome_is_final(stage->outcome);
}

static bool stage_may_follow(const Crm__Stage *from, const Crm__Stage *to)
{
    for (size_t i = 0; i < from->n_next; i++)
        if (strcmp(from->next[i], to->name) == 0)
            return true;
    return from->n_next == 0;
}

/* What entering a stage sets: state, category, since when; and the closing day where it is final. */
static enum crm_status enter_stage(struct rule_ctx *ctx, const Crm__Stage *stage, const Crm__Deal *deal)
{
    enum crm_status status = rule_set_integer(ctx, "state", stage->has_outcome ? (int)stage->outcome
                                                                               : CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN);

    if (status == CRM_OK && stage->has_category && !rule_changes(ctx, "category"))
        status = rule_set_integer(ctx, "category", stage->category);
    if (stage_is_final(stage)) {
        if (status == CRM_OK && !deal->has_closed)
            status = rule_set_integer(ctx, "closed", ctx->today);
        if (deal->has_closed && deal->closed <= ctx->today)
            ctx->happened_us = instant_of_day(deal->closed);
    }
    if (status == CRM_OK)
        status = rule_set_integer(ctx, "stage_since", ctx->happened_us);
    return status;
}

/* May a deal leave where it is? A won or lost one stays so in whatever pipeline; the order of stages counts within one. */
static enum crm_status check_way(struct rule_ctx *ctx, const Crm__Deal *before, const Crm__Deal *deal, const Crm__Pipeline *pipeline,
                                 const Crm__Stage *to)
{
    bool same_name = before->stage && strcmp(before->stage, deal->stage) == 0;
    const Crm__Stage *from = rule_changes(ctx, "pipeline") ? NULL : pipeline_stage(pipeline, before->stage);

    if (outcome_is_final(before->state) && !(same_name && to->outcome == before->state))
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "a deal in %s cannot go to %s: reopen it", before->stage, to->name);
    if (from && from != to && !stage_may_follow(from, to))
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "a deal in %s cannot go to %s", from->name, to->name);
    return CRM_OK;
}

/* The gate of a change of stage: asked on every path, whatever brought the change. */
static enum crm_status check_stage(struct rule_ctx *ctx, const Crm__Deal *deal, const Crm__Pipeline *pipeline)
{
    const Crm__Stage *to = pipeline_stage(pipeline, deal->stage);
    const Crm__Deal *before = rule_before(ctx);
    struct uuid id;
    struct record record;

    if (!to && uuid_from_slice(slice_of(deal->pipeline.data, deal->pipeline.len), &id) && view_record(ctx->seen, KIND_PIPELINE, &id, &record) == CRM_OK)
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "pipeline %s has no stage '%s'", pipeline->name, deal->stage);
    if (!to) /* a name that may not be seen is told in no sentence either */
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "its pipeline has no stage '%s'", deal->stage);
    if (before && !ctx->is_override && check_way(ctx, before, deal, pipeline, to) != CRM_OK)
        return CRM_INVALID;
    if (rule_require_fields(ctx, to->required_fields, to->n_required_fields) != CRM_OK)
        return CRM_INVALID;
    return enter_stage(ctx, to, deal);
}

/* What is won or lost has a day on which it was closed, not one to come; what is open has none. */
static enum crm_status check_closed(struct rule_ctx *ctx)
{
    const Crm__Deal *deal = rule_record(ctx);

    if (!deal)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (deal->has_closed && deal->closed > ctx->today)
        return rule_refuse_field(ctx, CRM_INVALID, "closed", "a deal cannot have been closed on a day to come");
    if (!deal->has_closed && outcome_is_final(deal->state))
        return rule_refuse_field(ctx, CRM_INVALID, "closed", "a deal that is won or lost was closed on some day");
    if (deal->has_closed && !outcome_is_final(deal->state))
        return rule_refuse_field(ctx, CRM_INVALID, "closed", "a deal is closed by moving it to a stage that wins or loses it");
    return CRM_OK;
}

/* price * quantity * (1 - discount) * (1 + tax), rounded once, half to even; false when it does not fit. */
static bool line_total(const Crm__DealLine *line, int64_t *out_minor)
{
    const __int128 unit = 1000000;
    __int128 total, half, rest;
    const __int128 scale = unit * unit * unit;

    if (!line->price || !line->has_quantity)
        return false;
    if (line->discount > 1000000 || line->tax > 10000000 || line->price->minor > INT64_C(1000000000000000) ||
        line->price->minor < -INT64_C(1000000000000000) || line->quantity > INT64_C(1000000000000) || line->quantity < 0)
        return false;
    total = (__int128)line->price->minor * line->quantity;
    if (total > ((__int128)1 << 78) || total < -((__int128)1 << 78))
        return false;
    total = total * (unit - line->discount);
    total = total * (unit + line->tax);
    rest = total % scale;
    total /= scale;
    half = scale / 2;
    if (rest > half || (rest == half && total % 2))
        total++;
    else if (rest < -half || (rest == -half && total % 2))
        total--;
    *out_minor = (int64_t)total;
    return true;
}

/* A deal with lines is worth what they add up to; they share one currency. */
static enum crm_status sum_lines(struct rule_ctx *ctx, const Crm__Deal *deal)
{
    struct value amount = { .type = FIELD_MONEY };
    const char *currency = NULL;

    for (size_t i = 0; i < deal->n_lines; i++) {
        const Crm__DealLine *line = deal->lines[i];
        int64_t total;

        if (!line_total(line, &total))
            return rule_refuse_field(ctx, CRM_INVALID, "lines", "line %zu needs a price and a quantity within range", i + 1);
        if (!line->price->currency || strlen(line->price->currency) != 3)
            return rule_refuse_field(ctx, CRM_INVALID, "lines", "line %zu: the price needs a currency", i + 1);
        if (currency && strcmp(currency, line->price->currency) != 0)
            return rule_refuse_field(ctx, CRM_INVALID, "lines", "all lines of a deal share one currency");
        currency = line->price->currency;
        if (__builtin_add_overflow(amount.integer, total, &amount.integer))
            return rule_refuse_field(ctx, CRM_INVALID, "lines", "the lines add up to more than an amount can hold");
    }
    memcpy(amount.currency, currency, sizeof amount.currency);
    return rule_set(ctx, "amount", &amount);
}

static enum crm_status deal_complete(struct rule_ctx *ctx)
{
    const Crm__Deal *deal = rule_record(ctx);
    const Crm__Pipeline *pipeline;
    enum crm_status status = CRM_OK;

    if (!deal)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!deal->has_pipeline) {
        struct record first; /* the oldest is the one meant where none is named */

        if (view_first(ctx->view, KIND_PIPELINE, &first) != CRM_OK)
            return rule_refuse_field(ctx, CRM_INVALID, "pipeline", "there is no pipeline yet: add one first");
        status = rule_set_ref(ctx, "pipeline", &first.header.id);
        if (status != CRM_OK || !(deal = rule_record(ctx)))
            return status != CRM_OK ? status : CRM_NO_MEMORY;
    }
    pipeline = rule_load(ctx, KIND_PIPELINE, deal->pipeline);
    if (!pipeline || pipeline->n_stages == 0)
        return rule_refuse_field(ctx, CRM_INVALID, "pipeline", "there is no such pipeline, or it has no stages");
    if (!deal->stage) {
        status = rule_set_text(ctx, "stage", pipeline->stages[0]->name);
        if (status != CRM_OK || !(deal = rule_record(ctx)))
            return status != CRM_OK ? status : CRM_NO_MEMORY;
    }
    if (rule_changes(ctx, "stage") || rule_changes(ctx, "pipeline"))
        status = check_stage(ctx, deal, pipeline);
    if (status == CRM_OK && (rule_changes(ctx, "stage") || rule_changes(ctx, "pipeline") || rule_changes(ctx, "closed")))
        status = check_closed(ctx);
    if (status == CRM_OK && deal->n_lines > 0 && (rule_changes(ctx, "lines") || rule_changes(ctx, "amount")))
        status = sum_lines(ctx, deal);
    return status == CRM_OK && rule_changes(ctx, "members") ? deal_team_complete(ctx, deal) : status;
}

/* Move a deal to another stage: the gates are deal_complete's, so that no path goes round them. */
static enum crm_status deal_move(struct rule_ctx *ctx, const void *argument)
{
    const Crm__MoveArgument *move = argument;
    enum crm_status status;

    if (!move->stage)
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "to which stage?");
    status = rule_set_text(ctx, "stage", move->stage);
    if (status == CRM_OK && move->has_closed)
        status = rule_set_integer(ctx, "closed", move->closed);
    if (status == CRM_OK && move->lost_reason)
        status = rule_set_text(ctx, "lost_reason", move->lost_reason);
    return status;
}

/* Take a won or lost deal back into the open stage that it is moved to: the one way out of a final stage. */
static enum crm_status deal_reopen(struct rule_ctx *ctx, const void *argument)
{
    const Crm__MoveArgument *move = argument;
    const Crm__Deal *deal = rule_record(ctx);
    const Crm__Pipeline *pipeline = deal ? rule_load(ctx, KIND_PIPELINE, deal->pipeline) : NULL;
    const Crm__Stage *to;
    enum crm_status status;

    if (!pipeline)
        return rule_refuse_field(ctx, CRM_INVALID, "pipeline", "the deal's pipeline is gone");
    if (deal->state == CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN)
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "the deal is open");
    to = move->stage ? pipeline_stage(pipeline, move->stage) : pipeline->stages[0];
    if (!to || stage_is_final(to))
        return rule_refuse_field(ctx, CRM_INVALID, "stage", "reopen a deal into one of the pipeline's open stages");
    status = rule_set_text(ctx, "stage", to->name);
    if (status == CRM_OK)
        status = rule_clear(ctx, "closed");
    if (status != CRM_OK)
        return status;
    ctx->is_override = true; /* the gate lets it out of its final stage */
    return CRM_OK;
}

static const struct action_def actions[] = {
    { .name = "move", .kind = KIND_DEAL, .flags = RULE_LOCAL, .argument = &crm__move_argument__descriptor, .run = deal_move },
    { .name = "reopen", .kind = KIND_DEAL, .flags = RULE_LOCAL, .right = CRM__RIGHT__RIGHT_REOPEN,
      .argument = &crm__move_argument__descriptor, .run = deal_reopen },
};

const struct rule_module rules_deal = {
    .kind = KIND_DEAL,
    .actions = actions,
    .n_actions = ARRAY_LEN(actions),
    .complete = deal_complete,
};
