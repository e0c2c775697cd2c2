/*
 * filter_match.c - does a record match a filter?
 *
 * The innermost loop of every scan, on server and replica, on whatever thread scans. Reads packed
 * bytes through reflect; text that is ASCII is folded on the stack, so that the usual record costs
 * no allocation.
 */
#include "common/model/filter_node.h"

#define FOLD_ROOM 1024 /* bytes of ASCII text folded on the stack */

/* ---- text */

/* text_fold for printable ASCII: small letters, single blanks, none at the ends. false where the
 * text is something else or too long. */
static bool fold_ascii(struct slice text, uint8_t room[FOLD_ROOM], struct slice *out)
{
    size_t n = 0;
    bool blank = false;

    if (text.size > FOLD_ROOM)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c < 0x20 || c > 0x7e)
            return false;
        if (c == ' ') {
            blank = n > 0;
            continue;
        }
        if (blank)
            room[n++] = ' ';
        blank = false;
        room[n++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    *out = slice_of(room, n);
    return true;
}

static bool contains(struct slice text, struct slice part)
{
    return part.size == 0 ||
           (text.size >= part.size && memmem(text.data, text.size, part.data, part.size));
}

static bool order_fits(enum filter_op op, int order)
{
    switch (op) {
    case FILTER_EQ:
        return order == 0;
    case FILTER_LT:
        return order < 0;
    case FILTER_LE:
        return order <= 0;
    case FILTER_GT:
        return order > 0;
    case FILTER_GE:
        return order >= 0;
    default:
        return false;
    }
}

static bool text_matches(const struct filter_node *node, struct slice text, struct arena *scratch)
{
    uint8_t room[FOLD_ROOM];
    struct slice folded;

    if (!fold_ascii(text, room, &folded) && !text_fold(scratch, text, &folded))
        return false;
    for (size_t i = 0; i < node->n_values; i++) {
        struct slice operand = node->folded[i];

        if (node->op == FILTER_CONTAINS ? contains(folded, operand)
                                        : order_fits(node->op, slice_compare(folded, operand)))
            return true;
    }
    return false;
}

/* ---- other types */

static int compare_integers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static bool money_matches(enum filter_op op, const struct value *value, const struct value *operand)
{
    bool same_currency = strcmp(value->currency, operand->currency) == 0;

    if (operand->has_company && value->has_company)
        return order_fits(op, compare_integers(value->company_minor, operand->company_minor));
    return same_currency && order_fits(op, compare_integers(value->integer, operand->integer));
}

static bool operand_matches(const struct filter_node *node, const struct value *value,
                            const struct value *operand)
{
    switch (node->field->type) {
    case FIELD_MONEY:
        return money_matches(node->op, value, operand);
    case FIELD_REFERENCE:
    case FIELD_ID:
        /* One that was not bound has no id, so that a nil id must not match it. */
        return operand->type == node->field->type && operand->special == VALUE_PLAIN &&
               uuid_equal(&value->ref, &operand->ref);
    default:
        return order_fits(node->op, compare_integers(value->integer, operand->integer));
    }
}

/* ---- one comparison */

/* What the visits of one leaf share. */
struct look {
    const struct filter_node *node;
    filter_load *load;
    void *load_arg;
    struct arena *scratch;
    bool has_value; /* one that is not empty was seen */
    bool matches;   /* one that fits was seen */
};

/* false: enough has been seen. */
static bool look_at_value(void *arg, const struct value *value)
{
    struct look *look = arg;
    const struct filter_node *node = look->node;
    bool is_text = filter_is_text(node->field);

    if (is_text && value->text.size == 0)
        return true;
    look->has_value = true;
    if (node->op == FILTER_EMPTY)
        return false;
    if (is_text) {
        look->matches = text_matches(node, value->text, look->scratch);
    } else {
        for (size_t i = 0; i < node->n_values && !look->matches; i++)
            look->matches = operand_matches(node, value, &node->values[i]);
    }
    return !look->matches;
}

static bool look_at_element(void *arg, struct slice element)
{
    struct look *look = arg;

    (void)element;
    look->has_value = true;
    return false;
}

static void look_at_record(struct look *look, const struct record *record)
{
    const struct field_def *field = look->node->field;
    struct value value;

    if (field->type == FIELD_GROUP)
        reflect_each_element(field, record, look_at_element, look);
    else if (field->flags & FIELD_REPEATED)
        reflect_each(field, record, look_at_value, look);
    else if (reflect_get(field, record, &value))
        (void)look_at_value(look, &value);
}

/* Follow one reference. What may not be seen is as if it were not there. */
static bool look_through(void *arg, const struct value *value)
{
    struct look *look = arg;
    struct record target;

    if (!look->load ||
        !look->load(look->load_arg, look->node->through->ref_kind, &value->ref, &target))
        return true;
    look_at_record(look, &target);
    return !look->matches && !(look->node->op == FILTER_EMPTY && look->has_value);
}

static bool leaf_matches(struct look *look, const struct record *record)
{
    look->has_value = false;
    look->matches = false;
    if (look->node->through)
        reflect_each(look->node->through, record, look_through, look);
    else
        look_at_record(look, record);
    return look->node->op == FILTER_EMPTY ? !look->has_value : look->matches;
}

/* ---- the list */

/* Results that wait for their and/or, a bit each; a list of n nodes never needs more than n. */
struct bit_stack {
    uint64_t words[FILTER_NODES_MAX / 64];
    size_t n;
};

static void push(struct bit_stack *stack, bool bit)
{
    uint64_t mask = UINT64_C(1) << (stack->n % 64);
    uint64_t *word = &stack->words[stack->n / 64];

    *word = bit ? *word | mask : *word & ~mask;
    stack->n++;
}

static bool pop(struct bit_stack *stack)
{
    stack->n--;
    return (stack->words[stack->n / 64] >> (stack->n % 64)) & 1;
}

static bool node_result(struct bit_stack *stack, struct look *look, const struct record *record)
{
    bool right;

    switch (look->node->op) {
    case FILTER_AND:
        right = pop(stack);
        return pop(stack) && right;
    case FILTER_OR:
        right = pop(stack);
        return pop(stack) || right;
    case FILTER_NOT:
        return !pop(stack);
    case FILTER_TRUE:
        return true;
    default:
        return leaf_matches(look, record);
    }
}

bool filter_matches(const struct filter *filter, const struct record *record, filter_load *load,
                    void *load_arg, struct arena *scratch)
{
    struct look look = { .load = load, .load_arg = load_arg, .scratch = scratch };
    struct bit_stack stack = { .n = 0 };

    for (size_t i = 0; i < filter->n; i++) {
        bool result;

        look.node = &filter->nodes[i];
        result = node_result(&stack, &look, record);
        /* Where the left side decides, its result is that of the and/or: go on behind it. */
        while (filter->nodes[i].jump && filter->nodes[i].jump_on == result)
            i = filter->nodes[i].jump;
        push(&stack, result);
    }
    return filter->n == 0 || pop(&stack);
}
