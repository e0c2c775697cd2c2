/*
 * log.h - the append-only log: what changed, who, when, and what was there before; chained by hash
 *
 * Key: seq, big-endian. A record's header names the seq of its last change and every entry that of the change before, so a record's history is
 * a walk along its own chain. previous holds the values of the changed fields as they were, so that one step back is one overlay.
 */
#ifndef CRM_SERVER_ENGINE_LOG_H
#define CRM_SERVER_ENGINE_LOG_H

#include "common/base/digest.h"
#include "common/engine/grant.h"
#include "common/engine/view.h"
#include "common/model/body.h"

enum log_verb {
    LOG_CREATE = 1,
    LOG_PATCH = 2,
    LOG_DELETE = 3,
    LOG_RESTORE = 4,
    LOG_ERASE = 5, /* the record and all that it ever held are gone for good: whoever has a copy forgets it (erase.h) */
};

enum log_flag {
    LOG_VIEW = 1, /* owner, team, parent or a grant changed: whose view it left or entered is told to feed and sync */
    LOG_ROOT = 2, /* the access root changed: old_owner, old_team and old_root are kept although owner and team may have stayed */
    LOG_GRANT = 4, /* a grant was given or taken: grant, old_rights and old_until_us are kept */
    LOG_REASON = 8, /* a reason was given (of a handing over); set by log_append */
};

struct log_entry {
    uint64_t seq; /* from the key */
    enum log_verb verb;
    uint32_t flags;
    enum kind kind;
    struct uuid id;
    uint64_t number;
    uint64_t rev; /* after the change */
    struct uuid by;
    int64_t recorded_us;
    int64_t happened_us;
    uint64_t before; /* seq of the record's change before, 0: none */
    struct uuid job; /* what belonged together: a cascade's or batch's id; nil */
    uint8_t hash[SHA256_SIZE];
    bool is_erased; /* the values went with a person's data: previous, owner, team, root, grant and reason are empty */
    struct slice from;   /* address and program */
    struct slice action; /* name; empty for plain changes */
    struct field_set changed;
    struct uuid old_owner, old_team, old_root; /* with LOG_ROOT, or HEADER_OWNER or HEADER_TEAM in changed */
    struct grant grant;      /* with LOG_GRANT: as it is from now on, */
    enum grant_rights old_rights; /* and as it was */
    int64_t old_until_us;
    struct slice reason;     /* empty: none was given */
    struct slice previous; /* packed: the changed fields as they were */
};

/* The end of the chain: the newest entry. */
struct log_head {
    uint64_t seq;
    uint8_t hash[SHA256_SIZE];
};

/* From the store; all zero for an empty log. */
enum crm_status log_head_load(const struct view *view, struct log_head *out_head) MUST_CHECK;

/* Append behind head: gives the entry its seq and hash, moves head on. */
enum crm_status log_append(struct log_head *head, struct writeset *set, struct log_entry *entry, struct arena *arena) MUST_CHECK;

/* An entry; slices borrow the store, changed.refs the arena. CRM_NOT_FOUND, CRM_CORRUPT. */
enum crm_status log_read(const struct view *view, uint64_t seq, struct arena *arena, struct log_entry *out_entry) MUST_CHECK;
/* The same from a value that a scan has given. */
enum crm_status log_decode(uint64_t seq, struct slice value, struct arena *arena, struct log_entry *out_entry) MUST_CHECK;
/* The same entry without its values and their salt, in the arena: the chain does not see the difference. */
enum crm_status log_erase_values(struct slice value, struct arena *arena, struct slice *out_value) MUST_CHECK;
/* Does entry follow from the hash before it? For crmd check. */
bool log_verify(const uint8_t previous_hash[SHA256_SIZE], struct slice value, uint8_t out_hash[SHA256_SIZE]);

/* The seq of the last entry recorded at or before a time; 0 when there is none. */
enum crm_status log_seq_at(const struct view *view, int64_t time_us, uint64_t *out_seq) MUST_CHECK;

/*
 * Take record back to what it was at seq (its body then lives in the arena). false in *out_existed when it did not exist then or was deleted.
 * CRM_GONE below the floor of the log.
 */
enum crm_status log_rewind(const struct view *view, uint64_t seq, struct arena *arena, struct record *record, bool *out_existed) MUST_CHECK;

/* One step of a record's history: what it was on both sides of a change. */
struct log_step {
    const struct record *before, *after; /* NULL where it did not stand */
    int64_t happened_us;
    struct arena *arena; /* reset for the next step but one */
};
/*
 * log_step.c: the steps of a record (live or deleted), newest first; memory is that of two steps. CRM_GONE where the log no longer reaches back to its
 * beginning; what visit returns ends it.
 */
typedef enum crm_status log_step_visit(void *arg, const struct log_step *step);
enum crm_status log_each_step(const struct view *view, const struct record *record, log_step_visit *visit, void *arg) MUST_CHECK;

#endif
