/*
 * outbox.c - see outbox.h
 *
 * Called by the local transport (adding), by push.c and sync.c, and by crm outbox; single-threaded.
 */
#include "client/replica/outbox.h"

#include "client/replica/rows.h"
#include "common/base/clock.h"
#include "common/base/calendar.h"
#include "common/model/merge.h"
#include "common/ops/evolve.h"
#include "common/store/key.h"
#include "proto/codec.h"

#define CARRY_BUDGET ((size_t)128 << 20)

static enum crm_status no_memory(struct failure *failure)
{
    return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}

/* --- rows */

struct reading {
    struct arena *arena;
    struct outbox_list list;
    size_t room;
    enum crm_status status;
};

static bool read_item(void *arg, struct slice key, struct slice value)
{
    struct reading *reading = arg;
    struct outbox_list *list = &reading->list;
    const void *message;

    if (list->n == reading->room) {
        size_t room = reading->room ? 2 * reading->room : 16;
        struct outbox_item *items = arena_alloc(reading->arena, room * sizeof *items);

        reading->status = items ? CRM_OK : CRM_NO_MEMORY;
        if (!items)
            return false;
        if (list->n)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        reading->room = room;
    }
    reading->status = key.size == 8 ? codec_unpack_body(value, &crm__queued_mutation__descriptor, reading->arena, &message, NULL) : CRM_CORRUPT;
    if (reading->status == CRM_OK && !((const Crm__QueuedMutation *)message)->mutation)
        reading->status = CRM_CORRUPT;
    if (reading->status != CRM_OK)
        return false;
    list->items[list->n++] = (struct outbox_item){ .place = key_read_u64(key.data), .queued = (Crm__QueuedMutation *)(uintptr_t)message };
    return true;
}

enum crm_status outbox_read(struct store_txn *txn, struct arena *arena, struct outbox_list *out_list)
{
    struct reading reading = { .arena = arena };
    enum crm_status status = store_scan(txn, (enum store_db)REPLICA_OUTBOX, &(struct store_range){ 0 }, read_item, &reading);

    if (status == CRM_OK)
        status = reading.status;
    if (status == CRM_OK)
        *out_list = reading.list;
    return status;
}

struct load_run {
    struct arena *arena;
    struct outbox_list *list;
};

static enum crm_status load_items(struct store_txn *txn, void *arg)
{
    const struct load_run *run = arg;

    return outbox_read(txn, run->arena, run->list);
}

enum crm_status outbox_load(struct replica *replica, struct arena *arena, struct outbox_list *out_list, struct failure *failure)
{
    struct load_run run = { .arena = arena, .list = out_list };
    enum crm_status status = store_read_run(replica_store(replica), load_items, &run);

    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "the outbox cannot be read: %s", crm_status_info((int)status)->sentence);
}

enum crm_status outbox_put(struct store_txn *txn, const struct outbox_item *item, struct arena *arena)
{
    struct key key = { .size = 0 };
    struct slice packed;
    enum crm_status status = codec_pack(&item->queued->base, arena, &packed);

    key_u64(&key, item->place);
    if (status == CRM_OK && packed.size > STORE_VALUE_MAX)
        return CRM_TOO_LARGE;
    return status == CRM_OK ? store_put(txn, (enum store_db)REPLICA_OUTBOX, key_slice(&key), packed) : status;
}

enum crm_status outbox_take(struct store_txn *txn, uint64_t place)
{
    struct key key = { .size = 0 };

    key_u64(&key, place);
    return store_delete(txn, (enum store_db)REPLICA_OUTBOX, key_slice(&key));
}

static void alias_key(enum kind kind, uint64_t number, struct key *key)
{
    key->size = 0;
    key_u32(key, (uint32_t)kind);
    key_u64(key, number);
}

enum crm_status outbox_alias(struct store_txn *txn, enum kind kind, uint64_t number, struct uuid *out_id)
{
    struct slice value;
    struct key key;
    enum crm_status status;

    alias_key(kind, number, &key);
    status = store_get(txn, (enum store_db)REPLICA_ALIAS, key_slice(&key), &value);
    if (status != CRM_OK)
        return status;
    return uuid_from_slice(value, out_id) ? CRM_OK : CRM_CORRUPT;
}

/* --- what a mutation makes of a record */

