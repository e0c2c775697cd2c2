/*
 * crm.h - the client library: talk to a crm server from C or C++
 *
 * Three layers. Build: fill in a request message (the structs of <crm/wire.pb-c.h>). Send: crm_call_start. Wait:
 * crm_call_wait, or crm_client_process from a host's own event loop. The blocking one-liners (crm_get, crm_list, …) are
 * a few lines over these.
 *
 *     struct crm_client *client;
 *     struct crm_options options = { .host = "crm.example", .port = 7400, .ca_file = "ca.pem" };
 *     struct crm_call *call;
 *     const Crm__PingReply *reply;
 *
 *     if (crm_client_create(&options, &client) == CRM_OK) {
 *         Crm__PingRequest request = CRM__PING_REQUEST__INIT;
 *
 *         if (crm_ping(client, &request, &call, &reply) == CRM_OK)
 *             printf("%s\n", reply->software);
 *         else
 *             fprintf(stderr, "%s\n", crm_call_error(call)->text);
 *         crm_call_destroy(call);
 *         crm_client_destroy(client);
 *     }
 *
 * A client and its calls belong to one thread at a time; different clients are independent. No function raises SIGPIPE.
 * Texts are UTF-8. Destroy functions accept NULL. Destroy calls before their client; those that are left are destroyed
 * with it.
 */
#ifndef CRM_H
#define CRM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include <crm/operation.h>
#include <crm/records.pb-c.h>
#include <crm/status.h>
#include <crm/wire.pb-c.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CRM_API        __attribute__((visibility("default")))
#define CRM_MUST_CHECK __attribute__((warn_unused_result))

#define CRM_CA_SHA256_SIZE 32 /* bytes of a certificate's hash */
#define CRM_KEY_SIZE       16 /* bytes of an idempotency key, a device's id and a record's id */
#define CRM_LABEL_SIZE     24 /* room for "C-1042" with its NUL */
#define CRM_NO_DEADLINE    UINT32_MAX
#define CRM_NO_RECONNECT   UINT32_MAX

/* A server as seen by one program: at most one connection, made when the first call needs it, and the calls on it. */
struct crm_client;
/* One request and what becomes of it. */
struct crm_call;

/* How to reach a server. All zero but host, port and one of the two ca_ fields is a good choice. Everything is
 * copied by crm_client_create. */
struct crm_options {
    const char *host; /* name or numeric address. A name is looked up by getaddrinfo, which blocks: an event loop gives
                         a number here and the name in server_name */
    uint16_t port;
    const char *ca_file; /* PEM file with the CA's certificate: the server's must be signed by it */
    /* CRM_CA_SHA256_SIZE bytes, SHA-256 of the CA certificate's DER, as an invitation carries it: the server presents
       its CA's certificate, which must have this hash. With ca_file both must hold */
    const uint8_t *ca_sha256;
    const char *server_name; /* the name or address that the server's certificate must have; NULL: host */
    const uint8_t *token;    /* of a session from an earlier login (crm_client_token); NULL: none */
    size_t token_size;
    const uint8_t *device;       /* CRM_KEY_SIZE bytes that name this installation; NULL: none */
    const char *device_file;     /* PEM file of crm_device_enrol that is shown to the server; NULL: none */
    const char *software;        /* "name/version" for the server's log; NULL: the library's */
    const char *locale;          /* "zh_CN"; NULL: none */
    uint32_t connect_timeout_ms; /* of one attempt, address after address, until the server's hello; 0: 10 s */
    uint32_t request_timeout_ms; /* deadline of calls that give none; 0: 30 s */
    uint32_t connect_attempts;   /* for the first connection; 0: 1 */
    uint32_t reconnect_attempts; /* in a row, once a connection was lost; 0: 5; CRM_NO_RECONNECT: none */
    uint64_t without_features;   /* bits of enum frame_feature (1: zstd) that are not to be offered to the server */
};

/* Why a call, or a connection, failed. Pointers live as long as the call or, from crm_client_error, until the next
 * failure. */
struct crm_error {
    enum crm_status status;
    enum crm_retry retry;     /* may the same request be sent again? */
    enum crm_outcome outcome; /* what has become of the change? NOT_DONE, DONE and UNKNOWN are never confused: when in
                                 doubt it is UNKNOWN */
    uint32_t retry_after_ms;  /* with CRM_RETRY_AFTER; 0: as the caller likes */
    const char *field;        /* the field at fault, "" where there is none */
    const char *text;         /* an English sentence without a full stop, never NULL */
    int position;             /* byte offset of the fault in the text that was parsed, else -1 */
    const Crm__Error *wire; /* the server's own message, with candidates and trace id; NULL where there is none */
};

