/*
 * schema_customer.c - fields of customers, contacts, activities and tasks
 *
 * Read through kind.c and schema.c. Immutable. To add a field: its line in proto/records.proto and
 * its row here. Every indexed or searched field of a customer costs bytes of each of its records:
 * the budget is 3,000 bytes a record.
 */
#include "common/model/kind_table.h"

/* --- customer */

static const struct choice_def customer_types[] = {
    { CRM__CUSTOMER_TYPE__CUSTOMER_TYPE_END_CUSTOMER, "end_customer", "End customer", "最终客户" },
    { CRM__CUSTOMER_TYPE__CUSTOMER_TYPE_DEALER, "dealer", "Dealer", "经销商" },
    { CRM__CUSTOMER_TYPE__CUSTOMER_TYPE_PARTNER, "partner", "Partner", "合作伙伴" },
};

static const struct choice_def customer_states[] = {
    { CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_PROSPECT, "prospect", "Prospect", "潜在客户" },
    { CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE, "active", "Active", "活跃" },
    { CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_DORMANT, "dormant", "Dormant", "休眠" },
    { CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_LOST, "lost", "Lost", "流失" },
};

static const struct choice_def customer_levels[] = {
    { CRM__CUSTOMER_LEVEL__CUSTOMER_LEVEL_A, "a", "A", "A级" },
    { CRM__CUSTOMER_LEVEL__CUSTOMER_LEVEL_B, "b", "B", "B级" },
    { CRM__CUSTOMER_LEVEL__CUSTOMER_LEVEL_C, "c", "C", "C级" },
    { CRM__CUSTOMER_LEVEL__CUSTOMER_LEVEL_D, "d", "D", "D级" },
};

static const struct choice_def address_kinds[] = {
    { CRM__ADDRESS_KIND__ADDRESS_KIND_OFFICE, "office", "Office", "办公" },
    { CRM__ADDRESS_KIND__ADDRESS_KIND_BILLING, "billing", "Billing", "开票" },
    { CRM__ADDRESS_KIND__ADDRESS_KIND_DELIVERY, "delivery", "Delivery", "收货" },
    { CRM__ADDRESS_KIND__ADDRESS_KIND_HOME, "home", "Home", "住宅" },
};

static const struct choice_def channels[] = {
    { CRM__CHANNEL__CHANNEL_PHONE, "phone", "Phone", "电话" },
    { CRM__CHANNEL__CHANNEL_MAIL, "mail", "Mail", "邮件" },
    { CRM__CHANNEL__CHANNEL_MESSAGE, "message", "Message", "消息" },
    { CRM__CHANNEL__CHANNEL_VISIT, "visit", "Visit", "拜访" },
};

static const struct choice_def consents[] = {
    { CRM__CONSENT__CONSENT_GIVEN, "given", "Given", "已同意" },
    { CRM__CONSENT__CONSENT_REFUSED, "refused", "Refused", "已拒绝" },
};

static const struct field_def address_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "kind", FIELD_CHOICE, 0, "Kind", "类别", CHOICES(address_kinds) },
    { 3, "lines", FIELD_TEXT, FIELD_MULTILINE, "Lines", "地址" },
    { 4, "city", FIELD_TEXT, 0, "City", "城市" },
    { 5, "province", FIELD_TEXT, 0, "Province", "省份" },
    { 6, "postcode", FIELD_TEXT, 0, "Postcode", "邮编" },
    { 7, "country", FIELD_TEXT, 0, "Country", "国家" },
    { 8, "latitude", FIELD_DECIMAL, 0, "Latitude", "纬度", BOUNDS(-90000000, 90000000) },
    { 9, "longitude", FIELD_DECIMAL, 0, "Longitude", "经度", BOUNDS(-180000000, 180000000) },
};

