/*
 * mutate.c - from a mutation to a stored record: load, check, apply, ask the rules, validate, store
 *
 * Writer thread, or a worker in a dry run. Holds no business: that is in common/rules.
 */
#include "server/engine/mutate.h"

#include <inttypes.h>

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "common/model/validate.h"
#include "common/rules/rule.h"
#include "proto/codec.h"
#include "server/engine/access.h"

#define EARLIEST_US (INT64_C(-719162) * US_PER_DAY) /* 0001-01-01, as for dates */

static struct slice bytes_of(protobuf_c_boolean has, ProtobufCBinaryData data)
{
    return has ? slice_of(data.data, data.len) : (struct slice){ 0 };
}

/* Header and record of what is being made or changed, while it is. */
struct work {
    struct change *change;
    const struct kind_def *kind;
    const Crm__Mutation *mutation; /* NULL for a rule's own change */
    struct record before;
    bool has_before;
    struct record after;
    int64_t happened_us;
    const char *action;
    enum rule_verb verb;
    struct rule_grant *grants; /* that the rules give and take */
    const char *reason;        /* for which it is done, or NULL */
    struct rule_more *more;
    bool is_override;
    struct view seen;         /* see actor_view */
    struct view_guard guard;
};

static struct failure *failure_of(struct work *work)
{
    return &work->change->failure;
}

/* What is reported counts, but never lies ahead of the server's clock. */
static int64_t bounded_happened(const struct change *change, const Crm__Mutation *mutation)
{
    int64_t now = change->group->now_us;

    if (!mutation->has_happened_at || mutation->happened_at > now)
        return now;
    return mutation->happened_at < EARLIEST_US ? EARLIEST_US : mutation->happened_at;
}

/* --- access, inside the commit */

static enum crm_status refuse_change(struct work *work)
{
    return fail(failure_of(work), CRM_NOT_ALLOWED, NULL, "your role does not allow changing this %s", work->kind->name);
}

/* What may not be read is not there; what may only be read is not changed. A rule's own changes are not asked about. */
static enum crm_status may_change(struct work *work, const struct record_header *header)
{
    const struct access *access = work->change->actor->access;
    const struct view *view = &work->change->view;

    if (!access || !work->mutation)
        return CRM_OK;
    if (access_may(access, view, ACCESS_READ, header, NULL) != CRM_OK)
        return CRM_NOT_FOUND;
    return access_may(access, view, ACCESS_WRITE, header, NULL) == CRM_OK ? CRM_OK : refuse_change(work);
}

/* A new record, or one that gets another root, becomes a part of what its root's readers see: who puts it there must be allowed to change that. */
static enum crm_status may_put(struct work *work)
{
    const struct access *access = work->change->actor->access;

    if (!access || access_may(access, &work->change->view, ACCESS_WRITE, &work->after.header, NULL) == CRM_OK)
        return CRM_OK;
    return fail(failure_of(work), CRM_NOT_ALLOWED, NULL, "your role does not allow %s %s here or for them", work->has_before ? "moving a" : "adding a",
                work->kind->name);
}

/* Not one that the role hides or shows only. */
static enum crm_status may_set_field(struct work *work, uint32_t ref)
{
    if (!access_keeps(work->change->actor->access, work->kind->kind, ref))
        return CRM_OK;
    return fail(failure_of(work), CRM_NOT_ALLOWED, schema_field(work->change->group->schema, work->kind, ref)->name,
                "your role does not allow changing this field");
}

static enum crm_status may_set_fields(struct work *work, const struct body_patch *patch)
{
    const struct access *access = work->change->actor->access;
    const struct slice parts[] = { patch->set, patch->add, patch->remove };
    enum crm_status status = CRM_OK;

    for (size_t p = 0; access && p < ARRAY_LEN(parts) && status == CRM_OK; p++) {
        struct field_set touched = { 0 };

        status = body_diff(work->change->group->arena, (struct slice){ 0 }, parts[p], &touched);
        for (size_t i = 0; status == CRM_OK && i < touched.n; i++)
            status = may_set_field(work, touched.refs[i]);
    }
    for (size_t i = 0; access && status == CRM_OK && i < patch->n_clear; i++)
        status = may_set_field(work, patch->clear[i]);
    return status;
}

