/*
 * view.c - reading through the layers: own write set over the group's over the store's snapshot
 *
 * Rules, operations, lists and search read here; on io threads and workers there is no write set
 * and everything falls through to the store. Owns nothing; values are borrowed from the layer that
 * they come from.
 */
#include "common/engine/view.h"

#include "common/engine/alias.h"
#include "common/engine/derive.h"
#include "common/engine/index.h"

/* Room to fold one text for a lookup: TEXT_MAX grows at most some times by NFKD. */
#define FOLD_BUDGET (64u << 10)

/* Does a come before b in the direction of a range? */
static bool is_before(const struct store_range *range, struct slice a, struct slice b)
{
    int order = slice_compare(a, b);

    return range->reverse ? order > 0 : order < 0;
}

/* What is left of a range behind key. The new bound lives in buffer (forwards) or is key itself. */
static void range_step_past(struct store_range *range, struct slice key,
                            uint8_t buffer[STORE_KEY_MAX + 1])
{
    if (range->reverse) {
        range->to = key;
        return;
    }
    memcpy(buffer, key.data, key.size);
    buffer[key.size] = 0;
    range->from = slice_of(buffer, key.size + 1);
}

/* The first entry of the two write sets in a range, deletes included; the own set covers the
 * group's. */
static bool overlay_seek(const struct view *view, enum store_db db, const struct store_range *range,
                         struct slice *out_key, struct slice *out_value)
{
    struct slice key, value;
    bool found = view->own && writeset_seek(view->own, db, range, out_key, out_value);

    if (!view->group || !writeset_seek(view->group, db, range, &key, &value))
        return found;
    if (!found || is_before(range, key, *out_key)) {
        *out_key = key;
        *out_value = value;
    }
    return true;
}

enum crm_status view_get_kept(const struct view *view, enum store_db db, struct slice key,
                              struct slice *out_value)
{
    struct slice value;

    if ((view->own && writeset_get(view->own, db, key, &value)) ||
        (view->group && writeset_get(view->group, db, key, &value))) {
        if (!value.data)
            return CRM_NOT_FOUND;
        *out_value = value;
        return CRM_OK;
    }
    return store_get(view->txn, db, key, out_value);
}

enum crm_status view_get(const struct view *view, enum store_db db, struct slice key,
                         struct slice *out_value)
{
    return store_keeps(view->txn, db) ? view_get_kept(view, db, key, out_value)
                                      : derive_get(view, db, key, out_value);
}

enum crm_status view_get_many(const struct view *view, enum store_db db, const struct slice *keys,
                              size_t n, struct slice *out_values)
{
    enum crm_status status = store_get_many(view->txn, db, keys, n, out_values);

    if (status != CRM_OK || (!view->own && !view->group))
        return status;
    for (size_t i = 0; i < n; i++) {
        struct slice value;

        if ((view->own && writeset_get(view->own, db, keys[i], &value)) ||
            (view->group && writeset_get(view->group, db, keys[i], &value)))
            out_values[i] = value;
    }
    return CRM_OK;
}

enum crm_status view_seek(const struct view *view, enum store_db db,
                          const struct store_range *range, struct slice *out_key,
                          struct slice *out_value)
{
    struct store_range rest = *range;
    uint8_t bound[STORE_KEY_MAX + 1];
    struct slice key, value, over_key, over_value;
    enum crm_status status;

    if (!store_keeps(view->txn, db))
        return derive_seek(view, db, range, out_key, out_value);
    status = store_seek(view->txn, db, &rest, &key, &value);
    for (;;) {
        if (status != CRM_OK && status != CRM_NOT_FOUND)
            return status;
        if (!overlay_seek(view, db, &rest, &over_key, &over_value) ||
            (status == CRM_OK && is_before(&rest, key, over_key)))
            break;
        if (over_value.data) {
            key = over_key;
            value = over_value;
            status = CRM_OK;
            break;
        }
        range_step_past(&rest, over_key, bound);
        if (status == CRM_OK && slice_equal(key, over_key))
            status = store_seek(view->txn, db, &rest, &key, &value);
    }
    if (status == CRM_OK) {
        *out_key = key;
        *out_value = value;
    }
    return status;
}

