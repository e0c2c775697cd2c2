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

/* What the server has of a record that gets its first pending change. */
static enum crm_status keep_base(struct rows *rows, const struct record_header *header)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value = slice_of("", 0);
    enum crm_status status = find_base(rows, header->kind, &header->id, &value);

    if (status == CRM_OK)
        return CRM_OK;
    record_key(header->kind, &header->id, key);
    if (status == CRM_NOT_FOUND)
        status = view_get(&rows->view, STORE_RECORD, slice_of(key, sizeof key), &value);
    if (status == CRM_NOT_FOUND) {
        value = slice_of("", 0);
        status = CRM_OK;
    }
    return status == CRM_OK ? put_base(rows, header->kind, &header->id, value) : status;
}

enum crm_status rows_change(struct rows *rows, const struct record *record)
{
    enum crm_status status = keep_base(rows, &record->header);

    return status == CRM_OK ? put_shown(rows, record) : status;
}

static enum crm_status take_shown(struct rows *rows, const struct kind_def *kind, const struct uuid *id)
{
    uint8_t key[RECORD_KEY_SIZE];
    struct record storage;
    const struct record *before;
    enum crm_status status = find_before(rows, kind->kind, id, &storage, &before);

    if (status != CRM_OK || !before)
        return status;
    record_key(kind->kind, id, key);
    status = index_follow(&rows->view, rows->set, kind, before, NULL, rows->arena);
    return status == CRM_OK ? writeset_delete(rows->set, STORE_RECORD, slice_of(key, sizeof key)) : status;
}

/* As on the server: what went along with a deletion is found by the one that it went with. */
static void companion_key(const struct uuid *with, enum kind kind, const struct uuid *id, struct key *key)
{
    key->size = 0;
    key_bytes(key, with->bytes, UUID_SIZE);
    key_u8(key, 0xff);
    key_u16(key, (uint16_t)kind);
    key_bytes(key, id->bytes, UUID_SIZE);
}

enum crm_status rows_put_away(struct rows *rows, const struct record *record, const struct uuid *with)
{
    const struct record_header *header = &record->header;
    uint8_t key[RECORD_KEY_SIZE];
    struct key companion;
    struct slice value;
    enum crm_status status = keep_base(rows, header);

    if (status == CRM_OK)
        status = record_encode(record, rows->arena, &value);
    if (status == CRM_OK)
        status = take_shown(rows, kind_def((unsigned)header->kind), &header->id);
    if (status != CRM_OK)
        return status;
    record_key(header->kind, &header->id, key);
    status = writeset_put(rows->set, STORE_DELETED, slice_of(key, sizeof key), value);
    if (status != CRM_OK || !with)
        return status;
    companion_key(with, header->kind, &header->id, &companion);
    return writeset_put(rows->set, STORE_CHILD, key_slice(&companion), slice_of("", 0));
}

/* Out of the bin, and what went along with it forgets that. */
static enum crm_status leave_bin(struct rows *rows, enum kind kind, const struct uuid *id)
{
    uint8_t row[RECORD_KEY_SIZE];
    struct key from = { 0 }, end;
    struct slice key, value;
    enum crm_status status;

    record_key(kind, id, row);
    status = view_get(&rows->view, STORE_DELETED, slice_of(row, sizeof row), &value);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    status = writeset_delete(rows->set, STORE_DELETED, slice_of(row, sizeof row));
    key_bytes(&from, id->bytes, UUID_SIZE);
    key_u8(&from, 0xff);
    if (!key_after_prefix(&from, &end))
        end.size = 0;
    while (status == CRM_OK && (status = view_seek(&rows->view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) },
                                                   &key, &value)) == CRM_OK) {
        from.size = 0;
        key_bytes(&from, key.data, key.size);
        status = writeset_delete(rows->set, STORE_CHILD, key_slice(&from));
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status rows_put_back(struct rows *rows, const struct record *record, const struct uuid *with)
{
    const struct record_header *header = &record->header;
    uint8_t key[RECORD_KEY_SIZE];
    struct key companion;
    enum crm_status status;

    record_key(header->kind, &header->id, key);
    status = writeset_delete(rows->set, STORE_DELETED, slice_of(key, sizeof key));
    if (status == CRM_OK && with) {
        companion_key(with, header->kind, &header->id, &companion);
        status = writeset_delete(rows->set, STORE_CHILD, key_slice(&companion));
    }
    return status == CRM_OK ? rows_change(rows, record) : status;
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
    if (status == CRM_OK)
        status = leave_bin(rows, kind, id);
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
    uint8_t raw[REPLICA_RAW_KEY_SIZE];
    struct slice base;

    rows->n_forgotten++;
    rows_raw_key(kind_number, id, raw);
    if (!kind)
        return writeset_delete(rows->set, (enum store_db)REPLICA_RAW, slice_of(raw, sizeof raw));
    if (find_base(rows, kind->kind, id, &base) == CRM_OK)
        return put_base(rows, kind->kind, id, slice_of("", 0));
    return take_shown(rows, kind, id);
}

void rows_leave_no_trace(struct rows *rows)
{
    rows->n_forgotten += ROWS_MANY;
}

enum crm_status rows_apply(struct rows *rows)
{
    uint64_t forgotten = 0;
    enum crm_status status = writeset_apply(rows->set, rows->view.txn);

    if (status != CRM_OK || rows->n_forgotten == 0)
        return status;
    status = replica_get_number(rows->view.txn, ROW_FORGOTTEN, &forgotten);
    return status == CRM_OK ? replica_put_number(rows->view.txn, ROW_FORGOTTEN, forgotten + rows->n_forgotten) : status;
}
