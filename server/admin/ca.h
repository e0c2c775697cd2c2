/*
 * ca.h - the installation's own certificate authorities: one for the server, one for devices
 *
 * The first one (ca.crt, ca.key) signs the server's certificate and is what clients trust. Its key is used by init and never opened by a serving process, so
 * that it can be kept elsewhere. Devices have another one (devices.crt, devices.key), a root of its own that only the server trusts, and only for clients: a
 * serving process must be able to sign at any time, and whoever takes it over, key and all, can pretend to be a device but never to be the server.
 */
#ifndef CRM_SERVER_ADMIN_CA_H
#define CRM_SERVER_ADMIN_CA_H

#include "common/base/digest.h"
#include "common/base/failure.h"
#include "server/session/device.h"

#define CA_DAYS     3650
#define SERVER_DAYS 820 /* below the 825 that clients accept at most */

/* Letters, digits, '-' and '.' of a host name, or an IP address: what may stand in a certificate
 * and an invitation. */
bool ca_name_is_valid(const char *name) MUST_CHECK;

/*
 * Write ca.crt, ca.key, server.crt and server.key (keys with mode 0600) into directory, and what
 * devices need; none of them may exist. names: what clients may call the server, host names and
 * addresses, all valid.
 */
enum crm_status ca_create(const char *directory, const char *const *names, size_t n_names,
                          struct failure *failure) MUST_CHECK;

/* SHA-256 of the certificate (DER) in a PEM file. */
enum crm_status ca_fingerprint(const char *file, uint8_t out[SHA256_SIZE],
                               struct failure *failure) MUST_CHECK;

/* --- ca_device.c: the authority of devices */

#define CA_DEVICE_CERTIFICATE "devices.crt"
#define CA_DEVICE_KEY         "devices.key"

struct ca_device;

/* Make it where the directory has none: init does, and crmd run in an older directory. name: the
 * server's, only for people to read. */
enum crm_status ca_device_ensure(const char *directory, const char *name,
                                 struct failure *failure) MUST_CHECK;
/* Read certificate and key, before the sandbox closes. */
enum crm_status ca_device_open(const char *directory, struct ca_device **out_authority,
                               struct failure *failure) MUST_CHECK;
/* Accepts NULL. */
void ca_device_close(struct ca_device *authority);
/* Signs with it, on any thread; lives as long as it does. */
const struct device_signer *ca_device_signer(const struct ca_device *authority);

#endif
