/*
 * pending.c - see pending.h
 *
 * Called by outbox_add.c and outbox_carry.c within their write runs; single-threaded. What rules want of further records is left to the server: the next sync
 * brings it.
 */
#include "client/replica/pending.h"

#include <inttypes.h>

#include "common/base/calendar.h"
#include "common/model/merge.h"
#include "common/ops/remove.h"

static void evolve_begin(struct pending *pending, const struct kind_def *kind, bool is_asked, struct evolve *evolve)
{
    const struct uuid team = pending->evolve.actor_team;

    *evolve = (struct evolve){
        .view = &pending->rows->view, .seen = &pending->rows->view, .gate = is_asked ? &pending->rights.gate : NULL, .arena = pending->rows->arena,
        .failure = pending->failure, .kind = kind, .actor = pending->rights.user, .actor_team = team, .now_us = pending->now_us,
        .today = day_of_instant(pending->now_us), .is_asked = is_asked, .is_local = true, .happened_us = pending->now_us,
    };
}

void pending_begin(struct pending *pending, struct rows *rows, const struct replica *replica, int64_t now_us, struct failure *failure)
{
    const Crm__LoginReply *session = replica_state(replica)->session;

    *pending = (struct pending){ .rows = rows, .now_us = now_us, .failure = failure };
    rights_init(&pending->rights, session);
    if (session)
        uuid_from_slice(slice_of(session->team.data, session->team.len), &pending->evolve.actor_team);
}

static enum crm_status load_before(struct evolve *evolve, const struct uuid *id)
{
    enum crm_status status = view_record(evolve->view, evolve->kind->kind, id, &evolve->before);

    if (status == CRM_NOT_FOUND)
        return fail(evolve->failure, CRM_NOT_FOUND, NULL, "there is no such %s", evolve->kind->name);
    if (status != CRM_OK)
        return fail(evolve->failure, status, NULL, "the stored %s cannot be read", evolve->kind->name);
    evolve->has_before = true;
    evolve->after = evolve->before;
    return CRM_OK;
}

/* Who names the revision that they mean, and does not say what they saw, means no other. */
static enum crm_status check_rev(const struct evolve *evolve, const Crm__Mutation *mutation)
{
    if (!mutation->base_rev || mutation->has_old || mutation->base_rev == evolve->before.header.rev)
        return CRM_OK;
    return fail(evolve->failure, CRM_CONFLICT, "rev", "the record here is at revision %" PRIu64 ", not %" PRIu64, evolve->before.header.rev,
                (uint64_t)mutation->base_rev);
}

/* May the record that is there be changed, and is it the one that is meant? */
static enum crm_status check_before(const struct pending *pending, const Crm__Mutation *mutation)
{
    enum crm_status status = rights_may_change(&pending->rights, &pending->evolve, &pending->evolve.before.header);

    return status == CRM_OK ? check_rev(&pending->evolve, mutation) : status;
}

/* The record as it is shown until the server has it. */
static enum crm_status put(struct pending *pending, struct evolve *evolve, uint64_t local_number)
{
    struct record_header *header = &evolve->after.header;

    if (!evolve->has_before)
        header->number = local_number ? RECORD_NUMBER_LOCAL | local_number : 0;
    else if (evolve->late.is_whole || evolve->changed.n == 0)
        return CRM_OK;
    header->updated_us = pending->now_us;
    header->updated_by = evolve->actor;
    return rows_change(pending->rows, &evolve->after);
}

/* --- deleting, and taking back what was deleted here */

static enum crm_status guard(void *arg, const struct record *record, bool is_restore)
{
    struct pending *pending = arg;
    struct evolve evolve;

    evolve_begin(pending, kind_def(record->header.kind), false, &evolve);
    evolve.has_before = true;
    evolve.before = *record;
    return evolve_guard(&evolve, is_restore);
}

static enum crm_status unlink_record(void *arg, const struct kind_def *kind, const struct uuid *id, const struct body_patch *patch)
{
    const struct rule_more more = {
        .verb = RULE_PATCH, .kind = kind->kind, .id = *id, .set = patch->set, .add = patch->add, .remove = patch->remove,
        .clear = patch->clear, .n_clear = patch->n_clear,
    };
    struct pending *pending = arg;
    struct evolve evolve;
    enum crm_status status;

    evolve_begin(pending, kind, false, &evolve);
    status = load_before(&evolve, id);
    if (status == CRM_OK)
        status = evolve_more(&evolve, &more);
    pending->records++;
    return status == CRM_OK ? put(pending, &evolve, 0) : status;
}

