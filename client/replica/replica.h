/*
 * replica.h - a user's own copy of what they may see: an LMDB environment in <home>/replica, its state, who may write it
 *
 * The records are kept as on the server, in the same databases with the same keys (record, index, term, child, unique), so that common/ops reads both. `record`
 * holds what the user sees: the server's state with the user's own pending changes on top. Databases that only a server needs hold something else here:
 * see enum replica_db.
 *
 * One process writes at a time (lock file, held while the replica is open for writing); any number read beside it. Within a process a home is opened once.
 * Single-threaded.
 */
#ifndef CRM_REPLICA_REPLICA_H
#define CRM_REPLICA_REPLICA_H

#include "common/base/failure.h"
#include "common/base/uuid.h"
#include "common/model/schema.h"
#include "common/store/store.h"
#include "proto/wire.pb-c.h"

#define REPLICA_FORMAT       1
#define REPLICA_DAYS_DEFAULT 14 /* so long it may be read without a sync, where the server says nothing */
#define REPLICA_RAW_KEY_SIZE 20 /* kind u32 ‖ id */

/* The store's databases that hold something of the replica's own. */
enum replica_db {
    REPLICA_BASE = STORE_LOG,      /* as record: the server's state of those that have pending changes; empty: it has none */
    REPLICA_RAW = STORE_JOB,       /* kind u32 ‖ id → packed Record, of kinds that this build does not know */
    REPLICA_NAMED = STORE_AUDIT,   /* kind u32 ‖ id: what a snapshot under way has named */
    REPLICA_OUTBOX = STORE_CLIENT, /* place u64 → packed QueuedMutation: changes that the server has not confirmed, in order */
    REPLICA_ALIAS = STORE_ALIAS,   /* kind u32 ‖ number u64 → id: of records that were made here, by the numbers they had here */
    REPLICA_ASKED = STORE_CREDENTIAL, /* client ‖ number u64 → what was answered to a request under that key */
    REPLICA_KEPT = STORE_DUE,      /* as outbox: changes that the server has taken, and no backup of it has yet (kept.h) */
};

enum replica_access {
    REPLICA_READ,  /* beside a writer */
    REPLICA_WRITE, /* makes it where there is none */
};

/* How far the replica has come with a snapshot. */
enum replica_phase {
    PHASE_FOLLOWS = 0, /* it has all that was to be had at its cursor */
    PHASE_FILLS = 1,   /* a snapshot is under way, into what was empty */
    PHASE_REPLACES = 2, /* the same over an older content: what it does not name goes at its end */
    PHASE_FORGETS = 3, /* it is complete, what it did not name is being forgotten */
};

/* What a replica knows of itself, as last committed. Read-only for others; lives until the next load. */
struct replica_state {
    bool is_made;              /* a sync has begun */
    bool is_usable;            /* one has come to its end: there is something to read */
    bool is_sealed;            /* nobody reads it without its key: seal.h */
    struct uuid database;
    uint32_t epoch;
    struct slice cursor;       /* the server's bytes; empty: from the start */
    const char *scope;         /* as given to sync; "" the default */
    const Crm__LoginReply *session; /* whose it is; NULL before the first sync */
    struct slice describe;     /* packed DescribeReply */
    struct schema *schema;     /* from it; never NULL */
    uint64_t seq;              /* of the server's state at the cursor */
    int64_t synced_us;         /* the last sync that came to its end; 0: none */
    int64_t expires_us;        /* not to be read from then on; 0: never synced */
    enum replica_phase phase;
    struct uuid id;            /* the replica's own, for the server */
    const char *indexed;       /* with which fields, and by which build, its keys were made; "": not whole */
};

struct replica;

/*
 * Open the one in a home directory. CRM_NOT_FOUND to read where there is none; CRM_BUSY names the process that writes; CRM_FORMAT: made by another version;
 * CRM_BAD_CREDENTIALS: it is sealed, and the key is not to be had (replica_asks).
 * That it has expired is for the caller to see (replica_check).
 */
enum crm_status replica_open(const char *home, enum replica_access access, struct replica **out_replica, struct failure *failure) MUST_CHECK;
/* One for writing in a store of the caller's, which moves in, also on failure; nobody is kept out. For simulations. */
enum crm_status replica_open_store(struct store *take_store, struct replica **out_replica, struct failure *failure) MUST_CHECK;
void replica_close(struct replica *replica);

/*
 * How this process comes by the passphrase of a sealed replica whose key the keyring does not have. Set once, by the program; NULL: it does not. What is
 * written to passphrase is overwritten afterwards.
 */
