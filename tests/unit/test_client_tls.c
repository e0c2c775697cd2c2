/*
 * test_client_tls.c - whom the client library trusts: certificates, names, ALPN, versions, and servers that are none
 *
 * A server on loopback, in this thread: it takes a step after each of the client's.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <crm.h>

#include "common/base/digest.h"
#include "proto/codec.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char file[64];
    uint8_t hash[SHA256_SIZE];
};

static char dir[] = "/tmp/test_client_tls.XXXXXX";
static struct authority ours, theirs;

/* --- certificates */

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* issuer NULL: signed by itself. lifetime_s may be in the past. */
static X509 *certify(EVP_PKEY *key, const char *name, const struct authority *issuer, EVP_PKEY *signer, long lifetime_s)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), lifetime_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : subject);
    if (issuer)
        add_extension(certificate, issuer->certificate, NID_subject_alt_name, "DNS:crm.test,IP:127.0.0.1");
    else
        add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(certificate, signer, EVP_sha256()) > 0);
    return certificate;
}

static void make_authority(struct authority *authority, const char *name)
{
    FILE *out;
    unsigned char *der = NULL;
    int size;
    struct slice part;

    authority->key = EVP_EC_gen("P-256");
    authority->certificate = certify(authority->key, "test CA", NULL, authority->key, 3600);
    size = i2d_X509(authority->certificate, &der);
    part = slice_of(der, (size_t)size);
    sha256(&part, 1, authority->hash);
    OPENSSL_free(der);
    snprintf(authority->file, sizeof(authority->file), "%s/%s", dir, name);
    out = fopen(authority->file, "w");
    assert_non_null(out);
    PEM_write_X509(out, authority->certificate);
    fclose(out);
}

static int make_authorities(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* for the server */
    if (!mkdtemp(dir))
        return -1;
    make_authority(&ours, "ours.pem");
    make_authority(&theirs, "theirs.pem"); /* the same name, another key */
    return 0;
}

static int remove_authorities(void **state)
{
    struct authority *all[] = { &ours, &theirs };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        unlink(all[i]->file);
        X509_free(all[i]->certificate);
        EVP_PKEY_free(all[i]->key);
    }
    return rmdir(dir);
}

/* --- the server */

enum server_kind { SERVER_TLS, SERVER_PLAIN, SERVER_CLOSES };

struct server_config {
    enum server_kind kind;
    const struct authority *signer;
    const struct authority *presents; /* the CA certificate in its chain, NULL: none */
    bool is_expired;
    bool has_no_alpn;
    bool is_old; /* TLS 1.2 at most */
};

static struct {
    const struct server_config *config;
    SSL_CTX *context;
    int listener;
    uint16_t port;
    int fd;
    SSL *ssl;
    bool has_answered;
} server;

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                       unsigned size, void *arg)
{
    static const unsigned char ours_only[] = "\x05"
                                             "crm/1";

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_size, ours_only, 6, in, size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static void make_context(const struct server_config *config)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate =
        certify(key, "crm.test", config->signer, config->signer->key, config->is_expired ? -3600 : 3600);

    server.context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server.context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server.context, key), 1);
    SSL_CTX_set_mode(server.context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(server.context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (config->presents)
        SSL_CTX_add1_chain_cert(server.context, config->presents->certificate);
    else
        SSL_CTX_set_mode(server.context, SSL_MODE_NO_AUTO_CHAIN);
    if (!config->has_no_alpn)
        SSL_CTX_set_alpn_select_cb(server.context, choose_alpn, NULL);
    if (config->is_old)
        SSL_CTX_set_max_proto_version(server.context, TLS1_2_VERSION);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void server_start(const struct server_config *config)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    memset(&server, 0, sizeof(server));
    server.config = config;
    server.fd = -1;
    if (config->kind == SERVER_TLS)
        make_context(config);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(server.listener >= 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server.listener, 4), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
    server.port = ntohs(address.sin_port);
}

static void server_hang_up(void)
{
    SSL_free(server.ssl);
    server.ssl = NULL;
    if (server.fd >= 0)
        close(server.fd);
    server.fd = -1;
}

static void server_stop(void)
{
    server_hang_up();
    close(server.listener);
    SSL_CTX_free(server.context);
}

static void server_accept(void)
{
    server.fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK);
    if (server.fd < 0)
        return;
    if (server.config->kind == SERVER_PLAIN)
        assert_int_equal(send(server.fd, "220 mail.test ESMTP\r\n", 21, MSG_NOSIGNAL), 21);
    if (server.config->kind == SERVER_CLOSES)
        server_hang_up();
    if (server.config->kind == SERVER_TLS) {
        server.ssl = SSL_new(server.context);
        SSL_set_fd(server.ssl, server.fd);
        SSL_set_accept_state(server.ssl);
    }
}

