/*
 * expiry.c - taking shares away that have ended
 *
 * Writer thread: the sweep in a job of its own (housekeeping.c asks for it), the others inside the change that deletes or restores.
 */
#include "server/engine/expiry.h"

#include <inttypes.h>

#include "common/base/log.h"
#include "server/engine/grants.h"
#include "server/engine/mutate.h"
#include "common/base/sealed.h"

/* One share, by the rows that lead to it. */
struct ending {
    enum kind root_kind;
    struct uuid root;
    struct grant grant; /* as it is now */
};

/*
 * Take a share away as a change of its record, at the time that is reported; out_header: NULL, or what the record is then. Also one that rests, since
 * another record decides: the log tells whose view that was before.
 */
static enum crm_status take_away(struct change *change, const struct ending *ending, const struct record *root, const char *action, int64_t happened_us,
                                 struct record_header *out_header)
{
    const struct grant none = { .sort = ending->grant.sort, .principal = ending->grant.principal };
    struct record after = *root;
    const struct field_set nothing = { 0 };
    struct change_record record = {
        .verb = LOG_PATCH, .kind = kind_def((unsigned)ending->root_kind), .before = root, .after = &after, .changed = &nothing,
        .action = action, .happened_us = happened_us, .grant = &none, .is_own_grant = true,
    };
    enum crm_status status;

    if (change->records >= MUTATION_RECORDS_MAX)
        return fail(&change->failure, CRM_TOO_LARGE, NULL, "more than %d records are shared", MUTATION_RECORDS_MAX);
    status = change_put(change, &record);
    if (status == CRM_OK && out_header)
        *out_header = after.header;
    return status;
}

/* --- by time */

enum crm_status expiry_next(const struct view *view, int64_t *out_us)
{
    struct slice key, value;
    enum crm_status status = view_seek(view, STORE_DUE, &(struct store_range){ 0 }, &key, &value);

    *out_us = INT64_MAX;
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    if (key.size < DUE_HEAD_SIZE)
        return CRM_CORRUPT;
    *out_us = key_read_i64(key.data);
    return CRM_OK;
}

static bool parse_due(struct slice key, struct slice value, struct ending *out_ending)
{
    struct slice content;

    if (key.size != DUE_HEAD_SIZE + GRANT_KEY_SIZE || key.data[DUE_HEAD_SIZE - 1] != DUE_GRANT || sealed_open(value, 1, &content) != CRM_OK ||
        !kind_def(content.data[0]))
        return false;
    out_ending->root_kind = (enum kind)content.data[0];
    return grant_key_parse(slice_of(key.data + DUE_HEAD_SIZE, GRANT_KEY_SIZE), &out_ending->root, &out_ending->grant);
}

/* A row whose time has come. What it tells of may have changed since it was written: then only the row goes. */
static enum crm_status end_one(struct change *change, const struct key *due, struct slice value)
{
    int64_t until_us = key_read_i64(due->data);
    struct ending ending;
    struct record root;
    enum crm_status status = writeset_delete(change->own, STORE_DUE, key_slice(due));

    if (status != CRM_OK || !parse_due(key_slice(due), value, &ending))
        return status;
    status = grant_load(&change->view, &ending.root, &ending.grant, &ending.grant);
    if (status != CRM_OK || ending.grant.rights == GRANT_NONE || ending.grant.until_us != until_us)
        return status;
    status = view_record(&change->view, ending.root_kind, &ending.root, &root);
    if (status == CRM_NOT_FOUND)
        return CRM_OK; /* in the bin: it comes back with its shares looked at */
    return status == CRM_OK ? take_away(change, &ending, &root, "expire", until_us, NULL) : status;
}

/* What cannot be ended, because something of it is damaged, ends by its time all the same; its row must not stand in the way of those behind it. */
static enum crm_status skip_damaged(struct change_group *group, const struct key *due, enum crm_status status)
{
    log_warn("expiry", "status=%s", crm_status_info((int)status)->name);
    return writeset_delete(group->set, STORE_DUE, key_slice(due));
}

enum crm_status expiry_sweep(struct change_group *group)
{
    static const struct change_actor system = { .from = "crmd", .is_system = true };
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    enum crm_status status = CRM_OK;

