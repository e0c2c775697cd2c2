/*
 * filter_parse.c - what a person typed, made into the postfix list of a filter
 *
 * Runs on the client for `crm list KIND FILTER` and on the server for saved views and rules.
 * Operators wait on a stack of fixed depth; only a view inside a text begins another parse,
 * FILTER_VIEWS_MAX deep. Everything made lives in the caller's arena.
 */
#include "common/model/filter_lex.h"
#include "common/model/filter_operand.h"
#include "common/model/filter_suggest.h"

#include <stdarg.h>
#include <stdio.h>

/* One parse with all of its views. */
struct parser {
    const struct schema *schema;
    const struct kind_def *kind;
    const struct value_context *context;
    filter_view *view;
    void *view_arg;
    struct arena *arena;
    struct failure *failure;
    struct filter_node *nodes;
    size_t n_nodes, nodes_capacity;
    size_t n_operands;
    unsigned depth;        /* views that are open */
    const char *view_name; /* the outermost of them */
    size_t view_at;        /* where its @ stands in the text that was typed */
};

/* An and, or, not or open parenthesis that waits for its right side. */
struct waiting {
    enum lex_sign sign;
    size_t at;
};

/* The operators of one text. */
struct waiting_stack {
    struct waiting items[FILTER_DEPTH_MAX];
    size_t n;
};

/* A caret only makes sense in what was typed: inside a view it points at the view's @. */
static enum crm_status parser_fail(struct parser *parser, enum crm_status status, size_t at,
                                   const char *format, ...) PRINTF_LIKE(4, 5);

static enum crm_status parser_fail(struct parser *parser, enum crm_status status, size_t at,
                                   const char *format, ...)
{
    char text[sizeof(parser->failure->text)];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); /* cut where it is too long */
    va_end(args);
    if (parser->depth > 0)
        return fail_at(parser->failure, status, (int)parser->view_at, "in the view @%.60s: %s",
                       parser->view_name, text);
    return fail_at(parser->failure, status, (int)at, "%s", text);
}

/* What went wrong with a name or value that should stand here. */
static enum crm_status lex_fail(struct parser *parser, const struct lexer *lexer,
                                enum lex_result result, const char *expected)
{
    switch (result) {
    case LEX_NO_MEMORY:
        return CRM_NO_MEMORY;
    case LEX_QUOTE_OPEN:
        return parser_fail(parser, CRM_INVALID, lexer->at, "this quote is not closed");
    case LEX_PARENTHESIS_OPEN:
        return parser_fail(parser, CRM_INVALID, lexer->at,
                           "a parenthesis in this value is not closed; put the value in quotes");
    default:
        return parser_fail(parser, CRM_INVALID, lexer->at, "expected %s here", expected);
    }
}

/* ---- nodes */

static enum crm_status emit(struct parser *parser, const struct filter_node *node, size_t at)
{
    if (parser->n_nodes == FILTER_NODES_MAX)
        return parser_fail(parser, CRM_TOO_LARGE, at, "the filter has more than %d conditions",
                           FILTER_NODES_MAX);
    if (parser->n_nodes == parser->nodes_capacity) {
        size_t capacity = parser->nodes_capacity ? parser->nodes_capacity * 2 : 8;
        struct filter_node *nodes = arena_alloc(parser->arena, capacity * sizeof(nodes[0]));

        if (!nodes)
            return CRM_NO_MEMORY;
        if (parser->n_nodes > 0)
            memcpy(nodes, parser->nodes, parser->n_nodes * sizeof(nodes[0]));
        parser->nodes = nodes;
        parser->nodes_capacity = capacity;
    }
    parser->nodes[parser->n_nodes++] = *node;
    return CRM_OK;
}

static enum crm_status emit_joint(struct parser *parser, enum filter_op op, size_t at)
{
    return emit(parser, &(struct filter_node){ .op = op }, at);
}

static enum crm_status emit_leaf(struct parser *parser, const struct filter_subject *subject,
                                 enum filter_op op, struct value *values, size_t n_values,
                                 size_t at)
{
    struct filter_node node = {
        .op = op,
        .field = subject->field,
        .through = subject->through,
        .values = values,
        .n_values = n_values,
    };

    if (filter_node_finish(&node, parser->arena) != CRM_OK)
        return CRM_NO_MEMORY;
    return emit(parser, &node, at);
}

