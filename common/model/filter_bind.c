/*
 * filter_bind.c - put ids in the place of what only the session and the store know: me, my team,
 * names of records
 *
 * The server calls it once a request, between filter_from_wire and planning; a replica the same, on
 * its own copy.
 */
#include "common/model/filter_node.h"

static bool is_unbound(const struct filter_node *node, const struct value *value)
{
    if (value->special != VALUE_PLAIN)
        return true;
    return node->field->type == FIELD_REFERENCE && value->type == FIELD_TEXT;
}

bool filter_is_bound(const struct filter *filter)
{
    for (size_t i = 0; i < filter->n; i++) {
        for (size_t j = 0; j < filter->nodes[i].n_values; j++) {
            if (is_unbound(&filter->nodes[i], &filter->nodes[i].values[j]))
                return false;
        }
    }
    return true;
}

static enum crm_status bind_value(const struct field_def *field, struct value *value,
                                  filter_resolve *resolve, void *arg, const struct uuid *me,
                                  const struct uuid *my_team, struct failure *failure)
{
    struct uuid id = { { 0 } }; /* nil: no record has it */

    if (value->special == VALUE_ME && me) {
        id = *me;
    } else if (value->special == VALUE_MY_TEAM && my_team) {
        id = *my_team;
    } else if (value->special == VALUE_PLAIN) {
        enum crm_status status = resolve(arg, field->ref_kind, value->text, &id, failure);

        if (status != CRM_OK)
            return status;
    }
    *value = (struct value){ .type = field->type, .ref = id };
    return CRM_OK;
}

enum crm_status filter_bind(struct filter *filter, filter_resolve *resolve, void *arg,
                            const struct uuid *me, const struct uuid *my_team,
                            struct failure *failure)
{
    for (size_t i = 0; i < filter->n; i++) {
        struct filter_node *node = &filter->nodes[i];

        for (size_t j = 0; j < node->n_values; j++) {
            enum crm_status status;

            if (!is_unbound(node, &node->values[j]))
                continue;
            status = bind_value(node->field, &node->values[j], resolve, arg, me, my_team, failure);
            if (status != CRM_OK)
                return status;
        }
    }
    return CRM_OK;
}
