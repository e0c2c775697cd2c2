/*
 * change.c - groups, changes, and the one function that stores a changed record with everything that hangs on it
 *
 * Writer thread, or a worker in a dry run. Everything is allocated from the group's arena.
 */
#include "server/engine/change.h"

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "server/engine/grants.h"
#include "server/engine/index_job.h"
#include "server/engine/rollup.h"
#include "common/base/sealed.h"
#include "server/engine/taken.h"

void change_group_init(struct change_group *group, struct store_txn *txn, const struct schema *schema, struct arena *arena, int64_t now_us)
{
    *group = (struct change_group){
        .txn = txn, .schema = schema, .arena = arena, .now_us = now_us, .today = day_of_instant(now_us)
    };
    group->last_event = &group->events;
}

enum crm_status change_group_begin(struct change_group *group)
{
    struct view view = { .txn = group->txn, .schema = group->schema };

    group->set = writeset_create(group->arena);
    return group->set ? log_head_load(&view, &group->head) : CRM_NO_MEMORY;
}

void change_group_spoil(struct change_group *group)
{
    writeset_spoil(group->set);
}

enum crm_status change_begin(struct change *change, struct change_group *group, const struct change_actor *actor)
{
    *change = (struct change){ .group = group, .actor = actor, .head = group->head, .job = actor->job };
    change->own = writeset_create(group->arena);
    if (!change->own)
        return CRM_NO_MEMORY;
    change->view = (struct view){ .txn = group->txn, .group = group->set, .own = change->own, .schema = group->schema };
    change->last_event = &change->events;
    return CRM_OK;
}

enum crm_status change_accept(struct change *change)
{
    struct change_group *group = change->group;
    enum crm_status status = writeset_fold(group->set, change->own);

    if (status != CRM_OK)
        return status;
    group->head = change->head;
    group->schema_changed |= change->schema_changed;
    group->identities_changed |= change->identities_changed;
    if (change->events) {
        *group->last_event = change->events;
        group->last_event = change->last_event;
    }
    status = audit_accept_change(change);
    if (status != CRM_OK)
        change_group_spoil(group); /* nobody's permissions change without a trace */
    return status;
}

bool kind_decides_access(enum kind kind)
{
    return kind == KIND_USER || kind == KIND_ROLE || kind == KIND_TEAM || kind == KIND_FIELD_DEFINITION; /* a role hides fields by name */
}

bool actor_has_right(const struct change_actor *actor, Crm__Right right)
{
    return actor->is_system || (actor->rights & (1u << right)) != 0;
}

static enum crm_status check_room_for_grant(struct change *change, const struct uuid *root)
{
    struct grant *grants;
    size_t n;
    enum crm_status status = grant_list(&change->view, root, GRANTS_MAX - 1, change->group->arena, &grants, &n);

    return status == CRM_TOO_LARGE ? fail(&change->failure, status, NULL, "a record is shared with at most %d", GRANTS_MAX) : status;
}

/* The grant's rows, and what the log says of it. */
static enum crm_status put_grant(struct change *change, const struct change_record *record, struct log_entry *entry)
{
    const struct record_header *header = &record->after->header;
    struct grant old;
    enum crm_status status = grant_load(&change->view, &header->id, record->grant, &old);

    if (status == CRM_OK && old.rights == GRANT_NONE && record->grant->rights != GRANT_NONE)
        status = check_room_for_grant(change, &header->id);
    if (status != CRM_OK)
        return status;
    entry->old_rights = old.rights;
    entry->old_until_us = old.until_us;
    entry->grant = *record->grant;
    entry->flags |= LOG_VIEW | LOG_GRANT;
    return grant_store(change->own, header->kind, &header->id, &old, record->grant, change->group->arena);
}

static enum crm_status append_log(struct change *change, const struct change_record *record)
{
    struct change_group *group = change->group;
    const struct record *before = record->before;
    struct log_entry entry = {
        .verb = record->verb,
        .kind = record->kind->kind,
        .id = record->after->header.id,
        .number = record->after->header.number,
        .rev = record->after->header.rev,
        .by = change->actor->user,
        .recorded_us = group->now_us,
        .happened_us = record->happened_us,
        .before = before ? before->header.seq : 0,
        .job = change->job,
        .from = slice_text(change->actor->from),
        .action = slice_text(record->action),
        .reason = slice_text(record->reason),
        .changed = record->changed ? *record->changed : (struct field_set){ 0 },
    };
    enum crm_status status;

