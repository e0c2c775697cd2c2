/*
 * cmd_merge.c - crm merge: one record of several
 *
 * Main thread.
 */
#include <stdio.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/prompt.h"
#include "client/cli/result.h"
#include "client/cli/rows.h"
#include "client/cli/select.h"
#include "proto/codec.h"

#define LOSERS_MAX 20

struct merge {
    struct cli *cli;
    struct record winner, losers[LOSERS_MAX];
    size_t n;
    ProtobufCBinaryData ids[LOSERS_MAX];
    Crm__MergeChoice choices[OPTION_LIST_MAX], *refs[OPTION_LIST_MAX];
};

static ProtobufCBinaryData id_bytes(const struct record *record)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)record->header.id.bytes, .len = UUID_SIZE };
}

static enum crm_status find(struct merge *merge, int argc, char **argv)
{
    struct cli *cli = merge->cli;
    struct selection selection = { .selector = NULL };
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &merge->winner);
    if (status)
        return status;
    selection = (struct selection){ .kind = kind_def(merge->winner.header.kind) };
    if (argc <= 1 + n)
        return fail(&cli->failure, CRM_USAGE, NULL, "say what is to become a part of it");
    for (int i = 1 + n; i < argc && !status; i++) {
        if (merge->n == LOSERS_MAX)
            return fail(&cli->failure, CRM_USAGE, NULL, "at most %d records at once", LOSERS_MAX);
        selection.selector = argv[i];
        status = select_record(cli, &selection, &merge->losers[merge->n]);
        if (!status && uuid_equal(&merge->losers[merge->n].header.id, &merge->winner.header.id))
            return fail(&cli->failure, CRM_USAGE, NULL, "%s is the record itself", cli_safe(cli, argv[i]));
        merge->ids[merge->n] = id_bytes(&merge->losers[merge->n]);
        merge->n++;
    }
    return status;
}

/* FIELD=OTHER: OTHER is one of those that were named. */
static enum crm_status read_choice(struct merge *merge, const char *text, size_t i)
{
    struct cli *cli = merge->cli;
    const struct kind_def *kind = kind_def(merge->winner.header.kind);
    const char *equals = strchr(text, '=');
    const char *name = equals ? arena_strndup(&cli->arena, text, (size_t)(equals - text)) : NULL;
    const struct field_def *field = name ? schema_field_by_name(cli->schema, kind, name) : NULL;
    struct selection selection = { .kind = kind, .selector = equals ? equals + 1 : "" };
    struct record from;
    enum crm_status status;

    if (!equals)
        return fail(&cli->failure, CRM_USAGE, NULL, "'%s': --take FIELD=OTHER", text);
    if (!field || field->flags & (FIELD_HEADER | FIELD_DERIVED))
        return fail(&cli->failure, CRM_INVALID, name, "a %s has no such field to choose", kind->name);
    status = select_record(cli, &selection, &from);
    if (status)
        return status;
    for (size_t l = 0; l < merge->n; l++) {
        if (!uuid_equal(&merge->losers[l].header.id, &from.header.id))
            continue;
        crm__merge_choice__init(&merge->choices[i]);
        merge->choices[i].has_field = merge->choices[i].has_from = true;
        merge->choices[i].field = field->ref;
        merge->choices[i].from = merge->ids[l];
        merge->refs[i] = &merge->choices[i];
        return CRM_OK;
    }
    return fail(&cli->failure, CRM_USAGE, NULL, "%s is none of those that are merged", equals + 1);
}

static bool is_meant(struct merge *merge)
{
    struct cli *cli = merge->cli;
    const char *others = "";
    const char *winner = display_record(cli, &merge->winner, &cli->arena);

    if (!cli->in_is_tty || !cli->err_is_tty || cli->options.yes || cli->options.dry_run || rows_for_programs(cli))
        return true;
    for (size_t i = 0; i < merge->n && others; i++)
        others = arena_printf(&cli->arena, "%s%s%s", others, i ? ", " : "", display_record(cli, &merge->losers[i], &cli->arena));
    return prompt_confirm(cli, arena_printf(&cli->arena, cli->chinese ? "将 %2$s 并入 %1$s?" : "Let %2$s become a part of %1$s?", winner, others ? others : ""));
}

enum crm_status cmd_merge(struct cli *cli, int argc, char **argv)
{
    static char action[] = "merge";
    struct merge merge = { .cli = cli };
    struct result result = { .done = "Merged into", .done_zh = "已并入" };
    Crm__MergeArgument argument = CRM__MERGE_ARGUMENT__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct slice packed;
    enum crm_status status = find(&merge, argc, argv);

    for (size_t i = 0; i < cli->options.take.n && !status; i++)
        status = read_choice(&merge, cli->options.take.items[i], i);
    if (status)
        return status;
    if (!is_meant(&merge))
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was merged");
    argument.n_losers = merge.n;
    argument.losers = merge.ids;
    argument.n_choices = cli->options.take.n;
    argument.choices = merge.refs;
    if (codec_pack(&argument.base, &cli->arena, &packed) != CRM_OK)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    mutation.has_verb = mutation.has_argument = true;
    mutation.verb = CRM__VERB__VERB_ACTION;
    mutation.action = action;
    mutation.argument = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return result_of_change(cli, &merge.winner, &mutation, NULL, &result);
}
