/*
 * cmd_rm.c - crm rm and crm restore: into the recycle bin and out of it
 */
#include "client/cli/bulk.h"
#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/feed.h"
#include "client/cli/prompt.h"
#include "client/cli/query.h"
#include "client/cli/result.h"
#include "client/cli/select.h"

static const char *restore_command(struct cli *cli, const struct record *record)
{
    char id[UUID_TEXT_SIZE];

    if (record->header.number)
        return arena_printf(&cli->arena, "crm restore %s",
                            display_label(record->header.kind, &record->header.id,
                                          record->header.number, &cli->arena));
    uuid_format(&record->header.id, id);
    return arena_printf(&cli->arena, "crm restore %s %s", kind_def(record->header.kind)->name, id);
}

static enum crm_status rm_one(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .selector = NULL };
    struct result result = { .done = "Deleted", .done_zh = "已删除" };
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct record record;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status && argc > 1 + n)
        status = fail(&cli->failure, CRM_USAGE, NULL,
                      "one record at a time; several with crm rm KIND --where FILTER");
    if (!status)
        status = select_record(cli, &selection, &record);
    if (status)
        return status;
    mutation.has_verb = true;
    mutation.verb = CRM__VERB__VERB_DELETE;
    result.restore = restore_command(cli, &record);
    return result_of_change(cli, &record, &mutation, NULL, &result);
}

static enum crm_status rm_each(struct bulk *bulk, const struct kind_def *kind,
                               const struct query_ids *ids)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ids->n && !status; i++) {
        Crm__Mutation mutation = CRM__MUTATION__INIT;

        mutation.has_kind = mutation.has_verb = true;
        mutation.kind = (uint32_t)kind->kind;
        mutation.verb = CRM__VERB__VERB_DELETE;
        mutation_set_id(&mutation, &ids->ids[i]);
        status = bulk_begin(bulk);
        if (!status)
            status = bulk_add(bulk, &mutation, i + 1, false);
    }
    return status;
}

static enum crm_status rm_fed(struct cli *cli, const struct kind_def *kind, const struct query_ids *ids, int argc, char **argv)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;

    mutation.has_kind = mutation.has_verb = true;
    mutation.kind = (uint32_t)kind->kind;
    mutation.verb = CRM__VERB__VERB_DELETE;
    return feed_ids(cli, bulk_title(cli, argc, argv), &mutation, ids->ids, ids->n);
}

static enum crm_status rm_many(struct cli *cli, int argc, char **argv)
{
    const struct kind_def *kind;
    struct query_ids ids;
    struct bulk bulk;
    enum crm_status status = select_kind(cli, argv[1], &kind);

    if (!status && argc > 2)
        status = fail(&cli->failure, CRM_USAGE, NULL, "with --where name the kind only");
    if (!status)
        status = query_ids(cli, kind, cli->options.where, &ids);
    if (status)
        return status;
    if (!prompt_bulk(cli, "Delete", "删除", kind, ids.n))
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was deleted");
    if (!cli->replica && !cli->options.atomic && !cli->options.key)
        return rm_fed(cli, kind, &ids, argc, argv);
    status = bulk_init(&bulk, cli, NULL, ids.n);
    if (!status) {
        status = bulk_finish(&bulk, rm_each(&bulk, kind, &ids));
        bulk_show(&bulk, kind, "Deleted", "已删除");
        if (bulk.n_done > 0 && !cli->options.dry_run && !rows_for_programs(cli))
            cli_hint(cli,
                     cli->chinese ? "回收站: crm list %s --deleted"
                                  : "See them with: crm list %s --deleted",
                     kind->plural);
    }
    bulk_fini(&bulk);
    return status;
}

enum crm_status cmd_rm(struct cli *cli, int argc, char **argv)
{
    return cli->options.where ? rm_many(cli, argc, argv) : rm_one(cli, argc, argv);
}

enum crm_status cmd_restore(struct cli *cli, int argc, char **argv)
{
    static char action[] = "restore";
    struct selection selection = { .deleted = true };
    struct result result = { .done = "Restored", .done_zh = "已恢复" };
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct record record;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &record);
    if (status)
        return status;
    mutation.has_verb = true;
    mutation.verb = CRM__VERB__VERB_ACTION;
    mutation.action = action;
    return result_of_change(cli, &record, &mutation, NULL, &result);
}