static enum crm_status load_before(struct work *work, const struct uuid *id, bool also_deleted)
{
    enum crm_status status = view_record(&work->change->view, work->kind->kind, id, &work->before);

    if (status == CRM_NOT_FOUND && also_deleted)
        status = view_deleted(&work->change->view, work->kind->kind, id, &work->before);
    if (status == CRM_OK)
        status = may_change(work, &work->before.header);
    if (status == CRM_NOT_FOUND)
        return fail(failure_of(work), CRM_NOT_FOUND, NULL, "there is no such %s", work->kind->name);
    if (status != CRM_OK)
        return fail(failure_of(work), status, NULL, "the stored %s cannot be read", work->kind->name);
    work->has_before = true;
    work->after = work->before;
    return CRM_OK;
}

static enum crm_status check_rev(struct work *work)
{
    const Crm__Mutation *mutation = work->mutation;

    if (!mutation->has_base_rev || mutation->base_rev == 0 || mutation->base_rev == work->before.header.rev)
        return CRM_OK;
    return fail(failure_of(work), CRM_CONFLICT, "rev", "the record is at revision %" PRIu64 ", not %" PRIu64, work->before.header.rev,
                (uint64_t)mutation->base_rev);
}

/* The body parts of a mutation, checked and canonical. */
static enum crm_status read_patch(struct work *work, struct body_patch *out_patch)
{
    const Crm__Mutation *m = work->mutation;
    struct change_group *group = work->change->group;
    bool derived = work->change->actor->is_system;
    const struct slice in[] = { bytes_of(m->has_set, m->set), bytes_of(m->has_add, m->add), bytes_of(m->has_remove, m->remove) };
    struct slice *out[] = { &out_patch->set, &out_patch->add, &out_patch->remove };

    *out_patch = (struct body_patch){ .clear = m->clear, .n_clear = m->n_clear };
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        enum crm_status status;

        if (in[i].size == 0)
            continue;
        status = validate_input(group->schema, work->kind, in[i], derived, group->arena, out[i], failure_of(work));
        if (status != CRM_OK)
            return status;
    }
    for (size_t i = 0; i < m->n_clear; i++) {
        const struct field_def *field = schema_field(group->schema, work->kind, m->clear[i]);

        if (!field || (field->flags & FIELD_HEADER))
            return fail(failure_of(work), CRM_INVALID, "clear", "%s has no field number %u that can be cleared", work->kind->name, m->clear[i]);
        if ((field->flags & FIELD_DERIVED) && !derived)
            return fail(failure_of(work), CRM_INVALID, field->name, "this field is set by the server");
    }
    return may_set_fields(work, out_patch);
}

/* The state with the eyes of who asks: to them nothing else exists. For a rule's own change: all of it. Lives in work, as of now. */
static const struct view *actor_view(struct work *work)
{
    const struct access *access = work->change->actor->access;

    work->seen = work->change->view;
    if (access && work->mutation && !access_sees_all(access)) {
        work->guard = access_guard(access);
        work->seen.guard = &work->guard;
        work->seen.arena = work->change->group->arena;
    }
    return &work->seen;
}

/* An owner or a team that is named. */
static enum crm_status take_principal(struct work *work, const char *field, enum kind kind, ProtobufCBinaryData bytes, struct uuid *out_id)
{
    struct rule_ctx ctx = { .seen = actor_view(work), .before = work->has_before ? &work->before : NULL, .actor = work->change->actor->user };

    if (!uuid_from_slice(slice_of(bytes.data, bytes.len), out_id) || !rule_may_name(&ctx, kind, out_id))
        return fail(failure_of(work), CRM_INVALID, field, "there is no such %s", kind_def(kind)->name);
    return CRM_OK;
}

/* The owner's main team: where the record belongs when no team is named. */
static void team_of_owner(struct work *work)
{
    const struct kind_def *user = kind_def(KIND_USER);
    struct record record;
    struct value team;

    if (uuid_equal(&work->after.header.owner, &work->change->actor->user)) {
        work->after.header.team = work->change->actor->team;
        return;
    }
    if (view_record(&work->change->view, KIND_USER, &work->after.header.owner, &record) == CRM_OK &&
        reflect_get(kind_field_by_name(user, "team"), &record, &team))
        work->after.header.team = team.ref;
}

