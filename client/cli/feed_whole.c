/*
 * feed_whole.c - a job of one piece that is done all or not at all
 *
 * Main thread. What one frame does not hold is staged as an upload first; the request that names it is the job's only piece.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "client/cli/confirm.h"
#include "client/cli/feed_inside.h"
#include "proto/codec.h"

static enum crm_status grow(struct feed *feed)
{
    size_t capacity = feed->whole_capacity ? feed->whole_capacity * 2 : 256;
    Crm__Mutation **mutations = realloc(feed->whole, capacity * sizeof(*mutations));
    uint64_t *lines = mutations ? realloc(feed->whole_lines, capacity * sizeof(*lines)) : NULL;

    if (mutations)
        feed->whole = mutations;
    if (!lines)
        return fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    feed->whole_lines = lines;
    feed->whole_capacity = capacity;
    return CRM_OK;
}

enum crm_status feed_whole_add(struct feed *feed, const Crm__Mutation *mutation, uint64_t line)
{
    Crm__Mutation *copy = arena_memdup(&feed->whole_arena, mutation, sizeof(*mutation));
    enum crm_status status = feed->n_whole < feed->whole_capacity ? CRM_OK : grow(feed);

    if (feed->n_whole == FEED_WHOLE)
        return fail(&feed->cli->failure, CRM_TOO_LARGE, NULL, "at most %d changes can be all or nothing", FEED_WHOLE);
    if (status || !copy)
        return status ? status : fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    feed->whole[feed->n_whole] = copy;
    feed->whole_lines[feed->n_whole++] = line;
    return CRM_OK;
}

static enum crm_status stage(struct feed *feed, ProtobufCBinaryData *out_upload)
{
    struct cli *cli = feed->cli;
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__UploadReply *reply;
    struct slice packed;
    enum crm_status status;

    request.n_mutations = feed->n_whole;
    request.mutations = feed->whole;
    status = codec_pack(&request.base, &feed->whole_arena, &packed);
    if (status)
        return fail(&cli->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    status = crm_upload(cli->client, "changes", packed.data, packed.size, &call, &reply);
    if (status) {
        cli_call_failed(cli, status, call);
    } else {
        out_upload->data = arena_memdup(&feed->whole_arena, reply->upload.data, reply->upload.len);
        out_upload->len = reply->upload.len;
        if (!out_upload->data)
            status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    crm_call_destroy(call);
    return status;
}

/* Which line it was that made all of it fail. */
static void say_line(struct feed *feed, const struct crm_error *error)
{
    struct cli *cli = feed->cli;
    char text[sizeof(cli->failure.text)];

    if (error->position < 1 || (size_t)error->position > feed->n_whole)
        return;
    snprintf(text, sizeof(text), "line %" PRIu64 ": %s", feed->whole_lines[error->position - 1], error->text);
    cli->failure = (struct failure){ 0 };
    fail(&cli->failure, error->status, *error->field ? error->field : NULL, "%s", text);
    cli->failure.position = -1;
}

enum crm_status feed_whole_send(struct feed *feed)
{
    struct cli *cli = feed->cli;
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__JobStep step = CRM__JOB_STEP__INIT;
    struct crm_call *call = NULL;
    const Crm__MutateReply *reply;
    enum crm_status status = stage(feed, &request.upload);

    if (status)
        return status;
    step.has_job = step.has_from = step.has_to = step.has_last = step.last = true;
    step.job = (ProtobufCBinaryData){ .data = feed->id.bytes, .len = UUID_SIZE };
    step.to = feed->n_whole;
    request.has_upload = request.has_atomic = request.atomic = true;
    request.has_dry_run = request.dry_run = feed->options.dry_run;
    request.job = &step;
    status = confirm_run(cli, OP_MUTATE, &request.base, &call);
    reply = status ? NULL : (const Crm__MutateReply *)crm_call_reply(call);
    if (status && call)
        say_line(feed, crm_call_error(call));
    else if (!status && reply && reply->job)
        status = feed_take_job(feed, reply->job);
    crm_call_destroy(call);
    return status;
}
