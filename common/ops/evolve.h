/*
 * evolve.h - from what somebody asks to the record that it makes: read, merge, apply, ask the rules, validate; nothing is stored here
 *
 * The server puts access checks between (evolve_gate) and stores what comes out with log, totals and numbers; a replica stores it as pending. Both
 * come to the same record from the same state. Pure: reads through the views, allocates from the arena.
 *
 * Late mutations: one that says how its author saw the fields that it touches (`old`), against a record that has another revision than the author's, is
 * merged by field (merge.h). What cannot be merged is left out and told in struct evolve_late; where nothing is left, nothing is changed.
 */
#ifndef CRM_OPS_EVOLVE_H
#define CRM_OPS_EVOLVE_H

#include "common/model/body.h"
#include "common/rules/rule.h"
#include "proto/wire.pb-c.h"

#define CHANGES_WITHOUT_RIGHT 20 /* in one request, of records that exist; more of them need the right BULK_CHANGE */
#define DELETIONS_UNCONFIRMED 20 /* in one request; more of them, and changes of users, teams and roles, want the password once more (CRM_CONFIRM) */

struct evolve;

/* What whoever asks may not do is refused on the way. */
struct evolve_gate {
    /* May this field be set? */
    enum crm_status (*field)(void *arg, struct evolve *evolve, uint32_t ref);
    /* The record stands where it was asked for, evolve->after, and is new there: may it be put there? */
    enum crm_status (*place)(void *arg, struct evolve *evolve);
    bool (*has_right)(void *arg, Crm__Right right);
    void *arg;
};

/* What became of a late mutation. All of it is empty for one that is not late. */
struct evolve_late {
    bool is_late;
    bool is_whole;              /* nothing of it is applied: evolve->after is as before */
    struct field_set touched;   /* what the author wanted to change, header fields included */
    struct field_set merged;    /* others have changed it too, and both changes are in it */
    struct field_set conflicts; /* others have changed it too, and theirs stands; all of touched with is_whole */
    struct slice mine, base;    /* canonical bodies: the touched fields as the author wants them, and as he saw them */
    struct uuid owner, team;    /* wanted by the author */
    struct uuid old_owner, old_team; /* as he saw them */
};

struct evolve {
    /* given */
    const struct view *view;        /* all there is */
    const struct view *seen;        /* with the eyes of who asks; view where nothing is hidden */
    const struct evolve_gate *gate; /* NULL: everything is allowed */
    struct arena *arena;
    struct failure *failure;
    const struct kind_def *kind;
    struct uuid actor, actor_team;  /* who asks, and the main team */
    int64_t now_us;
    int32_t today;                  /* company-local */
    bool is_asked;                  /* by somebody; false: a rule's or a deletion's own change */
    bool is_local;                  /* on a replica: only actions with RULE_LOCAL run */
    bool may_derive;                /* fields that the server sets may be set */
    bool has_before;
    struct record before;           /* of all but a create, loaded by the caller */
    /* given and changed */
    int64_t happened_us;            /* bounded by the caller; a rule may move it */
    const char *reason;             /* for which it is done, or NULL */
    /* what comes of it */
    struct record after;            /* number, rev and seq are the caller's to set */
    struct field_set changed;       /* fields and header fields that differ; empty on a create */
    const char *action;             /* of the rules, or NULL */
    enum rule_verb verb;            /* RULE_RESTORE: an action wants the record back out of the bin: nothing else was done */
    struct rule_grant *grants;      /* given and taken */
    struct rule_more *more;         /* further changes that the rules ask for */
    struct conflict_settled *settled;   /* conflicts that are no longer open */
    struct evolve_late late;
};

/* What was reported as the time of it counts from the year 1 on, but never lies ahead of now. */
int64_t evolve_happened(const Crm__Mutation *mutation, int64_t now_us);

/* A new record; its number is the caller's. CRM_EXISTS where the id is taken. */
enum crm_status evolve_create(struct evolve *evolve, const Crm__Mutation *mutation, const struct uuid *id) MUST_CHECK;
enum crm_status evolve_patch(struct evolve *evolve, const Crm__Mutation *mutation) MUST_CHECK;
/* Find an action and read its argument, before the record is looked at. */
enum crm_status evolve_read_action(struct evolve *evolve, const Crm__Mutation *mutation, const struct action_def **out_action,
                                   const void **out_argument) MUST_CHECK;
/* before may be in the recycle bin. */
enum crm_status evolve_act(struct evolve *evolve, const Crm__Mutation *mutation, const struct action_def *action, const void *argument) MUST_CHECK;
/* A rule's further change: a create, or a patch of before. */
enum crm_status evolve_more(struct evolve *evolve, const struct rule_more *more) MUST_CHECK;
/* Do the kind's rules let before be deleted, or come back? */
enum crm_status evolve_guard(struct evolve *evolve, bool is_restore) MUST_CHECK;

/* evolve_late.c */

/* Is the record another than the one that its author saw, and does the mutation say what that was? */
bool evolve_is_late(const struct evolve *evolve, const Crm__Mutation *mutation);
/* How the author saw the fields: into late.base. CRM_INVALID: "old". */
enum crm_status evolve_read_old(struct evolve *evolve, const Crm__Mutation *mutation) MUST_CHECK;
/* Merge a late mutation's patch, in place, and its owner and team: what is in conflict goes out of it. */
enum crm_status evolve_merge(struct evolve *evolve, const Crm__Mutation *mutation, struct body_patch *patch) MUST_CHECK;
/* A late action is whole: is anything that it has changed what neither its author saw nor wants? Then all of it is in conflict. */
enum crm_status evolve_settle_action(struct evolve *evolve, const Crm__Mutation *mutation) MUST_CHECK;
/*
 * Something has refused a late mutation on the way, here or when it was stored: may it be taken for a conflict of all that it touches? true: it is one
 * now, nothing of it is applied. What is refused whatever others have done (no right, no memory) stays refused.
 */
bool evolve_give_up(struct evolve *evolve, enum crm_status status);
/* A mutation of a record that is deleted by now, whose author has said what he saw: all of it is in conflict. evolve->before is the deleted one. */
enum crm_status evolve_outlive(struct evolve *evolve, const Crm__Mutation *mutation) MUST_CHECK;

/* evolve.c: the body parts of a mutation, checked and canonical. */
enum crm_status evolve_read_patch(struct evolve *evolve, const Crm__Mutation *mutation, struct body_patch *out_patch) MUST_CHECK;

#endif
