/*
 * ca.h - the installation's own certificate authority: made by init, its fingerprint read by the
 * server
 */
#ifndef CRM_SERVER_ADMIN_CA_H
#define CRM_SERVER_ADMIN_CA_H

#include "common/base/digest.h"
#include "common/base/failure.h"

#define CA_DAYS     3650
#define SERVER_DAYS 820 /* below the 825 that clients accept at most */

/* Letters, digits, '-' and '.' of a host name, or an IP address: what may stand in a certificate
 * and an invitation. */
bool ca_name_is_valid(const char *name) MUST_CHECK;

/*
 * Write ca.crt, ca.key, server.crt and server.key (keys with mode 0600) into directory; none of
 * them may exist. names: what clients may call the server, host names and addresses, all valid.
 */
enum crm_status ca_create(const char *directory, const char *const *names, size_t n_names,
                          struct failure *failure) MUST_CHECK;

/* SHA-256 of the certificate (DER) in a PEM file. */
enum crm_status ca_fingerprint(const char *file, uint8_t out[SHA256_SIZE],
                               struct failure *failure) MUST_CHECK;

#endif
