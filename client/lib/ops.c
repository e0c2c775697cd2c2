/*
 * ops.c - the blocking one-liners of crm.h: start, wait, hand the reply out
 *
 * Called by the user. Nothing here that a program could not do with crm_call_start and crm_call_wait.
 */
#include "client/lib/client.h"

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/uuid.h"
#include "proto/codec.h"

#define UPLOAD_PART 60000 /* of data in a chunk: with its message still below 64 KiB */

enum crm_status crm_call_run(struct crm_client *client, enum operation operation, const ProtobufCMessage *request,
                             const struct crm_call_options *options, struct crm_call **out_call)
{
    enum crm_status status = client->is_busy ? CRM_USAGE : CRM_OK;

    *out_call = NULL;
    if (status == CRM_OK)
        status = crm_call_start(client, operation, request, options, out_call);
    return status ? status : crm_call_wait(*out_call);
}

/* The same with the reply, NULL unless the call has succeeded. */
static enum crm_status run(struct crm_client *client, enum operation operation, const ProtobufCMessage *request,
                           crm_message_fn *on_chunk, void *arg, struct crm_call **out_call,
                           const ProtobufCMessage **out_reply)
{
    const struct crm_call_options options = { .on_chunk = on_chunk, .arg = arg };
    enum crm_status status = crm_call_run(client, operation, request, &options, out_call);

    *out_reply = status == CRM_OK ? crm_call_reply(*out_call) : NULL;
    return status;
}

/* A one-liner for an operation with one answer. */
#define CALL_UNARY(function, OPERATION, Request, Reply)                                                                \
    enum crm_status function(struct crm_client *client, const Request *request, struct crm_call **out_call,            \
                             const Reply **out_reply)                                                                  \
    {                                                                                                                  \
        const ProtobufCMessage *reply;                                                                                 \
        enum crm_status status = run(client, OPERATION, &request->base, NULL, NULL, out_call, &reply);                 \
                                                                                                                       \
        *out_reply = (const Reply *)reply;                                                                             \
        return status;                                                                                                 \
    }

/* And for one whose answer comes in chunks. */
#define CALL_STREAM(function, OPERATION, Request, Reply)                                                               \
    enum crm_status function(struct crm_client *client, const Request *request, crm_message_fn *on_chunk, void *arg,   \
                             struct crm_call **out_call, const Reply **out_reply)                                      \
    {                                                                                                                  \
        const ProtobufCMessage *reply;                                                                                 \
        enum crm_status status = run(client, OPERATION, &request->base, on_chunk, arg, out_call, &reply);              \
                                                                                                                       \
        *out_reply = (const Reply *)reply;                                                                             \
        return status;                                                                                                 \
    }

