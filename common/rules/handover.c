/*
 * handover.c - what goes along when a record gets another owner or team, and all that somebody leaves who works here no longer
 *
 * Pure, as all rules are: asks for patches of the other records, inside the same atomic unit. Called by rule_complete for every change of owner or team,
 * by whatever path, and by the action disable of users.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/rules/rule.h"
#include "common/store/key.h"

#define REASON_MAX 500

static bool task_is_open(const struct record *record)
{
    struct value state;

    return reflect_get(kind_field_by_name(kind_def(KIND_TASK), "state"), record, &state) && state.integer == CRM__TASK_STATE__TASK_STATE_OPEN;
}

static bool deal_is_open(const struct record *record)
{
    struct value state;

    return reflect_get(kind_field_by_name(kind_def(KIND_DEAL), "state"), record, &state) && state.integer == CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN;
}

/*
 * What goes along with a record, of the same owner: people one talks to, and work that is still to be done. What has been done stays whose it was; so do
 * the deals, unless they are asked for.
 */
static const struct companion {
    enum kind of, kind;
    const char *field;                      /* by which it refers to the record */
    bool (*is_open)(const struct record *); /* NULL: all */
    bool if_asked;                          /* only where who hands over says so */
} companions[] = {
    { KIND_CUSTOMER, KIND_CONTACT, "customer", NULL, false },
    { KIND_CUSTOMER, KIND_TASK, "customer", task_is_open, false },
    { KIND_CUSTOMER, KIND_DEAL, "customer", deal_is_open, true },
    { KIND_DEAL, KIND_TASK, "deal", task_is_open, false },
};

/* What somebody leaves behind, in an order in which nothing is handed over twice: what goes along with a later row is gone by then. */
static const struct estate {
    enum kind kind;
    bool (*is_open)(const struct record *);
    const char *one, *many; /* for people */
} estates[] = {
    { KIND_TASK, task_is_open, "open task", "open tasks" },
    { KIND_CONTACT, NULL, "contact", "contacts" },
    { KIND_DEAL, deal_is_open, "open deal", "open deals" },
    { KIND_CUSTOMER, NULL, "customer", "customers" },
};

static bool is_active(const Crm__User *user)
{
    return user && (!user->has_active || user->active);
}

