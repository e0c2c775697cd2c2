/*
 * erase_scans.c - the places that are looked through for the ids of what is gone: what is to happen at a time, kept answers, staged uploads, ways in,
 * the audit trail
 *
 * Writer thread, into the change's write set. Once for all records of an erasure; of small databases only: what may be large was looked through before,
 * on a worker (erase_look).
 */
#include <stdlib.h>

#include "proto/wire.pb-c.h"
#include "server/engine/erase_inside.h"
#include "server/engine/outcome.h"
#include "common/base/sealed.h"

#define OUTCOME_FIXED   24 /* time, hash: outcome.h */
#define UPLOAD_KEY_SIZE (1 + UUID_SIZE)
#define UPLOAD_COMPLETE 32 /* offset in an upload's row: upload.h */

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

void erase_sort_ids(struct erasing *erasing)
{
    qsort(erasing->ids, erasing->n_ids, sizeof *erasing->ids, compare_ids);
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
        scan->status = erase_drop(scan->erasing, scan->db, key);
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

enum crm_status erase_from_due(struct erasing *erasing)
{
    return drop_all_naming(erasing, STORE_DUE);
}

enum crm_status erase_from_alias(struct erasing *erasing)
{
    return drop_all_naming(erasing, STORE_ALIAS);
}

enum crm_status erase_from_conflict(struct erasing *erasing)
{
    return drop_all_naming(erasing, STORE_CONFLICT);
}

/* A user's ways in, whatever sorts of them there are: passwords, factors, tokens, invitations; sessions. */
enum crm_status erase_from_credential(struct erasing *erasing)
{
    return erasing->kind == KIND_USER ? drop_all_naming(erasing, STORE_CREDENTIAL) : CRM_OK;
}

enum crm_status erase_from_session(struct erasing *erasing)
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

enum crm_status erase_from_client(struct erasing *erasing)
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
        status = erase_drop(scan->erasing, STORE_JOB, key);
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
enum crm_status erase_from_job(struct erasing *erasing)
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
enum crm_status erase_from_audit(struct erasing *erasing)
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
