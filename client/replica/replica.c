/*
 * replica.c - opening a replica, and what it knows of itself
 *
 * Called by sync (writing), by the local transport (reading) and by crm sync --status. Each fact is a row of `meta` by its name, so that an older build finds
 * what it knows and leaves the rest.
 */
#include "client/replica/replica_inside.h"

#include <stdlib.h>
#include <unistd.h>

#include "client/replica/replica_file.h"
#include "common/model/record.h"
#include "common/model/schema_wire.h"
#include "proto/codec.h"

#define MAP_BYTES    ((size_t)16 << 30) /* address space, not disk */
#define STATE_BUDGET ((size_t)16 << 20)

static const char *const row_names[ROW_COUNT] = {
    [ROW_FORMAT] = "format",     [ROW_DATABASE] = "database", [ROW_EPOCH] = "epoch",   [ROW_CURSOR] = "cursor",
    [ROW_SCOPE] = "scope",       [ROW_SESSION] = "session",   [ROW_DESCRIBE] = "describe", [ROW_SEQ] = "seq",
    [ROW_SYNCED] = "synced",     [ROW_EXPIRES] = "expires",   [ROW_PHASE] = "phase",   [ROW_ID] = "id",         [ROW_INDEXED] = "indexed",
    [ROW_LOCAL] = "local",       [ROW_SENT] = "sent",         [ROW_LOCK] = "lock",     [ROW_FORGOTTEN] = "forgotten", [ROW_CARRYING] = "carrying",
};

/* --- rows */

/* The format, since who does not know it must see that; and what the key is found by. */
bool replica_row_is_clear(struct slice key)
{
    return slice_equal(key, slice_text(row_names[ROW_FORMAT])) || slice_equal(key, slice_text(row_names[ROW_LOCK]));
}

/* The lock, and with which fields the keys were made: there are none, or others. */
bool replica_row_is_of_file(struct slice key)
{
    return slice_equal(key, slice_text(row_names[ROW_LOCK])) || slice_equal(key, slice_text(row_names[ROW_INDEXED]));
}

enum crm_status replica_put(struct store_txn *txn, enum replica_row row, struct slice value)
{
    return store_put(txn, STORE_META, slice_text(row_names[row]), value);
}

enum crm_status replica_put_number(struct store_txn *txn, enum replica_row row, uint64_t value)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    return replica_put(txn, row, slice_of(bytes, sizeof bytes));
}

/* The row's value; empty where there is none. */
static enum crm_status row_get(struct store_txn *txn, enum replica_row row, struct slice *out_value)
{
    enum crm_status status = store_get(txn, STORE_META, slice_text(row_names[row]), out_value);

    if (status != CRM_NOT_FOUND)
        return status;
    *out_value = slice_of(NULL, 0);
    return CRM_OK;
}

enum crm_status replica_get_number(struct store_txn *txn, enum replica_row row, uint64_t *out_value)
{
    struct slice bytes;
    uint64_t value = 0;
    enum crm_status status = row_get(txn, row, &bytes);

    if (status != CRM_OK)
        return status;
    if (bytes.size != 0 && bytes.size != 8)
        return CRM_CORRUPT;
    for (size_t i = 0; i < bytes.size; i++)
        value |= (uint64_t)bytes.data[i] << 8 * i;
    *out_value = value;
    return CRM_OK;
}

/* --- the state */

struct loading {
    struct arena *arena;
    struct replica_state *state;
    struct slice session;
    uint64_t format;
};

static enum crm_status copy_row(struct store_txn *txn, enum replica_row row, struct arena *arena, struct slice *out_value)
{
    struct slice value;
    enum crm_status status = row_get(txn, row, &value);
    void *copy;

    if (status != CRM_OK)
        return status;
    copy = arena_strndup(arena, value.data, value.size);
    if (!copy)
        return CRM_NO_MEMORY;
    *out_value = slice_of(copy, value.size);
    return CRM_OK;
}

