/*
 * status.h - every way in which something can end, once: number, name, sentence, retry class, outcome, exit code
 *
 * The server, the wire (ERROR frames carry the number), libcrm and the command line share this list; PROTOCOL.md and the
 * man pages print it. Installed as <crm/status.h>; usable from C and C++. Numbers are never reused.
 */
#ifndef CRM_STATUS_H
#define CRM_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* May the same request be sent again? */
enum crm_retry {
    CRM_RETRY_NEVER,       /* the same request gives the same answer */
    CRM_RETRY_SAME_KEY,    /* send it again with the same idempotency key */
    CRM_RETRY_AFTER,       /* send it again after the time that the error names */
    CRM_RETRY_AFTER_LOGIN, /* log in first */
    CRM_RETRY_RESYNC,      /* what the client holds is too old: fetch it anew */
};

/* What has become of the change that was asked for? */
enum crm_outcome {
    CRM_OUTCOME_NOT_DONE, /* surely nothing has changed */
    CRM_OUTCOME_DONE,     /* it is done, durably */
    CRM_OUTCOME_UNKNOWN,  /* the answer was lost: ask again with the same key */
};

/* X(NAME, number, "name", "sentence", RETRY, OUTCOME, exit code) */
#define CRM_STATUS_LIST(X)                                                                                             \
    X(OK, 0, "ok", "done", NEVER, DONE, 0)                                                                             \
    X(FAILED, 1, "failed", "the operation failed", NEVER, NOT_DONE, 1)                                                 \
    X(USAGE, 2, "usage", "the command line is not right", NEVER, NOT_DONE, 2)                                          \
    X(NOT_FOUND, 3, "not-found", "there is no such record", NEVER, NOT_DONE, 3)                                        \
    X(CONFLICT, 4, "conflict", "the record has changed since it was read", NEVER, NOT_DONE, 4)                         \
    X(NOT_LOGGED_IN, 5, "not-logged-in", "log in first", AFTER_LOGIN, NOT_DONE, 5)                                     \
    X(INVALID, 6, "invalid", "a value is not valid", NEVER, NOT_DONE, 6)                                               \
    X(UNREACHABLE, 7, "unreachable", "the server cannot be reached", AFTER, NOT_DONE, 7)                               \
    X(PARTIAL, 8, "partial", "some of it is done, some is not", NEVER, DONE, 8)                                        \
    X(NOT_ALLOWED, 9, "not-allowed", "your role does not allow this", NEVER, NOT_DONE, 9)                              \
    X(UNKNOWN, 10, "unknown", "the answer was lost, the outcome is unknown", SAME_KEY, UNKNOWN, 10)                    \
    X(EXISTS, 11, "exists", "a record with this value exists", NEVER, NOT_DONE, 4)                                     \
    X(IN_USE, 12, "in-use", "other records refer to it", NEVER, NOT_DONE, 4)                                           \
    X(AMBIGUOUS, 13, "ambiguous", "more than one record fits", NEVER, NOT_DONE, 2)                                     \
    X(BAD_CREDENTIALS, 14, "bad-credentials", "wrong user name or password", NEVER, NOT_DONE, 5)                       \
    X(SESSION_EXPIRED, 15, "session-expired", "the session has ended, log in again", AFTER_LOGIN, NOT_DONE, 5)         \
    X(KEY_REUSED, 16, "key-reused", "this key was used for another request", NEVER, NOT_DONE, 4)                       \
    X(TOO_LARGE, 17, "too-large", "the request is too large", NEVER, NOT_DONE, 6)                                      \
    X(UNKNOWN_OPERATION, 18, "unknown-operation", "the server does not know this operation", NEVER, NOT_DONE, 1)       \
    X(PROTOCOL, 19, "protocol", "the other side broke the protocol", NEVER, NOT_DONE, 1)                               \
    X(BUSY, 20, "busy", "the server is busy", AFTER, NOT_DONE, 7)                                                      \
    X(DEADLINE, 21, "deadline", "the time allowed ran out before it began", SAME_KEY, NOT_DONE, 7)                     \
    X(CANCELLED, 22, "cancelled", "it was cancelled", NEVER, NOT_DONE, 1)                                              \
    X(FULL, 23, "full", "the server's disk is full", AFTER, NOT_DONE, 1)                                               \
    X(GONE, 24, "gone", "the history no longer reaches back that far", RESYNC, NOT_DONE, 1)                            \
    X(SHUTTING_DOWN, 25, "shutting-down", "the server is shutting down", AFTER, NOT_DONE, 7)                           \
    X(TLS, 26, "tls", "the secure connection could not be made", NEVER, NOT_DONE, 7)                                   \
    X(NO_MEMORY, 27, "no-memory", "out of memory", AFTER, NOT_DONE, 1)                                                 \
    X(CORRUPT, 28, "corrupt", "stored data is damaged", NEVER, NOT_DONE, 1)                                            \
    X(IO, 29, "io", "reading or writing failed", NEVER, NOT_DONE, 1)                                                   \
    X(FORMAT, 30, "format", "the data has another format version", NEVER, NOT_DONE, 1)                                 \
    X(SLOW_CONSUMER, 31, "slow-consumer", "the client did not read for too long", AFTER, NOT_DONE, 1)                  \
    X(ACCESS_CHANGED, 32, "access-changed", "what you may see has changed meanwhile: ask again", SAME_KEY, NOT_DONE, 9) \
    X(CONFIRM, 33, "confirm", "this needs your password once more", NEVER, NOT_DONE, 5)                                \
    X(SECOND_FACTOR, 34, "second-factor", "a code from your authenticator is needed", NEVER, NOT_DONE, 5)              \
    X(CHANGE_PASSWORD, 35, "change-password", "choose a new password first", NEVER, NOT_DONE, 5)                       \
    X(ENROL_FACTOR, 36, "enrol-factor", "your role needs a second factor: set one up first", NEVER, NOT_DONE, 5)       \
    X(DEVICE_NEEDED, 37, "device-needed", "your role needs an enrolled device", NEVER, NOT_DONE, 5)                    \
    X(REVOKED, 38, "revoked", "this device or session was revoked", AFTER_LOGIN, NOT_DONE, 5)

#define CRM_STATUS_ENUM(NAME, number, name, sentence, retry, outcome, exit_code) CRM_##NAME = number,
enum crm_status { CRM_STATUS_LIST(CRM_STATUS_ENUM) };

/* One row of the list, as data. */
struct crm_status_info {
    enum crm_status status;
    const char *name;     /* stable, for scripts */
    const char *sentence; /* English */
    enum crm_retry retry;
    enum crm_outcome outcome; /* unless the error itself says otherwise */
    int exit_code;            /* of the command line */
};

/* The row of a status; one that is not in the list (a newer server's) gives the row of CRM_FAILED. Never NULL. Exported by libcrm. */
__attribute__((visibility("default"))) const struct crm_status_info *crm_status_info(int status);

#ifdef __cplusplus
}
#endif

#endif