static void evolve_begin(struct evolve *evolve, struct rows *rows, const struct replica *replica, int64_t now_us, struct failure *failure)
{
    const Crm__LoginReply *session = replica_state(replica)->session;

    *evolve = (struct evolve){
        .view = &rows->view, .seen = &rows->view, .arena = rows->arena, .failure = failure, .now_us = now_us, .today = day_of_instant(now_us),
        .is_asked = true, .is_local = true,
    };
    if (session) {
        uuid_from_slice(slice_of(session->user.data, session->user.len), &evolve->actor);
        uuid_from_slice(slice_of(session->team.data, session->team.len), &evolve->actor_team);
    }
}

static enum crm_status load_before(struct evolve *evolve, const struct uuid *id)
{
    enum crm_status status = view_record(evolve->view, evolve->kind->kind, id, &evolve->before);

    if (status == CRM_NOT_FOUND)
        return fail(evolve->failure, CRM_NOT_FOUND, NULL, "there is no such %s", evolve->kind->name);
    if (status != CRM_OK)
        return fail(evolve->failure, status, NULL, "the stored %s cannot be read", evolve->kind->name);
    evolve->has_before = true;
    evolve->after = evolve->before;
    return CRM_OK;
}

static enum crm_status act(struct evolve *evolve, const Crm__Mutation *mutation, const struct uuid *id)
{
    const struct action_def *action;
    const void *argument;
    enum crm_status status = evolve_read_action(evolve, mutation, &action, &argument);

    if (status == CRM_OK)
        status = load_before(evolve, id);
    if (status == CRM_OK)
        status = evolve_act(evolve, mutation, action, argument); /* what resolve settles is the server's: conflicts.h */
    return status;
}

static enum crm_status patch(struct evolve *evolve, const Crm__Mutation *mutation, const struct uuid *id)
{
    enum crm_status status = load_before(evolve, id);

    if (status == CRM_OK && mutation->base_rev && !mutation->has_old && mutation->base_rev != evolve->before.header.rev)
        return fail(evolve->failure, CRM_CONFLICT, "rev", "the record here is at another revision");
    return status == CRM_OK ? evolve_patch(evolve, mutation) : status;
}

/* As the server does it, without what is only its own: access, the log, what the rules want of other records. */
static enum crm_status evolve_one(struct evolve *evolve, const Crm__Mutation *mutation)
{
    struct uuid id;

    evolve->kind = kind_def(mutation->kind);
    evolve->happened_us = evolve_happened(mutation, evolve->now_us);
    if (!evolve->kind)
        return fail(evolve->failure, CRM_INVALID, "kind", "there is no kind number %u", mutation->kind);
    if (evolve->kind->flags & KIND_ADMINISTRATION)
        return fail(evolve->failure, CRM_UNREACHABLE, NULL, "changing %s needs the server", evolve->kind->plural);
    if (!uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &id) || uuid_is_nil(&id))
        return fail(evolve->failure, CRM_INVALID, "id", "an id has 16 bytes");
    switch (mutation->verb) {
    case CRM__VERB__VERB_CREATE:
        return evolve_create(evolve, mutation, &id);
    case CRM__VERB__VERB_PATCH:
        return patch(evolve, mutation, &id);
    case CRM__VERB__VERB_ACTION:
        return act(evolve, mutation, &id);
    default:
        return fail(evolve->failure, CRM_UNREACHABLE, NULL, "deleting needs the server");
    }
}

/* The record as it is shown until the server has it. */
static enum crm_status show(struct rows *rows, struct evolve *evolve, const Crm__QueuedMutation *queued)
{
    struct record_header *header = &evolve->after.header;

    if (!evolve->has_before)
        header->number = evolve->kind->flags & KIND_NO_NUMBER ? 0 : RECORD_NUMBER_LOCAL | queued->local_number;
    else if (evolve->late.is_whole || evolve->changed.n == 0)
        return CRM_OK;
    header->updated_us = evolve->now_us;
    header->updated_by = evolve->actor;
    return rows_change(rows, &evolve->after);
}

/* --- queueing */

/* The fields that a mutation is about: of an action those that it has changed. */
static enum crm_status find_touched(struct evolve *evolve, const Crm__Mutation *mutation, struct field_set *out_touched)
{
    struct body_patch patch;
    struct merge_result result;
    struct merge_input input = {
        .schema = evolve->view->schema, .kind = evolve->kind, .base = evolve->before.body, .patch = &patch, .now = evolve->before.body,
    };
    enum crm_status status;

