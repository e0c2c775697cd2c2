/*
 * cmd_outbox_change.c - crm outbox drop, retry, edit: going on with what waits, or was not taken
 *
 * Main thread. Writes the replica: one process at a time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/editor.h"
#include "client/cli/form.h"
#include "client/cli/json.h"
#include "client/cli/mutate.h"
#include "client/cli/outbox.h"
#include "client/cli/outbox_view.h"
#include "client/cli/prompt.h"
#include "client/cli/select.h"
#include "common/base/clock.h"
#include "common/model/body.h"

/* --- which */

/* Places as they were named, in cli->arena. */
struct places {
    uint64_t *items;
    size_t n;
};

/* Of --rejected all that were refused, without what is in conflict. */
static enum crm_status take_places(struct cli *cli, const struct outbox_view *view, int argc, char **argv, struct places *out_places)
{
    struct places places = { .items = arena_alloc(&cli->arena, (view->list.n + (size_t)argc) * sizeof(*places.items)) };
    enum crm_status status = places.items ? CRM_OK : fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");

    if (!status && (argc > 1) == cli->options.rejected)
        return fail(&cli->failure, CRM_USAGE, NULL, "name changes by their numbers in crm outbox list, or all that were refused: --rejected");
    for (int i = 1; i < argc && !status; i++) {
        status = outbox_place(cli, argv[i], &places.items[places.n]);
        if (!status && !outbox_view_find(view, places.items[places.n++]))
            status = fail(&cli->failure, CRM_NOT_FOUND, NULL, "there is no change %s in the outbox", argv[i]);
    }
    for (size_t i = 0; i < view->list.n && cli->options.rejected && !status; i++)
        if (outbox_view_state(view, &view->list.items[i]) == OUTBOX_REJECTED)
            places.items[places.n++] = view->list.items[i].place;
    *out_places = places;
    return status;
}

static enum crm_status tell(struct cli *cli, const struct places *places, const char *done, const char *done_zh)
{
    json_t *array = json_array();

    for (size_t i = 0; i < places->n; i++)
        json_array_append_new(array, json_integer((json_int_t)places->items[i]));
    if (cli->options.json)
        return json_print(stdout, json_pack("{s:s, s:o}", "status", "ok", "changes", array), true);
    json_decref(array);
    if (cli->options.quiet)
        return CRM_OK;
    if (places->n == 1)
        printf("%s %" PRIu64 "\n", cli_label(cli, done, done_zh), places->items[0]);
    else
        printf(cli->chinese ? "%s %zu 项更改\n" : "%s %zu changes\n", cli_label(cli, done, done_zh), places->n);
    return CRM_OK;
}

/* --- drop */

/* Several at once, and what nobody else has, go only with a yes. */
static bool may_drop(struct cli *cli, const struct places *places)
{
    const char *question = arena_printf(&cli->arena, cli->chinese ? "放弃 %zu 项更改?" : "Give up %zu changes?", places->n);

    if (places->n < 2 || cli->options.yes || !cli->in_is_tty)
        return true;
    return question && prompt_confirm(cli, question);
}

static enum crm_status run_drop(struct cli *cli, int argc, char **argv)
{
    struct places places = { 0 };
    struct outbox_view view;
    const char *open = NULL;
    enum crm_status status = outbox_view_open(cli, true, &view);

    if (!status)
        status = take_places(cli, &view, argc, argv, &places);
    if (!status && !may_drop(cli, &places))
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was given up");
    for (size_t i = 0; i < places.n && !status; i++) {
        const struct outbox_item *item = outbox_view_find(&view, places.items[i]);

        if (item && outbox_view_is_open(item))
            open = outbox_view_next(&view, item);
        status = outbox_drop(cli->replica, places.items[i], clock_now_us(), &cli->failure);
    }
    if (status)
        return status;
    if (open)
        cli_hint(cli, cli->chinese ? "服务器仍保留冲突:%s --drop" : "The server still keeps it: %s --drop", open);
    return tell(cli, &places, "Given up:", "已放弃:");
}

/* --- retry */

/* What the server keeps is chosen there: sent once more it would be there twice. */
static enum crm_status check_not_open(struct cli *cli, const struct outbox_view *view, uint64_t place)
{
    const struct outbox_item *item = outbox_view_find(view, place);

    if (item && outbox_view_is_open(item))
        return fail(&cli->failure, CRM_CONFLICT, NULL, "change %" PRIu64 " is in conflict: %s chooses", place, outbox_view_next(view, item));
    return CRM_OK;
}

static enum crm_status run_retry(struct cli *cli, int argc, char **argv)
{
    struct places places = { 0 };
    struct outbox_view view;
    enum crm_status status = outbox_view_open(cli, true, &view);

    if (!status)
        status = take_places(cli, &view, argc, argv, &places);
    for (size_t i = 0; i < places.n && !status; i++) {
        status = check_not_open(cli, &view, places.items[i]);
        if (!status)
            status = outbox_retry(cli->replica, places.items[i], clock_now_us(), &cli->failure);
    }
    return status ? status : tell(cli, &places, "The next sync sends again:", "下次同步重新提交:");
}

/* --- edit */

/* The mutation that a person edits: the last one that makes or changes a record. NULL: an action or a deletion. */
static const Crm__Mutation *find_editable(const struct outbox_item *item)
{
    for (size_t i = outbox_mutations(item->queued); i-- > 0;) {
        const Crm__Mutation *mutation = outbox_part(item->queued, i).mutation;

        if (mutation->verb == CRM__VERB__VERB_CREATE || mutation->verb == CRM__VERB__VERB_PATCH)
            return mutation;
    }
    return NULL;
}

