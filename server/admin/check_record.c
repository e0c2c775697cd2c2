/*
 * check_record.c - every record: its bytes, its number, its history, and the entries that it should
 * have elsewhere
 */
#include <inttypes.h>

#include "server/admin/check_inside.h"
#include "server/admin/rebuild.h"
#include "server/engine/change.h"
#include "server/engine/number.h"

/* What visiting one record's entries needs. */
struct claim {
    struct check *check;
    const char *label;
};

static enum crm_status check_claim(void *arg, enum store_db db, struct slice key,
                                   struct slice value)
{
    struct claim *claim = arg;
    struct slice stored;
    enum crm_status status = store_get(claim->check->view.txn, db, key, &stored);

    if (status == CRM_NOT_FOUND && db == STORE_INDEX && check_index_is_in_work(claim->check, key))
        return CRM_OK;
    claim->check->claimed[db]++;
    if (status == CRM_NOT_FOUND)
        check_fault(claim->check, "%s: an entry is missing from %s", claim->label,
                    store_db_name(db));
    else if (status == CRM_OK && !slice_equal(stored, value))
        check_fault(claim->check, "%s: its entry in %s holds something else", claim->label,
                    store_db_name(db));
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* A packed body that can be walked to its end. */
static bool body_is_sound(struct slice body)
{
    struct body_field field;
    size_t position = 0;

    while (body_next(body, &position, &field))
        continue;
    return position == body.size;
}

struct holder {
    struct uuid id; /* the last record that the number leads to */
    unsigned n;
};

static bool count_holder(void *arg, struct slice key, struct slice value)
{
    struct holder *holder = arg;

    (void)value;
    holder->n += index_key_id(key, &holder->id);
    return true;
}

/* A live record holds its number alone; one in the recycle bin shares it with nobody who is live.
 */
static enum crm_status check_number(struct check *check, const struct record *record,
                                    const char *label, bool is_live)
{
    const struct record_header *header = &record->header;
    const struct value number = { .type = FIELD_INTEGER, .integer = (int64_t)header->number };
    struct holder holder = { 0 };
    struct key from = { 0 }, to;
    enum crm_status status;

    if (header->number == 0)
        return CRM_OK;
    if (header->number < NUMBER_RANDOM_FIRST && header->number > check->highest[header->kind])
        check->highest[header->kind] = header->number;
    index_prefix(&from, header->kind, HEADER_NUMBER, INDEX_GLOBAL, NULL);
    if (!index_value(&from, kind_field(kind_def(header->kind), HEADER_NUMBER), &number,
                     &check->arena))
        return CRM_NO_MEMORY;
    if (!key_after_prefix(&from, &to))
        return CRM_OK;
    status = store_scan(check->view.txn, STORE_INDEX,
                        &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) },
                        count_holder, &holder);
    if (holder.n > 1 || (holder.n == 1 && !is_live))
        check_fault(check, "%s: its number is another record's too", label);
    return status;
}

static enum crm_status check_one(struct check *check, const struct record *record, bool is_live)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    char label[CHECK_LABEL_SIZE];
    struct claim claim = { .check = check, .label = label };
    enum crm_status status;

    check_label(&record->header, label);
    if (((record->header.flags & RECORD_DELETED) == 0) != is_live)
        check_fault(check, "%s: it is marked as %s", label, is_live ? "deleted" : "live");
    if (!body_is_sound(record->body)) {
        check_fault(check, "%s: its fields cannot be read", label);
        return CRM_OK;
    }
    check_chain(check, record);
    status = check_number(check, record, label, is_live);
    if (status == CRM_OK && is_live && check->is_present_format)
        status = index_each(check->view.schema, kind, record, &check->arena, check_claim, &claim);
    if (status == CRM_OK && check->cells && rebuild_counts(kind->kind)) {
        status = rebuild_record_rollups(&check->view, check->cells, record);
        if (status == CRM_GONE || status == CRM_CORRUPT) {
            check_fault(check, "%s: its history does not add up", label);
            status = CRM_OK;
        }
    }
    return status;
}

struct walk {
    struct check *check;
    enum store_db db;
    enum crm_status status;
};

static bool visit_record(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct check *check = walk->check;
    bool is_live = walk->db == STORE_RECORD;
    char id_text[UUID_TEXT_SIZE];
    struct record record;
    struct uuid id;
    enum kind kind;

    arena_reset(&check->arena);
    if (is_live)
        check->result.records++;
    else
        check->result.deleted++;
    if (!record_key_parse(key, &kind, &id) || !kind_def((unsigned)kind)) {
        check_fault(check, "%s: a key of %zu bytes names no record", store_db_name(walk->db),
                    key.size);
        return true;
    }
    if (record_decode(kind, &id, value, &record) != CRM_OK) {
        uuid_format(&id, id_text);
        check_fault(check, "%s %s: damaged: version, size or checksum are wrong",
                    kind_def((unsigned)kind)->name, id_text);
        check->chains_are_whole = false;
        return true;
    }
    walk->status = check_one(check, &record, is_live);
    return walk->status == CRM_OK;
}

/* The same record cannot be in both places. */
static bool visit_deleted(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    char id_text[UUID_TEXT_SIZE];
    struct slice live;
    struct uuid id;
    enum kind kind;

    if (store_get(walk->check->view.txn, STORE_RECORD, key, &live) == CRM_OK &&
        record_key_parse(key, &kind, &id)) {
        uuid_format(&id, id_text);
        check_fault(walk->check, "%s is live and in the recycle bin", id_text);
        return true;
    }
    return visit_record(arg, key, value);
}

enum crm_status check_records(struct check *check)
{
    struct walk walk = { .check = check, .db = STORE_RECORD, .status = CRM_OK };
    enum crm_status status =
        store_scan(check->view.txn, STORE_RECORD, &(struct store_range){ 0 }, visit_record, &walk);

    if (status == CRM_OK && walk.status == CRM_OK) {
        walk.db = STORE_DELETED;
        status = store_scan(check->view.txn, STORE_DELETED, &(struct store_range){ 0 },
                            visit_deleted, &walk);
    }
    return status == CRM_OK ? walk.status : status;
}