/* --- client */

/* CRM_USAGE: host, port or both ca_ fields are missing; CRM_NO_MEMORY. Does not connect; a CA file that cannot be
 * read is the first call's failure. */
CRM_API enum crm_status crm_client_create(const struct crm_options *options,
                                          struct crm_client **out_client) CRM_MUST_CHECK;
/* Says goodbye to the server. Not from within a callback. */
CRM_API void crm_client_destroy(struct crm_client *client);
/* Connect and wait for the server's hello; CRM_OK at once where that has happened. Never needed, but tells early
 * what is wrong. */
CRM_API enum crm_status crm_client_connect(struct crm_client *client) CRM_MUST_CHECK;
/* Why the connection was last lost or could not be made; status CRM_OK if it never failed. */
CRM_API const struct crm_error *crm_client_error(const struct crm_client *client);
/* Has the server said that who logs in here, or this device, was shut out, and that what is kept here of its data is to
 * be removed? */
CRM_API bool crm_client_must_wipe(const struct crm_client *client);
/* The server's hello: limits, database, epoch, the resumed session or why it was not. NULL before; replaced on a
 * new connection. */
CRM_API const Crm__Hello *crm_client_hello(const struct crm_client *client);
/* The token that logs in again: given in the options or got by a login since. false where there is none; also once
 * the server has refused it. Lives until the next login. */
CRM_API bool crm_client_token(const struct crm_client *client, const uint8_t **out_token, size_t *out_size);

/* --- the host's event loop */

enum crm_want {
    CRM_WANT_READ = 1,
    CRM_WANT_WRITE = 2,
};

/* The socket to watch, -1 where there is none. Ask again for all three after every call into the library: they
 * change. */
CRM_API int crm_client_fd(const struct crm_client *client);
/* Bits of enum crm_want. */
CRM_API unsigned crm_client_events(const struct crm_client *client);
/* Milliseconds until crm_client_process wants to be called even if the socket is quiet; 0: now, -1: never. */
CRM_API int crm_client_timeout_ms(const struct crm_client *client);
/* Do what can be done without waiting: connect, send, receive, run callbacks. Failures go to the calls. Not from
 * within a callback. */
CRM_API void crm_client_process(struct crm_client *client);
/* One turn of an event loop for programs without one: wait at most timeout_ms (-1: as long as it takes), then
 * process. Returns early on a signal. false: nothing is under way, so that waiting would be for ever. */
CRM_API bool crm_client_wait(struct crm_client *client, int timeout_ms);

/* --- calls */

/* chunk or event is borrowed until the function returns. Callbacks may start, cancel and destroy calls, this one
 * too unless somebody waits for it. */
typedef void crm_message_fn(void *arg, const ProtobufCMessage *message);
typedef void crm_done_fn(void *arg, struct crm_call *call);

struct crm_call_options {
    uint32_t deadline_ms; /* until the call is done, streams included; 0: the client's request_timeout_ms, for
                             subscriptions none; CRM_NO_DEADLINE */
    /* list, search, history: each part in order. The server sends more once it has returned */
    crm_message_fn *on_chunk;
    crm_message_fn *on_event; /* subscribe: each Crm__Event */
    crm_done_fn *on_done;     /* once, when the call is done; never from within crm_call_start */
    crm_done_fn *on_credit;   /* upload: more may be sent now */
    void *arg;                /* of all four */
};

/*
 * Start an operation (OP_GET, …, see <crm/operation.h>) with its request message, which is not needed afterwards; its
 * meta is filled in here. Sends nothing yet and calls nothing back: crm_call_wait or crm_client_process does. Any
 * number of calls may be started; beyond what the server takes at once they queue in order. options may be NULL.
 * CRM_USAGE: not the operation's request; CRM_TOO_LARGE: more than one frame holds; CRM_NO_MEMORY.
 *
 * When the connection is lost, calls that had not been sent go out on the next one. Of those that had, the ones that
 * only read are sent again unless their callbacks have seen part of the answer, and so is a mutate with client and
 * number, or one that is a piece of a job. All others end with CRM_UNKNOWN if they change something, else with CRM_UNREACHABLE.
 */
CRM_API enum crm_status crm_call_start(struct crm_client *client, enum operation operation,
                                       const ProtobufCMessage *request, const struct crm_call_options *options,
                                       struct crm_call **out_call) CRM_MUST_CHECK;
