/*
 * tls_device.c - certificates of devices: chain, purpose, names
 *
 * Called by tls.c in the handshake, on the connection's io thread. A certificate that is not good does not end the handshake: the client would learn of an
 * alert without a sentence. The link tells it in answer to its hello, and closes. Whether the device is still enrolled is the link's business too.
 */
#include "server/net/tls_device.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/base/clock.h"

#define US_PER_SECOND 1000000
#define DEVICE_PREFIX "urn:crm:device:"
#define USER_PREFIX   "urn:crm:user:"

/* prefix and an id, and nothing else. */
static bool read_urn(const ASN1_STRING *uri, const char *prefix, struct uuid *out_id)
{
    size_t prefix_size = strlen(prefix), size = (size_t)ASN1_STRING_length(uri);
    const char *data = (const char *)ASN1_STRING_get0_data(uri);
    char text[UUID_TEXT_SIZE];

    if (size != prefix_size + UUID_TEXT_SIZE - 1 || memcmp(data, prefix, prefix_size) != 0)
        return false;
    memcpy(text, data + prefix_size, UUID_TEXT_SIZE - 1);
    text[UUID_TEXT_SIZE - 1] = '\0';
    return uuid_parse(text, out_id);
}

/* Exactly two names, in the order in which our authority writes them. */
static bool read_names(X509 *certificate, struct device_claim *claim)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool ok = names && sk_GENERAL_NAME_num(names) == 2;

    for (int i = 0; ok && i < 2; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        ok = name->type == GEN_URI && read_urn(name->d.uniformResourceIdentifier, i == 0 ? DEVICE_PREFIX : USER_PREFIX,
                                               i == 0 ? &claim->device : &claim->user);
    }
    GENERAL_NAMES_free(names);
    return ok;
}

static bool read_serial(X509 *certificate, uint8_t out[DEVICE_SERIAL_SIZE])
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);

    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || ASN1_STRING_length(serial) != DEVICE_SERIAL_SIZE)
        return false;
    memcpy(out, ASN1_STRING_get0_data(serial), DEVICE_SERIAL_SIZE);
    return true;
}

static bool read_expiry(X509 *certificate, int64_t *out_us)
{
    struct tm until;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) != 1)
        return false;
    *out_us = (int64_t)timegm(&until) * US_PER_SECOND;
    return true;
}

/* OpenSSL lets a certificate without an extended key usage be anything; ours say what they are for. */
static bool is_for_clients(X509 *certificate)
{
    uint32_t usage = X509_get_extended_key_usage(certificate);

    return usage == XKU_SSL_CLIENT && X509_check_ca(certificate) == 0;
}

void tls_device_judge(X509_STORE_CTX *store_context, struct device_claim *out_claim)
{
    X509 *certificate = X509_STORE_CTX_get0_cert(store_context);

    *out_claim = (struct device_claim){ .is_given = true };
    X509_STORE_CTX_set_time(store_context, 0, (time_t)(clock_now_us() / US_PER_SECOND));
    if (X509_verify_cert(store_context) != 1)
        out_claim->problem = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store_context));
    else if (!is_for_clients(certificate))
        out_claim->problem = "it is not a client's";
    else if (!read_names(certificate, out_claim) || !read_serial(certificate, out_claim->serial) ||
             !read_expiry(certificate, &out_claim->expires_us))
        out_claim->problem = "it does not name a device";
    ERR_clear_error();
}