    for (int n = 0; n < EXPIRY_PER_TURN && status == CRM_OK; n++) {
        struct change change;
        struct key due = { 0 };
        struct slice key, value;

        status = view_seek(&view, STORE_DUE, &(struct store_range){ 0 }, &key, &value);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : status;
        if (key.size >= DUE_HEAD_SIZE && key_read_i64(key.data) > group->now_us)
            return CRM_OK;
        key_bytes(&due, key.data, key.size);
        status = change_begin(&change, group, &system);
        if (status == CRM_OK)
            status = key.size < DUE_HEAD_SIZE ? CRM_CORRUPT : end_one(&change, &due, value);
        if (status == CRM_OK)
            status = change_accept(&change);
        else if (status != CRM_NO_MEMORY && status != CRM_IO)
            status = skip_damaged(group, &due, status);
    }
    return status;
}

/* --- with a user, a team, a record */

/* The first share of a principal from a key of child on; *from moves behind it. CRM_NOT_FOUND: no more. */
static enum crm_status next_of_principal(struct change *change, const struct uuid *principal, struct key *from, struct ending *out_ending)
{
    struct key end = { 0 };
    struct slice key, value;
    uint32_t ref;
    enum crm_status status;

    key_bytes(&end, principal->bytes, UUID_SIZE);
    key_u8(&end, 0xff); /* what went along with an earlier deletion lies behind */
    while ((status = view_seek(&change->view, STORE_CHILD, &(struct store_range){ .from = key_slice(from), .to = key_slice(&end) }, &key, &value)) ==
           CRM_OK) {
        from->size = 0;
        key_bytes(from, key.data, key.size);
        key_u8(from, 0);
        if (key.size != UUID_SIZE + 3 + UUID_SIZE)
            return CRM_CORRUPT;
        ref = key_read_u16(key.data + UUID_SIZE + 1);
        if (ref <= GRANT_REF || ref > GRANT_REF + GRANT_SORT_MAX)
            continue;
        out_ending->root_kind = (enum kind)key.data[UUID_SIZE];
        memcpy(out_ending->root.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
        out_ending->grant = (struct grant){ .sort = (enum grant_sort)(ref - GRANT_REF), .principal = *principal };
        return kind_def(key.data[UUID_SIZE]) ? CRM_OK : CRM_CORRUPT;
    }
    return status;
}

enum crm_status expiry_of_principal(struct change *change, const struct uuid *principal)
{
    struct key from = { 0 };
    struct ending ending;
    struct record root;
    enum crm_status status;

    key_bytes(&from, principal->bytes, UUID_SIZE);
    while ((status = next_of_principal(change, principal, &from, &ending)) == CRM_OK) {
        status = grant_load(&change->view, &ending.root, &ending.grant, &ending.grant);
        if (status == CRM_OK)
            status = view_record(&change->view, ending.root_kind, &ending.root, &root);
        if (status == CRM_NOT_FOUND)
            continue; /* in the bin */
        if (status == CRM_OK)
            status = take_away(change, &ending, &root, "unshare", change->group->now_us, NULL);
        if (status != CRM_OK)
            break;
    }
    return status == CRM_NOT_FOUND ? CRM_OK : fail(&change->failure, status, NULL, "what is shared with it cannot be taken away");
}

enum crm_status expiry_of_restored(struct change *change, struct record_header *header)
{
    struct ending ending = { .root_kind = header->kind, .root = header->id };
    struct grant *grants;
    size_t n;
    enum crm_status status;

    status = grant_list(&change->view, &header->id, GRANTS_MAX, change->group->arena, &grants, &n);
    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        bool is_over = grants[i].until_us && grants[i].until_us <= change->group->now_us;
        struct record root, principal;

        status = view_record(&change->view, grant_principal_kind(grants[i].sort), &grants[i].principal, &principal);
        if (status == CRM_OK && !is_over)
            continue;
        if (status == CRM_OK || status == CRM_NOT_FOUND)
            status = view_record(&change->view, header->kind, &header->id, &root); /* each share that is taken makes a revision */
        ending.grant = grants[i];
        if (status == CRM_OK)
            status = take_away(change, &ending, &root, is_over ? "expire" : "unshare", change->group->now_us, header);
    }
    return status == CRM_OK ? CRM_OK : fail(&change->failure, status, NULL, "its shares cannot be looked at");
}
