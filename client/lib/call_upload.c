/*
 * call_upload.c - the way up: chunks of an upload, as fast as the server grants room for them
 *
 * Called by the user; call_offer_credit by client.c at the end of its turn.
 */
#include "client/lib/call.h"

/* CRM_OK: the server has taken the upload and we have not ended it. CRM_BUSY: it has not taken it yet. */
static enum crm_status check_open(const struct crm_call *call)
{
    if (!(call->op->flags & OP_FLAG_UPLOAD) || call->is_ended)
        return CRM_USAGE;
    if (call->state == CALL_DONE)
        return call->error.status ? call->error.status : CRM_USAGE;
    return call->state == CALL_SENT && call->is_taken ? CRM_OK : CRM_BUSY;
}

static enum crm_status refuse(struct crm_call *call)
{
    call->wants_credit = true;
    return CRM_BUSY;
}

enum crm_status crm_call_send_chunk(struct crm_call *call, const ProtobufCMessage *chunk)
{
    const struct frame_header header = { .type = FRAME_CHUNK, .stream = call->stream };
    struct channel *channel = &call->client->channel;
    enum crm_status status = check_open(call);
    size_t size, before = channel->out.size;

    if (status)
        return status == CRM_BUSY ? refuse(call) : status;
    if (!chunk || chunk->descriptor != call->op->chunk)
        return CRM_USAGE;
    size = protobuf_c_message_get_packed_size(chunk);
    if (size > channel->chunk_max)
        return CRM_TOO_LARGE;
    if (size > call->send_credit || channel->out.size >= OUTPUT_HIGH)
        return refuse(call);
    status = channel_send(call->client, &header, chunk, true);
    if (status)
        return status;
    /* Credit counts the bytes of the body as they travel, which compressing may have made fewer. */
    call->send_credit -= (uint32_t)(channel->out.size - before - FRAME_HEADER_SIZE);
    return CRM_OK;
}

enum crm_status crm_call_push_chunk(struct crm_call *call, const ProtobufCMessage *chunk)
{
    enum crm_status status;

    if (call->client->is_busy)
        return CRM_USAGE;
    while ((status = crm_call_send_chunk(call, chunk)) == CRM_BUSY && crm_client_wait(call->client, -1))
        ;
    return status;
}

enum crm_status crm_call_end(struct crm_call *call, const ProtobufCMessage *end)
{
    const struct frame_header header = { .type = FRAME_END, .stream = call->stream };
    enum crm_status status = check_open(call);

    if (status)
        return status == CRM_BUSY ? refuse(call) : status;
    if (end && end->descriptor != &crm__upload_end__descriptor)
        return CRM_USAGE;
    status = channel_send(call->client, &header, end, false);
    if (status == CRM_OK)
        call->is_ended = true;
    return status;
}

void call_offer_credit(struct crm_client *client)
{
    struct channel *channel = &client->channel;

    /* The table does not change meanwhile: callbacks neither open nor close streams, they only leave them. */
    for (size_t i = 0; i < channel->n_streams; i++) {
        struct crm_call *call = channel->streams[i].call;

        if (!call || !call->wants_credit || !call->is_taken || call->send_credit == 0 ||
            channel->out.size >= OUTPUT_HIGH)
            continue;
        call->wants_credit = false;
        if (call->options.on_credit)
            call->options.on_credit(call->options.arg, call);
    }
}
