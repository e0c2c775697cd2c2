/*
 * seal.h - a replica whose values nobody reads without its key
 *
 * Values are closed one by one with AES-256-GCM, with database, key and revision as associated data: one that is changed, put under another key or given
 * another revision does not open (CRM_CORRUPT). Not hidden: how many records of which kinds there are, their ids, revisions and sizes, and when they came.
 * An older copy of the whole file is not told from the present one.
 *
 * The key of the data is random and never stored in clear. It is closed with a key that argon2id makes of a passphrase, so that the passphrase can be
 * changed without writing the data anew; or it is in the system's keyring only (keyring.h).
 */
#ifndef CRM_REPLICA_SEAL_H
#define CRM_REPLICA_SEAL_H

#include "common/base/arena.h"
#include "common/base/cipher.h"
#include "common/base/failure.h"
#include "common/base/uuid.h"
#include "common/store/store.h"

#define SEAL_PASSPHRASE_MIN  8    /* bytes */
#define SEAL_SALT_SIZE       16
#define SEAL_LOCK_SIZE       (1 + 1 + UUID_SIZE + 4 * 4 + SEAL_SALT_SIZE + CIPHER_KEY_SIZE + CIPHER_OVERHEAD)

enum seal_by {
    SEAL_BY_PASSPHRASE = 1,
    SEAL_BY_KEYRING = 2,
};

/* What a replica says in clear of its key. */
struct seal_lock {
    enum seal_by by;
    struct uuid id;        /* of the key, by which the keyring knows it */
    uint32_t keep_s;       /* so long the keyring keeps it; 0: until the system stops */
    uint32_t memory_kib, passes, lanes; /* of argon2id */
    uint8_t salt[SEAL_SALT_SIZE];
    uint8_t closed[CIPHER_KEY_SIZE + CIPHER_OVERHEAD]; /* the key, by the passphrase; else zeros, by the key itself: to know the right one */
};

/* NULL: none, which is as good. */
enum crm_status seal_check_passphrase(const char *passphrase, struct failure *failure) MUST_CHECK;
/* A lock for a key. passphrase NULL: by the keyring. */
enum crm_status seal_lock_make(const uint8_t key[CIPHER_KEY_SIZE], const struct uuid *id, const char *passphrase, uint32_t keep_s,
                               struct seal_lock *out_lock, struct failure *failure) MUST_CHECK;
void seal_lock_pack(const struct seal_lock *lock, uint8_t out[SEAL_LOCK_SIZE]);
/* CRM_CORRUPT: it is none, or asks for more than anybody would have asked for. */
enum crm_status seal_lock_parse(struct slice bytes, struct seal_lock *out_lock) MUST_CHECK;
/* CRM_BAD_CREDENTIALS: it is another passphrase. */
enum crm_status seal_lock_open(const struct seal_lock *lock, const char *passphrase, uint8_t out_key[CIPHER_KEY_SIZE]) MUST_CHECK;
/* Is it the key? Of a lock by passphrase that cannot be told: what it opens, tells. */
bool seal_lock_fits(const struct seal_lock *lock, const uint8_t key[CIPHER_KEY_SIZE]) MUST_CHECK;

/* The store with its values closed, but for some rows of `meta` (replica.c). take_store moves in, also on failure. */
enum crm_status seal_store(struct store *take_store, const uint8_t key[CIPHER_KEY_SIZE], struct store **out_store) MUST_CHECK;

#endif
