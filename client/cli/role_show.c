/*
 * role_show.c - a role for people and for programs
 *
 * Called by crm admin role; main thread.
 */
#include <stdio.h>

#include "client/cli/display.h"
#include "client/cli/role.h"
#include "client/cli/table.h"

/* "amount, discount"; in the arena. */
static const char *joined(struct cli *cli, size_t n, char *const *texts)
{
    const char *all = "";

    for (size_t i = 0; i < n && all; i++)
        all = arena_printf(&cli->arena, "%s%s%s", all, i ? ", " : "", cli_safe(cli, texts[i]));
    return all;
}

static const char *joined_rights(struct cli *cli, const Crm__Role *role)
{
    const char *all = "";

    for (size_t i = 0; i < role->n_rights && all; i++)
        all = arena_printf(&cli->arena, "%s%s%s", all, i ? ", " : "",
                           role_right_name(role->rights[i]));
    return all;
}

static enum crm_status show_rows(struct cli *cli, const Crm__Role *role)
{
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    if (!status)
        status = table_column(table, cli_label(cli, "Kind", "类型"), 0);
    if (!status)
        status = table_column(table, cli_label(cli, "Read", "可见"), 0);
    if (!status)
        status = table_column(table, cli_label(cli, "Change", "可改"), 0);
    if (!status)
        status = table_column(table, cli_label(cli, "Hidden", "隐藏字段"), TABLE_WRAP);
    if (!status)
        status = table_column(table, cli_label(cli, "Read-only", "只读字段"), TABLE_WRAP);
    for (size_t i = 0; i < role->n_scopes && !status; i++) {
        const Crm__KindScope *row = role->scopes[i];

        status =
            table_row(table,
                      (const char *[]){ cli_safe(cli, row->kind ? row->kind : "?"),
                                        role_scope_name(row->read), role_scope_name(row->write),
                                        joined(cli, row->n_hidden, row->hidden),
                                        joined(cli, row->n_read_only, row->read_only) },
                      0);
    }
    if (!status && role->n_scopes > 0)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

enum crm_status role_show(struct cli *cli, const struct record *record, const Crm__Role *role,
                          uint64_t n_users)
{
    const char *on = cli_label(cli, "yes", "是"), *off = cli_label(cli, "no", "否");
    const char *rights = joined_rights(cli, role);
    char count[32];
    enum crm_status status;

    printf("%s\n", display_record(cli, record, &cli->arena));
    status = show_rows(cli, role);
    if (status)
        return status;
    printf("\n%s: %s\n", cli_label(cli, "Rights", "权限"),
           rights && *rights ? rights : cli_label(cli, "none", "无"));
    printf("%s: %s\n", cli_label(cli, "Second factor", "需二次验证"),
           role->second_factor ? on : off);
    printf("%s: %s\n", cli_label(cli, "Enrolled device", "需登记设备"), role->device ? on : off);
    printf("%s: %s\n", cli_label(cli, "Encrypted replica", "离线副本须加密"), role->offline_encrypted ? on : off);
    printf("%s: %s\n", cli_label(cli, "Active users", "在职用户"),
           cli_grouped((int64_t)n_users, count));
    return CRM_OK;
}

static json_t *texts_json(size_t n, char *const *texts)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

json_t *role_json(const struct record *record, const Crm__Role *role, uint64_t n_users)
{
    json_t *scopes = json_array(), *rights = json_array();
    char label[RECORD_LABEL_SIZE], id[UUID_TEXT_SIZE];

    record_label(&record->header, label);
    uuid_format(&record->header.id, id);
    for (size_t i = 0; i < role->n_scopes; i++) {
        const Crm__KindScope *row = role->scopes[i];

        json_array_append_new(scopes, json_pack("{s:s?, s:s, s:s, s:o, s:o}", "kind", row->kind,
                                                "read", role_scope_name(row->read), "write",
                                                role_scope_name(row->write), "hidden",
                                                texts_json(row->n_hidden, row->hidden), "read_only",
                                                texts_json(row->n_read_only, row->read_only)));
    }
    for (size_t i = 0; i < role->n_rights; i++)
        json_array_append_new(rights, json_string(role_right_name(role->rights[i])));
    return json_pack("{s:s, s:s, s:s, s:I, s:s?, s:o, s:o, s:b, s:b, s:b, s:I}", "kind", "role",
                     "number", label, "id", id, "rev", (json_int_t)record->header.rev, "name",
                     role->name, "scopes", scopes, "rights", rights, "second_factor",
                     (int)role->second_factor, "device", (int)role->device, "offline_encrypted",
                     (int)role->offline_encrypted, "active_users",
                     (json_int_t)n_users);
}

/* --- what has changed */

/* A text that grows; NULL once memory is spent. */
static void add_line(struct cli *cli, const char **lines, const char *line)
{
    if (*lines && line)
        *lines = arena_printf(&cli->arena, "%s  %s\n", *lines, line);
}

static void add_scope(struct cli *cli, const char **lines, const char *kind, const char *verb,
                      Crm__Scope before, Crm__Scope after)
{
    if (before != after)
        add_line(cli, lines,
                 arena_printf(&cli->arena, "%s: %s %s → %s", cli_safe(cli, kind), verb,
                              role_scope_name(before), role_scope_name(after)));
}

static void add_texts(struct cli *cli, const char **lines, const char *kind, const char *what,
                      const char *before, const char *after)
{
    if (before && after && strcmp(before, after) != 0)
        add_line(cli, lines,
                 arena_printf(&cli->arena, "%s: %s %s → %s", cli_safe(cli, kind), what,
                              *before ? before : "-", *after ? after : "-"));
}

static void add_row(struct cli *cli, const char **lines, const Crm__KindScope *before,
                    const Crm__KindScope *after)
{
    const char *kind = after->kind ? after->kind : "?";

    add_scope(cli, lines, kind, cli_label(cli, "read", "可见"), before->read, after->read);
    add_scope(cli, lines, kind, cli_label(cli, "change", "可改"), before->write, after->write);
    add_texts(cli, lines, kind, cli_label(cli, "hidden", "隐藏"),
              joined(cli, before->n_hidden, before->hidden),
              joined(cli, after->n_hidden, after->hidden));
    add_texts(cli, lines, kind, cli_label(cli, "read-only", "只读"),
              joined(cli, before->n_read_only, before->read_only),
              joined(cli, after->n_read_only, after->read_only));
}

static bool has_right(const Crm__Role *role, Crm__Right right)
{
    for (size_t i = 0; i < role->n_rights; i++)
        if (role->rights[i] == right)
            return true;
    return false;
}

/* Rights of one role that the other has not. */
static void add_rights(struct cli *cli, const char **lines, const Crm__Role *of,
                       const Crm__Role *not_of, char sign)
{
    for (size_t i = 0; i < of->n_rights; i++)
        if (!has_right(not_of, of->rights[i]))
            add_line(cli, lines,
                     arena_printf(&cli->arena, "%s: %c%s", cli_label(cli, "rights", "权限"), sign,
                                  role_right_name(of->rights[i])));
}

static void add_switch(struct cli *cli, const char **lines, const char *what, bool before,
                       bool after)
{
    if (before != after)
        add_line(cli, lines, arena_printf(&cli->arena, "%s: %s", what, after ? "on" : "off"));
}

const char *role_changes(struct cli *cli, const Crm__Role *before, const Crm__Role *after)
{
    static const Crm__KindScope nothing = CRM__KIND_SCOPE__INIT;
    const char *lines = "";

    add_texts(cli, &lines, cli_label(cli, "role", "角色"), cli_label(cli, "name", "名称"),
              before->name ? cli_safe(cli, before->name) : "",
              after->name ? cli_safe(cli, after->name) : "");
    for (size_t i = 0; i < after->n_scopes; i++) {
        const char *kind = after->scopes[i]->kind ? after->scopes[i]->kind : "?";
        const Crm__KindScope *row = role_row(before, kind), *any = role_row(before, "*");

        add_row(cli, &lines, row ? row : any ? any : &nothing, after->scopes[i]);
    }
    add_rights(cli, &lines, after, before, '+');
    add_rights(cli, &lines, before, after, '-');
    add_switch(cli, &lines, cli_label(cli, "second factor", "二次验证"), before->second_factor,
               after->second_factor);
    add_switch(cli, &lines, cli_label(cli, "enrolled device", "登记设备"), before->device,
               after->device);
    add_switch(cli, &lines, cli_label(cli, "encrypted replica", "离线副本须加密"), before->offline_encrypted,
               after->offline_encrypted);
    return lines;
}