/* Read the client's hello, answer with ours. */
static void server_step(void)
{
    const struct frame_header header = { .type = FRAME_HELLO };
    Crm__Hello hello = CRM__HELLO__INIT;
    uint8_t bytes[4096];
    struct buf out;

    if (server.fd < 0)
        server_accept();
    ERR_clear_error();
    if (!server.ssl || SSL_read(server.ssl, bytes, sizeof(bytes)) < FRAME_HEADER_SIZE || server.has_answered)
        return;
    assert_int_equal(bytes[5], FRAME_HELLO);
    hello.software = (char *)"test";
    buf_init(&out, 4096);
    assert_int_equal(codec_append(&out, &header, &hello.base, false), CRM_OK);
    assert_int_equal(SSL_write(server.ssl, out.data + out.start, (int)out.size), (int)out.size);
    buf_fini(&out);
    server.has_answered = true;
}

/* Until the call is done, or the server has been greeted. */
static void run_both(struct crm_client *client, const struct crm_call *call)
{
    while (!crm_call_is_done(call) && !crm_client_hello(client)) {
        unsigned events = crm_client_events(client);
        struct pollfd fds[] = {
            { .fd = crm_client_fd(client),
              .events = (short)((events & CRM_WANT_READ ? POLLIN : 0) | (events & CRM_WANT_WRITE ? POLLOUT : 0)) },
            { .fd = server.fd < 0 ? server.listener : server.fd, .events = POLLIN },
        };

        assert_true(poll(fds, 2, crm_client_timeout_ms(client)) >= 0);
        crm_client_process(client);
        server_step();
    }
}

/* --- tests */

static struct crm_call *start_ping(struct crm_client *client)
{
    Crm__PingRequest request = CRM__PING_REQUEST__INIT;
    struct crm_call *call;

    assert_int_equal(crm_call_start(client, OP_PING, &request.base, NULL, &call), CRM_OK);
    return call;
}

/* What comes of a connection; status CRM_OK: the hellos were exchanged. */
static void expect(struct server_config config, struct crm_options options, enum crm_status status, const char *text)
{
    struct crm_client *client;
    struct crm_call *call;

    server_start(&config);
    options.host = "127.0.0.1";
    options.port = server.port;
    assert_int_equal(crm_client_create(&options, &client), CRM_OK);
    call = start_ping(client);
    run_both(client, call);
    if (status == CRM_OK && crm_call_is_done(call))
        fail_msg("%s", crm_call_error(call)->text);
    assert_int_equal(crm_call_error(call)->status, status);
    assert_int_equal(crm_call_error(call)->outcome, status == CRM_OK ? CRM_OUTCOME_DONE : CRM_OUTCOME_NOT_DONE);
    if (status != CRM_OK && !strstr(crm_call_error(call)->text, text))
        fail_msg("'%s' does not say '%s'", crm_call_error(call)->text, text);
    crm_call_destroy(call);
    crm_client_destroy(client);
    server_stop();
}

#define OURS .signer = &ours, .presents = &ours

static void the_installations_ca_is_trusted_by_file_by_hash_and_by_both(void **state)
{
    (void)state;
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_file = ours.file }, CRM_OK, "");
    expect((struct server_config){ .signer = &ours }, (struct crm_options){ .ca_file = ours.file }, CRM_OK, "");
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_file = ours.file, .server_name = "crm.test" },
           CRM_OK, "");
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_sha256 = ours.hash }, CRM_OK, "");
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_sha256 = ours.hash, .ca_file = ours.file }, CRM_OK,
           "");
}

