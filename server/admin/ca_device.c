/*
 * ca_device.c - the authority of devices: a root of its own, for client certificates alone
 *
 * Made and opened by the main thread; signing runs on workers, which share the key and only read
 * it. A request gives a key and the proof that its sender has it: name, extensions and all else in
 * it are ours to say and are not looked at. P-256 only, so that no sender chooses what a
 * verification costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "server/admin/ca_inside.h"
#include "server/admin/directory.h"

#define US_PER_SECOND 1000000
#define CURVE         "prime256v1"

struct ca_device {
    EVP_PKEY *key;
    X509 *certificate;
    struct device_signer signer;
};

/* --- the authority itself */

static enum crm_status sync_directory(const char *directory, struct failure *failure)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        fail(failure, CRM_IO, NULL, "%s: %s", directory, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok ? CRM_OK : CRM_IO;
}

static enum crm_status make_device_authority(const char *directory, const char *name,
                                             struct failure *failure)
{
    char common_name[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate;
    enum crm_status status;

    snprintf(common_name, sizeof common_name, "crm devices of %.45s", name);
    certificate = key ? ca_make_authority(key, common_name, "critical,clientAuth") : NULL;
    if (!certificate)
        status = ca_refuse(failure, "cannot make the devices' authority");
    else
        status = ca_write_pem(directory, CA_DEVICE_KEY, NULL, NULL, key, failure);
    if (status == CRM_OK)
        status = ca_write_pem(directory, CA_DEVICE_CERTIFICATE, certificate, NULL, NULL, failure);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return status == CRM_OK ? sync_directory(directory, failure) : status;
}

enum crm_status ca_device_ensure(const char *directory, const char *name, struct failure *failure)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    enum crm_status status = directory_path(directory, CA_DEVICE_CERTIFICATE, certificate, failure);

    if (status == CRM_OK)
        status = directory_path(directory, CA_DEVICE_KEY, key, failure);
    if (status != CRM_OK || access(certificate, F_OK) == 0)
        return status;
    /* A key without its certificate was left by a run that was cut off: nothing was signed. */
    if (unlink(key) != 0 && errno != ENOENT)
        return fail(failure, CRM_IO, NULL, "cannot remove %s: %s", key, strerror(errno));
    return make_device_authority(directory, name, failure);
}

static FILE *open_file(const char *directory, const char *name, struct failure *failure)
{
    char path[PATH_MAX];
    FILE *in;

    if (directory_path(directory, name, path, failure) != CRM_OK)
        return NULL;
    in = fopen(path, "re");
    if (!in)
        fail(failure, CRM_IO, NULL, "cannot read %s: %s", path, strerror(errno));
    return in;
}

/* --- requests */

static bool is_p256(const EVP_PKEY *key)
{
    char curve[32];
    size_t size;

    return EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve,
                                          &size) == 1 &&
           strcmp(curve, CURVE) == 0;
}

/* The key of a request, borrowed from *out_request; NULL with a failure. */
static EVP_PKEY *read_request(struct slice der, X509_REQ **out_request, struct failure *failure)
{
    const unsigned char *at = der.data;
    EVP_PKEY *key = NULL;

    if (der.size > 0 && der.size <= DEVICE_REQUEST_MAX)
        *out_request = d2i_X509_REQ(NULL, &at, (long)der.size);
    if (*out_request && at == der.data + der.size)
        key = X509_REQ_get0_pubkey(*out_request);
    if (!key)
        fail(failure, CRM_INVALID, "request", "this is no PKCS #10 request");
    else if (!is_p256(key))
        fail(failure, CRM_INVALID, "request", "the key is not one on the curve P-256");
    else if (X509_REQ_verify(*out_request, key) != 1)
        fail(failure, CRM_INVALID, "request", "the request is not signed with its key");
    else
        return key;
    ERR_clear_error();
    return NULL;
}

/* --- certificates */

