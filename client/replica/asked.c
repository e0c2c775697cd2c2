/*
 * asked.c - see asked.h
 *
 *     client 16 ‖ number u64  →  when i64 ‖ hash of what was asked 16 ‖ packed MutateReply
 *
 * Called by local_mutate.c; single-threaded.
 */
#include "client/replica/asked.h"

#include "common/base/digest.h"
#include "common/store/key.h"
#include "proto/codec.h"

#define CLIENT_SIZE 16
#define HASH_SIZE   16
#define HEAD_SIZE   (8 + HASH_SIZE)
#define MANY        4096 /* with so many the old ones are looked for */

/* false: the request has no key. */
static bool key_of(const Crm__MutateRequest *request, struct key *out_key)
{
    if (!request->has_client || request->client.len != CLIENT_SIZE)
        return false;
    out_key->size = 0;
    key_bytes(out_key, request->client.data, CLIENT_SIZE);
    key_u64(out_key, request->number);
    return true;
}

static enum crm_status hash_of(const Crm__MutateRequest *request, struct arena *arena, uint8_t out_hash[HASH_SIZE])
{
    Crm__MutateRequest content = *request;
    uint8_t hash[SHA256_SIZE];
    struct slice packed;
    enum crm_status status;

    content.meta = NULL;
    content.has_low_mark = false;
    status = codec_pack(&content.base, arena, &packed);
    if (status != CRM_OK)
        return status;
    sha256(&packed, 1, hash);
    memcpy(out_hash, hash, HASH_SIZE);
    return CRM_OK;
}

enum crm_status asked_find(struct store_txn *txn, const Crm__MutateRequest *request, struct arena *arena, struct slice *out_reply, struct failure *failure)
{
    uint8_t hash[HASH_SIZE];
    struct slice value;
    struct key key;
    enum crm_status status;

    if (request->has_client && request->client.len != CLIENT_SIZE)
        return fail(failure, CRM_INVALID, "client", "a client's id has %d bytes", CLIENT_SIZE);
    if (!key_of(request, &key))
        return CRM_NOT_FOUND;
    status = store_get(txn, (enum store_db)REPLICA_ASKED, key_slice(&key), &value);
    if (status != CRM_OK)
        return status;
    if (value.size < HEAD_SIZE)
        return CRM_CORRUPT;
    status = hash_of(request, arena, hash);
    if (status == CRM_OK && memcmp(hash, value.data + 8, HASH_SIZE) != 0)
        return fail(failure, CRM_KEY_REUSED, NULL, "%s", crm_status_info(CRM_KEY_REUSED)->sentence);
    *out_reply = slice_of(value.data + HEAD_SIZE, value.size - HEAD_SIZE);
    return status;
}

struct pruning {
    int64_t before_us;
    struct key old;
    bool has_old;
};

static bool look_at(void *arg, struct slice key, struct slice value)
{
    struct pruning *pruning = arg;

    if (value.size >= 8 && (int64_t)key_read_u64(value.data) >= pruning->before_us)
        return true;
    pruning->old.size = 0;
    key_bytes(&pruning->old, key.data, key.size);
    pruning->has_old = true;
    return false;
}

/* One that is old makes room for the next. */
static enum crm_status prune(struct store_txn *txn, int64_t now_us)
{
    struct pruning pruning = { .before_us = now_us - ASKED_US };
    struct store_db_stats stats;
    enum crm_status status = store_stats(txn, (enum store_db)REPLICA_ASKED, &stats);

    if (status != CRM_OK || stats.entries < MANY)
        return status;
    status = store_scan(txn, (enum store_db)REPLICA_ASKED, &(struct store_range){ 0 }, look_at, &pruning);
    return status == CRM_OK && pruning.has_old ? store_delete(txn, (enum store_db)REPLICA_ASKED, key_slice(&pruning.old)) : status;
}

enum crm_status asked_put(struct store_txn *txn, const Crm__MutateRequest *request, struct slice reply, int64_t now_us, struct arena *arena)
{
    uint8_t *value;
    struct key key, when = { .size = 0 };
    enum crm_status status;

    if (!key_of(request, &key))
        return CRM_OK;
    value = arena_alloc(arena, HEAD_SIZE + reply.size);
    if (!value)
        return CRM_NO_MEMORY;
    key_u64(&when, (uint64_t)now_us);
    memcpy(value, when.data, 8);
    status = hash_of(request, arena, value + 8);
    if (reply.size > 0)
        memcpy(value + HEAD_SIZE, reply.data, reply.size);
    if (status == CRM_OK)
        status = prune(txn, now_us);
    return status == CRM_OK ? store_put(txn, (enum store_db)REPLICA_ASKED, key_slice(&key), slice_of(value, HEAD_SIZE + reply.size)) : status;
}
