/*
 * schema_setup.c - fields of what an administrator sets up: field definitions, the company,
 * exchange rates; and of saved views
 *
 * Read through kind.c and schema.c. Immutable. To add a field: its line in proto/records.proto and
 * its row here.
 */
#include "common/model/kind_table.h"

/* --- field definition */

static const struct choice_def field_types[] = {
    { CRM__FIELD_TYPE__FIELD_TYPE_TEXT, "text", "Text", "文本" },
    { CRM__FIELD_TYPE__FIELD_TYPE_NUMBER, "number", "Number", "数字" },
    { CRM__FIELD_TYPE__FIELD_TYPE_MONEY, "money", "Money", "金额" },
    { CRM__FIELD_TYPE__FIELD_TYPE_DATE, "date", "Date", "日期" },
    { CRM__FIELD_TYPE__FIELD_TYPE_CHOICE, "choice", "Choice", "单选" },
    { CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE, "multi_choice", "Multi-choice", "多选" },
    { CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE, "reference", "Reference", "引用" },
    { CRM__FIELD_TYPE__FIELD_TYPE_BOOLEAN, "boolean", "Yes or no", "是否" },
    { CRM__FIELD_TYPE__FIELD_TYPE_TIME, "time", "Time", "时间" },
};

static const struct choice_def merge_policies[] = {
    { CRM__MERGE_POLICY__MERGE_POLICY_ASK, "ask", "Ask", "询问" },
    { CRM__MERGE_POLICY__MERGE_POLICY_LAST, "last", "Last change", "最后修改" },
    { CRM__MERGE_POLICY__MERGE_POLICY_MAX, "max", "Larger value", "取大值" },
};

static const struct field_def definition_fields[] = {
    { 1, "kind", FIELD_TEXT, FIELD_REQUIRED, "Kind", "对象" },
    { 2, "name", FIELD_TEXT, FIELD_REQUIRED, "Name", "名称" },
    { 3, "label", FIELD_TEXT, 0, "Label", "英文标签" },
    { 4, "label_zh", FIELD_TEXT, 0, "Chinese label", "中文标签" },
    { 5, "type", FIELD_CHOICE, FIELD_REQUIRED, "Type", "类型", CHOICES(field_types) },
    { 6, "choices", FIELD_TEXT, FIELD_REPEATED, "Choices", "选项", .merge = MERGE_UNION },
    { 7, "required", FIELD_BOOLEAN, 0, "Required", "必填" },
    { 8, "indexed", FIELD_BOOLEAN, 0, "Indexed", "建立索引" },
    { 9, "initial", FIELD_TEXT, 0, "Default", "默认值" },
    { 10, "ref_kind", FIELD_TEXT, 0, "Refers to", "引用对象" },
    { 11, "number", FIELD_INTEGER, FIELD_DERIVED, "Field number", "字段编号", .merge = MERGE_LAST },
    { 12, "index_ready", FIELD_BOOLEAN, FIELD_DERIVED, "Index complete", "索引就绪",
      .merge = MERGE_LAST },
    { 13, "qualified", FIELD_TEXT, FIELD_DERIVED | FIELD_UNIQUE, "Qualified name", "全名",
      .merge = MERGE_LAST },
    { 14, "merge", FIELD_CHOICE, 0, "When two change it", "合并方式", CHOICES(merge_policies) },
    FIELD_ROW_TAGS,
};

static const char *const definition_columns[] = { "qualified", "type",    "label", "label_zh",
                                                  "required",  "indexed", NULL };

const struct kind_def kind_field_definition = {
    .kind = KIND_FIELD_DEFINITION,
    .name = "field_definition",
    .plural = "field_definitions",
    .letter = "F",
    .label_en = "Field definition",
    .label_zh = "字段定义",
    .plural_en = "Field definitions",
    .descriptor = &crm__field_definition__descriptor,
    .fields = definition_fields,
    .n_fields = ARRAY_LEN(definition_fields),
    .title = "qualified",
    .columns = definition_columns,
    .flags = KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_SCHEMA,
};

/* --- company */

