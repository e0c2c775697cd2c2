/*
 * cmd_history.c - crm history: who changed what in a record, when and from where
 */
#include <stdio.h>

#include "client/cli/changes.h"
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/owners.h"
#include "client/cli/query.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

/* Showing changes as they arrive. */
struct shown {
    struct cli *cli;
    struct table *table;   /* NULL: JSON */
    struct owners *owners; /* or NULL: all changes */
    struct uuid id;
    uint64_t n;
    enum crm_status status;
};

/* Of a record that has become a part of this one its number says so. */
static const char *verb_text(const struct shown *shown, const Crm__Change *change)
{
    struct cli *cli = shown->cli;
    const char *text = change_verb_text(cli, change);
    struct record_header header = { .kind = (enum kind)change->kind, .number = change->number };
    char label[RECORD_LABEL_SIZE];

    if (!uuid_from_slice(slice_of(change->id.data, change->id.len), &header.id) ||
        uuid_equal(&header.id, &shown->id))
        return text;
    record_label(&header, label);
    return arena_printf(&cli->arena, "%s: %s", label, text);
}

static enum crm_status show_change(struct shown *shown, const Crm__Change *change)
{
    struct cli *cli = shown->cli;

    if (!shown->table && !cli->options.jsonl)
        fputs(shown->n > 0 ? ",\n " : "\n ", stdout);
    shown->n++;
    if (!shown->table && cli->options.jsonl)
        return json_print(stdout, change_object(cli, change), false);
    if (!shown->table) {
        json_t *object = change_object(cli, change);
        int written = object ? json_dumpf(object, stdout, JSON_COMPACT) : 0;

        json_decref(object);
        return written == 0 ? CRM_OK : CRM_IO;
    }
    return table_row(shown->table,
                     (const char *[]){ change_time_text(cli, change), change_by_text(cli, change),
                                       verb_text(shown, change), change_fields_text(cli, change) },
                     0);
}

static void on_chunk(void *arg, const ProtobufCMessage *message)
{
    const Crm__HistoryChunk *chunk = (const Crm__HistoryChunk *)message;
    struct shown *shown = arg;

    titles_add(&shown->cli->titles, chunk->n_titles, chunk->titles);
    for (size_t i = 0; i < chunk->n_changes && !shown->status; i++)
        shown->status = shown->owners ? owners_take(shown->owners, chunk->changes[i])
                                      : show_change(shown, chunk->changes[i]);
}

static enum crm_status begin(struct shown *shown)
{
    struct cli *cli = shown->cli;

    if (shown->owners)
        return CRM_OK;
    if (cli->options.json || cli->options.jsonl) {
        if (!cli->options.jsonl)
            fputs("[", stdout);
        return CRM_OK;
    }
    shown->table = table_create(stdout, cli->colour);
    if (!shown->table || table_column(shown->table, cli_label(cli, "When", "时间"), 0) ||
        table_column(shown->table, cli_label(cli, "Who", "操作人"), 0) ||
        table_column(shown->table, cli_label(cli, "What", "操作"), 0) ||
        table_column(shown->table, cli_label(cli, "Fields", "字段"), TABLE_WRAP))
        return CRM_NO_MEMORY;
    return CRM_OK;
}

static enum crm_status end(struct shown *shown)
{
    if (shown->owners)
        return owners_show(shown->owners);
    if (shown->table)
        return table_flush(shown->table);
    if (!shown->cli->options.jsonl)
        fputs(shown->n > 0 ? "\n]\n" : "]\n", stdout);
    return CRM_OK;
}

enum crm_status cmd_history(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .deleted = true };
    struct shown shown = { .cli = cli };
    Crm__HistoryRequest request = CRM__HISTORY_REQUEST__INIT;
    const Crm__HistoryReply *reply;
    struct crm_call *call = NULL;
    struct record record;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &record);
    if (status)
        return status;
    if (cli->options.owners) {
        shown.owners = owners_begin(cli, &record);
        cli->options.limit = 0; /* all of them come from the whole history */
        if (!shown.owners)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    request.has_kind = request.has_id = request.has_titles = request.titles = true;
    request.kind = (uint32_t)record.header.kind;
    request.id = (ProtobufCBinaryData){ .len = UUID_SIZE, .data = record.header.id.bytes };
    request.has_merged = request.merged = !cli->options.owners;
    shown.id = record.header.id;
    request.has_limit = cli->options.limit > 0;
    request.limit = cli->options.limit < UINT32_MAX ? (uint32_t)cli->options.limit : UINT32_MAX;
    status = begin(&shown);
    if (!status) {
        status = crm_history(cli->client, &request, on_chunk, &shown, &call, &reply);
        if (status)
            status = cli_call_failed(cli, status, call);
        else
            status = shown.status ? shown.status : end(&shown);
    }
    crm_call_destroy(call);
    table_destroy(shown.table);
    return status == CRM_IO ? CRM_CANCELLED : status;
}
