/*
 * password.c - argon2id (RFC 9106) by libargon2, with OWASP's parameters
 *
 * Worker threads only: one call takes some 30 ms and 19 MiB.
 */
#include <argon2.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "server/session/session.h"

#define MEMORY_KIB 19456
#define PASSES     2
#define LANES      1
#define SALT_SIZE  16
#define HASH_SIZE  32

/* Verified against for users who do not exist, so that the answer takes as long. Of a random password that nobody knows. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

enum crm_status password_hash(const char *password, char out_encoded[PASSWORD_ENCODED_SIZE])
{
    uint8_t salt[SALT_SIZE];
    int rc;

    random_bytes(salt, sizeof salt);
    rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt, sizeof salt, HASH_SIZE, out_encoded,
                               PASSWORD_ENCODED_SIZE);
    return rc == ARGON2_OK ? CRM_OK : CRM_NO_MEMORY;
}

bool password_verify(const char *encoded, const char *password)
{
    bool fits = argon2id_verify(encoded ? encoded : nobody, password, strlen(password)) == ARGON2_OK;

    return encoded && fits;
}
