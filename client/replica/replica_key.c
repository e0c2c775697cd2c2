/*
 * replica_key.c - how a process comes by the key of a sealed replica, and how it forgets it
 *
 * Called by replica.c and replica_rewrite.c. The key is in memory of its own, which no core dump has and, where the system allows it, no swap.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "client/replica/keyring.h"
#include "client/replica/replica_file.h"
#include "client/replica/replica_inside.h"
#include "common/base/digest.h"

#if defined(__SANITIZE_ADDRESS__)
#define IS_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_WATCHED 1
#endif
#endif
#ifndef IS_WATCHED
#define IS_WATCHED 0
#endif

static replica_ask *asks;
static void *asks_arg;

void replica_asks(replica_ask *ask, void *arg)
{
    asks = ask;
    asks_arg = arg;
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * A core dump of a process that holds a key would hold it, too, in the cipher's own memory if not here. Not where a sanitizer looks at the process from
 * another one, which this forbids as well.
 */
static void forbid_dumps(void)
{
    if (!IS_WATCHED)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

uint8_t *key_create(void)
{
    uint8_t *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return NULL;
    forbid_dumps();
    (void)madvise(page, page_size(), MADV_DONTDUMP);
    (void)mlock(page, page_size()); /* not where it would be above the user's limit */
    return page;
}

void key_destroy(uint8_t *key)
{
    if (!key)
        return;
    secret_wipe(key, CIPHER_KEY_SIZE);
    munmap(key, page_size());
}

static enum crm_status ask_key(const struct seal_lock *lock, uint8_t *out_key, struct failure *failure)
{
    char passphrase[REPLICA_PASSPHRASE_SIZE] = "";
    enum crm_status status;

    if (!asks)
        return fail(failure, CRM_BAD_CREDENTIALS, NULL, "the replica is locked: it needs its passphrase");
    status = asks(asks_arg, passphrase, failure);
    if (status == CRM_OK)
        status = seal_lock_open(lock, passphrase, out_key);
    secret_wipe(passphrase, sizeof passphrase);
    if (status == CRM_BAD_CREDENTIALS)
        return fail(failure, status, NULL, "that is not the replica's passphrase");
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the replica cannot be unlocked: %s", crm_status_info((int)status)->sentence);
    status = keyring_put(&lock->id, out_key, lock->keep_s); /* without a keyring each command asks */
    return CRM_OK;
}

enum crm_status key_find(const struct seal_lock *lock, uint8_t *out_key, struct failure *failure)
{
    if (keyring_get(&lock->id, out_key) == CRM_OK && seal_lock_fits(lock, out_key))
        return CRM_OK;
    if (lock->by == SEAL_BY_PASSPHRASE)
        return ask_key(lock, out_key, failure);
    return fail(failure, CRM_BAD_CREDENTIALS, NULL, "the system's keyring no longer has the replica's key: crm sync --wipe, then crm sync --encrypt --keyring");
}

static enum crm_status read_lock_of(const char *directory, struct seal_lock *out_lock, struct failure *failure)
{
    struct store *file;
    enum crm_status status = replica_open_file(directory, REPLICA_READ, &file, failure);

    if (status != CRM_OK)
        return status;
    status = replica_read_lock(file, out_lock);
    store_close(file);
    return status;
}

void replica_drop_key(const char *directory)
{
    struct failure ignored = { 0 };
    struct seal_lock lock;

    if (read_lock_of(directory, &lock, &ignored) == CRM_OK)
        keyring_forget(&lock.id);
}

static enum crm_status count_waiting(struct store_txn *txn, void *arg)
{
    struct store_db_stats stats;
    enum crm_status status = store_stats(txn, (enum store_db)REPLICA_OUTBOX, &stats);

    if (status == CRM_OK)
        *(uint64_t *)arg = stats.entries;
    return status;
}

enum crm_status replica_count_waiting(const char *home, uint64_t *out_n)
{
    char directory[PATH_MAX];
    struct failure ignored = { 0 };
    struct store *file;
    enum crm_status status = replica_directory(home, directory, &ignored);

    if (status == CRM_OK)
        status = replica_open_file(directory, REPLICA_READ, &file, &ignored);
    if (status != CRM_OK)
        return status;
    status = store_read_run(file, count_waiting, out_n);
    store_close(file);
    return status;
}

enum crm_status replica_forget_key(const char *home, struct failure *failure)
{
    char directory[PATH_MAX];
    struct seal_lock lock = { .by = SEAL_BY_PASSPHRASE };
    enum crm_status status = replica_directory(home, directory, failure);

    if (status == CRM_OK)
        status = read_lock_of(directory, &lock, failure);
    if (status == CRM_NOT_FOUND && failure->status == CRM_OK)
        return fail(failure, CRM_INVALID, NULL, "the replica is not encrypted: crm sync --encrypt");
    if (status == CRM_OK && lock.by == SEAL_BY_KEYRING)
        return fail(failure, CRM_INVALID, NULL, "the replica's key is in the keyring only: without it nobody could read it again");
    if (status == CRM_OK)
        keyring_forget(&lock.id);
    return status;
}