static enum crm_status set_owner_and_team(struct work *work)
{
    const Crm__Mutation *m = work->mutation;
    enum crm_status status = CRM_OK;

    if (m && m->has_owner)
        status = take_principal(work, "owner", KIND_USER, m->owner, &work->after.header.owner);
    if (status == CRM_OK && m && m->has_team)
        return take_principal(work, "team", KIND_TEAM, m->team, &work->after.header.team);
    if (status == CRM_OK && (!work->has_before || (m && m->has_owner)))
        team_of_owner(work);
    return status;
}

/* A patch hands over as the action assign does, and asks for the same right. */
static enum crm_status hand_over(struct work *work)
{
    const struct record_header *before = &work->before.header, *after = &work->after.header;
    enum crm_status status = set_owner_and_team(work);

    if (status != CRM_OK || (uuid_equal(&before->owner, &after->owner) && uuid_equal(&before->team, &after->team)) ||
        actor_has_right(work->change->actor, CRM__RIGHT__RIGHT_REASSIGN))
        return status;
    return fail(failure_of(work), CRM_NOT_ALLOWED, work->mutation->has_owner ? "owner" : "team", "your role does not allow this");
}

static enum crm_status is_free(struct work *work, const struct uuid *id)
{
    struct record other;

    if (view_record(&work->change->view, work->kind->kind, id, &other) == CRM_NOT_FOUND &&
        view_deleted(&work->change->view, work->kind->kind, id, &other) == CRM_NOT_FOUND)
        return CRM_OK;
    return fail(failure_of(work), CRM_EXISTS, "id", "a %s with this id exists", work->kind->name);
}

/* A new record's header: id, owner, team, number, times. */
static enum crm_status start_record(struct work *work, const struct uuid *id)
{
    struct record_header *header = &work->after.header;
    enum crm_status status = is_free(work, id);
    struct record other;

    if (status != CRM_OK)
        return status;
    if ((work->kind->flags & KIND_SINGLE) && view_first(&work->change->view, work->kind->kind, &other) == CRM_OK)
        return fail(failure_of(work), CRM_EXISTS, NULL, "there is only one %s: change it", work->kind->name);
    *header = (struct record_header){
        .id = *id, .kind = work->kind->kind, .owner = work->change->actor->user, .root = *id,
        .created_us = work->change->group->now_us, .created_by = work->change->actor->user,
    };
    return set_owner_and_team(work);
}

/* The record that decides over access: the parent's root, where the kind has a parent and the record names one. */
static void set_root(struct work *work)
{
    const struct field_def *parent = kind_parent_field(work->kind);
    struct record record;
    struct value value;

    work->after.header.root = work->after.header.id;
    if (parent && reflect_get(parent, &work->after, &value) &&
        view_record(&work->change->view, parent->ref_kind, &value.ref, &record) == CRM_OK)
        work->after.header.root = record.header.root;
}

/* What somebody refers to they must be able to see: to them nothing else exists. What the record referred to before stays. */
static enum crm_status may_refer(struct work *work)
{
    const struct view *view = actor_view(work);

    return !view->guard ? CRM_OK : check_references(work->change, view, work->kind, work->has_before ? &work->before : NULL, &work->after);
}

static struct rule_ctx rules_for(struct change *change, const struct kind_def *kind, const struct record *before, struct record *after,
                                 int64_t happened_us, enum rule_verb verb)
{
    const struct change_group *group = change->group;

    return (struct rule_ctx){
        .view = &change->view, .seen = &change->view, .arena = group->arena, .failure = &change->failure, .kind = kind, .before = before, .after = after,
        .actor = change->actor->user, .now_us = group->now_us, .happened_us = happened_us, .today = group->today, .verb = verb,
    };
}

enum crm_status ask_guard(struct change *change, const struct record *before, bool is_restore)
{
    struct record after = *before;
    struct rule_ctx ctx = rules_for(change, kind_def(before->header.kind), before, &after, change->group->now_us,
                                    is_restore ? RULE_RESTORE : RULE_DELETE);

