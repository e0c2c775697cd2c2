/*
 * pipeline.c - the pipeline: how many deals stand in each stage and what they are worth, now or at the end of a past day
 *
 * Adds up rollup cells, never records: its cost depends on stages, teams and owners, not on the number of deals. Deals that are won or lost are
 * shown as stages of their own behind the open ones. Amounts are by currency; nothing is converted.
 */
#include <stdlib.h>

#include "common/base/calendar.h"
#include "server/engine/rollup.h"
#include "server/reports/report.h"

enum dimension { BY_STAGE, BY_TEAM, BY_OWNER, DIMENSIONS };

static const struct {
    const char *name, *label, *label_zh;
} dimensions[] = {
    [BY_STAGE] = { "stage", "Stage", "阶段" },
    [BY_TEAM] = { "team", "Team", "团队" },
    [BY_OWNER] = { "owner", "Owner", "负责人" },
};

/* One line of the result. */
struct line {
    struct uuid pipeline, team, owner;
    struct slice stage;
    int order; /* of the stage within its pipeline */
    struct slice team_name, owner_name;
    char currency[4];
    int64_t count, sum;
};

struct collect {
    struct report_ctx *ctx;
    enum dimension by[DIMENSIONS];
    size_t n_by;
    struct line *lines;
    size_t n, capacity;
    size_t *places; /* open-addressed: index + 1 into lines */
    size_t n_places;
    const Crm__Pipeline *pipeline; /* the one that was looked up last, for the order of stages */
    struct uuid pipeline_id;
    bool has_filter;
    struct uuid filter;
    bool has_amount; /* the role shows what deals are worth */
};

static bool is_grouped(const struct collect *collect, enum dimension dimension)
{
    for (size_t i = 0; i < collect->n_by; i++)
        if (collect->by[i] == dimension)
            return true;
    return false;
}

static uint64_t hash_line(const struct line *line)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    const struct slice parts[] = { uuid_slice(&line->pipeline), uuid_slice(&line->team), uuid_slice(&line->owner), line->stage,
                                   slice_of(line->currency, 3) };

    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (size_t i = 0; i < parts[p].size; i++)
            hash = (hash ^ parts[p].data[i]) * UINT64_C(1099511628211);
    return hash;
}

static bool same_line(const struct line *a, const struct line *b)
{
    return uuid_equal(&a->pipeline, &b->pipeline) && uuid_equal(&a->team, &b->team) && uuid_equal(&a->owner, &b->owner) &&
           slice_equal(a->stage, b->stage) && memcmp(a->currency, b->currency, 3) == 0;
}

/* Room for one more line, and a table at most half full. */
static bool make_room(struct collect *collect)
{
    struct arena *arena = collect->ctx->arena;

    if (collect->n == collect->capacity) {
        size_t capacity = collect->capacity ? 2 * collect->capacity : 256;
        struct line *lines = arena_alloc(arena, capacity * sizeof *lines);

        if (!lines)
            return false;
        if (collect->n)
            memcpy(lines, collect->lines, collect->n * sizeof *lines);
        collect->lines = lines;
        collect->capacity = capacity;
        collect->n_places = 2 * capacity;
        collect->places = arena_zalloc(arena, collect->n_places * sizeof *collect->places);
        if (!collect->places)
            return false;
        for (size_t i = 0; i < collect->n; i++) {
            size_t at = hash_line(&lines[i]) & (collect->n_places - 1);

            while (collect->places[at])
                at = (at + 1) & (collect->n_places - 1);
            collect->places[at] = i + 1;
        }
    }
    return true;
}

static struct line *find_line(struct collect *collect, const struct line *wanted)
{
    size_t at;

    if (!make_room(collect))
        return NULL;
    for (at = hash_line(wanted) & (collect->n_places - 1); collect->places[at]; at = (at + 1) & (collect->n_places - 1))
        if (same_line(&collect->lines[collect->places[at] - 1], wanted))
            return &collect->lines[collect->places[at] - 1];
    collect->lines[collect->n] = *wanted;
    collect->lines[collect->n].stage.data = arena_memdup(collect->ctx->arena, wanted->stage.size ? (const void *)wanted->stage.data : "",
                                                         wanted->stage.size + !wanted->stage.size);
    if (!collect->lines[collect->n].stage.data)
        return NULL;
    collect->places[at] = collect->n + 1;
    return &collect->lines[collect->n++];
}

static enum crm_status add_cell(void *arg, const struct rollup_cell *cell)
{
    struct collect *collect = arg;
    struct line wanted = { 0 }, *line;

