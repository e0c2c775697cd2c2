/*
 * keyring.h - keys that the kernel keeps for the user, in memory that no other user reads and no disk holds
 *
 * The kernel's keyring of the user: all of the user's processes see it, it goes when the system stops, and a key may go by itself before. Where there is
 * none (a kernel without, a container that forbids it) keys are not kept. It is not the desktop's keyring (org.freedesktop.secrets), which this build does
 * not speak to.
 */
#ifndef CRM_REPLICA_KEYRING_H
#define CRM_REPLICA_KEYRING_H

#include "common/base/cipher.h"
#include "common/base/uuid.h"

/* Keep a key for so many seconds from now; 0: as long as the system runs. CRM_UNREACHABLE: there is no keyring. */
enum crm_status keyring_put(const struct uuid *id, const uint8_t key[CIPHER_KEY_SIZE], uint32_t keep_s) MUST_CHECK;
/* CRM_NOT_FOUND; CRM_UNREACHABLE. */
enum crm_status keyring_get(const struct uuid *id, uint8_t out_key[CIPHER_KEY_SIZE]) MUST_CHECK;
/* CRM_OK also where it is not there, or there is no keyring. */
void keyring_forget(const struct uuid *id);

#endif
