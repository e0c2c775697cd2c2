/*
 * remove.c - deleting a record with what hangs on it, and taking it back out of the recycle bin
 *
 * What refers to a record says in its schema row what becomes of it: it forbids the deletion, loses the reference, or goes along. What went
 * along is remembered beside the record and comes back with it.
 */
#include <inttypes.h>

#include "common/model/reflect.h"
#include "common/ops/reference.h"
#include "server/engine/expiry.h"
#include "server/engine/mutate.h"

/* One referring record, read from a child key: target ‖ kind ‖ ref ‖ id. */
struct referrer {
    const struct kind_def *kind;
    const struct field_def *field;
    struct uuid id;
};

/* Behind all that refers to a target; what lies further on are the companions of an earlier deletion. */
static void referrers_begin(struct key *cursor, const struct uuid *target)
{
    cursor->size = 0;
    key_bytes(cursor, target->bytes, UUID_SIZE);
    key_u8(cursor, 0xff);
}

/*
 * The last referrer before a key; *cursor moves to it. false: no more (status OK) or an error. Backwards, so that of two kinds that go along the one
 * that also refers to the other goes first, with that reference in it, and comes back last.
 */
static bool next_referrer(struct change *change, const struct uuid *target, struct key *cursor, struct referrer *out, enum crm_status *status)
{
    const struct store_range range = { .from = uuid_slice(target), .to = key_slice(cursor), .reverse = true };
    struct slice key, value;

    *status = view_seek(&change->view, STORE_CHILD, &range, &key, &value);
    if (*status != CRM_OK) {
        if (*status == CRM_NOT_FOUND)
            *status = CRM_OK;
        return false;
    }
    if (key.size != UUID_SIZE + 3 + UUID_SIZE) {
        *status = CRM_CORRUPT;
        return false;
    }
    out->kind = kind_def(key.data[UUID_SIZE]);
    out->field = out->kind ? schema_field(change->group->schema, out->kind, key_read_u16(key.data + UUID_SIZE + 1)) : NULL;
    memcpy(out->id.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
    cursor->size = 0;
    key_bytes(cursor, key.data, key.size);
    return true;
}

/* Does anybody own something, or does something belong to this team? Header references are not in child. */
static enum crm_status check_header_references(struct change *change, const struct kind_def *kind, const struct uuid *id)
{
    size_t n_header;
    const struct field_def *header = kind_header_fields(&n_header);
    const struct kind_def *other;

    for (size_t i = 0; i < n_header; i++) {
        if (header[i].ref_kind != kind->kind || (header[i].ref != HEADER_OWNER && header[i].ref != HEADER_TEAM))
            continue;
        for (size_t n = 0; (other = kind_at(n)); n++) {
            struct key from = { 0 }, end;
            struct slice key, value;
            struct value wanted = { .type = FIELD_REFERENCE, .ref = *id };

            index_prefix(&from, other->kind, header[i].ref, INDEX_GLOBAL, NULL);
            if (!index_value(&from, &header[i], &wanted, change->group->arena))
                return fail(&change->failure, CRM_NO_MEMORY, NULL, "out of memory");
            key_after_prefix(&from, &end);
            if (view_seek(&change->view, STORE_INDEX, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key, &value) ==
                CRM_OK)
                return fail(&change->failure, CRM_IN_USE, NULL, "%s still belong to this %s: give them to another first", other->plural,
                            kind->name);
        }
    }
    return CRM_OK;
}

/* What forbids the deletion is asked before anything is taken along. */
static enum crm_status check_refusals(struct change *change, const struct kind_def *kind, const struct uuid *id)
{
    struct key cursor;
    struct referrer referrer;
    enum crm_status status;

    referrers_begin(&cursor, id);
    while (next_referrer(change, id, &cursor, &referrer, &status)) {
        if (!referrer.field || referrer.field->on_delete != ON_DELETE_REFUSE)
            continue;
        return fail(&change->failure, CRM_IN_USE, referrer.field->name, "%s refer to this %s", referrer.kind->plural, kind->name);
    }
    return status == CRM_OK ? check_header_references(change, kind, id) : fail(&change->failure, status, NULL, "the references cannot be read");
}

/* Take the reference out of a record that stays. */
static enum crm_status unlink_from(struct change *change, const struct referrer *referrer, const struct uuid *target, int64_t happened_us)
{
    struct body_builder builder;
    struct body_patch patch = { 0 };
    struct record_header header;
    enum crm_status status = CRM_OK;

    if (referrer->field->flags & FIELD_REPEATED) {
        body_builder_init(&builder, change->group->arena);
        body_builder_add(&builder, referrer->field, &(struct value){ .type = FIELD_REFERENCE, .ref = *target });
        status = body_builder_finish(&builder, &patch.remove);
    } else {
        patch.clear = &referrer->field->ref;
        patch.n_clear = 1;
    }
    return status == CRM_OK ? mutate_patch(change, referrer->kind, &referrer->id, &patch, happened_us, &header) : status;
}

static enum crm_status take_along(struct change *change, const struct referrer *referrer, const struct uuid *with, int64_t happened_us)
{
    struct record_header header;
    struct record record;
    enum crm_status status = view_record(&change->view, referrer->kind->kind, &referrer->id, &record);

    if (status == CRM_NOT_FOUND)
        return CRM_OK; /* it went along with another one already */
    return status == CRM_OK ? remove_record(change, referrer->kind, &record, happened_us, with, &header)
                            : fail(&change->failure, status, NULL, "the stored %s cannot be read", referrer->kind->name);
}

static enum crm_status settle_referrers(struct change *change, const struct uuid *id, const struct uuid *with, int64_t happened_us)
{
    struct key cursor;
    struct referrer referrer;
    enum crm_status status, settled = CRM_OK;

    referrers_begin(&cursor, id);
    while (settled == CRM_OK && next_referrer(change, id, &cursor, &referrer, &status)) {
        if (!referrer.field || referrer.field->on_delete == ON_DELETE_NOTHING)
            continue;
        if (change->records >= MUTATION_RECORDS_MAX)
            return fail(&change->failure, CRM_TOO_LARGE, NULL, "it would take more than %d records along", MUTATION_RECORDS_MAX);
        settled = referrer.field->on_delete == ON_DELETE_TAKE_ALONG ? take_along(change, &referrer, with, happened_us)
                                                                    : unlink_from(change, &referrer, id, happened_us);
    }
    return settled != CRM_OK ? settled : status;
}

enum crm_status remove_record(struct change *change, const struct kind_def *kind, const struct record *before, int64_t happened_us,
                              const struct uuid *deleted_with, struct record_header *out_header)
{
    struct record last, after;
    struct uuid id = before->header.id;
    const struct uuid *with = deleted_with ? deleted_with : &id;
    struct change_record record = {
        .verb = LOG_DELETE, .kind = kind, .before = &last, .after = &after, .happened_us = happened_us, .deleted_with = deleted_with,
    };
    enum crm_status status = check_refusals(change, kind, &id);

    if (status == CRM_OK)
        status = ask_guard(change, before, false);
    if (status != CRM_OK)
        return status;
    if (change->depth == MUTATION_DEPTH_MAX)
        return fail(&change->failure, CRM_TOO_LARGE, NULL, "records hang on each other more than %d deep", MUTATION_DEPTH_MAX);
    if (uuid_is_nil(&change->job))
        change->job = uuid_create();
    change->depth++;
    status = settle_referrers(change, &id, with, happened_us);
    change->depth--;
    if (status == CRM_OK && (kind->kind == KIND_USER || kind->kind == KIND_TEAM))
        status = expiry_of_principal(change, &id);
    if (status == CRM_OK) /* settling may have changed it: it may have referred to itself */
        status = view_record(&change->view, kind->kind, &id, &last);
    if (status != CRM_OK)
        return fail(&change->failure, status, NULL, "the stored %s cannot be read", kind->name);
    after = last;
    status = change_put(change, &record);
    *out_header = after.header;
    return status;
}

/* Bring back what went along, parents first: the record itself is live again by now. */
static enum crm_status restore_companions(struct change *change, const struct uuid *with, int64_t happened_us)
{
    struct key from = { 0 }, end;
    struct slice key, value;
    enum crm_status status;

    key_bytes(&from, with->bytes, UUID_SIZE);
    key_u8(&from, 0xff);
    key_after_prefix(&from, &end);
    while ((status = view_seek(&change->view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key,
                               &value)) == CRM_OK) {
        const struct kind_def *kind;
        struct record_header header;
        struct record bin;
        struct uuid id;

        if (key.size != UUID_SIZE + 3 + UUID_SIZE || !(kind = kind_def(key_read_u16(key.data + UUID_SIZE + 1))))
            return fail(&change->failure, CRM_CORRUPT, NULL, "the recycle bin is damaged");
        memcpy(id.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        status = view_deleted(&change->view, kind->kind, &id, &bin);
        if (status == CRM_NOT_FOUND)
            continue; /* restored on its own */
        if (status == CRM_OK)
            status = restore_record(change, kind, &bin, happened_us, with, &header);
        if (status != CRM_OK)
            return fail(&change->failure, status, NULL, "the recycle bin cannot be read");
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status restore_record(struct change *change, const struct kind_def *kind, const struct record *bin, int64_t happened_us,
                               const struct uuid *deleted_with, struct record_header *out_header)
{
    struct record after = *bin;
    struct uuid id = bin->header.id;
    struct field_set changed = { 0 };
    struct change_record record = {
        .verb = LOG_RESTORE, .kind = kind, .before = bin, .after = &after, .changed = &changed, .action = "restore",
        .happened_us = happened_us, .deleted_with = deleted_with,
    };
    const struct reference_scope scope = {
        .view = &change->view, .seen = &change->view, .arena = change->group->arena, .failure = &change->failure,
    };
    enum crm_status status = ask_guard(change, bin, true);

    if (status == CRM_OK)
        status = references_settle(&scope, kind, &after, &changed);
    if (status == CRM_OK)
        status = change_put(change, &record);
    *out_header = after.header;
    if (status == CRM_OK)
        status = expiry_of_restored(change, out_header);
    if (status == CRM_OK && !deleted_with)
        status = restore_companions(change, &id, happened_us);
    return status;
}