static void another_ca_is_not(void **state)
{
    (void)state;
    expect((struct server_config){ .signer = &theirs, .presents = &theirs },
           (struct crm_options){ .ca_file = ours.file }, CRM_TLS, "not trusted");
    expect((struct server_config){ .signer = &theirs, .presents = &theirs },
           (struct crm_options){ .ca_sha256 = ours.hash }, CRM_TLS, "not the one that the invitation names");
    /* Anybody can present our CA's certificate; it has to have signed the server's. */
    expect((struct server_config){ .signer = &theirs, .presents = &ours },
           (struct crm_options){ .ca_sha256 = ours.hash }, CRM_TLS, "not trusted");
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_sha256 = ours.hash, .ca_file = theirs.file },
           CRM_TLS, "not trusted");
    expect((struct server_config){ .signer = &ours }, (struct crm_options){ .ca_sha256 = ours.hash }, CRM_TLS,
           "invitation");
}

static void the_name_and_the_dates_must_be_right(void **state)
{
    (void)state;
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_file = ours.file, .server_name = "crm.example" },
           CRM_TLS, "not for crm.example");
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_sha256 = ours.hash, .server_name = "10.0.0.1" },
           CRM_TLS, "not for 10.0.0.1");
    expect((struct server_config){ OURS, .is_expired = true }, (struct crm_options){ .ca_file = ours.file }, CRM_TLS,
           "expired");
}

static void only_our_protocol_over_tls_1_3_is_spoken(void **state)
{
    (void)state;
    expect((struct server_config){ OURS, .has_no_alpn = true }, (struct crm_options){ .ca_file = ours.file }, CRM_TLS,
           "does not speak the crm protocol");
    expect((struct server_config){ OURS, .is_old = true }, (struct crm_options){ .ca_file = ours.file }, CRM_TLS,
           "secure connection failed");
    expect((struct server_config){ .kind = SERVER_PLAIN }, (struct crm_options){ .ca_file = ours.file }, CRM_TLS,
           "secure connection failed");
}

static void what_cannot_be_reached_is_not_a_matter_of_trust(void **state)
{
    struct crm_options options = { .host = "127.0.0.1", .ca_file = ours.file };
    struct crm_client *client;

    (void)state;
    expect((struct server_config){ .kind = SERVER_CLOSES }, (struct crm_options){ .ca_file = ours.file },
           CRM_UNREACHABLE, "closed the connection");
    expect((struct server_config){ OURS }, (struct crm_options){ .ca_file = "/nowhere/ca.pem" }, CRM_TLS,
           "/nowhere/ca.pem");

    server_start(&(struct server_config){ .kind = SERVER_CLOSES });
    options.port = server.port; /* a port that nobody listens at any more */
    server_stop();
    assert_int_equal(crm_client_create(&options, &client), CRM_OK);
    assert_int_equal(crm_client_connect(client), CRM_UNREACHABLE);
    assert_non_null(strstr(crm_client_error(client)->text, "cannot connect"));
    crm_client_destroy(client);
}

/* The process would die of it, as any program's that never heard of SIGPIPE. */
static void writing_to_a_server_that_is_gone_raises_no_signal(void **state)
{
    const struct server_config config = { OURS };
    struct crm_options options = { .host = "127.0.0.1", .ca_file = ours.file, .reconnect_attempts = CRM_NO_RECONNECT };
    struct crm_client *client;
    struct crm_call *call;

    (void)state;
    server_start(&config);
    options.port = server.port;
    assert_int_equal(crm_client_create(&options, &client), CRM_OK);
    call = start_ping(client);
    run_both(client, call);
    assert_non_null(crm_client_hello(client));
    signal(SIGPIPE, SIG_DFL);
    shutdown(crm_client_fd(client), SHUT_WR); /* every write from here on is one to a broken pipe */
    crm_call_destroy(call);
    call = start_ping(client);
    crm_client_process(client);
    server_hang_up();
    assert_int_equal(crm_call_wait(call), CRM_UNREACHABLE);
    signal(SIGPIPE, SIG_IGN);
    crm_call_destroy(call);
    crm_client_destroy(client);
    server_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_installations_ca_is_trusted_by_file_by_hash_and_by_both),
        cmocka_unit_test(another_ca_is_not),
        cmocka_unit_test(the_name_and_the_dates_must_be_right),
        cmocka_unit_test(only_our_protocol_over_tls_1_3_is_spoken),
        cmocka_unit_test(what_cannot_be_reached_is_not_a_matter_of_trust),
        cmocka_unit_test(writing_to_a_server_that_is_gone_raises_no_signal),
    };

    return cmocka_run_group_tests_name("client_tls", tests, make_authorities, remove_authorities);
}