static X509 *make_device(const struct ca_device *authority, EVP_PKEY *key,
                         const struct device_order *order)
{
    char device[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE], names[160];
    X509 *certificate;

    uuid_format(&order->device, device);
    uuid_format(&order->user, user);
    snprintf(names, sizeof names, "URI:urn:crm:device:%s,URI:urn:crm:user:%s", device, user);
    certificate = ca_begin_certificate(key, device, (time_t)(order->now_us / US_PER_SECOND),
                                       (time_t)(order->expires_us / US_PER_SECOND));
    if (certificate &&
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "UID", MBSTRING_UTF8,
                                   (const unsigned char *)user, -1, -1, 0) == 1 &&
        X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)) == 1 &&
        ca_add_extension(certificate, authority->certificate, NID_basic_constraints,
                         "critical,CA:FALSE") &&
        ca_add_extension(certificate, authority->certificate, NID_key_usage,
                         "critical,digitalSignature") &&
        ca_add_extension(certificate, authority->certificate, NID_ext_key_usage,
                         "critical,clientAuth") &&
        ca_add_extension(certificate, authority->certificate, NID_subject_key_identifier, "hash") &&
        ca_add_extension(certificate, authority->certificate, NID_authority_key_identifier,
                         "keyid:always") &&
        ca_add_extension(certificate, authority->certificate, NID_subject_alt_name, names) &&
        X509_sign(certificate, authority->key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static bool read_serial(X509 *certificate, uint8_t out[DEVICE_SERIAL_SIZE])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    bool ok = number && BN_bn2binpad(number, out, DEVICE_SERIAL_SIZE) == DEVICE_SERIAL_SIZE;

    BN_free(number);
    return ok;
}

static enum crm_status sign_device(void *arg, const struct device_order *order, struct arena *arena,
                                   struct device_certificate *out_certificate,
                                   struct failure *failure)
{
    const struct ca_device *authority = arg;
    X509_REQ *request = NULL;
    EVP_PKEY *key = read_request(order->request, &request, failure);
    X509 *certificate = NULL;
    unsigned char *der = NULL;
    int size = 0;
    enum crm_status status = CRM_INVALID;

    if (!key)
        goto out;
    certificate = make_device(authority, key, order);
    if (certificate && read_serial(certificate, out_certificate->serial))
        size = i2d_X509(certificate, &der);
    if (size <= 0) {
        status = ca_refuse(failure, "cannot make the certificate");
        goto out;
    }
    out_certificate->der = slice_of(arena_memdup(arena, der, (size_t)size), (size_t)size);
    status =
        out_certificate->der.data ? CRM_OK : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
out:
    OPENSSL_free(der);
    X509_free(certificate);
    X509_REQ_free(request);
    return status;
}

/* --- open and close */

enum crm_status ca_device_open(const char *directory, struct ca_device **out_authority,
                               struct failure *failure)
{
    struct ca_device *authority = calloc(1, sizeof *authority);
    FILE *certificate = open_file(directory, CA_DEVICE_CERTIFICATE, failure);
    FILE *key = certificate ? open_file(directory, CA_DEVICE_KEY, failure) : NULL;
    enum crm_status status = CRM_IO;

    if (!authority)
        status = fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!authority || !certificate || !key)
        goto out;
    authority->signer = (struct device_signer){ .sign = sign_device, .arg = authority };
    authority->certificate = PEM_read_X509(certificate, NULL, NULL, NULL);
    authority->key = PEM_read_PrivateKey(key, NULL, NULL, NULL);
    if (!authority->certificate || !authority->key)
        status = ca_refuse(failure, "cannot use " CA_DEVICE_CERTIFICATE " and " CA_DEVICE_KEY);
    else if (X509_check_private_key(authority->certificate, authority->key) != 1)
        status = ca_refuse(failure, CA_DEVICE_KEY " is not the key of " CA_DEVICE_CERTIFICATE);
    else
        status = CRM_OK;
out:
    if (certificate)
        fclose(certificate);
    if (key)
        fclose(key);
    if (status == CRM_OK)
        *out_authority = authority;
    else
        ca_device_close(authority);
    return status;
}

void ca_device_close(struct ca_device *authority)
{
    if (!authority)
        return;
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}

const struct device_signer *ca_device_signer(const struct ca_device *authority)
{
    return &authority->signer;
}
