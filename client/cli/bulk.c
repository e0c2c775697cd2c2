/*
 * bulk.c - the pipeline of a bulk change
 *
 * Called by add --from, set --where and rm --where; main thread. Requests are numbered in the order
 * of the input and leave before earlier ones are answered, so that a line with 400 ms does not wait
 * for each. A refusal stops nothing: the others are done, and the exit code says so.
 */
#include "client/cli/bulk.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/cli/confirm.h"
#include "client/cli/json.h"
#include "common/base/text.h"

#define BATCH_BUDGET ((size_t)64 << 20)
#define TITLE_MAX    400 /* bytes that the server takes */

const char *bulk_title(struct cli *cli, int argc, char **argv)
{
    const char *text = arena_printf(&cli->arena, "%s", argv[0]);

    for (int i = 1; i < argc && text; i++)
        text = arena_printf(&cli->arena, "%s %s", text, argv[i]);
    if (text)
        text = arena_printf(&cli->arena, "%s --where '%s'", text, cli->options.where);
    if (text)
        text = arena_strndup(&cli->arena, text, text_prefix_size(slice_text(text), TITLE_MAX));
    return text ? text : "";
}

enum crm_status bulk_init(struct bulk *bulk, struct cli *cli, const char *source, uint64_t total)
{
    *bulk = (struct bulk){ .cli = cli, .source = source };
    arena_init(&bulk->arena, BATCH_BUDGET);
    for (size_t i = 0; i < BULK_WINDOW; i++)
        bulk->slots[i].bulk = bulk;
    progress_init(&bulk->progress, cli, total);
    return mutate_key_init(cli, &bulk->key);
}

void bulk_fini(struct bulk *bulk)
{
    for (size_t i = 0; i < BULK_WINDOW; i++)
        crm_call_destroy(bulk->slots[i].call);
    progress_end(&bulk->progress);
    arena_fini(&bulk->arena);
}

const struct uuid *bulk_id(struct bulk *bulk)
{
    struct uuid id = mutate_key_id(&bulk->key, ++bulk->n_made);

    return arena_memdup(&bulk->arena, &id, sizeof(id));
}

void bulk_refuse(struct bulk *bulk, size_t line, const struct failure *failure)
{
    struct cli *cli = bulk->cli;

    bulk->n_failed++;
    if (!bulk->first)
        bulk->first = failure->status;
    if (bulk->n_failed > BULK_TOLD_MAX)
        return;
    progress_end(&bulk->progress);
    if (bulk->source)
        fprintf(stderr, "crm: %s:%zu: ", cli_safe(cli, bulk->source), line);
    else
        fprintf(stderr, "crm: ");
    if (*failure->field)
        fprintf(stderr, "field '%s': ", cli_safe(cli, failure->field));
    fprintf(stderr, "%s\n", cli_safe(cli, failure->text));
}

/* Every change of a request shares its failure. */
static void request_failed(struct bulk_slot *slot, const struct crm_error *error)
{
    struct failure failure = { 0 };

    fail(&failure, error->status, *error->field ? error->field : NULL, "%s", error->text);
    slot->bulk->is_unknown = slot->bulk->is_unknown || error->outcome == CRM_OUTCOME_UNKNOWN;
    for (size_t i = 0; i < slot->n; i++)
        if (!slot->is_extra[i])
            bulk_refuse(slot->bulk, slot->lines[i], &failure);
}

static void count_results(struct bulk_slot *slot, const Crm__MutateReply *reply)
{
    struct bulk *bulk = slot->bulk;

    for (size_t i = 0; i < slot->n; i++) {
        struct failure failure = { 0 };
        bool is_refused = mutate_result_failure(reply->results[i], &failure) != CRM_OK;

        if (is_refused && !slot->is_extra[i]) {
            bulk_refuse(bulk, slot->lines[i], &failure);
        } else if (is_refused) {
            bulk->n_done -=
                bulk->n_done > 0; /* its first half was done: told as refused all the same */
            bulk_refuse(bulk, slot->lines[i], &failure);
        } else if (!slot->is_extra[i]) {
            bulk->n_done++;
            if (bulk->on_result)
                bulk->on_result(bulk->arg, slot->lines[i], reply->results[i]);
        }
    }
}

static void on_done(void *arg, struct crm_call *call)
{
    struct bulk_slot *slot = arg;
    const Crm__MutateReply *reply = (const Crm__MutateReply *)crm_call_reply(call);
    struct crm_error short_answer = { .status = CRM_PROTOCOL,
                                      .outcome = CRM_OUTCOME_UNKNOWN,
                                      .field = "",
                                      .text = "the answer is not whole" };

    if (crm_call_error(call)->status)
        request_failed(slot, crm_call_error(call));
    else if (!reply || reply->n_results != slot->n)
        request_failed(slot, &short_answer);
    else
        count_results(slot, reply);
    crm_call_destroy(call);
    slot->call = NULL;
    progress_update(&slot->bulk->progress, slot->bulk->n_done + slot->bulk->n_failed);
}

static struct bulk_slot *free_slot(struct bulk *bulk)
{
    for (;;) {
        for (size_t i = 0; i < BULK_WINDOW; i++)
            if (!bulk->slots[i].call)
                return &bulk->slots[i];
        if (!crm_client_wait(bulk->cli->client, -1))
            return NULL;
    }
}

/* Is it something for which the server may want the password once more? */
static bool is_sensitive(const struct bulk *bulk)
{
    for (size_t i = 0; i < bulk->n; i++) {
        const struct kind_def *kind = kind_def(bulk->mutations[i]->kind);

        if (bulk->mutations[i]->verb == CRM__VERB__VERB_DELETE ||
            (kind && kind->flags & KIND_ADMINISTRATION))
            return true;
    }
    return false;
}

