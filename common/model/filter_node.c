/*
 * filter_node.c - what a node of a filter may be: fields, operators by type, values by operator,
 * and the shape of the postfix list
 *
 * Called by filter_parse.c for what a person typed and by filter_wire.c for what a client sent, so
 * that both accept the same. Pure.
 */
#include "common/model/filter_node.h"

#define OP_BIT(op) (1u << (unsigned)(op))

enum {
    OPS_EQUALITY = OP_BIT(FILTER_EQ) | OP_BIT(FILTER_EMPTY),
    OPS_ORDER = OPS_EQUALITY | OP_BIT(FILTER_LT) | OP_BIT(FILTER_LE) | OP_BIT(FILTER_GT) |
                OP_BIT(FILTER_GE),
    OPS_TEXT = OPS_ORDER | OP_BIT(FILTER_CONTAINS),
};

static const uint32_t ops_of_type[] = {
    [FIELD_TEXT] = OPS_TEXT,          [FIELD_INTEGER] = OPS_ORDER,
    [FIELD_DECIMAL] = OPS_ORDER,      [FIELD_MONEY] = OPS_ORDER,
    [FIELD_DATE] = OPS_ORDER,         [FIELD_INSTANT] = OPS_ORDER,
    [FIELD_BOOLEAN] = OPS_EQUALITY,   [FIELD_CHOICE] = OPS_EQUALITY,
    [FIELD_REFERENCE] = OPS_EQUALITY, [FIELD_GROUP] = OP_BIT(FILTER_EMPTY),
    [FIELD_ID] = OPS_EQUALITY,
};

bool filter_may_pass_through(const struct field_def *field)
{
    return field->type == FIELD_REFERENCE && kind_def(field->ref_kind);
}

bool filter_subject_find(const struct schema *schema, const struct kind_def *kind, const char *name,
                         struct filter_subject *out_subject)
{
    struct filter_subject subject = { .kind = kind,
                                      .field = schema_field_by_name(schema, kind, name) };
    const char *point = strchr(name, '.');
    char first[128];

    if (!subject.field) {
        if (!point || (size_t)(point - name) >= sizeof(first))
            return false;
        memcpy(first, name, (size_t)(point - name));
        first[point - name] = '\0';
        subject.through = schema_field_by_name(schema, kind, first);
        if (!subject.through || !filter_may_pass_through(subject.through))
            return false;
        subject.kind = kind_def(subject.through->ref_kind);
        subject.field = schema_field_by_name(schema, subject.kind, point + 1);
        if (!subject.field)
            return false;
    }

    *out_subject = subject;
    return true;
}

bool filter_op_is_leaf(enum filter_op op)
{
    return op < 32 && (OPS_TEXT & OP_BIT(op)) != 0;
}

bool filter_is_text(const struct field_def *field)
{
    return field->type == FIELD_TEXT ||
           (field->type == FIELD_CHOICE && (field->flags & FIELD_CUSTOM));
}

bool filter_op_fits(const struct field_def *field, enum filter_op op)
{
    if (!filter_op_is_leaf(op) || (size_t)field->type >= ARRAY_LEN(ops_of_type))
        return false;
    if (op == FILTER_CONTAINS)
        return filter_is_text(field);
    return (ops_of_type[field->type] & OP_BIT(op)) != 0;
}

bool filter_op_takes(enum filter_op op, size_t n_values)
{
    if (op == FILTER_EQ)
        return n_values >= 1 && n_values <= FILTER_VALUES_MAX;
    return n_values == (filter_op_is_leaf(op) && op != FILTER_EMPTY ? 1 : 0);
}

bool filter_special_fits(const struct filter_subject *subject, enum value_special special)
{
    enum kind target;

    if (subject->field->type == FIELD_ID)
        target = subject->kind->kind;
    else if (subject->field->type == FIELD_REFERENCE)
        target = subject->field->ref_kind;
    else
        return false;

    if (special == VALUE_ME)
        return target == KIND_USER || target == KIND_NONE;
    return special == VALUE_MY_TEAM && (target == KIND_TEAM || target == KIND_NONE);
}

enum crm_status filter_node_finish(struct filter_node *node, struct arena *arena)
{
    bool is_text = filter_is_text(node->field);

    node->folded = NULL;
    node->named_currency = false;
    if (is_text && node->n_values > 0) {
        node->folded = arena_zalloc(arena, node->n_values * sizeof(node->folded[0]));
        if (!node->folded)
            return CRM_NO_MEMORY;
    }
    for (size_t i = 0; i < node->n_values; i++) {
        if (is_text && !text_fold(arena, node->values[i].text, &node->folded[i]))
            return CRM_NO_MEMORY;
        if (node->field->type == FIELD_MONEY && !node->values[i].has_company)
            node->named_currency = true;
    }
    return CRM_OK;
}

/*
 * first[i] is where the expression that ends at node i begins. In postfix order the right side of
 * an and/or ends just before it, and the left side just before the right one's beginning: whatever
 * has no room for its sides there is not an expression.
 */
enum crm_status filter_link(struct filter_node *nodes, size_t n, struct failure *failure)
{
    uint16_t first[FILTER_NODES_MAX];

    for (size_t i = 0; i < n; i++) {
        enum filter_op op = nodes[i].op;

        nodes[i].jump = 0;
        nodes[i].jump_on = false;
        if (op == FILTER_NOT && i >= 1) {
            first[i] = first[i - 1];
        } else if ((op == FILTER_AND || op == FILTER_OR) && i >= 2 && first[i - 1] >= 1) {
            size_t left = first[i - 1] - 1u;

            nodes[left].jump = (uint16_t)i;
            nodes[left].jump_on = op == FILTER_OR;
            first[i] = first[left];
        } else if (op == FILTER_TRUE || filter_op_is_leaf(op)) {
            first[i] = (uint16_t)i;
        } else {
            return fail(failure, CRM_INVALID, NULL, "node %zu of the filter lacks an operand", i);
        }
    }
    if (n > 0 && first[n - 1] != 0)
        return fail(failure, CRM_INVALID, NULL, "the filter is not one expression");
    return CRM_OK;
}