static enum crm_status put_away(void *arg, const struct kind_def *kind, const struct uuid *id, const struct uuid *with, struct record_header *out_header)
{
    struct pending *pending = arg;
    struct record last;
    enum crm_status status = view_record(&pending->rows->view, kind->kind, id, &last);

    if (status != CRM_OK)
        return fail(pending->failure, status, NULL, "the stored %s cannot be read", kind->name);
    last.header.flags |= RECORD_DELETED;
    last.header.updated_us = pending->now_us;
    last.header.updated_by = pending->rights.user;
    pending->records++;
    *out_header = last.header;
    return rows_put_away(pending->rows, &last, with);
}

static enum crm_status put_back(void *arg, const struct kind_def *kind, const struct record *bin, struct record *after, const struct field_set *changed,
                                const struct uuid *with)
{
    struct pending *pending = arg;

    (void)kind;
    (void)bin;
    (void)changed;
    after->header.flags &= ~(uint32_t)RECORD_DELETED;
    after->header.updated_us = pending->now_us;
    after->header.updated_by = pending->rights.user;
    pending->records++;
    return rows_put_back(pending->rows, after, with);
}

static const struct removal_ops removal_ops = { .guard = guard, .patch = unlink_record, .put_away = put_away, .put_back = put_back };

static struct removal removal_of(struct pending *pending)
{
    pending->depth = pending->records = 0;
    return (struct removal){
        .view = &pending->rows->view, .arena = pending->rows->arena, .failure = pending->failure, .ops = &removal_ops, .arg = pending,
        .is_partial = true, .depth = &pending->depth, .records = &pending->records,
    };
}

/*
 * A deletion that the server will not follow, since others have changed the record, is not shown. A change of one's own may have arrived there meanwhile: then
 * it is the last one.
 */
static bool is_overtaken(const struct evolve *evolve, const Crm__Mutation *mutation)
{
    const struct record_header *header = &evolve->before.header;

    return mutation->base_rev && mutation->base_rev != header->rev && !uuid_equal(&header->updated_by, &evolve->actor);
}

static enum crm_status remove_one(struct pending *pending, const Crm__Mutation *mutation, const struct uuid *id)
{
    const struct removal removal = removal_of(pending);
    struct evolve *evolve = &pending->evolve;
    struct record_header header;
    enum crm_status status = load_before(evolve, id);

    if (status == CRM_OK)
        status = check_before(pending, mutation);
    if (status == CRM_OK && !rights_has(&pending->rights, CRM__RIGHT__RIGHT_DELETE))
        status = fail(pending->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow deleting");
    if (status == CRM_OK && is_overtaken(evolve, mutation))
        status = fail(pending->failure, CRM_CONFLICT, "rev", "others have changed it meanwhile");
    return status == CRM_OK ? removal_delete(&removal, evolve->kind, &evolve->before, NULL, &header) : status;
}

static enum crm_status bring_back(struct pending *pending)
{
    const struct removal removal = removal_of(pending);
    struct evolve *evolve = &pending->evolve;
    struct record_header header;

    return removal_restore(&removal, evolve->kind, &evolve->before, NULL, &header);
}

/* --- the ways in */

/* In the bin here is only what waits to be deleted. */
static enum crm_status load_for_action(struct evolve *evolve, const struct action_def *action, const struct uuid *id)
{
    if (view_deleted(evolve->view, evolve->kind->kind, id, &evolve->before) == CRM_OK) {
        evolve->has_before = true;
        evolve->after = evolve->before;
        return CRM_OK;
    }
    if (strcmp(action->name, "restore") == 0 && view_record(evolve->view, evolve->kind->kind, id, &evolve->before) == CRM_NOT_FOUND)
        return fail(evolve->failure, CRM_UNREACHABLE, NULL, "what was deleted before the last sync can only be brought back where the server can be reached");
    return load_before(evolve, id);
}

static enum crm_status act(struct pending *pending, const Crm__Mutation *mutation, const struct uuid *id)
{
    struct evolve *evolve = &pending->evolve;
    const struct action_def *action;
    const void *argument;
    enum crm_status status = evolve_read_action(evolve, mutation, &action, &argument);

    if (status == CRM_OK)
        status = load_for_action(evolve, action, id);
    if (status == CRM_OK)
        status = check_before(pending, mutation);
    if (status == CRM_OK) /* what resolve settles is the server's: conflicts.h */
        status = evolve_act(evolve, mutation, action, argument);
    if (status != CRM_OK)
        return status;
    return evolve->verb == RULE_RESTORE ? bring_back(pending) : put(pending, evolve, 0);
}

static enum crm_status patch(struct pending *pending, const Crm__Mutation *mutation, const struct uuid *id)
{
    struct evolve *evolve = &pending->evolve;
    enum crm_status status = load_before(evolve, id);

