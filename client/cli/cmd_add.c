/*
 * cmd_add.c - crm add: create a record from field=value arguments, or many from a file
 */
#include "client/cli/bulk.h"
#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/import.h"
#include "client/cli/result.h"
#include "client/cli/select.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

static enum crm_status add_one(struct cli *cli, const struct kind_def *kind, int argc, char **argv)
{
    struct value_context context = cli_value_context(cli);
    struct result result = { .kind = kind, .done = "Created", .done_zh = "已创建" };
    struct change change;
    enum crm_status status = CRM_OK;

    change_init(&change, cli->schema, kind, &context, &cli->arena, select_resolve, cli);
    for (int i = 2; i < argc && !status; i++)
        status = change_assign(&change, argv[i], &cli->failure);
    return status ? status : result_of_create(cli, &change, &result);
}

/* What is read, and what holds for each of its rows. */
struct load {
    const struct kind_def *kind;
    struct import *import;
    bool has_at;
    int64_t at_us; /* --at: when a row that does not say it happened */
};

/* A row of the file to a mutation in the batch's arena. */
static enum crm_status row_change(struct bulk *bulk, const struct load *load,
                                  const struct import_row *row, Crm__Mutation *mutation,
                                  struct failure *failure)
{
    struct value_context context = cli_value_context(bulk->cli);
    struct change change;
    const char *own_id = row->object ? json_string_value(json_object_get(row->object, "id")) : NULL;
    struct uuid *id = arena_alloc(&bulk->arena, sizeof(*id));
    const struct uuid *made = bulk_id(bulk);
    enum crm_status status = CRM_OK;

    if (!id || !made)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    change_init(&change, bulk->cli->schema, load->kind, &context, &bulk->arena, select_resolve,
                bulk->cli);
    change.has_happened = load->has_at;
    change.happened_us = load->at_us;
    if (row->happened)
        status = change_happened(&change, *row->happened, failure);
    if (!status && row->object)
        status = change_json(&change, row->object, failure);
    for (size_t i = 0; i < row->n_cells && !status; i++)
        if (row->fields[i] && row->cells[i].size > 0)
            status = change_list(&change, row->fields[i], row->cells[i], failure);
    if (!status)
        status = change_finish(&change, true, mutation, failure);
    if (status)
        return status;
    *id = *made;
    if (own_id && !uuid_parse(own_id, id))
        return fail(failure, CRM_INVALID, "id", "it is not an id");
    mutation->has_verb = true;
    mutation->verb = CRM__VERB__VERB_CREATE;
    mutation_set_id(mutation, id);
    return CRM_OK;
}

/* One row: read, turned into a change, handed on. A bad row is told and passed over; *out_is_end
 * also where the file cannot be read on. */
static enum crm_status add_row(struct bulk *bulk, const struct load *load, bool *out_is_end)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct failure failure = { 0 };
    struct import_row row;
    enum crm_status status = bulk_begin(bulk);

    if (status)
        return status;
    if (bulk->n == 0)
        bulk->progress.total = import_estimate(load->import);
    status = import_next(load->import, &row, out_is_end, &failure);
    if (!status && *out_is_end)
        return CRM_OK;
    if (!status)
        status = row_change(bulk, load, &row, &mutation, &failure);
    if (!status)
        return bulk_add(bulk, &mutation, row.line, false);
    bulk_refuse(bulk, row.line, &failure);
    *out_is_end = import_is_broken(load->import) || status == CRM_IO;
    if (crm_status_info((int)status)->exit_code == crm_status_info(CRM_UNREACHABLE)->exit_code)
        return fail(&bulk->cli->failure, status, NULL, "%s",
                    failure.text); /* the look-up of a name found no server: no further row will */
    return CRM_OK;
}

/* For print_result. */
struct told {
    struct cli *cli;
    const struct kind_def *kind;
    const struct mutate_key *key;
};

static void print_result(void *arg, size_t line, const Crm__MutateResult *answer)
{
    const struct told *told = arg;
    struct result result = { .kind = told->kind, .number = answer->number };

    (void)line;
    if (uuid_from_slice(slice_of(answer->id.data, answer->id.len), &result.id) &&
        result_show(told->cli, &result, answer, told->key) != CRM_OK)
        told->cli->detail = "A result could not be printed.\n";
}

static enum crm_status add_many(struct cli *cli, const struct kind_def *kind)
{
    struct load load = { .kind = kind, .has_at = cli->options.at != NULL };
    struct bulk bulk;
    struct told told = { .cli = cli, .kind = kind, .key = &bulk.key };
    bool is_end = false;
    enum crm_status status = bulk_init(&bulk, cli, cli->options.from, 0);

    if (cli->options.jsonl) {
        bulk.on_result = print_result;
        bulk.arg = &told;
    }
    if (!status && load.has_at)
        status =
            instant_parse(slice_text(cli->options.at), clock_now_us(), &load.at_us, &cli->failure);
    if (!status)
        status = import_open(cli, kind, cli->options.from, &load.import);
    if (!status) {
        while (!status && !is_end)
            status = add_row(&bulk, &load, &is_end);
        status = bulk_finish(&bulk, status);
        bulk_show(&bulk, kind, "Created", "已创建");
    }
    import_close(load.import);
    bulk_fini(&bulk);
    return status;
}

enum crm_status cmd_add(struct cli *cli, int argc, char **argv)
{
    const struct kind_def *kind;
    enum crm_status status = select_kind(cli, argv[1], &kind);

    if (status)
        return status;
    if (cli->options.from && argc > 2)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "fields come from the file or from the command line, not from both");
    return cli->options.from ? add_many(cli, kind) : add_one(cli, kind, argc, argv);
}
