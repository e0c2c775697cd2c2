/*
 * filter_node.h - what parser, wire and evaluation of filters agree on; for filter_*.c only
 */
#ifndef CRM_MODEL_FILTER_NODE_H
#define CRM_MODEL_FILTER_NODE_H

#include "common/base/text.h"
#include "common/model/filter.h"

/* The left side of a comparison. */
struct filter_subject {
    const struct field_def *field;
    const struct field_def *through; /* NULL: a field of the record itself */
    const struct kind_def *kind;     /* the kind that field belongs to */
};

/* A field, or two with a point between them: "stage", "customer.industry". false if there is none.
 * name ends with NUL. */
bool filter_subject_find(const struct schema *schema, const struct kind_def *kind, const char *name,
                         struct filter_subject *out_subject);
/* May a reference be followed to one kind of record? */
bool filter_may_pass_through(const struct field_def *field);

/* Is the operator one that compares a field, and not one that joins results? */
bool filter_op_is_leaf(enum filter_op op);
/* Does the field's type have this operator? */
bool filter_op_fits(const struct field_def *field, enum filter_op op);
/* How many values the operator takes. */
bool filter_op_takes(enum filter_op op, size_t n_values);

/* Is the field compared as folded text? A custom choice is: it is stored by its name. */
bool filter_is_text(const struct field_def *field);
/* Does "me" (a user) or "my team" (a team) make sense for what the field refers to? */
bool filter_special_fits(const struct filter_subject *subject, enum value_special special);
/* Fill in node->folded and node->named_currency from its values. */
enum crm_status filter_node_finish(struct filter_node *node, struct arena *arena) MUST_CHECK;

/* Check that the list is one whole postfix expression, and set the jumps. */
enum crm_status filter_link(struct filter_node *nodes, size_t n,
                            struct failure *failure) MUST_CHECK;

#endif
