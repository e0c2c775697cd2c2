/*
 * remove.c - see remove.h
 *
 * On the server: writer thread, or a worker in a dry run.
 */
#include "common/ops/remove.h"

#include "common/engine/index.h"
#include "common/model/reflect.h"
#include "common/ops/reference.h"
#include "common/rules/rule.h"
#include "common/store/key.h"

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
static bool next_referrer(const struct removal *removal, const struct uuid *target, struct key *cursor, struct referrer *out, enum crm_status *status)
{
    const struct store_range range = { .from = uuid_slice(target), .to = key_slice(cursor), .reverse = true };
    struct slice key, value;

    *status = view_seek(removal->view, STORE_CHILD, &range, &key, &value);
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
    out->field = out->kind ? schema_field(removal->view->schema, out->kind, key_read_u16(key.data + UUID_SIZE + 1)) : NULL;
    memcpy(out->id.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
    cursor->size = 0;
    key_bytes(cursor, key.data, key.size);
    return true;
}

/* Does anybody own something, or does something belong to this team? Header references are not in child. */
static enum crm_status check_header_references(const struct removal *removal, const struct kind_def *kind, const struct uuid *id)
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
            if (!index_value(&from, &header[i], &wanted, removal->arena))
                return fail(removal->failure, CRM_NO_MEMORY, NULL, "out of memory");
            key_after_prefix(&from, &end);
            if (view_seek(removal->view, STORE_INDEX, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key, &value) ==
                CRM_OK)
                return fail(removal->failure, CRM_IN_USE, NULL, "%s still belong to this %s: give them to another first", other->plural,
                            kind->name);
        }
    }
    return CRM_OK;
}

/* What forbids the deletion is asked before anything is taken along. */
static enum crm_status check_refusals(const struct removal *removal, const struct kind_def *kind, const struct uuid *id)
{
    struct key cursor;
    struct referrer referrer;
    enum crm_status status;

    referrers_begin(&cursor, id);
    while (next_referrer(removal, id, &cursor, &referrer, &status)) {
        if (!referrer.field || referrer.field->on_delete != ON_DELETE_REFUSE)
            continue;
        return fail(removal->failure, CRM_IN_USE, referrer.field->name, "%s refer to this %s", referrer.kind->plural, kind->name);
    }
    return status == CRM_OK ? check_header_references(removal, kind, id) : fail(removal->failure, status, NULL, "the references cannot be read");
}

/* Take the reference out of a record that stays. */
static enum crm_status unlink_from(const struct removal *removal, const struct referrer *referrer, const struct uuid *target)
{
    struct body_builder builder;
    struct body_patch patch = { 0 };
    enum crm_status status = CRM_OK;

    if (referrer->field->flags & FIELD_REPEATED) {
        body_builder_init(&builder, removal->arena);
        body_builder_add(&builder, referrer->field, &(struct value){ .type = FIELD_REFERENCE, .ref = *target });
        status = body_builder_finish(&builder, &patch.remove);
    } else {
        patch.clear = &referrer->field->ref;
        patch.n_clear = 1;
    }
    return status == CRM_OK ? removal->ops->patch(removal->arg, referrer->kind, &referrer->id, &patch) : status;
}

static enum crm_status take_along(const struct removal *removal, const struct referrer *referrer, const struct uuid *with)
{
    struct record_header header;
    struct record record;
    enum crm_status status = view_record(removal->view, referrer->kind->kind, &referrer->id, &record);

    if (status == CRM_NOT_FOUND)
        return CRM_OK; /* it went along with another one already */
    return status == CRM_OK ? removal_delete(removal, referrer->kind, &record, with, &header)
                            : fail(removal->failure, status, NULL, "the stored %s cannot be read", referrer->kind->name);
}

static enum crm_status settle_referrers(const struct removal *removal, const struct uuid *id, const struct uuid *with)
{
    struct key cursor;
    struct referrer referrer;
    enum crm_status status, settled = CRM_OK;

    referrers_begin(&cursor, id);
    while (settled == CRM_OK && next_referrer(removal, id, &cursor, &referrer, &status)) {
        if (!referrer.field || referrer.field->on_delete == ON_DELETE_NOTHING)
            continue;
        if (*removal->records >= RULE_RECORDS_MAX)
            return fail(removal->failure, CRM_TOO_LARGE, NULL, "it would take more than %d records along", RULE_RECORDS_MAX);
        settled = referrer.field->on_delete == ON_DELETE_TAKE_ALONG ? take_along(removal, &referrer, with)
                                                                    : unlink_from(removal, &referrer, id);
    }
    return settled != CRM_OK ? settled : status;
}

enum crm_status removal_delete(const struct removal *removal, const struct kind_def *kind, const struct record *before, const struct uuid *with,
                               struct record_header *out_header)
{
    struct uuid id = before->header.id;
    enum crm_status status = check_refusals(removal, kind, &id);

    if (status == CRM_OK)
        status = removal->ops->guard(removal->arg, before, false);
    if (status != CRM_OK)
        return status;
    if (*removal->depth == RULE_DEPTH_MAX)
        return fail(removal->failure, CRM_TOO_LARGE, NULL, "records hang on each other more than %d deep", RULE_DEPTH_MAX);
    ++*removal->depth;
    status = settle_referrers(removal, &id, with ? with : &id);
    --*removal->depth;
    return status == CRM_OK ? removal->ops->put_away(removal->arg, kind, &id, with, out_header) : status;
}

/* Bring back what went along, parents first: the record itself is live again by now. */
static enum crm_status restore_companions(const struct removal *removal, const struct uuid *with)
{
    struct key from = { 0 }, end;
    struct slice key, value;
    enum crm_status status;

    key_bytes(&from, with->bytes, UUID_SIZE);
    key_u8(&from, 0xff);
    key_after_prefix(&from, &end);
    while ((status = view_seek(removal->view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, &key,
                               &value)) == CRM_OK) {
        const struct kind_def *kind;
        struct record_header header;
        struct record bin;
        struct uuid id;

        if (key.size != UUID_SIZE + 3 + UUID_SIZE || !(kind = kind_def(key_read_u16(key.data + UUID_SIZE + 1))))
            return fail(removal->failure, CRM_CORRUPT, NULL, "the recycle bin is damaged");
        memcpy(id.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_u8(&from, 0);
        status = view_deleted(removal->view, kind->kind, &id, &bin);
        if (status == CRM_NOT_FOUND)
            continue; /* restored on its own */
        if (status == CRM_OK)
            status = removal_restore(removal, kind, &bin, with, &header);
        if (status != CRM_OK)
            return fail(removal->failure, status, NULL, "the recycle bin cannot be read");
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status removal_restore(const struct removal *removal, const struct kind_def *kind, const struct record *bin, const struct uuid *with,
                                struct record_header *out_header)
{
    struct record after = *bin;
    struct uuid id = bin->header.id;
    struct field_set changed = { 0 };
    const struct reference_scope scope = {
        .view = removal->view, .seen = removal->view, .arena = removal->arena, .failure = removal->failure, .is_partial = removal->is_partial,
    };
    enum crm_status status = removal->ops->guard(removal->arg, bin, true);

    if (status == CRM_OK)
        status = references_settle(&scope, kind, &after, &changed);
    if (status == CRM_OK)
        status = removal->ops->put_back(removal->arg, kind, bin, &after, &changed, with);
    *out_header = after.header;
    return status == CRM_OK && !with ? restore_companions(removal, &id) : status;
}
