/*
 * check_entries.c - entries of index, unique, child and term that no record claims
 *
 * check_record.c has seen that every entry that a live record should have is there. So where a
 * database holds just as many, there are no others; only where it holds more is each of its entries
 * asked for its record, which takes long.
 */
#include <inttypes.h>

#include "server/admin/check_inside.h"

#define BIN_MARK     0xff /* child: target ‖ 0xff ‖ kind u16 ‖ id (index.h) */
#define BIN_KEY_SIZE (UUID_SIZE + 3 + UUID_SIZE)
#define CHILD_SIZE   (UUID_SIZE + 3 + UUID_SIZE)
#define INDEX_MIN    (INDEX_GLOBAL_PREFIX + 1 + UUID_SIZE)
#define TERM_TAIL    (2 + UUID_SIZE) /* 0 ‖ kind ‖ id */

static bool is_bin_entry(enum store_db db, struct slice key)
{
    return db == STORE_CHILD && key.size == BIN_KEY_SIZE && key.data[UUID_SIZE] == BIN_MARK;
}

/* Whose entry it is. */
static bool entry_owner(enum store_db db, struct slice key, struct slice value, enum kind *out_kind,
                        struct uuid *out_id)
{
    bool has_id;

    switch (db) {
    case STORE_INDEX:
        *out_kind = key.size ? key.data[0] : 0;
        has_id = key.size >= INDEX_MIN && index_key_id(key, out_id);
        break;
    case STORE_CHILD:
        *out_kind = key.size == CHILD_SIZE ? key.data[UUID_SIZE] : 0;
        has_id = index_key_id(key, out_id);
        break;
    case STORE_UNIQUE:
        *out_kind = key.size ? key.data[0] : 0;
        has_id = uuid_from_slice(value, out_id);
        break;
    default:
        *out_kind = key.size > TERM_TAIL ? key.data[key.size - UUID_SIZE - 1] : 0;
        has_id = index_key_id(key, out_id);
        break;
    }
    return has_id && kind_def((unsigned)*out_kind);
}

/* A reference of a custom field whose definition is deleted: its entries stay until it comes back.
 */
static bool is_of_deleted_field(const struct check *check, enum store_db db, struct slice key)
{
    const struct kind_def *kind;
    uint32_t ref;

    if (db != STORE_CHILD || key.size != CHILD_SIZE)
        return false;
    kind = kind_def(key.data[UUID_SIZE]);
    ref = key_read_u16(key.data + UUID_SIZE + 1);
    return kind && ref >= FIELD_REF_CUSTOM && !schema_field(check->view.schema, kind, ref);
}

struct search {
    enum store_db db;
    struct slice key;
    bool is_found;
};

static enum crm_status look_for(void *arg, enum store_db db, struct slice key, struct slice value)
{
    struct search *search = arg;

    (void)value;
    search->is_found |= db == search->db && slice_equal(key, search->key);
    return CRM_OK;
}

struct walk {
    struct check *check;
    enum store_db db;
    uint64_t bin_entries;
    enum crm_status status;
};

static bool visit_entry(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct check *check = walk->check;
    struct search search = { .db = walk->db, .key = key };
    char label[CHECK_LABEL_SIZE], id_text[UUID_TEXT_SIZE];
    struct record record;
    struct uuid id;
    enum kind kind;
    bool is_called_for;
    enum crm_status status;

    if (walk->db == STORE_CHILD && check_is_shared_row(check, key, &is_called_for)) {
        if (!is_called_for)
            check_fault(check, "child: a row of something shared that is not shared");
        return true;
    }
    if (is_bin_entry(walk->db, key) || is_of_deleted_field(check, walk->db, key) ||
        (walk->db == STORE_INDEX && check_index_is_in_work(check, key)))
        return true;
    if (!entry_owner(walk->db, key, value, &kind, &id)) {
        check_fault(check, "%s: an entry of %zu bytes names no record", store_db_name(walk->db),
                    key.size);
        return true;
    }
    arena_reset(&check->arena);
    status = view_record(&check->view, kind, &id, &record);
    if (status == CRM_NOT_FOUND) {
        uuid_format(&id, id_text);
        check_fault(check, "%s: an entry for %s %s, which does not exist", store_db_name(walk->db),
                    kind_def((unsigned)kind)->name, id_text);
        return true;
    }
    if (status == CRM_OK)
        status = index_each(check->view.schema, kind_def((unsigned)kind), &record, &check->arena,
                            look_for, &search);
    if (status == CRM_OK && !search.is_found) {
        check_label(&record.header, label);
        check_fault(check, "%s: an entry for %s that the record does not call for",
                    store_db_name(walk->db), label);
    }
    walk->status = status == CRM_CORRUPT ? CRM_OK : status; /* a damaged record has been named */
    return walk->status == CRM_OK;
}

/* What was deleted together with a record: it must still be somewhere. */
static bool visit_child(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    (void)value;
    if (!is_bin_entry(STORE_CHILD, key))
        return true;
    walk->bin_entries++;
    kind = (enum kind)key_read_u16(key.data + UUID_SIZE + 1);
    if (!index_key_id(key, &id) || !kind_def((unsigned)kind) ||
        (view_deleted(&walk->check->view, kind, &id, &record) == CRM_NOT_FOUND &&
         view_record(&walk->check->view, kind, &id, &record) == CRM_NOT_FOUND))
        check_fault(walk->check, "child: what was deleted together with a record is in no place");
    return true;
}

enum crm_status check_entries(struct check *check)
{
    static const enum store_db places[] = { STORE_INDEX, STORE_UNIQUE, STORE_CHILD, STORE_TERM };
    struct walk walk = { .check = check, .status = CRM_OK };
    enum crm_status status =
        store_scan(check->view.txn, STORE_CHILD, &(struct store_range){ 0 }, visit_child, &walk);

    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK && walk.status == CRM_OK; i++) {
        struct store_db_stats stats;

        status = store_stats(check->view.txn, places[i], &stats);
        if (status != CRM_OK)
            break;
        check->result.index_entries += stats.entries;
        walk.db = places[i];
        if (stats.entries !=
            check->claimed[places[i]] + (places[i] == STORE_CHILD ? walk.bin_entries : 0))
            status = store_scan(check->view.txn, places[i], &(struct store_range){ 0 }, visit_entry,
                                &walk);
    }
    return status == CRM_OK ? walk.status : status;
}
