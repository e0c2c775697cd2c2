/*
 * filter_wire.c - a filter to the wire and back; what comes back is checked as if nobody had parsed
 * it
 *
 * The client sends, the server receives; pure, from the request's arena. Convention for money: an
 * amount that was typed without a currency travels with company_minor set, one that names its
 * currency without.
 */
#include "common/model/filter_node.h"

/* ---- to the wire */

static enum crm_status money_to_wire(const struct value *value, Crm__Value *out_wire,
                                     struct arena *arena)
{
    Crm__Money *money = arena_alloc(arena, sizeof(*money));

    if (!money)
        return CRM_NO_MEMORY;
    crm__money__init(money);
    money->has_minor = true;
    money->minor = value->integer;
    if (value->currency[0]) {
        money->currency = arena_strdup(arena, value->currency);
        if (!money->currency)
            return CRM_NO_MEMORY;
    }
    money->has_company_minor = value->has_company;
    money->company_minor = value->company_minor;
    out_wire->money = money;
    return CRM_OK;
}

static enum crm_status operand_to_wire(const struct value *value, Crm__Value *out_wire,
                                       struct arena *arena)
{
    crm__value__init(out_wire);
    if (value->special != VALUE_PLAIN) {
        out_wire->has_special = true;
        out_wire->special = value->special;
        return CRM_OK;
    }
    if (value->type == FIELD_MONEY)
        return money_to_wire(value, out_wire, arena);
    value_to_wire(value, out_wire, arena);
    /* value_to_wire cannot say that memory is spent: then it has set nothing. */
    return out_wire->text || out_wire->has_integer || out_wire->has_ref ? CRM_OK : CRM_NO_MEMORY;
}

static enum crm_status node_to_wire(const struct filter_node *node, Crm__FilterNode *out_wire,
                                    struct arena *arena)
{
    Crm__Value *values;

    crm__filter_node__init(out_wire);
    out_wire->has_op = true;
    out_wire->op = node->op;
    out_wire->has_field = node->field != NULL;
    out_wire->field = node->field ? node->field->ref : 0;
    out_wire->has_through = node->through != NULL;
    out_wire->through = node->through ? node->through->ref : 0;
    if (node->n_values == 0)
        return CRM_OK;

    values = arena_alloc(arena, node->n_values * sizeof(values[0]));
    out_wire->values = arena_alloc(arena, node->n_values * sizeof(out_wire->values[0]));
    if (!values || !out_wire->values)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < node->n_values; i++) {
        enum crm_status status = operand_to_wire(&node->values[i], &values[i], arena);

        if (status != CRM_OK)
            return status;
        out_wire->values[i] = &values[i];
    }
    out_wire->n_values = node->n_values;
    return CRM_OK;
}

enum crm_status filter_to_wire(const struct filter *filter, struct arena *arena, size_t *out_n,
                               Crm__FilterNode ***out_nodes)
{
    Crm__FilterNode *nodes;
    Crm__FilterNode **list;

    if (filter->n == 0) {
        *out_n = 0;
        *out_nodes = NULL;
        return CRM_OK;
    }
    nodes = arena_alloc(arena, filter->n * sizeof(nodes[0]));
    list = arena_alloc(arena, filter->n * sizeof(list[0]));
    if (!nodes || !list)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < filter->n; i++) {
        enum crm_status status = node_to_wire(&filter->nodes[i], &nodes[i], arena);

        if (status != CRM_OK)
            return status;
        list[i] = &nodes[i];
    }
    *out_n = filter->n;
    *out_nodes = list;
    return CRM_OK;
}

/* ---- from the wire */

static enum crm_status money_from_wire(const struct field_def *field, const Crm__Money *wire,
                                       struct value *out_value, struct failure *failure)
{
    const char *currency = wire->currency ? wire->currency : "";

    if (!wire->has_minor || (currency[0] && !currency_is_known(currency)))
        return fail(failure, CRM_INVALID, field->name,
                    "a value in the filter is not an amount of money");
    *out_value = (struct value){ .type = FIELD_MONEY, .integer = wire->minor };
    memcpy(out_value->currency, currency, strlen(currency) + 1); /* known: three letters */
    out_value->has_company = wire->has_company_minor || !currency[0];
    if (out_value->has_company)
        out_value->company_minor = wire->has_company_minor ? wire->company_minor : wire->minor;
    return CRM_OK;
}

static enum crm_status text_from_wire(const struct field_def *field, const char *text,
                                      struct arena *arena, struct value *out_value,
                                      struct failure *failure)
{
    size_t size = strlen(text);
    const char *copy;

    if (size == 0 || size > FILTER_OPERAND_SIZE_MAX || !text_is_valid(slice_of(text, size)))
        return fail(failure, CRM_INVALID, field->name,
                    "a text in the filter is empty, too long or not UTF-8");
    copy = arena_strndup(arena, text, size);
    if (!copy)
        return CRM_NO_MEMORY;
    *out_value = (struct value){ .type = field->type, .text = slice_of(copy, size) };
    /* A reference by name or number, for the server to look up. */
    if (field->type == FIELD_REFERENCE)
        out_value->type = FIELD_TEXT;
    return CRM_OK;
}

static size_t n_set(const Crm__Value *wire)
{
    return (size_t)(wire->text != NULL) + (wire->has_integer != 0) + (wire->money != NULL) +
           (wire->has_ref != 0) + (wire->has_data != 0) + (wire->has_special != 0);
}