    return rule_guard(&ctx);
}

/* An action sets no field that whoever asks for it could not set by hand. What the kind's rules derive of it is another matter. */
static enum crm_status may_act(struct work *work)
{
    const struct access *access = work->change->actor->access;
    struct field_set touched;
    enum crm_status status = access ? body_diff(work->change->group->arena, work->before.body, work->after.body, &touched) : CRM_OK;

    for (size_t i = 0; access && status == CRM_OK && i < touched.n; i++)
        status = may_set_field(work, touched.refs[i]);
    return status;
}

/* The kind's rules see the record as it will be and may change it. */
static enum crm_status ask_rules(struct work *work, const struct action_def *action, const void *argument)
{
    struct rule_ctx ctx = rules_for(work->change, work->kind, work->has_before ? &work->before : NULL, &work->after, work->happened_us,
                                    work->has_before ? RULE_PATCH : RULE_CREATE);
    enum crm_status status;

    ctx.reason = work->reason;
    ctx.seen = actor_view(work);
    status = action ? action->run(&ctx, argument) : CRM_OK;
    if (status == CRM_OK && action)
        status = may_act(work);
    if (status == CRM_OK && ctx.verb != RULE_RESTORE)
        status = rule_complete(&ctx);
    work->happened_us = ctx.happened_us;
    work->verb = ctx.verb;
    work->more = ctx.more;
    work->grants = ctx.grants;
    work->reason = ctx.reason;
    if (status == CRM_OK && work->grants && work->mutation && !actor_has_right(work->change->actor, CRM__RIGHT__RIGHT_SHARE))
        return fail(failure_of(work), CRM_NOT_ALLOWED, NULL, "your role does not allow sharing");
    return status == CRM_OK ? CRM_OK : fail(failure_of(work), status, NULL, "%s", crm_status_info((int)status)->sentence);
}

/* What differs, header fields included; sorted since header references lie above all tags and below all custom ones. */
static enum crm_status differences(struct work *work, struct field_set *out_changed)
{
    struct arena *arena = work->change->group->arena;
    const struct record_header *a = &work->before.header, *b = &work->after.header;
    struct field_set body;
    uint32_t *refs;
    size_t n = 0, i = 0;
    enum crm_status status = body_diff(arena, work->before.body, work->after.body, &body);

    if (status != CRM_OK)
        return status;
    refs = arena_alloc(arena, (body.n + 2) * sizeof *refs);
    if (!refs)
        return CRM_NO_MEMORY;
    for (; i < body.n && body.refs[i] < FIELD_REF_HEADER; i++)
        refs[n++] = body.refs[i];
    if (!uuid_equal(&a->owner, &b->owner))
        refs[n++] = HEADER_OWNER;
    if (!uuid_equal(&a->team, &b->team))
        refs[n++] = HEADER_TEAM;
    for (; i < body.n; i++)
        refs[n++] = body.refs[i];
    *out_changed = (struct field_set){ .refs = refs, .n = n };
    return CRM_OK;
}

static enum crm_status run_more(struct change *change, struct rule_more *more, int64_t happened_us);

/*
 * What a rule or a deletion changes of another record is not refused for what that record lacked before: a field that is required since then is
 * asked for when somebody edits the record.
 */
static enum crm_status validate_after(struct work *work)
{
    const struct schema *schema = work->change->group->schema;
    struct failure before = { 0 }, after = { 0 };
    enum crm_status status = validate_record(schema, work->kind, work->after.body, &after);

    if (status == CRM_OK || (!work->mutation && work->has_before &&
                             validate_record(schema, work->kind, work->before.body, &before) == status && strcmp(before.field, after.field) == 0))
        return CRM_OK;
    return fail(failure_of(work), status, after.field, "%s", after.text);
}

/* An entry of the log tells of one share: each but the first is a change of its own. */
static enum crm_status put_grants(struct work *work, const struct rule_grant *grants)
{
    const struct field_set nothing = { 0 };
    enum crm_status status = CRM_OK;

