/*
 * replica_inside.h - what the files of a replica share: replica.c opens it, replica_key.c finds its key, replica_rewrite.c writes it anew
 *
 * Private to them.
 */
#ifndef CRM_REPLICA_REPLICA_INSIDE_H
#define CRM_REPLICA_REPLICA_INSIDE_H

#include <limits.h>

#include "client/replica/replica.h"
#include "client/replica/seal.h"
#include "common/base/arena.h"

struct replica {
    struct store *store;
    int lock_fd; /* -1: reading, or in a store of the caller's */
    bool is_writable;
    char directory[PATH_MAX]; /* "": in a store of the caller's */
    bool is_sealed;
    struct seal_lock lock; /* with is_sealed */
    uint8_t *key;          /* likewise; memory of its own that no core dump has */
    struct replica_state state;
    struct arena arena; /* what state points at */
};

/* --- replica.c */

/* The LMDB store of a directory, as it is on disk. */
enum crm_status replica_open_file(const char *directory, enum replica_access access, struct store **out_store, struct failure *failure) MUST_CHECK;
/* Its lock. CRM_NOT_FOUND: it is not sealed. */
enum crm_status replica_read_lock(struct store *file, struct seal_lock *out_lock) MUST_CHECK;
/* Is the row of `meta` with that key the file's own, and not of what is in it? */
bool replica_row_is_of_file(struct slice key);
/* Open the store (which is closed) and load the state; a key that is there already is used. */
enum crm_status replica_open_again(struct replica *replica, enum replica_access access, struct failure *failure) MUST_CHECK;

/* --- replica_key.c */

/* Memory for a key; NULL: none. */
uint8_t *key_create(void);
/* Overwrites it. Accepts NULL. */
void key_destroy(uint8_t *key);
/* The key of a lock: from the keyring, else by a passphrase that is asked for. */
enum crm_status key_find(const struct seal_lock *lock, uint8_t *out_key, struct failure *failure) MUST_CHECK;
/* The keyring forgets the key of the replica in a directory, if there is one. */
void replica_drop_key(const char *directory);

#endif