    if (collect->has_filter && !uuid_equal(&collect->filter, &cell->pipeline))
        return CRM_OK;
    if (!access_covers(collect->ctx->session->access, KIND_DEAL, ACCESS_READ, &cell->owner, &cell->team))
        return CRM_OK;
    if (is_grouped(collect, BY_STAGE)) {
        wanted.stage = cell->stage;
        wanted.pipeline = cell->pipeline;
    }
    if (is_grouped(collect, BY_TEAM))
        wanted.team = cell->team;
    if (is_grouped(collect, BY_OWNER))
        wanted.owner = cell->owner;
    if (collect->has_amount)
        memcpy(wanted.currency, cell->currency, 3);
    line = find_line(collect, &wanted);
    if (!line)
        return CRM_NO_MEMORY;
    if (__builtin_add_overflow(line->sum, cell->sum, &line->sum))
        return CRM_TOO_LARGE;
    line->count += cell->count;
    return CRM_OK;
}

static const Crm__Pipeline *load_pipeline(struct collect *collect, const struct uuid *id)
{
    struct record record;

    if (!collect->pipeline || !uuid_equal(&collect->pipeline_id, id)) {
        collect->pipeline_id = *id;
        collect->pipeline = NULL;
        if (view_record(collect->ctx->view, KIND_PIPELINE, id, &record) == CRM_OK)
            collect->pipeline = crm__pipeline__unpack(&collect->ctx->arena->protobuf, record.body.size, record.body.data);
    }
    return collect->pipeline;
}

/* Its place in the pipeline; unknown stages (renamed ones) come last. */
static int stage_order(struct collect *collect, const struct line *line)
{
    const Crm__Pipeline *pipeline = load_pipeline(collect, &line->pipeline);

    for (size_t i = 0; pipeline && i < pipeline->n_stages; i++)
        if (pipeline->stages[i]->name && slice_equal(slice_text(pipeline->stages[i]->name), line->stage))
            return (int)i;
    return INT32_MAX;
}

static int compare_by(const struct line *a, const struct line *b, enum dimension dimension)
{
    int order;

    switch (dimension) {
    case BY_TEAM:
        return slice_compare(a->team_name, b->team_name);
    case BY_OWNER:
        return slice_compare(a->owner_name, b->owner_name);
    default:
        order = memcmp(a->pipeline.bytes, b->pipeline.bytes, UUID_SIZE);
        if (!order)
            order = (a->order > b->order) - (a->order < b->order);
        return order ? order : slice_compare(a->stage, b->stage);
    }
}

/* In the order in which the dimensions were asked for; then by currency. */
static int compare_lines(const void *left, const void *right, void *arg)
{
    const struct line *a = left, *b = right;
    const struct collect *collect = arg;
    int order = 0;

    for (size_t i = 0; i < collect->n_by && !order; i++)
        order = compare_by(a, b, collect->by[i]);
    return order ? order : memcmp(a->currency, b->currency, 3);
}

static struct slice name_of(struct report_ctx *ctx, enum kind kind, const struct uuid *id)
{
    struct record record;
    struct value value;

    if (view_record(ctx->view, kind, id, &record) == CRM_OK && reflect_get(kind_field_by_name(kind_def(kind), "name"), &record, &value))
        return value.text;
    return slice_text("(gone)");
}

/* What a line is shown and sorted by. */
static void name_lines(struct collect *collect)
{
    for (size_t i = 0; i < collect->n; i++) {
        struct line *line = &collect->lines[i];

        line->order = is_grouped(collect, BY_STAGE) ? stage_order(collect, line) : 0;
        if (is_grouped(collect, BY_TEAM))
            line->team_name = name_of(collect->ctx, KIND_TEAM, &line->team);
        if (is_grouped(collect, BY_OWNER))
            line->owner_name = name_of(collect->ctx, KIND_USER, &line->owner);
    }
    if (collect->n)
        qsort_r(collect->lines, collect->n, sizeof collect->lines[0], compare_lines, collect);
}

static bool write_line(struct report_ctx *ctx, const struct collect *collect, const struct line *line, unsigned level)
{
    Crm__ReportRow *row = report_row(ctx, level);
    bool ok = row;

    for (size_t i = 0; ok && level == 0 && i < collect->n_by; i++) {
        struct slice text = collect->by[i] == BY_STAGE  ? line->stage
                            : collect->by[i] == BY_TEAM ? line->team_name
                                                        : line->owner_name;

        ok = report_set_text(ctx, row, i, text);
    }
    if (!ok)
        return false;
    if (level > 0 && collect->n_by > 0 && !report_set_text(ctx, row, 0, slice_text("total")))
        return false;
    report_set_integer(row, collect->n_by, line->count);
    return !collect->has_amount || report_set_money(ctx, row, collect->n_by + 1, line->sum, line->currency[0] == ' ' ? "" : line->currency);
}