/* A scan of the store into which the write sets' entries are merged. */
struct merged_scan {
    const struct view *view;
    enum store_db db;
    struct store_range rest; /* of the write sets: what is not given yet */
    uint8_t bound[STORE_KEY_MAX + 1];
    bool has_over; /* over_key, over_value: the next entry of the write sets */
    struct slice over_key, over_value;
    store_visit *visit;
    void *arg;
    bool stopped;
};

static void merged_advance(struct merged_scan *scan)
{
    range_step_past(&scan->rest, scan->over_key, scan->bound);
    scan->has_over =
        overlay_seek(scan->view, scan->db, &scan->rest, &scan->over_key, &scan->over_value);
}

/* Give what the write sets put before limit (NULL: to the end). false: the visitor has had enough.
 */
static bool merged_give_before(struct merged_scan *scan, const struct slice *limit)
{
    while (scan->has_over && (!limit || is_before(&scan->rest, scan->over_key, *limit))) {
        if (scan->over_value.data && !scan->visit(scan->arg, scan->over_key, scan->over_value)) {
            scan->stopped = true;
            return false;
        }
        merged_advance(scan);
    }
    return true;
}

static bool merged_visit(void *arg, struct slice key, struct slice value)
{
    struct merged_scan *scan = arg;

    if (!merged_give_before(scan, &key))
        return false;
    if (scan->has_over && slice_equal(scan->over_key, key)) {
        bool go_on =
            !scan->over_value.data || scan->visit(scan->arg, scan->over_key, scan->over_value);

        merged_advance(scan);
        scan->stopped = !go_on;
        return go_on;
    }
    scan->stopped = !scan->visit(scan->arg, key, value);
    return !scan->stopped;
}

enum crm_status view_scan_kept(const struct view *view, enum store_db db,
                               const struct store_range *range, store_visit *visit, void *arg)
{
    struct merged_scan scan = {
        .view = view, .db = db, .rest = *range, .visit = visit, .arg = arg
    };
    enum crm_status status;

    scan.has_over = overlay_seek(view, db, range, &scan.over_key, &scan.over_value);
    if (!scan.has_over)
        return store_scan(view->txn, db, range, visit, arg);
    status = store_scan(view->txn, db, range, merged_visit, &scan);
    if (status == CRM_OK && !scan.stopped)
        merged_give_before(&scan, NULL);
    return status;
}

enum crm_status view_scan(const struct view *view, enum store_db db,
                          const struct store_range *range, store_visit *visit, void *arg)
{
    return store_keeps(view->txn, db) ? view_scan_kept(view, db, range, visit, arg)
                                      : derive_scan(view, db, range, visit, arg);
}

enum crm_status view_mask(const struct view *view, struct record *record)
{
    return view->guard ? view->guard->mask(view->guard, view->arena, record) : CRM_OK;
}

enum crm_status view_open(const struct view *view, enum kind kind, const struct uuid *id,
                          struct slice value, struct record *out_record)
{
    struct record record;
    enum crm_status status = record_decode(kind, id, value, &record);

    if (status == CRM_OK && view->guard)
        status = view->guard->admit(view->guard, view, &record.header);
    if (status == CRM_OK)
        status = view_mask(view, &record);
    if (status == CRM_OK)
        *out_record = record;
    return status;
}

bool view_hides(const struct view *view, enum kind kind, uint32_t field)
{
    return view->guard && view->guard->hides(view->guard, kind, field);
}

struct view view_unguarded(const struct view *view)
{
    struct view plain = *view;

    plain.guard = NULL;
    plain.arena = NULL;
    return plain;
}

/* What is not there takes as long as what may not be read: the guard is asked about a record of nobody. */
static void pretend(const struct view *view, enum kind kind, const struct uuid *id)
{
    const struct record_header nobody = { .kind = kind, .id = *id, .root = *id };
    enum crm_status ignored = view->guard->admit(view->guard, view, &nobody);

    (void)ignored;
}