    for (; grants && status == CRM_OK; grants = grants->next) {
        struct record before = work->after;
        struct change_record record = {
            .verb = LOG_PATCH, .kind = work->kind, .before = &before, .after = &work->after, .changed = &nothing, .action = "share",
            .happened_us = work->happened_us, .grant = &grants->grant,
        };

        status = change_put(work->change, &record);
    }
    return status;
}

/* Validate and store what the rules have left. */
static enum crm_status finish(struct work *work, struct record_header *out_header)
{
    struct change *change = work->change;
    struct field_set changed = { 0 };
    struct change_record record = {
        .verb = work->has_before ? LOG_PATCH : LOG_CREATE, .kind = work->kind, .before = work->has_before ? &work->before : NULL,
        .after = &work->after, .changed = &changed, .action = work->action, .happened_us = work->happened_us,
        .grant = work->grants ? &work->grants->grant : NULL, .reason = work->reason,
    };
    enum crm_status status = validate_after(work);

    if (status == CRM_OK)
        status = check_references(change, &change->view, work->kind, work->has_before ? &work->before : NULL, &work->after);
    if (status == CRM_OK && work->has_before)
        status = differences(work, &changed);
    if (status != CRM_OK)
        return fail(failure_of(work), status, NULL, "%s", crm_status_info((int)status)->sentence);
    if (work->has_before && changed.n == 0 && !work->grants) {
        *out_header = work->before.header;
        return run_more(change, work->more, work->happened_us);
    }
    set_root(work);
    if (!work->has_before && !(work->kind->flags & KIND_NO_NUMBER)) {
        status = change_next_number(change, work->kind, &work->after.header.number);
        if (status != CRM_OK)
            return fail(failure_of(work), status, NULL, "the counter of numbers cannot be read");
    }
    if (work->more && uuid_is_nil(&change->job))
        change->job = uuid_create();
    status = change_put(change, &record);
    if (status != CRM_OK)
        return status;
    status = work->grants ? put_grants(work, work->grants->next) : CRM_OK;
    *out_header = work->after.header;
    return status == CRM_OK ? run_more(change, work->more, work->happened_us) : status;
}

/* A rule's or a deletion's patch of another record, which may also hand it over (nil: it stays whose it is). */
static enum crm_status patch_more(struct change *change, const struct rule_more *more, int64_t happened_us, struct record_header *out_header)
{
    const struct body_patch patch = { .set = more->set, .add = more->add, .remove = more->remove, .clear = more->clear, .n_clear = more->n_clear };
    struct work work = { .change = change, .kind = kind_def(more->kind), .happened_us = happened_us, .reason = more->reason };
    enum crm_status status = load_before(&work, &more->id, false);

    if (status != CRM_OK)
        return status;
    if (!uuid_is_nil(&more->owner))
        work.after.header.owner = more->owner;
    if (!uuid_is_nil(&more->team))
        work.after.header.team = more->team;
    status = body_apply(work.kind, change->group->arena, work.before.body, &patch, &work.after.body, &change->failure);
    if (status == CRM_OK)
        status = ask_rules(&work, NULL, NULL);
    return status == CRM_OK ? finish(&work, out_header) : status;
}

/* Might who asks change it by themselves? An error means no. */
static bool may_change_too(const struct change *change, const struct rule_more *more)
{
    const struct access *access = change->actor->access;
    struct record record;

    return !access || (view_record(&change->view, more->kind, &more->id, &record) == CRM_OK &&
                       access_may(access, &change->view, ACCESS_WRITE, &record.header, NULL) == CRM_OK);
}

/* A rule's further changes, inside the same unit; bounded so that rules cannot chase each other. */
static enum crm_status run_more(struct change *change, struct rule_more *more, int64_t happened_us)
{
    struct record_header header;
    enum crm_status status = CRM_OK;