/* Pump the client until this call is done (other calls go on too); its status. Signals do not end the wait.
 * CRM_USAGE from within a callback. */
CRM_API enum crm_status crm_call_wait(struct crm_call *call);
CRM_API bool crm_call_is_done(const struct crm_call *call);
/* The reply, in the struct that belongs to the operation; a subscription has one while it is open. NULL where
 * there is none. Lives as long as the call. */
CRM_API const ProtobufCMessage *crm_call_reply(const struct crm_call *call);
/* Never NULL; status CRM_OK while the call is under way and when it has succeeded. call NULL: an error that says
 * CRM_NO_MEMORY. */
CRM_API const struct crm_error *crm_call_error(const struct crm_call *call);
/* The answer is no longer wanted. A call that only reads, or was not sent, is done at once with CRM_CANCELLED; for
 * a change the server's answer is awaited, so that its outcome is known. */
CRM_API void crm_call_cancel(struct crm_call *call);
/* Cancels what is under way. on_done is not called. */
CRM_API void crm_call_destroy(struct crm_call *call);

/* Upload: send one part (Crm__UploadChunk of at most 64 KiB packed). CRM_BUSY: the server has no room now, nothing
 * was sent, on_credit will be called. CRM_USAGE: not an upload, or ended; else the status with which the call has
 * failed. */
CRM_API enum crm_status crm_call_send_chunk(struct crm_call *call, const ProtobufCMessage *chunk) CRM_MUST_CHECK;
/* The same, but waits for room. Not from within a callback. */
CRM_API enum crm_status crm_call_push_chunk(struct crm_call *call, const ProtobufCMessage *chunk) CRM_MUST_CHECK;
/* Nothing more comes; end is a Crm__UploadEnd or NULL. The server's answer is the call's reply. CRM_BUSY: the call
 * has not been sent yet, as above. */
CRM_API enum crm_status crm_call_end(struct crm_call *call, const ProtobufCMessage *end) CRM_MUST_CHECK;

/* --- blocking one-liners: start, wait, hand the reply out. *out_call is the caller's to destroy, also on failure
 * (crm_call_error tells why); it is NULL only where the call could not be started. *out_reply lives as long as the
 * call and is NULL on failure. */

CRM_API enum crm_status crm_call_run(struct crm_client *client, enum operation operation,
                                     const ProtobufCMessage *request, const struct crm_call_options *options,
                                     struct crm_call **out_call) CRM_MUST_CHECK;

