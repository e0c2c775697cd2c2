/*
 * mutate_access.c - what somebody may change: asked inside the commit, against the state that is changed
 *
 * Writer thread, or a worker in a dry run.
 */
#include "server/engine/access.h"
#include "server/engine/mutate_inside.h"

static enum crm_status refuse_change(struct work *work)
{
    return fail(&work->change->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow changing this %s", work->evolve.kind->name);
}

enum crm_status work_may_change(struct work *work, const struct record_header *header)
{
    const struct access *access = work->change->actor->access;
    const struct view *view = &work->change->view;

    if (!access || !work->mutation)
        return CRM_OK;
    if (access_may(access, view, ACCESS_WRITE, header, NULL) == CRM_OK) /* that asks for reading, too */
        return CRM_OK;
    return access_may(access, view, ACCESS_READ, header, NULL) == CRM_OK ? refuse_change(work) : CRM_NOT_FOUND;
}

/* Not one that the role hides or shows only. */
static enum crm_status may_set_field(void *arg, struct evolve *evolve, uint32_t ref)
{
    const struct work *work = arg;
    const struct access *access = work->change->actor->access;

    if (!access || !access_keeps(access, evolve->kind->kind, ref))
        return CRM_OK;
    return fail(evolve->failure, CRM_NOT_ALLOWED, schema_field(evolve->view->schema, evolve->kind, ref)->name,
                "your role does not allow changing this field");
}

/* A new record, or one that gets another root, becomes a part of what its root's readers see: who puts it there must be allowed to change that. */
static enum crm_status may_put(void *arg, struct evolve *evolve)
{
    struct work *work = arg;
    const struct access *access = work->change->actor->access;

    if (!access || access_may(access, &work->change->view, ACCESS_WRITE, &evolve->after.header, NULL) == CRM_OK)
        return CRM_OK;
    return fail(&work->change->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow %s %s here or for them",
                evolve->has_before ? "moving a" : "adding a", evolve->kind->name);
}

static bool has_right(void *arg, Crm__Right right)
{
    const struct work *work = arg;

    return actor_has_right(work->change->actor, right);
}

void work_guard(struct work *work)
{
    const struct access *access = work->change->actor->access;

    work->gate = (struct evolve_gate){ .field = may_set_field, .place = may_put, .has_right = has_right, .arg = work };
    work->evolve.gate = &work->gate;
    if (!access || access_sees_all(access))
        return;
    work->guard = access_guard(access);
    work->seen = work->change->view;
    work->seen.guard = &work->guard;
    work->seen.arena = work->change->group->arena;
    work->evolve.seen = &work->seen;
}

bool work_may_change_too(const struct change *change, const struct rule_more *more)
{
    const struct access *access = change->actor->access;
    struct record record;

    return !access || (view_record(&change->view, more->kind, &more->id, &record) == CRM_OK &&
                       access_may(access, &change->view, ACCESS_WRITE, &record.header, NULL) == CRM_OK);
}