    if (more && change->depth == MUTATION_DEPTH_MAX)
        return fail(&change->failure, CRM_FAILED, NULL, "rules ask for more than %d changes of each other", MUTATION_DEPTH_MAX);
    change->depth++;
    for (; more && status == CRM_OK; more = more->next) {
        const struct kind_def *kind = kind_def(more->kind);

        if (change->records >= MUTATION_RECORDS_MAX) {
            status = fail(&change->failure, CRM_TOO_LARGE, NULL, "it would change more than %d records", MUTATION_RECORDS_MAX);
            break;
        }
        if (more->verb == RULE_CREATE) {
            struct work work = { .change = change, .kind = kind, .happened_us = happened_us };

            status = start_record(&work, &more->id);
            work.after.body = more->set;
            if (!uuid_is_nil(&more->owner)) {
                work.after.header.owner = more->owner;
                work.after.header.team = more->team;
            }
            if (status == CRM_OK)
                status = ask_rules(&work, NULL, NULL);
            if (status == CRM_OK)
                status = finish(&work, &header);
        } else if (!more->is_asked || may_change_too(change, more)) {
            status = patch_more(change, more, happened_us, &header);
        }
    }
    change->depth--;
    return status;
}

enum crm_status mutate_patch(struct change *change, const struct kind_def *kind, const struct uuid *id, const struct body_patch *patch,
                             int64_t happened_us, struct record_header *out_header)
{
    const struct rule_more more = {
        .verb = RULE_PATCH, .kind = kind->kind, .id = *id, .set = patch->set, .add = patch->add, .remove = patch->remove,
        .clear = patch->clear, .n_clear = patch->n_clear,
    };

    return patch_more(change, &more, happened_us, out_header);
}

static enum crm_status create(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    struct body_patch patch;
    enum crm_status status = read_patch(work, &patch);

    if (status == CRM_OK)
        status = start_record(work, id);
    if (status != CRM_OK)
        return status;
    status = body_apply(work->kind, work->change->group->arena, (struct slice){ 0 }, &patch, &work->after.body, failure_of(work));
    if (status == CRM_OK)
        status = may_refer(work);
    if (status != CRM_OK)
        return status;
    set_root(work);
    status = may_put(work);
    if (status == CRM_OK)
        status = ask_rules(work, NULL, NULL);
    return status == CRM_OK ? finish(work, out_header) : status;
}

static enum crm_status patch(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    struct body_patch body_patch;
    enum crm_status status = load_before(work, id, false);

    if (status == CRM_OK)
        status = check_rev(work);
    if (status == CRM_OK)
        status = read_patch(work, &body_patch);
    if (status == CRM_OK)
        status = body_apply(work->kind, work->change->group->arena, work->before.body, &body_patch, &work->after.body, failure_of(work));
    if (status == CRM_OK)
        status = may_refer(work);
    if (status != CRM_OK)
        return status;
    set_root(work);
    if (!uuid_equal(&work->before.header.root, &work->after.header.root))
        status = may_put(work);
    if (status == CRM_OK && (work->mutation->has_owner || work->mutation->has_team))
        status = hand_over(work);
    if (status == CRM_OK)
        status = ask_rules(work, NULL, NULL);
    return status == CRM_OK ? finish(work, out_header) : status;
}

static enum crm_status act(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    const Crm__Mutation *m = work->mutation;
    const struct action_def *action = m->action ? rule_action(work->kind->kind, m->action) : NULL;
    const void *argument;
    enum crm_status status;

    if (!action)
        return fail(failure_of(work), CRM_INVALID, "action", "%s has no such action", work->kind->name);
    if (action->right && !actor_has_right(work->change->actor, action->right))
        return fail(failure_of(work), CRM_NOT_ALLOWED, NULL, "your role does not allow this");
    status = codec_unpack_body(bytes_of(m->has_argument, m->argument), action->argument, work->change->group->arena, &argument,
                               failure_of(work));
    if (status == CRM_OK)
        status = load_before(work, id, true);
    if (status == CRM_OK)
        status = check_rev(work);
    if (status != CRM_OK)
        return status;
    work->action = action->name;
    status = ask_rules(work, action, argument);
    if (status != CRM_OK)
        return status;
    if (work->verb == RULE_RESTORE)
        return restore_record(work->change, work->kind, &work->before, work->happened_us, NULL, out_header);
    if (work->before.header.flags & RECORD_DELETED)
        return fail(failure_of(work), CRM_NOT_FOUND, NULL, "there is no such %s", work->kind->name);
    return finish(work, out_header);
}

