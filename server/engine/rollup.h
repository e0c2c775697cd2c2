/*
 * rollup.h - running totals, kept in the transaction of the records that they count
 *
 *     metric u8 ‖ level u8 ‖ first day i32 ‖ team ‖ owner ‖ pipeline ‖ stage text ‖ 0 ‖ currency  →  count i64, sum i64
 *
 * A cell holds what its period added and took away: a deal that enters a stage counts +1 and its amount there, one that leaves it −1. What stands in a
 * stage at the end of a day is the sum of all cells up to it: whole years, then months, then days. The day is the company-local day on which
 * the change happened. Recomputed from the log by crmd check.
 */
#ifndef CRM_SERVER_ENGINE_ROLLUP_H
#define CRM_SERVER_ENGINE_ROLLUP_H

#include "common/engine/view.h"
#include "common/store/key.h"

enum rollup_metric { ROLLUP_DEAL = 1 };
enum rollup_level { ROLLUP_DAY = 1, ROLLUP_MONTH = 2, ROLLUP_YEAR = 3 };

struct rollup_cell {
    enum rollup_metric metric;
    enum rollup_level level;
    int32_t day; /* the period's first */
    struct uuid team;
    struct uuid owner;
    struct uuid pipeline;
    struct slice stage; /* borrowed */
    char currency[4];
    int64_t count;
    int64_t sum; /* minor units */
};

/*
 * What a change of a record adds to the cells of the day of an instant; before or after NULL: it is new, or goes. Kinds without rollups add nothing.
 * CRM_TOO_LARGE when a total cannot hold it.
 */
enum crm_status rollup_update(const struct view *view, struct writeset *set, const struct record *before,
                              const struct record *after, int64_t happened_us, struct arena *arena) MUST_CHECK;
/* The name of the field that is added up, for errors; NULL for a kind without rollups. */
const char *rollup_sum_field(const struct kind_def *kind);

/* The cells that a record stands in at one day: for check. false when it stands in none. */
bool rollup_place(const struct record *record, struct rollup_cell *out_cell);
void rollup_key(const struct rollup_cell *cell, struct key *out_key);
/* CRM_CORRUPT for what is no cell. stage borrows key. */
enum crm_status rollup_decode(struct slice key, struct slice value, struct rollup_cell *out_cell) MUST_CHECK;

/* Visit every cell with the metric and level of days first <= day < end. */
typedef enum crm_status rollup_visit(void *arg, const struct rollup_cell *cell);
enum crm_status rollup_each(const struct view *view, enum rollup_metric metric, enum rollup_level level, int32_t first, int32_t end,
                            rollup_visit *visit, void *arg) MUST_CHECK;
/* Visit the fewest cells that add up to everything before a day. */
enum crm_status rollup_each_until(const struct view *view, enum rollup_metric metric, int32_t end, rollup_visit *visit, void *arg) MUST_CHECK;

#endif