/* One total for each currency. */
static bool write_totals(struct report_ctx *ctx, const struct collect *lines)
{
    struct collect totals = { .ctx = ctx };

    for (size_t i = 0; i < lines->n; i++) {
        struct line wanted = { 0 }, *total;

        memcpy(wanted.currency, lines->lines[i].currency, 4);
        total = find_line(&totals, &wanted);
        if (!total || __builtin_add_overflow(total->sum, lines->lines[i].sum, &total->sum))
            return false;
        total->count += lines->lines[i].count;
    }
    if (totals.n)
        qsort_r(totals.lines, totals.n, sizeof totals.lines[0], compare_lines, &totals);
    for (size_t i = 0; i < totals.n; i++)
        if (totals.lines[i].count && !write_line(ctx, lines, &totals.lines[i], 2))
            return false;
    return true;
}

static enum crm_status read_groups(struct report_ctx *ctx, struct collect *collect)
{
    const Crm__ReportRequest *request = ctx->request;

    if (request->n_group == 0)
        collect->by[collect->n_by++] = BY_STAGE;
    for (size_t i = 0; i < request->n_group; i++) {
        size_t d = 0;

        while (d < DIMENSIONS && strcmp(dimensions[d].name, request->group[i]) != 0)
            d++;
        if (d == DIMENSIONS || is_grouped(collect, (enum dimension)d))
            return fail(ctx->failure, CRM_INVALID, "group", "a pipeline is grouped by stage, team or owner, each once");
        collect->by[collect->n_by++] = (enum dimension)d;
    }
    return CRM_OK;
}

static bool write_columns(struct report_ctx *ctx, const struct collect *collect)
{
    bool ok = true;

    for (size_t i = 0; i < collect->n_by; i++)
        ok = ok && report_column(ctx, dimensions[collect->by[i]].name, dimensions[collect->by[i]].label, dimensions[collect->by[i]].label_zh,
                                 FIELD_TEXT);
    return ok && report_column(ctx, "deals", "Deals", "商机数", FIELD_INTEGER) &&
           (!collect->has_amount || report_column(ctx, "amount", "Amount", "金额", FIELD_MONEY));
}

static bool shows(const struct report_ctx *ctx, const char *field)
{
    return !access_hides(ctx->session->access, KIND_DEAL, kind_field_by_name(kind_def(KIND_DEAL), field)->ref);
}

static enum crm_status run_pipeline(struct report_ctx *ctx)
{
    const Crm__ReportRequest *request = ctx->request;
    struct collect collect = { .ctx = ctx };
    int32_t end = request->as_of && request->as_of->has_time ? day_of_instant(request->as_of->time) + 1 : ctx->today + 1;
    enum crm_status status = read_groups(ctx, &collect);

    if (status != CRM_OK)
        return status;
    collect.has_amount = shows(ctx, "amount");
    if (is_grouped(&collect, BY_STAGE) && !shows(ctx, "stage"))
        return fail(ctx->failure, CRM_NOT_ALLOWED, "group", "your role does not show the stage of deals");
    if (request->has_pipeline && !shows(ctx, "pipeline"))
        return fail(ctx->failure, CRM_NOT_ALLOWED, "pipeline", "your role does not show the pipeline of deals");
    if (request->as_of && request->as_of->has_seq)
        return fail(ctx->failure, CRM_INVALID, "as_of", "a pipeline is shown as of a day, not of a change");
    collect.has_filter = request->has_pipeline;
    if (collect.has_filter && !uuid_from_slice(slice_of(request->pipeline.data, request->pipeline.len), &collect.filter))
        return fail(ctx->failure, CRM_INVALID, "pipeline", "an id has 16 bytes");
    status = rollup_each_until(ctx->view, ROLLUP_DEAL, end, add_cell, &collect);
    if (status != CRM_OK)
        return fail(ctx->failure, status, NULL, "the totals cannot be read");
    name_lines(&collect);
    if (!write_columns(ctx, &collect))
        return fail(ctx->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < collect.n; i++)
        if (collect.lines[i].count && !write_line(ctx, &collect, &collect.lines[i], 0))
            return fail(ctx->failure, CRM_TOO_LARGE, NULL, "the report is too large");
    return !collect.n || write_totals(ctx, &collect) ? CRM_OK : fail(ctx->failure, CRM_TOO_LARGE, NULL, "the report is too large");
}

const struct report_def report_pipeline = { .name = "pipeline", .title = "Pipeline", .run = run_pipeline };