    if (before) {
        entry.old_owner = before->header.owner;
        entry.old_team = before->header.team;
        entry.old_root = before->header.root;
    }
    if (before && entry.changed.n > 0) {
        status = body_keep(group->arena, before->body, &entry.changed, &entry.previous);
        if (status != CRM_OK)
            return status;
    }
    if (before && !uuid_equal(&before->header.root, &record->after->header.root))
        entry.flags |= LOG_VIEW | LOG_ROOT;
    if (field_set_has(&entry.changed, HEADER_OWNER) || field_set_has(&entry.changed, HEADER_TEAM))
        entry.flags |= LOG_VIEW;
    if (record->grant) {
        status = put_grant(change, record, &entry);
        if (status != CRM_OK)
            return status;
    }
    return log_append(&change->head, change->own, &entry, group->arena);
}

static enum crm_status add_event(struct change *change, const struct change_record *record)
{
    const struct record_header *header = &record->after->header;
    struct change_event *event = arena_alloc(change->group->arena, sizeof *event);

    if (!event)
        return CRM_NO_MEMORY;
    *event = (struct change_event){
        .seq = header->seq, .rev = header->rev, .number = header->number, .verb = record->verb, .kind = header->kind,
        .id = header->id, .root = header->root, .owner = header->owner, .team = header->team, .by = change->actor->user,
        .recorded_us = change->group->now_us, .happened_us = record->happened_us,
    };
    *change->last_event = event;
    change->last_event = &event->next;
    return CRM_OK;
}

/* "Came away with": kept beside the children so that restoring the one finds the others. */
static void bin_child_key(struct key *key, const struct uuid *with, const struct record_header *header)
{
    key->size = 0;
    key_bytes(key, with->bytes, UUID_SIZE);
    key_u8(key, 0xff);
    key_u16(key, (uint16_t)header->kind);
    key_bytes(key, header->id.bytes, UUID_SIZE);
}

/* The record's own row: live, or in the recycle bin. */
static enum crm_status put_row(struct change *change, const struct change_record *record, struct slice value)
{
    const struct record_header *header = &record->after->header;
    uint8_t key[RECORD_KEY_SIZE];
    struct slice row;
    struct key child;
    enum crm_status status;

    record_key(header->kind, &header->id, key);
    row = slice_of(key, sizeof key);
    if (record->verb == LOG_DELETE) {
        status = writeset_delete(change->own, STORE_RECORD, row);
        if (status == CRM_OK && record->deleted_with) {
            bin_child_key(&child, record->deleted_with, header);
            status = writeset_put(change->own, STORE_CHILD, key_slice(&child), slice_of(NULL, 0));
        }
        return status == CRM_OK ? writeset_put(change->own, STORE_DELETED, row, value) : status;
    }
    if (record->verb == LOG_RESTORE) {
        status = writeset_delete(change->own, STORE_DELETED, row);
        if (status == CRM_OK && record->deleted_with) {
            bin_child_key(&child, record->deleted_with, header);
            status = writeset_delete(change->own, STORE_CHILD, key_slice(&child));
        }
        if (status != CRM_OK)
            return status;
    }
    return writeset_put(change->own, STORE_RECORD, row, value);
}

/*
 * What happened to one record happened in the order of its changes: a report that a change lies before the last one is moved up to it. Totals of
 * a past day would otherwise take away from a stage what only a later day has put there.
 */
static enum crm_status order_happened(struct change *change, struct change_record *record)
{
    struct log_entry last;
    enum crm_status status;

    if (!record->before || record->happened_us >= record->before->header.updated_us)
        return CRM_OK; /* nothing happens after it is recorded */
    status = log_read(&change->view, record->before->header.seq, change->group->arena, &last);
    if (status == CRM_OK && record->happened_us < last.happened_us)
        record->happened_us = last.happened_us;
    return status == CRM_NOT_FOUND ? CRM_OK : status; /* below the floor of the log */
}

