/*
 * erase.c - which records go, in which order
 *
 * erase_look on any thread; the rest in the writer's group, in one change: all of it or nothing. What hangs on a record goes before it, each through the
 * ordinary deletion, so that rules are asked and references are taken out of what stays; then the places let go of it.
 */
#include "server/engine/erase.h"

#include <stdlib.h>

#include "common/model/reflect.h"
#include "server/engine/erase_inside.h"
#include "server/engine/mutate.h"

bool erase_may(const struct kind_def *kind)
{
    return kind->kind == KIND_USER || !(kind->flags & KIND_ADMINISTRATION);
}

/*
 * Does a record with this reference hang on what it points at? What goes along with it does, and so does work that is about it: of kinds that belong to
 * another record. Not what merely names it, among others or as who does it.
 */
static bool hangs_by(const struct kind_def *kind, const struct field_def *field, enum kind target)
{
    if (!kind || !field || kind_def(target)->flags & KIND_ADMINISTRATION || field->flags & FIELD_REPEATED)
        return false;
    return field->on_delete == ON_DELETE_TAKE_ALONG || (field->on_delete == ON_DELETE_UNLINK && kind_parent_field(kind));
}

static enum crm_status add_item(struct erase_item **list, const struct record_header *header, struct arena *arena)
{
    struct erase_item *item;

    for (item = *list; item; item = item->next)
        if (uuid_equal(&item->id, &header->id))
            return CRM_OK;
    item = arena_alloc(arena, sizeof *item);
    if (!item)
        return CRM_NO_MEMORY;
    *item = (struct erase_item){ .next = *list, .kind = header->kind, .id = header->id, .number = header->number };
    *list = item;
    return CRM_OK;
}

/* --- looking */

struct looking {
    const struct view *view;
    enum kind kind;
    const struct uuid *id;
    struct arena *arena;
    struct erase_found *found;
    enum crm_status status;
};

struct pointing {
    const struct uuid *id;
    bool is_found;
};

static bool visit_value(void *arg, const struct value *value)
{
    struct pointing *pointing = arg;

    pointing->is_found = uuid_equal(&value->ref, pointing->id);
    return !pointing->is_found;
}

static bool hangs_on(const struct view *view, const struct record *record, enum kind target, const struct uuid *id)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    struct pointing pointing = { .id = id };
    const struct field_def *field;

    for (size_t n = 0; !pointing.is_found && (field = schema_field_at(view->schema, kind, n)); n++)
        if (field->type == FIELD_REFERENCE && hangs_by(kind, field, target))
            reflect_each(field, record, visit_value, &pointing);
    return pointing.is_found;
}

static bool look_at_deleted(void *arg, struct slice key, struct slice value)
{
    struct looking *looking = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    if (record_key_parse(key, &kind, &id) && record_decode(kind, &id, value, &record) == CRM_OK &&
        hangs_on(looking->view, &record, looking->kind, looking->id))
        looking->status = add_item(&looking->found->binned, &record.header, looking->arena);
    return looking->status == CRM_OK;
}

static bool look_at_entry(void *arg, struct slice key, struct slice value)
{
    struct looking *looking = arg;
    struct audit_entry entry;
    struct erase_entry *found;

    if (key.size != 8 || audit_decode(key_read_u64(key.data), value, &entry) != CRM_OK ||
        (!uuid_equal(&entry.record, looking->id) && !uuid_equal(&entry.user, looking->id)))
        return true;
    found = arena_alloc(looking->arena, sizeof *found);
    if (!found) {
        looking->status = CRM_NO_MEMORY;
        return false;
    }
    *found = (struct erase_entry){ .next = looking->found->entries, .number = entry.number };
    looking->found->entries = found;
    return true;
}

enum crm_status erase_look(const struct view *view, enum kind kind, const struct uuid *id, struct arena *arena, struct erase_found *out_found)
{
    struct looking looking = { .view = view, .kind = kind, .id = id, .arena = arena, .found = out_found, .status = CRM_OK };
    struct audit_head audit;
    struct log_head log;
    enum crm_status status = audit_head_load(view, &audit);

