/*
 * access.h - who may see and change what: the one evaluator, for a record, for a range, for a total, and for a field
 *
 * What a user may do is compiled once, from the user, the role and the tree of teams, into a struct access: immutable, counted, shared by all requests of a
 * session, made anew when one of the three has changed. Over a record its access root decides: the record itself, or its parent where the kind has one
 * (FIELD_PARENT). The role's scope for the record's kind is held against the root's owner and team; where that says no, against the root's grants. A kind
 * that is out of scope altogether (none) no grant opens. Whatever goes wrong in here means no.
 *
 * Any thread. Reads past the guard, by itself.
 */
#ifndef CRM_SERVER_ENGINE_ACCESS_H
#define CRM_SERVER_ENGINE_ACCESS_H

#include "common/engine/grant.h"
#include "common/engine/list.h"
#include "common/engine/view.h"
#include "proto/wire.pb-c.h"

struct access;

enum access_verb { ACCESS_READ, ACCESS_WRITE };

/* By which rule it was decided. */
enum access_rule {
    ACCESS_OUT_OF_SCOPE, /* the role gives nothing of this kind */
    ACCESS_ALL,          /* everything of this kind */
    ACCESS_OWNER,        /* the user owns the root */
    ACCESS_TEAM,         /* the root belongs to a team of the user's */
    ACCESS_BRANCH,       /* or to one below */
    ACCESS_GRANT,        /* the root is shared with the user or one of the teams */
    ACCESS_NO_RULE,      /* none of these */
    ACCESS_BROKEN,       /* the root or a grant cannot be read */
};

struct access_reason {
    enum access_rule rule;
    struct uuid root;    /* the record that decided */
    struct grant grant;  /* with ACCESS_GRANT */
};

/*
 * What a user may see and do, as of now; view's guard is not asked. narrowed_to: not nil for an API token: no more than this role gives either. CRM_NOT_FOUND:
 * there is no such user.
 */
enum crm_status access_create(const struct view *view, const struct uuid *user, const struct uuid *narrowed_to, struct access **out_access) MUST_CHECK;
struct access *access_ref(struct access *access);
void access_unref(struct access *access);
/* Two that are equal see and may do the same: of a session that was looked at again nothing has changed. */
bool access_equal(const struct access *a, const struct access *b);
/* Identifies role, teams and masks: 32 bytes. */
const uint8_t *access_fingerprint(const struct access *access);
const struct uuid *access_user(const struct access *access);
/* Bit (1 << enum right). */
uint32_t access_rights(const struct access *access);
/* Nothing is kept from this user: views need no guard. */
bool access_sees_all(const struct access *access);

/* Does the role give anything of a kind? Where not, no share opens it. */
bool access_opens(const struct access *access, enum kind kind);
/* Is a share with this principal one with the user? */
bool access_is_principal(const struct access *access, enum grant_sort sort, const struct uuid *principal);
/* Is it a team of the user's? Those below are not. */
bool access_is_team(const struct access *access, const struct uuid *team);

/* A guard for views of this user; borrows access. */
struct view_guard access_guard(const struct access *access);

/* May the user read, or change, a record with this header? Any status but CRM_OK means no. out_reason: NULL, or by which rule. */
enum crm_status access_may(const struct access *access, const struct view *view, enum access_verb verb, const struct record_header *header,
                           struct access_reason *out_reason) MUST_CHECK;
/* The scope alone, for something that has owner and team but is no record: a cell of a rollup. Shares do not count. */
bool access_covers(const struct access *access, enum kind kind, enum access_verb verb, const struct uuid *owner, const struct uuid *team);
/* May the user see more of a kind than what is the user's own, shares aside? */
bool access_covers_others(const struct access *access, enum kind kind, enum access_verb verb);
/* Does the user see all of a kind, all its fields included? */
bool access_covers_kind(const struct access *access, enum kind kind, enum access_verb verb);

/* access_told.c: what a client is told of it; view without a guard. Lists in the arena. */
enum crm_status access_tell(const struct access *access, const struct view *view, struct arena *arena, Crm__Permissions *out_told) MUST_CHECK;

bool access_hides(const struct access *access, enum kind kind, uint32_t field);
/* Hidden, or shown but not to be changed. */
bool access_keeps(const struct access *access, enum kind kind, uint32_t field);

/*
 * Where to look for what the user may read of a kind; NULL: everywhere (the role sees all of it, or what it sees is too much to be listed). In the arena.
 */
enum crm_status access_scope(const struct access *access, const struct view *view, enum kind kind, struct arena *arena,
                             const struct list_scope **out_scope) MUST_CHECK;
/* The same of no more than reach: SCOPE_OWN: what the user owns or is shared with the user, SCOPE_TEAM: and what belongs to the user's teams. */
enum crm_status access_scope_within(const struct access *access, const struct view *view, enum kind kind, Crm__Scope reach, struct arena *arena,
                                    const struct list_scope **out_scope) MUST_CHECK;

#endif
