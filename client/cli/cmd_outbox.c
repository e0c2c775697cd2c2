/*
 * cmd_outbox.c - crm outbox: what waits to be sent, and what was not taken
 *
 * Main thread. Reads the replica beside whoever writes it; only drop writes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/outbox.h"
#include "client/cli/table.h"
#include "client/replica/outbox.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

const char *outbox_what(struct cli *cli, const Crm__QueuedMutation *queued)
{
    static const char *const verbs[] = {
        [CRM__VERB__VERB_CREATE] = "add", [CRM__VERB__VERB_PATCH] = "set", [CRM__VERB__VERB_DELETE] = "rm", [CRM__VERB__VERB_ACTION] = "do",
    };
    const Crm__Mutation *mutation = queued->mutation;
    const struct kind_def *kind = kind_def(mutation->kind);
    struct record_header header = { .kind = (enum kind)mutation->kind,
                                    .number = queued->local_number ? RECORD_NUMBER_LOCAL | queued->local_number : 0 };
    const char *verb = (unsigned)mutation->verb < ARRAY_LEN(verbs) && verbs[mutation->verb] ? verbs[mutation->verb] : "?";
    char label[RECORD_LABEL_SIZE];
    const char *text;

    uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &header.id);
    record_label(&header, label);
    text = arena_printf(&cli->arena, "%s %s %s", mutation->action ? cli_safe(cli, mutation->action) : verb, kind ? kind->name : "?", label);
    return text ? text : "";
}

const char *outbox_why(struct cli *cli, const Crm__MutateResult *answer)
{
    const struct crm_status_info *info = crm_status_info((int)answer->status);
    const char *text = answer->error && answer->error->text && *answer->error->text ? answer->error->text : info->sentence;

    return cli_safe(cli, text);
}

static const char *state_of(const Crm__QueuedMutation *queued)
{
    if (!queued->answer)
        return queued->has_number ? "sent" : "waiting";
    return queued->answer->outcome == CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT || queued->answer->status == CRM_CONFLICT ? "conflict" : "rejected";
}

/* The names of fields, as far as they are known. */
static json_t *field_names(const struct replica *replica, const Crm__QueuedMutation *queued)
{
    const struct kind_def *kind = kind_def(queued->mutation->kind);
    json_t *names = json_array();

    for (size_t i = 0; kind && i < queued->answer->n_conflicts; i++) {
        const struct field_def *field = schema_field(replica_state(replica)->schema, kind, queued->answer->conflicts[i]->field);

        if (field)
            json_array_append_new(names, json_string(field->name));
    }
    return names;
}

static json_t *item_object(struct cli *cli, const struct replica *replica, const struct outbox_item *item)
{
    const Crm__QueuedMutation *queued = item->queued;
    const struct kind_def *kind = kind_def(queued->mutation->kind);
    char instant[INSTANT_TEXT_SIZE], id[UUID_TEXT_SIZE] = "";
    json_t *object = json_object();
    struct uuid uuid;

    instant_format(queued->queued_at, instant);
    if (uuid_from_slice(slice_of(queued->mutation->id.data, queued->mutation->id.len), &uuid))
        uuid_format(&uuid, id);
    json_object_set_new(object, "change", json_integer((json_int_t)item->place));
    json_object_set_new(object, "state", json_string(state_of(queued)));
    json_object_set_new(object, "what", json_string(outbox_what(cli, queued)));
    json_object_set_new(object, "kind", kind ? json_string(kind->name) : json_null());
    json_object_set_new(object, "id", json_string(id));
    json_object_set_new(object, "queued", json_string(instant));
    if (queued->answer) {
        json_object_set_new(object, "status", json_string(crm_status_info((int)queued->answer->status)->name));
        json_object_set_new(object, "why", json_string(outbox_why(cli, queued->answer)));
        json_object_set_new(object, "fields", field_names(replica, queued));
    }
    return object;
}

static enum crm_status fill_table(struct cli *cli, struct table *table, const struct outbox_list *list)
{
    static const char *const heads[] = { "No", "State", "Change", "Queued", "Why" };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(heads) && !status; i++)
        status = table_column(table, heads[i], i == 0 ? TABLE_RIGHT : 0);
    for (size_t i = 0; i < list->n && !status; i++) {
        const Crm__QueuedMutation *queued = list->items[i].queued;
        char place[24], instant[INSTANT_TEXT_SIZE];

        snprintf(place, sizeof place, "%" PRIu64, list->items[i].place);
        instant_format_short(queued->queued_at, instant);
        status = table_row(table, (const char *[]){ place, state_of(queued), outbox_what(cli, queued), instant,
                                                    queued->answer ? outbox_why(cli, queued->answer) : "" }, 0);
    }
    return status ? status : table_flush(table);
}

