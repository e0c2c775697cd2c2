/*
 * reference.c - what a record refers to: it exists when the reference is made, and is let go of where it is gone when the record comes back
 *
 * Called by what makes and restores records, on the server and on a replica.
 */
#include "common/ops/reference.h"

#include "common/engine/index.h"
#include "common/model/reflect.h"

struct reference_check {
    const struct reference_scope *scope;
    const struct record *record;
    const struct field_def *field; /* a reference, or a member of group that is one */
    const struct field_def *group; /* or NULL */
    enum crm_status status;
    /* of a record that comes back: the links that are gone */
    struct body_builder remove;
    uint32_t *clear;
    size_t n_clear;
};

static bool target_exists(const struct reference_check *check, const struct uuid *target)
{
    struct record record;

    return check->field->ref_kind == KIND_NONE ||
           view_record(check->scope->seen, check->field->ref_kind, target, &record) == CRM_OK;
}

/* Does the record, as it is stored, refer to this already? What outlived its target stays when something else changes. */
static bool referred_before(const struct reference_check *check, const struct uuid *target)
{
    const struct record_header *header = &check->record->header;
    struct key key = { 0 };
    struct slice value;

    child_prefix(&key, target, header->kind, check->group ? check->group->ref : check->field->ref);
    key_bytes(&key, header->id.bytes, UUID_SIZE);
    return view_get(check->scope->view, STORE_CHILD, key_slice(&key), &value) == CRM_OK;
}

static bool refuse_reference(struct reference_check *check)
{
    check->status = fail(check->scope->failure, CRM_INVALID, check->field->name, "it refers to a %s that does not exist",
                         kind_def(check->field->ref_kind)->name);
    return false;
}

static bool check_reference(void *arg, const struct value *value)
{
    struct reference_check *check = arg;

    return target_exists(check, &value->ref) || referred_before(check, &value->ref) || refuse_reference(check);
}

static bool check_element(void *arg, struct slice element)
{
    struct reference_check *check = arg;
    struct value value;

    for (size_t i = 0; i < check->group->n_members && check->status == CRM_OK; i++) {
        check->field = &check->group->members[i];
        if (check->field->type == FIELD_REFERENCE && reflect_member(check->field, element, &value))
            check_reference(check, &value);
    }
    return check->status == CRM_OK;
}

static bool same_field(const struct record *before, const struct record *after, uint32_t ref, struct arena *arena)
{
    struct field_set set = { .refs = &ref, .n = 1 };
    struct slice a = { 0 }, b = { 0 };

    return before && body_keep(arena, before->body, &set, &a) == CRM_OK && body_keep(arena, after->body, &set, &b) == CRM_OK &&
           slice_equal(a, b);
}

enum crm_status references_check(const struct reference_scope *scope, const struct kind_def *kind, const struct record *before,
                                 const struct record *after)
{
    struct reference_check check = { .scope = scope, .record = after, .status = CRM_OK };
    const struct field_def *field;

    for (size_t n = 0; (field = schema_field_at(scope->view->schema, kind, n)) && check.status == CRM_OK; n++) {
        if ((field->flags & FIELD_HEADER) || (field->type != FIELD_REFERENCE && field->type != FIELD_GROUP) ||
            same_field(before, after, field->ref, scope->arena))
            continue;
        check.field = field;
        check.group = field->type == FIELD_GROUP ? field : NULL;
        if (check.group)
            reflect_each_element(field, after, check_element, &check);
        else
            reflect_each(field, after, check_reference, &check);
    }
    return check.status;
}

/* Of a record that comes back: is what it referred to gone? */
static bool is_gone(const struct reference_scope *scope, enum kind kind, const struct uuid *target)
{
    struct record record;

    return scope->is_partial ? view_deleted(scope->view, kind, target, &record) == CRM_OK : view_record(scope->view, kind, target, &record) != CRM_OK;
}

/* One reference of a record that comes back: what its target's deletion would have done to it is done now. */
static bool settle_reference(void *arg, const struct value *value)
{
    struct reference_check *check = arg;

    if (check->field->ref_kind == KIND_NONE || check->field->on_delete == ON_DELETE_NOTHING || !is_gone(check->scope, check->field->ref_kind, &value->ref))
        return true;
    if (check->field->on_delete != ON_DELETE_UNLINK)
        return refuse_reference(check);
    if (check->field->flags & FIELD_REPEATED)
        body_builder_add(&check->remove, check->field, value);
    else
        check->clear[check->n_clear++] = check->field->ref;
    return true;
}

static enum crm_status check_belongings(const struct reference_scope *scope, const struct record_header *header)
{
    if (!uuid_is_nil(&header->owner) && is_gone(scope, KIND_USER, &header->owner))
        return fail(scope->failure, CRM_INVALID, "owner", "it belongs to a user who is deleted: restore the user first");
    if (!uuid_is_nil(&header->team) && is_gone(scope, KIND_TEAM, &header->team))
        return fail(scope->failure, CRM_INVALID, "team", "it belongs to a team that is deleted: restore the team first");
    return CRM_OK;
}

enum crm_status references_settle(const struct reference_scope *scope, const struct kind_def *kind, struct record *record,
                                  struct field_set *out_changed)
{
    struct arena *arena = scope->arena;
    struct reference_check check = { .scope = scope, .record = record, .status = CRM_OK };
    struct body_patch patch = { 0 };
    struct slice body = record->body;
    const struct field_def *field;
    enum crm_status status = check_belongings(scope, &record->header);

    if (status != CRM_OK)
        return status;
    body_builder_init(&check.remove, arena);
    check.clear = arena_alloc(arena, BODY_FIELDS_MAX * sizeof *check.clear);
    if (!check.clear)
        return CRM_NO_MEMORY;
    for (size_t n = 0; (field = schema_field_at(scope->view->schema, kind, n)) && check.status == CRM_OK; n++) {
        if ((field->flags & FIELD_HEADER) || field->type != FIELD_REFERENCE)
            continue;
        check.field = field;
        reflect_each(field, record, settle_reference, &check);
    }
    if (check.status != CRM_OK)
        return check.status;
    status = body_builder_finish(&check.remove, &patch.remove);
    patch.clear = check.clear;
    patch.n_clear = check.n_clear;
    if (status == CRM_OK)
        status = body_apply(kind, arena, body, &patch, &record->body, scope->failure);
    return status == CRM_OK ? body_diff(arena, body, record->body, out_changed) : status;
}
