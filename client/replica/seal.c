/*
 * seal.c - see seal.h
 *
 * Called by replica.c and seal_change.c, single-threaded. A closed value is format u8 ‖ rev u64 ‖ nonce ‖ tag ‖ ciphertext.
 */
#include "client/replica/seal.h"

#include <argon2.h>

#include "client/replica/replica.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/engine/index.h"
#include "common/model/record.h"
#include "common/store/store_cover.h"

#define LOCK_FORMAT  1
#define VALUE_FORMAT 1
#define VALUE_HEAD   9
/* argon2id: a guess costs about as much as a tenth of a second of this machine, and this memory. */
#define MEMORY_KIB (64u << 10)
#define PASSES     3u
#define LANES      1u
/* A lock that asks for more was not made by us. */
#define MEMORY_KIB_MAX (1u << 20)
#define PASSES_MAX     16u
#define LANES_MAX      16u

/* --- locks */

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void seal_lock_pack(const struct seal_lock *lock, uint8_t out[SEAL_LOCK_SIZE])
{
    const uint32_t numbers[] = { lock->keep_s, lock->memory_kib, lock->passes, lock->lanes };

    *out++ = LOCK_FORMAT;
    *out++ = (uint8_t)lock->by;
    memcpy(out, lock->id.bytes, UUID_SIZE);
    out += UUID_SIZE;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++, out += 4)
        put_u32(out, numbers[i]);
    memcpy(out, lock->salt, sizeof lock->salt);
    memcpy(out + sizeof lock->salt, lock->closed, sizeof lock->closed);
}

enum crm_status seal_lock_parse(struct slice bytes, struct seal_lock *out_lock)
{
    const uint8_t *at = bytes.data;
    struct seal_lock lock;

    if (bytes.size != SEAL_LOCK_SIZE || at[0] != LOCK_FORMAT || (at[1] != SEAL_BY_PASSPHRASE && at[1] != SEAL_BY_KEYRING))
        return CRM_CORRUPT;
    lock.by = (enum seal_by)at[1];
    memcpy(lock.id.bytes, at + 2, UUID_SIZE);
    at += 2 + UUID_SIZE;
    lock.keep_s = get_u32(at);
    lock.memory_kib = get_u32(at + 4);
    lock.passes = get_u32(at + 8);
    lock.lanes = get_u32(at + 12);
    memcpy(lock.salt, at + 16, sizeof lock.salt);
    memcpy(lock.closed, at + 16 + sizeof lock.salt, sizeof lock.closed);
    if (lock.memory_kib > MEMORY_KIB_MAX || lock.passes > PASSES_MAX || lock.lanes > LANES_MAX)
        return CRM_CORRUPT;
    *out_lock = lock;
    return CRM_OK;
}

/* What a key is closed for: all of the lock but itself. */
static struct slice lock_about(const struct seal_lock *lock, uint8_t packed[SEAL_LOCK_SIZE])
{
    seal_lock_pack(lock, packed);
    return slice_of(packed, SEAL_LOCK_SIZE - sizeof lock->closed);
}

static enum crm_status derive_key(const struct seal_lock *lock, const char *passphrase, uint8_t out_key[CIPHER_KEY_SIZE])
{
    int rc = argon2id_hash_raw(lock->passes, lock->memory_kib, lock->lanes, passphrase, strlen(passphrase), lock->salt, sizeof lock->salt, out_key,
                               CIPHER_KEY_SIZE);

    if (rc == ARGON2_OK)
        return CRM_OK;
    return rc == ARGON2_MEMORY_ALLOCATION_ERROR ? CRM_NO_MEMORY : CRM_CORRUPT;
}

enum crm_status seal_check_passphrase(const char *passphrase, struct failure *failure)
{
    if (!passphrase || strlen(passphrase) >= SEAL_PASSPHRASE_MIN)
        return CRM_OK;
    return fail(failure, CRM_INVALID, NULL, "a passphrase has at least %d letters", SEAL_PASSPHRASE_MIN);
}

enum crm_status seal_lock_make(const uint8_t key[CIPHER_KEY_SIZE], const struct uuid *id, const char *passphrase, uint32_t keep_s,
                               struct seal_lock *out_lock, struct failure *failure)
{
    static const uint8_t zeros[CIPHER_KEY_SIZE];
    struct seal_lock lock = { .by = SEAL_BY_KEYRING, .id = *id, .keep_s = keep_s };
    uint8_t packed[SEAL_LOCK_SIZE], by_passphrase[CIPHER_KEY_SIZE];
    enum crm_status status = seal_check_passphrase(passphrase, failure);

    if (status != CRM_OK)
        return status;
    if (passphrase) {
        lock.by = SEAL_BY_PASSPHRASE;
        lock.memory_kib = MEMORY_KIB;
        lock.passes = PASSES;
        lock.lanes = LANES;
        random_bytes(lock.salt, sizeof lock.salt);
        status = derive_key(&lock, passphrase, by_passphrase);
    }
    if (status == CRM_OK)
        status = cipher_close(passphrase ? by_passphrase : key, lock_about(&lock, packed), slice_of(passphrase ? key : zeros, CIPHER_KEY_SIZE), lock.closed);
    secret_wipe(by_passphrase, sizeof by_passphrase);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the key cannot be made: %s", crm_status_info((int)status)->sentence);
    *out_lock = lock;
    return CRM_OK;
}

