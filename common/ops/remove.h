/*
 * remove.h - deleting a record with what hangs on it, and taking it back out of the recycle bin: what becomes of which record
 *
 * What refers to a record says in its schema row what becomes of it: it forbids the deletion, loses the reference, or goes along. What went along is
 * remembered beside the record and comes back with it. Server and replica walk the same way; each stores what comes of it as it stores all else.
 */
#ifndef CRM_OPS_REMOVE_H
#define CRM_OPS_REMOVE_H

#include "common/engine/view.h"
#include "common/model/body.h"

/* How whoever removes asks the rules and stores. What they have stored must be seen through the view at once. */
struct removal_ops {
    /* Do the kind's rules let a record be deleted, or come back? */
    enum crm_status (*guard)(void *arg, const struct record *record, bool is_restore);
    /* A record that stays loses a reference. */
    enum crm_status (*patch)(void *arg, const struct kind_def *kind, const struct uuid *id, const struct body_patch *patch);
    /* A record goes into the bin, as it is by then. with: NULL, or what it goes along with. */
    enum crm_status (*put_away)(void *arg, const struct kind_def *kind, const struct uuid *id, const struct uuid *with, struct record_header *out_header);
    /* One comes back as `after`. */
    enum crm_status (*put_back)(void *arg, const struct kind_def *kind, const struct record *bin, struct record *after, const struct field_set *changed,
                                const struct uuid *with);
};

struct removal {
    const struct view *view;
    struct arena *arena;
    struct failure *failure;
    const struct removal_ops *ops;
    void *arg;
    bool is_partial;   /* as of struct reference_scope */
    unsigned *depth;   /* of what hangs on each other; RULE_DEPTH_MAX */
    unsigned *records; /* that were touched, counted by the ops; RULE_RECORDS_MAX */
};

/* CRM_IN_USE: something refers to it that cannot be without it. */
enum crm_status removal_delete(const struct removal *removal, const struct kind_def *kind, const struct record *before, const struct uuid *with,
                               struct record_header *out_header) MUST_CHECK;
/* with NULL: and all that went along with it. */
enum crm_status removal_restore(const struct removal *removal, const struct kind_def *kind, const struct record *bin, const struct uuid *with,
                                struct record_header *out_header) MUST_CHECK;

#endif
