/*
 * type.c - what people type, and where
 */
#include "common/model/body.h"
#include "common/model/reflect.h"
#include "tests/sim/steps.h"

enum typing { TYPE_SET, TYPE_APPEND, TYPE_ADD };

struct typed_field {
    enum kind kind;
    const char *name;
    enum typing how;
    bool is_custom; /* there is one once the office has defined it */
};

static const struct typed_field typed_fields[] = {
    { KIND_CUSTOMER, "name", TYPE_SET },     { KIND_CUSTOMER, "industry", TYPE_SET }, { KIND_CUSTOMER, "note", TYPE_APPEND },
    { KIND_CUSTOMER, "tags", TYPE_ADD },     { KIND_CONTACT, "title", TYPE_SET },     { KIND_CONTACT, "note", TYPE_APPEND },
    { KIND_ACTIVITY, "outcome", TYPE_SET },  { KIND_ACTIVITY, "text", TYPE_APPEND },  { KIND_TASK, "text", TYPE_APPEND },
    { KIND_CUSTOMER, "industry", TYPE_SET }, { KIND_CUSTOMER, "note", TYPE_APPEND }, /* once more: where many meet */
    { KIND_CUSTOMER, "zone", TYPE_SET, true },
    { KIND_DEAL, "next_step", TYPE_SET, false },
    { KIND_DEAL, "note", TYPE_APPEND, false },
};

/* NULL: the office has defined none, or the server, who knows, is down. */
static const struct field_def *field_of(const struct sim *sim, const struct typed_field *typed)
{
    const struct kind_def *kind = kind_def((unsigned)typed->kind);

    if (!typed->is_custom)
        return kind_field_by_name(kind, typed->name);
    return sim->host.is_up ? schema_field_by_name(sim->host.core.schema, kind, typed->name) : NULL;
}

const struct typed_field *type_any(const struct sim *sim)
{
    const struct typed_field *typed = &typed_fields[seed_draw(DICE_SCRIPT, ARRAY_LEN(typed_fields))];

    return field_of(sim, typed) ? typed : typed_fields;
}

enum kind type_kind(const struct typed_field *typed)
{
    return typed->kind;
}

ProtobufCBinaryData type_body(struct sim *sim, const struct field_def *field, const char *text)
{
    const struct value value = { .type = FIELD_TEXT, .text = slice_text(text) };
    struct body_builder builder;
    struct slice body;

    body_builder_init(&builder, &sim->arena);
    body_builder_add(&builder, field, &value);
    sim_must(body_builder_finish(&builder, &body), "a body");
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)body.data, .len = body.size };
}

Crm__Mutation *type_patch(struct sim *sim, enum person by, const struct typed_field *typed, const struct record *record)
{
    const struct field_def *field = field_of(sim, typed);
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_PATCH, typed->kind, &record->header.id);
    const char *word = words_new(&sim->words, by, typed->kind, record, field->ref)->text, *text = word;
    struct value now;

    if (typed->how == TYPE_APPEND && reflect_get(field, record, &now))
        text = arena_printf(&sim->arena, "%.*s\n%s", (int)now.text.size, (const char *)now.text.data, word);
    if (typed->how == TYPE_ADD) {
        mutation->has_add = true;
        mutation->add = type_body(sim, field, text);
    } else {
        mutation->has_set = true;
        mutation->set = type_body(sim, field, text);
    }
    sim_trace("  %s of %02x%02x.. %s %s", typed->name, record->header.id.bytes[14], record->header.id.bytes[15], typed->how == TYPE_SET ? "is" : "and",
              word);
    return mutation;
}

bool type_may_be_done(enum crm_status status)
{
    return status == CRM_OK || status == CRM_IO;
}

void type_taken(struct sim *sim, const struct typed_field *typed, size_t at, enum crm_status status)
{
    struct word *word = &sim->words.rows[at];

    word->is_typed = status == CRM_OK;
    for (struct word *older = sim->words.rows; typed->how == TYPE_SET && type_may_be_done(status) && older < word; older++)
        if (older->by == word->by && older->field == word->field && uuid_equal(&older->record, &word->record) && !older->is_answered)
            older->is_waived = true;
}
