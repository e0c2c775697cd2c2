/*
 * audit.h - what was done besides changing records: logins, refusals, permissions, exports, administration; chained by hash
 *
 *     audit  number u64, from 1                →  an entry
 *     meta   "audit.head", "audit.floor"       →  number, hash: the newest entry; the last one that retention took away
 *
 * An entry is appended in the group of what it tells about, so that neither is without the other. What is not written in a group (refusals, by the thousand
 * where somebody guesses) is added up first: audit_sums.h. Texts name records by their number and fields by their name, never a value.
 *
 * The chain runs over the metadata and SHA-256(salt ‖ login, from, text): erasing a person takes the three and the salt away and leaves it whole. The head
 * in meta tells that the newest entries are still there; kept elsewhere (crm audit head) it tells so of somebody who could write to the database too.
 */
#ifndef CRM_SERVER_ENGINE_AUDIT_H
#define CRM_SERVER_ENGINE_AUDIT_H

#include "common/base/digest.h"
#include "common/engine/view.h"
#include "proto/wire.pb-c.h"

struct change_group;

#define AUDIT_TRACE_SIZE 16
/* A trace that the client did not give is made where somebody may ask for it. */
void audit_make_trace(uint8_t trace[AUDIT_TRACE_SIZE]);

#define AUDIT_TEXT_MAX   400 /* bytes of login, from and text each; more is cut */

/* The texts borrow what the entry was read from. */
struct audit_entry {
    uint64_t number; /* from the key */
    Crm__AuditAct act;
    uint32_t times;  /* of a summed entry; 0 counts as 1 */
    struct uuid user; /* who did it; nil: nobody known */
    int64_t at_us;   /* 0: the group's time */
    enum kind kind;  /* what it is about; KIND_NONE: no record */
    struct uuid record;
    uint8_t trace[AUDIT_TRACE_SIZE]; /* of the request; zero: none */
    uint8_t hash[SHA256_SIZE];
    bool is_erased;  /* the texts were taken away with a person's data */
    struct slice login; /* as typed, where there is no such user */
    struct slice from;  /* address and program */
    struct slice text;
};

/* The end of the chain, or the place where it begins (the floor). */
struct audit_head {
    uint64_t number;
    uint8_t hash[SHA256_SIZE];
    bool is_loaded; /* in a group: it was read already. Groups that append nothing never read it */
};

/* The newest entry; zero where there is none. */
enum crm_status audit_head_load(const struct view *view, struct audit_head *out_head) MUST_CHECK;
/* The last entry that was removed by retention; zero where none was. */
enum crm_status audit_floor_load(const struct view *view, struct audit_head *out_floor) MUST_CHECK;

/* Append to what the group commits; sets number, at_us and hash. Where it fails behind something that the group has accepted, the caller spoils the group. */
enum crm_status audit_append(struct change_group *group, struct audit_entry *entry) MUST_CHECK;

/* From a stored value: CRM_CORRUPT. */
enum crm_status audit_decode(uint64_t number, struct slice value, struct audit_entry *out_entry) MUST_CHECK;
/* The newest entry below a number. CRM_NOT_FOUND. */
enum crm_status audit_before(const struct view *view, uint64_t number, struct audit_entry *out_entry) MUST_CHECK;
/* Does a value follow from the hash before it? */
bool audit_verify(const uint8_t previous_hash[SHA256_SIZE], struct slice value, uint8_t out_hash[SHA256_SIZE]);
/* The same entry without its texts and salt, in the arena: the chain does not see the difference. */
enum crm_status audit_erase_texts(struct slice value, struct arena *arena, struct slice *out_value) MUST_CHECK;

/* Remove the oldest entries up to a time, at most max of them; the floor keeps the hash of the last. */
enum crm_status audit_prune(struct change_group *group, int64_t before_us, unsigned max) MUST_CHECK;

#endif