static enum crm_status emit_point(struct parser *parser, const struct filter_subject *subject,
                                  enum filter_op op, int64_t point, size_t at)
{
    struct value *value = arena_zalloc(parser->arena, sizeof(*value));

    if (!value)
        return CRM_NO_MEMORY;
    value->type = subject->field->type;
    value->integer = point;
    return emit_leaf(parser, subject, op, value, 1, at);
}

/* first <= field and field <= last */
static enum crm_status emit_within(struct parser *parser, const struct filter_subject *subject,
                                   const struct filter_operand *period, size_t at)
{
    enum crm_status status;

    if (period->first == period->last)
        return emit_point(parser, subject, FILTER_EQ, period->first, at);
    status = emit_point(parser, subject, FILTER_GE, period->first, at);
    if (status == CRM_OK)
        status = emit_point(parser, subject, FILTER_LE, period->last, at);
    if (status == CRM_OK)
        status = emit_joint(parser, FILTER_AND, at);
    return status;
}

/* ---- comparisons */

/* The operator of a comparison as typed. */
struct comparison {
    enum filter_op op;
    bool is_negated; /* !=, not in, is not */
    bool is_list;    /* in */
    size_t at;
};

static enum crm_status read_comparison(struct parser *parser, struct lexer *lexer,
                                       struct comparison *out_comparison)
{
    static const struct {
        enum filter_op op;
        bool is_negated;
    } ops[] = {
        [LEX_EQ] = { FILTER_EQ, false },
        [LEX_NE] = { FILTER_EQ, true },
        [LEX_LT] = { FILTER_LT, false },
        [LEX_LE] = { FILTER_LE, false },
        [LEX_GT] = { FILTER_GT, false },
        [LEX_GE] = { FILTER_GE, false },
        [LEX_CONTAINS] = { FILTER_CONTAINS, false },
    };
    struct comparison comparison = { 0 };
    size_t size;
    enum lex_sign sign = lex_peek(lexer, &size);

    comparison.at = lexer->at;
    lexer->at += size;
    if (sign >= LEX_EQ && sign <= LEX_CONTAINS) {
        comparison.op = ops[sign].op;
        comparison.is_negated = ops[sign].is_negated;
    } else if (sign == LEX_IN || (sign == LEX_NOT && lex_next(lexer) == LEX_IN)) {
        comparison.op = FILTER_EQ;
        comparison.is_list = true;
        comparison.is_negated = sign == LEX_NOT;
    } else if (sign == LEX_IS) {
        comparison.op = FILTER_EMPTY;
        sign = lex_next(lexer);
        comparison.is_negated = sign == LEX_NOT;
        if ((comparison.is_negated ? lex_next(lexer) : sign) != LEX_EMPTY)
            return parser_fail(parser, CRM_INVALID, comparison.at,
                               "expected 'is empty' or 'is not empty'");
    } else {
        return parser_fail(parser, CRM_INVALID, comparison.at,
                           "expected a comparison here: = != < <= > >= ~ in, is empty");
    }
    *out_comparison = comparison;
    return CRM_OK;
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t')
            return false;
    }
    return true;
}

static enum crm_status read_operand(struct parser *parser, struct lexer *lexer,
                                    const struct filter_subject *subject, bool in_list,
                                    struct filter_operand *out_operand)
{
    struct failure plain = { 0 };
    struct slice text;
    size_t size, at;
    enum lex_result result;
    enum crm_status status;

    (void)lex_peek(lexer, &size); /* to the value's beginning, for the caret */
    at = lexer->at;
    result = lex_value(lexer, in_list, parser->arena, &text);
    if (result != LEX_FOUND)
        return lex_fail(parser, lexer, result, "a value");
    if (++parser->n_operands > FILTER_OPERANDS_MAX)
        return parser_fail(parser, CRM_TOO_LARGE, at, "the filter has more than %d values",
                           FILTER_OPERANDS_MAX);
    if (is_blank(text))
        return parser_fail(parser, CRM_INVALID, at,
                           "to find what has no value, write '%s is empty'", subject->field->name);

    status =
        filter_operand_parse(subject, text, parser->context, parser->arena, out_operand, &plain);
    if (status == CRM_OK || status == CRM_NO_MEMORY)
        return status;
    return parser_fail(parser, status, at + (plain.position > 0 ? (size_t)plain.position : 0), "%s",
                       plain.text);
}

