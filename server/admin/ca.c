/*
 * ca.c - X.509 by OpenSSL: the authority's certificate and the server's, ECDSA on P-256
 *
 * Main thread only. One of the few files that see OpenSSL. Serial numbers are random (RFC
 * 5280 4.1.2.2); notBefore lies an hour back for clients whose clock is behind.
 */
#include "server/admin/ca_inside.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/base/buf.h"
#include "common/base/clock.h"

#define SERIAL_SIZE 16
#define BACKDATE_S  3600
#define SECONDS_DAY 86400L
#define US_PER_SECOND 1000000
#define NAMES_SIZE  4096

static bool is_address(const char *name)
{
    uint8_t address[16];

    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

bool ca_name_is_valid(const char *name)
{
    size_t size = strlen(name);

    if (is_address(name))
        return true;
    if (size == 0 || size > 253 || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '.')
            return false;
    return true;
}

enum crm_status ca_refuse(struct failure *failure, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    enum crm_status status =
        fail(failure, CRM_TLS, NULL, "%s: %s", what, reason ? reason : "OpenSSL does not say why");

    ERR_clear_error();
    return status;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[SERIAL_SIZE];
    BIGNUM *number;
    bool ok;

    random_bytes(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and of full length */
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return ok;
}

bool ca_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *extension;
    X509V3_CTX context;
    bool ok;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

X509 *ca_begin_certificate(EVP_PKEY *key, const char *common_name, time_t now, time_t until)
{
    X509 *certificate = X509_new();
    X509_NAME *subject;

    if (!certificate)
        return NULL;
    subject = X509_get_subject_name(certificate);
    if (X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
        !X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -BACKDATE_S, &now) ||
        !X509_time_adj_ex(X509_getm_notAfter(certificate), 0, 0, &until) ||
        X509_set_pubkey(certificate, key) != 1 ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                   -1, -1, 0) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static X509 *begin_days(EVP_PKEY *key, const char *common_name, long days)
{
    time_t now = (time_t)(clock_now_us() / US_PER_SECOND);

    return ca_begin_certificate(key, common_name, now, now + days * SECONDS_DAY - BACKDATE_S);
}

X509 *ca_make_authority(EVP_PKEY *key, const char *common_name, const char *purpose)
{
    X509 *certificate = begin_days(key, common_name, CA_DAYS);

    if (certificate && X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
        ca_add_extension(certificate, certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
        ca_add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
        (!purpose || ca_add_extension(certificate, certificate, NID_ext_key_usage, purpose)) &&
        ca_add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
        ca_add_extension(certificate, certificate, NID_authority_key_identifier, "keyid:always") &&
        X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static X509 *make_server(EVP_PKEY *key, const char *alternatives, const char *common_name,
                         X509 *authority, EVP_PKEY *authority_key)
{
    X509 *certificate = begin_days(key, common_name, SERVER_DAYS);

    if (certificate && X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1 &&
        ca_add_extension(certificate, authority, NID_basic_constraints, "critical,CA:FALSE") &&
        ca_add_extension(certificate, authority, NID_key_usage, "critical,digitalSignature") &&
        ca_add_extension(certificate, authority, NID_ext_key_usage, "serverAuth") &&
        ca_add_extension(certificate, authority, NID_subject_key_identifier, "hash") &&
        ca_add_extension(certificate, authority, NID_authority_key_identifier, "keyid:always") &&
        ca_add_extension(certificate, authority, NID_subject_alt_name, alternatives) &&
        X509_sign(certificate, authority_key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* "DNS:crm.example.com,IP:10.0.0.1" */
static enum crm_status join_names(const char *const *names, size_t n_names, struct buf *out)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < n_names && status == CRM_OK; i++)
        status =
            buf_printf(out, "%s%s:%s", i ? "," : "", is_address(names[i]) ? "IP" : "DNS", names[i]);
    return status == CRM_OK ? buf_append(out, "", 1) : status;
}

enum crm_status ca_write_pem(const char *directory, const char *name, X509 *certificate,
                             X509 *issuer, EVP_PKEY *key, struct failure *failure)
{
    char path[PATH_MAX];
    FILE *out;
    bool ok;
    int fd, size = snprintf(path, sizeof path, "%s/%s", directory, name);

    if (size < 0 || (size_t)size >= sizeof path)
        return fail(failure, CRM_INVALID, NULL, "the path of %s is too long", name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, certificate ? 0644 : 0600);
    out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out) {
        fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return CRM_IO;
    }
    ok = (certificate ? PEM_write_X509(out, certificate)
                      : PEM_write_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) == 1;
    ok = ok && (!issuer || PEM_write_X509(out, issuer) == 1);
    ok = ok && fflush(out) == 0 && fsync(fd) == 0;
    ok = (fclose(out) == 0) && ok;
    return ok ? CRM_OK : fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
}

enum crm_status ca_create(const char *directory, const char *const *names, size_t n_names,
                          struct failure *failure)
{
    EVP_PKEY *authority_key = EVP_EC_gen("P-256"), *server_key = EVP_EC_gen("P-256");
    X509 *authority = NULL, *server = NULL;
    char
        common_name[64]; /* the most that X.520 allows; the names that count are the alternatives */
    struct buf alternatives;
    enum crm_status status;

    buf_init(&alternatives, NAMES_SIZE);
    status = join_names(names, n_names, &alternatives);
    if (status != CRM_OK) {
        fail(failure, status, NULL, "the server has too many names");
        goto out;
    }
    snprintf(common_name, sizeof common_name, "crm CA %.50s", names[0]);
    authority = authority_key ? ca_make_authority(authority_key, common_name, NULL) : NULL;
    snprintf(common_name, sizeof common_name, "%.63s", names[0]);
    if (authority && server_key)
        server = make_server(server_key, (const char *)buf_slice(&alternatives).data, common_name,
                             authority, authority_key);
    if (!server) {
        status = ca_refuse(failure, "cannot make the certificates");
        goto out;
    }
    status = ca_write_pem(directory, "ca.key", NULL, NULL, authority_key, failure);
    if (status == CRM_OK)
        status = ca_write_pem(directory, "ca.crt", authority, NULL, NULL, failure);
    if (status == CRM_OK)
        status = ca_write_pem(directory, "server.key", NULL, NULL, server_key, failure);
    if (status == CRM_OK)
        status = ca_write_pem(directory, "server.crt", server, authority, NULL,
                              failure); /* a client that has only the CA's hash is shown the CA */
    if (status == CRM_OK)
        status = ca_device_ensure(directory, names[0], failure);
out:
    buf_fini(&alternatives);
    X509_free(server);
    X509_free(authority);
    EVP_PKEY_free(server_key);
    EVP_PKEY_free(authority_key);
    return status;
}

enum crm_status ca_fingerprint(const char *file, uint8_t out[SHA256_SIZE], struct failure *failure)
{
    FILE *in = fopen(file, "re");
    X509 *certificate;
    unsigned size = SHA256_SIZE;
    bool ok;

    if (!in)
        return fail(failure, errno == ENOENT ? CRM_NOT_FOUND : CRM_IO, NULL, "cannot read %s: %s",
                    file, strerror(errno));
    certificate = PEM_read_X509(in, NULL, NULL, NULL);
    fclose(in);
    ok = certificate && X509_digest(certificate, EVP_sha256(), out, &size) == 1;
    X509_free(certificate);
    if (!ok) {
        ERR_clear_error();
        return fail(failure, CRM_TLS, NULL, "%s is no certificate", file);
    }
    return CRM_OK;
}
