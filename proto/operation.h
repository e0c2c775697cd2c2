/*
 * operation.h - the numbers of the operations: the code of a REQUEST frame. Never reused.
 *
 * The server's row of each is in server/ops/op_table.c; request, reply, chunk and end messages are named there and in PROTOCOL.md.
 */
#ifndef CRM_PROTO_OPERATION_H
#define CRM_PROTO_OPERATION_H

/* X(NAME, code, "dotted.name", request, reply, chunk (or NONE)): a stream's reply message is the body of its END frame */
#define OPERATION_LIST(X)                                             \
    X(LOGIN, 1, "login", login, login, NONE)                          \
    X(LOGOUT, 2, "logout", logout, logout, NONE)                      \
    X(PING, 3, "ping", ping, ping, NONE)                              \
    X(DESCRIBE, 4, "describe", describe, describe, NONE)              \
    X(GET, 5, "record.get", get, get, NONE)                           \
    X(LIST, 6, "record.list", list, list, list)                       \
    X(COUNT, 7, "record.count", count, count, NONE)                   \
    X(SEARCH, 8, "record.search", search, list, list)                 \
    X(MUTATE, 9, "record.mutate", mutate, mutate, NONE)               \
    X(HISTORY, 10, "record.history", history, history, history)       \
    X(SUBSCRIBE, 11, "record.subscribe", subscribe, subscribe, NONE)  \
    X(UPLOAD, 12, "upload", upload, upload, upload)                   \
    X(REPORT, 13, "report", report, report, NONE)                     \
    X(INVITE, 14, "admin.invite", invite, invite, NONE)               \
    X(PASSWORD, 15, "admin.password", password, password, NONE)       \
    X(ACCESS_EXPLAIN, 16, "access.explain", access_explain, access_explain, NONE) \
    X(ACCESS_WHO, 17, "access.who", access_who, access_who, NONE)     \
    X(SESSION_LIST, 18, "session.list", session_list, session_list, NONE) \
    X(SESSION_END, 19, "session.end", session_end, session_end, NONE) \
    X(CONFIRM, 20, "session.confirm", confirm, confirm, NONE)         \
    X(FACTOR, 21, "session.factor", factor, factor, NONE)             \
    X(TOKEN, 22, "admin.token", token, token, NONE)                   \
    X(DEVICE, 23, "admin.device", device, device, NONE)               \
    X(ENROL, 24, "device.enrol", enrol, enrol, NONE)                  \
    X(AUDIT_LIST, 25, "audit.list", audit_list, audit_list, audit_list) \
    X(ERASE, 26, "admin.erase", erase, erase, NONE)                   \
    X(ACCESS_SHARES, 27, "access.shares", access_shares, access_shares, NONE) \
    X(SYNC_CHANGES, 28, "sync.changes", sync, sync, sync)             \
    X(SYNC_CONFLICTS, 29, "sync.conflicts", conflicts, conflicts, NONE) \
    X(JOB, 30, "job", job, job, NONE)                                 \
    X(EXPORT_BEGIN, 31, "export.begin", export, export, NONE)         \
    X(EXPORT, 32, "record.export", list, list, list)                  \
    X(DUPLICATES, 33, "record.duplicates", duplicates, duplicates, duplicates)

#define OPERATION_ENUM(NAME, code, name, request, reply, chunk) OP_##NAME = code,
enum operation { OPERATION_LIST(OPERATION_ENUM) OP_MAX = 33 };

#endif
