/*
 * filter.h - conditions on records: one language for people, a flat postfix list on the wire, one evaluation for server and replica
 *
 *     stage = Engaging and amount > 4k and customer.industry = "retail" and created >= 2016-11-01
 *
 * Operators = != < <= > >= ~ in (a, b), not in (a, b), `is empty`, `is not empty`; and, or, not (&& || !), parentheses; one reference deep.
 * Text is compared folded. A date compares with a period: `closed = this quarter` means within it, `<` before its first day, `>` after its last.
 * Chinese: field and choice labels, 且 或 非 and full-width punctuation are accepted.
 *
 * A value without quotes runs to the next and, or, comparison or parenthesis, in a list also to the comma: `closed = next fri`, `amount > 1,200`.
 * A parenthesis that opens inside a word belongs to the value: 微软（中国）. In quotes ('', "", “”) anything goes; a doubled quote stands for one.
 *
 * A record without a value fails every comparison, so `stage != Won`, being NOT of EQ, finds it too.
 */
#ifndef CRM_MODEL_FILTER_H
#define CRM_MODEL_FILTER_H

#include "common/model/reflect.h"
#include "common/model/schema.h"

#define FILTER_NODES_MAX  256
#define FILTER_VALUES_MAX 1000 /* of one `in` */
#define FILTER_OPERANDS_MAX 4096 /* values of a whole filter */
#define FILTER_OPERAND_SIZE_MAX 1024 /* bytes of a text operand */
#define FILTER_TEXT_SIZE_MAX 65536 /* bytes of a filter as typed */
#define FILTER_DEPTH_MAX  64  /* open parentheses and waiting operators of one text */
#define FILTER_VIEWS_MAX  4   /* views inside views */

/* On the wire. */
enum filter_op {
    FILTER_NONE = 0,
    FILTER_EQ = 1,       /* any of a list's values equals any of values */
    FILTER_LT = 3,
    FILTER_LE = 4,
    FILTER_GT = 5,
    FILTER_GE = 6,
    FILTER_CONTAINS = 7, /* folded text contains */
    FILTER_EMPTY = 8,
    FILTER_AND = 20,
    FILTER_OR = 21,
    FILTER_NOT = 22,
    FILTER_TRUE = 23,
};

/* One node of the postfix list. != is NOT of EQ; `in` is EQ with several values. */
struct filter_node {
    enum filter_op op;
    const struct field_def *field;   /* the compared field; of the kind that through refers to, where set */
    const struct field_def *through; /* a reference field of the kind, or NULL */
    struct value *values;            /* folded text beside: see folded */
    struct slice *folded;            /* for text: the folded operand of each value */
    size_t n_values;
    bool named_currency;             /* money: a value names its currency, so that the index of company values does not serve */
    uint16_t jump;                   /* last node of the left side of an and/or: that and/or, else 0 */
    bool jump_on;                    /* the result with which the right side need not be looked at */
};

/*
 * A money operand with has_company was typed without a currency: it is compared with the record's company_minor (its minor units where that is
 * unknown and the currency is the same). Without has_company only amounts of its own currency match.
 */

/* A checked filter; everything in the arena that made it. */
struct filter {
    const struct kind_def *kind;
    struct filter_node *nodes;
    size_t n;                        /* 0: everything matches */
};

/* What @name stands for: the text of a saved view, NULL if there is none. */
typedef const char *filter_view(void *arg, const char *name);

/*
 * Parse what a person typed. References compared with something that is neither an id, me nor my team keep a text value: the server looks it
 * up (a number, a name). failure->position is the offset of the fault for the caret.
 */
enum crm_status filter_parse(const struct schema *schema, const struct kind_def *kind, const char *text, const struct value_context *context,
                             filter_view *view, void *view_arg, struct arena *arena, struct filter *out_filter, struct failure *failure) MUST_CHECK;

/* To the wire, in the arena. */
enum crm_status filter_to_wire(const struct filter *filter, struct arena *arena, size_t *out_n, Crm__FilterNode ***out_nodes) MUST_CHECK;
/* From the wire: every node checked (arity of the postfix list, fields that exist, values of their type, operators that the type has), text folded. */
enum crm_status filter_from_wire(const struct schema *schema, const struct kind_def *kind, size_t n, Crm__FilterNode *const *nodes,
                                 struct arena *arena, struct filter *out_filter, struct failure *failure) MUST_CHECK;

/* Has every reference an id? Otherwise filter_bind is due before filter_matches: what is unbound matches nothing. */
bool filter_is_bound(const struct filter *filter);
/* Look up what a person wrote for a reference: a number, a name, an id's ending. kind may be KIND_NONE: any. */
typedef enum crm_status filter_resolve(void *arg, enum kind kind, struct slice text, struct uuid *out_id, struct failure *failure);
/*
 * Put ids in the place of "me", "my team" and texts, in the filter itself; me and my_team NULL where there is none: such an operand then matches
 * nothing. A resolve that fails ends it with its status; the filter is then bound in part and of no more use.
 */
enum crm_status filter_bind(struct filter *filter, filter_resolve *resolve, void *arg, const struct uuid *me, const struct uuid *my_team,
                            struct failure *failure) MUST_CHECK;

/* How evaluation reaches the record that a reference points at: false if there is none that may be seen. The record is borrowed until the next call. */
typedef bool filter_load(void *arg, enum kind kind, const struct uuid *id, struct record *out_record);

/* Does the record match? scratch is for folding what is not ASCII; it is not reset here, so that a scan does so from time to time; where it is
 * spent, a text matches nothing. load may be NULL where no node has a reference. */
bool filter_matches(const struct filter *filter, const struct record *record, filter_load *load, void *load_arg, struct arena *scratch);

/* `--sort -amount,name` as field definitions. */
struct sort_key {
    const struct field_def *field;
    bool descending;
};
#define SORT_KEYS_MAX 4
enum crm_status sort_parse(const struct schema *schema, const struct kind_def *kind, const char *text, struct sort_key keys[SORT_KEYS_MAX],
                           size_t *out_n, struct failure *failure) MUST_CHECK;

#endif