/* The client remembers the session's token for its next connections. */
CRM_API enum crm_status crm_login(struct crm_client *client, const Crm__LoginRequest *request,
                                  struct crm_call **out_call, const Crm__LoginReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_logout(struct crm_client *client, const Crm__LogoutRequest *request,
                                   struct crm_call **out_call, const Crm__LogoutReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_ping(struct crm_client *client, const Crm__PingRequest *request, struct crm_call **out_call,
                                 const Crm__PingReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_describe(struct crm_client *client, const Crm__DescribeRequest *request,
                                     struct crm_call **out_call, const Crm__DescribeReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_get(struct crm_client *client, const Crm__GetRequest *request, struct crm_call **out_call,
                                const Crm__GetReply **out_reply) CRM_MUST_CHECK;
/* on_chunk gets Crm__ListChunk. */
CRM_API enum crm_status crm_list(struct crm_client *client, const Crm__ListRequest *request, crm_message_fn *on_chunk,
                                 void *arg, struct crm_call **out_call,
                                 const Crm__ListReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_count(struct crm_client *client, const Crm__CountRequest *request,
                                  struct crm_call **out_call, const Crm__CountReply **out_reply) CRM_MUST_CHECK;
/* on_chunk gets Crm__ListChunk. */
CRM_API enum crm_status crm_search(struct crm_client *client, const Crm__SearchRequest *request,
                                   crm_message_fn *on_chunk, void *arg, struct crm_call **out_call,
                                   const Crm__ListReply **out_reply) CRM_MUST_CHECK;
/* CRM_OK means that the request was carried out; each result has a status of its own. */
CRM_API enum crm_status crm_mutate(struct crm_client *client, const Crm__MutateRequest *request,
                                   struct crm_call **out_call, const Crm__MutateReply **out_reply) CRM_MUST_CHECK;
/* on_chunk gets Crm__HistoryChunk. */
CRM_API enum crm_status crm_history(struct crm_client *client, const Crm__HistoryRequest *request,
                                    crm_message_fn *on_chunk, void *arg, struct crm_call **out_call,
                                    const Crm__HistoryReply **out_reply) CRM_MUST_CHECK;
/* Returns when the subscription ends; on_event gets Crm__Event. *out_call is set before the first event. */
CRM_API enum crm_status crm_subscribe(struct crm_client *client, const Crm__SubscribeRequest *request,
                                      crm_message_fn *on_event, void *arg, struct crm_call **out_call) CRM_MUST_CHECK;
/* The whole of data in chunks, with its hash. */
CRM_API enum crm_status crm_upload(struct crm_client *client, const char *name, const void *data, size_t size,
                                   struct crm_call **out_call, const Crm__UploadReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_report(struct crm_client *client, const Crm__ReportRequest *request,
                                   struct crm_call **out_call, const Crm__ReportReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_invite(struct crm_client *client, const Crm__InviteRequest *request,
                                   struct crm_call **out_call, const Crm__InviteReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_password(struct crm_client *client, const Crm__PasswordRequest *request,
                                     struct crm_call **out_call, const Crm__PasswordReply **out_reply) CRM_MUST_CHECK;
/* Who may see and change what; sessions, second factors, tokens, devices, the audit trail: see PROTOCOL.md. */
CRM_API enum crm_status crm_access_explain(struct crm_client *client, const Crm__AccessExplainRequest *request,
                                   struct crm_call **out_call, const Crm__AccessExplainReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_access_who(struct crm_client *client, const Crm__AccessWhoRequest *request,
                                   struct crm_call **out_call, const Crm__AccessWhoReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_access_shares(struct crm_client *client, const Crm__AccessSharesRequest *request,
                                   struct crm_call **out_call, const Crm__AccessSharesReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_session_list(struct crm_client *client, const Crm__SessionListRequest *request,
                                   struct crm_call **out_call, const Crm__SessionListReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_session_end(struct crm_client *client, const Crm__SessionEndRequest *request,
                                   struct crm_call **out_call, const Crm__SessionEndReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_confirm(struct crm_client *client, const Crm__ConfirmRequest *request,
                                   struct crm_call **out_call, const Crm__ConfirmReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_factor(struct crm_client *client, const Crm__FactorRequest *request,
                                   struct crm_call **out_call, const Crm__FactorReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_token(struct crm_client *client, const Crm__TokenRequest *request,
                                   struct crm_call **out_call, const Crm__TokenReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_device(struct crm_client *client, const Crm__DeviceRequest *request,
                                   struct crm_call **out_call, const Crm__DeviceReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_enrol(struct crm_client *client, const Crm__EnrolRequest *request,
                                   struct crm_call **out_call, const Crm__EnrolReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_erase(struct crm_client *client, const Crm__EraseRequest *request,
                                   struct crm_call **out_call, const Crm__EraseReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_audit_list(struct crm_client *client, const Crm__AuditListRequest *request,
                                       crm_message_fn *on_chunk, void *arg, struct crm_call **out_call,
                                       const Crm__AuditListReply **out_reply) CRM_MUST_CHECK;
/* What was not taken of one's own late changes. Chosen between by the action resolve of the record. */
CRM_API enum crm_status crm_sync_conflicts(struct crm_client *client, const Crm__ConflictsRequest *request,
                                           struct crm_call **out_call, const Crm__ConflictsReply **out_reply) CRM_MUST_CHECK;
/* Jobs: begin, show, list, cancel, what was refused. Their steps are crm_mutate's. */
CRM_API enum crm_status crm_job(struct crm_client *client, const Crm__JobRequest *request, struct crm_call **out_call,
                                const Crm__JobReply **out_reply) CRM_MUST_CHECK;
/* An export in parts, all of one state: the reply's token goes into the list request of the first, that one's into the
 * next. on_chunk gets Crm__ListChunk. */
CRM_API enum crm_status crm_export_begin(struct crm_client *client, const Crm__ExportRequest *request,
                                         struct crm_call **out_call, const Crm__ExportReply **out_reply) CRM_MUST_CHECK;
CRM_API enum crm_status crm_export(struct crm_client *client, const Crm__ListRequest *request, crm_message_fn *on_chunk,
                                   void *arg, struct crm_call **out_call,
                                   const Crm__ListReply **out_reply) CRM_MUST_CHECK;
/* Pairs that are probably one record, the surest first. on_chunk gets Crm__DuplicatesChunk. */
CRM_API enum crm_status crm_duplicates(struct crm_client *client, const Crm__DuplicatesRequest *request,
                                       crm_message_fn *on_chunk, void *arg, struct crm_call **out_call,
                                       const Crm__DuplicatesReply **out_reply) CRM_MUST_CHECK;
/* Chunks are Crm__SyncChunk, pages: store one whole, with its cursor, before the next. */
CRM_API enum crm_status crm_sync_changes(struct crm_client *client, const Crm__SyncRequest *request,
                                         crm_message_fn *on_chunk, void *arg, struct crm_call **out_call,
                                         const Crm__SyncReply **out_reply) CRM_MUST_CHECK;

/* --- devices: a certificate with its key, in one PEM file of mode 0600. Whoever has it, is the device */

/* What such a file says. Microseconds UTC. */
struct crm_device_info {
    uint8_t device[CRM_KEY_SIZE];
    uint8_t user[CRM_KEY_SIZE]; /* whose device it is */
    char serial[33];            /* hexadecimal */
    int64_t valid_from;
    int64_t renew_at; /* two thirds of the time are over */
    int64_t expires_at;
};

/* CRM_NOT_FOUND: there is no such file; CRM_IO; CRM_INVALID: it holds no device's certificate and key. */
CRM_API enum crm_status crm_device_read(const char *file, struct crm_device_info *out_info) CRM_MUST_CHECK;
/* Make a key, have the server certify it, and put both into file, which is replaced in one step. code: of an
 * invitation (admin.device); NULL: renew, on a client whose options name the file. *out_call as for the one-liners above;
 * where it is NULL nothing was asked. CRM_BUSY without a call: another process is at it. CRM_IO behind a call that has
 * succeeded: the file could not be written (errno). CRM_PROTOCOL: what came is no certificate for the key. */
CRM_API enum crm_status crm_device_enrol(struct crm_client *client, const char *code, const char *file,
                                         struct crm_call **out_call) CRM_MUST_CHECK;

/* Create one record of a kind (crm_kind) from its message (a Crm__Customer, …) under a fresh id, exactly once even
 * if the connection is lost meanwhile. The status is the record's own: CRM_OK means that it exists. */
CRM_API enum crm_status crm_create(struct crm_client *client, uint32_t kind, const ProtobufCMessage *body,
                                   struct crm_call **out_call, const Crm__MutateResult **out_result) CRM_MUST_CHECK;

/* --- keys and ids */

/* The client id of a mutate request (with number 1) for a key in text, such as a script's --key: the first 16
 * bytes of SHA-256("crm key" 0x00 key). */
CRM_API void crm_key_from_text(const char *key, uint8_t out_client[CRM_KEY_SIZE]);
/* A fresh id for a record that is to be created. */
CRM_API void crm_id_create(uint8_t out_id[CRM_KEY_SIZE]);

/* --- records, without knowing their messages. Fields go by their names ("name", "amount", "owner", "number");
 * custom fields are not reached. */

/* Number of a kind by name ("customer", "deals", "商机"), 0 if there is none; and its singular name, NULL for a
 * number that is none. */
CRM_API uint32_t crm_kind(const char *name);
CRM_API const char *crm_kind_name(uint32_t kind);
/* A field in the plain form that JSON shows; values of a list joined by ", ". CRM_NOT_FOUND: the kind has no such
 * field, or the record no value in it (text is then ""); CRM_TOO_LARGE: text has not enough room (it holds what
 * fits); CRM_INVALID: the record is malformed. */
CRM_API enum crm_status crm_record_text(const Crm__Record *record, const char *field, char *text,
                                        size_t text_size) CRM_MUST_CHECK;
/* The first value as a number: integers, decimals in millionths, minor units of money, days, microseconds, 0 or 1,
 * a choice's number. CRM_NOT_FOUND as above; CRM_INVALID: not a number. */
CRM_API enum crm_status crm_record_integer(const Crm__Record *record, const char *field,
                                           int64_t *out_number) CRM_MUST_CHECK;
/* What people call it: the value of the kind's title field. As crm_record_text. */
CRM_API enum crm_status crm_record_title(const Crm__Record *record, char *text, size_t text_size) CRM_MUST_CHECK;
/* "C-1042", or the end of its id where it has no number; "?" for a record that is malformed. */
CRM_API void crm_record_label(const Crm__Record *record, char text[CRM_LABEL_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
