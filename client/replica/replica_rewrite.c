/*
 * replica_rewrite.c - a replica written anew into another file: without what was forgotten, sealed, or opened again
 *
 * Called by crm sync, with no run under way. The new file is made beside the present one, is whole and durable before it takes its place, and takes it at
 * once (replica_file.c): cut off at any moment, the replica is as it was or as it is to be. Readers that have the old file open go on with it.
 */
#include <unistd.h>

#include "client/replica/keyring.h"
#include "client/replica/reindex.h"
#include "client/replica/replica_file.h"
#include "client/replica/replica_inside.h"
#include "client/replica/rows.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/store/key.h"

#define RUN_BYTES ((size_t)8 << 20) /* copied in one run */
/* What writing anew costs may be as much as a sync that brings this: below it is done for any record, above where many were forgotten. */
#define CHEAP_BYTES ((uint64_t)8 << 20)

/* --- copying */

struct copying {
    struct store *from;
    struct store_txn *to;
    enum store_db db;
    struct key behind, last; /* committed so far, and in this run */
    size_t bytes;
    bool more;
    enum crm_status status;
};

static bool copy_pair(void *arg, struct slice key, struct slice value)
{
    struct copying *copying = arg;

    if (copying->bytes >= RUN_BYTES) {
        copying->more = true;
        return false;
    }
    copying->bytes += key.size + value.size;
    copying->last.size = 0;
    key_bytes(&copying->last, key.data, key.size);
    if (copying->db != STORE_META || !replica_row_is_of_file(key))
        copying->status = store_put(copying->to, copying->db, key, value);
    return copying->status == CRM_OK;
}

static enum crm_status copy_range(struct store_txn *from, void *arg)
{
    struct copying *copying = arg;
    uint8_t first[STORE_KEY_MAX + 1] = { 0 }; /* the least key behind the last one: that and a 0 */
    struct store_range range = { .from = slice_of(first, copying->behind.size ? copying->behind.size + 1u : 0), .values = STORE_VALUES_PASS };
    enum crm_status status;

    memcpy(first, copying->behind.data, copying->behind.size);
    status = store_scan(from, copying->db, &range, copy_pair, copying);
    return status == CRM_OK ? copying->status : status;
}

static enum crm_status copy_run(struct store_txn *to, void *arg)
{
    struct copying *copying = arg;

    copying->to = to;
    copying->last = copying->behind;
    copying->bytes = 0;
    copying->more = false;
    copying->status = CRM_OK;
    return store_read_run(copying->from, copy_range, copying);
}

static enum crm_status copy_all(struct store *from, struct store *to)
{
    enum crm_status status = CRM_OK;

    for (int db = 0; db < STORE_DB_COUNT && status == CRM_OK; db++) {
        struct copying copying = { .from = from, .db = (enum store_db)db, .more = true };

        while (status == CRM_OK && copying.more) {
            status = store_write_run(to, copy_run, &copying);
            copying.behind = copying.last;
        }
    }
    return status;
}

/* --- a new file */

static enum crm_status failed(enum crm_status status, struct failure *failure)
{
    return fail(failure, status, NULL, "the replica cannot be written anew: %s", crm_status_info((int)status)->sentence);
}

static enum crm_status put_lock(struct store_txn *txn, void *arg)
{
    uint8_t packed[SEAL_LOCK_SIZE];

    seal_lock_pack(arg, packed);
    return replica_put(txn, ROW_LOCK, slice_of(packed, sizeof packed));
}

/* An empty store in <directory>/next; sealed with a lock and its key, where there is a lock. */
static enum crm_status open_next(const char *directory, struct seal_lock *lock, const uint8_t *key, struct store **out_store, struct failure *failure)
{
    char path[PATH_MAX];
    struct store *file;
    enum crm_status status = replica_next_make(directory, path, failure);

    if (status == CRM_OK)
        status = replica_open_file(path, REPLICA_WRITE, &file, failure);
    if (status != CRM_OK)
        return status;
    if (!lock) {
        *out_store = file;
        return CRM_OK;
    }
    status = store_write_run(file, put_lock, lock);
    if (status != CRM_OK) {
        store_close(file);
        return failed(status, failure);
    }
    status = seal_store(file, key, out_store);
    return status == CRM_OK ? CRM_OK : failed(status, failure);
}

/* What leads to records is not copied from a sealed file: it is made. */
static enum crm_status make_keys(struct store *take_store, struct failure *failure)
{
    struct replica *next;
    enum crm_status status = replica_open_store(take_store, &next, failure);

    if (status != CRM_OK)
        return status;
    status = replica_state(next)->is_made ? reindex(next, replica_state(next)->schema) : CRM_OK;
    replica_close(next);
    return status == CRM_OK ? CRM_OK : failed(status, failure);
}

/* The new file in the place of the old one. Whatever comes of it, the replica is open again if it can be. */
static enum crm_status take_next(struct replica *replica, struct failure *failure)
{
    enum crm_status status, taken;

    store_close(replica->store);
    replica->store = NULL;
    taken = replica_next_take(replica->directory, failure);
    status = replica_open_again(replica, REPLICA_WRITE, failure);
    return taken != CRM_OK ? taken : status;
}

/* lock NULL: not sealed. */
static enum crm_status rewrite(struct replica *replica, struct seal_lock *lock, const uint8_t *key, struct failure *failure)
{
    struct store *next;
    enum crm_status status = open_next(replica->directory, lock, key, &next, failure);