    *out_touched = evolve->changed;
    if (mutation->verb != CRM__VERB__VERB_PATCH)
        return CRM_OK;
    status = evolve_read_patch(evolve, mutation, &patch);
    if (status == CRM_OK)
        status = merge_patch(evolve->arena, &input, &result);
    if (status == CRM_OK)
        *out_touched = result.touched;
    return status;
}

static ProtobufCBinaryData bytes_of(struct slice slice)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)slice.data, .len = slice.size };
}

/* Say what its author sees: with it the server merges. */
static enum crm_status note_seen(struct evolve *evolve, Crm__Mutation *mutation)
{
    struct field_set touched;
    struct slice old;
    enum crm_status status = find_touched(evolve, mutation, &touched);

    if (status == CRM_OK)
        status = body_keep(evolve->arena, evolve->before.body, &touched, &old);
    if (status != CRM_OK)
        return status;
    mutation->has_base_rev = evolve->before.header.rev != 0;
    mutation->base_rev = evolve->before.header.rev;
    mutation->has_old = mutation->has_old_owner = mutation->has_old_team = true;
    mutation->old = bytes_of(old);
    mutation->old_owner = bytes_of(uuid_slice(&evolve->before.header.owner));
    mutation->old_team = bytes_of(uuid_slice(&evolve->before.header.team));
    if (mutation->verb == CRM__VERB__VERB_ACTION) {
        mutation->seen = touched.refs;
        mutation->n_seen = touched.n;
    }
    return CRM_OK;
}

static enum crm_status next_place(struct store_txn *txn, struct arena *arena, uint64_t *out_place)
{
    struct outbox_list list;
    enum crm_status status = outbox_read(txn, arena, &list);

    if (status == CRM_OK)
        *out_place = list.n ? list.items[list.n - 1].place + 1 : 1;
    return status;
}

/* Remember the number that a new record has here. */
static enum crm_status put_local_number(const struct outbox_add *add, const struct evolve *evolve, uint64_t number)
{
    struct key key;
    enum crm_status status = replica_put_number(add->txn, ROW_LOCAL, number);

    alias_key(evolve->kind->kind, RECORD_NUMBER_LOCAL | number, &key);
    return status == CRM_OK ? store_put(add->txn, (enum store_db)REPLICA_ALIAS, key_slice(&key), uuid_slice(&evolve->after.header.id)) : status;
}

/* What may be refused comes before what is put. */
static enum crm_status keep(const struct outbox_add *add, struct rows *rows, struct evolve *evolve, Crm__Mutation *mutation)
{
    Crm__QueuedMutation queued = CRM__QUEUED_MUTATION__INIT;
    struct outbox_item item = { .queued = &queued };
    enum crm_status status = evolve->has_before ? note_seen(evolve, mutation) : CRM_OK;

    queued.mutation = mutation;
    queued.has_queued_at = true;
    queued.queued_at = add->now_us;
    if (!mutation->has_happened_at) {
        mutation->has_happened_at = true;
        mutation->happened_at = add->now_us;
    }
    queued.has_local_number = !evolve->has_before && !(evolve->kind->flags & KIND_NO_NUMBER);
    if (status == CRM_OK && queued.has_local_number) {
        status = replica_get_number(add->txn, ROW_LOCAL, &queued.local_number);
        queued.local_number++;
    }
    if (status == CRM_OK)
        status = next_place(add->txn, add->arena, &item.place);
    if (status == CRM_OK)
        status = show(rows, evolve, &queued);
    if (status == CRM_OK)
        status = outbox_put(add->txn, &item, add->arena);
    if (status == CRM_OK && queued.has_local_number)
        status = put_local_number(add, evolve, queued.local_number);
    return status == CRM_OK ? rows_apply(rows) : status;
}

enum crm_status outbox_add(const struct outbox_add *add, const Crm__Mutation *mutation, Crm__MutateResult *out_result, struct failure *failure)
{
    Crm__Mutation *copy = arena_memdup(add->arena, mutation, sizeof *mutation);
    struct evolve evolve;
    struct rows rows;
    enum crm_status status = rows_init(&rows, add->txn, replica_state(add->replica)->schema, add->arena);

