/*
 * device.c - the certificate of this device: key, request, file
 *
 * Called by the user on the client's thread. The key is made here and never leaves the machine. Certificate and key stand in one file, so that a crash
 * while they are renewed leaves the old pair or the new one; a lock beside it lets one process at a time renew, since the server accepts the newest
 * certificate and the one that asked for it, and no third.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <crm.h>

#include "common/base/digest.h"
#include "common/base/uuid.h"

#define US_PER_SECOND 1000000
#define REQUEST_NAME  "crm device"
#define SERIAL_SIZE   16
#define DEVICE_PREFIX "urn:crm:device:"
#define USER_PREFIX   "urn:crm:user:"

/* --- what a certificate says */

static bool read_urn(const GENERAL_NAME *name, const char *prefix, uint8_t out_id[CRM_KEY_SIZE])
{
    size_t prefix_size = strlen(prefix);
    char text[UUID_TEXT_SIZE];
    const ASN1_STRING *uri;
    struct uuid id;

    if (name->type != GEN_URI)
        return false;
    uri = name->d.uniformResourceIdentifier;
    if ((size_t)ASN1_STRING_length(uri) != prefix_size + sizeof(text) - 1 ||
        memcmp(ASN1_STRING_get0_data(uri), prefix, prefix_size) != 0)
        return false;
    memcpy(text, ASN1_STRING_get0_data(uri) + prefix_size, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    if (!uuid_parse(text, &id))
        return false;
    memcpy(out_id, id.bytes, CRM_KEY_SIZE);
    return true;
}

static bool read_time(const ASN1_TIME *from, int64_t *out_us)
{
    struct tm time;

    if (ASN1_TIME_to_tm(from, &time) != 1)
        return false;
    *out_us = (int64_t)timegm(&time) * US_PER_SECOND;
    return true;
}

static bool read_certificate(X509 *certificate, struct crm_device_info *out_info)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    bool ok = names && sk_GENERAL_NAME_num(names) == 2 &&
              read_urn(sk_GENERAL_NAME_value(names, 0), DEVICE_PREFIX, out_info->device) &&
              read_urn(sk_GENERAL_NAME_value(names, 1), USER_PREFIX, out_info->user) &&
              read_time(X509_get0_notBefore(certificate), &out_info->valid_from) &&
              read_time(X509_get0_notAfter(certificate), &out_info->expires_at) &&
              ASN1_STRING_length(serial) == SERIAL_SIZE;

    GENERAL_NAMES_free(names);
    if (!ok)
        return false;
    hex_format(ASN1_STRING_get0_data(serial), SERIAL_SIZE, out_info->serial);
    out_info->renew_at = out_info->valid_from + (out_info->expires_at - out_info->valid_from) / 3 * 2;
    return true;
}

/* Instead of asking for one at the terminal. */
static char no_password[] = "";

enum crm_status crm_device_read(const char *file, struct crm_device_info *out_info)
{
    FILE *in = fopen(file, "re");
    struct crm_device_info info = { 0 };
    X509 *certificate;
    EVP_PKEY *key;
    bool ok;

    if (!in)
        return errno == ENOENT || errno == ENOTDIR ? CRM_NOT_FOUND : CRM_IO;
    certificate = PEM_read_X509(in, NULL, NULL, NULL);
    key = PEM_read_PrivateKey(in, NULL, NULL, no_password);
    fclose(in);
    ok = certificate && key && X509_check_private_key(certificate, key) == 1 && read_certificate(certificate, &info);
    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    if (!ok)
        return CRM_INVALID;
    *out_info = info;
    return CRM_OK;
}

/* --- the request */

/* PKCS #10 in DER, owned by the caller (OPENSSL_free). The server looks at nothing in it but the key. */
static enum crm_status make_request(EVP_PKEY *key, unsigned char **out_der, size_t *out_size)
{
    X509_REQ *request = X509_REQ_new();
    int size = -1;

    if (request && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
                                   (const unsigned char *)REQUEST_NAME, -1, -1, 0) == 1 &&
        X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0)
        size = i2d_X509_REQ(request, out_der);
    X509_REQ_free(request);
    ERR_clear_error();
    if (size <= 0)
        return CRM_NO_MEMORY;
    *out_size = (size_t)size;
    return CRM_OK;
}

/* --- the file */

/* A descriptor that holds the lock; -1: another process has it, or it cannot be made (errno). */
static int lock_file(const char *file)
{
    char path[PATH_MAX];
    int fd, size = snprintf(path, sizeof(path), "%s.lock", file);

    errno = ENAMETOOLONG;
    if (size < 0 || (size_t)size >= sizeof(path))
        return -1;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool write_pair(const char *path, X509 *certificate, EVP_PKEY *key)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool ok;

    if (!out) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    ok = PEM_write_X509(out, certificate) == 1 &&
         PEM_write_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 && fflush(out) == 0 && fsync(fd) == 0;
    return fclose(out) == 0 && ok;
}

/* Under the lock, so that the temporary name is ours. */
static enum crm_status replace_file(const char *file, X509 *certificate, EVP_PKEY *key)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof(path), "%s.new", file);

    errno = ENAMETOOLONG;
    if (size < 0 || (size_t)size >= sizeof(path))
        return CRM_IO;
    (void)unlink(path); /* of a process that was killed */
    if (write_pair(path, certificate, key) && rename(path, file) == 0)
        return CRM_OK;
    size = errno;
    (void)unlink(path);
    errno = size;
    return CRM_IO;
}

/* The server's answer: believed where it is a certificate for the very key that was sent. */
static enum crm_status take_certificate(const Crm__EnrolReply *reply, EVP_PKEY *key, const char *file)
{
    const unsigned char *at = reply->certificate.data;
    X509 *certificate = reply->certificate.len ? d2i_X509(NULL, &at, (long)reply->certificate.len) : NULL;
    struct crm_device_info info = { 0 };
    enum crm_status status = CRM_PROTOCOL;

    if (certificate && at == reply->certificate.data + reply->certificate.len &&
        X509_check_private_key(certificate, key) == 1 && read_certificate(certificate, &info))
        status = replace_file(file, certificate, key);
    X509_free(certificate);
    ERR_clear_error();
    return status;
}

static enum crm_status enrol(struct crm_client *client, const char *code, const char *file, struct crm_call **out_call)
{
    Crm__EnrolRequest request = CRM__ENROL_REQUEST__INIT;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    const Crm__EnrolReply *reply;
    unsigned char *der = NULL;
    enum crm_status status = key ? make_request(key, &der, &request.request.len) : CRM_NO_MEMORY;

    if (status == CRM_OK) {
        request.code = (char *)(uintptr_t)code;
        request.has_request = true;
        request.request.data = der;
        status = crm_enrol(client, &request, out_call, &reply);
    }
    if (status == CRM_OK)
        status = take_certificate(reply, key, file);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return status;
}

enum crm_status crm_device_enrol(struct crm_client *client, const char *code, const char *file,
                                 struct crm_call **out_call)
{
    int lock = lock_file(file);
    enum crm_status status;

    *out_call = NULL;
    if (lock < 0)
        return errno == EWOULDBLOCK ? CRM_BUSY : CRM_IO;
    status = enrol(client, code, file, out_call);
    close(lock);
    return status;
}
