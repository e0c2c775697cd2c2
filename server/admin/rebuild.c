/*
 * rebuild.c - rollups recomputed from the log
 *
 * Memory: one record's step at a time, and the cells themselves.
 */
#include "server/admin/rebuild.h"

#include "server/engine/log.h"
#include "server/engine/rollup.h"

bool rebuild_counts(enum kind kind)
{
    return kind == KIND_DEAL;
}

static enum crm_status add_step(struct store_txn *txn, void *arg)
{
    const struct log_step *step = arg;
    struct writeset *set = writeset_create(step->arena);
    struct view view = { .txn = txn, .own = set };
    enum crm_status status;

    if (!set)
        return CRM_NO_MEMORY;
    status = rollup_update(&view, set, step->before, step->after, step->happened_us, step->arena);
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

static enum crm_status visit_step(void *arg, const struct log_step *step)
{
    struct log_step copy = *step;

    return store_write_run(arg, add_step, &copy);
}

enum crm_status rebuild_record_rollups(const struct view *view, struct store *into,
                                       const struct record *record)
{
    return log_each_step(view, record, visit_step, into);
}

struct rebuild {
    const struct view *view;
    struct store *into;
    enum crm_status status;
};

static bool visit_record(void *arg, struct slice key, struct slice value)
{
    struct rebuild *rebuild = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    if (!record_key_parse(key, &kind, &id))
        rebuild->status = CRM_CORRUPT;
    else if (rebuild_counts(kind))
        rebuild->status = record_decode(kind, &id, value, &record);
    if (rebuild->status == CRM_OK && rebuild_counts(kind))
        rebuild->status = rebuild_record_rollups(rebuild->view, rebuild->into, &record);
    return rebuild->status == CRM_OK;
}

enum crm_status rebuild_rollups(const struct view *view, struct store *into)
{
    static const enum store_db places[] = { STORE_RECORD, STORE_DELETED };
    struct rebuild rebuild = { .view = view, .into = into, .status = CRM_OK };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK && rebuild.status == CRM_OK; i++)
        status =
            store_scan(view->txn, places[i], &(struct store_range){ 0 }, visit_record, &rebuild);
    return status == CRM_OK ? rebuild.status : status;
}

struct comparison {
    struct store_txn *other;
    rebuild_difference *visit;
    void *arg;
    bool is_second; /* from the recomputed side: only what is missing */
    bool goes_on;
    enum crm_status status;
};

static bool compare_cell(void *arg, struct slice key, struct slice value)
{
    struct comparison *comparison = arg;
    struct slice other = { 0 };
    enum crm_status status = store_get(comparison->other, STORE_ROLLUP, key, &other);

    if (status == CRM_NOT_FOUND) {
        const struct slice none = { 0 };

        comparison->goes_on = comparison->is_second
                                  ? comparison->visit(comparison->arg, key, none, value)
                                  : comparison->visit(comparison->arg, key, value, none);
    } else if (status != CRM_OK) {
        comparison->status = status;
    } else if (!comparison->is_second && !slice_equal(value, other)) {
        comparison->goes_on = comparison->visit(comparison->arg, key, value, other);
    }
    return comparison->goes_on && comparison->status == CRM_OK;
}

enum crm_status rebuild_compare(struct store_txn *stored, struct store_txn *right,
                                rebuild_difference *visit, void *arg)
{
    struct comparison comparison = {
        .other = right, .visit = visit, .arg = arg, .goes_on = true, .status = CRM_OK
    };
    enum crm_status status =
        store_scan(stored, STORE_ROLLUP, &(struct store_range){ 0 }, compare_cell, &comparison);

    if (status == CRM_OK && comparison.status == CRM_OK && comparison.goes_on) {
        comparison.other = stored;
        comparison.is_second = true;
        status =
            store_scan(right, STORE_ROLLUP, &(struct store_range){ 0 }, compare_cell, &comparison);
    }
    return status == CRM_OK ? comparison.status : status;
}
