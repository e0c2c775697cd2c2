/*
 * query.c - running lists
 *
 * Called by list, count, find, today, set and rm; main thread.
 */
#include "client/cli/query.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/cli/select.h"
#include "common/model/filter.h"

const char *query_text(struct cli *cli, int argc, char **argv, int from)
{
    const char *text = argc > from ? argv[from] : "";

    for (int i = from + 1; i < argc && text; i++)
        text = arena_printf(&cli->arena, "%s %s", text, argv[i]);
    return text;
}

/* What @name stands for: a filter_view. */
static const char *saved_view(void *arg, const char *name)
{
    struct cli *cli = arg;
    struct selection selection = { .kind = kind_def(KIND_SAVED_VIEW), .selector = name };
    const struct field_def *field = kind_field_by_name(selection.kind, "filter");
    struct record record;
    struct value value;

    if (select_record(cli, &selection, &record) != CRM_OK) {
        cli->failure = (struct failure){ 0 }; /* the parser says it with the place */
        cli->detail = NULL;
        return NULL;
    }
    return field && reflect_get(field, &record, &value)
               ? arena_strndup(&cli->arena, value.text.data, value.text.size)
               : NULL;
}

/* Numbers of what was made offline mean something here only. */
static enum crm_status bind_local(struct cli *cli, struct filter_node *node)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < node->n_values && !status; i++) {
        const struct kind_def *kind = kind_def((unsigned)node->field->ref_kind);
        const char *text;
        struct uuid id;
        bool is_local;

        if (node->field->type != FIELD_REFERENCE || node->values[i].type != FIELD_TEXT)
            continue;
        text = arena_strndup(&cli->arena, node->values[i].text.data, node->values[i].text.size);
        if (!text)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        status = select_local(cli, kind, text, &kind, &id, &is_local);
        if (!status && is_local)
            node->values[i] = (struct value){ .type = FIELD_REFERENCE, .ref = id };
    }
    return status;
}

enum crm_status query_filter(struct cli *cli, const struct kind_def *kind, const char *text,
                             size_t *out_n, Crm__FilterNode ***out_nodes)
{
    struct value_context context = cli_value_context(cli);
    struct filter filter;
    enum crm_status status;

    *out_n = 0;
    *out_nodes = NULL;
    if (!text || !*text)
        return CRM_OK;
    status = filter_parse(cli->schema, kind, text, &context, saved_view, cli, &cli->arena, &filter,
                          &cli->failure);
    if (status) {
        cli->filter_text = text;
        return status;
    }
    for (size_t i = 0; i < filter.n; i++) {
        status = bind_local(cli, &filter.nodes[i]);
        if (status)
            return status;
    }
    status = filter_to_wire(&filter, &cli->arena, out_n, out_nodes);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status add_sort(struct cli *cli, const struct kind_def *kind,
                                Crm__ListRequest *request)
{
    struct sort_key keys[SORT_KEYS_MAX];
    Crm__Sort *sorts;
    size_t n;
    enum crm_status status;

    if (!cli->options.sort)
        return CRM_OK;
    status = sort_parse(cli->schema, kind, cli->options.sort, keys, &n, &cli->failure);
    if (status)
        return status;
    request->sort = arena_alloc(&cli->arena, (n + 1) * sizeof(*request->sort));
    sorts = arena_alloc(&cli->arena, (n + 1) * sizeof(*sorts));
    if (!request->sort || !sorts)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < n; i++) {
        crm__sort__init(&sorts[i]);
        sorts[i].has_field = sorts[i].has_descending = true;
        sorts[i].field = keys[i].field->ref;
        sorts[i].descending = keys[i].descending;
        request->sort[i] = &sorts[i];
    }
    request->n_sort = n;
    return CRM_OK;
}

enum crm_status query_list(struct cli *cli, const struct kind_def *kind, const char *filter,
                           Crm__ListRequest *out_request)
{
    enum crm_status status;

    crm__list_request__init(out_request);
    out_request->has_kind = out_request->has_titles = true;
    out_request->kind = (uint32_t)kind->kind;
    out_request->titles = true;
    out_request->has_deleted = out_request->deleted = cli->options.deleted;
    out_request->has_explain = out_request->explain = cli->options.explain;
    status = query_filter(cli, kind, filter, &out_request->n_filter, &out_request->filter);
    if (!status)
        status = add_sort(cli, kind, out_request);
    if (status || !cli->options.as_of)
        return status;
    out_request->as_of = arena_alloc(&cli->arena, sizeof(*out_request->as_of));
    if (!out_request->as_of)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return select_as_of(cli, cli->options.as_of, out_request->as_of);
}

