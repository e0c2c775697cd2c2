/*
 * change_value.c - values of a change
 *
 * Only change.c calls this.
 */
#include "client/cli/change_value.h"

enum crm_status change_value(struct change *change, const struct field_def *field,
                             struct slice text, struct value *out_value, struct failure *failure)
{
    struct failure here = { 0 };
    const char *name;
    enum crm_status status;

    status = value_parse(field, text, &change->context, change->arena, out_value, &here);
    if (status == CRM_OK && (field->type != FIELD_REFERENCE || out_value->special == VALUE_PLAIN))
        return CRM_OK;
    if (field->type != FIELD_REFERENCE || (status && status != CRM_NOT_FOUND))
        return fail(failure, status, field->name, "%s", here.text);
    name = out_value->special == VALUE_ME ? "me"
           : out_value->special == VALUE_MY_TEAM
               ? "my team"
               : arena_strndup(change->arena, text.data, text.size);
    if (!name)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!change->resolve)
        return fail(failure, CRM_NOT_FOUND, field->name, "'%s' is not an id", name);
    *out_value = (struct value){ .type = FIELD_REFERENCE };
    status = change->resolve(change->resolve_arg, field->ref_kind, name, &out_value->ref, &here);
    return status ? fail(failure, status, field->name, "%s", here.text) : CRM_OK;
}

static const struct field_def *member_find(const struct field_def *field, const char *name)
{
    for (size_t i = 0; i < field->n_members; i++)
        if (strcmp(field->members[i].name, name) == 0)
            return &field->members[i];
    return NULL;
}

static const struct field_def *member_id(const struct field_def *field)
{
    for (size_t i = 0; i < field->n_members; i++)
        if (field->members[i].type == FIELD_ID)
            return &field->members[i];
    return NULL;
}

static enum crm_status add_member(struct change *change, struct body_builder *builder,
                                  const struct field_def *member, json_t *json,
                                  struct failure *failure)
{
    struct value value;
    struct slice text;
    size_t i;
    json_t *element;
    enum crm_status status = CRM_OK;

    if (json_is_array(json)) {
        if (!(member->flags & FIELD_REPEATED))
            return fail(failure, CRM_INVALID, member->name, "it holds one value, not a list");
        json_array_foreach(json, i, element)
        {
            status = add_member(change, builder, member, element, failure);
            if (status)
                return status;
        }
        return CRM_OK;
    }
    status = json_to_text(json, change->arena, &text, failure);
    if (!status)
        status = change_value(change, member, text, &value, failure);
    if (!status)
        body_builder_add(builder, member, &value);
    return status;
}

/* Pack an element with the id given, or a new one. */
static enum crm_status finish_element(struct body_builder *builder, struct body_builder *element,
                                      const struct field_def *field, bool has_id,
                                      struct failure *failure)
{
    const struct field_def *id = member_id(field);
    struct value value = { .type = FIELD_ID, .ref = uuid_create() };
    struct slice packed;

    if (!has_id && id)
        body_builder_add(element, id, &value);
    if (body_builder_finish(element, &packed) != CRM_OK)
        return fail(failure, CRM_INVALID, field->name, "the element cannot be put together");
    body_builder_add_element(builder, field, packed);
    return CRM_OK;
}

enum crm_status change_group_json(struct change *change, struct body_builder *builder,
                                  const struct field_def *field, json_t *object,
                                  struct failure *failure)
{
    struct body_builder element;
    const char *key;
    json_t *json;
    bool has_id = false;

    if (!json_is_object(object))
        return fail(failure, CRM_INVALID, field->name, "each element must be a JSON object");
    body_builder_init(&element, change->arena);
    json_object_foreach(object, key, json)
    {
        const struct field_def *member = member_find(field, key);
        enum crm_status status;

        if (!member)
            return fail(failure, CRM_INVALID, field->name, "an element has no '%s'", key);
        if (json_is_null(json))
            continue;
        has_id = has_id || member->type == FIELD_ID;
        status = add_member(change, &element, member, json, failure);
        if (status)
            return status;
    }
    return finish_element(builder, &element, field, has_id, failure);
}

static enum crm_status remove_by_id(struct change *change, struct body_builder *builder,
                                    const struct field_def *field, struct slice text,
                                    struct failure *failure)
{
    const struct field_def *id = member_id(field);
    struct body_builder element;
    struct value value = { .type = FIELD_ID };
    const char *typed = arena_strndup(change->arena, text.data, text.size);

    if (!typed)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!id || !uuid_parse(typed, &value.ref))
        return fail(failure, CRM_INVALID, field->name, "elements are taken out by their id");
    body_builder_init(&element, change->arena);
    body_builder_add(&element, id, &value);
    return finish_element(builder, &element, field, true, failure);
}

enum crm_status change_group_text(struct change *change, struct body_builder *builder,
                                  const struct field_def *field, enum change_op op,
                                  struct slice text, struct failure *failure)
{
    json_error_t error;
    json_t *json, *element;
    size_t i;
    enum crm_status status = CRM_OK;

    if (op == CHANGE_REMOVE)
        return remove_by_id(change, builder, field, text, failure);
    json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return fail(failure, CRM_INVALID, field->name, "it takes JSON: %.160s", error.text);
    if (json_is_array(json)) {
        json_array_foreach(json, i, element)
        {
            status = change_group_json(change, builder, field, element, failure);
            if (status)
                break;
        }
    } else {
        status = change_group_json(change, builder, field, json, failure);
    }
    json_decref(json); /* values were copied into the arena */
    return status;
}