    if (status == CRM_OK)
        status = check_before(pending, mutation);
    if (status == CRM_OK)
        status = evolve_patch(evolve, mutation);
    return status == CRM_OK ? put(pending, evolve, 0) : status;
}

static enum crm_status create(struct pending *pending, const Crm__Mutation *mutation, const struct uuid *id, uint64_t local_number)
{
    enum crm_status status = evolve_create(&pending->evolve, mutation, id);

    return status == CRM_OK ? put(pending, &pending->evolve, local_number) : status;
}

void pending_read(struct pending *pending, const Crm__Mutation *mutation)
{
    evolve_begin(pending, kind_def(mutation->kind), true, &pending->evolve);
}

enum crm_status pending_show(struct pending *pending, const Crm__Mutation *mutation, uint64_t local_number)
{
    const struct kind_def *kind = kind_def(mutation->kind);
    struct evolve *evolve = &pending->evolve;
    struct uuid id;

    evolve_begin(pending, kind, true, evolve);
    evolve->happened_us = evolve_happened(mutation, pending->now_us);
    if (!kind)
        return fail(pending->failure, CRM_INVALID, "kind", "there is no kind number %u", mutation->kind);
    if (kind->flags & KIND_ADMINISTRATION)
        return fail(pending->failure, CRM_UNREACHABLE, NULL, "changing %s needs the server", kind->plural);
    if (!uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &id) || uuid_is_nil(&id))
        return fail(pending->failure, CRM_INVALID, "id", "an id has 16 bytes");
    switch (mutation->verb) {
    case CRM__VERB__VERB_CREATE:
        return create(pending, mutation, &id, local_number);
    case CRM__VERB__VERB_PATCH:
        return patch(pending, mutation, &id);
    case CRM__VERB__VERB_DELETE:
        return remove_one(pending, mutation, &id);
    case CRM__VERB__VERB_ACTION:
        return act(pending, mutation, &id);
    default:
        return fail(pending->failure, CRM_UNREACHABLE, NULL, "this needs the server");
    }
}

/* --- what its author sees */

/* The fields that a mutation is about: of an action those that it has changed. */
static enum crm_status find_touched(struct evolve *evolve, const Crm__Mutation *mutation, struct field_set *out_touched)
{
    struct body_patch patch;
    struct merge_result result;
    struct merge_input input = {
        .schema = evolve->view->schema, .kind = evolve->kind, .base = evolve->before.body, .patch = &patch, .now = evolve->before.body,
    };
    enum crm_status status;

    *out_touched = evolve->changed;
    if (mutation->verb != CRM__VERB__VERB_PATCH)
        return CRM_OK;
    status = evolve_read_patch(evolve, mutation, &patch);
    if (status == CRM_OK)
        status = merge_patch(evolve->arena, &input, &result);
    if (status == CRM_OK)
        *out_touched = result.touched;
    return status;
}

static ProtobufCBinaryData bytes_of(struct slice slice)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)slice.data, .len = slice.size };
}

static ProtobufCBinaryData copy_id(struct evolve *evolve, const struct uuid *id, enum crm_status *status)
{
    uint8_t *bytes = arena_memdup(evolve->arena, id->bytes, UUID_SIZE);

    if (!bytes)
        *status = CRM_NO_MEMORY;
    return (ProtobufCBinaryData){ .data = bytes, .len = bytes ? UUID_SIZE : 0 };
}

enum crm_status pending_note_seen(struct pending *pending, Crm__Mutation *mutation)
{
    struct evolve *evolve = &pending->evolve;
    struct field_set touched;
    struct slice old;
    enum crm_status status = CRM_OK;

    if (!evolve->has_before)
        return CRM_OK;
    status = find_touched(evolve, mutation, &touched);
    if (status == CRM_OK)
        status = body_keep(evolve->arena, evolve->before.body, &touched, &old);
    if (status != CRM_OK)
        return status;
    mutation->has_base_rev = evolve->before.header.rev != 0;
    mutation->base_rev = evolve->before.header.rev;
    mutation->has_old = mutation->has_old_owner = mutation->has_old_team = true;
    mutation->old = bytes_of(old);
    mutation->old_owner = copy_id(evolve, &evolve->before.header.owner, &status);
    mutation->old_team = copy_id(evolve, &evolve->before.header.team, &status);
    if (mutation->verb == CRM__VERB__VERB_ACTION) {
        mutation->seen = touched.refs;
        mutation->n_seen = touched.n;
    }
    return status;
}
