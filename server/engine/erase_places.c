/*
 * erase_places.c - every database, and how it lets go of an erased record
 *
 * Writer thread, into the change's write set. Whatever a new database holds of people has its row here; a test compares the table with the list of
 * databases.
 */
#include <stdlib.h>

#include "common/model/reflect.h"
#include "proto/wire.pb-c.h"
#include "server/engine/core.h"
#include "server/engine/erase_inside.h"
#include "server/engine/grants.h"
#include "server/engine/outcome.h"
#include "server/engine/rollup.h"
#include "server/engine/sealed.h"

#define OUTCOME_FIXED   24 /* time, hash: outcome.h */
#define UPLOAD_KEY_SIZE (1 + UUID_SIZE)
#define UPLOAD_COMPLETE 32 /* offset in an upload's row: upload.h */

static enum crm_status drop(struct erasing *erasing, enum store_db db, struct slice key)
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
    return drop(erasing, db, slice_of(key, sizeof key));
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
    return drop(visit->erasing, db, key);
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
    return drop(erasing, STORE_CHILD, key_slice(&key));
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
        status = drop(erasing, STORE_CHILD, key);
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

/* Rows that name a record by its id, in the key or in what they hold. An id is 16 random bytes: it stands nowhere by chance. */
struct naming_scan {
    struct erasing *erasing;
    enum store_db db;
    enum crm_status status;
};

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE);
}

/* Is the id of something that is erased among these bytes? */
static bool names(const struct erasing *erasing, struct slice bytes)
{
    for (size_t at = 0; at + UUID_SIZE <= bytes.size; at++)
        if (bsearch(bytes.data + at, erasing->ids, erasing->n_ids, sizeof *erasing->ids, compare_ids))
            return true;
    return false;
}

static bool drop_naming(void *arg, struct slice key, struct slice value)
{
    struct naming_scan *scan = arg;

    if (names(scan->erasing, key) || names(scan->erasing, value))
        scan->status = drop(scan->erasing, scan->db, key);
    return scan->status == CRM_OK;
}

/* The store's own rows: what this change has put there itself is not about the record any more. */
static enum crm_status drop_all_naming(struct erasing *erasing, enum store_db db)
{
    struct naming_scan scan = { .erasing = erasing, .db = db, .status = CRM_OK };
    struct view below = erasing->change->view;
    enum crm_status status;

    below.own = NULL; /* a scan bears no changes */
    status = view_scan(&below, db, &(struct store_range){ 0 }, drop_naming, &scan);
    return status == CRM_OK ? scan.status : status;
}

static enum crm_status from_due(struct erasing *erasing)
{
    return drop_all_naming(erasing, STORE_DUE);
}

static enum crm_status from_alias(struct erasing *erasing)
{
    return drop_all_naming(erasing, STORE_ALIAS);
}

static enum crm_status from_conflict(struct erasing *erasing)
{
    return drop_all_naming(erasing, STORE_CONFLICT);
}

/* A user's ways in, whatever sorts of them there are: passwords, factors, tokens, invitations; sessions. */
static enum crm_status from_credential(struct erasing *erasing)
{
    return erasing->kind == KIND_USER ? drop_all_naming(erasing, STORE_CREDENTIAL) : CRM_OK;
}

static enum crm_status from_session(struct erasing *erasing)
{
    return erasing->kind == KIND_USER ? drop_all_naming(erasing, STORE_SESSION) : CRM_OK;
}

/* --- kept answers: ids and numbers, and in a sentence about what was refused perhaps a value */

struct client_scan {
    struct erasing *erasing;
    enum crm_status status;
};

/* false: there is no sentence in it. */
static bool take_sentences(Crm__MutateReply *reply)
{
    bool any = false;

    for (size_t i = 0; i < reply->n_results; i++) {
        Crm__Error *error = reply->results[i]->error;

        any |= error && error->text;
        if (error)
            error->text = NULL; /* in the arena; the status stands for it */
    }
    return any;
}

static bool visit_answer(void *arg, struct slice key, struct slice value)
{
    struct client_scan *scan = arg;
    struct erasing *erasing = scan->erasing;
    struct slice content;
    Crm__MutateReply *reply;
    uint8_t *out, *sealed;
    size_t size;

    if (key.size != CLIENT_SIZE + 8)
        return true;
    scan->status = sealed_open(value, OUTCOME_FIXED, &content);
    if (scan->status != CRM_OK)
        return false;
    reply = crm__mutate_reply__unpack(&erasing->arena->protobuf, content.size - OUTCOME_FIXED, content.data + OUTCOME_FIXED);
    if (reply && !take_sentences(reply))
        return true;
    size = reply ? crm__mutate_reply__get_packed_size(reply) : 0;
    sealed = reply ? sealed_alloc(erasing->arena, OUTCOME_FIXED + size, &out) : NULL;
    if (!sealed) {
        scan->status = CRM_NO_MEMORY;
        return false;
    }
    memcpy(out, content.data, OUTCOME_FIXED);
    crm__mutate_reply__pack(reply, out + OUTCOME_FIXED);
    erasing->result->rows[STORE_CLIENT]++;
    scan->status = writeset_put(erasing->change->own, STORE_CLIENT, key, sealed_close(sealed, OUTCOME_FIXED + size));
    return scan->status == CRM_OK;
}

static enum crm_status from_client(struct erasing *erasing)
{
    struct client_scan scan = { .erasing = erasing, .status = CRM_OK };
    struct view below = erasing->change->view;
    enum crm_status status;

