/*
 * op_count.c - how many records match, and what they add up to by group; on a worker, since it may look at all of them
 */
#include "common/base/clock.h"
#include "server/engine/log.h"
#include "server/ops/wire.h"

#define GROUPS_MAX 10000
#define SUMS_MAX   16 /* currencies in one group */
#define STEP_ROWS  4096

struct count_group {
    struct value value;
    struct slice key; /* what makes groups the same */
    uint64_t count;
    size_t n_sums;
    struct money sums[SUMS_MAX];
};

struct counting {
    struct op_ctx *ctx;
    uint64_t as_of;
    const struct field_def *group, *sum;
    struct count_group **groups;
    size_t n_groups, capacity;
    enum crm_status status;
};

static bool rewind_record(void *arg, struct record *record)
{
    struct counting *counting = arg;
    bool existed = false;
    enum crm_status status = wire_rewind(counting->ctx, counting->as_of, record, &existed);

    if (counting->status == CRM_OK && status != CRM_OK) /* a count without it would be wrong */
        counting->status = op_fail(counting->ctx, status, "%s", crm_status_info((int)status)->sentence);
    return status == CRM_OK && existed;
}

/* The value's bytes, enough to tell groups apart. */
static struct slice group_key(const struct value *value)
{
    switch (value->type) {
    case FIELD_NONE:
        return (struct slice){ 0 };
    case FIELD_TEXT:
        return value->text;
    case FIELD_REFERENCE:
    case FIELD_ID:
        return uuid_slice(&value->ref);
    default:
        return value->text.size ? value->text : slice_of(&value->integer, sizeof value->integer);
    }
}

static struct count_group *find_group(struct counting *counting, const struct value *value)
{
    struct arena *arena = counting->ctx->arena;
    struct slice key = group_key(value);
    struct count_group *group;

    for (size_t i = 0; i < counting->n_groups; i++)
        if (slice_equal(counting->groups[i]->key, key) && counting->groups[i]->value.type == value->type)
            return counting->groups[i];
    if (counting->n_groups == GROUPS_MAX) {
        counting->status = fail(&counting->ctx->failure, CRM_TOO_LARGE, "group", "more than %d groups", GROUPS_MAX);
        return NULL;
    }
    if (counting->n_groups == counting->capacity) {
        size_t more = counting->capacity ? 2 * counting->capacity : 64;
        struct count_group **groups = arena_alloc(arena, more * sizeof *groups);

        if (!groups)
            goto no_memory;
        if (counting->n_groups)
            memcpy(groups, counting->groups, counting->n_groups * sizeof *groups);
        counting->groups = groups;
        counting->capacity = more;
    }
    group = arena_zalloc(arena, sizeof *group);
    if (!group)
        goto no_memory;
    group->value = *value;
    if (value->text.size) { /* the record's bytes are gone with its turn */
        group->value.text.data = arena_memdup(arena, value->text.data, value->text.size);
        if (!group->value.text.data)
            goto no_memory;
    }
    group->key = group_key(&group->value);
    counting->groups[counting->n_groups++] = group;
    return group;

no_memory:
    counting->status = fail(&counting->ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return NULL;
}

static bool add_sum(struct counting *counting, struct count_group *group, const struct value *amount)
{
    for (size_t i = 0; i < group->n_sums; i++)
        if (strcmp(group->sums[i].currency, amount->currency) == 0) {
            if (!__builtin_add_overflow(group->sums[i].minor, amount->integer, &group->sums[i].minor))
                return true;
            counting->status = fail(&counting->ctx->failure, CRM_TOO_LARGE, "sum", "the sum is larger than an amount can be");
            return false;
        }
    if (group->n_sums == SUMS_MAX) {
        counting->status = fail(&counting->ctx->failure, CRM_TOO_LARGE, "sum", "more than %d currencies", SUMS_MAX);
        return false;
    }
    group->sums[group->n_sums].minor = amount->integer;
    memcpy(group->sums[group->n_sums++].currency, amount->currency, sizeof amount->currency);
    return true;
}

static bool count_record(void *arg, const struct record *record)
{
    struct counting *counting = arg;
    struct value value = { .type = FIELD_NONE }, amount;
    struct count_group *group;

    if (!counting->group && !counting->sum)
        return true;
    if (counting->group)
        reflect_get(counting->group, record, &value);
    group = find_group(counting, &value);
    if (!group)
        return false;
    group->count++;
    return !counting->sum || !reflect_get(counting->sum, record, &amount) || add_sum(counting, group, &amount);
}

static bool set_money(Crm__Money **out, const struct money *money, struct arena *arena)
{
    Crm__Money *wire = arena_alloc(arena, sizeof *wire);

    if (!wire)
        return false;
    crm__money__init(wire);
    wire->has_minor = true;
    wire->minor = money->minor;
    wire->currency = arena_strdup(arena, money->currency);
    *out = wire;
    return wire->currency;
}

static Crm__CountGroup *wire_group(struct counting *counting, const struct count_group *group)
{
    struct op_ctx *ctx = counting->ctx;
    Crm__CountGroup *out = arena_alloc(ctx->arena, sizeof *out);
    struct wire_records titles;

    if (!out)
        return NULL;
    crm__count_group__init(out);
    out->has_count = true;
    out->count = group->count;
    out->sums = arena_alloc(ctx->arena, (group->n_sums + 1) * sizeof *out->sums);
    if (!out->sums)
        return NULL;
    for (size_t i = 0; i < group->n_sums; i++)
        if (!set_money(&out->sums[out->n_sums++], &group->sums[i], ctx->arena))
            return NULL;
    if (group->value.type == FIELD_NONE)
        return out;
    out->value = arena_alloc(ctx->arena, sizeof *out->value);
    if (!out->value)
        return NULL;
    value_to_wire(&group->value, out->value, ctx->arena);
    if (group->value.type == FIELD_REFERENCE) {
        wire_records_init(&titles, ctx->arena, ctx->view, true);
        wire_records_refer(&titles, counting->group->ref_kind, &group->value.ref);
        out->title = titles.n_titles ? titles.titles[0] : NULL;
    }
    return out;
}

static enum crm_status answer(struct counting *counting, const struct list_explain *explain, int64_t began_us)
{
    struct op_ctx *ctx = counting->ctx;
    const Crm__CountRequest *request = ctx->request;
    Crm__CountReply *reply = ctx->reply;
    struct log_head head;