static const struct field_def customer_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_SEARCHED | FIELD_INDEXED | FIELD_SORTABLE,
      "Name", "名称" },
    { 2, "legal_name", FIELD_TEXT, FIELD_SEARCHED, "Legal name", "法定名称" },
    { 3, "registration_number", FIELD_TEXT, 0, "Registration number", "注册号" },
    { 4, "type", FIELD_CHOICE, 0, "Type", "类型", CHOICES(customer_types) },
    { 8, "status", FIELD_CHOICE, FIELD_INDEXED, "Status", "状态", CHOICES(customer_states) },
    { 10, "level", FIELD_CHOICE, 0, "Level", "级别", CHOICES(customer_levels) },
    { 5, "industry", FIELD_TEXT, FIELD_INDEXED, "Industry", "行业" },
    { 6, "size", FIELD_INTEGER, 0, "Employees", "员工人数" },
    { 7, "revenue", FIELD_MONEY, FIELD_INDEXED | FIELD_SORTABLE, "Revenue", "年营收",
      .merge = MERGE_NEVER },
    { 9, "source", FIELD_TEXT, 0, "Source", "来源" },
    { 11, "phones", FIELD_TEXT, FIELD_REPEATED | FIELD_SEARCHED | FIELD_PHONE, "Phones", "电话",
      .merge = MERGE_UNION },
    { 13, "emails", FIELD_TEXT, FIELD_REPEATED | FIELD_SEARCHED, "E-mails", "邮箱",
      .merge = MERGE_UNION },
    { 12, "web", FIELD_TEXT, 0, "Web site", "网站" },
    { 14, "addresses", FIELD_GROUP, FIELD_REPEATED, "Addresses", "地址",
      GROUP(address_members, crm__address__descriptor), .merge = MERGE_UNION },
    { 23, "country", FIELD_TEXT, 0, "Country", "国家" },
    { 15, "parent", FIELD_REFERENCE, 0, "Parent company", "上级公司",
      REFERS(KIND_CUSTOMER, ON_DELETE_UNLINK) },
    { 16, "credit_limit", FIELD_MONEY, 0, "Credit limit", "信用额度", .merge = MERGE_NEVER },
    { 17, "founded", FIELD_DATE, 0, "Founded", "成立日期" },
    { 18, "language", FIELD_TEXT, 0, "Language", "首选语言" },
    { 19, "channel", FIELD_CHOICE, 0, "Channel", "首选渠道", CHOICES(channels) },
    { 20, "consent", FIELD_CHOICE, 0, "Consent", "同意联系", CHOICES(consents),
      .merge = MERGE_NEVER },
    { 21, "last_contact", FIELD_INSTANT, FIELD_DERIVED, "Last contact", "最近联系",
      .merge = MERGE_MAX },
    { 22, "note", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Note", "备注" },
    FIELD_ROW_TAGS,
};

static const char *const customer_columns[] = {
    "number", "name", "industry", "status", "level", "revenue", "last_contact", "owner", NULL,
};

const struct kind_def kind_customer = {
    .kind = KIND_CUSTOMER,
    .name = "customer",
    .plural = "customers",
    .letter = "C",
    .label_en = "Customer",
    .label_zh = "客户",
    .plural_en = "Customers",
    .descriptor = &crm__customer__descriptor,
    .fields = customer_fields,
    .n_fields = ARRAY_LEN(customer_fields),
    .title = "name",
    .columns = customer_columns,
};

/* --- contact */

/* Of contacts, and of the contacts of a deal. */
const struct choice_def buying_roles[BUYING_ROLES_N] = {
    { CRM__BUYING_ROLE__BUYING_ROLE_DECISION_MAKER, "decision_maker", "Decision maker", "决策者" },
    { CRM__BUYING_ROLE__BUYING_ROLE_INFLUENCER, "influencer", "Influencer", "影响者" },
    { CRM__BUYING_ROLE__BUYING_ROLE_USER, "user", "User", "使用者" },
    { CRM__BUYING_ROLE__BUYING_ROLE_BUYER, "buyer", "Buyer", "采购" },
    { CRM__BUYING_ROLE__BUYING_ROLE_GATEKEEPER, "gatekeeper", "Gatekeeper", "把关人" },
};

static const struct choice_def birthday_calendars[] = {
    { CRM__BIRTHDAY_CALENDAR__BIRTHDAY_CALENDAR_SOLAR, "solar", "Solar", "公历" },
    { CRM__BIRTHDAY_CALENDAR__BIRTHDAY_CALENDAR_LUNAR, "lunar", "Lunar", "农历" },
};

