/*
 * evolve.c - see evolve.h
 *
 * On the server: writer thread, or a worker in a dry run. Holds no business: that is in common/rules.
 */
#include "common/ops/evolve.h"

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "common/model/validate.h"
#include "common/ops/reference.h"
#include "proto/codec.h"

#define EARLIEST_US (INT64_C(-719162) * US_PER_DAY) /* 0001-01-01, as for dates */

static struct slice bytes_of(protobuf_c_boolean has, ProtobufCBinaryData data)
{
    return has ? slice_of(data.data, data.len) : (struct slice){ 0 };
}

int64_t evolve_happened(const Crm__Mutation *mutation, int64_t now_us)
{
    if (!mutation->has_happened_at || mutation->happened_at > now_us)
        return now_us;
    return mutation->happened_at < EARLIEST_US ? EARLIEST_US : mutation->happened_at;
}

static const struct record *before_of(const struct evolve *evolve)
{
    return evolve->has_before ? &evolve->before : NULL;
}

static bool has_right(const struct evolve *evolve, Crm__Right right)
{
    return !evolve->gate || evolve->gate->has_right(evolve->gate->arg, right);
}

/* --- what is asked for */

static enum crm_status check_clear(struct evolve *evolve, const Crm__Mutation *mutation)
{
    for (size_t i = 0; i < mutation->n_clear; i++) {
        const struct field_def *field = schema_field(evolve->view->schema, evolve->kind, mutation->clear[i]);

        if (!field || (field->flags & FIELD_HEADER))
            return fail(evolve->failure, CRM_INVALID, "clear", "%s has no field number %u that can be cleared", evolve->kind->name,
                        mutation->clear[i]);
        if ((field->flags & FIELD_DERIVED) && !evolve->may_derive)
            return fail(evolve->failure, CRM_INVALID, field->name, "this field is set by the server");
    }
    return CRM_OK;
}

/* May who asks set every field in which a body differs from another one? */
static enum crm_status may_set(struct evolve *evolve, struct slice before, struct slice after)
{
    struct field_set touched = { 0 };
    enum crm_status status = evolve->gate ? body_diff(evolve->arena, before, after, &touched) : CRM_OK;

    for (size_t i = 0; i < touched.n && status == CRM_OK; i++)
        status = evolve->gate->field(evolve->gate->arg, evolve, touched.refs[i]);
    return status;
}

static enum crm_status may_patch(struct evolve *evolve, const struct body_patch *patch)
{
    const struct slice parts[] = { patch->set, patch->add, patch->remove };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(parts) && status == CRM_OK; i++)
        status = may_set(evolve, (struct slice){ 0 }, parts[i]);
    for (size_t i = 0; evolve->gate && i < patch->n_clear && status == CRM_OK; i++)
        status = evolve->gate->field(evolve->gate->arg, evolve, patch->clear[i]);
    return status;
}

enum crm_status evolve_read_patch(struct evolve *evolve, const Crm__Mutation *m, struct body_patch *out_patch)
{
    const struct slice in[] = { bytes_of(m->has_set, m->set), bytes_of(m->has_add, m->add), bytes_of(m->has_remove, m->remove) };
    struct slice *out[] = { &out_patch->set, &out_patch->add, &out_patch->remove };
    enum crm_status status = CRM_OK;

    *out_patch = (struct body_patch){ .clear = m->clear, .n_clear = m->n_clear };
    for (size_t i = 0; i < ARRAY_LEN(in) && status == CRM_OK; i++)
        if (in[i].size > 0)
            status = validate_input(evolve->view->schema, evolve->kind, in[i], evolve->may_derive, evolve->arena, out[i], evolve->failure);
    if (status == CRM_OK)
        status = check_clear(evolve, m);
    return status == CRM_OK ? may_patch(evolve, out_patch) : status;
}

/* An owner or a team that is named. */
static enum crm_status take_principal(struct evolve *evolve, const char *field, enum kind kind, ProtobufCBinaryData bytes, struct uuid *out_id)
{
    struct rule_ctx ctx = { .seen = evolve->seen, .before = before_of(evolve), .actor = evolve->actor };

    if (!uuid_from_slice(slice_of(bytes.data, bytes.len), out_id) || !rule_may_name(&ctx, kind, out_id))
        return fail(evolve->failure, CRM_INVALID, field, "there is no such %s", kind_def(kind)->name);
    return CRM_OK;
}

