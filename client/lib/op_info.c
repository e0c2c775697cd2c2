/*
 * op_info.c - the operations as the client sees them, from the list that the server shares
 *
 * Read by call.c. Pure.
 */
#include "client/lib/op_info.h"

#include "proto/operation.h"
#include "proto/wire.pb-c.h"

#define CHUNK_NONE    NULL
#define CHUNK_list    &crm__list_chunk__descriptor
#define CHUNK_history &crm__history_chunk__descriptor
#define CHUNK_upload  &crm__upload_chunk__descriptor
#define CHUNK_audit_list &crm__audit_list_chunk__descriptor
#define CHUNK_sync    &crm__sync_chunk__descriptor
#define CHUNK_duplicates &crm__duplicates_chunk__descriptor

#define FLAGS_LOGIN     OP_FLAG_SECRET
#define FLAGS_PASSWORD  OP_FLAG_SECRET
#define FLAGS_SUBSCRIBE OP_FLAG_SUBSCRIBE
#define FLAGS_UPLOAD    OP_FLAG_UPLOAD
#define FLAGS_LOGOUT    0
#define FLAGS_PING      0
#define FLAGS_DESCRIBE  0
#define FLAGS_GET       0
#define FLAGS_LIST      0
#define FLAGS_COUNT     0
#define FLAGS_SEARCH    0
#define FLAGS_MUTATE    0
#define FLAGS_HISTORY   0
#define FLAGS_REPORT    0
#define FLAGS_INVITE    0
#define FLAGS_ACCESS_EXPLAIN 0
#define FLAGS_ACCESS_WHO     0
#define FLAGS_SESSION_LIST   0
#define FLAGS_SESSION_END    0
#define FLAGS_CONFIRM        OP_FLAG_SECRET
#define FLAGS_FACTOR         OP_FLAG_SECRET
#define FLAGS_TOKEN          OP_FLAG_SECRET
#define FLAGS_DEVICE         OP_FLAG_SECRET
#define FLAGS_ENROL          OP_FLAG_SECRET
#define FLAGS_AUDIT_LIST     0
#define FLAGS_ERASE          0
#define FLAGS_ACCESS_SHARES  0
#define FLAGS_SYNC_CHANGES   0
#define FLAGS_SYNC_CONFLICTS 0
#define FLAGS_JOB            0
#define FLAGS_EXPORT_BEGIN   0
#define FLAGS_EXPORT         0
#define FLAGS_DUPLICATES     0

#define OP_ROW(NAME, code, dotted, request_name, reply_name, chunk_name)                                               \
    [code] = { .name = dotted,                                                                                         \
               .request = &crm__##request_name##_request__descriptor,                                                  \
               .reply = &crm__##reply_name##_reply__descriptor,                                                        \
               .chunk = CHUNK_##chunk_name,                                                                            \
               .flags = FLAGS_##NAME },

static const struct op_info operations[] = { OPERATION_LIST(OP_ROW) };

const struct op_info *op_info(unsigned operation)
{
    return operation < ARRAY_LEN(operations) && operations[operation].request ? &operations[operation] : NULL;
}

struct op_effect op_effect(unsigned operation, const ProtobufCMessage *request)
{
    const Crm__MutateRequest *mutate;
    const Crm__LoginRequest *login;

    switch (operation) {
    case OP_LOGIN: /* the code of an invitation or an authenticator works once; a second session from a password does no harm */
        login = (const Crm__LoginRequest *)request;
        return login->code || login->factor ? (struct op_effect){ .changes = true } : (struct op_effect){ .may_repeat = true };
    case OP_CONFIRM:
        return ((const Crm__ConfirmRequest *)request)->factor ? (struct op_effect){ .changes = true }
                                                              : (struct op_effect){ .may_repeat = true };
    case OP_MUTATE:
        mutate = (const Crm__MutateRequest *)request;
        if (mutate->has_dry_run && mutate->dry_run)
            return (struct op_effect){ .may_repeat = true };
        return (struct op_effect){ .changes = true,
                                   .may_repeat = mutate->job || (mutate->has_client && mutate->has_number && mutate->number > 0) };
    case OP_LOGOUT:
    case OP_INVITE:
    case OP_PASSWORD:
    case OP_SESSION_END:
    case OP_DEVICE:
    case OP_ENROL:
    case OP_ERASE:
        return (struct op_effect){ .changes = true };
    case OP_FACTOR:
        return ((const Crm__FactorRequest *)request)->step == CRM__FACTOR_STEP__FACTOR_STEP_STATUS ? (struct op_effect){ .may_repeat = true }
                                                                                                 : (struct op_effect){ .changes = true };
    case OP_TOKEN:
        return ((const Crm__TokenRequest *)request)->step == CRM__TOKEN_STEP__TOKEN_STEP_LIST ? (struct op_effect){ .may_repeat = true }
                                                                                              : (struct op_effect){ .changes = true };
    case OP_JOB: /* to begin what is there already, or to cancel what is cancelled, does nothing more */
        return (struct op_effect){ .changes = ((const Crm__JobRequest *)request)->verb == CRM__JOB_VERB__JOB_VERB_BEGIN, .may_repeat = true };
    case OP_UPLOAD: /* a staged upload changes nothing until a mutate names it, but its chunks are gone */
        return (struct op_effect){ 0 };
    default:
        return (struct op_effect){ .may_repeat = true };
    }
}
