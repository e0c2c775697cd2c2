/*
 * compare.c - the replica's own account of what it has
 *
 * Called by sync.c and, while pages of a comparison come in, by pull.c. What counts of a record with pending changes is what the server has told of it.
 */
#include "client/replica/compare.h"

#include <stdlib.h>

#include "common/store/key.h"
#include "proto/codec.h"

#define ROWS_MAX  500000
#define BYTES_MAX ((size_t)960 << 10) /* of a question: it goes in one frame */

/* --- marks */

static struct record_sum mark_of(const struct record *record)
{
    return bucket_mark((uint32_t)record->header.kind, &record->header.id, record->header.rev, record->header.updated_us, record->body);
}

/* CRM_NOT_FOUND: the server has told nothing of it, it was made here. */
static enum crm_status mark_value(enum kind kind, const struct uuid *id, struct slice value, struct record_sum *out_mark)
{
    struct record record;
    enum crm_status status = value.size ? record_decode(kind, id, value, &record) : CRM_NOT_FOUND;

    if (status == CRM_OK)
        *out_mark = mark_of(&record);
    return status;
}

static enum crm_status mark_raw(struct slice packed, struct arena *scratch, struct record_sum *out_mark)
{
    const Crm__Record *wire;
    const void *message;
    struct uuid id;
    enum crm_status status = codec_unpack_body(packed, &crm__record__descriptor, scratch, &message, NULL);

    if (status != CRM_OK)
        return status;
    wire = message;
    if (!wire->header || !uuid_from_slice(slice_of(wire->header->id.data, wire->header->id.len), &id))
        return CRM_CORRUPT;
    *out_mark = bucket_mark(wire->header->kind, &id, wire->header->rev, wire->header->updated_at, slice_of(wire->body.data, wire->body.len));
    return CRM_OK;
}

/* --- going through the rows of a database */

struct visit {
    struct compare *compare;
    struct store_txn *txn;
    enum store_db db;
    struct arena *scratch;
    enum crm_status (*take)(struct visit *visit, const struct bucket_place *place, const struct record_sum *mark);
    struct record_sum sum; /* for take_sum */
    enum crm_status status;
};

static enum crm_status mark_pair(struct visit *visit, struct slice key, struct slice value, struct bucket_place *out_place, struct record_sum *out_mark)
{
    enum kind kind;
    struct slice base;

    if (visit->db == (enum store_db)REPLICA_RAW) {
        if (!rows_raw_key_parse(key, &out_place->kind, &out_place->id))
            return CRM_CORRUPT;
        arena_reset(visit->scratch);
        return mark_raw(value, visit->scratch, out_mark);
    }
    if (!record_key_parse(key, &kind, &out_place->id))
        return CRM_CORRUPT;
    out_place->kind = (uint32_t)kind;
    if (visit->db == STORE_RECORD && store_get(visit->txn, (enum store_db)REPLICA_BASE, key, &base) != CRM_NOT_FOUND)
        return CRM_NOT_FOUND; /* counted there */
    return mark_value(kind, &out_place->id, value, out_mark);
}

static bool visit_pair(void *arg, struct slice key, struct slice value)
{
    struct visit *visit = arg;
    struct bucket_place place;
    struct record_sum mark;

    visit->status = mark_pair(visit, key, value, &place, &mark);
    if (visit->status == CRM_OK)
        visit->status = visit->take(visit, &place, &mark);
    else if (visit->status == CRM_NOT_FOUND)
        visit->status = CRM_OK;
    return visit->status == CRM_OK;
}

/* In the databases that hold what the server has told, with keys behind one place and up to another. */
static enum crm_status visit_all(struct visit *visit, const struct bucket_place *behind, const struct bucket_place *up_to)
{
    static const enum store_db dbs[] = { STORE_RECORD, (enum store_db)REPLICA_BASE, (enum store_db)REPLICA_RAW };

