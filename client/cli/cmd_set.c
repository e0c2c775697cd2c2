/*
 * cmd_set.c - crm set: change one record, or every one that fits a filter
 */
#include "client/cli/bulk.h"
#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/feed.h"
#include "client/cli/prompt.h"
#include "client/cli/query.h"
#include "client/cli/result.h"
#include "client/cli/select.h"

/* A change of one kind in its two parts: fields, and who owns it. Either may be empty. */
struct parts {
    Crm__Mutation patch, assign;
    Crm__Mutation whole; /* both at once, as an existing record takes them */
    bool has_patch, has_assign;
};

static enum crm_status read_parts(struct cli *cli, const struct kind_def *kind, int argc,
                                  char **argv, int from, struct parts *out_parts)
{
    struct value_context context = cli_value_context(cli);
    struct change change;
    enum crm_status status = CRM_OK;

    crm__mutation__init(&out_parts->patch);
    crm__mutation__init(&out_parts->assign);
    change_init(&change, cli->schema, kind, &context, &cli->arena, select_resolve, cli);
    for (int i = from; i < argc && !status; i++)
        status = change_assign(&change, argv[i], &cli->failure);
    if (!status)
        status = change_finish(&change, false, &out_parts->patch, &cli->failure);
    if (!status)
        status = change_finish_assign(&change, &out_parts->assign, &cli->failure);
    if (status)
        return status;
    out_parts->patch.has_verb = true;
    out_parts->patch.verb = CRM__VERB__VERB_PATCH;
    out_parts->whole = out_parts->patch;
    status = change_finish_owner(&change, &out_parts->whole, &cli->failure);
    if (status)
        return status;
    out_parts->has_patch = out_parts->patch.has_set || out_parts->patch.n_clear > 0 ||
                           out_parts->patch.has_add || out_parts->patch.has_remove;
    out_parts->has_assign = out_parts->assign.action != NULL;
    if (!out_parts->has_patch && !out_parts->has_assign)
        return fail(&cli->failure, CRM_USAGE, NULL, "say what to change: field=value");
    return CRM_OK;
}

static enum crm_status set_one(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .selector = NULL };
    struct result result = { .done = "Changed", .done_zh = "已修改" };
    struct record record;
    struct parts parts;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &record);
    if (!status)
        status = read_parts(cli, kind_def(record.header.kind), argc, argv, 1 + n, &parts);
    if (status)
        return status;
    return result_of_change(cli, &record, parts.has_patch ? &parts.patch : NULL,
                            parts.has_assign ? &parts.assign : NULL, &result);
}

static enum crm_status set_each(struct bulk *bulk, struct parts *parts, const struct query_ids *ids)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ids->n && !status; i++) {
        status = bulk_begin(bulk);
        mutation_set_id(&parts->patch, &ids->ids[i]);
        mutation_set_id(&parts->assign, &ids->ids[i]);
        if (!status && parts->has_patch)
            status = bulk_add(bulk, &parts->patch, i + 1, false);
        if (!status && parts->has_assign)
            status = bulk_add(bulk, &parts->assign, i + 1, parts->has_patch);
    }
    return status;
}

static enum crm_status set_many(struct cli *cli, int argc, char **argv)
{
    const struct kind_def *kind;
    struct query_ids ids;
    struct parts parts;
    struct bulk bulk;
    enum crm_status status = select_kind(cli, argv[1], &kind);

    if (!status)
        status = read_parts(cli, kind, argc, argv, 2, &parts);
    if (!status)
        status = query_ids(cli, kind, cli->options.where, &ids);
    if (status)
        return status;
    if (!prompt_bulk(cli, "Change", "修改", kind, ids.n))
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was changed");
    if (!cli->replica && !cli->options.atomic && !cli->options.key)
        return feed_ids(cli, bulk_title(cli, argc, argv), &parts.whole, ids.ids, ids.n);
    status = bulk_init(&bulk, cli, NULL, ids.n);
    if (!status) {
        status = bulk_finish(&bulk, set_each(&bulk, &parts, &ids));
        bulk_show(&bulk, kind, "Changed", "已修改");
    }
    bulk_fini(&bulk);
    return status;
}

enum crm_status cmd_set(struct cli *cli, int argc, char **argv)
{
    if (cli->options.where)
        return set_many(cli, argc, argv);
    return set_one(cli, argc, argv);
}