static enum crm_status record_in(const struct view *view, enum store_db db, enum kind kind,
                                 const struct uuid *id, struct record *out_record)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value;
    enum crm_status status;

    record_key(kind, id, key);
    status = view_get(view, db, slice_of(key, sizeof key), &value);
    if (status == CRM_OK)
        return view_open(view, kind, id, value, out_record);
    if (status == CRM_NOT_FOUND && view->guard)
        pretend(view, kind, id);
    return status;
}

enum crm_status view_record(const struct view *view, enum kind kind, const struct uuid *id,
                            struct record *out_record)
{
    return record_in(view, STORE_RECORD, kind, id, out_record);
}

enum crm_status view_first(const struct view *view, enum kind kind, struct record *out_record)
{
    uint8_t first = (uint8_t)kind, behind = (uint8_t)(kind + 1);
    struct slice key, value;
    enum kind found;
    struct uuid id;
    enum crm_status status =
        view_seek(view, STORE_RECORD,
                  &(struct store_range){ .from = slice_of(&first, 1), .to = slice_of(&behind, 1) },
                  &key, &value);

    if (status != CRM_OK)
        return status;
    return record_key_parse(key, &found, &id) ? view_open(view, found, &id, value, out_record)
                                              : CRM_CORRUPT;
}

enum crm_status view_deleted(const struct view *view, enum kind kind, const struct uuid *id,
                             struct record *out_record)
{
    return record_in(view, STORE_DELETED, kind, id, out_record);
}

/* A record that was found by something else than its id: may this reader know of it? */
static enum crm_status admit(const struct view *view, enum kind kind, const struct uuid *id)
{
    struct view plain = view_unguarded(view);
    struct record record;
    enum crm_status status;

    if (!view->guard)
        return CRM_OK;
    status = view_record(&plain, kind, id, &record);
    return status == CRM_OK ? view->guard->admit(view->guard, view, &record.header) : status;
}

enum crm_status view_unique(const struct view *view, enum kind kind, const struct field_def *field,
                            const struct value *value, struct uuid *out_id)
{
    struct arena arena;
    struct key key = { .size = 0 };
    struct slice id;
    struct uuid found;
    enum crm_status status;

    if (view_hides(view, kind, field->ref))
        return CRM_NOT_FOUND;
    arena_init(&arena, FOLD_BUDGET);
    if (!unique_key(&key, kind, field, value, &arena)) {
        status = CRM_NO_MEMORY;
    } else {
        status = view_get(view, STORE_UNIQUE, key_slice(&key), &id);
        if (status == CRM_OK && !uuid_from_slice(id, &found))
            status = CRM_CORRUPT;
    }
    arena_fini(&arena);
    if (status == CRM_OK)
        status = admit(view, kind, &found);
    if (status == CRM_OK)
        *out_id = found;
    return status;
}

static enum crm_status number_by_index(const struct view *view, enum kind kind, uint64_t number,
                                       struct uuid *out_id)
{
    struct key from = { .size = 0 }, to = { .size = 0 };
    struct slice key, value;
    enum crm_status status;

    index_prefix(&from, kind, HEADER_NUMBER, INDEX_GLOBAL, NULL);
    key_u8(&from, INDEX_PRESENT);
    key_i64(&from, (int64_t)number);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    status = view_seek(view, STORE_INDEX,
                       &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) },
                       &key, &value);
    if (status != CRM_OK)
        return status;
    return index_key_id(key, out_id) ? CRM_OK : CRM_CORRUPT;
}

enum crm_status view_number(const struct view *view, enum kind kind, uint64_t number,
                            struct uuid *out_id)
{
    struct uuid found;
    enum crm_status status;

    if (number == 0 || number > INT64_MAX || view_hides(view, kind, HEADER_NUMBER))
        return CRM_NOT_FOUND;
    status = index_is_kept(view) ? number_by_index(view, kind, number, &found)
                                 : derive_number(view, kind, number, &found);
    if (status == CRM_NOT_FOUND)
        status = alias_follow(view, kind, number, &found);
    if (status == CRM_OK)
        status = admit(view, kind, &found);
    if (status == CRM_OK)
        *out_id = found;
    return status;
}