/* The first of such a bulk waits for its answer, so that the password is asked for once and before
 * the others leave. */
static enum crm_status send_confirmed(struct bulk_slot *slot, const Crm__MutateRequest *request)
{
    struct cli *cli = slot->bulk->cli;
    struct crm_call *call = NULL;
    enum crm_status status = confirm_run(cli, OP_MUTATE, &request->base, &call);

    if (!call)
        return status;
    cli->failure = (struct failure){ 0 }; /* told line by line */
    slot->call = call;
    on_done(slot, call);
    return CRM_OK;
}

static enum crm_status send_batch(struct bulk *bulk)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    struct bulk_slot *slot = free_slot(bulk);
    struct crm_call_options options = { .on_done = on_done, .arg = slot };
    enum crm_status status;

    if (!slot)
        return fail(&bulk->cli->failure, CRM_FAILED, NULL,
                    "the connection is idle although answers are due");
    status = mutate_key_next(bulk->cli, &bulk->key, &request);
    if (status)
        return status;
    request.mutations = bulk->mutations;
    request.n_mutations = bulk->n;
    request.has_atomic = request.atomic = bulk->cli->options.atomic;
    request.has_dry_run = request.dry_run = bulk->cli->options.dry_run;
    slot->n = bulk->n;
    memcpy(slot->lines, bulk->lines, bulk->n * sizeof(*bulk->lines));
    memcpy(slot->is_extra, bulk->is_extra, bulk->n * sizeof(*bulk->is_extra));
    if (bulk->key.n_requests == 1 && is_sensitive(bulk)) {
        status = send_confirmed(slot, &request);
        bulk->n = bulk->bytes = 0;
        arena_reset(&bulk->arena);
        return status;
    }
    status = crm_call_start(bulk->cli->client, OP_MUTATE, &request.base, &options, &slot->call);
    if (status)
        return fail(&bulk->cli->failure, status, NULL, "%s",
                    crm_status_info((int)status)->sentence);
    bulk->n = bulk->bytes = 0;
    arena_reset(&bulk->arena);
    crm_client_process(bulk->cli->client); /* begin to send while the next batch is gathered */
    return CRM_OK;
}

enum crm_status bulk_begin(struct bulk *bulk)
{
    bool is_full = bulk->n >= BULK_BATCH || bulk->bytes >= BULK_BYTES;

    return is_full && !bulk->cli->options.atomic ? send_batch(bulk) : CRM_OK;
}

enum crm_status bulk_add(struct bulk *bulk, const Crm__Mutation *mutation, size_t line,
                         bool is_extra)
{
    Crm__Mutation *copy;

    if (bulk->n == ARRAY_LEN(bulk->mutations))
        return fail(&bulk->cli->failure, CRM_TOO_LARGE, NULL,
                    "at most %d changes can be all or nothing", BULK_BATCH * 2);
    copy = arena_memdup(&bulk->arena, mutation, sizeof(*mutation));
    if (!copy)
        return fail(&bulk->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    bulk->mutations[bulk->n] = copy;
    bulk->lines[bulk->n] = line;
    bulk->is_extra[bulk->n++] = is_extra;
    bulk->bytes += protobuf_c_message_get_packed_size(&copy->base);
    return CRM_OK;
}

enum crm_status bulk_finish(struct bulk *bulk, enum crm_status broken)
{
    struct cli *cli = bulk->cli;
    enum crm_status status = broken;

    if (!status && bulk->n > 0)
        status = send_batch(bulk);
    for (size_t i = 0; i < BULK_WINDOW; i++)
        while (bulk->slots[i].call && crm_client_wait(cli->client, -1))
            ;
    progress_end(&bulk->progress);
    if (bulk->n_failed > BULK_TOLD_MAX)
        fprintf(stderr, "crm: and %" PRIu64 " more\n", bulk->n_failed - BULK_TOLD_MAX);
    if (bulk->is_unknown)
        status = CRM_UNKNOWN;
    else if (bulk->n_done > 0 && (status || bulk->n_failed > 0))
        status = CRM_PARTIAL;
    else if (!status && bulk->n_failed > 0)
        status = bulk->first;
    mutate_tell_key(cli, &bulk->key, status);
    if (status == CRM_PARTIAL || status == CRM_UNKNOWN)
        fail(&cli->failure, status, NULL, "%" PRIu64 " done, %" PRIu64 " not", bulk->n_done,
             bulk->n_failed);
    else
        cli->reported = bulk->n_failed > 0 && !cli->failure.status;
    return status;
}

void bulk_show(const struct bulk *bulk, const struct kind_def *kind, const char *done,
               const char *done_zh)
{
    struct cli *cli = bulk->cli;
    char count[32];
    json_t *object;

    if (cli->options.json) {
        object = json_pack("{s:I, s:I, s:s}", "done", (json_int_t)bulk->n_done, "failed",
                           (json_int_t)bulk->n_failed, "key", bulk->key.text);
        if (json_print(stdout, object, false) != CRM_OK)
            cli->detail = "The result could not be printed.\n";
        return;
    }
    if (cli->options.quiet || cli->options.jsonl)
        return;
    printf("%s%s %s %s\n",
           cli->options.dry_run
               ? cli_label(cli, "Dry run, nothing is changed: ", "试运行,未作更改: ")
               : "",
           cli_label(cli, done, done_zh), cli_grouped((int64_t)bulk->n_done, count),
           cli->chinese        ? kind->label_zh
           : bulk->n_done == 1 ? kind->name
                               : kind->plural);
}
