/*
 * rollup.c - which cells a change touches, and reading them back
 *
 * Written by the writer thread with the record; read by reports on any thread.
 */
#include "server/engine/rollup.h"

#include "common/base/calendar.h"
#include "common/model/reflect.h"
#include "common/base/sealed.h"

#define CELL_SIZE  16
#define STAGE_MAX  200
#define FIRST_DAY  INT32_MIN

/* What is counted, by which fields: tags of the kind's message. */
static const struct {
    enum rollup_metric metric;
    enum kind kind;
    uint32_t pipeline, stage, amount;
} counted = { .metric = ROLLUP_DEAL, .kind = KIND_DEAL, .pipeline = 3, .stage = 4, .amount = 5 };

static int32_t period_start(enum rollup_level level, int32_t day)
{
    struct civil civil = day_to_civil(day);

    if (level == ROLLUP_DAY)
        return day;
    civil.day = 1;
    if (level == ROLLUP_YEAR)
        civil.month = 1;
    return day_from_civil(civil);
}

void rollup_key(const struct rollup_cell *cell, struct key *out_key)
{
    out_key->size = 0;
    key_u8(out_key, (uint8_t)cell->metric);
    key_u8(out_key, (uint8_t)cell->level);
    key_i32(out_key, cell->day);
    key_bytes(out_key, cell->team.bytes, UUID_SIZE);
    key_bytes(out_key, cell->owner.bytes, UUID_SIZE);
    key_bytes(out_key, cell->pipeline.bytes, UUID_SIZE);
    key_bytes(out_key, cell->stage.data, cell->stage.size > STAGE_MAX ? STAGE_MAX : cell->stage.size);
    key_u8(out_key, 0);
    key_bytes(out_key, cell->currency, 3);
}

enum crm_status rollup_decode(struct slice key, struct slice value, struct rollup_cell *out_cell)
{
    const size_t fixed = 6 + 3 * UUID_SIZE;
    struct slice content;

    if (key.size < fixed + 4 || sealed_open(value, CELL_SIZE, &content) != CRM_OK)
        return CRM_CORRUPT;
    *out_cell = (struct rollup_cell){
        .metric = key.data[0],
        .level = key.data[1],
        .day = key_read_i32(key.data + 2),
        .stage = slice_of(key.data + fixed, key.size - fixed - 4),
    };
    memcpy(out_cell->team.bytes, key.data + 6, UUID_SIZE);
    memcpy(out_cell->owner.bytes, key.data + 6 + UUID_SIZE, UUID_SIZE);
    memcpy(out_cell->pipeline.bytes, key.data + 6 + 2 * UUID_SIZE, UUID_SIZE);
    memcpy(out_cell->currency, key.data + key.size - 3, 3);
    memcpy(&out_cell->count, content.data, 8);
    memcpy(&out_cell->sum, content.data + 8, 8);
    return CRM_OK;
}

bool rollup_place(const struct record *record, struct rollup_cell *out_cell)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    struct value stage, amount, pipeline;

    if (record->header.kind != counted.kind || !reflect_get(kind_field(kind, counted.stage), record, &stage))
        return false;
    *out_cell = (struct rollup_cell){
        .metric = counted.metric, .team = record->header.team, .owner = record->header.owner, .stage = stage.text, .count = 1
    };
    if (reflect_get(kind_field(kind, counted.pipeline), record, &pipeline))
        out_cell->pipeline = pipeline.ref;
    memcpy(out_cell->currency, "   ", 3);
    if (reflect_get(kind_field(kind, counted.amount), record, &amount)) {
        memcpy(out_cell->currency, amount.currency, 3);
        out_cell->sum = amount.integer;
    }
    return true;
}

static bool add(int64_t *total, int64_t amount, bool takes_away)
{
    return !(takes_away ? __builtin_sub_overflow(*total, amount, total) : __builtin_add_overflow(*total, amount, total));
}

/* Add a cell to the stored one, or take it away; one that comes to nothing goes. */
static enum crm_status add_to_cell(const struct view *view, struct writeset *set, const struct rollup_cell *cell, bool takes_away,
                                   struct arena *arena)
{
    struct rollup_cell now = { 0 };
    struct slice stored;
    uint8_t *value, *content;
    struct key key;
    enum crm_status status;

