/*
 * test_device_certificate.c - who may be a device: requests that the authority signs or not, and certificates that a server believes or not, over real handshakes
 *
 * A server made by tls.c and a client of OpenSSL's, both in this thread, over a socket pair. The clock is the test's, for the authority as for who judges.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/base/clock.h"
#include "server/admin/ca.h"
#include "server/net/tls.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

#define DAY_US  INT64_C(86400000000)
#define DEVICE  "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051"
#define USER    "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4052"
#define OUR_SAN "URI:urn:crm:device:" DEVICE ",URI:urn:crm:user:" USER

struct fixture {
    char dir[64], other[64]; /* two installations */
    struct ca_device *authority;
    struct tls_context *context;
    struct arena arena;
    struct uuid device, user;
};

/* --- a clock that the tests set */

static int64_t now_us;

static int64_t fake_now(void)
{
    return now_us;
}

static int64_t fake_monotonic(void)
{
    return 1;
}

static void true_random(void *out, size_t size)
{
    FILE *in = fopen("/dev/urandom", "re");

    if (!in || fread(out, 1, size, in) != size)
        abort();
    fclose(in);
}

static const char *path_of(const char *dir, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned n;
    char *path = paths[n++ % 4];

    snprintf(path, PATH_MAX, "%s/%s", dir, name);
    return path;
}

static int setup(void **state)
{
    static const struct clock_source clock = { fake_now, fake_monotonic, true_random };
    static const char *const names[] = { "localhost" };
    struct fixture *f = calloc(1, sizeof *f);
    struct failure failure = { 0 };
    struct timespec real;

    signal(SIGPIPE, SIG_IGN);
    clock_gettime(CLOCK_REALTIME, &real);
    now_us = (int64_t)real.tv_sec * 1000000;
    clock_replace(&clock);
    strcpy(f->dir, "/tmp/test_device.XXXXXX");
    strcpy(f->other, "/tmp/test_device.XXXXXX");
    if (!mkdtemp(f->dir) || !mkdtemp(f->other))
        return -1;
    assert_int_equal(ca_create(f->dir, names, 1, &failure), CRM_OK);
    assert_int_equal(ca_create(f->other, names, 1, &failure), CRM_OK);
    assert_int_equal(ca_device_open(f->dir, &f->authority, &failure), CRM_OK);
    assert_int_equal(tls_context_create(path_of(f->dir, "server.crt"), path_of(f->dir, "server.key"), &f->context, &failure), CRM_OK);
    assert_int_equal(tls_context_ask_devices(f->context, path_of(f->dir, CA_DEVICE_CERTIFICATE), &failure), CRM_OK);
    arena_init(&f->arena, 1 << 20);
    assert_true(uuid_parse(DEVICE, &f->device) && uuid_parse(USER, &f->user));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "ca.crt", "ca.key", "server.crt", "server.key", CA_DEVICE_CERTIFICATE, CA_DEVICE_KEY };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        unlink(path_of(f->dir, files[i]));
        unlink(path_of(f->other, files[i]));
    }
    rmdir(f->dir);
    rmdir(f->other);
    tls_context_unref(f->context);
    ca_device_close(f->authority);
    arena_fini(&f->arena);
    clock_replace(NULL);
    free(f);
    return 0;
}

/* --- requests */

/* PKCS #10 for a key, signed by another one perhaps. */
static struct slice make_request(struct fixture *f, EVP_PKEY *key, EVP_PKEY *signer)
{
    X509_REQ *request = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    unsigned char *der = NULL;
    struct slice copy;
    int size;

    /* What a request says about itself is not the sender's to say. */
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE"));
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost"));
    X509_REQ_set_version(request, X509_REQ_VERSION_1);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_REQ_add_extensions(request, extensions);
    X509_REQ_set_pubkey(request, key);
    assert_true(X509_REQ_sign(request, signer, EVP_sha256()) > 0);
    size = i2d_X509_REQ(request, &der);
    assert_true(size > 0);
    copy = slice_of(arena_memdup(&f->arena, der, (size_t)size), (size_t)size);
    OPENSSL_free(der);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_free(request);
    return copy;
}

static enum crm_status sign(struct fixture *f, const struct ca_device *authority, struct slice request, struct device_certificate *out_certificate)
{
    const struct device_signer *signer = ca_device_signer(authority);
    const struct device_order order = { .request = request, .device = f->device, .user = f->user, .now_us = now_us, .expires_us = now_us + 90 * DAY_US };
    struct failure failure = { 0 };
    enum crm_status status = signer->sign(signer->arg, &order, &f->arena, out_certificate, &failure);

