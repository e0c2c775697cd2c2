/*
 * answers.c - see answers.h
 *
 * Called by sync_once.c; main thread. Records are named as the replica has them after the pull.
 */
#include "client/cli/answers.h"

#include <stdio.h>

#include "client/cli/display.h"
#include "client/cli/outbox_view.h"
#include "client/replica/local.h"

/* --- before */

enum crm_status answers_begin(struct answers *answers, struct cli *cli, struct replica *replica)
{
    struct outbox_list list = { 0 };
    enum crm_status status;

    *answers = (struct answers){ .cli = cli, .told = json_object() };
    answers->last = &answers->merged;
    json_object_set_new(answers->told, "numbered", json_object());
    status = outbox_load(replica, &cli->arena, &list, &cli->failure);
    if (status)
        return status;
    answers->before = arena_alloc(&cli->arena, (list.n + 1) * sizeof(*answers->before));
    if (!answers->before)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < list.n; i++)
        if (list.items[i].queued->answer)
            answers->before[answers->n_before++] = list.items[i].place;
    answers->is_begun = true;
    return CRM_OK;
}

/* --- each */

/* Memory that is spent costs a line of the report, no more. */
static void note_merged(struct answers *answers, const Crm__Mutation *mutation, const Crm__MutateResult *answer)
{
    struct arena *arena = &answers->cli->arena;
    struct answers_merged *merged = arena_zalloc(arena, sizeof(*merged));
    Crm__Mutation *name = arena_alloc(arena, sizeof(*name));

    if (!merged || !name)
        return;
    crm__mutation__init(name);
    name->kind = mutation->kind;
    name->id = (ProtobufCBinaryData){ .data = arena_memdup(arena, mutation->id.data, mutation->id.len), .len = mutation->id.len };
    merged->mutation = name;
    merged->fields = arena_memdup(arena, answer->merged, answer->n_merged * sizeof(*answer->merged));
    merged->n_fields = merged->fields ? answer->n_merged : 0;
    if (!name->id.data)
        return;
    *answers->last = merged;
    answers->last = &merged->next;
}

/* "C-~1 → C-1042"; of what a restored server had lost "C-1042 → C-2001", where that number is not to be had any more. */
static void tell_number(struct answers *answers, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer)
{
    struct record_header header = { .kind = (enum kind)queued->mutation->kind, .number = answer->number };
    char here[RECORD_LABEL_SIZE], there[RECORD_LABEL_SIZE];

    record_label(&header, there);
    header.number = queued->wanted ? queued->wanted : RECORD_NUMBER_LOCAL | queued->local_number;
    record_label(&header, here);
    if (answers->cli->options.json)
        json_object_set_new(json_object_get(answers->told, "numbered"), here, json_string(there));
    else if (!answers->cli->options.quiet)
        printf("%s → %s\n", here, there);
}

void answers_take(struct answers *answers, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer)
{
    if (answer->status == CRM_OK && (queued->local_number || queued->wanted) && answer->number && answer->number != queued->wanted)
        tell_number(answers, queued, answer);
    if (answer->n_merged > 0)
        note_merged(answers, queued->mutation, answer);
}

/* --- afterwards */

/* "name, industry": for people their labels. */
static const char *field_list(struct cli *cli, uint32_t kind, const uint32_t *refs, size_t n)
{
    const struct kind_def *def = kind_def(kind);
    const char *text = "";

    for (size_t i = 0; i < n && text; i++) {
        const struct field_def *field = def ? schema_field(cli->schema, def, refs[i]) : NULL;

        if (field)
            text = arena_printf(&cli->arena, "%s%s%s", text, *text ? ", " : "", display_field_label(cli, field));
    }
    return text ? text : "";
}

static json_t *field_array(struct cli *cli, uint32_t kind, const uint32_t *refs, size_t n)
{
    const struct kind_def *def = kind_def(kind);
    json_t *names = json_array();

    for (size_t i = 0; i < n; i++) {
        const struct field_def *field = def ? schema_field(cli->schema, def, refs[i]) : NULL;

        if (field)
            json_array_append_new(names, json_string(field->name));
    }
    return names;
}

