/*
 * owners.c - a record's history, read as a list of its owners
 *
 * Each change of owner or team begins the time of the one who has it then; what was before stands
 * in the change.
 */
#include "client/cli/owners.h"

#include <stdio.h>

#include "client/cli/changes.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"

/* Somebody's time with the record. */
struct owner_span {
    struct owner_span *next; /* the one before */
    struct uuid owner, team, by;
    int64_t from_us, until_us; /* until 0: still */
    const char *reason;        /* for which it was given to them, or NULL */
};

struct owners {
    struct cli *cli;
    struct uuid owner, team; /* as of the changes taken so far, going back */
    int64_t until_us;
    struct owner_span *first, **last;
};

struct owners *owners_begin(struct cli *cli, const struct record *record)
{
    struct owners *owners = arena_zalloc(&cli->arena, sizeof *owners);

    if (!owners)
        return NULL;
    owners->cli = cli;
    owners->owner = record->header.owner;
    owners->team = record->header.team;
    owners->last = &owners->first;
    return owners;
}

/* What an owner or a team was before a change; unchanged where the change does not say. */
static bool take_before(const Crm__Change *change, uint32_t ref, struct uuid *id)
{
    for (size_t i = 0; i < change->n_fields; i++) {
        const Crm__FieldChange *field = change->fields[i];

        if (field->field != ref)
            continue;
        if (!field->has_before ||
            !uuid_from_slice(slice_of(field->before.data, field->before.len), id))
            *id = (struct uuid){ { 0 } };
        return true;
    }
    return false;
}

enum crm_status owners_take(struct owners *owners, const Crm__Change *change)
{
    struct uuid owner = owners->owner, team = owners->team;
    bool has_owner = take_before(change, HEADER_OWNER, &owner),
         has_team = take_before(change, HEADER_TEAM, &team);
    struct arena *arena = &owners->cli->arena;
    struct owner_span *span;

    if (!has_owner && !has_team && (change->verb != CRM__VERB__VERB_CREATE || change->restored))
        return CRM_OK;
    span = arena_zalloc(arena, sizeof *span);
    if (!span)
        return CRM_NO_MEMORY;
    *span = (struct owner_span){ .owner = owners->owner,
                                 .team = owners->team,
                                 .from_us = change->recorded_at,
                                 .until_us = owners->until_us };
    (void)uuid_from_slice(slice_of(change->by.data, change->by.len), &span->by);
    span->reason = change->reason ? arena_strdup(arena, change->reason) : NULL;
    if (change->reason && !span->reason)
        return CRM_NO_MEMORY;
    owners->until_us = change->recorded_at;
    owners->owner = owner;
    owners->team = team;
    *owners->last = span;
    owners->last = &span->next;
    return CRM_OK;
}

static json_t *instant_json(int64_t at_us)
{
    char text[INSTANT_TEXT_SIZE];

    if (!at_us)
        return json_null();
    instant_format(at_us, text);
    return json_string(text);
}

static json_t *span_json(const struct cli *cli, const struct owner_span *span)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s?}", "owner", json_ref(cli, &span->owner),
                     "team", json_ref(cli, &span->team), "from", instant_json(span->from_us),
                     "until", instant_json(span->until_us), "by", json_ref(cli, &span->by),
                     "reason", span->reason);
}

static enum crm_status show_json(const struct owners *owners)
{
    json_t *all = json_array();
    enum crm_status status = CRM_OK;

    for (const struct owner_span *span = owners->first; span && !status; span = span->next) {
        if (owners->cli->options.jsonl)
            status = json_print(stdout, span_json(owners->cli, span), false);
        else
            json_array_append_new(all, span_json(owners->cli, span));
    }
    if (!owners->cli->options.jsonl)
        return json_print(stdout, all, true);
    json_decref(all);
    return status;
}

static enum crm_status add_span(struct table *table, struct cli *cli, const struct owner_span *span)
{
    char from[INSTANT_TEXT_SIZE], until[INSTANT_TEXT_SIZE] = "";

    instant_format_short(span->from_us, from);
    if (span->until_us)
        instant_format_short(span->until_us, until);
    return table_row(table,
                     (const char *[]){ display_ref(cli, &span->owner, &cli->arena),
                                       display_ref(cli, &span->team, &cli->arena), from, until,
                                       display_ref(cli, &span->by, &cli->arena),
                                       span->reason ? cli_safe(cli, span->reason) : "" },
                     0);
}

enum crm_status owners_show(struct owners *owners)
{
    static const char *const columns[][2] = {
        { "Owner", "负责人" }, { "Team", "团队" }, { "From", "开始" },
        { "Until", "结束" },   { "By", "操作人" }, { "Why", "原因" },
    };
    struct cli *cli = owners->cli;
    struct table *table;
    enum crm_status status;

    if (cli->options.json || cli->options.jsonl)
        return show_json(owners);
    table = table_create(stdout, cli->colour);
    status = table ? CRM_OK : CRM_NO_MEMORY;
    for (size_t i = 0; i < ARRAY_LEN(columns) && !status; i++)
        status = table_column(table, cli_label(cli, columns[i][0], columns[i][1]),
                              i + 1 == ARRAY_LEN(columns) ? TABLE_WRAP : 0);
    for (const struct owner_span *span = owners->first; span && !status; span = span->next)
        status = add_span(table, cli, span);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}