    assert_string_equal(failure.field, status == CRM_OK ? "" : "request");
    assert_int_equal(ERR_peek_error(), 0);
    return status;
}

static X509 *read_der(const struct device_certificate *certificate)
{
    const unsigned char *at = certificate->der.data;
    X509 *read = d2i_X509(NULL, &at, (long)certificate->der.size);

    assert_non_null(read);
    return read;
}

static void signs_for_the_key_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct device_certificate certificate;
    X509 *read;

    assert_int_equal(sign(f, f->authority, make_request(f, key, key), &certificate), CRM_OK);
    read = read_der(&certificate);
    assert_int_equal(X509_check_private_key(read, key), 1);
    assert_int_equal(X509_check_ca(read), 0);
    assert_int_equal(X509_get_extended_key_usage(read), XKU_SSL_CLIENT);
    assert_int_equal(X509_check_host(read, "localhost", 0, 0, NULL), 0);
    X509_free(read);
    EVP_PKEY_free(key);
}

static void refuses_requests_that_prove_nothing(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256"), *another = EVP_EC_gen("P-256"), *large = EVP_EC_gen("P-384"), *rsa = EVP_RSA_gen(2048);
    struct device_certificate certificate;
    struct slice good = make_request(f, key, key);
    uint8_t *longer = arena_zalloc(&f->arena, DEVICE_REQUEST_MAX + 1);
    struct slice broken = slice_of(arena_memdup(&f->arena, good.data, good.size), good.size);

    memcpy(longer, good.data, good.size);
    ((uint8_t *)(uintptr_t)broken.data)[good.size - 1] ^= 1;
    assert_int_equal(sign(f, f->authority, slice_of(NULL, 0), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, slice_text("not a request at all"), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, slice_of(good.data, good.size - 1), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, slice_of(longer, good.size + 1), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, slice_of(longer, DEVICE_REQUEST_MAX + 1), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, broken, &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, make_request(f, key, another), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, make_request(f, large, large), &certificate), CRM_INVALID);
    assert_int_equal(sign(f, f->authority, make_request(f, rsa, rsa), &certificate), CRM_INVALID);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(large);
    EVP_PKEY_free(another);
    EVP_PKEY_free(key);
}

/* --- handshakes */

/* A server and a client shake hands; what the server thinks of the client's certificate (NULL: it shows none). */
static struct device_claim present(struct fixture *f, X509 *certificate, EVP_PKEY *key)
{
    static const unsigned char alpn[] = { 5, 'c', 'r', 'm', '/', '1' };
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct device_claim claim;
    enum tls_result result = TLS_WANT_READ;
    struct tls *server;
    SSL *client;
    int fds[2], returned = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_int_equal(SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn), 0);
    if (certificate) {
        assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    }
    client = SSL_new(context);
    SSL_set_fd(client, fds[1]);
    assert_int_equal(tls_create(f->context, fds[0], &server), CRM_OK);
    for (int i = 0; i < 20 && (result != TLS_DONE || returned != 1); i++) {
        if (returned != 1)
            returned = SSL_connect(client);
        if (result != TLS_DONE)
            result = tls_handshake(server);
    }
    assert_int_equal(result, TLS_DONE); /* whatever it has shown: it is told so in the answer to its hello */
    claim = *tls_claim(server);
    tls_destroy(server);
    SSL_free(client);
    SSL_CTX_free(context);
    close(fds[0]);
    close(fds[1]);
    ERR_clear_error();
    return claim;
}

static void expect_refused(struct fixture *f, X509 *certificate, EVP_PKEY *key)
{
    struct device_claim claim = present(f, certificate, key);

    assert_true(claim.is_given);
    assert_non_null(claim.problem);
}

static void believes_its_own_certificates(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct device_certificate certificate;
    struct device_claim claim;
    X509 *read;

    assert_int_equal(sign(f, f->authority, make_request(f, key, key), &certificate), CRM_OK);
    read = read_der(&certificate);
    claim = present(f, read, key);
    assert_true(claim.is_given);
    assert_null(claim.problem);
    assert_true(uuid_equal(&claim.device, &f->device) && uuid_equal(&claim.user, &f->user));
    assert_memory_equal(claim.serial, certificate.serial, DEVICE_SERIAL_SIZE);
    assert_int_equal(claim.expires_us, now_us + 90 * DAY_US);
    X509_free(read);
    EVP_PKEY_free(key);
}

static void asks_nobody_who_has_none(void **state)
{
    assert_false(present(*state, NULL, NULL).is_given);
}