    rollup_key(cell, &key);
    status = view_get(view, STORE_ROLLUP, key_slice(&key), &stored);
    if (status == CRM_OK)
        status = rollup_decode(key_slice(&key), stored, &now);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    if (!add(&now.count, cell->count, takes_away) || !add(&now.sum, cell->sum, takes_away))
        return CRM_TOO_LARGE;
    if (now.count == 0 && now.sum == 0)
        return writeset_delete(set, STORE_ROLLUP, key_slice(&key));
    value = sealed_alloc(arena, CELL_SIZE, &content);
    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, &now.count, 8);
    memcpy(content + 8, &now.sum, 8);
    return writeset_put(set, STORE_ROLLUP, key_slice(&key), sealed_close(value, CELL_SIZE));
}

static enum crm_status add_at_levels(const struct view *view, struct writeset *set, struct rollup_cell cell, bool takes_away,
                                     int32_t day, struct arena *arena)
{
    enum crm_status status = CRM_OK;

    for (int level = ROLLUP_DAY; level <= ROLLUP_YEAR && status == CRM_OK; level++) {
        cell.level = (enum rollup_level)level;
        cell.day = period_start(cell.level, day);
        status = add_to_cell(view, set, &cell, takes_away, arena);
    }
    return status;
}

static bool same_place(const struct rollup_cell *a, const struct rollup_cell *b)
{
    return uuid_equal(&a->team, &b->team) && uuid_equal(&a->owner, &b->owner) && uuid_equal(&a->pipeline, &b->pipeline) &&
           slice_equal(a->stage, b->stage) && memcmp(a->currency, b->currency, 3) == 0 && a->sum == b->sum;
}

const char *rollup_sum_field(const struct kind_def *kind)
{
    return kind->kind == counted.kind ? kind_field(kind, counted.amount)->name : NULL;
}

enum crm_status rollup_update(const struct view *view, struct writeset *set, const struct record *before,
                              const struct record *after, int64_t happened_us, struct arena *arena)
{
    struct rollup_cell old, new;
    bool had = before && rollup_place(before, &old);
    bool has = after && rollup_place(after, &new);
    int32_t day;
    enum crm_status status = CRM_OK;

    if ((!had && !has) || (had && has && same_place(&old, &new)))
        return CRM_OK;
    day = day_of_instant(happened_us);
    if (had)
        status = add_at_levels(view, set, old, true, day, arena);
    if (has && status == CRM_OK)
        status = add_at_levels(view, set, new, false, day, arena);
    return status;
}

struct each {
    rollup_visit *visit;
    void *arg;
    enum crm_status status;
};

static bool visit_cell(void *arg, struct slice key, struct slice value)
{
    struct each *each = arg;
    struct rollup_cell cell;

    each->status = rollup_decode(key, value, &cell);
    if (each->status == CRM_OK)
        each->status = each->visit(each->arg, &cell);
    return each->status == CRM_OK;
}

enum crm_status rollup_each(const struct view *view, enum rollup_metric metric, enum rollup_level level, int32_t first, int32_t end,
                            rollup_visit *visit, void *arg)
{
    struct each each = { .visit = visit, .arg = arg };
    struct key from = { 0 }, to = { 0 };
    enum crm_status status;

    if (first >= end)
        return CRM_OK;
    key_u8(&from, (uint8_t)metric);
    key_u8(&from, (uint8_t)level);
    to = from;
    key_i32(&from, first);
    key_i32(&to, end);
    status = view_scan(view, STORE_ROLLUP, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, visit_cell, &each);
    return status == CRM_OK ? each.status : status;
}

enum crm_status rollup_each_until(const struct view *view, enum rollup_metric metric, int32_t end, rollup_visit *visit, void *arg)
{
    int32_t year = period_start(ROLLUP_YEAR, end), month = period_start(ROLLUP_MONTH, end);
    enum crm_status status = rollup_each(view, metric, ROLLUP_YEAR, FIRST_DAY, year, visit, arg);

    if (status == CRM_OK)
        status = rollup_each(view, metric, ROLLUP_MONTH, year, month, visit, arg);
    return status == CRM_OK ? rollup_each(view, metric, ROLLUP_DAY, month, end, visit, arg) : status;
}
