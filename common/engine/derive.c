/*
 * derive.c - see derive.h
 *
 * Called by view.c on the view's thread. What a range holds is gathered in the run's memory, put in order and given; a record's own keys are made in a
 * scratch that is reset behind it.
 */
#include "common/engine/derive.h"

#include <stdlib.h>

#include "common/engine/index.h"

#define ROW_BUDGET (1u << 20)

struct pair {
    struct slice key, value;
};

/* The records whose keys may be in a range. */
struct extent {
    unsigned first, last; /* kinds */
    uint32_t ref;         /* the only field, or 0 */
};

struct derive {
    const struct view *view;
    enum store_db db;
    const struct store_range *range;
    struct extent extent;
    struct arena *arena; /* of the run */
    struct arena row;
    struct pair *pairs;
    size_t n, room;
    enum crm_status status;
};

/* Do both ends of a range begin with the same size bytes? */
static bool share(const struct store_range *range, size_t size)
{
    return range->from.size >= size && range->to.size >= size && memcmp(range->from.data, range->to.data, size) == 0;
}

/* The shapes of keys are in index.h. */
static struct extent extent_of(enum store_db db, const struct store_range *range)
{
    const struct slice *from = &range->from, *to = &range->to;
    size_t at = db == STORE_CHILD ? UUID_SIZE : 0; /* where the kind stands */
    struct extent extent = { .first = 0, .last = KIND_MAX };

    if (db == STORE_TERM || (at && !share(range, at)))
        return extent;
    if (from->size > at)
        extent.first = from->data[at];
    if (to->size > at && to->data[at] < KIND_MAX)
        extent.last = to->data[at];
    if (share(range, at + 3))
        extent.ref = key_read_u16(from->data + at + 1);
    return extent;
}

static bool is_within(const struct store_range *range, struct slice key)
{
    return slice_compare(key, range->from) >= 0 && (range->to.size == 0 || slice_compare(key, range->to) < 0);
}

static bool has_room(struct derive *derive)
{
    size_t room = derive->room ? 2 * derive->room : 16;
    struct pair *pairs;

    if (derive->n < derive->room)
        return true;
    pairs = arena_alloc(derive->arena, room * sizeof *pairs);
    if (!pairs)
        return false;
    if (derive->n)
        memcpy(pairs, derive->pairs, derive->n * sizeof *pairs);
    derive->pairs = pairs;
    derive->room = room;
    return true;
}

static enum crm_status take_pair(void *arg, enum store_db db, struct slice key, struct slice value)
{
    struct derive *derive = arg;
    void *key_copy, *value_copy;

    (void)db;
    if (!is_within(derive->range, key))
        return CRM_OK;
    key_copy = arena_memdup(derive->arena, key.data, key.size);
    value_copy = arena_strndup(derive->arena, value.data, value.size);
    if (!key_copy || !value_copy || !has_room(derive))
        return CRM_NO_MEMORY;
    derive->pairs[derive->n++] = (struct pair){ slice_of(key_copy, key.size), slice_of(value_copy, value.size) };
    return CRM_OK;
}

static bool take_record(void *arg, struct slice key, struct slice value)
{
    struct derive *derive = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    derive->status = record_key_parse(key, &kind, &id) ? record_decode(kind, &id, value, &record) : CRM_CORRUPT;
    if (derive->status == CRM_OK)
        derive->status = index_each_in(derive->view->schema, kind_def((unsigned)kind), &record, derive->db, derive->extent.ref, &derive->row,
                                       take_pair, derive);
    arena_reset(&derive->row);
    return derive->status == CRM_OK;
}

static bool take_kept(void *arg, struct slice key, struct slice value)
{
    struct derive *derive = arg;

    derive->status = take_pair(derive, derive->db, key, value);
    return derive->status == CRM_OK;
}