static void judges_by_the_clock(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct device_certificate certificate;
    X509 *read;

    assert_int_equal(sign(f, f->authority, make_request(f, key, key), &certificate), CRM_OK);
    read = read_der(&certificate);
    now_us += 90 * DAY_US - 1000000;
    assert_null(present(f, read, key).problem);
    now_us += 2000000;
    assert_string_equal(present(f, read, key).problem, X509_verify_cert_error_string(X509_V_ERR_CERT_HAS_EXPIRED));
    now_us -= 92 * DAY_US;
    expect_refused(f, read, key);
    X509_free(read);
    EVP_PKEY_free(key);
}

static void believes_no_other_authority(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct device_certificate certificate;
    struct ca_device *other;
    struct failure failure = { 0 };
    X509 *read;

    assert_int_equal(ca_device_open(f->other, &other, &failure), CRM_OK); /* under the very same name */
    assert_int_equal(sign(f, other, make_request(f, key, key), &certificate), CRM_OK);
    read = read_der(&certificate);
    expect_refused(f, read, key);
    X509_free(read);
    ca_device_close(other);
    EVP_PKEY_free(key);
}

static X509 *read_pem(const char *path, EVP_PKEY **out_key, const char *key_path)
{
    FILE *in = fopen(path, "re");
    X509 *certificate = PEM_read_X509(in, NULL, NULL, NULL);

    fclose(in);
    in = fopen(key_path, "re");
    *out_key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    fclose(in);
    assert_true(certificate && *out_key);
    return certificate;
}

/* The server's own pair, and the authorities', as a client: each is signed by somebody who counts, for something else. */
static void believes_no_certificate_of_another_use(void **state)
{
    static const char *const pairs[][2] = { { "server.crt", "server.key" }, { "ca.crt", "ca.key" }, { CA_DEVICE_CERTIFICATE, CA_DEVICE_KEY } };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        EVP_PKEY *key;
        X509 *certificate = read_pem(path_of(f->dir, pairs[i][0]), &key, path_of(f->dir, pairs[i][1]));

        expect_refused(f, certificate, key);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
}

/* A certificate as somebody would forge it. issuer NULL: signed by itself. An extension of NULL is left out. */
static X509 *forge(EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, const char *constraints, const char *usage, const char *names)
{
    const struct {
        int nid;
        const char *value;
    } extensions[] = { { NID_basic_constraints, constraints }, { NID_ext_key_usage, usage }, { NID_subject_alt_name, names } };
    X509 *certificate = X509_new();
    X509V3_CTX context;
    BIGNUM *serial = BN_new();
    time_t now = (time_t)(now_us / 1000000);

    X509_set_version(certificate, X509_VERSION_3);
    BN_set_bit(serial, 126);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
    BN_free(serial);
    X509_time_adj_ex(X509_getm_notBefore(certificate), -1, 0, &now);
    X509_time_adj_ex(X509_getm_notAfter(certificate), 1, 0, &now);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)DEVICE, -1, -1, 0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : X509_get_subject_name(certificate));
    X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        X509_EXTENSION *extension = extensions[i].value ? X509V3_EXT_conf_nid(NULL, &context, extensions[i].nid, extensions[i].value) : NULL;

        if (extension)
            X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(certificate, signer, EVP_sha256()) > 0);
    return certificate;
}

static void expect_forged(struct fixture *f, bool believed, bool by_itself, const char *constraints, const char *usage, const char *names)
{
    EVP_PKEY *authority_key, *key = EVP_EC_gen("P-256");
    X509 *authority = read_pem(path_of(f->dir, CA_DEVICE_CERTIFICATE), &authority_key, path_of(f->dir, CA_DEVICE_KEY));
    X509 *certificate = forge(key, by_itself ? NULL : authority, by_itself ? key : authority_key, constraints, usage, names);

    assert_int_equal(present(f, certificate, key).problem == NULL, believed);
    X509_free(certificate);
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
}

static void believes_nothing_forged(void **state)
{
    static const char leaf[] = "critical,CA:FALSE", client[] = "clientAuth";
    struct fixture *f = *state;

    expect_forged(f, true, false, leaf, client, OUR_SAN); /* the forger can do it at all */
    expect_forged(f, false, true, leaf, client, OUR_SAN);
    /* Even of the right authority: what it would never sign. */
    expect_forged(f, false, false, leaf, NULL, OUR_SAN);
    expect_forged(f, false, false, leaf, "serverAuth", OUR_SAN);
    expect_forged(f, false, false, leaf, "clientAuth,serverAuth", OUR_SAN);
    expect_forged(f, false, false, "critical,CA:TRUE", client, OUR_SAN);
    expect_forged(f, false, false, leaf, client, NULL);
    expect_forged(f, false, false, leaf, client, "URI:urn:crm:device:" DEVICE);
    expect_forged(f, false, false, leaf, client, "URI:urn:crm:user:" USER ",URI:urn:crm:device:" DEVICE);
    expect_forged(f, false, false, leaf, client, OUR_SAN ",DNS:localhost");
    expect_forged(f, false, false, leaf, client, "DNS:urn.crm.device." DEVICE ",URI:urn:crm:user:" USER);
    expect_forged(f, false, false, leaf, client, "URI:urn:crm:device:" DEVICE "0,URI:urn:crm:user:" USER);
}

