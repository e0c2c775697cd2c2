/*
 * erase_places.c - every database, and how it lets go of an erased record
 *
 * Writer thread, into the change's write set. Whatever a new database holds of people has its row here; a test compares the table with the list of
 * databases.
 */
#include "common/model/reflect.h"
#include "server/engine/core.h"
#include "server/engine/erase_inside.h"
#include "server/engine/grants.h"
#include "server/engine/rollup.h"

enum crm_status erase_drop(struct erasing *erasing, enum store_db db, struct slice key)
{
    erasing->result->rows[db]++;
    return writeset_delete(erasing->change->own, db, key);
}

/* --- the record itself, and what it was */

static enum crm_status drop_row(struct erasing *erasing, enum store_db db, const struct record_header *header)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value;
    enum crm_status status;

    record_key(header->kind, &header->id, key);
    status = view_get(&erasing->change->view, db, slice_of(key, sizeof key), &value);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    return erase_drop(erasing, db, slice_of(key, sizeof key));
}

static enum crm_status from_record(struct erasing *erasing, const struct record *record)
{
    return drop_row(erasing, STORE_RECORD, &record->header);
}

static enum crm_status from_deleted(struct erasing *erasing, const struct record *record)
{
    return drop_row(erasing, STORE_DELETED, &record->header);
}

static enum crm_status take_back(void *arg, const struct log_step *step)
{
    struct erasing *erasing = arg;

    erasing->result->rows[STORE_ROLLUP]++;
    return rollup_update(&erasing->change->view, erasing->change->own, step->after, step->before, step->happened_us, erasing->arena);
}

/* Each step of its history the other way round, on the day on which it happened: so totals are again what the rest of the log adds up to. */
static enum crm_status from_rollup(struct erasing *erasing, const struct record *record)
{
    if (!rollup_sum_field(kind_def(record->header.kind)))
        return CRM_OK;
    return log_each_step(&erasing->change->view, record, take_back, erasing);
}

static enum crm_status from_log(struct erasing *erasing, const struct record *record)
{
    enum crm_status status = CRM_OK;

    for (uint64_t seq = record->header.seq, before; seq && status == CRM_OK; seq = before) {
        struct slice value, erased;
        struct log_entry entry;
        struct key key = { 0 };

        key_u64(&key, seq);
        status = view_get(&erasing->change->view, STORE_LOG, key_slice(&key), &value);
        if (status == CRM_NOT_FOUND)
            return CRM_OK; /* below the floor of the log */
        if (status == CRM_OK)
            status = log_decode(seq, value, erasing->arena, &entry);
        if (status == CRM_OK)
            status = log_erase_values(value, erasing->arena, &erased);
        if (status == CRM_OK)
            status = writeset_put(erasing->change->own, STORE_LOG, key_slice(&key), erased);
        if (status != CRM_OK)
            break;
        erasing->result->rows[STORE_LOG]++;
        before = entry.before < seq ? entry.before : 0;
    }
    return status;
}

/* --- what is derived: gone with the deletion; what a bug or an older server has left goes here */

struct entry_visit {
    struct erasing *erasing;
    enum store_db db;
    bool only_counts; /* in all four databases */
};

static enum crm_status visit_entry(void *arg, enum store_db db, struct slice key, struct slice value)
{
    struct entry_visit *visit = arg;
    struct slice stored;
    enum crm_status status;

    (void)value;
    if (visit->only_counts) {
        visit->erasing->result->rows[db]++;
        return CRM_OK;
    }
    if (db != visit->db)
        return CRM_OK;
    status = view_get(&visit->erasing->change->view, db, key, &stored);
    if (status != CRM_OK || (db == STORE_UNIQUE && !slice_equal(stored, value))) /* by now another's */
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    return erase_drop(visit->erasing, db, key);
}

static enum crm_status each_entry(struct erasing *erasing, const struct record *record, enum store_db db, bool only_counts)
{
    struct entry_visit visit = { .erasing = erasing, .db = db, .only_counts = only_counts };

    return index_each(erasing->change->group->schema, kind_def(record->header.kind), record, erasing->arena, visit_entry, &visit);
}

enum crm_status erase_count_entries(struct erasing *erasing, const struct record *record)
{
    return each_entry(erasing, record, STORE_INDEX, true);
}

static enum crm_status from_index(struct erasing *erasing, const struct record *record)
{
    return each_entry(erasing, record, STORE_INDEX, false);
}

static enum crm_status from_term(struct erasing *erasing, const struct record *record)
{
    return each_entry(erasing, record, STORE_TERM, false);
}

static enum crm_status from_unique(struct erasing *erasing, const struct record *record)
{
    return each_entry(erasing, record, STORE_UNIQUE, false);
}

/* "Came away with": the mark that a record of the bin has beside another one. */
static enum crm_status drop_mark(struct erasing *erasing, const struct uuid *with, const struct record_header *header)
{
    struct key key = { 0 };
    struct slice value;
    enum crm_status status;