    if (status != CRM_OK || !copy)
        return no_memory(failure);
    evolve_begin(&evolve, &rows, add->replica, add->now_us, failure);
    status = evolve_one(&evolve, copy);
    if (status == CRM_OK && add->keep)
        status = keep(add, &rows, &evolve, copy);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    out_result->has_id = out_result->has_number = out_result->has_rev = true;
    out_result->id = bytes_of(slice_of(arena_memdup(add->arena, evolve.after.header.id.bytes, UUID_SIZE), UUID_SIZE));
    out_result->number = evolve.after.header.number;
    out_result->rev = evolve.after.header.rev;
    out_result->has_pending = out_result->pending = true;
    return out_result->id.data ? CRM_OK : no_memory(failure);
}

/* --- carrying over */

struct carry_run {
    struct replica *replica;
    struct arena arena;
    struct rows rows;
    int64_t now_us;
    enum crm_status status;
};

static bool strip(void *arg, struct slice key, struct slice value)
{
    struct carry_run *run = arg;
    struct uuid id;
    enum kind kind;

    (void)value;
    run->status = record_key_parse(key, &kind, &id) ? rows_unchange(&run->rows, kind, &id) : CRM_CORRUPT;
    return run->status == CRM_OK;
}

/* What the rules refuse by now is not shown: the server will say why. */
static enum crm_status show_again(struct carry_run *run, const Crm__QueuedMutation *queued)
{
    struct failure refused = { 0 };
    struct evolve evolve;
    enum crm_status status;

    evolve_begin(&evolve, &run->rows, run->replica, run->now_us, &refused);
    status = evolve_one(&evolve, queued->mutation);
    if (status == CRM_OK)
        status = show(&run->rows, &evolve, queued);
    return status == CRM_NO_MEMORY || status == CRM_CORRUPT || status == CRM_IO ? status : CRM_OK;
}

static enum crm_status carry(struct store_txn *txn, void *arg)
{
    struct carry_run *run = arg;
    struct outbox_list list = { 0 };
    enum crm_status status;

    arena_reset(&run->arena);
    run->status = CRM_OK;
    status = rows_init(&run->rows, txn, replica_state(run->replica)->schema, &run->arena);
    if (status == CRM_OK)
        status = store_scan(txn, (enum store_db)REPLICA_BASE, &(struct store_range){ 0 }, strip, run);
    if (status == CRM_OK)
        status = run->status;
    if (status == CRM_OK)
        status = outbox_read(txn, &run->arena, &list);
    for (size_t i = 0; i < list.n && status == CRM_OK; i++)
        if (!list.items[i].queued->answer)
            status = show_again(run, list.items[i].queued);
    return status == CRM_OK ? rows_apply(&run->rows) : status;
}

enum crm_status outbox_carry(struct replica *replica, int64_t now_us, struct failure *failure)
{
    struct carry_run run = { .replica = replica, .now_us = now_us };
    enum crm_status status;

    arena_init(&run.arena, CARRY_BUDGET);
    status = store_write_run(replica_store(replica), carry, &run);
    arena_fini(&run.arena);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

struct drop_run {
    struct arena arena;
    uint64_t place;
};

static enum crm_status drop(struct store_txn *txn, void *arg)
{
    struct drop_run *run = arg;
    struct outbox_list list;
    enum crm_status status;

    arena_reset(&run->arena);
    status = outbox_read(txn, &run->arena, &list);
    for (size_t i = 0; status == CRM_OK && i < list.n; i++)
        if (list.items[i].place == run->place)
            return list.items[i].queued->number && !list.items[i].queued->answer ? CRM_BUSY : outbox_take(txn, run->place);
    return status == CRM_OK ? CRM_NOT_FOUND : status;
}

enum crm_status outbox_drop(struct replica *replica, uint64_t place, int64_t now_us, struct failure *failure)
{
    struct drop_run run = { .place = place };
    enum crm_status status;

    arena_init(&run.arena, CARRY_BUDGET);
    status = store_write_run(replica_store(replica), drop, &run);
    arena_fini(&run.arena);
    if (status == CRM_NOT_FOUND)
        return fail(failure, status, NULL, "there is no such change in the outbox");
    if (status == CRM_BUSY)
        return fail(failure, status, NULL, "the change may have reached the server: crm sync tells");
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
    return outbox_carry(replica, now_us, failure);
}