    for (size_t i = 0; i < ARRAY_LEN(dbs); i++) {
        bool is_raw = dbs[i] == (enum store_db)REPLICA_RAW;
        struct key from = { 0 }, to = { 0 };
        enum crm_status status;

        visit->db = dbs[i];
        if (!is_raw && behind->kind > UINT8_MAX)
            continue;
        if (is_raw)
            key_u32(&from, behind->kind);
        else
            key_u8(&from, (uint8_t)behind->kind);
        key_bytes(&from, behind->id.bytes, UUID_SIZE);
        key_u8(&from, 0);
        if (is_raw)
            key_u32(&to, up_to->kind);
        else
            key_u8(&to, up_to->kind > UINT8_MAX ? UINT8_MAX : (uint8_t)up_to->kind);
        key_bytes(&to, up_to->kind > UINT8_MAX ? bucket_end.id.bytes : up_to->id.bytes, UUID_SIZE);
        key_u8(&to, 0);
        status = store_scan(visit->txn, dbs[i], &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, visit_pair, visit);
        if (status == CRM_OK)
            status = visit->status;
        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

/* --- the account */

static enum crm_status take_row(struct visit *visit, const struct bucket_place *place, const struct record_sum *mark)
{
    struct compare *compare = visit->compare;

    if (compare->n == ROWS_MAX)
        return CRM_TOO_LARGE;
    if (compare->n == compare->capacity) {
        size_t capacity = compare->capacity ? 2 * compare->capacity : 1024;
        struct compare_row *more = realloc(compare->rows, capacity * sizeof *more);

        if (!more)
            return CRM_NO_MEMORY;
        compare->rows = more;
        compare->capacity = capacity;
    }
    compare->rows[compare->n++] = (struct compare_row){ .place = *place, .mark = *mark };
    return CRM_OK;
}

static enum crm_status gather(struct store_txn *txn, void *arg)
{
    struct visit *visit = arg;

    visit->txn = txn;
    visit->compare->n = 0;
    return visit_all(visit, &bucket_start, &bucket_end);
}

static int by_place(const void *a, const void *b)
{
    const struct compare_row *left = a, *right = b;

    return bucket_place_compare(&left->place, &right->place);
}

enum crm_status compare_init(struct compare *compare, struct replica *replica)
{
    struct arena scratch;
    struct visit visit = { .compare = compare, .scratch = &scratch, .take = take_row };
    enum crm_status status;

    *compare = (struct compare){ .replica = replica };
    buf_init(&compare->bytes, BYTES_MAX);
    arena_init(&scratch, 4 * RECORD_SIZE_MAX);
    status = store_read_run(replica_store(replica), gather, &visit);
    arena_fini(&scratch);
    if (status == CRM_OK && compare->n)
        qsort(compare->rows, compare->n, sizeof *compare->rows, by_place);
    return status;
}

void compare_fini(struct compare *compare)
{
    free(compare->rows);
    free(compare->asked);
    buf_fini(&compare->bytes);
    *compare = (struct compare){ 0 };
}

/* --- the questions */

static size_t bucket_count(const struct compare *compare)
{
    return (compare->n + BUCKET_RECORDS - 1) / BUCKET_RECORDS + (compare->n == 0);
}

/* Its first row, and the one behind its last. */
static void bucket_rows(const struct compare *compare, size_t bucket, size_t *out_first, size_t *out_behind)
{
    size_t behind = (bucket + 1) * BUCKET_RECORDS;

    *out_first = bucket * BUCKET_RECORDS;
    *out_behind = behind < compare->n ? behind : compare->n;
}

/* Each reaches up to its last record, the last one to the end of everything. */
static struct bucket_place bucket_to(const struct compare *compare, size_t bucket)
{
    size_t first, behind;

    bucket_rows(compare, bucket, &first, &behind);
    return bucket + 1 == bucket_count(compare) ? bucket_end : compare->rows[behind - 1].place;
}

enum crm_status compare_sums(struct compare *compare, struct slice *out_bytes)
{
    size_t n = bucket_count(compare), first, behind;

    buf_truncate(&compare->bytes, 0);
    for (size_t b = 0; b < n; b++) {
        struct bucket_place to = bucket_to(compare, b);
        struct record_sum sum = { { 0 } };
        uint8_t row[BUCKET_SUM_SIZE];
        enum crm_status status;

        bucket_rows(compare, b, &first, &behind);
        for (size_t i = first; i < behind; i++)
            sum = record_sum_join(sum, compare->rows[i].mark);
        bucket_place_write(&to, row);
        record_sum_write(&sum, row + BUCKET_PLACE_SIZE);
        status = buf_append(&compare->bytes, row, sizeof row);
        if (status != CRM_OK)
            return status;
    }
    *out_bytes = buf_slice(&compare->bytes);
    return CRM_OK;
}

static enum crm_status append_bucket(struct compare *compare, size_t bucket)
{
    size_t first, behind;
    struct bucket_place from = bucket ? bucket_to(compare, bucket - 1) : bucket_start, to = bucket_to(compare, bucket);
    uint8_t head[BUCKET_HEAD_SIZE], mark[BUCKET_MARK_SIZE];
    enum crm_status status;

    bucket_rows(compare, bucket, &first, &behind);
    bucket_place_write(&from, head);
    bucket_place_write(&to, head + BUCKET_PLACE_SIZE);
    bucket_write_u32(head + 2 * BUCKET_PLACE_SIZE, (uint32_t)(behind - first));
    status = buf_append(&compare->bytes, head, sizeof head);
    for (size_t i = first; i < behind && status == CRM_OK; i++) {
        compare->asked[compare->n_asked++] = (uint32_t)i;
        bucket_write_u32(mark, bucket_mark_short(&compare->rows[i].mark));
        status = buf_append(&compare->bytes, mark, sizeof mark);
    }
    return status;
}

enum crm_status compare_items(struct compare *compare, struct slice differ, struct slice *out_bytes)
{
    size_t n = bucket_count(compare);
    enum crm_status status = CRM_OK;

    if (differ.size != (n + 7) / 8)
        return CRM_PROTOCOL;
    buf_truncate(&compare->bytes, 0);
    compare->n_asked = 0;
    compare->is_confirmed = false;
    free(compare->asked);
    compare->asked = malloc((compare->n + 1) * sizeof *compare->asked);
    if (!compare->asked)
        return CRM_NO_MEMORY;
    for (size_t b = 0; b < n && status == CRM_OK; b++)
        if (differ.data[b / 8] >> (b % 8) & 1)
            status = append_bucket(compare, b);
    *out_bytes = slice_of(compare->bytes.size ? compare->bytes.data : (const uint8_t *)"", compare->bytes.size);
    return status;
}

/* --- the answer */

/* What the server has told of a record, as it would be after what was added up so far. */
static enum crm_status mark_now(struct rows *rows, const struct bucket_place *place, struct record_sum *out_mark)
{
    uint8_t key[RECORD_KEY_SIZE], raw[REPLICA_RAW_KEY_SIZE];
    struct slice value;
    enum crm_status status;

    if (!kind_def(place->kind)) {
        rows_raw_key(place->kind, &place->id, raw);
        status = view_get(&rows->view, (enum store_db)REPLICA_RAW, slice_of(raw, sizeof raw), &value);
        return status == CRM_OK ? mark_raw(value, rows->arena, out_mark) : status;
    }
    record_key((enum kind)place->kind, &place->id, key);
    status = view_get(&rows->view, (enum store_db)REPLICA_BASE, slice_of(key, sizeof key), &value);
    if (status == CRM_NOT_FOUND)
        status = view_get(&rows->view, STORE_RECORD, slice_of(key, sizeof key), &value);
    return status == CRM_OK ? mark_value((enum kind)place->kind, &place->id, value, out_mark) : status;
}

enum crm_status compare_stray(struct compare *compare, struct rows *rows, uint32_t position)
{
    const struct compare_row *row;
    struct record_sum now;
    enum crm_status status;

    if (position >= compare->n_asked)
        return CRM_PROTOCOL;
    row = &compare->rows[compare->asked[position]];
    status = mark_now(rows, &row->place, &now);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    return record_sum_equal(&now, &row->mark) ? rows_forget(rows, row->place.kind, &row->place.id) : CRM_OK;
}

static enum crm_status take_sum(struct visit *visit, const struct bucket_place *place, const struct record_sum *mark)
{
    (void)place;
    visit->sum = record_sum_join(visit->sum, *mark);
    return CRM_OK;
}

enum crm_status compare_check(struct compare *compare, struct store_txn *txn, const struct record_sum *told, struct arena *scratch)
{
    struct visit visit = { .compare = compare, .txn = txn, .scratch = scratch, .take = take_sum };
    const uint8_t *at = compare->bytes.data;

    for (const uint8_t *end = at + compare->bytes.size; at < end;) {
        struct bucket_place from = bucket_place_read(at), to = bucket_place_read(at + BUCKET_PLACE_SIZE);
        enum crm_status status = visit_all(&visit, &from, &to);

        if (status != CRM_OK)
            return status;
        at += BUCKET_HEAD_SIZE + bucket_read_u32(at + 2 * BUCKET_PLACE_SIZE) * BUCKET_MARK_SIZE;
    }
    if (!record_sum_equal(&visit.sum, told))
        return CRM_CONFLICT;
    compare->is_confirmed = true;
    return CRM_OK;
}
