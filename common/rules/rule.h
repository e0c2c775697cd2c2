/*
 * rule.h - what the business asks for, kind by kind: pure functions from (view, mutation) to changes or a refusal
 *
 * A rule reads through the view, changes the record in hand through the setters below, and may add mutations of other records; it writes
 * nothing itself. Everything is allocated from the mutation's arena. Rules with RULE_LOCAL also run on a replica.
 */
#ifndef CRM_RULES_RULE_H
#define CRM_RULES_RULE_H

#include "common/engine/conflict.h"
#include "common/engine/grant.h"
#include "common/engine/view.h"
#include "common/model/reflect.h"

enum rule_verb { RULE_CREATE, RULE_PATCH, RULE_DELETE, RULE_RESTORE };

/* What one mutation may take along: rules that would ask for more refuse instead. */
#define RULE_RECORDS_MAX 20000
/* So deep may what is changed because of another change hang on each other. */
#define RULE_DEPTH_MAX   8

/* A further change that a rule asks for; queued behind the one in hand, inside the same atomic unit. */
struct rule_more {
    struct rule_more *next;
    enum rule_verb verb;
    enum kind kind;
    struct uuid id;
    struct uuid owner, team; /* nil: of a create the actor and their team, of a patch as they are */
    struct slice set, add, remove; /* canonical bodies: fields that get a value, elements that come and go */
    const uint32_t *clear;
    size_t n_clear;
    const char *reason; /* for the owner history, or NULL */
    bool is_asked;      /* who asks wants it besides: it is left out where they may not change that record themselves */
    bool must_be_allowed; /* likewise, but then nothing is done */
    struct uuid into;   /* of a deletion: what it has become a part of (alias.h), or nil */
};

/* A share that a rule gives or takes of the record in hand (of the one that decides over it). */
struct rule_grant {
    struct rule_grant *next;
    struct grant grant;
};

struct rule_ctx {
    const struct view *view;
    const struct view *seen;     /* the same with the eyes of who asks: whom an action names must be in it, see rule_may_name */
    struct arena *arena;
    struct failure *failure;
    const struct kind_def *kind;
    const struct record *before; /* NULL on a create */
    struct record *after;        /* what will be stored; the setters change its body */
    struct uuid actor;
    int64_t now_us;
    int64_t happened_us;         /* when it happened, as reported; a rule may move it */
    int32_t today;               /* company-local */
    enum rule_verb verb;         /* an action may turn PATCH into RESTORE */
    bool is_override;            /* an action with a right of its own has lifted the kind's gate */
    bool with_deals;             /* who hands a customer over gives the open deals along */
    const char *reason;          /* of a handing over, for the owner history; NULL: none was given */
    struct rule_grant *grants;   /* given and taken, in order */
    struct rule_more *more, *last_more; /* newest last */
    const Crm__Mutation *wish;   /* an action's own patch of the record in hand, to be looked at as if whoever asks had sent it; NULL: none */
    struct conflict_settled *settled; /* by the action resolve */
};

enum rule_flag {
    RULE_LOCAL = 1, /* also runs on a replica */
};

/* An action on records; kind KIND_NONE: of every kind. */
struct action_def {
    const char *name;
    enum kind kind;
    unsigned flags;
    Crm__Right right; /* RIGHT_UNSET: the right to write the record */
    const ProtobufCMessageDescriptor *argument;
    enum crm_status (*run)(struct rule_ctx *ctx, const void *argument);
};

/* What one kind asks for. */
struct rule_module {
    enum kind kind; /* KIND_NONE: of every kind */
    const struct action_def *actions;
    size_t n_actions;
    /* Called for every create and patch, by whatever path, before validation: refuse, or set derived fields. NULL: nothing to ask. */
    enum crm_status (*complete)(struct rule_ctx *ctx);
    /* Called before a deletion and before a restore (ctx->verb says which; before is the record, after the same): refuse, set nothing. NULL likewise. */
    enum crm_status (*guard)(struct rule_ctx *ctx);
};

/* The row of an action for a kind, its own before the common ones; NULL if there is none. */
const struct action_def *rule_action(enum kind kind, const char *name);
/* The nth action that a kind has, from 0; NULL behind the last. */
const struct action_def *rule_action_at(enum kind kind, size_t n);
/* Run a kind's complete function, if it has one, then derive the company value of changed money fields. */
enum crm_status rule_complete(struct rule_ctx *ctx) MUST_CHECK;
/* Run a kind's guard, if it has one. */
enum crm_status rule_guard(struct rule_ctx *ctx) MUST_CHECK;

