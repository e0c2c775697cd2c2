/*
 * transport_tls.c - TLS 1.3 over TCP: who the server is, is settled here before a byte of the protocol flows
 *
 * Made and driven by client.c on the client's thread; the only file of the library that knows OpenSSL's connections.
 * The certificate must lead to the CA that the caller named (file, hash or both), be valid, and carry the server's
 * name; ALPN must have chosen our protocol.
 */
#include "client/lib/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/base/digest.h"

#define ALPN_NAME "crm/1"
#define ALPN      "\x05" ALPN_NAME
#define ALPN_SIZE (sizeof(ALPN) - 1)

/* One per client. */
struct tls_connector {
    struct connector_settings settings;
    SSL_CTX *context;       /* made at the first connection */
    BIO_METHOD *bio_method; /* sockets without SIGPIPE */
};

enum tls_stage { TLS_STAGE_DIAL, TLS_STAGE_HANDSHAKE, TLS_STAGE_OPEN };

struct tls_transport {
    struct transport base;
    struct tls_connector *connector; /* outlives it */
    enum tls_stage stage;
    struct tcp_dial dial;
    SSL *ssl;
    bool is_dead; /* an error was reported: no goodbye, OpenSSL forbids it */
};

/* --- a socket BIO that never raises SIGPIPE, which OpenSSL's own does (PITFALLS 1.1 item 1) */

static int bio_result(BIO *bio, ssize_t n)
{
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        BIO_set_flags(bio, BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int bio_read(BIO *bio, char *data, int size)
{
    int n = bio_result(bio, recv((int)(intptr_t)BIO_get_data(bio), data, (size_t)size, 0));

    if (n < 0 && BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY))
        BIO_set_flags(bio, BIO_FLAGS_READ);
    return n;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    int n = bio_result(bio, send((int)(intptr_t)BIO_get_data(bio), data, (size_t)size, MSG_NOSIGNAL));

    if (n < 0 && BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY))
        BIO_set_flags(bio, BIO_FLAGS_WRITE);
    return n;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is held back */
}

