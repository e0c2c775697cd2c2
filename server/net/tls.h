/*
 * tls.h - the six functions between a connection and OpenSSL; plain sockets behind the same table, for tests
 *
 * TLS 1.3 only, ALPN crm/1, no tickets, no resumption, RELEASE_BUFFERS, no KTLS, no partial writes (PITFALLS 1.1, 1.2).
 */
#ifndef CRM_SERVER_NET_TLS_H
#define CRM_SERVER_NET_TLS_H

#include <sys/types.h>

#include "common/base/failure.h"
#include "common/base/slice.h"
#include "server/session/device.h"

struct tls_context; /* certificate and key, shared by connections, counted */
struct tls;         /* one connection's state */

enum tls_result {
    TLS_DONE,       /* handshake finished, bytes moved */
    TLS_WANT_READ,  /* wait until the socket is readable */
    TLS_WANT_WRITE, /* wait until it is writable */
    TLS_CLOSED,     /* the peer closed, orderly or not: the same at this level */
    TLS_BROKEN,     /* protocol error; tls_reason() tells */
};

/* PEM files. CRM_TLS with a sentence that names the file. */
enum crm_status tls_context_create(const char *certificate_file, const char *key_file, struct tls_context **out_context,
                                   struct failure *failure) MUST_CHECK;
/*
 * From now on clients are asked for a certificate, which this authority (PEM) must have signed; who has none comes in as before. Before the first connection.
 */
enum crm_status tls_context_ask_devices(struct tls_context *context, const char *authority_file, struct failure *failure) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* 1 create (context NULL: plain, no encryption, for tests) */
enum crm_status tls_create(struct tls_context *context, int fd, struct tls **out_tls) MUST_CHECK;
/* 2 handshake */
enum tls_result tls_handshake(struct tls *tls);
/* 3 read at most size bytes; *out_n > 0 with TLS_DONE */
enum tls_result tls_read(struct tls *tls, void *data, size_t size, size_t *out_n);
/* 4 write; *out_n bytes are taken with TLS_DONE. After WANT_* call again with at least the same bytes (they may have moved). */
enum tls_result tls_write(struct tls *tls, const void *data, size_t size, size_t *out_n);
/* 5 close_notify once, without waiting; 6 destroy. The socket is the caller's. Accepts NULL. */
void tls_close(struct tls *tls);
void tls_destroy(struct tls *tls);
/* After the handshake: what the client's certificate says. Owned by tls; of a plain connection it is empty. */
const struct device_claim *tls_claim(const struct tls *tls);
/* Why the last call failed, for logs; static or owned by tls. */
const char *tls_reason(const struct tls *tls);

#endif