CALL_UNARY(crm_login, OP_LOGIN, Crm__LoginRequest, Crm__LoginReply)
CALL_UNARY(crm_logout, OP_LOGOUT, Crm__LogoutRequest, Crm__LogoutReply)
CALL_UNARY(crm_ping, OP_PING, Crm__PingRequest, Crm__PingReply)
CALL_UNARY(crm_describe, OP_DESCRIBE, Crm__DescribeRequest, Crm__DescribeReply)
CALL_UNARY(crm_get, OP_GET, Crm__GetRequest, Crm__GetReply)
CALL_STREAM(crm_list, OP_LIST, Crm__ListRequest, Crm__ListReply)
CALL_UNARY(crm_count, OP_COUNT, Crm__CountRequest, Crm__CountReply)
CALL_STREAM(crm_search, OP_SEARCH, Crm__SearchRequest, Crm__ListReply)
CALL_UNARY(crm_mutate, OP_MUTATE, Crm__MutateRequest, Crm__MutateReply)
CALL_STREAM(crm_history, OP_HISTORY, Crm__HistoryRequest, Crm__HistoryReply)
CALL_UNARY(crm_report, OP_REPORT, Crm__ReportRequest, Crm__ReportReply)
CALL_UNARY(crm_invite, OP_INVITE, Crm__InviteRequest, Crm__InviteReply)
CALL_UNARY(crm_password, OP_PASSWORD, Crm__PasswordRequest, Crm__PasswordReply)
CALL_UNARY(crm_access_explain, OP_ACCESS_EXPLAIN, Crm__AccessExplainRequest, Crm__AccessExplainReply)
CALL_UNARY(crm_access_who, OP_ACCESS_WHO, Crm__AccessWhoRequest, Crm__AccessWhoReply)
CALL_UNARY(crm_access_shares, OP_ACCESS_SHARES, Crm__AccessSharesRequest, Crm__AccessSharesReply)
CALL_UNARY(crm_session_list, OP_SESSION_LIST, Crm__SessionListRequest, Crm__SessionListReply)
CALL_UNARY(crm_session_end, OP_SESSION_END, Crm__SessionEndRequest, Crm__SessionEndReply)
CALL_UNARY(crm_confirm, OP_CONFIRM, Crm__ConfirmRequest, Crm__ConfirmReply)
CALL_UNARY(crm_factor, OP_FACTOR, Crm__FactorRequest, Crm__FactorReply)
CALL_UNARY(crm_token, OP_TOKEN, Crm__TokenRequest, Crm__TokenReply)
CALL_UNARY(crm_device, OP_DEVICE, Crm__DeviceRequest, Crm__DeviceReply)
CALL_UNARY(crm_enrol, OP_ENROL, Crm__EnrolRequest, Crm__EnrolReply)
CALL_UNARY(crm_erase, OP_ERASE, Crm__EraseRequest, Crm__EraseReply)
CALL_STREAM(crm_audit_list, OP_AUDIT_LIST, Crm__AuditListRequest, Crm__AuditListReply)
CALL_UNARY(crm_sync_conflicts, OP_SYNC_CONFLICTS, Crm__ConflictsRequest, Crm__ConflictsReply)
CALL_UNARY(crm_job, OP_JOB, Crm__JobRequest, Crm__JobReply)
CALL_UNARY(crm_export_begin, OP_EXPORT_BEGIN, Crm__ExportRequest, Crm__ExportReply)
CALL_STREAM(crm_export, OP_EXPORT, Crm__ListRequest, Crm__ListReply)
CALL_STREAM(crm_duplicates, OP_DUPLICATES, Crm__DuplicatesRequest, Crm__DuplicatesReply)
CALL_STREAM(crm_sync_changes, OP_SYNC_CHANGES, Crm__SyncRequest, Crm__SyncReply)

enum crm_status crm_subscribe(struct crm_client *client, const Crm__SubscribeRequest *request, crm_message_fn *on_event,
                              void *arg, struct crm_call **out_call)
{
    const struct crm_call_options options = { .on_event = on_event, .arg = arg };

    return crm_call_run(client, OP_SUBSCRIBE, &request->base, &options, out_call);
}

/* --- upload */

static enum crm_status push_parts(struct crm_call *call, const uint8_t *data, size_t size)
{
    size_t offset = 0;
    enum crm_status status = CRM_OK;

    while (status == CRM_OK && offset < size) {
        size_t n = size - offset < UPLOAD_PART ? size - offset : UPLOAD_PART;
        Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;

        chunk.has_offset = chunk.has_data = true;
        chunk.offset = offset;
        chunk.data = (ProtobufCBinaryData){ .len = n, .data = (uint8_t *)data + offset };
        status = crm_call_push_chunk(call, &chunk.base);
        offset += n;
    }
    return status;
}

static enum crm_status push_end(struct crm_client *client, struct crm_call *call, const void *data, size_t size)
{
    Crm__UploadEnd end = CRM__UPLOAD_END__INIT;
    struct slice part = slice_of(data, size);
    uint8_t hash[SHA256_SIZE];
    enum crm_status status;

    sha256(&part, 1, hash);
    end.has_sha256 = true;
    end.sha256 = (ProtobufCBinaryData){ .len = sizeof(hash), .data = hash };
    while ((status = crm_call_end(call, &end.base)) == CRM_BUSY && crm_client_wait(client, -1))
        ;
    return status;
}

