/*
 * check_log.c - the log: no gaps, one chain, every entry in its record's history; rollups equal
 * what it adds up to
 */
#include <inttypes.h>

#include "common/base/calendar.h"
#include "server/admin/check_inside.h"
#include "server/admin/rebuild.h"
#include "server/engine/rollup.h"

/* What an entry must be, given what follows it in the record's history. NULL, or what is wrong with
 * it. */
static const char *entry_fault(const struct record *record, const struct log_entry *entry,
                               uint64_t rev)
{
    if (entry->is_erased)
        return "was erased, but the record is there";
    if (entry->kind != record->header.kind || !uuid_equal(&entry->id, &record->header.id))
        return "is another record's";
    if (entry->rev != rev)
        return "has another revision";
    if (entry->verb == LOG_CREATE ? entry->before != 0 || rev != 1 : entry->before == 0)
        return "does not fit the beginning of the history";
    if (entry->before >= entry->seq)
        return "points ahead";
    if (entry->seq == record->header.seq &&
        (entry->verb == LOG_DELETE) != ((record->header.flags & RECORD_DELETED) != 0))
        return "does not say what became of the record";
    return NULL;
}

void check_chain(struct check *check, const struct record *record)
{
    uint64_t seq = record->header.seq, rev = record->header.rev, n = 0;
    char label[CHECK_LABEL_SIZE];
    struct log_entry entry;
    enum crm_status status;

    check_label(&record->header, label);
    do {
        const char *fault;

        arena_reset(&check->entry_arena);
        status = log_read(&check->view, seq, &check->entry_arena, &entry);
        fault = status == CRM_NOT_FOUND ? "is missing from the log"
                : status != CRM_OK      ? "is damaged"
                                        : entry_fault(record, &entry, rev);
        if (fault) {
            check_fault(check, "%s: its change %" PRIu64 " %s", label, seq, fault);
            check->chains_are_whole = false;
            return;
        }
        n++;
        rev--;
        seq = entry.before;
    } while (entry.verb != LOG_CREATE);
    check->walked += n;
}

struct walk {
    struct check *check;
    uint64_t last;             /* seq seen last */
    uint8_t hash[SHA256_SIZE]; /* of it */
    bool hash_is_unknown;      /* it was damaged: the next one cannot be compared */
    enum crm_status status;
};

/* A record that was erased for good: all that is left of it are the entries of its history, and each of them is empty. */
static void check_erased(struct check *check, const struct log_entry *last)
{
    struct log_entry entry = *last;
    enum crm_status status = CRM_OK;

    for (check->walked++; entry.before; check->walked++) {
        uint64_t seq = entry.before;

        arena_reset(&check->history_arena);
        status = seq < entry.seq ? log_read(&check->view, seq, &check->history_arena, &entry) : CRM_CORRUPT;
        if (status == CRM_OK && entry.is_erased && entry.kind == last->kind && uuid_equal(&entry.id, &last->id))
            continue;
        check_fault(check, "log: change %" PRIu64 " erased a record, but change %" PRIu64 " of it %s", last->seq, seq,
                    status == CRM_OK ? "still holds values, or is another record's" : "cannot be read");
        check->chains_are_whole = false;
        return;
    }
}

/* Is there still a record that the entry tells about? */
static enum crm_status check_subject(struct check *check, const struct log_entry *entry)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value;
    enum crm_status status;

    record_key(entry->kind, &entry->id, key);
    status = store_get(check->view.txn, STORE_RECORD, slice_of(key, sizeof key), &value);
    if (status == CRM_NOT_FOUND)
        status = store_get(check->view.txn, STORE_DELETED, slice_of(key, sizeof key), &value);
    if (status == CRM_OK && entry->verb == LOG_ERASE)
        check_fault(check, "log: change %" PRIu64 " erased a record that is there", entry->seq);
    if (status != CRM_NOT_FOUND)
        return status;
    if (entry->verb == LOG_ERASE)
        check_erased(check, entry);
    if (entry->verb == LOG_ERASE || entry->is_erased) /* of such an entry the record's last one tells whether it is in its place */
        return CRM_OK;
    check_fault(check, "log: change %" PRIu64 " is of a record that is neither live nor deleted",
                entry->seq);
    check->chains_are_whole = false;
    return CRM_OK;
}

static bool visit_entry(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct check *check = walk->check;
    uint8_t computed[SHA256_SIZE];
    struct log_entry entry;
    uint64_t seq;

    if (key.size != 8) {
        check_fault(check, "log: a key of %zu bytes is no number", key.size);
        return true;
    }
    seq = key_read_u64(key.data);
    check->result.changes++;
    if (seq != walk->last + 1)
        check_fault(check, "log: changes %" PRIu64 " to %" PRIu64 " are missing", walk->last + 1,
                    seq - 1);
    walk->last = seq;
    arena_reset(&check->entry_arena);
    if (log_decode(seq, value, &check->entry_arena, &entry) != CRM_OK) {
        check_fault(check, "log: change %" PRIu64 " is damaged", seq);
        walk->hash_is_unknown = true;
        check->chains_are_whole = false;
        return true;
    }
    if (!walk->hash_is_unknown && !log_verify(walk->hash, value, computed))
        check_fault(check,
                    "log: change %" PRIu64
                    " does not follow from the one before: the chain is broken",
                    seq);
    memcpy(walk->hash, entry.hash, sizeof walk->hash);
    walk->hash_is_unknown = false;
    check_kept_log(check, seq, entry.hash);
    walk->status = check_subject(check, &entry);
    return walk->status == CRM_OK;
}

enum crm_status check_log(struct check *check)
{
    struct walk walk = { .check = check, .status = CRM_OK };
    enum crm_status status =
        store_scan(check->view.txn, STORE_LOG, &(struct store_range){ 0 }, visit_entry, &walk);

    check_kept_end(check, "log", &check->kept->log, 0, walk.last);
    /* Every change lies on exactly one record's history. */
    if (check->chains_are_whole && check->walked != check->result.changes)
        check_fault(check, "log: %" PRIu64 " changes, but the records' histories have %" PRIu64,
                    check->result.changes, check->walked);
    return status == CRM_OK ? walk.status : status;
}

/* --- rollups */

static bool report_cell(void *arg, struct slice key, struct slice stored, struct slice right)
{
    struct check *check = arg;
    struct rollup_cell is = { 0 }, should = { 0 };
    char day[DAY_TEXT_SIZE];

    if (stored.data && rollup_decode(key, stored, &is) != CRM_OK) {
        check_fault(check, "rollup: a cell is damaged");
        return true;
    }
    if (right.data && rollup_decode(key, right, &should) != CRM_OK)
        return true;
    day_format(stored.data ? is.day : should.day, day);
    check_fault(check,
                "rollup: the cell of %s, stage %.*s, has count %" PRId64 " and sum %" PRId64
                "; the log adds up to %" PRId64 " and %" PRId64,
                day, (int)(stored.data ? is.stage.size : should.stage.size),
                (const char *)(stored.data ? is.stage.data : should.stage.data), is.count, is.sum,
                should.count, should.sum);
    return true;
}

static enum crm_status compare_cells(struct store_txn *right, void *arg)
{
    struct check *check = arg;

    return rebuild_compare(check->view.txn, right, report_cell, check);
}

enum crm_status check_rollups(struct check *check)
{
    return check->cells ? store_read_run(check->cells, compare_cells, check) : CRM_OK;
}