static enum crm_status load_numbers(struct store_txn *txn, struct loading *loading)
{
    struct replica_state *state = loading->state;
    uint64_t epoch = 0, synced = 0, expires = 0, phase = 0;
    enum crm_status status = replica_get_number(txn, ROW_FORMAT, &loading->format);

    if (status == CRM_OK)
        status = replica_get_number(txn, ROW_EPOCH, &epoch);
    if (status == CRM_OK)
        status = replica_get_number(txn, ROW_SEQ, &state->seq);
    if (status == CRM_OK)
        status = replica_get_number(txn, ROW_SYNCED, &synced);
    if (status == CRM_OK)
        status = replica_get_number(txn, ROW_EXPIRES, &expires);
    if (status == CRM_OK)
        status = replica_get_number(txn, ROW_PHASE, &phase);
    if (status == CRM_OK && (epoch > UINT32_MAX || phase > PHASE_FORGETS))
        status = CRM_CORRUPT;
    state->epoch = (uint32_t)epoch;
    state->synced_us = (int64_t)synced;
    state->expires_us = (int64_t)expires;
    state->phase = (enum replica_phase)phase;
    state->is_made = loading->format != 0;
    state->is_usable = synced != 0;
    return status;
}

static enum crm_status load_rows(struct store_txn *txn, void *arg)
{
    struct loading *loading = arg;
    struct replica_state *state = loading->state;
    struct slice database = { 0 }, id = { 0 }, scope = { 0 }, indexed = { 0 };
    enum crm_status status = load_numbers(txn, loading);

    if (status == CRM_OK)
        status = copy_row(txn, ROW_CURSOR, loading->arena, &state->cursor);
    if (status == CRM_OK)
        status = copy_row(txn, ROW_SCOPE, loading->arena, &scope);
    if (status == CRM_OK)
        status = copy_row(txn, ROW_INDEXED, loading->arena, &indexed);
    if (status == CRM_OK)
        status = copy_row(txn, ROW_SESSION, loading->arena, &loading->session);
    if (status == CRM_OK)
        status = copy_row(txn, ROW_DESCRIBE, loading->arena, &state->describe);
    if (status == CRM_OK)
        status = row_get(txn, ROW_DATABASE, &database);
    if (status == CRM_OK)
        status = row_get(txn, ROW_ID, &id);
    if (status == CRM_OK && id.size > 0 && !uuid_from_slice(id, &state->id))
        status = CRM_CORRUPT;
    if (status == CRM_OK && database.size > 0 && !uuid_from_slice(database, &state->database))
        status = CRM_CORRUPT;
    if (status == CRM_OK) {
        state->scope = (const char *)scope.data;
        state->indexed = (const char *)indexed.data;
    }
    return status;
}

/* What the rows hold packed. */
static enum crm_status load_messages(struct loading *loading, const struct replica_state *before, struct failure *failure)
{
    struct replica_state *state = loading->state;
    bool is_same = before->schema && slice_equal(before->describe, state->describe); /* nearly always: what is described is large */
    const void *message;
    enum crm_status status = CRM_OK;

    if (loading->session.size > 0) {
        status = codec_unpack_body(loading->session, &crm__login_reply__descriptor, loading->arena, &message, failure);
        if (status == CRM_OK)
            state->session = message;
    }
    if (status == CRM_OK && is_same) {
        state->schema = schema_ref(before->schema);
    } else if (status == CRM_OK && state->describe.size > 0) {
        status = codec_unpack_body(state->describe, &crm__describe_reply__descriptor, loading->arena, &message, failure);
        if (status == CRM_OK)
            status = schema_from_describe(message, loading->arena, &state->schema, failure);
    } else if (status == CRM_OK) {
        status = schema_create(&state->schema);
    }
    return status;
}

enum crm_status replica_load(struct replica *replica, struct failure *failure)
{
    struct replica_state state = { 0 };
    struct arena arena;
    struct loading loading = { .arena = &arena, .state = &state };
    enum crm_status status;

