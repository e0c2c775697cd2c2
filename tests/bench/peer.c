/*
 * peer.c - one TLS connection to a server
 *
 * The bench's single thread. Set-up and single calls block; for a measured run load.c takes the
 * descriptor and the two buffers over.
 */
#include "tests/bench/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "proto/codec.h"
#include "proto/operation.h"

#define INPUT_MAX  (FRAME_MAX + FRAME_HEADER_SIZE)
#define OUTPUT_MAX (4u << 20)
#define READ_SIZE  65536

static const unsigned char alpn[] = { 5, 'c', 'r', 'm', '/', '1' };

static enum crm_status fail_tls(struct failure *failure, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    fail(failure, CRM_TLS, NULL, "%s: %s", what, reason ? reason : strerror(errno));
    ERR_clear_error();
    return CRM_TLS;
}

enum crm_status peer_context_create(const char *ca_file, SSL_CTX **out_context,
                                    struct failure *failure)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn) != 0 ||
        !SSL_CTX_load_verify_file(context, ca_file)) {
        SSL_CTX_free(context);
        return fail_tls(failure, "TLS cannot be set up");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    *out_context = context;
    return CRM_OK;
}

enum crm_status peer_open(struct peer *peer, const struct peer_target *target,
                          struct failure *failure)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(target->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int yes = 1;

    *peer = (struct peer){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    buf_init(&peer->in, INPUT_MAX);
    buf_init(&peer->out, OUTPUT_MAX);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) {
        fail(failure, CRM_UNREACHABLE, NULL, "cannot connect to port %u: %s", target->port,
             strerror(errno));
        peer_close(peer);
        return CRM_UNREACHABLE;
    }
    peer->ssl = SSL_new(target->tls);
    if (!peer->ssl || !SSL_set_fd(peer->ssl, peer->fd) || SSL_connect(peer->ssl) != 1) {
        fail_tls(failure, "the handshake failed");
        peer_close(peer);
        return CRM_TLS;
    }
    return CRM_OK;
}

void peer_close(struct peer *peer)
{
    SSL_free(peer->ssl); /* no goodbye: the server must take that too */
    if (peer->fd > 0)
        close(peer->fd);
    buf_fini(&peer->in);
    buf_fini(&peer->out);
    *peer = (struct peer){ 0 };
}

enum crm_status peer_set_blocking(struct peer *peer, bool is_blocking, struct failure *failure)
{
    int flags = fcntl(peer->fd, F_GETFL);

    flags = is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    return fcntl(peer->fd, F_SETFL, flags) == 0
               ? CRM_OK
               : fail(failure, CRM_IO, NULL, "fcntl: %s", strerror(errno));
}

/* --- frames */

enum crm_status peer_queue(struct peer *peer, enum frame_type type, uint32_t code, uint32_t stream,
                           const ProtobufCMessage *message, struct failure *failure)
{
    const struct frame_header header = { .type = (uint8_t)type, .code = code, .stream = stream };
    enum crm_status status = codec_append(&peer->out, &header, message, false);

    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "a frame cannot be put in line");
}

enum crm_status peer_flush(struct peer *peer, struct failure *failure)
{
    while (peer->out.size > 0) {
        size_t n;

        if (!SSL_write_ex(peer->ssl, buf_slice(&peer->out).data, peer->out.size, &n))
            return fail_tls(failure, "writing failed");
        buf_consume(&peer->out, n);
    }
    return CRM_OK;
}

enum crm_status peer_receive(struct peer *peer, struct frame *out_frame, struct failure *failure)
{
    for (;;) {
        size_t consumed, n;
        uint8_t *room;
        enum frame_progress progress =
            frame_parse(buf_slice(&peer->in), FRAME_MAX, out_frame, &consumed, failure);

        if (progress == FRAME_BROKEN)
            return CRM_PROTOCOL;
        if (progress == FRAME_WHOLE) {
            buf_consume(&peer->in,
                        consumed); /* the bytes stay where they are until more are read */
            return CRM_OK;
        }
        n = peer->in.max - peer->in.size;
        room = buf_reserve(&peer->in, n < READ_SIZE ? n : READ_SIZE);
        if (!room)
            return fail(failure, CRM_NO_MEMORY, NULL, "no room to read");
        if (!SSL_read_ex(peer->ssl, room, n < READ_SIZE ? n : READ_SIZE, &n))
            return fail_tls(failure, "the connection was closed");
        buf_commit(&peer->in, n);
    }
}

enum crm_status peer_fail(const struct frame *frame, struct failure *failure)
{
    Crm__Error *error = crm__error__unpack(NULL, frame->body.size, frame->body.data);

    fail(failure, (enum crm_status)frame->header.code, error ? error->field : NULL,
         "the server answers: %s",
         error && error->text ? error->text : crm_status_info((int)frame->header.code)->sentence);
    if (error)
        crm__error__free_unpacked(error, NULL);
    return frame->header.code ? (enum crm_status)frame->header.code : CRM_PROTOCOL;
}

/* --- logging in */

static enum crm_status queue_hello(struct peer *peer, const struct peer_session *session,
                                   struct failure *failure)
{
    Crm__Hello hello = CRM__HELLO__INIT;

