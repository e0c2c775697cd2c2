/*
 * feed_compare.c - buckets and marks of a replica against a walk in the same order
 *
 * Any thread. Costs no memory but a bit for each bucket and each mark.
 */
#include "server/engine/feed_compare.h"

static struct bucket_place place_of(const struct record *record)
{
    return (struct bucket_place){ .kind = (uint32_t)record->header.kind, .id = record->header.id };
}

static struct record_sum mark_of(const struct record *record)
{
    return bucket_mark((uint32_t)record->header.kind, &record->header.id, record->header.rev, record->header.updated_us, record->body);
}

static bool bit_get(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static void bit_set(uint8_t *bits, size_t i)
{
    bits[i / 8] |= (uint8_t)(1u << (i % 8));
}

/* --- sums */

enum crm_status feed_sums_init(struct feed_sums *sums, struct slice bytes, struct arena *arena)
{
    size_t n = bytes.size / BUCKET_SUM_SIZE;
    struct bucket_place before = bucket_start;

    if (n == 0 || bytes.size % BUCKET_SUM_SIZE)
        return CRM_INVALID;
    for (size_t i = 0; i < n; i++) {
        struct bucket_place to = bucket_place_read(bytes.data + i * BUCKET_SUM_SIZE);

        if (bucket_place_compare(&before, &to) >= 0)
            return CRM_INVALID;
        before = to;
    }
    if (bucket_place_compare(&before, &bucket_end) != 0)
        return CRM_INVALID;
    *sums = (struct feed_sums){ .rows = bytes.data, .n = n, .differ_size = (n + 7) / 8 };
    sums->differ = arena_zalloc(arena, sums->differ_size);
    return sums->differ ? CRM_OK : CRM_NO_MEMORY;
}

static void close_bucket(struct feed_sums *sums)
{
    struct record_sum told = record_sum_of(sums->rows + sums->at * BUCKET_SUM_SIZE + BUCKET_PLACE_SIZE);

    if (!record_sum_equal(&told, &sums->sum))
        bit_set(sums->differ, sums->at);
    sums->sum = (struct record_sum){ { 0 } };
    sums->at++;
}

void feed_sums_take(struct feed_sums *sums, const struct record *record)
{
    struct bucket_place place = place_of(record);

    while (sums->at + 1 < sums->n) {
        struct bucket_place to = bucket_place_read(sums->rows + sums->at * BUCKET_SUM_SIZE);

        if (bucket_place_compare(&place, &to) <= 0)
            break;
        close_bucket(sums);
    }
    sums->sum = record_sum_join(sums->sum, mark_of(record));
}

void feed_sums_end(struct feed_sums *sums)
{
    while (sums->at < sums->n)
        close_bucket(sums);
}

/* --- items */

static size_t row_count(const uint8_t *row)
{
    return bucket_read_u32(row + 2 * BUCKET_PLACE_SIZE);
}

static size_t row_size(const uint8_t *row)
{
    return BUCKET_HEAD_SIZE + row_count(row) * BUCKET_MARK_SIZE;
}

/* Is it a whole bucket that begins no earlier than the one before has ended? */
static bool row_is_valid(const uint8_t *row, size_t left, struct bucket_place *before)
{
    struct bucket_place from, to;

    if (left < BUCKET_HEAD_SIZE || row_count(row) > (left - BUCKET_HEAD_SIZE) / BUCKET_MARK_SIZE)
        return false;
    from = bucket_place_read(row);
    to = bucket_place_read(row + BUCKET_PLACE_SIZE);
    if (bucket_place_compare(before, &from) > 0 || bucket_place_compare(&from, &to) >= 0)
        return false;
    *before = to;
    return true;
}

enum crm_status feed_items_init(struct feed_items *items, struct slice bytes, struct arena *arena)
{
    struct bucket_place before = bucket_start;
    size_t n = 0;

    for (size_t at = 0; at < bytes.size; at += row_size(bytes.data + at)) {
        if (!row_is_valid(bytes.data + at, bytes.size - at, &before))
            return CRM_INVALID;
        n += row_count(bytes.data + at);
    }
    *items = (struct feed_items){ .row = bytes.data, .end = bytes.data + bytes.size, .n = n };
    items->found = arena_zalloc(arena, n / 8 + 1);
    return items->found ? CRM_OK : CRM_NO_MEMORY;
}

static void next_row(struct feed_items *items)
{
    items->first += row_count(items->row);
    items->row += row_size(items->row);
}

/* Each mark stands for one record. */
static bool find_mark(struct feed_items *items, uint32_t mark)
{
    size_t n = row_count(items->row);
    const uint8_t *marks = items->row + BUCKET_HEAD_SIZE;

    for (size_t i = 0; i < n; i++)
        if (bucket_read_u32(marks + i * BUCKET_MARK_SIZE) == mark && !bit_get(items->found, items->first + i)) {
            bit_set(items->found, items->first + i);
            return true;
        }
    return false;
}

bool feed_items_have(struct feed_items *items, const struct record *record)
{
    struct bucket_place place = place_of(record), from;
    struct record_sum mark;

    while (items->row < items->end) {
        struct bucket_place to = bucket_place_read(items->row + BUCKET_PLACE_SIZE);

        if (bucket_place_compare(&place, &to) <= 0)
            break;
        next_row(items);
    }
    if (items->row == items->end)
        return true;
    from = bucket_place_read(items->row);
    if (bucket_place_compare(&place, &from) <= 0)
        return true;
    mark = mark_of(record);
    items->sum = record_sum_join(items->sum, mark);
    return find_mark(items, bucket_mark_short(&mark));
}

void feed_items_end(struct feed_items *items)
{
    while (items->row < items->end)
        next_row(items);
}

bool feed_items_next_stray(struct feed_items *items, uint32_t *out_position)
{
    while (items->told < items->first)
        if (!bit_get(items->found, items->told++)) {
            *out_position = (uint32_t)(items->told - 1);
            return true;
        }
    return false;
}