static void tell_merged(const struct answers *answers, const struct outbox_view *view)
{
    struct cli *cli = answers->cli;
    json_t *array = json_array();

    for (const struct answers_merged *merged = answers->merged; merged; merged = merged->next) {
        const char *title;
        struct record_header header = outbox_view_header(view, merged->mutation, 0, &title);
        char label[RECORD_LABEL_SIZE];

        record_label(&header, label);
        json_array_append_new(array, json_pack("{s:s, s:o}", "record", label, "fields",
                                               field_array(cli, merged->mutation->kind, merged->fields, merged->n_fields)));
        if (!cli->options.json && !cli->options.quiet)
            printf("%s %s%s%s: %s\n", cli_label(cli, "Merged", "已合并"), label, title && *title ? " " : "", title ? title : "",
                   field_list(cli, merged->mutation->kind, merged->fields, merged->n_fields));
    }
    json_object_set_new(answers->told, "merged", array);
}

/* The fields of an item that are in conflict. */
static const char *conflict_fields(struct cli *cli, const struct outbox_item *item)
{
    const Crm__MutateResult *answer = item->queued->answer;
    uint32_t *refs = arena_alloc(&cli->arena, (answer->n_conflicts + 1) * sizeof(*refs));

    for (size_t i = 0; refs && i < answer->n_conflicts; i++)
        refs[i] = answer->conflicts[i]->field;
    return refs ? field_list(cli, item->queued->mutation->kind, refs, answer->n_conflicts) : "";
}

static void tell_item(const struct answers *answers, const struct outbox_view *view, const struct outbox_item *item, enum outbox_state state)
{
    static const char *const heads[][2] = { [OUTBOX_HELD] = { "Held", "搁置" }, [OUTBOX_CONFLICT] = { "In conflict", "冲突" },
                                            [OUTBOX_REJECTED] = { "Refused", "被拒绝" } };
    struct cli *cli = answers->cli;
    const char *why = outbox_view_why(view, item), *fields = state == OUTBOX_CONFLICT ? conflict_fields(cli, item) : "";

    printf("%s: %s %s: %s (%s)\n", heads[state][cli->chinese], outbox_view_verb(view, item->queued->mutation), outbox_view_record(view, item),
           *fields ? fields : why, outbox_view_next(view, item));
}

static json_t *item_json(const struct outbox_view *view, const struct outbox_item *item)
{
    return json_pack("{s:I, s:s, s:s, s:s}", "change", (json_int_t)item->place, "what", outbox_view_change(view, item->queued->mutation), "record",
                     outbox_view_record(view, item), "why", outbox_view_why(view, item));
}

static bool was_there(const struct answers *answers, uint64_t place)
{
    for (size_t i = 0; i < answers->n_before; i++)
        if (answers->before[i] == place)
            return true;
    return false;
}

static void tell_state(const struct answers *answers, const struct outbox_view *view, enum outbox_state state, const char *key)
{
    const struct cli *cli = answers->cli;
    json_t *array = json_array();

    for (size_t i = 0; i < view->list.n; i++) {
        const struct outbox_item *item = &view->list.items[i];

        if (outbox_view_state(view, item) != state || was_there(answers, item->place))
            continue;
        if (cli->options.json)
            json_array_append_new(array, item_json(view, item));
        else if (!cli->options.quiet)
            tell_item(answers, view, item, state);
    }
    json_object_set_new(answers->told, key, array);
}

/* With the fields as the replica knows them: the server may not have been asked. */
static void tell_all(struct answers *answers, const struct outbox_view *view, const struct replica *replica)
{
    struct cli *cli = answers->cli;
    struct schema *schema = cli->schema;

    cli->schema = schema_ref(replica_state(replica)->schema);
    tell_merged(answers, view);
    tell_state(answers, view, OUTBOX_CONFLICT, "conflicts");
    tell_state(answers, view, OUTBOX_REJECTED, "rejected");
    tell_state(answers, view, OUTBOX_HELD, "held");
    schema_unref(cli->schema);
    cli->schema = schema;
}

enum crm_status answers_end(struct answers *answers, struct replica *replica)
{
    struct cli *cli = answers->cli;
    struct crm_client *local = NULL;
    struct outbox_view view;
    enum crm_status status;

    if (!answers->is_begun) /* nothing was sent */
        return CRM_OK;
    if (local_client_create(replica, &local) != CRM_OK || crm_client_connect(local) != CRM_OK) {
        crm_client_destroy(local);
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    status = outbox_view_load(cli, replica, local, &view);
    if (!status)
        tell_all(answers, &view, replica);
    crm_client_destroy(local);
    return status;
}

void answers_fini(struct answers *answers)
{
    json_decref(answers->told);
    answers->told = NULL;
}
