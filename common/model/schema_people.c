/*
 * schema_people.c - fields of users, teams and roles
 *
 * Read through kind.c and schema.c. Immutable. To add a field: its line in proto/records.proto and
 * its row here.
 */
#include "common/model/kind_table.h"

/* --- user */

static const struct field_def user_fields[] = {
    { 1, "login", FIELD_TEXT, FIELD_REQUIRED | FIELD_UNIQUE | FIELD_SEARCHED, "Login", "登录名" },
    { 2, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_SEARCHED | FIELD_INDEXED | FIELD_SORTABLE,
      "Name", "姓名" },
    { 3, "email", FIELD_TEXT, FIELD_SEARCHED, "E-mail", "邮箱" },
    { 4, "phone", FIELD_TEXT, FIELD_SEARCHED | FIELD_PHONE, "Phone", "电话" },
    { 5, "team", FIELD_REFERENCE, 0, "Team", "团队", REFERS(KIND_TEAM, ON_DELETE_REFUSE),
      .merge = MERGE_NEVER },
    { 12, "more_teams", FIELD_REFERENCE, FIELD_REPEATED, "More teams", "其他团队",
      REFERS(KIND_TEAM, ON_DELETE_UNLINK), .merge = MERGE_UNION },
    { 6, "role", FIELD_REFERENCE, 0, "Role", "角色", REFERS(KIND_ROLE, ON_DELETE_REFUSE),
      .merge = MERGE_NEVER },
    { 7, "manager", FIELD_REFERENCE, 0, "Manager", "上级", REFERS(KIND_USER, ON_DELETE_UNLINK) },
    { 8, "locale", FIELD_TEXT, 0, "Locale", "语言区域" },
    { 9, "active", FIELD_BOOLEAN, 0, "Active", "在职" },
    { 10, "hired_on", FIELD_DATE, 0, "Hired on", "入职日期" },
    { 11, "level", FIELD_TEXT, 0, "Level", "职级" },
    FIELD_ROW_TAGS,
};

static const char *const user_columns[] = { "number", "login",   "name",   "team",
                                            "role",   "manager", "active", NULL };

const struct kind_def kind_user = {
    .kind = KIND_USER,
    .name = "user",
    .plural = "users",
    .letter = "U",
    .label_en = "User",
    .label_zh = "用户",
    .plural_en = "Users",
    .descriptor = &crm__user__descriptor,
    .fields = user_fields,
    .n_fields = ARRAY_LEN(user_fields),
    .title = "name",
    .columns = user_columns,
    .flags = KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_USERS,
};

/* --- team */

static const struct field_def team_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_UNIQUE | FIELD_SEARCHED, "Name", "名称" },
    { 2, "parent", FIELD_REFERENCE, 0, "Parent team", "上级团队",
      REFERS(KIND_TEAM, ON_DELETE_REFUSE), .merge = MERGE_NEVER },
    { 3, "head", FIELD_REFERENCE, 0, "Head", "主管", REFERS(KIND_USER, ON_DELETE_UNLINK) },
    { 4, "time_zone", FIELD_TEXT, 0, "Time zone", "时区" },
    { 5, "region", FIELD_TEXT, 0, "Region", "区域" },
    FIELD_ROW_TAGS,
};

static const char *const team_columns[] = { "number", "name", "parent", "head", "region", NULL };

const struct kind_def kind_team = {
    .kind = KIND_TEAM,
    .name = "team",
    .plural = "teams",
    .letter = "T",
    .label_en = "Team",
    .label_zh = "团队",
    .plural_en = "Teams",
    .descriptor = &crm__team__descriptor,
    .fields = team_fields,
    .n_fields = ARRAY_LEN(team_fields),
    .title = "name",
    .columns = team_columns,
    .flags = KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_USERS,
};

/* --- role */

static const struct choice_def scopes[] = {
    { CRM__SCOPE__SCOPE_NONE, "none", "None", "无" },
    { CRM__SCOPE__SCOPE_OWN, "own", "Own", "本人" },
    { CRM__SCOPE__SCOPE_TEAM, "team", "Team", "本团队" },
    { CRM__SCOPE__SCOPE_BRANCH, "branch", "Branch", "本团队及下级" },
    { CRM__SCOPE__SCOPE_ALL, "all", "All", "全部" },
};