/* The record as the change would have it: what is shown here, with what it sets on top, also where the server has refused it. */
static enum crm_status wanted_record(const struct outbox_view *view, const Crm__Mutation *mutation, struct record *out_record)
{
    struct cli *cli = view->cli;
    struct slice set;
    struct field_set fields;
    enum crm_status status = body_canonical(&cli->arena, slice_of(mutation->set.data, mutation->set.len), &set, &cli->failure);

    if (status)
        return status;
    if (!outbox_view_get(view, mutation, out_record)) {
        *out_record = (struct record){ .header = { .kind = (enum kind)mutation->kind } };
        (void)uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &out_record->header.id);
    }
    status = body_diff(&cli->arena, slice_of(NULL, 0), set, &fields);
    if (!status)
        status = body_overlay(&cli->arena, out_record->body, &fields, set, &out_record->body);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status read_edit(struct cli *cli, const struct outbox_view *view, const Crm__Mutation *mutation, int argc, char **argv,
                                 struct change *change)
{
    struct value_context context = cli_value_context(cli);
    const char *editor = editor_name(), *text;
    struct record record;
    struct slice edited;
    enum crm_status status = CRM_OK;

    change_init(change, cli->schema, kind_def(mutation->kind), &context, &cli->arena, select_resolve, cli);
    for (int i = 2; i < argc && !status; i++)
        status = change_assign(change, argv[i], &cli->failure);
    if (status || argc > 2)
        return status;
    if (!editor)
        return fail(&cli->failure, CRM_USAGE, NULL, "say what to change: field=value, or set EDITOR");
    status = wanted_record(view, mutation, &record);
    if (status)
        return status;
    text = form_write(cli, &record, NULL);
    status = text ? editor_run(cli, editor, text, &edited) : fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return status ? status : form_read(cli, &record, (const char *)edited.data, change, &cli->failure);
}

static enum crm_status edit(struct cli *cli, const struct outbox_item *item, const Crm__Mutation *mutation, struct change *change)
{
    Crm__Mutation patch = CRM__MUTATION__INIT;
    enum crm_status status;

    if (change->has_owner || change->has_team)
        return fail(&cli->failure, CRM_USAGE, NULL, "owner and team are another change: crm assign");
    status = change_finish(change, false, &patch, &cli->failure);
    if (status)
        return status;
    patch.has_id = patch.has_verb = true;
    patch.id = mutation->id;
    patch.verb = CRM__VERB__VERB_PATCH;
    return outbox_edit(cli->replica, item->place, &patch, clock_now_us(), &cli->failure);
}

static enum crm_status run_edit(struct cli *cli, int argc, char **argv)
{
    struct places one = { .n = 1 };
    const struct outbox_item *item;
    const Crm__Mutation *mutation;
    struct outbox_view view;
    struct change change;
    uint64_t place;
    enum crm_status status = outbox_place(cli, argv[1], &place);

    if (!status)
        status = outbox_view_open(cli, true, &view);
    if (!status)
        status = check_not_open(cli, &view, place);
    if (status)
        return status;
    item = outbox_view_find(&view, place);
    mutation = item ? find_editable(item) : NULL;
    if (!mutation)
        return item ? fail(&cli->failure, CRM_INVALID, NULL, "an action has no fields: crm outbox drop %" PRIu64 ", and do it again", place)
                    : fail(&cli->failure, CRM_NOT_FOUND, NULL, "there is no such change in the outbox");
    status = read_edit(cli, &view, mutation, argc, argv, &change);
    if (!status && change_is_empty(&change)) {
        cli_hint(cli, "%s", cli_label(cli, "Nothing has changed.", "没有更改。"));
        return CRM_OK;
    }
    if (!status)
        status = edit(cli, item, mutation, &change);
    one.items = &place;
    return status ? status : tell(cli, &one, "Changed:", "已修改:");
}

const struct command outbox_drop_command = {
    .name = "outbox drop",
    .synopsis = "NUMBER... | --rejected",
    .summary = "give up queued changes",
    .run = run_drop,
    OPTIONS(OPT_REJECTED, OPT_YES, OPT_JSON),
    .arguments = { ARGUMENT_OTHER },
    .min_args = 0,
    .max_args = -1,
    .description = "The record is shown without it again. One that may have reached the server already cannot be given up before "
                   "the next sync. What the server keeps as a conflict stays there: crm resolve RECORD --drop.",
    EXAMPLES("crm outbox drop 3", "it is never sent", "crm outbox drop --rejected", "all that the server has refused"),
};

const struct command outbox_retry_command = {
    .name = "outbox retry",
    .synopsis = "NUMBER... | --rejected",
    .summary = "send again what was refused",
    .run = run_retry,
    OPTIONS(OPT_REJECTED, OPT_JSON),
    .arguments = { ARGUMENT_OTHER },
    .min_args = 0,
    .max_args = -1,
    .description = "As if it had just been made: when what it needs is there now, or a right was given. What it depends on goes "
                   "with the next sync, too.",
    EXAMPLES("crm outbox retry 3", "with the next sync"),
};

const struct command outbox_edit_command = {
    .name = "outbox edit",
    .synopsis = "NUMBER [FIELD=VALUE...]",
    .summary = "change a queued change before it is sent",
    .run = run_edit,
    OPTIONS(OPT_JSON),
    .arguments = { ARGUMENT_OTHER },
    .min_args = 1,
    .max_args = -1,
    .description = "field=value as with crm set; without, in $VISUAL or $EDITOR. One that was refused is sent again with the next "
                   "sync. One that may have reached the server already is changed with crm set after the next sync.",
    EXAMPLES("crm outbox edit 3 name='Acme GmbH'", "the name that the server missed"),
};