    arena_init(&arena, STATE_BUDGET);
    status = store_read_run(replica->store, load_rows, &loading);
    if (status == CRM_OK && loading.format > REPLICA_FORMAT)
        status = fail(failure, CRM_FORMAT, NULL, "the replica was made by a newer crm: use that, or crm sync --wipe");
    if (status == CRM_OK)
        status = load_messages(&loading, &replica->state, failure);
    if (status != CRM_OK) {
        arena_fini(&arena);
        return fail(failure, status, NULL, "the replica cannot be read: %s", crm_status_info((int)status)->sentence);
    }
    schema_unref(replica->state.schema);
    arena_fini(&replica->arena);
    state.is_sealed = replica->is_sealed;
    /* Nothing points at the arena itself: its blocks may change hands. */
    replica->arena = arena;
    replica->state = state;
    return CRM_OK;
}

enum crm_status replica_admits(const struct replica *replica, const Crm__LoginReply *session, struct failure *failure)
{
    if (!session->offline_encrypted || replica->is_sealed)
        return CRM_OK;
    return fail(failure, CRM_NOT_ALLOWED, NULL, "your role wants the replica to be encrypted: crm sync --encrypt");
}

enum crm_status replica_check(const struct replica *replica, int64_t now_us, struct failure *failure)
{
    const struct replica_state *state = &replica->state;

    if (!state->is_usable)
        return fail(failure, CRM_NOT_FOUND, NULL, "the replica is not complete yet: crm sync");
    if (state->expires_us && now_us >= state->expires_us)
        return fail(failure, CRM_SESSION_EXPIRED, NULL, "the replica is too old to be shown: crm sync");
    return state->session ? replica_admits(replica, state->session, failure) : CRM_OK;
}

/* --- opening */

enum crm_status replica_open_file(const char *directory, enum replica_access access, struct store **out_store, struct failure *failure)
{
    struct store_lmdb_options options = { .path = directory, .map_bytes = access == REPLICA_WRITE ? MAP_BYTES : 0, .read_only = access == REPLICA_READ };
    struct failure why = { 0 };
    int guard;
    enum crm_status status = replica_guard(directory, false, &guard, &why);

    if (status == CRM_OK) {
        status = store_open_lmdb(&options, out_store, &why);
        close(guard);
    }
    if (status == CRM_NOT_FOUND)
        return fail(failure, status, NULL, "there is no replica here: crm sync makes one");
    if (status == CRM_FORMAT || status == CRM_CORRUPT)
        return fail(failure, status, NULL, "%s; crm sync --wipe, then crm sync", why.text);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "%s", why.text);
}

static enum crm_status find_lock(struct store_txn *txn, void *arg)
{
    struct slice packed;
    enum crm_status status = store_get(txn, STORE_META, slice_text(row_names[ROW_LOCK]), &packed);

    return status == CRM_OK ? seal_lock_parse(packed, arg) : status;
}

enum crm_status replica_read_lock(struct store *file, struct seal_lock *out_lock)
{
    return store_read_run(file, find_lock, out_lock);
}

/* Between a sealed file and who reads it comes the key. */
static enum crm_status unseal(struct replica *replica, struct failure *failure)
{
    struct store *file = replica->store;
    enum crm_status status = replica_read_lock(file, &replica->lock);

    replica->is_sealed = status == CRM_OK;
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status == CRM_OK && !replica->key) {
        replica->key = key_create();
        status = replica->key ? key_find(&replica->lock, replica->key, failure) : CRM_NO_MEMORY;
    }
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the replica cannot be unlocked: %s", crm_status_info((int)status)->sentence);
    replica->store = NULL; /* it moves */
    status = seal_store(file, replica->key, &replica->store);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "out of memory");
}

enum crm_status replica_open_again(struct replica *replica, enum replica_access access, struct failure *failure)
{
    enum crm_status status = replica_open_file(replica->directory, access, &replica->store, failure);

