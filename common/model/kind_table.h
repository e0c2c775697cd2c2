/*
 * kind_table.h - the rows behind kind.h: one a kind, each in the schema_<area>.c of its area
 * (private to common/model)
 *
 * To add a kind: its message in proto/records.proto, its number in kind.h, its row and fields in a
 * schema_<area>.c, its line in kind_table.c.
 */
#ifndef CRM_MODEL_KIND_TABLE_H
#define CRM_MODEL_KIND_TABLE_H

#include "common/model/kind.h"

extern const struct kind_def kind_user;
extern const struct kind_def kind_team;
extern const struct kind_def kind_role;
extern const struct kind_def kind_customer;
extern const struct kind_def kind_contact;
extern const struct kind_def kind_activity;
extern const struct kind_def kind_task;
extern const struct kind_def kind_product;
extern const struct kind_def kind_deal;
extern const struct kind_def kind_pipeline;
extern const struct kind_def kind_field_definition;
extern const struct kind_def kind_company;
extern const struct kind_def kind_exchange_rate;
extern const struct kind_def kind_saved_view;

/* By number; the entry of a number that is none is NULL. */
extern const struct kind_def *const kind_rows[KIND_MAX + 1];

#define HEADER_FIELDS_N 10
extern const struct field_def header_rows[HEADER_FIELDS_N];

/* Choices that kinds of two areas share. */
#define BUYING_ROLES_N 5
extern const struct choice_def buying_roles[BUYING_ROLES_N];

/* Parts of a field's row. */
#define CHOICES(table)       .choices = (table), .n_choices = ARRAY_LEN(table)
#define REFERS(kind, action) .ref_kind = (kind), .on_delete = (action)
#define BOUNDS(low, high)    .minimum = (low), .maximum = (high)
#define GROUP(rows, message) .members = (rows), .n_members = ARRAY_LEN(rows), .group = &(message)

/* The last row of every kind. */
#define FIELD_ROW_TAGS                                                                             \
    {                                                                                              \
        90, "tags", FIELD_TEXT, FIELD_REPEATED, "Tags", "标签", .merge = MERGE_UNION               \
    }

#endif
