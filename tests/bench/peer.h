/*
 * peer.h - one TLS connection from the bench to a server, straight on OpenSSL: not through libcrm,
 * whose cost is not what is measured
 */
#ifndef CRM_TESTS_BENCH_PEER_H
#define CRM_TESTS_BENCH_PEER_H

#include <openssl/ssl.h>

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/failure.h"
#include "proto/frame.h"
#include "proto/wire.pb-c.h"

#define PEER_TOKEN_MAX 64

/* Where to connect and whom to trust. */
struct peer_target {
    SSL_CTX *tls;  /* from peer_context_create */
    uint16_t port; /* of 127.0.0.1 */
};

/* One connection. All zero: none. */
struct peer {
    SSL *ssl;
    int fd;
    uint32_t last_stream; /* ids rise */
    struct buf in, out;
};

/* What a login gave. */
struct peer_session {
    uint8_t token[PEER_TOKEN_MAX];
    size_t token_size;
};

/* TLS 1.3 and our ALPN; the server's certificate must lead to ca_file. */
enum crm_status peer_context_create(const char *ca_file, SSL_CTX **out_context,
                                    struct failure *failure) MUST_CHECK;

/* Connect and shake hands, blocking. On failure *peer is as peer_close leaves it. */
enum crm_status peer_open(struct peer *peer, const struct peer_target *target,
                          struct failure *failure) MUST_CHECK;
/* Accepts an all-zero peer. */
void peer_close(struct peer *peer);
/* From now on reads and writes do not wait: for the load generator. */
enum crm_status peer_set_blocking(struct peer *peer, bool is_blocking,
                                  struct failure *failure) MUST_CHECK;

/* Put a frame in line; flush writes all that is. */
enum crm_status peer_queue(struct peer *peer, enum frame_type type, uint32_t code, uint32_t stream,
                           const ProtobufCMessage *message, struct failure *failure) MUST_CHECK;
enum crm_status peer_flush(struct peer *peer, struct failure *failure) MUST_CHECK;
/* The next whole frame; its body is borrowed until the next call. */
enum crm_status peer_receive(struct peer *peer, struct frame *out_frame,
                             struct failure *failure) MUST_CHECK;

/* Connection, hello and login in one flight, and the answers waited for. session keeps the token;
 * NULL: not wanted. */
enum crm_status peer_login(struct peer *peer, const struct peer_target *target, const char *login,
                           const char *password, struct peer_session *out_session,
                           struct failure *failure) MUST_CHECK;
/* Connection and a hello that resumes the session, and its answer waited for. */
enum crm_status peer_resume(struct peer *peer, const struct peer_target *target,
                            const struct peer_session *session, struct failure *failure) MUST_CHECK;

/* One request and its answer, unpacked into arena. The chunks of a stream are read and dropped. */
enum crm_status peer_call(struct peer *peer, uint32_t operation, const ProtobufCMessage *request,
                          const ProtobufCMessageDescriptor *reply_descriptor, struct arena *arena,
                          const void **out_reply, struct failure *failure) MUST_CHECK;

/* Put the sentence of an ERROR frame into failure; gives the frame's status. */
enum crm_status peer_fail(const struct frame *frame, struct failure *failure);

#endif