static int pair_compare(const void *a, const void *b)
{
    return slice_compare(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* All pairs of a range, in order. */
static enum crm_status gather(struct derive *derive, const struct view *view, enum store_db db, const struct store_range *range)
{
    struct key from = { 0 }, to = { 0 };
    struct store_range records = { .values = STORE_VALUES_PASS };
    enum crm_status status;

    *derive = (struct derive){ .view = view, .db = db, .range = range, .extent = extent_of(db, range), .arena = store_arena(view->txn) };
    status = view_scan_kept(view, db, &(struct store_range){ .from = range->from, .to = range->to }, take_kept, derive);
    if (status == CRM_OK)
        status = derive->status;
    if (status != CRM_OK || derive->extent.first > derive->extent.last)
        return status;
    key_u8(&from, (uint8_t)derive->extent.first);
    key_u8(&to, (uint8_t)(derive->extent.last + 1));
    records.from = key_slice(&from);
    records.to = key_slice(&to);
    arena_init(&derive->row, ROW_BUDGET);
    status = view_scan(view, STORE_RECORD, &records, take_record, derive);
    arena_fini(&derive->row);
    if (status == CRM_OK)
        status = derive->status;
    if (status == CRM_OK && derive->n > 1)
        qsort(derive->pairs, derive->n, sizeof *derive->pairs, pair_compare);
    return status;
}

enum crm_status derive_scan(const struct view *view, enum store_db db, const struct store_range *range, store_visit *visit, void *arg)
{
    struct derive derive;
    enum crm_status status = gather(&derive, view, db, range);

    for (size_t i = 0; status == CRM_OK && i < derive.n; i++) {
        const struct pair *pair = &derive.pairs[range->reverse ? derive.n - 1 - i : i];

        if (!visit(arg, pair->key, pair->value))
            break;
    }
    return status;
}

enum crm_status derive_seek(const struct view *view, enum store_db db, const struct store_range *range, struct slice *out_key, struct slice *out_value)
{
    struct derive derive;
    enum crm_status status = gather(&derive, view, db, range);
    const struct pair *pair;

    if (status != CRM_OK)
        return status;
    if (derive.n == 0)
        return CRM_NOT_FOUND;
    pair = &derive.pairs[range->reverse ? derive.n - 1 : 0];
    *out_key = pair->key;
    *out_value = pair->value;
    return CRM_OK;
}

struct number_scan {
    uint64_t number;
    bool is_found;
    struct uuid id;
    enum crm_status status;
};

static bool has_number(void *arg, struct slice key, struct slice value)
{
    struct number_scan *scan = arg;
    struct record record;
    enum kind kind;

    scan->status = record_key_parse(key, &kind, &scan->id) ? record_decode(kind, &scan->id, value, &record) : CRM_CORRUPT;
    scan->is_found = scan->status == CRM_OK && record.header.number == scan->number;
    return scan->status == CRM_OK && !scan->is_found;
}

enum crm_status derive_number(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id)
{
    const uint8_t first = (uint8_t)kind, behind = (uint8_t)(kind + 1);
    const struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1), .values = STORE_VALUES_PASS };
    struct number_scan scan = { .number = number, .status = CRM_OK };
    enum crm_status status = view_scan(view, STORE_RECORD, &range, has_number, &scan);

    if (status == CRM_OK)
        status = scan.status;
    if (status == CRM_OK && !scan.is_found)
        return CRM_NOT_FOUND;
    if (status == CRM_OK)
        *out_id = scan.id;
    return status;
}

/* A key that ends with the record's id needs that record only. */
static enum crm_status get_of_record(struct derive *derive, struct slice key)
{
    struct record record;
    struct uuid id;
    enum crm_status status;

    if (derive->extent.first != derive->extent.last || !kind_def(derive->extent.first) || !index_key_id(key, &id))
        return CRM_NOT_FOUND;
    status = view_record(derive->view, (enum kind)derive->extent.first, &id, &record);
    if (status != CRM_OK)
        return status;
    arena_init(&derive->row, ROW_BUDGET);
    status = index_each_in(derive->view->schema, kind_def(derive->extent.first), &record, derive->db, derive->extent.ref, &derive->row, take_pair, derive);
    arena_fini(&derive->row);
    return status;
}

enum crm_status derive_get(const struct view *view, enum store_db db, struct slice key, struct slice *out_value)
{
    struct view plain = view_unguarded(view);
    uint8_t behind[STORE_KEY_MAX + 1] = { 0 };
    struct store_range range = { .from = key, .to = slice_of(behind, key.size + 1) };
    struct derive derive = { .view = &plain, .db = db, .range = &range, .arena = store_arena(view->txn) };
    enum crm_status status = view_get_kept(view, db, key, out_value);

    if (status != CRM_NOT_FOUND || key.size == 0 || key.size > STORE_KEY_MAX)
        return status;
    memcpy(behind, key.data, key.size);
    derive.extent = extent_of(db, &range);
    status = db == STORE_UNIQUE || db == STORE_TERM ? gather(&derive, view, db, &range) : get_of_record(&derive, key);
    if (status != CRM_OK)
        return status;
    if (derive.n == 0)
        return CRM_NOT_FOUND;
    *out_value = derive.pairs[0].value;
    return CRM_OK;
}