    if (log_head_load(ctx->view, &head) != CRM_OK)
        return op_fail(ctx, CRM_IO, "the log cannot be read");
    reply->has_count = reply->has_seq = true;
    reply->count = explain->matched;
    reply->seq = head.seq; /* of this snapshot: the newest may be newer */
    reply->groups = arena_alloc(ctx->arena, (counting->n_groups + 1) * sizeof *reply->groups);
    if (!reply->groups)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < counting->n_groups; i++) {
        reply->groups[i] = wire_group(counting, counting->groups[i]);
        if (!reply->groups[i])
            return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
        reply->n_groups++;
    }
    if (request->explain)
        reply->explain = wire_explain(explain, clock_monotonic_us() - began_us, ctx->arena);
    return CRM_OK;
}

static enum crm_status find_fields(struct counting *counting, const struct kind_def *kind, const Crm__CountRequest *request)
{
    struct op_ctx *ctx = counting->ctx;

    if (request->sum) {
        counting->sum = schema_field(ctx->schema, kind, request->sum);
        if (!counting->sum || counting->sum->type != FIELD_MONEY)
            return op_fail_field(ctx, CRM_INVALID, "sum", "only amounts of money are added up");
    }
    if (request->group) {
        counting->group = schema_field(ctx->schema, kind, request->group);
        if (!counting->group || counting->group->type == FIELD_GROUP)
            return op_fail_field(ctx, CRM_INVALID, "group", "%s cannot be grouped by that", kind->plural);
    }
    return CRM_OK;
}

static enum crm_status run_count(struct op_ctx *ctx)
{
    const Crm__CountRequest *request = ctx->request;
    const struct kind_def *kind = kind_def(request->kind);
    struct counting counting = { .ctx = ctx, .status = CRM_OK };
    struct filter filter;
    struct list_query query = { .kind = kind, .filter = &filter, .deleted = request->deleted, .arg = &counting };
    struct list_cursor *cursor;
    enum list_state state = LIST_MORE;
    int64_t began_us = clock_monotonic_us();
    enum crm_status status;

    if (!kind)
        return op_fail_field(ctx, CRM_INVALID, "kind", "there is no kind number %u", request->kind);
    status = wire_filter(ctx, kind, request->n_filter, request->filter, &filter);
    if (status == CRM_OK)
        status = wire_scope(ctx, kind, &query.scope);
    if (status == CRM_OK)
        status = find_fields(&counting, kind, request);
    if (status == CRM_OK)
        status = wire_as_of(ctx, request->as_of, &counting.as_of);
    if (counting.as_of)
        query.rewind = rewind_record;
    if (status == CRM_OK)
        status = list_begin(ctx->view, &query, ctx->arena, &cursor, &ctx->failure);
    while (status == CRM_OK && state == LIST_MORE) {
        arena_reset(ctx->scratch);
        status = list_step(cursor, ctx->view, counting.as_of ? REWIND_ROWS : STEP_ROWS, 0, count_record, &counting, ctx->scratch, &state, &ctx->failure);
        if (status == CRM_OK)
            status = counting.status;
        if (status == CRM_OK)
            status = ctx->still_wanted(ctx);
    }
    return status == CRM_OK ? answer(&counting, list_explain(cursor), began_us) : status;
}

const struct op_def op_count = {
    .code = OP_COUNT, .name = "record.count", .flags = OP_WORKS, .request = &crm__count_request__descriptor,
    .reply = &crm__count_reply__descriptor, .run = run_count,
};