enum crm_status seal_lock_open(const struct seal_lock *lock, const char *passphrase, uint8_t out_key[CIPHER_KEY_SIZE])
{
    uint8_t packed[SEAL_LOCK_SIZE], by_passphrase[CIPHER_KEY_SIZE];
    enum crm_status status = lock->by == SEAL_BY_PASSPHRASE ? derive_key(lock, passphrase, by_passphrase) : CRM_BAD_CREDENTIALS;

    if (status == CRM_OK) {
        status = cipher_open(by_passphrase, lock_about(lock, packed), slice_of(lock->closed, sizeof lock->closed), out_key);
        status = status == CRM_CORRUPT ? CRM_BAD_CREDENTIALS : status;
    }
    secret_wipe(by_passphrase, sizeof by_passphrase);
    return status;
}

bool seal_lock_fits(const struct seal_lock *lock, const uint8_t key[CIPHER_KEY_SIZE])
{
    uint8_t packed[SEAL_LOCK_SIZE], zeros[CIPHER_KEY_SIZE];

    return lock->by != SEAL_BY_KEYRING ||
           cipher_open(key, lock_about(lock, packed), slice_of(lock->closed, sizeof lock->closed), zeros) == CRM_OK;
}

/* --- values */

/* Of what has one. */
static uint64_t revision_of(enum store_db db, struct slice key, struct slice value)
{
    struct record record;
    struct uuid id;
    enum kind kind;

    if (db != STORE_RECORD && db != (enum store_db)REPLICA_BASE)
        return 0;
    if (!record_key_parse(key, &kind, &id) || record_decode(kind, &id, value, &record) != CRM_OK)
        return 0;
    return record.header.rev;
}

/* database ‖ format and revision, as they stand before the value ‖ key */
static struct slice value_about(enum store_db db, const uint8_t head[VALUE_HEAD], struct slice key, uint8_t out[1 + VALUE_HEAD + STORE_KEY_MAX])
{
    out[0] = (uint8_t)db;
    memcpy(out + 1, head, VALUE_HEAD);
    memcpy(out + 1 + VALUE_HEAD, key.data, key.size);
    return slice_of(out, 1 + VALUE_HEAD + key.size);
}

static bool is_clear(enum store_db db, struct slice key)
{
    return db == STORE_META && replica_row_is_clear(key);
}

static enum crm_status close_value(void *arg, enum store_db db, struct slice key, struct slice value, struct arena *arena, struct slice *out_kept)
{
    uint8_t about[1 + VALUE_HEAD + STORE_KEY_MAX];
    size_t size = VALUE_HEAD + CIPHER_OVERHEAD + value.size;
    uint64_t rev = revision_of(db, key, value);
    uint8_t *kept;
    enum crm_status status;

    if (is_clear(db, key)) {
        *out_kept = value;
        return CRM_OK;
    }
    kept = arena_alloc(arena, size);
    if (!kept)
        return CRM_NO_MEMORY;
    kept[0] = VALUE_FORMAT;
    for (int i = 0; i < 8; i++)
        kept[1 + i] = (uint8_t)(rev >> 8 * i);
    status = cipher_close_with(arg, value_about(db, kept, key, about), value, kept + VALUE_HEAD);
    *out_kept = slice_of(kept, size);
    return status;
}

static enum crm_status open_value(void *arg, enum store_db db, struct slice key, struct slice kept, struct arena *arena, struct slice *out_value)
{
    uint8_t about[1 + VALUE_HEAD + STORE_KEY_MAX];
    size_t size;
    uint8_t *value;
    enum crm_status status;

    if (is_clear(db, key)) {
        *out_value = kept;
        return CRM_OK;
    }
    if (kept.size < VALUE_HEAD + CIPHER_OVERHEAD || kept.data[0] != VALUE_FORMAT || key.size > STORE_KEY_MAX)
        return CRM_CORRUPT;
    size = kept.size - VALUE_HEAD - CIPHER_OVERHEAD;
    value = arena_alloc(arena, size + 1); /* never none, which would say that there is no value */
    if (!value)
        return CRM_NO_MEMORY;
    status = cipher_open_with(arg, value_about(db, kept.data, key, about), slice_of(kept.data + VALUE_HEAD, kept.size - VALUE_HEAD), value);
    if (status == CRM_OK)
        *out_value = slice_of(value, size);
    return status;
}

/* What went along with a deletion: ids only, and it is in no record. */
static bool keeps_key(void *arg, enum store_db db, struct slice key)
{
    (void)arg;
    return db == STORE_CHILD && child_key_is_companion(key);
}

static void destroy(void *arg)
{
    cipher_destroy(arg);
}

enum crm_status seal_store(struct store *take_store, const uint8_t key[CIPHER_KEY_SIZE], struct store **out_store)
{
    struct cipher *cipher;
    struct store_cover cover = { .close = close_value, .open = open_value, .keeps = keeps_key, .destroy = destroy };
    enum crm_status status = cipher_create(key, &cipher);

    if (status != CRM_OK) {
        store_close(take_store);
        return status;
    }
    cover.arg = cipher;
    return store_open_cover(take_store, &cover, out_store);
}
