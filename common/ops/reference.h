/*
 * reference.h - what a record refers to: it exists when the reference is made, and is let go of where it is gone when the record comes back
 */
#ifndef CRM_OPS_REFERENCE_H
#define CRM_OPS_REFERENCE_H

#include "common/engine/view.h"
#include "common/model/body.h"

/* Where references are looked up. */
struct reference_scope {
    const struct view *view; /* all there is */
    const struct view *seen; /* what is referred to must be in it: view itself, or what who asks may see of it */
    struct arena *arena;
    struct failure *failure;
    bool is_partial;         /* view is not all there is, as on a replica: of what comes back only those targets are gone that lie in its bin */
};

/* Every reference that a change brings in points at something that is seen; what the record referred to before stays. before NULL: a create. CRM_INVALID. */
enum crm_status references_check(const struct reference_scope *scope, const struct kind_def *kind, const struct record *before,
                                 const struct record *after) MUST_CHECK;
/*
 * The same for a record that comes back: it loses the links that its targets' deletion would have taken, in *out_changed; CRM_INVALID where owner, team or
 * something that it cannot be without is gone.
 */
enum crm_status references_settle(const struct reference_scope *scope, const struct kind_def *kind, struct record *record,
                                  struct field_set *out_changed) MUST_CHECK;

#endif
