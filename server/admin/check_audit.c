/*
 * check_audit.c - the audit trail: no gaps, one chain from the floor to the head that meta names, and
 * the heads that somebody has kept elsewhere
 */
#include <inttypes.h>

#include "common/store/key.h"
#include "server/admin/check_inside.h"

struct walk {
    struct check *check;
    struct audit_head last;
    bool hash_is_unknown; /* it was damaged: the next one cannot be compared */
};

/* A head that was printed once: nothing up to it may have changed since. */
static void compare_kept(struct check *check, const char *what, const struct check_head *kept, uint64_t number,
                         const uint8_t hash[SHA256_SIZE])
{
    if (kept->number == number && memcmp(kept->hash, hash, SHA256_SIZE) != 0)
        check_fault(check, "%s: entry %" PRIu64 " has another hash than the one that was kept", what, number);
}

void check_kept_log(struct check *check, uint64_t seq, const uint8_t hash[SHA256_SIZE])
{
    compare_kept(check, "log", &check->kept->log, seq, hash);
}

void check_kept_end(struct check *check, const char *what, const struct check_head *kept, uint64_t floor, uint64_t head)
{
    if (kept->number > head)
        check_fault(check, "%s: ends with entry %" PRIu64 ", but one with number %" PRIu64 " was kept: the newest are missing",
                    what, head, kept->number);
    else if (kept->number && kept->number < floor)
        check_fault(check, "%s: entry %" PRIu64 " was removed by retention: keep a newer head", what, kept->number);
}

static bool visit_entry(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct check *check = walk->check;
    uint8_t computed[SHA256_SIZE];
    struct audit_entry entry;
    uint64_t number;

    if (key.size != 8) {
        check_fault(check, "audit: a key of %zu bytes is no number", key.size);
        return true;
    }
    number = key_read_u64(key.data);
    if (number <= walk->last.number) {
        check_fault(check, "audit: entry %" PRIu64 " should have been removed by retention", number);
        return true;
    }
    if (number != walk->last.number + 1)
        check_fault(check, "audit: entries %" PRIu64 " to %" PRIu64 " are missing", walk->last.number + 1, number - 1);
    walk->last.number = number;
    if (audit_decode(number, value, &entry) != CRM_OK) {
        check_fault(check, "audit: entry %" PRIu64 " is damaged", number);
        walk->hash_is_unknown = true;
        return true;
    }
    if (!walk->hash_is_unknown && !audit_verify(walk->last.hash, value, computed))
        check_fault(check, "audit: entry %" PRIu64 " does not follow from the one before: the chain is broken", number);
    memcpy(walk->last.hash, entry.hash, sizeof walk->last.hash);
    walk->hash_is_unknown = false;
    compare_kept(check, "audit", &check->kept->audit, number, entry.hash);
    return true;
}

/* The newest entries, which no later one vouches for. */
static void compare_head(struct check *check, const struct walk *walk, const struct audit_head *head)
{
    if (head->number > walk->last.number)
        check_fault(check, "audit: entries %" PRIu64 " to %" PRIu64 " are missing", walk->last.number + 1, head->number);
    else if (head->number < walk->last.number)
        check_fault(check, "audit: the head in meta stands at %" PRIu64 ", but entry %" PRIu64 " exists", head->number,
                    walk->last.number);
    else if (!walk->hash_is_unknown && memcmp(head->hash, walk->last.hash, SHA256_SIZE) != 0)
        check_fault(check, "audit: entry %" PRIu64 " is not the one that the head in meta names", head->number);
}

enum crm_status check_audit(struct check *check)
{
    struct walk walk = { .check = check };
    struct audit_head head, floor;
    enum crm_status status = audit_floor_load(&check->view, &floor);

    if (status == CRM_OK)
        status = audit_head_load(&check->view, &head);
    if (status != CRM_OK)
        return status == CRM_CORRUPT ? CRM_OK : status; /* check_rows names a damaged row of meta */
    walk.last = floor;
    compare_kept(check, "audit", &check->kept->audit, floor.number, floor.hash);
    status = store_scan(check->view.txn, STORE_AUDIT, &(struct store_range){ 0 }, visit_entry, &walk);
    compare_head(check, &walk, &head);
    check_kept_end(check, "audit", &check->kept->audit, floor.number, walk.last.number);
    check->result.audited = walk.last.number - floor.number;
    return status;
}