static const struct field_def contact_fields[] = {
    { 2, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_SEARCHED | FIELD_INDEXED | FIELD_SORTABLE,
      "Name", "姓名" },
    { 1, "customer", FIELD_REFERENCE, FIELD_PARENT, "Customer", "客户",
      REFERS(KIND_CUSTOMER, ON_DELETE_TAKE_ALONG), .merge = MERGE_NEVER },
    { 4, "family", FIELD_TEXT, 0, "Family name", "姓" },
    { 3, "given", FIELD_TEXT, 0, "Given name", "名" },
    { 5, "title", FIELD_TEXT, 0, "Title", "职务" },
    { 6, "buying_role", FIELD_CHOICE, 0, "Role in buying", "采购角色", CHOICES(buying_roles) },
    { 7, "phones", FIELD_TEXT, FIELD_REPEATED | FIELD_SEARCHED | FIELD_PHONE, "Phones", "电话",
      .merge = MERGE_UNION },
    { 8, "emails", FIELD_TEXT, FIELD_REPEATED | FIELD_SEARCHED, "E-mails", "邮箱",
      .merge = MERGE_UNION },
    { 9, "messaging", FIELD_TEXT, FIELD_REPEATED, "Messaging", "即时通讯", .merge = MERGE_UNION },
    { 10, "birthday", FIELD_DATE, 0, "Birthday", "生日" },
    { 11, "birthday_calendar", FIELD_CHOICE, 0, "Calendar of the birthday", "生日历法",
      CHOICES(birthday_calendars) },
    { 12, "do_not_contact", FIELD_BOOLEAN, 0, "Do not contact", "请勿联系", .merge = MERGE_NEVER },
    { 13, "note", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Note", "备注" },
    FIELD_ROW_TAGS,
};

static const char *const contact_columns[] = {
    "number", "name", "customer", "title", "phones", "emails", "owner", NULL,
};

const struct kind_def kind_contact = {
    .kind = KIND_CONTACT,
    .name = "contact",
    .plural = "contacts",
    .letter = "P",
    .label_en = "Contact",
    .label_zh = "联系人",
    .plural_en = "Contacts",
    .descriptor = &crm__contact__descriptor,
    .fields = contact_fields,
    .n_fields = ARRAY_LEN(contact_fields),
    .title = "name",
    .columns = contact_columns,
};

/* --- activity */

static const struct choice_def activity_kinds[] = {
    { CRM__ACTIVITY_KIND__ACTIVITY_KIND_CALL, "call", "Call", "电话" },
    { CRM__ACTIVITY_KIND__ACTIVITY_KIND_MAIL, "mail", "Mail", "邮件" },
    { CRM__ACTIVITY_KIND__ACTIVITY_KIND_MESSAGE, "message", "Message", "消息" },
    { CRM__ACTIVITY_KIND__ACTIVITY_KIND_MEETING, "meeting", "Meeting", "会议" },
    { CRM__ACTIVITY_KIND__ACTIVITY_KIND_VISIT, "visit", "Visit", "拜访" },
    { CRM__ACTIVITY_KIND__ACTIVITY_KIND_NOTE, "note", "Note", "记事" },
};

static const struct choice_def directions[] = {
    { CRM__DIRECTION__DIRECTION_IN, "in", "In", "呼入" },
    { CRM__DIRECTION__DIRECTION_OUT, "out", "Out", "呼出" },
};

static const struct field_def activity_fields[] = {
    { 2, "kind", FIELD_CHOICE, FIELD_REQUIRED, "Kind", "类型", CHOICES(activity_kinds) },
    { 1, "subject", FIELD_TEXT, FIELD_SEARCHED, "Subject", "主题" },
    { 3, "customer", FIELD_REFERENCE, FIELD_PARENT, "Customer", "客户",
      REFERS(KIND_CUSTOMER, ON_DELETE_TAKE_ALONG), .merge = MERGE_NEVER },
    { 4, "contact", FIELD_REFERENCE, 0, "Contact", "联系人",
      REFERS(KIND_CONTACT, ON_DELETE_UNLINK) },
    { 5, "deal", FIELD_REFERENCE, 0, "Deal", "商机", REFERS(KIND_DEAL, ON_DELETE_UNLINK) },
    { 6, "started", FIELD_INSTANT, FIELD_INDEXED | FIELD_SORTABLE, "Started", "开始时间" },
    { 7, "duration", FIELD_INTEGER, 0, "Minutes", "时长(分钟)" },
    { 8, "direction", FIELD_CHOICE, 0, "Direction", "方向", CHOICES(directions) },
    { 9, "outcome", FIELD_TEXT, 0, "Outcome", "结果" },
    { 10, "text", FIELD_TEXT, FIELD_SEARCHED | FIELD_LONG | FIELD_MULTILINE, "Text", "内容" },
    { 11, "next_step", FIELD_TEXT, 0, "Next step", "下一步" },
    { 12, "attendees", FIELD_REFERENCE, FIELD_REPEATED, "Attendees", "参与人",
      REFERS(KIND_USER, ON_DELETE_UNLINK), .merge = MERGE_UNION },
    FIELD_ROW_TAGS,
};

static const char *const activity_columns[] = {
    "number", "started", "kind", "subject", "customer", "contact", "outcome", "owner", NULL,
};

const struct kind_def kind_activity = {
    .kind = KIND_ACTIVITY,
    .name = "activity",
    .plural = "activities",
    .letter = "A",
    .label_en = "Activity",
    .label_zh = "活动",
    .plural_en = "Activities",
    .descriptor = &crm__activity__descriptor,
    .fields = activity_fields,
    .n_fields = ARRAY_LEN(activity_fields),
    .title = "subject",
    .columns = activity_columns,
};

/* --- task */

static const struct choice_def priorities[] = {
    { CRM__PRIORITY__PRIORITY_LOW, "low", "Low", "低" },
    { CRM__PRIORITY__PRIORITY_NORMAL, "normal", "Normal", "普通" },
    { CRM__PRIORITY__PRIORITY_HIGH, "high", "High", "高" },
};

static const struct choice_def task_states[] = {
    { CRM__TASK_STATE__TASK_STATE_OPEN, "open", "Open", "未完成" },
    { CRM__TASK_STATE__TASK_STATE_DONE, "done", "Done", "已完成" },
    { CRM__TASK_STATE__TASK_STATE_DROPPED, "dropped", "Dropped", "已放弃" },
};

static const struct choice_def repeats[] = {
    { CRM__REPEAT__REPEAT_DAILY, "daily", "Daily", "每天" },
    { CRM__REPEAT__REPEAT_WEEKLY, "weekly", "Weekly", "每周" },
    { CRM__REPEAT__REPEAT_MONTHLY, "monthly", "Monthly", "每月" },
    { CRM__REPEAT__REPEAT_YEARLY, "yearly", "Yearly", "每年" },
};

static const struct field_def task_fields[] = {
    { 1, "subject", FIELD_TEXT, FIELD_REQUIRED | FIELD_SEARCHED, "Subject", "主题" },
    { 2, "due", FIELD_DATE, FIELD_INDEXED | FIELD_SORTABLE, "Due", "截止日期" },
    { 5, "state", FIELD_CHOICE, FIELD_INDEXED, "State", "状态", CHOICES(task_states) },
    { 4, "priority", FIELD_CHOICE, 0, "Priority", "优先级", CHOICES(priorities) },
    { 7, "assigned", FIELD_REFERENCE, 0, "Assigned to", "执行人",
      REFERS(KIND_USER, ON_DELETE_UNLINK) },
    { 8, "customer", FIELD_REFERENCE, FIELD_PARENT, "Customer", "客户",
      REFERS(KIND_CUSTOMER, ON_DELETE_TAKE_ALONG), .merge = MERGE_NEVER },
    { 9, "contact", FIELD_REFERENCE, 0, "Contact", "联系人",
      REFERS(KIND_CONTACT, ON_DELETE_UNLINK) },
    { 10, "deal", FIELD_REFERENCE, 0, "Deal", "商机", REFERS(KIND_DEAL, ON_DELETE_UNLINK) },
    { 3, "reminder", FIELD_INSTANT, 0, "Reminder", "提醒时间" },
    { 6, "repeat", FIELD_CHOICE, 0, "Repeats", "重复", CHOICES(repeats) },
    { 11, "text", FIELD_TEXT, FIELD_LONG | FIELD_MULTILINE, "Text", "内容" },
    { 12, "done_by", FIELD_REFERENCE, FIELD_DERIVED, "Done by", "完成人", .ref_kind = KIND_USER,
      .merge = MERGE_LAST },
    { 13, "done_at", FIELD_INSTANT, FIELD_DERIVED, "Done at", "完成时间", .merge = MERGE_LAST },
    FIELD_ROW_TAGS,
};

static const char *const task_columns[] = {
    "number", "subject", "due", "state", "priority", "assigned", "customer", NULL,
};

const struct kind_def kind_task = {
    .kind = KIND_TASK,
    .name = "task",
    .plural = "tasks",
    .letter = "K",
    .label_en = "Task",
    .label_zh = "任务",
    .plural_en = "Tasks",
    .descriptor = &crm__task__descriptor,
    .fields = task_fields,
    .n_fields = ARRAY_LEN(task_fields),
    .title = "subject",
    .columns = task_columns,
};