    below.own = NULL;
    status = view_scan(&below, STORE_CLIENT, &(struct store_range){ 0 }, visit_answer, &scan);
    return status == CRM_OK ? scan.status : status;
}

/* --- staged uploads */

struct upload_scan {
    struct erasing *erasing;
    struct key upload;              /* the row under way; size 0: none yet */
    uint8_t tail[2 * UUID_SIZE];    /* the end of its last chunk, for an id that lies across two */
    size_t tail_size;
    bool goes;                      /* it is complete, or names the record */
    enum crm_status status;
};

static enum crm_status drop_upload(struct upload_scan *scan)
{
    struct view view = scan->erasing->change->view;
    struct slice key, value;
    struct key end;
    enum crm_status status = CRM_OK;

    key_after_prefix(&scan->upload, &end);
    while (status == CRM_OK &&
           (status = view_seek(&view, STORE_JOB, &(struct store_range){ .from = key_slice(&scan->upload), .to = key_slice(&end) }, &key, &value)) ==
               CRM_OK)
        status = drop(scan->erasing, STORE_JOB, key);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static bool is_complete(struct slice value)
{
    struct slice content;
    uint64_t complete;

    if (sealed_open(value, UPLOAD_COMPLETE + 8, &content) != CRM_OK)
        return false;
    memcpy(&complete, content.data + UPLOAD_COMPLETE, 8);
    return complete != 0;
}

/* Does the id lie in this chunk, or across its beginning? */
static bool chunk_names(struct upload_scan *scan, struct slice chunk)
{
    size_t n = chunk.size < UUID_SIZE - 1 ? chunk.size : UUID_SIZE - 1;
    bool found;

    memcpy(scan->tail + scan->tail_size, chunk.data, n);
    found = names(scan->erasing, slice_of(scan->tail, scan->tail_size + n)) || names(scan->erasing, chunk);
    scan->tail_size = n;
    memcpy(scan->tail, chunk.data + chunk.size - n, n);
    return found;
}

static bool visit_upload(void *arg, struct slice key, struct slice value)
{
    struct upload_scan *scan = arg;
    struct slice content;

    if (key.size == UPLOAD_KEY_SIZE) {
        if (scan->goes)
            scan->status = drop_upload(scan);
        scan->upload.size = 0;
        key_bytes(&scan->upload, key.data, key.size);
        scan->tail_size = 0;
        scan->goes = is_complete(value);
    } else if (!scan->goes && sealed_open(value, 1, &content) == CRM_OK) {
        scan->goes = chunk_names(scan, content);
    }
    return scan->status == CRM_OK;
}

/*
 * What is complete was run, or is about to be: it may have made this record without an id of its own, so all of it goes, and who has just sent one sends
 * it again. What is not complete has changed nothing yet; it goes where it names the record.
 */
static enum crm_status from_job(struct erasing *erasing)
{
    static const uint8_t first = 'u', behind = 'v';
    struct upload_scan scan = { .erasing = erasing, .status = CRM_OK };
    struct view below = erasing->change->view;
    enum crm_status status;

    below.own = NULL;
    status = view_scan(&below, STORE_JOB, &(struct store_range){ .from = slice_of(&first, 1), .to = slice_of(&behind, 1) }, visit_upload, &scan);
    if (status == CRM_OK)
        status = scan.status;
    return status == CRM_OK && scan.goes ? drop_upload(&scan) : status;
}

/* --- the audit trail names records by number; a user's entries say from where and as whom */

static enum crm_status erase_entry(struct erasing *erasing, uint64_t number)
{
    struct key key = { 0 };
    struct slice value, erased;
    enum crm_status status;

    key_u64(&key, number);
    status = view_get(&erasing->change->view, STORE_AUDIT, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND)
        return CRM_OK; /* retention was there first */
    if (status == CRM_OK)
        status = audit_erase_texts(value, erasing->arena, &erased);
    if (status == CRM_OK)
        status = writeset_put(erasing->change->own, STORE_AUDIT, key_slice(&key), erased);
    erasing->result->rows[STORE_AUDIT]++;
    return status;
}

/* Of the record that was asked for: those that were found before, and those since. */
static enum crm_status from_audit(struct erasing *erasing)
{
    struct audit_entry entry;
    uint64_t before = UINT64_MAX;
    enum crm_status status = CRM_OK;

    for (const struct erase_entry *at = erasing->found->entries; at && status == CRM_OK; at = at->next)
        status = erase_entry(erasing, at->number);
    for (; status == CRM_OK && (status = audit_before(&erasing->change->view, before, &entry)) == CRM_OK && entry.number > erasing->found->audit;
         before = entry.number)
        if (uuid_equal(&entry.record, &erasing->target) || uuid_equal(&entry.user, &erasing->target))
            status = erase_entry(erasing, entry.number);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
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
    { STORE_DUE, .once = from_due },
    { STORE_CLIENT, .once = from_client },
    { STORE_ALIAS, .once = from_alias },
    { STORE_CONFLICT, .once = from_conflict },
    { STORE_JOB, .once = from_job },
    { STORE_CREDENTIAL, .once = from_credential },
    { STORE_SESSION, .once = from_session },
    { STORE_AUDIT, .once = from_audit },
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

    qsort(erasing->ids, erasing->n_ids, sizeof *erasing->ids, compare_ids);
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
