/*
 * rows.c - records of the server as rows of the replica
 *
 * Called by pull.c within its write runs. What has pending changes of the user's goes through here too: its server's state is what a change is merged with.
 */
#include "client/replica/rows.h"

#include "common/engine/index.h"
#include "common/store/key.h"
#include "proto/codec.h"

void rows_raw_key(uint32_t kind, const struct uuid *id, uint8_t out[REPLICA_RAW_KEY_SIZE])
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(kind >> (24 - 8 * i));
    memcpy(out + 4, id->bytes, UUID_SIZE);
}

bool rows_raw_key_parse(struct slice key, uint32_t *out_kind, struct uuid *out_id)
{
    if (key.size != REPLICA_RAW_KEY_SIZE)
        return false;
    *out_kind = key_read_u32(key.data);
    return uuid_from_slice(slice_of(key.data + 4, UUID_SIZE), out_id);
}

enum crm_status rows_init(struct rows *rows, struct store_txn *txn, const struct schema *schema, struct arena *arena)
{
    struct writeset *set = writeset_create(arena);

    if (!set)
        return CRM_NO_MEMORY;
    *rows = (struct rows){ .view = { .txn = txn, .own = set, .schema = schema }, .set = set, .arena = arena };
    return CRM_OK;
}

/* As it came, unknown fields and all: a later build reads it. */
static enum crm_status take_raw(struct rows *rows, const Crm__Record *wire, const struct uuid *id)
{
    uint8_t key[REPLICA_RAW_KEY_SIZE];
    struct slice packed;
    enum crm_status status = codec_pack(&wire->base, rows->arena, &packed);

    rows_raw_key(wire->header->kind, id, key);
    return status == CRM_OK ? writeset_put(rows->set, (enum store_db)REPLICA_RAW, slice_of(key, sizeof key), packed) : status;
}

/* What there is of a record; NULL: nothing. */
static enum crm_status find_before(const struct rows *rows, enum kind kind, const struct uuid *id, struct record *storage, const struct record **out_before)
{
    enum crm_status status = view_record(&rows->view, kind, id, storage);

    *out_before = status == CRM_OK ? storage : NULL;
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* The server's state of what has pending changes. CRM_NOT_FOUND: it has none. */
static enum crm_status find_base(const struct rows *rows, enum kind kind, const struct uuid *id, struct slice *out_value)
{
    uint8_t key[RECORD_KEY_SIZE];

    record_key(kind, id, key);
    return view_get(&rows->view, (enum store_db)REPLICA_BASE, slice_of(key, sizeof key), out_value);
}

static enum crm_status put_base(struct rows *rows, enum kind kind, const struct uuid *id, struct slice value)
{
    uint8_t key[RECORD_KEY_SIZE];

    record_key(kind, id, key);
    return writeset_put(rows->set, (enum store_db)REPLICA_BASE, slice_of(key, sizeof key), value);
}

static enum crm_status put_shown(struct rows *rows, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value, there;
    struct record storage;
    const struct record *before;
    enum crm_status status = record_encode(record, rows->arena, &value);

    record_key(record->header.kind, &record->header.id, key);
    if (status != CRM_OK)
        return status;
    /* What is hidden may change without a new revision: all bytes count. */
    if (view_get(&rows->view, STORE_RECORD, slice_of(key, sizeof key), &there) == CRM_OK && slice_equal(there, value))
        return CRM_OK;
    status = find_before(rows, record->header.kind, &record->header.id, &storage, &before);
    if (status == CRM_OK)
        status = index_follow(&rows->view, rows->set, kind, before, record, rows->arena);
    return status == CRM_OK ? writeset_put(rows->set, STORE_RECORD, slice_of(key, sizeof key), value) : status;
}

/* What has pending changes shows them until they are carried over. */
static enum crm_status put_known(struct rows *rows, const struct record *record)
{
    struct slice value, base;
    enum crm_status status = find_base(rows, record->header.kind, &record->header.id, &base);