static enum crm_status delete_record(struct work *work, const struct uuid *id, struct record_header *out_header)
{
    enum crm_status status = load_before(work, id, false);

    if (status == CRM_OK)
        status = check_rev(work);
    if (status == CRM_OK && !actor_has_right(work->change->actor, CRM__RIGHT__RIGHT_DELETE))
        status = fail(failure_of(work), CRM_NOT_ALLOWED, NULL, "your role does not allow deleting");
    return status == CRM_OK ? remove_record(work->change, work->kind, &work->before, work->happened_us, NULL, out_header) : status;
}

static enum crm_status run_one(struct change *change, const Crm__Mutation *mutation, struct record_header *out_header)
{
    struct work work = { .change = change, .mutation = mutation, .kind = kind_def(mutation->kind) };
    struct uuid id;

    if (!work.kind)
        return fail(&change->failure, CRM_INVALID, "kind", "there is no kind number %u", mutation->kind);
    if ((work.kind->flags & KIND_ADMINISTRATION) && !actor_has_right(change->actor, work.kind->write_right))
        return fail(&change->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow changing %s", work.kind->plural);
    if (!uuid_from_slice(bytes_of(mutation->has_id, mutation->id), &id) || uuid_is_nil(&id)) {
        if (mutation->has_id || mutation->verb != CRM__VERB__VERB_CREATE)
            return fail(&change->failure, CRM_INVALID, "id", "an id has 16 bytes");
        id = uuid_create();
    }
    work.happened_us = bounded_happened(change, mutation);
    switch (mutation->verb) {
    case CRM__VERB__VERB_CREATE:
        return create(&work, &id, out_header);
    case CRM__VERB__VERB_PATCH:
        return patch(&work, &id, out_header);
    case CRM__VERB__VERB_DELETE:
        return delete_record(&work, &id, out_header);
    case CRM__VERB__VERB_ACTION:
        return act(&work, &id, out_header);
    default:
        return fail(&change->failure, CRM_INVALID, "verb", "create, patch, delete or action?");
    }
}

/* Whatever a rule has made of what memory could not hold: it has not been asked whole. */
enum crm_status mutate_one(struct change *change, const Crm__Mutation *mutation, struct record_header *out_header)
{
    struct arena *arena = change->group->arena;
    enum crm_status status;