/* The owner's main team: where the record belongs when no team is named. */
static void team_of_owner(struct evolve *evolve)
{
    struct record_header *header = &evolve->after.header;
    struct record record;
    struct value team;

    if (uuid_equal(&header->owner, &evolve->actor))
        header->team = evolve->actor_team;
    else if (view_record(evolve->view, KIND_USER, &header->owner, &record) == CRM_OK &&
             reflect_get(kind_field_by_name(kind_def(KIND_USER), "team"), &record, &team))
        header->team = team.ref;
}

/* mutation NULL: nobody is named. */
static enum crm_status set_owner_and_team(struct evolve *evolve, const Crm__Mutation *m)
{
    const struct field_set *conflicts = &evolve->late.conflicts;
    bool has_owner = m && m->has_owner && !field_set_has(conflicts, HEADER_OWNER);
    bool has_team = m && m->has_team && !field_set_has(conflicts, HEADER_TEAM);
    enum crm_status status = CRM_OK;

    if (has_owner)
        status = take_principal(evolve, "owner", KIND_USER, m->owner, &evolve->after.header.owner);
    if (status == CRM_OK && has_team)
        return take_principal(evolve, "team", KIND_TEAM, m->team, &evolve->after.header.team);
    if (status == CRM_OK && (!evolve->has_before || has_owner))
        team_of_owner(evolve);
    return status;
}

/* A patch hands over as the action assign does, and asks for the same right. */
static enum crm_status hand_over(struct evolve *evolve, const Crm__Mutation *mutation)
{
    const struct record_header *before = &evolve->before.header, *after = &evolve->after.header;
    enum crm_status status = set_owner_and_team(evolve, mutation);

    if (status != CRM_OK || (uuid_equal(&before->owner, &after->owner) && uuid_equal(&before->team, &after->team)) ||
        has_right(evolve, CRM__RIGHT__RIGHT_REASSIGN))
        return status;
    return fail(evolve->failure, CRM_NOT_ALLOWED, mutation->has_owner ? "owner" : "team", "your role does not allow this");
}

static enum crm_status check_free(struct evolve *evolve, const struct uuid *id)
{
    struct record other;

    if (view_record(evolve->view, evolve->kind->kind, id, &other) == CRM_NOT_FOUND &&
        view_deleted(evolve->view, evolve->kind->kind, id, &other) == CRM_NOT_FOUND)
        return CRM_OK;
    return fail(evolve->failure, CRM_EXISTS, "id", "a %s with this id exists", evolve->kind->name);
}

/* A new record's header: id, owner, team, times. */
static enum crm_status start_record(struct evolve *evolve, const Crm__Mutation *mutation, const struct uuid *id)
{
    enum crm_status status = check_free(evolve, id);
    struct record other;

    if (status != CRM_OK)
        return status;
    if ((evolve->kind->flags & KIND_SINGLE) && view_first(evolve->view, evolve->kind->kind, &other) == CRM_OK)
        return fail(evolve->failure, CRM_EXISTS, NULL, "there is only one %s: change it", evolve->kind->name);
    evolve->after.header = (struct record_header){
        .id = *id, .kind = evolve->kind->kind, .owner = evolve->actor, .root = *id, .created_us = evolve->now_us, .created_by = evolve->actor,
    };
    return set_owner_and_team(evolve, mutation);
}

/* The record that decides over access: the parent's root, where the kind has a parent and the record names one. */
static void set_root(struct evolve *evolve)
{
    const struct field_def *parent = kind_parent_field(evolve->kind);
    struct record record;
    struct value value;

    evolve->after.header.root = evolve->after.header.id;
    if (parent && reflect_get(parent, &evolve->after, &value) && view_record(evolve->view, parent->ref_kind, &value.ref, &record) == CRM_OK)
        evolve->after.header.root = record.header.root;
}

static enum crm_status check_references(struct evolve *evolve, const struct view *seen)
{
    const struct reference_scope scope = { .view = evolve->view, .seen = seen, .arena = evolve->arena, .failure = evolve->failure };

    return references_check(&scope, evolve->kind, before_of(evolve), &evolve->after);
}

/*
 * The body as it is asked for, and where the record then hangs. What somebody refers to they must be able to see: to them nothing else exists. And what
 * gets another root becomes a part of what that one's readers see.
 */
static enum crm_status apply(struct evolve *evolve, const struct body_patch *patch)
{
    struct slice body = evolve->has_before ? evolve->before.body : (struct slice){ 0 };
    enum crm_status status = body_apply(evolve->kind, evolve->arena, body, patch, &evolve->after.body, evolve->failure);

