/*
 * change.h - the units of writing: a group that commits at once, and in it changes that are accepted or dropped one by one
 *
 * The writer thread makes a group for each commit; a dry run makes one on a worker and throws it away. A change reads through its view: the store's
 * snapshot, below what the group has accepted, below its own.
 */
#ifndef CRM_SERVER_ENGINE_CHANGE_H
#define CRM_SERVER_ENGINE_CHANGE_H

#include "common/engine/grant.h"
#include "common/engine/index.h"
#include "server/engine/audit.h"
#include "server/engine/log.h"

/* What became of one record, for subscriptions; in log order. */
struct change_event {
    struct change_event *next;
    uint64_t seq, rev, number;
    enum log_verb verb;
    enum kind kind;
    struct uuid id, root, owner, team, by;
    int64_t recorded_us, happened_us;
};

/* All that one commit takes. */
struct change_group {
    struct store_txn *txn;
    const struct schema *schema;
    struct arena *arena;   /* lives until the commit's replies have left */
    struct writeset *set;  /* accepted so far */
    struct log_head head;  /* the end of the log, with what is accepted */
    struct audit_head audit; /* the end of the audit trail, once something is appended to it */
    int64_t now_us;
    int32_t today;         /* company-local */
    struct change_event *events, **last_event;
    bool schema_changed;   /* a field definition is among them */
    bool identities_changed; /* a user, role, team or session is: who asks next is looked at again */
};

struct access; /* access.h */

/* Who changes, from where. */
struct change_actor {
    struct uuid user;
    struct uuid team;      /* the user's main team: what the user creates belongs there */
    uint32_t rights;       /* bit (1 << enum right) */
    const struct access *access; /* what the user may see and change; NULL: a system's, everything */
    const char *from;      /* address and program, for the log */
    const uint8_t *trace;  /* of the request, AUDIT_TRACE_SIZE bytes, for the audit trail; or NULL */
    bool is_confirmed;     /* the password was given a short while ago: for what is sensitive (mutate.h) */
    struct uuid job;       /* of which this is a part, for the log; nil: none */
    bool is_system;        /* crmd itself: init, restore, upgrade; no right is missing, derived fields may be set */
};

/* One unit inside a group. */
struct change {
    struct change_group *group;
    const struct change_actor *actor;
    struct view view;
    struct writeset *own;
    struct log_head head;
    struct change_event *events, **last_event;
    struct audit_note *notes; /* audit_change.c: what the audit trail gets when the change is accepted */
    struct uuid job;       /* of what belongs together; nil for a single change */
    uint64_t wanted;       /* the number of the record that it makes, where that is free (number.h); 0: any */
    unsigned depth;        /* of rules that ask for further changes */
    unsigned records;      /* changed so far */
    bool schema_changed;
    bool identities_changed;
    struct failure failure;
};

void change_group_init(struct change_group *group, struct store_txn *txn, const struct schema *schema, struct arena *arena,
                       int64_t now_us);
/* CRM_NO_MEMORY, or what reading the log's head gave. */
enum crm_status change_group_begin(struct change_group *group) MUST_CHECK;

/*
 * The group holds a part of something that has failed since: none of it may be committed. For what runs out of memory behind a change that it has
 * accepted; all jobs of the group are told that nothing was done.
 */
void change_group_spoil(struct change_group *group);

enum crm_status change_begin(struct change *change, struct change_group *group, const struct change_actor *actor) MUST_CHECK;
/* Fold the change into the group. A change that is dropped needs no call. */
enum crm_status change_accept(struct change *change) MUST_CHECK;

/* Does a change of such a record change what somebody may see or do? */
bool kind_decides_access(enum kind kind);

bool actor_has_right(const struct change_actor *actor, Crm__Right right);

/* What is to be stored, decided and complete. */
struct change_record {
    enum log_verb verb;
    const struct kind_def *kind;
    const struct record *before;     /* NULL on a create; a deleted record on a restore */
    struct record *after;            /* header.rev, seq and updated are set here; on a delete the same as before */
    const struct field_set *changed; /* fields and header fields that differ; empty on create and delete */
    const char *action;              /* or NULL */
    int64_t happened_us;
    const struct grant *grant;       /* given or taken by this change, or NULL: of the record that decides over this one */
    bool is_own_grant;               /* it is one of this record, even where another decides and it rests */
    const char *reason;              /* for which it was done, or NULL */
    const struct uuid *deleted_with; /* on a taken-along delete: the record with which it went */
};

/* Store it with everything that hangs on it: index, unique, child, terms, log, rollup, recycle bin, event. */
enum crm_status change_put(struct change *change, struct change_record *record) MUST_CHECK;

/* Tell log and subscribers that a record is gone for good; last: as it was in the bin. Nothing is stored but that. */
enum crm_status change_forget(struct change *change, const struct record *last) MUST_CHECK;

/* audit_change.c: a record that decides over permissions or is administration has been put: to be told to the audit trail. Others: nothing. */
enum crm_status audit_note_change(struct change *change, const struct change_record *record) MUST_CHECK;
/* audit_change.c: the change is accepted; write what was noted. */
enum crm_status audit_accept_change(struct change *change) MUST_CHECK;

#endif
