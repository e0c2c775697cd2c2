/*
 * raw.h - a client that says whatever bytes it likes to a live crmd, over TLS or below it
 *
 * For cmocka programs: what must hold is asserted here too. One daemon for a group of tests (raw_group_setup and raw_group_teardown), which is stopped in
 * order at the end and must then exit with 0 and pass `crmd check`. A server that does not answer within 20 s fails the test; nothing else waits by time.
 */
#ifndef CRM_TESTS_NET_RAW_H
#define CRM_TESTS_NET_RAW_H

#include "proto/codec.h"
#include "proto/operation.h"
#include "proto/wire.pb-c.h"
#include "tests/crash/daemon.h"

#include <openssl/ssl.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

#define RAW_MEMORY    (16u << 20)
#define RAW_OUT_MAX   (64u << 20)
#define RAW_UUID_SIZE 16

/* A connection. */
struct raw {
    int fd;
    SSL *ssl;
    struct buf in;      /* received, not yet looked at */
    struct buf out;     /* put together, not yet sent */
    struct arena arena; /* of the bodies that were unpacked */
    uint32_t stream;    /* the last that was used */
};

/* How a client introduces itself to TLS. */
struct raw_tls {
    int version;               /* TLS1_2_VERSION …; 0: 1.3 */
    const unsigned char *alpn; /* in wire form, NULL: none */
    unsigned alpn_size;
};

/* The daemon of the group, and a session of its administrator. */
extern struct daemon raw_daemon;

int raw_group_setup(void **state);
int raw_group_teardown(void **state);
/* A new connection with the session of the group gets its ping answered: the server is alive. */
void raw_assert_alive(void);

/* --- connections */

/* The address from which the connections that follow come, of the loopback network; NULL: any. */
void raw_from(const char *address);
/* TCP alone, with the time limits. */
int raw_socket(const struct daemon *daemon);
/* TLS on it; false: the server refused. */
bool raw_open(struct raw *raw, const struct daemon *daemon, const struct raw_tls *tls);
/* TLS 1.3 with crm/1. */
void raw_connect(struct raw *raw);
/* The same, and a hello with the group's session; the server's hello is read. */
void raw_connect_in_session(struct raw *raw);
/* Close without a word; by reset where asked. */
void raw_drop(struct raw *raw, bool by_reset);

/* --- sending: put together in out, then sent at once */

void raw_put(struct raw *raw, enum frame_type type, uint32_t code, uint32_t stream, const ProtobufCMessage *message);
/* Any header, any body. */
void raw_put_bytes(struct raw *raw, const struct frame_header *header, const void *body, size_t size);
/* Hello; token_size 0: without a session. */
void raw_put_hello(struct raw *raw, bool in_session);
/* Hello without a session, of an installation of the client (16 bytes; NULL: it does not say). */
void raw_put_hello_of(struct raw *raw, const uint8_t *installation);
/* A request on the next stream, whose id it returns. */
uint32_t raw_put_request(struct raw *raw, enum operation operation, const ProtobufCMessage *message);
/* All of out, in parts of `part` bytes. false: the server has closed. */
bool raw_send_in_parts(struct raw *raw, size_t part);
bool raw_send(struct raw *raw);

/* --- receiving */

/* The next frame, its body borrowed until the next call; false: the server has closed. */
bool raw_next(struct raw *raw, struct frame *out_frame);
/* The next frame must be of this type and stream; its message. */
const void *raw_expect(struct raw *raw, enum frame_type type, uint32_t stream, const ProtobufCMessageDescriptor *descriptor);
/* The next frame must be this error of a stream; the connection goes on. */
const Crm__Error *raw_expect_error(struct raw *raw, uint32_t stream, enum crm_status status);
/* Sooner or later ERROR on stream 0 with this status, and then the end; drops the connection. */
void raw_expect_broken(struct raw *raw, enum crm_status status);
/* The connection still answers a ping operation. */
void raw_expect_ping(struct raw *raw);

#endif