/* "(a, b)" behind `in`. */
static enum crm_status read_list(struct parser *parser, struct lexer *lexer,
                                 const struct filter_subject *subject,
                                 struct filter_operand **out_operands, size_t *out_n)
{
    struct filter_operand *operands = NULL;
    size_t n = 0, capacity = 0;
    enum lex_sign sign = lex_next(lexer);

    if (sign != LEX_OPEN)
        return parser_fail(parser, CRM_INVALID, lexer->at,
                           "expected values in parentheses behind 'in'");
    do {
        enum crm_status status;

        if (n == FILTER_VALUES_MAX)
            return parser_fail(parser, CRM_TOO_LARGE, lexer->at, "'in' takes at most %d values",
                               FILTER_VALUES_MAX);
        if (n == capacity) {
            struct filter_operand *more;

            capacity = capacity ? capacity * 2 : 4;
            more = arena_alloc(parser->arena, capacity * sizeof(more[0]));
            if (!more)
                return CRM_NO_MEMORY;
            if (n > 0)
                memcpy(more, operands, n * sizeof(more[0]));
            operands = more;
        }
        status = read_operand(parser, lexer, subject, true, &operands[n]);
        if (status != CRM_OK)
            return status;
        n++;
        sign = lex_next(lexer);
    } while (sign == LEX_COMMA);
    if (sign != LEX_CLOSE)
        return parser_fail(parser, CRM_INVALID, lexer->at, "expected a comma or ')' here");
    *out_operands = operands;
    *out_n = n;
    return CRM_OK;
}

/* Equal to one of several periods; single days stay together in one node. */
static enum crm_status emit_periods(struct parser *parser, const struct filter_subject *subject,
                                    const struct filter_operand *periods, size_t n, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        enum crm_status status = emit_within(parser, subject, &periods[i], at);

        if (status == CRM_OK && i > 0)
            status = emit_joint(parser, FILTER_OR, at);
        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

static bool has_long_period(const struct filter_operand *operands, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (operands[i].first != operands[i].last)
            return true;
    }
    return false;
}

static enum crm_status emit_comparison(struct parser *parser, const struct filter_subject *subject,
                                       const struct comparison *comparison,
                                       const struct filter_operand *operands, size_t n)
{
    struct value *values = NULL;

    if (filter_is_temporal(subject->field) && comparison->op == FILTER_EQ &&
        has_long_period(operands, n))
        return emit_periods(parser, subject, operands, n, comparison->at);
    if (filter_is_temporal(subject->field) && n > 0 &&
        (comparison->op == FILTER_LE || comparison->op == FILTER_GT))
        return emit_point(parser, subject, comparison->op, operands[0].last, comparison->at);

    if (n > 0) {
        values = arena_alloc(parser->arena, n * sizeof(values[0]));
        if (!values)
            return CRM_NO_MEMORY;
        for (size_t i = 0; i < n; i++)
            values[i] = operands[i].value;
    }
    return emit_leaf(parser, subject, comparison->op, values, n, comparison->at);
}

static enum crm_status no_such_field(struct parser *parser, size_t at, const char *name)
{
    const struct kind_def *kind = parser->kind;
    const struct field_def *through = NULL, *meant;
    const char *point = strchr(name, '.');
    int shown;

    if (point) {
        char *first = arena_strndup(parser->arena, name, (size_t)(point - name));

        if (!first)
            return CRM_NO_MEMORY;
        through = schema_field_by_name(parser->schema, kind, first);
        if (through && !filter_may_pass_through(through))
            return parser_fail(parser, CRM_INVALID, at, "%s of a %s refers to no other record",
                               through->name, kind->name);
        at += through ? (size_t)(point + 1 - name) : 0;
        name = through ? point + 1 : first;
    }
    if (through)
        kind = kind_def(through->ref_kind);
    shown = (int)text_prefix_size(slice_text(name), 60);
    meant = filter_suggest_field(parser->schema, kind, name);
    if (meant)
        return parser_fail(parser, CRM_INVALID, at,
                           "there is no field '%.*s' in %s; did you mean '%s'?", shown, name,
                           kind->name, meant->name);
    return parser_fail(parser, CRM_INVALID, at, "there is no field '%.*s' in %s", shown, name,
                       kind->name);
}