struct stream {
    struct rows *rows;
    struct crm_call *call;
    enum crm_status status;
};

static void on_chunk(void *arg, const ProtobufCMessage *message)
{
    struct stream *stream = arg;

    if (stream->status)
        return;
    stream->status = rows_add_chunk(stream->rows, (const Crm__ListChunk *)message);
    if (stream->status)
        crm_call_cancel(stream->call);
}

enum crm_status query_run(struct cli *cli, enum operation operation,
                          const ProtobufCMessage *request, struct rows *rows,
                          struct crm_call **out_call, const Crm__ListReply **out_reply)
{
    struct stream stream = { .rows = rows };
    struct crm_call_options options = {
        .on_chunk = on_chunk,
        .arg = &stream,
        .deadline_ms = rows_for_programs(cli) && !cli->options.timeout ? CRM_NO_DEADLINE : 0
    };
    enum crm_status status;

    *out_call = NULL;
    *out_reply = NULL;
    status = crm_call_start(cli->client, operation, request, &options, &stream.call);
    if (status)
        return cli_call_failed(cli, status, NULL);
    *out_call = stream.call;
    status = crm_call_wait(stream.call);
    if (stream.status)
        return stream.status;
    if (status)
        return cli_call_failed(cli, status, stream.call);
    *out_reply = (const Crm__ListReply *)crm_call_reply(stream.call);
    return *out_reply ? CRM_OK
                      : fail(&cli->failure, CRM_PROTOCOL, NULL, "the server's answer has no end");
}

enum crm_status query_count(struct cli *cli, const Crm__ListRequest *list, uint64_t *out_count)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    struct crm_call *call;
    enum crm_status status;

    request.has_kind = true;
    request.kind = list->kind;
    request.n_filter = list->n_filter;
    request.filter = list->filter;
    request.as_of = list->as_of;
    request.has_deleted = request.deleted = list->deleted;
    status = crm_count(cli->client, &request, &call, &reply);
    if (status)
        status = cli_call_failed(cli, status, call);
    else
        *out_count = reply->count;
    crm_call_destroy(call);
    return status;
}

/* Gathering ids. */
struct gather {
    struct uuid *ids;
    size_t n, capacity;
    bool is_spent;
};

static void gather_chunk(void *arg, const ProtobufCMessage *message)
{
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;
    struct gather *gather = arg;

    for (size_t i = 0; i < chunk->n_records && !gather->is_spent; i++) {
        const Crm__Header *header = chunk->records[i]->header;

        if (gather->n == gather->capacity) {
            size_t capacity = gather->capacity ? gather->capacity * 2 : 1024;
            struct uuid *more = realloc(gather->ids, capacity * sizeof(*more));

            gather->is_spent = !more;
            if (!more)
                return;
            gather->ids = more;
            gather->capacity = capacity;
        }
        if (header &&
            uuid_from_slice(slice_of(header->id.data, header->id.len), &gather->ids[gather->n]))
            gather->n++;
    }
}

enum crm_status query_ids(struct cli *cli, const struct kind_def *kind, const char *filter,
                          struct query_ids *out_ids)
{
    struct crm_call_options options = { .on_chunk = gather_chunk, .deadline_ms = CRM_NO_DEADLINE };
    struct gather gather = { 0 };
    Crm__ListRequest request;
    struct crm_call *call = NULL;
    enum crm_status status = query_list(cli, kind, filter, &request);

    if (status)
        return status;
    request.titles = false;
    options.arg = &gather;
    status = crm_call_run(cli->client, OP_LIST, &request.base, &options, &call);
    if (status)
        status = cli_call_failed(cli, status, call);
    else if (gather.is_spent)
        status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    crm_call_destroy(call);
    out_ids->ids = status || gather.n == 0
                       ? NULL
                       : arena_memdup(&cli->arena, gather.ids, gather.n * sizeof(*gather.ids));
    out_ids->n = gather.n;
    free(gather.ids);
    if (!status && gather.n > 0 && !out_ids->ids)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return status;
}

void query_tell_plan(struct cli *cli, const Crm__Explain *explain)
{
    char examined[32], matched[32], micros[32];

    if (!explain)
        return;
    fprintf(cli->err, "%s\n%s examined, %s matched, %s µs\n",
            cli_safe(cli, explain->plan ? explain->plan : ""),
            cli_grouped((int64_t)explain->examined, examined),
            cli_grouped((int64_t)explain->matched, matched),
            cli_grouped((int64_t)explain->microseconds, micros));
}