    if (status == CRM_NOT_FOUND)
        return put_shown(rows, record);
    if (status == CRM_OK)
        status = record_encode(record, rows->arena, &value);
    return status == CRM_OK ? put_base(rows, record->header.kind, &record->header.id, value) : status;
}

enum crm_status rows_change(struct rows *rows, const struct record *record)
{
    const struct record_header *header = &record->header;
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value = slice_of("", 0);
    enum crm_status status = find_base(rows, header->kind, &header->id, &value);

    if (status == CRM_OK)
        return put_shown(rows, record);
    record_key(header->kind, &header->id, key);
    if (status == CRM_NOT_FOUND)
        status = view_get(&rows->view, STORE_RECORD, slice_of(key, sizeof key), &value);
    if (status == CRM_NOT_FOUND) {
        value = slice_of("", 0);
        status = CRM_OK;
    }
    if (status == CRM_OK)
        status = put_base(rows, header->kind, &header->id, value);
    return status == CRM_OK ? put_shown(rows, record) : status;
}

enum crm_status rows_unchange(struct rows *rows, enum kind kind, const struct uuid *id)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct record record;
    struct slice base;
    enum crm_status status = find_base(rows, kind, id, &base);

    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    record_key(kind, id, key);
    status = writeset_delete(rows->set, (enum store_db)REPLICA_BASE, slice_of(key, sizeof key));
    if (status == CRM_OK && base.size == 0)
        return rows_forget(rows, (uint32_t)kind, id);
    if (status == CRM_OK)
        status = record_decode(kind, id, base, &record);
    return status == CRM_OK ? put_shown(rows, &record) : status;
}

enum crm_status rows_take(struct rows *rows, const Crm__Record *wire, struct failure *failure)
{
    const Crm__Header *header = wire->header;
    struct record record;
    struct uuid id;
    enum crm_status status;

    if (!header || !header->kind || !uuid_from_slice(slice_of(header->id.data, header->id.len), &id) || uuid_is_nil(&id))
        return fail(failure, CRM_INVALID, NULL, "the record has no kind or no id");
    if (!kind_def(header->kind))
        return take_raw(rows, wire, &id);
    status = record_from_wire(wire, &record, failure);
    return status == CRM_OK ? put_known(rows, &record) : status;
}

enum crm_status rows_index(struct rows *rows, enum kind kind, const struct uuid *id, struct slice value)
{
    struct record record;
    enum crm_status status = record_decode(kind, id, value, &record);

    return status == CRM_OK ? index_follow(&rows->view, rows->set, kind_def((unsigned)kind), NULL, &record, rows->arena) : status;
}

enum crm_status rows_forget(struct rows *rows, uint32_t kind_number, const struct uuid *id)
{
    const struct kind_def *kind = kind_def(kind_number);
    uint8_t key[RECORD_KEY_SIZE], raw[REPLICA_RAW_KEY_SIZE];
    struct record storage;
    const struct record *before;
    struct slice base;
    enum crm_status status;

    rows_raw_key(kind_number, id, raw);
    if (!kind)
        return writeset_delete(rows->set, (enum store_db)REPLICA_RAW, slice_of(raw, sizeof raw));
    if (find_base(rows, kind->kind, id, &base) == CRM_OK)
        return put_base(rows, kind->kind, id, slice_of("", 0));
    status = find_before(rows, kind->kind, id, &storage, &before);
    if (status != CRM_OK || !before)
        return status;
    record_key(kind->kind, id, key);
    status = index_follow(&rows->view, rows->set, kind, before, NULL, rows->arena);
    return status == CRM_OK ? writeset_delete(rows->set, STORE_RECORD, slice_of(key, sizeof key)) : status;
}

enum crm_status rows_apply(struct rows *rows)
{
    return writeset_apply(rows->set, rows->view.txn);
}