/* A field, a comparison and what it is compared with. */
static enum crm_status parse_condition(struct parser *parser, struct lexer *lexer)
{
    struct filter_operand single = { 0 }, *operands = &single;
    struct filter_subject subject = { 0 };
    struct comparison comparison = { 0 };
    size_t at = lexer->at, n = 0;
    const char *name;
    enum lex_result result = lex_name(lexer, parser->arena, &name);
    enum crm_status status;

    if (result != LEX_FOUND)
        return lex_fail(parser, lexer, result, "a field");
    if (!filter_subject_find(parser->schema, parser->kind, name, &subject))
        return no_such_field(parser, at, name);
    status = read_comparison(parser, lexer, &comparison);
    if (status != CRM_OK)
        return status;
    if (!filter_op_fits(subject.field, comparison.op))
        return parser_fail(parser, CRM_INVALID, comparison.at, "%s cannot be compared in this way",
                           subject.field->name);
    if (comparison.is_list) {
        status = read_list(parser, lexer, &subject, &operands, &n);
    } else if (comparison.op != FILTER_EMPTY) {
        status = read_operand(parser, lexer, &subject, false, &single);
        n = 1;
    }
    if (status == CRM_OK)
        status = emit_comparison(parser, &subject, &comparison, operands, n);
    if (status == CRM_OK && comparison.is_negated)
        status = emit_joint(parser, FILTER_NOT, comparison.at);
    return status;
}

/* ---- expressions */

static enum crm_status parse_expression(struct parser *parser, struct slice text);

/* lexer stands behind the @. */
static enum crm_status parse_view(struct parser *parser, struct lexer *lexer, size_t at)
{
    const char *name, *text;
    char *copy;
    enum lex_result result = lex_word(lexer, parser->arena, &name);
    enum crm_status status;

    if (result != LEX_FOUND)
        return lex_fail(parser, lexer, result, "the name of a saved view");
    text = parser->view ? parser->view(parser->view_arg, name) : NULL;
    if (!text)
        return parser_fail(parser, CRM_NOT_FOUND, at, "there is no saved view '%.*s'",
                           (int)text_prefix_size(slice_text(name), 60), name);
    if (parser->depth == FILTER_VIEWS_MAX)
        return parser_fail(parser, CRM_INVALID, at, "views refer to each other more than %d deep",
                           FILTER_VIEWS_MAX);
    copy = arena_strdup(parser->arena, text); /* the next view may be read into the same room */
    if (!copy)
        return CRM_NO_MEMORY;

    if (parser->depth++ == 0) {
        parser->view_name = name;
        parser->view_at = at;
    }
    status = parse_expression(parser, slice_text(copy));
    parser->depth--;
    return status;
}

static int precedence(enum lex_sign sign)
{
    return sign == LEX_NOT ? 3 : sign == LEX_AND ? 2 : sign == LEX_OR ? 1 : 0;
}

static enum crm_status wait_for(struct parser *parser, struct waiting_stack *stack,
                                enum lex_sign sign, size_t at)
{
    if (stack->n == FILTER_DEPTH_MAX)
        return parser_fail(parser, CRM_TOO_LARGE, at, "the filter is nested more than %d deep",
                           FILTER_DEPTH_MAX);
    stack->items[stack->n++] = (struct waiting){ .sign = sign, .at = at };
    return CRM_OK;
}

