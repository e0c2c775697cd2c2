/*
 * change.c - gathering a mutation
 *
 * Called by add, set, log, edit and import; main thread. The body builders work in the change's
 * arena and hold their first failure until the end.
 */
#include "client/cli/change.h"

#include <stdio.h>
#include <string.h>

#include "client/cli/change_value.h"
#include "client/cli/profile.h"
#include "common/base/calendar.h"
#include "proto/codec.h"

#define FILE_SIZE_MAX 65536

void change_init(struct change *change, const struct schema *schema, const struct kind_def *kind,
                 const struct value_context *context, struct arena *arena, change_resolve *resolve,
                 void *resolve_arg)
{
    *change = (struct change){ .schema = schema,
                               .kind = kind,
                               .arena = arena,
                               .context = *context,
                               .resolve = resolve,
                               .resolve_arg = resolve_arg };
    body_builder_init(&change->set, arena);
    body_builder_init(&change->add, arena);
    body_builder_init(&change->remove, arena);
}

/* owner and team: of the header, yet a person's to set. */
static bool is_handed_over(const struct field_def *field)
{
    return field->ref == HEADER_OWNER || field->ref == HEADER_TEAM;
}

static bool was_given(struct change *change, uint32_t ref)
{
    for (size_t i = 0; i < change->n_given; i++)
        if (change->given[i] == ref)
            return true;
    return false;
}

/* Remember that a field was set; a second value is for lists only. */
static enum crm_status note_given(struct change *change, const struct field_def *field,
                                  struct failure *failure)
{
    bool is_list = field->flags & FIELD_REPEATED || field->type == FIELD_GROUP;

    if (was_given(change, field->ref))
        return is_list ? CRM_OK : fail(failure, CRM_INVALID, field->name, "it is given twice");
    if (change->n_given == CHANGE_FIELDS_MAX)
        return fail(failure, CRM_TOO_LARGE, field->name, "too many fields at once");
    change->given[change->n_given++] = field->ref;
    return CRM_OK;
}

static enum crm_status set_header(struct change *change, const struct field_def *field,
                                  struct slice text, struct failure *failure)
{
    struct value value;
    enum crm_status status = change_value(change, field, text, &value, failure);

    if (status)
        return status;
    if (field->ref == HEADER_OWNER) {
        change->has_owner = true;
        change->owner = value.ref;
    } else {
        change->has_team = true;
        change->team = value.ref;
    }
    return CRM_OK;
}

static enum crm_status clear_field(struct change *change, const struct field_def *field,
                                   struct failure *failure)
{
    if (change->n_clear == CHANGE_FIELDS_MAX)
        return fail(failure, CRM_TOO_LARGE, field->name, "too many fields at once");
    change->clear[change->n_clear++] = field->ref;
    return CRM_OK;
}

enum crm_status change_text(struct change *change, const struct field_def *field, enum change_op op,
                            struct slice text, struct failure *failure)
{
    struct body_builder *const builders[] = { &change->set, &change->add, &change->remove };
    bool is_list = field->flags & FIELD_REPEATED || field->type == FIELD_GROUP;
    struct value value;
    enum crm_status status;

    if (field->flags & FIELD_HEADER && !is_handed_over(field))
        return fail(failure, CRM_INVALID, field->name, "the server sets it");
    if (op != CHANGE_SET && !is_list)
        return fail(failure, CRM_INVALID, field->name,
                    "it holds one value: use = instead of += and -=");
    if (op == CHANGE_SET) {
        status = note_given(change, field, failure);
        if (status)
            return status;
    }
    if (field->flags & FIELD_HEADER)
        return set_header(change, field, text, failure);
    if (op == CHANGE_SET && text.size == 0)
        return clear_field(change, field, failure);
    if (field->type == FIELD_GROUP)
        return change_group_text(change, builders[op], field, op, text, failure);
    status = change_value(change, field, text, &value, failure);
    if (!status)
        body_builder_add(builders[op], field, &value);
    return status;
}

/* Where the name ends: at the first '=', or before the '+' or '-' in front of it. */
static const char *name_end(const char *argument, enum change_op *out_op, const char **out_text)
{
    const char *equals = strchr(argument, '=');

    if (!equals || equals == argument)
        return NULL;
    *out_text = equals + 1;
    *out_op = equals[-1] == '+' ? CHANGE_ADD : equals[-1] == '-' ? CHANGE_REMOVE : CHANGE_SET;
    equals -= *out_op != CHANGE_SET;
    return equals > argument ? equals : NULL;
}

bool change_is_assignment(const char *argument)
{
    enum change_op op;
    const char *text;

    return name_end(argument, &op, &text) != NULL;
}

static enum crm_status no_such_field(const struct change *change, const char *name,
                                     struct failure *failure)
{
    const char *near = schema_suggest(change->schema, change->kind, name);