static enum crm_status update_index(struct change *change, const struct change_record *record, const struct record *gone, const struct record *kept)
{
    struct failure failure = { 0 };
    enum crm_status status = index_update(&change->view, change->own, record->kind, gone, kept, record->verb == LOG_PATCH ? record->changed : NULL,
                                          change->group->arena, &failure);

    if (status == CRM_EXISTS)
        return taken_refuse(change, record->kind, kept, failure.field);
    return status == CRM_OK ? CRM_OK : fail(&change->failure, status, failure.field, "%s", failure.text[0] ? failure.text : crm_status_info((int)status)->sentence);
}

/*
 * A share of a record that another one decides over is a share of that one, and so is told in that one's history: whose eyes are on a record can then be
 * followed along one chain.
 */
static enum crm_status pass_grant_on(struct change *change, struct change_record *record)
{
    const struct record_header *header = &record->after->header;
    const struct field_set nothing = { 0 };
    struct record root, after;
    struct change_record passed = {
        .verb = LOG_PATCH, .kind = kind_def((unsigned)root_kind_of(header)), .before = &root, .after = &after, .changed = &nothing,
        .action = record->action, .happened_us = record->happened_us, .grant = record->grant,
    };
    enum crm_status status;

    if (!record->grant || record->is_own_grant || uuid_equal(&header->root, &header->id))
        return CRM_OK;
    record->grant = NULL;
    status = view_record(&change->view, root_kind_of(header), &header->root, &root);
    if (status != CRM_OK)
        return status;
    after = root;
    return change_put(change, &passed);
}

enum crm_status change_put(struct change *change, struct change_record *record)
{
    struct change_group *group = change->group;
    struct record_header *header = &record->after->header;
    const struct record *gone = record->verb == LOG_RESTORE ? NULL : record->before; /* what index and rollup hold now */
    const struct record *kept = record->verb == LOG_DELETE ? NULL : record->after;
    struct slice value;
    enum crm_status status = pass_grant_on(change, record);

    if (status == CRM_OK)
        status = order_happened(change, record);
    header->rev = record->before ? record->before->header.rev + 1 : 1;
    header->seq = change->head.seq + 1;
    header->updated_us = group->now_us;
    header->updated_by = change->actor->user;
    header->flags = record->verb == LOG_DELETE ? RECORD_DELETED : 0;
    if (status == CRM_OK)
        status = update_index(change, record, gone, kept);
    if (status == CRM_OK) {
        status = rollup_update(&change->view, change->own, gone, kept, record->happened_us, group->arena);
        if (status == CRM_TOO_LARGE)
            return fail(&change->failure, status, rollup_sum_field(record->kind), "no total could hold this");
    }
    if (status == CRM_OK)
        status = append_log(change, record);
    if (status == CRM_OK)
        status = record_encode(record->after, group->arena, &value);
    if (status == CRM_OK)
        status = put_row(change, record, value);
    if (status == CRM_OK)
        status = add_event(change, record);
    if (status == CRM_OK)
        status = audit_note_change(change, record);
    if (status != CRM_OK)
        return fail(&change->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    change->records++;
    change->identities_changed |= kind_decides_access(record->kind->kind);
    if (record->kind->kind != KIND_FIELD_DEFINITION)
        return CRM_OK;
    change->schema_changed = true;
    return index_job_note(change, gone, kept);
}

enum crm_status change_forget(struct change *change, const struct record *last)
{
    struct record after = *last;
    struct change_record record = {
        .verb = LOG_ERASE, .kind = kind_def(last->header.kind), .before = last, .after = &after, .happened_us = change->group->now_us,
    };
    enum crm_status status;

    after.header.rev++;
    after.header.seq = change->head.seq + 1;
    after.header.root = (struct uuid){ 0 }; /* it leaves every view: the entry keeps in whose it was */
    status = append_log(change, &record);
    after.header.root = last->header.root;
    return status == CRM_OK ? add_event(change, &record) : status;
}