/* Emit what binds at least as tightly, down to the last open parenthesis. */
static enum crm_status settle(struct parser *parser, struct waiting_stack *stack, int at_least)
{
    while (stack->n > 0 && stack->items[stack->n - 1].sign != LEX_OPEN &&
           precedence(stack->items[stack->n - 1].sign) >= at_least) {
        struct waiting top = stack->items[--stack->n];
        enum filter_op op = top.sign == LEX_NOT   ? FILTER_NOT
                            : top.sign == LEX_AND ? FILTER_AND
                                                  : FILTER_OR;
        enum crm_status status = emit_joint(parser, op, top.at);

        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

/* Up to and with one operand: parentheses and nots wait. */
static enum crm_status parse_operand_side(struct parser *parser, struct lexer *lexer,
                                          struct waiting_stack *stack)
{
    for (;;) {
        size_t size;
        enum lex_sign sign = lex_peek(lexer, &size);
        size_t at = lexer->at;
        enum crm_status status;

        switch (sign) {
        case LEX_OPEN:
        case LEX_NOT:
            lexer->at += size;
            status = wait_for(parser, stack, sign, at);
            if (status != CRM_OK)
                return status;
            break;
        case LEX_VIEW:
            lexer->at += size;
            return parse_view(parser, lexer, at);
        case LEX_END:
            return parser_fail(parser, CRM_INVALID, at,
                               "expected a condition here, as in: stage = Won");
        default:
            return parse_condition(parser, lexer);
        }
    }
}

/* Behind an operand: parentheses that it closes, then and, or, the end. */
static enum crm_status parse_operator_side(struct parser *parser, struct lexer *lexer,
                                           struct waiting_stack *stack, bool *out_ended)
{
    for (;;) {
        size_t size;
        enum lex_sign sign = lex_peek(lexer, &size);
        size_t at = lexer->at;
        enum crm_status status;

        lexer->at += size;
        *out_ended = sign == LEX_END;
        switch (sign) {
        case LEX_AND:
        case LEX_OR:
            status = settle(parser, stack, precedence(sign));
            return status == CRM_OK ? wait_for(parser, stack, sign, at) : status;
        case LEX_CLOSE:
            status = settle(parser, stack, 0);
            if (status != CRM_OK)
                return status;
            if (stack->n == 0)
                return parser_fail(parser, CRM_INVALID, at, "this parenthesis was never opened");
            stack->n--;
            break;
        case LEX_END:
            status = settle(parser, stack, 0);
            if (status == CRM_OK && stack->n > 0)
                return parser_fail(parser, CRM_INVALID, stack->items[stack->n - 1].at,
                                   "this parenthesis is not closed");
            return status;
        default:
            return parser_fail(
                parser, CRM_INVALID, at,
                "expected 'and' or 'or' here; values with signs in them go in quotes");
        }
    }
}

/* Shunting-yard. text outlives the filter. Emits exactly one expression. */
static enum crm_status parse_expression(struct parser *parser, struct slice text)
{
    struct lexer lexer = { .text = text, .schema = parser->schema, .kind = parser->kind };
    struct waiting_stack stack = { .n = 0 };
    enum crm_status status = CRM_OK;
    bool ended = false;
    size_t size;

    if (text.size > FILTER_TEXT_SIZE_MAX)
        return parser_fail(parser, CRM_TOO_LARGE, 0, "the filter is longer than %d bytes",
                           FILTER_TEXT_SIZE_MAX);
    if (!text_is_valid(text))
        return parser_fail(parser, CRM_INVALID, text_prefix_size(text, text.size),
                           "the filter is not UTF-8");
    if (lex_peek(&lexer, &size) == LEX_END)
        return emit_joint(parser, FILTER_TRUE, 0);

    while (status == CRM_OK && !ended) {
        status = parse_operand_side(parser, &lexer, &stack);
        if (status == CRM_OK)
            status = parse_operator_side(parser, &lexer, &stack, &ended);
    }
    return status;
}

enum crm_status filter_parse(const struct schema *schema, const struct kind_def *kind,
                             const char *text, const struct value_context *context,
                             filter_view *view, void *view_arg, struct arena *arena,
                             struct filter *out_filter, struct failure *failure)
{
    struct failure ignored = { 0 };
    struct parser parser = {
        .schema = schema,
        .kind = kind,
        .context = context,
        .view = view,
        .view_arg = view_arg,
        .arena = arena,
        .failure = failure ? failure : &ignored,
    };
    const char *copy = arena_strdup(arena, text); /* values borrow it */
    enum crm_status status;

    if (!copy)
        return CRM_NO_MEMORY;
    status = parse_expression(&parser, slice_text(copy));
    if (status == CRM_OK)
        status = filter_link(parser.nodes, parser.n_nodes, parser.failure);
    if (status != CRM_OK)
        return status;
    /* An empty text matches everything, and so does an empty list. */
    if (parser.n_nodes == 1 && parser.nodes[0].op == FILTER_TRUE)
        parser.n_nodes = 0;
    *out_filter = (struct filter){ .kind = kind, .nodes = parser.nodes, .n = parser.n_nodes };
    return CRM_OK;
}