    arena->is_spent = false;
    status = run_one(change, mutation, out_header);
    if (!arena->is_spent)
        return status;
    change->failure = (struct failure){ 0 };
    return fail(&change->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

/* --- requests */

static bool set_error(struct change_group *group, Crm__MutateResult *result, enum crm_status status, const struct failure *failure)
{
    const struct crm_status_info *info = crm_status_info((int)status);
    Crm__Error *error = arena_alloc(group->arena, sizeof *error);

    if (!error)
        return false;
    crm__error__init(error);
    error->has_status = result->has_status = true;
    error->status = result->status = (uint32_t)status;
    error->name = (char *)info->name;
    error->has_retry = true;
    error->retry = (uint32_t)info->retry;
    error->has_outcome = true;
    error->outcome = (uint32_t)info->outcome;
    error->field = failure->field[0] ? arena_strdup(group->arena, failure->field) : NULL;
    error->text = arena_strdup(group->arena, failure->text[0] ? failure->text : info->sentence);
    result->error = error;
    return true;
}

static bool set_result(struct change_group *group, Crm__MutateResult *result, const struct record_header *header)
{
    uint8_t *id = arena_memdup(group->arena, header->id.bytes, UUID_SIZE);

    if (!id)
        return false;
    result->has_id = result->has_rev = result->has_seq = true;
    result->id = (ProtobufCBinaryData){ .data = id, .len = UUID_SIZE };
    result->rev = header->rev;
    result->seq = header->seq;
    result->has_number = header->number != 0;
    result->number = header->number;
    return true;
}

/* Does a status end the whole request, whatever the other mutations say? */
static bool is_fatal(enum crm_status status)
{
    return status == CRM_NO_MEMORY || status == CRM_IO || status == CRM_FULL;
}

static enum crm_status run_atomic(struct change_group *group, const struct change_actor *actor, const Crm__MutateRequest *request,
                                  Crm__MutateReply *reply, struct failure *failure)
{
    struct change change;
    enum crm_status status = change_begin(&change, group, actor);

    if (status == CRM_OK && request->n_mutations > 1)
        change.job = uuid_create();
    for (size_t i = 0; i < request->n_mutations && status == CRM_OK; i++) {
        struct record_header header;

        status = mutate_one(&change, request->mutations[i], &header);
        if (status == CRM_OK && !set_result(group, reply->results[i], &header))
            status = CRM_NO_MEMORY;
        if (status != CRM_OK) {
            *failure = change.failure;
            fail(failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
            if (request->n_mutations > 1)
                failure->position = (int)i + 1; /* which of them it was */
            return status;
        }
    }
    return status == CRM_OK ? change_accept(&change) : status;
}

static enum crm_status run_in_turn(struct change_group *group, const struct change_actor *actor, const Crm__MutateRequest *request,
                                   Crm__MutateReply *reply, struct failure *failure)
{
    for (size_t i = 0; i < request->n_mutations; i++) {
        struct change change;
        struct record_header header;
        enum crm_status status = change_begin(&change, group, actor);

        if (status == CRM_OK)
            status = mutate_one(&change, request->mutations[i], &header);
        if (status == CRM_OK)
            status = change_accept(&change);
        if (is_fatal(status)) {
            *failure = change.failure;
            return fail(failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
        }
        if (!(status == CRM_OK ? set_result(group, reply->results[i], &header)
                               : set_error(group, reply->results[i], status, &change.failure)))
            return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    return CRM_OK;
}

/* What ends the request takes back what it had accepted by then: the answer says that nothing was done. */
static enum crm_status run_each(struct change_group *group, const struct change_actor *actor, const Crm__MutateRequest *request,
                                Crm__MutateReply *reply, struct failure *failure)
{
    uint64_t seq = group->head.seq;
    enum crm_status status = run_in_turn(group, actor, request, reply, failure);

    if (status != CRM_OK && group->head.seq != seq)
        change_group_spoil(group);
    return status;
}

/* Who may do it at all is asked for the password once more: a session that was left open must not be enough. */
static bool is_sensitive(const struct change_actor *actor, const Crm__MutateRequest *request)
{
    unsigned deletions = 0;

    for (size_t i = 0; i < request->n_mutations; i++) {
        const Crm__Mutation *mutation = request->mutations[i];
        const struct kind_def *kind = kind_def(mutation->kind);

        if (kind && kind_decides_access(kind->kind) && actor_has_right(actor, kind->write_right))
            return true;
        deletions += mutation->verb == CRM__VERB__VERB_DELETE;
    }
    return deletions > DELETIONS_UNCONFIRMED;
}

enum crm_status mutate_run(struct change_group *group, const struct change_actor *actor, const Crm__MutateRequest *request,
                           Crm__MutateReply *reply, struct failure *failure)
{
    Crm__MutateResult *results;
    enum crm_status status;

    if (request->n_mutations == 0)
        return fail(failure, CRM_INVALID, "mutations", "there is nothing to do");
    if (request->n_mutations > MUTATIONS_MAX)
        return fail(failure, CRM_TOO_LARGE, "mutations", "a request has at most %d mutations", MUTATIONS_MAX);
    if (!actor->is_confirmed && !actor->is_system && is_sensitive(actor, request))
        return fail(failure, CRM_CONFIRM, NULL, "%s", crm_status_info(CRM_CONFIRM)->sentence);
    reply->results = arena_alloc(group->arena, request->n_mutations * sizeof *reply->results);
    results = arena_alloc(group->arena, request->n_mutations * sizeof *results);
    if (!reply->results || !results)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    reply->n_results = request->n_mutations;
    for (size_t i = 0; i < request->n_mutations; i++) {
        crm__mutate_result__init(&results[i]);
        reply->results[i] = &results[i];
    }
    /* A single mutation is atomic anyway: its error is the request's, so that a plain client need not look into results. */
    status = (request->atomic || request->n_mutations == 1 ? run_atomic : run_each)(group, actor, request, reply, failure);
    reply->has_seq = true;
    reply->seq = group->head.seq;
    return status;
}