#define REPLICA_PASSPHRASE_SIZE 1024
typedef enum crm_status replica_ask(void *arg, char passphrase[REPLICA_PASSPHRASE_SIZE], struct failure *failure);
void replica_asks(replica_ask *ask, void *arg);

bool replica_is_writable(const struct replica *replica);
struct store *replica_store(const struct replica *replica);
const struct replica_state *replica_state(const struct replica *replica);
/* Read the state anew: another process may have gone on. On failure it is as before. */
enum crm_status replica_load(struct replica *replica, struct failure *failure) MUST_CHECK;
/*
 * May its records be shown at now_us? CRM_NOT_FOUND: no sync has come to its end; CRM_SESSION_EXPIRED; CRM_NOT_ALLOWED: the user's role wants it sealed, and
 * it is not.
 */
enum crm_status replica_check(const struct replica *replica, int64_t now_us, struct failure *failure) MUST_CHECK;
/* May what this user sees be kept in it? CRM_NOT_ALLOWED: the user's role wants it sealed. */
enum crm_status replica_admits(const struct replica *replica, const Crm__LoginReply *session, struct failure *failure) MUST_CHECK;

/* Remove a home's replica with all that is in it, and its key from the keyring. CRM_OK also where there is none; CRM_BUSY as above. */
enum crm_status replica_wipe(const char *home, struct failure *failure) MUST_CHECK;
/* How many changes wait in it, of which nobody need have the key. CRM_NOT_FOUND: there is no replica. */
enum crm_status replica_count_waiting(const char *home, uint64_t *out_n) MUST_CHECK;

/* --- sealing: each opens the replica as its only writer */

/* So long the keyring keeps a key that a passphrase has opened, where nobody says otherwise. */
#define REPLICA_KEEP_S (8 * 3600)

struct replica_sealing {
    const char *passphrase; /* NULL: a key that is in the system's keyring only */
    uint32_t keep_s;        /* 0: as long as the system runs */
};
/* Seal the replica, or, where it is sealed, have it open to another passphrase. Where there is none an empty one is made. */
enum crm_status replica_encrypt(const char *home, const struct replica_sealing *sealing, struct failure *failure) MUST_CHECK;
/* The way back. */
enum crm_status replica_decrypt(const char *home, struct failure *failure) MUST_CHECK;
/* Forget the key: the next to read needs the passphrase. CRM_NOT_FOUND: there is no replica; CRM_INVALID: it is not sealed, or has no passphrase. */
enum crm_status replica_forget_key(const char *home, struct failure *failure) MUST_CHECK;

/*
 * Rid the file of what was forgotten since the last time: all that is kept is written anew, and the old file goes. Does nothing where too little was
 * forgotten for what it costs. Within no run; the store is another one afterwards.
 */
enum crm_status replica_compact(struct replica *replica, struct failure *failure) MUST_CHECK;

/* --- within a write run of its store: the state's rows. What they change is in replica_state after the next load. */

enum replica_row {
    ROW_FORMAT,
    ROW_DATABASE,
    ROW_EPOCH,
    ROW_CURSOR,
    ROW_SCOPE,
    ROW_SESSION,
    ROW_DESCRIBE,
    ROW_SEQ,
    ROW_SYNCED,
    ROW_EXPIRES,
    ROW_PHASE,
    ROW_ID,
    ROW_INDEXED,
    ROW_LOCAL,
    ROW_SENT,
    ROW_LOCK,
    ROW_FORGOTTEN,
    ROW_CARRYING,
    ROW_COUNT,
};

/* Is the row of `meta` with that key readable without the key? */
bool replica_row_is_clear(struct slice key);
enum crm_status replica_put(struct store_txn *txn, enum replica_row row, struct slice value) MUST_CHECK;
/* 0 where there is none. */
enum crm_status replica_get_number(struct store_txn *txn, enum replica_row row, uint64_t *out_value) MUST_CHECK;
enum crm_status replica_put_number(struct store_txn *txn, enum replica_row row, uint64_t value) MUST_CHECK;

/* --- for sync --status */

/* Records by kind, live ones as they are shown; raw: of kinds that this build does not know. */
struct replica_counts {
    uint64_t by_kind[KIND_MAX + 1];
    uint64_t records, raw, pending;
    uint64_t bytes; /* on disk, in use */
};
enum crm_status replica_count(struct replica *replica, struct replica_counts *out_counts, struct failure *failure) MUST_CHECK;

#endif