    key_bytes(&key, with->bytes, UUID_SIZE);
    key_u8(&key, 0xff);
    key_u16(&key, (uint16_t)header->kind);
    key_bytes(&key, header->id.bytes, UUID_SIZE);
    status = view_get(&erasing->change->view, STORE_CHILD, key_slice(&key), &value);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    return erase_drop(erasing, STORE_CHILD, key_slice(&key));
}

struct mark_visit {
    struct erasing *erasing;
    const struct record_header *header;
    enum crm_status status;
};

static bool visit_reference(void *arg, const struct value *value)
{
    struct mark_visit *visit = arg;

    visit->status = drop_mark(visit->erasing, &value->ref, visit->header);
    return visit->status == CRM_OK;
}

/* Its own entries, the marks of what came away with it, and its mark beside whatever it came away with: the root, or something that it refers to. */
static enum crm_status from_child(struct erasing *erasing, const struct record *record)
{
    const struct schema *schema = erasing->change->group->schema;
    const struct kind_def *kind = kind_def(record->header.kind);
    struct mark_visit visit = { .erasing = erasing, .header = &record->header, .status = CRM_OK };
    const struct field_def *field;
    struct key from = { 0 }, end;
    struct slice key, value;
    enum crm_status status = each_entry(erasing, record, STORE_CHILD, false);

    if (status == CRM_OK)
        status = drop_mark(erasing, &record->header.root, &record->header);
    for (size_t n = 0; status == CRM_OK && (field = schema_field_at(schema, kind, n)); n++)
        if (field->type == FIELD_REFERENCE) {
            reflect_each(field, record, visit_reference, &visit);
            status = visit.status;
        }
    key_bytes(&from, record->header.id.bytes, UUID_SIZE);
    key_u8(&from, 0xff);
    key_after_prefix(&from, &end);
    while (status == CRM_OK &&
           (status = view_seek(&erasing->change->view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key,
                               &value)) == CRM_OK)
        status = erase_drop(erasing, STORE_CHILD, key);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* --- shares, and what is to happen at a time */

static enum crm_status from_grant(struct erasing *erasing, const struct record *record)
{
    struct grant *grants;
    size_t n;
    enum crm_status status = grant_list(&erasing->change->view, &record->header.id, GRANTS_MAX, erasing->arena, &grants, &n);

    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        struct grant none = grants[i];

        none.rights = GRANT_NONE;
        status = grant_store(erasing->change->own, record->header.kind, &record->header.id, &grants[i], &none, erasing->arena);
        erasing->result->rows[STORE_GRANT]++;
    }
    return status;
}

/* Names, counters and keys; of people nothing. What it gets is the wish that the file be written anew. */
static enum crm_status from_meta(struct erasing *erasing)
{
    return meta_put(erasing->change->own, ERASE_COMPACT, &erasing->change->group->now_us, sizeof erasing->change->group->now_us, erasing->arena);
}

/* Totals are taken back while the log still has the values. A place is asked for each record, or once when all of them are gone. */
static const struct {
    enum store_db db;
    enum crm_status (*each)(struct erasing *erasing, const struct record *record);
    enum crm_status (*once)(struct erasing *erasing);
} places[] = {
    { STORE_ROLLUP, .each = from_rollup },
    { STORE_LOG, .each = from_log },
    { STORE_RECORD, .each = from_record },
    { STORE_DELETED, .each = from_deleted },
    { STORE_INDEX, .each = from_index },
    { STORE_TERM, .each = from_term },
    { STORE_CHILD, .each = from_child },
    { STORE_UNIQUE, .each = from_unique },
    { STORE_GRANT, .each = from_grant },
    { STORE_DUE, .once = erase_from_due },
    { STORE_CLIENT, .once = erase_from_client },
    { STORE_ALIAS, .once = erase_from_alias },
    { STORE_CONFLICT, .once = erase_from_conflict },
    { STORE_JOB, .once = erase_from_job },
    { STORE_CREDENTIAL, .once = erase_from_credential },
    { STORE_SESSION, .once = erase_from_session },
    { STORE_AUDIT, .once = erase_from_audit },
    { STORE_META, .once = from_meta },
};

_Static_assert(ARRAY_LEN(places) == STORE_DB_COUNT, "every database has its row");

enum crm_status erase_from_each(struct erasing *erasing, const struct record *record)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK; i++)
        if (places[i].each)
            status = places[i].each(erasing, record);
    return status;
}

enum crm_status erase_from_rest(struct erasing *erasing)
{
    enum crm_status status = CRM_OK;

    erase_sort_ids(erasing);
    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK; i++)
        if (places[i].once)
            status = places[i].once(erasing);
    return status;
}

bool erase_place(size_t n, enum store_db *out_db)
{
    if (n < ARRAY_LEN(places))
        *out_db = places[n].db;
    return n < ARRAY_LEN(places);
}