    if (status == CRM_OK && evolve->seen != evolve->view)
        status = check_references(evolve, evolve->seen);
    if (status != CRM_OK)
        return status;
    set_root(evolve);
    if (!evolve->gate || (evolve->has_before && uuid_equal(&evolve->before.header.root, &evolve->after.header.root)))
        return CRM_OK;
    return evolve->gate->place(evolve->gate->arg, evolve);
}

/* --- the rules */

static struct rule_ctx rules_for(struct evolve *evolve, enum rule_verb verb)
{
    return (struct rule_ctx){
        .view = evolve->view, .seen = evolve->seen, .arena = evolve->arena, .failure = evolve->failure, .kind = evolve->kind,
        .before = before_of(evolve), .after = &evolve->after, .actor = evolve->actor, .now_us = evolve->now_us,
        .happened_us = evolve->happened_us, .today = evolve->today, .verb = verb, .reason = evolve->reason,
    };
}

enum crm_status evolve_guard(struct evolve *evolve, bool is_restore)
{
    struct rule_ctx ctx = rules_for(evolve, is_restore ? RULE_RESTORE : RULE_DELETE);

    evolve->after = evolve->before;
    return rule_guard(&ctx);
}

/* What an action wants as if whoever asks had asked for it. */
static enum crm_status fulfil(struct evolve *evolve, const Crm__Mutation *wish)
{
    struct body_patch patch;
    enum crm_status status = evolve_read_patch(evolve, wish, &patch);

    if (status == CRM_OK)
        status = apply(evolve, &patch);
    return status == CRM_OK && (wish->has_owner || wish->has_team) ? hand_over(evolve, wish) : status;
}

/* The kind's rules see the record as it will be and may change it. */
static enum crm_status ask_rules(struct evolve *evolve, const struct action_def *action, const void *argument)
{
    struct rule_ctx ctx = rules_for(evolve, evolve->has_before ? RULE_PATCH : RULE_CREATE);
    enum crm_status status = action ? action->run(&ctx, argument) : CRM_OK;

