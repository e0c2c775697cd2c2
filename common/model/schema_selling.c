/*
 * schema_selling.c - fields of products, pipelines and deals
 *
 * Read through kind.c and schema.c. Immutable. To add a field: its line in proto/records.proto and
 * its row here.
 */
#include "common/model/kind_table.h"

/* Parts per million: discounts and taxes. */
#define PPM BOUNDS(0, 1000000)

static const struct choice_def categories[] = {
    { CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_OMITTED, "omitted", "Omitted", "不计入" },
    { CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_PIPELINE, "pipeline", "Pipeline", "储备" },
    { CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_BEST_CASE, "best_case", "Best case", "最佳情况" },
    { CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_MOST_LIKELY, "most_likely", "Most likely",
      "很可能" },
    { CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_COMMIT, "commit", "Commit", "承诺" },
};

static const struct choice_def outcomes[] = {
    { CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN, "open", "Open", "进行中" },
    { CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON, "won", "Won", "赢单" },
    { CRM__STAGE_OUTCOME__STAGE_OUTCOME_LOST, "lost", "Lost", "输单" },
};

/* --- product */

static const struct field_def product_fields[] = {
    { 1, "code", FIELD_TEXT, FIELD_UNIQUE | FIELD_SEARCHED, "Code", "编码" },
    { 2, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_SEARCHED | FIELD_INDEXED | FIELD_SORTABLE,
      "Name", "名称" },
    { 3, "category", FIELD_TEXT, 0, "Category", "类别" },
    { 4, "unit", FIELD_TEXT, 0, "Unit", "单位" },
    { 5, "price", FIELD_MONEY, FIELD_INDEXED | FIELD_SORTABLE, "Price", "价格",
      .merge = MERGE_NEVER },
    { 6, "cost", FIELD_MONEY, 0, "Cost", "成本", .merge = MERGE_NEVER },
    { 7, "active", FIELD_BOOLEAN, 0, "Active", "在售" },
    { 8, "note", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Note", "备注" },
    FIELD_ROW_TAGS,
};

static const char *const product_columns[] = {
    "number", "code", "name", "category", "price", "active", NULL,
};

const struct kind_def kind_product = {
    .kind = KIND_PRODUCT,
    .name = "product",
    .plural = "products",
    .letter = "I",
    .label_en = "Product",
    .label_zh = "产品",
    .plural_en = "Products",
    .descriptor = &crm__product__descriptor,
    .fields = product_fields,
    .n_fields = ARRAY_LEN(product_fields),
    .title = "name",
    .columns = product_columns,
};

/* --- pipeline */

static const struct field_def stage_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "name", FIELD_TEXT, FIELD_REQUIRED, "Name", "名称" },
    { 3, "probability", FIELD_INTEGER, 0, "Probability", "概率(%)", BOUNDS(0, 100) },
    { 4, "category", FIELD_CHOICE, 0, "Forecast category", "预测类别", CHOICES(categories) },
    { 5, "outcome", FIELD_CHOICE, 0, "Outcome", "结果", CHOICES(outcomes) },
    { 6, "required_fields", FIELD_TEXT, FIELD_REPEATED, "Required fields", "必填字段" },
    { 7, "next", FIELD_TEXT, FIELD_REPEATED, "Next stages", "后续阶段" },
    { 8, "max_days", FIELD_INTEGER, 0, "Most days", "最长天数" },
};

static const struct field_def pipeline_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_UNIQUE | FIELD_SEARCHED, "Name", "名称" },
    { 2, "stages", FIELD_GROUP, FIELD_REPEATED, "Stages", "阶段",
      GROUP(stage_members, crm__stage__descriptor), .merge = MERGE_NEVER },
    { 3, "version", FIELD_INTEGER, 0, "Version", "流程版本", .merge = MERGE_NEVER },
    { 4, "approver", FIELD_REFERENCE, 0, "Approver", "审批人",
      REFERS(KIND_USER, ON_DELETE_UNLINK) },
    FIELD_ROW_TAGS,
};

static const char *const pipeline_columns[] = { "number", "name", "version", "approver", NULL };

const struct kind_def kind_pipeline = {
    .kind = KIND_PIPELINE,
    .name = "pipeline",
    .plural = "pipelines",
    .letter = "PL",
    .label_en = "Pipeline",
    .label_zh = "销售流程",
    .plural_en = "Pipelines",
    .descriptor = &crm__pipeline__descriptor,
    .fields = pipeline_fields,
    .n_fields = ARRAY_LEN(pipeline_fields),
    .title = "name",
    .columns = pipeline_columns,
    .flags = KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_SCHEMA,
};

/* --- deal */

static const struct choice_def split_types[] = {
    { CRM__SPLIT_TYPE__SPLIT_TYPE_REVENUE, "revenue", "Revenue", "业绩" },
    { CRM__SPLIT_TYPE__SPLIT_TYPE_OVERLAY, "overlay", "Overlay", "叠加" },
};