/* --- for rules */

/* Refuse, naming the field. */
#define rule_refuse_field(ctx, status, field, ...) fail((ctx)->failure, (status), (field), __VA_ARGS__)

/* The record in hand as a message of its kind, as it will be stored; unpacked anew at each call. NULL when memory is spent. */
const void *rule_record(struct rule_ctx *ctx);
/* The record before the change, NULL on a create. */
const void *rule_before(struct rule_ctx *ctx);
/* Another record as a message; NULL if there is none or the reference is empty. */
const void *rule_load(struct rule_ctx *ctx, enum kind kind, ProtobufCBinaryData id);
/* May who asks name a user or a team? One that they may see, themselves, and whom the record belongs to already. To them nobody else is there. */
bool rule_may_name(struct rule_ctx *ctx, enum kind kind, const struct uuid *id);
/* Did this change touch a field? On a create: does it have a value? */
bool rule_changes(struct rule_ctx *ctx, const char *field);
/* Set one field of the record in hand. */
enum crm_status rule_set(struct rule_ctx *ctx, const char *field, const struct value *value) MUST_CHECK;
enum crm_status rule_set_text(struct rule_ctx *ctx, const char *field, const char *text) MUST_CHECK;
/* Integers, days, instants, booleans and choices. */
enum crm_status rule_set_integer(struct rule_ctx *ctx, const char *field, int64_t integer) MUST_CHECK;
enum crm_status rule_set_ref(struct rule_ctx *ctx, const char *field, const struct uuid *ref) MUST_CHECK;
enum crm_status rule_clear(struct rule_ctx *ctx, const char *field) MUST_CHECK;
/* All of these fields must have a value; otherwise CRM_INVALID names every one that is missing. */
enum crm_status rule_require_fields(struct rule_ctx *ctx, char **names, size_t n) MUST_CHECK;
/* field refers to a record of the same kind: walking up, the record in hand must not be met, nor more than 32 levels. CRM_INVALID. */
enum crm_status rule_refuse_cycle(struct rule_ctx *ctx, const char *field) MUST_CHECK;
/* Patch another record: one field. */
enum crm_status rule_patch_other(struct rule_ctx *ctx, enum kind kind, const struct uuid *id, const char *field, const struct value *value) MUST_CHECK;

/* Patch another record: what it is to be, queued; the rest of *more is filled in by the caller. NULL when memory is spent. */
struct rule_more *rule_more(struct rule_ctx *ctx, enum rule_verb verb, enum kind kind, const struct uuid *id);
/* Give or (rights GRANT_NONE) take a share. */
enum crm_status rule_grant(struct rule_ctx *ctx, const struct grant *grant) MUST_CHECK;

/* The company's record; its currency ("" before there is one). */
const Crm__Company *rule_company(struct rule_ctx *ctx);

/* modules of this folder */
extern const struct rule_module rules_common, rules_deal, rules_task, rules_activity, rules_user, rules_team, rules_contact, rules_company, rules_customer,
    rules_field_definition, rules_exchange_rate, rules_pipeline, rules_role;

/* handover.c, used by rule_complete: who has got the record gets what belongs with it. */
enum crm_status handover_complete(struct rule_ctx *ctx) MUST_CHECK;
/* handover.c: the user in hand works here no longer. CRM_IN_USE says what is still open of theirs. */
enum crm_status handover_refuse_open(struct rule_ctx *ctx, const char *field) MUST_CHECK;
/* handover.c: the argument's reason, if it is not too long. */
enum crm_status handover_take_reason(struct rule_ctx *ctx, const char *reason) MUST_CHECK;
/* handover.c: the action disable of users. */
enum crm_status handover_disable(struct rule_ctx *ctx, const void *argument) MUST_CHECK;
/* deal_team.c, used by the rules of deals: members get a share of the deal, who is none any more loses it. */
enum crm_status deal_team_complete(struct rule_ctx *ctx, const Crm__Deal *deal) MUST_CHECK;
/* merge.c: the action merge of all kinds. */
enum crm_status merge_records(struct rule_ctx *ctx, const void *argument) MUST_CHECK;
/* resolve.c: the action resolve of all kinds. */
enum crm_status resolve_conflicts(struct rule_ctx *ctx, const void *argument) MUST_CHECK;

/* Used by rule_complete: the company value of every money field that changed, at the rate of its day. */
enum crm_status money_derive(struct rule_ctx *ctx) MUST_CHECK;

#endif