    /* An action sets no field that whoever asks for it could not set by hand. What the kind's rules derive of it is another matter. */
    if (status == CRM_OK && action)
        status = may_set(evolve, evolve->before.body, evolve->after.body);
    if (status == CRM_OK && ctx.wish)
        status = fulfil(evolve, ctx.wish);
    if (status == CRM_OK && ctx.verb != RULE_RESTORE)
        status = rule_complete(&ctx);
    evolve->settled = ctx.settled;
    evolve->happened_us = ctx.happened_us;
    evolve->verb = ctx.verb;
    evolve->more = ctx.more;
    evolve->grants = ctx.grants;
    evolve->reason = ctx.reason;
    if (status == CRM_OK && evolve->grants && evolve->is_asked && !has_right(evolve, CRM__RIGHT__RIGHT_SHARE))
        return fail(evolve->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow sharing");
    return status == CRM_OK ? CRM_OK : fail(evolve->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
}

/* What differs, header fields included; sorted since header references lie above all tags and below all custom ones. */
static enum crm_status find_changed(struct evolve *evolve)
{
    const struct record_header *a = &evolve->before.header, *b = &evolve->after.header;
    struct field_set body;
    uint32_t *refs;
    size_t n = 0, i = 0;
    enum crm_status status = body_diff(evolve->arena, evolve->before.body, evolve->after.body, &body);

    if (status != CRM_OK)
        return status;
    refs = arena_alloc(evolve->arena, (body.n + 2) * sizeof *refs);
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
    evolve->changed = (struct field_set){ .refs = refs, .n = n };
    return CRM_OK;
}

/*
 * What a rule or a deletion changes of another record is not refused for what that record lacked before: a field that is required since then is
 * asked for when somebody edits the record.
 */
static enum crm_status validate_after(struct evolve *evolve)
{
    const struct schema *schema = evolve->view->schema;
    struct failure before = { 0 }, after = { 0 };
    enum crm_status status = validate_record(schema, evolve->kind, evolve->after.body, &after);

    if (status == CRM_OK || (!evolve->is_asked && evolve->has_before &&
                             validate_record(schema, evolve->kind, evolve->before.body, &before) == status && strcmp(before.field, after.field) == 0))
        return CRM_OK;
    return fail(evolve->failure, status, after.field, "%s", after.text);
}

/* Validate what the rules have left, and see what it is. */
static enum crm_status finish(struct evolve *evolve)
{
    enum crm_status status = validate_after(evolve);

    if (status == CRM_OK)
        status = check_references(evolve, evolve->view);
    if (status == CRM_OK && evolve->has_before)
        status = find_changed(evolve);
    if (status != CRM_OK)
        return fail(evolve->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    set_root(evolve);
    return CRM_OK;
}

/* --- the ways in */

enum crm_status evolve_create(struct evolve *evolve, const Crm__Mutation *mutation, const struct uuid *id)
{
    struct body_patch patch;
    enum crm_status status = evolve_read_patch(evolve, mutation, &patch);

    if (status == CRM_OK)
        status = start_record(evolve, mutation, id);
    if (status == CRM_OK)
        status = apply(evolve, &patch);
    if (status == CRM_OK)
        status = ask_rules(evolve, NULL, NULL);
    return status == CRM_OK ? finish(evolve) : status;
}

static enum crm_status patch_record(struct evolve *evolve, const Crm__Mutation *mutation, const struct body_patch *patch)
{
    enum crm_status status = apply(evolve, patch);

    if (status == CRM_OK && (mutation->has_owner || mutation->has_team))
        status = hand_over(evolve, mutation);
    if (status == CRM_OK)
        status = ask_rules(evolve, NULL, NULL);
    return status == CRM_OK ? finish(evolve) : status;
}

enum crm_status evolve_patch(struct evolve *evolve, const Crm__Mutation *mutation)
{
    struct body_patch patch;
    enum crm_status status = evolve_read_patch(evolve, mutation, &patch);

    evolve->after = evolve->before;
    if (status == CRM_OK && evolve_is_late(evolve, mutation))
        status = evolve_merge(evolve, mutation, &patch);
    if (status != CRM_OK || evolve->late.is_whole)
        return status;
    return patch_record(evolve, mutation, &patch);
}

enum crm_status evolve_read_action(struct evolve *evolve, const Crm__Mutation *mutation, const struct action_def **out_action,
                                   const void **out_argument)
{
    const struct action_def *action = mutation->action ? rule_action(evolve->kind->kind, mutation->action) : NULL;

    if (!action)
        return fail(evolve->failure, CRM_INVALID, "action", "%s has no such action", evolve->kind->name);
    if (evolve->is_local && !(action->flags & RULE_LOCAL))
        return fail(evolve->failure, CRM_UNREACHABLE, "action", "this can only be done where the server can be reached");
    if (action->right && !has_right(evolve, action->right))
        return fail(evolve->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow this");
    *out_action = action;
    return codec_unpack_body(bytes_of(mutation->has_argument, mutation->argument), action->argument, evolve->arena, out_argument, evolve->failure);
}

enum crm_status evolve_act(struct evolve *evolve, const Crm__Mutation *mutation, const struct action_def *action, const void *argument)
{
    bool is_late = evolve_is_late(evolve, mutation);
    enum crm_status status = is_late ? evolve_read_old(evolve, mutation) : CRM_OK;

    evolve->after = evolve->before;
    evolve->action = action->name;
    if (status != CRM_OK)
        return status;
    evolve->late.is_late = is_late;
    status = ask_rules(evolve, action, argument);
    if (status != CRM_OK || evolve->verb == RULE_RESTORE)
        return status;
    if (evolve->before.header.flags & RECORD_DELETED)
        return fail(evolve->failure, CRM_NOT_FOUND, NULL, "there is no such %s", evolve->kind->name);
    status = finish(evolve);
    return status == CRM_OK && evolve->late.is_late ? evolve_settle_action(evolve, mutation) : status;
}

enum crm_status evolve_more(struct evolve *evolve, const struct rule_more *more)
{
    const struct body_patch patch = { .set = more->set, .add = more->add, .remove = more->remove, .clear = more->clear, .n_clear = more->n_clear };
    enum crm_status status;

    if (more->verb == RULE_CREATE) {
        status = start_record(evolve, NULL, &more->id);
        evolve->after.body = more->set;
        if (!uuid_is_nil(&more->owner)) {
            evolve->after.header.owner = more->owner;
            evolve->after.header.team = more->team;
        }
    } else {
        evolve->reason = more->reason;
        evolve->after = evolve->before;
        if (!uuid_is_nil(&more->owner))
            evolve->after.header.owner = more->owner;
        if (!uuid_is_nil(&more->team))
            evolve->after.header.team = more->team;
        status = body_apply(evolve->kind, evolve->arena, evolve->before.body, &patch, &evolve->after.body, evolve->failure);
    }
    if (status == CRM_OK)
        status = ask_rules(evolve, NULL, NULL);
    return status == CRM_OK ? finish(evolve) : status;
}