enum crm_status crm_upload(struct crm_client *client, const char *name, const void *data, size_t size,
                           struct crm_call **out_call, const Crm__UploadReply **out_reply)
{
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    enum crm_status status = client->is_busy ? CRM_USAGE : CRM_OK;

    *out_call = NULL;
    *out_reply = NULL;
    request.name = (char *)name;
    request.has_size = true;
    request.size = size;
    if (status == CRM_OK)
        status = crm_call_start(client, OP_UPLOAD, &request.base, NULL, out_call);
    if (status)
        return status;
    status = push_parts(*out_call, data, size);
    if (status == CRM_OK)
        status = push_end(client, *out_call, data, size);
    /* Where pushing failed for want of memory the call goes on without us: it is cancelled, so that it ends with a
     * reason. */
    if (status && !crm_call_is_done(*out_call))
        crm_call_cancel(*out_call);
    status = crm_call_wait(*out_call);
    if (status == CRM_OK)
        *out_reply = (const Crm__UploadReply *)crm_call_reply(*out_call);
    return status;
}

/* --- create */

/* The error of the one result becomes the call's, so that there is one place to look. */
static enum crm_status settle_result(struct crm_call *call, const Crm__MutateResult *result)
{
    const struct crm_status_info *info = crm_status_info((int)result->status);

    if (info->status == CRM_OK)
        return CRM_OK;
    call->error = (struct crm_error){
        .status = info->status,
        .retry = info->retry,
        .outcome = CRM_OUTCOME_NOT_DONE,
        .field = result->error && result->error->field ? result->error->field : "",
        .text = result->error && result->error->text ? result->error->text : info->sentence,
        .position = -1,
        .wire = result->error,
    };
    return info->status;
}

static enum crm_status create_packed(struct crm_client *client, uint32_t kind, struct slice body,
                                     struct crm_call **out_call, const Crm__MutateResult **out_result)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    Crm__Mutation *mutations[] = { &mutation };
    const Crm__MutateReply *reply;
    struct uuid id = uuid_create();
    uint8_t key[CRM_KEY_SIZE];
    enum crm_status status;

    random_bytes(key, sizeof(key));
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = kind;
    mutation.id = (ProtobufCBinaryData){ .len = UUID_SIZE, .data = id.bytes };
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation.set = (ProtobufCBinaryData){ .len = body.size, .data = (uint8_t *)body.data };
    request.has_client = request.has_number = true;
    request.client = (ProtobufCBinaryData){ .len = sizeof(key), .data = key };
    request.number = 1;
    request.n_mutations = 1;
    request.mutations = mutations;

    status = crm_mutate(client, &request, out_call, &reply);
    if (status)
        return status;
    if (reply->n_results != 1)
        return CRM_PROTOCOL;
    *out_result = reply->results[0];
    return settle_result(*out_call, reply->results[0]);
}

enum crm_status crm_create(struct crm_client *client, uint32_t kind, const ProtobufCMessage *body,
                           struct crm_call **out_call, const Crm__MutateResult **out_result)
{
    struct arena arena;
    struct slice packed;
    enum crm_status status;

    *out_call = NULL;
    *out_result = NULL;
    if (protobuf_c_message_get_packed_size(body) > FRAME_MAX)
        return CRM_TOO_LARGE;
    arena_init(&arena, FRAME_MAX + 4096);
    status = codec_pack(body, &arena, &packed);
    if (status == CRM_OK)
        status = create_packed(client, kind, packed, out_call, out_result);
    arena_fini(&arena);
    return status;
}

/* --- keys and ids */

void crm_key_from_text(const char *key, uint8_t out_client[CRM_KEY_SIZE])
{
    static const char label[] = "crm key"; /* hashed with its NUL */
    const struct slice parts[] = { slice_of(label, sizeof(label)), slice_text(key) };
    uint8_t hash[SHA256_SIZE];

    sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(out_client, hash, CRM_KEY_SIZE);
}

void crm_id_create(uint8_t out_id[CRM_KEY_SIZE])
{
    struct uuid id = uuid_create();

    memcpy(out_id, id.bytes, UUID_SIZE);
}
