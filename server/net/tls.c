/*
 * tls.c - OpenSSL straight on the non-blocking socket, and the same six functions for a plain one
 *
 * Called by conn.c on the connection's io thread; contexts are built by the main thread and shared. OpenSSL's error queue is empty when a
 * function of this file returns. SIGPIPE must be ignored by the process.
 */
#include "server/net/tls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "server/net/tls_device.h"

#define RECORD_MAX      16384 /* plain bytes of one TLS record */
#define CHAIN_MAX       8192  /* bytes of what a client presents: a device's certificate has about 700 */
#define KEY_UPDATES_MAX 32    /* of the peer; each costs us a key derivation and them 27 bytes (FAULTS 28) */

static const unsigned char alpn[] = { 5, 'c', 'r', 'm', '/', '1' };

struct tls_context {
    SSL_CTX *ssl; /* frozen once a connection has been made from it */
    atomic_uint refs;
};

struct tls {
    SSL *ssl;           /* NULL: plain */
    int fd;
    bool is_broken;     /* no close_notify after a fatal error */
    size_t retry;       /* bytes of the record that a write could not finish */
    unsigned key_updates;
    const char *reason; /* static */
    struct device_claim claim;
};

/* Without a common protocol the handshake fails with an alert. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *offered,
                       unsigned offered_size, void *arg)
{
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_size, alpn, sizeof(alpn), offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/*
 * Sees every handshake message. SSL_read goes on by itself after a KeyUpdate, so a flood of them is ended from here: with the socket
 * shut, its next read fails.
 */
static void watch_message(int is_write, int version, int type, const void *data, size_t size, SSL *ssl, void *arg)
{
    struct tls *tls = arg;

    (void)version;
    (void)ssl;
    if (is_write || type != SSL3_RT_HANDSHAKE || size == 0 || *(const unsigned char *)data != SSL3_MT_KEY_UPDATE)
        return;
    if (++tls->key_updates > KEY_UPDATES_MAX)
        shutdown(tls->fd, SHUT_RDWR);
}

static bool set_protocol(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One system call for a record instead of two; what is left inside is taken by tls_read's own loop. */
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_alpn_select_cb(ssl, select_alpn, NULL);
    SSL_CTX_set_msg_callback(ssl, watch_message);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(ssl, 0) == 1 &&
           SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1;
}

static const char *queue_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    return reason ? reason : "unknown error";
}

static enum crm_status load_files(SSL_CTX *ssl, const char *certificate_file, const char *key_file, struct failure *failure)
{
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate_file) != 1)
        return fail(failure, CRM_TLS, NULL, "cannot use the certificate in %s: %s", certificate_file, queue_reason());
    if (SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) != 1)
        return fail(failure, CRM_TLS, NULL, "cannot use the key in %s: %s", key_file, queue_reason());
    if (SSL_CTX_check_private_key(ssl) != 1)
        return fail(failure, CRM_TLS, NULL, "the key in %s is not that of %s", key_file, certificate_file);
    return CRM_OK;
}

enum crm_status tls_context_create(const char *certificate_file, const char *key_file, struct tls_context **out_context,
                                   struct failure *failure)
{
    struct tls_context *context = calloc(1, sizeof(*context));
    enum crm_status status;

    if (!context)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for TLS");
    atomic_init(&context->refs, 1);
    context->ssl = SSL_CTX_new(TLS_server_method());
    if (!context->ssl || !set_protocol(context->ssl))
        status = fail(failure, CRM_TLS, NULL, "cannot set up TLS 1.3: %s", queue_reason());
    else
        status = load_files(context->ssl, certificate_file, key_file, failure);
    ERR_clear_error();
    if (status) {
        tls_context_unref(context);
        return status;
    }
    *out_context = context;
    return CRM_OK;
}

/* Instead of OpenSSL's own step. That the client has the key of its certificate is proved by the handshake itself. */
static int judge_certificate(X509_STORE_CTX *store_context, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_context, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *tls = SSL_get_app_data(ssl);

    (void)arg;
    tls_device_judge(store_context, &tls->claim);
    X509_STORE_CTX_set_error(store_context, X509_V_OK);
    return 1;
}

enum crm_status tls_context_ask_devices(struct tls_context *context, const char *authority_file, struct failure *failure)
{
    X509_STORE *store = X509_STORE_new(); /* of its own: the server's chain is no authority here */
    enum crm_status status = CRM_OK;