    if (near)
        return fail(failure, CRM_INVALID, name, "a %s has no such field; did you mean '%s'?",
                    change->kind->name, near);
    return fail(failure, CRM_INVALID, name, "a %s has no such field; crm describe %s lists them",
                change->kind->name, change->kind->name);
}

enum crm_status change_assign(struct change *change, const char *argument, struct failure *failure)
{
    enum change_op op = CHANGE_SET;
    const char *text = NULL;
    const char *end = name_end(argument, &op, &text);
    const struct field_def *field;
    struct slice value;
    char *name;
    enum crm_status status;

    if (!end)
        return fail(failure, CRM_USAGE, NULL, "'%s' is not of the form field=value", argument);
    name = arena_strndup(change->arena, argument, (size_t)(end - argument));
    if (!name)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    field = schema_field_by_name(change->schema, change->kind, name);
    if (!field)
        return no_such_field(change, name, failure);
    value = slice_text(text);
    if (*text == '@' && text[1] == '@') {
        value = slice_text(text + 1);
    } else if (*text == '@') {
        status = file_read(text + 1, FILE_SIZE_MAX, change->arena, &value, failure);
        if (status)
            return status;
        while (value.size > 0 && !(field->flags & FIELD_MULTILINE) &&
               value.data[value.size - 1] == '\n')
            value.size--; /* the file's last line end is not the value's */
    }
    return change_text(change, field, op, value, failure);
}

enum crm_status change_list(struct change *change, const struct field_def *field, struct slice text,
                            struct failure *failure)
{
    char *part;
    size_t n = 0;
    enum crm_status status = CRM_OK;

    if (!(field->flags & FIELD_REPEATED) || field->type == FIELD_GROUP || text.size == 0)
        return change_text(change, field, CHANGE_SET, text, failure);
    part = arena_alloc(change->arena, text.size + 1);
    if (!part)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i <= text.size && !status; i++) {
        bool is_end = i == text.size || text.data[i] == ';';

        if (!is_end) {
            if (text.data[i] == '\\' && i + 1 < text.size &&
                (text.data[i + 1] == ';' || text.data[i + 1] == '\\'))
                i++;
            part[n++] = (char)text.data[i];
            continue;
        }
        while (n > 0 && *part == ' ') {
            part++;
            n--;
        }
        if (n > 0)
            status = change_text(change, field, CHANGE_SET, slice_of(part, n), failure);
        part += n; /* values borrow their text */
        n = 0;
    }
    return status;
}

enum crm_status change_happened(struct change *change, struct slice text, struct failure *failure)
{
    struct failure here = { 0 };
    enum crm_status status =
        instant_parse(text, change->context.now_us, &change->happened_us, &here);

    if (status)
        return fail(failure, status, CHANGE_HAPPENED, "%s", here.text);
    change->has_happened = true;
    return CRM_OK;
}

static enum crm_status set_happened(struct change *change, json_t *json, struct failure *failure)
{
    struct slice text;
    enum crm_status status = json_to_text(json, change->arena, &text, failure);

    return status ? status : change_happened(change, text, failure);
}

enum crm_status change_json_field(struct change *change, const struct field_def *field,
                                  enum change_op op, json_t *json, struct failure *failure)
{
    struct body_builder *builders[] = { [CHANGE_SET] = &change->set,
                                        [CHANGE_ADD] = &change->add,
                                        [CHANGE_REMOVE] = &change->remove };
    struct slice text;
    size_t i;
    json_t *element;
    enum crm_status status = CRM_OK;

    if (!json_is_array(json)) {
        if (field->type == FIELD_GROUP)
            return fail(failure, CRM_INVALID, field->name, "it takes a list of objects");
        status = json_to_text(json, change->arena, &text, failure);
        return status ? status : change_text(change, field, op, text, failure);
    }
    if (!(field->flags & FIELD_REPEATED) && field->type != FIELD_GROUP)
        return fail(failure, CRM_INVALID, field->name, "it holds one value, not a list");
    json_array_foreach(json, i, element)
    {
        if (field->type == FIELD_GROUP) {
            status = change_group_json(change, builders[op], field, element, failure);
        } else {
            status = json_to_text(element, change->arena, &text, failure);
            if (!status)
                status = change_text(change, field, op, text, failure);
        }
        if (status)
            return status;
    }
    return CRM_OK;
}

/* A key that says what the record is, not what one of its fields holds: its kind, and whether it
 * was deleted. */
static bool is_about_record(const struct change *change, const char *key, json_t *json)
{
    const char *text = json_string_value(json);

    if (strcmp(key, "deleted") == 0)
        return json_is_boolean(json);
    return strcmp(key, "kind") == 0 && text && kind_find(text) == change->kind;
}

/* The field that a key means. json.c writes a field that is itself called kind as activity_kind, so
 * that kind is the record's. */