/* The product of a line stays what it was when the product goes: nothing follows its deletion. */
static const struct field_def line_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "product", FIELD_REFERENCE, 0, "Product", "产品", .ref_kind = KIND_PRODUCT },
    { 3, "quantity", FIELD_DECIMAL, 0, "Quantity", "数量" },
    { 4, "price", FIELD_MONEY, 0, "Price", "单价" },
    { 5, "discount", FIELD_INTEGER, 0, "Discount", "折扣", PPM },
    { 6, "tax", FIELD_INTEGER, 0, "Tax", "税率", PPM },
};

static const struct field_def deal_contact_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "contact", FIELD_REFERENCE, FIELD_REQUIRED, "Contact", "联系人",
      .ref_kind = KIND_CONTACT },
    { 3, "role", FIELD_CHOICE, 0, "Role", "角色", CHOICES(buying_roles) },
};

static const struct field_def split_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "user", FIELD_REFERENCE, FIELD_REQUIRED, "User", "用户", .ref_kind = KIND_USER },
    { 3, "share", FIELD_INTEGER, 0, "Share", "份额" },
    { 4, "type", FIELD_CHOICE, 0, "Type", "类型", CHOICES(split_types) },
};

/* Nothing follows a user's deletion here: what the membership gave goes with the user. */
static const struct field_def member_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "user", FIELD_REFERENCE, FIELD_REQUIRED, "User", "用户", .ref_kind = KIND_USER },
    { 3, "role", FIELD_TEXT, 0, "Role", "角色" },
    { 4, "may_write", FIELD_BOOLEAN, 0, "May change it", "可修改" },
};

static const struct field_def deal_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_SEARCHED | FIELD_INDEXED | FIELD_SORTABLE,
      "Name", "名称" },
    { 2, "customer", FIELD_REFERENCE, 0, "Customer", "客户",
      REFERS(KIND_CUSTOMER, ON_DELETE_REFUSE), .merge = MERGE_NEVER },
    { 3, "pipeline", FIELD_REFERENCE, FIELD_REQUIRED, "Pipeline", "销售流程",
      REFERS(KIND_PIPELINE, ON_DELETE_REFUSE), .merge = MERGE_NEVER },
    { 4, "stage", FIELD_TEXT, FIELD_REQUIRED | FIELD_INDEXED, "Stage", "阶段",
      .merge = MERGE_NEVER },
    { 5, "amount", FIELD_MONEY, FIELD_INDEXED | FIELD_SORTABLE, "Amount", "金额",
      .merge = MERGE_NEVER },
    { 6, "expected_close", FIELD_DATE, FIELD_INDEXED | FIELD_SORTABLE, "Expected close",
      "预计成交日期" },
    { 7, "closed", FIELD_DATE, FIELD_INDEXED | FIELD_SORTABLE, "Closed", "成交日期" },
    { 9, "state", FIELD_CHOICE, FIELD_INDEXED | FIELD_DERIVED, "State", "状态", CHOICES(outcomes),
      .merge = MERGE_LAST },
    { 8, "category", FIELD_CHOICE, 0, "Forecast category", "预测类别", CHOICES(categories) },
    { 10, "product", FIELD_REFERENCE, 0, "Product", "产品",
      REFERS(KIND_PRODUCT, ON_DELETE_REFUSE) },
    { 11, "lines", FIELD_GROUP, FIELD_REPEATED, "Lines", "产品明细",
      GROUP(line_members, crm__deal_line__descriptor), .merge = MERGE_NEVER },
    { 12, "contacts", FIELD_GROUP, FIELD_REPEATED, "Contacts", "联系人",
      GROUP(deal_contact_members, crm__deal_contact__descriptor), .merge = MERGE_UNION },
    { 13, "splits", FIELD_GROUP, FIELD_REPEATED, "Splits", "业绩分配",
      GROUP(split_members, crm__deal_split__descriptor), .merge = MERGE_NEVER },
    { 14, "lost_reason", FIELD_TEXT, 0, "Lost reason", "输单原因" },
    { 15, "next_step", FIELD_TEXT, 0, "Next step", "下一步" },
    { 16, "engaged", FIELD_DATE, 0, "Engaged", "首次接洽日期" },
    { 17, "stage_since", FIELD_INSTANT, FIELD_DERIVED, "In this stage since", "进入阶段时间",
      .merge = MERGE_LAST },
    { 18, "estimated", FIELD_BOOLEAN, 0, "Estimated", "估算" },
    { 19, "source", FIELD_TEXT, 0, "Source", "来源" },
    { 20, "note", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Note", "备注" },
    { 21, "members", FIELD_GROUP, FIELD_REPEATED, "Deal team", "项目成员",
      GROUP(member_members, crm__deal_member__descriptor), .merge = MERGE_UNION },
    FIELD_ROW_TAGS,
};

static const char *const deal_columns[] = {
    "number", "name", "customer", "stage", "amount", "expected_close", "owner", NULL,
};

const struct kind_def kind_deal = {
    .kind = KIND_DEAL,
    .name = "deal",
    .plural = "deals",
    .letter = "D",
    .label_en = "Deal",
    .label_zh = "商机",
    .plural_en = "Deals",
    .descriptor = &crm__deal__descriptor,
    .fields = deal_fields,
    .n_fields = ARRAY_LEN(deal_fields),
    .title = "name",
    .columns = deal_columns,
};
