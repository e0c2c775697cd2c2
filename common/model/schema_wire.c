/*
 * schema_wire.c - custom fields as describe tells them
 *
 * The command line builds its schema with it, and a replica. Pure.
 */
#include "common/model/schema_wire.h"

#include "common/model/reflect.h"

/* field_type of a custom field to the type of its definition. */
static Crm__FieldType definition_type(const Crm__FieldInfo *info)
{
    switch (info->type) {
    case FIELD_DECIMAL:
        return CRM__FIELD_TYPE__FIELD_TYPE_NUMBER;
    case FIELD_MONEY:
        return CRM__FIELD_TYPE__FIELD_TYPE_MONEY;
    case FIELD_DATE:
        return CRM__FIELD_TYPE__FIELD_TYPE_DATE;
    case FIELD_INSTANT:
        return CRM__FIELD_TYPE__FIELD_TYPE_TIME;
    case FIELD_BOOLEAN:
        return CRM__FIELD_TYPE__FIELD_TYPE_BOOLEAN;
    case FIELD_REFERENCE:
        return CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE;
    case FIELD_CHOICE:
        return info->flags & FIELD_REPEATED ? CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE
                                            : CRM__FIELD_TYPE__FIELD_TYPE_CHOICE;
    default:
        return CRM__FIELD_TYPE__FIELD_TYPE_TEXT;
    }
}

/* enum merge_policy to that of a definition. */
static Crm__MergePolicy definition_merge(const Crm__FieldInfo *info)
{
    switch (info->merge) {
    case MERGE_LAST:
        return CRM__MERGE_POLICY__MERGE_POLICY_LAST;
    case MERGE_MAX:
        return CRM__MERGE_POLICY__MERGE_POLICY_MAX;
    default:
        return CRM__MERGE_POLICY__MERGE_POLICY_ASK;
    }
}

static enum crm_status add_custom(struct schema *schema, const Crm__KindInfo *kind,
                                  const Crm__FieldInfo *info, struct arena *arena,
                                  struct failure *failure)
{
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    const struct kind_def *refers_to = kind_def(info->ref_kind);
    size_t n = info->n_choices;

    if (info->field <= FIELD_REF_CUSTOM || !kind_def(kind->kind))
        return CRM_OK; /* built in, or of a newer server: not shown */
    definition.kind = (char *)(uintptr_t)kind_def(kind->kind)->name;
    definition.name = info->name;
    definition.label = info->label;
    definition.label_zh = info->label_zh;
    definition.has_type = definition.has_number = definition.has_required = true;
    definition.type = definition_type(info);
    definition.has_merge = true;
    definition.merge = definition_merge(info);
    definition.number = info->field - FIELD_REF_CUSTOM;
    definition.required = (info->flags & FIELD_REQUIRED) != 0;
    /* A replica makes its indexes anew when the fields have changed: they are always whole. */
    definition.has_indexed = definition.has_index_ready = definition.indexed = definition.index_ready =
        (info->flags & FIELD_INDEXED) != 0;
    if (refers_to)
        definition.ref_kind = (char *)(uintptr_t)refers_to->name;
    definition.choices = arena_alloc(arena, n * sizeof(*definition.choices) + 1);
    if (!definition.choices)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < n; i++)
        definition.choices[i] = info->choices[i]->name;
    definition.n_choices = n;
    return schema_add(schema, &definition, failure);
}

enum crm_status schema_from_describe(const Crm__DescribeReply *reply, struct arena *arena,
                                     struct schema **out_schema, struct failure *failure)
{
    struct schema *schema = NULL;
    enum crm_status status = schema_create(&schema);

    if (status)
        return fail(failure, status, NULL, "out of memory");
    for (size_t k = 0; k < reply->n_kinds && !status; k++)
        for (size_t f = 0; f < reply->kinds[k]->n_fields && !status; f++)
            status = add_custom(schema, reply->kinds[k], reply->kinds[k]->fields[f],
                                arena, failure);
    if (status) {
        schema_unref(schema);
        return status;
    }
    schema_set_level(schema, reply->level);
    *out_schema = schema;
    return CRM_OK;
}
