/*
 * reindex.c - index, child, unique and term of a replica from its records
 *
 * Called by pull.c before it takes anything in. A record is forgotten with the keys that it has by the fields of now: keys made with other fields would
 * stay behind, with what they say of the record.
 */
#include "client/replica/reindex.h"

#include <stdio.h>

#include "client/replica/walk.h"
#include "common/engine/index.h"
#include "proto/codec.h"

static const enum store_db derived[] = { STORE_INDEX, STORE_TERM, STORE_CHILD, STORE_UNIQUE };

static enum crm_status add_keys(struct walk *walk, struct slice key, struct slice value)
{
    enum kind kind;
    struct uuid id;

    return record_key_parse(key, &kind, &id) ? rows_index(&walk->rows, kind, &id, value) : CRM_CORRUPT;
}

/* A record that was kept as it came, of a kind that is known by now. */
static enum crm_status adopt(struct walk *walk, struct slice key, struct slice value)
{
    const void *wire;
    struct uuid id;
    uint32_t kind;
    enum crm_status status;

    if (!rows_raw_key_parse(key, &kind, &id))
        return CRM_CORRUPT;
    if (!kind_def(kind))
        return CRM_OK;
    status = codec_unpack_body(value, &crm__record__descriptor, &walk->arena, &wire, NULL);
    if (status == CRM_OK)
        status = rows_take(&walk->rows, wire, NULL);
    return status == CRM_OK ? writeset_delete(walk->rows.set, (enum store_db)REPLICA_RAW, key) : status;
}

/* All but what went along with a deletion, which is made of no record. */
static enum crm_status drop_keys(struct walk *walk, struct slice key, struct slice value)
{
    (void)value;
    return walk->db == STORE_CHILD && child_key_is_companion(key) ? CRM_OK : writeset_delete(walk->rows.set, walk->db, key);
}

static enum crm_status put_mark(struct store_txn *txn, void *arg)
{
    const char *mark = arg;

    return replica_put(txn, ROW_INDEXED, slice_text(mark));
}

static enum crm_status make_anew(struct walk *walk)
{
    bool has_keys = !replica_state(walk->replica)->is_sealed;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(derived) && status == CRM_OK && has_keys; i++)
        status = walk_all(walk, derived[i], drop_keys);
    if (status == CRM_OK && has_keys)
        status = walk_all(walk, STORE_RECORD, add_keys);
    return status == CRM_OK ? walk_all(walk, (enum store_db)REPLICA_RAW, adopt) : status;
}

enum crm_status reindex(struct replica *replica, const struct schema *schema)
{
    struct store *store = replica_store(replica);
    struct walk walk;
    char mark[64], none[] = "";
    enum crm_status status;

    snprintf(mark, sizeof mark, "%llu %s", (unsigned long long)schema_level(schema), CRM_VERSION);
    if (strcmp(mark, replica_state(replica)->indexed) == 0)
        return CRM_OK;
    walk_init(&walk, replica, schema);
    status = store_write_run(store, put_mark, none);
    if (status == CRM_OK)
        status = make_anew(&walk);
    walk_fini(&walk);
    return status == CRM_OK ? store_write_run(store, put_mark, mark) : status;
}
