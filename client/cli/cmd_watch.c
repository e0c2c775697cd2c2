/*
 * cmd_watch.c - crm watch: changes as they happen, until interrupted
 */
#include <stdio.h>

#include "client/cli/changes.h"
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/select.h"

/* A subscription, and the feed that catches up where events were too many. */
struct watch {
    struct cli *cli;
    const struct kind_def *kind; /* NULL: all */
    struct crm_call *call;
    uint64_t seq; /* shown up to here */
    uint64_t n;   /* changes shown */
    bool is_catching_up;
};

static void print_change(struct watch *watch, const Crm__Change *change)
{
    struct cli *cli = watch->cli;

    if (change->seq <= watch->seq || (watch->kind && change->kind != (uint32_t)watch->kind->kind))
        return; /* the feed and the events overlap */
    watch->seq = change->seq;
    if (cli->options.json || cli->options.jsonl) {
        if (json_print(stdout, change_object(cli, change), false) != CRM_OK)
            crm_call_cancel(watch->call);
    } else {
        printf("%s  %s  %s  %s  %s\n", change_time_text(cli, change),
               change_record_text(cli, change), change_verb_text(cli, change),
               change_fields_text(cli, change), change_by_text(cli, change));
    }
    watch->n++;
    if (fflush(stdout) != 0 || (cli->options.limit && watch->n >= (uint64_t)cli->options.limit))
        crm_call_cancel(watch->call);
    arena_reset(&cli->arena); /* lines are made there, and this may run for weeks */
}

static void on_feed(void *arg, const ProtobufCMessage *message)
{
    const Crm__HistoryChunk *chunk = (const Crm__HistoryChunk *)message;
    struct watch *watch = arg;

    titles_add(&watch->cli->titles, chunk->n_titles, chunk->titles);
    for (size_t i = 0; i < chunk->n_changes; i++)
        print_change(watch, chunk->changes[i]);
}

static void on_feed_done(void *arg, struct crm_call *call)
{
    struct watch *watch = arg;

    watch->is_catching_up = false;
    if (crm_call_error(call)->status)
        crm_call_cancel(watch->call);
    crm_call_destroy(call);
}

/* Too slow for events: read what was missed from the log. */
static void catch_up(struct watch *watch)
{
    Crm__HistoryRequest request = CRM__HISTORY_REQUEST__INIT;
    struct crm_call_options options = { .on_chunk = on_feed,
                                        .on_done = on_feed_done,
                                        .arg = watch };
    struct crm_call *call;

    if (watch->is_catching_up)
        return;
    request.has_after_seq = request.has_titles = request.titles = true;
    request.after_seq = watch->seq;
    watch->is_catching_up =
        crm_call_start(watch->cli->client, OP_HISTORY, &request.base, &options, &call) == CRM_OK;
}

static void on_event(void *arg, const ProtobufCMessage *message)
{
    const Crm__Event *event = (const Crm__Event *)message;
    struct watch *watch = arg;

    if (event->behind) {
        catch_up(watch);
        return;
    }
    for (size_t i = 0; i < event->n_changes && !watch->is_catching_up; i++)
        print_change(watch, event->changes[i]);
}

/* What to watch: one record, a kind, or everything. */
static enum crm_status read_target(struct cli *cli, int argc, char **argv, struct watch *watch,
                                   struct record *record, bool *out_is_record)
{
    struct selection selection = { .selector = NULL };
    int n;
    enum crm_status status;

    *out_is_record = false;
    if (argc == 1)
        return CRM_OK;
    watch->kind = argc == 2 ? kind_find(argv[1]) : NULL;
    if (watch->kind)
        return CRM_OK;
    status = select_from_arguments(cli, argc, argv, &selection, &n);
    *out_is_record = true;
    return status ? status : select_record(cli, &selection, record);
}

enum crm_status cmd_watch(struct cli *cli, int argc, char **argv)
{
    struct watch watch = { .cli = cli };
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    struct crm_call_options options = { .on_event = on_event, .arg = &watch };
    struct record record;
    uint32_t kind;
    bool is_record;
    enum crm_status status = read_target(cli, argc, argv, &watch, &record, &is_record);

    if (status)
        return status;
    if (watch.kind) {
        kind = (uint32_t)watch.kind->kind;
        request.kinds = &kind;
        request.n_kinds = 1;
    } else if (is_record) {
        request.has_id = true;
        request.id = (ProtobufCBinaryData){ .len = UUID_SIZE, .data = record.header.id.bytes };
    }
    cli_hint(cli, "%s", cli_label(cli, "Watching; Ctrl-C ends it.", "正在监视,Ctrl-C 结束。"));
    status = crm_call_start(cli->client, OP_SUBSCRIBE, &request.base, &options, &watch.call);
    if (!status)
        status = crm_call_wait(watch.call);
    if (status && status != CRM_CANCELLED)
        status = cli_call_failed(cli, status, watch.call);
    crm_call_destroy(watch.call);
    return status == CRM_CANCELLED ? CRM_OK : status;
}