    if (status != CRM_OK)
        return status;
    status = copy_all(replica->store, next);
    if (status != CRM_OK) {
        store_close(next);
        status = failed(status, failure);
    } else if (lock) {
        store_close(next);
    } else {
        status = make_keys(next, failure);
    }
    if (status == CRM_OK)
        return take_next(replica, failure);
    replica_next_remove(replica->directory);
    return status;
}

/* --- sealing */

/* Open to another passphrase, or to the keyring: the data stays as it is. */
static enum crm_status change_lock(struct replica *replica, const struct replica_sealing *sealing, struct failure *failure)
{
    struct seal_lock lock;
    enum crm_status status = seal_lock_make(replica->key, &replica->lock.id, sealing->passphrase, sealing->keep_s, &lock, failure);

    if (status != CRM_OK)
        return status;
    status = store_write_run(replica->store, put_lock, &lock);
    if (status != CRM_OK)
        return failed(status, failure);
    replica->lock = lock;
    return CRM_OK;
}

static enum crm_status seal(struct replica *replica, const struct replica_sealing *sealing, struct failure *failure)
{
    struct uuid id = uuid_create();
    struct seal_lock lock;
    uint8_t *key = key_create();
    enum crm_status status;

    if (!key)
        return failed(CRM_NO_MEMORY, failure);
    random_bytes(key, CIPHER_KEY_SIZE);
    status = seal_lock_make(key, &id, sealing->passphrase, sealing->keep_s, &lock, failure);
    if (status == CRM_OK) {
        replica->key = key; /* with which it is opened again */
        return rewrite(replica, &lock, key, failure);
    }
    key_destroy(key);
    return status;
}

/* A key that is nowhere else must be there before anything depends on it. */
static enum crm_status keep_key(const struct replica *replica, const struct replica_sealing *sealing, struct failure *failure)
{
    enum crm_status status = keyring_put(&replica->lock.id, replica->key, sealing->keep_s);

    if (status == CRM_OK || sealing->passphrase)
        return CRM_OK;
    return fail(failure, status, NULL, "the system's keyring cannot be used here: give a passphrase");
}

static enum crm_status try_keyring(struct failure *failure)
{
    const struct uuid id = uuid_create();
    uint8_t key[CIPHER_KEY_SIZE];
    enum crm_status status;

    random_bytes(key, sizeof key);
    status = keyring_put(&id, key, 60);
    if (status == CRM_OK)
        status = keyring_get(&id, key);
    keyring_forget(&id);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "the system's keyring cannot be used here: give a passphrase");
}

enum crm_status replica_encrypt(const char *home, const struct replica_sealing *sealing, struct failure *failure)
{
    struct replica *replica = NULL;
    enum crm_status status = sealing->passphrase ? seal_check_passphrase(sealing->passphrase, failure) : try_keyring(failure);

    if (status == CRM_OK)
        status = replica_open(home, REPLICA_WRITE, &replica, failure);
    if (status == CRM_OK)
        status = replica->is_sealed ? change_lock(replica, sealing, failure) : seal(replica, sealing, failure);
    if (status == CRM_OK)
        status = keep_key(replica, sealing, failure);
    replica_close(replica);
    return status;
}

enum crm_status replica_decrypt(const char *home, struct failure *failure)
{
    struct replica *replica = NULL;
    struct uuid id;
    enum crm_status status = replica_open(home, REPLICA_WRITE, &replica, failure);

    if (status == CRM_OK && !replica->is_sealed)
        status = fail(failure, CRM_INVALID, NULL, "the replica is not encrypted");
    if (status == CRM_OK && replica->state.session && replica->state.session->offline_encrypted)
        status = fail(failure, CRM_NOT_ALLOWED, NULL, "your role wants the replica to be encrypted");
    if (status == CRM_OK) {
        id = replica->lock.id;
        status = rewrite(replica, NULL, NULL, failure);
        if (status == CRM_OK)
            keyring_forget(&id);
    }
    replica_close(replica);
    return status;
}

/* --- forgetting for good */

struct compact_look {
    uint64_t forgotten;
    struct store_db_stats records;
};

static enum crm_status look(struct store_txn *txn, void *arg)
{
    struct compact_look *look = arg;
    enum crm_status status = replica_get_number(txn, ROW_FORGOTTEN, &look->forgotten);

    return status == CRM_OK ? store_stats(txn, STORE_RECORD, &look->records) : status;
}

static bool is_worth_it(const struct compact_look *look, const struct store_usage *usage)
{
    if (look->forgotten == 0)
        return false;
    return usage->used_bytes <= CHEAP_BYTES || look->forgotten >= ROWS_MANY || look->forgotten >= look->records.entries / 8;
}

static enum crm_status put_clean(struct store_txn *txn, void *arg)
{
    (void)arg;
    return replica_put_number(txn, ROW_FORGOTTEN, 0);
}

enum crm_status replica_compact(struct replica *replica, struct failure *failure)
{
    struct compact_look looked = { 0 };
    struct store_usage usage;
    char path[PATH_MAX];
    enum crm_status status = store_read_run(replica->store, look, &looked);

    if (status == CRM_OK)
        status = store_usage(replica->store, &usage);
    if (status != CRM_OK)
        return failed(status, failure);
    if (!replica->directory[0] || !is_worth_it(&looked, &usage))
        return CRM_OK;
    status = replica_next_make(replica->directory, path, failure);
    if (status == CRM_OK)
        status = store_rewrite(replica->store, path, failure);
    if (status == CRM_OK)
        status = take_next(replica, failure);
    else
        replica_next_remove(replica->directory);
    if (status != CRM_OK)
        return status;
    status = store_write_run(replica->store, put_clean, NULL); /* cut off before, it is only done once more */
    return status == CRM_OK ? CRM_OK : failed(status, failure);
}