    if (status == CRM_OK)
        status = unseal(replica, failure);
    return status == CRM_OK ? replica_load(replica, failure) : status;
}

enum crm_status replica_open(const char *home, enum replica_access access, struct replica **out_replica, struct failure *failure)
{
    struct replica *replica = calloc(1, sizeof *replica);
    enum crm_status status;

    if (!replica)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    replica->lock_fd = -1;
    replica->is_writable = access == REPLICA_WRITE;
    status = replica_directory(home, replica->directory, failure);
    if (status == CRM_OK && access == REPLICA_WRITE)
        status = replica_make_directory(replica->directory, failure);
    if (status == CRM_OK && access == REPLICA_WRITE)
        status = replica_lock(replica->directory, &replica->lock_fd, failure);
    if (status == CRM_OK && access == REPLICA_WRITE)
        replica_next_remove(replica->directory); /* of somebody who was cut off */
    if (status == CRM_OK)
        status = replica_open_again(replica, access, failure);
    if (status == CRM_OK && access == REPLICA_READ && !replica->state.is_made)
        status = fail(failure, CRM_NOT_FOUND, NULL, "there is no replica here: crm sync makes one");
    if (status != CRM_OK) {
        replica_close(replica);
        return status;
    }
    *out_replica = replica;
    return CRM_OK;
}

enum crm_status replica_open_store(struct store *take_store, struct replica **out_replica, struct failure *failure)
{
    struct replica *replica = calloc(1, sizeof *replica);
    enum crm_status status;

    if (!replica) {
        store_close(take_store);
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    *replica = (struct replica){ .store = take_store, .lock_fd = -1, .is_writable = true };
    status = replica_load(replica, failure);
    if (status != CRM_OK) {
        replica_close(replica);
        return status;
    }
    *out_replica = replica;
    return CRM_OK;
}

void replica_close(struct replica *replica)
{
    if (!replica)
        return;
    schema_unref(replica->state.schema);
    arena_fini(&replica->arena);
    store_close(replica->store);
    key_destroy(replica->key);
    if (replica->lock_fd >= 0)
        close(replica->lock_fd); /* behind the store: whoever comes next finds it closed */
    free(replica);
}

bool replica_is_writable(const struct replica *replica)
{
    return replica->is_writable;
}

struct store *replica_store(const struct replica *replica)
{
    return replica->store;
}

const struct replica_state *replica_state(const struct replica *replica)
{
    return &replica->state;
}

/* --- how much it holds */

static bool count_record(void *arg, struct slice key, struct slice value)
{
    struct replica_counts *counts = arg;
    enum kind kind;
    struct uuid id;

    (void)value;
    if (!record_key_parse(key, &kind, &id))
        return true;
    counts->records++;
    if (kind <= KIND_MAX)
        counts->by_kind[kind]++;
    return true;
}

static enum crm_status count_all(struct store_txn *txn, void *arg)
{
    struct replica_counts *counts = arg;
    struct store_db_stats stats;
    enum crm_status status = store_scan(txn, STORE_RECORD, &(struct store_range){ .values = STORE_VALUES_NONE }, count_record, counts);

    if (status == CRM_OK)
        status = store_stats(txn, (enum store_db)REPLICA_RAW, &stats);
    if (status == CRM_OK) {
        counts->raw = stats.entries;
        status = store_stats(txn, (enum store_db)REPLICA_OUTBOX, &stats);
    }
    if (status == CRM_OK)
        counts->pending = stats.entries;
    return status;
}

enum crm_status replica_count(struct replica *replica, struct replica_counts *out_counts, struct failure *failure)
{
    struct replica_counts counts = { 0 };
    struct store_usage usage = { 0 };
    enum crm_status status = store_read_run(replica->store, count_all, &counts);

    if (status == CRM_OK)
        status = store_usage(replica->store, &usage);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the replica cannot be read");
    counts.bytes = usage.used_bytes;
    *out_counts = counts;
    return CRM_OK;
}