    /* One kind of key: no stranger chooses what it costs to look at a certificate. */
    if (!store || X509_STORE_load_file(store, authority_file) != 1 || SSL_CTX_set1_verify_cert_store(context->ssl, store) != 1 ||
        SSL_CTX_set1_client_sigalgs_list(context->ssl, "ECDSA+SHA256") != 1)
        status = fail(failure, CRM_TLS, NULL, "cannot use the certificate in %s: %s", authority_file, queue_reason());
    X509_STORE_free(store);
    ERR_clear_error();
    if (status != CRM_OK)
        return status;
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(context->ssl, 0); /* nothing between the device and its authority */
    SSL_CTX_set_cert_verify_callback(context->ssl, judge_certificate, NULL);
    SSL_CTX_set_max_cert_list(context->ssl, CHAIN_MAX);
    return CRM_OK;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    if (context)
        atomic_fetch_add(&context->refs, 1);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (!context || atomic_fetch_sub(&context->refs, 1) != 1)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

enum crm_status tls_create(struct tls_context *context, int fd, struct tls **out_tls)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (!tls)
        return CRM_NO_MEMORY;
    tls->fd = fd;
    if (context) {
        tls->ssl = SSL_new(context->ssl); /* keeps the SSL_CTX alive by itself */
        if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1) {
            tls_destroy(tls);
            return CRM_NO_MEMORY;
        }
        SSL_set_msg_callback_arg(tls->ssl, tls);
        SSL_set_app_data(tls->ssl, tls);
        SSL_set_accept_state(tls->ssl);
    }
    *out_tls = tls;
    return CRM_OK;
}

static enum tls_result broken(struct tls *tls, const char *reason)
{
    tls->is_broken = true;
    tls->reason = reason;
    return TLS_BROKEN;
}

/* What a call of OpenSSL that did not succeed means; the error queue is empty afterwards. */
static enum tls_result ssl_result(struct tls *tls, int returned)
{
    enum tls_result result;

    switch (SSL_get_error(tls->ssl, returned)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        tls->reason = "closed by the peer";
        return TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        tls->is_broken = true;
        tls->reason = "connection lost";
        result = TLS_CLOSED;
        break;
    default:
        tls->is_broken = true;
        result = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? TLS_CLOSED : TLS_BROKEN;
        tls->reason = queue_reason();
        break;
    }
    ERR_clear_error();
    return result;
}

static enum tls_result plain_result(struct tls *tls, ssize_t returned, enum tls_result wait)
{
    if (returned < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return wait;
    tls->reason = returned == 0 ? "closed by the peer" : "connection lost";
    return TLS_CLOSED;
}

enum tls_result tls_handshake(struct tls *tls)
{
    const unsigned char *protocol;
    unsigned size;
    int returned;

    if (!tls->ssl)
        return TLS_DONE;
    ERR_clear_error();
    returned = SSL_do_handshake(tls->ssl);
    if (returned != 1)
        return ssl_result(tls, returned);
    SSL_get0_alpn_selected(tls->ssl, &protocol, &size);
    return size > 0 ? TLS_DONE : broken(tls, "no ALPN: this is not a crm client");
}

enum tls_result tls_read(struct tls *tls, void *data, size_t size, size_t *out_n)
{
    uint8_t *at = data;
    size_t n = 0;

    if (!tls->ssl) {
        ssize_t got = read(tls->fd, data, size);

        if (got <= 0)
            return plain_result(tls, got, TLS_WANT_READ);
        *out_n = (size_t)got;
        return TLS_DONE;
    }
    ERR_clear_error();
    do {
        size_t got;

        if (SSL_read_ex(tls->ssl, at + n, size - n, &got) != 1) {
            /* An end behind some data shows again at the next call. */
            enum tls_result result = ssl_result(tls, 0);

            if (tls->key_updates > KEY_UPDATES_MAX)
                return broken(tls, "too many key updates");
            if (n == 0)
                return result;
            break;
        }
        n += got;
    } while (n < size && SSL_has_pending(tls->ssl));
    *out_n = n;
    return TLS_DONE;
}

enum tls_result tls_write(struct tls *tls, const void *data, size_t size, size_t *out_n)
{
    size_t n = size;

    if (!tls->ssl) {
        ssize_t put = write(tls->fd, data, size);

        if (put <= 0)
            return plain_result(tls, put, TLS_WANT_WRITE);
        *out_n = (size_t)put;
        return TLS_DONE;
    }
    /* Record by record: each that has left counts as progress. One that was begun is ended with the same bytes. */
    if (tls->retry > 0)
        n = tls->retry;
    else if (n > RECORD_MAX)
        n = RECORD_MAX;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, n, out_n) == 1) {
        tls->retry = 0;
        return TLS_DONE;
    }
    tls->retry = n;
    return ssl_result(tls, 0);
}

void tls_close(struct tls *tls)
{
    if (!tls->ssl || tls->is_broken || !SSL_is_init_finished(tls->ssl))
        return;
    tls->is_broken = true; /* once */
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

void tls_destroy(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

const struct device_claim *tls_claim(const struct tls *tls)
{
    return &tls->claim;
}

const char *tls_reason(const struct tls *tls)
{
    return tls->reason ? tls->reason : "no error";
}