static BIO_METHOD *bio_method_create(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "crm socket");

    if (method && BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
        BIO_meth_set_ctrl(method, bio_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

static BIO *bio_create(const struct tls_connector *connector, int fd)
{
    BIO *bio = BIO_new(connector->bio_method);

    if (!bio)
        return NULL;
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    return bio;
}

/* --- trust */

static bool certificate_has_hash(X509 *certificate, const uint8_t *hash)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    uint8_t found[SHA256_SIZE];
    struct slice part;

    if (size <= 0)
        return false;
    part = slice_of(der, (size_t)size);
    sha256(&part, 1, found);
    OPENSSL_free(der);
    return digest_equal(found, hash, SHA256_SIZE);
}

/* The certificate with this hash among those that the server presented; borrowed, NULL if there is none. */
static X509 *find_pinned(STACK_OF(X509) * presented, const uint8_t *hash)
{
    for (int i = 0; i < sk_X509_num(presented); i++) {
        X509 *certificate = sk_X509_value(presented, i);

        if (certificate_has_hash(certificate, hash))
            return certificate;
    }
    return NULL;
}

/*
 * Instead of OpenSSL's own step: the CA that the hash names becomes the only one that is trusted for this chain, and
 * then everything is verified as usual. With a CA file both must hold: the file's CAs are verified first.
 */
static int verify_pinned(X509_STORE_CTX *store_context, void *arg)
{
    const struct tls_connector *connector = arg;
    X509 *root = find_pinned(X509_STORE_CTX_get0_untrusted(store_context), connector->settings.ca_sha256);
    STACK_OF(X509) * trusted;
    int verified;

    if (!root) {
        X509_STORE_CTX_set_error(store_context, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
        return 0;
    }
    if (connector->settings.ca_file) {
        STACK_OF(X509) * chain;

        if (X509_verify_cert(store_context) <= 0)
            return 0;
        chain = X509_STORE_CTX_get0_chain(store_context);
        if (certificate_has_hash(sk_X509_value(chain, sk_X509_num(chain) - 1), connector->settings.ca_sha256))
            return 1;
        X509_STORE_CTX_set_error(store_context, X509_V_ERR_CERT_UNTRUSTED);
        return 0;
    }

    trusted = sk_X509_new_null();
    if (!trusted || sk_X509_push(trusted, root) <= 0) {
        sk_X509_free(trusted);
        X509_STORE_CTX_set_error(store_context, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    X509_STORE_CTX_set0_trusted_stack(store_context, trusted);
    verified = X509_verify_cert(store_context);
    sk_X509_free(trusted); /* the certificate itself belongs to the chain */
    return verified > 0;
}

/* Of the device's key: nobody is asked for one at the terminal. */
static char no_password[] = "";

static enum crm_status context_create(struct tls_connector *connector, struct failure *failure)
{
    const struct connector_settings *settings = &connector->settings;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    ERR_clear_error();
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        SSL_CTX_set_alpn_protos(context, (const unsigned char *)ALPN, ALPN_SIZE) != 0) {
        SSL_CTX_free(context);
        return fail(failure, CRM_NO_MEMORY, NULL, "OpenSSL could not be set up");
    }
    if (settings->ca_file && !SSL_CTX_load_verify_file(context, settings->ca_file)) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return fail(failure, CRM_TLS, NULL, "no CA certificate can be read from %s", settings->ca_file);
    }

    SSL_CTX_set_default_passwd_cb_userdata(context, no_password);
    if (settings->device_file &&
        (SSL_CTX_use_certificate_chain_file(context, settings->device_file) != 1 ||
         SSL_CTX_use_PrivateKey_file(context, settings->device_file, SSL_FILETYPE_PEM) != 1)) {
        SSL_CTX_free(context);
        ERR_clear_error();
        return fail(failure, CRM_TLS, NULL, "%s holds no certificate with its key: enrol this device again",
                    settings->device_file);
    }

    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (settings->ca_sha256)
        SSL_CTX_set_cert_verify_callback(context, verify_pinned, connector);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    connector->context = context;
    return CRM_OK;
}

/* --- one connection */

static enum crm_status begin_handshake(struct tls_transport *tls, struct failure *failure)
{
    const struct tls_connector *connector = tls->connector;
    const char *name = connector->settings.server_name;
    X509_VERIFY_PARAM *param;
    BIO *bio;

    tls->ssl = SSL_new(connector->context);
    bio = bio_create(connector, tls->dial.fd);
    if (!tls->ssl || !bio) {
        BIO_free(bio);
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for a secure connection");
    }
    SSL_set_bio(tls->ssl, bio, bio);

    param = SSL_get0_param(tls->ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name))
        return CRM_OK; /* a number is looked for among the certificate's addresses and is not sent as a name */
    ERR_clear_error();
    if (!X509_VERIFY_PARAM_set1_host(param, name, 0) || !SSL_set_tlsext_host_name(tls->ssl, name))
        return fail(failure, CRM_USAGE, NULL, "'%s' is not a host name", name);
    return CRM_OK;
}

/* Why the handshake or the connection failed, after OpenSSL has said that it did. */
static enum transport_result explain(struct tls_transport *tls, struct failure *failure)
{
    long verify = SSL_get_verify_result(tls->ssl);
    unsigned long error = ERR_peek_last_error();
    bool is_pin = tls->connector->settings.ca_sha256 != NULL;
    const char *reason = ERR_reason_error_string(error);

    tls->is_dead = true;
    if (verify == X509_V_ERR_HOSTNAME_MISMATCH || verify == X509_V_ERR_IP_ADDRESS_MISMATCH)
        fail(failure, CRM_TLS, NULL, "the server's certificate is not for %s", tls->connector->settings.server_name);
    else if (verify == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN && is_pin)
        fail(failure, CRM_TLS, NULL, "the server's CA is not the one that the invitation names");
    else if (verify != X509_V_OK)
        fail(failure, CRM_TLS, NULL, "the server's certificate is not trusted: %s",
             X509_verify_cert_error_string(verify));
    else
        fail(failure, CRM_TLS, NULL, "the secure connection failed: %s", reason ? reason : "unknown reason");
    ERR_clear_error();
    return TRANSPORT_BROKEN;
}

/* OpenSSL 3 reports an end of file as a protocol error; how a server leaves is no matter (PITFALLS 1.1 item 2). */
static enum transport_result result_of(struct tls_transport *tls, int returned, struct failure *failure)
{
    switch (SSL_get_error(tls->ssl, returned)) {
    case SSL_ERROR_WANT_READ:
        return TRANSPORT_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TRANSPORT_CLOSED;
    case SSL_ERROR_SYSCALL:
        tls->is_dead = true;
        ERR_clear_error();
        return TRANSPORT_CLOSED;
    default:
        if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            tls->is_dead = true;
            ERR_clear_error();
            return TRANSPORT_CLOSED;
        }
        return explain(tls, failure);
    }
}