static const struct field_def *field_of_key(const struct change *change, const char *key)
{
    size_t size = strlen(change->kind->name);

    if (strncmp(key, change->kind->name, size) == 0 && strcmp(key + size, "_kind") == 0)
        key = "kind";
    return schema_field_by_name(change->schema, change->kind, key);
}

enum crm_status change_json(struct change *change, json_t *object, struct failure *failure)
{
    const char *key;
    json_t *json;

    if (!json_is_object(object))
        return fail(failure, CRM_INVALID, NULL, "a record must be a JSON object");
    json_object_foreach(object, key, json)
    {
        const struct field_def *field = field_of_key(change, key);
        enum crm_status status;

        if (json_is_null(json) || is_about_record(change, key, json))
            continue;
        if (!field && strcmp(key, CHANGE_HAPPENED) == 0) {
            status = set_happened(change, json, failure);
            if (status)
                return status;
            continue;
        }
        if (!field)
            return fail(failure, CRM_INVALID, key, "a %s has no such field", change->kind->name);
        if (!is_handed_over(field) && field->flags & (FIELD_DERIVED | FIELD_HEADER))
            continue;
        status = change_json_field(change, field, CHANGE_SET, json, failure);
        if (status) {
            if (failure && !*failure->field)
                snprintf(failure->field, sizeof(failure->field), "%s", field->name);
            return status;
        }
    }
    return CRM_OK;
}

bool change_is_empty(const struct change *change)
{
    return change->set.n + change->add.n + change->remove.n + change->n_clear == 0 &&
           !change->has_owner && !change->has_team;
}

static ProtobufCBinaryData bytes_of(struct slice slice)
{
    return (ProtobufCBinaryData){ .len = slice.size, .data = (uint8_t *)(uintptr_t)slice.data };
}

static enum crm_status finish_body(struct body_builder *builder, protobuf_c_boolean *has,
                                   ProtobufCBinaryData *out)
{
    struct slice body;
    enum crm_status status = body_builder_finish(builder, &body);

    if (status)
        return status;
    *has = body.size > 0;
    *out = bytes_of(body);
    return CRM_OK;
}

/* The mutation outlives the change: it gets copies. */
static bool copy_id(struct change *change, bool is_given, const struct uuid *id,
                    protobuf_c_boolean *has, ProtobufCBinaryData *out)
{
    const struct uuid *copy = is_given ? arena_memdup(change->arena, id, sizeof(*id)) : NULL;

    if (!copy)
        return !is_given;
    *has = true;
    *out = bytes_of(uuid_slice(copy));
    return true;
}

enum crm_status change_finish(struct change *change, bool is_create, Crm__Mutation *mutation,
                              struct failure *failure)
{
    enum crm_status status = finish_body(&change->set, &mutation->has_set, &mutation->set);

    if (!status)
        status = finish_body(&change->add, &mutation->has_add, &mutation->add);
    if (!status)
        status = finish_body(&change->remove, &mutation->has_remove, &mutation->remove);
    if (status)
        return fail(failure, status, NULL, "the values cannot be put together");
    mutation->has_kind = true;
    mutation->kind = (uint32_t)change->kind->kind;
    mutation->has_happened_at = change->has_happened;
    mutation->happened_at = change->happened_us;
    if (!is_create && change->n_clear > 0) {
        mutation->clear =
            arena_memdup(change->arena, change->clear, change->n_clear * sizeof(*change->clear));
        mutation->n_clear = change->n_clear;
        if (!mutation->clear)
            return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    return is_create ? change_finish_owner(change, mutation, failure) : CRM_OK;
}

enum crm_status change_finish_owner(struct change *change, Crm__Mutation *mutation,
                                    struct failure *failure)
{
    bool is_copied =
        copy_id(change, change->has_owner, &change->owner, &mutation->has_owner,
                &mutation->owner) &&
        copy_id(change, change->has_team, &change->team, &mutation->has_team, &mutation->team);

    return is_copied ? CRM_OK : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status change_finish_assign(struct change *change, Crm__Mutation *mutation,
                                     struct failure *failure)
{
    static char action[] = "assign";
    Crm__AssignArgument argument = CRM__ASSIGN_ARGUMENT__INIT;
    struct slice packed;
    enum crm_status status;

    mutation->action = NULL;
    if (!change->has_owner && !change->has_team)
        return CRM_OK;
    argument.has_owner = change->has_owner;
    argument.owner = bytes_of(uuid_slice(&change->owner));
    argument.has_team = change->has_team;
    argument.team = bytes_of(uuid_slice(&change->team));
    status = codec_pack(&argument.base, change->arena, &packed);
    if (status)
        return fail(failure, status, NULL, "out of memory");
    mutation->has_kind = mutation->has_verb = mutation->has_argument = true;
    mutation->kind = (uint32_t)change->kind->kind;
    mutation->verb = CRM__VERB__VERB_ACTION;
    mutation->action = action;
    mutation->argument = bytes_of(packed);
    return CRM_OK;
}