    hello.has_version_min = hello.has_version_max = true;
    hello.version_min = hello.version_max = FRAME_VERSION;
    hello.software = (char *)"crm-bench/" CRM_VERSION;
    if (session) {
        hello.has_session_token = true;
        hello.session_token =
            (ProtobufCBinaryData){ .data = (uint8_t *)session->token, .len = session->token_size };
    }
    return peer_queue(peer, FRAME_HELLO, 0, 0, &hello.base, failure);
}

/* The server's hello. was_resumed: whether it says that the session goes on. */
static enum crm_status take_hello(struct peer *peer, bool *out_was_resumed, struct failure *failure)
{
    struct frame frame;
    Crm__Hello *hello;
    enum crm_status status = peer_receive(peer, &frame, failure);

    if (status != CRM_OK)
        return status;
    if (frame.header.type == FRAME_ERROR)
        return peer_fail(&frame, failure);
    hello = frame.header.type == FRAME_HELLO
                ? crm__hello__unpack(NULL, frame.body.size, frame.body.data)
                : NULL;
    if (!hello)
        return fail(failure, CRM_PROTOCOL, NULL, "the server does not begin with a hello");
    *out_was_resumed = hello->session != NULL;
    crm__hello__free_unpacked(hello, NULL);
    return CRM_OK;
}

static enum crm_status login_on(struct peer *peer, const char *login, const char *password,
                                struct peer_session *out_session, struct failure *failure)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    struct frame frame;
    Crm__LoginReply *reply;
    bool was_resumed;
    enum crm_status status = queue_hello(peer, NULL, failure);

    request.login = (char *)login;
    request.password = (char *)password;
    if (status == CRM_OK)
        status =
            peer_queue(peer, FRAME_REQUEST, OP_LOGIN, ++peer->last_stream, &request.base, failure);
    if (status == CRM_OK)
        status = peer_flush(peer, failure);
    if (status == CRM_OK)
        status = take_hello(peer, &was_resumed, failure);
    if (status == CRM_OK)
        status = peer_receive(peer, &frame, failure);
    if (status != CRM_OK)
        return status;
    if (frame.header.type != FRAME_REPLY)
        return peer_fail(&frame, failure);
    reply = crm__login_reply__unpack(NULL, frame.body.size, frame.body.data);
    if (!reply || !reply->has_token || reply->token.len > PEER_TOKEN_MAX)
        status = fail(failure, CRM_PROTOCOL, NULL, "the answer to the login has no token");
    else if (out_session) {
        memcpy(out_session->token, reply->token.data, reply->token.len);
        out_session->token_size = reply->token.len;
    }
    if (reply)
        crm__login_reply__free_unpacked(reply, NULL);
    return status;
}

enum crm_status peer_login(struct peer *peer, const struct peer_target *target, const char *login,
                           const char *password, struct peer_session *out_session,
                           struct failure *failure)
{
    enum crm_status status = peer_open(peer, target, failure);

    if (status != CRM_OK)
        return status;
    status = login_on(peer, login, password, out_session, failure);
    if (status != CRM_OK)
        peer_close(peer);
    return status;
}

enum crm_status peer_resume(struct peer *peer, const struct peer_target *target,
                            const struct peer_session *session, struct failure *failure)
{
    bool was_resumed = false;
    enum crm_status status = peer_open(peer, target, failure);

    if (status != CRM_OK)
        return status;
    status = queue_hello(peer, session, failure);
    if (status == CRM_OK)
        status = peer_flush(peer, failure);
    if (status == CRM_OK)
        status = take_hello(peer, &was_resumed, failure);
    if (status == CRM_OK && !was_resumed)
        status = fail(failure, CRM_SESSION_EXPIRED, NULL, "the session was not resumed");
    if (status != CRM_OK)
        peer_close(peer);
    return status;
}

/* --- one call */

/* A chunk has been read: the server may send as much again. */
static enum crm_status give_credit(struct peer *peer, const struct frame_header *chunk,
                                   struct failure *failure)
{
    Crm__Credit credit = CRM__CREDIT__INIT;
    enum crm_status status;

    credit.has_bytes = true;
    credit.bytes = chunk->length;
    status = peer_queue(peer, FRAME_CREDIT, 0, chunk->stream, &credit.base, failure);
    return status == CRM_OK ? peer_flush(peer, failure) : status;
}

enum crm_status peer_call(struct peer *peer, uint32_t operation, const ProtobufCMessage *request,
                          const ProtobufCMessageDescriptor *reply_descriptor, struct arena *arena,
                          const void **out_reply, struct failure *failure)
{
    struct frame frame;
    enum crm_status status =
        peer_queue(peer, FRAME_REQUEST, operation, ++peer->last_stream, request, failure);

    if (status == CRM_OK)
        status = peer_flush(peer, failure);
    while (status == CRM_OK) {
        status = peer_receive(peer, &frame, failure);
        if (status != CRM_OK)
            break;
        if (frame.header.type == FRAME_ERROR)
            return peer_fail(&frame, failure);
        if (frame.header.type == FRAME_REPLY || frame.header.type == FRAME_END)
            return codec_unpack(&frame, reply_descriptor, FRAME_MAX, arena, out_reply, failure);
        if (frame.header.type == FRAME_CHUNK)
            status = give_credit(peer, &frame.header, failure);
    }
    return status;
}