static const struct field_def company_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED, "Name", "名称" },
    { 2, "currency", FIELD_TEXT, FIELD_REQUIRED, "Currency", "本位币", .merge = MERGE_NEVER },
    { 3, "time_zone", FIELD_TEXT, 0, "Time zone", "时区", .merge = MERGE_NEVER },
    { 4, "fiscal_month", FIELD_INTEGER, 0, "Fiscal year starts in", "财年起始月", BOUNDS(1, 12),
      .merge = MERGE_NEVER },
    { 5, "country", FIELD_TEXT, 0, "Country", "国家" },
    { 6, "vision", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Vision", "愿景" },
    { 7, "mission", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Mission", "使命" },
    { 8, "values", FIELD_TEXT, FIELD_REPEATED, "Values", "价值观", .merge = MERGE_UNION },
    { 9, "tax_number", FIELD_TEXT, 0, "Tax number", "税号" },
    { 10, "random_numbers", FIELD_BOOLEAN, 0, "Random numbers", "随机编号" },
    { 11, "tell_taken", FIELD_BOOLEAN, 0, "Tell who has what is taken", "撞单时告知负责人" },
    FIELD_ROW_TAGS,
};

static const char *const company_columns[] = { "name",         "currency", "time_zone",
                                               "fiscal_month", "country",  NULL };

const struct kind_def kind_company = {
    .kind = KIND_COMPANY,
    .name = "company",
    .plural = "companies",
    .letter = "",
    .label_en = "Company",
    .label_zh = "公司",
    .plural_en = "Companies",
    .descriptor = &crm__company__descriptor,
    .fields = company_fields,
    .n_fields = ARRAY_LEN(company_fields),
    .title = "name",
    .columns = company_columns,
    .flags = KIND_NO_NUMBER | KIND_SINGLE | KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_SCHEMA,
};

/* --- exchange rate */

static const struct field_def rate_fields[] = {
    { 5, "name", FIELD_TEXT, FIELD_DERIVED | FIELD_UNIQUE, "Name", "名称", .merge = MERGE_LAST },
    { 1, "currency", FIELD_TEXT, FIELD_REQUIRED | FIELD_INDEXED, "Currency", "货币",
      .merge = MERGE_NEVER },
    { 2, "day", FIELD_DATE, FIELD_REQUIRED | FIELD_INDEXED | FIELD_SORTABLE, "Day", "日期",
      .merge = MERGE_NEVER },
    { 3, "rate", FIELD_DECIMAL, FIELD_REQUIRED, "Rate", "汇率", BOUNDS(1, INT64_MAX),
      .merge = MERGE_NEVER },
    { 4, "source", FIELD_TEXT, 0, "Source", "来源" },
    FIELD_ROW_TAGS,
};

static const char *const rate_columns[] = { "number", "currency", "day", "rate", "source", NULL };

const struct kind_def kind_exchange_rate = {
    .kind = KIND_EXCHANGE_RATE,
    .name = "exchange_rate",
    .plural = "exchange_rates",
    .letter = "X",
    .label_en = "Exchange rate",
    .label_zh = "汇率",
    .plural_en = "Exchange rates",
    .descriptor = &crm__exchange_rate__descriptor,
    .fields = rate_fields,
    .n_fields = ARRAY_LEN(rate_fields),
    .title = "name",
    .columns = rate_columns,
    .flags = KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_SCHEMA,
};

/* --- saved view */

static const struct field_def view_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_UNIQUE | FIELD_SEARCHED, "Name", "名称" },
    { 2, "kind", FIELD_TEXT, FIELD_REQUIRED | FIELD_INDEXED, "Kind", "对象" },
    { 3, "filter", FIELD_TEXT, FIELD_LONG | FIELD_SECRET_FROM_TERMS, "Filter", "筛选条件" },
    { 4, "columns", FIELD_TEXT, FIELD_REPEATED, "Columns", "列" },
    { 5, "sort", FIELD_TEXT, 0, "Sort", "排序" },
    { 6, "shared", FIELD_BOOLEAN, 0, "Shared", "共享" },
    FIELD_ROW_TAGS,
};

static const char *const view_columns[] = { "number", "name",   "kind", "filter",
                                            "sort",   "shared", NULL };

const struct kind_def kind_saved_view = {
    .kind = KIND_SAVED_VIEW,
    .name = "saved_view",
    .plural = "saved_views",
    .letter = "V",
    .label_en = "Saved view",
    .label_zh = "视图",
    .plural_en = "Saved views",
    .descriptor = &crm__saved_view__descriptor,
    .fields = view_fields,
    .n_fields = ARRAY_LEN(view_fields),
    .title = "name",
    .columns = view_columns,
};
