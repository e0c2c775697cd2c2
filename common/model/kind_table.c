/*
 * kind_table.c - which kinds there are, and the fields that the header gives to all of them
 *
 * Read through kind.c. Immutable.
 */
#include "common/model/kind_table.h"

const struct kind_def *const kind_rows[KIND_MAX + 1] = {
    [KIND_USER] = &kind_user,
    [KIND_TEAM] = &kind_team,
    [KIND_ROLE] = &kind_role,
    [KIND_CUSTOMER] = &kind_customer,
    [KIND_CONTACT] = &kind_contact,
    [KIND_PRODUCT] = &kind_product,
    [KIND_DEAL] = &kind_deal,
    [KIND_PIPELINE] = &kind_pipeline,
    [KIND_ACTIVITY] = &kind_activity,
    [KIND_TASK] = &kind_task,
    [KIND_FIELD_DEFINITION] = &kind_field_definition,
    [KIND_COMPANY] = &kind_company,
    [KIND_EXCHANGE_RATE] = &kind_exchange_rate,
    [KIND_SAVED_VIEW] = &kind_saved_view,
};

/* Set by the server; owner and team change by action, never as a plain field. */
#define FROM_SERVER (FIELD_HEADER | FIELD_DERIVED)

const struct field_def header_rows[HEADER_FIELDS_N] = {
    { HEADER_ID, "id", FIELD_ID, FROM_SERVER, "Id", "标识" },
    { HEADER_NUMBER, "number", FIELD_INTEGER, FROM_SERVER | FIELD_INDEXED | FIELD_SORTABLE,
      "Number", "编号" },
    { HEADER_OWNER, "owner", FIELD_REFERENCE, FROM_SERVER | FIELD_INDEXED, "Owner", "负责人",
      REFERS(KIND_USER, ON_DELETE_REFUSE), .merge = MERGE_NEVER },
    { HEADER_TEAM, "team", FIELD_REFERENCE, FROM_SERVER | FIELD_INDEXED, "Team", "团队",
      REFERS(KIND_TEAM, ON_DELETE_REFUSE), .merge = MERGE_NEVER },
    { HEADER_REV, "rev", FIELD_INTEGER, FROM_SERVER, "Revision", "版本" },
    { HEADER_CREATED, "created", FIELD_INSTANT, FROM_SERVER, "Created", "创建时间" },
    { HEADER_CREATED_BY, "created_by", FIELD_REFERENCE, FROM_SERVER, "Created by", "创建人",
      .ref_kind = KIND_USER },
    { HEADER_UPDATED, "updated", FIELD_INSTANT, FROM_SERVER, "Updated", "更新时间" },
    { HEADER_UPDATED_BY, "updated_by", FIELD_REFERENCE, FROM_SERVER, "Updated by", "更新人",
      .ref_kind = KIND_USER },
    { HEADER_SEQ, "seq", FIELD_INTEGER, FROM_SERVER, "Change", "变更序号" },
};