static const struct choice_def rights[] = {
    { CRM__RIGHT__RIGHT_EXPORT, "export", "Export", "导出" },
    { CRM__RIGHT__RIGHT_BULK_CHANGE, "bulk_change", "Bulk change", "批量修改" },
    { CRM__RIGHT__RIGHT_DELETE, "delete", "Delete", "删除" },
    { CRM__RIGHT__RIGHT_RESTORE, "restore", "Restore", "恢复" },
    { CRM__RIGHT__RIGHT_MERGE, "merge", "Merge", "合并" },
    { CRM__RIGHT__RIGHT_SHARE, "share", "Share", "共享" },
    { CRM__RIGHT__RIGHT_REASSIGN, "reassign", "Reassign", "转移负责人" },
    { CRM__RIGHT__RIGHT_REPORT, "report", "Report", "报表" },
    { CRM__RIGHT__RIGHT_MANAGE_USERS, "manage_users", "Manage users", "管理用户" },
    { CRM__RIGHT__RIGHT_MANAGE_SCHEMA, "manage_schema", "Manage schema", "管理字段与设置" },
    { CRM__RIGHT__RIGHT_AUDIT, "audit", "Audit", "审计" },
    { CRM__RIGHT__RIGHT_REOPEN, "reopen", "Reopen", "重新打开" },
    { CRM__RIGHT__RIGHT_ERASE, "erase", "Erase", "彻底删除" },
};

static const struct field_def scope_members[] = {
    { 1, "id", FIELD_ID, 0, "Id", "标识" },
    { 2, "kind", FIELD_TEXT, FIELD_REQUIRED, "Kind", "对象" },
    { 3, "read", FIELD_CHOICE, 0, "Read", "可读范围", CHOICES(scopes) },
    { 4, "write", FIELD_CHOICE, 0, "Write", "可写范围", CHOICES(scopes) },
    { 5, "hidden", FIELD_TEXT, FIELD_REPEATED, "Hidden fields", "隐藏字段" },
    { 6, "read_only", FIELD_TEXT, FIELD_REPEATED, "Read-only fields", "只读字段" },
};

static const struct field_def role_fields[] = {
    { 1, "name", FIELD_TEXT, FIELD_REQUIRED | FIELD_UNIQUE | FIELD_SEARCHED, "Name", "名称" },
    { 2, "scopes", FIELD_GROUP, FIELD_REPEATED, "Scopes", "数据范围",
      GROUP(scope_members, crm__kind_scope__descriptor), .merge = MERGE_NEVER },
    { 3, "rights", FIELD_CHOICE, FIELD_REPEATED, "Rights", "权限", CHOICES(rights),
      .merge = MERGE_NEVER },
    { 4, "second_factor", FIELD_BOOLEAN, 0, "Second factor", "双重验证", .merge = MERGE_NEVER },
    { 5, "device", FIELD_BOOLEAN, 0, "Enrolled device only", "仅限已登记设备",
      .merge = MERGE_NEVER },
    { 6, "offline_encrypted", FIELD_BOOLEAN, 0, "Encrypted replica only", "离线副本须加密",
      .merge = MERGE_NEVER },
    FIELD_ROW_TAGS,
};

static const char *const role_columns[] = { "number", "name", "rights", NULL };

const struct kind_def kind_role = {
    .kind = KIND_ROLE,
    .name = "role",
    .plural = "roles",
    .letter = "R",
    .label_en = "Role",
    .label_zh = "角色",
    .plural_en = "Roles",
    .descriptor = &crm__role__descriptor,
    .fields = role_fields,
    .n_fields = ARRAY_LEN(role_fields),
    .title = "name",
    .columns = role_columns,
    .flags = KIND_ADMINISTRATION,
    .write_right = CRM__RIGHT__RIGHT_MANAGE_USERS,
};
