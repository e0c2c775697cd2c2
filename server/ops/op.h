/*
 * op.h - what a client may ask: one row an operation, one handler; the row says what must hold first, dispatch sees to it
 *
 * A handler never sees a socket, never opens or ends a transaction, never sends: it reads ctx->view (or writes to ctx->group) and fills ctx->reply.
 * To add an operation: its messages in wire.proto, its line in proto/operation.h, its row in op_table.c and its handler in one op_<area>.c.
 */
#ifndef CRM_SERVER_OPS_OP_H
#define CRM_SERVER_OPS_OP_H

#include <protobuf-c/protobuf-c.h>

#include "proto/operation.h"
#include "proto/wire.pb-c.h"
#include "server/session/device.h"
#include "server/session/session.h"
#include "server/session/throttle.h"

enum op_flag {
    OP_NO_LOGIN = 1u << 0,  /* may be asked before login */
    OP_WRITES = 1u << 1,    /* run is called by the writer, in its group */
    OP_WORKS = 1u << 2,     /* run is called by a worker: it takes long */
    OP_STREAMS = 1u << 3,   /* answers with chunks: step is called until it says done */
    OP_UPLOADS = 1u << 4,   /* takes chunks from the client: run is called for each, see stage */
    OP_SECRET = 1u << 5,    /* bodies are never compressed nor logged */
    OP_WATCHES = 1u << 6,   /* the stream stays open for events */
    OP_HASHES = 1u << 7,    /* prepare computes a password's hash: such requests wait in a line of their own */
    OP_ALWAYS = 1u << 8,    /* answered also while the session must do something first (session.must) */
    OP_CONFIRMED = 1u << 9, /* the password must have been given a short while ago */
    OP_BULK = 1u << 11,     /* with OP_WRITES: waits behind people at work */
    OP_PERSON = 1u << 10,   /* not for an API token: it is about who somebody is */
};

enum op_stage {
    OP_BEGIN, /* the request itself */
    OP_CHUNK, /* an uploaded chunk */
    OP_END,   /* the upload is complete */
};

/* What a subscription waits for; filled by an operation that watches. */
struct op_watch {
    uint64_t kinds; /* bit (1 << kind); 0: all */
    struct uuid id; /* a record and what has it as access root; nil: all */
    uint64_t after_seq;
    bool has_after;
};

/* What the audit trail says of a request whose row has an audit act; see op_about. */
struct op_subject {
    enum kind kind;      /* the record that it was about, with id; KIND_NONE: none */
    struct uuid id;
    struct uuid user;    /* who did it, where that is neither the session nor the login; else nil */
    const char *text;    /* numbers of records and names of fields, never values; NULL: the operation's name */
    bool is_nothing;     /* this time it is nothing to tell: one's own */
};

struct op_ctx {
    struct core *core;
    const struct session *session; /* NULL before login */
    const struct schema *schema;   /* of the moment at which the request arrived */
    struct arena *arena;           /* of the request */
    const struct device_claim *claim; /* what the connection's certificate says, looked at already; NULL: it has none */
    const char *peer;
    const char *software;          /* of the client, from its hello */
    uint8_t *trace;                /* AUDIT_TRACE_SIZE bytes, zero where the client gave none (audit_make_trace) */
    const uint8_t *installation;   /* what its hello says that it is, 16 bytes, or NULL: nobody vouches for it */
    struct throttle *throttle;     /* who may try a password */
    struct throttle_ticket ticket; /* of a try that is under way: settled by prepare, else given back by dispatch */
    const void *request;           /* unpacked message of the row's type */
    void *reply;                   /* initialised message of the row's type */
    struct failure failure;
    struct slice packed;           /* the reply (run) or the chunk (step), packed already: then its message is not looked at */
    /* What takes long asks now and then whether somebody still waits: CRM_CANCELLED, CRM_DEADLINE. Before it changes anything. */
    enum crm_status (*still_wanted)(struct op_ctx *ctx);
    Crm__Error *error;             /* more to say with a failure: candidates; usually NULL */
    void *state;                   /* of a stream or an upload; set by run, lives in arena */
    /* reading */
    const struct view *view;       /* of this turn; nothing of it may be kept */
    /* writing */
    struct change_group *group;
    /* streaming */
    void *chunk;                   /* initialised message of the row's type, in scratch */
    size_t chunk_budget;           /* stop adding when about so many bytes are in it */
    struct arena *scratch;         /* of this step */
    /* uploading */
    enum op_stage stage;
    const void *upload_message;    /* UploadChunk or UploadEnd */
    struct uuid *upload_id;        /* set by BEGIN, kept with the stream */
    struct op_watch *watch;
    struct op_subject subject;     /* for the audit trail */
    bool close_session;            /* logout: the connection's session ends */
    bool ends_sessions;            /* others may have ended with it: every connection looks at its own again */
    struct session *opened;        /* login: the session that the connection has from now on; in arena */
};

/*
 * For the audit trail: whom or what a request of a row with an audit act was about, and in few words what was done: numbers, names of fields, of tokens,
 * never a value of a record. The entry is durable before the answer leaves. Before or after the deed, the last call counts.
 */
void op_about(struct op_ctx *ctx, enum kind kind, const struct uuid *id, const char *format, ...) PRINTF_LIKE(4, 5);

/* Turn a request away; returns status. */
#define op_fail(ctx, status, ...)              fail(&(ctx)->failure, (status), NULL, __VA_ARGS__)
#define op_fail_field(ctx, status, field, ...) fail(&(ctx)->failure, (status), (field), __VA_ARGS__)

/* For what is sensitive in some of its requests only: CRM_CONFIRM unless the password was given a short while ago. */
enum crm_status op_check_confirmed(struct op_ctx *ctx) MUST_CHECK;

struct op_def {
    enum operation code;
    const char *name;
    unsigned flags;
    Crm__Right right; /* RIGHT_UNSET: none asked for */
    Crm__AuditAct audit; /* what succeeds goes into the audit trail as this, before it is answered: of OP_WRITES and OP_WORKS only. UNSET: nothing */
    const ProtobufCMessageDescriptor *request, *reply, *chunk;
    /* On the io thread, before anything costs time: may it be tried at all? NULL: always. */
    enum crm_status (*admit)(struct op_ctx *ctx);
    /* On a worker first, with a snapshot of its own: what takes long and writes nothing. NULL: none. */
    enum crm_status (*prepare)(struct op_ctx *ctx);
    enum crm_status (*run)(struct op_ctx *ctx);
    /* One turn of a stream; of a subscription: once, when it stands, to fill the reply. */
    enum crm_status (*step)(struct op_ctx *ctx, bool *out_more);
    /* Where it runs, when that depends on the request: gives flags to use instead. NULL: the row's. */
    unsigned (*place)(const void *request, unsigned flags);
};

/* NULL for a code that is none. */
const struct op_def *op_find(uint32_t code);

/* rows, one file an area */
extern const struct op_def op_login, op_logout, op_ping, op_describe, op_get, op_list, op_count, op_search, op_mutate, op_history, op_subscribe,
    op_upload, op_report, op_audit_list, op_erase, op_invite, op_password, op_session_list, op_session_end, op_confirm, op_factor, op_token, op_device, op_enrol, op_access_explain,
    op_access_who, op_access_shares, op_sync_changes, op_sync_conflicts, op_job, op_export_begin, op_export, op_duplicates;

#endif
