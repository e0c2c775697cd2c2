/*
 * cmd_count.c - crm count: how many, by group, and what their money adds up to
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/query.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

struct count {
    struct cli *cli;
    const struct field_def *by, *sum;
    const Crm__CountReply *reply;
};

static bool group_value(const struct count *count, const Crm__CountGroup *group,
                        struct value *out_value)
{
    if (!count->by || !group->value)
        return false;
    return value_from_wire(count->by, group->value, out_value, NULL) == CRM_OK &&
           out_value->type != FIELD_NONE;
}

static struct value money_value(const Crm__Money *wire)
{
    struct value value = { .type = FIELD_MONEY, .integer = wire->minor };

    if (wire->currency)
        snprintf(value.currency, sizeof(value.currency), "%s", wire->currency);
    return value;
}

static json_t *count_json(const struct count *count)
{
    json_t *object = json_object(), *groups = json_array();

    json_object_set_new(object, "count", json_integer((json_int_t)count->reply->count));
    for (size_t i = 0; i < count->reply->n_groups; i++) {
        const Crm__CountGroup *group = count->reply->groups[i];
        json_t *row = json_object(), *sums = json_array();
        struct value value;

        if (count->by)
            json_object_set_new(row, count->by->name,
                                group_value(count, group, &value)
                                    ? json_value(count->cli, count->by, &value)
                                    : json_null());
        json_object_set_new(row, "count", json_integer((json_int_t)group->count));
        for (size_t s = 0; s < group->n_sums; s++) {
            value = money_value(group->sums[s]);
            json_array_append_new(sums, json_value(count->cli, count->sum, &value));
        }
        if (count->sum)
            json_object_set_new(row, count->sum->name, sums);
        else
            json_decref(sums);
        json_array_append_new(groups, row);
    }
    if (count->reply->n_groups > 0)
        json_object_set_new(object, "groups", groups);
    else
        json_decref(groups);
    return object;
}

/* The sums of a group, a currency after the other. */
static const char *sums_text(const struct count *count, const Crm__CountGroup *group)
{
    struct arena *arena = &count->cli->arena;
    const char *text = "";

    for (size_t i = 0; i < group->n_sums && text; i++) {
        struct value value = money_value(group->sums[i]);
        const char *sum = display_value(count->cli, count->sum, &value, arena);

        text = sum ? arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "", sum) : NULL;
    }
    return text;
}

static enum crm_status count_table(const struct count *count)
{
    struct cli *cli = count->cli;
    struct table *table = table_create(cli->out, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    if (!status && count->by)
        status = table_column(table, display_field_label(cli, count->by), TABLE_TRUNCATE);
    if (!status)
        status = table_column(table, cli_label(cli, "Count", "数量"), TABLE_RIGHT);
    if (!status && count->sum)
        status = table_column(table, display_field_label(cli, count->sum), TABLE_RIGHT);
    for (size_t i = 0; i < count->reply->n_groups && !status; i++) {
        const Crm__CountGroup *group = count->reply->groups[i];
        const char *cells[3];
        char number[32];
        size_t n = 0;
        struct value value;

        if (count->by)
            cells[n++] = group_value(count, group, &value)
                             ? display_value(cli, count->by, &value, &cli->arena)
                             : "-";
        cells[n++] = cli_grouped((int64_t)group->count, number);
        if (count->sum)
            cells[n++] = sums_text(count, group);
        status = table_row(table, cells, 0);
    }
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status count_show(const struct count *count)
{
    struct cli *cli = count->cli;
    char number[32];

    if (cli->options.json)
        return json_print(cli->out, count_json(count), true);
    if (count->reply->n_groups > 0)
        return count_table(count);
    if (cli->out_is_tty)
        fprintf(cli->out, "%s\n", cli_grouped((int64_t)count->reply->count, number));
    else
        fprintf(cli->out, "%" PRIu64 "\n", count->reply->count);
    return CRM_OK;
}

static enum crm_status find_field(struct cli *cli, const struct kind_def *kind, const char *name,
                                  const struct field_def **out_field)
{
    *out_field = name ? schema_field_by_name(cli->schema, kind, name) : NULL;
    if (name && !*out_field)
        return fail(&cli->failure, CRM_INVALID, name, "a %s has no such field", kind->name);
    return CRM_OK;
}

enum crm_status cmd_count(struct cli *cli, int argc, char **argv)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    struct count count = { .cli = cli };
    const struct kind_def *kind;
    Crm__ListRequest list;
    struct crm_call *call = NULL;
    enum crm_status status = select_kind(cli, argv[1], &kind);

    if (!status)
        status = query_list(cli, kind, query_text(cli, argc, argv, 2), &list);
    if (!status)
        status = find_field(cli, kind, cli->options.by, &count.by);
    if (!status)
        status = find_field(cli, kind, cli->options.sum, &count.sum);
    if (status)
        return status;
    request.has_kind = true;
    request.kind = list.kind;
    request.n_filter = list.n_filter;
    request.filter = list.filter;
    request.as_of = list.as_of;
    request.has_deleted = request.deleted = list.deleted;
    request.has_explain = request.explain = list.explain;
    request.has_group = count.by != NULL;
    request.group = count.by ? count.by->ref : 0;
    request.has_sum = count.sum != NULL;
    request.sum = count.sum ? count.sum->ref : 0;
    status = crm_count(cli->client, &request, &call, &count.reply);
    if (status) {
        status = cli_call_failed(cli, status, call);
    } else {
        for (size_t i = 0; i < count.reply->n_groups; i++)
            if (count.reply->groups[i]->title)
                titles_add(&cli->titles, 1, &count.reply->groups[i]->title);
        status = count_show(&count);
        query_tell_plan(cli, count.reply->explain);
    }
    crm_call_destroy(call);
    return status;
}