static enum crm_status operand_from_wire(const struct filter_subject *subject,
                                         const Crm__Value *wire, struct arena *arena,
                                         struct value *out_value, struct failure *failure)
{
    const struct field_def *field = subject->field;
    enum crm_status status;

    if (n_set(wire) != 1)
        return fail(failure, CRM_INVALID, field->name,
                    "a value in the filter is not exactly one value");
    if (wire->has_special) {
        if (wire->special > VALUE_MY_TEAM ||
            !filter_special_fits(subject, (enum value_special)wire->special))
            return fail(failure, CRM_INVALID, field->name, "this special value is not one of %s",
                        field->name);
        *out_value =
            (struct value){ .type = field->type, .special = (enum value_special)wire->special };
        return CRM_OK;
    }
    if (wire->text && (filter_is_text(field) || field->type == FIELD_REFERENCE))
        return text_from_wire(field, wire->text, arena, out_value, failure);
    if (wire->money && field->type == FIELD_MONEY)
        return money_from_wire(field, wire->money, out_value, failure);
    if (filter_is_text(field) || field->type == FIELD_MONEY)
        return fail(failure, CRM_INVALID, field->name,
                    "a value in the filter is of another type than %s", field->name);

    status = value_from_wire(field, wire, out_value, failure);
    if (status != CRM_OK)
        return status;
    if (out_value->type != field->type)
        return fail(failure, CRM_INVALID, field->name,
                    "a value in the filter is of another type than %s", field->name);
    return CRM_OK;
}

static enum crm_status find_subject(const struct schema *schema, const struct kind_def *kind,
                                    const Crm__FilterNode *wire, struct filter_subject *out_subject,
                                    struct failure *failure)
{
    struct filter_subject subject = { .kind = kind };

    if (wire->has_through) {
        subject.through = schema_field(schema, kind, wire->through);
        if (!subject.through || !filter_may_pass_through(subject.through))
            return fail(failure, CRM_INVALID, NULL, "field %u of %s is not a reference to follow",
                        wire->through, kind->name);
        subject.kind = kind_def(subject.through->ref_kind);
    }
    subject.field = wire->has_field ? schema_field(schema, subject.kind, wire->field) : NULL;
    if (!subject.field)
        return fail(failure, CRM_INVALID, NULL, "%s has no field %u to filter by",
                    subject.kind->name, wire->field);
    *out_subject = subject;
    return CRM_OK;
}

static enum crm_status leaf_from_wire(const struct schema *schema, const struct kind_def *kind,
                                      const Crm__FilterNode *wire, struct arena *arena,
                                      struct filter_node *out_node, struct failure *failure)
{
    struct filter_node node = { .op = (enum filter_op)wire->op, .n_values = wire->n_values };
    struct filter_subject subject;
    enum crm_status status = find_subject(schema, kind, wire, &subject, failure);

    if (status != CRM_OK)
        return status;
    if (!filter_op_fits(subject.field, node.op) || !filter_op_takes(node.op, node.n_values))
        return fail(failure, CRM_INVALID, subject.field->name, "%s cannot be compared in this way",
                    subject.field->name);

    node.field = subject.field;
    node.through = subject.through;
    if (node.n_values > 0) {
        node.values = arena_zalloc(arena, node.n_values * sizeof(node.values[0]));
        if (!node.values)
            return CRM_NO_MEMORY;
    }
    for (size_t i = 0; i < node.n_values; i++) {
        status = operand_from_wire(&subject, wire->values[i], arena, &node.values[i], failure);
        if (status != CRM_OK)
            return status;
    }
    status = filter_node_finish(&node, arena);
    if (status == CRM_OK)
        *out_node = node;
    return status;
}

enum crm_status filter_from_wire(const struct schema *schema, const struct kind_def *kind, size_t n,
                                 Crm__FilterNode *const *nodes, struct arena *arena,
                                 struct filter *out_filter, struct failure *failure)
{
    struct filter filter = { .kind = kind, .n = n };
    size_t n_operands = 0;
    enum crm_status status;

    if (n > FILTER_NODES_MAX)
        return fail(failure, CRM_TOO_LARGE, NULL, "the filter has more than %d conditions",
                    FILTER_NODES_MAX);
    for (size_t i = 0; i < n; i++)
        n_operands += nodes[i]->n_values;
    if (n_operands > FILTER_OPERANDS_MAX)
        return fail(failure, CRM_TOO_LARGE, NULL, "the filter has more than %d values",
                    FILTER_OPERANDS_MAX);
    if (n > 0) {
        filter.nodes = arena_zalloc(arena, n * sizeof(filter.nodes[0]));
        if (!filter.nodes)
            return CRM_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        const Crm__FilterNode *wire = nodes[i];

        if (wire->op <= FILTER_TRUE && filter_op_is_leaf((enum filter_op)wire->op)) {
            status = leaf_from_wire(schema, kind, wire, arena, &filter.nodes[i], failure);
            if (status != CRM_OK)
                return status;
            continue;
        }
        if (wire->op < FILTER_AND || wire->op > FILTER_TRUE || wire->n_values > 0 ||
            wire->has_field || wire->has_through)
            return fail(failure, CRM_INVALID, NULL, "node %zu of the filter is not known here", i);
        filter.nodes[i].op = (enum filter_op)wire->op;
    }
    status = filter_link(filter.nodes, n, failure);
    if (status == CRM_OK)
        *out_filter = filter;
    return status;
}