/* A server that chose no protocol is not ours, whatever it is. */
static enum transport_result check_alpn(struct tls_transport *tls, struct failure *failure)
{
    const unsigned char *chosen;
    unsigned size;

    SSL_get0_alpn_selected(tls->ssl, &chosen, &size);
    if (slice_equal(slice_of(chosen, size), slice_text(ALPN_NAME)))
        return TRANSPORT_DONE;
    fail(failure, CRM_TLS, NULL, "the server does not speak the crm protocol");
    return TRANSPORT_BROKEN;
}

static enum transport_result tls_handshake_step(struct tls_transport *tls, struct failure *failure)
{
    int returned;

    ERR_clear_error();
    returned = SSL_connect(tls->ssl);
    if (returned != 1)
        return result_of(tls, returned, failure);
    tls->stage = TLS_STAGE_OPEN;
    return check_alpn(tls, failure);
}

static enum transport_result tls_transport_connect(struct transport *base, struct failure *failure)
{
    struct tls_transport *tls = (struct tls_transport *)base;

    if (tls->stage == TLS_STAGE_DIAL) {
        enum transport_result result = tcp_dial_step(&tls->dial, failure);

        base->fd = tls->dial.fd;
        base->wake_us = result == TRANSPORT_WANT_WRITE ? tls->dial.address_until_us : 0;
        if (result != TRANSPORT_DONE)
            return result;
        if (begin_handshake(tls, failure))
            return TRANSPORT_BROKEN;
        tls->stage = TLS_STAGE_HANDSHAKE;
    }
    return tls->stage == TLS_STAGE_HANDSHAKE ? tls_handshake_step(tls, failure) : TRANSPORT_DONE;
}

static enum transport_result tls_transport_read(struct transport *base, void *data, size_t size, size_t *out_n,
                                                struct failure *failure)
{
    struct tls_transport *tls = (struct tls_transport *)base;

    ERR_clear_error();
    if (SSL_read_ex(tls->ssl, data, size, out_n))
        return TRANSPORT_DONE;
    return result_of(tls, 0, failure);
}

static enum transport_result tls_transport_write(struct transport *base, const void *data, size_t size, size_t *out_n,
                                                 struct failure *failure)
{
    struct tls_transport *tls = (struct tls_transport *)base;

    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, size, out_n))
        return TRANSPORT_DONE;
    return result_of(tls, 0, failure);
}

static void tls_transport_destroy(struct transport *base)
{
    struct tls_transport *tls = (struct tls_transport *)base;

    if (tls->ssl && tls->stage == TLS_STAGE_OPEN && !tls->is_dead)
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
    SSL_free(tls->ssl);
    tcp_dial_fini(&tls->dial);
    free(tls);
}

static const struct transport_ops tls_transport_ops = {
    .connect = tls_transport_connect,
    .read = tls_transport_read,
    .write = tls_transport_write,
    .destroy = tls_transport_destroy,
};

static enum crm_status tls_connector_open(void *arg, int64_t until_us, struct transport **out_transport,
                                          struct failure *failure)
{
    struct tls_connector *connector = arg;
    struct tls_transport *tls;
    enum crm_status status;

    if (!connector->context) {
        status = context_create(connector, failure);
        if (status)
            return status;
    }
    tls = calloc(1, sizeof(*tls));
    if (!tls)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for a connection");
    status = tcp_dial_init(&tls->dial, connector->settings.host, connector->settings.service, until_us, failure);
    if (status) {
        free(tls);
        return status;
    }
    tls->base = (struct transport){ .ops = &tls_transport_ops, .fd = -1, .may_strand = true };
    tls->connector = connector;
    *out_transport = &tls->base;
    return CRM_OK;
}

static void tls_connector_destroy(void *arg)
{
    struct tls_connector *connector = arg;

    SSL_CTX_free(connector->context);
    BIO_meth_free(connector->bio_method);
    free(connector);
}

enum crm_status connector_create_tls(const struct connector_settings *settings, struct connector *out_connector)
{
    struct tls_connector *connector = calloc(1, sizeof(*connector));

    if (!connector)
        return CRM_NO_MEMORY;
    connector->settings = *settings;
    connector->bio_method = bio_method_create();
    if (!connector->bio_method) {
        tls_connector_destroy(connector);
        return CRM_NO_MEMORY;
    }
    *out_connector =
        (struct connector){ .open = tls_connector_open, .destroy = tls_connector_destroy, .arg = connector };
    return CRM_OK;
}