static ProtobufCBinaryData binary(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

enum crm_status handover_take_reason(struct rule_ctx *ctx, const char *reason)
{
    if (reason && strlen(reason) > REASON_MAX)
        return rule_refuse_field(ctx, CRM_INVALID, "reason", "a reason has at most %d bytes", REASON_MAX);
    ctx->reason = reason && *reason ? reason : NULL;
    return CRM_OK;
}

/* --- with a record */

struct companions_walk {
    struct rule_ctx *ctx;
    const struct companion *row;
    uint64_t n;
    enum crm_status status;
};

static enum crm_status take_along(struct rule_ctx *ctx, const struct companion *row, const struct record *record)
{
    const struct record_header *before = &ctx->before->header, *after = &ctx->after->header;
    bool is_handed_over = !uuid_equal(&before->owner, &after->owner);
    struct rule_more *more;

    if (!uuid_equal(&record->header.owner, &before->owner) || (row->is_open && !row->is_open(record)) ||
        (!is_handed_over && !uuid_equal(&record->header.team, &before->team)))
        return CRM_OK;
    more = rule_more(ctx, RULE_PATCH, row->kind, &record->header.id);
    if (!more)
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    more->owner = after->owner;
    more->team = after->team;
    more->reason = ctx->reason;
    more->is_asked = row->if_asked;
    return CRM_OK;
}

static bool visit_companion(void *arg, struct slice key, struct slice value)
{
    struct companions_walk *walk = arg;
    struct record record;
    struct uuid id;

    (void)value;
    if (++walk->n > RULE_RECORDS_MAX)
        walk->status = fail(walk->ctx->failure, CRM_TOO_LARGE, NULL, "more than %d records belong to it", RULE_RECORDS_MAX);
    else if (!index_key_id(key, &id))
        walk->status = CRM_CORRUPT;
    else
        walk->status = view_record(walk->ctx->view, walk->row->kind, &id, &record);
    if (walk->status == CRM_OK)
        walk->status = take_along(walk->ctx, walk->row, &record);
    return walk->status == CRM_OK;
}

enum crm_status handover_complete(struct rule_ctx *ctx)
{
    const struct record_header *before = ctx->before ? &ctx->before->header : NULL, *after = &ctx->after->header;
    struct companions_walk walk = { .ctx = ctx, .status = CRM_OK };
    enum crm_status status = CRM_OK;

    if (!before || (uuid_equal(&before->owner, &after->owner) && uuid_equal(&before->team, &after->team)))
        return CRM_OK;
    if (!uuid_equal(&before->owner, &after->owner) && !is_active(rule_load(ctx, KIND_USER, binary(&after->owner))))
        return rule_refuse_field(ctx, CRM_INVALID, "owner", "the new owner is not active");
    for (size_t i = 0; i < ARRAY_LEN(companions) && status == CRM_OK; i++) {
        const struct companion *row = &companions[i];
        struct key from = { 0 }, to;

        if (row->of != after->kind || (row->if_asked && !ctx->with_deals))
            continue;
        walk.row = row;
        child_prefix(&from, &after->id, row->kind, kind_field_by_name(kind_def((unsigned)row->kind), row->field)->ref);
        if (!key_after_prefix(&from, &to))
            to.size = 0;
        status = view_scan(ctx->view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, visit_companion, &walk);
        if (status == CRM_OK)
            status = walk.status;
    }
    return status;
}

/* --- with a user */

struct estate_walk {
    struct rule_ctx *ctx;
    const struct estate *row;
    const struct uuid *heir; /* NULL: only count */
    struct uuid team;        /* the heir's; nil: the records keep theirs */
    uint64_t n, total;
    enum crm_status status;
};

static enum crm_status bequeath(struct estate_walk *walk, const struct uuid *id)
{
    struct rule_more *more = rule_more(walk->ctx, RULE_PATCH, walk->row->kind, id);

    if (!more)
        return fail(walk->ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    more->owner = *walk->heir;
    more->team = walk->team;
    more->reason = walk->ctx->reason;
    return CRM_OK;
}

static bool visit_estate(void *arg, struct slice key, struct slice value)
{
    struct estate_walk *walk = arg;
    struct record record;
    struct uuid id;

    (void)value;
    walk->status = index_key_id(key, &id) ? view_record(walk->ctx->view, walk->row->kind, &id, &record) : CRM_CORRUPT;
    if (walk->status != CRM_OK || (walk->row->is_open && !walk->row->is_open(&record)))
        return walk->status == CRM_OK;
    walk->n++;
    if (++walk->total == RULE_RECORDS_MAX) /* the user is one more */
        walk->status = fail(walk->ctx->failure, CRM_TOO_LARGE, NULL,
                            "%d open records or more are this user's: hand some of them over first", RULE_RECORDS_MAX);
    else if (walk->heir)
        walk->status = bequeath(walk, &id);
    return walk->status == CRM_OK;
}

/* All that is open and the user's, of one kind. */
static enum crm_status walk_estate(struct estate_walk *walk)
{
    struct key from = { 0 }, to;
    enum crm_status status;

    walk->n = 0;
    index_prefix(&from, walk->row->kind, HEADER_NUMBER, INDEX_OWNER, &walk->ctx->after->header.id);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    status = view_scan(walk->ctx->view, STORE_INDEX, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, visit_estate, walk);
    return status == CRM_OK ? walk->status : status;
}

enum crm_status handover_refuse_open(struct rule_ctx *ctx, const char *field)
{
    struct estate_walk walk = { .ctx = ctx, .status = CRM_OK };
    char what[160] = "";
    enum crm_status status = CRM_OK;

    for (size_t i = ARRAY_LEN(estates); i-- > 0 && status == CRM_OK;) {
        size_t used = strlen(what);

        walk.row = &estates[i];
        status = walk_estate(&walk);
        if (walk.n > 0)
            snprintf(what + used, sizeof what - used, "%s%" PRIu64 " %s", used ? ", " : "", walk.n, walk.n == 1 ? walk.row->one : walk.row->many);
    }
    if (status != CRM_OK || walk.total == 0)
        return status;
    return rule_refuse_field(ctx, CRM_IN_USE, field, "the user still has %s: name an heir", what);
}

static enum crm_status take_heir(struct rule_ctx *ctx, const Crm__DisableArgument *argument, struct uuid *out_heir, struct uuid *out_team)
{
    const Crm__User *heir = rule_load(ctx, KIND_USER, argument->heir);

    if (!heir || !uuid_from_slice(slice_of(argument->heir.data, argument->heir.len), out_heir) || !rule_may_name(ctx, KIND_USER, out_heir))
        return rule_refuse_field(ctx, CRM_INVALID, "heir", "there is no such user");
    if (uuid_equal(out_heir, &ctx->after->header.id))
        return rule_refuse_field(ctx, CRM_INVALID, "heir", "nobody is their own heir");
    if (!is_active(heir))
        return rule_refuse_field(ctx, CRM_INVALID, "heir", "the heir is not active");
    *out_team = (struct uuid){ { 0 } };
    if (heir->has_team)
        uuid_from_slice(slice_of(heir->team.data, heir->team.len), out_team);
    return CRM_OK;
}

/*
 * A user works here no longer: who inherits gets what is open, fewer than RULE_RECORDS_MAX records, and the user is deactivated, all of it or nothing.
 */
enum crm_status handover_disable(struct rule_ctx *ctx, const void *argument)
{
    const Crm__DisableArgument *disable = argument;
    struct estate_walk walk = { .ctx = ctx, .status = CRM_OK };
    struct uuid heir;
    enum crm_status status = handover_take_reason(ctx, disable->reason);

    if (status == CRM_OK && !disable->has_heir)
        status = handover_refuse_open(ctx, "heir");
    if (status == CRM_OK && disable->has_heir)
        status = take_heir(ctx, disable, &heir, &walk.team);
    walk.heir = &heir;
    for (size_t i = 0; i < ARRAY_LEN(estates) && disable->has_heir && status == CRM_OK; i++) {
        walk.row = &estates[i];
        status = walk_estate(&walk);
    }
    ctx->is_override = true; /* what is open has been seen to */
    return status == CRM_OK ? rule_set_integer(ctx, "active", 0) : status;
}