/* A stranger's key of a kind that is dear to verify does not get as far as that. */
static void looks_at_one_kind_of_key_only(void **state)
{
    struct fixture *f = *state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = forge(key, NULL, key, "critical,CA:FALSE", "clientAuth", OUR_SAN);

    assert_false(present(f, certificate, key).is_given);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* The authority of devices is none for servers: a client that trusts the installation's CA does not believe it. */
static void makes_no_servers(void **state)
{
    struct fixture *f = *state;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    EVP_PKEY *key, *authority_key;
    X509 *authority = read_pem(path_of(f->dir, CA_DEVICE_CERTIFICATE), &authority_key, path_of(f->dir, CA_DEVICE_KEY));
    X509 *certificate;
    STACK_OF(X509) *chain = sk_X509_new_null();

    key = EVP_EC_gen("P-256");
    certificate = forge(key, authority, authority_key, "critical,CA:FALSE", "serverAuth", "DNS:localhost");
    sk_X509_push(chain, authority);
    assert_int_equal(X509_STORE_load_file(store, path_of(f->dir, "ca.crt")), 1);
    assert_int_equal(X509_STORE_CTX_init(check, store, certificate, chain), 1);
    assert_int_equal(X509_verify_cert(check), 0);
    /* And where somebody did trust it, it is an authority for clients alone. */
    assert_int_equal(X509_check_purpose(authority, X509_PURPOSE_SSL_SERVER, 1), 0);
    assert_int_equal(X509_check_purpose(authority, X509_PURPOSE_SSL_CLIENT, 1), 1);
    X509_STORE_CTX_free(check);
    X509_STORE_free(store);
    sk_X509_free(chain);
    X509_free(certificate);
    X509_free(authority);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
    ERR_clear_error();
}

/* --- the authority's files */

static void fill(const char *path, char *content, size_t size)
{
    FILE *in = fopen(path, "re");
    size_t n;

    assert_non_null(in);
    n = fread(content, 1, size - 1, in);
    content[n] = '\0';
    fclose(in);
}

static void makes_its_files_once(void **state)
{
    struct fixture *f = *state;
    char before[2048], after[2048];
    const char *certificate = path_of(f->dir, CA_DEVICE_CERTIFICATE), *key = path_of(f->dir, CA_DEVICE_KEY);
    struct ca_device *authority = NULL;
    struct failure failure = { 0 };
    struct stat st;

    fill(certificate, before, sizeof before);
    assert_int_equal(ca_device_ensure(f->dir, "other", &failure), CRM_OK);
    fill(certificate, after, sizeof after);
    assert_string_equal(before, after);
    /* An older directory has neither; a run that was cut off has left a key. */
    assert_int_equal(unlink(certificate), 0);
    assert_int_equal(ca_device_open(f->dir, &authority, &failure), CRM_IO);
    assert_int_equal(ca_device_ensure(f->dir, "localhost", &failure), CRM_OK);
    fill(certificate, after, sizeof after);
    assert_string_not_equal(before, after);
    assert_int_equal(stat(key, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(ca_device_open(f->dir, &authority, &failure), CRM_OK);
    ca_device_close(authority);
    /* Another's key is none. */
    failure = (struct failure){ 0 };
    assert_int_equal(rename(path_of(f->other, CA_DEVICE_KEY), key), 0);
    assert_int_equal(ca_device_open(f->dir, &authority, &failure), CRM_TLS);
    assert_non_null(strstr(failure.text, CA_DEVICE_KEY));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signs_for_the_key_and_nothing_else),
        TEST(refuses_requests_that_prove_nothing),
        TEST(believes_its_own_certificates),
        TEST(asks_nobody_who_has_none),
        TEST(judges_by_the_clock),
        TEST(believes_no_other_authority),
        TEST(believes_no_certificate_of_another_use),
        TEST(believes_nothing_forged),
        TEST(looks_at_one_kind_of_key_only),
        TEST(makes_no_servers),
        TEST(makes_its_files_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