static enum crm_status print_table(struct cli *cli, const struct outbox_list *list)
{
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? fill_table(cli, table, list) : CRM_NO_MEMORY;

    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status print_json(struct cli *cli, const struct replica *replica, const struct outbox_list *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(array, item_object(cli, replica, &list->items[i]));
    return json_print(stdout, array, true);
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    struct replica *replica = NULL;
    struct outbox_list list = { 0 };
    enum crm_status status = replica_open(cli->profile.home, REPLICA_READ, &replica, &cli->failure);

    (void)argc;
    (void)argv;
    if (!status)
        status = outbox_load(replica, &cli->arena, &list, &cli->failure);
    if (!status)
        status = cli->options.json ? print_json(cli, replica, &list) : print_table(cli, &list);
    replica_close(replica);
    return status;
}

static enum crm_status parse_place(struct cli *cli, const char *text, uint64_t *out_place)
{
    char *end;

    *out_place = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end)
        return CRM_OK;
    return fail(&cli->failure, CRM_USAGE, NULL, "name a change by its number in crm outbox list, not '%.80s'", text);
}

static enum crm_status show_item(struct cli *cli, const struct replica *replica, const struct outbox_list *list, uint64_t place)
{
    const char *key;
    json_t *object, *value;

    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].place != place)
            continue;
        object = item_object(cli, replica, &list->items[i]);
        if (cli->options.json)
            return json_print(stdout, object, true);
        json_object_foreach(object, key, value)
            if (json_is_string(value))
                printf("%-8s %s\n", key, json_string_value(value));
        for (size_t k = 0; k < json_array_size(json_object_get(object, "fields")); k++)
            printf("%-8s %s\n", "field", json_string_value(json_array_get(json_object_get(object, "fields"), k)));
        json_decref(object);
        return CRM_OK;
    }
    return fail(&cli->failure, CRM_NOT_FOUND, NULL, "there is no such change in the outbox");
}

static enum crm_status run_show(struct cli *cli, int argc, char **argv)
{
    struct replica *replica = NULL;
    struct outbox_list list = { 0 };
    uint64_t place;
    enum crm_status status = parse_place(cli, argv[1], &place);

    (void)argc;
    if (!status)
        status = replica_open(cli->profile.home, REPLICA_READ, &replica, &cli->failure);
    if (!status)
        status = outbox_load(replica, &cli->arena, &list, &cli->failure);
    if (!status)
        status = show_item(cli, replica, &list, place);
    replica_close(replica);
    return status;
}

static enum crm_status run_drop(struct cli *cli, int argc, char **argv)
{
    struct replica *replica = NULL;
    uint64_t place;
    enum crm_status status = parse_place(cli, argv[1], &place);

    (void)argc;
    if (!status) /* whether there is one: only a sync makes it */
        status = replica_open(cli->profile.home, REPLICA_READ, &replica, &cli->failure);
    replica_close(replica);
    replica = NULL;
    if (!status)
        status = replica_open(cli->profile.home, REPLICA_WRITE, &replica, &cli->failure);
    if (!status)
        status = outbox_drop(replica, place, clock_now_us(), &cli->failure);
    if (!status && cli->options.json)
        status = json_print(stdout, json_pack("{s:s, s:I}", "status", "ok", "change", (json_int_t)place), true);
    else if (!status && !cli->options.quiet)
        puts(cli_label(cli, "The change is given up.", "已放弃该更改。"));
    replica_close(replica);
    return status;
}

const struct command outbox_list_command = {
    .name = "outbox list",
    .synopsis = "",
    .summary = "the changes that are not in the server yet",
    .run = run_list,
    OPTIONS(OPT_JSON),
    .max_args = 0,
    .description = "In the order in which they were made. waiting: the next sync sends it; sent: it may have arrived, the next sync tells; "
                   "conflict, rejected: the server did not take it, or not all of it.",
    EXAMPLES("crm outbox list", "what is still to be sent"),
};

const struct command outbox_show_command = {
    .name = "outbox show",
    .synopsis = "NUMBER",
    .summary = "one queued change",
    .run = run_show,
    OPTIONS(OPT_JSON),
    .arguments = { ARGUMENT_OTHER },
    .min_args = 1,
    .max_args = 1,
    .description = "With the fields that are in conflict.",
    EXAMPLES("crm outbox show 3", "why it was not taken"),
};

const struct command outbox_drop_command = {
    .name = "outbox drop",
    .synopsis = "NUMBER",
    .summary = "give up a queued change",
    .run = run_drop,
    OPTIONS(OPT_JSON),
    .arguments = { ARGUMENT_OTHER },
    .min_args = 1,
    .max_args = 1,
    .description = "The record is shown without it again. One that may have reached the server already cannot be given up before "
                   "the next sync.",
    EXAMPLES("crm outbox drop 3", "it is never sent"),
};
