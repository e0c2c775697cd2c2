/*
 * ca_inside.h - what ca.c (the server's authority) and ca_device.c (the devices') share
 */
#ifndef CRM_SERVER_ADMIN_CA_INSIDE_H
#define CRM_SERVER_ADMIN_CA_INSIDE_H

#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "server/admin/ca.h"

/* CRM_TLS with what OpenSSL says; its queue is empty then. */
enum crm_status ca_refuse(struct failure *failure, const char *what);
/* value as in openssl.cnf; issuer is the certificate itself where it signs itself. */
bool ca_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) MUST_CHECK;
/* What every certificate has: version 3, a random serial, times, key, common name. NULL: OpenSSL's
 * queue says why. */
X509 *ca_begin_certificate(EVP_PKEY *key, const char *common_name, time_t now,
                           time_t until) MUST_CHECK;
/* One that signs others and itself. purpose: an extended key usage that all of its must have; NULL:
 * any. NULL as above. */
X509 *ca_make_authority(EVP_PKEY *key, const char *common_name, const char *purpose) MUST_CHECK;
/* A new file, durable: a certificate with the one that signed it (issuer, NULL: none), or
 * (certificate NULL) a key. */
enum crm_status ca_write_pem(const char *directory, const char *name, X509 *certificate,
                             X509 *issuer, EVP_PKEY *key, struct failure *failure) MUST_CHECK;

#endif