    *out_found = (struct erase_found){ 0 };
    if (status == CRM_OK)
        status = log_head_load(view, &log);
    if (status == CRM_OK)
        status = view_scan(view, STORE_DELETED, &(struct store_range){ 0 }, look_at_deleted, &looking);
    if (status == CRM_OK && looking.status == CRM_OK)
        status = view_scan(view, STORE_AUDIT, &(struct store_range){ 0 }, look_at_entry, &looking);
    if (status != CRM_OK || looking.status != CRM_OK)
        return status != CRM_OK ? status : looking.status;
    out_found->seq = log.seq;
    out_found->audit = audit.number;
    return CRM_OK;
}

/* --- what hangs on a record */

/* Live ones, by the references that point at it. */
static enum crm_status live_children(struct erasing *erasing, enum kind kind, const struct uuid *id, struct erase_item **list)
{
    const struct view *view = &erasing->change->view;
    struct key from = { 0 }, end = { 0 };
    struct slice key, value;
    enum crm_status status = CRM_OK;

    key_bytes(&from, id->bytes, UUID_SIZE);
    key_bytes(&end, id->bytes, UUID_SIZE);
    key_u8(&end, 0xff); /* behind it lie the marks of an earlier deletion */
    while (status == CRM_OK &&
           (status = view_seek(view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key, &value)) == CRM_OK) {
        const struct kind_def *child = key.size == UUID_SIZE + 3 + UUID_SIZE ? kind_def(key.data[UUID_SIZE]) : NULL;
        const struct field_def *field = child ? schema_field(view->schema, child, key_read_u16(key.data + UUID_SIZE + 1)) : NULL;
        struct record record;
        struct uuid child_id;

        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        if (!hangs_by(child, field, kind) || !index_key_id(key_slice(&from), &child_id))
            continue;
        memcpy(child_id.bytes, from.data + UUID_SIZE + 3, UUID_SIZE);
        status = view_record(view, child->kind, &child_id, &record);
        status = status == CRM_OK ? add_item(list, &record.header, erasing->arena) : status == CRM_NOT_FOUND ? CRM_OK : status;
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* Those of the bin that went along with it. */
static enum crm_status companions(struct erasing *erasing, const struct uuid *id, struct erase_item **list)
{
    const struct view *view = &erasing->change->view;
    struct key from = { 0 }, end;
    struct slice key, value;
    enum crm_status status = CRM_OK;

    key_bytes(&from, id->bytes, UUID_SIZE);
    key_u8(&from, 0xff);
    key_after_prefix(&from, &end);
    while (status == CRM_OK &&
           (status = view_seek(view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key, &value)) == CRM_OK) {
        struct record record;
        struct uuid child;
        enum kind kind;

        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        if (key.size != UUID_SIZE + 3 + UUID_SIZE || !index_key_id(key, &child))
            return CRM_CORRUPT;
        kind = (enum kind)key_read_u16(key.data + UUID_SIZE + 1);
        status = kind_def((unsigned)kind) ? view_deleted(view, kind, &child, &record) : CRM_CORRUPT;
        status = status == CRM_OK ? add_item(list, &record.header, erasing->arena) : status == CRM_NOT_FOUND ? CRM_OK : status;
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* Those that were deleted since the bin was looked through. */
static enum crm_status deleted_since(struct erasing *erasing, struct erase_item **list)
{
    const struct view *view = &erasing->change->view;
    enum crm_status status = CRM_OK;

    for (uint64_t seq = erasing->found->seq + 1; seq <= erasing->change->group->head.seq && status == CRM_OK; seq++) {
        struct log_entry entry;
        struct record record;

        status = log_read(view, seq, erasing->arena, &entry);
        if (status == CRM_OK && entry.verb == LOG_DELETE)
            status = view_deleted(view, entry.kind, &entry.id, &record);
        else if (status == CRM_OK)
            continue;
        if (status == CRM_OK && hangs_on(view, &record, erasing->kind, &erasing->target))
            status = add_item(list, &record.header, erasing->arena);
        else if (status == CRM_NOT_FOUND)
            status = CRM_OK; /* it is back */
    }
    return status;
}

static enum crm_status all_children(struct erasing *erasing, enum kind kind, const struct uuid *id, struct erase_item **list)
{
    enum crm_status status = live_children(erasing, kind, id, list);

    if (status == CRM_OK)
        status = companions(erasing, id, list);
    if (status != CRM_OK || !uuid_equal(id, &erasing->target))
        return status;
    for (const struct erase_item *item = erasing->found->binned; item && status == CRM_OK; item = item->next) {
        const struct record_header header = { .kind = item->kind, .id = item->id, .number = item->number };

        status = add_item(list, &header, erasing->arena);
    }
    return status == CRM_OK ? deleted_since(erasing, list) : status;
}

/* --- erasing */

static enum crm_status note_gone(struct erasing *erasing, const struct uuid *id)
{
    size_t capacity = erasing->ids_capacity ? 2 * erasing->ids_capacity : 64;
    struct uuid *ids;

    if (erasing->n_ids == erasing->ids_capacity) {
        ids = arena_alloc(erasing->arena, capacity * sizeof *ids);
        if (!ids)
            return CRM_NO_MEMORY;
        if (erasing->n_ids)
            memcpy(ids, erasing->ids, erasing->n_ids * sizeof *ids);
        erasing->ids = ids;
        erasing->ids_capacity = capacity;
    }
    erasing->ids[erasing->n_ids++] = *id;
    return CRM_OK;
}

/* Into the bin, as anybody's deletion would; then it is in one place whatever it was before. */
static enum crm_status into_bin(struct erasing *erasing, const struct kind_def *kind, const struct uuid *id, struct record *out_last)
{
    struct change *change = erasing->change;
    struct record_header header;
    struct record record;
    enum crm_status status = view_record(&change->view, kind->kind, id, &record);

    if (status == CRM_OK)
        status = erase_count_entries(erasing, &record);
    if (status == CRM_OK)
        status = remove_record(change, kind, &record, change->group->now_us, &header);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    return view_deleted(&change->view, kind->kind, id, out_last);
}

static enum crm_status erase_tree(struct erasing *erasing, const struct kind_def *kind, const struct uuid *id, unsigned depth);

static enum crm_status erase_children(struct erasing *erasing, const struct erase_item *children, unsigned depth)
{
    enum crm_status status = CRM_OK;

    if (children && depth == MUTATION_DEPTH_MAX)
        return fail(&erasing->change->failure, CRM_TOO_LARGE, NULL, "records hang on each other more than %d deep", MUTATION_DEPTH_MAX);
    for (; children && status == CRM_OK; children = children->next) {
        status = erase_tree(erasing, kind_def(children->kind), &children->id, depth + 1);
        if (status == CRM_NOT_FOUND)
            status = CRM_OK; /* it hung on something that went before */
    }
    return status;
}

static enum crm_status erase_tree(struct erasing *erasing, const struct kind_def *kind, const struct uuid *id, unsigned depth)
{
    struct erase_item *children = NULL;
    struct record last;
    enum crm_status status = all_children(erasing, kind->kind, id, &children);

    if (status == CRM_OK && erasing->with_children)
        status = erase_children(erasing, children, depth);
    else if (status == CRM_OK)
        erasing->result->left = children;
    if (status == CRM_OK)
        status = into_bin(erasing, kind, id, &last);
    if (status == CRM_OK && erasing->n_ids >= MUTATION_RECORDS_MAX)
        return fail(&erasing->change->failure, CRM_TOO_LARGE, NULL, "it would erase more than %d records", MUTATION_RECORDS_MAX);
    if (status == CRM_OK)
        status = erase_from_each(erasing, &last);
    if (status == CRM_OK)
        status = change_forget(erasing->change, &last);
    if (status != CRM_OK)
        return status;
    erasing->result->records++;
    return note_gone(erasing, id);
}

enum crm_status erase_record(struct change *change, enum kind kind, const struct uuid *id, bool with_children, const struct erase_found *found,
                             struct erase_result *out_result)
{
    struct erasing erasing = {
        .change = change, .arena = change->group->arena, .found = found, .kind = kind, .target = *id, .with_children = with_children,
        .result = out_result,
    };
    enum crm_status status;

    *out_result = (struct erase_result){ 0 };
    if (!erase_may(kind_def(kind)))
        return fail(&change->failure, CRM_INVALID, "kind", "%s are about no person: delete it", kind_def(kind)->plural);
    status = erase_tree(&erasing, kind_def(kind), id, 0);
    if (status == CRM_OK)
        status = erase_from_rest(&erasing);
    return status == CRM_OK ? CRM_OK : fail(&change->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
}
